"""The job retention and campaigns: those that ended long ago go with all that belongs to them, beside a campaign-sender that still hears of them."""
from harness.campaigns import RETRY_FAILED, Campaigner, phones
from harness.cleanup import Cleanup, JobRequest
from harness.waiting import wait_for

ON_REQUEST = {f"jobs__{job}__enabled": False for job in ("stale_qr", "disconnected", "duplicates", "recount", "orphans", "maintenance", "backfill",
                                                         "erasure", "workspaces")}
SHORT_LEASE = {"lease__ttl": "1500ms", "lease__renew": "300ms"}
RECIPIENTS = 300
LEFT = "SELECT count(*) FROM {} WHERE (workspace_id, {}) = (%s, %s)"


def campaign(tenant, first):
    """A campaign that is completed, and all messages of which are delivered."""
    made = tenant.campaign(tenant.group(phones(RECIPIENTS, first=first, prefix="628140"))).start()
    made.wait("completed")
    made.wait_counts(delivered=RECIPIENTS)
    return made


def left(c):
    """What is left of it, by table."""
    tables = {"campaigns": "id", "sends": "campaign_id", "campaign_segments": "campaign_id", "campaign_counts": "campaign_id"}
    return {table: c.tenant.blazz.value(LEFT.format(table, key), *c.key) for table, key in tables.items()}


def wait_heard(sending, *topics):
    """Until campaign-sender has consumed what these topics hold."""
    blazz = sending.blazz

    def behind():
        done = {(r["topic"], r["partition"]): r["next_offset"] for r in blazz.sql(
            "SELECT topic, partition, next_offset FROM consumer_progress WHERE consumer = 'campaign-sender'")}
        return [(t, p) for t in topics for p, (low, high) in blazz.kafka.watermarks(blazz.topic(t)).items()
                if (done.get((blazz.topic(t), p)) or low) < high]

    blazz.wait_processed()
    wait_for(lambda: not behind(), lambda: f"campaign-sender has consumed everything: {behind()}\n{sending.logs()}", 60)


def post(campaign, status):
    for line in campaign.accepted():
        campaign.tenant.accounts[0].post_status(line, status)


def test_a_campaign_that_ended_long_ago_goes_while_statuses_still_arrive(sending):
    tenant = Campaigner(sending, "meta")
    tenant.limits(per_second=1000)
    old, young = campaign(tenant, 0), campaign(tenant, RECIPIENTS)
    draft = tenant.campaign(tenant.group(phones(1)))
    for c, column, days in ((old, "completed_at", 91), (young, "completed_at", 89), (draft, "updated_at", 400)):
        tenant.sql(f"UPDATE campaigns SET {column} = now() - %s * interval '1 day' WHERE (workspace_id, id) = (%s, %s)", days, *c.key)
    cleanup = Cleanup(sending.blazz, stub=None)
    assert run(cleanup, dry_run=True) == {"found": RECIPIENTS + 1, "acted": 0}
    assert left(old)["sends"] == RECIPIENTS and old.row()["deleted_at"] is None
    cleanup.service.kill()
    settings = ON_REQUEST | SHORT_LEASE | {"jobs__retention__enabled": True}
    # A new leader begins with steps of 100 rows. The fourth step is the first about campaigns: messages and single messages take three.
    for at, sends in (("row_step_before_commit:kill@4", 300), ("row_step_after_commit:kill@1", 200), ("row_step_before_commit:kill@2", 100)):
        assert cleanup.replica(f"killed {at}", failpoint=at, **settings).start(wait_ready=False).wait_end(60) == -9, cleanup.logs()
        assert left(old)["sends"] == sends, cleanup.logs()
    post(old, "read")
    old.command(RETRY_FAILED)
    wait_heard(sending, "chat-event", "campaign-command")
    assert old.row()["status"] == "completed" and old.row()["deleted_at"]
    cleanup.service = cleanup.replica("last", **settings).start()
    wait_for(lambda: not any(left(old).values()), lambda: f"{left(old)}\n{cleanup.logs()}", 60)
    row = wait_for(lambda: tenant.sql("SELECT found, acted FROM cleanup_jobs WHERE name = 'retention' AND result = 'done'"), cleanup.logs, 60)[0]
    assert row == {"found": RECIPIENTS + 1, "acted": RECIPIENTS + 1}
    post(old, "failed")
    post(young, "read")
    young.wait_counts(read=RECIPIENTS, failed=0)
    wait_heard(sending, "chat-event")
    assert young.check_balance()["read"] == RECIPIENTS and left(draft)["campaigns"] == 1
    letters = sending.blazz.read("campaign-command.campaign-sender.dlq")
    assert [r.headers["x-dlq-reason"] for r in letters] == ["unknown_reference"]  # the command, and no status
    assert sending.blazz.read("chat-event.campaign-sender.dlq") == [] and sending.service.running()
    assert JobRequest(cleanup, "recount", workspace=tenant.workspace).answer() == {"found": 0, "acted": 0}
    assert JobRequest(cleanup, "retention").answer() == {"found": 0, "acted": 0}


def run(cleanup, **request):
    """A leader's answer."""
    cleanup.start(jobs__retention__enabled=False, **ON_REQUEST, **SHORT_LEASE)
    return JobRequest(cleanup, "retention", **request).answer()
