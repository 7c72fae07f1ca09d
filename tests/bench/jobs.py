#!/usr/bin/python3
"""The jobs of cleanup that work through rows, and what they cost others.

Retention: messages deleted a second with the default duty beside live traffic, as a share of the same job alone and unthrottled (jobs.duty
100); the last tenth beside the first. Recount, unthrottled, beside one statement that compares all conversations in the server. Backfill of
rows of a table of its own. From a POST to its chat event with retention and with the backfill, beside the same rate without, before and after.

usage: tests/bench/jobs.py [--messages N] [--old N] [--rows N] [--rate N] [--seconds S] [--quick]
"""
import argparse
import json
import time

import live
import setting
from harness.cleanup import CLEANUP, Cleanup, JobRequest
from harness.waiting import wait_for

DUTY = 25
PER_CONVERSATION = 20
QUICK = {"messages": 400_000, "old": 100_000, "rate": 500, "seconds": 8}
JOBS = ("stale_qr", "disconnected", "duplicates", "retention", "recount", "orphans", "maintenance", "backfill", "erasure")

# Conversations of an account with messages that are read. The first `old` messages of them, spread over all conversations, are 40 days old.
FILL = """
    INSERT INTO contacts (workspace_id, id, source_type) SELECT a.workspace_id, g, 'webjs'
        FROM whatsapp_accounts a, generate_series(1, %(conversations)s) g WHERE a.uuid = '%(account)s';
    INSERT INTO conversations (workspace_id, id, account_id, contact_id, last_message_at, last_read_at)
        SELECT a.workspace_id, g, a.id, g, now(), now() FROM whatsapp_accounts a, generate_series(1, %(conversations)s) g WHERE a.uuid = '%(account)s';
    INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin, metadata, sent_at)
        SELECT a.workspace_id, g, a.id, 1 + g %% %(conversations)s, 'false:' || g, 'inbound', 'text', 'delivered', 'live',
            jsonb_build_object('body', md5(g::text) || ' ' || md5((g + 1)::text)),
            now() - CASE WHEN g <= %(old)s THEN interval '40 days' ELSE interval '1 day' END + g * interval '1 ms'
        FROM whatsapp_accounts a, generate_series(1, %(messages)s) g WHERE a.uuid = '%(account)s'"""

# The condition of conversations_recount, for all conversations at once, as the server likes best.
COMPARE = """SELECT count(*) FROM conversations v LEFT JOIN (SELECT c.workspace_id, c.conversation_id, count(*) AS n FROM chats c
    JOIN conversations v ON (v.workspace_id, v.id) = (c.workspace_id, c.conversation_id)
    WHERE c.type = 'inbound' AND c.origin IN ('live', 'sync') AND c.deleted_at IS NULL AND c.sent_at > coalesce(v.last_read_at, '-infinity')
    GROUP BY c.workspace_id, c.conversation_id) AS u ON (u.workspace_id, u.conversation_id) = (v.workspace_id, v.id)
    WHERE v.merged_into IS NULL AND v.unread_messages <> coalesce(u.n, 0)"""

BACKFILL = """CREATE TABLE bench_rows (id bigint PRIMARY KEY, text text NOT NULL, length integer);
    INSERT INTO bench_rows SELECT g, repeat(md5(g::text), 4) FROM generate_series(1, %(rows)s) g;
    CREATE FUNCTION backfill_bench(after text, n integer) RETURNS TABLE (next text, rows integer) LANGUAGE plpgsql AS $$ BEGIN
    WITH page AS (SELECT id FROM public.bench_rows WHERE id > coalesce(nullif(after, '')::bigint, 0) ORDER BY id LIMIT n),
    written AS (UPDATE public.bench_rows t SET length = length(t.text) FROM page WHERE t.id = page.id AND t.length IS NULL RETURNING t.id)
    SELECT (SELECT max(id)::text FROM page), (SELECT count(*)::integer FROM written) INTO next, rows; RETURN NEXT; END $$"""


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=5_000_000, help="of each of two workspaces")
    parser.add_argument("--old", type=int, default=1_000_000, help="of them, that retention deletes")
    parser.add_argument("--rows", type=int, default=100_000, help="that the backfill fills")
    parser.add_argument("--rate", type=int, default=2500, help="POSTs a second: half of what the machine sustains (latency.py)")
    parser.add_argument("--seconds", type=int, default=30, help="of traffic without a job, before and after")
    parser.add_argument("--quick", action="store_true", help=f"smaller: {QUICK}")
    found = parser.parse_args()
    if found.quick:
        parser.set_defaults(**QUICK)
        found = parser.parse_args()
    return found


def fill(blazz, name, messages, old):
    """A workspace with these messages. Returns its public id."""
    workspace = blazz.add_workspace(name)
    account = blazz.add_account(workspace, session=name, provider="webjs", bridge="blazz")
    blazz.sql(FILL % {"account": account, "messages": messages, "old": old, "conversations": messages // PER_CONVERSATION})
    return workspace


class Leader:
    """A cleanup whose jobs run on request, but for those named."""

    def __init__(self, blazz, duty, *jobs):
        self.blazz, self.ask = blazz, Cleanup(blazz, stub=None)
        settings = {f"jobs.{j}.enabled": j in jobs for j in JOBS} | {"jobs.duty": duty, "jobs.backfill.every": "100ms", "lease.ttl": "3s", "lease.renew": "1s"}
        self.service = blazz.service("cleanup", CLEANUP | {"bridges.webhook_base": "http://127.0.0.1:9"} | settings, f"cleanup {duty} {' '.join(jobs)}").start()

    def run(self, job, deadline_s=3600):
        """Runs it, and returns [(seconds, rows)] as they were seen, from the start to the end."""
        JobRequest(self.ask, job)
        seen, began = [], None

        def done():
            row = self.blazz.sql("SELECT acted, result, started_at >= requested_at AS begun FROM cleanup_jobs WHERE name = %s", job)[0]
            nonlocal began
            if row["begun"]:
                began = began or time.monotonic()
                seen.append((time.monotonic() - began, row["acted"]))
            return row["begun"] and row["result"] == "done"

        wait_for(done, lambda: f"{job} is done: {seen[-1:]}\n{self.service.log_tail()}", deadline_s)
        return seen


def when(seen, rows):
    """The second at which so many rows were done, between the two looks around it."""
    for (t0, n0), (t1, n1) in zip(seen, seen[1:]):
        if n1 >= rows > n0:
            return t0 + (t1 - t0) * (rows - n0) / (n1 - n0)
    return 0.0


def tenths(seen):
    """The rate of the last tenth beside that of the first."""
    n = seen[-1][1]
    return when(seen, n / 10) / (when(seen, n) - when(seen, n * 0.9))


def rate(seen):
    return seen[-1][1] / when(seen, seen[-1][1])


def p99(found):
    assert found["chat-event"]["missing"] == 0
    return found["chat-event"]["read"]["p99"]


def keep(blazz, workspace, days):
    blazz.sql("UPDATE workspaces SET settings = %s WHERE uuid = %s", json.dumps({"retention": {"messages_days": days}}), workspace)


def measure_retention(blazz, traffic, o, alone, beside):
    """Rows a second alone and beside traffic, the last tenth of the first, and p99 (before, with the job, after)."""
    keep(blazz, alone, 30)
    leader = Leader(blazz, 100)
    unthrottled = leader.run("retention")
    leader.service.stop()
    keep(blazz, alone, None)
    keep(blazz, beside, 30)
    blazz.sql("CHECKPOINT")
    before = p99(traffic.run(o.rate, o.seconds))
    leader = Leader(blazz, DUTY)
    # Traffic ends with the job: as long as its duty lets expect.
    seconds = max(5, int(o.old / rate(unthrottled) * 100 / DUTY))
    posting = traffic.start(o.rate, seconds)
    seen = leader.run("retention")
    times = p99(traffic.finish(posting))
    leader.service.stop()
    keep(blazz, beside, None)
    assert unthrottled[-1][1] == seen[-1][1] == o.old, (unthrottled[-1], seen[-1])
    return {"alone": rate(unthrottled), "beside": rate(seen), "tenths": tenths(seen), "p99": (before, times, p99(traffic.run(o.rate, o.seconds))),
            "seconds": seconds, "took": seen[-1][0]}


def measure_recount(blazz):
    blazz.sql("ANALYZE")
    compared = []
    for _ in range(2):  # the second with what the first has read
        began = time.monotonic()
        assert blazz.value(COMPARE) == 0
        compared.append(time.monotonic() - began)
    leader = Leader(blazz, 100)
    took = leader.run("recount")[-1][0]
    leader.service.stop()
    return compared[-1], took


def measure_backfill(blazz, traffic, o):
    blazz.sql(BACKFILL % {"rows": o.rows})
    blazz.sql("VACUUM ANALYZE bench_rows")
    leader = Leader(blazz, DUTY, "backfill")
    before = p99(traffic.run(o.rate, o.seconds))
    posting = traffic.start(o.rate, o.seconds)
    blazz.sql("INSERT INTO backfills (name) VALUES ('bench')")
    wait_for(lambda: blazz.value("SELECT completed_at FROM backfills"), lambda: leader.service.log_tail(), 600)
    times = p99(traffic.finish(posting))
    leader.service.stop()
    took = blazz.value("SELECT extract(epoch FROM completed_at - started_at)::float8 FROM backfills")
    assert blazz.value("SELECT count(*) FROM bench_rows WHERE length = 128") == o.rows
    return (before, times, p99(traffic.run(o.rate, o.seconds))), took


def row_p99(what, times):
    before, during, after = times
    return [what, f"p99 {during:.1f} ms with it, {before:.1f} before, {after:.1f} after", f"{during / ((before + after) / 2):.2f}", "≤ 1.2"]


def main():
    o = options()
    with setting.stack() as blazz:
        live.start(blazz)
        traffic = live.Traffic(blazz, live.add_accounts(blazz, 5, 4), contacts=100)
        alone, beside = (fill(blazz, name, o.messages, o.old) for name in ("alone", "beside"))
        blazz.sql("VACUUM ANALYZE")
        traffic.run(o.rate, 12)  # until Kafka has compiled its hot code and the contacts are there
        blazz.wait_processed()
        found = measure_retention(blazz, traffic, o, alone, beside)
        filled, took = measure_backfill(blazz, traffic, o)
        blazz.wait_processed()
        conversations = blazz.value("SELECT count(*) FROM conversations")
        compared, recounted = measure_recount(blazz)
        blazz.check_invariants()
    print(f"{setting.machine()}; {2 * o.messages:,} messages, {o.old:,} of them deleted in each of two runs, {o.rate} POSTs a second\n")
    setting.table(["", "", "ratio", "bar"],
                  ["retention", f"{found['beside']:,.0f} messages a second at duty {DUTY} beside traffic, {found['alone']:,.0f} unthrottled and alone",
                   f"{found['beside'] / found['alone']:.2f}", "≥ 0.20"],
                  ["its last tenth beside the first", f"{found['took']:.0f} s, traffic for {found['seconds']} of them", f"{found['tenths']:.2f}", "≥ 0.80"],
                  row_p99("POST to chat event, retention", found["p99"]),
                  row_p99(f"POST to chat event, backfill of {o.rows:,} rows in {took:.1f} s", filled),
                  [f"recount of {conversations:,} conversations", f"{recounted:.1f} s unthrottled, {compared:.1f} s in one statement",
                   f"{compared / recounted:.2f}", "≥ 0.60"])


if __name__ == "__main__":
    main()
