/* See webhook_replays.h. Invariant: a replay is completed in the transaction in which its last partition is
 * finished. */
#include "store/webhook_replays.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

#define REPLAY_COLUMNS \
	"r.workspace_id, r.id, r.endpoint_id, r.uuid, e.uuid, r.since, array_to_string(r.event_types, ','), r.conversation, r.event_id, r.only_missing," \
	" r.dry_run, r.rate, (r.completed_at IS NOT NULL)::int + 2 * (r.completed_at IS NULL AND r.cancelled_at IS NOT NULL)::int," \
	" r.created_at, coalesce(r.completed_at, r.cancelled_at)"
#define REPLAYS \
	" FROM webhook_replays r JOIN webhook_endpoints e ON e.workspace_id = r.workspace_id AND e.id = r.endpoint_id"
#define RUNNING "r.completed_at IS NULL AND r.cancelled_at IS NULL"

static const struct pg_stmt read = { "replays_read", PG_PREPARED,
	"SELECT " REPLAY_COLUMNS REPLAYS " WHERE " RUNNING " AND e.deleted_at IS NULL ORDER BY r.id" };

/* Attempts are read in pages, whatever their outcomes, so that no statement takes long, however many there are. */
#define PAGE 20000
static const struct pg_stmt attempted = { "replay_attempted", PG_PREPARED,
	"SELECT event_id, outcome = 'success', at FROM webhook_attempts WHERE workspace_id = $1 AND endpoint_id = $2 AND at >= $3"
	" AND at < coalesce($4::timestamptz, 'infinity') ORDER BY at DESC FETCH FIRST $5 ROWS WITH TIES" };

static const struct pg_stmt waiting = {
	"replay_waiting", PG_PREPARED,
	"SELECT event_id FROM webhook_retry_queue WHERE workspace_id = $1 AND endpoint_id = $2 AND status IN ('pending', 'retrying')"
};

static const struct pg_stmt store_positions_read = { "replay_positions_read", PG_PREPARED,
	"SELECT p.workspace_id, p.endpoint_id, p.replay_id, p.partition, p.start_offset, p.next_offset, p.until_offset, p.matched, p.lost"
	" FROM webhook_replays r JOIN webhook_positions p ON p.replay_id = r.id WHERE " RUNNING
	" AND p.topic = $1 AND p.partition = ANY ($2::integer[])" };

static const struct pg_stmt positions_put = {
	"replay_positions_put", PG_UNNAMED,
	"INSERT INTO webhook_positions (topic, workspace_id, endpoint_id, replay_id, partition, start_offset, next_offset, until_offset,"
	" matched, lost) SELECT $1, r.* FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::integer[], $6::bigint[], $7::bigint[],"
	" $8::bigint[], $9::bigint[], $10::bigint[]) AS r ON CONFLICT (workspace_id, endpoint_id, replay_id, topic, partition) DO UPDATE"
	" SET next_offset = excluded.next_offset, matched = excluded.matched, lost = excluded.lost, updated_at = now()"
};

/* Two owners that finish their last partitions at once serialize here. FOR UPDATE would also wait for the foreign keys
 * of the other transaction's new positions, and that one for those of this transaction: a deadlock. */
static const struct pg_stmt lock = { "replays_lock", PG_PREPARED,
	"SELECT r.id FROM webhook_replays r WHERE r.id = ANY ($1::bigint[]) AND " RUNNING
	" ORDER BY r.id FOR NO KEY UPDATE" };

static const struct pg_stmt finish = { "replays_finish", PG_PREPARED,
	"UPDATE webhook_replays r SET completed_at = now() WHERE r.id = ANY ($3::bigint[]) AND " RUNNING
	" AND NOT EXISTS (SELECT FROM consumer_progress c WHERE c.consumer = $1 AND c.topic = $2 AND NOT EXISTS"
	" (SELECT FROM webhook_positions p WHERE p.replay_id = r.id AND p.topic = c.topic AND p.partition = c.partition"
	" AND p.next_offset >= p.until_offset))" };

static const struct pg_stmt add = { "replay_add", PG_PREPARED,
	"INSERT INTO webhook_replays (workspace_id, uuid, endpoint_id, since, event_types, conversation, event_id, only_missing, dry_run, rate)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id" };

static const struct pg_stmt cancel = { "replay_cancel", PG_PREPARED,
	"UPDATE webhook_replays r SET cancelled_at = now() WHERE r.uuid = $1 AND " RUNNING };

static const struct pg_stmt list = { "replays_list", PG_PREPARED,
	"SELECT " REPLAY_COLUMNS
	", count(p.partition), count(p.partition) FILTER (WHERE p.next_offset >= p.until_offset),"
	" coalesce(sum(p.until_offset - p.start_offset), 0)::bigint, coalesce(sum(p.next_offset - p.start_offset), 0)::bigint,"
	" coalesce(sum(p.matched), 0)::bigint, coalesce(sum(p.lost), 0)::bigint" REPLAYS
	" LEFT JOIN webhook_positions p ON p.replay_id = r.id WHERE ($1::uuid IS NULL OR e.uuid = $1) AND ($2::uuid IS NULL OR r.uuid = $2)"
	" GROUP BY r.workspace_id, r.id, e.uuid ORDER BY r.id" };

const struct pg_stmt *const replays_statements[] = { &read, &attempted, &waiting, &store_positions_read, &positions_put,
	&lock, &finish, NULL };
const struct pg_stmt *const replays_admin_statements[] = { &add, &cancel, &list, NULL };

static void replay_read(struct cells *c, struct replay_row *r)
{
	*r = (struct replay_row){ .workspace_id = cells_i64(c) };
	r->id = cells_i64(c);
	r->endpoint_id = cells_i64(c);
	r->uuid = cells_uuid(c);
	r->endpoint = cells_uuid(c);
	r->since_us = cells_time(c);
	r->event_types = cells_words(c, &r->n_event_types);
	r->conversation = cells_uuid(c);
	r->event_id = cells_uuid(c);
	r->only_missing = cells_bool(c);
	r->dry_run = cells_bool(c);
	r->rate = cells_i32(c);
	r->status = (enum replay_status)cells_i32(c);
	r->created_us = cells_time(c);
	r->finished_us = cells_time(c);
}

int store_replays_read(struct pg *pg, struct arena *a, void (*each)(void *ctx, const struct replay_row *row), void *ctx,
	struct err *err)
{
	struct pg_rows *rows = NULL;

	if (pg_run(pg, &read, NULL, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, a); cells_more(&c); cells_next(&c)) {
		struct replay_row row;

		replay_read(&c, &row);
		each(ctx, &row);
	}
	pg_rows_free(rows);
	return 0;
}

static struct pg_args *args_of(const struct replay_row *replay)
{
	struct pg_args *args = pg_args_new();

	pg_arg_i64(args, replay->workspace_id);
	pg_arg_i64(args, replay->endpoint_id);
	return args;
}

/* Reads a page of attempts before *before, which moves to the oldest that was read. Returns how many, or -1. */
static int attempted_page(struct pg *pg, const struct replay_row *replay, int64_t *before,
	void (*each)(void *ctx, const struct uuid *event), void *ctx, struct err *err)
{
	struct pg_args *args = args_of(replay);
	struct pg_rows *rows = NULL;
	int n;

	pg_arg_time_us(args, replay->since_us);
	pg_arg_time_us(args, *before);
	pg_arg_i64(args, PAGE);
	n = pg_run(pg, &attempted, args, &rows, err);
	pg_args_free(args);
	if (n < 0)
		return -1;
	n = pg_rows_count(rows);
	for (int i = 0; i < n; i++) {
		struct uuid event = pg_uuid(rows, i, 0);

		if (pg_bool(rows, i, 1))
			each(ctx, &event);
		*before = pg_time_us(rows, i, 2);
	}
	pg_rows_free(rows);
	return n;
}

int store_replay_delivered(struct pg *pg, const struct replay_row *replay,
	void (*each)(void *ctx, const struct uuid *event), void *ctx, struct err *err)
{
	struct pg_args *args = args_of(replay);
	struct pg_rows *rows = NULL;
	int64_t before = PG_NO_TIME;
	int rc = pg_run(pg, &waiting, args, &rows, err);

	pg_args_free(args);
	if (rc < 0)
		return -1;
	for (int i = 0; i < pg_rows_count(rows); i++) {
		struct uuid event = pg_uuid(rows, i, 0);

		each(ctx, &event);
	}
	pg_rows_free(rows);
	do
		rc = attempted_page(pg, replay, &before, each, ctx, err);
	while (rc >= PAGE);
	return rc < 0 ? -1 : 0;
}

int store_replay_positions_read(struct pg *pg, struct str topic, const int32_t *partitions, size_t n,
	void (*each)(void *ctx, const struct replay_position *row), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	pg_arg_text(columns_scalars(&c), topic);
	columns_i32s(&c, partitions, n);
	if (columns_run(&c, pg, &store_positions_read, &rows, err) < 0)
		return -1;
	for (struct cells at = cells_of(rows, NULL); cells_more(&at); cells_next(&at)) {
		struct replay_position row = { .workspace_id = cells_i64(&at) };

		row.endpoint_id = cells_i64(&at);
		row.replay_id = cells_i64(&at);
		row.partition = cells_i32(&at);
		row.start_offset = cells_i64(&at);
		row.next_offset = cells_i64(&at);
		row.until_offset = cells_i64(&at);
		row.matched = cells_i64(&at);
		row.lost = cells_i64(&at);
		each(ctx, &row);
	}
	pg_rows_free(rows);
	return 0;
}

int store_replay_positions_write(struct pg *pg, struct str topic, const struct replay_position *rows, size_t n,
	struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	pg_arg_text(columns_scalars(&c), topic);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].endpoint_id);
		columns_i64(&c, rows[i].replay_id);
		columns_i32(&c, rows[i].partition);
		columns_i64(&c, rows[i].start_offset);
		columns_i64(&c, rows[i].next_offset);
		columns_i64(&c, rows[i].until_offset);
		columns_i64(&c, rows[i].matched);
		columns_i64(&c, rows[i].lost);
	}
	return columns_run(&c, pg, &positions_put, NULL, err);
}

static void columns_ids(struct columns *c, const int64_t *ids, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		columns_row(c);
		columns_i64(c, ids[i]);
	}
}

int store_replays_finish(struct pg *pg, const char *consumer, struct str topic, const int64_t *replay_ids, size_t n,
	struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	columns_ids(&c, replay_ids, n);
	if (columns_run(&c, pg, &lock, NULL, err) < 0)
		return -1;
	columns_init(&c);
	pg_arg_text(columns_scalars(&c), str_of(consumer));
	pg_arg_text(columns_scalars(&c), topic);
	columns_ids(&c, replay_ids, n);
	return columns_run(&c, pg, &finish, NULL, err);
}

/* For blazzctl */

int store_replay_add(struct pg *pg, struct replay_row *row, struct err *err)
{
	struct pg_array *types = pg_array_new(PG_TEXT);
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	for (size_t i = 0; i < row->n_event_types; i++)
		pg_array_str(types, row->event_types[i]);
	pg_arg_i64(args, row->workspace_id);
	pg_arg_uuid(args, &row->uuid);
	pg_arg_i64(args, row->endpoint_id);
	pg_arg_time_us(args, row->since_us);
	pg_arg_array(args, types);
	pg_arg_uuid(args, uuid_is_nil(&row->conversation) ? NULL : &row->conversation);
	pg_arg_uuid(args, uuid_is_nil(&row->event_id) ? NULL : &row->event_id);
	pg_arg_bool(args, row->only_missing);
	pg_arg_bool(args, row->dry_run);
	pg_arg_i32(args, row->rate);
	rc = pg_run(pg, &add, args, &rows, err);
	pg_args_free(args);
	pg_array_free(types);
	if (rc < 0)
		return -1;
	row->id = pg_i64(rows, 0, 0);
	pg_rows_free(rows);
	return 0;
}

int store_replay_cancel(struct pg *pg, const struct uuid *uuid, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int64_t changed;
	int rc;

	pg_arg_uuid(args, uuid);
	rc = pg_run(pg, &cancel, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	changed = pg_rows_affected(rows);
	pg_rows_free(rows);
	return changed > 0 ? 0 : err_set(err, ERR_CONFLICT, "ended", "no such replay is running");
}

static int list_run(struct pg *pg, const struct uuid *endpoint, const struct uuid *replay, struct arena *a,
	void (*each)(void *ctx, const struct replay_progress *p), void *ctx, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_uuid(args, endpoint);
	pg_arg_uuid(args, replay);
	rc = pg_run(pg, &list, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	for (struct cells c = cells_of(rows, a); cells_more(&c); cells_next(&c)) {
		struct replay_progress p;

		replay_read(&c, &p.replay);
		p.partitions = (int32_t)cells_i64(&c);
		p.partitions_done = (int32_t)cells_i64(&c);
		p.total = cells_i64(&c);
		p.passed = cells_i64(&c);
		p.matched = cells_i64(&c);
		p.lost = cells_i64(&c);
		each(ctx, &p);
	}
	pg_rows_free(rows);
	return 0;
}

int store_replays_list(struct pg *pg, const struct uuid *endpoint, struct arena *a,
	void (*each)(void *ctx, const struct replay_progress *p), void *ctx, struct err *err)
{
	return list_run(pg, endpoint, NULL, a, each, ctx, err);
}

struct sought {
	struct replay_progress *out;
	bool found;
};

static void replay_keep(void *ctx, const struct replay_progress *p)
{
	struct sought *s = ctx;

	*s->out = *p;
	s->found = true;
}

int store_replay_find(struct pg *pg, const struct uuid *uuid, struct arena *a, struct replay_progress *out,
	struct err *err)
{
	struct sought s = { .out = out };

	if (list_run(pg, NULL, uuid, a, replay_keep, &s, err) < 0)
		return -1;
	return s.found ? 0 : err_set(err, ERR_INPUT, "unknown", "there is no such replay");
}
