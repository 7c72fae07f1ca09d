"""The tenants' endpoints and their receivers: filters, behaviour, and the deliveries that arrived."""
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

INSIST_S = 60.0
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
    """No answer; the dispatcher's timeout ends the request."""
    while connection.recv(4096):
        pass


def hangs(delivery):
    return until_closed


def drip(connection):
    """A header without an end, a line at a time."""
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


class NowAndThen:
    """Some attempts fail; which ones follows from the delivery and its number of attempts."""

    def __init__(self, wrong, percent):
        self.wrong, self.percent, self.came = wrong, percent, {}

    def __call__(self, delivery):
        n = self.came[delivery.id] = self.came.get(delivery.id, 0) + 1
        return self.wrong(delivery) if zlib.crc32(f"{delivery.id}/{n}".encode()) % 100 < self.percent else works(delivery)


@dataclass(frozen=True)
class Hook:
    """Its tenant, its filters, and its behaviour without a fault."""
    name: str
    tenant: int
    behaviour: callable
    columns: dict = field(default_factory=dict)


HOOKS = (
    Hook("well", 0, works, {"origins": EVERYTHING}),
    Hook("flaky", 0, NowAndThen(fails, 40)),
    Hook("sleeper", 0, works),
    Hook("resetting", 1, NowAndThen(resets, 30)),
    Hook("redirecting", 1, redirects, {"max_retries": 0}),  # each delivery is exhausted at once
    Hook("hanging", 2, NowAndThen(hangs, 5)),
    Hook("endless", 2, answers_endlessly, {"event_types": ["message.created"]}),
    Hook("unordered", 2, NowAndThen(fails, 40), {"ordering": "none"}),
)
SLEEPER = "sleeper"
# Short, and long enough for every outage of a cycle.
DEFAULTS = {"timeout_ms": 1000, "schedule_ms": [100, 200, 400] + [500] * 29}


class Receivers:
    def __init__(self, blazz, workspaces):
        self.blazz, self.named, self.uuids, self.seen, self.came = blazz, {}, {}, {}, []
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
        self.insist("UPDATE webhook_endpoints SET enabled = false WHERE uuid = %s", name)

    def enable(self, name):
        self.insist("UPDATE webhook_endpoints SET enabled = true, enabled_at = clock_timestamp() WHERE uuid = %s", name)

    def insist(self, statement, name):
        """PostgreSQL may be unavailable at the moment."""
        def done():
            try:
                with closing(psycopg2.connect(self.blazz.conninfo("postgres"), connect_timeout=2)) as c, c, c.cursor() as cursor:
                    cursor.execute(statement, [self.uuids[name]])
                return True
            except psycopg2.Error:
                return False
        wait_for(done, f"{name} is changed", INSIST_S)

    def deliveries(self, cycle):
        """The deliveries of each endpoint in the order of arrival; the new ones are of this cycle."""
        for name, receiver in self.named.items():
            new = list(receiver.deliveries)[self.seen[name]:]
            self.seen[name] += len(new)
            self.came += [{"endpoint": self.uuids[name], "cycle": cycle, "headers": d.headers, "body": d.body.decode(),
                           "status": d.status} for d in new]
        return list(self.came)

    def close(self):
        for receiver in self.named.values():
            receiver.close()
