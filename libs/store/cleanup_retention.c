/* See cleanup_retention.h. Invariant: a message that a counter counts, or that is not older than the cutoff, is never locked for deletion. */
#include "store/cleanup_retention.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/private.h"
#include "store/statements.h"

static const struct pg_stmt workspace = { "retention_workspace", PG_PREPARED,
	"SELECT id, date_trunc('milliseconds', now() - make_interval(days => days))"
	" FROM (SELECT w.id, w.uuid, " RETENTION_DAYS " AS days FROM workspaces w WHERE w.id >= $1::bigint) AS w"
	" WHERE days IS NOT NULL AND ($2::uuid IS NULL OR uuid = $2::uuid) ORDER BY id LIMIT 1" };

static const struct pg_stmt invalid = { "retention_invalid", PG_PREPARED,
	"SELECT count(*) FROM workspaces w WHERE " RETENTION_DAYS
	" IS NULL AND (w.settings #> '{retention,messages_days}' <> 'null'"
	" OR jsonb_typeof(w.settings -> 'retention') NOT IN ('object', 'null'))" };

/* The condition of conversations_recount: FROM_COUNTABLE in conversations.c. */
#define UNREAD \
	"(c.type = 'inbound' AND c.origin IN ('live', 'sync') AND c.deleted_at IS NULL" \
	" AND c.sent_at > coalesce(v.last_read_at, '-infinity'))"

/* The time is a condition of the index, also in the conversation in which the walk was: what it has passed there is not read again. */
static const struct pg_stmt find = { "retention_find", PG_UNNAMED,
	"SELECT v.id, c.id, c.sent_at, coalesce(c.unread, false)"
	" FROM (SELECT v.id, v.last_read_at FROM conversations v WHERE v.workspace_id = $1::bigint AND v.id >= $2::bigint"
	" AND v.merged_into IS NULL ORDER BY v.id LIMIT $6::bigint) AS v"
	" LEFT JOIN LATERAL (SELECT c.id, c.sent_at, " UNREAD
	" AS unread FROM chats c WHERE c.workspace_id = $1::bigint"
	" AND c.conversation_id = v.id AND c.sent_at < $5::timestamptz"
	" AND c.sent_at >= CASE v.id WHEN $2::bigint THEN $3::timestamptz ELSE '-infinity' END"
	" AND (v.id <> $2::bigint OR (c.sent_at, c.id) > ($3::timestamptz, $4::bigint))"
	" ORDER BY c.sent_at, c.id LIMIT $6::bigint) AS c ON true ORDER BY v.id, c.sent_at, c.id LIMIT $6::bigint" };

/* The sum hides the index of conversations, which would be read once for each of their messages. */
static const struct pg_stmt lock = { "retention_lock", PG_UNNAMED,
	"SELECT c.id FROM unnest($3::bigint[], $4::bigint[]) AS r (conversation_id, id) CROSS JOIN LATERAL"
	" (SELECT v.last_read_at FROM conversations v WHERE v.workspace_id = $1::bigint AND v.id = r.conversation_id OFFSET 0) AS v"
	" CROSS JOIN LATERAL (SELECT c.id FROM chats c WHERE c.workspace_id = $1::bigint AND c.id = r.id AND c.conversation_id + 0 = r.conversation_id"
	" AND c.sent_at < $2::timestamptz AND NOT " UNREAD " FOR UPDATE SKIP LOCKED) AS c" };

static const struct pg_stmt conversations = { "retention_conversations", PG_UNNAMED,
	"SELECT v.uuid, w.uuid, a.uuid, a.provider_type, a.bridge_kind FROM unnest($2::bigint[]) AS r (id) CROSS JOIN LATERAL"
	" (SELECT v.uuid, v.account_id FROM conversations v WHERE v.workspace_id = $1::bigint AND v.id = r.id OFFSET 0) AS v CROSS JOIN LATERAL"
	" (SELECT * FROM whatsapp_accounts a WHERE a.workspace_id = $1::bigint AND a.id = v.account_id OFFSET 0) AS a"
	" CROSS JOIN (SELECT uuid FROM workspaces WHERE id = $1::bigint) AS w" };

const struct pg_stmt *const cleanup_retention_statements[] = { &workspace, &invalid, &find, &lock, &conversations,
	NULL };

int store_retention_workspace(struct pg *pg, int64_t from_id, const struct uuid *only, struct retention_workspace *out,
	bool *found, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, from_id);
	pg_arg_uuid(args, uuid_is_nil(only) ? NULL : only);
	rc = pg_run(pg, &workspace, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	*found = pg_rows_count(rows) > 0;
	if (*found)
		*out = (struct retention_workspace){ pg_i64(rows, 0, 0), pg_time_us(rows, 0, 1) };
	pg_rows_free(rows);
	return 0;
}

int store_retention_invalid(struct pg *pg, int64_t *n, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (pg_run(pg, &invalid, NULL, &rows, err) < 0)
		return -1;
	*n = pg_i64(rows, 0, 0);
	pg_rows_free(rows);
	return 0;
}

static void rows_read(const struct pg_rows *answer, struct arena *a, struct retention_row **rows, size_t *n_rows)
{
	size_t i = 0;

	*n_rows = (size_t)pg_rows_count(answer);
	*rows = ARENA_ARRAY(a, struct retention_row, *n_rows);
	for (struct cells c = cells_of(answer, NULL); cells_more(&c); cells_next(&c), i++) {
		struct retention_row *row = &(*rows)[i];

		row->at.conversation_id = cells_i64(&c);
		row->at.message_id = cells_id(&c);
		row->at.sent_us = cells_time(&c);
		row->unread = cells_bool(&c);
	}
}

int store_retention_find(struct pg *pg, const struct retention_workspace *w, const struct retention_place *after,
	int64_t n, struct arena *a, struct retention_row **rows, size_t *n_rows, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *answer = NULL;
	int rc;

	pg_arg_i64(args, w->id);
	pg_arg_i64(args, after->conversation_id);
	pg_arg_time_us(args, after->message_id == 0 ? PG_NO_TIME + 1 : after->sent_us); /* -infinity */
	pg_arg_i64(args, after->message_id);
	pg_arg_time_us(args, w->cutoff_us);
	pg_arg_i64(args, n);
	rc = pg_run(pg, &find, args, &answer, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	rows_read(answer, a, rows, n_rows);
	pg_rows_free(answer);
	return 0;
}

int store_retention_lock(struct pg *pg, const struct retention_workspace *w, const struct retention_row *rows, size_t n,
	struct arena *a, int64_t **ids, size_t *n_ids, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;
	size_t i = 0;

	columns_init(&c);
	pg_arg_i64(columns_scalars(&c), w->id);
	pg_arg_time_us(columns_scalars(&c), w->cutoff_us);
	for (size_t k = 0; k < n; k++) {
		if (rows[k].at.message_id == 0 || rows[k].unread)
			continue;
		columns_row(&c);
		columns_i64(&c, rows[k].at.conversation_id);
		columns_i64(&c, rows[k].at.message_id);
		i++;
	}
	*n_ids = 0;
	if (i == 0) {
		columns_fini(&c);
		return 0;
	}
	if (columns_run(&c, pg, &lock, &answer, err) < 0)
		return -1;
	*ids = ARENA_ARRAY(a, int64_t, (size_t)pg_rows_count(answer));
	for (struct cells at = cells_of(answer, NULL); cells_more(&at); cells_next(&at))
		(*ids)[(*n_ids)++] = cells_i64(&at);
	pg_rows_free(answer);
	return 0;
}

int store_retention_conversations(struct pg *pg, int64_t workspace_id, const int64_t *ids, size_t n,
	void (*each)(void *ctx, const struct retention_conversation *c), void *ctx, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	pg_arg_i64(columns_scalars(&c), workspace_id);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, ids[i]);
	}
	if (columns_run(&c, pg, &conversations, &answer, err) < 0)
		return -1;
	for (struct cells at = cells_of(answer, NULL); cells_more(&at); cells_next(&at)) {
		struct retention_conversation v = { .uuid = cells_uuid(&at) };

		v.account.workspace = cells_uuid(&at);
		v.account.uuid = cells_uuid(&at);
		v.account.provider = provider_parse(cells_borrow(&at));
		v.account.bridge = bridge_parse(cells_borrow(&at));
		each(ctx, &v);
	}
	pg_rows_free(answer);
	return 0;
}
