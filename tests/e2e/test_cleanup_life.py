"""The life of sessions at stubs of all four kinds: requests, logins, losses, failed and wrong answers, adoption and deletion. The tests
share one replica, and each has instances and a workspace of its own."""
import time

import pytest
from blazz.v1 import common_pb2 as common
from blazz.v1 import inbound_pb2
from harness.blazz import Blazz
from harness.cleanup import Account, Cleanup, Instance
from harness.client import SECRETS
from harness.events import Source
from harness.provider_stub import KEY
from harness.waiting import wait_for

KINDS = ("blazz", "waha", "evolution", "wwebjs")
BRIDGES = {"blazz": common.BRIDGE_KIND_BLAZZ, "waha": common.BRIDGE_KIND_WAHA, "evolution": common.BRIDGE_KIND_EVOLUTION,
           "wwebjs": common.BRIDGE_KIND_WWEBJS}
STARTS = ("create", "start", "restart")
CHANGES = STARTS + ("update", "stop", "logout", "delete")

# The call that a stopped session is started with, as the stub names it.
START = {"blazz": "create", "waha": "start", "evolution": "start", "wwebjs": "start"}
# What a restart and a relink consist of.
RESTART = {"blazz": ["stop", "create"], "waha": ["restart"], "evolution": ["restart"], "wwebjs": ["restart"]}
LOGOUT = {"blazz": "logout", "waha": "logout", "evolution": "logout", "wwebjs": "delete"}


@pytest.fixture(scope="module")
def running(postgres, kafka, tmp_path_factory, stub):
    """chat-sync and one replica of cleanup."""
    stack = Blazz(postgres, kafka, tmp_path_factory.mktemp("stack"), partitions=1)
    try:
        stack.start_chat_sync()
        stack.cleanup = Cleanup(stack, stub).start(list__interval="500ms").service
        yield stack
    finally:
        wrong = stack.close()
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.fixture
def cleanup(running, stub):
    cleanup = Cleanup(running, stub)
    cleanup.service = running.cleanup
    yield cleanup
    stub.rules()
    running.sql("UPDATE instances SET removed_at = now() WHERE removed_at IS NULL")  # other tests' accounts stay away from them


def changes(instance, **filters):
    return [c["act"] for c in instance.calls(**filters) if c["act"] in CHANGES]


def starts(instance, account):
    """The calls that start its session, oldest first."""
    return [c for c in instance.calls(session=account.session) if c["act"] in STARTS]


def wait_listed(*instances):
    """Until each was asked for its sessions twice more: what cleanup would do because of them, it has done."""
    seen = {i: last_call(i) for i in instances}
    for i in instances:
        wait_for(lambda i=i: len(i.calls(act="list", after=seen[i])) >= 2, "two more lists")


def last_call(instance):
    return max((c["seq"] for c in instance.calls()), default=0)


def ready(cleanup, kind, **more):
    """An instance that is up. One of kind blazz has a lease, so that no start is answered 503."""
    instance = Instance(cleanup, kind, **more)
    instance.wait("up")
    if kind == "blazz":
        wait_for(lambda: next(i for i in cleanup.stub.get("/_instances").json() if i["name"] == instance.name)["leased"], "a lease")
    return instance


def connected(cleanup, kind, **columns):
    """An instance of this kind, and an account whose session is connected there."""
    instance = ready(cleanup, kind)
    account = Account(cleanup, kind, instance, **columns)
    account.wait_reached()
    return instance, account


def report(cleanup, kind, account, state, reason=0, details="", at=None):
    """What the bridge's webhook says of the session, as ingest publishes it. Returns the time in seconds."""
    at = at or time.time()
    event = Source(cleanup.workspace, account.uuid, bridge=BRIDGES[kind]).event("session_state", state, reason, at=at)
    event.session_state.state, event.session_state.reason, event.session_state.details = state, reason, details
    cleanup.blazz.publish([event])
    return at


def report_connected(cleanup, kind, account):
    report(cleanup, kind, account, inbound_pb2.SessionState.STATE_CONNECTED)
    wait_for(lambda: account.row()["status"] == "connected", lambda: account.row())


def lose(cleanup, kind, instance, account, reason, details=""):
    """The session ends at the bridge, which reports why. Returns when."""
    instance.set(account.session, "stopped")
    at = report(cleanup, kind, account, inbound_pb2.SessionState.STATE_DISCONNECTED, reason, details)
    wait_for(lambda: account.row()["status"] == "disconnected", lambda: account.row())
    return at


def events(records, account, kind):
    return [e for _, e in records if e.account_id == account.uuid and e.WhichOneof("event") == kind]


# Requests

def test_each_newer_request_is_carried_out_once(cleanup):
    found = {kind: connected(cleanup, kind) for kind in KINDS}

    def ask(what):
        """{kind: the calls that change its session}, from the request until the session was seen connected by two more lists."""
        before = {kind: last_call(instance) for kind, (instance, _) in found.items()}
        for _, account in found.values():
            account.ask(what)
        for instance, account in found.values():
            account.wait(lambda c, a=account: c[f"{what}ed_at"] == a.row()[f"{what}_at"], f"{what} is carried out")
            account.wait_reached()
        wait_listed(*(instance for instance, _ in found.values()))
        return {kind: changes(instance, after=before[kind]) for kind, (instance, _) in found.items()}

    for _ in range(2):
        assert ask("restart") == RESTART
    assert ask("relink") == {kind: [LOGOUT[kind], START[kind]] for kind in KINDS}
    for instance, account in found.values():
        assert instance.sessions() == {account.session: "connected"}


def test_the_time_until_the_desired_state_is_reached_is_measured_once_a_change(cleanup):
    def measured():
        found = cleanup.service.metrics()
        return [found[f"blazz_cleanup_reconcile_seconds_{what}"] for what in ("count", "sum")]

    before = measured()
    began = time.monotonic()
    instance, account = connected(cleanup, "waha")
    account.desire("disconnected")
    account.wait_reached()
    wait_listed(instance)
    count, seconds = (now - then for now, then in zip(measured(), before))
    assert count == 2 and 0 < seconds < time.monotonic() - began


def test_a_request_of_a_disconnected_account_waits(cleanup):
    instance, account = connected(cleanup, "waha")
    account.desire("disconnected")
    account.wait_reached()
    before = last_call(instance)
    account.ask("restart")
    wait_listed(instance)
    assert changes(instance, after=before) == []
    account.desire("connected")
    account.wait_reached()
    assert changes(instance, after=before) == ["start"]


# Logins, and webhooks that were lost

def test_the_reported_status_follows_the_session_without_webhooks(cleanup):
    """From the QR code until after the scan: each state is reported when it has lasted for 30 seconds. But a look that is older than what
    a webhook has reported says nothing. Evolution and wwebjs-api have only their webhooks to say that a QR code is shown."""
    instances = {kind: ready(cleanup, kind, stub={"starts_as": "qr"}) for kind in KINDS}
    accounts = {kind: Account(cleanup, kind, instance) for kind, instance in instances.items()}
    newer = Account(cleanup, "waha", instances["waha"])
    report(cleanup, "waha", newer, inbound_pb2.SessionState.STATE_CONNECTED, at=time.time() + 50)
    for kind in ("evolution", "wwebjs"):
        wait_for(lambda k=kind: starts(instances[k], accounts[k]), "the session is created")
        report(cleanup, kind, accounts[kind], inbound_pb2.SessionState.STATE_QR)
    for kind, account in accounts.items():
        account.wait(lambda c, k=kind: c["observed"] == ("qr" if k in ("blazz", "waha") else "starting") and c["reason"] == "qr",
                     "the session waits for the phone")
    for account in accounts.values():
        wait_for(lambda a=account: a.row()["status"] == "qr_scanning", lambda a=account: a.row(), 60)
    own = wait_for(lambda: events(cleanup.blazz.inbound(), newer, "session_state")[1:], "what cleanup found is published")
    assert own[0].source_time_ms < newer.row()["status_at"].timestamp() * 1000 and newer.row()["status"] == "connected", newer.row()
    for kind, account in accounts.items():
        assert len(starts(instances[kind], account)) == 1
        instances[kind].set(account.session, "connected", phone="6281100000009")
    for account in accounts.values():
        account.wait_reached()
    for account in accounts.values():
        row = wait_for(lambda a=account: a.row()["status"] == "connected" and a.row(), lambda a=account: a.row(), 60)
        assert row["first_connected_at"]
    assert "6281100000009" not in cleanup.service.log()


# Losses

def test_a_lost_session_is_started_after_5_and_then_15_seconds(cleanup):
    found = {kind: connected(cleanup, kind) for kind in KINDS}
    for kind, (instance, account) in found.items():
        report_connected(cleanup, kind, account)
    timeouts = 'blazz_cleanup_disconnects_total{reason="timeout"}'
    counted = cleanup.service.metrics()[timeouts]
    for nth, delay_s in ((1, 5), (2, 15)):
        lost = {kind: lose(cleanup, kind, *f, inbound_pb2.SessionState.REASON_TIMEOUT) for kind, f in found.items()}
        for kind, (instance, account) in found.items():
            call = wait_for(lambda i=instance, a=account, n=nth: len(starts(i, a)) > n and starts(i, a)[n],
                            lambda a=account, i=instance: f"{a.control()}\n{i.calls()[-5:]}", delay_s + 10)
            assert delay_s - 0.2 <= call["at_ms"] / 1000 - lost[kind] <= delay_s + 4, (kind, nth)
            account.wait_reached()
            assert account.control()["starts"] == nth
            report_connected(cleanup, kind, account)
    for instance, account in found.values():
        assert len(starts(instance, account)) == 3
        assert account.row()["session_restore_count"] == 2 and account.row()["disconnect_count"] == 2
    assert cleanup.service.metrics()[timeouts] - counted == 2 * len(found)


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_that_was_logged_out_is_not_started_until_it_is_desired_anew(cleanup, kind):
    instance, account = connected(cleanup, kind)
    report_connected(cleanup, kind, account)
    before = last_call(instance)
    lose(cleanup, kind, instance, account, inbound_pb2.SessionState.REASON_USER_INITIATED)
    account.wait(lambda c: c["reason"] == "suspended" and c["next_at"] is None, "the session is suspended")
    wait_listed(instance)
    assert changes(instance, after=before) == []
    account.desire("connected")
    account.wait_reached()
    assert changes(instance, after=before) == [START[kind]]


def test_a_blocked_session_is_stopped_and_announced_once(cleanup):
    instance, account = connected(cleanup, "waha")
    report_connected(cleanup, "waha", account)
    before = last_call(instance)
    instance.set(account.session, "failed")
    report(cleanup, "waha", account, inbound_pb2.SessionState.STATE_DISCONNECTED, inbound_pb2.SessionState.REASON_ERROR,
           "change_state TOS_BLOCK")
    account.wait(lambda c: c["reason"] == "suspended" and c["observed"] == "stopped", "the session is suspended")
    assert changes(instance, after=before) == ["stop"]
    notices = wait_for(lambda: events(cleanup.blazz.inbound(), account, "account_notice"), "a notice")
    assert [(n.account_notice.kind, n.account_notice.severity) for n in notices] == [
        ("session_blocked", inbound_pb2.AccountNotice.SEVERITY_CRITICAL)]
    account.ask("restart")
    account.wait_reached()
    assert changes(instance, after=before) == ["stop", "start"]


# Answers

def rule(instance, act, **members):
    return {"instance": instance.name, "act": act} | members


def gaps_s(calls):
    return [(b["at_ms"] - a["at_ms"]) / 1000 for a, b in zip(calls, calls[1:])]


@pytest.mark.parametrize("kind, status, expected", [("waha", 422, ["create", "update"]), ("evolution", 403, ["create"])])
def test_a_session_that_exists_already_is_taken_over(cleanup, stub, kind, status, expected):
    """WAHA is told our webhook then."""
    instance = ready(cleanup, kind)
    stub.rules(rule(instance, "create", status=status, body={"message": "exists"}, accept=True, times=1))
    account = Account(cleanup, kind, instance)
    account.wait_reached()
    wait_for(lambda: changes(instance) == expected, lambda: instance.calls())
    assert instance.sessions() == {account.session: "connected"}


def create_of(kind):
    """What the stub calls the creation of a session."""
    return "start" if kind == "wwebjs" else "create"


def test_a_failed_start_is_repeated_with_backoff_after_a_look(cleanup, stub):
    instances = {kind: ready(cleanup, kind) for kind in KINDS}
    stub.rules(*(rule(i, create_of(kind), times=1, **answer) for kind, i in instances.items()
                 for answer in ({"status": 503}, {"status": 429}, {"end": "reset"})))
    accounts = {kind: Account(cleanup, kind, instance) for kind, instance in instances.items()}
    for kind, instance in instances.items():
        accounts[kind].wait_reached()
        calls = [c for c in instance.calls() if c["act"] in CHANGES]
        assert [c["act"] for c in calls] == [create_of(kind)] * 4, calls
        for gap, least in zip(gaps_s(calls), (0.8, 1.6, 3.2)):
            assert least <= gap <= 1.5 * least + 3, calls
        looks = instance.calls(act="look") + instance.calls(act="list")
        assert all(any(a["seq"] < look["seq"] < b["seq"] for look in looks) for a, b in zip(calls, calls[1:])), calls
        control = accounts[kind].control()
        assert control["attempt"] == 0 and control["error"] is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_start_without_an_answer_is_not_repeated_when_the_session_runs(cleanup, stub, kind):
    instance = ready(cleanup, kind)
    stub.rules(rule(instance, create_of(kind), end="cut", times=1))
    account = Account(cleanup, kind, instance)
    account.wait_reached()
    assert len(starts(instance, account)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_rejected_call_is_not_repeated_for_minutes(cleanup, stub, kind):
    instance = ready(cleanup, kind)
    error = {"error": {"code": "invalid", "message": "no such thing"}, "message": "no such thing"}
    body = error if kind == "blazz" else {"message": "no such thing"} if kind != "wwebjs" else {"success": False, "error": "no such thing"}
    stub.rules(rule(instance, create_of(kind), status=400, body=body, times=1))
    account = Account(cleanup, kind, instance)
    control = account.wait(lambda c: c["outcome"] == "rejected" and c["reason"] == "retry", "the call is rejected")
    assert "no such thing" in control["error"]
    assert 570 < control["next_at"].timestamp() - time.time() < 750
    wait_listed(instance)
    assert len(starts(instance, account)) == 1
    account.desire("connected")  # anew: at once
    account.wait_reached()
    assert len(starts(instance, account)) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_an_instance_that_rejects_the_key_gets_only_probes_until_it_is_right(cleanup, kind):
    instance = ready(cleanup, kind)
    account = Account(cleanup, kind, instance)
    account.wait_reached()
    instance.put(key="another")
    instance.wait("misconfigured")
    account.desire("disconnected")
    account.wait(lambda c: c["reason"] == "instance", "the account waits for its instance")
    before = last_call(instance)
    wait_for(lambda: len([c for c in instance.calls(after=before) if c["act"] in ("probe", "list")]) >= 5, "five probes")
    assert [c for c in instance.calls(after=before) if c["act"] not in ("probe", "list")] == []
    instance.put(key=KEY)
    account.wait_reached()


LOOK = {
    "blazz": lambda name, state: {"session_id": name, "state": state},
    "waha": lambda name, state: {"name": name, "status": state},
    "evolution": lambda name, state: {"instance": {"instanceName": name, "state": state}},
    "wwebjs": lambda name, state: {"success": True, "state": state, "message": "session_connected"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_answers_are_counted_and_do_not_change_what_is_known(cleanup, stub, kind):
    """Not JSON, about another session, with an unknown word, or a redirect."""
    instance, account = connected(cleanup, kind)
    before, logged = last_call(instance), cleanup.service.metrics()
    other = [] if kind == "wwebjs" else [LOOK[kind]("another", "x")]
    wrong = [{"status": 200, "body": "<html>"}, *({"status": 200, "body": b} for b in other),
             {"status": 200, "body": LOOK[kind](account.session, "no-such-word")}]

    def applied():
        account.desire("connected")  # so that it is looked at
        return stub.counts()["wrong"]

    for answer in wrong:
        stub.rules(rule(instance, "look", account=account.session, name="wrong", times=1, **answer))
        wait_for(applied, "a look", every_s=0.5)
        account.wait_reached()
    counted = cleanup.service.metrics()
    for what in ["not_json", "unknown_word"] + (["other_session"] if other else []):
        name = f'blazz_cleanup_odd_answers_total{{kind="{kind}",what="{what}"}}'
        assert counted[name] > logged[name], name
    assert changes(instance, after=before) == []


def test_a_redirect_is_not_followed(cleanup, stub):
    instance = ready(cleanup, "waha")
    stub.rules(rule(instance, "create", status=302, body={"message": "moved"}, accept=False))
    account = Account(cleanup, "waha", instance)
    account.wait(lambda c: c["outcome"] == "rejected", "the call is rejected")
    assert len(starts(instance, account)) == 1 and instance.sessions() == {}


def test_an_answer_that_never_ends_is_given_up_after_its_deadline(cleanup, stub):
    instance, account = connected(cleanup, "waha")
    others, other = connected(cleanup, "evolution")
    stub.rules(rule(instance, "look", end="hang", delay_ms=40000), rule(instance, "list", end="hang", delay_ms=40000))
    account.desire("connected")
    other.desire("disconnected")  # meanwhile the others go on
    other.wait_reached(10)
    account.wait(lambda c: c["attempt"] >= 1, "the look has failed", 25)
    stub.rules()
    account.wait_reached(40)
    assert len(starts(instance, account)) == 1


def test_a_link_local_address_is_not_called(cleanup):
    """Where clouds have the secrets of a machine."""
    instance = Instance(cleanup, "waha", url="http://169.254.169.254/")
    row = instance.wait("down")
    assert row["error"] and row["failures"] >= 3


# Which accounts are managed

@pytest.mark.parametrize("kind", KINDS)
def test_an_account_with_only_a_url_is_left_alone_until_its_instance_is_registered(cleanup, stub, kind):
    url = stub.url(f"/~bare-{kind}")
    stub.put("/_instances", [{"name": f"bare-{kind}", "provider": kind, "key": KEY, "sessions": []}])
    account = Account(cleanup, kind, assigned_instance_url=url)
    other, managed = connected(cleanup, kind)
    account.ask("restart")
    account.desire("connected")
    managed.desire("disconnected")
    managed.wait_reached()
    assert stub.get("/_calls", instance=f"bare-{kind}").body == b"" and account.row()["assigned_instance_index"] is None
    instance = Instance(cleanup, kind, url=url)
    account.wait_reached()
    row = account.row()
    assert (row["assigned_instance_index"], row["assigned_instance_url"]) == (instance.index, url)
    assert row["instance_migration_count"] == 0


# Deletion

@pytest.mark.parametrize("kind", KINDS)
def test_a_deleted_account_is_gone_from_the_row_first_and_announced_once(cleanup, stub, kind):
    instance = ready(cleanup, kind)
    account = Account(cleanup, kind, instance, is_primary=True)
    heir = Account(cleanup, kind, instance)
    account.wait_reached()
    heir.wait_reached()
    stub.rules(rule(instance, "delete", status=503), rule(instance, "logout", status=503))
    account.desire("deleted")
    row = wait_for(lambda: account.row()["deleted_at"] and account.row(), lambda: account.row())
    assert account.session in instance.sessions() and heir.row()["is_primary"]
    log = cleanup.sql("SELECT * FROM session_cleanup_logs WHERE account_id = %s", row["id"])
    assert [(r["cleanup_type"], r["reason"]) for r in log] == [("manual", "manual_request")]
    stub.rules()
    account.wait(lambda c: c["gone_at"], "the bridge has no session of it")
    assert instance.sessions() == {heir.session: "connected"}
    assert account.row()["status"] != "failed" and not starts_after(instance, account, row["deleted_at"])
    account.desire("connected")
    account.wait_reached()
    assert account.row()["deleted_at"] is None and account.session in instance.sessions()
    cleaned = events(cleanup.blazz.chat_events(), account, "account_cleaned")
    assert [e.account_cleaned.kind for e in cleaned] == ["manual_request"]


def starts_after(instance, account, when):
    return [c for c in starts(instance, account) if c["at_ms"] / 1000 > when.timestamp()]


def disconnected(cleanup, kind):
    """(instance, account) whose session was connected, and is not desired any more."""
    instance, account = connected(cleanup, kind)
    report_connected(cleanup, kind, account)
    account.desire("disconnected")
    account.wait_reached()
    return instance, account


@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_session_is_deleted_with_its_login(cleanup, kind):
    """wwebjs-api knows no session that is stopped: it has to be started first, or its folder stays."""
    instance, account = disconnected(cleanup, kind)
    if kind != "evolution":  # which logs out
        assert instance.sessions() == {account.session: "stopped"}
    before = last_call(instance)
    account.desire("deleted")
    account.wait(lambda c: c["gone_at"], "the bridge has no session of it")
    assert instance.sessions() == {}
    assert changes(instance, after=before) == (["start", "delete"] if kind == "wwebjs" else ["delete"])
    assert account.row()["session_restore_count"] == 0
    account.desire("connected")
    account.wait_reached()


@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_session_is_linked_anew_without_its_former_login(cleanup, kind):
    instance, account = disconnected(cleanup, kind)
    before = last_call(instance)
    cleanup.sql("UPDATE whatsapp_accounts SET desired_state = 'connected', desired_at = clock_timestamp(), relink_at = clock_timestamp()"
                " WHERE uuid = %s", account.uuid)
    account.wait(lambda c: c["relinked_at"] == account.row()["relink_at"], "the relink is carried out")
    account.wait_reached()
    assert changes(instance, after=before) == (["start"] if kind == "wwebjs" else []) + [LOGOUT[kind], START[kind]]


def test_a_session_that_vanishes_before_it_can_be_deleted_is_started_a_few_times(cleanup, stub):
    instance, account = disconnected(cleanup, "wwebjs")
    before = last_call(instance)
    stub.rules(rule(instance, "start", status=200, body={"success": True}, accept=False))
    account.desire("deleted")
    account.wait(lambda c: c["gone_at"], "it is left", 60)
    assert changes(instance, after=before) == ["start"] * 5


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_that_could_not_be_deleted_for_a_week_is_deleted_when_its_instance_lists_it(cleanup, kind):
    """By the leader that has given it up, and by one that begins later. Sessions of another program and of a live account stay."""
    instance = ready(cleanup, kind)
    accounts = [Account(cleanup, kind, instance) for _ in range(3)]
    for account in accounts:
        account.wait_reached()
    instance.set("foreign", "connected", phone="6281100000009")
    kept = {"foreign": "connected", accounts[2].session: "connected"}
    for account, restarts in ((accounts[0], False), (accounts[1], True)):
        instance.put(dead=True)
        instance.wait("down")
        account.desire("deleted")
        wait_for(lambda a=account: a.row()["deleted_at"], lambda a=account: a.row())
        before = last_call(instance)
        cleanup.sql("UPDATE whatsapp_accounts SET deleted_at = deleted_at - interval '7 days', desired_at = desired_at - interval '7 days'"
                    " WHERE uuid = %s", account.uuid)
        account.wait(lambda c: c["reason"] == "given_up", "it is given up")
        if restarts:
            cleanup.service.stop()
            cleanup.service.start()
        strays = cleanup.service.metrics()[f'blazz_cleanup_strays_total{{kind="{kind}"}}']
        instance.put(dead=False)
        account.wait(lambda c: c["gone_at"] and c["reason"] is None, "the bridge has no session of it")
        assert account.session not in instance.sessions()
        gone = ["delete"] if kind == "wwebjs" else ["logout", "delete"]
        assert [c["act"] for c in instance.calls(session=account.session, after=before) if c["act"] != "list"] == gone
        assert cleanup.service.metrics()[f'blazz_cleanup_strays_total{{kind="{kind}"}}'] == strays + len(gone)
        assert cleanup.service.log().count(f'event="session of a deleted account given up" account_id={account.row()["id"]} ') == 1
    if kind == "blazz":  # its lease was over
        accounts[2].wait_reached()
        kept.pop("foreign")
    assert {name: state for name, state in instance.sessions().items() if name in kept} == kept
    assert instance.calls(session="foreign") == []


# Secrets

def test_no_key_and_no_qr_code_is_in_the_log(cleanup):
    log = cleanup.service.log()
    assert log and KEY not in log and "2@example-code" not in log  # of the stub
    for secret in SECRETS.values():
        assert secret not in log
