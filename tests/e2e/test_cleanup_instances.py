"""Instances of bridges: how they are probed, which accounts they get, and when sessions leave them."""
import json

import pytest
from harness.cleanup import Account, Cleanup, Instance, sealed_instance
from harness.provider_stub import KEY, ProviderStub
from harness.waiting import wait_for

KINDS = ("blazz", "waha", "evolution", "wwebjs")
PROBES = ("probe", "health")
TTL_S = 2  # of the leases of sessions
FENCE_MS = TTL_S * 1000 * 7 // 6


@pytest.fixture
def stub(tmp_path):
    stub = ProviderStub(tmp_path).start()
    yield stub
    stub.close()


@pytest.fixture
def cleanup(blazz, stub):
    return Cleanup(blazz, stub).start(lease__session_ttl=f"{TTL_S}s", list__interval="500ms")


def last_seq(cleanup):
    lines = cleanup.stub.get("/_calls", limit=10000).body.splitlines()
    return json.loads(lines[-1])["seq"] if lines else 0


def probes(instance, after=0):
    return [c["act"] for c in instance.calls(after=after) if c["act"] in PROBES]


def session_calls(instance, after=0):
    return [c["act"] for c in instance.calls(after=after) if "session" in c]


def accounts_on(cleanup, kind, n):
    accounts = [Account(cleanup, kind) for _ in range(n)]
    for account in accounts:
        account.wait_reached(60)
    return accounts


def place(account):
    return account.row()["assigned_instance_index"]


def places(accounts):
    return [place(a) for a in accounts]


def instance_restarts(cleanup, account):
    states = [e.session_state for _, e in cleanup.blazz.inbound() if e.account_id == account.uuid and e.HasField("session_state")]
    return [s for s in states if s.reason == s.REASON_INSTANCE_RESTART]


def wait_place(account, instance, deadline_s=30.0):
    wait_for(lambda: place(account) == instance.index, lambda: f"{account.control()}\n{account.row()}\n{account.cleanup.logs()}", deadline_s)


def notices(cleanup, account, kind):
    return [e for _, e in cleanup.blazz.inbound() if e.account_id == account.uuid and e.account_notice.kind == kind]


def migrations(cleanup, account):
    """account.migrated of the account: [(reason, from, to)]."""
    events = [e for _, e in cleanup.blazz.chat_events() if e.account_id == account.uuid and e.HasField("account_migrated")]
    assert len({e.event_id for e in events}) == len(events)
    return [(e.account_migrated.kind, extra["from"], extra["to"]) for e in events if (extra := json.loads(e.account_migrated.extra))]


def wait_migrations(cleanup, account, *expected):
    wait_for(lambda: migrations(cleanup, account) == list(expected), lambda: f"{migrations(cleanup, account)}\n{cleanup.logs()}", 10)


def wait_probed(instance, n, after):
    """Until the instance has been probed or listed n more times: time enough for what must not happen."""
    def seen():
        return [c for c in instance.calls(after=after) if "session" not in c]

    wait_for(lambda: len(seen()) >= n, lambda: f"{seen()}", 60)


def wait_fence_passed(instance, factor=2):
    """Until the last lease request is older than the fence time, some times over."""
    def passed():
        calls = instance.calls()
        began = [c["at_ms"] for c in calls if c["act"] == "probe"]
        return calls[-1]["at_ms"] - began[-1] >= factor * FENCE_MS

    wait_for(passed, lambda: f"{instance.calls()[-20:]}", 60)


def doubles(cleanup):
    """Calls after which two instances ran one session."""
    calls = [json.loads(line) for line in cleanup.stub.get("/_calls", limit=10000).body.splitlines()]
    return [c for c in calls if "also_at" in c]


# Probes

def test_three_failed_probes_are_down_and_two_answered_ones_up(cleanup):
    assert cleanup.sql("SELECT DISTINCT column_default FROM information_schema.columns WHERE (table_name, column_name) = ('instances', 'state')")[0][
        "column_default"].startswith("'unknown'")
    instance = Instance(cleanup, "blazz")
    assert instance.wait("up")["failures"] == 0
    instance.put(dead=True)
    seq = last_seq(cleanup)
    down = instance.wait("down")
    assert down["failures"] >= 3 and down["error"] == "the probe failed" and down["fenced_at"] is None
    assert probes(instance, seq)[:4].count("probe") == 3, "the third failure in a row ends the leases"
    instance.put(dead=False)
    seq = last_seq(cleanup)
    up = instance.wait("up")
    assert up["failures"] == 0 and up["error"] is None and up["state_since"] > down["state_since"]
    wait_for(lambda: len(probes(instance, seq)) >= 3, lambda: f"{instance.calls(after=seq)}")
    assert probes(instance, seq)[:3] == ["health", "health", "probe"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_instance_is_probed(cleanup, kind):
    instance = Instance(cleanup, kind)
    instance.wait("up")
    instance.put(dead=True)
    instance.wait("down")
    instance.put(dead=False)
    instance.wait("up")


@pytest.mark.parametrize("kind", KINDS)
def test_an_instance_that_rejects_the_key_gets_no_calls_about_sessions(cleanup, kind):
    instance = Instance(cleanup, kind, key="another-api-key")
    instance.wait("misconfigured")
    account = Account(cleanup, kind, instance)
    account.wait(lambda c: c["reason"] == "instance", "it waits for its instance")
    seq = last_seq(cleanup)
    wait_for(lambda: len(instance.calls(after=seq)) >= 5, lambda: f"{instance.calls()}")
    assert instance.row()["state"] == "misconfigured" and session_calls(instance) == []
    changes = [line for line in cleanup.service.log().splitlines() if "instance's state has changed" in line and "misconfigured" in line]
    assert len(changes) == 1, changes
    secrets = {"signing_keys": [KEY]} if kind == "blazz" else {"access_token": KEY}
    instance.change(secrets=sealed_instance(instance.uuid, secrets))
    account.wait_reached()
    assert instance.row()["state"] == "up"


def test_an_outage_is_measured_and_each_account_has_one_notice_of_it(cleanup):
    """Of the instance that went down only, and again in its next outage. One that is removed is not measured any more."""
    at, *others = (Instance(cleanup, "waha") for _ in range(3))
    for instance in (at, *others):
        instance.wait("up")
    accounts, elsewhere = [Account(cleanup, "waha", at) for _ in range(2)], Account(cleanup, "waha", others[0])
    for account in (*accounts, elsewhere):
        account.wait_reached()

    def measured(instance):
        found = cleanup.service.metrics()
        return tuple(found.get(f'blazz_cleanup_instance_{what}{{instance="{instance.index}"}}') for what in ("up", "sessions"))

    def wait_measured(instance, *expected):
        wait_for(lambda: measured(instance) == expected, lambda: f"{measured(instance)}\n{cleanup.logs()}")

    wait_measured(at, 1, 2)
    wait_measured(others[0], 1, 1)
    for outages in (1, 2):
        at.put(dead=True)
        wait_measured(at, 0, 2)
        for account in accounts:
            wait_for(lambda a=account: len(notices(cleanup, a, "instance_down")) >= outages, cleanup.logs)
        at.put(dead=False)
        wait_measured(at, 1, 2)
        wait_measured(others[0], 1, 1)
        for account in accounts:
            account.wait_reached()
        assert [len(notices(cleanup, a, "instance_down")) for a in (*accounts, elsewhere)] == [outages, outages, 0]
    others[1].change(removed_at=at.row()["state_since"])
    wait_measured(others[1], None, None)


# Assignment

def test_an_account_gets_the_instance_with_the_most_room(cleanup):
    small, first, second = (Instance(cleanup, "waha", capacity=n) for n in (2, 3, 3))
    other = Instance(cleanup, "wwebjs", capacity=50)
    for instance in (small, first, second, other):
        instance.wait("up")
    accounts = []
    for expected in (first, second, small, first, second, small, first, second):
        accounts.append(Account(cleanup, "waha"))
        wait_place(accounts[-1], expected)
        assert accounts[-1].row()["instance_migration_count"] == 0
    late = Account(cleanup, "waha")
    late.wait(lambda c: c["reason"] == "unassigned", "no instance has room")
    wait_for(lambda: notices(cleanup, late, "no_capacity"), "notice no_capacity")
    assert place(late) is None
    fresh = Instance(cleanup, "waha", capacity=1)
    late.wait_reached()
    assert place(late) == fresh.index and len(notices(cleanup, late, "no_capacity")) == 1
    assert places(accounts) == [i.index for i in (first, second, small, first, second, small, first, second)]
    assert session_calls(other) == []
    for account in accounts:
        account.wait_reached(60)
    assert len(first.sessions()) == 3 and len(second.sessions()) == 3 and len(small.sessions()) == 2


def test_an_instance_that_is_down_or_draining_gets_no_account(cleanup):
    dead, draining, free = (Instance(cleanup, "waha", capacity=n) for n in (30, 20, 10))
    dead.put(dead=True)
    draining.change(desired="draining")
    dead.wait("down")
    draining.wait("up"), free.wait("up")
    assert places(accounts_on(cleanup, "waha", 2)) == [free.index, free.index]


# Failover

def test_only_the_sessions_of_a_dead_instance_move(cleanup):
    instances = [Instance(cleanup, "blazz", storage_group="files") for _ in range(4)]
    for instance in instances:
        instance.wait("up")
    accounts = accounts_on(cleanup, "blazz", 10)
    before = places(accounts)
    assert sorted(before.count(i.index) for i in instances) == [2, 2, 3, 3]
    cleanup.blazz.start_chat_sync()
    cleanup.sql("UPDATE whatsapp_accounts SET status = 'connected', status_since = clock_timestamp()")
    dead = instances[0]
    moving = [a for a in accounts if place(a) == dead.index]
    dead.put(dead=True)
    for account in moving:
        wait_for(lambda: place(account) != dead.index, lambda: f"{account.row()}\n{cleanup.logs()}")
        account.wait_reached(60)
        assert account.row()["disconnect_reason"] == "instance_restart"
    began = max(c["at_ms"] for c in dead.calls(act="probe"))
    for account, was in zip(accounts, before):
        row, moved = account.row(), account in moving
        assert row["instance_migration_count"] == moved and (row["last_instance_migration_at"] is not None) == moved
        assert row["previous_instance_index"] == (was if moved else None) and (place(account) != was) == moved
        assert account.control()["assignment_epoch"] == (2 if moved else 1)
        wait_migrations(cleanup, account, *([("instance_down", was, place(account))] if moved else []))
        assert len(instance_restarts(cleanup, account)) == moved, "session_state, once for each that moved"
        assert len(notices(cleanup, account, "instance_down")) == moved
        if moved:
            at = next(i for i in instances if i.index == place(account))
            start = at.calls(session=account.session, act="create")[0]
            assert start["at_ms"] - began >= FENCE_MS, "a session starts elsewhere before its lease has certainly ended"
            assert row["assigned_instance_url"] == at.row()["url"]
    assert dead.row()["fenced_at"] is not None and doubles(cleanup) == []
    after = places(accounts)
    dead.put(dead=False)
    dead.wait("up")
    fresh = Instance(cleanup, "blazz", storage_group="files")
    fresh.wait("up")
    seq = last_seq(cleanup)
    wait_probed(fresh, 10, seq)
    assert places(accounts) == after and dead.row()["fenced_at"] is None, "neither a new instance nor one that came back gets sessions of others"
    late = Account(cleanup, "blazz")
    late.wait_reached()
    assert place(late) in (fresh.index, dead.index)


def test_a_session_whose_files_no_other_instance_has_waits_for_its_own(cleanup):
    dead, other = Instance(cleanup, "blazz"), Instance(cleanup, "blazz", storage_group="other")
    dead.wait("up")
    other.wait("up")
    account = Account(cleanup, "blazz", dead)
    account.wait_reached()
    dead.put(dead=True)
    wait_fence_passed(dead)
    wait_for(lambda: notices(cleanup, account, "no_capacity"), "notice no_capacity")
    assert place(account) == dead.index
    dead.put(dead=False)
    account.wait_reached()
    assert dead.sessions() == {account.session: "connected"} and other.sessions() == {}


def test_an_instance_that_answers_now_and_then_stays_down_and_loses_its_sessions(cleanup):
    """While it is down it gets no lease, so its sessions end although it answers every other probe."""
    flapping, other, third = (Instance(cleanup, "blazz", storage_group="files") for _ in range(3))
    for instance in (flapping, other, third):
        instance.wait("up")
    account = Account(cleanup, "blazz", flapping)
    account.wait_reached()
    flapping.put(dead=True)
    flapping.wait("down")
    cleanup.stub.rules(*({"instance": flapping.name, "act": act, "every": 2, "end": "reset"} for act in PROBES))
    flapping.put(dead=False)
    seq = last_seq(cleanup)
    wait_for(lambda: place(account) != flapping.index, lambda: f"{account.row()}\n{cleanup.logs()}")
    account.wait_reached()
    assert set(probes(flapping, seq)) == {"health"} and doubles(cleanup) == []


def test_a_new_leader_waits_for_the_leases_of_its_predecessor(blazz, stub):
    ttl_ms, settings = 6000, {"lease__ttl": "1s", "lease__renew": "200ms", "lease__session_ttl": "6s"}
    cleanup = Cleanup(blazz, stub).start(**settings)
    dead, *others = (Instance(cleanup, "blazz", storage_group="files") for _ in range(3))
    for instance in (dead, *others):
        instance.wait("up")
    account = Account(cleanup, "blazz", dead)
    account.wait_reached()
    dead.put(dead=True)
    since = dead.wait("down")["state_since"]
    cleanup.service.kill()
    cleanup.replica("successor", **settings).start()
    wait_for(lambda: place(account) != dead.index, lambda: f"{account.row()}\n{cleanup.logs()}")
    start = wait_for(lambda: next((c for at in others for c in at.calls(session=account.session, act="create")), None), cleanup.logs)
    account.wait_reached()
    assert start["at_ms"] - max(c["at_ms"] for c in dead.calls(act="probe")) >= ttl_ms * 7 // 6 and doubles(cleanup) == []
    assert dead.row()["state_since"] == since
    assert len({e.event_id for e in notices(cleanup, account, "instance_down")}) == 1, "both leaders' notice of the outage is the same"


def test_half_the_fleet_may_fail_over_and_more_may_not(cleanup):
    instances = [Instance(cleanup, "blazz", storage_group="files") for _ in range(3)]
    for instance in instances:
        instance.wait("up")
    accounts = accounts_on(cleanup, "blazz", 3)
    before = places(accounts)
    for dead in instances[:2]:
        dead.put(dead=True)
    for dead in instances[:2]:
        wait_fence_passed(dead)
    assert places(accounts) == before, "more than half of the fleet is down: the fault is likely ours"
    instances[0].put(dead=False)
    moving = accounts[before.index(instances[1].index)]
    wait_for(lambda: place(moving) != instances[1].index, lambda: f"{moving.row()}\n{cleanup.logs()}")
    for account in accounts:
        account.wait_reached()
    assert [a.row()["instance_migration_count"] for a in accounts] == [int(a is moving) for a in accounts] and doubles(cleanup) == []


@pytest.mark.parametrize("kind", ("waha", "wwebjs"))
def test_a_foreign_instance_fails_over_by_the_operators_word(cleanup, kind):
    """Nothing else says that its sessions have ended. One that wakes up late is told to stop what it still runs."""
    dead, other, third = (Instance(cleanup, kind, storage_group="files") for _ in range(3))
    for instance in (dead, other, third):
        instance.wait("up")
    account = Account(cleanup, kind, dead)
    account.wait_reached()
    dead.put(dead=True)
    dead.wait("down")
    seq = last_seq(cleanup)
    wait_probed(other, 3 * FENCE_MS // 200, seq)
    assert place(account) == dead.index and dead.row()["fenced_at"] is None
    dead.change(desired="off")
    wait_for(lambda: place(account) != dead.index, lambda: f"{account.row()}\n{cleanup.logs()}", 5)
    account.wait_reached()
    assert dead.row()["fenced_at"] is not None
    wait_migrations(cleanup, account, ("instance_down", dead.index, place(account)))
    assert dead.sessions() == {account.session: "connected"}
    seq = last_seq(cleanup)
    dead.put(dead=False)
    wait_probed(other, 5, seq)
    assert dead.calls(after=seq) == [], "an instance that is off is left alone"
    dead.change(desired="active")
    wait_for(lambda: "connected" not in dead.sessions().values(), lambda: f"{dead.calls(after=seq)}\n{cleanup.logs()}", 5)
    account.wait_reached()
    assert session_calls(dead, seq) == ["stop"] and place(account) != dead.index


def test_a_session_of_evolution_never_moves(cleanup):
    """A server loads the sessions of its client name by itself."""
    dead, other = (Instance(cleanup, "evolution", storage_group="files") for _ in range(2))
    dead.wait("up")
    other.wait("up")
    account = Account(cleanup, "evolution", dead)
    account.wait_reached()
    dead.put(dead=True)
    dead.wait("down")
    dead.change(desired="off")
    seq = last_seq(cleanup)
    wait_probed(other, 3 * FENCE_MS // 200, seq)
    assert place(account) == dead.index and session_calls(other) == []
    dead.put(dead=False)
    dead.change(desired="active")
    account.wait_reached()


# Moves

def journal_of(cleanup, account, *acts):
    lines = cleanup.stub.get("/_calls", session=account.session, limit=10000).body.splitlines()
    return [(c["act"], c["instance"]) for c in map(json.loads, lines) if c["act"] in acts]


def ask_move(account, to):
    account.cleanup.sql("UPDATE whatsapp_accounts SET move_to = %s, move_at = clock_timestamp() WHERE uuid = %s", to.index, account.uuid)


def test_a_session_that_moves_is_stopped_before_it_starts_elsewhere(cleanup):
    here, there = (Instance(cleanup, "blazz", storage_group="files") for _ in range(2))
    here.wait("up")
    there.wait("up")
    account = Account(cleanup, "blazz", here)
    account.wait_reached()
    seq, epoch = last_seq(cleanup), account.control()["assignment_epoch"]
    ask_move(account, there)
    wait_place(account, there)
    account.wait_reached()
    stop = here.calls(session=account.session, act="stop", after=seq)
    look = here.calls(session=account.session, act="look", after=seq)
    start = there.calls(session=account.session, act="create", after=seq)
    assert len(stop) == len(start) == 1 and stop[0]["seq"] < look[-1]["seq"] < start[0]["seq"], "stopped, seen stopped, started"
    row = account.row()
    assert (row["previous_instance_index"], row["instance_migration_count"]) == (here.index, 1) and row["last_instance_migration_at"]
    wait_migrations(cleanup, account, ("moved", here.index, there.index))
    assert here.sessions() == {account.session: "stopped"} and doubles(cleanup) == []
    seq = last_seq(cleanup)
    wait_probed(here, 8, seq)
    assert place(account) == there.index and session_calls(there, seq) == [], "a request is carried out once"
    ask_move(account, here)
    wait_place(account, here)
    account.wait_reached()
    assert account.control()["assignment_epoch"] == epoch + 2 and here.sessions() == {account.session: "connected"}


def test_a_move_away_from_the_files_takes_a_new_login(cleanup):
    here, there = Instance(cleanup, "waha", storage_group="files"), Instance(cleanup, "waha", storage_group="others")
    here.wait("up")
    there.wait("up")
    account = Account(cleanup, "waha", here)
    account.wait_reached()
    seq = last_seq(cleanup)
    ask_move(account, there)
    wait_probed(here, 8, seq)
    assert place(account) == here.index and here.sessions() == {account.session: "connected"}
    there.put(starts_as="qr")
    cleanup.sql("""UPDATE whatsapp_accounts SET move_at = clock_timestamp(), relink_at = clock_timestamp() + interval '1 ms'
        WHERE uuid = %s""", account.uuid)
    wait_place(account, there)
    account.wait_observed("qr")
    assert "connected" not in here.sessions().values() and doubles(cleanup) == []


def test_draining_moves_all_sessions_and_can_be_taken_back(cleanup):
    here, there, elsewhere = (Instance(cleanup, "blazz", capacity=n, storage_group="files") for n in (20, 10, 9))
    for instance in (here, there, elsewhere):
        instance.wait("up")
    accounts = accounts_on(cleanup, "blazz", 4)
    assert places(accounts) == [here.index] * 4
    here.change(desired="draining")
    for account in accounts:
        wait_for(lambda: place(account) != here.index, lambda: f"{account.row()}\n{account.control()}\n{cleanup.logs()}")
        account.wait_reached()
        wait_migrations(cleanup, account, ("draining", here.index, place(account)))
        calls = journal_of(cleanup, account, "create", "stop")
        assert [act for act, _ in calls] == ["create", "stop", "create"]
    assert set(places(accounts)) == {there.index, elsewhere.index} and doubles(cleanup) == []
    after, seq = places(accounts), last_seq(cleanup)
    here.change(desired="active")
    late = Account(cleanup, "blazz")
    late.wait_reached()
    assert place(late) == here.index
    wait_probed(here, 8, seq)
    assert places(accounts) == after


def test_an_instance_whose_files_no_other_has_is_not_drained(cleanup):
    here, there = Instance(cleanup, "waha"), Instance(cleanup, "waha")
    here.wait("up")
    there.wait("up")
    account = Account(cleanup, "waha", here)
    account.wait_reached()
    here.change(desired="draining")
    seq = last_seq(cleanup)
    wait_probed(here, 8, seq)
    assert place(account) == here.index and here.sessions() == {account.session: "connected"}
