/* See webhook_ops.h. Invariant: a row that is not finished is never deleted here: its partition's owner counts it and
 * finishes it. */
#include "store/webhook_ops.h"

#include "store/cells.h"
#include "store/statements.h"

static const struct pg_stmt positions = { "endpoint_positions", PG_PREPARED,
	"SELECT p.topic, p.partition, p.next_offset, coalesce(p.live_from, -1), coalesce(c.next_offset - p.next_offset, -1), p.updated_at"
	" FROM webhook_positions p LEFT JOIN consumer_progress c ON c.consumer = 'webhook-dispatcher' AND c.topic = p.topic"
	" AND c.partition = p.partition WHERE p.workspace_id = $1 AND p.endpoint_id = $2 AND p.replay_id IS NULL"
	" ORDER BY p.topic, p.partition" };

static const struct pg_stmt attempts = { "endpoint_attempts", PG_PREPARED,
	"SELECT event_id, event_type, outcome, excerpt, error, attempt, coalesce(status, 0), at, coalesce(dns_us, -1),"
	" coalesce(connect_us, -1), coalesce(tls_us, -1), coalesce(first_byte_us, -1), coalesce(total_us, -1) FROM webhook_attempts"
	" WHERE workspace_id = $1 AND endpoint_id = $2 ORDER BY at DESC LIMIT $3::integer" };

#define FILTERED \
	" FROM webhook_retry_queue q JOIN webhook_endpoints e ON e.workspace_id = q.workspace_id AND e.id = q.endpoint_id" \
	" WHERE ($1::uuid IS NULL OR e.uuid = $1) AND ($2::text IS NULL OR q.status = $2) AND ($3::bigint IS NULL OR q.id = $3)"
/* Rows that an owner has locked are skipped: the operator can repeat the command cheaply. */
#define CHOSEN    "WITH chosen AS MATERIALIZED (SELECT q.workspace_id, q.id" FILTERED " FOR UPDATE OF q SKIP LOCKED)"
#define IS_CHOSEN "q.workspace_id = c.workspace_id AND q.id = c.id"

static const struct pg_stmt list = { "retries_list", PG_PREPARED,
	"SELECT q.workspace_id, q.id, e.uuid, q.event_id, q.ordering_key, q.event_type, q.url, q.status, q.last_error, q.lease_owner,"
	" q.retry_count, q.max_retries, q.source_partition, q.source_offset, q.created_at, q.updated_at,"
	" CASE WHEN q.status IN ('pending', 'retrying') THEN nullif(q.next_retry_at, 'infinity') END, q.dropped" FILTERED
	" ORDER BY q.workspace_id, q.id LIMIT $4::integer" };

static const struct pg_stmt hasten = { "retries_hasten", PG_PREPARED,
	CHOSEN
	" UPDATE webhook_retry_queue q SET next_retry_at = now(), updated_at = now() FROM chosen c WHERE " IS_CHOSEN
	" AND q.status = 'pending' AND q.next_retry_at > now() AND q.next_retry_at < 'infinity'" };

/* Of several failed rows of one event the latest. A dropped row without a record is never delivered, although the topic may still have its event:
 * an erasure has emptied it, or it was dropped as it waited. */
static const struct pg_stmt revive = { "retries_revive", PG_PREPARED,
	CHOSEN
	", latest AS (SELECT max(q.id) AS id FROM webhook_retry_queue q JOIN chosen c ON " IS_CHOSEN
	" WHERE q.status = 'failed' AND NOT (q.dropped AND q.payload IS NULL) GROUP BY q.workspace_id, q.endpoint_id, q.event_id)"
	" UPDATE webhook_retry_queue q SET status = 'pending', next_retry_at = now(), retry_count = 0, ordering_key = NULL,"
	" dropped = false, updated_at = now() FROM chosen c JOIN latest USING (id) WHERE " IS_CHOSEN
	" AND NOT EXISTS (SELECT FROM webhook_retry_queue w WHERE w.workspace_id = q.workspace_id"
	" AND w.endpoint_id = q.endpoint_id AND w.event_id = q.event_id AND w.status IN ('pending', 'retrying'))" };

static const struct pg_stmt drop = { "retries_drop", PG_PREPARED,
	CHOSEN
	" UPDATE webhook_retry_queue q SET dropped = true, updated_at = now(),"
	" next_retry_at = CASE WHEN q.status = 'pending' AND q.next_retry_at < 'infinity' THEN now() ELSE q.next_retry_at END FROM chosen c WHERE " IS_CHOSEN
	" AND q.status IN ('pending', 'retrying') AND NOT q.dropped" };

static const struct pg_stmt delete = { "retries_delete", PG_PREPARED,
	CHOSEN " DELETE FROM webhook_retry_queue q USING chosen c WHERE " IS_CHOSEN
	       " AND q.status IN ('success', 'failed')" };

const struct pg_stmt *const webhook_ops_statements[] = { &positions, &attempts, &list, &hasten, &revive, &drop, &delete,
	NULL };

/* Runs a statement and frees args. */
static int args_run(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, struct pg_rows **rows,
	struct err *err)
{
	int rc = pg_run(pg, stmt, args, rows, err);

	pg_args_free(args);
	return rc;
}

static struct pg_args *endpoint_args(const struct endpoint_key *endpoint)
{
	struct pg_args *args = pg_args_new();

	pg_arg_i64(args, endpoint->workspace_id);
	pg_arg_i64(args, endpoint->endpoint_id);
	return args;
}

int store_endpoint_positions(struct pg *pg, const struct endpoint_key *endpoint,
	void (*each)(void *ctx, const struct position_info *p), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (args_run(pg, &positions, endpoint_args(endpoint), &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct position_info p = { .topic = cells_borrow(&c) };

		p.partition = cells_i32(&c);
		p.next_offset = cells_i64(&c);
		p.live_from = cells_i64(&c);
		p.behind = cells_i64(&c);
		p.updated_us = cells_time(&c);
		each(ctx, &p);
	}
	pg_rows_free(rows);
	return 0;
}

static void attempt_read(struct cells *c, struct attempt_info *a)
{
	a->event_id = cells_uuid(c);
	a->event_type = cells_borrow(c);
	a->outcome = cells_borrow(c);
	a->excerpt = cells_borrow(c);
	a->error = cells_borrow(c);
	a->attempt = cells_i32(c);
	a->status = cells_i32(c);
	a->at_us = cells_time(c);
	a->dns_us = cells_i32(c);
	a->connect_us = cells_i32(c);
	a->tls_us = cells_i32(c);
	a->first_byte_us = cells_i32(c);
	a->total_us = cells_i32(c);
}

int store_endpoint_attempts(struct pg *pg, const struct endpoint_key *endpoint, int limit,
	void (*each)(void *ctx, const struct attempt_info *a), void *ctx, struct err *err)
{
	struct pg_args *args = endpoint_args(endpoint);
	struct pg_rows *rows = NULL;

	pg_arg_i32(args, limit);
	if (args_run(pg, &attempts, args, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct attempt_info a;

		attempt_read(&c, &a);
		each(ctx, &a);
	}
	pg_rows_free(rows);
	return 0;
}

static struct pg_args *filter_args(const struct retry_filter *filter)
{
	struct pg_args *args = pg_args_new();

	pg_arg_uuid(args, uuid_is_nil(&filter->endpoint) ? NULL : &filter->endpoint);
	pg_arg_text(args, str_of(filter->status));
	if (filter->id)
		pg_arg_i64(args, filter->id);
	else
		pg_arg_null(args);
	return args;
}

static void retry_read(struct cells *c, struct retry_info *r)
{
	r->workspace_id = cells_i64(c);
	r->id = cells_i64(c);
	r->endpoint = cells_uuid(c);
	r->event_id = cells_uuid(c);
	r->ordering_key = cells_uuid(c);
	r->event_type = cells_borrow(c);
	r->url = cells_borrow(c);
	r->status = cells_borrow(c);
	r->last_error = cells_borrow(c);
	r->lease_owner = cells_borrow(c);
	r->retry_count = cells_i32(c);
	r->max_retries = cells_i32(c);
	r->partition = cells_i32(c);
	r->offset = cells_i64(c);
	r->created_us = cells_time(c);
	r->updated_us = cells_time(c);
	r->next_retry_us = cells_time(c);
	r->dropped = cells_bool(c);
}

int store_retries_list(struct pg *pg, const struct retry_filter *filter, int limit,
	void (*each)(void *ctx, const struct retry_info *r), void *ctx, struct err *err)
{
	struct pg_args *args = filter_args(filter);
	struct pg_rows *rows = NULL;

	pg_arg_i32(args, limit);
	if (args_run(pg, &list, args, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct retry_info r;

		retry_read(&c, &r);
		each(ctx, &r);
	}
	pg_rows_free(rows);
	return 0;
}

/* Both statements over the same rows, in one transaction. */
static int both(struct pg *pg, const struct pg_stmt *first, const struct pg_stmt *second,
	const struct retry_filter *filter, int64_t *changed, struct err *err)
{
	struct pg_rows *one = NULL, *two = NULL;
	int rc = -1;

	if (pg_begin(pg, err) < 0)
		return -1;
	if (args_run(pg, first, filter_args(filter), &one, err) < 0 ||
		args_run(pg, second, filter_args(filter), &two, err) < 0 || pg_commit(pg, err) < 0)
		goto out;
	*changed = pg_rows_affected(one) + pg_rows_affected(two);
	rc = 0;
out:
	pg_rollback(pg);
	pg_rows_free(one);
	pg_rows_free(two);
	return rc;
}

int store_retries_again(struct pg *pg, const struct retry_filter *filter, int64_t *changed, struct err *err)
{
	return both(pg, &hasten, &revive, filter, changed, err);
}

int store_retries_drop(struct pg *pg, const struct retry_filter *filter, int64_t *changed, struct err *err)
{
	return both(pg, &delete, &drop, filter, changed, err);
}
