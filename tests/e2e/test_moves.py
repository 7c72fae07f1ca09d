"""Another Kafka cluster: the topics are copied, the stored offsets follow, and every event reaches its endpoints, once and in order."""
import json
import signal
import subprocess
import time
import uuid

import pytest
from confluent_kafka import Producer
from blazz.v1 import common_pb2 as common
from harness.events import Source
from harness.hooks import (Chat, add_webhook, change_webhook, dispatcher, enable_webhook, events_of, positions, retries,
                           wait_all_dispatched, wait_events)
from harness.servers import Kafka
from harness.service import config_text
from harness.waiting import wait_for

PARTITIONS = 3


@pytest.fixture(scope="module")
def other_kafka():
    server = Kafka(properties="log.cleaner.enable=false")
    yield server
    server.close()


class Move:
    """One stack, and the cluster to which it moves."""

    def __init__(self, stack, other):
        self.stack, self.other = stack, other
        self.to, self.map = stack.folder / "other.cfg", stack.folder / "map.json"
        self.set_to()
        self.there("topics", "create", "--partitions", PARTITIONS, "--replication", 1)

    def set_to(self, **more):
        self.to.write_text(config_text({"kafka.bootstrap.servers": self.other.address} | {
            k.replace("__", "."): v for k, v in more.items()}))

    def there(self, *arguments):
        """blazzctl with the settings of the other cluster."""
        done = self.stack.ctl_run("--json", *arguments, config=self.stack.ctl_config | {
            "kafka.bootstrap.servers": self.other.address})
        assert done.returncode == 0, done.stderr

    def copy(self):
        return self.stack.ctl("topics", "copy", "--to", self.to, "--map", self.map)["records"]

    def refused(self, *arguments):
        done = self.stack.ctl_run(*arguments)
        assert done.returncode == 1, done
        return done.stderr

    def copy_refused(self):
        return self.refused("topics", "copy", "--to", self.to, "--map", self.map)

    def move_refused(self, *options):
        return self.refused("progress", "move", "--map", self.map, *options)

    def start_copy(self, *options):
        settings = self.stack.folder / "copy.cfg"
        settings.write_text(config_text(self.stack.ctl_config))
        return subprocess.Popen([self.stack.programs / "blazzctl", "-c", settings, "topics", "copy", "--to", self.to, "--map",
                                 self.map, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def use(self):
        """What operators do last: the settings of everything name the other cluster."""
        self.stack.kafka = self.other
        self.stack.ctl_config["kafka.bootstrap.servers"] = self.other.address

    def first(self, topic):
        """{partition: old offset - new offset}"""
        found = next(t for t in json.loads(self.map.read_text())["topics"] if t["topic"] == topic)
        return {p: one["first"] for p, one in enumerate(found["partitions"])}

    def check_same(self, name):
        """The topics of both clusters have the same records, at offsets that differ by what the map says."""
        topic = self.stack.topic(name)
        before, after, first = self.stack.kafka.read(topic), self.other.read(topic), self.first(topic)
        def content(r, shift):
            return r.partition, r.offset - shift, r.key, r.value, r.header_list, r.timestamp_ms

        assert [content(r, first[r.partition]) for r in before] == [content(r, 0) for r in after]
        return len(after)


@pytest.fixture
def moving(make_blazz, other_kafka):
    return Move(make_blazz(partitions=PARTITIONS), other_kafka)


# Absent headers are few, as Debian's client loses a reference to None with each that it reads.
def fill(stack, topic, n, begin=0, partitions=PARTITIONS, keyless=True):
    producer, failures = stack.producer(), []
    for i in range(begin, begin + n):
        producer.produce(topic, b"%d" % i if i % 5 else None, b"k%d" % i if i % 3 or not keyless else None, partition=i % partitions,
                         timestamp=int(time.time() * 1000) - 1000 * (n - i), headers=[("a", b"x%d" % i), ("a", b"")] + [("b", None)] * (i % 100 == 1),
                         on_delivery=lambda e, m: e and failures.append(e))
        producer.poll(0)
    assert producer.flush(30) == 0 and not failures


# Copying

def test_a_copy_has_the_same_records_and_continues(moving):
    stack, topic = moving.stack, moving.stack.topic("chat-event")
    fill(stack, topic, 300)
    stack.kafka.delete_records(topic, {0: 17, 1: 100})  # of partition 1 all
    fill(stack, stack.topic("inbound.chat-sync.dlq"), 30)
    assert moving.copy() == 300 - 117 + 30
    assert moving.first(topic) == {0: 17, 1: 100, 2: 0}
    assert moving.check_same("chat-event") == 183
    assert moving.check_same("inbound.chat-sync.dlq") == 30
    assert moving.copy() == 0
    fill(stack, topic, 50, begin=300)
    assert moving.copy() == 50
    assert moving.check_same("chat-event") == 233
    stack.kafka.delete_records(topic, {0: 110})  # the last one that was copied, too, once 10 more are
    fill(stack, topic, 30, begin=350)
    assert moving.copy() == 30
    assert {p: high - low for p, (low, high) in moving.other.watermarks(topic).items()} == {0: 110, 1: 27, 2: 126}


def test_a_copy_that_follows_copies_new_records(moving):
    stack, topic = moving.stack, moving.stack.topic("outbound")
    fill(stack, topic, 30)
    running = moving.start_copy("--follow")
    try:
        wait_for(lambda: sum(high for _, high in moving.other.watermarks(topic).values()) == 30, "the first records are copied")
        fill(stack, topic, 30, begin=30)
        wait_for(lambda: sum(high for _, high in moving.other.watermarks(topic).values()) == 60, "the later ones, too")
    finally:
        running.terminate()
        running.communicate()
    assert moving.copy() == 0
    moving.check_same("outbound")


def test_a_copy_killed_half_way_has_every_record_once(moving):
    stack, topic = moving.stack, moving.stack.topic("inbound")
    total = 20000
    fill(stack, topic, total)
    moving.set_to(kafka__batch_num_messages=20, kafka__max_in_flight=1)  # slowly
    killed = 0
    for part in (1, 2, 3):
        running = moving.start_copy()
        wait_for(lambda: sum(high for _, high in moving.other.watermarks(topic).values()) > part * total / 5 or running.poll() is not None,
                 "a part is copied", every_s=0.005)
        running.send_signal(signal.SIGKILL)
        killed += running.wait() == -signal.SIGKILL
        running.communicate()
        assert sum(high for _, high in moving.other.watermarks(topic).values()) < total or part > 1
    assert killed >= 2
    moving.set_to()
    moving.copy()
    assert moving.check_same("inbound") == total


def test_a_copy_that_would_not_match_is_refused(moving):
    stack, topic = moving.stack, moving.stack.topic("chat-event")
    same = stack.folder / "same.cfg"
    same.write_text(config_text({"kafka.bootstrap.servers": stack.kafka.address}))
    assert "both settings lead to Kafka cluster" in moving.refused("topics", "copy", "--to", same, "--map", moving.map)
    fill(stack, topic, 30)
    moving.copy()
    # a record that is not of the copy
    foreign = Producer({"bootstrap.servers": moving.other.address})
    foreign.produce(topic, b"foreign", partition=0)
    foreign.flush(10)
    assert "has more records there than here" in moving.copy_refused()
    fill(stack, topic, 6, begin=30)
    assert "the last record there is not the one at offset 10 here" in moving.copy_refused()
    # a map that is lost, or of another copy
    saved = moving.map.read_text()
    moving.map.unlink()
    assert "they are not of this copy" in moving.copy_refused()
    moving.map.write_text(saved.replace('"to":"', '"to":"x'))
    assert "is the map of a copy from" in moving.copy_refused()
    moving.map.write_text(saved[:-20])
    assert "is not a map of topics copy" in moving.copy_refused()


def test_records_removed_before_they_were_copied_are_noticed(moving):
    stack, topic = moving.stack, moving.stack.topic("chat-event")
    fill(stack, topic, 30)
    moving.copy()
    fill(stack, topic, 30, begin=30)
    stack.kafka.delete_records(topic, {1: 15})
    assert "retention removed records here before they were copied" in moving.copy_refused()


def test_offset_gaps_are_refused_except_of_erasures(moving):
    stack = moving.stack
    name = stack.topic("erasure")
    transaction = {"bootstrap.servers": stack.kafka.address, "transactional.id": "t" + uuid.uuid4().hex}

    def commit(topic):  # a transaction's end has an offset and is no record
        producer = Producer(transaction)
        producer.init_transactions()
        producer.begin_transaction()
        producer.produce(topic, b"v", b"k", partition=1)
        producer.commit_transaction()

    commit(name)
    fill(stack, name, 6, keyless=False)  # as a compacted topic requires
    assert moving.copy() == 7
    assert [(r.key, r.value) for r in moving.other.read(name)] == [(r.key, r.value) for r in stack.kafka.read(name)]
    assert moving.copy() == 0
    commit(stack.topic("outbound"))
    assert "partition 1 has no record at offset 1: offsets there would not match" in moving.copy_refused()
    fill(stack, stack.topic("outbound"), PARTITIONS)  # the gap is followed by a record
    assert "partition 1 has no record at offset 1: offsets there would not match" in moving.copy_refused()


# Moving

def test_everything_is_delivered_in_order_after_the_move(moving, receive):
    """Endpoints that are behind, rows that wait, and a replay half done: nothing is lost, and conversations keep their order."""
    stack = moving.stack
    chat = Chat(stack)
    up, down, broken, again = receive(), receive(), receive(lambda d: 503), receive()
    chat.burst(40)
    topic = stack.topic("chat-event")
    stack.kafka.delete_records(topic, {p: high // 3 for p, (_, high) in stack.kafka.watermarks(topic).items() if high >= 3})
    old = {e.event_id for _, e in stack.chat_events()}
    assert 0 < len(old) < 40
    first = dispatcher(stack).start()
    live = add_webhook(stack, chat.workspace, up.url())
    behind = add_webhook(stack, chat.workspace, down.url())
    waiting = add_webhook(stack, chat.workspace, broken.url(), schedule_ms=[1000] * 32)
    replayed = add_webhook(stack, chat.workspace, again.url())
    seen = chat.burst(60)
    for receiver in (up, down, again):
        wait_events(receiver, seen)
    wait_for(lambda: len(retries(stack, waiting, "pending", "retrying")) == 60, "the deliveries to a receiver that fails wait")
    change_webhook(stack, behind, enabled=False)
    missed = chat.burst(60)
    for receiver in (up, again):
        wait_events(receiver, missed)
    wait_for(lambda: positions(stack, behind), "an endpoint is behind")
    replay = stack.ctl("webhook", "replay", replayed, "--since", "1h", "--rate", "5", "--no-wait")[0]["replay"]
    wait_for(lambda: [p for p in positions(stack, replayed) if p["replay_id"] and p["next_offset"] > p["start_offset"]],
             "the replay has begun")
    moving.copy()  # while it runs; the tail follows
    assert "blazz_webhook_dispatcher is connected to the database" in moving.move_refused("--yes")
    first.stop()
    late = chat.burst(20)  # in the old cluster, copied with the tail, and consumed by nobody yet
    assert "run topics copy again" in moving.move_refused("--yes")
    assert moving.copy() >= 20
    before = stack.sql("SELECT * FROM consumer_progress ORDER BY consumer, topic, partition")
    would = stack.ctl("progress", "move", "--map", moving.map)
    assert not would["done"] and would["retries"] >= 120 and would["positions"] >= PARTITIONS
    assert before == stack.sql("SELECT * FROM consumer_progress ORDER BY consumer, topic, partition")
    assert stack.ctl("progress", "move", "--map", moving.map, "--yes")["done"]
    assert "belongs to Kafka cluster" in moving.move_refused("--yes")  # once

    moving.use()
    assert any(moving.first(topic).values())
    chat.producer = stack.producer()
    broken.answer = lambda d: 200
    enable_webhook(stack, behind)
    dispatcher(stack, "moved").start()
    events = seen + missed + late + chat.burst(20)
    for receiver in (up, down, broken, again):
        wait_events(receiver, events, deadline_s=60)
    wait_all_dispatched(stack)
    wait_for(lambda: next(r for r in stack.ctl("webhook", "replays", replayed) if r["replay"] == replay)["status"] == "completed",
             "the replay ends", 60)
    wait_for(lambda: not retries(stack, waiting, "pending", "retrying"), "no delivery waits")
    assert old <= events_of(again)
    for receiver in (up, down, broken):
        for conversation in {e.conversation_id for e in events}:
            ids = [d.event["id"] for d in list(receiver.deliveries) if d.status == 200]
            order = [ids.index(e.event_id) for e in events if e.conversation_id == conversation]
            assert order == sorted(order), "a conversation keeps its order"
    assert len(live) == 36
    stack.check_invariants()


def test_deliveries_whose_record_retention_removed_fail_as_before(moving, receive):
    """Their offsets become negative, which Kafka's clients would take for words: -1 is the end, -2 the beginning."""
    stack, receiver = moving.stack, receive(lambda d: 503)
    chat, topic = Chat(stack), moving.stack.topic("chat-event")
    endpoint = add_webhook(stack, chat.workspace, receiver.url(), schedule_ms=[1000] * 32)
    running = dispatcher(stack).start()
    events = chat.burst(6, conversations=1)
    wait_for(lambda: len(retries(stack, endpoint, "pending", "retrying")) == 6, "the deliveries wait")
    wait_all_dispatched(stack)
    running.stop()
    stack.kafka.delete_records(topic, {p: high for p, (_, high) in stack.kafka.watermarks(topic).items() if high > 0})
    moving.copy()
    stack.ctl("progress", "move", "--map", moving.map, "--yes")
    assert [r["source_offset"] for r in retries(stack, endpoint)] == [-6, -5, -4, -3, -2, -1]
    moving.use()
    chat.producer, receiver.answer = stack.producer(), lambda d: 200
    dispatcher(stack, "moved").start()
    events += chat.burst(2, conversations=1)
    wait_for(lambda: not retries(stack, endpoint, "pending", "retrying"), "no delivery waits")
    wait_events(receiver, [events[0], *events[6:]])  # the first has its event in its row
    lost = {str(r["event_id"]) for r in retries(stack, endpoint, "failed")}
    assert lost and lost == {e.event_id for e in events} - events_of(receiver)
    assert all(r["last_error"] == "retention removed its event" for r in retries(stack, endpoint, "failed"))


def test_a_consumer_is_forgotten_when_it_is_gone(moving, receive):
    stack, receiver = moving.stack, receive()
    chat = Chat(stack)
    add_webhook(stack, chat.workspace, receiver.url())
    running = dispatcher(stack).start()
    wait_events(receiver, chat.burst(10))
    wait_all_dispatched(stack)
    assert "blazz_webhook_dispatcher is connected to the database" in moving.refused("progress", "forget", "webhook-dispatcher", "--yes")
    running.stop()
    assert stack.ctl("progress", "forget", "webhook-dispatcher") == {"partitions": PARTITIONS, "done": False}
    assert stack.ctl("progress", "forget", "webhook-dispatcher", "--yes") == {"partitions": PARTITIONS, "done": True}
    assert "webhook-dispatcher has no such progress" in moving.refused("progress", "forget", "webhook-dispatcher", "--yes")
    moving.use()  # a cluster that has none of the records
    chat.producer = stack.producer()
    dispatcher(stack, "anew").start()
    wait_events(receiver, chat.burst(10))


# Another number of partitions

class Rekey:
    def __init__(self, stack):
        self.stack, self.prefix = stack, stack.prefix + "-5"
        done = stack.ctl_run("topics", "create", "--partitions", 5, "--replication", 1,
                             config=stack.ctl_config | {"topics.prefix": self.prefix})
        assert done.returncode == 0, done.stderr

    def start(self, label):
        self.services = [self.stack.chat_sync(f"{label}-sync").start(), dispatcher(self.stack, f"{label}-hooks").start()]

    def stop(self):
        for service in self.services:
            service.stop()

    def run(self, *options, partitions=5):
        return self.stack.ctl("progress", "rekey", "--partitions", partitions, "--prefix", self.prefix, *options)

    def refused(self, partitions=5):
        done = self.stack.ctl_run("progress", "rekey", "--partitions", partitions, "--prefix", self.prefix, "--yes")
        assert done.returncode == 1, done
        return done.stderr

    def use(self):
        self.stack.prefix = self.stack.ctl_config["topics.prefix"] = self.prefix


def test_another_number_of_partitions_once_everything_is_drained(make_blazz, receive):
    stack = make_blazz(partitions=PARTITIONS).seed(("bridge",))
    source, rekey = Source(stack.workspace, stack.accounts["bridge"]), Rekey(stack)
    up, broken = receive(), receive(lambda d: 503)
    add_webhook(stack, stack.workspace, up.url(), event_types=["message.created"])
    behind = add_webhook(stack, stack.workspace, up.url("/behind"), event_types=["message.created"])
    waiting = add_webhook(stack, stack.workspace, broken.url(), event_types=["message.created"], schedule_ms=[2000] * 32)
    count = [0]

    def publish(n):
        count[0] += n
        stack.publish([source.message(f"m{i}", phone=f"1650555{1000 + i % 4}") for i in range(count[0] - n, count[0])])

    def delivered(receiver, path=None):
        return wait_for(lambda: len(events_of(receiver, path)) == count[0], lambda: f"{len(events_of(receiver, path))} of {count[0]} "
                        "events are delivered\n" + "\n".join(s.log_tail() for s in stack.services), 60)

    rekey.start("old")
    publish(40)
    stack.publish([source.status("later", common.MESSAGE_STATUS_DELIVERED, phone="16505551000")])
    delivered(up)
    wait_for(lambda: len(retries(stack, waiting, "pending", "retrying")) == 40, "the deliveries to a receiver that fails wait")
    wait_for(lambda: stack.counts()["parked"] == 1, "a status waits for its message")
    assert "is connected to the database" in rekey.refused()
    change_webhook(stack, behind, enabled=False)
    publish(8)
    delivered(up)
    wait_for(lambda: positions(stack, behind), "an endpoint is behind")
    rekey.stop()
    assert f"endpoint {behind} is behind" in rekey.refused()
    enable_webhook(stack, behind)
    rekey.start("drained")
    delivered(up, "/behind")
    wait_for(lambda: not positions(stack, behind), "the endpoint has caught up")
    rekey.stop()
    publish(4)  # a producer was not stopped
    assert "records of partition" in rekey.refused()
    rekey.start("again")
    delivered(up)
    stack.wait_processed()
    wait_all_dispatched(stack)
    wait_for(lambda: len(retries(stack, waiting, "pending", "retrying")) == 52, "the deliveries wait")
    rekey.stop()
    assert f"{rekey.prefix}.inbound.v1 has 5 partitions" in rekey.refused(partitions=4)
    without = stack.value("SELECT count(*) FROM webhook_retry_queue WHERE payload IS NULL AND status = 'pending'")
    assert without > 0
    stack.sql("""INSERT INTO send_lanes (workspace_id, account_id, partition) SELECT workspace_id, id, 2 FROM whatsapp_accounts
        WHERE uuid = %s""", source.account)
    would = rekey.run()
    assert not would["done"] and would["loaded"] == without and would["retries"] == 52 and would["parked"] == 1
    assert stack.value("SELECT count(*) FROM webhook_retry_queue WHERE source_offset < 0 OR payload IS NULL") == without
    assert rekey.run("--yes") == would | {"done": True}
    before = [e for _, e in stack.chat_events() if e.HasField("message_created")]
    assigned = {r["ordering_key"]: r["source_partition"] for r in stack.sql("SELECT * FROM webhook_retry_queue")}
    lane, parked = stack.value("SELECT partition FROM send_lanes"), stack.value("SELECT partition FROM parked_updates")

    rekey.use()
    broken.answer = lambda d: 200
    rekey.start("new")
    publish(20)
    stack.publish([source.message("later", phone="16505551000", out=True)])
    count[0] += 1
    for receiver, path in ((up, "/hook"), (up, "/behind"), (broken, None)):
        delivered(receiver, path)
    wait_for(lambda: not retries(stack, waiting, "pending", "retrying"), "no delivery waits")
    assert stack.counts()["parked"] == 0
    assert next(m for m in stack.messages() if m["message_key"] == "true:later")["message_status"] == "delivered"
    after = [e for _, e in stack.chat_events() if e.HasField("message_created")]
    assert {r.partition for r, _ in stack.inbound()} == {lane} == {parked}, "an account's rows are where its records are"
    assert {e.conversation_id: r.partition for r, e in stack.chat_events() if e.conversation_id in assigned} == assigned
    assert len(before) == 52 and len(after) == 21
    received = [d.event["id"] for d in list(broken.deliveries) if d.status == 200]
    for conversation in {e.conversation_id for e in before}:
        order = [received.index(e.event_id) for e in before + after if e.conversation_id == conversation]
        assert order == sorted(order), "a conversation keeps its order"
    stack.check_invariants()
    assert "has records already" in rekey_again(stack, rekey)


def rekey_again(stack, rekey):
    rekey.stop()
    stack.ctl_config["topics.prefix"] = stack.prefix.removesuffix("-5")
    return rekey.refused()
