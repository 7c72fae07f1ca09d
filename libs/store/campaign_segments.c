/* See campaign_segments.h. Invariant: a row of a segment is sent by the lane that the segment names, or, once it is
 * due, by the lane that the row names, if it names one; so a move changes one row, whatever the size of the segment. */
#include "store/campaign_segments.h"

#include "store/campaign_counts.h"
#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

static const struct pg_stmt insert = {
	"segments_insert", PG_UNNAMED,
	"INSERT INTO campaign_segments (workspace_id, campaign_id, segment, account_id, partition) SELECT workspace_id, campaign_id, segment,"
	" account_id, partition FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[], $5::integer[])"
	" AS r (workspace_id, campaign_id, segment, account_id, partition) ON CONFLICT (workspace_id, campaign_id, segment) DO NOTHING"
};

static const struct pg_stmt read = { "segments_read", PG_PREPARED,
	"SELECT g.workspace_id, g.campaign_id, g.segment, g.account_id, g.partition, g.cursor_id, g.moving_to, g.done"
	" FROM campaign_segments g WHERE g.partition = ANY ($1::integer[]) AND NOT g.done ORDER BY 1, 2, 3" };

/* A session that has made rows of them due is waited for, so that the statement that follows sees these rows. */
static const struct pg_stmt lock = { "segments_lock", PG_UNNAMED,
	"SELECT count(*) FROM (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::smallint[]) AS r (workspace_id, campaign_id, segment)"
	" ORDER BY 1, 2, 3) AS r CROSS JOIN LATERAL (SELECT g.segment FROM campaign_segments g WHERE g.workspace_id = r.workspace_id"
	" AND g.campaign_id = r.campaign_id AND g.segment = r.segment FOR NO KEY UPDATE) AS g" };

static const struct pg_stmt write = { "segments_write", PG_PREPARED,
	"UPDATE campaign_segments g SET cursor_id = greatest(g.cursor_id, r.cursor_id), moving_to = r.moving_to,"
	" done = r.done AND (EXISTS (SELECT FROM (SELECT c.status FROM campaigns c WHERE c.workspace_id = r.workspace_id AND c.id = r.campaign_id"
	" OFFSET 0) AS c WHERE c.status = 'cancelled') OR (NOT EXISTS (SELECT FROM sends s WHERE s.workspace_id = r.workspace_id AND s.campaign_id = r.campaign_id"
	" AND s.segment = r.segment AND s.next_attempt_at IS NOT NULL AND s.account_id IS NULL OFFSET 0)"
	" AND NOT EXISTS (SELECT FROM (SELECT c.last_send_id FROM campaigns c WHERE c.workspace_id = r.workspace_id AND c.id = r.campaign_id OFFSET 0)"
	" AS c CROSS JOIN LATERAL (SELECT FROM sends s WHERE r.done AND s.workspace_id = r.workspace_id AND s.id > greatest(g.cursor_id, r.cursor_id)"
	" AND s.id <= c.last_send_id AND s.campaign_id IS NOT DISTINCT FROM r.campaign_id AND s.segment = r.segment AND s.status = 'pending' LIMIT 1)"
	" AS s))),"
	" updated_at = now() FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[], $5::boolean[], $6::bigint[])"
	" AS r (workspace_id, campaign_id, segment, cursor_id, done, moving_to)"
	" WHERE g.workspace_id = r.workspace_id AND g.campaign_id = r.campaign_id AND g.segment = r.segment" };

/* $4: the account that has it, $5 and $6: the account that gets it, and its partition. */
static const struct pg_stmt move = {
	"segments_move", PG_UNNAMED,
	"UPDATE campaign_segments g SET account_id = $5::bigint, partition = $6::integer, moving_to = NULL, updated_at = now()"
	" WHERE g.workspace_id = $1::bigint AND g.campaign_id = $2::bigint AND g.segment = $3::smallint AND g.account_id = $4::bigint"
	" AND NOT EXISTS (SELECT FROM send_lanes l CROSS JOIN LATERAL unnest(l.in_flight) AS f (id)"
	" CROSS JOIN LATERAL (SELECT s.campaign_id, s.segment FROM sends s WHERE s.workspace_id = l.workspace_id AND s.id = f.id OFFSET 0) AS s"
	" WHERE l.workspace_id = $1::bigint AND l.account_id = $4::bigint AND s.campaign_id = $2::bigint AND s.segment = $3::smallint)"
};

/* 131049 (the provider chose not to deliver): not again within a day. Segments that are not done are updated, too: another session may be
 * about to make them done. */
static const struct pg_stmt retry_failed = { "segments_retry_failed", PG_UNNAMED,
	"WITH failed AS MATERIALIZED (SELECT s.workspace_id, s.id, s.segment FROM (SELECT c.workspace_id, c.id, c.first_send_id, c.last_send_id"
	" FROM campaigns c WHERE c.workspace_id = $1::bigint AND c.id = $2::bigint) AS c CROSS JOIN LATERAL (SELECT s.workspace_id, s.id, s.segment"
	" FROM sends s WHERE s.workspace_id = c.workspace_id AND s.id > greatest($3::bigint, c.first_send_id - 1) AND s.id <= c.last_send_id"
	" AND s.campaign_id IS NOT DISTINCT FROM c.id AND s.status = 'failed' AND s.request IS NOT NULL ORDER BY s.id LIMIT $4::integer"
	" FOR NO KEY UPDATE) AS s),"
	" reopened AS (UPDATE campaign_segments g SET done = false, updated_at = now() WHERE g.workspace_id = $1::bigint"
	" AND g.campaign_id = $2::bigint AND g.segment IN (SELECT f.segment FROM failed f)),"
	" moved AS (UPDATE sends s SET status = 'pending', generation = s.generation + 1, attempt = 0, account_id = NULL,"
	" next_attempt_at = CASE WHEN s.error_code = '131049' THEN greatest(now(), s.updated_at + interval '1 day') ELSE now() END,"
	" provider_message_id = NULL, error_code = NULL, error_message = NULL, sent_at = NULL, resolved_by = NULL, updated_at = now()"
	" FROM failed f WHERE s.workspace_id = f.workspace_id AND s.id = f.id"
	" RETURNING s.id) SELECT coalesce(max(m.id), 0)::bigint, count(*) FROM moved m" };

const struct pg_stmt *const segments_statements[] = { &insert, &read, &lock, &write, &move, &retry_failed, NULL };

int store_campaign_segments_insert(struct pg *pg, const struct campaign_segment *rows, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].campaign_id);
		columns_i16(&c, rows[i].segment);
		columns_i64(&c, rows[i].account_id);
		columns_i32(&c, rows[i].partition);
	}
	return columns_run(&c, pg, &insert, NULL, err);
}

int store_campaign_segments_read(struct pg *pg, const int32_t *partitions, size_t n,
	void (*each)(void *ctx, const struct campaign_segment *row), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns columns;

	if (n == 0)
		return 0;
	columns_init(&columns);
	columns_i32s(&columns, partitions, n);
	if (columns_run(&columns, pg, &read, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct campaign_segment row = { .workspace_id = cells_i64(&c) };

		row.campaign_id = cells_i64(&c);
		row.segment = (int16_t)cells_i32(&c);
		row.account_id = cells_i64(&c);
		row.partition = cells_i32(&c);
		row.cursor_id = cells_i64(&c);
		row.moving_to = cells_id(&c);
		row.done = cells_bool(&c);
		each(ctx, &row);
	}
	pg_rows_free(rows);
	return 0;
}

static int done_lock(struct pg *pg, const struct campaign_segment *rows, size_t n, struct err *err)
{
	struct columns c;
	bool any = false;

	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		any = any || rows[i].done;
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].campaign_id);
		columns_i16(&c, rows[i].segment);
	}
	if (any)
		return columns_run(&c, pg, &lock, NULL, err);
	columns_fini(&c);
	return 0;
}

int store_campaign_segments_write(struct pg *pg, const struct campaign_segment *rows, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	if (done_lock(pg, rows, n, err) < 0)
		return -1;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].campaign_id);
		columns_i16(&c, rows[i].segment);
		columns_i64(&c, rows[i].cursor_id);
		columns_bool(&c, rows[i].done);
		columns_id(&c, rows[i].moving_to);
	}
	return columns_start(&c, pg, &write, err);
}

int store_campaign_segment_move(struct pg *pg, const struct campaign_segment *to, int64_t from, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, to->workspace_id);
	pg_arg_i64(args, to->campaign_id);
	pg_arg_i16(args, to->segment);
	pg_arg_i64(args, from);
	pg_arg_i64(args, to->account_id);
	pg_arg_i32(args, to->partition);
	rc = pg_run(pg, &move, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	rc = pg_rows_affected(rows) > 0;
	pg_rows_free(rows);
	return rc;
}

int store_campaign_retry_failed(struct pg *pg, const struct campaign_key *key, int64_t after_id, int limit,
	int32_t slot, int64_t *last_id, struct err *err)
{
	struct campaign_counts counts = { 0 };
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, key->workspace_id);
	pg_arg_i64(args, key->id);
	pg_arg_i64(args, after_id);
	pg_arg_i32(args, limit);
	rc = pg_run(pg, &retry_failed, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	*last_id = pg_i64(rows, 0, 0);
	if (*last_id > 0)
		counts_of(&counts, key->workspace_id, key->id, slot)->failed = -pg_i64(rows, 0, 1);
	pg_rows_free(rows);
	return counts_write(&counts, pg, "driver", err);
}
