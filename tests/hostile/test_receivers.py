"""Receivers are slow, hang or cannot be resolved: deliveries to Beta arrive in time."""
import socket
import threading
import time

import pytest
from harness.blazz import Blazz
from harness.hooks import DISPATCHER, Chat, add_webhook, attempts, wait_events
from harness.namespace import PORT, Namespace, Resolver
from harness.receiver import Receiver
from harness.waiting import wait_for
from limits import Cage
from neighbour import DELIVERED_S

siblings = pytest.mark.siblings
SLOW_S = 25
DEADLINE_S = 2
BEGUN = 250  # requests of Acme in flight before Beta is measured; Acme's share of the 1000 slots is larger

# Behaviours of a receiver after it has read a request.


def answers_late(connection):
    threading.Event().wait(SLOW_S)
    connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")


def never_answers(connection):
    while connection.recv(4096):
        pass


def drips_its_header(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X: y\r\n")
        threading.Event().wait(0.5)


def drips_its_body(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        threading.Event().wait(0.5)


def continues_for_ever(connection):
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        threading.Event().wait(0.1)


class ReadsNothing(Receiver):
    """Accepts connections and reads nothing."""

    def accept(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.addresses.append(connection.getsockname()[0])
            self.open.add(connection)

    def close(self):
        super().close()
        for connection in self.open:
            connection.close()


class HangsInTheHandshake(ReadsNothing):
    def url(self, *where):
        return super().url(*where).replace("http:", "https:")


def receiver_that(behaviour):
    server = socket.create_server(("", 0), backlog=4096)
    return behaviour(server=server) if isinstance(behaviour, type) else Receiver(lambda d: behaviour, server=server)


BEHAVIOURS = (answers_late, never_answers, drips_its_header, drips_its_body, continues_for_ever, ReadsNothing, HangsInTheHandshake)


@pytest.mark.parametrize("behaviour, tenants, endpoints, hosts", [
    (answers_late, 1, 1, 1), (answers_late, 5, 1, 1), (HangsInTheHandshake, 1, 1, 1), *(pytest.param(*p, marks=siblings) for p in (
        (never_answers, 1, 1, 1), (answers_late, 1, 20, 20), (never_answers, 10, 1, 1))),
    pytest.param(never_answers, 2, 10, 50, marks=siblings), pytest.param(drips_its_header, 1, 1, 1, marks=siblings),
    pytest.param(drips_its_body, 1, 1, 1, marks=siblings), pytest.param(continues_for_ever, 1, 1, 1, marks=siblings),
    pytest.param(ReadsNothing, 1, 1, 1, marks=siblings),
], ids=lambda v: getattr(v, "__name__", str(v)))
def test_slow_receivers_of_some_workspaces_delay_no_other(system, beta, behaviour, tenants, endpoints, hosts):
    """There are more deliveries than slots, each takes longer than Beta's bound, and no attempt fails early, so that no circuit breaker
    opens."""
    receiver = receiver_that(behaviour)
    made, bursts, wanted = [], [], 8000 // tenants // endpoints
    for t in range(tenants):
        chat = Chat(system.blazz, system.blazz.add_workspace(f"slow-{time.monotonic_ns()}"))
        for e in range(endpoints):
            made.append(add_webhook(system.blazz, chat.workspace, receiver.url(f"/{e}", f"127.3.{e % hosts}.1"), timeout_ms=30000,
                                    max_in_flight=1000, ordering="none"))
        bursts.append(threading.Thread(target=chat.burst, args=(wanted, wanted), daemon=True))
        bursts[-1].start()
    try:
        for burst in bursts:
            burst.join()
        wait_for(lambda: len(receiver.addresses) >= min(BEGUN, wanted * tenants),
                 lambda: f"requests of Acme are in flight, so far {len(receiver.addresses)}", 30)
        with beta.served(3.0):
            pass
    finally:
        for endpoint in made:
            system.blazz.sql("UPDATE webhook_endpoints SET enabled = false, deleted_at = now() WHERE uuid = %s", endpoint)
        receiver.close()
    print(f"{behaviour.__name__}: {len(receiver.addresses)} requests; Beta's slowest: {beta.slowest}")


def test_every_exchange_ends_by_its_deadline(system, beta):
    chat, receivers = Chat(system.blazz, system.blazz.add_workspace("deadlines")), [receiver_that(b) for b in BEHAVIOURS]
    made = [add_webhook(system.blazz, chat.workspace, r.url(), timeout_ms=DEADLINE_S * 1000, max_retries=0) for r in receivers]
    try:
        chat.burst(1)
        wait_for(lambda: all(attempts(system.blazz, e) for e in made), "each endpoint has an attempt", 3 * DEADLINE_S)
        for behaviour, endpoint in zip(BEHAVIOURS, made):
            got = attempts(system.blazz, endpoint)[0]
            assert got["outcome"] != "success" and got["total_us"] <= (DEADLINE_S + 1) * 1e6, (behaviour.__name__, got)
    finally:
        for endpoint in made:
            system.blazz.sql("UPDATE webhook_endpoints SET enabled = false, deleted_at = now() WHERE uuid = %s", endpoint)
        for receiver in receivers:
            receiver.close()


# Name servers

@pytest.fixture
def world(servers, tmp_path):
    """A dispatcher under its limits, in a namespace whose name server answers only for Beta's hosts."""
    blazz = Blazz(*servers, tmp_path, partitions=4)
    namespace, cage = Namespace(tmp_path), Cage("webhook-dispatcher")
    namespace.own_every_address()
    namespace.command("ip", "link", "set", "lo", "up")
    namespace.use_resolver(Resolver(Silence()))
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")  # the resolver's defaults: five seconds, twice
    for port in (blazz.postgres.parts()["port"], blazz.kafka.address.rpartition(":")[2]):
        namespace.bridge(int(port))
    receiver = Receiver(server=namespace.listen(("93.184.216.34", PORT)))
    service = blazz.service("webhook-dispatcher", {k: v for k, v in DISPATCHER.items() if k != "webhooks.allowed_networks"})
    service.prefix = cage.prefix
    namespace.run(lambda: service.start(wait_ready=False))
    cage.enforce(service.process)
    namespace.run(service.wait_ready)
    yield blazz, receiver, service, namespace, cage
    receiver.close()
    blazz.close()
    namespace.end()
    cage.close()


class Silence(dict):
    """Addresses of Beta's hosts; other names get no answer."""

    def get(self, name, default=None):
        return ["93.184.216.34"] if name.startswith("beta") else None

    def __contains__(self, name):
        return True


@pytest.mark.parametrize("hosts", [1, pytest.param(100, marks=siblings)])
def test_name_servers_that_do_not_answer_leave_threads_to_others(world, hosts):
    """2,000 events go to hosts whose name servers do not answer. Beta is four tenants, each with a host that no cache has."""
    blazz, receiver, service, _, cage = world
    acme = Chat(blazz)
    betas = [Chat(blazz, blazz.add_workspace(f"beta-{n}")) for n in range(4)]
    own = [add_webhook(blazz, b.workspace, f"http://beta{n}.test:{PORT}/{n}") for n, b in enumerate(betas)]
    endpoints = [add_webhook(blazz, acme.workspace, f"http://silent{n}.test:{PORT}/", timeout_ms=1000, max_in_flight=1000, ordering="none")
                 for n in range(hosts)]
    acme.burst(2000, 2000)
    wait_for(lambda: any(attempts(blazz, e) for e in endpoints), "the first look-up has failed", 30)
    for n, (beta, endpoint) in enumerate(zip(betas, own)):
        began = time.monotonic()
        event = beta.publish(beta.message())
        wait_events(receiver, event, f"/{n}", 15, lambda: f"{attempts(blazz, endpoint)} {service.log_tail(5)}")
        took = time.monotonic() - began
        assert took <= DELIVERED_S, f"Beta's event was delivered after {took:.1f} s"
        assert {a["outcome"] for a in attempts(blazz, endpoint)} <= {"success"}, attempts(blazz, endpoint)
    assert not cage.wrong and service.running(), cage.wrong
