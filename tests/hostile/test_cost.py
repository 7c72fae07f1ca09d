"""The cost of a body for each byte sent. Shapes are drawn from a seed: a place in a dialect, a filling, a size.

HOSTILE_SEED draws other shapes, HOSTILE_BUDGET sets their number. A table of costs is printed at the end.
"""
import json
import os
import random
import time
from dataclasses import dataclass

import psycopg2
import pytest
from attack import connections, head, send, status
from bodies import FILLINGS, PLACES, body_of, bridge, evolution_messages, meta_messages, path_of
from harness.client import signature
from limits import cpu_s, reset_peak, peak
from system import DIALECTS, wait_all_consumed

MIB = 1 << 20
# A document that has only items takes 11 times its bytes; events, copies and Kafka's buffers add to it.
MEMORY_FACTOR, MEMORY_SLACK = 16, 48 * MIB
# The shortest item that can become a row has about 20 bytes; the slack is for Beta's messages.
BYTES_A_ROW, ROWS_SLACK = 20, 400
# CPU of all services and of PostgreSQL, as a multiple of the cost of plain messages of as many bytes.
CPU_FACTOR, CPU_SLACK_S = 4, 0.3
PLAIN = 300  # plain messages measured for the comparison

SEED = int(os.environ.get("HOSTILE_SEED") or 1)
BUDGET = int(os.environ.get("HOSTILE_BUDGET") or 10)
LARGEST = {"bridge": 3_000_000, "webjs-raw": 6_000_000}  # size of bodies; 3 MiB is the limit of most routes
TABLES = """SELECT oid::regclass::text AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    AND NOT relispartition"""


@dataclass
class Shape:
    dialect: str
    place: str
    filling: str
    size: int
    signed: bool
    chunk: int  # bytes; 0: Content-Length

    def __str__(self):
        how = ("signed" if self.signed else "unsigned") + (f" in chunks of {self.chunk}" if self.chunk else "")
        return f"{self.dialect}: {self.place}: {self.filling}, {self.size >> 10} KiB {how}"

    def body(self, account):
        if self.filling == "good messages":
            make = {"evolution": evolution_messages, "meta": meta_messages}[self.dialect]
            return make(account, self.size // 160, f"C{account.session}")
        return body_of(account, self.place, FILLINGS[self.filling](self.size))


def drawn(seed, budget):
    rng, shapes = random.Random(seed), []
    nobody = type("Nobody", (), {"session": "", "secret": "", "number": "", "waba": "", "dialect": "", "uuid": "", "workspace": ""})
    shapes.append(Shape("evolution", "messages.upsert", "good messages", 400_000, True, 0))
    shapes.append(Shape("meta", "messages", "good messages", 400_000, True, 0))
    while len(shapes) < budget:
        dialect = rng.choice(DIALECTS)
        place = rng.choice(list(PLACES[dialect](nobody)))
        size = int(2 ** rng.uniform(16, 1 + LARGEST.get(dialect, 2_900_000).bit_length() - 1))
        shapes.append(Shape(dialect, place, rng.choice(list(FILLINGS)), min(size, LARGEST.get(dialect, 2_900_000)), rng.random() < 0.8,
                            rng.choice((0, 0, 0, 0, 1, 1000))))
    return shapes[:budget]


class Meter:
    """CPU of all services and backends, rows and records, and the memory of the service that grew most."""

    def __init__(self, system):
        self.system = system
        with psycopg2.connect(system.blazz.conninfo("postgres")) as connection, connection.cursor() as cursor:
            cursor.execute(TABLES)
            self.tables = [name for name, in cursor.fetchall()]

    def backends(self):
        return [r["pid"] for r in self.system.blazz.sql("SELECT pid FROM pg_stat_activity WHERE usename LIKE 'blazz%' AND datname = current_database()")]

    def rows(self):
        union = " UNION ALL ".join(f"SELECT count(*) AS n FROM {t}" for t in self.tables)
        return int(self.system.blazz.value(f"SELECT sum(n) FROM ({union}) x")) + sum(self.system.records().values())

    def cpu(self):
        return sum(cpu_s(s.process.pid) for s in self.system.services) + sum(map(cpu_s, self.backends()))

    def begin(self):
        for s in self.system.services:
            reset_peak(s.process.pid)
        self.before = [peak(s.process.pid) for s in self.system.services], self.rows(), self.cpu()

    def end(self):
        """Returns (bytes of memory, rows, seconds of CPU) since begin()."""
        peaks, rows, cpu = self.before
        grown = max(peak(s.process.pid) - p for s, p in zip(self.system.services, peaks))
        return grown, self.rows() - rows, self.cpu() - cpu


@pytest.fixture(scope="session")
def plain_cpu():
    """{system: seconds of CPU for each byte of plain messages}"""
    return {}


def cpu_of_plain_messages(system):
    (account,) = system.tenant("bridge")
    meter, client, total = Meter(system), system.client(), 0
    before = meter.cpu()
    for n in range(PLAIN):
        body = json.dumps(bridge(account, id=f"3EB0PLAIN{n}", message_body="a message of some length " * 4)).encode()
        assert client.post(account.path, body, signature("bridge", body, account.secret)).status == 202
        total += len(body)
    client.close()
    wait_all_consumed(system)
    return max(0.01, meter.cpu() - before) / total


def attack(system, account, shape, body):
    headers = signature(account.dialect, body, account.secret) if shape.signed else {"X-WhatsApp-Signature": "x"}
    path, lines = path_of(account, shape.place), [f"{k}: {v}" for k, v in headers.items()]
    with connections(system.port, 1, ["127.5.0.1" if shape.signed else f"127.5.{random.randrange(250)}.{random.randrange(1, 250)}"]) as (s,):
        if not shape.chunk:
            send(s, head(path, *lines, Content_Length=len(body)) + body)
        else:
            send(s, head(path, *lines, "Transfer-Encoding: chunked"))
            count = 20000 if shape.chunk == 1 else len(body)  # the first 20,000 bytes one at a time
            pieces = [body[i:i + shape.chunk] for i in range(0, min(count, len(body)), shape.chunk)] + [body[count:]]
            send(s, b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces if p) + b"0\r\n\r\n")
        return status(s)


# A body of the largest size that has only small values, against one long text: CPU of ingest's one thread.
DEAREST_FACTOR, DEAREST_SLACK_S = 3.5, 0.05


def ingest_cpu(system, account, place, filling):
    size = 16_700_000
    body = body_of(account, place, FILLINGS[filling](size))
    before = cpu_s(system.ingest.process.pid)
    assert system.post(account, body, path=path_of(account, place), patience_s=60).status in (202, 400, 422)
    return cpu_s(system.ingest.process.pid) - before


@pytest.mark.parametrize("dialect, place, filling", [
    ("bridge", "messages of a chat", "ones"), ("webjs-raw", "message_ack", "one member again and again"),
    ("webjs-raw", "participants of a chat", "people"),
    *(pytest.param(*v, marks=pytest.mark.siblings) for v in (
        ("webjs-raw", "lidMap", "ones"), ("webjs-raw", "chats", "nested"), ("webjs-raw", "contact", "many members"),
        ("webjs-raw", "recipientIds", "strings"), ("bridge", "participants of a chat", "objects with many members"),
        ("bridge", "messages of a chat", "large numbers"), ("webjs-raw", "message", "surrogates")))])
def test_small_values_cost_ingest_little_more_than_text(system, dialect, place, filling):
    (account, other) = system.tenant(dialect, "webjs-raw")
    text = ingest_cpu(system, other, "change_state", "a long string")
    cost = ingest_cpu(system, account, place, filling)
    wait_all_consumed(system)
    assert cost <= DEAREST_FACTOR * text + DEAREST_SLACK_S, f"{cost:.2f} s of CPU, {text:.2f} s for as many bytes of text"


ROWS = []


@pytest.mark.parametrize("shape", drawn(SEED, BUDGET), ids=str)
def test_a_body_costs_a_bounded_factor_of_its_bytes(system, beta, plain_cpu, shape):
    if system not in plain_cpu:
        plain_cpu[system] = cpu_of_plain_messages(system)
    (account,) = system.tenant(shape.dialect)
    body, meter = shape.body(account), Meter(system)
    meter.begin()
    began = time.monotonic()
    with beta.served(0.0):
        answer = attack(system, account, shape, body)
    wait_all_consumed(system)
    took = time.monotonic() - began
    grown, rows, cpu = meter.end()
    factor = cpu / (len(body) * plain_cpu[system])
    ROWS.append([str(shape), answer, f"{grown / len(body):.1f}", f"{rows / len(body):.4f}", f"{factor:.2f}", f"{took:.1f}"])
    assert answer in (200, 202, 400, 401, 413, 422, 429, 503), answer
    assert grown <= MEMORY_FACTOR * len(body) + MEMORY_SLACK, f"{grown / MIB:.0f} MiB of memory for {len(body) / MIB:.2f} MiB"
    assert rows <= len(body) / BYTES_A_ROW + ROWS_SLACK, f"{rows} rows and records for {len(body)} bytes"
    assert cpu <= CPU_FACTOR * len(body) * plain_cpu[system] + CPU_SLACK_S, f"{cpu:.2f} s of CPU, {factor:.1f} times that of plain messages"
