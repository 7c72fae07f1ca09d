"""kill -9 of campaign-sender while it prepares, sends, pauses, moves and completes a campaign: no recipient is missing or gets two messages. Nor
when it is stopped there, and continues after another replica has its partitions."""
import itertools
import random

import pytest
from harness.campaigns import PAUSE, RESUME, Campaigner, phones, text_parameters
from harness.waiting import wait_for

SENDING = {"unknown__after": "5s", "campaign__chunk": 100}
prefixes = itertools.count(628130)


@pytest.fixture
def tenant(sending):
    tenant = Campaigner(sending, "meta")
    tenant.limits(per_second=200)
    yield tenant
    if not sending.service.running():
        sending.service.start()


@pytest.fixture
def campaign(tenant):
    """Of 1,000 recipients in two groups that have 200 in common."""
    everyone = phones(1000, prefix=str(next(prefixes)))
    template = tenant.template("Hello {{1}}")
    campaign = tenant.campaign([tenant.group(everyone[:600]), tenant.group(everyone[400:])], template=template,
                               parameters=[text_parameters("{{contact.full_name|there}}")])
    campaign.everyone = set(everyone)
    return campaign


def check_ended(campaign, deadline_s=90):
    """Every recipient has one row; those that no status was posted about are unknown by policy, and the others were sent once."""
    campaign.wait("completed", deadline_s=deadline_s)
    found = campaign.check_balance()
    assert found["recipients"] == 1000 and {r["address"] for r in campaign.rows()} == campaign.everyone
    accepted = campaign.check_once()
    rows = campaign.rows()  # read once: a status that comes meanwhile moves a row from one set to the other
    sent = {r["address"] for r in rows if r["status"] in ("sent", "delivered", "read")}
    unknown = {r["address"] for r in rows if r["status"] == "unknown"}
    assert sent <= accepted <= sent | unknown and sent | unknown == campaign.everyone, (len(sent), len(accepted), len(unknown))
    # A replica that dies after the commit leaves the event to its successor, which first has to get the partition.
    wait_for(lambda: "completed" in campaign.kinds(), "the end is published")
    assert [k for k in campaign.kinds() if k in ("started", "completed")] == ["started", "completed"]
    return found


def die(sending, failpoint, cause):
    """A replica that dies at the failpoint takes the place of the present one; then one without takes its place."""
    sending.service.stop()
    sending.service.start(failpoint=failpoint, wait_ready=False)
    cause()
    wait_for(lambda: not sending.service.running(), lambda: f"the replica dies at {failpoint}\n{sending.logs()}", 90)
    sending.service.start()


@pytest.mark.parametrize("failpoint", ["batch_locked:kill", "batch_applied:kill", "batch_published:kill", "audience_chunk:kill", "audience_chunk:kill@5", "flush_begin:kill@20",
                                       "flush_locked:kill@20", "flush_commit:kill@20", "flush_committed:kill@20", "send_begin:kill@300",
                                       "send_done:kill@300"])
def test_a_kill_loses_and_repeats_no_recipient(tenant, campaign, failpoint):
    tenant.limits(per_second=400)
    die(tenant.sending, failpoint, campaign.start)
    check_ended(campaign)


def stop(sending, failpoint, cause):
    """A replica that is stopped at the failpoint takes the place of the present one; then one without takes its place. Returns the first."""
    sending.service.stop()
    stopped = sending.replica(f"stopped-{failpoint.replace(':', '-')}", failpoint, **SENDING).start()
    cause()
    wait_for(stopped.stopped, lambda: f"the replica stops at {failpoint}\n{stopped.log_tail()}", 90)
    sending.service.start()
    return stopped


def check_fenced(campaign, stopped):
    """The replica that was stopped continues: it sends nothing, and writes nothing."""
    posted, rows = len(campaign.accepted()), campaign.rows()
    stopped.resume()
    wait_for(stopped.ready, lambda: f"it is a member again\n{stopped.log_tail()}")
    stopped.stop()
    assert len(campaign.accepted()) == posted
    assert [(r["id"], r["status"], r["attempt"], r["sent_by"]) for r in campaign.rows()] == [(r["id"], r["status"], r["attempt"], r["sent_by"]) for r in rows]
    assert [k for k in campaign.kinds() if k in ("started", "completed")] == ["started", "completed"]


@pytest.mark.parametrize("failpoint", ["audience_chunk:stop@5"])
def test_a_replica_that_was_stopped_while_it_prepares_writes_nothing_when_it_continues(tenant, campaign, failpoint):
    tenant.limits(per_second=400)
    stopped = stop(tenant.sending, failpoint, campaign.start)
    check_ended(campaign)
    wait_for(lambda: campaign.check_counts()["delivered"] == 1000, "all are delivered")
    check_fenced(campaign, stopped)


@pytest.mark.parametrize("act", [die, stop])
def test_one_account_sends_a_segment_whose_move_is_interrupted(tenant, act):
    first, second = tenant.accounts[0], tenant.add("meta")
    tenant.limits(per_second=20)
    everyone = phones(100, prefix=str(next(prefixes)))
    campaign = tenant.campaign(tenant.group(everyone), account=first)
    tenant.template("Hello", account=second, name=tenant.blazz.value("SELECT name FROM templates WHERE id = %s", campaign.row()["template_id"]))

    def cause():
        campaign.start().wait_accepted(10)
        tenant.stub.rules(first.rule(code=190))

    stopped = act(tenant.sending, f"segment_move:{'kill' if act is die else 'stop'}", cause)
    campaign.wait("completed", deadline_s=120)
    assert campaign.check_once() == set(everyone)
    campaign.check_balance()
    by_account = {a.uuid: {line["recipient"] for line in a.accepted()} & set(everyone) for a in (first, second)}
    assert len(by_account[first.uuid]) >= 10 and by_account[second.uuid] == set(everyone) - by_account[first.uuid]
    assert [row["account_id"] for row in tenant.sql("SELECT account_id FROM campaign_segments WHERE (workspace_id, campaign_id) = (%s, %s)", *campaign.key)] == [second.row()["id"]]
    if stopped:
        wait_for(lambda: campaign.check_counts()["delivered"] == 100, "all are delivered")
        check_fenced(campaign, stopped)


def test_a_kill_while_it_pauses_leaves_it_paused(tenant, campaign):
    campaign.start().wait_accepted(100)
    die(tenant.sending, "batch_applied:kill", lambda: campaign.command(PAUSE))
    campaign.wait("paused")
    before = len(campaign.accepted())
    campaign.check_counts()
    campaign.command(RESUME)
    check_ended(campaign)
    assert before < 1000


def test_a_kill_while_it_completes_publishes_its_end_once(tenant, campaign):
    tenant.limits(per_second=1000)
    campaign.start().wait_accepted(1000)
    tenant.sending.service.kill()
    tenant.sending.service.start()
    check_ended(campaign)


def test_kills_every_second_with_two_replicas_leave_each_recipient_one_message(tenant, campaign):
    rng, other = random.Random(7), tenant.sending.replica("second", **SENDING).start()
    replicas = [tenant.sending.service, other]
    campaign.start()
    try:
        for n in range(8):
            wait_for(lambda n=n: len(campaign.accepted()) >= 100 * n or campaign.status() == "completed", campaign.shown, 60)
            replica = rng.choice(replicas)
            replica.kill()
            campaign.check_counts()
            replica.start(wait_ready=False)
        check_ended(campaign, 120)
    finally:
        other.stop()
