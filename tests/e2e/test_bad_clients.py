"""Clients that are slow, many, too large, broken or gone: each gets a clear answer or is closed, and meanwhile ingest serves
all others (30-inbound, 80-quality)."""
import http.client
import json
import os
import random
import re
import resource
import select
import signal
import socket
import struct
import subprocess
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from harness.blazz import Blazz
from harness.client import Client, signature
from harness.servers import tool
from harness.waiting import wait_for
from test_answers import bridge

DEADLINE_S = 2  # the stack's timeouts of a header, a body and an idle connection
BOUND_S = 2.0  # a well-behaved client's POST is answered within it
PATH = "/api/whatsapp/webhook"
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()
UNSIGNED = HEAD + b"Content-Length: 2\r\n\r\n{}"  # rejected with 401; the connection stays open
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def stack(postgres, kafka, tmp_path_factory):
    """One ingest for the whole file, so that damage left by one attack shows in the next test."""
    stack = Blazz(postgres, kafka, tmp_path_factory.mktemp("bad-clients"), partitions=1)
    stack.seed(("bridge",))
    limit = f"{DEADLINE_S}s"
    stack.start_ingest(http__header_timeout=limit, http__body_timeout=limit, http__idle_timeout=limit, request__deadline="3s",
                       limits__failures_per_minute=100000, limits__account_rate=0, limits__bytes_in_flight="16M",
                       http__max_connections_per_address=400)
    yield stack
    wrong = stack.close()
    assert not wrong, "\n".join(wrong)


def connect(stack, source="127.0.0.1", timeout_s=10.0):
    return socket.create_connection(("127.0.0.1", stack.in_.port("http.port_file")), timeout_s, (source, 0))


def post(body, more=b"", version=b"1.1"):
    """A signed POST as bytes."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    signed = "".join(f"{k}: {v}\r\n" for k, v in signature("bridge", body).items()).encode()
    return HEAD.replace(b"1.1", version) + signed + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


def read_to_end(s):
    """What is received until the server closes the connection."""
    received = b""
    try:
        while piece := s.recv(65536):
            received += piece
    except ConnectionError:
        pass
    return received


def statuses(received):
    return [int(m) for m in re.findall(rb"HTTP/1\.[01] (\d{3}) ", received)]


def converse(stack, data):
    """Returns the statuses of the answers to these bytes; the server closes the connection, at the latest at a deadline."""
    with connect(stack) as s:
        try:
            s.sendall(data)
        except ConnectionError:
            pass
        received = read_to_end(s)
        print(received[:2000])
        return statuses(received)


def descriptors(stack):
    return len(os.listdir(f"/proc/{stack.in_.process.pid}/fd"))


def memory_mib(stack):
    with open(f"/proc/{stack.in_.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024


def gauge(stack, name):
    return stack.in_.metrics()[f"blazz_ingest_{name}"]


def good_post(stack):
    """Posts a valid body on a new connection. Returns the status."""
    client = Client(stack.in_.port("http.port_file"))
    try:
        return stack.post("bridge", bridge(0), client).status
    finally:
        client.close()


@contextmanager
def others_are_served(stack):
    """Meanwhile a well-behaved client posts: each POST is accepted within BOUND_S."""
    stop, times, wrong = threading.Event(), [], []

    def serve():
        client = Client(stack.in_.port("http.port_file"))
        while not stop.is_set():
            began = time.monotonic()
            try:
                answer = stack.post("bridge", bridge(len(times)), client)
                wrong.extend([answer] if answer.status != 202 else [])
            except (OSError, http.client.HTTPException) as e:
                wrong.append(e)
            times.append(time.monotonic() - began)
        client.close()

    thread = threading.Thread(target=serve)
    thread.start()
    wait_for(lambda: times, "the well-behaved client has its first answer")
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not wrong, wrong[:5]
    assert times and max(times) < BOUND_S, f"{len(times)} POSTs, the slowest {max(times):.2f} s"


@contextmanager
def nothing_is_left(stack):
    """Afterwards the descriptors are closed, and no request or byte is counted as in flight."""
    assert good_post(stack) == 202
    before = descriptors(stack)
    yield
    wait_for(lambda: descriptors(stack) <= before + 3, lambda: f"{before} descriptors are open as before, there are {descriptors(stack)}")
    wait_for(lambda: gauge(stack, "requests_in_flight") == 0 and gauge(stack, "bytes_in_flight") == 0, "nothing is in flight")
    assert good_post(stack) == 202


@contextmanager
def closing(sockets):
    """Closes the sockets that the body of the block adds to the list."""
    try:
        yield sockets
    finally:
        for s in sockets:
            s.close()


# Slow clients

def drip(sockets, texts, until):
    """Sends each socket a byte in turn until the server has closed all of them. Returns how many are still open."""
    open_ = {s.fileno(): (s, iter(t)) for s, t in zip(sockets, texts)}
    poller = select.poll()
    for fd, (s, _) in open_.items():
        s.setblocking(False)
        poller.register(fd, select.POLLIN)
    while open_ and time.monotonic() < until:
        for s, text in open_.values():
            try:
                s.send(bytes([next(text)]))
            except (ConnectionError, BlockingIOError):
                pass
        for fd, _ in poller.poll(50):
            try:
                ended = open_[fd][0].recv(4096) == b""
            except ConnectionError:
                ended = True
            if ended:
                poller.unregister(fd)
                del open_[fd]
    return len(open_)


@pytest.mark.parametrize("start, rest", [(b"", HEAD + b"X: " + b"y" * 10000), (HEAD + b"Content-Length: 10000\r\n\r\n", b"x" * 10000),
                                         (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 2000)],
                         ids=["header", "body", "chunks"])
def test_a_client_that_sends_a_byte_at_a_time_is_disconnected_at_the_deadline(stack, start, rest):
    with nothing_is_left(stack), others_are_served(stack), closing([]) as sockets:
        for _ in range(300):
            sockets.append(connect(stack, "127.0.0.2"))
            sockets[-1].sendall(start)
        assert drip(sockets, [rest] * 300, time.monotonic() + DEADLINE_S + 5) == 0


def drip_again(stack, source, start, count, seconds):
    """Keeps `count` connections open, and replaces each one that the server closes. Returns the seconds that each closed one lived."""
    open_, lived, poller = {}, [], select.poll()
    end = time.monotonic() + seconds
    with closing([]) as sockets:
        while time.monotonic() < end:
            while len(open_) < count:
                s = connect(stack, source)
                sockets.append(s)
                s.sendall(start)
                s.setblocking(False)
                open_[s.fileno()] = s, time.monotonic()
                poller.register(s, select.POLLIN)
            for s, _ in open_.values():
                try:
                    s.send(b"x")
                except (ConnectionError, BlockingIOError):
                    pass
            for fd, _ in poller.poll(50):  # the server answers only when it closes
                s, began = open_.pop(fd)
                poller.unregister(fd)
                lived.append(time.monotonic() - began)
                s.close()
    return lived


def test_bodies_that_never_end_hold_a_sources_share_for_the_deadline_each(stack):
    """A source holds at most as many requests as it may have connections, each until the deadline of a body."""
    rounds, share = 3, 400
    with nothing_is_left(stack), others_are_served(stack):
        lived = drip_again(stack, "127.0.0.9", HEAD + b"Content-Length: 100000\r\n\r\n", share + 50, rounds * DEADLINE_S + 1)
    cut = [s for s in lived if s > DEADLINE_S / 2]
    print(f"{len(cut)} bodies cut after {min(cut, default=0):.1f} to {max(cut, default=0):.1f} s, {len(lived) - len(cut)} connections closed at once")
    assert (rounds - 1) * share <= len(cut) <= rounds * share
    assert max(cut) < DEADLINE_S + 1.5 and len(lived) > len(cut)


def test_a_client_that_does_not_read_its_answers_is_disconnected(stack):
    """The unread answers fill the sockets' buffers until the deadline. When the server had read all requests, its kernel still tries to
    send the answers, so the client may see the end of the connection later."""
    with nothing_is_left(stack), others_are_served(stack), connect(stack, "127.0.0.3") as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(DEADLINE_S + 10)
        with pytest.raises((ConnectionError, TimeoutError)):
            while True:
                s.sendall(UNSIGNED * 1000)


# Many connections

def idle_connections(stack, count, sockets):
    for n in range(count):
        sockets.append(connect(stack, f"127.0.1.{n // 350 + 1}", 30.0))


def test_ten_thousand_idle_connections(make_blazz):
    """As many as the limit of descriptors allows, from several addresses, as each address has a limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(10_000, hard - 500)
    stack = make_blazz(partitions=1).seed(("bridge",))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))  # the soft limit with which most systems start services
        stack.start_ingest(http__max_connections=count + count // 8, http__max_connections_per_address=400,
                           http__header_timeout="20s", limits__account_rate=0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        with nothing_is_left(stack), closing([]) as sockets:
            before = memory_mib(stack)
            with others_are_served(stack):
                idle_connections(stack, count, sockets)
                wait_for(lambda: gauge(stack, "connections") >= count, lambda: f"{count} connections are open, there are "
                         f"{gauge(stack, 'connections')}")
            grown = memory_mib(stack) - before
            print(f"{count} idle connections: {grown:.0f} MiB")
            assert grown < count * 64 / 1024, f"{grown:.0f} MiB for {count} connections"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_descriptors_are_left_for_kafka_and_postgresql(make_blazz, monkeypatch):
    """The system allows fewer open files than the configuration allows connections: further clients wait to be accepted."""
    stack = make_blazz(partitions=1).seed(("bridge",))
    with monkeypatch.context() as patch:
        start = subprocess.Popen
        patch.setattr(subprocess, "Popen", lambda command, **more: start(["prlimit", "--nofile=300:300", *command], **more))
        stack.start_ingest(http__max_connections=4000, http__max_connections_per_address=0)
    with others_are_served(stack), closing([]) as sockets:
        for _ in range(400):
            sockets.append(connect(stack, "127.0.0.7"))
        wait_for(lambda: 185 <= gauge(stack, "connections") <= 200, "as many connections as descriptors allow")
    assert "raise the limit of open files" in stack.in_.log()


def test_the_limit_of_one_address_does_not_affect_others(stack):
    with nothing_is_left(stack), others_are_served(stack), closing([]) as sockets:
        for _ in range(500):
            sockets.append(connect(stack, "127.0.0.4"))
        ended = [s for s in sockets[400:] if s.recv(1) == b""]
        assert len(ended) == 100


def test_pipelined_requests_are_all_answered_and_all_stored(stack):
    before = len(stack.inbound())
    with connect(stack) as s:
        s.sendall(b"".join(post(bridge(n)) for n in range(5000, 5100)) + post(bridge(5100), b"Connection: close\r\n"))
        assert statuses(read_to_end(s)) == [202] * 101
    assert len(stack.inbound()) == before + 101


def test_a_flood_of_pipelined_rejections_does_not_starve_other_clients(stack):
    with nothing_is_left(stack), others_are_served(stack), closing([]) as sockets:
        for _ in range(10):
            sockets.append(connect(stack, "127.0.0.5"))
            threading.Thread(target=sockets[-1].sendall, args=(UNSIGNED * 2000,), daemon=True).start()
        for s in sockets:
            assert statuses(read_to_end(s)) == [401] * 2000


# Requests that are too large

def nested(depth):
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize("data, want", [
    (HEAD + b"X: " + b"y" * 20000 + b"\r\n\r\n", [431]),
    (HEAD + b"X: y\r\n" * 5000 + b"\r\n", [431]),
    (b"POST /" + b"x" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", [414]),
    (HEAD + b"Content-Length: 3145729\r\n\r\n" + b" " * 3145729, [413]),
    (HEAD + b"Expect: 100-continue\r\nContent-Length: 3145729\r\n\r\n", [413]),
    (HEAD + b"Content-Length: 99999999999999\r\n\r\n", [413]),
    (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 49 + b"0\r\n\r\n", [413]),
], ids=["line", "lines", "uri", "length", "expect", "no memory", "chunks"])
def test_a_request_that_is_too_large_gets_413(stack, data, want):
    with nothing_is_left(stack), others_are_served(stack):
        assert converse(stack, data) == want


@pytest.mark.parametrize("body, want", [
    (nested(65), 401), (nested(1_500_000), 401), (b"[" + b"[]," * 1_000_000 + b"[]]", 401), (b"1," * 1_500_000, 401),
    (b'{"session_id":"' + b"x" * 3_000_000 + b'"}', 401), (b'{"a":' * 60 + b"1" + b"}" * 60, 401),
], ids=["deep", "deeper", "nodes", "no json", "long name", "deep enough"])
def test_json_that_is_too_large_costs_bounded_memory(stack, body, want):
    """The body names no known session: it is scanned for the name, rejected, and never parsed."""
    before = memory_mib(stack)
    with nothing_is_left(stack), others_are_served(stack):
        for _ in range(3):
            with connect(stack) as s:
                s.sendall(post(body, b"Connection: close\r\n"))
                assert statuses(read_to_end(s)) == [want]
    assert memory_mib(stack) - before < 400


def test_bodies_together_have_a_limit(stack):
    """The limit is 16 MiB, and one source may hold an eighth of it: one of its bodies of 3 MiB at a time, the others get 503."""
    before = memory_mib(stack)
    with nothing_is_left(stack), others_are_served(stack), closing([]) as sockets:
        for n in range(4):
            sockets.append(connect(stack, "127.0.0.6"))
            sockets[-1].sendall(HEAD + b"Content-Length: %d\r\n\r\n" % (3 * MIB) + b" " * (3 * MIB - 1))
            if n >= 1:
                sockets[-1].sendall(b" ")
        answers = [statuses(read_to_end(s)) for s in sockets]
        assert memory_mib(stack) - before < 300
        assert answers.count([503]) >= 2 and len([a for a in answers if a != [503]]) <= 2, answers


def test_bodies_of_many_sources_are_shed_for_another_source(stack):
    """Incomplete bodies of twelve sources exceed the limit: the oldest are aborted, and a valid POST is answered at once."""
    with nothing_is_left(stack), others_are_served(stack), closing([]) as sockets:
        for n in range(12):
            sockets.append(connect(stack, f"127.0.2.{n + 1}"))
            sockets[-1].sendall(HEAD + b"Content-Length: %d\r\n\r\n" % (3 * MIB) + b" " * (3 * MIB - 1))
        assert gauge(stack, "bytes_in_flight") <= 16 * MIB


def test_no_memory_is_reserved_for_a_body_that_does_not_arrive(stack):
    with nothing_is_left(stack), others_are_served(stack), closing([]) as sockets:
        for _ in range(16):
            sockets.append(connect(stack, "127.0.0.8"))
            sockets[-1].sendall(HEAD.replace(b"webhook", b"chats/sync") + b"Content-Length: %d\r\n\r\n" % (16 * MIB))
        wait_for(lambda: gauge(stack, "requests_in_flight") >= 16, "all requests have announced their bodies")
        assert gauge(stack, "bytes_in_flight") < MIB


def test_silent_connections_of_four_addresses_make_room_for_a_client(make_blazz):
    """They reach the limit of connections; a new client is served at once all the same."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    stack = make_blazz(partitions=1).seed(("bridge",))
    stack.start_ingest(http__max_connections=400, http__max_connections_per_address=100, limits__account_rate=0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with closing([]) as sockets:
            for n in range(400):
                sockets.append(connect(stack, f"127.0.3.{n % 4 + 1}"))
            began = time.monotonic()
            assert [good_post(stack) for _ in range(5)] == [202] * 5
            assert time.monotonic() - began < 1
        assert 'connections_closed_total{reason="idle"}' in stack.in_.get("/metrics")[1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_every_line_of_x_forwarded_for_counts(make_blazz):
    """The last proxy appends its own line: a line that the client sent before it does not charge failures to another address."""
    stack = make_blazz(partitions=1).seed(("bridge",)).start_ingest(http__trusted_proxies="127.0.0.1/32", limits__failures_per_minute=5)
    def bad(n, *lines):
        forwarded = b"".join(b"X-Forwarded-For: %s\r\n" % line for line in lines)
        with connect(stack) as s:
            s.sendall(HEAD + forwarded + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}")
            return statuses(read_to_end(s))[0]

    assert [bad(n, b"198.51.100.%d" % n, b"192.0.2.1") for n in range(8)] == [401] * 5 + [429] * 3
    assert bad(0, b"192.0.2.1", b"198.51.100.77") == 401, "the address that a client named in a line is not refused"


# Clients that disconnect

def test_a_half_closed_connection_gets_its_answer(stack):
    with nothing_is_left(stack), connect(stack) as s:
        s.sendall(post(bridge(6000)))
        s.shutdown(socket.SHUT_WR)
        assert statuses(read_to_end(s)) == [202]


@pytest.mark.parametrize("data", [b"", HEAD, HEAD + b"Content-Length: 10\r\n\r\n12345",
                                  HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n123"], ids=["nothing", "header", "body", "chunk"])
def test_a_client_that_stops_in_the_middle_is_disconnected_at_the_deadline(stack, data):
    with nothing_is_left(stack), connect(stack) as s:
        began = time.monotonic()
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        assert statuses(read_to_end(s)) in ([], [400]) and time.monotonic() - began < DEADLINE_S + 1


def reset(s):
    """Closes the connection with RST."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def test_clients_that_vanish_while_their_post_waits_for_kafka(stack, kafka):
    with nothing_is_left(stack):
        broker = int(tool("kafka-temp.sh", "pid", kafka.folder))
        os.kill(broker, signal.SIGSTOP)
        try:
            with closing([]) as sockets:
                def all_wait():
                    """Posts all before the first one is answered; the caller repeats it when that took too long."""
                    vanish()
                    for n in range(300):
                        sockets.append(connect(stack))
                        sockets[-1].sendall(post(bridge(7000 + n)))
                    with suppress(AssertionError):
                        return wait_for(lambda: gauge(stack, "requests_in_flight") == 300, "all requests wait for Kafka", 2.5)

                def vanish():
                    while sockets:
                        reset(sockets.pop())
                    wait_for(lambda: gauge(stack, "connections") <= 1, "their connections are closed while the broker hangs")

                wait_for(all_wait, "all requests wait for Kafka at once", 60)
                vanish()
        finally:
            os.kill(broker, signal.SIGCONT)
        wait_for(stack.in_.ready, "ingest is ready again")
        wait_for(lambda: good_post(stack) == 202, "posts are accepted again")


def test_clients_that_reset_in_every_state(stack):
    data = post(bridge(8000))
    with nothing_is_left(stack), others_are_served(stack):
        for n in range(0, len(data) + 1, 3):
            s = connect(stack)
            s.sendall(data[:n])
            reset(s)


# Broken HTTP

def body_of(n):
    return json.dumps(bridge(n)).encode()


SIGNED = HEAD + b"".join(f"{k}: {v}\r\n".encode() for k, v in signature("bridge", body_of(9000)).items())


def chunked(*pieces):
    return SIGNED + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(pieces)


def lengths(*values):
    return SIGNED + b"".join(b"Content-Length: %s\r\n" % v for v in values) + b"\r\n" + body_of(9000)


N = b"%d" % len(body_of(9000))
HEX = b"%x\r\n" % len(body_of(9000))


# None: the connection is closed without an answer.
@pytest.mark.parametrize("data, want", [
    (bytes(range(256)) * 40, {None, 400}), (b"\0" * 1000, {None, 400}), (b"\r\n" * 1000, {None}),
    (b"\xff" * 100 + b"\r\n\r\n", {None, 400}),
    (bytes.fromhex("16030100f8010000f40303") + random.Random(8).randbytes(200), {None, 400}), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
    (b"POST\r\n\r\n", {None, 400}), (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", {400, 505}),
    (b"POST " + PATH.encode() + b" HTTP/1.1\r\n\r\n", {400}),  # no host
    (HEAD + b"No colon\r\nContent-Length: 0\r\n\r\n", {400}), (HEAD + b" folded\r\nContent-Length: 0\r\n\r\n", {400, 401, 415}),
    (HEAD + b"Content-Length : 0\r\n\r\n", {400, 411}),
    (lengths(N, N), {400}), (lengths(N, b"1"), {400}), (lengths(b"1", N), {400}), (lengths(b"-1"), {400}), (lengths(b"+" + N), {400}),
    (lengths(b"0x10"), {400}), (lengths(b""), {400}), (lengths(b"9" * 40), {400, 413}), (lengths(N + b", " + N), {400}),
    (lengths(b"1"), {401}), (lengths(b"%d" % (len(body_of(9000)) + 1)), {None}),
    (lengths(N).replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n", 1), {400}),
    (chunked(b"zz\r\n"), {400}), (chunked(b"-1\r\n"), {400}), (chunked(b"fffffffffffffffff\r\n"), {400, 413}),
    (chunked(b"0x5\r\n12345\r\n0\r\n\r\n"), {400}), (chunked(b"5\r\n1234567\r\n0\r\n\r\n"), {400}), (chunked(b"\r\n"), {400}),
    (SIGNED + b"Transfer-Encoding: gzip\r\n\r\n", {400}), (SIGNED + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", {400}),
    (SIGNED + b"\r\n", {411}),
    (post(body_of(9000), version=b"1.0"), {202}), (SIGNED.replace(b"1.1", b"1.0") + b"\r\n" + body_of(9000), {411}),
    (chunked(HEX, body_of(9000), b"\r\n0\r\n\r\n"), {202}),
], ids=lambda v: repr(v)[2:50] if isinstance(v, bytes) else "")
def test_broken_http_is_rejected_or_closed(stack, data, want):
    """The first answer is one of `want`; the rest of the bytes is never accepted as a second request."""
    with nothing_is_left(stack):
        answers = converse(stack, data)
        assert (answers[0] if answers else None) in want, answers
        assert set(answers[1:]) <= {400, 413}, answers  # to the bytes beyond a wrong length


def test_garbage_behind_a_valid_request_does_not_affect_it(stack):
    assert converse(stack, post(bridge(9001)) + b"\0garbage\r\n\r\n") in ([202], [202, 400])
