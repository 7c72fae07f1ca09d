#!/usr/bin/python3
"""Seeded chaos: cycles of load and faults, and after each the ledger. The same seed has the same load and the same faults.

    tests/chaos/run.py --seed 7 --cycles 20                             with faults of the whole catalogue
    tests/chaos/run.py --seed 7 --cycles 3 --faults kill_chat_sync,pause_broker
    tests/chaos/run.py --list

As root it runs in namespaces of its own (processes, mounts, network): no process outlives it, its disk can be
filled and its network cut. Programs: BLAZZ_BIN, else build/asan/bin. README.md beside this file has the details.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "build/gen/python")]

from catalogue import CATALOGUE, Fault  # noqa: E402 (found by the line above)
from faults import draw_faults  # noqa: E402
from ledger import check, verdict_text  # noqa: E402
from plan import Planner  # noqa: E402
from receivers import SLEEPER  # noqa: E402
from snapshot import INBOUND  # noqa: E402
from system import PROCESSED_S, System  # noqa: E402

INSIDE = "BLAZZ_CHAOS_INSIDE"
# An init that reaps, the loopback device, and the local table behind the rules with which a fault cuts the network.
ENTER = 'ip link set lo up; ip rule add pref 2 lookup local; ip rule del pref 0; "$@"; exit $?'
NAMESPACES = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def may_enter_namespaces():
    """Root may, unless a container lacks the capability."""
    return os.geteuid() == 0 and subprocess.run([*NAMESPACES, "ip", "rule"], capture_output=True).returncode == 0


def enter_namespaces():
    """Runs this command again in namespaces of its own. Returns its exit code."""
    return subprocess.run([*NAMESPACES, "bash", "-c", ENTER, "chaos", sys.executable, *sys.argv],
                          env=os.environ | {INSIDE: "1"}).returncode


class Injection(threading.Thread):
    """One fault, which begins a moment after the load."""

    def __init__(self, system, fault, delay_s, seed):
        super().__init__(daemon=True)
        self.system, self.fault, self.delay_s, self.seed = system, fault, delay_s, seed
        self.failure, self.hit = None, True

    def run(self):
        time.sleep(self.delay_s)
        try:
            self.hit = self.fault.run(self.system, random.Random(self.seed)) is not False
        except Exception as e:  # reported with the cycle
            self.failure = e


def toggle_sleeper(cycle):
    """An endpoint is disabled in one cycle and enabled in the next: it must get the events that it missed."""
    def run(system, random):
        (system.receivers.disable if cycle % 2 else system.receivers.enable)(SLEEPER)

    return Fault("sleeper", "", False, run, ""), 0.5, 0


class Broken(Exception):
    """A cycle failed; the text is the verdict."""


def cycle(system, n, deliveries, faults):
    """Runs load and faults together, waits until all is processed, and runs the ledger. Returns (snapshot, faults without effect)."""
    injections = [Injection(system, *f) for f in [*faults, toggle_sleeper(n)]]
    system.load.start(n, deliveries)
    if system.sends:
        system.sending.start(*system.sending.planner.cycle())
    if system.bridges:
        system.bridging.start(system.bridging.planner.cycle())
    if system.keeps:
        system.keeping.start(system.keeping.planner.cycle())
    for d in injections:
        d.start()
    for d in injections:
        d.join()
    failures = [f"{d.fault.name}: {d.failure!r}" for d in injections if d.failure]
    if failures:
        raise Broken("a fault could not be injected or repaired: " + "; ".join(failures))
    try:
        system.load.finish()
        if system.sends:
            system.sending.finish()
        if system.bridges:
            system.bridging.finish()
        if system.keeps:
            system.keeping.finish()
        system.wait_ready()
        system.wait_processed(PROCESSED_S)
        if system.keeps:
            system.keeping.run_jobs_again()
    except AssertionError as e:
        raise Broken(f"I7 is broken, the load is not processed: {e}") from None
    return judge(system), [d.fault.name for d in injections if not d.hit]


def judge(system):
    snapshot = system.snapshot()
    verdicts = check(snapshot)
    if any(verdicts.values()):
        snapshot.save(system.folder / "snapshot.json")
        raise Broken(verdict_text(verdicts))
    return snapshot


def figures(snapshot):
    lines = Counter()
    for line in snapshot.journal:
        lines[line["what"]] += len(line["items"])
    return {"sent": lines["sent"], "acknowledged": lines["acknowledged"], "rejected": lines["rejected"], "abandoned": lines["abandoned"],
            "inbound_records": sum(len(snapshot.topics[t]) for t in INBOUND), "messages_stored": len(snapshot.tables["chats"]),
            "events_published": len(snapshot.topics["chat-event"]),
            "deliveries": len(snapshot.deliveries), "deliveries_acknowledged": sum(200 <= d["status"] < 300 for d in snapshot.deliveries),
            "exhausted": len(snapshot.topics["chat-event.webhook-dispatcher.dlq"]),
            "dead_letters": sum(len(snapshot.topics[t]) for t in ("http.ingest.dlq", *(f"{t}.chat-sync.dlq" for t in INBOUND))),
            **(sending_figures(snapshot) if snapshot.sending else {}), **(bridging_figures(snapshot.bridging) if snapshot.bridging else {}),
            **(keeping_figures(snapshot) if snapshot.keeping else {})}


def sending_figures(snapshot):
    statuses = Counter(r["status"] for r in snapshot.tables["sends"])
    return {"campaigns": len(snapshot.tables["campaigns"]), "messages_to_send": sum(statuses.values()), "send_statuses": dict(statuses),
            "posts": sum(p["act"] == "send" for p in snapshot.sending["posts"]),
            "posts_accepted": sum(p["act"] == "send" and p["accepted"] for p in snapshot.sending["posts"])}


def bridging_figures(bridging):
    return {"migrations": sum(a["migrations"] for a in bridging["accounts"]), "calls_to_instances": bridging["calls"],
            "samples_of_sessions": bridging["samples"], "unreached": dict(Counter(a["reason"] for a in bridging["accounts"] if a["reason"]))}


def keeping_figures(snapshot):
    k = snapshot.keeping
    return {"deleted_by_retention": len(k["deleted"]), "erasures": sum(r["completed_at"] is not None for r in snapshot.tables["erasures"]),
            "backfills": len(k["filled"]), "sealed_values": len(k["sealed"]), "sealed_with": dict(Counter(key for _, key in k["sealed"].values()))}


def run(options, folder):
    began, root = time.monotonic(), bool(os.environ.get(INSIDE))
    planner = Planner(options.seed)
    drawn = draw_faults(options.seed, options.faults, root)
    done, names, without_effect, snapshot, verdict = 0, [], [], None, "held"
    system = System(folder, planner, root)
    try:
        if system.bridges:
            system.wait_processed(PROCESSED_S)  # the first events are those of sessions
        judge(system)  # the baseline of later cycles
        for done in range(1, options.cycles + 1):
            if options.seconds and time.monotonic() - began > options.seconds:
                done -= 1
                break
            faults = next(drawn)
            names.append([f.name for f, _, _ in faults])
            at = time.monotonic()
            snapshot, missed = cycle(system, done, planner.cycle(), faults)
            without_effect += missed
            print(f"cycle {done}: {' and '.join(names[-1])}, {time.monotonic() - at:.1f} s"
                  + (f" ({', '.join(missed)} without effect)" if missed else ""), flush=True)
    except Broken as e:
        verdict = f"broken in cycle {done} ({' and '.join(names[-1]) if names else 'before any fault'})\n{e}"
    finally:
        wrong = system.close()
    if wrong and verdict == "held":
        verdict = "I11 is broken: " + "\n".join(wrong)
    line = {"seed": options.seed, "cycles": done, "verdict": verdict, "seconds": round(time.monotonic() - began),
            "faults": dict(sorted(Counter(n for pair in names for n in pair).items())), "without_effect": dict(Counter(without_effect))}
    return line | (figures(snapshot) if snapshot else {})


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--cycles", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=0, help="start no cycle after so many seconds")
    parser.add_argument("--faults", type=lambda text: text.split(","), default=[], help="only these")
    parser.add_argument("--evidence", type=Path, help="append the result to this file, as a line of JSON")
    parser.add_argument("--keep", action="store_true", help="keep the folder of a run that held, too")
    parser.add_argument("--list", action="store_true", help="the catalogue of faults")
    options = parser.parse_args()
    unknown = set(options.faults) - CATALOGUE.keys()
    if unknown:
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    return options


def main():
    options = arguments()
    if options.list:
        for f in CATALOGUE.values():
            print(f"{f.name:36} {f.about}")
        return 0
    if not os.environ.get(INSIDE) and may_enter_namespaces():
        sys.argv += ["--seed", str(options.seed)]
        return enter_namespaces()
    folder = Path(tempfile.mkdtemp(prefix="blazz-chaos-", dir="/tmp"))
    folder.chmod(0o755)  # user postgres must be able to enter it
    print(f"chaos: seed {options.seed}, {options.cycles} cycles, in {folder}", flush=True)
    line = run(options, folder)
    if options.evidence:
        with options.evidence.open("a") as f:
            f.write(json.dumps(line) + "\n")
    held = line["verdict"] == "held"
    if held and not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"chaos: seed {options.seed}, {line['cycles']} cycles, {line['seconds']} s: {line['verdict']}")
    print(json.dumps({k: v for k, v in line.items() if k not in ("verdict", "seed")}))
    if not held:
        print(f"chaos: journal, snapshot and logs are in {folder}; to repeat it: make chaos SEED={options.seed} BUDGET={line['cycles']}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
