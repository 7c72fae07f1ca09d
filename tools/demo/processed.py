#!/usr/bin/python3
"""Exits with 0 when a consumer has processed every record of its topics, and has nothing left to publish or deliver.

tools/demo/processed.py BIN DIR chat-sync|webhook-dispatcher|campaign-sender|cleanup
"""
import sys

from confluent_kafka import Consumer, TopicPartition

from shared import DIR, query

# {consumer: (its topics, a query for the number of records or deliveries that it has not published or delivered yet)}
CONSUMERS = {
    "chat-sync": (("blazz.inbound.v1", "blazz.inbound.bulk.v1"), "SELECT count(*) FROM outbox"),
    "webhook-dispatcher": (("blazz.chat-event.v1",), """SELECT (SELECT count(*) FROM webhook_retry_queue WHERE status IN ('pending', 'retrying'))
        + (SELECT count(*) FROM webhook_positions)"""),
    "campaign-sender": (("blazz.outbound.v1", "blazz.campaign-command.v1", "blazz.chat-event.v1"), """SELECT (SELECT count(*) FROM outbox)
        + (SELECT count(*) FROM sends WHERE status = 'pending')"""),
    # It consumes nothing: a session that is connected although it was not reported so, or the other way round.
    "cleanup": ((), """SELECT count(*) FROM whatsapp_accounts a JOIN account_control c ON (c.workspace_id, c.account_id) = (a.workspace_id, a.id)
        WHERE (c.observed = 'connected') <> (a.status = 'connected')"""),
}
TIMEOUT_S = 5
OUTCOMES = """SELECT coalesce(sum(applied + no_effect + filtered + parked + dead_lettered + skipped), 0) FROM consumer_progress
    WHERE consumer = %s"""


def records(kafka, topics):
    marks = [kafka.get_watermark_offsets(TopicPartition(t, p), TIMEOUT_S) for t in topics
             for p in kafka.list_topics(t, TIMEOUT_S).topics[t].partitions]
    return sum(high - low for low, high in marks)


def main(consumer):
    kafka = Consumer({"bootstrap.servers": (DIR / "address").read_text().strip(), "group.id": "demo"})
    topics, pending = CONSUMERS[consumer]

    def consumed():
        return query(OUTCOMES, [consumer]) == [(records(kafka, topics),)]

    # A consumer may publish records for its own other partitions, so the topics are checked again at the end.
    return 0 if consumed() and query(pending) == [(0,)] and consumed() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[3]))
