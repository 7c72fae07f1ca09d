#!/usr/bin/python3
"""A rolling upgrade under load: from the programs and the schema of the last release to those of this tree, back, and forward again.

    tests/upgrade/upgrade.py --seed 7
    tests/upgrade/upgrade.py --from REVISION       instead of the revision in tests/upgrade/FROM

System, load and ledger are those of tests/chaos. As root it runs in namespaces of its own. Programs:
BLAZZ_BIN, else build/release/bin; the old ones are built once into build/upgrade/REVISION. README.md beside this file has the details.
"""
import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/chaos"), str(ROOT / "tests/e2e"), str(ROOT / "build/gen/python")]
os.environ.setdefault("BLAZZ_BIN", str(ROOT / "build/release/bin"))

import run as chaos  # noqa: E402 (found by the lines above)
from catalogue import Fault  # noqa: E402
from plan import Planner  # noqa: E402
from server_faults import topic_config  # noqa: E402
from system import System  # noqa: E402

from harness.servers import Postgres  # noqa: E402
from harness.service import BIN  # noqa: E402
from harness.waiting import wait_for  # noqa: E402

FROM = ROOT / "tests/upgrade/FROM"
CONSUMERS = ("webhook-dispatcher", "chat-sync")
SPAN_S, PER_ACCOUNT = 15.0, (60, 110)  # of load, in which all programs are replaced
IN_FLIGHT_S = 20.0
MIGRATE_S = 60.0


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


def deploy(tree, postgres, database):
    """Migrates a database with a tree's db/. Returns False when a change timed out on a lock and must be deployed again."""
    done = subprocess.run(["sqitch", "deploy", "--verify", f"db:pg://postgres@127.0.0.1:{postgres.parts()['port']}/{database}"],
                          cwd=tree / "db", capture_output=True, text=True,
                          env=os.environ | {"SQITCH_CONFIG": "sqitch.conf", "SQITCH_FULLNAME": "test", "SQITCH_EMAIL": "test@localhost"})
    if done.returncode and "lock timeout" not in done.stdout + done.stderr:
        raise AssertionError(f"sqitch deploy ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.returncode == 0


class OldPostgres(Postgres):
    """A server whose databases have the schema of another tree."""

    def __init__(self, tree, folder):
        super().__init__(folder, "start")
        self.tree = tree

    def create_database(self):
        self.run("postgres", "CREATE DATABASE upgraded")
        assert deploy(self.tree, self, "upgraded")
        return "upgraded"


class Upgrade(System):
    """Starts with the programs and the schema of the last release."""

    sends = bridges = False  # it had no campaign-sender, and no cleanup

    def __init__(self, folder, planner, root, old):
        self.server, self.programs = partial(OldPostgres, old), old / "build/release/bin"
        super().__init__(folder, planner, root)
        self.old = self.programs

    # The steps of an operator, as docs/install.md (Upgrading) says

    def forward(self, random):
        wait_for(lambda: deploy(ROOT, self.postgres, self.blazz.database), "the schema is migrated", MIGRATE_S)
        self.blazz.programs = BIN
        self.blazz.ctl("topics", "create", "--partitions", "4", "--replication", "1")
        for service in CONSUMERS:
            self.replace_all(service, BIN, random)
        self.replace_all("ingest", BIN, random)

    def back(self, random):
        """Producers first."""
        self.replace_all("ingest", self.old, random)
        for service in reversed(CONSUMERS):
            self.replace_all(service, self.old, random)
        self.blazz.programs = self.old

    def replace_all(self, service, programs, random):
        """Replaces replicas one by one; one chat-sync is killed while its outbox has unpublished rows."""
        killed = random.choice(self.replicas[service]) if service == "chat-sync" else None
        for one in self.replicas[service]:
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


# The steps, each under load. The ledger checks the state before the first and after each.
STEPS = (
    ("the last release", None),
    ("forward", Upgrade.forward),
    ("back", Upgrade.back),
    ("forward again", Upgrade.forward),
)


def run(options, folder, old):
    planner = Planner(options.seed, SPAN_S, PER_ACCOUNT)
    system, verdict, step, snapshot = Upgrade(folder, planner, bool(os.environ.get(chaos.INSIDE)), old), "held", "the beginning", None
    try:
        chaos.judge(system)  # the baseline of later cycles
        for n, (step, act) in enumerate(STEPS, 1):
            at = time.monotonic()
            acts = [(Fault(step, "", False, act, ""), 1.0, f"{options.seed}/{n}")] if act else []
            snapshot, _ = chaos.cycle(system, n, planner.cycle(), acts)
            print(f"{n}. {step}: {time.monotonic() - at:.1f} s", flush=True)
    except chaos.Broken as e:
        verdict = f"broken in: {step}\n{e}"
    finally:
        wrong = system.close()
    if wrong and verdict == "held":
        verdict = "I11 is broken: " + "\n".join(wrong)
    return verdict, chaos.figures(snapshot) if snapshot else {}


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
