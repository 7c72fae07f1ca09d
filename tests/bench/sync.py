#!/usr/bin/python3
"""Initial sync as a bridge sends it: batches of 50 chats, 50 messages each, one POST after the other.

One account, against COPY of the same rows into a table with the same keys and indexes; ten accounts at once while live
messages come in and fifty people read their chat lists; ten events of one group at once. The requirements' targets stand beside
the figures.

usage: tests/bench/sync.py [--rounds N]
"""
import argparse
import json
import signal
import statistics
import threading
import time
import uuid

import live
import psycopg2
import setting
from harness.client import Client, SECRETS, signature
from harness.waiting import wait_for

CHATS, MESSAGES, BATCH = 500, 50, 50
ACCOUNTS, READERS, LIVE_RATE, LIVE_SECONDS = 10, 50, 200, 90

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
    """The bodies of one sync, in order."""
    total, sync_id = chats // BATCH, uuid.uuid4().hex
    return [json.dumps({"session_id": account.session, "workspace_id": account.workspace, "sync_id": sync_id, "index": index,
                        "total": total, "last": index == total - 1,
                        "chats": [chat(number, index * BATCH + i) for i in range(BATCH)]}).encode() for index in range(total)]


def post_all(blazz, bodies, route="/api/whatsapp/chats/sync"):
    """One after the other; who is told to wait waits."""
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
    """A table like chats, for COPY of the rows that a sync stored."""

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
    """People who look at their account's chat list once a second, as the gateway reads it."""

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


def ten_accounts(blazz, traffic, number):
    """(seconds, readers, times of live messages meanwhile)"""
    accounts = live.add_accounts(blazz, 5, ACCOUNTS // 5, f"ten-{number}")
    bodies = [batches(a, number + n, CHATS) for n, a in enumerate(accounts)]
    messages = traffic.start(LIVE_RATE, LIVE_SECONDS)
    with Readers(blazz, accounts, READERS) as readers:
        seconds = synced(blazz, accounts, bodies)
    messages.send_signal(signal.SIGTERM)
    found = traffic.finish(messages)["chat-event"]["read"]
    blazz.settle(120)
    return seconds, readers, found


def ten_rows(label, found):
    seconds, readers, event = found
    yield [f"5,000 chats, 10 accounts, {READERS} readers, live messages; {label}", "", f"{seconds:.1f} s"]
    yield ["… chat list of a reader: p50, p99, slowest", "500 ms",
           ", ".join(f"{readers.percentile(p):.1f}" for p in (0.5, 0.99, 1)) + f" ms of {len(readers.ms)}"]
    yield [f"… a live message ({LIVE_RATE} a second) from POST to chat event: p50, p99, slowest", "2 s", told(event)]


def told(times):
    return f"{times['p50']:.0f}, {times['p99']:.0f}, {times['max']:.0f} ms"


def group_at_once(blazz):
    """ms from ten POSTs at once, each on its own connection, until all ten are in the database."""
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
        (c.workspace_id, c.account_id) WHERE a.uuid = %s""", account.uuid) == 10, "ten messages", every_s=0.002)
    ms = (time.perf_counter() - began) * 1000
    for thread in threads:
        thread.join()
    assert {m["group_jid"] for m in blazz.messages(account.uuid)} == {jid}
    assert blazz.value("SELECT count(*) FROM whatsapp_groups WHERE group_jid = %s", jid) == 1
    return ms


def run(rounds):
    print(setting.machine())
    with setting.stack() as blazz:
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
        traffic = live.Traffic(blazz, live.add_accounts(blazz, 5, 2), contacts=50)
        alone = traffic.run(LIVE_RATE, 10)["chat-event"]["read"]
        at_once = ten_accounts(blazz, traffic, 200)
        setting.table(["ten accounts at once", "target", "measured"], ["a live message when nothing else runs", "2 s", told(alone)],
                      *ten_rows("as fast as they can", at_once))
        blazz.in_.stop()
        blazz.in_.settings |= {"limits.sync_burst": BATCH}
        blazz.in_.start()
        paced = ten_accounts(blazz, traffic, 300)
        setting.table(["ten accounts, paced", "target", "measured"],
                      *ten_rows(f"limits.sync_burst = {BATCH}, so 10 chats a second each", paced))
        blazz.check_invariants()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    run(parser.parse_args().rounds)


if __name__ == "__main__":
    main()
