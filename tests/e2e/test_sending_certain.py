"""campaign-sender: messages that were certainly not sent. They stay pending without an attempt that counts, or another account sends them."""
import socket
import time

import pytest
from blazz.v1 import common_pb2 as common
from harness.certificates import Authority
from harness.receiver import Receiver
from harness.sending import Tenant
from harness.waiting import wait_for

SENDING = {"providers__timeout": "1s", "providers__allowed_networks": ["127.0.0.0/8", "255.255.255.255/32"]}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


REFUSED = f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def urls(tmp_path):
    """Addresses at which no request can begin."""
    receiver, full = Receiver(certificate=Authority(tmp_path).self_signed("bad")), socket.create_server(("127.0.0.1", 0), backlog=0)
    port, waiting = full.getsockname()[1], [socket.socket() for _ in range(4)]
    for s in waiting:  # the queue is full: further connections get no answer until the deadline
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", port))
    yield {"refused": REFUSED, "unreachable": "http://255.255.255.255", "no such name": "http://bridge.invalid",
           "bad certificate": receiver.url("").rstrip("/"), "deadline": f"http://127.0.0.1:{port}"}
    assert receiver.deliveries == []
    receiver.close()
    for s in (full, *waiting):
        s.close()


def stays_pending(tenant, request):
    tenant.wait_row(request, lambda r: tenant.attempts(request), f"{request} is tried")
    row = tenant.row(request)
    assert (row["status"], row["attempt"]) == ("pending", 0), tenant.attempts(request)
    assert {a["class"] for a in tenant.attempts(request)} == {"not_sent"}


def test_a_message_whose_request_cannot_begin_stays_pending_and_is_sent_later(sending, urls):
    tenants = {name: Tenant(sending, "blazz") for name in urls}
    sent = {}
    for name, tenant in tenants.items():
        account, = tenant.accounts
        account.change(assigned_instance_url=urls[name])
        sent[name] = tenant.send(account)
    for name, tenant in tenants.items():
        stays_pending(tenant, sent[name])
    for name, tenant in tenants.items():
        account, = tenant.accounts
        account.change(assigned_instance_url=sending.stub.url())
    for name, tenant in tenants.items():
        row = tenant.wait(sent[name], "sent", "delivered", deadline_s=30)
        assert row["attempt"] == 1 and [j["client_message_id"] for j in tenant.accounts[0].journal()] == [sent[name]], name


def test_another_account_sends_it_where_the_request_allows_that(sending):
    tenant = Tenant(sending, "blazz", "waha", "meta")
    dead, waha, meta = tenant.accounts
    dead.change(assigned_instance_url=REFUSED, is_primary=True)
    named = tenant.send(dead, "6281500000001", allow_other_number=True)
    unnamed = tenant.send(None, "6281500000002")
    alone = tenant.send(dead, "6281500000003")
    for request in (named, unnamed):
        row = tenant.wait(request, "sent", "delivered")
        assert row["sent_by_uuid"] in (waha.uuid, meta.uuid) and row["attempt"] == 1
        assert {a["class"] for a in tenant.attempts(request)} == {"not_sent"}
        assert len(tenant.wait_chat(request, "sent", "delivered")) and len(tenant.chat(request)) == 1
    stays_pending(tenant, alone)
    assert len(waha.accepted()) + len(meta.accepted()) == 2


def test_what_only_one_provider_carries_is_not_given_to_another(sending):
    tenant = Tenant(sending, "blazz", "waha")
    dead, waha = tenant.accounts
    dead.change(assigned_instance_url=REFUSED)
    request = tenant.send(dead, allow_other_number=True, type=common.MESSAGE_TYPE_STICKER,
                          media=common.Media(url="https://example.com/a.webp", mime="image/webp"))
    stays_pending(tenant, request)
    time.sleep(1)
    assert tenant.row(request)["status"] == "pending" and not waha.journal()


def test_an_account_that_stays_unusable_fails_its_messages_or_gives_them_away(sending):
    """It is waited for 30 s. The account of the recipient's latest conversation is preferred, and a group is reached only through accounts that are in it."""
    alone, backed = Tenant(sending, "blazz"), Tenant(sending, "blazz", "waha", "evolution")
    known = backed.send(backed.accounts[2], "6281500000003")
    backed.wait_chat(known, "sent", "delivered")
    group = backed.sql("""WITH g AS (INSERT INTO whatsapp_groups (workspace_id, group_jid, name) SELECT workspace_id, '120363000000000009@g.us', 'All' FROM whatsapp_accounts
        WHERE uuid = %s RETURNING *) INSERT INTO conversations (workspace_id, account_id, group_id)
        SELECT g.workspace_id, a.id, g.id FROM g JOIN whatsapp_accounts a USING (workspace_id) WHERE a.uuid IN (%s, %s) RETURNING id""",
                       *[backed.accounts[i].uuid for i in (0, 0, 2)])
    assert len(group) == 2
    for tenant in (alone, backed):
        tenant.accounts[0].change(desired_state="disconnected")
    began = time.monotonic()
    refused = alone.send(alone.accounts[0], "6281500000001")
    without_backup = alone.send(alone.accounts[0], "6281500000002", allow_other_number=True)
    given = backed.send(backed.accounts[0], "6281500000001", allow_other_number=True)
    kept = backed.send(backed.accounts[0], "6281500000002")
    to_known = backed.send(backed.accounts[0], "6281500000003", allow_other_number=True)
    to_group = backed.send(backed.accounts[0], common.Group(jid="120363000000000009@g.us"), allow_other_number=True)
    nobody = alone.send(None, "6281500000003")
    row = alone.wait(nobody, "failed")
    assert (row["error_code"], alone.wait_chat(nobody, "failed")["metadata"]["body"]) == ("no_active_account", "hello")
    for tenant, request, code in ((alone, refused, "session_not_active"), (alone, without_backup, "no_backup_account"),
                                  (backed, kept, "session_not_active")):
        row = tenant.wait(request, "failed", deadline_s=40)
        assert (row["error_code"], row["attempt"]) == (code, 0)
        tenant.wait_chat(request, "failed")
        tenant.check_created_once(request)
    for request, account in ((given, 1), (to_known, 2), (to_group, 2)):
        assert backed.wait(request, "sent", "delivered")["sent_by_uuid"] == backed.accounts[account].uuid
    assert time.monotonic() - began > 29
    assert not alone.accounts[0].journal() and not backed.accounts[0].journal()


def test_a_workspace_without_accounts_fails_the_message_in_its_row_only(sending):
    tenant = Tenant(sending)
    request = tenant.send(None)
    row = tenant.wait(request, "failed")
    assert row["error_code"] == "no_active_account" and not tenant.chat(request)


def test_the_deadline_of_a_message(sending):
    """It had passed when the request was read, or it passes while the account cannot send."""
    tenant = Tenant(sending, "blazz")
    account, = tenant.accounts
    old = tenant.send(account, requested_at_ms=int(time.time() * 1000) - 16 * 60 * 1000)
    assert tenant.wait(old, "failed")["error_code"] == "deadline"
    account.change(assigned_instance_url=REFUSED)
    brief = tenant.send(account, deadline_ms=int(time.time() * 1000) + 2000)
    row = tenant.wait(brief, "failed")
    assert (row["error_code"], row["attempt"]) == ("deadline", 0)
    tenant.wait_chat(brief, "failed")
    account.change(assigned_instance_url=sending.stub.url(), desired_state="disconnected")
    stranded = tenant.send(account, deadline_ms=int(time.time() * 1000) + 2000)
    row = tenant.wait(stranded, "failed", deadline_s=15)
    assert (row["error_code"], row["attempt"]) == ("deadline", 0)
    tenant.wait_chat(stranded, "failed")
    assert not account.journal()


def test_a_pause_opens_after_failures_in_a_row_and_one_probe_ends_it(sending):
    tenant = Tenant(sending, "blazz")
    account, = tenant.accounts
    account.change(assigned_instance_url=REFUSED)
    request = tenant.send(account)
    wait_for(lambda: len(tenant.attempts(request)) >= 7, lambda: f"{tenant.attempts(request)}")
    times = [a["at"].timestamp() for a in tenant.attempts(request)]
    assert times[4] - times[0] < 3 and times[5] - times[4] > 0.9 and times[6] - times[5] > 1.5, times
    account.change(assigned_instance_url=sending.stub.url())
    tenant.wait(request, "sent", "delivered")
