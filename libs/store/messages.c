/* See messages.h. Invariant: a message exists once per (workspace, account, key, conversation). */
#include "store/messages.h"

#include <assert.h>

#include "store/columns.h"
#include "store/private.h"
#include "store/statements.h"

#define ID_BLOCK       1024 /* the increment of chats_id_block */
#define FIND_KEYS      128 /* in one statement, because its answer is in memory together with the rows copied from it */
#define FIND_MAX_BYTES ((size_t)64 * 1024 * 1024)

static const struct pg_stmt draw = { "message_ids_draw", PG_PREPARED,
	"SELECT nextval('chats_id_block') FROM generate_series(1, $1::bigint)" };

/* unnest() in the list of columns steps through all arrays at once; in FROM, each array would first be copied into a
 * tuplestore, a tenth of the statement's cost. Prepared, unlike other statements over arrays: without a join there is
 * only one plan, and planning takes as long as inserting a few messages. */
static const struct pg_stmt insert = { "messages_insert", PG_PREPARED,
	"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, wam_id, client_message_id, type, message_type,"
	" message_status, sender, origin, placeholder, metadata, sent_at, delivered_at, read_at, edited_at, revoked_at, deleted_at,"
	" user_id, deleted_by)"
	" SELECT unnest($1::bigint[]), unnest($2::bigint[]), unnest($3::bigint[]), unnest($4::bigint[]), unnest($5::text[]),"
	" unnest($6::text[]), unnest($7::text[]), unnest($8::text[]), unnest($9::text[]), unnest($10::text[]), unnest($11::text[]),"
	" unnest($12::text[]), unnest($13::boolean[]), unnest($14::jsonb[]), unnest($15::timestamptz[]), unnest($16::timestamptz[]),"
	" unnest($17::timestamptz[]), unnest($18::timestamptz[]), unnest($19::timestamptz[]), unnest($20::timestamptz[]),"
	" unnest($21::bigint[]), unnest($22::bigint[])"
	" ON CONFLICT (workspace_id, account_id, message_key, conversation_id) DO NOTHING RETURNING id" };

/* Reads the first entry of chats_key from the key on and compares it outside: before the first ANALYZE
 * chats_conversation looks as good an index for the four columns, and would read the whole conversation for each
 * key. */
#define HERE(columns) \
	"(SELECT " columns \
	" FROM (SELECT * FROM chats c WHERE c.workspace_id = r.workspace_id AND (c.account_id, c.message_key, c.conversation_id)" \
	" >= (r.account_id, r.key, r.conversation_id) ORDER BY c.account_id, c.message_key, c.conversation_id LIMIT 1) AS c" \
	" WHERE c.account_id = r.account_id AND c.message_key = r.key AND c.conversation_id = r.conversation_id)"

/* A sender may use one key in many conversations: when it is not in the requested one, two others suffice to show that
 * it is ambiguous. Metadata that is not requested is not even fetched from its TOAST table. */
#define OF_KEY "c.workspace_id = r.workspace_id AND c.account_id = r.account_id AND c.message_key = r.key"
static const struct pg_stmt find = { "messages_find", PG_UNNAMED,
	"SELECT r.place, " MESSAGE_COLUMNS ", CASE WHEN r.content OR c.message_status = 'failed' THEN c.metadata END"
	" FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::boolean[]) WITH ORDINALITY"
	" AS r (workspace_id, account_id, key, conversation_id, content, place) CROSS JOIN LATERAL"
	" (" HERE("*") " UNION ALL (SELECT * FROM chats c WHERE " OF_KEY
		       " AND NOT EXISTS " HERE("") " LIMIT 2)) AS c" };

/* The comparison runs in the server, on a limited number of messages: a sender may give any number of messages the same
 * time. */
static const struct pg_stmt at_moment = {
	"messages_at", PG_UNNAMED,
	"SELECT r.place, f.message_key FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::text[])"
	" WITH ORDINALITY AS r (workspace_id, conversation_id, sent_at, type, key, body, place) CROSS JOIN LATERAL"
	" (SELECT m.message_key FROM (SELECT r.conversation_id AS id UNION ALL SELECT g.conversation_id FROM conversation_merges g"
	" WHERE g.workspace_id = r.workspace_id AND g.into_id = r.conversation_id OFFSET 0) AS v CROSS JOIN LATERAL"
	" (SELECT c.message_key, c.type, c.metadata FROM chats c WHERE c.workspace_id = r.workspace_id"
	" AND c.conversation_id = v.id AND c.sent_at = r.sent_at LIMIT 32) AS m"
	" WHERE m.type = r.type AND m.message_key <> r.key AND coalesce(m.metadata ->> 'body', '') = r.body LIMIT 1) AS f"
};

/* Each row is looked up by itself, whatever size the planner estimates for the table: OFFSET 0 prevents it from
 * flattening the subquery. */
static const struct pg_stmt by_client_id = { "messages_by_client_id", PG_UNNAMED,
	"SELECT r.place, c.message_key, c.conversation_id FROM unnest($1::bigint[], $2::bigint[], $3::text[])"
	" WITH ORDINALITY AS r (workspace_id, account_id, client_message_id, place) CROSS JOIN LATERAL"
	" (SELECT * FROM chats c WHERE c.workspace_id = r.workspace_id AND c.account_id = r.account_id"
	" AND c.client_message_id = r.client_message_id OFFSET 0) AS c" };

/* coalesce() passes on the stored value as a TOAST pointer: the server does not rewrite its bytes. */
static const struct pg_stmt store = { "messages_store", PG_UNNAMED,
	"UPDATE chats AS c SET message_key = r.message_key, wam_id = r.wam_id, client_message_id = r.client_message_id, type = r.type,"
	" message_type = r.message_type, message_status = r.message_status, sender = r.sender, origin = r.origin,"
	" placeholder = r.placeholder, metadata = coalesce(r.metadata, c.metadata), sent_at = r.sent_at,"
	" delivered_at = r.delivered_at, read_at = r.read_at, edited_at = r.edited_at, revoked_at = r.revoked_at, deleted_at = r.deleted_at,"
	" user_id = r.user_id, deleted_by = r.deleted_by, updated_at = now()"
	" FROM (SELECT unnest($1::bigint[]) AS workspace_id, unnest($2::bigint[]) AS id, unnest($3::text[]) AS message_key,"
	" unnest($4::text[]) AS wam_id, unnest($5::text[]) AS client_message_id, unnest($6::text[]) AS type,"
	" unnest($7::text[]) AS message_type, unnest($8::text[]) AS message_status, unnest($9::text[]) AS sender,"
	" unnest($10::text[]) AS origin, unnest($11::boolean[]) AS placeholder, unnest($12::jsonb[]) AS metadata,"
	" unnest($13::timestamptz[]) AS sent_at, unnest($14::timestamptz[]) AS delivered_at,"
	" unnest($15::timestamptz[]) AS read_at, unnest($16::timestamptz[]) AS edited_at,"
	" unnest($17::timestamptz[]) AS revoked_at, unnest($18::timestamptz[]) AS deleted_at,"
	" unnest($19::bigint[]) AS user_id, unnest($20::bigint[]) AS deleted_by) AS r"
	" WHERE c.workspace_id = r.workspace_id AND c.id = r.id" };

const struct pg_stmt *const messages_statements[] = { &draw, &insert, &find, &at_moment, &by_client_id, &store, NULL };

/* Whether the blocks are consecutive: another session may have drawn one in between. */
static bool blocks_consecutive(const struct pg_rows *blocks)
{
	for (int i = 1; i < pg_rows_count(blocks); i++)
		if (pg_i64(blocks, i, 0) != pg_i64(blocks, i - 1, 0) + ID_BLOCK)
			return false;
	return true;
}

int store_message_ids_draw(struct pg *pg, size_t n, int64_t *first, size_t *n_out, struct err *err)
{
	size_t blocks = n == 0 ? 1 : (n + ID_BLOCK - 1) / ID_BLOCK;
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, (int64_t)blocks);
	while ((rc = pg_run(pg, &draw, args, &rows, err)) == 0 && !blocks_consecutive(rows)) {
		pg_rows_free(rows);
		rows = NULL;
	}
	if (rc == 0) {
		*first = pg_i64(rows, 0, 0);
		*n_out = blocks * ID_BLOCK;
	}
	pg_rows_free(rows);
	pg_args_free(args);
	return rc;
}

/* The columns that store_messages_insert() and store_messages() have in common, in one order. */
static void columns_content(struct columns *c, const struct message_row *m)
{
	columns_text(c, m->key);
	columns_text(c, m->wam_id);
	columns_text(c, m->client_message_id);
	columns_word(c, direction_word(m->direction));
	columns_word(c, message_type_word(m->type));
	columns_word(c, message_status_word(m->status));
	columns_text(c, m->sender);
	columns_word(c, origin_word(m->origin));
	columns_bool(c, m->placeholder);
	columns_jsonb(c, m->metadata);
	columns_time(c, m->sent_us);
	columns_time(c, m->delivered_us);
	columns_time(c, m->read_us);
	columns_time(c, m->edited_us);
	columns_time(c, m->revoked_us);
	columns_time(c, m->deleted_us);
	columns_id(c, m->user_id);
	columns_id(c, m->deleted_by);
}

/* Inserted rows are returned in the order of the arguments. */
static void inserted_mark(const struct pg_rows *answer, const struct message_row *const *rows, size_t n, bool *inserted)
{
	int at = 0, count = pg_rows_count(answer);

	for (size_t i = 0; i < n; i++) {
		inserted[i] = at < count && pg_i64(answer, at, 0) == rows[i]->id;
		at += inserted[i];
	}
	assert(at == count);
}

int store_messages_insert(struct pg *pg, const struct message_row *const *rows, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i]->workspace_id);
		columns_i64(&c, rows[i]->id);
		columns_i64(&c, rows[i]->account_id);
		columns_i64(&c, rows[i]->conversation_id);
		columns_content(&c, rows[i]);
	}
	return columns_start(&c, pg, &insert, err);
}

int store_messages_inserted(struct pg *pg, const struct message_row *const *rows, size_t n, bool *inserted,
	struct err *err)
{
	struct pg_rows *answer = NULL;

	if (n == 0)
		return 0;
	if (pg_collect(pg, &answer, err) < 0)
		return -1;
	inserted_mark(answer, rows, n, inserted);
	pg_rows_free(answer);
	return 0;
}

static void message_read(struct cells *c, struct message_row *m)
{
	m->workspace_id = cells_i64(c);
	m->id = cells_i64(c);
	m->account_id = cells_i64(c);
	m->conversation_id = cells_i64(c);
	m->key = cells_text(c);
	m->wam_id = cells_text(c);
	m->client_message_id = cells_text(c);
	m->direction = direction_parse(cells_borrow(c));
	m->type = message_type_parse(cells_borrow(c));
	m->status = message_status_parse(cells_borrow(c));
	m->sender = cells_text(c);
	m->origin = origin_parse(cells_borrow(c));
	m->placeholder = cells_bool(c);
	m->sent_us = cells_time(c);
	m->delivered_us = cells_time(c);
	m->read_us = cells_time(c);
	m->edited_us = cells_time(c);
	m->revoked_us = cells_time(c);
	m->deleted_us = cells_time(c);
	m->user_id = cells_id(c);
	m->deleted_by = cells_id(c);
	m->metadata = cells_text(c);
}

/* Runs one of the statements over n keys; those before them are `first`. Adds up the metadata read. */
static int messages_select(struct columns *c, struct pg *pg, const struct pg_stmt *stmt, size_t first, size_t n,
	size_t *bytes, struct arena *a, void (*each)(void *ctx, size_t place, const struct message_row *row), void *ctx,
	struct err *err)
{
	struct pg_rows *rows = NULL;

	if (columns_run(c, pg, stmt, &rows, err) < 0)
		return -1;
	for (struct cells at = cells_of(rows, a); cells_more(&at); cells_next(&at)) {
		size_t place = cells_place(&at, n);
		struct message_row row;

		message_read(&at, &row);
		*bytes += row.metadata.n;
		each(ctx, first + place, &row);
	}
	pg_rows_free(rows);
	return 0;
}

static void columns_key(struct columns *c, const struct message_key *key)
{
	columns_row(c);
	columns_i64(c, key->workspace_id);
	columns_i64(c, key->account_id);
	columns_text(c, key->key);
}

int store_messages_find(struct pg *pg, const struct message_key *keys, size_t n, struct arena *a,
	void (*each)(void *ctx, size_t key, const struct message_row *row), void *ctx, struct err *err)
{
	size_t bytes = 0;

	for (size_t first = 0; first < n; first += FIND_KEYS) {
		size_t some = n - first < FIND_KEYS ? n - first : FIND_KEYS;
		struct columns c;

		columns_init(&c);
		for (size_t i = first; i < first + some; i++) {
			columns_key(&c, &keys[i]);
			columns_i64(&c, keys[i].conversation_id);
			columns_bool(&c, keys[i].content);
		}
		if (messages_select(&c, pg, &find, first, some, &bytes, a, each, ctx, err) < 0)
			return -1;
		if (bytes > FIND_MAX_BYTES)
			return err_set(err, ERR_INPUT, "too_large", "more than %zu bytes of messages in one batch",
				FIND_MAX_BYTES);
	}
	return 0;
}

int store_messages_by_client_id(struct pg *pg, const struct message_key *ids, size_t n, struct arena *a,
	void (*each)(void *ctx, size_t i, struct str key, int64_t conversation_id), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++)
		columns_key(&c, &ids[i]);
	if (columns_run(&c, pg, &by_client_id, &rows, err) < 0)
		return -1;
	for (struct cells at = cells_of(rows, a); cells_more(&at); cells_next(&at)) {
		size_t place = cells_place(&at, n);
		struct str key = cells_text(&at);

		each(ctx, place, key, cells_i64(&at));
	}
	pg_rows_free(rows);
	return 0;
}

int store_messages_at(struct pg *pg, const struct message_moment *moments, size_t n, struct arena *a,
	void (*each)(void *ctx, size_t moment, struct str key), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, moments[i].workspace_id);
		columns_i64(&c, moments[i].conversation_id);
		columns_time(&c, moments[i].sent_us);
		columns_word(&c, direction_word(moments[i].direction));
		columns_text(&c, moments[i].key);
		columns_text(&c, moments[i].body);
	}
	if (columns_run(&c, pg, &at_moment, &rows, err) < 0)
		return -1;
	for (struct cells at = cells_of(rows, a); cells_more(&at); cells_next(&at)) {
		size_t place = cells_place(&at, n);

		each(ctx, place, cells_text(&at));
	}
	pg_rows_free(rows);
	return 0;
}

int store_messages(struct pg *pg, const struct message_row *const *rows, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i]->workspace_id);
		columns_i64(&c, rows[i]->id);
		columns_content(&c, rows[i]);
	}
	return columns_start(&c, pg, &store, err);
}
