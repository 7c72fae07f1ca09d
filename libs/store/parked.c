/* See parked.h. Invariant: an update that waits is kept with its whole record until it is applied or has expired. */
#include "store/parked.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/private.h"
#include "store/statements.h"

#define PARKED_COLUMNS \
	"p.workspace_id, p.id, p.account_id, p.conversation_id, p.kind, p.target, p.event_id, p.record_key, p.record_value," \
	" p.record_headers, p.topic, p.partition, p.record_offset, p.record_timestamp_ms"

static const struct pg_stmt insert = { "parked_insert", PG_UNNAMED,
	"INSERT INTO parked_updates (workspace_id, account_id, conversation_id, kind, target, event_id, record_key, record_value,"
	" record_headers, topic, partition, record_offset, record_timestamp_ms, expires_at)"
	" SELECT r.workspace_id, r.account_id, r.conversation_id, r.kind, r.target, r.event_id, r.record_key, r.record_value,"
	" r.record_headers, r.topic, r.partition, r.record_offset, r.record_timestamp_ms, now() + r.ttl_ms * interval '1 millisecond'"
	" FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::uuid[], $7::bytea[], $8::bytea[],"
	" $9::bytea[], $10::text[], $11::integer[], $12::bigint[], $13::bigint[], $14::bigint[])"
	" AS r (workspace_id, account_id, conversation_id, kind, target, event_id, record_key, record_value, record_headers, topic,"
	" partition, record_offset, record_timestamp_ms, ttl_ms)"
	" ON CONFLICT (workspace_id, account_id, target, event_id) DO NOTHING RETURNING id, event_id, target" };

static const struct pg_stmt find = { "parked_find", PG_UNNAMED,
	"SELECT r.place, " PARKED_COLUMNS " FROM unnest($1::bigint[], $2::bigint[], $3::text[])"
	" WITH ORDINALITY AS r (workspace_id, account_id, target, place)"
	" CROSS JOIN LATERAL (SELECT * FROM parked_updates p WHERE p.workspace_id = r.workspace_id AND p.account_id = r.account_id"
	" AND p.target = r.target OFFSET 0) AS p ORDER BY p.workspace_id, p.id, r.place" };

static const struct pg_stmt count = { "parked_count", PG_UNNAMED,
	"SELECT r.place, (SELECT count(*) FROM (SELECT FROM parked_updates p WHERE p.workspace_id = r.workspace_id"
	" AND p.account_id = r.account_id ORDER BY p.target LIMIT $1::integer) AS p)::integer"
	" FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS r (workspace_id, account_id, place)" };

/* "?:<stanza>": a message of either direction. "c:<client_message_id>": a message that Blazz sent, which may be stored under
 * the provider's key; a Dispatch and a status under one such target are ready together. One row for each that was looked at;
 * columns of those that are chosen. */
static const struct pg_stmt ready = { "parked_ready", PG_PREPARED,
	"WITH scanned AS MATERIALIZED (SELECT p.* FROM unnest($6::integer[]) AS q (partition) CROSS JOIN LATERAL"
	" (SELECT p.workspace_id, p.id, p.account_id, p.kind, p.target, p.expires_at FROM parked_updates p WHERE p.topic = $1"
	" AND p.partition = q.partition AND (p.expires_at, p.id) > ($4::timestamptz, $5::bigint)"
	" ORDER BY p.expires_at, p.id LIMIT $3::integer) AS p ORDER BY p.expires_at, p.id LIMIT $3::integer),"
	" looked_up AS MATERIALIZED (SELECT s.*, EXISTS (SELECT FROM chats c WHERE c.workspace_id = s.workspace_id"
	" AND c.account_id = s.account_id AND c.message_key = ANY (CASE WHEN s.target LIKE '?:%'"
	" THEN ARRAY['true' || substr(s.target, 2), 'false' || substr(s.target, 2)] ELSE ARRAY[s.target] END) OFFSET 0)"
	" OR s.target LIKE 'c:%' AND (EXISTS (SELECT FROM chats c WHERE c.workspace_id = s.workspace_id"
	" AND c.account_id = s.account_id AND c.client_message_id = substr(s.target, 3) OFFSET 0)"
	" OR EXISTS (SELECT FROM parked_updates p WHERE p.workspace_id = s.workspace_id AND p.account_id = s.account_id"
	" AND p.target = s.target AND (p.kind = 'dispatch') <> (s.kind = 'dispatch') OFFSET 0)) AS ready"
	" FROM scanned s),"
	" ranked AS (SELECT l.*, l.ready AND row_number() OVER (PARTITION BY l.ready ORDER BY l.workspace_id, l.id) <= $2::integer"
	" AS chosen FROM looked_up l)"
	" SELECT s.expires_at, s.id, s.chosen, " PARKED_COLUMNS " FROM ranked s LEFT JOIN LATERAL"
	" (SELECT * FROM parked_updates p WHERE s.chosen AND p.workspace_id = s.workspace_id AND p.id = s.id OFFSET 0) AS p ON true"
	" ORDER BY s.expires_at, s.id" };

static const struct pg_stmt expire = { "parked_expire", PG_PREPARED,
	"WITH due AS MATERIALIZED (SELECT workspace_id, id FROM parked_updates WHERE topic = $1 AND partition = ANY ($3::integer[])"
	" AND expires_at <= now() ORDER BY expires_at LIMIT $2::integer FOR UPDATE)"
	" DELETE FROM parked_updates p USING due d WHERE p.workspace_id = d.workspace_id AND p.id = d.id RETURNING " PARKED_COLUMNS
	", EXISTS (SELECT FROM workspaces w WHERE w.id = p.workspace_id AND " RETENTION_DAYS " IS NOT NULL)"
	", EXISTS (SELECT FROM workspaces w WHERE w.id = p.workspace_id AND w.deleted_at IS NOT NULL)" };

static const struct pg_stmt delete = { "parked_delete", PG_UNNAMED,
	"DELETE FROM parked_updates p USING unnest($1::bigint[], $2::bigint[], $3::text[], $4::uuid[])"
	" AS r (workspace_id, account_id, target, event_id) WHERE p.workspace_id = r.workspace_id AND p.account_id = r.account_id"
	" AND p.target = r.target AND p.event_id = r.event_id" };

const struct pg_stmt *const parked_statements[] = { &insert, &find, &count, &ready, &expire, &delete, NULL };

/* Inserted rows are returned in the order of the arguments. */
static void inserted_mark(const struct pg_rows *answer, struct parked_row *rows, size_t n)
{
	int at = 0;

	for (size_t i = 0; i < n; i++) {
		struct uuid event_id = { 0 };

		rows[i].inserted = false;
		if (at == pg_rows_count(answer))
			continue;
		event_id = pg_uuid(answer, at, 1);
		if (!uuid_eq(&event_id, &rows[i].event_id) || !str_eq(pg_text(answer, at, 2), rows[i].target))
			continue;
		rows[i].inserted = true;
		rows[i].id = pg_i64(answer, at++, 0);
	}
}

int store_parked_insert(struct pg *pg, struct parked_row *rows, size_t n, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		const struct parked_row *r = &rows[i];

		columns_row(&c);
		columns_i64(&c, r->workspace_id);
		columns_i64(&c, r->account_id);
		columns_id(&c, r->conversation_id);
		columns_word(&c, r->kind);
		columns_text(&c, r->target);
		columns_uuid(&c, &r->event_id);
		columns_bytea(&c, r->record_key);
		columns_bytea(&c, r->record_value);
		columns_bytea(&c, r->record_headers.p ? r->record_headers : STR(""));
		columns_text(&c, r->topic);
		columns_i32(&c, r->partition);
		columns_i64(&c, r->offset);
		columns_i64(&c, r->timestamp_ms);
		columns_i64(&c, r->ttl_ms);
	}
	if (columns_run(&c, pg, &insert, &answer, err) < 0)
		return -1;
	inserted_mark(answer, rows, n);
	pg_rows_free(answer);
	return 0;
}

static void parked_read(struct cells *c, struct parked_row *row)
{
	*row = (struct parked_row){ .workspace_id = cells_i64(c) };
	row->id = cells_i64(c);
	row->account_id = cells_i64(c);
	row->conversation_id = cells_id(c);
	row->kind = arena_cstr(c->arena, cells_borrow(c));
	row->target = cells_text(c);
	row->event_id = cells_uuid(c);
	row->record_key = cells_text(c);
	row->record_value = cells_text(c);
	row->record_headers = cells_text(c);
	row->topic = cells_text(c);
	row->partition = cells_i32(c);
	row->offset = cells_i64(c);
	row->timestamp_ms = cells_i64(c);
}

int store_parked_find(struct pg *pg, const struct message_key *targets, size_t n, struct arena *a,
	void (*each)(void *ctx, size_t target, const struct parked_row *row), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, targets[i].workspace_id);
		columns_i64(&c, targets[i].account_id);
		columns_text(&c, targets[i].key);
	}
	if (columns_run(&c, pg, &find, &rows, err) < 0)
		return -1;
	for (struct cells at = cells_of(rows, a); cells_more(&at); cells_next(&at)) {
		size_t target = cells_place(&at, n);
		struct parked_row row;

		parked_read(&at, &row);
		each(ctx, target, &row);
	}
	pg_rows_free(rows);
	return 0;
}

int store_parked_count(struct pg *pg, struct store_parked_count *counts, size_t n, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	pg_arg_i32(columns_scalars(&c), PARKED_MAX);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, counts[i].workspace_id);
		columns_i64(&c, counts[i].account_id);
	}
	if (columns_run(&c, pg, &count, &rows, err) < 0)
		return -1;
	for (struct cells at = cells_of(rows, NULL); cells_more(&at); cells_next(&at)) {
		size_t i = cells_place(&at, n);

		counts[i].n = cells_i32(&at);
	}
	pg_rows_free(rows);
	return 0;
}

/* The first parameters of both statements of a sweep. */
static void columns_due(struct columns *c, struct str topic, int limit)
{
	columns_init(c);
	pg_arg_text(columns_scalars(c), topic);
	pg_arg_i32(columns_scalars(c), limit);
}

int store_parked_ready(struct pg *pg, struct str topic, const int32_t *partitions, size_t n, int limit,
	struct parked_place *from, struct arena *a, void (*each)(void *ctx, const struct parked_row *row), void *ctx,
	struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_due(&c, topic, limit);
	pg_arg_i32(columns_scalars(&c), PARKED_SCAN_MAX);
	pg_arg_time_us(columns_scalars(&c), from->expires_us);
	pg_arg_i64(columns_scalars(&c), from->id);
	columns_i32s(&c, partitions, n);
	if (columns_run(&c, pg, &ready, &rows, err) < 0)
		return -1;
	for (struct cells at = cells_of(rows, a); cells_more(&at); cells_next(&at)) {
		struct parked_row row;

		from->expires_us = cells_time(&at);
		from->id = cells_i64(&at);
		if (!cells_bool(&at))
			continue;
		parked_read(&at, &row);
		each(ctx, &row);
	}
	if (pg_rows_count(rows) < PARKED_SCAN_MAX)
		*from = (struct parked_place){ 0 };
	pg_rows_free(rows);
	return 0;
}

int store_parked_expire(struct pg *pg, struct str topic, const int32_t *partitions, size_t n, int limit,
	struct arena *a, void (*each)(void *ctx, const struct parked_row *row), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_due(&c, topic, limit);
	columns_i32s(&c, partitions, n);
	if (columns_run(&c, pg, &expire, &rows, err) < 0)
		return -1;
	for (struct cells at = cells_of(rows, a); cells_more(&at); cells_next(&at)) {
		struct parked_row row;

		parked_read(&at, &row);
		row.may_be_old = cells_bool(&at);
		row.of_deleted = cells_bool(&at);
		each(ctx, &row);
	}
	pg_rows_free(rows);
	return 0;
}

int store_parked_delete(struct pg *pg, const struct parked_row *const *rows, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i]->workspace_id);
		columns_i64(&c, rows[i]->account_id);
		columns_text(&c, rows[i]->target);
		columns_uuid(&c, &rows[i]->event_id);
	}
	return columns_run(&c, pg, &delete, NULL, err);
}
