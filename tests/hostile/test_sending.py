"""A tenant that sends, and what poses as its provider: single messages of Beta are accepted by its own provider in time."""
import gzip
import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from harness.provider_stub import ProviderStub
from harness.receiver import Receiver
from harness.sending import Sending, Tenant
from harness.waiting import wait_for

siblings = pytest.mark.siblings
MIB = 1 << 20
SENT_S = 2.0  # from the record in outbound until Beta's provider has accepted it
BACKLOG_S = 90.0  # until as many messages as tenants may publish at once have their rows
PAUSE_S = 0.2
ATTACKED = 100  # messages to each hostile provider
BOMB = gzip.compress(bytes(256 * MIB))
BODY_MAX = 200_000  # of a record in outbound, well below what a topic takes

# Providers after they have read a request.


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


def answers_endlessly(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"id\": \"")
    while True:
        connection.sendall(b"x" * 65536)


def sends_huge_headers(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-Huge: " + b"y" * 65536 + b"\r\n")


def continues_for_ever(connection):
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        threading.Event().wait(0.1)


def sends_a_bomb(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(BOMB))
    connection.sendall(BOMB)


def nests_its_answer(connection):
    body = b"[" * 100_000
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)


BEHAVIOURS = (never_answers, answers_endlessly, sends_huge_headers, sends_a_bomb,
              *(pytest.param(b, marks=siblings) for b in (drips_its_header, drips_its_body, continues_for_ever, nests_its_answer)))


class SendingNeighbour:
    """Beta, whose single messages go to a provider of its own."""

    def __init__(self, system, folder):
        self.stub = ProviderStub(folder).start()
        self.sending = Sending(system.blazz, self.stub)
        self.sending.service = system.sender
        self.tenant, self.n = Tenant(self.sending, "blazz"), 0
        self.tenant.sql("""UPDATE whatsapp_accounts SET metadata = '{"sending": {"per_second": 100, "per_hour": 30000, "warmed": true}}' WHERE uuid = %s""",
                        self.tenant.accounts[0].uuid)
        wait_for(self.is_warm, lambda: f"Beta's messages are sent in time before the first attack\n{self.sending.logs()}", 60)

    def is_warm(self):
        with suppress(AssertionError):
            return self.message()

    def message(self):
        """Returns the seconds until its provider has accepted it."""
        self.n += 1
        began = time.monotonic()
        request = self.tenant.send(self.tenant.accounts[0], to=f"62811000{self.n:04}", body="beta says")
        wait_for(lambda: self.stub.accepted(client_message_id=request), lambda: f"Beta's message is sent: {self.tenant.shown(request)}", 10)
        took = time.monotonic() - began
        assert took <= SENT_S, f"Beta's message was sent after {took:.1f} s, {SENT_S:g} s are allowed"
        return took

    @contextmanager
    def served(self, seconds):
        """Sends messages during the block and for `seconds` after it; each must be in time."""
        stop, wrong, count = threading.Event(), [], [0]

        def keep_sending():
            while not stop.is_set() and not wrong:
                try:
                    self.message()
                except Exception as e:  # raised below
                    wrong.append(e)
                count[0] += 1
                stop.wait(PAUSE_S)

        thread = threading.Thread(target=keep_sending, daemon=True)
        thread.start()
        try:
            yield self
            stop.wait(seconds)
        finally:
            stop.set()
            thread.join()
        assert not wrong, wrong[0]
        assert count[0] > 0

    def close(self):
        return self.stub.close()


@pytest.fixture
def sends(system, tmp_path_factory):
    if not hasattr(system, "sends"):
        system.sends = SendingNeighbour(system, tmp_path_factory.mktemp("sending"))
    return system.sends


def hostile_account(sends, url):
    """A new tenant with an account that is posted to this URL."""
    tenant = Tenant(sends.sending, "blazz")
    tenant.accounts[0].change(assigned_instance_url=url, metadata='{"sending": {"per_second": 1000, "per_hour": 30000, "warmed": true}}')
    return tenant


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_a_hostile_provider_delays_no_other_tenant(system, sends, behaviour):
    """Its answers end with the deadline or a limit; what it was sent is unknown, not lost."""
    provider = Receiver(lambda d: behaviour, server=socket.create_server(("", 0), backlog=4096))
    tenants = [hostile_account(sends, provider.url("/", f"127.0.0.{n + 2}").rstrip("/")) for n in range(3)]
    try:
        with sends.served(4.0):
            for tenant in tenants:
                tenant.publish(*[tenant.message(tenant.accounts[0], to=f"62812000{i:04}") for i in range(ATTACKED)])
        assert provider.addresses, "the provider was posted to"
        assert not system.blazz.value("SELECT count(*) FROM sends s JOIN workspaces w ON w.id = s.workspace_id WHERE w.uuid = ANY (%s::uuid[])"
                                      " AND s.status IN ('sent', 'delivered', 'read')", [t.workspace for t in tenants])
    finally:
        for tenant in tenants:
            tenant.accounts[0].change(desired_state="disconnected")
        provider.close()


def test_a_provider_cannot_redirect_messages(sends):
    target = Receiver()
    provider = Receiver(lambda d: (307, {"location": target.url("/api/messages/send")}, b""))
    tenant = hostile_account(sends, provider.url("/").rstrip("/"))
    try:
        tenant.wait(tenant.send(tenant.accounts[0]), "failed", "unknown")
        assert provider.addresses and not target.addresses
    finally:
        tenant.accounts[0].change(desired_state="disconnected")
        provider.close()
        target.close()


@pytest.mark.parametrize("n, size", [(20_000, 10), (300, BODY_MAX), pytest.param(100_000, 10, marks=siblings)])
def test_a_tenant_that_floods_delays_no_other(system, sends, n, size):
    """Its own account sends at its own rate; the others' messages do not wait for its rows."""
    tenant, producer = Tenant(sends.sending, "blazz"), system.blazz.producer()
    account, topic = tenant.accounts[0], system.blazz.topic("outbound")
    with sends.served(3.0):
        for i in range(n):
            m = tenant.message(account, to=f"62813{i:07}", body="x" * size)
            while True:
                try:
                    producer.produce(topic, m.SerializeToString(), f"{tenant.workspace}:{account.uuid}")
                    break
                except BufferError:
                    producer.poll(0.1)
        assert producer.flush(60) == 0
    made = "SELECT count(*) FROM sends s JOIN workspaces w ON w.id = s.workspace_id WHERE w.uuid = %s"
    wait_for(lambda: system.blazz.value(made, tenant.workspace) + len(tenant.dead_letters()) == n,
             lambda: f"each has a row or is a dead letter: {system.blazz.value(made, tenant.workspace)}\n{sends.sending.logs()}", BACKLOG_S)
    tenant.accounts[0].change(desired_state="disconnected")
