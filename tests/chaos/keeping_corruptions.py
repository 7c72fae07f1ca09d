"""Corruptions of what the consistent snapshot has about cleanup's jobs, by the invariant that must report them."""
from datetime import datetime, timedelta

from blazz.v1 import chat_event_pb2

from keeping_ideal import KEEPER, NEIGHBOUR


def person(s, erased=True):
    done = {r["contact"] for r in s.tables["erasures"]}
    return next(p for p in s.keeping["people"] if (p["contact"] in done) == erased)


def chat(s, workspace, **wanted):
    return next(r for r in s.tables["chats"] if r["workspace_id"] == workspace and all(r[k] == v for k, v in wanted.items()))


def kept_message(s, old, workspace=None):
    return next(m for m in s.keeping["messages"] if m["old"] == old and m["workspace"] == (workspace or s.keeping["keeper"]))


def remove(s, row):
    s.tables["chats"].remove(row)


# I24

def deleted_a_second_early(s):
    d = s.keeping["deleted"][0]
    d["at"] = (datetime.fromisoformat(d["at"]) - timedelta(seconds=1)).isoformat()


def deleted_unread(s):
    s.keeping["deleted"][0]["unread"] = True


def deleted_at_the_neighbour(s):
    s.keeping["deleted"][0]["workspace_id"] = NEIGHBOUR


def deleted_where_all_is_kept(s):
    s.keeping["deleted"][0]["days"] = None


def young_message_gone(s):
    remove(s, chat(s, KEEPER, message_key=kept_message(s, old=False)["key"]))


def neighbours_old_message_gone(s):
    remove(s, chat(s, NEIGHBOUR, message_key=kept_message(s, old=True)["key"]))


def old_message_left(s):
    row = chat(s, NEIGHBOUR, message_key=kept_message(s, old=True)["key"])
    s.tables["chats"].append(row | {"workspace_id": KEEPER, "id": 99_000, "conversation_id": KEEPER * 10})


# I25

def second_run_deletes(s):
    s.keeping["answers"]["retention"] = {"found": 1, "acted": 1}


def recount_finds_a_difference(s):
    s.keeping["answers"]["recount"] = {"found": 1, "acted": 0}


def row_backfilled_twice(s):
    s.keeping["filled"][0]["most"] = 2


def row_not_backfilled(s):
    s.keeping["filled"][0]["least"] = 0


def backfill_miscounted(s):
    s.keeping["filled"][0]["counted"] += 100


def young_log_gone(s):
    s.tables["session_cleanup_logs"].pop()


def old_log_left(s):
    s.tables["session_cleanup_logs"].append({"workspace_id": KEEPER, "details": "over 0"})


def young_sync_gone(s):
    s.tables["account_syncs"].pop()


def old_sync_left(s):
    s.tables["account_syncs"].append(s.tables["account_syncs"][-1] | {"sync_id": "over 1"})


def valid_code_gone(s):
    s.tables["account_qr"].pop()


def expired_code_left(s):
    s.tables["account_qr"].append({"workspace_id": KEEPER, "account_id": 301})


# I26

def value_altered(s):
    s.keeping["sealed"]["instances/1"][0] = "f" * 64


def value_does_not_open(s):
    s.keeping["sealed"]["instances/1"] = ["does not open: InvalidTag()", ""]


def value_lost(s):
    s.keeping["sealed"].clear()


def value_left_under_the_former_key(s):
    s.keeping["sealed"]["instances/1"][1] = "k1"


# I27

def message_of_erased_left(s):
    chat(s, KEEPER, type="outbound")["metadata"]["quoted"] = f"as {person(s)['marker']} said"


def bytes_of_erased_left(s):
    s.tables["outbox"].append({"id": 1, "workspace_id": KEEPER, "payload": "\\x" + person(s)["marker"].encode().hex()})


def alias_of_erased_left(s):
    s.tables["contact_aliases"].append({"workspace_id": KEEPER, "contact_id": 9_100, "kind": "lid", "value": person(s)["lid"]})


def erasure_not_told(s):
    s.topics["chat-event"] = [r for r in s.topics["chat-event"]
                              if chat_event_pb2.ChatEvent.FromString(r.value).contact_erased.contact != person(s)["contact"]]


def contact_not_marked(s):
    next(r for r in s.tables["contacts"] if r["uuid"] == person(s)["contact"])["erased_at"] = None


def next_contact_erased(s):
    remove(s, next(r for r in s.tables["chats"] if r["metadata"].get("body", "").startswith(person(s)["again"])))


def neighbours_contact_erased(s):
    remove(s, next(r for r in s.tables["chats"] if r["metadata"].get("body", "").startswith(person(s)["twin"])))


# Others

def unread_miscounted_after_a_job(s):
    next(r for r in s.tables["conversations"] if r["workspace_id"] == KEEPER)["unread_messages"] += 1


def recount_reports_progress(s):
    s.logs["cleanup.one"] = 'level=error msg="progress differs from its outcomes" consumer=chat-sync\n'


def recount_reports_counter(s):
    s.logs["cleanup.two"] = 'level=error msg="unread_messages differs from a recount" stored=2 counted=1\n'


def keepers_text_at_the_neighbour(s):
    chat(s, NEIGHBOUR, type="outbound")["metadata"]["body"] = f"{s.keeping['tenants'][s.keeping['keeper']]} says"


def key_in_log(s):
    s.logs["ingest"] += "level=info key=a-former-key\n"


def erased_phone_in_log(s):
    s.logs["ingest"] += f"level=info erased={person(s)['phone']}\n"


KEEPING_CORRUPTIONS = [
    ("I5", (unread_miscounted_after_a_job, recount_reports_progress, recount_reports_counter)),
    ("I9", (keepers_text_at_the_neighbour,)),
    ("I12", (key_in_log, erased_phone_in_log)),
    ("I24", (deleted_a_second_early, deleted_unread, deleted_at_the_neighbour, deleted_where_all_is_kept, young_message_gone,
             neighbours_old_message_gone, old_message_left)),
    ("I25", (second_run_deletes, recount_finds_a_difference, row_backfilled_twice, row_not_backfilled, backfill_miscounted, young_log_gone,
             old_log_left, young_sync_gone, old_sync_left, valid_code_gone, expired_code_left)),
    ("I26", (value_altered, value_does_not_open, value_lost, value_left_under_the_former_key)),
    ("I27", (message_of_erased_left, bytes_of_erased_left, alias_of_erased_left, erasure_not_told, contact_not_marked, next_contact_erased,
             neighbours_contact_erased)),
]
