"""Mutated fixtures through all services into a real PostgreSQL: what a column rejects, ingest or chat-sync must have rejected before.

A dead letter `data_error` is a find: a dialect accepted a value that a column rejects. SEED draws other mutations, ROUNDS sets how many
there are of each body.
"""
import os
import random
import re

import pytest
from harness.fixtures import load

SEED, ROUNDS = int(os.environ.get("SEED") or 1), int(os.environ.get("ROUNDS") or 8)
LARGE_BYTES = 32 * 1024
VALUE = re.compile(rb'(?<=[:\[,])\s*("(?:[^"\\]|\\.)*"|-?[0-9.eE+]+|true|false|null)(?!\s*:)')
# Values that replace others.
ODD = (b"1e999999", b"-1e-999999", b"0e131073", b"1e1000", b"[1e308,5e-324]", b"99999999999999999999", b"-9223372036854775808",
       b"9223372036854775807", b"253402300800", b"253402300799999", b"4294967296", b"2147483648", b"-1", b"0", b"1.5", b"null", b"true", b"{}",
       b"[]", b'""', rb'"\u0000"', rb'"a\u0000b"', rb'"\ud800"', rb'"\udc00\ud800"', rb'"\uffff\ufffe"', b'"1e999999"', b'"-1"',
       b'{"a":{"b":[1e999999]}}', rb'{"\u0000":"\u0000"}', b'"' + b"0123456789" * 250 + b'"', b'"' + "é".encode() * 1500 + b'"',
       b'"' + rb"\u0001" * 64 + b'"', b"[" * 40 + b"]" * 40, b'{"low":-1,"high":2147483647}', b'"1@g.us"', b'"120363@lid"',
       b'"status@broadcast"', b'"-infinity"', b'"999999-12-31T00:00:00Z"')


def mutate(draw, body):
    """Replaces one or two values; names of members stay."""
    for _ in range(draw.randint(1, 2)):
        at = draw.choice(list(VALUE.finditer(body)))
        body = body[:at.start(1)] + draw.choice(ODD) + body[at.end(1):]
    return body


@pytest.fixture(autouse=True)
def logs(shared_logs):
    """Shown when a test fails."""


def test_no_value_of_a_body_reaches_a_column_that_rejects_it(shared):
    draw, accepted = random.Random(SEED), 0
    for fixture in load():
        body = fixture.body(shared.workspace)
        for _ in range(ROUNDS if len(body) < LARGE_BYTES else 0):
            answer = shared.post(fixture.dialect, mutate(draw, body))
            assert answer.status in (200, 202, 400, 401, 422), f"{answer} SEED={SEED}"
            accepted += answer.status in (200, 202) and answer.json().get("events", 0)
    assert accepted > 5 * ROUNDS, "most mutated bodies are still accepted"
    shared.wait_processed()
    rejected = [r for r in shared.dead_letters() if dict(r.headers)["x-dlq-reason"] == b"data_error"]
    assert not rejected, f"SEED={SEED}: {[(dict(r.headers)['x-dlq-code'], dict(r.headers)['__dlq.errors.message']) for r in rejected]}"
