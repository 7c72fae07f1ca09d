#!/usr/bin/python3
"""ingest against nginx that answers an empty 204 to the same requests of the same wrk, and against a bare loop of ingest's Kafka producer
with as many records in flight as there are clients; in turns.

A 2xx of ingest is an authenticated, parsed, normalised event that Kafka acknowledged. nginx reads the body and discards it; the bare loop
(bench-produce) produces prepared records and waits for the same acknowledgement as ingest. nginx and ingest have one thread for their
sockets. wrk, ingest and Kafka share the machine's cores, so the CPU time of each process for a request is stated, too: its CPU time
divided by the answers.

usage: tests/bench/ingest.py [--rounds N] [--seconds N] [--only WORD…]     in the project's root
"""
import argparse
import json
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from setting import ROOT, cpu_s, free_port, machine, ratio, resident_mib, stack, table

from harness.blazz import ACCOUNTS
from harness.client import SECRETS, signature
from harness.fixtures import FOLDER
from harness.servers import tool
from harness.service import BIN
from harness.waiting import wait_for

TENANTS, BODIES = 8, 4000
# The body of each dialect, and the part of its message id that is numbered.
FIXTURES = {"meta": ("text", "QTAwMDAw"), "webjs-raw": ("message_chat_text", "3EB0A1B2"), "waha": ("message_text", "3EB0A1B2"),
            "evolution": ("messages_upsert_text", "3EB0A1B2"), "bridge": ("webhook_private_text", "3EB0AA00")}
BATCH = ("batch_1000_messages", "QTAwMDAw")


class Case(NamedTuple):
    dialect: str
    connections: int
    tenants: int = TENANTS  # each with an account, so as many keys of records
    fixture: tuple = None  # None: the body of the dialect
    bodies: int = BODIES
    updates: int = 1  # in each body


CASES = {
    **{f"{dialect}, 50 connections": Case(dialect, 50) for dialect in FIXTURES},
    "meta, 50 connections, one account": Case("meta", 50, tenants=1),
    "meta, 1 connection": Case("meta", 1),
    **{f"{dialect}, 500 connections": Case(dialect, 500) for dialect in FIXTURES},
    "meta, 1,000 updates a POST, 16 connections": Case("meta", 16, fixture=BATCH, bodies=64, updates=1000),
}

NGINX = """
daemon off; pid {folder}/pid; worker_processes 1; error_log {folder}/log;
events {{ worker_connections 4096; }}
http {{
	access_log off; keepalive_requests 1000000000; client_max_body_size 20m; server_tokens off;
	client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
	uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
	server {{ listen 127.0.0.1:{port} backlog=1024; location / {{ return 204; }} }}
}}
"""


def children(pid):
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def nginx():
    """(port, the worker's pid)"""
    folder, port = tempfile.mkdtemp(prefix="blazz-nginx.", dir="/tmp"), free_port()
    conf = Path(folder, "conf")
    conf.write_text(NGINX.format(folder=folder, port=port))
    master = subprocess.Popen(["/usr/sbin/nginx", "-e", f"{folder}/log", "-p", folder, "-c", conf])
    try:
        yield port, wait_for(lambda: children(master.pid), "nginx has a worker")[0]
    finally:
        master.terminate()
        master.wait()
        shutil.rmtree(folder, ignore_errors=True)


def seed(blazz):
    """Adds tenants with an account of each dialect. Account names in bodies end in the number of the tenant; URLs do not."""
    blazz.app = blazz.add_app()
    blazz.tenants = []
    for t in range(TENANTS):
        workspace, accounts = blazz.add_workspace(f"tenant {t}"), {}
        for dialect, names in ACCOUNTS.items():
            own = {k.replace("-", "_"): v if k in ("provider", "bridge") else v + str(t) for k, v in names.items()}
            more = {"app": blazz.app} if dialect == "meta" else {}
            accounts[dialect] = blazz.add_account(workspace, SECRETS[dialect], **own, **more)
        blazz.tenants.append((workspace, accounts))


def wire(blazz, dialect, body, tenant, n, digits):
    """A signed POST as bytes: the n-th message, to the tenant's account."""
    blazz.workspace, blazz.accounts = blazz.tenants[tenant]
    for name in ACCOUNTS[dialect].values():
        body = body.replace(f'"{name}"', f'"{name}{tenant}"')
    body = body.replace(digits, f"{n:08}").replace("{workspace}", blazz.workspace).encode()
    headers = {"Host": "ingest.example.com", "Content-Type": "application/json", "Content-Length": len(body),
               **signature(dialect, body)}
    lines = [f"POST {blazz.route(dialect, body)} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def write_requests(blazz, file, case):
    name, digits = case.fixture or FIXTURES[case.dialect]
    body = json.dumps(json.loads((FOLDER / case.dialect / f"{name}.json").read_bytes()), separators=(",", ":"))
    with open(file, "wb") as out:
        for n in range(case.bodies):
            request = wire(blazz, case.dialect, body, n % case.tenants, n, digits)
            out.write(b"%d\n%s" % (len(request), request))


def children_cpu_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Loop:
    """One run of the bare loop, with the records that the topic got since `since_ms`."""

    def __init__(self, blazz, since_ms, case, seconds, pids):
        before = {name: cpu_s(*of) for name, of in pids.items()}
        done = subprocess.run([BIN / "bench-produce", blazz.kafka.address, blazz.topic("inbound"), *map(str, (
            since_ms, case.connections, case.updates, seconds))], capture_output=True, text=True, check=True)
        batches, us, own_us = map(int, done.stdout.split()[1:])
        self.rate = batches / us * 1e6
        self.cpu_us = {name: (cpu_s(*of) - before[name]) / batches * 1e6 for name, of in pids.items()}
        self.cpu_us["loop"] = own_us / batches


class Figures:
    """One run of wrk."""

    def __init__(self, port, file, connections, seconds, pids):
        before = {name: cpu_s(*of) for name, of in pids.items()}
        wrk_before = children_cpu_s()
        done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s",
                               ROOT / "tests/bench/ingest.lua", f"http://127.0.0.1:{port}", "--", file],
                              capture_output=True, text=True, check=True)
        line = next((l for l in done.stdout.splitlines() if l.startswith("figures ")), None)
        assert line, done.stdout + done.stderr
        answers, us, errors, self.p50_us, self.p99_us = map(int, line.split()[1:])
        assert errors == 0 and answers > 0, done.stdout
        self.answers = answers
        self.rate = answers / us * 1e6
        self.cpu_us = {name: (cpu_s(*of) - before[name]) / answers * 1e6 for name, of in pids.items()}
        self.cpu_us["wrk"] = (children_cpu_s() - wrk_before) / answers * 1e6


def median(runs, of):
    return statistics.median(of(r) for r in runs)


def cpu_text(runs, *names):
    return ", ".join(f"{n} {median(runs, lambda r: r.cpu_us[n]):.1f}" for n in names)


def measure(blazz, name, folder, targets, kafka, options):
    case, file = CASES[name], folder / "requests"
    write_requests(blazz, file, case)
    since_ms, runs, loops = time.time_ns() // 1_000_000, {target: [] for target in targets}, []
    for i in range(options.rounds + 1):  # the first run warms up, and produces the records for the bare loop
        for target, (port, pids) in targets.items():
            figures = Figures(port, file, case.connections, options.seconds if i else 1, pids)
            if i:
                runs[target].append(figures)
        if i:
            loops.append(Loop(blazz, since_ms, case, options.seconds, kafka))
    ours, theirs = runs["ingest"], runs["nginx"]
    rate, cpu = median(ours, lambda r: r.rate), median(ours, lambda r: r.cpu_us["ingest"])
    if case.updates > 1:
        print(f"{name}: {rate * case.updates:,.0f} updates/s, {case.updates / cpu * 1e6:,.0f} per CPU second of ingest\n", flush=True)
    return [name, f"{median(theirs, lambda r: r.rate):,.0f}", f"{median(loops, lambda r: r.rate):,.0f}", f"{rate:,.0f}",
            ratio([r.rate for r in ours], [r.rate for r in theirs]), ratio([r.rate for r in ours], [r.rate for r in loops]),
            f"{median(ours, lambda r: r.p50_us) / 1000:.2f}, {median(ours, lambda r: r.p99_us) / 1000:.2f}",
            cpu_text(theirs, "nginx", "wrk"), cpu_text(loops, "loop", "Kafka"),
            cpu_text(ours, "ingest", "of it the loop", "Kafka", "wrk")]


def run(options):
    print(machine(), flush=True)
    with stack() as blazz, nginx() as (nginx_port, worker):
        seed(blazz)
        blazz.start_ingest(limits__account_rate=0, http__max_connections_per_address=0)
        ingest, kafka = blazz.in_.process.pid, int(tool("kafka-temp.sh", "pid", blazz.kafka.folder))
        port, broker = blazz.in_.port("http.port_file"), {"Kafka": (kafka,)}
        targets = {"nginx": (nginx_port, {"nginx": (worker,)}),
                   "ingest": (port, {"ingest": (ingest,), "of it the loop": (ingest, "blazz-ingest"), **broker})}
        print(f"memory of ingest, idle: {resident_mib(ingest):.0f} MiB", flush=True)
        rows = []
        for name in CASES:
            if not options.only or any(word in name for word in options.only):
                rows.append(measure(blazz, name, blazz.folder, targets, broker, options))
                rows[-1].append(f"{resident_mib(ingest):.0f}")
        print()
        table(["", "nginx, answers/s", "bare loop/s", "ingest, answers/s", "of nginx", "of the loop", "ingest p50, p99 (ms)",
               "CPU a request (µs), nginx's run", "the loop's", "ingest's", "MiB after"], *rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--only", nargs="*", help="cases whose name has one of these words")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
