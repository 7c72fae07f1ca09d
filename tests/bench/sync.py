#!/usr/bin/python3
"""Initial sync as a bridge sends it: batches of 50 chats, 50 messages each, one POST after the other.

One account, against COPY of the same rows into a table with the same keys and indexes; ten accounts at once while live messages arrive, for
these accounts and for other tenants in their partitions, and fifty readers read chat lists; ten events of one group at once. The targets
of the requirements are beside the figures.

With --against only the ten accounts, with ingest and chat-sync of this tree and of TREE (build/release) in turns, on the same server and
broker; database and topics are those of this tree.

usage: tests/bench/sync.py [--rounds N] [--against TREE] [--chats N]
"""
import argparse
import ctypes
import json
import signal
import statistics
import threading
import time
import uuid
from collections import namedtuple
from pathlib import Path

import live
import psycopg2
import setting
from harness.client import Client, SECRETS, signature
from harness.waiting import wait_for

CHATS, MESSAGES, BATCH = 500, 50, 50
ACCOUNTS, READERS, LIVE_RATE, LIVE_SECONDS, PARTITIONS = 10, 50, 200, 90, 8

# Seconds of the syncs, the readers, and times of live messages of the syncing accounts and of other tenants.
Ten = namedtuple("Ten", "seconds readers own others")

CHAT_LIST = """SELECT v.uuid, v.unread_messages, v.last_message_at, coalesce(c.full_name, g.name) AS name, m.type, m.message_status,
		m.metadata ->> 'body' AS body
	FROM (SELECT * FROM conversations WHERE workspace_id = %(workspace)s AND account_id = %(account)s AND merged_into IS NULL
		ORDER BY last_message_at DESC NULLS LAST, id LIMIT 50) v
	LEFT JOIN contacts c ON c.workspace_id = v.workspace_id AND c.id = v.contact_id
	LEFT JOIN whatsapp_groups g ON g.workspace_id = v.workspace_id AND g.id = v.group_id
	LEFT JOIN chats m ON m.workspace_id = v.workspace_id AND m.id = v.last_message_id
	ORDER BY v.last_message_at DESC NULLS LAST, v.id"""


def chat(account, number):
    phone, newest = f"1917{account:03}{number:04}", int(time.time()) - 3600
    return {"type": "private", "contact_phone": f"{phone}@c.us", "contact_name": f"Customer {number}", "unread_count": 2,
            "last_message": "see you then", "timestamp": newest,
            "messages": [{"id": f"3EB1{account:04X}{number:06X}{m:06X}", "type": "chat", "timestamp": newest - MESSAGES + 1 + m,
                          "from_me": m % 2 == 1, "ack": 3 if m % 2 else None,
                          "body": live.LETTERS[:20 + (number * MESSAGES + m) * 37 % 380]} for m in range(MESSAGES)]}


def batches(account, number, chats):
    """The bodies of a sync, in order."""
    total, sync_id = chats // BATCH, uuid.uuid4().hex
    return [json.dumps({"session_id": account.session, "workspace_id": account.workspace, "sync_id": sync_id, "index": index,
                        "total": total, "last": index == total - 1,
                        "chats": [chat(number, index * BATCH + i) for i in range(BATCH)]}).encode() for index in range(total)]


def post_all(blazz, bodies, route="/api/whatsapp/chats/sync"):
    """Posts the bodies one after the other, and again after a 429."""
    client = Client(blazz.in_.port("http.port_file"))
    for body in bodies:
        while (answer := client.post(route, body, signature("bridge", body))).status == 429:
            time.sleep(int(answer.headers["retry-after"]))
        assert answer.status == 202, answer
    client.close()


def completed(blazz, accounts):
    return blazz.value("SELECT count(*) FROM whatsapp_accounts WHERE uuid = ANY (%s::uuid[]) AND sync ->> 'status' = 'completed'",
                       [a.uuid for a in accounts]) == len(accounts)


def synced(blazz, accounts, bodies):
    """Seconds from the first POST until every account's sync is complete in the database."""
    threads = [threading.Thread(target=post_all, args=(blazz, own)) for own in bodies]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    wait_for(lambda: completed(blazz, accounts), "the syncs are complete", deadline_s=100, every_s=0.02)
    seconds = time.perf_counter() - began
    for thread in threads:
        thread.join()
    return seconds


class Copy:
    """A table like chats, into which COPY writes the rows that a sync stored."""

    def __init__(self, blazz):
        self.blazz, self.file = blazz, "/tmp/blazz-bench-rows." + uuid.uuid4().hex
        blazz.sql("CREATE TABLE chats_copied (LIKE chats INCLUDING ALL)")
        for key in blazz.sql("""SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint
                WHERE conrelid = 'chats'::regclass AND contype = 'f'"""):
            blazz.sql("ALTER TABLE chats_copied ADD " + key["text"])

    def seconds(self, account):
        self.blazz.sql(f"""COPY (SELECT c.* FROM chats c JOIN whatsapp_accounts a ON (a.workspace_id, a.id) = (c.workspace_id,
            c.account_id) WHERE a.uuid = '{account.uuid}' ORDER BY c.id) TO PROGRAM 'cat >{self.file}'""")
        began = time.perf_counter()
        self.blazz.sql(f"COPY chats_copied FROM PROGRAM 'cat {self.file}; rm {self.file}'")
        return time.perf_counter() - began


class Readers:
    """Readers of the chat lists of accounts, once per second each, with the gateway's query."""

    def __init__(self, blazz, accounts, count):
        keys = blazz.sql("SELECT uuid::text, workspace_id AS workspace, id AS account FROM whatsapp_accounts")
        self.keys = [next(k for k in keys if k["uuid"] == a.uuid) for a in accounts]
        self.conninfo, self.ms, self.ended = blazz.conninfo("blazz_gateway"), [], threading.Event()
        self.threads = [threading.Thread(target=self.read, args=(n, count)) for n in range(count)]

    def look(self, cursor, key):
        began = time.perf_counter()
        cursor.execute("SELECT set_config('blazz.workspace_id', %s, true)", (str(key["workspace"]),))
        cursor.execute(CHAT_LIST, key)
        found = cursor.fetchall()
        cursor.connection.commit()
        self.ms.append((time.perf_counter() - began) * 1000)
        return found

    def read(self, number, count):
        connection = psycopg2.connect(self.conninfo)
        due = time.monotonic() + number / count
        while not self.ended.wait(max(0, due - time.monotonic())):
            self.look(connection.cursor(), self.keys[number % len(self.keys)])
            due += 1
        connection.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def percentile(self, share):
        return sorted(self.ms)[min(len(self.ms) - 1, int(len(self.ms) * share))]


def one_account(blazz, rounds):
    """(seconds of each sync, seconds of COPY of the same rows)"""
    copy, ours, theirs = Copy(blazz), [], []
    for number in range(rounds):
        account = live.add_accounts(blazz, 1, 1, f"one-{number}")[0]
        ours.append(synced(blazz, [account], [batches(account, number, CHATS)]))
        assert len(blazz.messages(account.uuid)) == CHATS * MESSAGES
        theirs.append(copy.seconds(account))
    return ours, theirs


def thousand(blazz):
    workspace = blazz.add_workspace("big", sync={"max_chats": 0})
    account = live.Account(workspace, "big", blazz.add_account(workspace, SECRETS["bridge"], session="big", provider="webjs",
                                                               bridge="blazz"))
    seconds = synced(blazz, [account], [batches(account, 100, 1000)])
    assert len(blazz.messages(account.uuid)) == 1000 * MESSAGES
    with Readers(blazz, [account], 0) as readers:
        connection = psycopg2.connect(readers.conninfo)
        for _ in range(200):
            assert len(readers.look(connection.cursor(), readers.keys[0])) == 50
        connection.close()
    return seconds, readers


def partition(account):
    """The partition of the account's events, as producers choose it."""
    key = f"{account.workspace}:{account.uuid}".encode()
    return ctypes.CDLL("librdkafka.so.1").rd_kafka_msg_partitioner_murmur2(None, key, ctypes.c_size_t(len(key)), PARTITIONS, None, None)


def ten_accounts(blazz, number, chats=CHATS):
    """`number`: how many accounts have synced before."""
    accounts = live.add_accounts(blazz, 5, ACCOUNTS // 5, f"ten-{number}")
    there = {partition(a) for a in accounts}
    others = [a for a in live.add_accounts(blazz, 20, 1, f"other-{number}") if partition(a) in there]
    bodies = [batches(a, number + n, chats) for n, a in enumerate(accounts)]
    kinds = [live.Traffic(blazz, accounts, 50), live.Traffic(blazz, others, 50, first=10**7)]
    running = [t.start(LIVE_RATE // 2, LIVE_SECONDS) for t in kinds]
    with Readers(blazz, accounts, READERS) as readers:
        seconds = synced(blazz, accounts, bodies)
    for process in running:
        process.send_signal(signal.SIGTERM)
    found = [t.finish(process)["chat-event"] for t, process in zip(kinds, running)]
    assert not any(f["missing"] for f in found), found
    blazz.wait_processed(120)
    return Ten(seconds, readers, *(f["read"] for f in found))


def ten_rows(label, ten):
    yield [f"{ACCOUNTS * CHATS:,} chats, {ACCOUNTS} accounts, {READERS} readers, live messages; {label}", "", f"{ten.seconds:.1f} s"]
    yield ["… chat list of a reader: p50, p99, slowest", "500 ms",
           ", ".join(f"{ten.readers.percentile(p):.1f}" for p in (0.5, 0.99, 1)) + f" ms of {len(ten.readers.ms)}"]
    for whose, times in (("the syncing accounts", ten.own), ("other tenants in their partitions", ten.others)):
        yield [f"… a live message of {whose} ({LIVE_RATE // 2} a second) from POST to chat event: p50, p99, slowest", "2 s", times_text(times)]


def times_text(times):
    return f"{times['p50']:.0f}, {times['p99']:.0f}, {times['max']:.0f} ms"


def group_at_once(blazz):
    """Milliseconds from ten POSTs at once, each on a connection of its own, until all ten are in the database."""
    account, jid = live.add_accounts(blazz, 1, 1, "group")[0], "120363012345678901@g.us"
    bodies = [json.dumps({"session_id": account.session, "workspace_id": account.workspace, "chat_type": "group",
                          "group_jid": jid, "group_name": "Ops", "sender_phone": f"1650777{n:04}@c.us", "sender_name": f"Ana {n}",
                          "message_body": "now", "message_type": "chat", "timestamp": int(time.time()), "has_media": False,
                          "id": f"3EB2{n:016X}"}).encode() for n in range(10)]
    threads = [threading.Thread(target=post_all, args=(blazz, [b], "/api/whatsapp/webhook")) for b in bodies]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    wait_for(lambda: blazz.value("""SELECT count(*) FROM chats c JOIN whatsapp_accounts a ON (a.workspace_id, a.id) =
        (c.workspace_id, c.account_id) WHERE a.uuid = %s""", account.uuid) == 10, "ten messages are stored", every_s=0.002)
    ms = (time.perf_counter() - began) * 1000
    for thread in threads:
        thread.join()
    assert {m["group_jid"] for m in blazz.messages(account.uuid)} == {jid}
    assert blazz.value("SELECT count(*) FROM whatsapp_groups WHERE group_jid = %s", jid) == 1
    return ms


def run(rounds):
    print(setting.machine())
    with setting.stack(PARTITIONS) as blazz:
        live.start(blazz, {"limits.sync_burst": 1000})
        ours, theirs = one_account(blazz, rounds)
        seconds = statistics.median(ours)
        big_s, lists = thousand(blazz)
        setting.table(
            ["one account", "target", "measured"],
            ["500 chats of 50 messages", "60 s", f"{seconds:.1f} s"],
            ["the same, as a share of COPY's rate", "", setting.ratio(theirs, ours)],
            ["chats a second", "10 to 20", f"{CHATS / seconds:.0f}"],
            ["1,000 chats", "300 s", f"{big_s:.1f} s"],
            ["chat list at 50,000 messages, nothing else running: p50, p99", "500 ms",
             f"{lists.percentile(0.5):.2f}, {lists.percentile(0.99):.2f} ms"],
            ["10 events of one group at once, until all are stored", "", f"{group_at_once(blazz):.0f} ms"])
        alone = live.Traffic(blazz, live.add_accounts(blazz, 5, 2), 50).run(LIVE_RATE, 10)["chat-event"]["read"]
        at_once = ten_accounts(blazz, 200)
        setting.table(["ten accounts at once", "target", "measured"], ["a live message when nothing else runs", "2 s", times_text(alone)],
                      *ten_rows("as fast as they can", at_once))
        blazz.in_.stop()
        blazz.in_.settings |= {"limits.sync_burst": BATCH}
        blazz.in_.start()
        paced = ten_accounts(blazz, 300)
        setting.table(["ten accounts, paced", "target", "measured"],
                      *ten_rows(f"limits.sync_burst = {BATCH}, so 10 chats a second each", paced))
        blazz.check_invariants()


def compare(rounds, tree, chats):
    print(setting.machine(), "against", tree.name)
    with setting.stack(PARTITIONS) as blazz:
        live.start(blazz, {"limits.sync_burst": 1000})
        ours, theirs = [], []
        turns = ((theirs, tree / "build/release/bin", 200), (ours, blazz.sync.programs, 210))
        for number in range(rounds):
            for results, programs, first in turns:
                for service in (blazz.in_, blazz.sync):
                    service.stop()
                    service.programs = programs
                    service.start()
                results.append(ten_accounts(blazz, first + number * 2 * ACCOUNTS, chats))
        rows = {"the syncs, s": lambda ten: ten.seconds, "chat list of a reader, p99, ms": lambda ten: ten.readers.percentile(0.99)}
        for whose in ("own", "others"):
            for p in ("p50", "p99", "max"):
                rows[f"live message, {whose}, {p}, ms"] = lambda ten, whose=whose, p=p: getattr(ten, whose)[p]
        setting.table([f"{ACCOUNTS} accounts of {chats} chats at once, medians of {rounds}", "against", "this tree", "of it"],
                      *([name, f"{statistics.median(map(of, theirs)):.1f}", f"{statistics.median(map(of, ours)):.1f}",
                         setting.ratio(list(map(of, ours)), list(map(of, theirs)))] for name, of in rows.items()))
        blazz.check_invariants()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", type=Path, metavar="TREE")
    parser.add_argument("--chats", type=int, default=CHATS, help="of each of ten accounts, with --against; a multiple of 50")
    options = parser.parse_args()
    if options.against:
        compare(options.rounds, options.against.resolve(), options.chats)
    else:
        run(options.rounds)


if __name__ == "__main__":
    main()
