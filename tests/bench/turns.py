#!/usr/bin/python3
"""Instructions that ingest executes for a request, chat-sync for a message and webhook-dispatcher for a delivery, compared with another
tree's programs.

Both work in turns on one system, under valgrind's callgrind: other load on the machine changes the time, but hardly the number of
instructions. Starting, joining and warming up are not counted. All input of chat-sync and webhook-dispatcher is there before they consume,
so that batches have the same size in each turn.

usage: tests/bench/turns.py --against TREE [--rounds N] [--only WORD...] [--keep FOLDER]     both trees built: make V=release build
"""
import argparse
import random
import re
import statistics
import subprocess
from contextlib import contextmanager
from pathlib import Path

import hooks as hooks_bench
import ingest as ingest_bench
import setting
from traffic import produce, record, tenants

from harness import hooks
from harness.service import BIN
from harness.waiting import wait_for

PARTITIONS, TENANTS, CONTACTS = 8, 8, 200
START_S = 120
REQUESTS_S, MESSAGES, DELIVERIES = 10, 10_000, 4_000
UNHURRIED = {"kafka.session.timeout.ms": 60000}
# A program under callgrind is fifty times slower, so deadlines are long.
PATIENT = UNHURRIED | {"window.max_age": "60s"}


def under_callgrind(programs, folder):
    """A folder with scripts that run the programs under callgrind."""
    folder.mkdir(parents=True)
    for program in programs.glob("blazz-*"):
        own = folder / program.name
        own.write_text(f'#!/bin/sh\nexec valgrind -q --tool=callgrind --callgrind-out-file={folder}/%p.out {program} "$@"\n')
        own.chmod(0o755)
    return folder


def control(service, option):
    subprocess.run(["callgrind_control", option, str(service.process.pid)], check=True, capture_output=True, timeout=60)


def counted(service, work):
    """The instructions that a running program executes during work()."""
    control(service, "-z")
    work()
    control(service, "-d")
    (dump,) = Path(service.programs).glob(f"{service.process.pid}.out.*")
    return int(re.search(r"^(?:summary|totals): (\d+)", dump.read_text(), re.M)[1])


@contextmanager
def started(blazz, make, programs):
    """Starts a service of these programs; blazzctl is that of this tree."""
    blazz.programs = programs
    service = make()
    blazz.programs = BIN
    service.start(wait_ready=False)
    service.wait_ready(START_S)
    try:
        yield service
    finally:
        service.stop(START_S)  # with SIGTERM, so that the group does not wait for its session timeout


class Ingest:
    what = "ingest, a request"

    def __init__(self, blazz):
        self.blazz, self.file = blazz, blazz.folder / "requests"
        ingest_bench.seed(blazz)
        self.case = ingest_bench.CASES["meta, 50 connections"]
        ingest_bench.write_requests(blazz, self.file, self.case)

    def turn(self, programs, label):
        def make():
            return self.blazz.ingest(label, limits__account_rate=0, http__max_connections_per_address=0)

        with started(self.blazz, make, programs) as service:
            port, runs = service.port("http.port_file"), []

            def post():
                runs.append(ingest_bench.Figures(port, self.file, self.case.connections, REQUESTS_S, {}))

            post()  # the first answers wait for connections to Kafka
            return counted(service, post) / runs[-1].answers


class Drain:
    what = "chat-sync, a message"

    def __init__(self, blazz):
        self.blazz, self.random, self.serial = blazz, random.Random(1), 0
        self.tenants = tenants(blazz, TENANTS, PARTITIONS)

    def messages(self, contacts):
        for n, contact in enumerate(contacts):
            self.serial += 1
            tenant = self.tenants[n % TENANTS]
            yield record(tenant, tenant.message(self.serial, contact, self.random))

    def drained(self, service):
        wait_for(lambda: setting.alive(service) and self.blazz.all_consumed(), lambda: f"every message is stored\n{service.log_tail()}", 300)

    def turn(self, programs, label):
        with started(self.blazz, lambda: self.blazz.service("chat-sync", UNHURRIED, label), programs) as service:
            produce(self.blazz, self.messages([c for c in range(CONTACTS) for _ in range(TENANTS)]))
            self.drained(service)

            def work():
                service.pause()
                produce(self.blazz, self.messages(self.random.choices(range(CONTACTS), k=MESSAGES)))
                service.resume()
                self.drained(service)

            return counted(service, work) / MESSAGES


class Hooks:
    what = "webhook-dispatcher, a delivery"

    def __init__(self, blazz):
        self.blazz = blazz
        blazz.workspace = blazz.add_workspace("hooks")
        self.events = hooks_bench.Events(blazz)

    def turn(self, programs, label):
        sink = hooks_bench.Sink()
        endpoint = hooks.add_webhook(self.blazz, self.blazz.workspace, sink.url())
        with started(self.blazz, lambda: hooks_bench.dispatcher(self.blazz, PATIENT), programs) as service:
            self.events.prepare(DELIVERIES // 4)
            hooks_bench.wait_delivered(self.blazz, service)
            sink.since_last()

            def work():
                service.pause()
                self.events.prepare(DELIVERIES)
                service.resume()
                hooks_bench.wait_delivered(self.blazz, service)

            spent = counted(service, work)
        got = sink.end()
        hooks.delete_webhook(self.blazz, endpoint)
        assert got["requests"] == DELIVERIES, (got, service.log_tail())
        return spent / DELIVERIES


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, metavar="TREE")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave callgrind's files there, for callgrind_annotate")
    parser.add_argument("--only", nargs="*", help="programs whose name has one of these words")
    options = parser.parse_args()
    if not options.against:
        return print("no other tree: --against TREE")
    tree = options.against.resolve()
    print(setting.machine(), "against", tree.name, flush=True)
    rows = [["instructions", "against", "this tree", "against's, of this tree's"]]
    with setting.stack(PARTITIONS) as blazz:
        kept = options.keep.resolve() if options.keep else blazz.folder
        trees = [under_callgrind(tree / "build/release/bin", kept / "against"), under_callgrind(BIN, kept / "this")]
        for kind in (Ingest, Drain, Hooks):
            if options.only and not any(word in kind.what for word in options.only):
                continue
            bench, each = kind(blazz), [[], []]
            for number in range(options.rounds):
                for programs, results in zip(trees, each):
                    results.append(bench.turn(programs, f"{programs.name}-{kind.__name__.lower()}-{number}"))
                    print(f"{kind.what}: {programs.name} {results[-1]:,.0f}", flush=True)
            rows.append([kind.what, *(f"{statistics.median(results):,.0f}" for results in each), setting.ratio(*each)])
        setting.table(*rows)


if __name__ == "__main__":
    main()
