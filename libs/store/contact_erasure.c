/* See contact_erasure.h. Invariant: no alias leads to an erased contact. */
#include "store/contact_erasure.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/private.h"
#include "store/statements.h"

#define MAX_METADATA_BYTES 67108864 /* of one call, as store_messages_find() */

static const struct pg_stmt person = { "erasure_person", PG_PREPARED,
	"WITH RECURSIVE up AS (SELECT c.id, c.merged_into FROM contacts c WHERE c.workspace_id = $1 AND c.uuid = $2"
	" UNION ALL SELECT c.id, c.merged_into FROM up u CROSS JOIN LATERAL"
	" (SELECT * FROM contacts c WHERE c.workspace_id = $1 AND c.id = u.merged_into OFFSET 0) AS c),"
	" person AS (SELECT id FROM up WHERE merged_into IS NULL UNION ALL SELECT c.id FROM person p CROSS JOIN LATERAL"
	" (SELECT * FROM contacts c WHERE c.workspace_id = $1 AND c.merged_into = p.id OFFSET 0) AS c)"
	" SELECT c.id, c.uuid, c.merged_into, c.erased_at IS NOT NULL FROM person p CROSS JOIN LATERAL"
	" (SELECT * FROM contacts c WHERE c.workspace_id = $1 AND c.id = p.id OFFSET 0) AS c ORDER BY c.id" };

static const struct pg_stmt lock = { "erasure_lock", PG_PREPARED,
	"SELECT count(*) FROM (SELECT FROM contacts c WHERE c.workspace_id = $1 AND c.id = ANY ($2::bigint[])"
	" ORDER BY c.id FOR UPDATE) AS c" };

static const struct pg_stmt identity = { "erasure_identity", PG_PREPARED,
	"SELECT (SELECT count(*) FROM contact_aliases a WHERE a.workspace_id = $1 AND a.contact_id = ANY ($3::bigint[])),"
	" (SELECT count(*) FROM contact_former_aliases f WHERE f.workspace_id = $1 AND f.contact_id = ANY ($3::bigint[])),"
	" EXISTS (SELECT FROM contact_opt_outs o WHERE o.workspace_id = $1 AND o.contact_id = ANY ($3::bigint[]) AND o.stopped),"
	" c.source_type, c.source_account_id FROM contacts c WHERE c.workspace_id = $1 AND c.id = $2" };

static const struct pg_stmt move_aliases = { "erasure_move_aliases", PG_PREPARED,
	"UPDATE contact_aliases a SET contact_id = $2 WHERE a.workspace_id = $1 AND a.contact_id = ANY ($3::bigint[])"
	" AND (a.kind = 'phone' OR NOT EXISTS (SELECT FROM contact_aliases p WHERE p.workspace_id = $1"
	" AND p.contact_id = ANY ($3::bigint[]) AND p.kind = 'phone'))" };

/* A merge has copied the opt-outs of merged contacts to the surviving one. */
static const struct pg_stmt move_opt_outs = {
	"erasure_move_opt_outs", PG_PREPARED,
	"UPDATE contact_opt_outs SET contact_id = $2, updated_at = now() WHERE workspace_id = $1 AND contact_id = ANY ($3::bigint[])"
};

#define DELETE_OF_CONTACTS(table) "DELETE FROM " table " WHERE workspace_id = $1 AND contact_id = ANY ($2::bigint[])"
static const struct pg_stmt delete_aliases = { "erasure_aliases", PG_PREPARED, DELETE_OF_CONTACTS("contact_aliases") };
static const struct pg_stmt delete_former = { "erasure_former_aliases", PG_PREPARED,
	DELETE_OF_CONTACTS("contact_former_aliases") };
static const struct pg_stmt delete_opt_outs = { "erasure_opt_outs", PG_PREPARED,
	DELETE_OF_CONTACTS("contact_opt_outs") };
static const struct pg_stmt delete_renames = { "erasure_renames", PG_PREPARED, DELETE_OF_CONTACTS("sender_renames") };

static const struct pg_stmt empty = { "erasure_contacts", PG_PREPARED,
	"UPDATE contacts SET first_name = NULL, last_name = NULL, name_rank = 0, name_at = NULL, phone = NULL, match_key = NULL,"
	" email = NULL, email_at = NULL, profile_picture = NULL, profile_picture_at = NULL, in_address_book = false,"
	" in_address_book_at = NULL, is_active = false, erased_at = now(), updated_at = now()"
	" WHERE workspace_id = $1 AND id = ANY ($2::bigint[]) AND erased_at IS NULL" };

static const struct pg_stmt messages = { "erasure_messages", PG_UNNAMED,
	"SELECT c.id, c.conversation_id, v.own, CASE WHEN NOT v.own THEN c.sender END,"
	" CASE WHEN NOT v.own AND c.metadata ?| '{quoted,votes}' THEN c.metadata END"
	" FROM unnest($4::text[]) AS r (key) CROSS JOIN LATERAL (SELECT * FROM chats c WHERE c.workspace_id = $1"
	" AND c.account_id = $2 AND c.message_key = r.key FOR UPDATE) AS c"
	" CROSS JOIN LATERAL (SELECT coalesce(v.contact_id = ANY ($3::bigint[]), false) OR EXISTS (SELECT FROM contact_aliases a"
	" WHERE a.workspace_id = $1 AND a.contact_id = v.contact_id AND a.kind || ' ' || a.value = ANY ($5::text[]) OFFSET 0) AS own"
	" FROM conversations v WHERE v.workspace_id = $1 AND v.id = c.conversation_id OFFSET 0) AS v" };

#define DELETE_OF_MESSAGES(table, id) "DELETE FROM " table " AS h " USING_IDS(id)
static const struct pg_stmt delete_receipts = { "erasure_receipts", PG_UNNAMED,
	DELETE_OF_MESSAGES("chat_receipts", "chat_id") };
static const struct pg_stmt delete_reactions = { "erasure_reactions", PG_UNNAMED,
	DELETE_OF_MESSAGES("chat_reactions", "chat_id") };
static const struct pg_stmt delete_withdrawn = { "erasure_withdrawn", PG_UNNAMED,
	DELETE_OF_MESSAGES("chat_reactions_withdrawn", "chat_id") };
static const struct pg_stmt delete_media = { "erasure_media", PG_UNNAMED, DELETE_OF_MESSAGES("chat_media", "chat_id") };
static const struct pg_stmt delete_messages = { "erasure_chats", PG_UNNAMED, DELETE_OF_MESSAGES("chats", "id") };

static const struct pg_stmt scrub = { "erasure_scrub", PG_UNNAMED,
	"UPDATE chats AS c SET metadata = r.metadata, updated_at = now()"
	" FROM unnest($1::bigint[], $2::bigint[], $3::jsonb[]) AS r (workspace_id, id, metadata)"
	" WHERE c.workspace_id = r.workspace_id AND c.id = r.id" };

static const struct pg_stmt newest = { "erasure_newest", PG_UNNAMED,
	"SELECT r.place, c.id, c.type, c.sender FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS r (workspace_id, id, place)"
	" CROSS JOIN LATERAL (SELECT c.id, c.type, c.sender FROM chats c WHERE c.workspace_id = r.workspace_id"
	" AND c.conversation_id = r.id ORDER BY c.sent_at DESC LIMIT 1) AS c" };

static const struct pg_stmt busy = { "erasure_conversations_busy", PG_PREPARED,
	"SELECT EXISTS (SELECT FROM unnest($2::bigint[]) AS r (id) WHERE EXISTS (SELECT FROM chats c WHERE c.workspace_id = $1"
	" AND c.conversation_id = r.id OFFSET 0) OR EXISTS (SELECT FROM conversation_merges m WHERE m.workspace_id = $1"
	" AND m.conversation_id = r.id OFFSET 0) OR EXISTS (SELECT FROM conversation_merges m WHERE m.workspace_id = $1"
	" AND m.into_id = r.id OFFSET 0))" };

static const struct pg_stmt delete_parked = {
	"erasure_parked", PG_PREPARED,
	"DELETE FROM parked_updates WHERE workspace_id = $1 AND account_id = $2 AND conversation_id = ANY ($3::bigint[])"
};

static const struct pg_stmt delete_conversations = { "erasure_conversations", PG_PREPARED,
	"DELETE FROM conversations WHERE workspace_id = $1 AND id = ANY ($2::bigint[])" };

/* The row that is in progress has the names at the latest when the stage after these begins. */
static const struct pg_stmt keep_names = { "erasure_keep_names", PG_PREPARED,
	"WITH kept AS (UPDATE erasures SET aliases = $5 WHERE workspace_id = $1 AND contact = $3 AND completed_at IS NULL"
	" AND stage IN ('start', 'identity') RETURNING 1)"
	" INSERT INTO erasures (workspace_id, uuid, contact, forget_opt_outs, aliases, requested_by)"
	" SELECT $1, $2, $3, $4::boolean, $5, 'restore' WHERE NOT EXISTS (SELECT FROM kept) ON CONFLICT DO NOTHING" };

const struct pg_stmt *const contact_erasure_statements[] = { &person, &lock, &identity, &move_aliases, &move_opt_outs,
	&delete_aliases, &delete_former, &delete_opt_outs, &delete_renames, &empty, &messages, &delete_receipts,
	&delete_reactions, &delete_withdrawn, &delete_media, &delete_messages, &scrub, &newest, &busy, &delete_parked,
	&delete_conversations, &keep_names, NULL };

static void columns_ids(struct columns *c, const int64_t *ids, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		columns_row(c);
		columns_i64(c, ids[i]);
	}
}

/* Statements with the parameters workspace and ids, and `more` between them unless it is 0. */
static int each_run(struct pg *pg, const struct pg_stmt *const *stmts, size_t n_stmts, int64_t workspace_id,
	int64_t more, const int64_t *ids, size_t n, struct err *err)
{
	for (size_t i = 0; i < n_stmts && n > 0; i++) {
		struct columns c;

		columns_init(&c);
		pg_arg_i64(columns_scalars(&c), workspace_id);
		if (more)
			pg_arg_i64(columns_scalars(&c), more);
		columns_ids(&c, ids, n);
		if (columns_run(&c, pg, stmts[i], NULL, err) < 0)
			return -1;
	}
	return 0;
}

int store_erased_person(struct pg *pg, int64_t workspace_id, const struct uuid *contact, struct arena *a,
	struct erased_person *out, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, workspace_id);
	pg_arg_uuid(args, contact);
	rc = pg_run(pg, &person, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	*out = (struct erased_person){ .workspace_id = workspace_id, .n = (size_t)pg_rows_count(rows) };
	out->ids = ARENA_ARRAY(a, int64_t, out->n);
	out->uuids = ARENA_ARRAY(a, struct uuid, out->n);
	for (struct cells c = cells_of(rows, a); cells_more(&c); cells_next(&c)) {
		bool is_root, erased;

		out->ids[c.row] = cells_i64(&c);
		out->uuids[c.row] = cells_uuid(&c);
		is_root = cells_id(&c) == 0;
		erased = cells_bool(&c);
		if (!is_root)
			continue;
		out->root = out->ids[c.row];
		out->erased = erased;
	}
	pg_rows_free(rows);
	return 0;
}

static bool person_same(const struct erased_person *a, const struct erased_person *b)
{
	return a->n == b->n && a->root == b->root && (a->n == 0 || memcmp(a->ids, b->ids, a->n * sizeof(*a->ids)) == 0);
}

/* A contact cannot merge while it is locked: the second look finds what stays so. */
int store_erased_person_lock(struct pg *pg, int64_t workspace_id, const struct uuid *contact, struct arena *a,
	struct erased_person *out, struct err *err)
{
	static const struct pg_stmt *const stmts[] = { &lock };
	struct erased_person before;

	if (store_erased_person(pg, workspace_id, contact, a, &before, err) < 0 ||
		each_run(pg, stmts, 1, workspace_id, 0, before.ids, before.n, err) < 0 ||
		store_erased_person(pg, workspace_id, contact, a, out, err) < 0)
		return -1;
	return person_same(&before, out) ? 0
					 : err_set(err, ERR_RETRY, "contact_race", "a contact was merged meanwhile");
}

int store_erased_identity(struct pg *pg, const struct erased_person *p, struct erased_identity *out, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns args;
	struct cells c;
	int64_t present;

	columns_init(&args);
	pg_arg_i64(columns_scalars(&args), p->workspace_id);
	pg_arg_i64(columns_scalars(&args), p->root);
	columns_ids(&args, p->ids, p->n);
	if (columns_run(&args, pg, &identity, &rows, err) < 0)
		return -1;
	*out = (struct erased_identity){ 0 };
	c = cells_of(rows, NULL);
	present = cells_i64(&c);
	out->aliases = present + cells_i64(&c);
	out->objects = cells_bool(&c) && present > 0;
	out->root.source = provider_parse(cells_borrow(&c));
	out->root.source_account_id = cells_id(&c);
	pg_rows_free(rows);
	return 0;
}

int store_erased_objections_move(struct pg *pg, const struct erased_person *p, int64_t to, struct err *err)
{
	static const struct pg_stmt *const aliases[] = { &move_aliases };
	static const struct pg_stmt *const opt_outs[] = { &move_opt_outs };

	if (each_run(pg, aliases, 1, p->workspace_id, to, p->ids, p->n, err) < 0)
		return -1;
	return each_run(pg, opt_outs, 1, p->workspace_id, to, &p->root, 1, err);
}

int store_erased_identity_delete(struct pg *pg, const struct erased_person *p, struct err *err)
{
	static const struct pg_stmt *const stmts[] = { &delete_aliases, &delete_former, &delete_opt_outs,
		&delete_renames, &empty };

	return each_run(pg, stmts, sizeof(stmts) / sizeof(stmts[0]), p->workspace_id, 0, p->ids, p->n, err);
}

static int messages_read(struct pg_rows *rows, struct arena *a, struct erased_message *out, struct err *err)
{
	size_t bytes = 0;

	for (struct cells c = cells_of(rows, a); cells_more(&c); cells_next(&c)) {
		struct erased_message *m = &out[c.row];

		m->id = cells_i64(&c);
		m->conversation_id = cells_i64(&c);
		m->own = cells_bool(&c);
		m->sender = cells_text(&c);
		m->metadata = cells_text(&c);
		bytes += m->metadata.n;
		if (bytes > MAX_METADATA_BYTES)
			return err_reject(err, DEAD_TOO_LARGE, "more than %d bytes of metadata", MAX_METADATA_BYTES);
	}
	return 0;
}

int store_erased_messages(struct pg *pg, const struct erased_person *p, int64_t account_id, const struct str *keys,
	size_t n, const struct alias_row *names, size_t n_names, struct arena *a, struct erased_message **out,
	size_t *n_out, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_array *texts = pg_array_new(PG_TEXT), *ids = pg_array_new(PG_I64), *aliases = pg_array_new(PG_TEXT);
	struct pg_rows *rows = NULL;
	int rc;

	for (size_t i = 0; i < p->n; i++)
		pg_array_i64(ids, p->ids[i]);
	for (size_t i = 0; i < n; i++)
		pg_array_str(texts, keys[i]);
	for (size_t i = 0; i < n_names; i++)
		pg_array_str(aliases,
			arena_printf(a, "%s %.*s", store_alias_kind_word(names[i].kind), STR_ARG(names[i].value)));
	pg_arg_i64(args, p->workspace_id);
	pg_arg_i64(args, account_id);
	pg_arg_array(args, ids);
	pg_arg_array(args, texts);
	pg_arg_array(args, aliases);
	rc = pg_run(pg, &messages, args, &rows, err);
	pg_args_free(args);
	pg_array_free(ids);
	pg_array_free(texts);
	pg_array_free(aliases);
	if (rc < 0)
		return -1;
	*n_out = (size_t)pg_rows_count(rows);
	*out = ARENA_ARRAY(a, struct erased_message, *n_out);
	rc = messages_read(rows, a, *out, err);
	pg_rows_free(rows);
	return rc;
}

int store_erased_messages_delete(struct pg *pg, int64_t workspace_id, const int64_t *ids, size_t n, struct err *err)
{
	static const struct pg_stmt *const stmts[] = { &delete_receipts, &delete_reactions, &delete_withdrawn,
		&delete_media, &delete_messages };

	return each_run(pg, stmts, sizeof(stmts) / sizeof(stmts[0]), workspace_id, 0, ids, n, err);
}

int store_erased_messages_scrub(struct pg *pg, int64_t workspace_id, const struct erased_message *const *rows, size_t n,
	struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, workspace_id);
		columns_i64(&c, rows[i]->id);
		columns_jsonb(&c, rows[i]->metadata);
	}
	return columns_run(&c, pg, &scrub, NULL, err);
}

int store_newest_messages(struct pg *pg, int64_t workspace_id, struct newest_message *rows, size_t n, struct arena *a,
	struct err *err)
{
	struct pg_rows *found = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, workspace_id);
		columns_i64(&c, rows[i].conversation_id);
	}
	if (columns_run(&c, pg, &newest, &found, err) < 0)
		return -1;
	for (struct cells at = cells_of(found, a); cells_more(&at); cells_next(&at)) {
		struct newest_message *m = &rows[cells_place(&at, n)];

		m->id = cells_i64(&at);
		m->direction = direction_parse(cells_borrow(&at));
		m->sender = cells_text(&at);
	}
	pg_rows_free(found);
	return 0;
}

static int conversations_busy(struct pg *pg, int64_t workspace_id, const int64_t *ids, size_t n, bool *out,
	struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	columns_init(&c);
	pg_arg_i64(columns_scalars(&c), workspace_id);
	columns_ids(&c, ids, n);
	if (columns_run(&c, pg, &busy, &rows, err) < 0)
		return -1;
	*out = pg_bool(rows, 0, 0);
	pg_rows_free(rows);
	return 0;
}

int store_erased_conversations_delete(struct pg *pg, int64_t workspace_id, int64_t account_id, const int64_t *ids,
	size_t n, bool *deleted, struct err *err)
{
	static const struct pg_stmt *const parked[] = { &delete_parked };
	static const struct pg_stmt *const rows[] = { &delete_conversations };
	bool is_busy = true;

	*deleted = false;
	if (n == 0)
		return 0;
	if (conversations_busy(pg, workspace_id, ids, n, &is_busy, err) < 0)
		return -1;
	if (is_busy)
		return 0;
	if (each_run(pg, parked, 1, workspace_id, account_id, ids, n, err) < 0 ||
		each_run(pg, rows, 1, workspace_id, 0, ids, n, err) < 0)
		return -1;
	*deleted = true;
	return 0;
}

int store_erased_names_keep(struct pg *pg, int64_t workspace_id, const struct uuid *erasure, const struct uuid *contact,
	bool forget_opt_outs, struct str sealed, struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i64(args, workspace_id);
	pg_arg_uuid(args, erasure);
	pg_arg_uuid(args, contact);
	pg_arg_bool(args, forget_opt_outs);
	pg_arg_bytea(args, sealed);
	rc = pg_run(pg, &keep_names, args, NULL, err);
	pg_args_free(args);
	return rc;
}
