"""Each answer of a receiver leads to an outcome class, a next step of the delivery, and a row of its attempt."""
import datetime
import email.utils
import socket
import struct

import pytest
from harness.blazz import Blazz
from harness.certificates import Authority
from harness.hooks import SECRET, Chat, add_webhook, attempts, dead_letters, dispatcher, endpoint_row, positions, retries, wait_all_dispatched
from harness.receiver import Http2Receiver, Receiver, verified
from harness.waiting import wait_for


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def close(connection):
    pass


def hang(connection):
    connection.recv(1)  # until the dispatcher disconnects


def hang_after_headers(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
    connection.recv(1)


def endless(status):
    def answer(connection):
        connection.sendall(f"HTTP/1.1 {status} X\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        while True:
            connection.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
    return answer


def endless_header(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"x-more: " + b"x" * 1000 + b"\r\n")


def not_http(connection):
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


def in_two_hours(connection):
    date = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=2)
    connection.sendall(f"HTTP/1.1 429 X\r\nretry-after: {email.utils.format_datetime(date, usegmt=True)}\r\n"
                       "content-length: 0\r\n\r\n".encode())


# The answer; lenient or strict; outcome class and HTTP status of the attempt; what follows: delivered, quick (two quick retries, then
# a dead letter), gone (the endpoint is disabled), or the range of the delay in seconds; the first delay of the schedule is an hour.
SCHEDULE = (2880, 4320)
REDIRECTED = {"location": "/trap"}
ANSWERS = {
    "200": (200, "strict", "success", 200, "delivered"),
    "204": (204, "strict", "success", 204, "delivered"),
    "299": (299, "strict", "success", 299, "delivered"),
    "301": ((301, REDIRECTED, b""), "strict", "redirect", 301, "quick"),
    "302, lenient": ((302, REDIRECTED, b""), "lenient", "redirect", 302, SCHEDULE),
    "308, lenient": ((308, REDIRECTED, b""), "lenient", "redirect", 308, SCHEDULE),
    "422": (422, "strict", "client_error", 422, "quick"),
    "422, lenient": (422, "lenient", "client_error", 422, SCHEDULE),
    "408": (408, "strict", "retryable", 408, SCHEDULE),
    "425": (425, "strict", "retryable", 425, SCHEDULE),
    "410": (410, "strict", "gone", 410, "gone"),
    "410, lenient": (410, "lenient", "gone", 410, "gone"),
    "429": (429, "strict", "rate_limited", 429, SCHEDULE),
    "429 in seconds": ((429, {"retry-after": "18000"}, b""), "strict", "rate_limited", 429, (18000, 18000)),
    "429 at a date": (in_two_hours, "strict", "rate_limited", 429, (7190, 7200)),
    "429 for a week": ((429, {"retry-after": "604800"}, b""), "strict", "rate_limited", 429, (86400, 86400)),
    "500": (500, "strict", "server_error", 500, SCHEDULE),
    "503 in seconds": ((503, {"retry-after": "18000"}, b""), "strict", "server_error", 503, (18000, 18000)),
    "reset": (reset, "strict", "broken", None, SCHEDULE),
    "closed without an answer": (close, "strict", "broken", None, SCHEDULE),
    "not HTTP": (not_http, "strict", "broken", None, SCHEDULE),
    "hangs before headers": (hang, "strict", "timeout", None, SCHEDULE),
    "hangs after headers": (hang_after_headers, "strict", "timeout", 200, SCHEDULE),
    "endless body of 200": (endless(200), "strict", "success", 200, "delivered"),
    "endless body of 500": (endless(500), "strict", "server_error", 500, SCHEDULE),
    "endless header": (endless_header, "strict", "success", 200, "delivered"),
}
# The server behind an https:// URL; outcome class; what follows.
SERVERS = {
    "a good certificate": ("success", "delivered"),
    "HTTP/2": ("success", "delivered"),
    "self-signed": ("tls", SCHEDULE),
    "for another host": ("tls", SCHEDULE),
    "expired": ("tls", SCHEDULE),
    "no TLS": ("tls", SCHEDULE),
    "no listener": ("connect", SCHEDULE),
}


class Table:
    """One event, published once, to an endpoint for each row of the tables."""

    def __init__(self, stack, folder):
        self.stack = stack
        self.authority = Authority(folder)
        self.receiver = Receiver(lambda d: ANSWERS[self.names[d.path]][0])
        self.names = {f"/{i}": name for i, name in enumerate(ANSWERS)}
        self.servers = self.servers_open()
        proxies = {f"{kind}_proxy": "http://127.0.0.1:1" for kind in ("http", "https", "all")}  # must not be used
        self.dispatcher = dispatcher(stack, env=proxies, webhooks__ca_file=str(self.authority.certificate)).start()
        self.chat = Chat(stack)
        self.endpoints = {name: self.add(self.receiver.url(path), client_errors=ANSWERS[name][1])
                          for path, name in self.names.items()}
        self.endpoints |= {name: self.add(f"https://127.0.0.1:{server.port}/") for name, server in self.servers.items()}
        self.servers["no listener"].close()
        self.event, = self.chat.publish(self.chat.message())

    def add(self, url, **columns):
        return add_webhook(self.stack, self.chat.workspace, url, event_types=["message.created"], timeout_ms=1000,
                           schedule_ms=[3600000] * 4, **columns)

    def servers_open(self):
        issue, servers = self.authority.issue, {"no TLS": Receiver(), "no listener": Receiver()}
        certificates = {"a good certificate": issue("good"), "HTTP/2": issue("h2"),
                        "self-signed": self.authority.self_signed("self"), "for another host": issue("other", "other.example"),
                        "expired": issue("expired", days=-1)}
        for name, certificate in certificates.items():
            servers[name] = (Http2Receiver if name == "HTTP/2" else Receiver)(certificate=certificate)
        return servers

    def check(self, name, outcome, status, follows):
        endpoint = self.endpoints[name]
        first = wait_for(lambda: attempts(self.stack, endpoint), lambda: f"an attempt is recorded\n{self.dispatcher.log_tail()}")[0]
        assert (first["outcome"], first["status"], first["attempt"]) == (outcome, status, 1), first
        assert (str(first["event_id"]), first["event_type"]) == (self.event.event_id, "message.created")
        assert (first["error"] is None) == (outcome in ("success", "redirect", "client_error", "gone", "rate_limited", "retryable",
                                                        "server_error"))
        phases = [first[f"{phase}_us"] for phase in ("connect", "tls", "first_byte", "total")]
        reached = [us for us in phases if us is not None]
        assert reached == sorted(reached), "phases end in order"
        if follows == "delivered":
            assert retries(self.stack, endpoint, "pending", "retrying", "failed") == []
        elif follows == "quick":
            self.check_quick(endpoint)
        elif follows == "gone":
            self.check_gone(endpoint)
        else:
            self.check_later(endpoint, *follows)
        return first

    def check_quick(self, endpoint):
        row = wait_for(lambda: retries(self.stack, endpoint, "failed"), "the delivery is exhausted")[0]
        times = [a["at"].timestamp() for a in attempts(self.stack, endpoint)]
        assert len(times) == 3 and times[1] - times[0] >= 0.8 and times[2] - times[1] >= 4, times
        assert row["retry_count"] == 2
        dead_letter, = wait_for(lambda: dead_letters(self.stack, endpoint), "the dead letter is published")
        assert dead_letter.value == self.event.SerializeToString() and dead_letter.headers["x-dlq-reason"] == "exhausted"

    def check_gone(self, endpoint):
        row = wait_for(lambda: endpoint_row(self.stack, endpoint)["disabled_at"] and endpoint_row(self.stack, endpoint), "the endpoint is disabled")
        assert row["state"] == "disabled" and "410" in row["disabled_reason"] and row["enabled"]
        pending, = retries(self.stack, endpoint)
        assert pending["status"] == "pending" and pending["retry_count"] == 0
        wait_for(lambda: len(positions(self.stack, endpoint)) == 3, "each partition has a position")

    def check_later(self, endpoint, least_s, most_s):
        row, = wait_for(lambda: retries(self.stack, endpoint, "pending"), "a retry is pending")
        delay_s = (row["next_retry_at"] - row["updated_at"]).total_seconds()
        assert least_s <= delay_s <= most_s and row["retry_count"] == 0 and row["last_error"]
        assert len(attempts(self.stack, endpoint)) == 1


@pytest.fixture(scope="module")
def table(postgres, kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("webhooks")
    stack = Blazz(postgres, kafka, folder)
    table = Table(stack, folder)
    yield table
    wrong = stack.close()
    assert not wrong, wrong


@pytest.mark.parametrize("name", ANSWERS)
def test_each_answer_has_its_outcome(table, name):
    _, _, outcome, status, follows = ANSWERS[name]
    first = table.check(name, outcome, status, follows)
    if status is not None:
        assert first["first_byte_us"] > 0 and first["tls_us"] is None
    if name.startswith("endless body"):
        assert first["excerpt"] == "x" * 1000


@pytest.mark.parametrize("name", SERVERS)
def test_each_server_has_its_outcome(table, name):
    outcome, follows = SERVERS[name]
    first = table.check(name, outcome, 200 if outcome == "success" else None, follows)
    server = table.servers[name]
    if outcome == "success":
        delivery, = server.deliveries
        assert verified(delivery, SECRET) and delivery.event["id"] == table.event.event_id
        assert first["tls_us"] > 0
    else:
        assert server.deliveries == [], "no request is sent to a server without a valid certificate"


def test_a_redirect_is_never_followed(table):
    test_each_answer_has_its_outcome(table, "301")
    assert not [d for d in table.receiver.deliveries if d.path == "/trap"]


def test_no_answer_keeps_the_offset_from_advancing(table):
    wait_all_dispatched(table.stack)


def test_metrics_count_the_same_attempts(table):
    for name in ANSWERS:
        wait_for(lambda: attempts(table.stack, table.endpoints[name]), "an attempt is recorded")
    rows = {r["outcome"]: r["count"] for r in table.stack.sql("SELECT outcome, count(*) FROM webhook_attempts GROUP BY outcome")}
    metrics = table.dispatcher.metrics()
    counted = {outcome: sum(v for k, v in metrics.items() if k.startswith("blazz_webhook_attempts_total{")
                            and f'outcome="{outcome}"' in k) for outcome in rows}
    assert counted == rows and len(rows) == 11


def test_no_secret_and_no_text_of_a_message_is_logged(table):
    log = table.dispatcher.log()
    assert "webhook-dispatcher" in log and SECRET[6:] not in log and "hello" not in log
