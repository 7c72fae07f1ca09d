"""A phone and a LID with a long conversation turn out to be one person: the conversations merge in slices, and the other tenants of the
partition are served meanwhile."""
import time

import pytest
from harness.events import T0, Source
from harness.waiting import wait_for

MANY = 60_000
PHONE, LID = "16505551234", "901"
STORED_S = 2.0


@pytest.fixture
def stack(make_blazz):
    """Acme and Beta in one partition."""
    stack = make_blazz(partitions=1)
    stack.acme, stack.beta = (tenant(stack, name) for name in ("acme", "beta"))
    return stack


def tenant(stack, name):
    workspace = stack.add_workspace(name)
    return Source(workspace, stack.add_account(workspace, "secret", session=name, provider="webjs", bridge="blazz"))


def store_history(stack):
    """Stores MANY messages in the conversation with the LID, as if each had been received."""
    stack.publish([stack.acme.message("3EB0P", PHONE, at=T0 + MANY), stack.acme.message("3EB0L", None, lid=LID, at=T0),
                   stack.beta.message("3EB0B", PHONE)])
    stack.wait_processed()
    stack.sql("""INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, wam_id, type, message_type, message_status, origin,
                     metadata, sent_at)
        SELECT c.workspace_id, -g, c.account_id, c.conversation_id, 'false:3EB0L' || g, '3EB0L' || g, 'inbound', 'text', 'delivered', 'live',
            '{"body": "hello"}', to_timestamp(%s + g) FROM chats c, generate_series(1, %s) g WHERE c.message_key = 'false:3EB0L'""",
              T0, MANY)
    stack.sql("UPDATE conversations v SET unread_messages = (SELECT count(*) FROM chats c WHERE c.conversation_id = v.id)")


def publish_alias(stack):
    stack.publish([stack.acme.alias(PHONE, LID, at=T0 + MANY + 1)])


def merge_is_pending(stack):
    return stack.value("SELECT count(*) FROM conversation_merges") > 0


def messages_to_move(stack):
    return stack.value("SELECT count(*) FROM chats c JOIN conversations v ON v.id = c.conversation_id WHERE v.merged_into IS NOT NULL")


def beta_is_served(stack, n):
    began = time.monotonic()
    stack.publish([stack.beta.message(f"3EB0B{n}", PHONE, at=T0 + n)])
    wait_for(lambda: stack.sql("SELECT 1 FROM chats WHERE message_key = %s", f"false:3EB0B{n}"), "Beta's message is stored", 20)
    took = time.monotonic() - began
    assert took <= STORED_S, f"Beta's message was stored after {took:.1f} s"


def check_end(stack, beta, more=0):
    wait_for(lambda: not merge_is_pending(stack) and messages_to_move(stack) == 0, "all messages are moved", 60)
    stack.wait_processed()
    rows = stack.sql("""SELECT count(*) AS messages, count(DISTINCT message_key) AS keys, count(DISTINCT conversation_id) AS conversations
        FROM chats c JOIN whatsapp_accounts a ON a.id = c.account_id WHERE a.uuid = %s""", stack.acme.account)[0]
    assert rows == {"messages": MANY + 2 + more, "keys": MANY + 2 + more, "conversations": 1}
    stack.check_invariants()
    events = stack.check_chat_events()
    merged = [e for e in events if e.WhichOneof("event") == "contact_merged"]
    assert len(merged) == 1
    assert [e for e in events if e.conversation_id == merged[0].conversation_id][-1] == merged[0]
    assert sum(e.WhichOneof("event") == "message_created" for e in events) == 3 + beta + more
    assert stack.dead_letters() == []


def test_a_long_conversation_merges_while_others_are_served(stack):
    """No statement takes longer than a second."""
    stack.start_chat_sync(postgres__statement_timeout="1s")
    store_history(stack)
    publish_alias(stack)
    wait_for(lambda: merge_is_pending(stack), "the merge begins", 20)
    n = 0
    while merge_is_pending(stack):
        n += 1
        beta_is_served(stack, n)
    assert n > 2
    assert "57014" not in stack.sync.log() and "timeout" not in stack.sync.log()
    check_end(stack, n)


def test_kill_9_between_slices_loses_and_duplicates_nothing(stack):
    stack.start_chat_sync(postgres__statement_timeout="1s")
    store_history(stack)
    stack.sync.stop()
    sync = stack.chat_sync(label="killed", postgres__statement_timeout="1s")
    publish_alias(stack)
    remaining = MANY
    for nth in (12, 13):  # some slices later, before a commit and after one
        sync.start(wait_ready=False, failpoint=f"{'batch_commit' if nth == 12 else 'batch_committed'}:kill@{nth}")
        assert sync.wait_end(60) == -9, sync.log_tail()
        assert 0 < messages_to_move(stack) < remaining
        remaining = messages_to_move(stack)
    # A duplicate of a message that is still to be moved, and a new one.
    stack.publish([stack.acme.message("3EB0L7", None, lid=LID, at=T0 + 7), stack.acme.message("3EB0N", None, lid=LID, at=T0 + MANY + 5)])
    sync.start(wait_ready=False, failpoint="batch_applied:kill@1")
    assert sync.wait_end(60) == -9, sync.log_tail()
    sync.start()
    check_end(stack, 0, more=1)
