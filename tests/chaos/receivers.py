"""The tenants' endpoints and their receivers: filters, behaviour, and the deliveries received."""
import base64
import socket
import struct
import zlib
from contextlib import closing, suppress
from dataclasses import dataclass, field

import psycopg2

from harness.hooks import add_webhook
from harness.receiver import Receiver
from harness.waiting import wait_for

UPDATE_S = 60.0
DRIP_S = 0.1
ENDLESS = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n"
EVERYTHING = ["live", "history", "sync"]


# Behaviours: the answer to each delivery.

def works(delivery):
    return 204


def fails(delivery):
    return 503


def is_gone(delivery):
    return 410


def redirects(delivery):
    return 302, {"location": "http://127.0.0.1:1/"}, b""


def until_closed(connection):
    """Sends no answer; the request ends with the dispatcher's timeout."""
    while connection.recv(4096):
        pass


def hangs(delivery):
    return until_closed


def drip(connection):
    """Sends an endless header, a line at a time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    connection.settimeout(DRIP_S)
    while True:
        with suppress(TimeoutError):
            if not connection.recv(4096):
                return
        connection.sendall(b"X: y\r\n")


def drips(delivery):
    return drip


def resets(delivery):
    return lambda connection: connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def pour(connection):
    connection.sendall(ENDLESS)
    while True:
        connection.sendall(bytes(65536))


def answers_endlessly(delivery):
    delivery.status = 200
    return pour


class SometimesWrong:
    """Some attempts fail: which ones depends on the delivery and the number of the attempt only."""

    def __init__(self, wrong, percent):
        self.wrong, self.percent, self.attempts = wrong, percent, {}

    def __call__(self, delivery):
        n = self.attempts[delivery.id] = self.attempts.get(delivery.id, 0) + 1
        return self.wrong(delivery) if zlib.crc32(f"{delivery.id}/{n}".encode()) % 100 < self.percent else works(delivery)


@dataclass(frozen=True)
class Hook:
    """An endpoint: its tenant, its filters, and the behaviour of its receiver while no fault changes it."""
    name: str
    tenant: int
    behaviour: callable
    columns: dict = field(default_factory=dict)


HOOKS = (
    Hook("well", 0, works, {"origins": EVERYTHING}),
    Hook("flaky", 0, SometimesWrong(fails, 40)),
    Hook("sleeper", 0, works),
    Hook("resetting", 1, SometimesWrong(resets, 30)),
    Hook("redirecting", 1, redirects, {"max_retries": 0}),  # each delivery is exhausted at once
    Hook("hanging", 2, SometimesWrong(hangs, 5)),
    Hook("endless", 2, answers_endlessly, {"event_types": ["message.created"]}),
    Hook("unordered", 2, SometimesWrong(fails, 40), {"ordering": "none"}),
)
SLEEPER = "sleeper"
# Short delays, and enough of them for every outage of a cycle.
DEFAULTS = {"timeout_ms": 1000, "schedule_ms": [100, 200, 400] + [500] * 29}


class Receivers:
    def __init__(self, blazz, workspaces, gate):
        self.gate = gate
        self.blazz, self.named, self.uuids, self.seen, self.received = blazz, {}, {}, {}, []
        self.setup = {}
        for hook in HOOKS:
            receiver = self.named[hook.name] = Receiver(hook.behaviour)
            secret = "whsec_" + base64.b64encode(f"the secret of {hook.name}".encode()).decode()
            uuid = self.uuids[hook.name] = add_webhook(blazz, workspaces[hook.tenant], receiver.url(), [secret],
                                                       name=hook.name, **DEFAULTS | hook.columns)
            self.seen[hook.name] = 0
            self.setup[uuid] = {"name": hook.name, "workspace": workspaces[hook.tenant], "secret": secret,
                                "types": hook.columns.get("event_types", []), "origins": hook.columns.get("origins", ["live"]),
                                "ordered": hook.columns.get("ordering") != "none"}

    def misbehave(self, name, behaviour):
        self.named[name].answer = behaviour

    def behave(self, name):
        self.named[name].answer = next(h.behaviour for h in HOOKS if h.name == name)

    def disable(self, name):
        self.update("UPDATE webhook_endpoints SET enabled = false WHERE uuid = %s", name)

    def enable(self, name):
        self.update("UPDATE webhook_endpoints SET enabled = true, enabled_at = clock_timestamp() WHERE uuid = %s", name)

    def update(self, statement, name):
        """Repeats the statement until it succeeds, as PostgreSQL may be unavailable."""
        def done():
            try:
                with self.gate.passing(), closing(psycopg2.connect(self.blazz.conninfo("postgres"), connect_timeout=2)) as c, c, c.cursor() as cursor:
                    cursor.execute(statement, [self.uuids[name]])
                return True
            except psycopg2.Error:
                return False
        wait_for(done, f"{name} is changed", UPDATE_S)

    def deliveries(self, cycle):
        """All deliveries so far, in the order of arrival at each endpoint; new ones belong to this cycle."""
        for name, receiver in self.named.items():
            new = list(receiver.deliveries)[self.seen[name]:]
            self.seen[name] += len(new)
            self.received += [{"endpoint": self.uuids[name], "cycle": cycle, "headers": d.headers, "body": d.body.decode(),
                           "status": d.status} for d in new]
        return list(self.received)

    def close(self):
        for receiver in self.named.values():
            receiver.close()
