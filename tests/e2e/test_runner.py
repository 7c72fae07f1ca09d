"""tools/run-tests.py, in a tree of its own with unit tests that fail a given number of times."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEST = """#!/bin/sh
echo 1..1
echo >>$0.runs
if [ $(wc -l <$0.runs) -gt {failures} ]; then echo 'ok 1 - it'; else echo 'not ok 1 - it'; {last_words}; exit 1; fi
"""


@pytest.fixture
def run_unit(tmp_path):
    """Runs the stage unit with programs that fail so many times and then pass. Returns the lines of output and the exit code."""
    def run(failures, last_words=":", **environment):
        (tmp_path / "tools").mkdir(exist_ok=True)
        shutil.copy(ROOT / "tools/run-tests.py", tmp_path / "tools")
        (tmp_path / "Makefile").write_text("%:;@:\n")
        for i, n in enumerate(failures):
            for file in (tmp_path / f"tests/unit/test_{i}.c", tmp_path / f"build/asan/tests/unit/test_{i}"):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(TEST.format(failures=n, last_words=last_words))
                file.chmod(0o755)
        done = subprocess.run([tmp_path / "tools/run-tests.py", "unit"], capture_output=True, text=True, timeout=60,
                              env={k: v for k, v in os.environ.items() if k not in ("V", "K", "ONCE")} | environment)
        return done.stdout.splitlines(), done.returncode

    return run


UNSTEADY = "unsteady: passed when run again: unit/test_"


@pytest.mark.parametrize("failures, unsteady, closing, code", [
    ([0, 0], 0, "3 passed, 0 failed", 0),
    ([0, 1, 1], 2, "4 passed, 0 failed", 0),
    ([0, 1, 1, 1], 3, "5 passed, 1 failed", 1),
    ([1] * 5, 5, "6 passed, 3 failed", 1),
    ([0, 1, 2], 1, "3 passed, 1 failed", 1),  # failing again is no accident
    ([1] * 6, 0, "1 passed, 6 failed", 1),  # nor are so many failures: nothing is repeated
], ids=["none", "two", "three", "five", "one fails again", "six"])
def test_two_unsteady_tests_are_named_and_a_third_fails_the_run(run_unit, failures, unsteady, closing, code):
    lines, exited = run_unit(failures)
    assert (lines[-1], exited) == (closing, code), "\n".join(lines)
    ended = next(i for i, line in enumerate(lines) if line.startswith("== unit: "))
    assert sum(line.startswith(UNSTEADY) for line in lines[ended:]) == unsteady


@pytest.mark.parametrize("how", [
    {"last_words": "echo 'ERROR: AddressSanitizer: heap-use-after-free'"},
    {"last_words": "echo 'x.c:1: Assertion `a` failed'"},
    {"ONCE": "1"},
], ids=["sanitizer", "assertion", "ONCE=1"])
def test_a_sanitizer_report_a_failed_assertion_or_once_prevents_a_repeat(run_unit, how):
    lines, exited = run_unit([1], **how)
    assert (lines[-1], exited) == ("1 passed, 1 failed", 1)


MEETS = """#!/bin/sh
touch {self}
timeout 30 sh -c 'until [ -e {other} ]; do sleep 0.1; done' && echo 'Done 7 runs'
"""


@pytest.mark.parametrize("finds", [False, True], ids=["nothing", "a crash"])
def test_fuzzers_run_beside_chaos_and_count_for_themselves(tmp_path, finds):
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/run-tests.py", tmp_path / "tools")
    (tmp_path / "Makefile").write_text("%:;@:\n")
    for file, text in (("tests/fuzz/fuzz_a.c", ""), ("tests/chaos/test_ledger.py", "def test_it():\n    pass\n"),
                       ("build/fuzz/bin/fuzz_a", MEETS.format(self="fuzzing", other="chaos") + ("exit 77\n" if finds else "")),
                       ("tests/chaos/run.py", MEETS.format(self="chaos", other="fuzzing"))):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
        (tmp_path / file).chmod(0o755)
    done = subprocess.run([tmp_path / "tools/run-tests.py", "chaos", "fuzz"], capture_output=True, text=True, timeout=120,
                          env={k: v for k, v in os.environ.items() if k not in ("V", "K", "ONCE")})
    lines = done.stdout.splitlines()
    assert "  fuzz_a: 7 runs" in lines, done.stdout
    assert [line.rpartition(",")[0] for line in lines if line.endswith(" s")] == [
        "== chaos: 4 passed, 0 failed", f"== fuzz: {int(not finds)} passed, {int(finds)} failed"]
    assert (lines[-1], done.returncode) == (f"{5 - finds} passed, {int(finds)} failed", int(finds))


def test_programs_that_need_postgresql_share_a_server_that_ends_with_the_run(run_unit, tmp_path):
    note = tmp_path / "build/asan/obj/tests/unit/test_1.d"
    note.parent.mkdir(parents=True)
    note.write_text("test_1.o: tests/unit/../pg_temp.h\n")
    (tmp_path / "tools").mkdir()
    server = tmp_path / "tools/pg-temp.sh"
    server.write_text(f"#!/bin/sh\necho $1 $2 >>{tmp_path}/calls\necho port=$1\n")
    server.chmod(0o755)
    lines, exited = run_unit([1, 1], last_words=f"echo $BLAZZ_TEST_PG >>{tmp_path}/seen")
    assert (lines[-1], exited) == ("3 passed, 0 failed", 0), "\n".join(lines)
    calls = [line.split() for line in (tmp_path / "calls").read_text().splitlines()]
    assert [c[0] for c in calls] == ["migrated", "remove"] and calls[0][1] == calls[1][1]
    assert (tmp_path / "seen").read_text() == "port=migrated\n" * 2


def test_no_server_is_started_for_programs_that_need_none(run_unit):
    lines, exited = run_unit([0])  # the tree has no tools/pg-temp.sh
    assert (lines[-1], exited) == ("2 passed, 0 failed", 0)


SOURCES = {  # and the header that each includes
    "libs/base/map.c": "libs/base/map.h", "libs/base/map.h": None, "libs/base/start.c": None, "db/deploy/chats.sql": None,
    "tests/unit/base/test_map.c": "libs/base/map.h", "tests/unit/base/test_log.c": None,
    "tests/unit/pg/test_run.c": "libs/base/map.h", "tests/unit/store/test_chats.c": None,
}


@pytest.fixture
def check(tmp_path):
    """Runs the stage check in a small repository in which these files differ. Returns the unit tests that ran, the targets that were made,
    and the output."""
    def run(changed, includers=0):
        for name, header in (SOURCES | {f"services/ingest/f{i}.c": "libs/base/map.h" for i in range(includers)}).items():
            source, note, program = tmp_path / name, tmp_path / "build/dev/obj" / name, tmp_path / "build/dev" / name
            for file in (source, note, program):
                file.parent.mkdir(parents=True, exist_ok=True)
            source.write_text("int a;\n")
            note.with_suffix(".d").write_text(f"x.o: {name} \\\n {header or ''}\n\nlibs/base/map.h:\n")
            program.with_suffix("").write_text(TEST.format(failures=0, last_words=":"))
            program.with_suffix("").chmod(0o755)
        (tmp_path / "tools").mkdir()
        shutil.copy(ROOT / "tools/run-tests.py", tmp_path / "tools")
        (tmp_path / "Makefile").write_text("build: always;@echo $@ >>made\nalways:;\n%:;@echo $@ >>made\n")
        (tmp_path / ".gitignore").write_text("build/\nmade\n")
        for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "all"]):
            subprocess.run(["git", "-c", "user.name=test", "-c", "user.email=test@localhost", *command], cwd=tmp_path, check=True)
        for name in changed:
            (tmp_path / name).write_text("int b;\n")
        done = subprocess.run([tmp_path / "tools/run-tests.py", "check"], capture_output=True, text=True, timeout=60,
                              env={k: v for k, v in os.environ.items() if k not in ("K", "ONCE", "BASE")} | {"V": "dev"})
        assert done.returncode == 0, done.stdout + done.stderr
        runs = {p.name.removesuffix(".runs") for p in (tmp_path / "build/dev/tests").rglob("*.runs")}
        return runs, set((tmp_path / "made").read_text().split()), done.stdout

    return run


@pytest.mark.parametrize("changed, tests, tidied", [
    ([], set(), set()),
    (["libs/base/map.c"], {"test_map"}, {"libs/base/map.c"}),
    (["libs/base/map.h"], {"test_map", "test_run"}, {"libs/base/map.c"}),
    (["libs/base/start.c"], {"test_map", "test_log"}, {"libs/base/start.c"}),
    (["tests/unit/base/test_log.c"], {"test_log"}, {"tests/unit/base/test_log.c"}),
    (["libs/base/new.c"], {"test_map", "test_log"}, {"libs/base/new.c"}),
    (["db/deploy/chats.sql"], {"test_chats"}, set()),
    (["README.md"], set(), set()),
], ids=["nothing", "source", "header", "source without header", "test", "new file", "migration", "document"])
def test_a_check_runs_only_the_tests_of_changed_files(check, changed, tests, tidied):
    runs, made, _ = check(changed)
    assert runs == tests
    assert {m.removeprefix("build/lint/tidy/").removesuffix(".ok") for m in made if "/tidy/" in m} == tidied
    assert {"build", "lint-layers", "lint-mutants", "lint-promises"} <= made


def test_a_check_of_a_header_that_many_include_stays_in_its_library(check):
    runs, made, output = check(["libs/base/map.h"], includers=200)
    assert runs == {"test_map"} and "build" not in made
    assert "1 tests of other folders" in output
