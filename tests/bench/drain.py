#!/usr/bin/python3
"""How fast chat-sync drains a backlog, against two limits measured in the same run while the broker runs:

  COPY    the same messages into the same table with the same indexes and keys, one COPY per connection
  floor   the same work (messages, conversations, outbox) inside the server, from a staging table, in batches of the size of
          chat-sync's, as chat-sync's own role

All three are rows per second from the first commit to the last. chat-sync has seen every conversation before the clock starts;
"first sight" is the rate of the first messages of new conversations, and "stored before" repeats the warm measurement on a table that
already has that many rows. Rounds are interleaved, and every measurement starts with the same tables: it deletes only its own messages.

usage: tests/bench/drain.py [--quick] [--events N] [--rounds N] [--stored N ...]
"""
import argparse
import io
import statistics
import threading
import time

import psycopg2
import setting  # noqa: F401 (first: it sets the path of the imports below)
import replicas
from confluent_kafka import TopicPartition
from setting import machine, ratio, stack, table
from traffic import conversations_first, produce, tenants

from blazz.v1 import chat_event_pb2

WORKSPACES, PARTITIONS = 20, 8
COLUMNS = """workspace_id, id, account_id, conversation_id, message_key, wam_id, client_message_id, type, message_type, message_status,
	sender, origin, placeholder, metadata, sent_at, delivered_at, read_at, edited_at, revoked_at, user_id, deleted_at, deleted_by"""

# COPY and the floor store what the first drain stored: lane 0 has all rows, lanes 1 and 2 have half of the partitions each. The record of a
# ChatEvent is its part of the outbox row.
STAGING = f"""
CREATE TABLE records (id bigint PRIMARY KEY, slot integer, record bytea);
CREATE TABLE staging (lane integer, batch integer, slot integer, record bytea, LIKE chats);
CREATE TABLE kept_conversations AS SELECT v.* FROM conversations v;
UPDATE kept_conversations SET sequence = 1, unread_messages = 0, last_message_at = created_at - interval '1 year',
	last_inbound_at = NULL, last_message_id = NULL, last_sender = NULL;
GRANT SELECT ON staging TO blazz_chat_sync;
CREATE POLICY floor ON outbox TO blazz_chat_sync USING (producer = 'floor');
CREATE PROCEDURE floor_run(which integer, batches integer) LANGUAGE plpgsql AS $$
BEGIN
	FOR b IN 0 .. batches - 1 LOOP
		INSERT INTO chats ({COLUMNS}) SELECT {COLUMNS} FROM staging WHERE lane = which AND batch = b
			ON CONFLICT (workspace_id, account_id, message_key, conversation_id) DO NOTHING;
		UPDATE conversations v SET sequence = v.sequence + s.messages, unread_messages = v.unread_messages + s.unread,
			last_message_at = s.sent_at, last_inbound_at = coalesce(s.inbound_at, v.last_inbound_at), last_message_id = s.id,
			last_sender = s.sender, updated_at = now()
			FROM (SELECT workspace_id, conversation_id, count(*) AS messages, count(*) FILTER (WHERE type = 'inbound') AS unread,
				max(sent_at) AS sent_at, max(sent_at) FILTER (WHERE type = 'inbound') AS inbound_at, max(id) AS id,
				max(message_key) AS sender FROM staging WHERE lane = which AND batch = b GROUP BY 1, 2) s
			WHERE v.workspace_id = s.workspace_id AND v.id = s.conversation_id;
		INSERT INTO outbox (producer, slot, epoch, seq, records) SELECT 'floor', slot, which, b, string_agg(record, '' ORDER BY id)
			FROM staging WHERE lane = which AND batch = b GROUP BY slot;
		COMMIT;
	END LOOP;
END $$;
"""
BATCHES = """
TRUNCATE staging;
INSERT INTO staging SELECT lane, ((row_number() OVER (PARTITION BY lane ORDER BY c.id) - 1) / {batch})::integer, r.slot, r.record, c.*
	FROM kept_chats c JOIN records r USING (id) CROSS JOIN LATERAL (VALUES (0), (1 + r.slot / {half})) AS l (lane);
CREATE INDEX IF NOT EXISTS staging_batch ON staging (lane, batch);
VACUUM ANALYZE staging;
"""
BESIDE = "chat_receipts, chat_reactions, chat_reactions_withdrawn, chat_media, parked_updates, account_syncs, outbox, consumer_progress"
EMPTY = f"TRUNCATE chats, conversation_merges, sender_renames, conversations, {BESIDE}"
RESTORE = "INSERT INTO conversations SELECT * FROM kept_conversations ORDER BY id"
# Rows that were stored before have ids below 0. Conversations are restored from a copy, so that keys need not be checked.
LEAVE_STORED = f"""BEGIN;
SET LOCAL session_replication_role = replica;
TRUNCATE {BESIDE};
DELETE FROM chats WHERE id > 0;
DELETE FROM conversations;
{RESTORE};
COMMIT"""
NOBODY = "TRUNCATE contacts, contact_aliases, contact_former_aliases, contact_opt_outs CASCADE"
FILL = """INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin,
	metadata, sent_at) SELECT v.workspace_id, -g, v.account_id, v.id, 'false:' || md5(g::text), 'inbound', 'text', 'delivered', 'live',
	jsonb_build_object('body', repeat(md5(g::text), 6)), now() - g * interval '1 s'
	FROM generate_series(%(first)s, %(last)s) g JOIN (SELECT row_number() OVER (ORDER BY id) AS n, * FROM kept_conversations) v
	ON v.n = 1 + g %% (SELECT count(*) FROM kept_conversations)"""
FILL_ROWS = 100_000
# From the commit after which every conversation exists.
WINDOW = """WITH c AS (SELECT pg_xact_commit_timestamp(xmin) AS at, xmin::text AS batch, sent_at FROM chats WHERE id > 0),
	first AS (SELECT max(at) AS at FROM (SELECT min(c.at) AS at FROM chats
		JOIN LATERAL (SELECT pg_xact_commit_timestamp(chats.xmin) AS at) c ON true WHERE id > 0 GROUP BY conversation_id) s)
	SELECT count(*) FILTER (WHERE c.at > first.at) AS warm, count(*) AS total,
	extract(epoch FROM max(c.at) - first.at)::float AS warm_s, extract(epoch FROM first.at - min(c.at))::float AS first_s,
	(count(*) / count(DISTINCT batch))::integer AS batch FROM c, first GROUP BY first.at"""


class Drain:
    def __init__(self, blazz, options):
        self.blazz, self.options = blazz, options
        self.conninfo = blazz.conninfo("blazz_chat_sync")
        self.stored = 0

    def prepare(self):
        everyone = tenants(self.blazz, WORKSPACES, PARTITIONS)
        self.total = produce(self.blazz, conversations_first(everyone, self.options.contacts, self.options.events))
        self.sql(EMPTY + ";" + NOBODY)
        self.cold = self.chat_sync(1)
        self.sql("CREATE TABLE kept_chats AS SELECT * FROM chats")
        self.sql(STAGING)
        self.keep_records()
        self.batch = 0

    def sql(self, text):
        return self.blazz.sql(text)

    def keep_records(self):
        """Keeps the record of each created message."""
        topic, rows = self.blazz.topic("chat-event"), io.StringIO()
        marks = self.blazz.kafka.watermarks(topic)
        left = sum(high - low for low, high in marks.values())
        reader = self.blazz.kafka.consumer()
        reader.assign([TopicPartition(topic, p, low) for p, (low, _) in marks.items()])
        while left > 0:
            for message in reader.consume(1000, timeout=10):
                left -= 1
                event = chat_event_pb2.ChatEvent.FromString(message.value())
                if event.WhichOneof("event") == "message_created":
                    parts = [topic.encode(), message.key(), message.value()]
                    parts += [p for name, value in message.headers() for p in (name.encode(), value)]
                    rows.write(f"{event.message_created.message.id}\t{event.source.slot}\t\\\\x{b''.join(parts).hex()}\n")
        reader.close()
        rows.seek(0)
        with self.blazz.connection.cursor() as cursor:
            cursor.copy_expert("COPY records FROM STDIN", rows)

    def reset(self):
        if self.stored:
            self.sql(LEAVE_STORED)
            self.sql("VACUUM FULL conversations")
        else:
            self.sql(EMPTY)
            self.sql(RESTORE)
        self.sql("VACUUM ANALYZE chats, conversations, outbox, consumer_progress")
        self.sql("CHECKPOINT")
        assert self.blazz.value("SELECT count(*) FROM chats") == self.stored

    def store(self, count):
        """Stores further messages, up to `count` in all."""
        self.reset()
        for first in range(self.stored + 1, count + 1, FILL_ROWS):
            self.sql(FILL % {"first": first, "last": min(first + FILL_ROWS - 1, count)})
        self.stored = count
        self.floor(1)  # a measurement splits pages of indexes, which stay split: otherwise the first one would pay for the others

    def use_batches_of(self, size):
        if size != self.batch:
            for statement in BATCHES.format(batch=size, half=PARTITIONS // 2).split(";\n"):
                if statement.strip():
                    self.sql(statement)
            self.batch = size

    def lanes(self, count):
        return [0] if count == 1 else list(range(1, count + 1))

    def in_parallel(self, works):
        """Runs the functions in threads. Returns the seconds until the last one has ended."""
        threads = [threading.Thread(target=work) for work in works]
        began = time.monotonic()
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return time.monotonic() - began

    def connect(self, role):
        connection = psycopg2.connect(self.blazz.conninfo(role))
        connection.autocommit = True
        return connection.cursor()

    def copy(self, connections):
        self.reset()
        files = {}
        for lane in self.lanes(connections):
            files[lane] = f"{self.blazz.postgres.folder}/lane{lane}"
            self.sql(f"COPY (SELECT {COLUMNS} FROM staging WHERE lane = {lane} ORDER BY id) TO '{files[lane]}' (FORMAT binary)")
        self.sql("CHECKPOINT")
        cursors = {lane: self.connect("postgres") for lane in files}
        seconds = self.in_parallel([lambda lane=lane, file=file: cursors[lane].execute(
            f"COPY chats ({COLUMNS}) FROM '{file}' (FORMAT binary)") for lane, file in files.items()])
        return self.total / seconds

    def floor(self, connections):
        self.reset()
        works = []
        for lane in self.lanes(connections):
            batches = self.sql(f"SELECT max(batch) + 1 AS n FROM staging WHERE lane = {lane}")[0]["n"]
            cursor = self.connect("blazz_chat_sync")
            cursor.execute("SET statement_timeout = 0")
            works.append(lambda cursor=cursor, lane=lane, n=batches: cursor.execute("CALL floor_run(%s, %s)", (lane, n)))
        return self.total / self.in_parallel(works)

    def chat_sync(self, processes):
        """Drains the whole topic."""
        services = replicas.start(self.blazz, processes, PARTITIONS)
        replicas.wait_drained(self.blazz, services, self.total)
        seen = self.sql(WINDOW)[0]
        assert seen["total"] == self.total, f"{seen['total']} of {self.total} messages are stored"
        cpu_us = replicas.cpu_us(services, self.total)
        for s in services:
            s.stop()
        return {"rate": seen["warm"] / seen["warm_s"], "first": (seen["total"] - seen["warm"]) / seen["first_s"],
                "batch": seen["batch"], "cpu_us": cpu_us}

    def compare(self, processes, rounds):
        copies, floors, ours = [], [], []
        for _ in range(rounds):
            self.reset()
            ours.append(self.chat_sync(processes))
            self.use_batches_of(ours[-1]["batch"] if not self.batch else self.batch)
            floors.append(self.floor(processes))
            copies.append(self.copy(processes))
        return copies, floors, ours


def rate(values):
    return f"{statistics.median(values):,.0f}"


def report(what, copies, floors, ours):
    rates = [o["rate"] for o in ours]
    table([what, "rows/s", "of COPY", "of the floor", "CPU µs a message"],
          ["COPY", rate(copies), "", "", ""],
          ["floor", rate(floors), ratio(floors, copies), "", ""],
          ["chat-sync", rate(rates), ratio(rates, copies), ratio(rates, floors),
           f"{statistics.median(o['cpu_us'] for o in ours):.1f}"])
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="60,000 events, 1 round")
    parser.add_argument("--events", type=int, default=500_000, help="beside the first of each conversation")
    parser.add_argument("--contacts", type=int, default=2_000, help="of each workspace")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stored", type=int, nargs="*", default=[], help="rows stored before: 1000000 10000000")
    options = parser.parse_args()
    if options.quick:
        options.events, options.contacts, options.rounds = 60_000, 200, 1
    print(machine(), flush=True)
    with stack(PARTITIONS) as blazz:
        drain = Drain(blazz, options)
        drain.prepare()
        print(f"\n{drain.total:,} messages; without known conversations: {drain.cold['rate']:,.0f} messages/s, {drain.cold['cpu_us']:.1f} µs of CPU "
              f"each; first sight: {drain.cold['first']:,.0f}\n", flush=True)
        for processes in (1, 2):
            report(f"{processes} connection{'s'[:processes - 1]}", *drain.compare(processes, options.rounds))
        for stored in sorted(options.stored):
            drain.store(stored)
            report(f"{stored:,} stored before", *drain.compare(1, options.rounds))


if __name__ == "__main__":
    main()
