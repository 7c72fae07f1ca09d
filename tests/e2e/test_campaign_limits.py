"""Limits of accounts, as the stub's journal has them: with three replicas of which one is killed every few seconds, and live changes."""
import itertools
import json
import time

import pytest
from harness.campaigns import Campaigner, phones
from harness.waiting import wait_for

SENDING = {"unknown__after": "5s"}
ALWAYS = {"from": "00:00", "to": "24:00"}
prefixes = itertools.count(628170)


def limited(sending, provider="meta", **limits):
    """A tenant of one account with these limits."""
    tenant = Campaigner(sending)
    tenant.add(provider, metadata=json.dumps({"sending": limits}))
    return tenant


def started(tenant, n, **columns):
    if tenant.accounts[0].provider != "meta":
        columns |= {"text": "Hi", "account": tenant.accounts[0], "send_window": ALWAYS}
    campaign = tenant.campaign(tenant.group(phones(n, prefix=str(next(prefixes)))), **columns)
    campaign.n = n
    return campaign.start()


def times(campaign):
    return sorted(line["at_ms"] for line in campaign.accepted())


def most(at_ms, window_ms):
    """The most within a window, wherever it begins."""
    first, found = 0, 0
    for i, at in enumerate(at_ms):
        while at - at_ms[first] >= window_ms:
            first += 1
        found = max(found, i - first + 1)
    return found


def pass_ms(ms):
    end = time.monotonic() + ms / 1000
    wait_for(lambda: time.monotonic() > end, f"{ms} ms pass", ms / 1000 + 5)


@pytest.fixture
def killed(sending):
    """A function that kills the three replicas in turn, and starts them again, until a condition holds."""
    others = [sending.replica(name, **SENDING).start() for name in ("second", "third")]
    turns = itertools.cycle([sending.service, *others])

    def kill_until(condition, every_ms=2500):
        while not condition():
            replica = next(turns)
            replica.kill()
            replica.start(wait_ready=False)
            end = time.monotonic() + every_ms / 1000
            wait_for(lambda end=end: condition() or time.monotonic() > end, "the time between two kills passes")

    yield kill_until
    for other in others:
        other.stop()
    if not sending.service.running():
        sending.service.start()


def test_rates_by_second_minute_and_hour_hold_while_replicas_are_killed(sending, killed):
    second, minute, hour = limited(sending, per_second=40), limited(sending, per_minute=240), limited(sending, per_second=100, per_hour=60)
    campaigns = [started(second, 500), started(minute, 400), started(hour, 200)]
    wanted = (450, 20, 50)  # a slow machine sends the last ones later
    killed(lambda: all(len(c.accepted()) + c.check_counts()["unknown"] >= n for c, n in zip(campaigns, wanted)))
    at = [times(c) for c in campaigns]
    # An admitted message is posted a moment later: two of them may be closer to each other than they were admitted.
    assert most(at[0], 1000) <= 44, most(at[0], 1000)
    assert most(at[1], 10000) <= 42 and len(at[1]) >= 20, most(at[1], 10000)
    assert 50 <= len(at[2]) <= 60 and len(times(campaigns[2])) <= 60
    for campaign in campaigns:
        campaign.check_once()
        campaign.check_counts()


def test_a_bridge_keeps_its_gaps_breaks_and_warm_up_across_a_kill(sending):
    new, tired = limited(sending, "blazz"), limited(sending, "blazz", warmed=True)
    for tenant in (new, tired):  # their lanes exist then
        tenant.wait(tenant.send(tenant.accounts[0], to="6281799000001"), "sent", "delivered")
    sending.service.stop()
    lane = "FROM whatsapp_accounts a WHERE (a.workspace_id, a.id) = (l.workspace_id, l.account_id) AND a.uuid = %s"
    sending.blazz.sql(f"UPDATE send_lanes l SET day = (now() AT TIME ZONE 'UTC')::date, day_new = 18, run_left = 40 {lane}", new.accounts[0].uuid)
    sending.blazz.sql(f"UPDATE send_lanes l SET run_left = 2 {lane}", tired.accounts[0].uuid)
    sending.service.start()
    campaigns = [started(new, 4), started(tired, 4)]
    campaigns[0].wait_accepted(1)
    sending.service.kill()
    sending.service.start()
    for campaign in campaigns:
        campaign.wait_accepted(2, 60)
        campaign.wait_counts(sent=2)
        at = times(campaign)
        assert 4000 <= at[1] - at[0] <= 46000, at
    row = tired.accounts[0].lane()
    assert 4.9 * 60 <= row["next_at"].timestamp() - times(campaigns[1])[1] / 1000 <= 15.1 * 60
    row = new.accounts[0].lane()
    assert (row["day_new"], row["run_left"]) == (20, 38)
    sending.blazz.sql(f"UPDATE send_lanes l SET next_at = now() {lane}", new.accounts[0].uuid)
    sending.service.kill()
    sending.service.start()
    pass_ms(3000)
    assert [len(c.accepted()) for c in campaigns] == [2, 2]
    new.limits(warmed=True)
    campaigns[0].wait_accepted(3)


def test_a_change_of_limits_acts_within_a_second(sending):
    tenant = limited(sending, per_second=20)
    started(tenant, 2000).wait_accepted(20)
    tenant.limits(per_second=200)
    fast_ms = time.time() * 1000
    pass_ms(3000)
    before = len(tenant.accounts[0].accepted())
    wait_for(lambda: len(tenant.accounts[0].accepted()) >= before + 200, "two hundred more are sent, which took ten seconds before", 8)
    tenant.limits(per_second=10)
    slow_ms = time.time() * 1000
    pass_ms(3500)
    at = [line["at_ms"] for line in tenant.accounts[0].accepted()]
    assert sum(fast_ms + 1000 <= t < fast_ms + 3000 for t in at) >= 100  # at most 42 before; a slow machine does not reach 400
    assert sum(slow_ms + 1000 <= t < slow_ms + 3000 for t in at) <= 22


def test_a_throughput_error_lowers_the_rate_which_comes_back(sending):
    tenant = limited(sending, per_second=200)
    tenant.stub.rules({"limit": {"of": "account", "uses": 40, "window_ms": 1000, "burst": 40}, "code": 130429})
    campaign = started(tenant, 1500)
    pass_ms(6000)
    refused = [line for line in tenant.accounts[0].journal(accepted="false") if line["reason"] == "130429"]
    found = len(campaign.accepted())
    assert 100 <= found <= 300 and 0 < len(refused) < found, (found, len(refused))
    tenant.stub.rules()
    campaign.wait("completed", deadline_s=60)
    assert most(times(campaign), 1000) >= 150
    assert len(campaign.check_once()) == campaign.check_balance()["sent"] == 1500


def test_a_portfolio_that_is_used_up_holds_campaigns_back_until_it_has_room(sending):
    tenant = limited(sending, per_second=20)
    setting = "UPDATE workspaces SET settings = jsonb_set(settings, '{sending}', %s) WHERE uuid = %s"
    tenant.sql(setting, json.dumps({"portfolio_per_day": 30}), tenant.workspace)
    campaign = started(tenant, 120)
    campaign.wait_accepted(30)
    pass_ms(3000)
    found = len(campaign.accepted())
    assert 30 <= found <= 52 and campaign.status() == "running", found
    pass_ms(1500)
    assert len(campaign.accepted()) == found
    assert tenant.blazz.value("SELECT sum(sends) FROM portfolio_hours WHERE workspace_id = %s", campaign.key[0]) >= found
    tenant.sql(setting, json.dumps({"portfolio_per_day": 1000}), tenant.workspace)
    campaign.wait("completed")
    campaign.check_once()


def test_a_recipient_gets_a_burst_of_single_messages_and_then_one_in_six_seconds(sending):
    tenant = limited(sending, per_second=1000)
    requests = tenant.publish(*[tenant.message(tenant.accounts[0], body=f"{i}") for i in range(47)])
    tenant.wait(requests[-1], "sent", "delivered", deadline_s=60)
    at = [line["at_ms"] for line in tenant.accounts[0].accepted()]
    assert len(at) == 47 and at[46] - at[45] >= 5500 and most(at, 1000) >= 5, at
