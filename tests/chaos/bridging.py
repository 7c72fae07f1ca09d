"""The load of cleanup: a tenant of its own, whose sessions run on instances of a stub, and what is wanted of them.

It is apart from the tenants of plan.py, because what is stored of its accounts depends on the faults. bridged.py judges it.
"""
import json
import threading
import time
from collections import defaultdict
from contextlib import closing

import psycopg2
import psycopg2.extras

from harness.blazz import fetched
from harness.cleanup import Account, Instance
from harness.client import SECRETS
from harness.provider_stub import DIALECTS, KEY, ProviderStub
from harness.waiting import wait_for

from bridged import RUNNING, unreached
from bridging_plan import ACCOUNTS, INSTANCES
from load import PATIENCE_S

# A stopped leader loses its lease soon, and the sessions of an instance that is down end soon.
TIMES = {"lease.ttl": "3s", "lease.renew": "500ms", "lease.session_ttl": "3s", "drain.timeout": "2s"}
WATCH_EVERY_S = 0.1
SETTLED_S = 5.0  # in which a start that came due at the end of a cycle is over
CALLS_MAX = 10_000
STATE = """SELECT a.uuid::text, a.session_id AS session, a.bridge_kind AS kind, a.desired_state AS desired, a.deleted_at IS NOT NULL AS deleted,
    a.is_primary AS primary, a.status, a.assigned_instance_index AS instance, a.instance_migration_count AS migrations,
    coalesce(c.assignment_epoch, 0) AS epoch, c.observed, c.action, c.outcome, c.reason, c.next_at::text, c.error, c.starts
    FROM whatsapp_accounts a LEFT JOIN account_control c ON (c.workspace_id, c.account_id) = (a.workspace_id, a.id)
    WHERE a.workspace_id = (SELECT id FROM workspaces WHERE uuid = %s) ORDER BY a.id"""


class Watch(threading.Thread):
    """Samples assignments, and what runs at the stub, during the faults."""

    def __init__(self, bridging):
        super().__init__(daemon=True)
        self.bridging, self.assignments, self.twice, self.samples, self.calls, self.seq = bridging, [], [], 0, 0, 0
        self.client, self.ended = bridging.stub.client(), threading.Event()

    def run(self):
        while not self.ended.wait(WATCH_EVERY_S):
            for look in (self.look_at_rows, self.look_at_sessions, self.look_at_calls):
                try:
                    look()
                except (psycopg2.Error, OSError, AssertionError):  # a server does not answer
                    pass

    def look_at_rows(self):
        known = {a: rest for a, *rest in self.assignments}  # the latest
        for r in self.bridging.rows():
            now = [r["instance"], r["epoch"], r["migrations"]]
            if known.get(r["uuid"]) != now:
                self.assignments.append([r["uuid"], *now])

    def look_at_sessions(self):
        places, self.samples = defaultdict(list), self.samples + 1
        for index, i in self.bridging.sessions(self.client).items():
            for name, state in i["sessions"].items():
                if i["kind"] == "blazz" and state in RUNNING:
                    places[name].append(index)
        self.twice += [[name, found] for name, found in places.items() if len(found) > 1]

    def look_at_calls(self):
        answer = self.client.request("GET", f"/_calls?after={self.seq}&limit={CALLS_MAX}")
        for line in map(json.loads, answer.body.splitlines()):
            self.seq, self.calls = line["seq"], self.calls + 1
            if line["provider"] == "blazz" and line.get("also_at"):
                self.twice.append([line["session"], [line["instance"], line["also_at"]]])


class Bridging:
    def __init__(self, blazz, folder, planner, gate):
        self.blazz, self.planner, self.gate, self.failures, self.thread = blazz, planner, gate, [], None
        self.stub = ProviderStub(folder / "bridges", journal__bodies=False, rules__seed=planner.random.randrange(1 << 30), rules__hang="2s").start()
        self.workspace = blazz.add_workspace(planner.marker)
        self.instances = [Instance(self, kind, storage_group=group) for kind, group in INSTANCES]
        self.accounts = [Account(self, kind) for kind in ACCOUNTS]
        self.sql("SELECT account_primary(id, NULL) FROM workspaces WHERE uuid = %s", self.workspace)
        self.watch = Watch(self)
        self.watch.start()

    def sql(self, query, *parameters):
        """Over a connection of its own: faults end connections, and another thread has its own."""
        with self.gate.passing(), closing(psycopg2.connect(self.blazz.conninfo("postgres"), connect_timeout=2)) as c, c, \
                c.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            cursor.execute(query, parameters)
            return fetched(cursor)

    # Load

    def start(self, wishes):
        self.thread = threading.Thread(target=self.run, args=(wishes, time.monotonic()), daemon=True)
        self.thread.start()

    def run(self, wishes, began):
        try:
            for w in wishes:
                time.sleep(max(0.0, began + w.due - time.monotonic()))  # not a wait for a condition: the load has a schedule
                wait_for(lambda w=w: self.done(w), f"{w} is written", PATIENCE_S)
        except Exception as e:  # reported by finish()
            self.failures.append(e)

    def done(self, wish):
        try:
            getattr(self, f"do_{wish.what}")(self.accounts[wish.account], wish.value)
            return True
        except psycopg2.Error:
            return False

    @staticmethod
    def do_desire(account, state):
        account.desire(state)

    @staticmethod
    def do_ask(account, what):
        account.ask(what)

    def do_move(self, account, instance):
        self.sql("UPDATE whatsapp_accounts SET move_to = %s, move_at = clock_timestamp() WHERE uuid = %s", self.instances[instance].index, account.uuid)

    def finish(self):
        self.thread.join()
        assert not self.failures, f"what was wanted of sessions could not be written: {self.failures}"
        self.stub.rules()

    # State

    def rows(self):
        return self.sql(STATE, self.workspace)

    def sessions(self, client=None):
        """{index of an instance: {"kind", "sessions": {name: state}}}, as the stub says"""
        index, out = {i.name: i.index for i in self.instances}, {}
        for i in (client or self.stub.kept_client).request("GET", "/_instances").json():
            out[str(index[i["name"]])] = {"kind": i["provider"], "sessions": {
                s["name"]: s["state"] for s in i["sessions"] if s["state"] != "absent"}}
        return out

    def settled(self):
        return not unreached(self.now())

    def now(self):
        return {"accounts": self.rows(), "instances": self.sessions()}

    def state(self):
        """For the ledger, when possible at a moment at which no start is under way."""
        end, now = time.monotonic() + SETTLED_S, self.now()
        while unreached(now) and time.monotonic() < end:
            now = self.now()
        return now | {"tenants": {self.workspace: self.planner.marker}, "secrets": [KEY, *(SECRETS[DIALECTS[k]] for k in sorted(set(ACCOUNTS)))],
                      "assignments": list(self.watch.assignments), "twice": list(self.watch.twice), "samples": self.watch.samples,
                      "calls": self.watch.calls}

    def remaining(self):
        now = self.now()
        return [*unreached(now), *map(str, now["instances"].items()), *(str(a) for a in now["accounts"] if a["reason"]),
                *(str(r) for r in self.sql("SELECT index, kind, state, failures, probed_at::text, error FROM instances"))]

    def close(self):
        self.watch.ended.set()
        self.watch.join()
        return self.stub.close()
