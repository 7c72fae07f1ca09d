"""Services, PostgreSQL and Kafka are stopped, paused or killed: rows exist exactly once; events are published at least once, in order, with
stable ids."""
import random
import threading
import time

import psycopg2
import pytest
from blazz.v1 import common_pb2 as common
from blazz.v1 import inbound_pb2
from confluent_kafka import Consumer, TopicPartition
from harness.events import T0, Source
from harness.waiting import wait_for

# Of a replica that is killed and started again alone: Kafka gives its successor the partitions after a second instead of two.
ALONE = {"kafka__session__timeout__ms": 1000, "kafka__heartbeat__interval__ms": 250}

FAILPOINTS = ("batch_begin", "batch_locked", "batch_applied", "batch_commit", "batch_committed", "batch_published")


@pytest.fixture
def stack(make_blazz):
    """Four accounts of one workspace, without running services."""
    stack = make_blazz(partitions=4)
    stack.workspace = stack.add_workspace()
    stack.sources = [Source(stack.workspace, stack.add_account(stack.workspace, "secret", session=f"s{i}", provider="webjs",
                                                               bridge="blazz")) for i in range(4)]
    return stack


def traffic(sources, n, first=0):
    """n messages for each account, in several conversations, with edits, statuses and reactions between them."""
    events = []
    for i in range(first, first + n):
        for s in sources:
            phone = f"1650555{i % 7:04}"
            out = i % 5 == 4
            events.append(s.message(f"3EB0F{i:04}", phone, body=f"m{i}", at=T0 + i, out=out))
            if out:
                events.append(s.status(f"3EB0F{i:04}", common.MESSAGE_STATUS_DELIVERED, T0 + i + 1, phone))
            elif i % 3 == 0:
                events.append(s.edit(f"3EB0F{i:04}", f"m{i} edited", T0 + i + 1, phone))
                events.append(s.reaction(f"3EB0F{i:04}", "👍", T0 + i + 2, phone))
    return events


def check_end(stack, n, accounts):
    """Every message is stored once, with its updates; every effect is published, in order."""
    rows = stack.messages()
    assert len(rows) == n * accounts
    assert len({(m["account"], m["message_key"]) for m in rows}) == n * accounts
    for m in rows:
        i = int(m["message_key"][-4:])
        if i % 5 == 4:
            assert m["message_status"] == "delivered", m["message_key"]
        elif i % 3 == 0:
            assert m["metadata"]["body"] == f"m{i} edited"
    stack.check_invariants()
    events = stack.check_chat_events()
    created = [e.message_created.message.id for e in events if e.WhichOneof("event") == "message_created"]
    assert sorted(created) == sorted(m["id"] for m in rows), "one message.created for each row"
    assert stack.dead_letters() == []


@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_kill_9_inside_a_batch_loses_and_duplicates_nothing(stack, failpoint):
    """Killed when it passes the failpoint for the second, third and fourth time: each start gets further, but not to the end."""
    n = 40
    stack.publish(traffic(stack.sources, n))
    sync = stack.chat_sync(batch__max_events=25, **ALONE)
    for nth in (2, 3, 4):
        sync.start(wait_ready=False, failpoint=f"{failpoint}:kill@{nth}")
        assert sync.wait_end(60) == -9, sync.log_tail()
        stack.check_invariants()
    sync.start()
    stack.wait_processed()
    check_end(stack, n, len(stack.sources))


def test_kill_9_at_any_time_loses_and_duplicates_nothing(stack):
    n, rng = 150, random.Random(7)
    events = traffic(stack.sources, n)
    sync = stack.chat_sync(batch__max_events=20, **ALONE).start()
    publisher = threading.Thread(target=stack.publish, args=(events,))
    publisher.start()
    for _ in range(4):
        before = stack.value("SELECT count(*) FROM chats")
        wait_for(lambda: stack.value("SELECT count(*) FROM chats") > before or stack.all_consumed(), "some messages are stored")
        time.sleep(rng.random() * 0.2)  # a random place in a batch, not a wait for a condition
        sync.kill()
        sync.start()
    publisher.join()
    stack.wait_processed()
    check_end(stack, n, len(stack.sources))


def test_a_record_that_postgresql_rejects_does_not_affect_others(stack):
    """Only a constraint of the table rejects it: the batch is applied again in parts, each of which creates its contacts anew."""
    stack.sql("ALTER TABLE chats ADD CHECK (metadata ->> 'body' <> 'poison')")
    events = [s.message(f"3EB0D{i:04}", f"1650555{i:04}", body="poison" if i == 4 else f"m{i}", at=T0 + i, name=f"Person {i}")
              for i in range(9) for s in stack.sources]
    stack.publish(events)
    stack.chat_sync().start()
    stack.wait_processed()
    assert len(stack.messages()) == 8 * len(stack.sources)
    dead_letters = stack.dead_letters()
    assert [(r.headers["x-dlq-reason"], r.headers["x-dlq-code"]) for r in dead_letters] == [("data_error", "23514")] * len(stack.sources)
    assert sum(e.WhichOneof("event") == "message_created" for e in stack.check_chat_events()) == 8 * len(stack.sources)
    stack.check_invariants()


def test_postgresql_down_pauses_and_resumes(stack, postgres):
    n = 30
    sync = stack.chat_sync().start()
    stack.publish(traffic(stack.sources, n))
    stack.wait_processed()
    postgres.stop()
    try:
        stack.publish(traffic(stack.sources, n, first=n))
        sync.wait_unready()
        began = time.monotonic()
        assert sync.get("/livez")[0] == 200 and sync.get("/metrics")[0] == 200
        assert time.monotonic() - began < 1, "the admin port answers while PostgreSQL is down"
    finally:
        postgres.start()
    sync.wait_ready()
    stack.wait_processed()
    check_end(stack, 2 * n, len(stack.sources))


def test_sigterm_is_answered_while_postgresql_is_down(stack, postgres):
    sync = stack.chat_sync().start()
    postgres.stop()
    try:
        stack.publish(traffic(stack.sources, 3))
        sync.wait_unready()
        assert sync.stop() < 5
    finally:
        postgres.start()


def test_a_hanging_statement_does_not_block_the_service(stack):
    """The statement waits for another session's lock; the admin port and SIGTERM do not."""
    sync = stack.chat_sync().start()
    blocker = psycopg2.connect(stack.conninfo("postgres"))
    with blocker.cursor() as cursor:
        cursor.execute("LOCK TABLE chats IN ACCESS EXCLUSIVE MODE")
    stack.publish(traffic(stack.sources, 3))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'blazz_chat_sync' AND wait_event_type = 'Lock'"
    wait_for(lambda: stack.value(waiting), "chat-sync waits for the lock")
    began = time.monotonic()
    assert sync.get("/livez")[0] == 200
    assert time.monotonic() - began < 1
    assert sync.stop() < 5
    blocker.close()
    sync.start()
    stack.wait_processed()
    check_end(stack, 3, len(stack.sources))


def test_kafka_down_pauses_and_resumes(stack, kafka):
    n = 20
    sync = stack.chat_sync().start()
    stack.publish(traffic(stack.sources, n))
    stack.wait_processed()
    kafka.stop()
    try:
        sync.wait_unready(60)
        assert sync.get("/livez")[0] == 200
    finally:
        kafka.start()
    sync.wait_ready(60)
    stack.publish(traffic(stack.sources, n, first=n))
    stack.wait_processed()
    check_end(stack, 2 * n, len(stack.sources))


def test_two_replicas_and_a_rebalance(stack):
    """A second replica joins, is killed, and joins again; then the first one stops."""
    n = 40
    first = stack.chat_sync("one", batch__max_events=20).start()
    stack.publish(traffic(stack.sources, n))
    second = stack.chat_sync("two", batch__max_events=20).start()
    stack.publish(traffic(stack.sources, n, first=n))
    second.kill()
    stack.publish(traffic(stack.sources, n, first=2 * n))
    stack.wait_processed(90)
    second.start(wait_ready=False)
    stack.publish(traffic(stack.sources, n, first=3 * n))
    stack.wait_processed(90)
    assert first.stop() < 15
    stack.publish(traffic(stack.sources, n, first=4 * n))
    stack.wait_processed(90)
    check_end(stack, 5 * n, len(stack.sources))


def test_a_replica_that_lost_its_partitions_while_acquiring_them_fences_no_other(stack):
    """A replica is assigned all partitions and waits for PostgreSQL; meanwhile half of them are assigned to another."""
    blocker = psycopg2.connect(stack.conninfo("postgres"))
    blocker.cursor().execute("LOCK TABLE consumer_progress IN EXCLUSIVE MODE")
    replicas = []
    for name, share in (("one", 8), ("two", 4)):  # of both topics
        replicas.append(stack.chat_sync(name).start(wait_ready=False))
        wait_for(lambda: all(s.log().count(f'"partitions assigned" partitions={share}\n') == 1 for s in replicas),
                 f"{share} partitions each")
    blocker.close()
    stack.publish(traffic(stack.sources, 5))
    stack.wait_processed()
    check_end(stack, 5, len(stack.sources))
    assert not [s.label for s in replicas if "error_code=fenced" in s.log()]


@pytest.mark.parametrize("failpoint", ("batch_begin", "batch_locked", "batch_committed"))
def test_a_paused_owner_that_resumes_changes_nothing(stack, failpoint):
    """SIGSTOP until another replica has acquired the partitions, then SIGCONT: the fenced replica discards its batch."""
    n = 40
    first = stack.chat_sync("one", batch__max_events=10).start(failpoint=f"{failpoint}:stop@4")
    stack.publish(traffic(stack.sources, n))
    wait_for(first.stopped, "the first replica is stopped")
    second = stack.chat_sync("two", batch__max_events=10).start(wait_ready=False)
    stack.wait_processed(90)
    first.resume()
    stack.publish(traffic(stack.sources, n, first=n))
    stack.wait_processed(90)
    check_end(stack, 2 * n, len(stack.sources))
    second.wait_ready()


def test_late_records_of_a_fenced_owner_are_published_once(stack):
    """A replica is stopped between commit and publishing; another acquires its partitions and publishes its rows; then it resumes."""
    n = 40
    # Its producer waits a second, so that it stops with records that it has not sent.
    first = stack.chat_sync("one", batch__max_events=10, kafka__linger__ms=1000).start(failpoint="batch_committed:stop@4")
    stack.publish(traffic(stack.sources, n))

    wait_for(first.stopped, "the first replica is stopped")
    assert stack.value("SELECT count(*) FROM outbox") > 0, "it has committed records that it did not publish"
    stack.chat_sync("two", batch__max_events=10).start(wait_ready=False)
    stack.wait_processed(90)
    before = stack.chat_events()
    first.resume()
    late = wait_for(lambda: stack.chat_events()[len(before):] if len(stack.chat_events()) > len(before) else None,
                    "the fenced replica publishes", 30)
    assert {e.event_id for _, e in late} <= {e.event_id for _, e in before}, "the other replica had published all of it"
    stack.publish(traffic(stack.sources, n, first=n))
    stack.wait_processed(90)
    check_end(stack, 2 * n, len(stack.sources))
    seen = stack.ctl("events")
    ids = [line["event"]["event_id"] for line in seen]
    assert len(ids) == len(set(ids)) and set(ids) == {e.event_id for _, e in stack.chat_events()}
    order = {}
    for line in seen:
        order.setdefault(line["event"].get("conversation_id"), []).append(int(line["event"].get("sequence", 0)))
    order.pop(None, None)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in order.values())
    everything = stack.ctl("events", "--all")
    assert len(everything) == len(stack.chat_events())
    assert sum(line.get("late", False) for line in everything) == len(everything) - len(seen) >= len(late)


def incompressible(n):
    return random.Random(n).randbytes(n // 2).hex()


def topic_limit(stack, name, limit):
    """The topic's max.message.bytes; None: as it was created."""
    from confluent_kafka.admin import ConfigResource
    settings = {} if limit is None else {"max.message.bytes": str(limit)}
    resource = ConfigResource(ConfigResource.Type.TOPIC, stack.topic(name), set_config=settings)
    for future in stack.kafka.admin.alter_configs([resource]).values():
        future.result()


def account_of(record):
    return record.key.decode().partition(":")[2]


@pytest.fixture
def blocked(stack):
    """The broker rejects one record of the first account. stack.others: the accounts in other partitions."""
    first = stack.sources[0]
    sync = stack.chat_sync().start()
    stack.publish([s.message("3EB0A") for s in stack.sources])
    stack.wait_processed()
    place = {account_of(r): r.partition for r in stack.read("inbound")}
    stack.others = [s for s in stack.sources if place[s.account] != place[first.account]]
    topic_limit(stack, "chat-event", 2000)
    for event in (first.message("3EB0BIG", body=incompressible(3000), at=T0 + 1), first.message("3EB0B", at=T0 + 2)):
        stack.publish([event])
        wait_for(stack.all_consumed, "the message is stored")
    sync.wait_unready(30)
    return stack, sync


def published(stack):
    """(account, key) of the messages whose creation was published, each event once."""
    events = {e.event_id: e for _, e in stack.chat_events() if e.WhichOneof("event") == "message_created"}
    return sorted((e.account_id, e.message_created.message.key) for e in events.values())


def blocks(sync):
    return {k: v for k, v in sync.metrics().items() if k.startswith("blazz_worker_outbox_blocked") and v}


def test_a_record_that_the_broker_rejects_blocks_its_slot_only_until_it_is_accepted(blocked):
    stack, sync = blocked
    first, n = stack.sources[0], 40
    wait_for(lambda: "MSG_SIZE_TOO" in sync.get("/readyz")[1], "readiness has the reason", 30)
    wait_for(lambda: len(blocks(sync)) == 1, "one metric shows the blocked slot", 10)
    # More rows than the outbox may have outstanding: the partition of the blocked slot is still consumed, as all others are.
    for i in range(n):
        stack.publish([s.message(f"3EB0C{i:02}", at=T0 + 10 + i) for s in (first, *stack.others)])
        wait_for(stack.all_consumed, "the messages are stored", 30)
    assert len(stack.messages()) == len(stack.sources) + 2 + n * (1 + len(stack.others))
    want = [(s.account, f"false:3EB0C{i:02}") for s in stack.others for i in range(n)]
    wait_for(lambda: set(want) <= set(published(stack)), "records of other slots are published", 60)
    assert not {k for a, k in published(stack) if a == first.account} - {"false:3EB0A"}, "no record of the slot overtakes the blocked one"
    topic_limit(stack, "chat-event", None)
    stack.wait_processed(90)
    sync.wait_ready()
    assert blocks(sync) == {}
    assert published(stack) == sorted((m["account"], m["message_key"]) for m in stack.messages())
    stack.check_chat_events()


def test_a_record_that_is_always_rejected_is_discarded_by_an_operator(blocked):
    stack, sync = blocked
    row = stack.ctl("outbox", "list")[0]
    place = [w for k in ("producer", "topic", "slot", "epoch", "seq") for w in (f"--{k}", row[k])]
    shown = stack.ctl_run("outbox", "show", *place).stdout
    assert "3EB0BIG" in shown and stack.topic("chat-event") in shown
    assert stack.ctl("outbox", "drop", *place)["done"] is False
    assert stack.ctl("outbox", "drop", *place, "--yes")["done"] is True
    assert stack.ctl_run("outbox", "show", *place).returncode == 1
    sync.wait_ready(90)
    stack.wait_processed()
    assert blocks(sync) == {}
    assert (stack.sources[0].account, "false:3EB0B") in published(stack), "the next record of the slot is published"
    assert len(stack.messages()) == len(stack.sources) + 2 and (stack.sources[0].account, "false:3EB0BIG") not in published(stack)


def test_outbox_rows_of_a_killed_owner_are_published_before_new_ones(stack):
    """Another running replica, which sweeps only once, adopts rows that were committed and not published."""
    n = 30
    other = stack.chat_sync("two", batch__max_events=10, sweep__interval="60s").start()
    killed = stack.chat_sync("one", batch__max_events=10).start(failpoint="batch_committed:kill@3")
    for first in (0, n):
        for i, source in enumerate(stack.sources):
            stack.publish(traffic([source], n, first), key=f"key{i}")  # a partition each
        assert killed.wait_end(60) == -9
    wait_for(stack.all_consumed, "the other replica has consumed every record", 90)
    assert other.stop() < 15
    assert stack.value("SELECT count(*) FROM outbox") == 0
    check_end(stack, 2 * n, len(stack.sources))


def test_two_accounts_create_one_new_contact_at_once(stack):
    """Two replicas, four partitions, and the same unknown people in each: every person becomes one contact."""
    one = stack.chat_sync("one", batch__max_events=5)
    two = stack.chat_sync("two", batch__max_events=5)
    events = []
    for i in range(60):
        events += [s.message(f"3EB0N{k}{i:04}", f"1202555{i:04}", at=T0 + i, name=f"Stranger {i}")
                   for k, s in enumerate(stack.sources)]
    stack.publish(events)
    one.start(wait_ready=False)
    two.start(wait_ready=False)
    stack.wait_processed(90)
    counts = stack.counts()
    assert counts["contacts"] == 60 and counts["aliases"] == 60
    assert counts["conversations"] == 240 and counts["messages"] == 240
    stack.check_invariants()
    created = [e for e in stack.check_chat_events() if e.WhichOneof("event") == "contact_created"]
    assert len(created) == 60


def test_a_contact_is_merged_while_the_other_partition_writes_to_it(stack):
    """Pairs of a phone and a LID become one person each while messages of all accounts with both are written, and each message is repeated
    in the next round."""
    pairs, rounds = 12, 6
    one = stack.chat_sync("one", batch__max_events=8)
    two = stack.chat_sync("two", batch__max_events=8)
    events = []
    for r in range(rounds):
        for p in range(pairs):
            phone, lid = f"1303555{p:04}", f"98765432{p:04}"
            for k, s in enumerate(stack.sources):
                for again in range(max(0, r - 1), r + 1):
                    events.append(s.message(f"3EB0P{k}{again}{p:03}", phone, at=T0 + again * 100 + p))
                    events.append(s.message(f"3EB0L{k}{again}{p:03}", None, lid=lid, at=T0 + again * 100 + p))
            if r == 2:
                events.append(stack.sources[p % 4].alias(phone, lid, at=T0 + r * 100 + p))
    stack.publish(events)
    one.start(wait_ready=False)
    two.start(wait_ready=False)
    stack.wait_processed(90)
    wait_for(lambda: stack.value("SELECT count(*) FROM conversations v JOIN contacts c ON (c.workspace_id, c.id) = "
                                 "(v.workspace_id, v.contact_id) WHERE c.merged_into IS NOT NULL AND v.merged_into IS NULL "
                                 "AND v.id IN (SELECT conversation_id FROM chats)") == 0,
             "every account has merged its conversations", 30)
    stack.wait_processed(90)
    live = stack.value("SELECT count(*) FROM contacts WHERE merged_into IS NULL")
    assert live == pairs and stack.counts()["contacts"] == 2 * pairs
    keys = [(m["account"], m["message_key"]) for m in stack.messages()]
    assert len(keys) == len(set(keys)) == 2 * pairs * rounds * len(stack.sources)
    wrong = stack.sql("""SELECT c.id FROM chats c JOIN conversations v
        ON (v.workspace_id, v.id) = (c.workspace_id, c.conversation_id) WHERE v.merged_into IS NOT NULL""")
    assert not wrong, "messages in a merged conversation"
    assert stack.counts()["conversations"] >= pairs * len(stack.sources)
    open_ = stack.value("SELECT count(*) FROM conversations WHERE merged_into IS NULL")
    assert open_ == pairs * len(stack.sources), "one conversation per account and person"
    stack.check_invariants()
    stack.check_chat_events()


def test_an_offset_out_of_range_stops_the_partition_until_it_is_reset(stack):
    source = stack.sources[0]
    sync = stack.chat_sync().start()
    stack.publish([source.message("3EB0A")])
    stack.wait_processed()
    sync.stop()
    stack.sql("UPDATE consumer_progress SET next_offset = 1000 WHERE next_offset IS NOT NULL")
    sync.start(wait_ready=False)
    wait_for(lambda: any(v for k, v in sync.metrics().items() if k.startswith("blazz_worker_partition_stopped")),
             "the metric says that a partition stopped", 30)
    assert sync.get("/readyz")[0] == 503
    stopped = stack.sql("SELECT partition FROM consumer_progress WHERE next_offset = 1000")
    for row in stopped:
        stack.ctl("progress", "reset", "--consumer", "chat-sync", "--topic", stack.topic("inbound"), "--partition",
                  row["partition"], "--to", "beginning", "--yes")
    if sync.running():
        sync.stop()
    sync.start()
    stack.publish([source.message("3EB0B", at=T0 + 1)])
    stack.wait_processed()
    assert [m["message_key"] for m in stack.messages()] == ["false:3EB0A", "false:3EB0B"]


@pytest.mark.parametrize("topic, origin", (("inbound", common.ORIGIN_LIVE), ("inbound.bulk", common.ORIGIN_HISTORY)))
def test_dead_letters_are_replayed_to_the_consumer_that_failed_only(stack, topic, origin):
    """Their account did not exist yet: it is added, and they are replayed to their topic and stored. Replays for another consumer are skipped."""
    sync = stack.chat_sync().start()
    late = Source(stack.workspace, "11111111-2222-4333-8444-555555555555")
    events = [late.message(f"3EB0R{i}", at=T0 + i, origin=origin) for i in range(3)]
    stack.publish(events, headers=[("mine", b"kept")])
    stack.wait_processed()
    dead_letters = stack.dead_letters(f"{topic}.chat-sync.dlq")
    assert [r.headers["x-dlq-reason"] for r in dead_letters] == ["unknown_reference"] * 3
    stack.add_account(stack.workspace, "secret", session="late", provider="webjs", bridge="blazz", id=late.account)
    assert stack.ctl("dlq", "replay", "--reason", "unknown_reference")["replayed"] == 0, "without --yes it is a dry run"
    done = stack.ctl("dlq", "replay", "--reason", "unknown_reference", "--yes")
    assert done["found"] == done["replayed"] == 3
    stack.wait_processed()
    wait_for(lambda: len(stack.messages()) == 3, "the replayed records are applied", 45)
    stack.wait_processed()
    replayed = [r for r in stack.read(topic) if "x-replay-id" in r.headers]
    assert [r.value for r in replayed] == [e.SerializeToString() for e in events]
    for r in replayed:
        assert r.headers["x-replay-for"] == "chat-sync" and r.headers["x-replay-count"] == "1"
        assert r.headers["x-replay-id"] == done["replay_id"] and r.headers["mine"] == "kept"
        assert "x-dlq-reason" not in r.headers
    elsewhere = late.message("3EB0ELSEWHERE")
    stack.publish([elsewhere], headers=[("x-replay-for", b"webhook-dispatcher"), ("x-replay-id", b"r1")])
    stack.wait_processed()
    assert len(stack.messages()) == 3, "the record is for another consumer"
    assert sync.running()


def test_a_replay_that_fails_again_counts_and_keeps_its_original_position(stack):
    stack.chat_sync().start()
    stack.publish([b"\xff\xff"], key=f"{stack.workspace}:{stack.sources[0].account}")
    stack.wait_processed()
    stack.ctl("dlq", "replay", "--yes")
    stack.wait_processed()
    dead_letters = wait_for(lambda: len(found := stack.dead_letters()) == 2 and found, "the replayed record is a dead letter again")
    first, second = sorted(dead_letters, key=lambda r: r.timestamp_ms)
    assert second.headers["x-replay-count"] == "1" and first.headers["__dlq.errors.delivery.count"] == "1"
    assert second.headers["__dlq.errors.delivery.count"] == "2"
    assert second.headers["x-dlq-first-offset"] == first.headers["x-dlq-first-offset"]
    assert second.headers["__dlq.errors.offset"] != first.headers["__dlq.errors.offset"]


def test_a_thousand_groups_upserted_from_two_accounts_at_once(stack):
    jids = [f"1203630{i:011}@g.us" for i in range(150)]
    events = []
    for i, jid in enumerate(jids):
        for k, s in enumerate(stack.sources):
            change = s.event("group_change", jid, k, at=T0 + i)
            change.group_change.group.jid = jid
            change.group_change.action = inbound_pb2.GroupChange.ACTION_SUBJECT
            change.group_change.text = f"Team {i}"
            events.append(change)
    random.Random(3).shuffle(events)
    stack.publish(events)
    stack.chat_sync("one", batch__max_events=30).start(wait_ready=False)
    stack.chat_sync("two", batch__max_events=30).start(wait_ready=False)
    stack.wait_processed(90)
    assert stack.counts()["groups"] == len(jids)
    assert stack.dead_letters() == []


def test_offsets_are_committed_to_kafka_for_lag_tools(stack):
    stack.start_chat_sync()
    stack.publish([stack.sources[0].message(f"3EB0{n}", at=T0 + n) for n in range(20)])
    stack.wait_processed()
    stored = {p: offset for p, offset in stack.progress().items() if offset is not None}
    group = Consumer({"bootstrap.servers": stack.kafka.address, "group.id": "chat-sync"})

    def committed():
        return {t.partition: t.offset for t in group.committed([TopicPartition(stack.topic("inbound"), p) for p in stored])}

    wait_for(lambda: committed() == stored, "Kafka has the offsets", 10)
    stack.publish([stack.sources[0].message("3EB0LAST", at=T0 + 100)])
    stack.wait_processed()
    stack.sync.stop()
    assert sum(committed().values()) == sum(stored.values()) + 1, "a drain commits the last offset"
    group.close()


def test_the_consumer_groups_offset_does_not_decide_where_reading_starts(stack):
    """Another tool has moved the group's offset to the end while no replica ran."""
    source = stack.sources[0]
    stack.start_chat_sync()
    stack.publish([source.message("3EB0A")])
    stack.wait_processed()
    stack.sync.stop()
    stack.publish([source.message("3EB0B", at=T0 + 1)])
    group = Consumer({"bootstrap.servers": stack.kafka.address, "group.id": "chat-sync"})
    group.commit(offsets=[TopicPartition(stack.topic("inbound"), p, high)
                          for p, (_, high) in stack.kafka.watermarks(stack.topic("inbound")).items()], asynchronous=False)
    group.close()
    stack.sync.start()
    stack.wait_processed()
    assert [m["message_key"] for m in stack.messages()] == ["false:3EB0A", "false:3EB0B"]
