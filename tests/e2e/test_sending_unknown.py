"""campaign-sender: messages of which it is unknown whether they were sent. None is sent twice, and evidence ends their being unknown."""
import pytest
from blazz.v1 import common_pb2 as common
from blazz.v1 import outbound_pb2 as outbound
from harness.sending import RECIPIENT, Tenant
from harness.waiting import wait_for

SENDING = {"unknown__after": "4s", "providers__timeout": "1s"}
SILENT = {"webhooks": {"statuses": [], "echo": False}}
COMMAND = outbound.CampaignCommand


def posted(delay_ms, **more):
    return {"webhooks": {"statuses": ["sent", "delivered"], "delay_ms": delay_ms, "step_ms": 20, "echo": False} | more}


def check_shown_once(tenant, request, status):
    tenant.wait_chat(request, status)
    tenant.check_created_once(request)


# The message was accepted, and no answer says so. Its statuses come before the request has ended, or after it.
LOST = {
    "cut": {"end": "cut"} | posted(1500),
    "cut, statuses come first": {"end": "cut", "delay_ms": 800} | posted(0),
    "cut, statuses come first and twice": {"end": "cut", "delay_ms": 800} | posted(0, repeat=2),
    "cut, statuses come twice": {"end": "cut"} | posted(1000, repeat=2),
    "cut, statuses come backwards": {"end": "cut"} | posted(1000, reversed=True),
    "reset": {"end": "reset", "accept": True} | posted(1500),
    "deadline": {"end": "hang", "accept": True} | posted(1500),
    "deadline, statuses come first": {"end": "hang", "accept": True} | posted(0),
    "proxy": {"status": 502, "accept": True} | posted(1000),
    "no id": {"no_id": True} | posted(1000),
}


def test_a_message_of_meta_is_sent_by_its_status(sending):
    tenant = Tenant(sending, "meta")
    account, = tenant.accounts
    phones = {name: f"62812{n:08}" for n, name in enumerate(LOST)}
    sending.stub.rules(*(account.rule(recipient=phones[name], **rule) for name, rule in LOST.items()))
    sent = {name: tenant.send(account, phone) for name, phone in phones.items()}
    for name, request in sent.items():
        row = tenant.wait(request, "delivered")
        assert row["next_attempt_at"] is None and row["provider_message_id"] and not row["duplicate_suspected"], name
        assert row["resolved_by"] == "status", name
        check_shown_once(tenant, request, "delivered")
    assert sorted(j["client_message_id"] for j in account.journal()) == sorted(sent.values())
    assert {a["class"] for request in sent.values() for a in tenant.attempts(request)} == {"unknown"}


def test_without_evidence_a_single_message_fails_and_a_later_status_overrules_that(sending):
    tenant = Tenant(sending, "meta")
    account, = tenant.accounts
    sending.stub.rules(account.rule(end="cut", **SILENT))
    request = tenant.send(account)
    row = tenant.wait(request, "unknown")
    assert row["attempt"] == 1 and not tenant.chat(request)
    row = tenant.wait(request, "failed")
    assert (row["error_code"], row["resolved_by"], row["request"]) == ("unknown_outcome", "policy", None)
    check_shown_once(tenant, request, "failed")
    line, = account.journal()
    account.post_status(line, "delivered")
    row = tenant.wait(request, "delivered")
    assert row["provider_message_id"] == line["id"] or row["provider_message_id"] is None
    check_shown_once(tenant, request, "delivered")
    assert len(account.journal()) == 1


@pytest.mark.parametrize("policy, status", [("assume_sent", "unknown"), ("fail", "failed")])
def test_without_evidence_policy_decides_about_a_campaigns_message(sending, policy, status):
    tenant = Tenant(sending, "meta")
    account, = tenant.accounts
    sending.stub.rules(account.rule(end="cut", **SILENT))
    campaign = tenant.add_campaign(account, [RECIPIENT], on_unknown=policy)
    tenant.command(campaign, COMMAND.ACTION_START)
    tenant.wait_campaign(campaign, "completed")
    row, = tenant.recipients(campaign)
    assert (row["status"], row["next_attempt_at"], len(account.journal())) == (status, None, 1)
    assert tenant.campaign(campaign)["messages_unknown" if status == "unknown" else "messages_failed"] == 1


def failed_and_retried(sending, tenant, account):
    """A campaign whose only message failed as unknown_outcome and was made pending again. Returns the campaign and the message's line."""
    sending.stub.rules(account.rule(nth=1, end="cut", **SILENT), account.rule(**SILENT))
    campaign = tenant.add_campaign(account, [RECIPIENT], on_unknown="fail")
    tenant.command(campaign, COMMAND.ACTION_START)
    tenant.wait_campaign(campaign, "completed")
    assert tenant.recipients(campaign)[0]["error_code"] == "unknown_outcome"
    return campaign


def test_evidence_after_a_person_has_sent_it_again_is_a_suspected_duplicate(sending):
    tenant = Tenant(sending, "meta")
    account, = tenant.accounts
    campaign = failed_and_retried(sending, tenant, account)
    before = sending.service.metrics()["blazz_send_duplicates_suspected_total"]
    tenant.command(campaign, COMMAND.ACTION_RETRY_FAILED)
    wait_for(lambda: tenant.recipients(campaign)[0]["status"] == "sent", lambda: f"it is sent again: {tenant.recipients(campaign)}")
    first, second = account.accepted()
    assert second["client_message_id"] == f"{first['client_message_id']}#2"
    account.post_status(first, "delivered")
    row = wait_for(lambda: (r := tenant.recipients(campaign)[0])["duplicate_suspected"] and r, lambda: f"{tenant.recipients(campaign)}")
    assert (row["status"], row["generation"]) == ("sent", 1)
    wait_for(lambda: sending.service.metrics()["blazz_send_duplicates_suspected_total"] == before + 1, "the metric counts it")
    account.post_status(second, "delivered")
    wait_for(lambda: tenant.recipients(campaign)[0]["status"] == "delivered", "the second one's status is its own")


def test_evidence_before_it_is_sent_again_makes_that_unnecessary(sending):
    tenant = Tenant(sending, "meta")
    account, = tenant.accounts
    campaign = failed_and_retried(sending, tenant, account)
    account.change(desired_state="disconnected")
    tenant.command(campaign, COMMAND.ACTION_RETRY_FAILED)
    wait_for(lambda: tenant.recipients(campaign)[0]["generation"] == 1, "it is pending again")
    account.post_status(account.journal()[0], "delivered")
    row = wait_for(lambda: (r := tenant.recipients(campaign)[0])["status"] == "delivered" and r, lambda: f"{tenant.recipients(campaign)}")
    account.change(desired_state="connected")
    tenant.command(campaign, COMMAND.ACTION_RESUME)
    tenant.wait_campaign(campaign, "completed")
    assert len(account.journal()) == 1 and not row["duplicate_suspected"]


# What happens to the request, and the row in the end; the bridge is asked and knows the message or not.
ASKED = {
    "taken": ({"end": "cut"}, "sent", None),
    "taken, deadline": ({"end": "hang", "accept": True, "delay_ms": 1500}, "sent", None),
    "never taken": ({"end": "reset", "nth": 1}, "sent", None),
    "failed": ({"end": "cut", "error": "media_failed"}, "failed", "media_failed"),
}


def test_a_bridge_is_asked_what_became_of_a_message(sending):
    tenant = Tenant(sending, "blazz")
    account, = tenant.accounts
    phones = {name: f"62813{n:08}" for n, name in enumerate(ASKED)}
    sending.stub.rules(*(account.rule(recipient=phones[name], act="send", **rule) for name, (rule, _, _) in ASKED.items()))
    sent = {name: tenant.send(account, phone) for name, phone in phones.items()}
    for name, request in sent.items():
        row = tenant.wait(request, *(["sent", "delivered"] if ASKED[name][1] == "sent" else ["failed"]), deadline_s=30)
        assert row["error_code"] == ASKED[name][2], name
        if name != "never taken":
            assert row["resolved_by"] == "lookup", name
        check_shown_once(tenant, request, "delivered" if ASKED[name][1] == "sent" else "failed")
    accepted = [j["client_message_id"] for j in account.accepted()]
    assert sorted(accepted) == sorted(r for name, r in sent.items() if ASKED[name][1] == "sent")


@pytest.mark.parametrize("provider", ["waha", "evolution", "wwebjs"])
def test_the_echo_of_a_bridge_shows_that_a_message_was_sent(sending, provider):
    tenant = Tenant(sending, provider)
    account, = tenant.accounts
    sending.stub.rules(account.rule(end="cut", webhooks={"echo": True, "statuses": ["sent", "delivered"], "delay_ms": 1000, "step_ms": 1500}))
    text = tenant.send(account, body="to be found")
    image = tenant.send(account, "6281100000002", type=common.MESSAGE_TYPE_IMAGE,
                        media=common.Media(url="https://example.com/a.jpg", mime="image/jpeg", caption="look"))
    for request in (text, image):
        row = tenant.wait(request, "delivered")
        assert row["resolved_by"] == "echo" and row["provider_message_id"]
        check_shown_once(tenant, request, "delivered")
    assert len(account.journal()) == 2 and len(tenant.blazz.messages(account.uuid)) == 2


def test_an_echo_that_fits_two_messages_is_evidence_for_neither(sending):
    tenant = Tenant(sending, "waha")
    account, = tenant.accounts
    sending.stub.rules(account.rule(end="cut", webhooks={"echo": True, "statuses": [], "delay_ms": 1500}))
    alike = [tenant.send(account, body="twice") for _ in range(2)]
    for request in alike:
        row = tenant.wait(request, "failed")
        assert (row["error_code"], row["resolved_by"]) == ("unknown_outcome", "policy")
    assert len(account.journal()) == 2


@pytest.mark.parametrize("point", ["flush_committed", "send_begin", "send_done"])
def test_after_a_kill_a_message_is_sent_by_its_status_or_asked_for(sending, point):
    tenant = Tenant(sending, "meta", "blazz")
    meta, bridge = tenant.accounts
    sending.stub.rules({"delay_ms": 300, "webhooks": {"statuses": ["sent"], "delay_ms": 600, "echo": False}})
    sending.service.stop()
    sending.service.start(failpoint=f"{point}:kill@3")
    sent = {meta: [], bridge: []}

    def killed():
        for account, requests in sent.items():
            if len(requests) < 12:
                requests.append(tenant.send(account, f"62814{len(requests):08}"))
        return not sending.service.running()

    wait_for(killed, f"the replica dies at {point}", every_s=0.1)
    sending.service.killed = True
    in_flight = {account: len((account.lane() or {"in_flight": []})["in_flight"]) for account in sent}
    sending.service.start()
    ended = {r: tenant.wait(r, "sent", "failed", deadline_s=40) for requests in sent.values() for r in requests}
    assert sum(in_flight.values()) > 0, in_flight
    for account, requests in sent.items():
        accepted = [j["client_message_id"] for j in account.accepted(act="send")]
        assert len(accepted) == len(set(accepted)), accepted
        assert {r for r in requests if ended[r]["status"] == "sent"} == set(accepted)
        for request in requests:
            check_shown_once(tenant, request, ended[request]["status"])
    lost = [r for r, row in ended.items() if row["status"] == "failed"]
    assert set(lost) <= set(sent[meta]) and len(lost) <= in_flight[meta]
    assert all(ended[r]["error_code"] == "unknown_outcome" for r in lost)
