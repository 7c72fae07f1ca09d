"""Tenants and accounts that share a group, a chat or a partition: neither sees data of the other or is delayed by it."""
import time

import pytest
from blazz.v1 import common_pb2 as common
from harness.events import T0, Source
from harness.waiting import wait_for

GROUP = "120363012345678901@g.us"


@pytest.fixture
def two(blazz):
    """Two workspaces with an account each, and one chat-sync."""
    blazz.sources = []
    for name in ("acme", "globex"):
        workspace = blazz.add_workspace(name)
        account = blazz.add_account(workspace, "secret", session=f"{name}-1", provider="webjs", bridge="blazz")
        blazz.sources.append(Source(workspace, account))
    blazz.start_chat_sync()
    return blazz


def per_workspace(stack, table):
    return {r["uuid"]: r["count"] for r in stack.sql(
        f"SELECT w.uuid::text, count(*) FROM {table} t JOIN workspaces w ON w.id = t.workspace_id GROUP BY 1")}


def test_two_tenants_in_one_group_have_a_group_each(two):
    a, b = two.sources
    change = b.event("group_change", "subject", at=T0 + 5)
    change.group_change.group.jid, change.group_change.text = GROUP, "Only globex sees this name"
    change.group_change.action = change.group_change.ACTION_SUBJECT
    # The same message, as both sessions receive it.
    two.publish([s.message("3EB0GROUP", group=GROUP, sender="6281298765432", body="hi all") for s in (a, b)] + [change])
    two.wait_processed()
    assert per_workspace(two, "whatsapp_groups") == {a.workspace: 1, b.workspace: 1}
    assert per_workspace(two, "chats") == {a.workspace: 1, b.workspace: 1}
    assert per_workspace(two, "contacts") == {a.workspace: 1, b.workspace: 1}
    names = {r["uuid"]: r["name"] for r in two.sql(
        "SELECT w.uuid::text, g.name FROM whatsapp_groups g JOIN workspaces w ON w.id = g.workspace_id")}
    assert names == {a.workspace: GROUP, b.workspace: "Only globex sees this name"}
    for record, event in two.chat_events():
        assert record.key.decode().split(":")[0] == event.workspace_id
        if b"Only globex" in record.value:
            assert event.workspace_id == b.workspace


def test_two_accounts_that_message_each_other_keep_a_copy_each(two):
    """A stanza id is the same on both ends of a chat."""
    a, b = two.sources
    two.publish([a.message("3EB0BOTH", phone="15550000002", body="hello", out=True),
                 b.message("3EB0BOTH", phone="15550000001", body="hello"),
                 a.status("3EB0BOTH", common.MESSAGE_STATUS_READ, phone="15550000002")])
    two.wait_processed()
    rows = {m["account"]: m for m in two.messages()}
    assert rows[a.account]["type"] == "outbound" and rows[a.account]["message_status"] == "read"
    assert rows[b.account]["type"] == "inbound" and rows[b.account]["message_status"] == "delivered"


def test_two_accounts_of_one_workspace_that_message_each_other(blazz):
    workspace = blazz.add_workspace()
    a, b = (Source(workspace, blazz.add_account(workspace, "secret", session=f"s{i}", provider="webjs", bridge="blazz",
                                                phone=f"1555000000{i}")) for i in (1, 2))
    blazz.start_chat_sync()
    blazz.publish([a.message("3EB0BOTH", phone="15550000002", out=True), b.message("3EB0BOTH", phone="15550000001")])
    blazz.wait_processed()
    assert sorted(m["message_key"] for m in blazz.messages()) == ["false:3EB0BOTH", "true:3EB0BOTH"]
    assert blazz.counts()["conversations"] == 2


def test_an_event_that_names_another_workspaces_account_is_rejected(two):
    a, b = two.sources
    forged = a.message("3EB0FORGED", body="for globex")
    forged.account_id = b.account
    two.publish([forged])
    two.wait_processed()
    assert two.messages() == []
    assert [r.headers["x-dlq-reason"] for r in two.dead_letters()] == ["unknown_reference"]


def test_events_of_a_deleted_account_are_filtered_until_it_is_restored(two):
    a, b = two.sources
    two.sql("UPDATE whatsapp_accounts SET deleted_at = now() WHERE uuid = %s", a.account)
    two.sql("UPDATE workspaces SET deleted_at = now() WHERE uuid = %s", b.workspace)
    two.publish([s.message("3EB0LATE", body="too late") for s in (a, b)])
    two.wait_processed()
    assert two.messages() == [] and two.dead_letters() == []
    assert two.value("SELECT sum(filtered) FROM consumer_progress") == 2
    two.sql("UPDATE whatsapp_accounts SET deleted_at = NULL")
    two.sql("UPDATE workspaces SET deleted_at = NULL")
    two.publish([s.message("3EB0BACK", body="back") for s in (a, b)])
    two.wait_processed()
    assert [m["message_key"] for m in two.messages()] == ["false:3EB0BACK"] * 2, "although cache.ttl has not passed"
    two.check_invariants()


def test_row_level_security_shows_a_tenant_its_own_rows_only(two):
    a, b = two.sources
    two.publish([s.message("3EB0RLS", body="x") for s in (a, b)])
    two.wait_processed()
    ids = {r["uuid"]: r["id"] for r in two.sql("SELECT uuid::text, id FROM workspaces")}
    import psycopg2
    connection = psycopg2.connect(two.conninfo("blazz_gateway"))
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM chats")
        assert cursor.fetchone() == (0,), "without a workspace no row is visible"
        cursor.execute("SELECT set_config('blazz.workspace_id', %s, true)", (str(ids[a.workspace]),))
        cursor.execute("SELECT DISTINCT workspace_id FROM chats")
        assert cursor.fetchall() == [(ids[a.workspace],)]
        cursor.execute("SELECT uuid::text FROM workspaces")
        assert cursor.fetchall() == [(a.workspace,)]
    connection.close()


REJECTED = 999  # together with the valid records between them more than one batch
STORED_S = 2.0
LOADED = 3  # on a busy machine: at most so many times what the same records take when none is rejected


@pytest.fixture
def one_partition(make_blazz):
    """999 accounts of one tenant and one of another, all in one partition; only a constraint of the table rejects a body of "poison"."""
    stack = make_blazz(partitions=1)
    acme, globex = (stack.add_workspace(name) for name in ("acme", "globex"))
    stack.neighbour = Source(globex, stack.add_account(globex, "secret", session="globex-1", provider="webjs", bridge="blazz"))
    rows = stack.sql("""INSERT INTO whatsapp_accounts (workspace_id, session_id, provider_type, bridge_kind)
        SELECT w.id, 'acme-' || n, 'webjs', 'blazz' FROM workspaces w, generate_series(1, %s) n WHERE w.uuid = %s
        RETURNING uuid::text""", REJECTED, acme)
    stack.senders = [Source(acme, r["uuid"]) for r in rows]
    stack.sql("ALTER TABLE chats ADD CHECK (metadata ->> 'body' <> 'poison')")
    stack.start_chat_sync()
    return stack


def stored_after(stack, senders, body, first, mark):
    """Publishes 999 records of new people, with a valid one after every ninth, and a record of the neighbour behind them. Returns the seconds
    until that one is stored."""
    events = []
    for i in range(REJECTED):
        source, n = senders[i % len(senders)], first + i
        events.append(source.message(f"3EB0{n:05}", f"1650{n:07}", body, at=T0 + n, name=f"Person {n}"))
        if i % 9 == 8:
            events.append(source.message(f"3EB1{n:05}", f"1650{n:07}", "good", at=T0 + n))
    stack.publish([*events, stack.neighbour.message(mark, at=T0)])
    began = time.monotonic()
    wait_for(lambda: stack.value("SELECT count(*) FROM chats WHERE message_key = %s", f"false:{mark}"), "the neighbour's record is stored", 60, 0.02)
    return time.monotonic() - began


@pytest.mark.parametrize("accounts", [1, REJECTED])
def test_a_record_behind_999_rejected_ones_is_stored_within_two_seconds(one_partition, accounts):
    """In one partition, from one account or from many; each rejected record is a dead letter, each valid one is stored once."""
    stack, senders = one_partition, one_partition.senders[:accounts]
    usual = stored_after(stack, senders, "hello", 0, "3EB0USUAL")
    stack.wait_processed()
    good, contacts = stack.counts()["messages"], stack.counts()["contacts"]
    took = stored_after(stack, senders, "poison", 10000, "3EB0BEHIND")
    stack.wait_processed()
    print(f"{accounts} accounts: {took:.2f} s behind rejected records, {usual:.2f} s behind valid ones")
    dead_letters = stack.dead_letters()
    assert len({r.headers["x-dlq-first-offset"] for r in dead_letters}) == len(dead_letters) == REJECTED
    assert {(r.headers["x-dlq-reason"], r.headers["x-dlq-code"]) for r in dead_letters} == {("data_error", "23514")}
    assert stack.counts()["messages"] == good + REJECTED // 9 + 1
    assert stack.counts()["contacts"] == contacts + REJECTED // 9, "a rejected record leaves no rows"
    assert sum(e.WhichOneof("event") == "message_created" for e in stack.check_chat_events()) == good + REJECTED // 9 + 1
    stack.check_invariants()
    assert took < max(STORED_S, LOADED * usual), f"{took:.2f} s, and {usual:.2f} s when none is rejected"
