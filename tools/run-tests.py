#!/usr/bin/python3
"""Runs the named stages, or all, and prints one line at the end: N passed, N failed.

Fuzzers run while chaos waits for its faults, with the lowest priority, unless one of the two stages is run by itself.

A stage that fails does not stop the next ones. Each of these counts as one: a step of lint, a build, a unit test, an end to end test, a
hostile shape, a run of chaos, a fuzzer. A program that dies counts as one failure in addition to the tests that it had failed.

Other load on the machine can make a test fail once. Unit and end to end tests that failed are run again at the end of their stage, alone,
and the second result counts. A test that passes only then is listed as unsteady, and the third and every further one counts as a failure,
because a race looks the same. After more than a few failures in a stage, a sanitizer report or a failed assertion nothing is run again.

The unit tests share one PostgreSQL server (tests/unit/pg_temp.h).

With V=cov it prints at the end how many lines of each folder the unit and end to end tests ran, and counts one more test: that enough
lines of services/ and libs/ together were run.

Environment: V (variant of the programs under test: asan, tsan or cov; dev for the stage `check`), BASE (the commit that `check` compares
with), K (picks tests), FUZZ_SECONDS, ONCE (1: nothing is run again), HOSTILE_SEED, HOSTILE_BUDGET (shapes), HOSTILE_ALL (1: also the longer
ones).
"""
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

os.chdir(Path(__file__).parent.parent)
VARIANT = {"": "asan", "release": "asan"}.get(os.environ.get("V", ""), os.environ.get("V", ""))
PICK = os.environ.get("K", "")
FUZZ_SECONDS = int(os.environ.get("FUZZ_SECONDS") or 20)
LOGS = Path("build/log")
CORES = os.cpu_count() or 1
ONCE = os.environ.get("ONCE", "") == "1"
AGAIN_MAX = 5
UNSTEADY_MAX = 2
CERTAIN = re.compile(r"ERROR: (?!Leak)\w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed")
CHECK_OBJECTS = 60  # at most so many objects are compiled because of a changed header
UNIT_TIMEOUT_S = 120
E2E_TIMEOUT_S = 1800
E2E_WORKERS = 4  # at most, each with servers of its own: twice as many as cores, as the tests mostly wait
HOSTILE_TIMEOUT_S = 3600
CHAOS_TIMEOUT_S = 900
CHAOS_CYCLES = 15  # enough for each of CHAOS_FAULTS
CHAOS_FAULTS = ("kill_chat_sync", "kill_ingest", "kill_broker", "kill_postgres", "stop_at_batch_committed", "kill_at_batch_commit",
                "kill_at_publication_queued", "deadlocks", "cut_off_broker", "disk_full", "clock_jump_ingest", "stop_at_delivery_done",
                "receiver_is_gone", "hostile_poison_posted", "hostile_hanging_receiver", "kill_campaign_sender",
                "kill_at_flush_committed_of_sender", "stop_at_send_begin_of_sender", "kill_at_send_done_of_sender", "kill_provider",
                "kill_at_call_answered", "stop_cleanup_leader", "instance_dies", "kill_at_row_step_before_commit",
                "stop_at_row_step_after_commit", "kill_at_erasure_bulk", "rotate_secrets")
COVERED_MIN_PERCENT = 80

# The makes below do not belong to a make that may have started this.
ENV = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "V", "K")}
ENV |= {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "PYTHONPYCACHEPREFIX": str(Path("build/pycache").absolute()),
}
PROGRAMS = {"BLAZZ_BIN": str(Path("build", VARIANT, "bin").absolute()), "PYTHONPATH": str(Path("build/gen/python").absolute())}

passed = failed = 0
unsteady = []


def count(good, bad):
    global passed, failed
    passed, failed = passed + good, failed + bad


def is_certain(output):
    """Whether the failure is a bug for certain. A leak is none in a program with a failed test, which leaves memory behind."""
    return CERTAIN.search(output) or ("LeakSanitizer" in output and "\nnot ok" not in output)


def may_be_chance(failures):
    """failures: {name: output}"""
    return not ONCE and 0 < len(failures) <= AGAIN_MAX and not any(map(is_certain, failures.values()))


def list_unsteady(names):
    for name in names:
        unsteady.append(f"unsteady: passed when run again: {name}")
        print(unsteady[-1], flush=True)


def run(name, command, timeout_s=None, show=False, env=None):
    """Runs the command in a process group of its own, which ends with it; its output is in the log `name`.

    Returns (exit code, output). Shows the output when it fails, or as it comes.
    """
    log = LOGS / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=None if show else out,
                                 stderr=None if show else subprocess.STDOUT, env=ENV | (env or {}),
                                 start_new_session=True)
        try:
            code = child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            code = 124
            out.write(f"stopped after {timeout_s} s\n".encode())
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
    text = log.read_text(errors="replace")
    if code != 0:
        text = re.sub(r"^make: Target .* not remade because of errors\.\n", "", text, flags=re.M)
        print(f"--- {name} failed ({code}), see {log}\n{text[-20000:]}", flush=True)
    return code, text


def step(name, *command):
    """A command that counts as one test. Its time is printed when it is long."""
    print(f"  {name}", flush=True)
    start = time.monotonic()
    code, _ = run(name, command)
    if time.monotonic() - start >= 10:
        print(f"  {name}: {time.monotonic() - start:.0f} s", flush=True)
    count(code == 0, code != 0)
    return code == 0


def make(name, *arguments):
    return step(name, "make", "--silent", "--keep-going", "--output-sync=target", *arguments)


def stage_lint():
    for check in ("format", "layers", "calls", "headers", "jars", "proto", "readme", "symbols", "version", "mutants", "promises", "tidy"):
        make(f"lint-{check}", f"lint-{check}")


def stage_build():
    make("build-gcc", "CC=gcc", "build")
    make("build-clang", "CC=clang-19", "build", "unit-build")


def needs_postgres(name):
    """Whether the test includes pg_temp.h, by its dependency file."""
    note = Path(f"build/{VARIANT}/obj/tests/{name}.d")
    return note.exists() and "/pg_temp.h" in note.read_text()


@contextmanager
def unit_environment(names):
    """The environment of these programs: one server for all, in which each has a database of its own."""
    env = {"CMOCKA_MESSAGE_OUTPUT": "TAP"}
    if not any(map(needs_postgres, names)):
        yield env
        return
    with tempfile.TemporaryDirectory(prefix="blazz-pg.", dir="/tmp", ignore_cleanup_errors=True) as folder:
        code, text = run("postgres", ["tools/pg-temp.sh", "migrated", folder, str(os.getpid())])
        count(0, code != 0)
        yield env | ({"BLAZZ_TEST_PG": text.splitlines()[-1]} if code == 0 else {})
        run("postgres-end", ["tools/pg-temp.sh", "remove", folder])


def unit_run(name, env, again=""):
    """(passed, failed, output)"""
    code, text = run(name + again, [f"build/{VARIANT}/tests/{name}"], UNIT_TIMEOUT_S, env=env)
    planned = sum(int(n) for n in re.findall(r"^1\.\.(\d+)$", text, re.M))
    skipped = len(re.findall(r"^(?:not )?ok \d+ # SKIP", text, re.M))
    good = len(re.findall(r"^ok \d+(?! # SKIP)", text, re.M))
    bad = len(re.findall(r"^not ok \d+(?! # SKIP)", text, re.M))
    died = good + bad + skipped < planned or (code != 0 and bad == 0)
    if planned == 0 and not died:
        print(f"--- {name} has no test")
        return 0, 1, text
    if skipped:
        print(f"  {name}: {skipped} skipped")
    return good, bad + died, text


def unit_program(test):
    return Path("build", VARIANT, test.with_suffix(""))


def run_units(tests):
    names = [str(p.relative_to("tests").with_suffix("")) for p in tests if unit_program(p).exists()]
    with unit_environment(names) as env, ThreadPoolExecutor(CORES) as pool:
        results = dict(zip(names, pool.map(lambda name: unit_run(name, env), names)))
        failures = {name: text for name, (_, bad, text) in results.items() if bad}
        if may_be_chance(failures):
            results |= {name: unit_run(name, env, "-again") for name in failures}
            list_unsteady(name for name in failures if not results[name][1])
    for good, bad, _ in results.values():
        count(good, bad)


def all_units():
    return sorted(Path("tests/unit").rglob("test_*.c"))


def stage_unit():
    tests = [p for p in all_units() if PICK in str(p)]
    if not tests:
        print("no unit tests")
        return
    make("unit-build", f"V={VARIANT}", *(str(unit_program(p)) for p in tests))
    run_units(tests)


def git(*arguments, check=True):
    return subprocess.run(["git", *arguments], check=check, stdout=subprocess.PIPE, text=True).stdout.splitlines()


def changed_files(base):
    return {Path(p) for p in git("diff", "--name-only", "--diff-filter=d", base) + git("ls-files", "--others", "--exclude-standard")}


def included(source):
    """The files that an object depends on, by its dependency file; only the source before the first build."""
    note = Path("build", VARIANT, "obj", source.with_suffix(".d"))
    rule = note.read_text().replace("\\\n", " ").partition("\n")[0] if note.exists() else ""
    return {source} | {Path(os.path.normpath(p)) for p in rule.partition(":")[2].split()}


def own_tests(file):
    """The folder of tests/unit that mirrors where the source is."""
    top, name = file.parts[0], file.parts[1] if len(file.parts) > 2 else ""
    folder = {"db": "store", "proto": "wire"}.get(top, name if top in ("libs", "services", "tools") else "")
    return Path("tests/unit", folder) if folder and file.suffix in (".c", ".cc", ".h", ".sql", ".proto") else None


def near_tests(tests, file):
    """The tests of the file's folder that include its header, or all of them when none does."""
    own = {t for t in tests if own_tests(file) in t.parents}
    return {t for t in own if file.with_suffix(".h") in tests[t]} or own


def touched_units(changed):
    """(tests to run, number of further tests that include a changed file, whether few enough objects do to build all of them)"""
    sources = [p for root in ("libs", "services", "tools", "tests") for p in Path(root).rglob("*.c")]
    including = {s for s in sources if not changed.isdisjoint(included(s))}
    few = len(including) <= CHECK_OBJECTS
    tests = {t: included(t) for t in all_units()}
    near = set(tests) & changed
    near = near.union(*(near_tests(tests, f) for f in changed))
    far = including & set(tests) - near
    return sorted(near | far if few else near), 0 if few else len(far), few


def stage_check():
    """Builds and tests what changed, in seconds; CONTRIBUTING.md has the rules."""
    base = os.environ.get("BASE") or next(iter(git("merge-base", "HEAD", "main", check=False)), "HEAD")
    changed = changed_files(base)
    print(f"  files changed since {base[:12]}: {len(changed)}", flush=True)
    if not Path("build", VARIANT).exists():
        make("check-first", f"V={VARIANT}", "build", "unit-build")
    tests, skipped, few = touched_units(changed)
    sources = sorted(f for f in changed if f.suffix in (".c", ".h", ".cc"))
    tidy = {f.with_suffix(".c") if f.suffix == ".h" else f for f in sources}
    headers = [f for f in sources if f.suffix == ".h" and own_tests(f)]
    if make("check-build", f"V={VARIANT}", *(["build", "lint-calls", "lint-readme", "lint-symbols", "lint-version"] if few else []), *(str(unit_program(t)) for t in tests)):
        run_units(tests)
    if skipped:
        print(f"  not built: the programs, and {skipped} tests of other folders that include what changed (make build unit)")
    make("check-lint", *(f"build/lint/tidy/{f}.ok" for f in sorted(tidy) if f.exists()),
         *(f"build/lint/header/{f}.ok" for f in headers), "lint-layers", "lint-mutants", "lint-promises")
    if sources:
        step("check-format", "clang-format-19", "--dry-run", "-Werror", *map(str, sources))


def pytest_session(name, folder, pick, timeout_s, *options):
    """({test: its failure, or ""}, whether all were run)"""
    report = LOGS / f"{name}.xml"
    report.unlink(missing_ok=True)
    code, _ = run(name, ["/usr/bin/python3", "-m", "pytest", folder, "-q", "-o", "cache_dir=build/pytest", f"--junitxml={report}",
                         *(["-k", pick] if pick else []), *options], timeout_s, show=True, env=PROGRAMS)
    results = {}
    for case in ElementTree.parse(report).iter("testcase") if report.exists() else ():
        test = f"{case.get('classname')}.{case.get('name')}"
        wrong = "".join(f"{e.tag}: {e.text}" for e in case if e.tag in ("failure", "error"))
        if wrong or case.find("skipped") is None:
            results[test] = results.get(test, "") + wrong  # a test may fail, and its fixtures, too
    return results, code == 0 or (code == 1 and any(results.values()))


def pytest(name, folder, pick, timeout_s, *options, again=True):
    results, ended = pytest_session(name, folder, pick, timeout_s, "--cache-clear", *options)
    failures = {test: text for test, text in results.items() if text}
    if again and ended and may_be_chance(failures):
        more, ended = pytest_session(f"{name}-again", folder, pick, timeout_s, "--last-failed", "--last-failed-no-failures=none")
        results |= more
        list_unsteady(test for test in failures if not results[test])
    bad = sum(text != "" for text in results.values())
    count(len(results) - bad, bad if ended else max(bad, 1))


def stage_e2e():
    if not list(Path("tests/e2e").rglob("test_*.py")):
        print("no tests in tests/e2e")
        return
    if make("e2e-build", f"V={VARIANT}", "build"):
        pytest("e2e", "tests/e2e", PICK, E2E_TIMEOUT_S, "-n", str(min(2 * CORES, E2E_WORKERS)), "--dist", "loadfile")


def stage_hostile():
    """Attacks on release programs under their limits, whatever the variant. `make hostile` runs also the longer ones, and more shapes."""
    if make("hostile-build", "V=release", "build"):
        whole = os.environ.get("HOSTILE_ALL") == "1"
        pytest("hostile", "tests/hostile", PICK, HOSTILE_TIMEOUT_S, *([] if whole else ["-m", "not siblings"]))


def stage_chaos():
    """The ledger's own tests, then a short run of a fixed seed. `make chaos` runs others."""
    if not make("chaos-build", f"V={VARIANT}", "build"):
        return
    pytest("ledger", "tests/chaos", "", UNIT_TIMEOUT_S, again=False)
    code, text = run("chaos", ["tests/chaos/run.py", "--seed", "1", "--cycles", str(CHAOS_CYCLES),
                               "--faults", ",".join(CHAOS_FAULTS)], CHAOS_TIMEOUT_S, env=PROGRAMS)
    count(code == 0, code != 0)
    print("".join(line for line in text.splitlines(True) if line.startswith("chaos: seed")), end="")


def fuzz_run(source):
    """(whether it found nothing, a line about it). Finds go below build/; the corpus in the tree is not changed."""
    name = source.stem
    finds, corpus, words = Path("build/fuzz/finds", name), Path("tests/fuzz/corpus", name), source.with_suffix(".dict")
    new = Path("build/fuzz/corpus", name)
    for folder in (finds, new):
        folder.mkdir(parents=True, exist_ok=True)
    code, text = run(f"fuzz/{name}", [
        "nice", "-n", "19", f"build/fuzz/bin/{name}", f"-max_total_time={FUZZ_SECONDS}", "-timeout=10", "-rss_limit_mb=2048",
        f"-artifact_prefix={finds}/", *([f"-dict={words}"] if words.exists() else []),
        str(new), *([str(corpus)] if corpus.is_dir() else [])], FUZZ_SECONDS + 120)
    runs = re.search(r"^Done (\d+) runs", text, re.M)
    return code == 0, f"  {name}: {runs.group(1) if runs else 'no'} runs"


class Fuzzers:
    """Those that PICK picks, in processes of their own: beside another stage, or during their own."""

    def __init__(self):
        self.pool = self.results = None

    def start(self):
        sources = [p for p in sorted(Path("tests/fuzz").glob("fuzz_*.c")) if PICK in p.stem]
        programs = {p: Path("build/fuzz/bin", p.stem) for p in sources}
        if sources:
            make("fuzz-build", "V=fuzz", *map(str, programs.values()))
        self.pool = ThreadPoolExecutor(CORES)
        self.results = [self.pool.submit(fuzz_run, p) for p in sources if programs[p].exists()]

    def finish(self):
        if not self.results:
            print("no fuzzers")
        for result in self.results:
            good, line = result.result()
            print(line, flush=True)
            count(good, not good)
        self.pool.shutdown()
        self.results = None


fuzzers = Fuzzers()


def stage_fuzz():
    if fuzzers.results is None:
        fuzzers.start()
    fuzzers.finish()


def line_counts():
    """Yields (file, line, times run) of the sources of the tree; 0 for a line that no program ran."""
    notes = [str(p.absolute()) for d in ("libs", "services", "tools") for p in Path("build/cov/obj", d).rglob("*.gcno")]
    with tempfile.TemporaryDirectory() as folder, (LOGS / "gcov.log").open("wb") as log:
        for i in range(0, len(notes), 50):
            # gcov fails when a program was killed while it wrote its counts, but still reports all others.
            subprocess.run(["gcov", "--json-format", "--hash-filenames", *notes[i:i + 50]], cwd=folder, check=False,
                           stdout=subprocess.DEVNULL, stderr=log)
        for report in Path(folder).glob("*.gcov.json.gz"):
            for source in json.loads(gzip.decompress(report.read_bytes()))["files"]:
                for line in source["lines"]:
                    yield source["file"], line["line_number"], line["count"]


def coverage_report():
    """Prints the table; {"libs/pg": (run, of)}."""
    lines = Counter()
    for file, number, times in line_counts():
        if file.startswith(("libs/", "services/", "tools/")):
            lines[file, number] += times
    files, folders = {}, {}
    for (file, _), times in sorted(lines.items()):
        for table, key in ((files, file), (folders, "/".join(file.split("/")[:2]))):
            run, of = table.get(key, (0, 0))
            table[key] = (run + (times > 0), of + 1)
    row = "{:<44} {:>6} {:>6} {:>6.1f} %".format
    (LOGS / "coverage.log").write_text("".join(row(k, *v, 100 * v[0] / v[1]) + "\n" for k, v in files.items()))
    for folder, (run, of) in folders.items():
        print("  " + row(folder, run, of, 100 * run / of))
    return folders


def stage_coverage():
    gated = [v for folder, v in coverage_report().items() if not folder.startswith("tools/")]
    percent = 100 * sum(run for run, _ in gated) / sum(of for _, of in gated)
    print(f"  libs and services: {percent:.1f} % of lines run, at least {COVERED_MIN_PERCENT} are required; "
          f"by file: {LOGS}/coverage.log")
    count(percent >= COVERED_MIN_PERCENT, percent < COVERED_MIN_PERCENT)


# All but `check`, which runs only when it is named.
STAGES = {"lint": stage_lint, "build": stage_build, "unit": stage_unit, "e2e": stage_e2e,
          "hostile": stage_hostile, "chaos": stage_chaos, "fuzz": stage_fuzz}
if VARIANT == "cov":
    STAGES["coverage"] = stage_coverage


def main(names):
    stages = STAGES | {"check": stage_check}
    if not set(names) <= set(stages):
        sys.exit(f"{__doc__}\nStages: {', '.join(stages)}")
    if VARIANT == "cov" and not names:
        for data in Path("build/cov").rglob("*.gcda"):
            data.unlink()
    for name in names or STAGES:
        start, before = time.monotonic(), (passed, failed)
        print(f"== {name}", flush=True)
        if name == "chaos" and "fuzz" in (names or STAGES):
            fuzzers.start()
        stages[name]()
        print(f"== {name}: {passed - before[0]} passed, {failed - before[1]} failed, "
              f"{time.monotonic() - start:.0f} s", flush=True)
    print("".join(f"{line}\n" for line in unsteady), end="")
    if len(unsteady) > UNSTEADY_MAX:
        print(f"{len(unsteady)} tests are unsteady: more than {UNSTEADY_MAX}, and each further one counts as a failure")
        count(0, len(unsteady) - UNSTEADY_MAX)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
