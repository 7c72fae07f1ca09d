#!/usr/bin/python3
"""Exits with 0 when a consumer has processed every record of its topics, and has nothing left to publish or deliver.

tools/demo/settled.py BIN DIR chat-sync|webhook-dispatcher
"""
import sys

from confluent_kafka import Consumer, TopicPartition

from shared import DIR, query

CONSUMER = sys.argv[3]
# The topics it consumes, and a query for what is left to publish or deliver.
TOPICS, LEFT = {
    "chat-sync": (("blazz.inbound.v1", "blazz.inbound.bulk.v1"), "SELECT count(*) FROM outbox"),
    "webhook-dispatcher": (("blazz.chat-event.v1",), """SELECT (SELECT count(*) FROM webhook_retry_queue WHERE status IN ('pending', 'retrying'))
        + (SELECT count(*) FROM webhook_positions)"""),
}[CONSUMER]
TIMEOUT_S = 5
OUTCOMES = """SELECT coalesce(sum(applied + no_effect + filtered + parked + dead_lettered + skipped), 0) FROM consumer_progress
    WHERE consumer = %s"""

kafka = Consumer({"bootstrap.servers": (DIR / "address").read_text().strip(), "group.id": "demo"})


def records():
    marks = [kafka.get_watermark_offsets(TopicPartition(t, p), TIMEOUT_S) for t in TOPICS
             for p in kafka.list_topics(t, TIMEOUT_S).topics[t].partitions]
    return sum(high - low for low, high in marks)


def consumed():
    return query(OUTCOMES, [CONSUMER]) == [(records(),)]


# A consumer may publish records for its own other partitions, so the topics are checked again once nothing is left.
sys.exit(0 if consumed() and query(LEFT) == [(0,)] and consumed() else 1)
