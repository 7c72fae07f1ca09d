#!/usr/bin/python3
"""A rolling upgrade under load: from the programs and the schema of the last release to those of this tree, with a backfill, back, and forward again.

    tests/upgrade/upgrade.py --seed 7
    tests/upgrade/upgrade.py --from REVISION       instead of the revision in tests/upgrade/FROM

System, load and ledger are those of tests/chaos. As root it runs in namespaces of its own. Programs:
BLAZZ_BIN, else build/release/bin; the old ones are built once into build/upgrade/REVISION. README.md beside this file has the details.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/chaos"), str(ROOT / "tests/e2e"), str(ROOT / "build/gen/python")]
os.environ.setdefault("BLAZZ_BIN", str(ROOT / "build/release/bin"))

import run as chaos  # noqa: E402 (found by the lines above)
import snapshot  # noqa: E402
from balance import Balancer  # noqa: E402
from catalogue import Fault  # noqa: E402
from plan import Planner  # noqa: E402
from schema import LOG_SETTINGS, Schema, cancelled, deadlocks, dump, lock_waits, with_own_changes  # noqa: E402
from server_faults import topic_config  # noqa: E402
from system import MAX_CONNECTIONS, REPLICAS, UNMANAGED, System, free_port  # noqa: E402

from harness.servers import Postgres  # noqa: E402
from harness.service import BIN  # noqa: E402
from harness.waiting import wait_for  # noqa: E402

FROM = ROOT / "tests/upgrade/FROM"
CONSUMERS = ("webhook-dispatcher", "chat-sync")
IN_FLIGHT_S = 20.0
BACKFILL_S = 120.0
LOCK_WAIT_MS = 5000
REJECTED = (400, 401, 422)  # answers to what the load sends as invalid
OWN_CHANGES = ("peer_index", "peer_key", "peer_key_valid")
NOT_COMPLETE = "backfill chat_peers is not complete"
ARCHIVED = 100_000
# Messages in conversations of a hundred, in blocks of ids as chat-sync draws them.
ARCHIVE = """WITH place AS (SELECT %s::bigint AS workspace_id, %s::integer AS n),
    people AS (INSERT INTO contacts (workspace_id, source_type) SELECT workspace_id, 'webjs' FROM place, generate_series(1, n / 100) RETURNING workspace_id, id),
    talks AS (INSERT INTO conversations (workspace_id, account_id, contact_id) SELECT p.workspace_id, a.id, p.id FROM people p
        JOIN whatsapp_accounts a ON a.workspace_id = p.workspace_id RETURNING workspace_id, id, account_id),
    blocks AS MATERIALIZED (SELECT nextval('chats_id_block') AS first FROM place, generate_series(1, n / 1000)),
    ids AS (SELECT first + g AS id, row_number() OVER (ORDER BY first, g) - 1 AS nth FROM blocks, generate_series(0, 999) g),
    numbered AS (SELECT *, row_number() OVER (ORDER BY id) - 1 AS nth FROM talks)
    INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin, metadata, sent_at)
    SELECT t.workspace_id, i.id, t.account_id, t.id, 'true:archive-' || i.nth, 'outbound', 'text', 'sent', 'history',
        jsonb_build_object('body', 'archived'), '2026-01-01'::timestamptz + i.nth * interval '1 s'
    FROM ids i JOIN numbered t ON t.nth = i.nth / 100"""


def resolved(revision):
    """The full hash of a revision."""
    found = subprocess.run(["git", "rev-parse", "--verify", "--quiet", revision + "^{commit}"], cwd=ROOT, capture_output=True, text=True)
    if found.returncode:
        sys.exit(f"upgrade: there is no revision {revision} here; in a shallow clone: git fetch origin {revision}")
    return found.stdout.strip()


def build(revision):
    """Builds the programs of a revision, once. Returns its tree."""
    tree = ROOT / "build/upgrade" / revision
    if not (tree / "built").exists():
        print(f"upgrade: building {revision} in {tree}", flush=True)
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir(parents=True)
        sources = subprocess.Popen(["git", "archive", revision], cwd=ROOT, stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", tree], stdin=sources.stdout, check=True)
        path = f"/usr/lib/ccache:{os.environ['PATH']}"  # used when it is installed
        subprocess.run(["make", "--silent", "V=release", f"VERSION={revision}", "build"], cwd=tree, check=True,
                       env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")} | {"PATH": path, "CCACHE_NOHASHDIR": "1"})
        (tree / "built").touch()
    return tree


class OldPostgres(Postgres):
    """A server whose databases have the schema of another tree. It logs how long statements wait for locks."""

    def __init__(self, tree, folder):
        super().__init__(folder, "start")
        self.tree = tree
        for setting in LOG_SETTINGS:
            self.run("postgres", f"ALTER SYSTEM SET {setting}")
        self.run("postgres", "SELECT pg_reload_conf()")

    def create_database(self):
        self.run("postgres", "CREATE DATABASE upgraded")
        old = Schema(self.tree / "db", self, "upgraded")
        old.deploy(old.last())
        return "upgraded"


class Upgrade(System):
    """Starts with the programs and the schema of the last release."""

    sends = bridges = keeps = False  # it had no campaign-sender, and no cleanup

    def __init__(self, folder, planner, root, old):
        self.server, self.programs = partial(OldPostgres, old), old / "build/release/bin"
        super().__init__(folder, planner, root)
        self.old, self.figures = self.programs, {}
        self.schema = Schema(with_own_changes(self.folder / "db"), self.postgres, self.blazz.database)
        self.released, self.present = (Schema(tree / "db", self.postgres, self.blazz.database).last() for tree in (old, ROOT))
        self.add_ingest()
        self.archive = self.add_archive()

    def new_replica(self, service, name):
        """A wait for a lock ends neither itself nor its program, so that it is seen."""
        replica = super().new_replica(service, name)
        replica.settings["postgres.statement_timeout"] = "30s"
        return replica

    def add_ingest(self):
        """A second replica, and what distributes the requests."""
        ports = [self.http_port, free_port()]
        self.ingest_ports = dict(zip(("ingest", "ingest.two"), ports))
        settings = self.ingest.settings | {"http.listen": f"127.0.0.1:{ports[1]}"}
        second = self.blazz.service("ingest", settings, "ingest.two", env=self.clock_env("ingest.two")).start()
        self.replicas["ingest"].append(second)
        self.balancer = Balancer(ports)
        self.load.clients = {name: self.balancer.client() for name in self.load.clients}

    def add_archive(self):
        """Messages of a tenant whose accounts are silent. Returns the workspace."""
        workspace = self.blazz.add_workspace("archive")
        self.blazz.add_account(workspace, "secret", session="archive", provider="webjs", bridge="waha", ref="archive", instance=UNMANAGED)
        id_ = self.blazz.value("SELECT id FROM workspaces WHERE uuid = %s", workspace)
        self.blazz.sql(ARCHIVE, id_, ARCHIVED)
        return id_

    # The ledger

    def sessions_are_few(self):
        """Of as many programs as now."""
        labels = {s.label for s in self.services()}
        first = next((sum(p["connections"] for p in u.values()) for u in self.usage if u.keys() == labels), MAX_CONNECTIONS)
        return len(snapshot.sessions_now(self.admin_conninfo())) <= first

    def take_snapshot(self):
        """Without campaign-sender's progress: it has nothing to send, and is stopped while the last release runs."""
        taken = super().take_snapshot()
        taken.tables["consumer_progress"] = [r for r in taken.tables["consumer_progress"] if r["consumer"] != "campaign-sender"]
        return taken

    # The steps of an operator, as docs/install.md (Upgrading) says

    def forward(self, random):
        self.migrate("peer_column")
        self.roll_forward(random)

    def forward_again(self, random):
        self.migrate(self.present)
        self.roll_forward(random)
        self.add_service("cleanup")

    def migrate(self, to):
        self.timed(f"deploy to {to}", lambda: self.schema.deploy(to))

    def roll_forward(self, random):
        self.blazz.programs = BIN
        self.blazz.ctl("topics", "create", "--partitions", "4", "--replication", "1")
        self.replace_all("webhook-dispatcher", BIN, random)
        self.add_service("campaign-sender")
        self.replace_all("chat-sync", BIN, random)
        self.replace_all("ingest", BIN, random)

    def backfill(self, random):
        """cleanup comes last, and fills the column; then its index and its key follow."""
        assert NOT_COMPLETE in self.schema.refusal("peer_key")
        self.add_service("cleanup")
        began = time.monotonic()
        assert NOT_COMPLETE in self.schema.refusal("peer_key")
        wait_for(lambda: self.blazz.value("SELECT completed_at FROM backfills WHERE name = 'chat_peers'"),
                 lambda: f"{self.blazz.sql('SELECT * FROM backfills')}", BACKFILL_S)
        self.figures["backfill"] = f"{self.blazz.value('SELECT rows FROM backfills')} rows in {time.monotonic() - began:.1f} s"
        for change in OWN_CHANGES:
            self.migrate(change)
        assert any(s.is_alive() for s in self.load.senders), "the load had ended before the migration"
        unfilled = self.blazz.value("""SELECT count(*) FROM chats c JOIN conversations v ON (v.workspace_id, v.id) = (c.workspace_id, c.conversation_id)
            WHERE c.workspace_id = %s AND c.peer_id IS DISTINCT FROM v.contact_id""", self.archive)
        assert not unfilled, f"{unfilled} rows are not filled"

    def back(self, random):
        """Producers first."""
        for service in ("cleanup", "campaign-sender"):
            self.remove_service(service)
        self.replace_all("ingest", self.old, random)
        for service in reversed(CONSUMERS):
            self.replace_all(service, self.old, random)
        self.blazz.programs = self.old

    def revert(self, random):
        """The schema, too, although the last release would run on the new one."""
        self.timed(f"revert to {self.released}", lambda: self.schema.revert(self.released))

    def timed(self, what, run):
        began = time.monotonic()
        given_way = run()
        self.figures[what] = f"{time.monotonic() - began:.1f} s" + (f", given way {given_way} times" if given_way else "")

    def add_service(self, service):
        """Replicas of a program that the last release did not have."""
        self.replicas[service] = [self.storm_replica(service, name) for name in REPLICAS]
        for one in self.replicas[service]:
            one.start()

    def remove_service(self, service):
        for one in self.replicas.pop(service):
            one.stop()

    def replace_all(self, service, programs, random):
        """Replaces replicas one by one; one chat-sync is killed while its outbox has unpublished rows."""
        killed = random.choice(self.replicas[service]) if service == "chat-sync" else None
        for one in self.replicas[service]:
            with self.balancer.without(self.ingest_ports[one.label]) if service == "ingest" else nullcontext():
                if one is killed:
                    self.kill_with_outbox(one)
                else:
                    one.stop()
                one.programs = programs
                one.start()

    def kill_with_outbox(self, one):
        restore = topic_config(self, "chat-event", **{"min.insync.replicas": "2"})
        try:
            wait_for(lambda: self.blazz.value("SELECT count(*) FROM outbox WHERE producer = 'chat-sync'") > 0, "the outbox has events", IN_FLIGHT_S)
            one.kill()
        finally:
            restore()

    # What an upgrade may not do

    def failed_requests(self):
        """Those that were not answered at the first attempt as they should be."""
        for line in map(json.loads, (self.folder / "journal.jsonl").read_text().splitlines()):
            if line.get("attempts", 1) > 1 or line["what"] == "abandoned" or line["what"] == "rejected" and line["status"] not in REJECTED:
                yield line

    def disturbances(self):
        text = Path(self.postgres.folder, "log").read_text(errors="replace")
        waits, ended, failed = lock_waits(text), cancelled(text), list(self.failed_requests())
        self.figures["longest waits for locks, ms"] = {role: round(ms) for role, ms in waits.items()}
        self.figures["deadlocks"], self.figures["failed requests"] = dict(deadlocks(text)), len(failed)
        return [f"{role} waited {ms:.0f} ms for a lock" for role, ms in waits.items() if ms > LOCK_WAIT_MS] + \
            [f"{n} statements of {role} waited too long" for role, n in ended.items()] + \
            [f"{len(failed)} requests failed, the first: {failed[0]}" for _ in failed[:1]]


# The steps, each under load: its seconds, and how many items an account has, from and to. The ledger checks the state before the first and after each.
STEPS = (
    ("the last release", None, 15.0, (60, 110)),
    ("forward", Upgrade.forward, 30.0, (120, 210)),
    ("backfill", Upgrade.backfill, 120.0, (240, 400)),
    ("back", Upgrade.back, 15.0, (60, 110)),
    ("revert", Upgrade.revert, 15.0, (60, 110)),
    ("forward again", Upgrade.forward_again, 30.0, (120, 210)),
)


def run(options, folder, old):
    planner = Planner(options.seed)
    system, verdict, step, taken = Upgrade(folder, planner, bool(os.environ.get(chaos.INSIDE)), old), "held", "the beginning", None
    definitions = {"before": dump(system.postgres, system.blazz.database)}
    try:
        chaos.judge(system)  # the baseline of later cycles
        for n, (step, act, *load) in enumerate(STEPS, 1):
            at = time.monotonic()
            planner.span_s, planner.per_account = load
            acts = [(Fault(step, "", False, act, ""), 1.0, f"{options.seed}/{n}")] if act else []
            taken, _ = chaos.cycle(system, n, planner.cycle(), acts)
            if act is Upgrade.revert and (now := dump(system.postgres, system.blazz.database)) != definitions["before"]:
                raise chaos.Broken(f"the schema is not what it was: {now - definitions['before']} for {definitions['before'] - now}")
            print(f"{n}. {step}: {time.monotonic() - at:.1f} s", flush=True)
            if wrong := system.disturbances():
                raise chaos.Broken("\n".join(wrong))
    except chaos.Broken as e:
        verdict = f"broken in: {step}\n{e}"
    finally:
        wrong = system.close()
    if wrong and verdict == "held":
        verdict = "I11 is broken: " + "\n".join(wrong)
    return verdict, (chaos.figures(taken) if taken else {}) | system.figures


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="revision", help="the revision to upgrade from; default: the one in tests/upgrade/FROM")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--keep", action="store_true", help="keep the folder of a run that held, too")
    options = parser.parse_args()
    options.revision = resolved(options.revision or FROM.read_text().strip())
    return options


def main():
    options = arguments()
    old = build(options.revision)
    if not os.environ.get(chaos.INSIDE) and chaos.may_enter_namespaces():
        sys.argv += ["--seed", str(options.seed)]
        return chaos.enter_namespaces()
    folder = Path(tempfile.mkdtemp(prefix="blazz-upgrade-", dir="/tmp"))
    folder.chmod(0o755)  # user postgres must be able to enter it
    print(f"upgrade: from {options.revision}, seed {options.seed}, in {folder}", flush=True)
    verdict, figures = run(options, folder, old)
    if verdict == "held" and not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"upgrade: from {options.revision}, seed {options.seed}: {verdict}\n{figures}")
    return 0 if verdict == "held" else 1


if __name__ == "__main__":
    sys.exit(main())
