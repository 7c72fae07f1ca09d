"""One replica of cleanup leads: another takes over when it is killed or sleeps, and what is desired is reached whoever leads."""
import time

import pytest
from harness.cleanup import Account, Instance, leads
from harness.provider_stub import KEY
from harness.waiting import wait_for

TTL_S = 3
SHORT = {"lease__ttl": f"{TTL_S}s", "lease__renew": "500ms"}
TAKEN_OVER_S = 20


def start_replicas(cleanup, n, **settings):
    """n replicas, of which the first leads."""
    label = f"{cleanup.workspace[:8]}-%d"
    found = [cleanup.replica(label % 0, **(SHORT | settings)).start()]
    wait_for(lambda: leads(found[0]), "the first leads")
    return found + [cleanup.replica(label % i, **(SHORT | settings)).start() for i in range(1, n)]


def leaders(replicas):
    return [r for r in replicas if leads(r)]


def wait_leader(replicas, deadline_s=TAKEN_OVER_S):
    """The one replica that leads."""
    found = wait_for(lambda: leaders(replicas), lambda: "one leads\n" + "\n".join(r.log_tail(8) for r in replicas), deadline_s)
    assert len(found) == 1
    return found[0]


def accounts_of(cleanup, n=4):
    """One instance of each of two kinds, with n accounts each."""
    instances = [Instance(cleanup, kind) for kind in ("waha", "blazz")]
    return instances, [Account(cleanup, i.kind, i) for i in instances for _ in range(n)]


def check_reached(instances, accounts):
    for account in accounts:
        account.wait_reached(40)
    for instance in instances:
        assert set(instance.sessions().values()) == {"connected"}, instance.sessions()


def test_a_leader_that_wakes_after_its_lease_starts_nothing(cleanup):
    """Three replicas; the leader is stopped in the middle of its work, and continued when another has done it."""
    replicas = start_replicas(cleanup, 3)
    instances, accounts = accounts_of(cleanup)
    check_reached(instances, accounts)
    replicas[0].pause()
    for account in accounts:
        account.desire("disconnected")
    leader = wait_leader(replicas[1:])
    for account in accounts:
        account.wait_reached(30)
    seen = max(c["seq"] for i in instances for c in i.calls())
    replicas[0].resume()
    wait_for(lambda: "lease lost" in replicas[0].log() or replicas[0].metrics().get("blazz_cleanup_leader") == 0, "it no longer leads")
    for _ in range(10):
        assert leaders(replicas) == [leader]
        time.sleep(0.1)
    assert [c for i in instances for c in i.calls(after=seen) if c["act"] not in ("probe", "list", "look")] == []


def test_another_replica_leads_within_20_seconds_with_the_default_lease(cleanup):
    replicas = start_replicas(cleanup, 3, lease__ttl="15s", lease__renew="5s")
    assert [leads(r) for r in replicas] == [True, False, False]
    replicas[0].kill()
    began = time.monotonic()
    wait_leader(replicas, TAKEN_OVER_S)
    assert time.monotonic() - began < TAKEN_OVER_S
    assert all(r.ready() for r in replicas[1:])


def test_a_leader_that_ends_leaves_the_lease_and_no_call_behind(cleanup, stub):
    """SIGTERM: within drain.timeout, although a bridge does not answer; the next one leads at once."""
    replicas = start_replicas(cleanup, 2, lease__ttl="30s", lease__renew="5s", drain__timeout="3s")
    instance = Instance(cleanup, "waha")
    instance.wait("up")
    stub.rules({"instance": instance.name, "act": "create", "end": "hang", "delay_ms": 50000})
    account = Account(cleanup, "waha", instance)
    wait_for(lambda: instance.calls(act="create") or stub.get("/_rules").json()[0]["seen"], "a call in flight")
    assert replicas[0].stop(15) < 10
    wait_leader(replicas, 10)
    stub.rules()
    account.wait_reached(40)


def call_times(instances):
    return [c["at_ms"] for i in instances for c in i.calls()]


@pytest.mark.parametrize("both", (False, True))
def test_no_call_begins_after_the_lease_while_postgresql_is_away(cleanup, postgres, kafka, both):
    """Nor while Kafka is away, too. The last renewal was before PostgreSQL stopped: so the lease has expired lease.ttl later. Starts wait then,
    of which one a second may begin."""
    replicas = start_replicas(cleanup, 2)
    instances, accounts = accounts_of(cleanup, 1)
    check_reached(instances, accounts)
    accounts += [Account(cleanup, "waha", instances[0]) for _ in range(20)]
    wait_for(lambda: len(instances[0].calls(act="create")) >= 3, "some are started")
    away = [postgres, kafka] if both else [postgres]
    for server in away:
        server.pause()
    stopped_ms = time.time() * 1000
    expired_ms = stopped_ms + TTL_S * 1000
    try:
        wait_for(lambda: time.time() * 1000 > expired_ms + TTL_S * 1000, "the lease has been over as long as it was valid", 3 * TTL_S)
        times = call_times(instances)
        assert [t - stopped_ms for t in times if t > expired_ms] == []
        assert len(instances[0].calls(act="create")) < len(accounts) - 1, "further ones wait"
    finally:
        for server in away:
            server.resume()
    for account in accounts:
        account.desire("disconnected")
    wait_leader(replicas, 40)
    for account in accounts:
        account.wait_reached(40)
    assert max(call_times(instances)) > expired_ms


def test_sessions_are_managed_while_kafka_is_away(cleanup, kafka):
    """What is published waits in the outbox."""
    replicas = start_replicas(cleanup, 1)
    instances, accounts = accounts_of(cleanup, 1)
    check_reached(instances, accounts)
    kafka.pause()
    try:
        for account in accounts:
            account.desire("deleted")
        for account in accounts:
            account.wait(lambda c: c["gone_at"], "the bridge has no session of it")
        assert leaders(replicas) == replicas
    finally:
        kafka.resume()
    wait_for(lambda: cleanup.blazz.value("SELECT count(*) FROM outbox") == 0, "everything is published", 60)
    cleaned = {e.event_id: e.account_id for _, e in cleanup.blazz.chat_events() if e.WhichOneof("event") == "account_cleaned"}
    assert sorted(cleaned.values()) == sorted(a.uuid for a in accounts)


def test_no_key_is_in_any_log(idle_stack):
    assert [s.label for s in idle_stack.services if KEY in s.log()] == []
