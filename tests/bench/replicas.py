"""Processes of chat-sync that start together on a topic that has all its records."""
import re
import time
from contextlib import contextmanager

import psycopg2
import setting

from harness.waiting import wait_for

TOPICS = 2  # inbound, and inbound.bulk, which follows it


def assigned(service):
    """The number of partitions of its last assignment."""
    return int(next(iter(re.findall(r'"partitions assigned" partitions=(\d+)', service.log())[-1:]), 0))


@contextmanager
def held(blazz):
    """Blocks batches, so that all records produced meanwhile are there when the first batch starts."""
    barrier = psycopg2.connect(blazz.conninfo("postgres"))
    barrier.cursor().execute("LOCK TABLE consumer_progress IN EXCLUSIVE MODE")
    yield
    barrier.close()


def start(blazz, processes=1, partitions=8):
    """Starts processes, which begin to consume together when all of them have joined."""
    services = [blazz.service("chat-sync", label=f"chat-sync-{n}-{time.monotonic_ns()}") for n in range(processes)]
    with held(blazz):
        for s in services:
            s.start(wait_ready=False)
        wait_for(lambda: all(setting.alive(s) and assigned(s) == TOPICS * (partitions // processes) for s in services),
                 "every process has its partitions")
    return services


def wait_drained(blazz, services, count):
    done = "SELECT coalesce(sum(next_offset), 0) AS n FROM consumer_progress"
    wait_for(lambda: setting.alive(*services) and blazz.value(done) >= count, f"{count} records are processed", 600)


def cpu_us(services, records):
    """User and system time of all threads, per record."""
    return sum(setting.cpu_s(s.process) for s in services) * 1e6 / records
