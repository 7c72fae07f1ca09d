#!/usr/bin/python3
"""Ends with 0 when chat-sync has made something of every record of inbound and published all that followed.

tools/demo/settled.py BIN DIR
"""
import sys

from confluent_kafka import Consumer, TopicPartition

from shared import DIR, query

TOPIC = "blazz.inbound.v1"
TIMEOUT_S = 5
OUTCOMES = "SELECT coalesce(sum(applied + no_effect + filtered + parked + dead_lettered + skipped), 0) FROM consumer_progress"

kafka = Consumer({"bootstrap.servers": (DIR / "address").read_text().strip(), "group.id": "demo"})


def records():
    partitions = kafka.list_topics(TOPIC, TIMEOUT_S).topics[TOPIC].partitions
    marks = [kafka.get_watermark_offsets(TopicPartition(TOPIC, p), TIMEOUT_S) for p in partitions]
    return sum(high - low for low, high in marks)


def consumed():
    return query(OUTCOMES) == [(records(),)]


# What chat-sync publishes may be for its own other partitions: looked at again once nothing is left to publish.
sys.exit(0 if consumed() and query("SELECT count(*) FROM outbox") == [(0,)] and consumed() else 1)
