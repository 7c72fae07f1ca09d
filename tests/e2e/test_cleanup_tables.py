"""Jobs of cleanup that watch over the tables: counters are recounted and repaired, rows that are of no use deleted, what is not done reported."""
import threading

import pytest
from harness.cleanup import Cleanup, JobRequest
from harness.events import T0, Source
from harness.waiting import wait_for

ROW_JOBS = ("retention", "recount", "orphans", "maintenance", "backfill")
ON_REQUEST = {f"jobs__{job}__enabled": False for job in ("stale_qr", "disconnected", "duplicates", *ROW_JOBS)}
SHORT_LEASE = {"lease__ttl": "2s", "lease__renew": "300ms"}  # a successor leads soon after a kill
GROUP = "1203630250@g.us"


@pytest.fixture
def stack(blazz):
    """Acme and Beta, chat-sync and a leader that runs jobs on request only."""
    blazz.cleanup = Cleanup(blazz, stub=None)
    blazz.acme, blazz.beta = (tenant(blazz, name) for name in ("acme", "beta"))
    blazz.start_chat_sync()
    blazz.cleanup.start(**ON_REQUEST, **SHORT_LEASE)
    return blazz


def tenant(stack, name):
    workspace = stack.add_workspace(name)
    return Source(workspace, stack.add_account(workspace, "secret", session=name, provider="webjs", bridge="blazz"))


def run(stack, job, **request):
    """The leader's answer."""
    return JobRequest(stack.cleanup, job, **request).answer()


def phone(n):
    return f"1650555{n:04}"


def store(stack, conversations=12, messages=3):
    """Conversations of both tenants with unread messages, and a group."""
    stack.publish([s.message(f"3EB0{n}-{m}", phone(n), at=T0 + m) for s in (stack.acme, stack.beta) for n in range(conversations)
                   for m in range(messages)])
    stack.publish([stack.acme.message("3EB0G", phone(1), group=GROUP, sender=phone(1), name="Group")])
    stack.wait_processed()


def conversation(stack, source, n):
    """The id of the conversation with a phone."""
    return stack.value("""SELECT v.id FROM conversations v JOIN contacts p ON (p.workspace_id, p.id) = (v.workspace_id, v.contact_id)
        JOIN whatsapp_accounts a ON (a.workspace_id, a.id) = (v.workspace_id, v.account_id) WHERE a.uuid = %s AND p.phone = %s""",
                       source.account, f"+{phone(n)}")


class Load(threading.Thread):
    """Messages to a third of the conversations, in both directions of the counter, until it is stopped."""

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.stack, self.ended, self.n = stack, threading.Event(), 0
        self.start()

    def run(self):
        while not self.ended.wait(0.02):
            self.n += 1
            events = [s.message(f"3EB0L{self.n}-{n}", phone(n), at=T0 + 10 + self.n) for s in (self.stack.acme, self.stack.beta) for n in range(8, 12)]
            if self.n % 3 == 0:
                events += [s.revoke(f"3EB0L{self.n}-{n}", at=T0 + 11 + self.n, phone=phone(n)) for s in (self.stack.acme,) for n in range(8, 12)]
            self.stack.publish(events)

    def stop(self):
        self.ended.set()
        self.join()


def plant(stack):
    """Twelve differences: of counters that chat-sync, campaign-sender and consumers keep."""
    acme, beta = (conversation(stack, stack.acme, 0), conversation(stack, stack.beta, 0))
    unread = {acme: 4, beta: 0, conversation(stack, stack.acme, 1): 100, conversation(stack, stack.acme, 2): 2}
    for id_, n in unread.items():
        stack.sql("UPDATE conversations SET unread_messages = %s WHERE id = %s", n, id_)
    marked, deleted = conversation(stack, stack.beta, 3), conversation(stack, stack.beta, 4)
    stack.sql("UPDATE conversations SET last_read_at = to_timestamp(%s) WHERE id = %s", T0 + 1, marked)
    stack.sql("UPDATE chats SET deleted_at = now() WHERE conversation_id = %s AND sent_at = to_timestamp(%s)", deleted, T0 + 1)
    stack.sql("UPDATE conversations SET unread_messages = unread_messages + 1 WHERE group_id IS NOT NULL")
    stack.sql("UPDATE whatsapp_groups SET participants_count = participants_count + 5")
    stack.sql("""INSERT INTO whatsapp_groups (workspace_id, group_jid, name, participants, participants_count)
        SELECT id, 'other@g.us', 'other', '[{}, {}]', 1 FROM workspaces WHERE uuid = %s""", stack.beta.workspace)
    stack.sql("""INSERT INTO consumer_progress (consumer, topic, partition, cluster_id, epoch, start_offset, next_offset, applied)
        VALUES ('webhook-dispatcher', 'planted', 0, 'c', 1, 10, 20, 9)""")
    for name, counted, shown in (("of the writers", 4, 4), ("of the campaign", 3, 2)):
        campaign(stack, name, counted, shown)
    return [*unread, marked, deleted]


def campaign(stack, name, counted, shown):
    """A campaign that has ended, of three recipients, all sent; what campaign_counts and its own columns say of that."""
    id_ = stack.value("""INSERT INTO campaigns (workspace_id, name, campaign_type, status, prepared_at, completed_at, recipients, messages_sent)
        SELECT id, %s, 'instant', 'completed', now(), now(), 3, %s FROM workspaces WHERE uuid = %s RETURNING id""", name, shown, stack.acme.workspace)
    stack.sql("""INSERT INTO sends (workspace_id, campaign_id, segment, address, status) SELECT workspace_id, id, 0, n, 'sent'
        FROM campaigns, generate_series(1, 3) n WHERE id = %s""", id_)
    stack.sql("""UPDATE campaigns c SET first_send_id = r.first, last_send_id = r.last FROM (SELECT min(id) AS first, max(id) AS last FROM sends
        WHERE campaign_id = %s) AS r WHERE id = %s""", id_, id_)
    stack.sql("""INSERT INTO campaign_counts (workspace_id, campaign_id, source, slot, recipients, sent, updated_at)
        SELECT workspace_id, id, 'lane', 0, 3, %s, now() - interval '1 hour' FROM campaigns WHERE id = %s""", counted, id_)


def differences(stack):
    """{counter: differences found} so far."""
    return metric(stack, "blazz_cleanup_recount_differences_total")


def metric(stack, name):
    """{value of its only label: value}"""
    return {k.split('"')[1]: v for k, v in stack.cleanup.service.metrics().items() if k.startswith(name + "{")}


def remove_planted(stack):
    """What no program repairs by itself."""
    stack.sql("DELETE FROM consumer_progress WHERE topic = 'planted'")
    stack.sql("UPDATE whatsapp_groups SET participants_count = jsonb_array_length(participants)")
    stack.sql("DELETE FROM sends")
    stack.sql("DELETE FROM campaign_counts")
    stack.sql("DELETE FROM campaigns")


def unread_differ(stack):
    return stack.sql("""SELECT v.id FROM conversations v LEFT JOIN chats c ON (c.workspace_id, c.conversation_id) = (v.workspace_id, v.id)
        AND c.type = 'inbound' AND c.origin IN ('live', 'sync') AND c.deleted_at IS NULL AND c.sent_at > coalesce(v.last_read_at, '-infinity')
        WHERE v.merged_into IS NULL GROUP BY v.workspace_id, v.id HAVING v.unread_messages <> count(c.id)""")


def test_each_planted_difference_is_found_under_load_and_nothing_else(stack):
    store(stack)
    load = Load(stack)
    wait_for(lambda: load.n > 5, "messages arrive")
    for _ in range(3):
        assert run(stack, "recount") == {"found": 0, "acted": 0}
    planted = plant(stack)
    before = stack.value("SELECT count(*) FROM outbox WHERE producer = 'cleanup'")
    assert run(stack, "recount", dry_run=True) == {"found": 12, "acted": 0}
    assert differences(stack) == {"unread_messages": 0, "participants_count": 0, "campaign": 0, "progress": 0}
    assert stack.value("SELECT count(*) FROM outbox WHERE producer = 'cleanup'") == before and len(unread_differ(stack)) >= 7
    assert run(stack, "recount", workspace=stack.beta.workspace) == {"found": 4, "acted": 3}
    wait_for(lambda: len(unread_differ(stack)) <= 4, lambda: f"Beta's counters are repaired: {unread_differ(stack)}\n{stack.cleanup.logs()}", 30)
    assert run(stack, "recount") == {"found": 9, "acted": 4}
    assert differences(stack) == {"unread_messages": 7, "participants_count": 3, "campaign": 2, "progress": 1}
    wait_for(lambda: not unread_differ(stack), lambda: f"every counter is repaired: {unread_differ(stack)}\n{stack.cleanup.logs()}", 30)
    load.stop()
    stack.wait_processed()
    assert run(stack, "recount") == {"found": 5, "acted": 0}  # what chat-sync does not recount is left
    remove_planted(stack)
    assert run(stack, "recount") == {"found": 0, "acted": 0}
    assert {id_: stack.value("SELECT unread_messages FROM conversations WHERE id = %s", id_) for id_ in planted} == \
        dict(zip(planted, (3, 3, 3, 3, 3, 2), strict=True))  # chat-sync's row has no marker but its own
    stack.check_invariants()


def test_a_leader_that_is_killed_in_a_recount_is_succeeded_where_it_was(stack):
    store(stack, conversations=150, messages=1)  # more than the smallest page
    stack.cleanup.service.kill()
    stack.sql("UPDATE conversations SET unread_messages = 5 WHERE group_id IS NULL")
    for at in ("row_step_before_commit:kill@4", "row_step_after_commit:kill@3"):  # the fourth step is that of the conversations
        killed = stack.cleanup.replica(f"killed {at}", failpoint=at, **ON_REQUEST, **SHORT_LEASE).start()
        request = JobRequest(stack.cleanup, "recount")
        killed.wait_end()
        stack.cleanup.service = stack.cleanup.replica(f"after {at}", **ON_REQUEST, **SHORT_LEASE).start()
        answer = request.answer()
        assert answer["found"] == answer["acted"] <= 300
        wait_for(lambda: not unread_differ(stack), lambda: f"repaired: {len(unread_differ(stack))}\n{stack.cleanup.logs()}", 30)
        stack.cleanup.service.kill()
        stack.sql("UPDATE conversations SET unread_messages = 5 WHERE group_id IS NULL")
    stack.sql("UPDATE conversations SET unread_messages = 1 WHERE group_id IS NULL")
    stack.check_invariants()


def rows_of(stack):
    """Every row of every table, without what a run of a job itself writes."""
    tables = [r["t"] for r in stack.sql("""SELECT oid::regclass::text AS t FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND relkind IN ('r', 'p') AND NOT relispartition AND relname NOT IN ('leases', 'cleanup_jobs', 'outbox')""")]
    return {t: stack.sql(f"SELECT to_jsonb(t)::text AS row FROM {t} t ORDER BY 1") for t in tables}


def changed(before, after):
    """{table: rows that are gone}; fails when a row was added or changed."""
    assert all({r["row"] for r in after[t]} <= {r["row"] for r in before[t]} for t in before)
    return {t: len(before[t]) - len(after[t]) for t in before if before[t] != after[t]}


ORPHANS = """
    INSERT INTO account_qr (workspace_id, account_id, code, expires_at) SELECT workspace_id, id, '', now() + CASE WHEN session_id = 'acme'
        THEN interval '-1 s' ELSE interval '1 h' END FROM whatsapp_accounts;
    INSERT INTO account_syncs (workspace_id, account_id, sync_id, index, open, ended_at) SELECT workspace_id, id, s, g, false, now() - a
        FROM whatsapp_accounts, generate_series(1, 300) g, (VALUES ('old', interval '31 days'), ('new', interval '29 days')) AS r (s, a);
    INSERT INTO session_cleanup_logs (workspace_id, account_id, cleanup_type, reason, executed_at) SELECT workspace_id, id, 'manual', 'duplicate',
        now() - a * interval '1 day' FROM whatsapp_accounts, unnest(ARRAY[1, 364, 366, 4000]) a;
    INSERT INTO contacts (workspace_id, source_type, first_name) SELECT id, 'manual', 'orphan' FROM workspaces;
    INSERT INTO consumer_progress (consumer, topic, partition, cluster_id, epoch, updated_at) VALUES ('gone', 't', 0, 'c', 1, now() - interval '31 days');
    INSERT INTO outbox (producer, slot, topic, epoch, seq, records, created_at) VALUES ('chat-sync', 99, 'planted', 1, 1, '', now() - interval '1 hour');
    UPDATE conversations SET last_message_id = -7 WHERE id = (SELECT min(id) FROM conversations)"""


def test_orphans_deletes_what_is_of_no_use_and_reports_what_should_not_be(stack):
    store(stack, conversations=3, messages=1)
    assert run(stack, "orphans") == {"found": 0, "acted": 0}
    for statement in ORPHANS.split(";"):
        stack.sql(statement)
    n_workspaces = stack.value("SELECT count(*) FROM workspaces")
    deleted, reported = 1 + 600 + 4, n_workspaces + 3
    before = rows_of(stack)
    assert run(stack, "orphans", dry_run=True) == {"found": deleted + reported, "acted": 0}
    assert rows_of(stack) == before
    assert run(stack, "orphans", workspace=stack.acme.workspace) == {"found": 1 + 300 + 2 + 2, "acted": 1 + 300 + 2}
    assert run(stack, "orphans") == {"found": 300 + 2 + reported, "acted": 300 + 2}
    after = rows_of(stack)
    assert changed(before, after) == {"account_qr": 1, "account_syncs": 600, "session_cleanup_logs": 4}
    assert run(stack, "orphans") == {"found": reported, "acted": 0}
    assert rows_of(stack) == after
    log = stack.cleanup.service.log_path.read_text()
    for event in ("contacts without alias and conversation", "conversations whose last message does not exist",
                  "records wait in the outbox", "consumer is silent"):
        assert event in log
    stack.sql("DELETE FROM outbox WHERE slot = 99")


def test_maintenance_alarms_when_others_stop_doing_theirs(stack):
    found = run(stack, "maintenance", dry_run=True)
    assert found == {"found": 2, "acted": 0}  # neither webhook-dispatcher nor campaign-sender has ever run here
    assert run(stack, "maintenance") == found
    assert metric(stack, "blazz_cleanup_maintenance_missing") == {"no_partition": 2, "old_partition": 0, "retries_kept": 0, "not_vacuumed": 0}
    for table in ("webhook_attempts", "send_attempts"):
        stack.sql("SELECT day_partitions_maintain(%s, 1, 30)", table)
    assert run(stack, "maintenance") == {"found": 0, "acted": 0}
    assert stack.ctl("cleanup", "run", "maintenance", "--dry-run") == [{"found": 0, "acted": 0}]
    assert "maintenance is missing" in stack.cleanup.service.log_path.read_text()


BACKFILL = """CREATE FUNCTION backfill_nicknames(after text, n integer) RETURNS TABLE (next text, rows integer) LANGUAGE plpgsql AS $$ BEGIN
    WITH page AS (SELECT id FROM public.nicknames WHERE id > coalesce(nullif(after, '')::bigint, 0) ORDER BY id LIMIT n),
    written AS (UPDATE public.nicknames t SET name = 'n' || t.id, writes = t.writes + 1 FROM page WHERE t.id = page.id AND t.name IS NULL RETURNING t.id)
    SELECT (SELECT max(id)::text FROM page), (SELECT count(*)::integer FROM written) INTO next, rows; RETURN NEXT; END $$"""


def test_a_backfill_survives_kills_and_writes_each_row_once(stack):
    stack.cleanup.service.kill()
    stack.sql("CREATE TABLE nicknames (id bigint PRIMARY KEY, name text, writes integer NOT NULL DEFAULT 0)")
    stack.sql("INSERT INTO nicknames (id) SELECT g FROM generate_series(1, 30000) g")
    stack.sql(BACKFILL)
    stack.sql("INSERT INTO backfills (name) VALUES ('nicknames')")
    often = ON_REQUEST | {"jobs__backfill__enabled": True, "jobs__backfill__every": "100ms"} | SHORT_LEASE
    for n, at in enumerate(("row_step_before_commit:kill@2", "row_step_after_commit:kill@3", "row_step_before_commit:kill@1")):
        stack.cleanup.replica(f"killed {n}", failpoint=at, **often).start(wait_ready=False).wait_end()
    stack.cleanup.service = stack.cleanup.replica("last", **often).start()
    wait_for(lambda: stack.value("SELECT completed_at FROM backfills"), lambda: f"{stack.sql('SELECT * FROM backfills')}\n{stack.cleanup.logs()}", 60)
    assert stack.sql("SELECT count(*) AS n, min(writes) AS least, max(writes) AS most FROM nicknames WHERE name = 'n' || id") == \
        [{"n": 30000, "least": 1, "most": 1}]
    assert stack.sql("SELECT rows, cursor FROM backfills") == [{"rows": 30000, "cursor": "30000"}]


def of_every_job(stack):
    """Something to do for each job: an old message, single message and campaign, a counter that differs, rows of no use, rows to fill."""
    store(stack, conversations=2, messages=1)
    stack.publish([stack.acme.message("3EB0OLD", phone(0), at=T0 - 400 * 86400, out=True)])
    stack.wait_processed()
    stack.sql("""UPDATE workspaces SET settings = '{"retention": {"messages_days": 700}}' WHERE uuid = %s""", stack.acme.workspace)
    stack.sql("UPDATE chats SET sent_at = now() - interval '800 days' WHERE message_key = 'true:3EB0OLD'")
    stack.sql("""INSERT INTO sends (workspace_id, address, status, created_at, updated_at) SELECT id, 'a', 'sent', now() - interval '36 days',
        now() - interval '36 days' FROM workspaces""")
    campaign(stack, "old", 3, 3)
    stack.sql("UPDATE campaigns SET completed_at = now() - interval '91 days'")
    stack.sql("UPDATE conversations SET unread_messages = 9 WHERE id = %s", conversation(stack, stack.beta, 0))
    stack.sql(ORPHANS.split(";")[0])
    stack.sql("CREATE TABLE nicknames (id bigint PRIMARY KEY, name text, writes integer NOT NULL DEFAULT 0)")
    stack.sql("INSERT INTO nicknames (id) SELECT g FROM generate_series(1, 250) g")
    stack.sql(BACKFILL)
    stack.sql("INSERT INTO backfills (name) VALUES ('nicknames')")


def test_a_second_run_of_each_job_changes_nothing_and_a_dry_run_says_what_the_run_does(stack):
    of_every_job(stack)
    workspaces = stack.value("SELECT count(*) FROM workspaces")
    acts = {"retention": 1 + workspaces + 4, "recount": 1, "orphans": 1, "maintenance": 0, "backfill": 250}
    for job in ROW_JOBS:
        before = rows_of(stack)
        dry = run(stack, job, dry_run=True)
        assert dry["acted"] == 0 and rows_of(stack) == before, job
        done = run(stack, job)
        assert done["acted"] == acts[job] and (job == "backfill" or done["found"] == dry["found"]), (job, dry, done)
        wait_for(lambda: not unread_differ(stack) or job == "retention", lambda: f"repaired\n{stack.cleanup.logs()}", 30)
        stack.wait_processed()
        after = rows_of(stack)
        again = run(stack, job)
        assert again["acted"] == 0 and again["found"] == done["found"] - (0 if job == "maintenance" else done["acted"]), (job, done, again)
        assert rows_of(stack) == after, job
    stack.check_invariants()
