"""inbound.bulk beside inbound: bulk records have the same owner, fence and outbox as live ones, and never delay them."""
import pytest
from blazz.v1 import common_pb2 as common
from confluent_kafka.admin import AdminClient
from harness.events import T0, Source
from harness.waiting import wait_for


@pytest.fixture
def stack(make_blazz):
    stack = make_blazz(partitions=2)
    stack.workspace = stack.add_workspace()
    stack.source = Source(stack.workspace, stack.add_account(stack.workspace, "secret", session="s", provider="webjs", bridge="blazz"))
    return stack


def publish_bulk(stack, events):
    producer, failures = stack.producer(), []
    for e in events:
        producer.produce(stack.topic("inbound.bulk"), e.SerializeToString(), f"{e.workspace_id}:{e.account_id}",
                         on_delivery=lambda e, m: e and failures.append(e))
    assert producer.flush(30) == 0 and not failures, failures


def history(stack, n, first=0):
    return [stack.source.message(f"3EB0H{i:04}", body=f"h{i}", at=T0 - 10000 + i, origin=common.ORIGIN_HISTORY) for i in range(first, first + n)]


def stored(stack):
    return sorted(m["message_key"] for m in stack.messages())


def keys(*stanzas):
    return sorted(f"false:{s}" for s in stanzas)


def test_both_topics_are_stored_exactly_once_across_owners(stack):
    first = stack.chat_sync().start()
    second = stack.chat_sync("second").start()
    publish_bulk(stack, history(stack, 300))
    stack.publish([stack.source.message(f"3EB0L{i:04}", at=T0 + i) for i in range(50)])
    wait_for(lambda: len(stack.messages()) > 20, "some records are stored", 60)
    first.kill()
    stack.wait_processed(90)
    assert stored(stack) == keys(*[f"3EB0H{i:04}" for i in range(300)], *[f"3EB0L{i:04}" for i in range(50)])
    assert {s.topic for s in sources(stack)} == {stack.topic("inbound")}, "one fence, one slot"
    stack.check_invariants()
    stack.check_chat_events()
    second.stop()


def sources(stack):
    return [e.source for _, e in stack.chat_events()]


def test_live_is_served_without_the_bulk_topic_which_is_read_once_it_exists(stack):
    """Services are deployed before topics are created."""
    bulk = stack.topic("inbound.bulk")
    admin = AdminClient({"bootstrap.servers": stack.kafka.address, "log_level": 0})
    for done in admin.delete_topics([bulk], operation_timeout=30).values():
        done.result()
    wait_for(lambda: bulk not in admin.list_topics(timeout=20).topics, "the topic is deleted", 30)
    sync = stack.chat_sync().start(wait_ready=False)
    stack.publish([stack.source.message("3EB0A")])
    wait_for(lambda: stored(stack) == keys("3EB0A"), "the live record is stored", 60)
    wait_for(lambda: sync.get("/readyz")[0] == 503 and bulk in str(sync.get("/readyz")), "readiness names the topic", 90)
    stack.publish([stack.source.message("3EB0B", at=T0 + 1)])
    wait_for(lambda: stored(stack) == keys("3EB0A", "3EB0B"), "the live record is stored", 10)
    stack.ctl("topics", "create", "--partitions", "2", "--replication", "1")
    publish_bulk(stack, history(stack, 1))
    wait_for(lambda: stored(stack) == keys("3EB0A", "3EB0B", "3EB0H0000"), "the bulk record is stored", 90)
    sync.wait_ready(60)


def test_a_bulk_partition_out_of_range_stops_alone_and_a_reset_stops_nothing(stack):
    sync = stack.chat_sync().start()
    publish_bulk(stack, history(stack, 3))
    stack.wait_processed()
    sync.stop()
    stack.sql("UPDATE consumer_progress SET next_offset = 1000 WHERE topic = %s AND next_offset > 0", stack.topic("inbound.bulk"))
    sync.start(wait_ready=False)
    stopped = wait_for(lambda: [k for k, v in sync.metrics().items() if k.startswith("blazz_worker_partition_stopped") and v],
                       "the metric says that a partition stopped", 30)
    assert len(stopped) == 1 and stack.topic("inbound.bulk") in stopped[0]
    assert sync.get("/readyz")[0] == 503
    stack.publish([stack.source.message("3EB0A")])
    wait_for(lambda: "false:3EB0A" in stored(stack), "live records are still stored", 10)
    stack.ctl("progress", "reset", "--consumer", "chat-sync", "--topic", stack.topic("inbound.bulk"), "--partition", "all", "--to",
              "beginning", "--yes")
    sync.wait_ready(10)  # at once: a replica that has lost its fence would acquire again first
    publish_bulk(stack, history(stack, 1, first=3))
    stack.wait_processed()
    assert stored(stack) == keys("3EB0A", *[f"3EB0H{i:04}" for i in range(4)])
    stack.check_chat_events()
