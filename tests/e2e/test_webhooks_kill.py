"""Replicas of the dispatcher are killed: every event is acknowledged at least once, under one id, in order, with few duplicates."""
import random
import threading

from harness.hooks import (Chat, add_webhook, attempts, change_webhook, dispatcher, enable_webhook, positions, retries,
                           wait_all_dispatched, wait_events)
from harness.receiver import Receiver
from harness.waiting import wait_for

FAILPOINTS = ("delivery_begin", "delivery_done", "flush_begin", "flush_locked", "flush_commit", "batch_committed",
              "batch_published", "flush_committed")
WINDOW = 10


def test_deliveries_in_flight_when_their_endpoint_enters_catch_up_survive_a_kill(make_blazz):
    """The position of the endpoint is already past the delivery. Its window has it, but an endpoint in catch-up gets no events from there."""
    stack = make_blazz(partitions=1)
    chat, release = Chat(stack), threading.Event()
    events = [chat.message(0), chat.message(1)]

    def hang(connection):
        release.wait(60)

    receiver = Receiver(lambda d: hang if d.event["id"] == events[0].event_id and not release.is_set() else 200)
    replica = dispatcher(stack, window__max_age="60s").start()
    endpoint = add_webhook(stack, chat.workspace, receiver.url())
    chat.publish(*events)
    wait_events(receiver, events[1:])
    wait_for(lambda: attempts(stack, endpoint), "the second delivery is recorded")
    change_webhook(stack, endpoint, enabled=False)
    wait_for(lambda: positions(stack, endpoint), "the endpoint is in catch-up")
    replica.kill()
    release.set()
    replica.start()
    enable_webhook(stack, endpoint)
    wait_events(receiver, events, why=replica.log_tail)
    receiver.close()


def kill_each(replicas, failpoints, load):
    """Under load(), replicas are killed at these failpoints, each when it passes there for the nth time, and start again with the next one."""
    rng, points, ended = random.Random(3), list(failpoints), []

    def restart(replica):
        if replica.process is not None:
            assert replica.process.returncode == -9, replica.log_tail()
            ended.append(replica.failpoint)
        replica.failpoint = points.pop() if points else None
        if replica.failpoint:
            replica.failpoint += f":kill@{rng.randint(5, 15)}"
        replica.start(wait_ready=False)

    def all_have_killed():
        load()
        for replica in replicas:
            if not replica.running():
                restart(replica)
        return len(ended) == len(failpoints)

    wait_for(all_have_killed, lambda: f"a kill at each failpoint; so far {ended}", 120)


def test_kill_9_at_each_point_under_load_with_three_replicas(make_blazz):
    stack, rng = make_blazz(partitions=3), random.Random(9)
    chat, well = Chat(stack), set()

    def answer(delivery):
        if delivery.path == "/well":
            well.add(delivery.id)
            return 200
        return 503 if rng.random() < 0.2 else 200

    def load():
        if len(chat.published) - len(well) < 100:
            chat.burst(12, conversations=12)

    receiver = Receiver(answer)
    options = {"schedule_ms": [50] * 32, "event_types": ["message.*"]}
    endpoints = {path: add_webhook(stack, chat.workspace, receiver.url(path), **options, **more) for path, more in
                 {"/well": {}, "/flaky": {}, "/flaky-unordered": {"ordering": "none"}}.items()}
    replicas = [dispatcher(stack, f"replica{i}", window__max_events=WINDOW) for i in range(3)]

    kill_each(replicas, FAILPOINTS, load)

    for path, endpoint in endpoints.items():
        wait_events(receiver, chat.published, path, 60, lambda: "\n".join(r.log_tail() for r in replicas))
        wait_for(lambda: not retries(stack, endpoint, "pending", "retrying"), "no retry is pending any more")
    wait_all_dispatched(stack)
    receiver.check_order("/well")
    receiver.check_order("/flaky")
    for path, endpoint in endpoints.items():
        check_repeats(stack, receiver.accepted(path), endpoint, len(chat.published))
    assert stack.read("chat-event.webhook-dispatcher.dlq") == []
    stack.check_invariants()
    receiver.close()


def check_repeats(stack, accepted, endpoint, events):
    """Each event has one id and one recorded success, and at each kill no more than the windows' events are repeated."""
    ids = {(times[0].event["id"], webhook_id) for webhook_id, times in accepted.items()}
    assert len(ids) == len({event for event, _ in ids}) == events
    assert len({a["event_id"] for a in attempts(stack, endpoint) if a["outcome"] == "success"}) == events
    repeats = sum(len(times) - 1 for times in accepted.values())
    assert repeats <= len(FAILPOINTS) * 3 * WINDOW < events


def test_order_is_kept_while_replicas_join_and_leave(make_blazz):
    """Rolling restarts, each of which moves partitions twice."""
    stack, rng, accepted = make_blazz(partitions=3), random.Random(11), set()
    chat = Chat(stack)

    def answer(delivery):
        if rng.random() < 0.1:
            return 503
        accepted.add(delivery.id)
        return 200

    def keep_busy():
        if len(chat.published) - len(accepted) < 100:
            chat.burst(12, conversations=12)

    receiver = Receiver(answer)
    endpoint = add_webhook(stack, chat.workspace, receiver.url(), schedule_ms=[50] * 32, event_types=["message.*"])
    replicas = [dispatcher(stack, f"replica{i}", window__max_events=WINDOW).start(wait_ready=False) for i in range(2)]
    for replica in replicas:
        before = len(accepted)
        wait_for(lambda: keep_busy() or len(accepted) >= before + 50, "further events are delivered")
        replica.stop()
        replica.start(wait_ready=False)
    wait_events(receiver, chat.published, deadline_s=60)
    wait_for(lambda: not retries(stack, endpoint, "pending", "retrying"), "no retry is pending any more")
    receiver.check_order()
    receiver.close()
