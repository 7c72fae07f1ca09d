"""Campaigns with everything that an audience can have, under kill -9, PAUSE, CANCEL and opt-outs.

Of 2,000 recipients; CAMPAIGN_PEOPLE=100000 makes it larger, and kills more often."""
import json
import os
import time

from harness.campaigns import CANCEL, PAUSE, RESUME, Campaigner, phones, text_parameters
from harness.waiting import wait_for

PEOPLE = int(os.environ.get("CAMPAIGN_PEOPLE") or 2000)
PERCENT = PEOPLE // 100
KILLS = 2 if PEOPLE <= 2000 else 20
DEADLINE_S = 40 + PEOPLE / 50
SENDING = {"unknown__after": "5s", "campaign__chunk": max(100, PEOPLE // 50)}


def audience(tenant):
    """Two groups that have a fifth in common. Returns the addresses that may get a message: of a merged pair either, but one of both."""
    everyone = phones(PEOPLE, prefix="628140")
    opted_out, without, merged = everyone[:PERCENT], set(everyone[PERCENT:2 * PERCENT]), everyone[2 * PERCENT:4 * PERCENT]
    pairs = dict(zip(merged[::2], merged[1::2]))
    tenant.opt_out(*opted_out)
    for one, other in pairs.items():
        tenant.contact(one, other)
    members = [{"address": p, "phone": p, "variables": {} if p in without else {"order": f"A-{i}"}} for i, p in enumerate(everyone)]
    nowhere = [{"address": f"lid:{i}", "variables": {"order": "A"}} for i in range(PERCENT)]
    groups = [tenant.group(members[:PEOPLE * 6 // 10]), tenant.group(members[PEOPLE * 4 // 10:] + nowhere)]
    return groups, everyone[4 * PERCENT:], pairs


def kill(tenant):
    tenant.sending.service.kill()
    tenant.sending.service.start()


def accepted_since(campaign, at_ms):
    return [line["recipient"] for line in campaign.accepted() if line["at_ms"] > at_ms]


def undelivered(campaign, accepted):
    parked = campaign.sql("SELECT kind, target, created_at, expires_at FROM parked_updates WHERE workspace_id = %s LIMIT 5", campaign.key[0])
    return [r for r in campaign.rows() if r["address"] in accepted and r["status"] not in ("delivered", "read")][:5], parked


class Large:
    """A campaign over four accounts, not started."""

    def __init__(self, sending):
        self.tenant = tenant = Campaigner(sending, *["meta"] * 4)
        tenant.limits(per_second=1000)
        groups, self.single, self.pairs = audience(tenant)
        self.before = tenant.stub.stats()["accepted"]
        account_ids = [a.row()["id"] for a in tenant.accounts]
        template = tenant.template("Your order {{1}}", name="order")
        tenant.sql("""INSERT INTO templates (workspace_id, account_id, provider_template_id, name, language, category, status, components)
            SELECT t.workspace_id, a.id, t.provider_template_id || a.id, t.name, t.language, t.category, t.status, t.components FROM templates t,
            unnest(%s) AS a (id) WHERE t.id = %s""", account_ids[1:], template)
        self.campaign = tenant.campaign(groups, template=template, spread=True, parameters=[text_parameters("{{var.order}}")])

    def reach(self, share):
        want = int((len(self.single) + len(self.pairs)) * share)
        wait_for(lambda: self.tenant.stub.stats()["accepted"] - self.before >= want, lambda: f"{want} are accepted: {self.campaign.shown()}", DEADLINE_S)
        self.campaign.check_counts()


def test_a_large_campaign_reaches_each_address_once(sending):
    large = Large(sending)
    tenant, campaign, single, pairs, reach = large.tenant, large.campaign, large.single, large.pairs, large.reach
    campaign.start()
    wait_for(campaign.rows if PEOPLE <= 2000 else lambda: campaign.row()["recipients"], campaign.shown, 60)
    kill(tenant)  # while it prepares
    reach(0.1)
    campaign.command(PAUSE).wait("paused", deadline_s=DEADLINE_S)
    paused_ms = time.time() * 1000
    time.sleep(1.5)
    assert not accepted_since(campaign, paused_ms + 1000)
    kill(tenant)
    campaign.check_counts()
    pending = {r["address"] for r in campaign.rows() if r["status"] == "pending"}
    late = [p for p in single if p in pending][-min(100, PERCENT):]
    tenant.opt_out(*late, category="marketing_messages")
    campaign.command(RESUME)
    for i in range(KILLS):
        reach(0.2 + 0.7 * i / KILLS)
        kill(tenant)
    campaign.wait("completed", deadline_s=DEADLINE_S)

    accepted = campaign.check_once()  # and the stub posts a status about each
    wait_for(lambda: campaign.check_counts()["delivered"] >= len(accepted), lambda: f"{len(accepted)} are delivered: {campaign.shown()}\n{undelivered(campaign, accepted)}", DEADLINE_S)
    found = campaign.check_balance()
    rows = campaign.rows()
    by_status = {}
    for r in rows:
        by_status.setdefault(r["status"] if r["status"] not in ("delivered", "read") else "sent", set()).add(r["address"])
    sent, unknown = by_status["sent"], by_status.get("unknown", set())
    assert sent == accepted and not unknown & accepted
    assert all((one in accepted) + (other in accepted) <= 1 for one, other in pairs.items())
    both = {p for pair in pairs.items() for p in pair}
    assert set(single) - set(late) <= sent | unknown <= (set(single) - set(late)) | both
    assert found["recipients"] == len(rows) == found["sent"] + found["unknown"] + found["failed"] + found["skipped"]
    reasons = campaign.reasons()
    assert reasons["skipped missing_variable"] == PERCENT and reasons["skipped no_address"] == PERCENT and found["failed"] == 0, reasons
    assert reasons["skipped opted_out"] == PERCENT + len(late), reasons
    print(json.dumps({"people": PEOPLE, "kills": KILLS + 2, "seconds": round(time.time() - paused_ms / 1000), **found, "reasons": reasons}))


def test_a_large_campaign_that_is_cancelled_sends_no_more(sending):
    """Killed before the command, behind it, and once it was cancelled."""
    large = Large(sending)
    tenant, campaign = large.tenant, large.campaign
    campaign.start()
    large.reach(0.3)
    kill(tenant)
    large.reach(0.4)
    campaign.command(CANCEL)
    kill(tenant)
    campaign.wait("cancelled", deadline_s=DEADLINE_S)
    cancelled_ms = time.time() * 1000
    kill(tenant)
    wait_for(lambda: time.time() * 1000 > cancelled_ms + 3000, "three seconds pass")
    assert not accepted_since(campaign, cancelled_ms + 1000)
    accepted = campaign.check_once()
    assert len(accepted) < len(large.single) + len(large.pairs)
    wait_for(lambda: campaign.check_counts()["delivered"] >= len(accepted), lambda: f"{len(accepted)} are delivered: {campaign.shown()}", DEADLINE_S)
    found, rows = campaign.check_balance(), campaign.rows()
    sent = {r["address"] for r in rows if r["status"] in ("sent", "delivered", "read")}
    pending = {r["address"] for r in rows if r["status"] == "pending"}
    assert sent == accepted and pending and not pending & accepted and len({r["address"] for r in rows}) == len(rows) == found["recipients"]
    shown = tenant.sql("""SELECT count(*) AS n FROM campaign_logs WHERE workspace_id = %s AND campaign_id = %s AND status = 'skipped'
        AND error_code = 'cancelled'""", *campaign.key)[0]["n"]
    assert shown == len(pending)
    print(json.dumps({"people": PEOPLE, "cancelled": True, "not sent": shown, **found}))
