#!/usr/bin/python3
"""Planted bugs: each patch beside this file breaks one invariant, as a plausible change might, and a test must catch it.

A patch begins with its head: what it breaks, `Invariant:` (one of those below) and `Caught by:`, the stage of tools/run-tests.py
and the K that picks its tests. These must pass without the patch and fail with it. A patch that does not apply or build
proves nothing and counts as a failure; so does an invariant without a patch.

The patches are applied to a copy of the tree in build/mutants; the tree itself is not changed. The deadlines of
tools/run-tests.py end tests that a patch makes hang.

usage: tests/mutants/run.py --check | [NAME...]     --check: only check that every patch still applies and picks a test that exists
"""
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

INVARIANTS = {
    "I1": "every acknowledged id is in PostgreSQL exactly once, and every effect is published exactly once",
    "I2": "nothing is stored or published that was not sent",
    "I3": "every offset consumed is accounted for",
    "I4": "every event is delivered, in order, to each endpoint that wants it, or is exhausted with a reason, or pending",
    "I5": "every counter equals a recount",
    "I6": "stored offsets never go back and have no gap",
    "I7": "nothing waits for ever; queues drain",
    "I8": "no message is sent twice knowingly",
    "I9": "nothing of one tenant reaches another",
    "I10": "a status never moves back",
    "I11": "no sanitizer report; memory is flat",
    "I12": "no secret, text or phone number in a log or metric",
    "I13": "a request is one message, and a campaign has each address of its audience once",
    "I14": "nothing is sent that is not marked, or of a campaign that does not run",
    "I15": "the counters of a campaign equal a recount of its recipients",
    "I16": "an account stays within its limits",
    "I17": "no campaign sends to an address that opted out of it",
    "I18": "no message stays unknown beyond its policy, and messages to a recipient keep their order",
    "I21": "no two instances run one session, and a session moves only when its instance has certainly ended",
    "I23": "no job deletes an account whose session works, or that came back",
    "I24": "retention deletes nothing younger than the cutoff, unread, or of another workspace",
    "I25": "no job deletes a row that is in use, and a dry run changes nothing",
    "I26": "every sealed value stays as it was last set, and no key is given up that a value or a backup needs",
    "I27": "nothing of an erased contact is left, and nothing of the person's next contact is erased",
}
ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/mutants"
COPY = ROOT / "build/mutants/tree"
LOGS = ROOT / "build/mutants/log"
# Builds that are copied with the sources, so that only objects that a patch changes are built.
BUILT = ("asan", "release", "gen", "version")


class Mutant:
    def __init__(self, file):
        self.file, self.name = file, file.stem
        head = file.read_text().partition("\n--- ")[0]
        self.invariant, self.stage, self.pick = re.search(r"^Invariant: (\w+)\nCaught by: (\w+) (.+)$", head, re.M).groups()
        assert self.invariant in INVARIANTS, f"{self.name}: which invariant is {self.invariant}?"

    def patch(self, folder, *options):
        """Applies the patch. Returns the error, or ""."""
        done = subprocess.run(["patch", "-p1", "--batch", "--fuzz=0", "--no-backup-if-mismatch", "--reject-file=-", *options,
                               "-i", self.file], cwd=folder, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode else ""


def all_mutants():
    """All mutants in the order of their invariants."""
    order = list(INVARIANTS)
    return sorted((Mutant(f) for f in HERE.glob("*.patch")), key=lambda m: (order.index(m.invariant), m.name))


def check(mutants):
    wrong = [f"{m.name}: {error}" for m in mutants if (error := m.patch(ROOT, "--dry-run"))]
    units = [str(t) for t in (ROOT / "tests/unit").rglob("test_*.c")]
    wrong += [f"{m.name}: no unit test is {m.pick}" for m in mutants if m.stage == "unit" and not any(m.pick in t for t in units)]
    wrong += [f"{i}: {words}: no planted bug" for i, words in INVARIANTS.items() if i not in {m.invariant for m in mutants}]
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


def copy_tree():
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.copytree(ROOT, COPY, symlinks=True, ignore=shutil.ignore_patterns(".git", "build"))
    (COPY / "build").mkdir()
    for name in BUILT:
        source = ROOT / "build" / name
        if source.is_dir():
            shutil.copytree(source, COPY / "build" / name, symlinks=True)
        elif source.exists():
            shutil.copy2(source, COPY / "build" / name)


def outcome(log, stage, pick):
    """Runs the tests up to the first failure. Returns "passed", "failed" or "not built"."""
    with open(LOGS / f"{log}.log", "ab") as out:
        done = subprocess.run(["tools/run-tests.py", stage], cwd=COPY, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                              env=os.environ | {"K": pick, "V": "", "PYTEST_ADDOPTS": "-x", "ONCE": "1"})
    if done.returncode and f"--- {stage}-build failed" in (LOGS / f"{log}.log").read_text(errors="replace"):
        return "not built"
    return "failed" if done.returncode else "passed"


def try_mutant(mutant):
    """Returns "caught", or why not."""
    error = mutant.patch(COPY)
    if error:
        return f"does not apply: {error}"
    try:
        result = outcome(mutant.name, mutant.stage, mutant.pick)
    finally:
        mutant.patch(COPY, "--reverse")
    return {"passed": "SURVIVED", "failed": "caught", "not built": "does not build"}[result]


def try_all(mutants):
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    copy_tree()
    sound, caught = {}, 0
    for m in mutants:
        began, tests = time.monotonic(), (m.stage, m.pick)
        if tests not in sound:
            sound[tests] = outcome(f"{m.stage}-{len(sound)}-without", *tests)
        verdict = try_mutant(m) if sound[tests] == "passed" else f"without the patch its tests are {sound[tests]}"
        caught += verdict == "caught"
        print(f"{m.invariant:4} {m.name:52} {verdict} ({m.stage} {m.pick}, {time.monotonic() - began:.0f} s)", flush=True)
    print(f"{caught} passed, {len(mutants) - caught} failed; logs in {LOGS.relative_to(ROOT)}")
    return 0 if caught == len(mutants) > 0 else 1


def main(arguments):
    if arguments == ["--check"]:
        return check(all_mutants())
    return try_all([m for m in all_mutants() if not arguments or m.name in arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
