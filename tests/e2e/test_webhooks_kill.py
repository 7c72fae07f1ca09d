"""Replicas of the dispatcher that are killed: every event once accepted at least, under one id, in order, and little of it twice."""
import random
import threading

import pytest
from harness.hooks import (Chat, add_webhook, attempts, change_webhook, dispatcher, enable_webhook, positions, retries,
                           wait_events, wait_settled)
from harness.receiver import Receiver
from harness.waiting import wait_for


def test_what_flies_when_its_endpoint_falls_behind_survives_a_kill(make_blazz):
    """The endpoint's position is past it already; the window still holds it, but nobody reads that for an endpoint that is behind."""
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
    wait_for(lambda: attempts(stack, endpoint), "the second one is noted")
    change_webhook(stack, endpoint, enabled=False)
    wait_for(lambda: positions(stack, endpoint), "it is behind")
    replica.kill()
    release.set()
    replica.start()
    enable_webhook(stack, endpoint)
    wait_events(receiver, events, why=replica.log_tail)
    receiver.close()
