"""The part of the consistent snapshot (ideal.py) that is about sessions: all wanted states are reached, after two migrations."""
import json
import uuid

from blazz.v1 import chat_event_pb2, common_pb2

from bridging_plan import ACCOUNTS, INSTANCES

SECRET, WORKSPACE = "a-key-of-an-instance", 200
DESIRED = ("connected", "connected", "disconnected", "deleted", "connected")
MIGRATIONS = 2  # of the first account: from instance 0 to 1, and to 2


def uid(*parts):
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "/".join(map(str, parts))))


class IdealBridging:
    """ideal: an Ideal that has its tables; its rows and events are added to these."""

    def __init__(self, ideal):
        self.s, self.t, self.record = ideal.s, ideal.s.tables, ideal.record_at
        self.tenant, self.instances = uid("bridging"), {str(i): {"kind": kind, "sessions": {}} for i, (kind, _) in enumerate(INSTANCES)}
        self.t["workspaces"].append({"id": WORKSPACE, "uuid": self.tenant})
        self.accounts, self.assignments = [self.account(n, kind) for n, kind in enumerate(ACCOUNTS)], []
        self.t["whatsapp_accounts"] += [{"workspace_id": WORKSPACE, "id": 200 + n, "uuid": a["uuid"], "status": a["status"], "sync": {}}
                                        for n, a in enumerate(self.accounts)]
        self.migrations(self.accounts[0])
        self.s.bridging = {"accounts": self.accounts, "instances": self.instances, "tenants": {self.tenant: ideal.planner.bridging.marker},
                           "secrets": [SECRET], "assignments": self.assignments, "twice": [], "samples": 9, "calls": 90}

    def account(self, n, kind):
        """The last waits to be started again."""
        desired, waits = DESIRED[n % len(DESIRED)], n == len(ACCOUNTS) - 1
        instance = MIGRATIONS if n == 0 else next(i for i, (k, _) in enumerate(INSTANCES) if k == kind)
        a = {"uuid": uid("account", n), "session": f"session-{n}", "kind": kind, "desired": "connected" if waits else desired, "primary": n == 0,
             "deleted": desired == "deleted" and not waits, "status": "connected", "instance": instance, "migrations": MIGRATIONS * (n == 0),
             "epoch": 1 + MIGRATIONS * (n == 0), "observed": "connected", "action": "look", "outcome": "ok", "next_at": None,
             "reason": "reconnect" if waits else None, "error": None, "starts": 0}
        if not waits and desired != "deleted":
            self.instances[str(instance)]["sessions"][a["session"]] = "connected" if desired == "connected" else "stopped"
        return a

    def migrations(self, a):
        self.instances["0"]["sessions"][a["session"]] = "stopped"  # where it was
        for epoch in range(1, 2 + MIGRATIONS):
            self.assignments.append([a["uuid"], epoch - 1, epoch, epoch - 1])
        for n in range(MIGRATIONS):
            e = chat_event_pb2.ChatEvent(event_id=uid("migrated", n), workspace_id=self.tenant, account_id=a["uuid"], origin=common_pb2.ORIGIN_LIVE)
            e.source.producer, e.source.epoch, e.source.seq = "cleanup", 1, n + 1
            e.account_migrated.kind, e.account_migrated.extra = "instance_down", json.dumps({"from": n, "to": n + 1})
            self.record("chat-event", f"{self.tenant}:{a['uuid']}", e.SerializeToString())
