"""campaign-sender: a request is sent once whatever is repeated, messages to one recipient in order, and nothing by a replica that was stopped.

A replica is stopped at three of its failpoints; with STOP_AT_EACH=1 at all that single messages pass."""
import os

import pytest
from harness.sending import RECIPIENT, Tenant
from harness.waiting import wait_for

SENDING = {"unknown__after": "4s", "dispatch__max_delay": "1s"}
STOP_AT = ["flush_committed", "send_begin", "flush_locked"]
if os.environ.get("STOP_AT_EACH"):
    STOP_AT += ["flush_begin", "flush_commit", "send_done", "batch_begin", "batch_locked", "batch_applied", "batch_commit", "batch_committed", "batch_published"]
SILENT = {"webhooks": {"statuses": [], "echo": False}}


def test_one_request_ten_times_is_one_message(sending):
    """From three producers, with a restart, a kill and a hundred thousand others in between, and with other content."""
    tenant = Tenant(sending, "meta")
    account, = tenant.accounts
    message, producers = tenant.message(account), [sending.blazz.producer() for _ in range(3)]
    other = tenant.message(account, body="something else", request_id=message.request_id)
    for n in range(10):
        tenant.publish(other if n == 7 else message, producer=producers[n % 3])
        if n == 2:
            tenant.wait(message.request_id, "sent", "delivered")
            sending.service.stop()
            sending.service.start(wait_ready=False)
        if n == 4:
            tenant.sql("""INSERT INTO sends (workspace_id, request_id, address, account_id, sent_by, status, attempt, sent_at)
                SELECT workspace_id, gen_random_uuid(), 'many:' || n, id, id, 'sent', 1, now() FROM whatsapp_accounts, generate_series(1, 100000) AS n
                WHERE uuid = %s""", account.uuid)
        if n == 6:
            sending.service.kill()
            sending.service.start(wait_ready=False)
    last = tenant.send(account, "6281100000002")
    tenant.wait(last, "sent", "delivered", deadline_s=30)
    assert [j["client_message_id"] for j in account.journal()] == [message.request_id, last]
    assert account.journal()[0]["request"]["text"]["body"] == "hello"
    tenant.wait_chat(message.request_id, "delivered")
    tenant.check_created_once(message.request_id)
    assert "request repeated with other content" in sending.service.log()
    assert not tenant.dead_letters()


def test_messages_to_one_recipient_keep_their_order(sending):
    """One is retried while the later ones wait, and the replica that sends them is killed."""
    tenant = Tenant(sending, "meta")
    account, = tenant.accounts
    account.change(metadata='{"sending": {"per_second": 1000}}')
    sending.stub.rules(account.rule(nth=3, code=131000, **SILENT), account.rule(delay_ms=100, webhooks={"statuses": ["delivered"], "echo": False}))
    requests = [tenant.send(account, body=f"m{n}") for n in range(12)]
    wait_for(lambda: tenant.attempts(requests[2]), "the third is retried")
    tenant.wait(requests[1], "sent", "delivered")
    assert tenant.row(requests[3])["status"] == "pending" and len(account.accepted()) == 2
    other = tenant.send(account, "6281100000009")
    tenant.wait(other, "sent", "delivered")
    tenant.wait(requests[4], "sent", "delivered")
    sending.service.kill()
    sending.service.start(wait_ready=False)
    ended = {r: tenant.wait(r, "delivered", "failed", deadline_s=40) for r in requests}
    accepted = [j["client_message_id"] for j in account.accepted(recipient=RECIPIENT)]
    assert accepted == [r for r in requests if r in accepted]
    lost = [row["error_code"] for r, row in ended.items() if r not in accepted]
    assert len(lost) <= 1 and set(lost) <= {"unknown_outcome"}, lost
    assert ended[requests[2]]["attempt"] == 2


@pytest.mark.parametrize("point", STOP_AT)
def test_a_replica_that_was_stopped_sends_and_writes_nothing_when_it_continues(sending, point):
    tenant = Tenant(sending, "blazz", "meta")
    bridge, meta = tenant.accounts
    sending.stub.rules({"delay_ms": 300} | SILENT)
    sending.service.stop()
    stopped = sending.replica(f"stopped-{point}", f"{point}:stop@5", **SENDING).start()
    sent = {bridge: [], meta: []}

    def has_stopped():
        for account, requests in sent.items():
            if len(requests) < 12:
                requests.append(tenant.send(account, f"62816{len(requests):08}"))
        return stopped.stopped()

    wait_for(has_stopped, lambda: f"the replica stops at {point}\n{stopped.log_tail()}", every_s=0.1)
    sending.service.start()
    rows = {r: tenant.wait(r, "sent", "failed", deadline_s=40) for requests in sent.values() for r in requests}
    before = {account: len(account.journal()) for account in sent}
    stopped.resume()
    wait_for(stopped.ready, lambda: f"it is a member again\n{stopped.log_tail()}")
    later = [tenant.send(account, "6281600009999") for account in sent]
    for request in later:
        tenant.wait(request, "sent", deadline_s=30)
    for account, requests in sent.items():
        assert len(account.journal()) == before[account] + 1
        accepted = [j["client_message_id"] for j in account.accepted()]
        assert len(accepted) == len(set(accepted))
        assert {r for r in requests if rows[r]["status"] == "sent"} <= set(accepted)
        if account is bridge:
            assert set(accepted) >= set(requests)
    assert all(rows[r]["error_code"] == "unknown_outcome" for r in sent[meta] if rows[r]["status"] == "failed")
    for request, row in rows.items():
        now = tenant.row(request)
        assert (now["status"], now["updated_at"]) == (row["status"], row["updated_at"])
    assert stopped.stop() < 30
