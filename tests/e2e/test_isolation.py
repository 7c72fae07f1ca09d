"""Tenants and accounts that meet: nothing of one shows in the other."""
import pytest
from blazz.v1 import common_pb2 as common
from harness.events import T0, Source

GROUP = "120363012345678901@g.us"


@pytest.fixture
def two(blazz):
    """Two workspaces, an account each, one chat-sync."""
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
    # The very same message, as both sessions receive it.
    two.publish([s.message("3EB0GROUP", group=GROUP, sender="6281298765432", body="hi all") for s in (a, b)] + [change])
    two.settle()
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


def test_two_accounts_that_talk_to_each_other_keep_a_copy_each(two):
    """A stanza id is the same on both ends of a chat."""
    a, b = two.sources
    two.publish([a.message("3EB0BOTH", phone="15550000002", body="hello", out=True),
                 b.message("3EB0BOTH", phone="15550000001", body="hello"),
                 a.status("3EB0BOTH", common.MESSAGE_STATUS_READ, phone="15550000002")])
    two.settle()
    rows = {m["account"]: m for m in two.messages()}
    assert rows[a.account]["type"] == "outbound" and rows[a.account]["message_status"] == "read"
    assert rows[b.account]["type"] == "inbound" and rows[b.account]["message_status"] == "delivered"


def test_two_accounts_of_one_workspace_that_talk_to_each_other(blazz):
    workspace = blazz.add_workspace()
    a, b = (Source(workspace, blazz.add_account(workspace, "secret", session=f"s{i}", provider="webjs", bridge="blazz",
                                                phone=f"1555000000{i}")) for i in (1, 2))
    blazz.start_chat_sync()
    blazz.publish([a.message("3EB0BOTH", phone="15550000002", out=True), b.message("3EB0BOTH", phone="15550000001")])
    blazz.settle()
    assert sorted(m["message_key"] for m in blazz.messages()) == ["false:3EB0BOTH", "true:3EB0BOTH"]
    assert blazz.counts()["conversations"] == 2


def test_an_event_that_names_another_workspaces_account_is_refused(two):
    a, b = two.sources
    forged = a.message("3EB0FORGED", body="for globex")
    forged.account_id = b.account
    two.publish([forged])
    two.settle()
    assert two.messages() == []
    assert [r.headers["x-dlq-reason"] for r in two.dead_letters()] == ["unknown_reference"]


def test_row_level_security_shows_a_tenant_itself_only(two):
    a, b = two.sources
    two.publish([s.message("3EB0RLS", body="x") for s in (a, b)])
    two.settle()
    ids = {r["uuid"]: r["id"] for r in two.sql("SELECT uuid::text, id FROM workspaces")}
    import psycopg2
    connection = psycopg2.connect(two.conninfo("blazz_gateway"))
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM chats")
        assert cursor.fetchone() == (0,), "without a workspace nothing shows"
        cursor.execute("SELECT set_config('blazz.workspace_id', %s, true)", (str(ids[a.workspace]),))
        cursor.execute("SELECT DISTINCT workspace_id FROM chats")
        assert cursor.fetchall() == [(ids[a.workspace],)]
        cursor.execute("SELECT uuid::text FROM workspaces")
        assert cursor.fetchall() == [(a.workspace,)]
    connection.close()
