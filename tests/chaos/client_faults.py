"""Faults of receivers and endpoints, and hostile clients, tenants and receivers."""
import socket
import time
from contextlib import suppress
from http.client import HTTPException

from harness.client import Client, signature

from catalogue import fault, hold
from dialects import poison_of
from plan import T0_MS
from receivers import HOOKS, SLEEPER, drips, fails, hangs, is_gone, resets
from records import record_of, topic_of

ACCEPTED_S = 60.0  # within which a tenant's POST must be accepted


# Receivers

def pick_endpoint(random):
    return random.choice([h.name for h in HOOKS if h.name not in (SLEEPER, "redirecting")])


def add_receiver_fault(name, behaviour, about):
    @fault(name, "receivers", about)
    def run(system, random):
        one = pick_endpoint(random)
        system.receivers.misbehave(one, behaviour)
        try:
            hold(random, 0.5, 2.5)
        finally:
            system.receivers.behave(one)


add_receiver_fault("receiver_fails", fails, "one receiver answers 503 to everything")
add_receiver_fault("receiver_hangs", hangs, "one receiver reads requests and never answers")
add_receiver_fault("receiver_resets", resets, "one receiver resets each connection")


@fault("receiver_is_gone", "receivers", "one receiver answers 410 and is disabled, later enabled again")
def receiver_is_gone(system, random):
    one = pick_endpoint(random)
    system.receivers.misbehave(one, is_gone)
    hold(random, 0.5, 2.0)
    system.receivers.behave(one)
    hold(random, 0.0, 0.5)
    system.receivers.enable(one)


@fault("endpoint_flips", "receivers", "one endpoint is disabled and enabled repeatedly")
def endpoint_flips(system, random):
    one = pick_endpoint(random)
    for _ in range(random.randint(2, 5)):
        system.receivers.disable(one)
        hold(random, 0.0, 0.5)
        system.receivers.enable(one)
        hold(random, 0.0, 0.5)


# Hostile clients, tenants and receivers

POISONED = 60  # items at once, more than a batch has
STRANGERS = [f"127.4.{n // 250}.{n % 250 + 1}" for n in range(1000)]


def poison(system, random, name, how, reason):
    """Items for the journal that must become dead letters. Their numbers are above those of planned items."""
    target, first = system.targets[name], 10_000_000 + 1000 * random.getrandbits(24)
    marker = system.markers[target.workspace]
    return [{"n": n, "kind": "bad", "account": name, "how": how, "reason": reason, "mark": f"{marker} poison {n}"}
            for n in range(first, first + POISONED)]


@fault("hostile_poison_posted", "poison", "a tenant posts bodies that contain only values that PostgreSQL rejects")
def hostile_poison_posted(system, random):
    name = next(a for a, t in system.targets.items() if t.dialect == "meta")
    target, items = system.targets[name], poison(system, random, name, "poison", "rule")
    body, end = poison_of(target, items), time.monotonic() + ACCEPTED_S
    system.load.journal.write("sent", account=name, items=items, cycle=system.load.cycle)
    while time.monotonic() < end:
        client = Client(system.http_port)
        with suppress(OSError, HTTPException):
            if client.post(target.path, body, signature("meta", body, target.secret), timeout_s=3).status == 200:
                client.close()
                return system.load.journal.write("acknowledged", items=[i["n"] for i in items])
        client.close()
        hold(random, 0.1, 0.2)
    raise AssertionError("no POST of poisoned items was answered 200")


@fault("hostile_poison_published", "poison", "more than half of a batch are values that PostgreSQL rejects")
def hostile_poison_published(system, random):
    name = random.choice([a for a, t in system.targets.items() if t.dialect == "kafka"])
    target, items = system.targets[name], poison(system, random, name, "a number that numeric cannot hold", "rule")
    for i in items:
        i["good"] = {"n": i["n"], "kind": "message", "at": T0_MS, "account": name, "chat": {"phone": "16505550000"}, "out": False,
                     "name": i["mark"], "key": f"false:3EB0P{i['n']}", "body": i["mark"], "status": "pending"}
    system.load.journal.write("sent", account=name, items=items, cycle=system.load.cycle)
    for i in items:
        value, headers = record_of(target, i)
        system.load.publisher.publish(topic_of(i), f"{target.workspace}:{target.uuid}", value, headers,
                                      lambda n=i["n"]: system.load.journal.write("acknowledged", items=[n]))


def add_stranger_fault(name, count, addresses, about, start, more=b""):
    """`count` clients without credentials, from that many addresses, send `start` and then `more`, again and again."""
    @fault(name, "strangers", about)
    def run(system, random):
        sockets, end = [], time.monotonic() + random.uniform(1.0, 2.5)
        try:
            for n in range(count):
                with suppress(OSError):  # ingest may be down
                    sockets.append(socket.create_connection(("127.0.0.1", system.http_port), 2, (STRANGERS[n % addresses], 0)))
                    sockets[-1].sendall(start)
                    sockets[-1].setblocking(False)
            while time.monotonic() < end:
                for s in sockets:
                    with suppress(OSError):
                        s.send(more)
                hold(random, 0.05, 0.1)
        finally:
            for s in sockets:
                s.close()
        return bool(sockets)


HEAD = b"POST /api/whatsapp/chats/sync HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-WhatsApp-Signature: x\r\n"
add_stranger_fault("hostile_announced_bodies", 64, 8, "strangers announce 16 MiB each and send nothing", HEAD + b"Content-Length: 16777216\r\n\r\n")
add_stranger_fault("hostile_slow_clients", 300, 30, "strangers send a byte at a time", HEAD + b"X-Y: ", b"y")
add_stranger_fault("hostile_idle_clients", 900, 100, "strangers connect and send nothing", b"")


@fault("hostile_hanging_receiver", "receivers", "all receivers of a tenant answer with headers that never end")
def hostile_hanging_receiver(system, random):
    tenant = random.choice(sorted({h.tenant for h in HOOKS}))
    names = [h.name for h in HOOKS if h.tenant == tenant and h.name not in (SLEEPER, "redirecting")]
    for name in names:
        system.receivers.misbehave(name, drips)
    try:
        hold(random, 1.0, 2.5)
    finally:
        for name in names:
            system.receivers.behave(name)
