"""Many sessions of an instance that has died start elsewhere, all of them, and no faster than instances are said to take them.

FAILOVER is how many sessions; an instance has 300 by default."""
import json
import os
import uuid

import pytest
from harness.cleanup import Cleanup, Instance
from harness.provider_stub import ProviderStub
from harness.sending import sealed
from harness.waiting import wait_for

SESSIONS, OTHERS = int(os.environ.get("FAILOVER") or 24), 3
START_MS = 1000  # between two starts at an instance
JITTER_MS = 100  # of the time at which the stub reads a request


@pytest.fixture
def stub(tmp_path):
    stub = ProviderStub(tmp_path, journal__bodies=False).start()
    yield stub
    stub.close()


def fill(cleanup, instance, n):
    """n connected sessions, and their accounts."""
    names = [f"many-{i}" for i in range(n)]
    uuids = [str(uuid.uuid4()) for _ in names]
    instance.put(sessions=[{"name": name, "state": "connected"} for name in names])
    cleanup.sql("""INSERT INTO whatsapp_accounts (workspace_id, uuid, session_id, provider_type, bridge_kind, desired_state, status, status_since,
            status_at, first_connected_at, secrets, assigned_instance_index, assigned_instance_url)
        SELECT w.id, r.id, r.name, 'webjs', 'blazz', 'connected', 'connected', now(), now(), now(), r.secrets, i.index, i.url
        FROM workspaces w, instances i, unnest(%s::uuid[], %s::text[], %s::bytea[]) AS r (id, name, secrets)
        WHERE w.uuid = %s AND i.index = %s""", uuids, names, [sealed(u, {"signing_keys": ["a secret of sixteen"]}) for u in uuids],
                cleanup.workspace, instance.index)
    return names


def rows(cleanup):
    return cleanup.sql("SELECT session_id, assigned_instance_index AS at, instance_migration_count AS moved FROM whatsapp_accounts")


def test_all_sessions_of_a_dead_instance_start_elsewhere_one_a_second_at_each(blazz, stub):
    blazz.start_chat_sync()
    cleanup = Cleanup(blazz, stub)
    dies, *others = (Instance(cleanup, "blazz", storage_group="files") for _ in range(1 + OTHERS))
    cleanup.start(lease__session_ttl="4s")
    for instance in (dies, *others):
        instance.wait("up")
    wait_for(lambda: len(dies.calls(act="probe")) >= 3, "it has a lease, without which it would end its sessions")
    names = fill(cleanup, dies, SESSIONS)
    wait_for(lambda: cleanup.blazz.value("SELECT count(*) FROM account_control WHERE observed = 'connected' AND reason IS NULL") == SESSIONS,
             cleanup.logs)
    dies.put(dead=True)

    def running():
        return {name: i.index for i in others for name, state in i.sessions().items() if state == "connected"}

    wait_for(lambda: len(running()) == SESSIONS, lambda: f"{len(running())} run\n{cleanup.logs()}", 60 + 2 * SESSIONS / OTHERS, 0.5)
    assert running() == {r["session_id"]: r["at"] for r in rows(cleanup)} and sorted(running()) == sorted(names)
    assert {r["moved"] for r in rows(cleanup)} == {1}
    for instance in others:
        starts = [c["at_ms"] for c in instance.calls(act="create")]
        assert len(starts) == SESSIONS // OTHERS, "shared evenly, each started once"
        took = starts[-1] - starts[0]
        assert min(b - a for a, b in zip(starts, starts[1:])) >= START_MS - JITTER_MS
        assert (len(starts) - 1) * START_MS - JITTER_MS <= took <= (len(starts) - 1) * START_MS * 1.5 + 5000
    journal = [json.loads(line) for line in stub.get("/_calls", limit=10000).body.splitlines()]
    assert [c for c in journal if "also_at" in c] == []
