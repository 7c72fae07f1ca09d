"""Delivered again: what was asked for and nothing else, in order, beside what happens now, whoever dies meanwhile."""
import os
import pty
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from harness.blazz import Blazz
from harness.hooks import (Chat, add_webhook, attempts, change_webhook, dead_letters, dispatcher, enable_webhook, events_of,
                           positions, retries, wait_events, wait_settled)
from harness.service import BIN
from harness.waiting import wait_for

PARTITIONS = 3
UNWRITTEN = PARTITIONS * (16 + 20)  # max_in_flight, and a tenth of a second at 200 a second
HOUR = 3600


@pytest.fixture(scope="module")
def running(postgres, kafka, tmp_path_factory):
    """One dispatcher for the tests that kill none, which have a workspace each."""
    stack = Blazz(postgres, kafka, tmp_path_factory.mktemp("replays"), partitions=PARTITIONS)
    stack.dispatcher = dispatcher(stack).start()
    yield stack
    wrong = stack.close()
    assert not wrong, wrong


def replay(stack, endpoint, *options):
    """How it ended."""
    return stack.ctl("webhook", "replay", endpoint, *options)[0]


def ids(events):
    return [e.event_id for e in events]


def came(receiver, begin=0):
    """Ids of the events, each time they were accepted, from the delivery with this number on."""
    return [d.event["id"] for d in list(receiver.deliveries)[begin:] if d.status == 200]


def delivered_live(chat, receiver, events):
    """They came, and the dispatcher has noted it. The number of deliveries so far."""
    wait_events(receiver, events)
    wait_settled(chat.stack)
    return len(receiver.deliveries)


def state(stack, started):
    return next(r for r in stack.ctl("webhook", "replays", started["endpoint"]) if r["replay"] == started["replay"])


def wait_completed(stack, started):
    return wait_for(lambda: (r := state(stack, started))["status"] == "completed" and r, lambda: f"{state(stack, started)}\n" + "\n".join(
        s.log_tail(100) for s in stack.services))


def check_order(received, events):
    """Of each conversation the first time of each of these events comes in the order in which they were published."""
    for conversation in {e.conversation_id for e in events}:
        order = [received.index(e.event_id) for e in events if e.conversation_id == conversation]
        assert order == sorted(order)


# What is part of it

def test_events_since_a_time_are_replayed_in_order_beside_live_ones(chat, receive):
    receiver = receive()
    chat.publish(*[chat.message(i % 4) for i in range(10)], ago_s=2 * HOUR)
    missed = chat.publish(*[chat.message(i % 4) for i in range(60)], ago_s=HOUR / 2)
    wait_settled(chat.stack)
    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url())
    started = replay(chat.stack, endpoint, "--since", "1h", "--rate", "15", "--no-wait")
    assert started["status"] == "running"
    wait_for(lambda: receiver.deliveries, "the replay has begun")
    live = chat.burst(8)
    end = wait_completed(chat.stack, started)
    wait_events(receiver, live)
    assert end["events"] == 60 and end["lost"] == 0 and end["passed"] == end["total"] and end["finished_at"]
    received = came(receiver)
    assert sorted(received) == sorted(ids(missed + live)), "once each, and nothing older"
    assert set(ids(live)).isdisjoint(received[-10:]), "what happens now does not wait for a replay"
    check_order(received, missed)
    check_order(received, live)


def test_a_replay_of_a_filter_of_one_event_or_as_a_count_only(chat, receive):
    receiver = receive()
    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url())
    stranger = Chat(chat.stack)
    strange = stranger.publish(stranger.message())
    first, second = chat.message(0), chat.message(0)
    read, other = chat.status(0), chat.message(1)
    everything = chat.publish(first, second, read, other)
    begin = delivered_live(chat, receiver, everything)
    for options, wanted in ((("--since", "1h"), everything), (("--since", "1h", "--types", "message.created"), (first, second, other)),
                            (("--since", "1h", "--types", "session.*,message.status"), (read,)),
                            (("--since", "1h", "--types", "session.*"), ()),
                            (("--since", "1h", "--conversation", other.conversation_id), (other,)),
                            (("--since", "1h", "--conversation", other.conversation_id, "--event", first.event_id), ()),
                            (("--event", second.event_id), (second,)), (("--event", strange[0].event_id), ())):
        dry = replay(chat.stack, endpoint, *options, "--dry-run")
        assert dry["status"] == "completed" and dry["events"] == len(wanted) and len(receiver.deliveries) == begin, options
        assert replay(chat.stack, endpoint, *options)["events"] == len(wanted)
        assert sorted(came(receiver, begin)) == sorted(ids(wanted)), options
        begin = len(receiver.deliveries)
    assert len({d.id for d in receiver.deliveries}) == len(everything), "the same id, however often"


def test_a_replay_of_missing_events_only(chat, receive):
    refused, waiting = set(), set()
    receiver = receive(lambda d: 422 if d.event["id"] in refused else 503 if d.event["id"] in waiting else 200)
    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url(), max_retries=1, schedule_ms=[HOUR * 1000], ordering="none",
                           event_types=["message.*"])
    events = [chat.message(i % 4) for i in range(40)]
    refused |= set(ids(events[::8]))
    chat.publish(*events)
    wait_for(lambda: len(dead_letters(chat.stack, endpoint)) == 5, "the refused ones are dead letters")
    later = chat.message(5)
    waiting.add(later.event_id)
    wait_settled(chat.stack)
    chat.publish(later)
    wait_for(lambda: retries(chat.stack, endpoint, "pending"), "one waits for its retry")
    begin, missing = delivered_live(chat, receiver, [e for e in events if e.event_id not in refused]), sorted(refused)
    refused.clear()
    assert replay(chat.stack, endpoint, "--since", "1h", "--only-missing")["events"] == 5
    assert sorted(came(receiver, begin)) == missing
    assert replay(chat.stack, endpoint, "--since", "1h", "--only-missing")["events"] == 0
    assert len(receiver.deliveries) == begin + 5


def test_a_replay_of_events_that_are_still_to_be_delivered_live_duplicates_none(chat, receive):
    receiver = receive()
    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url())
    begin = delivered_live(chat, receiver, chat.burst(12))
    change_webhook(chat.stack, endpoint, enabled=False)
    wait_for(lambda: len(positions(chat.stack, endpoint)) == PARTITIONS, "it is behind")
    missed = chat.burst(20)
    wait_settled(chat.stack)
    started = replay(chat.stack, endpoint, "--since", "1h", "--only-missing", "--no-wait")
    wait_for(lambda: len(positions(chat.stack, endpoint)) == 2 * PARTITIONS, "the replay has begun")
    enable_webhook(chat.stack, endpoint)
    wait_events(receiver, missed)
    assert wait_completed(chat.stack, started)["events"] == 0
    assert sorted(came(receiver, begin)) == sorted(ids(missed))


# Operators

def test_a_replay_is_cancelled_and_blazzctl_reports_it(chat, receive):
    receiver = receive()
    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url())
    begin = delivered_live(chat, receiver, chat.burst(60))
    with ThreadPoolExecutor() as pool:
        following = pool.submit(chat.stack.ctl_run, "webhook", "replay", endpoint, "--since", "1h", "--rate", "1")
        wait_for(lambda: len(receiver.deliveries) > begin, "it has begun")
        (listed,) = chat.stack.ctl("webhook", "replays", endpoint)
        assert listed["status"] == "running" and listed["events"] < 60
        assert chat.stack.ctl_run("webhook", "replay-cancel", listed["replay"]).returncode == 0
        done = following.result()
    assert done.returncode == 3 and "cancelled" in done.stderr and listed["replay"] in done.stderr
    assert state(chat.stack, listed)["status"] == "cancelled"
    assert chat.stack.ctl_run("webhook", "replay-cancel", listed["replay"]).returncode == 1
    again = replay(chat.stack, endpoint, "--since", "1h")
    assert again["status"] == "completed" and again["events"] == 60
    received = came(receiver, begin)
    assert 60 < len(received) < 120, "what the cancelled one had not begun, it did not deliver"


def test_in_flight_deliveries_outlive_a_cancelled_replay(chat, receive):
    """As a row of the retry queue that is leased to it, because its endpoint was disabled meanwhile."""
    hold, release = set(), threading.Event()

    def refuse(connection):
        release.wait(30)
        connection.sendall(b"HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n")

    receiver = receive(lambda d: refuse if d.event["id"] in hold else 200)
    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url())
    event, = chat.publish(chat.message())
    begin = delivered_live(chat, receiver, [event])
    hold.add(event.event_id)
    started = replay(chat.stack, endpoint, "--event", event.event_id, "--no-wait")
    wait_for(lambda: len(receiver.deliveries) > begin, "it flies")
    change_webhook(chat.stack, endpoint, enabled=False)
    wait_for(lambda: retries(chat.stack, endpoint, "retrying"), "it has a row")
    chat.stack.ctl_run("webhook", "replay-cancel", started["replay"])
    other = add_webhook(chat.stack, chat.workspace, receiver.url())
    assert replay(chat.stack, other, "--since", "1h", "--dry-run")["events"] == 1, "and the dispatcher has heard of it"
    release.set()
    row, = wait_for(lambda: retries(chat.stack, endpoint, "pending"), "it waits for its endpoint")
    assert row["last_error"] == "HTTP 503"
    hold.clear()
    enable_webhook(chat.stack, endpoint)
    wait_for(lambda: retries(chat.stack, endpoint, "success"), "it is delivered")


def test_a_replay_resumes_when_its_endpoint_is_enabled_again(chat, receive):
    """What it had read and not begun is read and counted again; what was under way is not."""
    hold, release = threading.Event(), threading.Event()

    def late(connection):
        release.wait(30)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    receiver = receive(lambda d: late if hold.is_set() and not release.is_set() else 200)
    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url(), max_in_flight=1, ordering="none")
    begin = delivered_live(chat, receiver, chat.burst(60, conversations=20))
    hold.set()
    started = replay(chat.stack, endpoint, "--since", "1h", "--no-wait")
    wait_for(lambda: len(receiver.deliveries) == begin + PARTITIONS, "one flies in each partition")
    change_webhook(chat.stack, endpoint, enabled=False)
    wait_for(lambda: len(retries(chat.stack, endpoint, "retrying")) == PARTITIONS, "they have rows")
    release.set()
    enable_webhook(chat.stack, endpoint)
    assert wait_completed(chat.stack, started)["events"] == 60
    wait_for(lambda: not retries(chat.stack, endpoint, "pending", "retrying"), "all have ended")
    assert len(receiver.deliveries) == begin + 60


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(chat, receive):
    receiver = receive()
    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url())
    delivered_live(chat, receiver, chat.burst(20))
    options = ("webhook", "replay", endpoint, "--since", "1h", "--rate", "5")
    plain = chat.stack.ctl_run(*options)
    assert plain.returncode == 0 and "20 events were delivered" in plain.stdout
    assert "\r" not in plain.stderr and " events\n" in plain.stderr
    ours, theirs = pty.openpty()
    done = subprocess.run([BIN / "blazzctl", "-c", chat.stack.folder / "blazzctl.conf", *options, "--dry-run"], stderr=theirs,
                          stdout=subprocess.PIPE, text=True, timeout=60)
    os.close(theirs)
    shown = os.read(ours, 65536)
    os.close(ours)
    assert done.returncode == 0 and done.stdout == "20 events would be delivered\n" and b"\r\x1b[K" in shown


@pytest.mark.parametrize("arguments, code", (
    (("replay",), 2), (("replay", "x", "--since", "1h"), 2), (("replay", "11111111-2222-4333-8444-555555555555"), 2),
    (("replay", "11111111-2222-4333-8444-555555555555", "--since", "1h"), 1), (("replays", "x"), 2), (("replay-cancel",), 2),
    (("replay-cancel", "11111111-2222-4333-8444-555555555555"), 1),
))
def test_exit_codes(running, arguments, code):
    assert running.ctl_run("webhook", *arguments).returncode == code


# Retention

def test_events_beyond_retention_are_reported(make_blazz, receive):
    """Before the replay began, and while it waited."""
    stack, receiver = make_blazz(partitions=PARTITIONS), receive()
    dispatcher(stack).start()
    chat = Chat(stack)
    endpoint = add_webhook(stack, chat.workspace, receiver.url())
    begin = delivered_live(chat, receiver, chat.burst(90, conversations=30))
    records = stack.read("chat-event")

    def remove_before(offset):
        """In each partition. What is left."""
        stack.kafka.delete_records(stack.topic("chat-event"), dict.fromkeys(range(PARTITIONS), offset))
        return [r for r in records if r.offset >= offset]

    left = remove_before(2)
    end = replay(stack, endpoint, "--since", "1h")
    assert end["lost"] == 2 * PARTITIONS and end["events"] == len(left) == len(receiver.deliveries) - begin
    change_webhook(stack, endpoint, enabled=False)
    wait_for(lambda: len([p for p in positions(stack, endpoint) if p["replay_id"] is None]) == PARTITIONS, "it is behind")
    started = replay(stack, endpoint, "--since", "1h", "--no-wait")
    wait_for(lambda: state(stack, started)["total"] > 0 and len(positions(stack, endpoint)) == 3 * PARTITIONS, "it has begun")
    left = remove_before(5)
    enable_webhook(stack, endpoint)
    end = wait_completed(stack, started)
    assert end["lost"] == 5 * PARTITIONS and end["events"] == len(left)
    said = stack.ctl_run("webhook", "replay", endpoint, "--since", "1h", "--dry-run").stdout
    assert f"Retention had removed {5 * PARTITIONS} records" in said


# Kills

def test_partitions_revoked_while_a_replay_is_prepared_are_replayed_by_their_next_owner(make_blazz, receive):
    """What was delivered already is being read when another replica joins; whoever waits for it survives that."""
    stack, receiver = make_blazz(partitions=PARTITIONS), receive()
    chat, first, second = Chat(stack), *(dispatcher(stack, n, postgres__statement_timeout="60s") for n in ("first", "second"))
    first.start()
    endpoint = add_webhook(stack, chat.workspace, receiver.url())
    delivered_live(chat, receiver, chat.burst(60, conversations=12))
    blocker = psycopg2.connect(stack.conninfo("postgres"))
    blocker.cursor().execute("LOCK TABLE webhook_attempts IN ACCESS EXCLUSIVE MODE")
    started = replay(stack, endpoint, "--since", "1h", "--only-missing", "--no-wait")
    wait_for(lambda: stack.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'webhook_attempts'::regclass"),
             "the first replica waits")
    second.start(wait_ready=False)
    wait_for(lambda: "partitions revoked" in first.log(), lambda: f"a rebalance\n{first.log_tail()}")
    blocker.close()
    for replica in (first, second):
        replica.wait_ready()
    wait_events(receiver, chat.burst(60, conversations=12))
    assert wait_completed(stack, started)["events"] == 0, "nothing was missing"
    assert len(came(receiver)) == 120


def test_a_replay_survives_kill_9(make_blazz, receive):
    """It goes on where it was: nothing is missing, and what comes once more is what was under way."""
    stuck = set()

    def hang(connection):
        connection.recv(1)  # until the other side is gone

    stack, receiver = make_blazz(partitions=PARTITIONS), receive(lambda d: hang if d.event["id"] in stuck else 200)
    chat, replica = Chat(stack), dispatcher(stack).start()
    endpoint = add_webhook(stack, chat.workspace, receiver.url())
    events = chat.burst(300, conversations=12)
    begin = delivered_live(chat, receiver, events)
    stuck |= set(ids(events[24:28]))
    started = replay(stack, endpoint, "--since", "1h", "--rate", "60", "--no-wait")
    received = []
    for part in (100, 200):
        wait_for(lambda: len(receiver.deliveries) > begin + part, "it goes on")
        replica.kill()
        received.append(len(came(receiver, begin)))
        stuck.clear()
        assert state(stack, started)["status"] == "running"
        replica.start()
    assert wait_completed(stack, started)["events"] == 300, "each counted once"
    delivered = came(receiver, begin)
    assert set(delivered) == set(ids(events))
    check_order(delivered, events)
    assert len(delivered) - 300 <= received[0] + UNWRITTEN, "what came after those that were stuck, and what was in flight"


def test_the_catch_up_of_an_endpoint_survives_a_kill_of_each_replica(make_blazz, receive):
    """Catching up, by owners that change: everything, in order, little of it twice."""
    stack, receiver = make_blazz(partitions=PARTITIONS), receive()
    chat = Chat(stack)
    replicas = [dispatcher(stack, f"replica{i}", catch_up__rate=200).start(wait_ready=False) for i in range(3)]
    for replica in replicas:
        replica.wait_ready()
    endpoint = add_webhook(stack, chat.workspace, receiver.url())
    change_webhook(stack, endpoint, enabled=False)
    wait_for(lambda: len(positions(stack, endpoint)) == PARTITIONS, "it is behind")
    events = chat.burst(2000, conversations=40)
    wait_settled(stack)
    enable_webhook(stack, endpoint)
    for i, replica in enumerate(replicas):
        wait_for(lambda: len(receiver.accepted()) > 400 * (i + 1), "it catches up", 60)
        replica.kill()
        replica.start(wait_ready=False)
    wait_events(receiver, events, deadline_s=60, why=lambda: "\n".join(r.log_tail() for r in replicas))
    wait_for(lambda: not positions(stack, endpoint) and not retries(stack, endpoint, "pending", "retrying"), "all is noted")
    receiver.check_order()
    assert events_of(receiver) == {a["event_id"] for a in attempts(stack, endpoint) if a["outcome"] == "success"} == set(ids(events))
    assert len(came(receiver)) - 2000 <= 2 * 3 * UNWRITTEN, "at each kill, and when the replica is back"
    stack.check_invariants()
