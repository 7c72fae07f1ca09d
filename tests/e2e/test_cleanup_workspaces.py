"""Deleting workspaces: restored in time nothing is lost; afterwards sessions and rows go, step by step, and no other workspace's."""
import re

import pytest
from harness.blazz import KEYRING
from harness.cleanup import Account, Cleanup, Instance, JobRequest
from harness.events import T0, Source
from harness.provider_stub import ProviderStub
from harness.servers import ROOT
from harness.waiting import wait_for

ON_REQUEST = {f"jobs__{job}__enabled": False for job in ("stale_qr", "disconnected", "duplicates", "retention", "recount", "orphans",
                                                         "maintenance", "backfill", "erasure", "workspaces")}
SOON = {"jobs__workspaces__after": "1s", "jobs__workspaces__wait": "0"}
OFTEN = SOON | {"jobs__workspaces__enabled": True, "jobs__workspaces__every": "100ms"}
TABLES = re.findall(r'(?:TABLE\(|\{ ")(\w+)[")]', (ROOT / "libs/store/workspace_rows.c").read_text().split("workspace_tables[] = {")[1].split("};")[0])

# A row in each table that events do not fill.
FILL = """
INSERT INTO users (workspace_id, name, email, role) SELECT id, 'Ann', 'ann@x', 'owner' FROM w;
INSERT INTO provider_apps (workspace_id, kind, secrets) SELECT id, 'meta', '' FROM w;
INSERT INTO account_qr (workspace_id, account_id, code, expires_at) SELECT w.id, a.id, '', now() + interval '1 h' FROM w, a;
INSERT INTO account_syncs (workspace_id, account_id, sync_id, index) SELECT w.id, a.id, 's', g FROM w, a, generate_series(0, 2) g;
INSERT INTO session_cleanup_logs (workspace_id, account_id, cleanup_type, reason) SELECT w.id, a.id, 'manual', 'duplicate' FROM w, a;
INSERT INTO templates (workspace_id, account_id, provider_template_id, name, language) SELECT w.id, a.id, '1', 't', 'en' FROM w, a;
INSERT INTO contacts (workspace_id, source_type, merged_into, source_account_id) SELECT w.id, 'webjs', c.id, a.id FROM w, c, a;
INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) SELECT w.id, c.id, 'all', now() FROM w, c;
INSERT INTO contact_former_aliases (workspace_id, kind, value, until, contact_id) SELECT w.id, 'phone', c.id::text, now(), c.id FROM w, c;
INSERT INTO sender_renames (workspace_id, sender, contact_id, topic, partition) SELECT w.id, 'old' || c.id, c.id, 'none', 0 FROM w, c;
INSERT INTO conversation_merges (workspace_id, conversation_id, into_id, topic, partition) SELECT w.id, v.id, v.id, 'none', 0 FROM w, v;
INSERT INTO chat_receipts (workspace_id, chat_id, participant, status, at) SELECT w.id, m.id, 'x', 'read', now() FROM w, m;
INSERT INTO chat_reactions (workspace_id, chat_id, sender, emoji, at) SELECT w.id, m.id, 'x', 'y', now() FROM w, m;
INSERT INTO chat_reactions_withdrawn (workspace_id, chat_id, sender, at) SELECT w.id, m.id, 'z', now() FROM w, m;
INSERT INTO chat_media (workspace_id, chat_id) SELECT w.id, m.id FROM w, m;
INSERT INTO contact_groups (workspace_id, name) SELECT id, 'all' FROM w;
INSERT INTO contact_group_members (workspace_id, group_id, address) SELECT w.id, g.id, n::text FROM w, contact_groups g, generate_series(1, 250) n
    WHERE g.workspace_id = w.id;
INSERT INTO campaigns (workspace_id, name, campaign_type, account_id) SELECT w.id, 'c', 'instant', a.id FROM w, a;
INSERT INTO campaign_segments (workspace_id, campaign_id, segment, account_id, partition) SELECT w.id, p.id, 0, a.id, 0 FROM w, a, p;
INSERT INTO campaign_counts (workspace_id, campaign_id, source, slot) SELECT w.id, p.id, 'lane', 0 FROM w, p;
INSERT INTO sends (workspace_id, campaign_id, segment, contact_id, address) SELECT w.id, p.id, 0, c.id, c.id::text FROM w, p, c;
INSERT INTO send_lanes (workspace_id, account_id, partition) SELECT w.id, a.id, 0 FROM w, a;
INSERT INTO send_attempts (workspace_id, send_id, account_id, generation, attempt, class, at) SELECT w.id, 1, a.id, 0, 1, 'unknown', now() FROM w, a;
INSERT INTO portfolio_hours (workspace_id, business_id, hour, slot) SELECT id, 'b', now(), 0 FROM w;
INSERT INTO undeliverable (workspace_id, address, code, since) SELECT id, 'x', '1', now() FROM w;
INSERT INTO webhook_endpoints (workspace_id, url, secrets) SELECT id, 'https://x', '' FROM w;
INSERT INTO webhook_replays (workspace_id, endpoint_id, since) SELECT w.id, e.id, now() FROM w, e;
INSERT INTO webhook_positions (workspace_id, endpoint_id, topic, partition, next_offset) SELECT w.id, e.id, 't', 0, 1 FROM w, e;
INSERT INTO webhook_retry_queue (workspace_id, endpoint_id, event_id, event_type, url, source_partition, source_offset, source_timestamp_ms,
    max_retries, next_retry_at, status) SELECT w.id, e.id, gen_random_uuid(), 't', 'u', 0, 1, 1, 1, 'infinity', 'pending' FROM w, e;
INSERT INTO webhook_attempts (workspace_id, endpoint_id, event_id, event_type, attempt, outcome, at)
    SELECT w.id, e.id, gen_random_uuid(), 't', 1, 'failed', now() - d * interval '1 day' FROM w, e, generate_series(0, 1) d;
INSERT INTO erasures (workspace_id, contact, requested_by, stage, completed_at) SELECT w.id, c.uuid, 'x', 'done', now() FROM w, c
"""
NAMES = """WITH w AS (SELECT id FROM workspaces WHERE uuid = %s), a AS (SELECT t.* FROM whatsapp_accounts t JOIN w ON w.id = t.workspace_id),
    c AS (SELECT t.* FROM contacts t JOIN w ON w.id = t.workspace_id WHERE merged_into IS NULL),
    v AS (SELECT t.* FROM conversations t JOIN w ON w.id = t.workspace_id), m AS (SELECT t.* FROM chats t JOIN w ON w.id = t.workspace_id),
    p AS (SELECT t.* FROM campaigns t JOIN w ON w.id = t.workspace_id), e AS (SELECT t.* FROM webhook_endpoints t JOIN w ON w.id = t.workspace_id)
"""


class Tenants:
    """Acme and Beta, with rows in every table; no instance knows their accounts."""

    def __init__(self, blazz):
        self.blazz, self.sql, self.value = blazz, blazz.sql, blazz.value
        self.cleanup = Cleanup(blazz, stub=None)
        self.acme, self.beta = (self.tenant(name) for name in ("acme", "beta"))
        blazz.start_chat_sync(cache__ttl="200ms")
        self.publish([s.message(f"M{n}", f"1650555{n:04}", at=T0 + n) for s in (self.acme, self.beta) for n in range(30)]
                     + [s.message("G", "16505550001", group="123@g.us", sender="16505550001") for s in (self.acme, self.beta)]
                     + [s.edit("missing", "later", phone="16505550001") for s in (self.acme, self.beta)])
        for table in ("webhook_attempts", "send_attempts"):
            self.sql("SELECT day_partitions_maintain(%s, 0, 30)", table)
        for source in (self.acme, self.beta):
            for statement in FILL.split(";\n"):
                self.sql(NAMES + statement, source.workspace)

    def tenant(self, name):
        workspace = self.blazz.add_workspace(name)
        source = Source(workspace, self.blazz.add_account(workspace, "secret", session=name, provider="webjs", bridge="blazz"))
        self.sql("UPDATE whatsapp_accounts SET assigned_instance_url = 'http://elsewhere' WHERE uuid = %s", source.account)
        return source

    def publish(self, events):
        self.blazz.publish(events)
        self.blazz.wait_processed()

    def leader(self, label="cleanup", failpoint=None, **settings):
        self.sql("UPDATE leases SET until = now()")
        return self.cleanup.replica(label, failpoint, **ON_REQUEST | {"lease__ttl": "2s", "lease__renew": "300ms"} | settings).start(wait_ready=False)

    def rows(self, source):
        """{table: (rows, a digest of all their bytes)}"""
        out = {}
        for table in TABLES:
            key = "id" if table == "workspaces" else "workspace_id"
            out[table] = tuple(self.sql(f"""SELECT count(*) AS n, md5(string_agg(t::text, ' ' ORDER BY t::text COLLATE "C")) AS digest FROM {table} t
                WHERE {key} = %s""", self.ids[source.workspace])[0].values())
        return out

    def count(self, source):
        return sum(n for n, _ in self.rows(source).values())

    @property
    def ids(self):
        if not hasattr(self, "_ids"):
            self._ids = {str(r["uuid"]): r["id"] for r in self.sql("SELECT id, uuid FROM workspaces")}
        return self._ids

    def delete(self, source):
        self.blazz.ctl("workspaces", "delete", source.workspace)
        self.sql("UPDATE workspaces SET deleted_at = now() - interval '8 days' WHERE uuid = %s", source.workspace)

    def stage(self, source):
        return self.value("SELECT deletion_stage FROM workspaces WHERE uuid = %s", source.workspace)

    def wait_sessions_gone(self, source):
        wait_for(lambda: not self.sql("""SELECT a.id FROM whatsapp_accounts a LEFT JOIN account_control c ON (c.workspace_id, c.account_id)
            = (a.workspace_id, a.id) WHERE a.workspace_id = %s AND (a.deleted_at IS NULL OR c.gone_at IS NULL)""", self.ids[source.workspace]),
                 lambda: f"sessions are gone\n{self.cleanup.logs()}", 30)

    def run(self, **request):
        return JobRequest(self.cleanup, "workspaces", **request).answer()


@pytest.fixture
def tenants(blazz):
    return Tenants(blazz)


def settled(tenants):
    """Rows of Beta once nothing writes them any more."""
    rows = [tenants.rows(tenants.beta)]

    def still():
        rows.append(tenants.rows(tenants.beta))
        return rows[-1] == rows[-2]

    wait_for(still, lambda: "the rows of the neighbour settle", 30)
    return rows[-1]


def test_each_step_of_a_deletion_survives_a_kill_and_touches_no_other_workspace(tenants):
    assert not [t for t in TABLES if tenants.rows(tenants.acme)[t][0] == 0 and t != "account_control"]
    first = tenants.leader("first")  # knows the accounts
    wait_for(lambda: tenants.value("SELECT count(*) FROM cleanup_jobs") == 0 and first.process.poll() is None, lambda: "leads", 10)
    before = settled(tenants)
    tenants.delete(tenants.acme)
    first.kill()
    tenants.leader("sessions", **OFTEN | {"jobs__workspaces__wait": "1h"})
    wait_for(lambda: tenants.stage(tenants.acme) == "sessions", lambda: f"sessions\n{tenants.cleanup.logs()}", 30)
    tenants.wait_sessions_gone(tenants.acme)
    tenants.blazz.services[-1].kill()
    for table in TABLES:
        killed = tenants.leader(f"killed in {table}", failpoint=f"workspace_{table}:kill@1", **OFTEN)
        wait_for(lambda: killed.process.poll() is not None, lambda: f"{table}\n{tenants.cleanup.logs()}", 30)
        assert tenants.rows(tenants.acme)[table][0] > 0 or table in ("account_control", "conversation_merges", "sender_renames")
    tenants.leader("killed before the commit", failpoint="row_step_before_commit:kill@1", **OFTEN).wait_end()
    assert tenants.rows(tenants.acme)["workspaces"][0] == 1
    tenants.leader("last", **OFTEN)
    wait_for(lambda: tenants.count(tenants.acme) == 0, lambda: f"{tenants.rows(tenants.acme)}\n{tenants.cleanup.logs()}", 30)
    assert tenants.rows(tenants.beta) == before
    tenants.publish([tenants.beta.message("after", "16505550001", at=T0 + 99)])
    assert tenants.value("SELECT count(*) FROM chats WHERE message_key = 'false:after'") == 1
    tenants.blazz.check_invariants()


def test_a_dry_run_says_what_the_run_then_does_and_a_second_run_does_nothing(tenants):
    tenants.leader(**SOON)
    assert tenants.run(dry_run=True) == {"found": 0, "acted": 0}
    tenants.delete(tenants.acme)
    assert tenants.run(dry_run=True) == {"found": 1, "acted": 0} and tenants.stage(tenants.acme) is None
    assert tenants.run() == {"found": 1, "acted": 1} and tenants.stage(tenants.acme) == "sessions"
    refused = tenants.blazz.ctl_run("workspaces", "restore", tenants.acme.workspace)
    assert refused.returncode != 0 and "cannot be restored any more" in refused.stderr
    tenants.wait_sessions_gone(tenants.acme)
    before, n = settled(tenants), tenants.count(tenants.acme)
    explained = tenants.blazz.ctl("cleanup", "explain", tenants.acme.workspace)
    assert {"job": "workspaces", "found": n + 1} in explained["jobs"], explained
    assert tenants.run(dry_run=True, workspace=tenants.acme.workspace) == {"found": n + 1, "acted": 0}
    assert tenants.count(tenants.acme) == n and tenants.stage(tenants.acme) == "sessions"
    assert tenants.run(dry_run=True, workspace=tenants.beta.workspace) == {"found": 0, "acted": 0}
    assert tenants.run() == {"found": n + 1, "acted": n + 1}
    assert tenants.count(tenants.acme) == 0
    assert tenants.run() == {"found": 0, "acted": 0}
    assert tenants.rows(tenants.beta) == before


def test_events_of_a_workspace_that_goes_are_filtered_and_harm_no_neighbour(tenants):
    tenants.delete(tenants.acme)
    tenants.sql("UPDATE workspaces SET deletion_stage = 'rows', deletion_stage_at = now() WHERE uuid = %s", tenants.acme.workspace)
    marker = tenants.acme.event("read_marker", "r", at=T0 + 50)
    tenants.acme.fill_chat(marker.read_marker.chat, "16505550001")
    marker.read_marker.read_at_ms = (T0 + 50) * 1000
    tenants.publish([tenants.acme.message("warm", "16505550001", at=T0 + 60)])
    before = tenants.rows(tenants.acme)
    assert tenants.value("SELECT count(*) FROM conversations WHERE unread_messages > 0 AND workspace_id = %s", tenants.ids[tenants.acme.workspace]) > 0
    tenants.publish([marker] + [s.message(f"late{n}", "16505550001", at=T0 + 70 + n) for n in range(3) for s in (tenants.acme, tenants.beta)])
    assert tenants.rows(tenants.acme) == before
    assert tenants.value("SELECT count(*) FROM chats WHERE message_key LIKE 'false:late%%'") == 3
    assert tenants.blazz.dead_letters() == []


@pytest.fixture
def stub(tmp_path):
    stub = ProviderStub(tmp_path).start()
    yield stub
    stub.close()


def test_a_workspace_that_is_restored_in_time_has_its_sessions_and_messages_again(blazz, stub):
    blazz.start()
    cleanup = Cleanup(blazz, stub).start(list__interval="500ms", **ON_REQUEST)
    instance = Instance(cleanup, "waha")
    instance.wait("up")
    account = Account(cleanup, "waha", instance)
    account.wait(lambda c: c["observed"] in ("connected", "qr"), "started")
    instance.set(account.session, "connected")
    account.wait_observed("connected")
    source = Source(cleanup.workspace, account.uuid)
    blazz.ctl("workspaces", "delete", cleanup.workspace)
    account.wait(lambda c: c["observed"] in ("stopped", "absent"), "stopped")
    assert account.row()["desired_state"] == "connected" and account.row()["deleted_at"] is None

    def filtered():
        blazz.publish([source.message("lost", at=T0)])
        blazz.wait_processed()
        return blazz.sql("SELECT sum(filtered) AS n FROM consumer_progress")[0]["n"]

    wait_for(filtered, lambda: f"filtered\n{cleanup.logs()}", 90)
    blazz.ctl("workspaces", "restore", cleanup.workspace)
    account.wait(lambda c: c["observed"] not in ("stopped", "absent"), "started again", 120)
    blazz.publish([source.message("again", at=T0 + 1)])
    blazz.wait_processed()
    assert blazz.value("SELECT count(*) FROM chats WHERE message_key = 'false:again'") == 1
    refused = blazz.ctl_run("workspaces", "restore", cleanup.workspace)
    assert refused.returncode != 0 and "is not deleted" in refused.stderr
