"""Jobs of cleanup: accounts that are ended by rule, and those that stay."""
from datetime import datetime, timedelta, timezone

import pytest
from harness.cleanup import Account, Cleanup, Instance
from harness.provider_stub import ProviderStub
from harness.waiting import wait_for

OFTEN = {f"jobs__{job}__every": "300ms" for job in ("stale_qr", "disconnected", "duplicates")}
ON_REQUEST = {f"jobs__{job}__enabled": False for job in ("stale_qr", "disconnected", "duplicates")}


@pytest.fixture
def stub(tmp_path):
    stub = ProviderStub(tmp_path).start()
    yield stub
    stub.close()


@pytest.fixture
def cleanup(blazz, stub):
    blazz.start()
    return Cleanup(blazz, stub)


def ago(**age):
    return datetime.now(timezone.utc) - timedelta(**age)


def lost(cleanup, instance, disconnected_at, **columns):
    """An account that its user logged out: suspended, so it stays as it is."""
    row = {"status": "disconnected", "status_since": disconnected_at, "status_at": disconnected_at, "disconnected_at": disconnected_at,
           "disconnect_reason": "user_initiated", "desired_at": ago(days=9), "created_at": ago(days=9)} | columns
    return Account(cleanup, instance.kind, instance, **row)


def working(cleanup, instance, **columns):
    """An account with a connected session."""
    row = {"status": "connected", "status_since": ago(hours=1), "status_at": ago(hours=1), "desired_at": ago(days=1)} | columns
    account = Account(cleanup, instance.kind, instance, **row)
    instance.set(account.session, "connected")
    account.wait_observed("connected")
    return account


def log_of(account):
    return account.cleanup.sql("""SELECT l.cleanup_type, l.reason, l.details FROM session_cleanup_logs l JOIN whatsapp_accounts a
        ON (a.workspace_id, a.id) = (l.workspace_id, l.account_id) WHERE a.uuid = %s""", account.uuid)


def wait_deleted(account):
    wait_for(lambda: account.row()["deleted_at"], lambda: f"deleted: {account.row()}\n{account.cleanup.logs()}", 30)


def wait_runs(cleanup, job, n=3):
    """Until the job has run so often from now on."""
    for _ in range(n):
        before = cleanup.sql("SELECT max(finished_at) AS at FROM cleanup_jobs WHERE name = %s", job)[0]["at"]
        wait_for(lambda: (at := cleanup.sql("SELECT finished_at AS at FROM cleanup_jobs WHERE name = %s", job)) and at[0]["at"]
                 and at[0]["at"] != before, lambda: f"{job} runs\n{cleanup.logs()}", 30)


def test_a_code_that_nobody_scans_ends_the_account_unless_it_had_been_connected(cleanup):
    cleanup.start(**OFTEN)
    instance = Instance(cleanup, "waha")
    instance.wait("up")
    scanning = {"status": "qr_scanning", "status_since": ago(minutes=29), "status_at": ago(minutes=29), "desired_at": ago(days=1)}
    new, old = Account(cleanup, "waha", instance, **scanning), Account(cleanup, "waha", instance, first_connected_at=ago(days=1), **scanning)
    for account in (new, old):
        instance.set(account.session, "qr")
        account.wait_observed("qr")
    wait_runs(cleanup, "stale_qr")
    assert new.row()["deleted_at"] is None and old.row()["status"] == "qr_scanning"
    cleanup.sql("UPDATE whatsapp_accounts SET status_since = status_since - interval '2 min' WHERE uuid IN (%s, %s)", new.uuid, old.uuid)
    wait_deleted(new)
    assert log_of(new) == [{"cleanup_type": "scheduled", "reason": "stale_qr", "details": "Auto-cleanup: stale_qr"}]
    wait_for(lambda: old.row()["disconnect_reason"] == "qr_expired", lambda: f"{old.row()}\n{cleanup.logs()}", 30)
    old.wait(lambda c: c["observed"] == "stopped" and c["reason"] == "suspended", "stopped, and not started again")
    wait_runs(cleanup, "stale_qr")
    assert old.row()["deleted_at"] is None and log_of(old) == []
    wait_for(lambda: instance.sessions() == {old.session: "stopped"}, lambda: instance.sessions(), 30)


def test_an_account_that_is_lost_for_a_day_is_deleted(cleanup):
    cleanup.start(**OFTEN)
    instance = Instance(cleanup, "waha")
    instance.wait("up")
    gone, recent = lost(cleanup, instance, ago(hours=25)), lost(cleanup, instance, ago(hours=23))
    unwanted = lost(cleanup, instance, ago(days=3), desired_state="disconnected")
    unmanaged = lost(cleanup, instance, ago(days=3), assigned_instance_index=None, assigned_instance_url="http://elsewhere")
    again = lost(cleanup, instance, ago(days=3), desired_at=ago(hours=1), disconnect_reason=None)
    wait_deleted(gone)
    wait_runs(cleanup, "disconnected")
    assert log_of(gone)[0]["reason"] == "disconnected_24h"
    for account in (recent, unwanted, unmanaged, again):
        assert account.row()["deleted_at"] is None
    gone.desire("connected")
    wait_for(lambda: gone.row()["deleted_at"] is None, lambda: gone.row(), 30)
    wait_runs(cleanup, "disconnected")
    assert gone.row()["deleted_at"] is None


@pytest.mark.parametrize("hours", (1, -1))
def test_a_leader_whose_clock_is_wrong_decides_by_the_time_of_postgresql(cleanup, hours):
    leader = cleanup.replica(**OFTEN)
    leader.env = {"BLAZZ_CLOCK_OFFSET_MS": str(hours * 3_600_000)}
    leader.start()
    instance = Instance(cleanup, "waha")
    instance.wait("up")
    new, old = (Account(cleanup, "waha", instance, status="qr_scanning", status_since=ago(minutes=m), status_at=ago(minutes=m),
                        desired_at=ago(days=1)) for m in (29, 31))
    for account in (new, old):
        instance.set(account.session, "qr")
    unreported = Account(cleanup, "waha", instance, status="qr_scanning", status_since=ago(minutes=5), status_at=ago(minutes=5))
    instance.set(unreported.session, "connected")
    wait_deleted(old)
    row = wait_for(lambda: unreported.row()["status"] == "connected" and unreported.row(), lambda: f"{unreported.row()}\n{cleanup.logs()}", 60)
    assert abs(row["status_at"] - ago()) < timedelta(minutes=1)
    wait_runs(cleanup, "stale_qr")
    assert new.row()["deleted_at"] is None
    assert "clock corrected" in leader.log()


def test_of_accounts_with_one_number_one_is_kept(cleanup):
    cleanup.start(**OFTEN)
    instance = Instance(cleanup, "waha")
    instance.wait("up")
    connected = working(cleanup, instance, reported_phone="6281234567890")
    twin = lost(cleanup, instance, ago(minutes=11), reported_phone="+62 812-3456-7890")
    recent = lost(cleanup, instance, ago(minutes=9), reported_phone="6281234567890")
    wait_deleted(twin)
    wait_runs(cleanup, "duplicates")
    assert log_of(twin)[0]["reason"] == "duplicate"
    assert connected.row()["deleted_at"] is None and recent.row()["deleted_at"] is None
    other = working(cleanup, instance, phone_number="+6281234567890")
    wait_runs(cleanup, "duplicates")
    assert connected.row()["deleted_at"] is None and other.row()["deleted_at"] is None
    assert instance.sessions()[other.session] == instance.sessions()[connected.session] == "connected"


def rows_of(cleanup):
    """Everything that a job may change."""
    tables = {"whatsapp_accounts": "id", "session_cleanup_logs": "id", "outbox": "1"}
    return {t: [r for r in cleanup.sql(f"SELECT to_jsonb(t) - 'health_score' AS row FROM {t} t ORDER BY {by}")] for t, by in tables.items()}


def run(cleanup, job, *options):
    """{account: action} of `blazzctl cleanup run`."""
    return {r["account"]: r["action"] for r in cleanup.blazz.ctl("cleanup", "run", job, *options)}


def test_a_dry_run_says_what_the_run_does_and_changes_nothing(cleanup):
    cleanup.start(**ON_REQUEST)
    instance = Instance(cleanup, "waha")
    instance.wait("up")
    gone = [lost(cleanup, instance, ago(hours=25)) for _ in range(3)]
    recent = lost(cleanup, instance, ago(hours=23))
    for account in [*gone, recent]:
        account.wait(lambda c: c["reason"] == "suspended", "suspended")
    before = rows_of(cleanup)
    due = {account.uuid: "delete" for account in gone}
    assert run(cleanup, "disconnected", "--dry-run") == due
    assert run(cleanup, "disconnected", "--dry-run", "--workspace", cleanup.blazz.add_workspace("another")) == {}
    assert rows_of(cleanup) == before
    assert next(j for j in cleanup.blazz.ctl("cleanup", "list") if j["job"] == "disconnected").items() >= {"started": None, "result": None}.items()
    assert run(cleanup, "disconnected", "--workspace", cleanup.workspace) == due
    assert [account.row()["deleted_at"] is not None for account in [*gone, recent]] == [True, True, True, False]
    assert log_of(gone[0]) == [{"cleanup_type": "manual", "reason": "disconnected_24h", "details": "Auto-cleanup: disconnected_24h"}]
    entries = cleanup.blazz.ctl("cleanup", "log")
    assert {e["account"] for e in entries if e["workspace"] == cleanup.workspace} == set(due)
    assert run(cleanup, "disconnected") == {}
    listed = next(j for j in cleanup.blazz.ctl("cleanup", "list") if j["job"] == "disconnected")
    assert (listed["result"], listed["found"], listed["acted"], listed["requested"]) == ("done", 0, 0, None)
    assert listed["next"] > listed["started"] and listed["leader"]
    assert recent.row()["deleted_at"] is None


def test_explain_says_when_an_account_is_due(cleanup):
    cleanup.start(**ON_REQUEST)
    instance = Instance(cleanup, "waha")
    instance.wait("up")
    account = lost(cleanup, instance, ago(hours=23))
    account.wait(lambda c: c["reason"] == "suspended", "suspended")
    told = cleanup.blazz.ctl("cleanup", "explain", account.session)
    assert {j["job"]: j["action"] for j in told["jobs"]} == {"stale_qr": "keep", "disconnected": "delete", "duplicates": "keep"}
    at = datetime.fromisoformat(next(j["at"] for j in told["jobs"] if j["job"] == "disconnected"))
    assert abs(at - ago(hours=-1)) < timedelta(minutes=1)
    assert {f["name"]: f["value"] for f in told["account"]}["reason"] == "suspended"
    refused = cleanup.blazz.ctl_run("cleanup", "run", "everything")
    assert refused.returncode == 2 and "is no job" in refused.stderr


def finished(cleanup):
    return {r["name"]: r["at"] for r in cleanup.sql("SELECT name, finished_at AS at FROM cleanup_jobs")}


def test_a_run_that_was_interrupted_is_repeated_and_one_that_finished_is_not(cleanup):
    cleanup.sql("""INSERT INTO cleanup_jobs (name, started_at, finished_at, result) VALUES ('stale_qr', now(), NULL, 'running'),
        ('disconnected', now(), now(), 'done'), ('duplicates', now() - interval '61 min', now() - interval '60 min', 'done')""")
    before = finished(cleanup)
    cleanup.start(jobs__stale_qr__every="1h")
    for job in ("stale_qr", "duplicates"):  # duplicates is the last of them
        wait_for(lambda: finished(cleanup)[job] not in (None, before[job]), lambda: f"{job}: {finished(cleanup)}\n{cleanup.logs()}", 30)
    assert finished(cleanup)["disconnected"] == before["disconnected"]
