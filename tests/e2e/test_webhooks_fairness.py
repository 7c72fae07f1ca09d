"""An endpoint that hangs, gets many events or is rate limited does not delay others: shown by which deliveries arrive, not by how long
they take."""
import os
import threading
import time

import pytest
from harness.hooks import (DISPATCHER, Chat, add_webhook, attempts, change_webhook, dispatcher, enable_webhook, positions, retries,
                           wait_all_dispatched, wait_events)
from harness.namespace import PORT, Namespace, Resolver
from harness.receiver import Receiver
from harness.waiting import wait_for

PARTITIONS = 3
SLOTS = 20  # delivery.max_in_flight of the dispatcher
ROOM = 40  # deliveries of an endpoint that wait in memory, in each partition
STEP = 30  # events over all partitions: an endpoint that answers has room for them
SCHEDULE = [200] * 32


def start(make_blazz, partitions=PARTITIONS, **settings):
    """An endpoint goes to catch-up only when it has no room or its circuit breaker is open."""
    stack = make_blazz(partitions=partitions)
    settings = {"delivery__max_in_flight": SLOTS, "delivery__max_waiting": ROOM, "retry__max_rows": 30, "window__max_age": "60s",
                "breaker__min_pause": "100ms", "breaker__max_pause": "300ms", "kafka__session__timeout__ms": 30000} | settings
    stack.dispatcher = dispatcher(stack, **settings).start()
    return stack


class Gate:
    """A receiver that reads every request, and answers as many as it is allowed to."""

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
    """Publishes each step when the step before has been delivered to all of these paths."""
    events = []
    for _ in range(steps):
        step = chat.burst(STEP, conversations=STEP)
        for path in paths:
            wait_events(receiver, step, path, deadline_s=25, why=f"after {len(events)} that were delivered")
        events += step
    return events


def wait_delivered(stack, endpoint, events):
    """Until the dispatcher has recorded a success for each event, and has no pending delivery or position of the endpoint."""
    wanted = {e.event_id for e in events}
    wait_for(lambda: not retries(stack, endpoint, "pending", "retrying") and not positions(stack, endpoint) and
             wanted == {str(a["event_id"]) for a in attempts(stack, endpoint) if a["outcome"] == "success"},
             lambda: f"{retries(stack, endpoint, 'pending', 'retrying')} {positions(stack, endpoint)}", 60)


# Endpoints that hang

HEALTHY = ("/a", "/b", "/c")


@pytest.mark.parametrize("timeout_ms", [1000, 30000], ids=["its requests time out", "its requests hang all the time"])
def test_an_endpoint_that_never_answers_does_not_delay_the_others(make_blazz, receive, timeout_ms):
    """It may have 4 requests in flight in each partition; it gets more events than it has room for, and than the dispatcher has slots."""
    stack, hanging, healthy = start(make_blazz), Gate(receive), receive()
    chat = Chat(stack)
    endpoint = add_webhook(stack, chat.workspace, hanging.receiver.url(), timeout_ms=timeout_ms, max_in_flight=4,
                           schedule_ms=SCHEDULE)
    for path in HEALTHY:
        add_webhook(stack, chat.workspace, healthy.url(path))
    events = publish_in_steps(chat, 10, healthy, HEALTHY)
    if timeout_ms == 1000:
        wait_for(lambda: len(attempts(stack, endpoint)) > 4 * PARTITIONS, "more requests have timed out than may be in flight at once")
    events += publish_in_steps(chat, 20, healthy, HEALTHY)
    assert hanging.receiver.deliveries and not hanging.receiver.accepted()
    assert {a["outcome"] for a in attempts(stack, endpoint)} <= {"timeout"}
    wait_for(lambda: positions(stack, endpoint), "it is in catch-up")
    hanging.open_for_good()
    wait_events(hanging.receiver, events, deadline_s=60)
    wait_delivered(stack, endpoint, events)
    hanging.receiver.check_order()
    for path in HEALTHY:
        healthy.check_order(path)
        assert len(healthy.accepted(path)) == len(events)
    assert len(healthy.deliveries) == len(HEALTHY) * len(events), "each event is delivered once"


# Workspaces with many events

SLOTS_OF_ONE = SLOTS - SLOTS // 4  # of a workspace that is alone; the rest is for the next one
EVENTS = 200
HANGS_MS = 600000


def in_flight(stack, n):
    wait_for(lambda: stack.dispatcher.metrics()["blazz_webhook_in_flight"] == n, lambda: f"{n}: {stack.dispatcher.metrics()}")


def hostile(stack, receive, unordered=True, **columns):
    """A workspace whose endpoint reads every request and answers only when it is allowed to. Its timeout is longer than a tenant may set, so
    that no request ends before the test has looked, on a busy machine either."""
    gate, chat = Gate(receive), Chat(stack)
    stack.sql("ALTER TABLE webhook_endpoints DROP CONSTRAINT IF EXISTS webhook_endpoints_timeout_ms_check")
    columns = {"timeout_ms": HANGS_MS, "max_in_flight": 1000, "schedule_ms": SCHEDULE,
               "ordering": "none" if unordered else "conversation"} | columns
    return gate, chat, add_webhook(stack, chat.workspace, gate.receiver.url(), **columns)


def test_a_workspace_whose_endpoint_hangs_with_its_whole_share_delays_no_other(make_blazz, receive):
    """It holds three quarters of the slots and has hundreds of further events. None of its requests is answered, and events of others are
    delivered one after the other; in the order of arrival they would wait for its timeout."""
    stack = start(make_blazz, partitions=1, delivery__max_waiting=EVENTS + 1, retry__max_rows=1000)
    gate, loud, _ = hostile(stack, receive)
    others, quiet = receive(), [Chat(stack) for _ in range(4)]
    for q in quiet:
        add_webhook(stack, q.workspace, others.url(f"/{q.workspace}"))
    events = loud.burst(EVENTS, conversations=EVENTS)
    wait_for(lambda: len(gate.receiver.deliveries) == SLOTS_OF_ONE, "alone, it has three quarters of the slots")
    for _ in range(5):
        for q in quiet:
            wait_events(others, q.publish(q.message()), f"/{q.workspace}")
    assert len(gate.receiver.deliveries) == SLOTS_OF_ONE and not gate.receiver.accepted()
    gate.open_for_good()
    wait_events(gate.receiver, events, deadline_s=60)
    wait_all_dispatched(stack)


def test_several_hanging_workspaces_have_a_share_each_and_another_is_still_served(make_blazz, receive):
    """Each new workspace gets a quarter of the free slots; a workspace beyond its share gets no slot back."""
    stack = start(make_blazz, partitions=1, delivery__max_in_flight=80, delivery__max_waiting=EVENTS + 1, retry__max_rows=1000)
    others, quiet, gates, used = receive(), Chat(stack), [], 0
    add_webhook(stack, quiet.workspace, others.url())
    for n in range(5):
        gate, chat, _ = hostile(stack, receive)
        chat.burst(80, conversations=80)
        free = 80 - used
        used += 60 if n == 0 else -(-free // 4)
        in_flight(stack, used)
        wait_events(others, quiet.publish(quiet.message()))
        gates.append(gate)
    wait_for(lambda: [len(g.receiver.deliveries) for g in gates] == [60, 5, 4, 3, 2], "each has its share")
    assert stack.dispatcher.metrics()["blazz_webhook_share_limited_total"] >= 5
    gates[0].allow(10)
    wait_for(lambda: len(gates[0].receiver.accepted()) == 10, "ten requests are answered")
    wait_events(others, quiet.publish(quiet.message()))
    assert len(gates[0].receiver.deliveries) == 60, "beyond its share it gets no further request"
    for gate in gates:
        gate.open_for_good()
    wait_all_dispatched(stack, 60)


def test_retries_replays_and_catch_up_keep_to_the_share_too(make_blazz, receive):
    """Here all deliveries come from catch-up, and then from retries."""
    stack = start(make_blazz, partitions=1, delivery__max_waiting=EVENTS + 1, retry__max_rows=1000, breaker__failures=10000)
    gate, loud, endpoint = hostile(stack, receive, timeout_ms=2000, schedule_ms=[100] * 32)
    others, quiet = receive(), Chat(stack)
    add_webhook(stack, quiet.workspace, others.url())
    change_webhook(stack, endpoint, enabled=False)
    wait_for(lambda: positions(stack, endpoint), "it is in catch-up")
    loud.burst(EVENTS, conversations=EVENTS)
    wait_all_dispatched(stack)
    enable_webhook(stack, endpoint)
    in_flight(stack, SLOTS_OF_ONE)
    while len(attempts(stack, endpoint)) < 3 * SLOTS:
        wait_events(others, quiet.publish(quiet.message()), deadline_s=2)
    assert {a["outcome"] for a in attempts(stack, endpoint)} == {"timeout"}
    gate.open_for_good()


# Slow and rate-limited endpoints

def test_a_rate_limited_endpoint_does_not_delay_one_without_a_limit(make_blazz, receive):
    """In each partition it may get the burst of a second and `rate` more with each second: far fewer than all events."""
    stack, limited, free, rate = start(make_blazz), receive(), receive(), 2
    chat = Chat(stack)
    began = time.monotonic()
    endpoint = add_webhook(stack, chat.workspace, limited.url(), rate=rate)
    add_webhook(stack, chat.workspace, free.url())
    events = publish_in_steps(chat, 15, free)
    delivered = len(limited.deliveries)
    allowance = PARTITIONS * rate * (1 + time.monotonic() - began)
    assert 0 < delivered <= allowance < len(events), f"{delivered} delivered, {allowance:.0f} allowed"
    change_webhook(stack, endpoint, rate=0)
    wait_events(limited, events, deadline_s=60)
    wait_delivered(stack, endpoint, events)
    for receiver in (limited, free):
        receiver.check_order()
        assert len(receiver.deliveries) == len(events), "each event is delivered once"


@pytest.mark.parametrize("ahead", [True, False], ids=["earlier events", "later events"])
def test_an_endpoint_that_catches_up_slowly_does_not_delay_others_in_catch_up(make_blazz, receive, ahead):
    """One reader serves both. It is full of events that the slow endpoint will not get for minutes."""
    stack = start(make_blazz, partitions=1, delivery__max_waiting=20)
    slow, quick, to_slow, to_quick = Chat(stack), Chat(stack), receive(), receive()
    endpoint = add_webhook(stack, quick.workspace, to_quick.url())
    other = add_webhook(stack, slow.workspace, to_slow.url(), rate=2)
    for one in (endpoint, other):
        change_webhook(stack, one, enabled=False)
        wait_for(lambda: positions(stack, one), "it is in catch-up")
    missed = quick.burst(10) if not ahead else None
    slow.burst(200, conversations=10)
    missed = missed or quick.burst(10)
    wait_all_dispatched(stack)
    enable_webhook(stack, other)
    wait_for(lambda: len(to_slow.deliveries) >= 5, "the slow endpoint gets events")
    enable_webhook(stack, endpoint)
    wait_events(to_quick, missed, deadline_s=25)
    assert positions(stack, other), "the slow endpoint is still in catch-up"


def test_an_event_does_not_wait_for_a_slow_endpoints_backlog_before_it_in_kafka(make_blazz, receive):
    """Its endpoint has received no event yet, so the dispatcher does not know that one is pending for it."""
    stack = start(make_blazz, partitions=1)
    slow, quick, to_slow, to_quick = Chat(stack), Chat(stack), receive(), receive()
    add_webhook(stack, slow.workspace, to_slow.url(), rate=2, max_in_flight=4)
    add_webhook(stack, quick.workspace, to_quick.url())
    missed = slow.burst(300, conversations=10)
    event = quick.publish(quick.message())
    wait_events(to_quick, event, deadline_s=25)
    assert len(to_slow.deliveries) < len(missed) // 2, "the slow endpoint's backlog takes minutes"


# Name servers that do not answer

HOSTS = 40


def test_name_servers_that_never_answer_do_not_delay_other_workspaces(make_blazz, receive, tmp_path):
    """Forty hosts and 2,000 events, more than there are look-up threads. A host of another workspace, which was not looked up before, gets its
    event within two seconds; the program starts no further thread; and it makes far fewer look-ups than attempts."""
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
        wait_for(lambda: namespace.run(service.metrics)["blazz_webhook_lookups_waiting"] > 0, "look-ups wait for a thread")
        for i, q in enumerate(quiet):
            wait_events(receiver, q.publish(q.message()), f"/{i}", deadline_s=2)
            assert {a["outcome"] for a in attempts(stack, good[i])} <= {"success"}
            assert len(os.listdir(f"/proc/{service.process.pid}/task")) <= threads
        wait_for(lambda: all(attempts(stack, e) for e in hanging), "each endpoint has an attempt", 60)
        outcomes = [a["outcome"] for e in hanging for a in attempts(stack, e)]
        assert set(outcomes) <= {"dns", "timeout"}, "no attempt failed because of the others"
        asked = [name for name, kind in resolver.asked if name.startswith("silent") and kind == 1]
        assert len(asked) < len(outcomes)
    finally:
        namespace.run(service.stop)
        namespace.end()
