"""Campaigns from START to their end: each recipient once, each reason counted, and counters that are a recount at every step."""
import time

import pytest
from harness.campaigns import CANCEL, PAUSE, RESUME, RETRY_FAILED, Campaigner, phones, text_parameters
from harness.sending import NOTHING_POSTED
from harness.waiting import wait_for

FAST = {"per_second": 1000}


@pytest.fixture
def tenant(sending):
    tenant = Campaigner(sending, "meta")
    tenant.limits(**FAST)
    return tenant


def two_groups(tenant):
    """Groups with common addresses, and a campaign whose recipients are skipped for every reason that an audience can have."""
    everyone = phones(1600)
    optional = [{"address": p, "phone": p, "variables": {"day": f"day {i}"}} for i, p in enumerate(everyone[:1000])]
    missing = [{"address": p, "phone": p} for p in everyone[900:1600]]  # 100 of them have the variable of the first group
    nowhere = [{"address": f"lid:{i}"} for i in range(30)]
    first, second = tenant.group(optional), tenant.group(missing + nowhere)
    template = tenant.template("See you {{1}}")
    campaign = tenant.campaign([first, second], template=template, parameters=[text_parameters("{{var.day}}")])
    return everyone, campaign


def test_each_address_of_two_groups_gets_one_message_and_each_reason_is_counted(tenant):
    everyone, campaign = two_groups(tenant)
    tenant.opt_out(*everyone[:50])
    tenant.sql("INSERT INTO undeliverable (workspace_id, address, code, since) SELECT %s, unnest(%s), '131026', now()",
               campaign.key[0], everyone[50:70])
    tenant.stub.rules({"recipient": everyone[70], "code": 131026} | NOTHING_POSTED)
    campaign.start().wait("completed")
    assert campaign.check_once() == set(everyone[71:1000])
    campaign.wait_counts(delivered=929)
    assert campaign.check_balance() == {"recipients": 1630, "sent": 929, "delivered": 929, "read": 0, "failed": 1, "skipped": 700, "unknown": 0}
    reasons = campaign.reasons()
    assert reasons == {
        "delivered": 929, "skipped opted_out": 50, "skipped unreachable": 20, "skipped missing_variable": 600, "skipped no_address": 30, "failed 131026": 1}
    assert campaign.kinds()[0] == "started" and campaign.kinds().count("completed") == 1


def test_addresses_of_one_merged_contact_are_one_recipient(tenant):
    one, other = phones(2, prefix="628120")
    tenant.contact(one, other, "lid:777", first_name="Budi")
    template = tenant.template("Hello {{1}}")
    campaign = tenant.campaign(tenant.group([other, one, *phones(3)]), template=template, parameters=[text_parameters("{{contact.first_name|there}}")])
    campaign.start().wait("completed")
    assert campaign.check_once() == {one, *phones(3)}
    assert campaign.check_balance()["recipients"] == 4


def test_contacts_that_opt_out_during_a_campaign_get_nothing_more(tenant):
    tenant.limits(per_second=100)
    everyone = phones(600, prefix="628121")
    campaign = tenant.campaign(tenant.group(everyone)).start()
    campaign.wait_accepted(60)
    tenant.opt_out(*everyone[400:500], category="marketing_messages")
    tenant.limits(**FAST)
    campaign.wait("completed")
    assert campaign.check_once() == set(everyone) - set(everyone[400:500])
    assert campaign.reasons()["skipped opted_out"] == 100
    assert campaign.check_balance()["recipients"] == 600


def test_counters_are_a_recount_at_every_step_while_statuses_come_in_any_order(tenant):
    tenant.limits(per_second=300)
    everyone = phones(900, prefix="628122")
    meta = {"provider": "meta"}
    tenant.stub.rules(
        meta | {"every": 10, "code": 131000}, meta | {"every": 13, "code": 131026},
        meta | {"every": 7, "webhooks": {"statuses": ["sent", "failed"], "failed_code": 131026}},
        meta | {"every": 2, "webhooks": {"statuses": ["sent", "delivered", "read"], "reversed": True, "step_ms": 20, "repeat": 2}},
        meta | {"every": 3, "webhooks": {"statuses": ["delivered", "played"], "delay_ms": 0}},
        meta | {"webhooks": {"statuses": ["read"], "delay_ms": 300}})
    campaign = tenant.campaign(tenant.group(everyone)).start()
    steps = 0

    def ended():
        nonlocal steps
        campaign.check_counts()
        steps += 1
        return campaign.status() == "completed"

    wait_for(ended, campaign.shown, 90)
    assert steps > 20
    found = campaign.check_balance()
    assert found["recipients"] == 900 and found["unknown"] == 0 and found["failed"] > 60, found

    def read():
        found = campaign.check_counts()
        return found["read"] == found["delivered"] == found["sent"]

    wait_for(read, campaign.shown, 60)
    campaign.check_balance()
    assert campaign.check_once() >= {r["address"] for r in campaign.rows() if r["status"] == "read"}


def test_a_campaign_is_paused_resumed_and_cancelled(tenant):
    tenant.limits(per_second=100)
    campaign = tenant.campaign(tenant.group(phones(800, prefix="628123"))).start()
    campaign.wait_accepted(30)
    assert campaign.command(PAUSE).wait("paused")["pause_code"] is None
    campaign.command(RESUME).wait("running")
    campaign.wait_accepted(len(campaign.accepted()) + 30)
    campaign.command(CANCEL)
    wait_for(lambda: campaign.status() == "cancelled", campaign.shown)
    time.sleep(1)
    sent = len(campaign.accepted())
    campaign.command(RESUME)
    time.sleep(1.5)
    assert campaign.status() == "cancelled" and len(campaign.accepted()) == sent < 800
    assert len(campaign.check_once()) == sent
    campaign.check_balance()
    shown = {r["status"]: r["n"] for r in tenant.sql("""SELECT CASE status WHEN 'skipped' THEN status || ' ' || error_code ELSE status END AS status, count(*) AS n
        FROM campaign_logs WHERE workspace_id = %s AND campaign_id = %s GROUP BY 1""", *campaign.key)}
    assert shown["skipped cancelled"] == 800 - sent and "pending" not in shown, shown
    wait_for(lambda: not tenant.sql("SELECT segment FROM campaign_segments WHERE workspace_id = %s AND campaign_id = %s AND NOT done", *campaign.key),
             "its segments are done")
    kinds = [k for k in campaign.kinds() if k != "progress"]
    assert kinds == ["started", "paused", "resumed", "cancelled"]


def test_a_paused_campaign_never_reads_its_audience_again(tenant):
    tenant.limits(per_second=100)
    group = tenant.group(phones(300, prefix="628124"))
    campaign = tenant.campaign(group).start()
    campaign.wait_accepted(20)
    campaign.command(PAUSE).wait("paused")
    tenant.sql("DELETE FROM contact_group_members WHERE workspace_id = %s AND address > %s", campaign.key[0], phones(1, 100, "628124")[0])
    tenant.sql("""INSERT INTO contact_group_members (workspace_id, group_id, address, phone) SELECT workspace_id, id, '6281249', '6281249'
        FROM contact_groups WHERE uuid = %s""", group)
    tenant.limits(**FAST)
    campaign.command(RESUME).wait("completed")
    assert campaign.check_once() == set(phones(300, prefix="628124"))


def test_failed_messages_are_sent_again_on_request_and_no_others(tenant):
    everyone = phones(40, prefix="628125")
    later, never, now = everyone[:3]
    tenant.stub.rules({"recipient": later, "code": 131049}, {"recipient": never, "code": 131026}, {"recipient": now, "code": 999, "status": 400})
    campaign = tenant.campaign(tenant.group(everyone)).start()
    campaign.wait("completed")
    assert {k: v for k, v in campaign.reasons().items() if k.startswith("failed")} == {"failed 131049": 1, "failed 131026": 1, "failed 999": 1}
    tenant.stub.rules()
    campaign.command(RETRY_FAILED)
    wait_for(lambda: now in campaign.recipients(), campaign.shown)
    campaign.check_once()
    rows = {r["address"]: r for r in campaign.rows()}
    assert rows[later]["status"] == "pending" and 23.9 * 3600 < rows[later]["next_attempt_at"].timestamp() - time.time() <= 24 * 3600
    assert rows[never]["status"] == "failed" and campaign.status() == "running"
    assert [line["client_message_id"] for line in campaign.accepted() if line["recipient"] == now] == [f"{campaign.uuid}.{rows[now]['id']}#2"]
    tenant.sql("UPDATE sends SET next_attempt_at = now() WHERE next_attempt_at > now() AND workspace_id = %s", campaign.key[0])
    tenant.sql("SELECT pg_notify('blazz_sending', %s)", f"campaign:{campaign.uuid}")
    campaign.wait("completed")
    assert campaign.check_once() == set(everyone) - {never}
    assert campaign.check_balance()["failed"] == 1


def test_a_bridge_sends_a_campaign_with_a_gap_after_each_message(tenant):
    bridge = tenant.add("blazz")
    campaign = tenant.campaign(tenant.group(phones(3, prefix="628126")), text="Hi {{contact.first_name|there}}", account=bridge,
                               send_window={"from": "00:00", "to": "24:00"}).start()
    campaign.wait("completed")
    at = [line["at_ms"] for line in campaign.accepted()]
    assert all(4000 <= b - a <= 46000 for a, b in zip(at, at[1:])), at
    campaign.check_balance()
