"""The leader of three replicas of cleanup is killed, or sleeps until another one has done its work, wherever that may be interrupted.

By default at some of the points; CRASH_POINTS=all takes them all."""
import os
import time
from datetime import datetime, timedelta, timezone

import pytest
from harness.cleanup import Account, Instance, JobRequest, leads
from harness.waiting import wait_for

TTL_S = 3
SETTINGS = {"lease__ttl": f"{TTL_S}s", "lease__renew": "500ms", "lease__session_ttl": "6s"}
# A replica may sleep in an open transaction, which locks the lease's row until PostgreSQL ends its session after 10 s: with the default
# lease that is before it expires.
NEXT_LEADER_S = {"kill": TTL_S + 5, "stop": 10 + 5}
STARTS = ("create", "start", "restart")
READS = ("probe", "health", "list", "look")

# What happens in turn: the accounts arrive; an instance dies and a job is due; what is desired of accounts changes.
ARRIVE, FAIL, CHANGE = range(3)
POINTS = {  # {failpoint: (at which pass, where the test waits for it)}
    "lease_acquired": (1, ARRIVE),
    "lease_renewed": (8, ARRIVE),
    "call_started": (20, ARRIVE),
    "call_answered": (20, ARRIVE),
    "session_call_started": (3, ARRIVE),
    "session_call_answered": (3, ARRIVE),
    "call_recorded": (3, ARRIVE),
    "assignment_decided": (2, ARRIVE),
    "assignment_written": (2, ARRIVE),
    "assignment_committed": (1, ARRIVE),
    "lease_committed": (6, ARRIVE),
    "row_step_before_commit": (4, ARRIVE),
    "row_step_after_commit": (4, ARRIVE),
    "cleanup_before_commit": (6, ARRIVE),
    "cleanup_after_commit": (6, ARRIVE),
    "instance_fenced": (1, FAIL),
    "job_found": (1, FAIL),
    "deletion_written": (2, CHANGE),
}
SOME = (("kill", "assignment_written"), ("kill", "session_call_started"), ("kill", "instance_fenced"), ("kill", "lease_committed"),
        ("stop", "session_call_answered"), ("stop", "deletion_written"), ("stop", "job_found"))
CASES = [(how, point) for how in ("kill", "stop") for point in POINTS] if os.environ.get("CRASH_POINTS") == "all" else SOME


class Replicas:
    """The first leads, and will be killed or stopped at its failpoint. The others stand by."""

    def __init__(self, cleanup, how, point, nth):
        label = f"{cleanup.workspace[:8]}-%d"
        self.how = how
        self.first = cleanup.replica(label % 0, failpoint=f"{point}:{how}@{nth}", **SETTINGS).start(wait_ready=False)
        wait_for(lambda: leads(self.first) or self.is_hit(), self.first.log_tail)
        self.others = [cleanup.replica(label % i, **SETTINGS).start() for i in (1, 2)]

    def is_hit(self):
        return not self.first.running() if self.how == "kill" else self.first.stopped()

    def wait_taken_over(self):
        """Until the failpoint is reached, and another replica leads within the bound."""
        wait_for(self.is_hit, lambda: f"the failpoint is reached\n{self.first.log_tail(20)}", 40)
        began = time.monotonic()
        if self.how == "kill":
            assert self.first.wait_end(1) == -9
            self.first.killed = True
        wait_for(lambda: any(leads(r) for r in self.others), lambda: "\n".join(r.log_tail(8) for r in self.others), NEXT_LEADER_S[self.how])
        assert time.monotonic() - began < NEXT_LEADER_S[self.how]

    def wake(self):
        if self.how == "stop":
            self.first.resume()
            wait_for(lambda: self.first.metrics().get("blazz_cleanup_leader") == 0, "it no longer leads")


class Scene:
    """Five instances, and accounts of one workspace on them."""

    def __init__(self, cleanup):
        self.cleanup = cleanup
        self.waha, self.asks = Instance(cleanup, "waha"), Instance(cleanup, "waha", capacity=1, stub={"starts_as": "qr"})
        self.dies, *rest = (Instance(cleanup, "blazz", storage_group="files") for _ in range(3))
        self.instances = [self.waha, self.asks, self.dies, *rest]
        self.primary = Account(cleanup, "waha", is_primary=True)
        self.stays, self.leaves = Account(cleanup, "waha"), Account(cleanup, "waha")
        self.moves, self.moves_and_leaves = (Account(cleanup, "blazz", self.dies) for _ in range(2))
        self.late = Account(cleanup, "blazz")
        self.stale = Account(cleanup, "waha", self.asks, desired_at=datetime.now(timezone.utc) - timedelta(days=1))
        self.connected = [self.primary, self.stays, self.leaves, self.late, self.moves, self.moves_and_leaves]
        self.all = [*self.connected, self.stale]
        self.ended = [self.primary, self.leaves, self.moves_and_leaves]

    def wait_arrived(self):
        for account in self.connected:
            account.wait_reached(40)
        self.stale.wait_observed("qr")

    def fail(self):
        """An instance dies, and an account has shown its QR code for too long."""
        self.cleanup.sql("""UPDATE whatsapp_accounts SET status = 'qr_scanning', status_since = now() - interval '31 minutes',
            status_at = now() - interval '31 minutes' WHERE uuid = %s""", self.stale.uuid)
        self.lost = [a for a in self.connected if a.row()["assigned_instance_index"] == self.dies.index]  # the late one if it came up first
        assert {self.moves, self.moves_and_leaves} <= set(self.lost)
        self.dies.put(dead=True)
        self.request = JobRequest(self.cleanup, "stale_qr")

    def wait_failed_over(self):
        for account in self.lost:
            wait_for(lambda a=account: a.row()["assigned_instance_index"] != self.dies.index, lambda a=account: f"{a.row()}\n{self.cleanup.logs()}",
                     60)
            account.wait_reached(40)
        assert self.request.answer()
        self.stale.wait(lambda c: c["gone_at"], "the bridge has no session of it")

    def change(self):
        self.seen = self.last_seq()
        self.primary.desire("deleted")
        self.leaves.desire("disconnected")
        self.moves_and_leaves.desire("disconnected")

    def wait_changed(self):
        for account in self.connected:
            account.wait_reached(40)

    def last_seq(self):
        return max(c["seq"] for i in self.instances for c in i.calls())

    def changes(self, after=0, session=None):
        filters = {"after": after} | ({"session": session} if session else {})
        return [c for i in self.instances for c in i.calls(**filters) if c["act"] not in READS]

    def check_rows(self):
        primaries = self.cleanup.sql("""SELECT a.uuid FROM whatsapp_accounts a JOIN workspaces w ON w.id = a.workspace_id
            WHERE w.uuid = %s AND a.is_primary AND a.deleted_at IS NULL""", self.cleanup.workspace)
        assert len(primaries) == 1 and str(primaries[0]["uuid"]) in {a.uuid for a in self.connected if a is not self.primary}
        assert {a.uuid for a in self.all if a.row()["deleted_at"]} == {self.primary.uuid, self.stale.uuid}

    def check_calls(self):
        for account in self.ended:
            assert [c for c in self.changes(self.seen, account.session) if c["act"] in STARTS] == [], "started against what is desired"
        doubles = [c for i in self.instances for c in i.calls() if "also_at" in c]
        assert doubles == []
        created = [c for a in (self.stays, self.leaves) for c in self.waha.calls(session=a.session, act="create") if c["status"] == 201]
        assert len(created) == 2, "each once: a second create of a session that exists is answered 422"

    def check_sessions(self):
        running = sorted(s for i in self.instances if i is not self.dies for s, state in i.sessions().items() if state == "connected")
        assert running == sorted(a.session for a in (self.stays, self.late, self.moves))

    def check_events(self):
        """Of each change one; a record may be in the topic twice, with the same id."""
        wait_for(lambda: self.cleanup.blazz.value("SELECT count(*) FROM outbox") == 0, "everything is published", 60)
        found = {}
        for _, event in self.cleanup.blazz.chat_events():
            found.setdefault((event.account_id, event.WhichOneof("event")), set()).add(event.event_id)
        for account in self.all:
            cleaned, migrated = (len(found.get((account.uuid, f"account_{what}"), ())) for what in ("cleaned", "migrated"))
            assert cleaned == (account in (self.primary, self.stale)), account.row()
            assert migrated == account.row()["instance_migration_count"] == (account in self.lost), account.row()


@pytest.mark.parametrize("how, point", CASES)
def test_what_is_desired_is_reached_wherever_the_leader_is_interrupted(cleanup, how, point):
    nth, phase = POINTS[point]
    replicas = Replicas(cleanup, how, point, nth)
    scene = Scene(cleanup)
    if phase == ARRIVE:
        replicas.wait_taken_over()
    scene.wait_arrived()
    scene.fail()
    if phase == FAIL:
        replicas.wait_taken_over()
    scene.wait_failed_over()
    scene.change()
    if phase == CHANGE:
        replicas.wait_taken_over()
    scene.wait_changed()
    seen = scene.last_seq()
    replicas.wake()
    wait_for(lambda: len(scene.waha.calls(act="list", after=seen)) >= 2, "two more lists")
    assert scene.changes(seen) == [], "a call after everything was reached"
    scene.check_rows()
    scene.check_calls()
    scene.check_sessions()
    scene.check_events()
