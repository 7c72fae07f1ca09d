"""The job retention: messages that are older than their workspace keeps them go, while chat-sync works and whoever leads."""
import json
import os
import threading
import time

import pytest
from blazz.v1 import common_pb2 as common
from harness.cleanup import CLEANUP, Cleanup, JobRequest
from harness.events import Source
from harness.waiting import wait_for

DAY = 86400
PHONES = [f"1650555{i:04}" for i in range(6)]
RETENTION = json.dumps({"retention": {"messages_days": 30}})
OLD = "sent_at < now() - interval '30 days'"


@pytest.fixture
def stack(make_blazz):
    """Acme, which keeps messages for 30 days, and Beta, which keeps them for ever, in one partition."""
    stack = make_blazz(partitions=1)
    stack.acme, stack.beta = (tenant(stack, name) for name in ("acme", "beta"))
    stack.start_chat_sync(cache__ttl="100ms", parked__ttl="500ms")
    return stack


def tenant(stack, name):
    workspace = stack.add_workspace(name)
    return Source(workspace, stack.add_account(workspace, "secret", session=name, provider="webjs", bridge="blazz"))


def cleanup(stack, label="cleanup", failpoint=None, **settings):
    settings = {"jobs.retention.enabled": False} | {k.replace("__", "."): v for k, v in settings.items()}
    return stack.service("cleanup", CLEANUP | {"bridges.webhook_base": "http://127.0.0.1:9"} | settings, label, failpoint=failpoint)


def ago(days, more=0):
    return int(time.time()) - days * DAY + more


def conversations(source):
    """In each conversation messages of both directions, half of them old; all of the contact's are unread."""
    for i, phone in enumerate(PHONES):
        for n in range(6):
            yield source.message(f"3EB0I{i}{n}", phone, at=ago(60 if n < 3 else 5, n))
            yield source.message(f"3EB0O{i}{n}", phone, at=ago(59 if n < 3 else 4, n), out=True)


def old(stack, source, condition="true"):
    return stack.value(f"SELECT count(*) FROM chats c JOIN workspaces w ON w.id = c.workspace_id WHERE w.uuid = %s AND {OLD} AND {condition}",
                       source.workspace)


def run(stack, *options):
    done = stack.ctl("cleanup", "run", "retention", *options)[0]
    return done["found"], done["acted"]


class Traffic(threading.Thread):
    """New messages, and late statuses and edits of old ones, until it is stopped."""

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.stack, self.ended, self.sent, self.error = stack, threading.Event(), 0, None

    def run(self):
        try:
            while not self.ended.is_set():
                n, source = self.sent, self.stack.acme
                phone, i = PHONES[n % len(PHONES)], n % len(PHONES)
                self.stack.publish([
                    source.message(f"3EB0L{n}", phone, at=time.time()),
                    source.status(f"3EB0O{i}{n % 6}", common.MESSAGE_STATUS_READ, at=time.time(), phone=phone),
                    source.edit(f"3EB0I{i}{n % 6}", f"edited {n}", at=time.time(), phone=phone),
                    source.reaction(f"3EB0O{i}{n % 6}", "👍" if n % 2 else "🙏", at=time.time(), phone=phone, out=True)])
                self.sent += 1
        except Exception as e:  # shown by the test
            self.error = e

    def stop(self):
        self.ended.set()
        self.join(60)
        assert self.error is None, self.error


def test_old_messages_go_while_chat_sync_works(stack):
    stack.publish([*conversations(stack.acme), *conversations(stack.beta)])
    stack.wait_processed()
    cleanup(stack).start()
    stack.ctl("workspaces", "set", stack.acme.workspace, "--settings", RETENTION)
    assert run(stack, "--workspace", "beta") == (0, 0)
    assert run(stack, "--dry-run") == (18, 0)
    explained = {row["job"]: row["found"] for row in stack.ctl("cleanup", "explain", stack.acme.workspace)["jobs"]}
    assert explained == {"retention": 18, "recount": 0, "orphans": 0, "erasure": 0, "workspaces": 0}
    assert "no such account or workspace" in stack.ctl_run("cleanup", "explain", "nobody").stderr
    traffic = Traffic(stack)
    traffic.start()
    wait_for(lambda: traffic.sent > 5, "traffic", 20)
    found = acted = 0
    for _ in range(50):  # a message that is being changed is left for the next run
        once = run(stack)
        found, acted = found + once[0], acted + once[1]
        if old(stack, stack.acme) == 0:
            break
    traffic.stop()
    stack.wait_processed()
    assert acted == 36, (found, acted)
    wait_for(lambda: stack.value("SELECT count(*) FROM parked_updates") == 0, "late updates expire", 20)
    stack.wait_processed()
    assert run(stack) == (0, 0)
    # What is young, unread or Beta's is there; unread are those in the last 30 days.
    assert old(stack, stack.beta) == 36
    assert stack.value("SELECT count(*) FROM chats") == 72 + 36 + traffic.sent
    assert stack.value("""SELECT sum(unread_messages) FROM conversations v JOIN workspaces w ON w.id = v.workspace_id WHERE w.uuid = %s""",
                       stack.acme.workspace) == 18 + traffic.sent
    stack.check_invariants()
    stack.check_chat_events()
    # Updates of messages that were deleted are no gap, and no dead letters.
    assert stack.value("SELECT count(*) FROM whatsapp_accounts WHERE sync -> 'resync' = 'true'") == 0
    assert stack.dead_letters() == []


def test_a_history_or_a_sync_does_not_bring_old_messages_back(stack):
    stack.ctl("workspaces", "set", "acme", "--settings", RETENTION)
    for source in (stack.acme, stack.beta):
        stack.publish([source.message("3EB0A", PHONES[0], at=ago(31), origin=common.ORIGIN_HISTORY),
                       source.message("3EB0B", PHONES[0], at=ago(31)),
                       source.message("3EB0C", PHONES[0], at=ago(29), origin=common.ORIGIN_HISTORY)])
    stack.wait_processed()
    keys = {row["account"]: set() for row in stack.messages()}
    for row in stack.messages():
        keys[row["account"]].add(row["message_key"])
    assert keys == {stack.acme.account: {"false:3EB0C"}, stack.beta.account: {"false:3EB0A", "false:3EB0B", "false:3EB0C"}}
    assert sum(r["filtered"] for r in stack.sql("SELECT filtered FROM consumer_progress WHERE consumer = 'chat-sync'")) == 2
    stack.check_invariants()
    assert stack.dead_letters() == []


def many_old_messages(stack, n=5000):
    """Of Acme, beside one that is young."""
    stack.publish([stack.acme.message("3EB0F", PHONES[0], out=True, at=ago(1))])
    stack.wait_processed()
    stack.sql("""INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin, metadata, sent_at)
        SELECT workspace_id, -g, account_id, conversation_id, 'true:' || g, 'outbound', 'text', 'sent', 'live', '{}', now() - interval '40 days' - g * interval '1 s'
        FROM chats, generate_series(1, %s) g""", n)
    stack.ctl("workspaces", "set", "acme", "--settings", RETENTION)


def test_a_run_pauses_while_chat_sync_lags(stack):
    many_old_messages(stack, 15_000)
    stack.sync.stop()
    stack.publish([stack.beta.message("3EB0B", PHONES[0], at=ago(1))] * 10_500)
    cleanup(stack, jobs__retention__enabled=True, jobs__duty=5).start()
    wait_for(lambda: [j for j in stack.ctl("cleanup", "list") if j["paused"] == "chat_sync"], lambda: stack.ctl("cleanup", "list"), 60)
    left = old(stack, stack.acme)
    assert 0 < left < 15_000
    time.sleep(3)
    assert old(stack, stack.acme) == left
    stack.start_chat_sync()
    wait_for(lambda: old(stack, stack.acme) == 0, lambda: stack.ctl("cleanup", "list"), 200)


@pytest.mark.parametrize("failpoint", ("row_step_before_commit", "row_step_after_commit"))
def test_the_next_leader_goes_on_where_the_last_one_was_killed(stack, failpoint):
    short = {"lease__ttl": "1500ms", "lease__renew": "300ms", "jobs__retention__enabled": True}
    many_old_messages(stack)
    first = cleanup(stack, "first", failpoint=f"{failpoint}:kill@3", **short).start(wait_ready=False)
    assert first.wait_end(60) == -9, first.log_tail()
    left = old(stack, stack.acme)
    row = stack.sql("SELECT result, cursor, acted FROM cleanup_jobs WHERE name = 'retention'")[0]
    assert 0 < left < 5000 and row["result"] == "running" and row["cursor"] != "" and row["acted"] == 5000 - left
    second = cleanup(stack, "second", **short).start()
    wait_for(lambda: stack.value("SELECT result FROM cleanup_jobs WHERE name = 'retention'") == "done",
             lambda: f"{stack.ctl('cleanup', 'list')}\n{second.log_tail()}", 60)
    row = stack.sql("SELECT found, acted FROM cleanup_jobs WHERE name = 'retention'")[0]
    assert row == {"found": 5000, "acted": 5000} and old(stack, stack.acme) == 0
    assert stack.value("SELECT count(*) FROM chats") == 1
    stack.check_invariants()


# Stored messages of three workspaces; RETENTION_MESSAGES=1000000 for the full size.
MESSAGES = int(os.environ.get("RETENTION_MESSAGES", 6000))
KEPT_DAYS = {"acme": 30, "beta": None, "gamma": 90}


def fill(stack):
    """In each conversation as many messages, of which every other one is 100 days old; the others are young everywhere."""
    each = MESSAGES // stack.value("SELECT count(*) FROM conversations")
    stack.sql("""INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin, metadata, sent_at)
        SELECT v.workspace_id, 1000000000 + v.id * 10000000 + g, v.account_id, v.id, 'true:' || g, 'outbound', 'text', 'sent', 'live', '{}',
            now() - CASE g %% 2 WHEN 0 THEN interval '100 days' ELSE interval '5 days' END + g * interval '1 ms'
        FROM conversations v, generate_series(1, %s) g""", each)
    stack.sql("ANALYZE")


class EverythingAtOnce(Traffic):
    """Of three workspaces: new messages, late statuses and edits of messages young and old, syncs that bring old ones back, and people whose two contacts merge."""

    def run(self):
        try:
            while not self.ended.wait(0.05):
                self.stack.publish([e for s in self.stack.sources for e in self.turn(s, self.sent)])
                self.sent += 1
        except Exception as e:  # shown by the test
            self.error = e

    @staticmethod
    def turn(source, n):
        i, lid = n % len(PHONES), f"77{n:06}"
        stranger = f"1650666{n:04}"
        yield source.message(f"3EB0L{n}", PHONES[i], at=time.time())
        yield source.status(f"3EB0O{i}{n % 6}", common.MESSAGE_STATUS_READ if n % 2 else common.MESSAGE_STATUS_DELIVERED, at=time.time(), phone=PHONES[i])
        yield source.status(str(n % 40 + 1), common.MESSAGE_STATUS_READ, at=time.time(), phone=PHONES[i])
        yield source.edit(f"3EB0I{i}{n % 6}", f"edited {n}", at=time.time(), phone=PHONES[i])
        yield source.message(f"3EB0I{i}0", PHONES[i], at=ago(100), origin=common.ORIGIN_HISTORY)
        yield source.message(str(n % 40 // 2 * 2 + 2), PHONES[i], at=ago(100), out=True, origin=common.ORIGIN_SYNC)
        yield source.message(f"3EB0S{n}", stranger, at=time.time())
        yield source.message(f"3EB0T{n}", lid=lid, phone=None, at=time.time())
        yield source.alias(stranger, lid, at=time.time())


def ages(stack):
    """{(name of the workspace, whether the message is as old as that allows): ids}, of what was stored before the traffic."""
    found = {}
    for name, days in KEPT_DAYS.items():
        for r in stack.sql("""SELECT c.sent_at < now() - make_interval(days => %s) AS old, array_agg(c.id) AS ids FROM chats c
            JOIN workspaces w ON w.id = c.workspace_id WHERE w.name = %s GROUP BY 1""", days or 100000, name):
            found[name, r["old"]] = set(r["ids"])
    return found


def ranks(stack, ids):
    order = "array_position('{pending,sent,delivered,read,played}'::text[], message_status)"
    rows = stack.sql(f"SELECT id, {order} AS rank FROM chats JOIN unnest(%s::bigint[]) AS id USING (id) WHERE type = 'outbound'", list(ids))
    return {r["id"]: r["rank"] for r in rows}


def test_retention_deletes_what_is_due_and_nothing_else_beside_everything_at_once(stack):
    stack.sources = [stack.acme, stack.beta, tenant(stack, "gamma")]
    stack.publish([e for s in stack.sources for e in conversations(s)])
    stack.wait_processed()
    fill(stack)
    for name, days in KEPT_DAYS.items():
        stack.ctl("workspaces", "set", name, "--settings", json.dumps({"retention": {"messages_days": days}}))
    before = ages(stack)
    kept = set().union(*(ids for (_, is_old), ids in before.items() if not is_old))
    due = set().union(*(ids for (_, is_old), ids in before.items() if is_old))
    assert len(due) > MESSAGES // 4 and len(kept) > MESSAGES // 2 and ("beta", True) not in before
    statuses = ranks(stack, kept)
    leader = Cleanup(stack, stub=None)
    cleanup(stack).start()
    traffic = EverythingAtOnce(stack)
    traffic.start()
    wait_for(lambda: traffic.sent > 5, "traffic", 20)
    acted = 0
    for _ in range(50):  # unread messages are marked as read first, and a message that is being changed is left for the next run
        acted += JobRequest(leader, "retention").answer(1800)["acted"]
        if not left_of(stack, due):
            break
    wait_for(lambda: traffic.sent > 40, "everything was sent while, or before, messages went", 60)
    traffic.stop()
    stack.wait_processed(300)
    assert not left_of(stack, due) and acted == len(due)
    assert stack.value("SELECT count(*) FROM unnest(%s::bigint[]) AS kept (id) WHERE NOT EXISTS (SELECT FROM chats c WHERE c.id = kept.id)", list(kept)) == 0
    after = ranks(stack, kept)
    assert all(after[i] >= rank for i, rank in statuses.items()) and any(after[i] > rank for i, rank in statuses.items())
    wait_for(lambda: stack.value("SELECT count(*) FROM conversations WHERE merged_into IS NOT NULL") + stack.value(
        "SELECT count(*) FROM contacts WHERE merged_into IS NOT NULL") > 0, "contacts were merged", 20)
    wait_for(lambda: stack.value("SELECT count(*) FROM parked_updates") == 0, "late updates expire", 60)
    stack.wait_processed()
    assert JobRequest(leader, "retention").answer() == {"found": 0, "acted": 0}
    stack.check_invariants()
    stack.check_chat_events()
    assert stack.value("SELECT count(*) FROM whatsapp_accounts WHERE id NOT IN (SELECT a.id FROM whatsapp_accounts a JOIN workspaces w"
                       " ON w.id = a.workspace_id WHERE w.name = 'beta') AND sync -> 'resync' = 'true'") == 0
    assert stack.dead_letters() == [], "updates of messages that have gone are dropped"


def left_of(stack, ids):
    return stack.value("SELECT count(*) FROM chats JOIN unnest(%s::bigint[]) AS id USING (id)", list(ids))
