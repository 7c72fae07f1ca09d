/* Progress of initial syncs; see syncs.h. Invariant: bits and ends are only ever added, so a repeated or reordered
 * batch changes nothing. */
#include "store/syncs.h"

#include <stdlib.h>

#include "store/accounts.h"
#include "store/cells.h"
#include "store/columns.h"
#include "store/private.h"
#include "store/statements.h"

/* An end without a total does not clear a total that was reported before. */
static const struct pg_stmt batches_store = { "sync_batches_store", PG_UNNAMED,
	"INSERT INTO account_syncs AS s (workspace_id, account_id, sync_id, index, synced_mask, skipped_mask, ended_at, chats, rejected,"
	" total, last)"
	" SELECT r.workspace_id, r.account_id, r.sync_id, r.index, r.synced, r.skipped, CASE WHEN r.ended THEN now() END,"
	" CASE WHEN r.ended THEN r.chats END, CASE WHEN r.ended THEN r.rejected END, nullif(r.total, 0), r.last"
	" FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::integer[], $5::bigint[], $6::bigint[], $7::boolean[], $8::integer[],"
	" $9::integer[], $10::integer[], $11::boolean[])"
	" AS r (workspace_id, account_id, sync_id, index, synced, skipped, ended, chats, rejected, total, last)"
	" ON CONFLICT (workspace_id, account_id, sync_id, index) DO UPDATE SET"
	" synced_mask = s.synced_mask | excluded.synced_mask, skipped_mask = s.skipped_mask | excluded.skipped_mask,"
	" ended_at = coalesce(s.ended_at, excluded.ended_at), chats = coalesce(s.chats, excluded.chats),"
	" rejected = coalesce(s.rejected, excluded.rejected), total = coalesce(s.total, excluded.total), last = s.last OR excluded.last,"
	" open = true, updated_at = now()"
	" WHERE s.synced_mask | excluded.synced_mask <> s.synced_mask OR s.skipped_mask | excluded.skipped_mask <> s.skipped_mask"
	" OR s.ended_at IS NULL AND excluded.ended_at IS NOT NULL"
	" RETURNING workspace_id, account_id, sync_id, index, synced_mask <> 0 OR skipped_mask <> 0 OR ended_at IS NOT NULL,"
	" xmax = 0" };

/* total: as reported, or known from the last batch. */
static const struct pg_stmt states_read = { "sync_states_read", PG_UNNAMED,
	"SELECT r.place, s.synced, s.skipped, s.rejected, s.expected, s.batches, s.ended, coalesce(s.total, 0),"
	" s.total > 0 AND (SELECT count(*) FROM account_syncs b WHERE b.workspace_id = r.workspace_id AND b.account_id = r.account_id"
	" AND b.sync_id = r.sync_id AND b.index >= 0 AND b.index < s.total AND b.ended_at IS NOT NULL"
	" AND bit_count((b.synced_mask | b.skipped_mask)::bit(64)) >= b.chats) = s.total IS TRUE, s.started_at, s.updated_at"
	" FROM unnest($1::bigint[], $2::bigint[], $3::text[]) WITH ORDINALITY AS r (workspace_id, account_id, sync_id, place)"
	" CROSS JOIN LATERAL (SELECT coalesce(sum(bit_count(b.synced_mask::bit(64))), 0)::bigint AS synced,"
	" coalesce(sum(bit_count((b.skipped_mask & ~b.synced_mask)::bit(64))), 0)::bigint AS skipped,"
	" coalesce(sum(b.rejected), 0)::bigint AS rejected, coalesce(sum(b.chats), 0)::bigint AS expected, count(*) AS batches, count(b.ended_at) AS ended,"
	" coalesce(max(b.total), max(b.index + 1) FILTER (WHERE b.last)) AS total, min(b.started_at) AS started_at,"
	" max(b.updated_at) AS updated_at FROM account_syncs b WHERE b.workspace_id = r.workspace_id AND b.account_id = r.account_id"
	" AND b.sync_id = r.sync_id) AS s" };

static const struct pg_stmt close_syncs = { "syncs_close", PG_UNNAMED,
	"UPDATE account_syncs AS b SET open = false FROM unnest($1::bigint[], $2::bigint[], $3::text[])"
	" AS r (workspace_id, account_id, sync_id) WHERE b.workspace_id = r.workspace_id AND b.account_id = r.account_id"
	" AND b.sync_id = r.sync_id AND b.open" };

static const struct pg_stmt trim = { "syncs_trim", PG_UNNAMED,
	"WITH gone AS MATERIALIZED (SELECT r.workspace_id, r.account_id, old.sync_id"
	" FROM (SELECT DISTINCT workspace_id, account_id FROM unnest($2::bigint[], $3::bigint[]) AS r (workspace_id, account_id)) AS r"
	" CROSS JOIN LATERAL (SELECT s.sync_id FROM account_syncs s WHERE s.workspace_id = r.workspace_id"
	" AND s.account_id = r.account_id GROUP BY s.sync_id ORDER BY max(s.updated_at) DESC, s.sync_id OFFSET $1::integer) AS old)"
	" DELETE FROM account_syncs b USING gone"
	" WHERE b.workspace_id = gone.workspace_id AND b.account_id = gone.account_id AND b.sync_id = gone.sync_id" };

/* The account's row is the lock: only one of several replicas reports the failure. */
static const struct pg_stmt fail_stale = {
	"syncs_fail_stale", PG_UNNAMED,
	"WITH stale AS MATERIALIZED (SELECT workspace_id, account_id, sync_id FROM account_syncs WHERE open"
	" GROUP BY workspace_id, account_id, sync_id HAVING max(updated_at) < now() - $1::bigint * interval '1 millisecond' LIMIT 100),"
	" held AS MATERIALIZED (SELECT a.workspace_id, a.id, a.uuid, a.provider_type FROM whatsapp_accounts a"
	" WHERE (a.workspace_id, a.id) IN (SELECT workspace_id, account_id FROM stale) FOR UPDATE OF a SKIP LOCKED),"
	" closed AS (UPDATE account_syncs b SET open = false FROM stale s, held h WHERE b.workspace_id = s.workspace_id"
	" AND b.account_id = s.account_id AND b.sync_id = s.sync_id AND b.open AND h.workspace_id = s.workspace_id AND h.id = s.account_id"
	" RETURNING b.workspace_id, b.account_id, b.sync_id),"
	" marked AS (UPDATE whatsapp_accounts a SET sync = a.sync || '{\"resync\":true,\"resync_reason\":\"stalled\"}'"
	" || CASE WHEN EXISTS (SELECT FROM closed c WHERE c.workspace_id = a.workspace_id AND c.account_id = a.id"
	" AND c.sync_id = a.sync ->> 'sync_id') THEN '{\"status\":\"failed\"}' ELSE '{}' END::jsonb, updated_at = now() FROM held h"
	" WHERE a.workspace_id = h.workspace_id AND a.id = h.id AND EXISTS (SELECT FROM closed c WHERE c.workspace_id = h.workspace_id"
	" AND c.account_id = h.id))"
	" SELECT DISTINCT c.workspace_id, c.account_id, c.sync_id, w.uuid, h.uuid, h.provider_type FROM closed c"
	" JOIN held h ON h.workspace_id = c.workspace_id AND h.id = c.account_id JOIN workspaces w ON w.id = c.workspace_id"
};

static const struct pg_stmt mark_history = { "accounts_mark_history", PG_PREPARED,
	"UPDATE whatsapp_accounts a SET sync = jsonb_set(a.sync, '{history,open}', 'false') ||"
	" '{\"resync\":true,\"resync_reason\":\"history\"}', updated_at = now()"
	" FROM (SELECT s.workspace_id, s.id FROM whatsapp_accounts s WHERE s.sync #> '{history,open}' = 'true' AND s.deleted_at IS NULL"
	" AND to_timestamp((s.sync #>> '{history,at}')::bigint / 1000.0) < now() - $1::bigint * interval '1 millisecond'"
	" FOR UPDATE SKIP LOCKED) AS r"
	" WHERE a.workspace_id = r.workspace_id AND a.id = r.id RETURNING a.workspace_id, a.id" };

static const struct pg_stmt mark_silent = { "accounts_mark_silent", PG_PREPARED,
	"UPDATE whatsapp_accounts a SET sync = a.sync || '{\"resync\":true,\"resync_reason\":\"silent\"}', updated_at = now()"
	" FROM (SELECT s.workspace_id, s.id FROM whatsapp_accounts s WHERE s.status = 'connected' AND s.provider_type = 'webjs'"
	" AND s.deleted_at IS NULL AND s.last_activity_at < now() - $1::bigint * interval '1 millisecond'"
	" AND s.sync -> 'resync' IS DISTINCT FROM 'true' FOR UPDATE SKIP LOCKED) AS r"
	" WHERE a.workspace_id = r.workspace_id AND a.id = r.id RETURNING a.workspace_id, a.id" };

static const struct pg_stmt mark_gap = { "accounts_mark_gap", PG_UNNAMED,
	"UPDATE whatsapp_accounts a SET sync = a.sync || '{\"resync\":true,\"resync_reason\":\"gap\"}', updated_at = now()"
	" FROM unnest($1::bigint[], $2::bigint[]) AS r (workspace_id, id) WHERE a.workspace_id = r.workspace_id AND a.id = r.id"
	" AND a.sync -> 'resync' IS DISTINCT FROM 'true'" };

static const struct pg_stmt users = {
	"users_find", PG_UNNAMED,
	"SELECT r.place, u.id FROM unnest($1::bigint[], $2::uuid[]) WITH ORDINALITY AS r (workspace_id, uuid, place)"
	" CROSS JOIN LATERAL (SELECT u.id FROM users u WHERE u.workspace_id = r.workspace_id AND u.uuid = r.uuid OFFSET 0) AS u"
};

const struct pg_stmt *const syncs_statements[] = { &batches_store, &states_read, &close_syncs, &trim, &fail_stale,
	&mark_history, &mark_silent, &mark_gap, &users, NULL };

static bool batch_is_at(const struct pg_rows *answer, int at, const struct sync_batch_row *r)
{
	return at < pg_rows_count(answer) && pg_i64(answer, at, 0) == r->workspace_id &&
		pg_i64(answer, at, 1) == r->account_id && str_eq(pg_text(answer, at, 2), r->sync_id) &&
		pg_i64(answer, at, 3) == r->index;
}

int store_sync_batches(struct pg *pg, struct sync_batch_row *rows, size_t n, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;
	int at = 0;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].account_id);
		columns_text(&c, rows[i].sync_id);
		columns_i32(&c, rows[i].index);
		columns_i64(&c, (int64_t)rows[i].synced_mask);
		columns_i64(&c, (int64_t)rows[i].skipped_mask);
		columns_bool(&c, rows[i].ended);
		columns_i32(&c, rows[i].chats);
		columns_i32(&c, rows[i].rejected);
		columns_i32(&c, rows[i].total);
		columns_bool(&c, rows[i].last);
	}
	if (columns_run(&c, pg, &batches_store, &answer, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) { /* written rows are returned in the order of the arguments */
		bool written = batch_is_at(answer, at, &rows[i]);

		rows[i].changed = written && pg_bool(answer, at, 4);
		rows[i].inserted = written && pg_bool(answer, at, 5);
		at += written;
	}
	pg_rows_free(answer);
	return 0;
}

static void state_read(struct cells *c, struct sync_state *s)
{
	s->synced = cells_i32(c);
	s->skipped = cells_i32(c);
	s->rejected = cells_i32(c);
	s->expected = cells_i32(c);
	s->batches = cells_i32(c);
	s->batches_ended = cells_i32(c);
	s->total = cells_i32(c);
	s->complete = cells_bool(c);
	s->started_us = cells_time(c);
	s->last_us = cells_time(c);
}

static void columns_sync(struct columns *c, const struct sync_state *s)
{
	columns_row(c);
	columns_i64(c, s->workspace_id);
	columns_i64(c, s->account_id);
	columns_text(c, s->sync_id);
}

int store_sync_states_read(struct pg *pg, struct sync_state *states, size_t n, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++)
		columns_sync(&c, &states[i]);
	if (columns_run(&c, pg, &states_read, &rows, err) < 0)
		return -1;
	for (struct cells at = cells_of(rows, NULL); cells_more(&at); cells_next(&at)) {
		size_t i = cells_place(&at, n);

		state_read(&at, &states[i]);
	}
	pg_rows_free(rows);
	return 0;
}

static int accounts_mark(struct pg *pg, const struct pg_stmt *stmt, int64_t ms, account_fn each, void *ctx,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, ms);
	rc = pg_run(pg, stmt, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	for (int i = 0; i < pg_rows_count(rows); i++)
		each(ctx, pg_i64(rows, i, 0), pg_i64(rows, i, 1));
	pg_rows_free(rows);
	return 0;
}

int64_t store_sync_duration_ms(const struct sync_state *s)
{
	return s->last_us > s->started_us ? (s->last_us - s->started_us) / 1000 : 0;
}

int store_syncs_close(struct pg *pg, const struct sync_state *states, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++)
		columns_sync(&c, &states[i]);
	return columns_run(&c, pg, &close_syncs, NULL, err);
}

int store_syncs_trim(struct pg *pg, const struct sync_state *begun, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	pg_arg_i32(columns_scalars(&c), SYNCS_KEPT);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, begun[i].workspace_id);
		columns_i64(&c, begun[i].account_id);
	}
	return columns_run(&c, pg, &trim, NULL, err);
}

static void stale_read(struct cells *c, struct stale_sync *s)
{
	s->state.workspace_id = cells_i64(c);
	s->state.account_id = cells_i64(c);
	s->state.sync_id = cells_text(c);
	s->workspace = cells_uuid(c);
	s->account = cells_uuid(c);
	s->provider = provider_parse(cells_borrow(c));
}

int store_syncs_fail_stale(struct pg *pg, int64_t idle_ms, struct arena *a, struct stale_sync **out, size_t *n,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct sync_state *states;
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, idle_ms);
	rc = pg_run(pg, &fail_stale, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	*n = (size_t)pg_rows_count(rows);
	*out = ARENA_ARRAY(a, struct stale_sync, *n);
	states = ARENA_ARRAY(a, struct sync_state, *n);
	for (struct cells at = cells_of(rows, a); cells_more(&at); cells_next(&at)) {
		stale_read(&at, &(*out)[at.row]);
		states[at.row] = (*out)[at.row].state;
	}
	pg_rows_free(rows);
	rc = store_sync_states_read(pg, states, *n, err);
	for (size_t i = 0; rc == 0 && i < *n; i++)
		(*out)[i].state = states[i];
	return rc;
}

int store_accounts_mark_history(struct pg *pg, int64_t idle_ms, account_fn each, void *ctx, struct err *err)
{
	return accounts_mark(pg, &mark_history, idle_ms, each, ctx, err);
}

int store_accounts_mark_silent(struct pg *pg, int64_t silent_ms, account_fn each, void *ctx, struct err *err)
{
	return accounts_mark(pg, &mark_silent, silent_ms, each, ctx, err);
}

int store_accounts_mark_gap(struct pg *pg, const int64_t *workspace_ids, const int64_t *account_ids, size_t n,
	struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, workspace_ids[i]);
		columns_i64(&c, account_ids[i]);
	}
	return columns_run(&c, pg, &mark_gap, NULL, err);
}

int store_users_find(struct pg *pg, const int64_t *workspace_ids, const struct uuid *ids, size_t n, int64_t *out,
	struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, workspace_ids[i]);
		columns_uuid(&c, &ids[i]);
	}
	if (columns_run(&c, pg, &users, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		out[i] = 0;
	for (struct cells at = cells_of(rows, NULL); cells_more(&at); cells_next(&at)) {
		size_t i = cells_place(&at, n);

		out[i] = cells_i64(&at);
	}
	pg_rows_free(rows);
	return 0;
}
