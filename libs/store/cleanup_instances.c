/* See cleanup_instances.h. */
#include "store/cleanup_instances.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

static const struct pg_stmt list = { "cleanup_instances", PG_PREPARED,
	"SELECT index, uuid, kind, url, storage_group, storage_path, secrets, capacity, desired, removed_at IS NOT NULL, state, state_since,"
	" fenced_at FROM instances ORDER BY index" };

static const struct pg_stmt report = { "cleanup_instances_report", PG_UNNAMED,
	"UPDATE instances i SET state = r.state, error = r.error, state_since = r.state_since, probed_at = r.probed_at,"
	" fenced_at = r.fenced_at, failures = r.failures, sessions = r.sessions"
	" FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::bigint[],"
	" $8::bigint[]) AS r (index, state, error, state_since, probed_at, fenced_at, failures, sessions)"
	" WHERE i.index = r.index" };

static const struct pg_stmt paused_stmt = { "cleanup_paused", PG_PREPARED,
	"SELECT EXISTS (SELECT FROM restores WHERE accepted_at IS NULL)" };

const struct pg_stmt *const cleanup_instances_statements[] = { &list, &report, &paused_stmt, NULL };

static struct instance_row row_read(struct cells *c)
{
	struct instance_row r = { .index = cells_i32(c) };

	r.uuid = cells_uuid(c);
	r.kind = bridge_parse(cells_borrow(c));
	r.url = cells_text(c);
	r.storage_group = cells_text(c);
	r.storage_path = cells_text(c);
	r.secrets = cells_text(c);
	r.capacity = cells_i32(c);
	r.desired = cells_text(c);
	r.removed = cells_bool(c);
	r.state = cells_text(c);
	r.state_since_us = cells_time(c);
	r.fenced_us = cells_time(c);
	return r;
}

int store_cleanup_instances(struct pg *pg, struct arena *a, void (*each)(void *ctx, const struct instance_row *row),
	void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (pg_run(pg, &list, NULL, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, a); cells_more(&c); cells_next(&c)) {
		struct instance_row row = row_read(&c);

		each(ctx, &row);
	}
	pg_rows_free(rows);
	return 0;
}

int store_cleanup_instances_report(struct pg *pg, const struct instance_report *rows, size_t n, struct err *err)
{
	struct columns c;

	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].index);
		columns_text(&c, rows[i].state);
		columns_text(&c, rows[i].error);
		columns_time(&c, rows[i].state_since_us);
		columns_time(&c, rows[i].probed_us);
		columns_time(&c, rows[i].fenced_us);
		columns_i64(&c, rows[i].failures);
		columns_i64(&c, rows[i].sessions);
	}
	return columns_run(&c, pg, &report, NULL, err);
}

int store_cleanup_is_paused(struct pg *pg, bool *paused, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (pg_run(pg, &paused_stmt, NULL, &rows, err) < 0)
		return -1;
	*paused = pg_bool(rows, 0, 0);
	pg_rows_free(rows);
	return 0;
}
