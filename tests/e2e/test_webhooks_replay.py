"""Replays deliver the selected events and no others, in order, beside live events, also when replicas are killed."""
import os
import pty
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from harness.blazz import Blazz
from harness.hooks import (Chat, add_webhook, attempts, change_webhook, dead_letters, dispatcher, enable_webhook, events_of,
                           positions, retries, wait_all_dispatched, wait_events)
from harness.service import BIN
from harness.waiting import wait_for

PARTITIONS = 3
UNRECORDED = PARTITIONS * (16 + 20)  # max_in_flight, and the deliveries of a tenth of a second at 200 a second
HOUR = 3600


@pytest.fixture(scope="module")
def running(postgres, kafka, tmp_path_factory):
    """One dispatcher for the tests that kill no replica; each test has a workspace of its own."""
    stack = Blazz(postgres, kafka, tmp_path_factory.mktemp("replays"), partitions=PARTITIONS)
    stack.dispatcher = dispatcher(stack).start()
    yield stack
    wrong = stack.close()
    assert not wrong, wrong


def replay(stack, endpoint, *options):
    """Runs a replay. Returns its final state."""
    return stack.ctl("webhook", "replay", endpoint, *options)[0]


def ids(events):
    return [e.event_id for e in events]


def accepted_ids(receiver, begin=0):
    """The event ids of accepted deliveries, repeats included, from the delivery with this number on."""
    return [d.event["id"] for d in list(receiver.deliveries)[begin:] if d.status == 200]


def delivered_live(chat, receiver, events):
    """Until these events are delivered and the dispatcher has recorded it. Returns the number of deliveries so far."""
    wait_events(receiver, events)
    wait_all_dispatched(chat.stack)
    return len(receiver.deliveries)


def state(stack, started):
    return next(r for r in stack.ctl("webhook", "replays", started["endpoint"]) if r["replay"] == started["replay"])


def wait_completed(stack, started):
    return wait_for(lambda: (r := state(stack, started))["status"] == "completed" and r, lambda: f"{state(stack, started)}\n" + "\n".join(
        s.log_tail(100) for s in stack.services))


def check_order(received, events):
    """Within each conversation, first deliveries come in the order in which the events were published."""
    for conversation in {e.conversation_id for e in events}:
        order = [received.index(e.event_id) for e in events if e.conversation_id == conversation]
        assert order == sorted(order)


# Which events are replayed

def test_events_since_a_time_are_replayed_in_order_beside_live_ones(chat, receive):
    receiver = receive()
    chat.publish(*[chat.message(i % 4) for i in range(10)], ago_s=2 * HOUR)
    missed = chat.publish(*[chat.message(i % 4) for i in range(60)], ago_s=HOUR / 2)
    wait_all_dispatched(chat.stack)
    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url())
    started = replay(chat.stack, endpoint, "--since", "1h", "--rate", "15", "--no-wait")
    assert started["status"] == "running"
    wait_for(lambda: receiver.deliveries, "the replay has started")
    live = chat.burst(8)
    end = wait_completed(chat.stack, started)
    wait_events(receiver, live)
    assert end["events"] == 60 and end["lost"] == 0 and end["passed"] == end["total"] and end["finished_at"]
    received = accepted_ids(receiver)
    assert sorted(received) == sorted(ids(missed + live)), "each is delivered once, and no older event"
    assert set(ids(live)).isdisjoint(received[-10:]), "live events do not wait for a replay"
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
        assert sorted(accepted_ids(receiver, begin)) == sorted(ids(wanted)), options
        begin = len(receiver.deliveries)
    assert len({d.id for d in receiver.deliveries}) == len(everything), "every delivery of an event has the same id"


def test_a_replay_of_missing_events_only(chat, receive):
    rejected, delayed = set(), set()
    receiver = receive(lambda d: 422 if d.event["id"] in rejected else 503 if d.event["id"] in delayed else 200)
    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url(), max_retries=1, schedule_ms=[HOUR * 1000], ordering="none",
                           event_types=["message.*"])
    events = [chat.message(i % 4) for i in range(40)]
    rejected |= set(ids(events[::8]))
    chat.publish(*events)
    wait_for(lambda: len(dead_letters(chat.stack, endpoint)) == 5, "the rejected events are dead letters")
    later = chat.message(5)
    delayed.add(later.event_id)
    wait_all_dispatched(chat.stack)
    chat.publish(later)
    wait_for(lambda: retries(chat.stack, endpoint, "pending"), "a retry is pending")
    begin, missing = delivered_live(chat, receiver, [e for e in events if e.event_id not in rejected]), sorted(rejected)
    rejected.clear()
    assert replay(chat.stack, endpoint, "--since", "1h", "--only-missing")["events"] == 5
    assert sorted(accepted_ids(receiver, begin)) == missing
    assert replay(chat.stack, endpoint, "--since", "1h", "--only-missing")["events"] == 0
    assert len(receiver.deliveries) == begin + 5


def test_a_replay_of_events_that_are_still_to_be_delivered_live_duplicates_none(chat, receive):
    receiver = receive()
    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url())
    begin = delivered_live(chat, receiver, chat.burst(12))
    change_webhook(chat.stack, endpoint, enabled=False)
    wait_for(lambda: len(positions(chat.stack, endpoint)) == PARTITIONS, "the endpoint is in catch-up")
    missed = chat.burst(20)
    wait_all_dispatched(chat.stack)
    started = replay(chat.stack, endpoint, "--since", "1h", "--only-missing", "--no-wait")
    wait_for(lambda: len(positions(chat.stack, endpoint)) == 2 * PARTITIONS, "the replay has started")
    enable_webhook(chat.stack, endpoint)
    wait_events(receiver, missed)
    assert wait_completed(chat.stack, started)["events"] == 0
    assert sorted(accepted_ids(receiver, begin)) == sorted(ids(missed))


# Control by operators

def test_a_replay_is_cancelled_and_blazzctl_reports_it(chat, receive):
    receiver = receive()
    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url())
    begin = delivered_live(chat, receiver, chat.burst(60))
    with ThreadPoolExecutor() as pool:
        following = pool.submit(chat.stack.ctl_run, "webhook", "replay", endpoint, "--since", "1h", "--rate", "1")
        wait_for(lambda: len(receiver.deliveries) > begin, "the replay has started")
        (listed,) = chat.stack.ctl("webhook", "replays", endpoint)
        assert listed["status"] == "running" and listed["events"] < 60
        assert chat.stack.ctl_run("webhook", "replay-cancel", listed["replay"]).returncode == 0
        done = following.result()
    assert done.returncode == 3 and "cancelled" in done.stderr and listed["replay"] in done.stderr
    assert state(chat.stack, listed)["status"] == "cancelled"
    assert chat.stack.ctl_run("webhook", "replay-cancel", listed["replay"]).returncode == 1
    again = replay(chat.stack, endpoint, "--since", "1h")
    assert again["status"] == "completed" and again["events"] == 60
    received = accepted_ids(receiver, begin)
    assert 60 < len(received) < 120, "the cancelled replay started no further delivery"


def test_in_flight_deliveries_outlive_a_cancelled_replay(chat, receive):
    """The delivery is spilled to the retry queue, because its endpoint was disabled meanwhile."""
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
    wait_for(lambda: len(receiver.deliveries) > begin, "the delivery is in flight")
    change_webhook(chat.stack, endpoint, enabled=False)
    wait_for(lambda: retries(chat.stack, endpoint, "retrying"), "the delivery is spilled")
    chat.stack.ctl_run("webhook", "replay-cancel", started["replay"])
    other = add_webhook(chat.stack, chat.workspace, receiver.url())
    assert replay(chat.stack, other, "--since", "1h", "--dry-run")["events"] == 1, "the dispatcher has loaded the cancellation"
    release.set()
    row, = wait_for(lambda: retries(chat.stack, endpoint, "pending"), "a retry is pending")
    assert row["last_error"] == "HTTP 503"
    hold.clear()
    enable_webhook(chat.stack, endpoint)
    wait_for(lambda: retries(chat.stack, endpoint, "success"), "the retry is delivered")


def test_a_replay_resumes_when_its_endpoint_is_enabled_again(chat, receive):
    """Events that it had read but not started are read and counted again; deliveries in flight are not."""
    hold, release = threading.Event(), threading.Event()

    def late(connection):
        release.wait(30)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    receiver = receive(lambda d: late if hold.is_set() and not release.is_set() else 200)
    endpoint = add_webhook(chat.stack, chat.workspace, receiver.url(), max_in_flight=1, ordering="none")
    begin = delivered_live(chat, receiver, chat.burst(60, conversations=20))
    hold.set()
    started = replay(chat.stack, endpoint, "--since", "1h", "--no-wait")
    wait_for(lambda: len(receiver.deliveries) == begin + PARTITIONS, "a delivery is in flight in each partition")
    change_webhook(chat.stack, endpoint, enabled=False)
    wait_for(lambda: len(retries(chat.stack, endpoint, "retrying")) == PARTITIONS, "the deliveries are spilled")
    release.set()
    enable_webhook(chat.stack, endpoint)
    assert wait_completed(chat.stack, started)["events"] == 60
    wait_for(lambda: not retries(chat.stack, endpoint, "pending", "retrying"), "no retry is pending any more")
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
    """They are removed before a replay starts, or while it waits for its endpoint."""
    stack, receiver = make_blazz(partitions=PARTITIONS), receive()
    dispatcher(stack).start()
    chat = Chat(stack)
    endpoint = add_webhook(stack, chat.workspace, receiver.url())
    begin = delivered_live(chat, receiver, chat.burst(90, conversations=30))
    records = stack.read("chat-event")

    def remove_before(offset):
        """In each partition. Returns the records that remain."""
        stack.kafka.delete_records(stack.topic("chat-event"), dict.fromkeys(range(PARTITIONS), offset))
        return [r for r in records if r.offset >= offset]

    kept = remove_before(2)
    end = replay(stack, endpoint, "--since", "1h")
    assert end["lost"] == 2 * PARTITIONS and end["events"] == len(kept) == len(receiver.deliveries) - begin
    change_webhook(stack, endpoint, enabled=False)
    wait_for(lambda: len([p for p in positions(stack, endpoint) if p["replay_id"] is None]) == PARTITIONS, "the endpoint is in catch-up")
    started = replay(stack, endpoint, "--since", "1h", "--no-wait")
    wait_for(lambda: state(stack, started)["total"] > 0 and len(positions(stack, endpoint)) == 3 * PARTITIONS, "the replay has started")
    kept = remove_before(5)
    enable_webhook(stack, endpoint)
    end = wait_completed(stack, started)
    assert end["lost"] == 5 * PARTITIONS and end["events"] == len(kept)
    output = stack.ctl_run("webhook", "replay", endpoint, "--since", "1h", "--dry-run").stdout
    assert f"Retention had removed {5 * PARTITIONS} records" in output


# Kills

def test_partitions_revoked_while_a_replay_is_prepared_are_replayed_by_their_next_owner(make_blazz, receive):
    """A replica reads which events were delivered already when another one joins; the replay survives that."""
    stack, receiver = make_blazz(partitions=PARTITIONS), receive()
    chat, first, second = Chat(stack), *(dispatcher(stack, n, postgres__statement_timeout="60s") for n in ("first", "second"))
    first.start()
    endpoint = add_webhook(stack, chat.workspace, receiver.url())
    delivered_live(chat, receiver, chat.burst(60, conversations=12))
    blocker = psycopg2.connect(stack.conninfo("postgres"))
    blocker.cursor().execute("LOCK TABLE webhook_attempts IN ACCESS EXCLUSIVE MODE")
    started = replay(stack, endpoint, "--since", "1h", "--only-missing", "--no-wait")
    wait_for(lambda: stack.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'webhook_attempts'::regclass"),
             "the first replica waits for the lock")
    second.start(wait_ready=False)
    wait_for(lambda: "partitions revoked" in first.log(), lambda: f"a rebalance\n{first.log_tail()}")
    blocker.close()
    for replica in (first, second):
        replica.wait_ready()
    wait_events(receiver, chat.burst(60, conversations=12))
    assert wait_completed(stack, started)["events"] == 0, "no event was missing"
    assert len(accepted_ids(receiver)) == 120


def test_a_replay_survives_kill_9(make_blazz, receive):
    """It resumes at its position: no event is missing, and only deliveries that were not recorded are repeated."""
    stuck = set()

    def hang(connection):
        connection.recv(1)  # until the replica disconnects

    stack, receiver = make_blazz(partitions=PARTITIONS), receive(lambda d: hang if d.event["id"] in stuck else 200)
    chat, replica = Chat(stack), dispatcher(stack).start()
    endpoint = add_webhook(stack, chat.workspace, receiver.url())
    events = chat.burst(300, conversations=12)
    begin = delivered_live(chat, receiver, events)
    stuck |= set(ids(events[24:28]))
    started = replay(stack, endpoint, "--since", "1h", "--rate", "60", "--no-wait")
    received = []
    for part in (100, 200):
        wait_for(lambda: len(receiver.deliveries) > begin + part, "further events are delivered")
        replica.kill()
        received.append(len(accepted_ids(receiver, begin)))
        stuck.clear()
        assert state(stack, started)["status"] == "running"
        replica.start()
    assert wait_completed(stack, started)["events"] == 300, "each event is counted once"
    delivered = accepted_ids(receiver, begin)
    assert set(delivered) == set(ids(events))
    check_order(delivered, events)
    assert len(delivered) - 300 <= received[0] + UNRECORDED, "only deliveries after the stuck ones, and those in flight, are repeated"


def test_the_catch_up_of_an_endpoint_survives_a_kill_of_each_replica(make_blazz, receive):
    """While it catches up its partitions change owners: every event arrives, in order, with few duplicates."""
    stack, receiver = make_blazz(partitions=PARTITIONS), receive()
    chat = Chat(stack)
    replicas = [dispatcher(stack, f"replica{i}", catch_up__rate=200).start(wait_ready=False) for i in range(3)]
    for replica in replicas:
        replica.wait_ready()
    endpoint = add_webhook(stack, chat.workspace, receiver.url())
    change_webhook(stack, endpoint, enabled=False)
    wait_for(lambda: len(positions(stack, endpoint)) == PARTITIONS, "the endpoint is in catch-up")
    events = chat.burst(2000, conversations=40)
    wait_all_dispatched(stack)
    enable_webhook(stack, endpoint)
    for i, replica in enumerate(replicas):
        wait_for(lambda: len(receiver.accepted()) > 400 * (i + 1), "the endpoint catches up", 60)
        replica.kill()
        replica.start(wait_ready=False)
    wait_events(receiver, events, deadline_s=60, why=lambda: "\n".join(r.log_tail() for r in replicas))
    wait_for(lambda: not positions(stack, endpoint) and not retries(stack, endpoint, "pending", "retrying"), "all deliveries are recorded")
    receiver.check_order()
    assert events_of(receiver) == {a["event_id"] for a in attempts(stack, endpoint) if a["outcome"] == "success"} == set(ids(events))
    assert len(accepted_ids(receiver)) - 2000 <= 2 * 3 * UNRECORDED, "two rebalances for each of three kills"
    stack.check_invariants()
