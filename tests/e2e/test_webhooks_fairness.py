"""Who hangs, is loud or is held back costs the others nothing: told by which deliveries came, never by how long they took."""
import threading
import time

import pytest
from harness.hooks import (Chat, add_webhook, attempts, change_webhook, dispatcher, enable_webhook, positions, retries, wait_events,
                           wait_settled)
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
def test_while_one_endpoint_answers_nothing_the_others_get_everything(make_blazz, receive, timeout_ms):
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


# Who is loud

QUIET = 4
ROUNDS = 4
LOUD = 100 * ROUNDS  # events, to one of each quiet workspace in each round


def turn_of(delivery):
    """How many like this one a workspace begins in its turn: 8 KiB, where each costs 512 bytes beside its body."""
    return 8192 // (len(delivery.body) + 512) + 1


def test_a_workspace_with_a_hundred_times_the_traffic_delays_the_others_by_two_turns(make_blazz, receive):
    """The loud one's receiver answers only when it may, and its deliveries fill all slots. An event of a quiet workspace that was read
    gets a slot when the loud one has had what is left of its turn, and one more: by then it has been answered two turns. The bound is twice
    as many, and all slots: a few dozen. First come, first served would take hundreds, all that waits in memory."""
    slots = 8
    stack = start(make_blazz, partitions=1, delivery__max_in_flight=slots, delivery__max_waiting=LOUD + 1, retry__max_rows=1000)
    gate, others = Gate(receive), receive()
    loud, quiet = Chat(stack), [Chat(stack) for _ in range(QUIET)]
    add_webhook(stack, loud.workspace, gate.receiver.url(), timeout_ms=30000, max_in_flight=1000, schedule_ms=SCHEDULE)
    for q in quiet:
        add_webhook(stack, q.workspace, others.url(f"/{q.workspace}"))

    def wait_waiting(n):
        wait_for(lambda: stack.dispatcher.metrics()["blazz_webhook_waiting"] == n, lambda: f"{n} wait: {stack.dispatcher.metrics()}")

    events = loud.burst(LOUD, conversations=LOUD)
    wait_for(lambda: len(gate.receiver.deliveries) == slots, "it has all slots")
    bound = 4 * turn_of(gate.receiver.deliveries[0]) + slots
    assert (ROUNDS + 2) * bound < LOUD, "in the last round, too, more wait than that"
    for i in range(ROUNDS):
        wait_waiting(LOUD - slots - i * bound)
        told = [(q, q.publish(q.message())) for q in quiet]
        wait_waiting(LOUD - slots - i * bound + QUIET)
        gate.allow(bound)
        for q, event in told:
            wait_events(others, event, f"/{q.workspace}", why=f"and the loud one was answered {bound} times")
        wait_for(lambda: len(gate.receiver.deliveries) == slots + (i + 1) * bound, "it has all slots again")
    assert len(gate.receiver.accepted()) == ROUNDS * bound
    gate.open_for_good()
    wait_events(gate.receiver, events, deadline_s=60)
    wait_settled(stack)


# Who is held back

def test_an_endpoint_with_a_rate_costs_one_without_nothing(make_blazz, receive):
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
def test_one_that_catches_up_slowly_holds_up_no_other_that_is_behind(make_blazz, receive, ahead):
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


def test_an_event_behind_a_slow_ones_backlog_in_kafka_does_not_wait_for_it(make_blazz, receive):
    """Its endpoint has had nothing yet, so nobody knows that it waits."""
    stack = start(make_blazz, partitions=1)
    slow, quick, to_slow, to_quick = Chat(stack), Chat(stack), receive(), receive()
    add_webhook(stack, slow.workspace, to_slow.url(), rate=2, max_in_flight=4)
    add_webhook(stack, quick.workspace, to_quick.url())
    missed = slow.burst(300, conversations=10)
    event = quick.publish(quick.message())
    wait_events(to_quick, event, deadline_s=25)
    assert len(to_slow.deliveries) < len(missed) // 2, "which takes minutes"
