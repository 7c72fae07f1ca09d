"""Campaigns that are paused, by a user and by what happens to their messages, their schedule, their window and their account.

A user's pause is tried beside a backlog of 3,000 single messages; PAUSE_BACKLOG=100000 makes it larger, and the campaign faster."""
import datetime
import json
import os
import time

import pytest
from blazz.v1 import common_pb2 as common
from harness.campaigns import PAUSE, RESUME, Campaigner, phones
from harness.events import Source
from harness.waiting import wait_for

FAST = {"per_second": 1000}
BACKLOG = int(os.environ.get("PAUSE_BACKLOG") or 3000)
ACCOUNTS = 2 if BACKLOG <= 3000 else 10  # of the campaign, 1,000 messages a second each
ON_THE_WAY_MS = 100  # of a POST, from its beginning until the stub has taken it


@pytest.fixture
def tenant(sending):
    sending.blazz.wait_processed(120.0)  # statuses of the test before: those of this one stand behind them
    tenant = Campaigner(sending, "meta")
    tenant.limits(**FAST)
    return tenant


def posts(stub, after_ms=0):
    """Lines of the journal's file since a time."""
    return [line for line in map(json.loads, stub.journal_file.read_bytes().splitlines()) if line["at_ms"] > after_ms]


def paused(campaign, code, deadline_s=30):
    row = wait_for(lambda: campaign.status() == "paused" and campaign.row(), campaign.shown, deadline_s)
    assert row["pause_code"] == code and row["pause_reason"], row
    events = wait_for(lambda: [e for e in campaign.events() if e.kind == "paused"], "campaign.paused is published")
    assert (events[-1].code, events[-1].reason) == (code, row["pause_reason"])
    return row


# By a user


def test_no_post_begins_a_second_after_a_pause_with_many_under_way_and_a_backlog_in_outbound(sending, tenant):
    for _ in range(ACCOUNTS - 1):
        tenant.add("meta")
    tenant.limits(**FAST)
    crowd = Campaigner(sending, "meta")
    account, everyone = crowd.accounts[0], phones(BACKLOG, prefix="628150")
    producer = sending.blazz.producer()
    backlog = [crowd.message(account, to=p) for p in phones(BACKLOG, prefix="628151")]
    campaign = tenant.campaign(tenant.group(everyone), spread=True)
    for other in tenant.accounts[1:]:
        tenant.template("Hello", account=other, name=tenant.blazz.value("SELECT name FROM templates WHERE id = %s", campaign.row()["template_id"]))
    campaign.start().wait_accepted(300)
    for m in backlog:
        producer.produce(sending.blazz.topic("outbound"), m.SerializeToString(), f"{crowd.workspace}:{account.uuid}")
        producer.poll(0)
    producer.flush(60)
    at_ms = time.time() * 1000
    campaign.command(PAUSE).wait("paused")
    paused_ms = time.time() * 1000
    wait_for(lambda: time.time() * 1000 > paused_ms + 2000, "two seconds pass")
    begun = [p["at_ms"] - at_ms for p in campaign.accepted()]
    print(f"{sum(-1000 < ms <= 0 for ms in begun)} in the second before the command, the last {max(begun):.0f} ms after it, "
          f"paused in PostgreSQL after {paused_ms - at_ms:.0f} ms")
    assert max(begun) <= 1000 + ON_THE_WAY_MS and len(begun) < BACKLOG
    assert posts(sending.stub, paused_ms + 1000), "the backlog is sent meanwhile"
    crowd.sql("UPDATE sends SET deadline = now(), status = 'failed', next_attempt_at = NULL WHERE workspace_id = %s AND status = 'pending'",
              crowd.sql("SELECT id FROM workspaces WHERE uuid = %s", crowd.workspace)[0]["id"])
    campaign.command(RESUME).wait("completed", deadline_s=60 + BACKLOG / 100)
    assert campaign.check_once() == set(everyone)
    campaign.check_balance()


def test_commands_that_are_older_than_the_last_one_or_not_allowed_change_nothing(tenant):
    tenant.limits(per_second=50)
    campaign = tenant.campaign(tenant.group(phones(300, prefix="628152")))
    campaign.command(PAUSE).command(RESUME).start()
    campaign.wait("running")
    campaign.command(PAUSE, requested_at_ms=int(time.time() * 1000) - 60000)
    campaign.start().wait_accepted(len(campaign.accepted()) + 20)
    assert campaign.status() == "running"
    tenant.limits(**FAST)
    campaign.wait("completed")
    assert campaign.check_once() == set(phones(300, prefix="628152"))


# By what happens to messages


def test_five_of_the_first_ten_failures_alike_pause_a_campaign(sending):
    tenant = Campaigner(sending)
    tenant.add("meta", metadata=json.dumps({"sending": {"per_second": 16}}))
    tenant.stub.rules({"every": 2, "code": 132012})
    campaign = tenant.campaign(tenant.group(phones(200, prefix="628153"))).start()
    paused(campaign, "132012")
    assert 5 <= campaign.reasons()["failed 132012"] <= 20
    campaign.check_counts()


def test_over_half_of_the_last_fifty_alike_pause_a_campaign(tenant):
    tenant.limits(per_second=100)
    campaign = tenant.campaign(tenant.group(phones(400, prefix="628154"))).start()
    campaign.wait_accepted(60)
    tenant.stub.rules({"code": 131053})
    paused(campaign, "131053")
    assert 26 <= campaign.reasons()["failed 131053"] < 150
    tenant.stub.rules()
    campaign.command(RESUME).wait("completed")
    campaign.check_once()
    campaign.check_balance()


def test_failures_of_recipients_pause_nothing(tenant):
    tenant.stub.rules({"every": 2, "code": 131026}, {"code": 131049})
    campaign = tenant.campaign(tenant.group(phones(120, prefix="628155"))).start()
    campaign.wait("completed")
    assert campaign.check_balance()["failed"] == 120


def template_status(tenant, campaign, status):
    """A webhook of Meta about the campaign's template, as ingest publishes it."""
    name = tenant.blazz.value("SELECT name FROM templates WHERE id = %s", campaign.row()["template_id"])
    source = Source(tenant.workspace, tenant.accounts[0].uuid, common.PROVIDER_META, common.BRIDGE_KIND_UNSPECIFIED)
    event = source.event("template_status", name, status, at=time.time())
    event.template_status.name, event.template_status.language, event.template_status.status = name, "en", status
    tenant.blazz.publish([event])


def test_a_paused_template_pauses_at_its_first_message_and_its_approval_resumes(tenant):
    tenant.stub.rules({"code": 132015})
    campaign = tenant.campaign(tenant.group(phones(100, prefix="628156"))).start()
    paused(campaign, "132015")
    assert "pending 132015" in campaign.reasons() and set(campaign.reasons()) <= {"pending 132015", "pending"}, campaign.reasons()
    tenant.stub.rules()
    for status in ("PAUSED", "APPROVED"):
        template_status(tenant, campaign, status)
    wait_for(lambda: campaign.status() != "paused", campaign.shown)
    campaign.wait("completed")
    assert campaign.check_once() == set(phones(100, prefix="628156"))


@pytest.mark.parametrize("code, share", [("132015", 1), ("132012", 0.7)])
def test_failures_that_statuses_report_pause_a_campaign(tenant, code, share):
    tenant.limits(per_second=20)
    tenant.stub.rules({"share": share, "webhooks": {"statuses": ["sent", "failed"], "failed_code": int(code), "delay_ms": 0, "step_ms": 50}})
    campaign = tenant.campaign(tenant.group(phones(300, prefix=f"62816{int(share)}")))
    campaign.start()
    paused(campaign, code)
    assert campaign.reasons()[f"failed {code}"] >= 1 and len(campaign.accepted()) < 250
    campaign.check_once()


def test_an_approval_resumes_nothing_that_a_user_has_paused_since(tenant):
    tenant.limits(per_second=20)
    campaign = tenant.campaign(tenant.group(phones(100, prefix="628157"))).start()
    campaign.wait_accepted(5)
    template_status(tenant, campaign, "PAUSED")
    paused(campaign, "132015")
    campaign.command(PAUSE)
    wait_for(lambda: campaign.row()["pause_code"] is None, campaign.shown)
    sent = len(campaign.accepted())
    template_status(tenant, campaign, "APPROVED")
    wait_for(lambda: tenant.blazz.value("SELECT status FROM templates WHERE id = %s", campaign.row()["template_id"]) == "APPROVED", "chat-sync has it")
    tenant.blazz.wait_processed()
    time.sleep(1)
    assert campaign.status() == "paused" and len(campaign.accepted()) == sent


# By schedule, window and account


def test_a_campaign_starts_when_it_is_scheduled(tenant):
    at = tenant.blazz.value("SELECT now() + interval '5 seconds'")
    campaign = tenant.campaign(tenant.group(phones(5, prefix="628158")), scheduled_at=at).start()
    campaign.wait("scheduled")
    row = campaign.wait("completed")
    assert datetime.timedelta(0) <= row["started_at"] - at < datetime.timedelta(seconds=2)


def test_a_schedule_that_was_missed_by_hours_pauses_the_campaign(sending, tenant):
    at = tenant.blazz.value("SELECT now() + interval '1 hour'")
    late, missed = (tenant.campaign(tenant.group(phones(5, prefix=f"62815{n}")), scheduled_at=at).start() for n in (90, 91))
    for campaign, hours in ((late, 2), (missed, 7)):
        campaign.wait("scheduled")
        sending.service.kill()
        # As the database finds it after this time: the definition of a scheduled campaign cannot be changed otherwise.
        tenant.sql("SET session_replication_role = replica; UPDATE campaigns SET scheduled_at = now() - %s * interval '1 hour' WHERE id = %s; "
                   "RESET session_replication_role", hours, campaign.key[1])
        sending.service.start()
    late.wait("completed")
    paused(missed, "missed_schedule")
    missed.command(RESUME).wait("completed")
    assert len(missed.check_once()) == len(late.check_once()) == 5


def test_a_closed_window_holds_a_campaign_back_until_it_opens(tenant):
    now = tenant.blazz.value("SELECT now() AT TIME ZONE 'UTC'")
    opens, closes = (now + datetime.timedelta(hours=h) for h in (2, 4))
    zones = [f"Etc/GMT{-h:+d}" for h in (0, 3)]  # of the second the local time is within the window

    def zone(name):
        window = {"from": f"{opens:%H:%M}", "to": f"{closes:%H:%M}"}
        tenant.sql("UPDATE workspaces SET settings = %s WHERE uuid = %s", json.dumps({"sending": {"window": window, "time_zone": name}}),
                   tenant.workspace)

    zone(zones[0])
    tenant.limits(per_second=50)
    campaign = tenant.campaign(tenant.group(phones(300, prefix="628159"))).start()
    wait_for(lambda: campaign.row()["prepared_at"], campaign.shown)
    tenant.wait(tenant.send(tenant.accounts[0], to="6281599000001"), "sent", "delivered")  # a single message has no window
    assert not campaign.accepted() and campaign.status() == "running"
    zone(zones[1])
    campaign.wait_accepted(20)
    zone(zones[0])
    at_ms = time.time() * 1000
    wait_for(lambda: time.time() * 1000 > at_ms + 4000, "four seconds pass")
    late = [p for p in campaign.accepted() if p["at_ms"] > at_ms + 2000]
    assert not late and len(campaign.accepted()) < 300
    zone(zones[1])
    campaign.wait("completed")
    assert campaign.check_once() == set(phones(300, prefix="628159"))


def test_a_campaign_moves_to_another_account_and_is_paused_without_one(tenant):
    first, second = tenant.accounts[0], tenant.add("meta")
    tenant.limits(per_second=20)
    campaign = tenant.campaign(tenant.group(phones(100, prefix="628160")), account=first)
    tenant.template("Hello", account=second, name=tenant.blazz.value("SELECT name FROM templates WHERE id = %s", campaign.row()["template_id"]))
    campaign.start().wait_accepted(10)
    tenant.stub.rules(first.rule(code=190), second.rule(nth=20, code=190), second.rule(every=21, code=190))
    wait_for(lambda: second.accepted(), campaign.shown, 60)
    assert first.lane()["held_code"] == "190"
    paused(campaign, "no_active_account", 60)
    campaign.check_once()
    tenant.stub.rules()
    second.release()
    wait_for(lambda: tenant.sql("SELECT 1 FROM whatsapp_accounts WHERE uuid = %s AND desired_at > now() - interval '1 minute'", second.uuid), "released")
    campaign.command(RESUME).wait("completed")
    assert campaign.check_once() == set(phones(100, prefix="628160"))
    campaign.check_balance()
