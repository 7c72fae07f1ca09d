/* See cleanup_campaigns.h. Invariant: nothing of a campaign that may still send, or of which an outcome is looked for, is changed; and the row of a
 * campaign goes last, so that a run that was cut short finds it again. */
#include "store/cleanup_campaigns.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

/* Of a campaign's rows only unknown ones whose outcome is looked for have an account to act on them (index sends_unresolved). */
#define ENDED \
	"(c.status IN ('completed', 'cancelled', 'failed')" \
	" AND coalesce(c.completed_at, c.updated_at) < now() - $1::bigint * interval '1 millisecond'" \
	" AND NOT EXISTS (SELECT FROM sends u WHERE u.workspace_id = c.workspace_id AND u.campaign_id = c.id" \
	" AND u.account_id IS NOT NULL AND u.next_attempt_at IS NOT NULL AND u.status IS NOT DISTINCT FROM 'unknown' OFFSET 0))"

/* The first that has ended, or else the last of the page. */
static const struct pg_stmt find = {
	"ended_campaign", PG_UNNAMED,
	"SELECT p.n, p.workspace_id, p.id, p.ended, p.first_send_id, p.last_send_id FROM (SELECT count(*) OVER () AS n, c.*"
	" FROM (SELECT c.workspace_id, c.id, c.first_send_id, c.last_send_id, " ENDED
	" AS ended FROM campaigns c WHERE (c.workspace_id, c.id) > ($2::bigint, $3::bigint) AND c.workspace_id <= $4::bigint"
	" ORDER BY c.workspace_id, c.id LIMIT $5::bigint) AS c) AS p ORDER BY p.ended DESC,"
	" CASE WHEN p.ended THEN p.workspace_id ELSE -p.workspace_id END, CASE WHEN p.ended THEN p.id ELSE -p.id END LIMIT 1"
};

static const struct pg_stmt mark = { "ended_campaign_mark", PG_UNNAMED,
	"WITH c AS MATERIALIZED (SELECT c.workspace_id, c.id FROM campaigns c WHERE c.workspace_id = $2::bigint AND c.id = $3::bigint"
	" AND " ENDED " FOR NO KEY UPDATE SKIP LOCKED),"
	" marked AS (UPDATE campaigns m SET deleted_at = now() FROM c WHERE m.workspace_id = c.workspace_id AND m.id = c.id"
	" AND m.deleted_at IS NULL) SELECT c.id FROM c" };

/* Rows of other campaigns in the range are read and left out, as by lanes (db/README.md, Sending). */
static const struct pg_stmt recipients = { "ended_recipients", PG_UNNAMED,
	"SELECT s.id, s.campaign_id IS NOT DISTINCT FROM $2::bigint FROM sends s WHERE s.workspace_id = $1::bigint"
	" AND s.id > $3::bigint AND s.id <= $4::bigint ORDER BY s.id LIMIT $5::bigint" };

/* Materialized, and with the workspace in each row: as a constant it can look cheaper to read all of its rows, and to look up all ids for each. */
static const struct pg_stmt recipients_delete = { "ended_recipients_delete", PG_UNNAMED,
	"WITH locked AS MATERIALIZED (SELECT s.workspace_id, s.id FROM unnest($2::bigint[], $3::bigint[]) AS r (workspace_id, id)"
	" CROSS JOIN LATERAL (SELECT s.workspace_id, s.id FROM sends s WHERE s.workspace_id = r.workspace_id AND s.id = r.id"
	" AND s.campaign_id IS NOT DISTINCT FROM $1::bigint FOR UPDATE SKIP LOCKED) AS s)"
	" DELETE FROM sends d USING locked l WHERE d.workspace_id = l.workspace_id AND d.id = l.id" };

static const struct pg_stmt delete = { "ended_campaign_delete", PG_UNNAMED,
	"WITH c AS MATERIALIZED (SELECT c.workspace_id, c.id FROM campaigns c WHERE c.workspace_id = $1::bigint AND c.id = $2::bigint"
	" AND NOT EXISTS (SELECT FROM sends s WHERE s.workspace_id = c.workspace_id AND s.campaign_id = c.id OFFSET 0)),"
	" counts AS (DELETE FROM campaign_counts d USING c WHERE d.workspace_id = c.workspace_id AND d.campaign_id = c.id),"
	" segments AS (DELETE FROM campaign_segments d USING c WHERE d.workspace_id = c.workspace_id AND d.campaign_id = c.id)"
	" DELETE FROM campaigns d USING c WHERE d.workspace_id = c.workspace_id AND d.id = c.id" };

const struct pg_stmt *const cleanup_campaigns_statements[] = { &find, &mark, &recipients, &recipients_delete, &delete,
	NULL };

int store_ended_campaign(struct pg *pg, int64_t after_ms, struct key_page *page, struct ended_campaign *out,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	bool ended = false;
	int rc;

	pg_arg_i64(args, after_ms);
	pg_arg_i64(args, page->workspace_id);
	pg_arg_i64(args, page->id);
	pg_arg_i64(args, page->last_workspace_id);
	pg_arg_i64(args, page->limit);
	rc = pg_run(pg, &find, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	page->n = 0;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		page->n = cells_i64(&c);
		page->end_workspace_id = cells_i64(&c);
		page->end_id = cells_i64(&c);
		ended = cells_bool(&c);
		*out = (struct ended_campaign){ .workspace_id = page->end_workspace_id, .id = page->end_id };
		out->first_send_id = cells_id(&c);
		out->last_send_id = cells_id(&c);
	}
	pg_rows_free(rows);
	return ended;
}

int store_ended_campaign_mark(struct pg *pg, int64_t after_ms, const struct ended_campaign *c, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, after_ms);
	pg_arg_i64(args, c->workspace_id);
	pg_arg_i64(args, c->id);
	rc = pg_run(pg, &mark, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	rc = pg_rows_count(rows) > 0;
	pg_rows_free(rows);
	return rc;
}

int store_ended_recipients(struct pg *pg, const struct ended_campaign *c, int64_t limit, int64_t *after,
	struct arena *a, int64_t **ids, size_t *n, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, c->workspace_id);
	pg_arg_i64(args, c->id);
	pg_arg_i64(args, *after);
	pg_arg_i64(args, c->last_send_id);
	pg_arg_i64(args, limit);
	rc = pg_run(pg, &recipients, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	*n = 0;
	*ids = ARENA_ARRAY(a, int64_t, (size_t)pg_rows_count(rows));
	for (struct cells at = cells_of(rows, NULL); cells_more(&at); cells_next(&at)) {
		*after = cells_i64(&at);
		if (cells_bool(&at))
			(*ids)[(*n)++] = *after;
	}
	if (pg_rows_count(rows) < limit)
		*after = c->last_send_id;
	pg_rows_free(rows);
	return 0;
}

int store_ended_recipients_delete(struct pg *pg, const struct ended_campaign *c, const int64_t *ids, size_t n,
	int64_t *deleted, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns columns;

	*deleted = 0;
	if (n == 0)
		return 0;
	columns_init(&columns);
	pg_arg_i64(columns_scalars(&columns), c->id);
	for (size_t i = 0; i < n; i++) {
		columns_row(&columns);
		columns_i64(&columns, c->workspace_id);
		columns_i64(&columns, ids[i]);
	}
	if (columns_run(&columns, pg, &recipients_delete, &answer, err) < 0)
		return -1;
	*deleted = pg_rows_affected(answer);
	pg_rows_free(answer);
	return 0;
}

int store_ended_campaign_delete(struct pg *pg, const struct ended_campaign *c, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *answer = NULL;
	int rc;

	pg_arg_i64(args, c->workspace_id);
	pg_arg_i64(args, c->id);
	rc = pg_run(pg, &delete, args, &answer, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	rc = pg_rows_affected(answer) > 0;
	pg_rows_free(answer);
	return rc;
}
