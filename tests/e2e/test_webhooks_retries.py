"""Receivers fail and recover, and endpoints are changed: every event is acknowledged, in order, or reported as exhausted."""
import random
import threading
import time
from collections import defaultdict

import psycopg2
import pytest
from blazz.v1 import common_pb2 as common
from harness.blazz import Blazz
from harness.hooks import (OLDER_SECRET, SECRET, Chat, add_webhook, attempts, change_webhook, dead_letters, delete_webhook,
                           dispatcher, enable_webhook, endpoint_row, events_of, positions, retries, sealed, wait_all_dispatched,
                           wait_events)
from harness.receiver import signs, verified
from harness.waiting import wait_for

PARTITIONS = 3


@pytest.fixture(scope="module")
def running(postgres, kafka, tmp_path_factory):
    """One dispatcher for all of these tests, each of which has a workspace of its own. Its limits are short."""
    stack = Blazz(postgres, kafka, tmp_path_factory.mktemp("webhooks"), partitions=PARTITIONS)
    stack.dispatcher = dispatcher(stack, retry__max_rows=20, window__max_age="300ms", endpoint__disable_after="4s",
                                  breaker__min_pause="100ms", breaker__max_pause="300ms").start()
    yield stack
    wrong = stack.close()
    assert not wrong, wrong


class Answer:
    """The answer of a receiver, which a test can change at any time."""

    def __init__(self, status):
        self.status = status

    def __call__(self, delivery):
        return self.status


def names(receiver):
    """The types of the events that were received."""
    return [d.event["type"] for d in receiver.deliveries]


def unfinished(chat, endpoint):
    return retries(chat.stack, endpoint, "pending", "retrying")


def wait_done(chat, endpoint):
    """Until the endpoint has no pending delivery and no position, in any partition."""
    wait_for(lambda: not unfinished(chat, endpoint) and not positions(chat.stack, endpoint),
             lambda: f"{unfinished(chat, endpoint)} {positions(chat.stack, endpoint)}\n{chat.stack.dispatcher.log_tail(100)}")


# Retries

def test_a_delivery_is_retried_on_its_schedule(chat, receive):
    answers = iter([503, 500, 429, 200])
    receiver = receive(lambda d: next(answers))
    schedule = [300, 600, 900]
    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url(), schedule_ms=schedule)
    event, = chat.publish(chat.message())
    wait_events(receiver, [event])
    wait_done(chat, endpoint)
    tries = attempts(chat.stack, endpoint)
    assert [(t["attempt"], t["outcome"]) for t in tries] == [(1, "server_error"), (2, "server_error"), (3, "rate_limited"),
                                                             (4, "success")]
    times = [d.at for d in receiver.deliveries]
    for i, delay_ms in enumerate(schedule):
        assert times[i + 1] - times[i] >= 0.8 * delay_ms / 1000
    assert len({(d.id, d.body) for d in receiver.deliveries}) == 1, "every attempt has the same id and body"
    row, = retries(chat.stack, endpoint)
    assert row["status"] == "success" and row["retry_count"] == 3 and row["payload"] is None


def test_an_exhausted_delivery_becomes_a_dead_letter_is_published_and_can_be_replayed_to_that_endpoint(chat, receive):
    answer = Answer(500)
    failing, watcher, other = receive(answer), receive(), receive()
    endpoint = add_webhook(chat.stack, chat.workspace, failing.url(), schedule_ms=[100, 100], event_types=["message.created"])
    add_webhook(chat.stack, chat.workspace, watcher.url(), event_types=["endpoint.*"])
    add_webhook(chat.stack, chat.workspace, other.url(), event_types=["message.created"])
    event, = chat.publish(chat.message())
    dead_letter, = wait_for(lambda: dead_letters(chat.stack, endpoint), "a dead letter is published")
    assert dead_letter.value == event.SerializeToString() and dead_letter.headers["x-dlq-reason"] == "exhausted"
    assert dead_letter.headers["x-dlq-code"] == "500" and dead_letter.headers["x-dlq-first-topic"] == chat.stack.topic("chat-event")
    assert [t["attempt"] for t in attempts(chat.stack, endpoint)] == [1, 2, 3]
    assert [r["status"] for r in retries(chat.stack, endpoint)] == ["failed"]
    assert endpoint_row(chat.stack, endpoint)["state"] == "failing"
    watcher.wait(1)
    assert names(watcher) == ["endpoint.failing"]
    data = str(watcher.deliveries[0].event["data"])
    assert endpoint in data and event.event_id in data
    wait_events(other, [event])

    answer.status = 200
    replayed = chat.stack.ctl("dlq", "replay", "--topic", chat.stack.topic("chat-event.webhook-dispatcher.dlq"), "--workspace",
                              chat.workspace, "--yes")
    assert replayed["replayed"] == 1
    wait_events(failing, [event])
    watcher.wait(2)
    assert names(watcher) == ["endpoint.failing", "endpoint.recovered"]
    assert len({d.id for d in failing.deliveries}) == 1, "the replay has the same id"
    wait_all_dispatched(chat.stack)
    assert names(other) == ["message.created"], "another endpoint does not get the replay"


def test_an_operator_can_retry_an_exhausted_delivery(chat, receive):
    answer = Answer(500)
    receiver = receive(answer)
    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url(), schedule_ms=[100], event_types=["message.created"])
    event, = chat.publish(chat.message())
    wait_for(lambda: retries(chat.stack, endpoint, "failed"), "the delivery is exhausted")
    answer.status = 200
    chat.stack.ctl("retry", "retry", "--endpoint", endpoint, "--status", "failed")
    wait_events(receiver, [event], deadline_s=15)
    wait_for(lambda: [r["status"] for r in retries(chat.stack, endpoint)] == ["success"], "the retry has succeeded")
    later, = chat.publish(chat.message())
    wait_events(receiver, [later])


def test_all_due_rows_are_claimed_at_once_in_small_batches(make_blazz, receive):
    """retry.claim_interval applies only after a claim that found no further due row."""
    stack, answer = make_blazz(partitions=1), Answer(503)
    dispatcher(stack, retry__claim_interval="5s", retry__claim_max=5, breaker__failures=10000).start()
    chat, receiver = Chat(stack), receive(answer)
    endpoint = add_webhook(stack, chat.workspace, receiver.url(), schedule_ms=[1000] * 9)
    events = chat.burst(100, conversations=100)
    wait_for(lambda: len(retries(stack, endpoint, "pending", "retrying")) == 100, "all retries are pending")
    answer.status = 200
    wait_events(receiver, events, deadline_s=25)


def test_a_hanging_endpoint_with_many_due_rows_does_not_delay_the_retries_of_others(make_blazz, receive):
    """An endpoint may have 16 requests in flight, its workspace 18 of 24: the rest of its due rows is claimed after those of others."""
    stack, hangs = make_blazz(partitions=1), set()
    dispatcher(stack, retry__claim_max=5, delivery__max_in_flight=24, delivery__max_waiting=5, breaker__failures=10000).start()
    chat = Chat(stack)

    def hang(connection):
        connection.recv(1)  # until the dispatcher disconnects

    slow, other = receive(lambda d: hang if hangs else 503), receive(lambda d: 200 if hangs else 503)
    both = [add_webhook(stack, chat.workspace, r.url(), schedule_ms=[2000] * 9, event_types=[t], timeout_ms=30000)
            for r, t in ((slow, "message.created"), (other, "message.status"))]
    chat.burst(100, conversations=100)
    wait_for(lambda: len(retries(stack, both[0])) == 100, "its retries are pending")
    read, = chat.publish(chat.status())
    wait_for(lambda: retries(stack, both[1]), "a retry of the other endpoint is pending, too")
    hangs.add(True)
    wait_events(other, [read], deadline_s=20)
    assert len(retries(stack, both[0], "pending", "retrying")) == 100 and not slow.accepted()


def test_events_about_endpoints_cause_no_others(chat, receive):
    """Otherwise two failing endpoints that subscribe to everything would cause events of each other for ever."""
    receivers = receive(Answer(500)), receive(Answer(500))
    endpoints = [add_webhook(chat.stack, chat.workspace, r.url(), max_retries=0) for r in receivers]
    chat.publish(chat.message())
    for endpoint in endpoints:  # of the message, and of the event that the other endpoint fails
        wait_for(lambda: len(dead_letters(chat.stack, endpoint)) == 2, lambda: f"two dead letters: {dead_letters(chat.stack, endpoint)}")
    wait_all_dispatched(chat.stack)
    for receiver in receivers:
        assert sorted(names(receiver)) == ["endpoint.failing", "message.created"]


def test_order_is_kept_in_each_conversation_when_deliveries_fail(chat, receive):
    rng = random.Random(5)
    receiver = receive(lambda d: 503 if rng.random() < 0.3 else 200)
    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url(), schedule_ms=[50] * 30)
    wait_events(receiver, chat.burst(120, conversations=5))
    wait_done(chat, endpoint)
    receiver.check_order()
    accepted = receiver.accepted()
    assert len(accepted) == 120 and all(len(times) == 1 for times in accepted.values()), "each is acknowledged once, as no replica was killed"
    tries = defaultdict(list)
    for t in attempts(chat.stack, endpoint):
        tries[t["event_id"]].append(t["attempt"])
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in tries.values()), "attempts are counted without a gap"


def test_without_ordering_no_event_waits_for_an_earlier_one(chat, receive):
    first = []
    receiver = receive(lambda d: 503 if d.event["id"] in first else 200)
    ordered = add_webhook(chat.stack, chat.workspace, receiver.url("/ordered"), schedule_ms=[60000])
    add_webhook(chat.stack, chat.workspace, receiver.url("/any"), schedule_ms=[60000], ordering="none")
    events = [chat.message() for _ in range(5)] + [chat.message(1)]
    first.append(events[0].event_id)
    chat.publish(*events)
    wait_events(receiver, events[1:], "/any")
    wait_events(receiver, events[5:], "/ordered")
    wait_all_dispatched(chat.stack)
    assert len(unfinished(chat, ordered)) == 5 and events_of(receiver, "/ordered") == {events[5].event_id}


# Filters

def test_an_endpoint_gets_events_of_its_filters_and_of_its_own_tenant_only(chat, receive):
    receiver = receive()
    stranger = Chat(chat.stack)
    add = lambda path, **columns: add_webhook(chat.stack, chat.workspace, receiver.url(path), **columns)  # noqa: E731
    add("/live")
    add("/all", origins=["live", "history", "sync"])
    add("/messages", event_types=["message.*"])
    add("/created", event_types=["message.created", "session.state"])
    add("/sessions", event_types=["session.*"])
    add("/later", active_from="infinity")
    add_webhook(chat.stack, stranger.workspace, receiver.url("/stranger"))
    time_to_see = chat.publish(chat.message())
    wait_events(receiver, time_to_see, "/all")
    live, history = chat.message(1), chat.message(1, common.ORIGIN_HISTORY)
    synced, read = chat.message(1, common.ORIGIN_SYNC), chat.status(1)
    chat.publish(live, history, synced, read)
    theirs = stranger.publish(stranger.message())
    ids = lambda *events: {e.event_id for e in events}  # noqa: E731
    for path, wanted in {"/live": (live, read), "/all": (live, history, synced, read), "/messages": (live, read),
                         "/created": (live,), "/sessions": (), "/later": (), "/stranger": theirs}.items():
        wait_events(receiver, wanted, path)
        wait_all_dispatched(chat.stack)
        assert events_of(receiver, path) - ids(*time_to_see) == ids(*wanted), path


# Changes of endpoints

def test_changes_of_an_endpoint_reach_a_running_replica_within_a_second(chat, receive):
    receiver = receive()

    def changes(what, path, check=lambda d: True):
        """Publishes events until one shows the change; that one was published within a second after it."""
        changed = time.time()

        def seen():
            chat.publish(chat.message())
            return [d.event["id"] for d in list(receiver.deliveries) if d.at > changed and d.path == path and check(d)]

        first = wait_for(seen, what)[0]
        published = next(e.occurred_at_ms for e in chat.published if e.event_id == first)
        assert published / 1000 - changed < 1, what

    def keys(delivery):
        return len(delivery.headers["webhook-signature"].split(" "))

    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url("/added"))
    changes("a new endpoint", "/added")
    change_webhook(chat.stack, endpoint, url=receiver.url("/moved"))
    changes("its URL", "/moved", lambda d: verified(d, SECRET))
    soon = int(time.time() * 1000) + 3600000
    change_webhook(chat.stack, endpoint, secrets=sealed([OLDER_SECRET, (SECRET, soon)], endpoint))
    changes("both secrets sign", "/moved", lambda d: keys(d) == 2 and verified(d, OLDER_SECRET) and signs(d, SECRET))
    change_webhook(chat.stack, endpoint, secrets=sealed([OLDER_SECRET, (SECRET, 1)], endpoint))
    changes("the older secret has expired", "/moved", lambda d: keys(d) == 1 and verified(d, OLDER_SECRET))
    change_webhook(chat.stack, endpoint, headers='{"Authorization": "Bearer 1"}')
    changes("its headers", "/moved", lambda d: d.headers.get("authorization") == "Bearer 1")


def test_no_record_is_read_while_a_change_of_an_endpoint_is_loaded(make_blazz, receive):
    """While the dispatcher waits for the rows of the change, an event would be matched with the endpoints as they were before."""
    stack, receiver = make_blazz(partitions=1), receive()
    chat = Chat(stack)
    dispatcher(stack, postgres__statement_timeout="60s").start()
    add_webhook(stack, chat.workspace, receiver.url("/all"))
    changed = add_webhook(stack, chat.workspace, receiver.url("/changed"), event_types=["session.state"])
    wait_events(receiver, chat.publish(chat.message()), "/all")
    blocker = psycopg2.connect(stack.conninfo("postgres"))
    blocker.cursor().execute("LOCK TABLE workspaces IN ACCESS EXCLUSIVE MODE")
    change_webhook(stack, changed, event_types=[])
    wait_for(lambda: stack.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'workspaces'::regclass"),
             "the dispatcher loads the change")
    events = chat.publish(chat.message())
    time.sleep(1)  # long enough for a record to be read
    blocker.close()
    wait_events(receiver, events, "/changed")


def test_requests_in_flight_at_sigterm_end_and_are_not_repeated(make_blazz, receive):
    """Their answers come over several seconds, each followed by a flush: as long as drain.timeout allows."""
    stack = make_blazz(partitions=1)
    chat = Chat(stack)
    delays = (1, 2, 3, 4)

    def answer(delivery):
        def later(connection):
            time.sleep(int(delivery.path.rsplit("/", 1)[1]))
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        return later

    receiver = receive(answer)
    replica = dispatcher(stack, drain__timeout="20s", window__max_age="60s").start()
    endpoints = [add_webhook(stack, chat.workspace, receiver.url(f"/after/{delay}")) for delay in delays]
    events = chat.publish(chat.message())
    wait_for(lambda: len(receiver.deliveries) >= len(delays) * len(events), "all requests are in flight")
    replica.stop()
    assert all(len(attempts(stack, endpoint)) == len(events) for endpoint in endpoints), "every answer was written"


def test_a_deleted_endpoint_gets_no_more_events_and_leaves_no_rows(chat, receive):
    """Whether it was live or disabled, its retries and positions end."""
    receiver = receive(Answer(503))
    live = add_webhook(chat.stack, chat.workspace, receiver.url("/live"), schedule_ms=[1000])
    disabled = add_webhook(chat.stack, chat.workspace, receiver.url("/disabled"), schedule_ms=[1000])
    chat.publish(chat.message(), chat.message())
    for endpoint in (live, disabled):
        wait_for(lambda: len(unfinished(chat, endpoint)) == 2, "both retries are pending")
    change_webhook(chat.stack, disabled, enabled=False)
    wait_for(lambda: len(positions(chat.stack, disabled)) == PARTITIONS, "the endpoint is in catch-up")
    for endpoint in (live, disabled):
        delete_webhook(chat.stack, endpoint)
    for endpoint in (live, disabled):
        wait_done(chat, endpoint)
        assert {(r["status"], r["last_error"]) for r in retries(chat.stack, endpoint)} == {("failed", "the endpoint was deleted")}
        assert dead_letters(chat.stack, endpoint) == []
    before = len(receiver.deliveries)
    chat.publish(chat.message())
    wait_all_dispatched(chat.stack)
    assert len(receiver.deliveries) == before


def test_rows_of_an_endpoint_deleted_while_its_partition_had_no_owner_are_removed_by_the_next_owner(make_blazz, receive):
    stack = make_blazz(partitions=PARTITIONS)
    replica = dispatcher(stack).start()
    chat, receiver = Chat(stack), receive(Answer(503))
    failing, disabled, kept = (add_webhook(stack, chat.workspace, receiver.url(), schedule_ms=[3600000]) for _ in range(3))
    chat.burst(12)
    for endpoint in (failing, disabled, kept):
        wait_for(lambda: len(retries(stack, endpoint, "pending")) == 12, "all retries are pending")
    change_webhook(stack, disabled, enabled=False)
    wait_for(lambda: len(positions(stack, disabled)) == PARTITIONS, "the endpoint is in catch-up")
    stack.ctl("webhook", "replay", disabled, "--since", "1h", "--no-wait")
    wait_for(lambda: len(positions(stack, disabled)) == 2 * PARTITIONS, "its replay has started")
    assert replica.stop() < 15
    for endpoint in (failing, disabled):
        delete_webhook(stack, endpoint)
    replica.start()
    for endpoint in (failing, disabled):
        wait_for(lambda: not positions(stack, endpoint) and not retries(stack, endpoint, "pending", "retrying"),
                 lambda: f"its positions and retries end: {positions(stack, endpoint)} {retries(stack, endpoint)}\n{replica.log_tail()}")
        assert {(r["status"], r["last_error"]) for r in retries(stack, endpoint)} == {("failed", "the endpoint was deleted")}
    assert len(retries(stack, kept, "pending")) == 12


# Catch-up

def test_events_that_a_disabled_endpoint_missed_are_delivered_in_order_when_it_is_enabled(chat, receive):
    receiver = receive()
    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url())
    wait_events(receiver, chat.burst(10))
    change_webhook(chat.stack, endpoint, enabled=False)
    wait_for(lambda: len(positions(chat.stack, endpoint)) == PARTITIONS, "the endpoint is in catch-up")
    missed = chat.burst(200)
    wait_all_dispatched(chat.stack)
    assert len(positions(chat.stack, endpoint)) == PARTITIONS and unfinished(chat, endpoint) == []
    assert len(receiver.deliveries) == 10
    enable_webhook(chat.stack, endpoint)
    wait_events(receiver, missed + chat.burst(20))
    wait_done(chat, endpoint)
    receiver.check_order()
    assert len(receiver.deliveries) == 230, "each event is delivered once"


def test_an_endpoint_that_was_down_costs_few_rows_and_gets_every_event_in_order(chat, receive):
    """Beyond retry.max_rows the endpoint goes to catch-up."""
    answer = Answer(503)
    receiver, healthy = receive(answer), receive()
    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url(), schedule_ms=[500] * 32, ordering="none")
    add_webhook(chat.stack, chat.workspace, healthy.url())
    events = chat.burst(300, conversations=300)
    wait_events(healthy, events)
    wait_all_dispatched(chat.stack)
    assert len(positions(chat.stack, endpoint)) == PARTITIONS, "one position for each partition"
    rows = unfinished(chat, endpoint)
    by_partition = [len([r for r in rows if r["source_partition"] == p]) for p in range(PARTITIONS)]
    assert 0 < len(rows) and max(by_partition) <= 20 + 16, f"{by_partition}: retry.max_rows, and the deliveries in flight"
    answer.status = 200
    wait_events(receiver, events)
    wait_done(chat, endpoint)


def test_an_endpoint_that_fails_for_too_long_is_disabled_and_gets_every_event_when_enabled(chat, receive):
    answer = Answer(503)
    receiver, watcher = receive(answer), receive()
    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url(), schedule_ms=[200] * 32, event_types=["message.created"])
    add_webhook(chat.stack, chat.workspace, watcher.url(), event_types=["endpoint.*"])
    events = chat.burst(20)
    wait_for(lambda: endpoint_row(chat.stack, endpoint)["state"] == "disabled", "the endpoint is disabled")
    assert endpoint_row(chat.stack, endpoint)["disabled_reason"]
    watcher.wait(1)
    assert names(watcher) == ["endpoint.disabled"] and endpoint in str(watcher.deliveries[0].event["data"])
    wait_for(lambda: len(positions(chat.stack, endpoint)) == PARTITIONS, "the endpoint is in catch-up")
    events += chat.burst(50)
    wait_all_dispatched(chat.stack)
    assert dead_letters(chat.stack, endpoint) == [] and not receiver.accepted()
    answer.status = 200
    enable_webhook(chat.stack, endpoint)
    wait_events(receiver, events)
    wait_done(chat, endpoint)
    receiver.check_order()
    watcher.wait(2)
    assert names(watcher) == ["endpoint.disabled", "endpoint.recovered"] and endpoint_row(chat.stack, endpoint)["state"] == "active"


def test_a_hanging_delivery_delays_the_offset_only_briefly(chat, receive):
    """It is spilled to the retry queue with a lease, and is attempted only once."""
    held = threading.Event()
    receiver = receive(lambda d: hold)

    def hold(connection):
        held.wait(10)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url())
    chat.publish(chat.message())
    wait_all_dispatched(chat.stack)
    row, = retries(chat.stack, endpoint)
    assert row["status"] == "retrying" and row["lease_owner"] and attempts(chat.stack, endpoint) == []
    held.set()
    wait_done(chat, endpoint)
    attempt, = attempts(chat.stack, endpoint)
    assert attempt["outcome"] == "success" and attempt["attempt"] == 1 and len(receiver.deliveries) == 1
