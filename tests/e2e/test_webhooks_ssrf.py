"""No URL reaches a private address: in a network in which every address would answer, no connection to a private one is made."""
import socket
import threading

import pytest
from harness.blazz import Blazz
from harness.hooks import DISPATCHER, Chat, add_webhook, attempts, retries, wait_events
from harness.namespace import PORT, Namespace, Resolver, slowly
from harness.receiver import Receiver
from harness.waiting import wait_for

PUBLIC = {"IPv4": "93.184.216.34", "IPv6": "[2606:4700::1111]"}
METADATA = "169.254.169.254"
HOSTS = {
    "loopback": ["127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "127.255.255.254", "2130706433", "0x7f000001", "0x7f.0.0.1",
                 "0177.0.0.1", "017700000001", "0", "0.0.0.0", "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]",
                 "[::ffff:7f00:1]", "[::127.0.0.1]", "%31%32%37.0.0.1", "localhost", "LOCALHOST", "localhost."],
    "metadata": [METADATA, "169.254.169.254.", "2852039166", "0xa9fea9fe", "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376",
                 "169.254.43518", "169.16689662", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[::169.254.169.254]",
                 "[fd00:ec2::254]", "100.100.100.200", "192.0.0.192", "168.63.129.16"],
    "private": ["10.0.0.1", "10.255.255.255", "167772161", "012.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "0xc0a80001",
                "100.64.0.1", "[::ffff:10.0.0.1]", "[fc00::1]", "[fd12:3456:789a::1]", "[fe80::1]", "[fec0::1]"],
    "embedded": ["[64:ff9b::a9fe:a9fe]", "[64:ff9b::7f00:1]", "[64:ff9b:1::a00:1]", "[2002:a9fe:a9fe::1]", "[2002:7f00:1::1]",
                 "[2001:0:a9fe:a9fe::1]", "[2001::1]"],
    "not for anybody": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "192.88.99.1", "224.0.0.1", "239.255.255.255",
                        "240.0.0.1", "255.255.255.255", "[2001:db8::1]", "[3fff::1]", "[ff02::1]", "[100::1]"],
    "names": ["metadata.test", "private6.test", "loopback.test", "both-private.test"],
}
CASES = [(kind, host) for kind, hosts in HOSTS.items() for host in hosts]


class World:
    """A dispatcher in a namespace to which all addresses are local, an endpoint for each host, and one event for all of them."""

    def __init__(self, stack, folder):
        self.stack, self.rebound = stack, threading.Event()
        self.namespace = Namespace(folder)
        self.namespace.own_every_address()
        self.resolver = Resolver({
            # With a final dot addresses are looked up as names, and some resolvers answer with the address itself.
            "127.0.0.1": ["127.0.0.1"], METADATA: [METADATA], "localhost": ["127.0.0.1"],
            "metadata.test": [METADATA], "private6.test": ["fd00::1"], "loopback.test": ["127.0.0.1", "::1"],
            "both-private.test": ["10.0.0.1", METADATA], "one-public.test": [METADATA, PUBLIC["IPv4"]],
            "rebinding.test": lambda kind: [METADATA] if self.rebound.is_set() else [PUBLIC["IPv4"]],
            "slow.test": slowly(0.3, [PUBLIC["IPv4"]]), "silent.test": None, "empty.test": []})
        self.namespace.use_resolver(self.resolver)
        for port in (stack.postgres.parts()["port"], stack.kafka.address.rpartition(":")[2]):
            self.namespace.bridge(int(port))
        self.inside = Receiver(lambda d: (307, {"location": f"http://{METADATA}:{PORT}/"}, b"") if d.path == "/redirects" else 200,
                               server=self.namespace.listen(("::", PORT), socket.AF_INET6))
        self.metadata = Receiver(server=self.namespace.listen((METADATA, 80)))
        settings = {k: v for k, v in DISPATCHER.items() if k != "webhooks.allowed_networks"}
        self.dispatcher = stack.service("webhook-dispatcher", settings)
        self.namespace.run(self.dispatcher.start)
        self.chat = Chat(stack)
        self.endpoints = {}
        for _, host in CASES:
            self.add(host, f"http://{host}:{PORT}/")
        self.add("port 80", f"http://{METADATA}/latest/meta-data/")
        for name, host in PUBLIC.items():
            self.add(name, f"http://{host}:{PORT}/{name}")
        for name in ("one-public.test", "rebinding.test", "slow.test", "silent.test", "empty.test", "unknown.test"):
            self.add(name, f"http://{name}:{PORT}/{name}")
        self.add("redirects", f"http://{PUBLIC['IPv4']}:{PORT}/redirects")
        self.event, = self.chat.publish(self.chat.message())

    def add(self, name, url):
        self.endpoints[name] = add_webhook(self.stack, self.chat.workspace, url, event_types=["message.created"], timeout_ms=2000,
                                           schedule_ms=[3600000], max_retries=0)

    def attempt(self, name):
        return wait_for(lambda: attempts(self.stack, self.endpoints[name]), lambda: f"an attempt is recorded\n{self.dispatcher.log_tail()}")[-1]

    def connected_to(self):
        """The addresses to which a connection was made."""
        return {address.removeprefix("::ffff:") for address in self.inside.addresses + self.metadata.addresses}


@pytest.fixture(scope="module")
def world(postgres, kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ssrf")
    stack = Blazz(postgres, kafka, folder, partitions=1)
    try:
        world = World(stack, folder)
        yield world
        world.namespace.run(world.dispatcher.stop)
    finally:
        wrong = stack.close()
    assert not wrong, wrong
    world.namespace.end()


def is_name(host):
    """Whether the host is looked up: then the outcome does not reveal its addresses."""
    return host.rstrip(".").lower() == "localhost" or host.endswith(".test")


@pytest.mark.parametrize("kind,host", CASES, ids=[f"{k}: {h}" for k, h in CASES])
def test_an_endpoint_with_a_private_address_is_refused(world, kind, host):
    attempt = world.attempt(host)
    assert attempt["outcome"] == ("dns" if is_name(host) else "refused"), attempt
    assert attempt["status"] is None and attempt["connect_us"] is None, attempt


def test_a_tenant_cannot_distinguish_an_internal_name_from_a_missing_one(world):
    """Neither by the outcome nor by the phases or the schedule. Operators can, by metrics and the log."""
    shown = [{k: v for k, v in world.attempt(name).items() if k in ("outcome", "error", "status", "dns_us", "connect_us", "total_us",
              "excerpt", "attempt")} for name in ("unknown.test", "empty.test", "metadata.test", "both-private.test", "localhost")]
    assert shown == [shown[0]] * len(shown)
    rows = [retries(world.stack, world.endpoints[name])[-1]["last_error"] if retries(world.stack, world.endpoints[name]) else None
            for name in ("unknown.test", "metadata.test")]
    assert rows[0] == rows[1]
    wait_for(lambda: world.namespace.run(world.dispatcher.metrics)['blazz_webhook_lookups_total{result="refused"}'] > 0, "a metric shows it")
    assert world.namespace.run(world.dispatcher.metrics)['blazz_webhook_attempts_total{outcome="refused",try="first"}'] > 0
    assert "names of endpoints resolve to addresses that are not permitted" in world.dispatcher.log_tail(100000)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_address_is_delivered_to(world, name):
    """Otherwise the other tests would show nothing."""
    wait_events(world.inside, [world.event], f"/{name}")
    assert world.attempt(name)["outcome"] == "success"


def test_the_public_address_of_a_name_is_used(world):
    assert world.attempt("one-public.test")["outcome"] == "success"


def test_a_redirect_to_metadata_is_not_followed(world):
    attempt = world.attempt("redirects")
    assert (attempt["outcome"], attempt["status"]) == ("redirect", 307)


def test_slow_and_silent_name_servers_end_in_a_timeout(world):
    slow = world.attempt("slow.test")
    assert slow["outcome"] == "success" and slow["dns_us"] >= 300000 <= slow["connect_us"]
    assert world.attempt("silent.test")["outcome"] in ("dns", "timeout"), "whichever ends first"
    for name in ("unknown.test", "empty.test"):
        assert world.attempt(name)["outcome"] == "dns"


def test_a_name_that_changes_after_the_check_is_refused_at_connect(world):
    assert world.attempt("rebinding.test")["outcome"] == "success"
    world.rebound.set()
    world.namespace.run(world.dispatcher.stop)  # clears libcurl's cache of names
    world.namespace.run(world.dispatcher.start)
    world.chat.publish(world.chat.message())
    wait_for(lambda: len(attempts(world.stack, world.endpoints["rebinding.test"])) == 2, "a second attempt is recorded")
    assert world.attempt("rebinding.test")["outcome"] == "dns"


def test_no_private_address_was_ever_connected_to(world):
    for _, host in CASES:
        world.attempt(host)
    assert world.attempt("port 80")["outcome"] == "refused"
    assert world.connected_to() == {host.strip("[]") for host in PUBLIC.values()}
