#!/usr/bin/python3
"""chat-sync on the worst shapes of input: rows per second of one process, against the ordinary mix in the same run, and the latency of a
tenant with few messages while another one drains a backlog.

usage: tests/bench/shapes.py [--quick] [--events N] [--rounds N]     of each shape
"""
import argparse
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import setting  # noqa: F401 (first: it sets the path of the imports below)
import replicas
from confluent_kafka import TopicPartition
from setting import machine, ratio, stack, table
from traffic import produce, record, tenants

from blazz.v1 import common_pb2 as common
from blazz.v1.chat_event_pb2 import ChatEvent
from harness.blazz import Blazz
from harness.waiting import wait_for

PARTITIONS, WORKSPACES, CONTACTS = 8, 20, 1_000
TRICKLE_HZ, TRICKLE_MESSAGES = 50, 500


def messages(everyone, first, count, contact_of, out=None):
    """Messages of all tenants in turns; contact_of(n) is the contact of their n-th message."""
    rng = random.Random(first)
    for n in range(first, first + count):
        t = everyone[n % len(everyone)]
        yield t, t.message(n, contact_of(n // len(everyone), rng), rng, out)


def anyone(_, rng):
    return rng.randrange(CONTACTS)


# A shape is (records that are processed before the clock starts, records that are measured).

def ordinary(everyone, count):
    known = len(everyone) * CONTACTS
    return messages(everyone, 0, known, lambda n, _: n), messages(everyone, known, count, anyone)


def one_conversation(everyone, count):
    return messages(everyone[:1], 0, 1, lambda n, _: 0), messages(everyone[:1], 1, count, lambda n, _: 0)


def new_contacts(everyone, count):
    return messages(everyone, 0, 1, lambda n, _: n), messages(everyone, len(everyone), count, lambda n, _: n)


def statuses(everyone, count):
    """The statuses delivered and read, of stored messages."""
    sent = list(messages(everyone, 0, count // 2, anyone, out=True))
    steps = (common.MESSAGE_STATUS_DELIVERED, common.MESSAGE_STATUS_READ)
    return sent, ((t, t.source.status(e.message.provider_id, status, at=e.source_time_ms / 1000 + status,
                                      phone=e.message.chat.contact.phone)) for status in steps for t, e in sent)


SHAPES = {"the ordinary mix": ordinary, "everything in one conversation": one_conversation,
          "every message a new contact": new_contacts, "statuses only": statuses}


class Stage:
    """A database and topics, with tenants and one chat-sync."""

    def __init__(self, servers):
        self.folder = Path(tempfile.mkdtemp(prefix="blazz-shape.", dir="/tmp"))
        self.blazz = Blazz(servers.postgres, servers.kafka, self.folder, partitions=PARTITIONS)
        self.tenants = tenants(self.blazz, WORKSPACES, PARTITIONS)
        self.services, self.count = replicas.start(self.blazz), 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.blazz.close()
        shutil.rmtree(self.folder)

    def produce(self, events):
        self.count += produce(self.blazz, events)

    def wait_drained(self):
        replicas.wait_drained(self.blazz, self.services, self.count)


def drain_rate(servers, shape, count):
    """Records per second; the backlog is there when the clock starts."""
    with Stage(servers) as stage:
        before, measured = shape(stage.tenants, count)
        measured = [record(*m) for m in measured]
        stage.produce(record(*b) for b in before)
        stage.wait_drained()
        with replicas.held(stage.blazz):
            stage.produce(measured)
            began = time.monotonic()
        stage.wait_drained()
        return count / (time.monotonic() - began)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def trickle(stage, tenant):
    """Milliseconds from producing each message to its chat event, as a consumer reads it."""
    blazz, topic, rng = stage.blazz, stage.blazz.topic("chat-event"), random.Random(1)
    first, *rest = [tenant.message(n, 0, rng) for n in range(TRICKLE_MESSAGES + 1)]
    stage.produce([record(tenant, first)])
    stage.wait_drained()
    place = wait_for(lambda: next((r for r, e in blazz.chat_events() if e.message_created.message.key == first.message.key), None),
                     "the first message is published")
    reader, producer = blazz.kafka.consumer(), blazz.producer()
    reader.assign([TopicPartition(topic, place.partition, place.offset + 1)])
    sent, took, began = {}, [], time.monotonic()
    yield  # the flood starts now
    while len(took) < len(rest):
        now = time.monotonic()
        if len(sent) < len(rest) and now >= began + len(sent) / TRICKLE_HZ:
            event = rest[len(sent)]
            producer.produce(blazz.topic("inbound"), **record(tenant, event))
            sent[event.message.key] = now
        producer.poll(0)
        for message in reader.consume(1000, timeout=0.001):
            if message.key() != place.key:
                continue
            key = ChatEvent.FromString(message.value()).message_created.message.key
            if key in sent:
                took.append(1000 * (time.monotonic() - sent[key]))
    stage.count += len(rest)
    reader.close()
    yield percentile(took, 0.5), percentile(took, 0.99)


def beside_flood(servers, count):
    """p50 and p99 of a tenant in the last partition: alone, and while the backlog of another tenant in the first one is drained."""
    with Stage(servers) as stage:
        alone = trickle(stage, stage.tenants[-1])
        next(alone)
        quiet = next(alone)
        flood = [record(*m) for m in messages(stage.tenants[:1], 0, count, anyone)]
        beside = trickle(stage, stage.tenants[-2])
        next(beside)
        with replicas.held(stage.blazz):
            stage.produce(flood)
        flooded = next(beside)
        lag = stage.blazz.value("SELECT next_offset FROM consumer_progress WHERE partition = 0")
        assert lag < count, "the flood ended before the trickle: more --events"
        return quiet, flooded


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20,000 events, 1 round")
    parser.add_argument("--events", type=int, default=100_000, help="of each shape")
    parser.add_argument("--flood", type=int, default=400_000, help="events of the flooding tenant")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.quick:
        options.events, options.rounds = 20_000, 1
    print(machine(), flush=True)
    with stack(PARTITIONS) as servers:
        rates = {name: [] for name in SHAPES}
        for _ in range(options.rounds):
            for name, shape in SHAPES.items():
                rates[name].append(drain_rate(servers, shape, options.events))
        base = next(iter(rates.values()))
        table(["shape", "records/s", "of the ordinary mix"],
              *([name, f"{statistics.median(r):,.0f}", ratio(r, base)] for name, r in rates.items()))
        quiet, flooded = beside_flood(servers, options.flood)
        print()
        table(["trickle, 50 messages a second", "p50 ms", "p99 ms"],
              ["alone", *(f"{ms:.0f}" for ms in quiet)], ["while another tenant floods", *(f"{ms:.0f}" for ms in flooded)])


if __name__ == "__main__":
    main()
