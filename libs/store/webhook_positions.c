/* See webhook_positions.h. Invariant: one row for each endpoint and partition that is not fed live. */
#include "store/webhook_positions.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"
#include "store/webhook_private.h"

static const struct pg_stmt read = { "positions_read", PG_PREPARED,
	"SELECT workspace_id, endpoint_id, partition, next_offset, coalesce(live_from, -1) FROM webhook_positions"
	" WHERE topic = $1 AND partition = ANY ($2::integer[]) AND replay_id IS NULL" };

/* Not of an endpoint whose row was deleted with its workspace. */
static const struct pg_stmt put = { "positions_put", PG_UNNAMED,
	"INSERT INTO webhook_positions (topic, workspace_id, endpoint_id, partition, next_offset, live_from)"
	" SELECT $1, r.workspace_id, r.endpoint_id, r.partition, r.next_offset, nullif(r.live_from, -1)"
	" FROM unnest($2::bigint[], $3::bigint[], $4::integer[], $5::bigint[], $6::bigint[])"
	" AS r (workspace_id, endpoint_id, partition, next_offset, live_from)"
	" WHERE EXISTS (SELECT FROM webhook_endpoints e WHERE e.workspace_id = r.workspace_id AND e.id = r.endpoint_id OFFSET 0)"
	" ON CONFLICT (workspace_id, endpoint_id, replay_id, topic, partition) DO UPDATE SET next_offset = excluded.next_offset,"
	" live_from = excluded.live_from, updated_at = now()" };

/* coalesce() keeps the planner from using webhook_positions_partition, which looks cheaper before the first ANALYZE. */
static const struct pg_stmt delete = { "positions_delete", PG_UNNAMED,
	"DELETE FROM webhook_positions p USING unnest($2::bigint[], $3::bigint[], $4::integer[]) AS r (workspace_id, endpoint_id, partition)"
	" WHERE p.workspace_id = r.workspace_id AND p.endpoint_id = r.endpoint_id AND coalesce(p.replay_id, 0) = 0 AND p.topic = $1"
	" AND p.partition = r.partition" };

static const struct pg_stmt delete_of_endpoints = { "positions_delete_of_endpoints", PG_UNNAMED,
	"DELETE FROM webhook_positions p USING unnest($3::bigint[], $4::bigint[]) AS r (workspace_id, endpoint_id)"
	" WHERE p.workspace_id = r.workspace_id AND p.endpoint_id = r.endpoint_id AND p.topic = $1"
	" AND p.partition = ANY ($2::integer[])" };

const struct pg_stmt *const positions_statements[] = { &read, &put, &delete, &delete_of_endpoints, NULL };

static void scalar_topic(struct columns *c, struct str topic)
{
	columns_init(c);
	pg_arg_text(columns_scalars(c), topic);
}

int store_positions_read(struct pg *pg, struct str topic, const int32_t *partitions, size_t n,
	void (*each)(void *ctx, const struct position_row *row), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	scalar_topic(&c, topic);
	columns_i32s(&c, partitions, n);
	if (columns_run(&c, pg, &read, &rows, err) < 0)
		return -1;
	for (struct cells at = cells_of(rows, NULL); cells_more(&at); cells_next(&at)) {
		struct position_row row = { .workspace_id = cells_i64(&at) };

		row.endpoint_id = cells_i64(&at);
		row.partition = cells_i32(&at);
		row.next_offset = cells_i64(&at);
		row.live_from = cells_i64(&at);
		each(ctx, &row);
	}
	pg_rows_free(rows);
	return 0;
}

/* Runs put or delete for the rows whose `gone` is as given. */
static int rows_write(struct pg *pg, struct str topic, const struct position_row *rows, size_t n, bool gone,
	struct err *err)
{
	struct columns c;
	size_t found = 0;

	scalar_topic(&c, topic);
	for (size_t i = 0; i < n; i++) {
		if (rows[i].gone != gone)
			continue;
		found++;
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].endpoint_id);
		columns_i32(&c, rows[i].partition);
		if (gone)
			continue;
		columns_i64(&c, rows[i].next_offset);
		columns_i64(&c, rows[i].live_from);
	}
	if (found == 0) {
		columns_fini(&c);
		return 0;
	}
	return columns_run(&c, pg, gone ? &delete : &put, NULL, err);
}

int store_positions_write(struct pg *pg, struct str topic, const struct position_row *rows, size_t n, struct err *err)
{
	if (rows_write(pg, topic, rows, n, true, err) < 0)
		return -1;
	return rows_write(pg, topic, rows, n, false, err);
}

int store_positions_delete(struct pg *pg, struct str topic, const int32_t *partitions, size_t n_partitions,
	const struct endpoint_key *endpoints, size_t n, struct err *err)
{
	return store_endpoints_run(pg, &delete_of_endpoints, topic, partitions, n_partitions, endpoints, n, err);
}
