/* See webhook_retries.h.
 *
 *   waits (behind its chain, or for its endpoint) --released--> due --claimed--> leased --> success or failed
 *                                                                ^                 |
 *                                                                +-- next attempt -+-- the lease expires
 *
 * Invariant: only the owner of a row's partition leases and finishes it; an operator changes its due time or marks it,
 * and the owner finds that in the row. */
#include "store/webhook_retries.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"
#include "store/webhook_private.h"
#include "store/webhook_retries_private.h"

static const struct pg_stmt insert = { "retries_insert", PG_UNNAMED,
	"INSERT INTO webhook_retry_queue (workspace_id, endpoint_id, account, event_id, event_type, url, payload, ordering_key,"
	" source_partition, source_offset, source_timestamp_ms, retry_count, max_retries, next_retry_at, status, lease_owner, last_error)"
	" SELECT r.workspace_id, r.endpoint_id, r.account, r.event_id, r.event_type, r.url, r.payload, r.ordering_key, r.partition,"
	" r.record_offset, r.timestamp_ms, r.retry_count, r.max_retries, " DUE_IN ", r.status,"
	" CASE r.status WHEN 'retrying' THEN $1 END, r.last_error"
	" FROM unnest($2::bigint[], $3::bigint[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::bytea[], $9::uuid[],"
	" $10::integer[], $11::bigint[], $12::bigint[], $13::integer[], $14::integer[], $15::bigint[], $16::text[], $17::text[])"
	" AS r (workspace_id, endpoint_id, account, event_id, event_type, url, payload, ordering_key, partition, record_offset,"
	" timestamp_ms, retry_count, max_retries, delay_ms, status, last_error)"
	" ON CONFLICT (workspace_id, endpoint_id, event_id) WHERE status IN ('pending', 'retrying') DO NOTHING"
	" RETURNING id, endpoint_id, event_id" };

static const struct pg_stmt find = { "retries_find", PG_UNNAMED,
	"SELECT r.place, q.id FROM unnest($1::bigint[], $2::bigint[], $3::uuid[]) WITH ORDINALITY"
	" AS r (workspace_id, endpoint_id, event_id, place) CROSS JOIN LATERAL (SELECT q.id FROM webhook_retry_queue q"
	" WHERE q.workspace_id = r.workspace_id AND q.endpoint_id = r.endpoint_id AND q.event_id = r.event_id"
	" AND " Q_UNFINISHED " OFFSET 0) AS q" };

/* A row that waits behind the delivery of the same event, which a restore may have published again, becomes the row of that one: else it would wait
 * for itself. $1: owner. */
static const struct pg_stmt take = { "retries_take", PG_UNNAMED,
	"UPDATE webhook_retry_queue q SET status = f.new_status, lease_owner = CASE f.new_status WHEN 'retrying' THEN $1 END,"
	" retry_count = greatest(q.retry_count, f.new_count), next_retry_at = f.due_at, last_error = coalesce(f.error, q.last_error),"
	" source_offset = least(q.source_offset, f.record_offset), updated_at = now()"
	" FROM (SELECT w.workspace_id, w.id, r.status AS new_status, r.retry_count AS new_count, r.last_error AS error, r.record_offset, " DUE_IN
	" AS due_at FROM unnest($2::bigint[], $3::bigint[], $4::uuid[], $5::text[], $6::integer[], $7::bigint[], $8::bigint[], $9::text[])"
	" AS r (workspace_id, endpoint_id, event_id, status, retry_count, delay_ms, record_offset, last_error) CROSS JOIN LATERAL"
	" (SELECT w.workspace_id, w.id FROM webhook_retry_queue w WHERE w.workspace_id = r.workspace_id AND w.endpoint_id = r.endpoint_id"
	" AND w.event_id = r.event_id AND w.status = 'pending' AND w.next_retry_at = 'infinity' OFFSET 0) AS w WHERE r.delay_ms >= 0) AS f"
	" WHERE q.workspace_id = f.workspace_id AND q.id = f.id AND q.status = 'pending'" };

static const struct pg_stmt finish = { "retries_finish", PG_UNNAMED,
	"UPDATE webhook_retry_queue q SET status = r.status, retry_count = r.retry_count,"
	" next_retry_at = CASE r.status WHEN 'pending' THEN " DUE_IN " ELSE q.next_retry_at END,"
	" last_error = coalesce(r.last_error, q.last_error), payload = CASE WHEN r.status <> 'success' THEN q.payload END,"
	" lease_owner = NULL, updated_at = now()"
	" FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::integer[], $5::bigint[], $6::text[])"
	" AS r (workspace_id, id, status, retry_count, delay_ms, last_error)"
	" WHERE q.workspace_id = r.workspace_id AND q.id = r.id AND " Q_UNFINISHED };

static const struct pg_stmt release = { "retries_release", PG_UNNAMED,
	"UPDATE webhook_retry_queue q SET next_retry_at = now(), updated_at = now()"
	" FROM unnest($1::bigint[], $2::bigint[], $3::uuid[]) AS r (workspace_id, endpoint_id, ordering_key)"
	" CROSS JOIN LATERAL (SELECT w.id FROM webhook_retry_queue w WHERE w.workspace_id = r.workspace_id"
	" AND w.endpoint_id = r.endpoint_id AND w.ordering_key = r.ordering_key AND " W_UNFINISHED
	" ORDER BY w.source_offset LIMIT 1) AS oldest"
	" WHERE q.workspace_id = r.workspace_id AND q.id = oldest.id AND NOT EXISTS (SELECT FROM webhook_retry_queue b"
	" WHERE b.workspace_id = r.workspace_id AND b.endpoint_id = r.endpoint_id AND b.ordering_key = r.ordering_key"
	" AND b.status IN ('pending', 'retrying') AND b.next_retry_at < 'infinity' OFFSET 0)" };

/* $1: partitions. */
#define WAITS_OF_ENDPOINTS \
	" FROM unnest($2::bigint[], $3::bigint[]) AS r (workspace_id, endpoint_id)" \
	" CROSS JOIN LATERAL (SELECT w.* FROM webhook_retry_queue w WHERE w.workspace_id = r.workspace_id" \
	" AND w.endpoint_id = r.endpoint_id AND " W_UNFINISHED \
	" AND w.source_partition = ANY ($1::integer[]) ORDER BY w.ordering_key, w.source_offset) AS w"

static const struct pg_stmt release_endpoints = { "retries_release_endpoints", PG_UNNAMED,
	"UPDATE webhook_retry_queue q SET next_retry_at = now(), updated_at = now()"
	" FROM (SELECT w.workspace_id, w.id, w.ordering_key, w.status, w.next_retry_at, row_number() OVER (key ORDER BY w.source_offset)"
	" AS place, bool_or(w.status = 'retrying') OVER key AS busy" WAITS_OF_ENDPOINTS
	" WINDOW key AS (PARTITION BY w.workspace_id, w.endpoint_id, w.ordering_key)) AS f"
	" WHERE q.workspace_id = f.workspace_id AND q.id = f.id AND f.status = 'pending' AND f.next_retry_at > now()"
	" AND (f.ordering_key IS NULL OR (f.place = 1 AND NOT f.busy))" };

static const struct pg_stmt abandon = { "retries_abandon", PG_UNNAMED,
	"UPDATE webhook_retry_queue q SET status = 'failed', last_error = 'the endpoint was deleted', lease_owner = NULL,"
	" updated_at = now() FROM (SELECT w.workspace_id, w.id" WAITS_OF_ENDPOINTS ") AS f"
	" WHERE q.workspace_id = f.workspace_id AND q.id = f.id AND " Q_UNFINISHED };

/* The oldest row of a chain is due: now, or at its scheduled time; the rows behind it wait, also those that were
 * claimed before the oldest failed. A row that waited for its endpoint is made due as well: the partition may have had
 * no owner when the endpoint became live. */
static const struct pg_stmt recover = { "retries_recover", PG_PREPARED,
	"UPDATE webhook_retry_queue q SET status = 'pending', lease_owner = NULL, updated_at = now(),"
	" next_retry_at = CASE WHEN q.ordering_key IS NULL OR l.place = 1 THEN now() ELSE 'infinity' END"
	" FROM (SELECT w.workspace_id, w.id, w.status, w.next_retry_at, row_number() OVER (key ORDER BY w.source_offset) AS place"
	" FROM webhook_retry_queue w"
	" WHERE w.source_partition = ANY ($1::integer[]) AND " W_UNFINISHED
	" WINDOW key AS (PARTITION BY w.workspace_id, w.endpoint_id, w.ordering_key)) AS l"
	" WHERE q.workspace_id = l.workspace_id AND q.id = l.id"
	" AND (l.status = 'retrying' OR (l.next_retry_at = 'infinity' AND (q.ordering_key IS NULL OR l.place = 1)))" };

static const struct pg_stmt count = { "retries_count", PG_PREPARED,
	"SELECT q.source_partition, q.workspace_id, q.endpoint_id, q.ordering_key, count(*), max(q.source_offset)"
	" FROM webhook_retry_queue q WHERE q.source_partition = ANY ($1::integer[]) AND " Q_UNFINISHED
	" GROUP BY 1, 2, 3, 4" };

static const struct pg_stmt depth = { "retries_depth", PG_PREPARED,
	"SELECT count(*) FILTER (WHERE q.status = 'retrying'), count(*) FILTER (WHERE q.status = 'pending' AND q.next_retry_at < 'infinity'),"
	" count(*) FILTER (WHERE q.next_retry_at = 'infinity'),"
	" coalesce(extract(epoch FROM now() - min(q.next_retry_at) FILTER (WHERE q.next_retry_at <= now())) * 1000, 0)::bigint"
	" FROM webhook_retry_queue q WHERE q.source_partition = ANY ($1::integer[]) AND " Q_UNFINISHED };

static const struct pg_stmt expire = { "retries_expire", PG_PREPARED,
	"DELETE FROM webhook_retry_queue q USING (SELECT workspace_id, id FROM webhook_retry_queue WHERE status IN ('success', 'failed')"
	" AND updated_at < now() - $1::bigint * interval '1 millisecond' ORDER BY updated_at LIMIT $2::integer FOR UPDATE SKIP LOCKED)"
	" AS old WHERE q.workspace_id = old.workspace_id AND q.id = old.id" };

const struct pg_stmt *const retries_statements[] = { &insert, &find, &take, &finish, &release, &release_endpoints,
	&abandon, &recover, &count, &depth, &expire, NULL };

const char *store_retry_status_word(enum retry_status s)
{
	static const char *const words[] = { "pending", "retrying", "success", "failed" };

	return words[s];
}

/* Inserted rows are returned in the order of the arguments. Returns how many were not inserted. */
static size_t inserted_mark(const struct pg_rows *answer, struct retry_row *rows, size_t n)
{
	size_t rest = 0;
	int at = 0;

	for (size_t i = 0; i < n; i++) {
		struct uuid event_id = at < pg_rows_count(answer) ? pg_uuid(answer, at, 2) : (struct uuid){ 0 };

		rows[i].inserted = at < pg_rows_count(answer) && uuid_eq(&event_id, &rows[i].event_id) &&
			pg_i64(answer, at, 1) == rows[i].endpoint_id;
		if (rows[i].inserted)
			rows[i].id = pg_i64(answer, at++, 0);
		else
			rest++;
	}
	return rest;
}

static int existing_take(struct pg *pg, const char *owner, const struct retry_row *rows, size_t n, struct err *err)
{
	struct columns c;

	columns_init(&c);
	pg_arg_text(columns_scalars(&c), str_of(owner));
	for (size_t i = 0; i < n; i++) {
		const struct retry_row *r = &rows[i];

		if (r->inserted)
			continue;
		columns_row(&c);
		columns_i64(&c, r->workspace_id);
		columns_i64(&c, r->endpoint_id);
		columns_uuid(&c, &r->event_id);
		columns_word(&c, store_retry_status_word(r->status));
		columns_i32(&c, r->retry_count);
		columns_i64(&c, r->delay_ms);
		columns_i64(&c, r->offset);
		columns_text(&c, r->last_error);
	}
	return columns_run(&c, pg, &take, NULL, err);
}

/* Fills the ids of rows that existed already. */
static int existing_find(struct pg *pg, struct retry_row *rows, size_t n, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;

	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].endpoint_id);
		columns_uuid(&c, &rows[i].event_id);
	}
	if (columns_run(&c, pg, &find, &answer, err) < 0)
		return -1;
	for (struct cells at = cells_of(answer, NULL); cells_more(&at); cells_next(&at)) {
		struct retry_row *row = &rows[cells_place(&at, n)];

		row->id = cells_i64(&at);
	}
	pg_rows_free(answer);
	return 0;
}

int store_retries_insert(struct pg *pg, const char *owner, struct retry_row *rows, size_t n, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;
	size_t rest;

	if (n == 0)
		return 0;
	columns_init(&c);
	pg_arg_text(columns_scalars(&c), str_of(owner));
	for (size_t i = 0; i < n; i++) {
		const struct retry_row *r = &rows[i];

		columns_row(&c);
		columns_i64(&c, r->workspace_id);
		columns_i64(&c, r->endpoint_id);
		columns_uuid(&c, &r->account);
		columns_uuid(&c, &r->event_id);
		columns_text(&c, r->event_type);
		columns_text(&c, r->url);
		columns_bytea(&c, r->record);
		columns_uuid(&c, &r->ordering_key);
		columns_i32(&c, r->partition);
		columns_i64(&c, r->offset);
		columns_i64(&c, r->timestamp_ms);
		columns_i32(&c, r->retry_count);
		columns_i32(&c, r->max_retries);
		columns_i64(&c, r->delay_ms);
		columns_word(&c, store_retry_status_word(r->status));
		columns_text(&c, r->last_error);
	}
	if (columns_run(&c, pg, &insert, &answer, err) < 0)
		return -1;
	rest = inserted_mark(answer, rows, n);
	pg_rows_free(answer);
	if (rest == 0)
		return 0;
	return existing_take(pg, owner, rows, n, err) < 0 ? -1 : existing_find(pg, rows, n, err);
}

int store_retries_finish(struct pg *pg, const struct retry_result *results, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		const struct retry_result *r = &results[i];

		columns_row(&c);
		columns_i64(&c, r->workspace_id);
		columns_i64(&c, r->id);
		columns_word(&c, store_retry_status_word(r->status));
		columns_i32(&c, r->retry_count);
		columns_i64(&c, r->delay_ms);
		columns_text(&c, r->last_error);
	}
	return columns_start(&c, pg, &finish, err);
}

int store_retries_release(struct pg *pg, const struct retry_key *keys, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, keys[i].workspace_id);
		columns_i64(&c, keys[i].endpoint_id);
		columns_uuid(&c, &keys[i].ordering_key);
	}
	return columns_start(&c, pg, &release, err);
}

int store_retries_release_endpoints(struct pg *pg, const int32_t *partitions, size_t n_partitions,
	const struct endpoint_key *endpoints, size_t n, struct err *err)
{
	return store_endpoints_run(pg, &release_endpoints, STR_NONE, partitions, n_partitions, endpoints, n, err);
}

int store_retries_abandon(struct pg *pg, const int32_t *partitions, size_t n_partitions,
	const struct endpoint_key *endpoints, size_t n, struct err *err)
{
	return store_endpoints_run(pg, &abandon, STR_NONE, partitions, n_partitions, endpoints, n, err);
}

static int partitions_run(struct pg *pg, const struct pg_stmt *stmt, const int32_t *partitions, size_t n,
	struct pg_rows **rows, struct err *err)
{
	struct columns c;

	columns_init(&c);
	columns_i32s(&c, partitions, n);
	return columns_run(&c, pg, stmt, rows, err);
}

int store_retries_recover(struct pg *pg, const int32_t *partitions, size_t n,
	void (*each)(void *ctx, const struct retry_count *count), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (n == 0)
		return 0;
	if (partitions_run(pg, &recover, partitions, n, NULL, err) < 0 ||
		partitions_run(pg, &count, partitions, n, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct retry_count found = { .partition = cells_i32(&c) };

		found.workspace_id = cells_i64(&c);
		found.endpoint_id = cells_i64(&c);
		found.ordering_key = cells_uuid(&c);
		found.rows = cells_i64(&c);
		found.last_offset = cells_i64(&c);
		each(ctx, &found);
	}
	pg_rows_free(rows);
	return 0;
}

int store_retries_depth(struct pg *pg, const int32_t *partitions, size_t n, struct retry_depth *out, struct err *err)
{
	struct pg_rows *rows = NULL;

	*out = (struct retry_depth){ 0 };
	if (n == 0)
		return 0;
	if (partitions_run(pg, &depth, partitions, n, &rows, err) < 0)
		return -1;
	*out = (struct retry_depth){ pg_i64(rows, 0, 0), pg_i64(rows, 0, 1), pg_i64(rows, 0, 2), pg_i64(rows, 0, 3) };
	pg_rows_free(rows);
	return 0;
}

int store_retries_expire(struct pg *pg, int64_t keep_ms, int limit, int64_t *deleted, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, keep_ms);
	pg_arg_i32(args, limit);
	rc = pg_run(pg, &expire, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	*deleted = pg_rows_affected(rows);
	pg_rows_free(rows);
	return 0;
}
