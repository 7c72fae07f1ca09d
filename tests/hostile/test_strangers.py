"""Clients without credentials: whatever they send or withhold, Beta's messages are answered, stored and delivered in time."""
import statistics
import threading
import time

import pytest
from attack import ROUTES, connect, connections, exchange, head, send, signed, status
from bodies import FILLINGS
from limits import reset_peak, peak

siblings = pytest.mark.siblings
MIB = 1 << 20
SOURCES = [f"127.9.{i // 250}.{i % 250 + 1}" for i in range(1000)]
# Memory that bodies of strangers may take, as a factor of their bytes: buffers grow in steps, and a scan allocates nothing.
MEMORY_FACTOR, MEMORY_SLACK = 2, 64 * MIB


def whole_body(path, size, filling="ones"):
    """A body of this size that names an unknown session."""
    start = b'{"session_id":"nobody","whatsapp_account_id":"nobody","chats":'
    return start + FILLINGS[filling](size - len(start) - 10) + b"}"


# Large bodies

@pytest.mark.parametrize("path, filling, count, sources", [
    ("/api/whatsapp/chats/sync", "ones", 16, 16), *(pytest.param(*p, marks=siblings) for p in (
        ("/api/whatsapp/chats/sync", "ones", 16, 1), ("/api/webhooks/chats/sync", "empty objects", 16, 16),
        ("/api/whatsapp/chats/sync", "many members", 16, 8), ("/api/whatsapp/chats/sync", "escapes", 8, 8),
        ("/api/whatsapp/chats/sync", "nested", 8, 8), ("/api/whatsapp/webhook", "empty lists", 60, 30))),
], ids=lambda v: str(v).rpartition("/")[2])
def test_large_bodies_of_strangers_cost_memory_in_proportion_to_their_bytes(system, beta, path, filling, count, sources):
    """The last byte of all bodies is sent at once."""
    body = whole_body(path, ROUTES[path] - 64, filling)
    data = head(path, X_WhatsApp_Signature="x", Content_Length=len(body)) + body
    reset_peak(system.ingest.process.pid)
    before = peak(system.ingest.process.pid)
    with connections(system.port, count, SOURCES[:sources]) as sockets:
        with beta.served(0.5):
            threads = [threading.Thread(target=send, args=(s, data[:-1]), daemon=True) for s in sockets]
            for t in threads:
                t.start()
            for t in threads:
                t.join(20)
            for s in sockets:
                send(s, data[-1:])
            answers = [status(s) for s in sockets]
    grown = peak(system.ingest.process.pid) - before
    assert set(answers) <= {400, 401, 429, 503, None}, answers
    assert grown <= MEMORY_FACTOR * count * len(body) + MEMORY_SLACK, f"{grown / MIB:.0f} MiB for {count * len(body) / MIB:.0f} MiB sent"


# Announced bodies

@pytest.mark.parametrize("path, count, sources, lines", [
    ("/api/whatsapp/chats/sync", 16, 1, ["Content-Length: 16777216"]), *(pytest.param(*p, marks=siblings) for p in (
        ("/api/whatsapp/chats/sync", 64, 64, ["Content-Length: 16777216"]), ("/api/webhooks/chats/sync", 64, 4, ["Content-Length: 16777216"]),
        ("/api/whatsapp/webhook", 400, 8, ["Content-Length: 3145728"]),
        ("/webhooks/wwebjs/00000000-0000-4000-8000-000000000000", 64, 8, ["Content-Length: 16777216"]),
        ("/webhooks/meta/00000000-0000-4000-8000-000000000000", 400, 8, ["Content-Length: 3145728"]),
        ("/api/whatsapp/chats/sync", 64, 4, ["Content-Length: 16777216", "Expect: 100-continue"]),
        ("/api/whatsapp/chats/sync", 400, 8, ["Transfer-Encoding: chunked"]))),
], ids=lambda v: str(v).rpartition("/")[2])
def test_no_memory_is_reserved_for_announced_bytes(system, beta, path, count, sources, lines):
    with connections(system.port, count, SOURCES[:sources]) as sockets:
        for s in sockets:
            send(s, head(path, "X-WhatsApp-Signature: x", *lines))
        with beta.served(1.0):
            pass


def test_bodies_without_their_last_byte_do_not_delay_others(system, beta):
    """Received bytes are counted, and a source has a share of them."""
    body = b" " * (16 * MIB - 1)
    data = head("/api/whatsapp/chats/sync", X_WhatsApp_Signature="x", Content_Length=16 * MIB) + body
    with beta.served(1.5), connections(system.port, 20, SOURCES[:1]) as sockets:
        threads = [threading.Thread(target=send, args=(s, data), daemon=True) for s in sockets]
        for t in threads:
            t.start()
        for t in threads:
            t.join(1.0)


# Connections

IDLE = b"POST /api/whatsapp/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"


HALF_HEADER = b"POST /api/whatsapp/webhook HTTP/1.1\r\nHo"
HALF_BODY = b"POST /api/whatsapp/webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"


@pytest.mark.parametrize("start, sources", [
    pytest.param(b"", 4, id="silent, from four"), pytest.param(HALF_BODY, 100, id="half a body, from a hundred"),
    *(pytest.param(*p, marks=siblings) for p in ((b"", 100), (HALF_HEADER, 4), (HALF_HEADER, 100), (HALF_BODY, 4), (IDLE, 4), (IDLE, 100)))])
def test_four_thousand_connections_of_strangers_do_not_delay_others(system, beta, start, sources):
    with connections(system.port, 4000, SOURCES[:sources]) as sockets:
        for s in sockets:
            send(s, start)
        with beta.served(1.0):
            pass


def test_clients_that_send_a_byte_at_a_time_do_not_delay_others(system, beta):
    text = b"POST /api/whatsapp/webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-A: " + b"a" * 10000
    with beta.served(0.2), connections(system.port, 1000, SOURCES[:20]) as sockets:
        end, n = time.monotonic() + 1.5, 0
        while time.monotonic() < end:
            for s in sockets:
                send(s, text[n:n + 1])
            n += 1


# Addresses

def forwarded(lines, body=b"{}"):
    return head("/api/whatsapp/webhook", *lines, "X-WhatsApp-Signature: x", Content_Length=len(body)) + body


@pytest.mark.parametrize("lines", [
    lambda n: [f"X-Forwarded-For: 198.51.100.{n}", "X-Forwarded-For: 203.0.113.1"],
    lambda n: [f"X-Forwarded-For: 198.51.100.{n}, 203.0.113.2"],
    lambda n: ["X-Forwarded-For: ", f"X-Forwarded-For: 198.51.100.{n}", "X-Forwarded-For: 203.0.113.3"],
    lambda n: [f"x-forwarded-for: 198.51.100.{n}", "X-FORWARDED-FOR: 203.0.113.4"],
    lambda n: [f"X-Forwarded-For: 198.51.100.{n},198.51.100.1", "X-Forwarded-For: 198.51.100.2, 203.0.113.5"],
], ids=["two lines", "one line", "an empty line first", "other case", "two of two"])
def test_the_source_behind_a_proxy_is_the_address_that_the_proxy_saw(proxied, lines):
    """Addresses that the client sent in the header are ignored."""
    answers = [exchange(proxied, forwarded(lines(n % 250 + 1))) for n in range(80)]
    assert answers[0] == 401 and answers[-1] == 429, answers


def test_failures_with_a_forged_address_do_not_limit_its_owner(system, proxied):
    (victim,) = system.tenant("bridge")
    for _ in range(80):
        exchange(proxied, forwarded(["X-Forwarded-For: 192.0.2.77", "X-Forwarded-For: 203.0.113.9"]))
    body = b'{"session_id":"%s","id":"3EB0VICTIM","chat_type":"private","contact_phone":"16505551234","contact_name":"x",' \
           b'"message_body":"hi","message_type":"text","timestamp":1767225600,"from_me":false,"has_media":false}' % victim.session.encode()
    assert exchange(proxied, signed(victim, body, "X-Forwarded-For: 192.0.2.77")) == 202


def test_a_source_that_authenticated_is_served_while_others_at_its_address_fail(system):
    """It authenticated before the first failure."""
    (acme,) = system.tenant("bridge")
    source = "127.8.0.1"

    def good(n):
        body = b'{"session_id":"%s","id":"3EB0WELL%d","chat_type":"private","contact_phone":"16505551234","contact_name":"x",' \
               b'"message_body":"hi","message_type":"text","timestamp":1767225600,"from_me":false,"has_media":false}' % (
                   acme.session.encode(), n)
        return exchange(system.port, signed(acme, body), source)

    assert [good(n) for n in range(6)] == [202] * 6
    for _ in range(150):
        exchange(system.port, IDLE, source)
    assert [good(n) for n in range(6, 12)] == [202] * 6


# Framing

@pytest.mark.parametrize("line", ["Transfer-Encoding : chunked", "Transfer-Encoding\t: chunked", "Content-Length : 5",
                                  "Content-Length\t: 5"])
def test_a_header_name_with_white_space_is_rejected(system, line):
    body = b"{}"
    assert exchange(system.port, head("/api/whatsapp/webhook", line, X_WhatsApp_Signature="x", Content_Length=len(body)) + body) == 400


# Timing and the log

TIMED, TIMED_PER_SOURCE = 400, 25  # each source stays below the limit of failures
NOISE_US, NOISE_PART = 20, 0.05


@pytest.mark.parametrize("others", [1, TIMED], ids=["one missing session", "a new one each time"])
def test_existing_and_missing_sessions_get_the_same_answer(system, others):
    """Medians of 400 rejections each, in turns. The first look-up of a missing session is a query."""
    (acme,) = system.tenant("bridge")
    times = [], []
    for n in range(TIMED):
        if n % TIMED_PER_SOURCE == 0:
            s = connect(system.port, f"127.7.{others % 10}.{n // TIMED_PER_SOURCE + 1}")
        for name, took in zip((acme.session, f"{acme.session[:-4]}{others % 10}{n % others:03}"), times):
            body = b'{"session_id":"%s"}' % name.encode()
            request = head("/api/whatsapp/webhook", X_WhatsApp_Signature="0" * 64, Content_Length=len(body)) + body
            began = time.perf_counter()
            send(s, request)
            assert s.recv(4096).startswith(b"HTTP/1.1 401")
            took.append(time.perf_counter() - began)
        if n % TIMED_PER_SOURCE == TIMED_PER_SOURCE - 1:
            s.close()
    known, unknown = (statistics.median(t) * 1e6 for t in times)
    assert abs(known - unknown) < max(NOISE_US, NOISE_PART * known), f"median {known:.0f} µs, {unknown:.0f} µs for a missing session"


@pytest.mark.parametrize("data", [IDLE, head("/api/whatsapp/chats/sync", Content_Length=16777216),
                                  head("/api/whatsapp/webhook", X_WhatsApp_Signature="x", Content_Length=99999999)],
                         ids=["unsigned", "announced", "too large"])
def test_rejections_do_not_fill_the_log(system, data):
    began, at = time.monotonic(), len(system.ingest.log())
    for n in range(400):
        with connect(system.port, SOURCES[n % 3]) as s:
            send(s, data)
            if data == IDLE:
                status(s)
    lines = system.log_of(system.ingest, at).count("\n")
    assert lines <= 10 + 5 * (time.monotonic() - began), f"{lines} lines for 400 rejections"
