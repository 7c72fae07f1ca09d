/* See conversations_merge.h. Invariant: after each slice no row points at a deleted message, collapsed messages have
 * the further status of the two, and the unread count is that of the messages that are stored. */
#include "store/conversations_merge.h"

#include "store/private.h"
#include "store/statements.h"

static const struct pg_stmt mark = { "conversations_merge_mark", PG_PREPARED,
	"UPDATE conversations SET merged_into = $3::bigint, unread_messages = 0, updated_at = now()"
	" WHERE workspace_id = $1::bigint AND id = $2::bigint" };

static const struct pg_stmt parked = { "conversations_merge_parked", PG_PREPARED,
	"UPDATE parked_updates SET conversation_id = $3::bigint WHERE workspace_id = $1::bigint AND conversation_id = $2::bigint"
	" AND account_id = (SELECT f.account_id FROM conversations f WHERE f.workspace_id = $1 AND f.id = $2)" };

static const struct pg_stmt redirect = {
	"conversations_merge_redirect", PG_PREPARED,
	"UPDATE conversation_merges SET into_id = $3::bigint WHERE workspace_id = $1::bigint AND into_id = $2::bigint"
};

static const struct pg_stmt begin = { "conversations_merge_begin", PG_PREPARED,
	"INSERT INTO conversation_merges (workspace_id, conversation_id, into_id, topic, partition)"
	" VALUES ($1::bigint, $2::bigint, $3::bigint, $4::text, $5::integer)" };

/* clock_timestamp(): those that begin in one transaction take turns, too. */
static const struct pg_stmt advance = { "conversations_merge_advance", PG_PREPARED,
	"UPDATE conversation_merges SET upto = $3::timestamptz, moved_at = clock_timestamp()"
	" WHERE workspace_id = $1::bigint AND conversation_id = $2::bigint" };

static const struct pg_stmt end = { "conversations_merge_end", PG_PREPARED,
	"DELETE FROM conversation_merges WHERE workspace_id = $1::bigint AND conversation_id = $2::bigint" };

static const struct pg_stmt merging = { "conversations_merging", PG_PREPARED,
	"SELECT m.workspace_id, m.conversation_id, m.into_id, m.topic, m.partition, m.upto FROM unnest($3::integer[]) AS q (partition)"
	" CROSS JOIN LATERAL (SELECT * FROM conversation_merges m WHERE m.topic = $1::text AND m.partition = q.partition"
	" ORDER BY m.moved_at LIMIT $2::integer) AS m ORDER BY m.moved_at, m.conversation_id LIMIT $2::integer" };

#define COUNTS(table) \
	table ".type = 'inbound' AND " table ".origin IN ('live', 'sync') AND " table ".deleted_at IS NULL AND " table \
	      ".sent_at > coalesce(v.last_read_at, '-infinity')"

/* f: a message to be moved into into_id; t: the message with the same key that is there already. It is looked up by its
 * key, and the conversation is compared outside: before the first ANALYZE chats_conversation looks as good an index,
 * and would read the whole conversation for each message. */
#define MOVING(from) \
	"SELECT f.workspace_id, f.into_id, f.id, t.id, CASE WHEN t.id IS NULL THEN (" COUNTS( \
		"f") ")::integer" \
		     " WHEN f.deleted_at IS NOT NULL THEN -(" COUNTS( \
			     "t") ")::integer ELSE 0 END, f.sent_at" \
				  " FROM (" from \
				  ") AS f CROSS JOIN LATERAL (SELECT v.last_read_at FROM conversations v" \
				  " WHERE v.workspace_id = f.workspace_id AND v.id = f.into_id OFFSET 0) AS v" \
				  " LEFT JOIN LATERAL (SELECT * FROM chats t WHERE t.workspace_id = f.workspace_id AND t.account_id = f.account_id" \
				  " AND t.message_key = f.message_key OFFSET 0) AS t ON t.conversation_id = f.into_id"

static const struct pg_stmt slice = { "conversations_merge_slice", PG_PREPARED,
	MOVING("SELECT c.*, $3::bigint AS into_id FROM chats c WHERE c.workspace_id = $1::bigint AND c.conversation_id = $2::bigint"
	       " AND c.sent_at <= coalesce($4::timestamptz, 'infinity') ORDER BY c.sent_at DESC LIMIT $5::integer") };

/* Only the first of several messages to be moved with one key: the next slice finds it in place. */
#define OF_KEY "c.workspace_id = r.workspace_id AND c.account_id = r.account_id AND c.message_key = r.key"
static const struct pg_stmt named = { "conversations_merge_named", PG_UNNAMED,
	MOVING("SELECT DISTINCT ON (c.workspace_id, c.account_id, c.message_key, m.into_id) c.*, m.into_id"
	       " FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[]) AS r (workspace_id, account_id, key, conversation_id)"
	       " CROSS JOIN LATERAL ((SELECT c.* FROM (SELECT m.conversation_id FROM conversation_merges m"
	       " WHERE m.workspace_id = r.workspace_id AND m.into_id = r.conversation_id OFFSET 0) AS m CROSS JOIN LATERAL"
	       " (SELECT * FROM chats c WHERE " OF_KEY " OFFSET 0) AS c WHERE c.conversation_id = m.conversation_id)"
	       " UNION ALL (SELECT * FROM chats c WHERE " OF_KEY " LIMIT 2)) AS c"
	       " CROSS JOIN LATERAL (SELECT m.into_id FROM conversation_merges m WHERE m.workspace_id = c.workspace_id"
	       " AND m.conversation_id = c.conversation_id OFFSET 0) AS m"
	       " ORDER BY c.workspace_id, c.account_id, c.message_key, m.into_id, c.id") };

/* The statements that move the messages found, over one list of arguments; p: those that collapse. */
#define MOVED \
	"unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::bigint[])" \
	" AS r (workspace_id, into_id, id, unread, twin_id)"
#define PAIRS   "(SELECT * FROM " MOVED " WHERE r.twin_id IS NOT NULL) AS p"
#define OF_PAIR "h.workspace_id = p.workspace_id AND h.chat_id = p.id"

/* Runs first: slices of renames (sender_renames.c) lock the messages on which they rename, in transactions of other
 * partitions. The statements that follow see what they have renamed, and the renames skip messages that are locked
 * here. */
static const struct pg_stmt lock = {
	"conversations_merge_lock", PG_UNNAMED,
	"SELECT count(*) FROM (SELECT p.workspace_id, x.id FROM " PAIRS
	" CROSS JOIN LATERAL (VALUES (p.id), (p.twin_id)) AS x (id) ORDER BY p.workspace_id, x.id) AS x"
	" CROSS JOIN LATERAL (SELECT FROM chats c WHERE c.workspace_id = x.workspace_id AND c.id = x.id FOR UPDATE) AS c"
};

static const struct pg_stmt receipts = { "conversations_merge_receipts", PG_UNNAMED,
	"WITH gone AS (DELETE FROM chat_receipts h USING " PAIRS " WHERE " OF_PAIR
	" RETURNING h.workspace_id, p.twin_id, h.participant, h.status, h.at)"
	" INSERT INTO chat_receipts AS h (workspace_id, chat_id, participant, status, at) SELECT * FROM gone"
	" ON CONFLICT (workspace_id, chat_id, participant) DO UPDATE SET status = excluded.status, at = excluded.at, updated_at = now()"
	" WHERE " STATUS_RANK("excluded.status") " > " STATUS_RANK("h.status") };

static const struct pg_stmt reactions = { "conversations_merge_reactions", PG_UNNAMED,
	"WITH gone AS (DELETE FROM chat_reactions h USING " PAIRS " WHERE " OF_PAIR
	" RETURNING h.workspace_id, p.twin_id, h.sender, h.emoji, h.at)"
	" INSERT INTO chat_reactions AS h (workspace_id, chat_id, sender, emoji, at) SELECT * FROM gone"
	" ON CONFLICT (workspace_id, chat_id, sender) DO UPDATE SET emoji = excluded.emoji, at = excluded.at, updated_at = now()"
	" WHERE excluded.at > h.at" };

static const struct pg_stmt withdrawn = { "conversations_merge_withdrawn", PG_UNNAMED,
	"WITH gone AS (DELETE FROM chat_reactions_withdrawn h USING " PAIRS " WHERE " OF_PAIR
	" RETURNING h.workspace_id, p.twin_id, h.sender, h.at)"
	" INSERT INTO chat_reactions_withdrawn AS h (workspace_id, chat_id, sender, at) SELECT * FROM gone"
	" ON CONFLICT (workspace_id, chat_id, sender) DO UPDATE SET at = excluded.at WHERE excluded.at > h.at" };

/* A reaction set in one conversation and withdrawn in the other: the later of the two wins. */
static const struct pg_stmt reactions_resolve = { "conversations_merge_reactions_resolve", PG_UNNAMED,
	"WITH twice AS (SELECT h.workspace_id, h.chat_id, h.sender, w.at >= h.at AS withdrawn FROM " PAIRS
	" JOIN chat_reactions h ON h.workspace_id = p.workspace_id AND h.chat_id = p.twin_id"
	" JOIN chat_reactions_withdrawn w ON w.workspace_id = h.workspace_id AND w.chat_id = h.chat_id AND w.sender = h.sender),"
	" gone AS (DELETE FROM chat_reactions h USING twice b WHERE b.withdrawn AND h.workspace_id = b.workspace_id"
	" AND h.chat_id = b.chat_id AND h.sender = b.sender)"
	" DELETE FROM chat_reactions_withdrawn w USING twice b WHERE NOT b.withdrawn AND w.workspace_id = b.workspace_id"
	" AND w.chat_id = b.chat_id AND w.sender = b.sender" };

static const struct pg_stmt media = { "conversations_merge_media", PG_UNNAMED,
	"WITH gone AS (DELETE FROM chat_media h USING " PAIRS " WHERE " OF_PAIR
	" RETURNING h.workspace_id, p.twin_id, h.provider_media_id, h.mime, h.size_bytes, h.sha256, h.file_name, h.url,"
	" h.storage_url, h.fetched_at)"
	" INSERT INTO chat_media (workspace_id, chat_id, provider_media_id, mime, size_bytes, sha256, file_name, url, storage_url,"
	" fetched_at) SELECT * FROM gone ON CONFLICT (workspace_id, chat_id) DO NOTHING" };

/* Deletes first, row by row, as two rows must never have one client_message_id at the same time. */
static const struct pg_stmt collapse = { "conversations_merge_collapse", PG_UNNAMED,
	"WITH gone AS (DELETE FROM chats f USING " PAIRS
	" WHERE f.workspace_id = p.workspace_id AND f.id = p.id RETURNING p.twin_id, f.*)"
	" UPDATE chats AS t SET wam_id = coalesce(t.wam_id, f.wam_id),"
	" client_message_id = coalesce(t.client_message_id, f.client_message_id), user_id = coalesce(t.user_id, f.user_id),"
	" message_status = CASE WHEN " STATUS_RANK("f.message_status") " > " STATUS_RANK(
		"t.message_status") " THEN f.message_status ELSE t.message_status END,"
				    " message_type = CASE WHEN t.placeholder THEN f.message_type ELSE t.message_type END,"
				    " metadata = CASE WHEN t.placeholder OR f.edited_at > coalesce(t.edited_at, '-infinity') THEN f.metadata ELSE t.metadata END,"
				    " placeholder = t.placeholder AND f.placeholder, delivered_at = coalesce(t.delivered_at, f.delivered_at),"
				    " read_at = coalesce(t.read_at, f.read_at), edited_at = greatest(t.edited_at, f.edited_at),"
				    " revoked_at = coalesce(t.revoked_at, f.revoked_at), deleted_at = coalesce(t.deleted_at, f.deleted_at),"
				    " deleted_by = coalesce(t.deleted_by, f.deleted_by), updated_at = now()"
				    " FROM gone f WHERE t.workspace_id = f.workspace_id AND t.id = f.twin_id" };

static const struct pg_stmt move = { "conversations_merge_move", PG_UNNAMED,
	"UPDATE chats f SET conversation_id = r.into_id, updated_at = now() FROM " MOVED
	" WHERE r.twin_id IS NULL AND f.workspace_id = r.workspace_id AND f.id = r.id" };

/* The last message of the surviving conversation may be one that collapsed. */
static const struct pg_stmt count = { "conversations_merge_count", PG_UNNAMED,
	"UPDATE conversations v SET unread_messages = greatest(v.unread_messages + n.unread, 0),"
	" last_message_id = coalesce(n.twin_id, v.last_message_id), updated_at = now()"
	" FROM (SELECT r.workspace_id, r.into_id, sum(r.unread)::integer AS unread,"
	" max(r.twin_id) FILTER (WHERE r.id = c.last_message_id) AS twin_id FROM " MOVED
	" CROSS JOIN LATERAL (SELECT c.last_message_id FROM conversations c WHERE c.workspace_id = r.workspace_id AND c.id = r.into_id"
	" OFFSET 0) AS c WHERE r.unread <> 0 OR r.twin_id IS NOT NULL GROUP BY r.workspace_id, r.into_id) AS n"
	" WHERE v.workspace_id = n.workspace_id AND v.id = n.into_id" };

const struct pg_stmt *const conversations_merge_statements[] = { &mark, &parked, &redirect, &begin, &advance, &end,
	&merging, &slice, &named, &lock, &receipts, &reactions, &withdrawn, &reactions_resolve, &media, &collapse,
	&move, &count, NULL };

int store_conversations_merge(struct pg *pg, const struct conversation_merge *merge, struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc = -1;

	pg_arg_i64(args, merge->workspace_id);
	pg_arg_i64(args, merge->from);
	pg_arg_i64(args, merge->into);
	if (pg_run(pg, &mark, args, NULL, err) < 0 || pg_run(pg, &parked, args, NULL, err) < 0 ||
		pg_run(pg, &redirect, args, NULL, err) < 0)
		goto out;
	pg_arg_text(args, merge->topic);
	pg_arg_i32(args, merge->partition);
	rc = pg_run(pg, &begin, args, NULL, err);
out:
	pg_args_free(args);
	return rc;
}

/* The messages found, as one list of arguments for the statements above. */
struct moved {
	struct pg_args *args;
	struct pg_array *columns[5];
	bool any_twin, any_counts;
};

static void moved_init(struct moved *m)
{
	static const enum pg_type types[] = { PG_I64, PG_I64, PG_I64, PG_I32, PG_I64 };

	*m = (struct moved){ .args = pg_args_new() };
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		m->columns[i] = pg_array_new(types[i]);
}

static void moved_fini(struct moved *m)
{
	for (size_t i = 0; i < sizeof(m->columns) / sizeof(m->columns[0]); i++)
		pg_array_free(m->columns[i]);
	pg_args_free(m->args);
}

static void moved_add(struct moved *m, const struct merged_message *row)
{
	pg_array_i64(m->columns[0], row->workspace_id);
	pg_array_i64(m->columns[1], row->into);
	pg_array_i64(m->columns[2], row->id);
	pg_array_i32(m->columns[3], row->unread);
	if (row->twin)
		pg_array_i64(m->columns[4], row->twin);
	else
		pg_array_null(m->columns[4]);
	m->any_twin = m->any_twin || row->twin;
	m->any_counts = m->any_counts || row->twin || row->unread;
}

static int moved_apply(struct moved *m, struct pg *pg, struct err *err)
{
	static const struct pg_stmt *const twins[] = { &lock, &receipts, &reactions, &withdrawn, &reactions_resolve,
		&media, &collapse };

	for (size_t i = 0; i < sizeof(m->columns) / sizeof(m->columns[0]); i++)
		pg_arg_array(m->args, m->columns[i]);
	for (size_t i = 0; m->any_twin && i < sizeof(twins) / sizeof(twins[0]); i++)
		if (pg_run(pg, twins[i], m->args, NULL, err) < 0)
			return -1;
	if (pg_run(pg, &move, m->args, NULL, err) < 0)
		return -1;
	return m->any_counts ? pg_run(pg, &count, m->args, NULL, err) : 0;
}

/* Moves the messages that a lookup found; frees its answer. *upto_us (may be NULL): the time of the oldest. */
static int found_move(struct pg *pg, struct pg_rows *found, int64_t *upto_us, merged_each *each, void *ctx,
	struct err *err)
{
	struct moved m;
	int rc = 0;

	moved_init(&m);
	for (struct cells at = cells_of(found, NULL); cells_more(&at); cells_next(&at)) {
		struct merged_message row = { .workspace_id = cells_i64(&at) };
		int64_t sent_us;

		row.into = cells_i64(&at);
		row.id = cells_i64(&at);
		row.twin = cells_id(&at);
		row.unread = cells_i32(&at);
		sent_us = cells_time(&at);
		if (upto_us && (*upto_us == PG_NO_TIME || sent_us < *upto_us))
			*upto_us = sent_us;
		moved_add(&m, &row);
		each(ctx, &row);
	}
	if (pg_rows_count(found) > 0)
		rc = moved_apply(&m, pg, err);
	moved_fini(&m);
	pg_rows_free(found);
	return rc;
}

static int slice_find(struct pg *pg, const struct conversation_merge *merge, int limit, struct pg_rows **found,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i64(args, merge->workspace_id);
	pg_arg_i64(args, merge->from);
	pg_arg_i64(args, merge->into);
	pg_arg_time_us(args, merge->upto_us);
	pg_arg_i32(args, limit);
	rc = pg_run(pg, &slice, args, found, err);
	pg_args_free(args);
	return rc;
}

static int merge_advance(struct pg *pg, const struct conversation_merge *merge, bool is_over, struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i64(args, merge->workspace_id);
	pg_arg_i64(args, merge->from);
	if (!is_over)
		pg_arg_time_us(args, merge->upto_us);
	rc = pg_run(pg, is_over ? &end : &advance, args, NULL, err);
	pg_args_free(args);
	return rc;
}

int store_conversations_merge_step(struct pg *pg, struct conversation_merge *merge, int limit, merged_each *each,
	void *ctx, struct err *err)
{
	struct pg_rows *found = NULL;
	int n;

	if (slice_find(pg, merge, limit, &found, err) < 0)
		return -1;
	n = pg_rows_count(found);
	if (found_move(pg, found, &merge->upto_us, each, ctx, err) < 0 || merge_advance(pg, merge, n < limit, err) < 0)
		return -1;
	return n;
}

static int named_find(struct pg *pg, const struct message_key *keys, size_t n, struct pg_rows **found, struct err *err)
{
	struct columns c;

	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, keys[i].workspace_id);
		columns_i64(&c, keys[i].account_id);
		columns_text(&c, keys[i].key);
		columns_i64(&c, keys[i].conversation_id);
	}
	return columns_run(&c, pg, &named, found, err);
}

int store_conversations_merge_named(struct pg *pg, const struct message_key *keys, size_t n, merged_each *each,
	void *ctx, struct err *err)
{
	int count_found = n > 0;

	while (count_found > 0) {
		struct pg_rows *found = NULL;

		if (named_find(pg, keys, n, &found, err) < 0)
			return -1;
		count_found = pg_rows_count(found);
		if (found_move(pg, found, NULL, each, ctx, err) < 0)
			return -1;
	}
	return 0;
}

int store_conversations_merging(struct pg *pg, struct str topic, const int32_t *partitions, size_t n, int limit,
	struct arena *a, struct conversation_merge **out, size_t *n_out, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	columns_init(&c);
	pg_arg_text(columns_scalars(&c), topic);
	pg_arg_i32(columns_scalars(&c), limit);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i32(&c, partitions[i]);
	}
	if (columns_run(&c, pg, &merging, &rows, err) < 0)
		return -1;
	*n_out = (size_t)pg_rows_count(rows);
	*out = ARENA_ARRAY(a, struct conversation_merge, *n_out);
	for (struct cells at = cells_of(rows, a); cells_more(&at); cells_next(&at)) {
		struct conversation_merge *m = &(*out)[at.row];

		m->workspace_id = cells_i64(&at);
		m->from = cells_i64(&at);
		m->into = cells_i64(&at);
		m->topic = cells_text(&at);
		m->partition = cells_i32(&at);
		m->upto_us = cells_time(&at);
	}
	pg_rows_free(rows);
	return 0;
}
