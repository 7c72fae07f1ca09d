/* See cleanup_health.h. */
#include "store/cleanup_health.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

/* A penalty below 0.5 is a score of 100. */
static const struct pg_stmt changed = {
	"cleanup_health", PG_UNNAMED,
	"SELECT a.workspace_id, a.id, a.health_score::bigint, (coalesce(c.health_penalty, 0) * 1000)::bigint,"
	" coalesce((extract(epoch FROM now() - c.health_at) * 1000000)::bigint, 0), a.disconnect_count::bigint, a.session_restore_count::bigint,"
	" coalesce(l.attempts, 0), coalesce(l.failures, 0), coalesce(c.health_disconnects, 0)::bigint, coalesce(c.health_restores, 0)::bigint,"
	" coalesce(c.health_attempts, 0), coalesce(c.health_failures, 0)"
	" FROM whatsapp_accounts a LEFT JOIN account_control c ON (c.workspace_id, c.account_id) = (a.workspace_id, a.id)"
	" LEFT JOIN send_lanes l ON (l.workspace_id, l.account_id) = (a.workspace_id, a.id)"
	" WHERE a.deleted_at IS NULL AND (c.health_penalty >= 0.5 OR a.health_score <> 100"
	" OR (a.disconnect_count, a.session_restore_count, coalesce(l.attempts, 0), coalesce(l.failures, 0))"
	" <> (coalesce(c.health_disconnects, 0), coalesce(c.health_restores, 0), coalesce(c.health_attempts, 0), coalesce(c.health_failures, 0)))"
};

/* An account that a batch of chat-sync holds is skipped: two statements that wait for each other's accounts would end as a deadlock. */
static const struct pg_stmt put = { "cleanup_health_put", PG_UNNAMED,
	"WITH r AS MATERIALIZED (SELECT r.* FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],"
	" $7::bigint[], $8::bigint[]) AS r (workspace_id, id, score, penalty, disconnects, restores, attempts, failures)"
	" JOIN whatsapp_accounts a USING (workspace_id, id) FOR NO KEY UPDATE OF a SKIP LOCKED),"
	" scored AS (UPDATE whatsapp_accounts a SET health_score = r.score, updated_at = now() FROM r"
	" WHERE (a.workspace_id, a.id) = (r.workspace_id, r.id) AND a.health_score <> r.score)"
	" INSERT INTO account_control AS c (workspace_id, account_id, health_at, health_penalty, health_disconnects, health_restores,"
	" health_attempts, health_failures)"
	" SELECT workspace_id, id, now(), penalty / 1000.0, disconnects, restores, attempts, failures FROM r"
	" ON CONFLICT (workspace_id, account_id) DO UPDATE SET (health_at, health_penalty, health_disconnects, health_restores,"
	" health_attempts, health_failures) = (excluded.health_at, excluded.health_penalty, excluded.health_disconnects,"
	" excluded.health_restores, excluded.health_attempts, excluded.health_failures)" };

const struct pg_stmt *const cleanup_health_statements[] = { &changed, &put, NULL };

static struct health_counts counts_read(struct cells *c)
{
	struct health_counts counts;

	counts.disconnects = cells_i64(c);
	counts.restores = cells_i64(c);
	counts.attempts = cells_i64(c);
	counts.failures = cells_i64(c);
	return counts;
}

static void row_read(struct cells *c, struct health_row *r)
{
	r->account.workspace_id = cells_i64(c);
	r->account.id = cells_i64(c);
	r->score = cells_i64(c);
	r->penalty_thousandths = cells_i64(c);
	r->elapsed_us = cells_i64(c);
	r->now = counts_read(c);
	r->counted = counts_read(c);
}

int store_cleanup_health(struct pg *pg, struct health_row **rows, size_t *n, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct health_row *at;

	if (pg_run(pg, &changed, NULL, &answer, err) < 0)
		return -1;
	*n = (size_t)pg_rows_count(answer);
	at = *rows = mem_calloc(*n, sizeof(**rows));
	for (struct cells c = cells_of(answer, NULL); cells_more(&c); cells_next(&c))
		row_read(&c, at++);
	pg_rows_free(answer);
	return 0;
}

int store_cleanup_health_put(struct pg *pg, const struct health_row *rows, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].account.workspace_id);
		columns_i64(&c, rows[i].account.id);
		columns_i64(&c, rows[i].score);
		columns_i64(&c, rows[i].penalty_thousandths);
		columns_i64(&c, rows[i].now.disconnects);
		columns_i64(&c, rows[i].now.restores);
		columns_i64(&c, rows[i].now.attempts);
		columns_i64(&c, rows[i].now.failures);
	}
	return columns_run(&c, pg, &put, NULL, err);
}
