"""What the benchmarks share: release programs, PostgreSQL that flushes to disk, Kafka, tables of ratios.

A figure is a ratio within one run: rounds are interleaved and the median of the ratios counts, because the machine is shared.
"""
import argparse
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
os.environ.setdefault("BLAZZ_BIN", str(ROOT / "build/release/bin"))
os.environ["FSYNC"] = "on"
os.environ["BLAZZ_KAFKA_JIT"] = ""
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "build/gen/python")]

from harness.blazz import Blazz  # noqa: E402 (needs the path)
from harness.servers import Kafka, Postgres  # noqa: E402

# Settings that an operator would use for this load; fsync and full_page_writes stay on.
POSTGRES = {"shared_buffers": "1GB", "min_wal_size": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "15min",
            "wal_compression": "lz4", "track_commit_timestamp": "on"}  # so that the time of each commit is known
WAL_SEGMENTS = 48


def postgres_server():
    server = Postgres()
    for name, value in POSTGRES.items():
        server.run("postgres", f"ALTER SYSTEM SET {name} = '{value}'")
    server.stop()
    server.start()
    # A server that has run for a while recycles WAL segments; commits wait while it creates a new one.
    for _ in range(WAL_SEGMENTS):
        server.run("postgres", "SELECT pg_logical_emit_message(false, 'bench', 'fill'), pg_switch_wal()")
    server.run("postgres", "CHECKPOINT")
    return server


@contextmanager
def stack(partitions=8):
    """A stack without tenants or services. Everything that it started ends with it, also on SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="blazz-bench.", dir="/tmp"))
    postgres = kafka = blazz = None
    try:
        postgres = postgres_server()
        kafka = Kafka()
        blazz = Blazz(postgres, kafka, folder, partitions=partitions)
        yield blazz
    finally:
        for part in (blazz, kafka, postgres):
            if part:
                part.close()
        shutil.rmtree(folder, ignore_errors=True)


def alive(*services):
    """Fails with the log of a service that has ended, so that a wait for it does not last until its deadline."""
    for s in services:
        assert s.running(), f"{s.label} ended with {s.process.returncode}\n{s.log_tail()}"
    return True


def cpu_s(process, thread=None):
    """CPU seconds of a process (a Popen or a pid), or of its first thread with that name; the main thread has the name of the process."""
    folder = Path(f"/proc/{getattr(process, 'pid', process)}")
    if thread:
        folder = min((t for t in folder.glob("task/*") if (t / "comm").read_text().strip() == thread), key=lambda t: int(t.name))
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(process):
    """The resident size of a Popen or a pid."""
    pages = int(Path(f"/proc/{getattr(process, 'pid', process)}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def free_port():
    """A port below the ephemeral range: while no program listens there no outgoing connection uses it, or connects to itself."""
    while True:
        port = random.randint(15000, 32000)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            pass


def key_value(word):
    """("batch.linger", "1ms") of "batch.linger=1ms": the type of an option."""
    key, equals, value = word.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{word} is not KEY=VALUE")
    return key, value


def ratio(ours, limit):
    """The median of the ratios within each round, with the lowest and the highest: "0.81 (0.78 to 0.84)"."""
    each = [a / b for a, b in zip(ours, limit)]
    return f"{statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})"


def table(*rows):
    """A Markdown table of rows of equal length, the first of which is the head."""
    head, *rest = rows
    for row in (head, ["---"] * len(head), *rest):
        print("| " + " | ".join(map(str, row)) + " |", flush=True)


def machine():
    """One line about the machine of the figures."""
    model = next((line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    return f"{os.cpu_count()} x {model}, {memory} GiB, Linux {os.uname().release}, commit {commit}"
