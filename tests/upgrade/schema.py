"""The schema under load: what sqitch deploys and reverts, and how long statements waited for locks meanwhile.

On top of db/ there are changes of the test's own, in db/ beside this file: a column of chats that a backfill fills, its index and its key.
"""
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

from harness.servers import ROOT
from harness.waiting import wait_for

OWN = Path(__file__).resolve().parent / "db"
DEPLOY_S = 120.0
# log_lock_waits writes a wait of more than deadlock_timeout, and again when it ends.
LOG_SETTINGS = ("log_lock_waits = on", "log_line_prefix = '%m %u '")
WAITED = re.compile(r"^\S+ \S+ \S+ (\w*) LOG:  process \d+ (?:still waiting for|acquired) .* after ([\d.]+) ms", re.M)
CANCELLED = re.compile(r"^\S+ \S+ \S+ (\w*) ERROR:  canceling statement due to (?:lock|statement) timeout", re.M)
DEADLOCK = re.compile(r"^\S+ \S+ \S+ (\w*) ERROR:  deadlock detected", re.M)


class Schema:
    """A folder with changes as db/ has them, on one database."""

    def __init__(self, folder, postgres, database):
        self.folder = folder
        self.target = f"db:pg://postgres@127.0.0.1:{postgres.parts()['port']}/{database}"

    def last(self):
        """The name of the last change."""
        return (self.folder / "sqitch.plan").read_text().split("\n")[-2].split()[0]

    def sqitch(self, *words):
        done = subprocess.run(["sqitch", *words, self.target], cwd=self.folder, capture_output=True, text=True,
                              env=os.environ | {"SQITCH_CONFIG": "sqitch.conf", "SQITCH_FULLNAME": "test", "SQITCH_EMAIL": "test@localhost"})
        return done.returncode == 0, done.stdout + done.stderr

    def run(self, *words):
        """Again, as long as a change gives way to services because of a lock. Returns how often it did."""
        given_way = 0

        def done():
            nonlocal given_way
            ok, text = self.sqitch(*words)
            assert ok or "lock timeout" in text or "deadlock detected" in text, f"sqitch {words}: {text}"
            given_way += not ok
            return ok

        wait_for(done, f"sqitch {words}", DEPLOY_S)
        return given_way

    def deploy(self, to):
        return self.run("deploy", "--verify", "--to-change", to)

    def revert(self, to):
        return self.run("revert", "-y", "--to-change", to)

    def refusal(self, to):
        """Why a change is not deployed."""
        ok, text = self.sqitch("deploy", "--verify", "--to-change", to)
        assert not ok, text
        return text


def with_own_changes(folder):
    """A copy of db/ to which the test's own changes are added."""
    shutil.copytree(ROOT / "db", folder)
    for kind in ("deploy", "revert", "verify"):
        shutil.copytree(OWN / kind, folder / kind, dirs_exist_ok=True)
    with open(folder / "sqitch.plan", "a") as plan:
        plan.write((OWN / "sqitch.plan").read_text())
    return folder


def dump(postgres, database):
    """The definitions of a database, for comparison: without partitions, as a day may pass between two of them, and without rights, which may be listed
    in another order."""
    done = subprocess.run(["pg_dump", "--schema-only", "--exclude-schema=sqitch", "--exclude-table=*_attempts_*", "--no-privileges",
                           "--dbname", postgres.conninfo(database, "postgres")], capture_output=True, text=True, check=True)
    return Counter(line for line in done.stdout.split("\n") if not line.startswith(("--", "\\")))


def lock_waits(text):
    """{role: ms of the longest wait} that PostgreSQL has logged."""
    longest = {}
    for role, ms in WAITED.findall(text):
        longest[role] = max(longest.get(role, 0.0), float(ms))
    return longest


def cancelled(text):
    """{role: statements} that waited too long. cleanup gives way to all others after 100 ms, and tries again; changes do after 5 s."""
    return Counter(role for role in CANCELLED.findall(text) if role not in ("postgres", "blazz_cleanup"))


def deadlocks(text):
    """{role: transactions} that PostgreSQL ended, and that their program repeated."""
    return Counter(DEADLOCK.findall(text))
