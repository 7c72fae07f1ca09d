"""Who hangs, is loud or is held back costs the others nothing: told by which deliveries came, never by how long they took."""
import os
import threading
import time

import pytest
from harness.hooks import (DISPATCHER, Chat, add_webhook, attempts, change_webhook, dispatcher, enable_webhook, positions, retries, wait_events,
                           wait_settled)
from harness.namespace import PORT, Namespace, Resolver
from harness.receiver import Receiver
from harness.waiting import wait_for

PARTITIONS = 3
SLOTS = 20  # of the dispatcher: deliveries under way at once
ROOM = 40  # of an endpoint, in one partition: deliveries that wait in memory
STEP = 30  # events, to all partitions together: an endpoint that answers has room for them
SCHEDULE = [200] * 32


def start(make_blazz, partitions=PARTITIONS, **settings):
    """An endpoint falls behind when it has no room, or is left alone, and for no other reason."""
    stack = make_blazz(partitions=partitions)
    settings = {"delivery__max_in_flight": SLOTS, "delivery__max_waiting": ROOM, "retry__max_rows": 30, "window__max_age": "60s",
                "breaker__min_pause": "100ms", "breaker__max_pause": "300ms", "kafka__session__timeout__ms": 30000} | settings
    stack.dispatcher = dispatcher(stack, **settings).start()
    return stack


class Gate:
    """A receiver that takes every request, and answers as many as it may."""

    def __init__(self, receive):
        self.permits, self.open = threading.Semaphore(0), threading.Event()
        self.receiver = receive(self.answer)

    def answer(self, delivery):
        return 200 if self.open.is_set() else lambda connection: self.hold(delivery, connection)

    def hold(self, delivery, connection):
        self.permits.acquire()
        delivery.status = 200
        connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")

    def allow(self, n):
        self.permits.release(n)

    def open_for_good(self):
        self.open.set()
        self.allow(10000)


def publish_in_steps(chat, steps, receiver, paths=("/hook",)):
    """Each step when all of these have got the one before."""
    events = []
    for _ in range(steps):
        step = chat.burst(STEP, conversations=STEP)
        for path in paths:
            wait_events(receiver, step, path, deadline_s=25, why=f"after {len(events)} that came")
        events += step
    return events


def wait_delivered(stack, endpoint, events):
    """Each was acknowledged, by the dispatcher's own account, and nothing waits any more, in no partition."""
    wanted = {e.event_id for e in events}
    wait_for(lambda: not retries(stack, endpoint, "pending", "retrying") and not positions(stack, endpoint) and
             wanted == {str(a["event_id"]) for a in attempts(stack, endpoint) if a["outcome"] == "success"},
             lambda: f"{retries(stack, endpoint, 'pending', 'retrying')} {positions(stack, endpoint)}", 60)


# Who hangs

HEALTHY = ("/a", "/b", "/c")


@pytest.mark.parametrize("timeout_ms", [1000, 30000], ids=["it is given up on again and again", "its deliveries hang all the time"])
def test_an_endpoint_that_never_answers_does_not_delay_the_others(make_blazz, receive, timeout_ms):
    """It may have 4 deliveries under way in each partition; there come more for it than it has room for, and than there are slots."""
    stack, hanging, healthy = start(make_blazz), Gate(receive), receive()
    chat = Chat(stack)
    endpoint = add_webhook(stack, chat.workspace, hanging.receiver.url(), timeout_ms=timeout_ms, max_in_flight=4,
                           schedule_ms=SCHEDULE)
    for path in HEALTHY:
        add_webhook(stack, chat.workspace, healthy.url(path))
    events = publish_in_steps(chat, 10, healthy, HEALTHY)
    if timeout_ms == 1000:
        wait_for(lambda: len(attempts(stack, endpoint)) > 4 * PARTITIONS, "more have timed out than may hang at once")
    events += publish_in_steps(chat, 20, healthy, HEALTHY)
    assert hanging.receiver.deliveries and not hanging.receiver.accepted()
    assert {a["outcome"] for a in attempts(stack, endpoint)} <= {"timeout"}
    wait_for(lambda: positions(stack, endpoint), "it is behind")
    hanging.open_for_good()
    wait_events(hanging.receiver, events, deadline_s=60)
    wait_delivered(stack, endpoint, events)
    hanging.receiver.check_order()
    for path in HEALTHY:
        healthy.check_order(path)
        assert len(healthy.accepted(path)) == len(events)
    assert len(healthy.deliveries) == len(HEALTHY) * len(events), "each once"


# Who is loud, or holds what it has

SLOTS_OF_ONE = SLOTS - SLOTS // 4  # alone; the rest is what the next one finds
EVENTS = 200
HANGS_MS = 600000


def in_flight(stack, n):
    wait_for(lambda: stack.dispatcher.metrics()["blazz_webhook_in_flight"] == n, lambda: f"{n}: {stack.dispatcher.metrics()}")


def hostile(stack, receive, unordered=True, **columns):
    """A workspace whose endpoint takes what it gets, and answers only when it may. Its deadline is longer than a tenant may set: on a
    busy machine no request must end before the test has looked."""
    gate, chat = Gate(receive), Chat(stack)
    stack.sql("ALTER TABLE webhook_endpoints DROP CONSTRAINT IF EXISTS webhook_endpoints_timeout_ms_check")
    columns = {"timeout_ms": HANGS_MS, "max_in_flight": 1000, "schedule_ms": SCHEDULE,
               "ordering": "none" if unordered else "conversation"} | columns
    return gate, chat, add_webhook(stack, chat.workspace, gate.receiver.url(), **columns)


def test_a_workspace_whose_endpoint_hangs_with_its_whole_share_delays_no_other(make_blazz, receive):
    """It holds all slots but a quarter and has hundreds of events more. Others are delivered to, event after event, while not one of its
    requests is answered: first come, first served would have them wait for its timeout."""
    stack = start(make_blazz, partitions=1, delivery__max_waiting=EVENTS + 1, retry__max_rows=1000)
    gate, loud, _ = hostile(stack, receive)
    others, quiet = receive(), [Chat(stack) for _ in range(4)]
    for q in quiet:
        add_webhook(stack, q.workspace, others.url(f"/{q.workspace}"))
    events = loud.burst(EVENTS, conversations=EVENTS)
    wait_for(lambda: len(gate.receiver.deliveries) == SLOTS_OF_ONE, "alone, it has all but a quarter")
    for _ in range(5):
        for q in quiet:
            wait_events(others, q.publish(q.message()), f"/{q.workspace}")
    assert len(gate.receiver.deliveries) == SLOTS_OF_ONE and not gate.receiver.accepted()
    gate.open_for_good()
    wait_events(gate.receiver, events, deadline_s=60)
    wait_settled(stack)


def test_several_hanging_workspaces_have_a_share_each_and_another_is_still_served(make_blazz, receive):
    """One after the other each takes a quarter of what is left, and none that is beyond it gets a slot back."""
    stack = start(make_blazz, partitions=1, delivery__max_in_flight=80, delivery__max_waiting=EVENTS + 1, retry__max_rows=1000)
    others, quiet, gates, used = receive(), Chat(stack), [], 0
    add_webhook(stack, quiet.workspace, others.url())
    for n in range(5):
        gate, chat, _ = hostile(stack, receive)
        chat.burst(80, conversations=80)
        left = 80 - used
        used += 60 if n == 0 else -(-left // 4)
        in_flight(stack, used)
        wait_events(others, quiet.publish(quiet.message()))
        gates.append(gate)
    wait_for(lambda: [len(g.receiver.deliveries) for g in gates] == [60, 5, 4, 3, 2], "each has its share")
    assert stack.dispatcher.metrics()["blazz_webhook_share_limited_total"] >= 5
    gates[0].allow(10)
    wait_for(lambda: len(gates[0].receiver.accepted()) == 10, "it answers some")
    wait_events(others, quiet.publish(quiet.message()))
    assert len(gates[0].receiver.deliveries) == 60, "and gets nothing more beside the others"
    for gate in gates:
        gate.open_for_good()
    wait_settled(stack, 60)


def test_retries_replays_and_catch_up_keep_to_the_share_too(make_blazz, receive):
    """Whatever its deliveries come from: here all of them were missed and are caught up, and then retried."""
    stack = start(make_blazz, partitions=1, delivery__max_waiting=EVENTS + 1, retry__max_rows=1000, breaker__failures=10000)
    gate, loud, endpoint = hostile(stack, receive, timeout_ms=2000, schedule_ms=[100] * 32)
    others, quiet = receive(), Chat(stack)
    add_webhook(stack, quiet.workspace, others.url())
    change_webhook(stack, endpoint, enabled=False)
    wait_for(lambda: positions(stack, endpoint), "it is behind")
    loud.burst(EVENTS, conversations=EVENTS)
    wait_settled(stack)
    enable_webhook(stack, endpoint)
    in_flight(stack, SLOTS_OF_ONE)
    while len(attempts(stack, endpoint)) < 3 * SLOTS:
        wait_events(others, quiet.publish(quiet.message()), deadline_s=2)
    assert {a["outcome"] for a in attempts(stack, endpoint)} == {"timeout"}
    gate.open_for_good()


# Who is held back

def test_a_rate_limited_endpoint_does_not_delay_one_without_a_limit(make_blazz, receive):
    """Its allowance, in each partition: what a second gives, and as much with each second. With 2 a second that is far from all."""
    stack, limited, free, rate = start(make_blazz), receive(), receive(), 2
    chat = Chat(stack)
    began = time.monotonic()
    endpoint = add_webhook(stack, chat.workspace, limited.url(), rate=rate)
    add_webhook(stack, chat.workspace, free.url())
    events = publish_in_steps(chat, 15, free)
    came = len(limited.deliveries)
    allowance = PARTITIONS * rate * (1 + time.monotonic() - began)
    assert 0 < came <= allowance < len(events), f"{came} came of {allowance:.0f}"
    change_webhook(stack, endpoint, rate=0)
    wait_events(limited, events, deadline_s=60)
    wait_delivered(stack, endpoint, events)
    for receiver in (limited, free):
        receiver.check_order()
        assert len(receiver.deliveries) == len(events), "each once"


@pytest.mark.parametrize("ahead", [True, False], ids=["ahead of the other", "behind the other"])
def test_an_endpoint_that_catches_up_slowly_does_not_delay_others_in_catch_up(make_blazz, receive, ahead):
    """One reader feeds both. It is full with what the slow one cannot take for minutes."""
    stack = start(make_blazz, partitions=1, delivery__max_waiting=20)
    slow, quick, to_slow, to_quick = Chat(stack), Chat(stack), receive(), receive()
    endpoint = add_webhook(stack, quick.workspace, to_quick.url())
    other = add_webhook(stack, slow.workspace, to_slow.url(), rate=2)
    for one in (endpoint, other):
        change_webhook(stack, one, enabled=False)
        wait_for(lambda: positions(stack, one), "it is behind")
    missed = quick.burst(10) if not ahead else None
    slow.burst(200, conversations=10)
    missed = missed or quick.burst(10)
    wait_settled(stack)
    enable_webhook(stack, other)
    wait_for(lambda: len(to_slow.deliveries) >= 5, "the slow one is fed")
    enable_webhook(stack, endpoint)
    wait_events(to_quick, missed, deadline_s=25)
    assert positions(stack, other), "which the slow one has not got through"


def test_an_event_does_not_wait_for_a_slow_endpoints_backlog_before_it_in_kafka(make_blazz, receive):
    """Its endpoint has had nothing yet, so nobody knows that it waits."""
    stack = start(make_blazz, partitions=1)
    slow, quick, to_slow, to_quick = Chat(stack), Chat(stack), receive(), receive()
    add_webhook(stack, slow.workspace, to_slow.url(), rate=2, max_in_flight=4)
    add_webhook(stack, quick.workspace, to_quick.url())
    missed = slow.burst(300, conversations=10)
    event = quick.publish(quick.message())
    wait_events(to_quick, event, deadline_s=25)
    assert len(to_slow.deliveries) < len(missed) // 2, "which takes minutes"


# Who uses up look-ups

HOSTS = 40


def test_name_servers_that_never_answer_do_not_delay_other_workspaces(make_blazz, receive, tmp_path):
    """Forty hosts and 2,000 events, more than there are threads. Another workspace's host, which no answer is known of yet, is looked up and
    delivered to within two seconds; no thread is added to those that were there; and each event costs far less than a look-up."""
    stack = make_blazz(partitions=1)
    namespace = Namespace(tmp_path)
    namespace.own_every_address()
    resolver = Resolver({f"silent{i}.test": None for i in range(HOSTS)} | {f"good{i}.test": ["127.0.0.1"] for i in range(3)})
    namespace.use_resolver(resolver)
    for port in (stack.postgres.parts()["port"], stack.kafka.address.rpartition(":")[2]):
        namespace.bridge(int(port))
    receiver = Receiver(server=namespace.listen(("127.0.0.1", PORT)))
    service = stack.service("webhook-dispatcher", DISPATCHER)
    namespace.run(service.start)
    try:
        loud, quiet = Chat(stack), [Chat(stack) for _ in range(3)]
        good = [add_webhook(stack, q.workspace, f"http://good{i}.test:{PORT}/{i}") for i, q in enumerate(quiet)]
        hanging = [add_webhook(stack, loud.workspace, f"http://silent{i}.test:{PORT}/", ordering="none", timeout_ms=1000,
                               max_in_flight=1000, schedule_ms=[3600000]) for i in range(HOSTS)]
        threads = len(os.listdir(f"/proc/{service.process.pid}/task"))
        loud.burst(50, conversations=50)
        wait_for(lambda: namespace.run(service.metrics)["blazz_webhook_lookups_waiting"] > 0, "it has all the threads that it may")
        for i, q in enumerate(quiet):
            wait_events(receiver, q.publish(q.message()), f"/{i}", deadline_s=2)
            assert {a["outcome"] for a in attempts(stack, good[i])} <= {"success"}
            assert len(os.listdir(f"/proc/{service.process.pid}/task")) <= threads
        wait_for(lambda: all(attempts(stack, e) for e in hanging), "each was tried", 60)
        outcomes = [a["outcome"] for e in hanging for a in attempts(stack, e)]
        assert set(outcomes) <= {"dns", "timeout"}, "none was told so because of the others"
        asked = [name for name, kind in resolver.asked if name.startswith("silent") and kind == 1]
        assert len(asked) < len(outcomes)
    finally:
        namespace.run(service.stop)
        namespace.end()
