#!/usr/bin/python3
"""The cost of each index and key of the hot path: the rate without it, as a multiple of the rate with it.

Every measurement changes the schema in a transaction, does its work there in batches of 1,000 as chat-sync does, and rolls back, so that
all of them start with the same tables. Rounds are interleaved; the median of the ratios within a round counts.

usage: tests/bench/keys.py [--rounds N] [--messages N] [--work WORD]     in the project's root
"""
import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time

import psycopg2

BATCH, BATCHES = 1000, 20
CONVERSATIONS = 50_000

SEED = f"""
INSERT INTO workspaces (id, name) VALUES (1, 'bench');
INSERT INTO whatsapp_accounts (workspace_id, id, session_id, provider_type, bridge_kind) VALUES (1, 1, 's', 'webjs', 'waha');
INSERT INTO contacts (workspace_id, id, source_type) SELECT 1, g, 'webjs' FROM generate_series(1, {CONVERSATIONS}) g;
INSERT INTO conversations (workspace_id, id, account_id, contact_id, last_message_at)
	SELECT 1, g, 1, g, now() FROM generate_series(1, {CONVERSATIONS}) g;
CREATE TABLE staging AS SELECT (g - 1) / {BATCH} AS batch, 1::bigint AS workspace_id, g::bigint AS id, 1::bigint AS account_id,
	1 + (random() * {CONVERSATIONS - 1})::bigint AS conversation_id, 'true:' || md5(random()::text) AS message_key,
	'inbound' AS type, 'text' AS message_type, 'delivered' AS message_status, 'live' AS origin,
	jsonb_build_object('body', 'message ' || g || repeat(' lorem', 10)) AS metadata, now() AS sent_at
	FROM generate_series(1, %(rows)s) g;
INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin, metadata,
	sent_at) SELECT workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin, metadata,
	sent_at FROM staging WHERE batch >= {BATCHES} ORDER BY id;
INSERT INTO consumer_progress (consumer, topic, partition, cluster_id, epoch, next_offset) SELECT c, 't', p, 'c', 1, 0
	FROM unnest('{{chat-sync,webhook-dispatcher,campaign-sender}}'::text[]) c, generate_series(0, 23) p;
DELETE FROM staging WHERE batch >= {BATCHES};
CREATE INDEX ON staging (batch);
INSERT INTO campaigns (workspace_id, id, name, campaign_type) SELECT 1, g, 'c', 'instant' FROM generate_series(1, 2) g;
INSERT INTO sends (workspace_id, id, campaign_id, segment, contact_id, address, request) SELECT 1, g, 2, 0, 1 + g %% {CONVERSATIONS}, '62811' || g,
	convert_to('["Budi", "A' || g || '", "https://example.com/x"]', 'UTF8') FROM generate_series(1, %(rows)s) g;
SELECT setval('sends_id_seq', %(rows)s);
"""

INSERT = """INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin,
	metadata, sent_at) SELECT workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin,
	metadata, sent_at FROM staging WHERE batch = %s ON CONFLICT DO NOTHING"""

UPDATE = """UPDATE conversations v SET sequence = v.sequence + 1, unread_messages = v.unread_messages + 1, {}updated_at = now()
	FROM staging s WHERE s.batch = %s AND v.workspace_id = s.workspace_id AND v.id = s.conversation_id"""
CONVERSATION = UPDATE.format("last_message_at = now() + s.id * interval '1 ms', last_message_id = s.id, ")
COUNTERS = UPDATE.format("")

# The work of a batch of eight partitions besides its data: it locks and advances progress, inserts outbox rows, deletes acknowledged ones.
DELIVERY = """SELECT partition, epoch, next_offset FROM consumer_progress WHERE consumer = 'chat-sync' AND topic = 't'
	AND partition = ANY ('{0,1,2,3,4,5,6,7}'::integer[]) ORDER BY partition FOR UPDATE;
UPDATE consumer_progress AS p SET seq = p.seq + 1, next_offset = p.next_offset + 125, applied = p.applied + 125, updated_at = now()
	FROM generate_series(0, 7) r WHERE p.consumer = 'chat-sync' AND p.topic = 't' AND p.partition = r;
INSERT INTO outbox (producer, slot, epoch, seq, records) SELECT 'chat-sync', r, 1, %(batch)s, convert_to(repeat(md5(r::text), 1000), 'UTF8')
	FROM generate_series(0, 7) r;
DELETE FROM outbox AS o USING generate_series(0, 7) r WHERE o.producer = 'chat-sync' AND o.slot = r AND o.epoch = 1 AND o.seq = %(batch)s - 2"""

STATUS = """UPDATE chats c SET message_status = 'read', read_at = now(), metadata = c.metadata, updated_at = now()
	WHERE c.workspace_id = 1 AND c.id IN (SELECT %(base)s + g * 5 FROM generate_series(%%s * 1000, %%s * 1000 + 999) g)"""


RECIPIENTS = f"""INSERT INTO sends (workspace_id, campaign_id, segment, contact_id, address, request) SELECT workspace_id, 1, 0,
	1 + id %% {CONVERSATIONS}, '62811' || id, convert_to('["Budi", "A' || id || '", "https://example.com/x"]', 'UTF8')
	FROM staging WHERE batch = %s ON CONFLICT (workspace_id, campaign_id, address) WHERE campaign_id IS NOT NULL DO NOTHING"""

# Without ON CONFLICT, which needs its index.
RECIPIENTS_UNCHECKED = RECIPIENTS[:RECIPIENTS.index("ON CONFLICT")]

RESULTS = """UPDATE sends s SET status = 'sent', attempt = 1, sent_by = 1, provider_message_id = 'wamid.HBgNNjI4MTEyMzQ1Njc4ORUCABEYEjN' || s.id,
	sent_at = now(), request = NULL, updated_at = now() FROM generate_series(1, 1000) g
	WHERE s.workspace_id = 1 AND s.id = %s * 1000 + g AND s.status = 'pending' AND s.generation = 0"""


def drop(table, *names):
    return ";".join(f"ALTER TABLE {table} DROP CONSTRAINT {n} CASCADE" for n in names)


def fill(table, factor):
    return f"ALTER TABLE {table} SET (fillfactor = {factor}); CLUSTER {table} USING {table}_pkey"


CONVERSATION_KEY = drop("chats", "chats_workspace_id_conversation_id_fkey")
USER_KEYS = drop("chats", "chats_workspace_id_user_id_fkey", "chats_workspace_id_deleted_by_fkey")
EVERYTHING = ";".join([CONVERSATION_KEY, USER_KEYS, drop("chats", "chats_key", "chats_pkey"), "DROP INDEX chats_conversation",
                       "DROP INDEX chats_client_message"])
SERVICE = "GRANT SELECT ON staging TO blazz_chat_sync; SET LOCAL ROLE blazz_chat_sync"
# (work, its statement, [(change, how)]); the first change of each list is none.
WORKS = [
    ("insert of messages", INSERT, [
        ("as it is", ""),
        ("without the key to conversations", CONVERSATION_KEY),
        ("without the keys to users", USER_KEYS),
        ("without chats_pkey and what refers to it", drop("chats", "chats_pkey")),
        ("without chats_key", drop("chats", "chats_key")),
        ("without chats_conversation", "DROP INDEX chats_conversation"),
        ("without chats_client_message", "DROP INDEX chats_client_message"),
        ("without any key or index", EVERYTHING),
        ("with one more index (sent_at)", "CREATE INDEX ON chats (workspace_id, sent_at)"),
        ("fillfactor 100", "ALTER TABLE chats SET (fillfactor = 100)"),
    ]),
    ("update of conversations", CONVERSATION, [
        ("as it is", ""),
        ("without conversations_list", "DROP INDEX conversations_list"),
        ("without conversations_peer", drop("conversations", "conversations_peer")),
        ("without the unique uuid", drop("conversations", "conversations_workspace_id_uuid_key")),
        ("with an index of contacts alone", "CREATE INDEX ON conversations (workspace_id, contact_id) WHERE contact_id IS NOT NULL"),
    ]),
    ("update of counters alone", COUNTERS, [
        ("as it is", fill("conversations", 70)),
        ("fillfactor 100", fill("conversations", 100)),
    ]),
    ("insert of recipients", RECIPIENTS, [
        ("as it is", ""),
        ("without the key to contacts", drop("sends", "sends_workspace_id_contact_id_fkey")),
        ("without the key to campaigns", drop("sends", "sends_workspace_id_campaign_id_fkey")),
        ("without the partial indexes", "DROP INDEX sends_request, sends_due, sends_retries, sends_order, sends_unresolved"),
        ("with an index of segments", "CREATE INDEX ON sends (workspace_id, campaign_id, segment, id) WHERE campaign_id IS NOT NULL"),
        ("fillfactor 100", fill("sends", 100)),
    ]),
    ("insert of recipients without ON CONFLICT", RECIPIENTS_UNCHECKED, [
        ("as it is", ""),
        ("without sends_recipient", "DROP INDEX sends_recipient"),
        ("without sends_pkey", drop("sends", "sends_pkey")),
    ]),
    ("first results", RESULTS, [
        ("as it is", fill("sends", 50)),
        ("fillfactor 100", fill("sends", 100)),
        ("fillfactor 70", fill("sends", 70)),
        ("with an index of sent_by", fill("sends", 50) + "; CREATE INDEX ON sends (workspace_id, sent_by)"),
    ]),
    ("progress and outbox, as the service", DELIVERY, [
        ("as it is", SERVICE),
        ("without policies", f"ALTER TABLE outbox DISABLE ROW LEVEL SECURITY; ALTER TABLE consumer_progress DISABLE ROW LEVEL SECURITY; {SERVICE}"),
    ]),
    ("insert of messages, as the service", INSERT, [
        ("as it is", SERVICE),
        ("without policies", f"ALTER TABLE chats DISABLE ROW LEVEL SECURITY; {SERVICE}"),
    ]),
    ("status of messages", STATUS, [
        ("as it is", fill("chats", 80)),
        ("fillfactor 100", fill("chats", 100)),
        ("fillfactor 90", fill("chats", 90)),
        ("fillfactor 70", fill("chats", 70)),
    ]),
]


def measure(cursor, statement, change, first_id):
    cursor.execute("BEGIN")
    if change:
        cursor.execute(change)
    seconds = 0.0
    for batch in range(BATCHES):
        started = time.perf_counter()
        if statement is STATUS:
            cursor.execute(statement % {"base": first_id}, (batch, batch))
        elif statement is DELIVERY:
            cursor.execute(statement, {"batch": batch})
        else:
            cursor.execute(statement, (batch,))
        seconds += time.perf_counter() - started
    cursor.execute("ROLLBACK")
    return seconds


def run(conninfo, rounds, messages, word):
    connection = psycopg2.connect(conninfo)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off")
    cursor.execute(SEED, {"rows": messages + BATCH * BATCHES})
    cursor.execute("VACUUM ANALYZE")
    print(f"| | rate, as a multiple | ms per 1,000 |\n|---|---|---|")
    for work, statement, variants in (w for w in WORKS if word in w[0]):
        times = {name: [] for name, _ in variants}
        for _ in range(rounds):
            for name, change in variants:
                cursor.execute("VACUUM chats, conversations, sends")
                cursor.execute("CHECKPOINT")
                times[name].append(measure(cursor, statement, change, BATCH * BATCHES + 1))
        base = times[variants[0][0]]
        for name, _ in variants:
            ratio = statistics.median(b / t for b, t in zip(base, times[name]))
            print(f"| {work}: {name} | {ratio:.2f} | {statistics.median(times[name]) / BATCHES * 1000:.1f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=200_000, help="stored before")
    parser.add_argument("--work", default="", help="only work whose name has this word")
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="blazz-keys.", dir="/tmp")
    try:
        server = subprocess.run(["tools/pg-temp.sh", "start", directory], check=True, capture_output=True, text=True,
                                env=os.environ | {"FSYNC": "on"})
        conninfo = server.stdout.strip()
        where = dict(part.split("=", 1) for part in conninfo.split())
        subprocess.run(["sqitch", "deploy", "db:pg:postgres"], cwd="db", check=True, stdout=subprocess.DEVNULL,
                       env=os.environ | {"PGHOST": where["host"], "PGPORT": where["port"], "PGUSER": "postgres"})
        run(conninfo, options.rounds, options.messages, options.work)
    finally:
        subprocess.run(["tools/pg-temp.sh", "stop", directory], check=False)
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
