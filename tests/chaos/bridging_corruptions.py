"""Corruptions of what the consistent snapshot has about sessions, by the invariant that must report them."""
from blazz.v1 import chat_event_pb2


def account(s, **wanted):
    return next(a for a in s.bridging["accounts"] if all(a[k] == v for k, v in wanted.items()))


def sessions_of(s, a):
    return s.bridging["instances"][str(a["instance"])]["sessions"]


def migrated(s):
    """[(place in the topic, event)]"""
    events = ((n, chat_event_pb2.ChatEvent.FromString(r.value)) for n, r in enumerate(s.topics["chat-event"]))
    return [(n, e) for n, e in events if e.WhichOneof("event") == "account_migrated"]


def session_not_started(s):
    a = account(s, desired="connected", reason=None)
    sessions_of(s, a)[a["session"]] = "stopped"


def session_not_created(s):
    a = account(s, desired="connected", reason=None)
    del sessions_of(s, a)[a["session"]]


def session_not_stopped(s):
    a = account(s, desired="disconnected")
    sessions_of(s, a)[a["session"]] = "connected"


def session_not_deleted(s):
    a = account(s, desired="deleted")
    sessions_of(s, a)[a["session"]] = "stopped"


def deletion_forgotten(s):
    account(s, desired="deleted")["deleted"] = False


def restoration_forgotten(s):
    account(s, desired="connected")["deleted"] = True


def session_left_behind(s):
    a = account(s, migrations=2)
    s.bridging["instances"]["0"]["sessions"][a["session"]] = "connected"


def reason_not_stated(s):
    account(s, reason="reconnect")["reason"] = None


def call_left_over(s):
    account(s, reason="reconnect")["reason"] = "call"


def disconnected_waits(s):
    account(s, reason="reconnect")["desired"] = "disconnected"


def no_primary(s):
    account(s, primary=True)["primary"] = False


def two_primary(s):
    account(s, primary=False, deleted=False)["primary"] = True


def deleted_primary(s):
    account(s, primary=False, deleted=True)["primary"] = True


def session_ran_twice(s):
    s.bridging["twice"].append([account(s, migrations=2)["session"], ["0", "1"]])


def migration_not_told(s):
    del s.topics["chat-event"][migrated(s)[-1][0]]


def migration_told_twice(s):
    """By an event with another id."""
    place, e = migrated(s)[-1]
    e.event_id, e.source.seq = e.event_id[::-1], e.source.seq + 1
    r = s.topics["chat-event"][place]
    s.topics["chat-event"].append(type(r)(r.partition, 999, r.key, e.SerializeToString(), {}))


def migration_told_again(s):
    """By the same event, in a later transaction."""
    place, e = migrated(s)[-1]
    e.source.seq += 1
    r = s.topics["chat-event"][place]
    s.topics["chat-event"].append(type(r)(r.partition, 999, r.key, e.SerializeToString(), {}))


def first_assignment_told(s):
    place, e = migrated(s)[-1]
    r, other = s.topics["chat-event"][place], account(s, migrations=0)
    e.event_id, e.source.seq, e.account_id = e.event_id[::-1], e.source.seq + 1, other["uuid"]
    s.topics["chat-event"].append(type(r)(r.partition, 999, r.key, e.SerializeToString(), {}))


def migration_to_another_instance(s):
    account(s, migrations=2)["instance"] = 1


def epoch_not_raised(s):
    account(s, migrations=2)["epoch"] = 2


def epoch_raised_alone(s):
    account(s, migrations=0)["epoch"] = 2


def assignment_goes_back(s):
    s.bridging["assignments"].append(s.bridging["assignments"][0])


def assignment_without_epoch(s):
    uuid, instance, epoch, migrations = s.bridging["assignments"][-1]
    s.bridging["assignments"].append([uuid, instance + 1, epoch, migrations])


def instance_key_in_log(s):
    s.logs["ingest"] += f"level=info key={s.bridging['secrets'][0]}\n"


def event_of_session_in_another_tenant(s):
    place, e = migrated(s)[-1]
    e.workspace_id = next(iter(s.setup["tenants"]))
    s.topics["chat-event"][place].value = e.SerializeToString()


BRIDGING_CORRUPTIONS = [
    ("I6", (migration_told_again,)),
    ("I9", (event_of_session_in_another_tenant,)),
    ("I12", (instance_key_in_log,)),
    ("I19", (session_not_started, session_not_created, session_not_stopped, session_not_deleted, deletion_forgotten, restoration_forgotten,
             session_left_behind, reason_not_stated, call_left_over, disconnected_waits)),
    ("I20", (no_primary, two_primary, deleted_primary)),
    ("I21", (session_ran_twice,)),
    ("I22", (migration_not_told, migration_told_twice, migration_told_again, first_assignment_told, migration_to_another_instance, epoch_not_raised,
             epoch_raised_alone, assignment_goes_back, assignment_without_epoch)),
]
