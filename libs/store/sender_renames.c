/* See sender_renames.h. Invariant: the row of a rename exists as long as any row is stored under its old name. */
#include "store/sender_renames.h"

#include <stdlib.h>

#include "store/private.h"
#include "store/statements.h"

#define BY_CONTACT_MAX  32 /* pending renames of a contact, each of which is looked up on a message */
#define BY_MESSAGE_ROWS 16 /* messages in one statement that reads what is stored on them */

#define SENT_IN(table, column, workspace, name) \
	"SELECT h.chat_id FROM " table " h WHERE h.workspace_id = " workspace " AND h." column " COLLATE \"C\" = " name
#define SENT(workspace, name) \
	SENT_IN("chat_receipts", "participant", workspace, name) \
	" UNION ALL " SENT_IN("chat_reactions", "sender", workspace, \
		name) " UNION ALL " SENT_IN("chat_reactions_withdrawn", "sender", workspace, name)

static const struct pg_stmt begin = { "sender_renames_begin", PG_UNNAMED,
	"INSERT INTO sender_renames (workspace_id, sender, contact_id, topic, partition)"
	" SELECT r.workspace_id, r.sender, r.contact_id, r.topic, r.partition"
	" FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::integer[])"
	" AS r (workspace_id, sender, contact_id, topic, partition)"
	" CROSS JOIN LATERAL (" SENT("r.workspace_id",
		"r.sender") " LIMIT 1) AS s"
			    " ON CONFLICT (workspace_id, sender) DO NOTHING RETURNING workspace_id, sender" };

#define RENAMES "unnest($1::bigint[], $2::text[]) AS r (workspace_id, sender)"

/* Selects and locks messages that no other transaction is moving or collapsing, skipping the others: the owner of their
 * account's partition may wait for the contact, which is locked here, so that waiting for its messages would be a
 * deadlock. */
static const struct pg_stmt slice = { "sender_renames_slice", PG_UNNAMED,
	"SELECT f.workspace_id, f.chat_id, f.sender, f.heir FROM (SELECT r.workspace_id, s.chat_id, r.sender, r.heir"
	" FROM unnest($2::bigint[], $3::text[], $4::text[]) AS r (workspace_id, sender, heir)"
	" CROSS JOIN LATERAL (" SENT("r.workspace_id",
		"r.sender") " LIMIT $1::integer) AS s LIMIT $1) AS f"
			    " CROSS JOIN LATERAL (SELECT FROM chats c WHERE c.workspace_id = f.workspace_id AND c.id = f.chat_id FOR KEY SHARE SKIP LOCKED) AS c"
			    " ORDER BY f.workspace_id, f.chat_id" };

/* Reads all three tables in one snapshot, so that a row that moves to another message meanwhile is seen once, here or
 * there. */
static const struct pg_stmt end = { "sender_renames_end", PG_UNNAMED,
	"DELETE FROM sender_renames m USING " RENAMES " WHERE m.workspace_id = r.workspace_id AND m.sender = r.sender"
	" AND NOT EXISTS (" SENT("m.workspace_id", "m.sender") ")" };

/* clock_timestamp(): those that begin in one transaction take turns, too. */
static const struct pg_stmt advance = { "sender_renames_advance", PG_UNNAMED,
	"UPDATE sender_renames m SET renamed_at = clock_timestamp() FROM " RENAMES
	" WHERE m.workspace_id = r.workspace_id AND m.sender = r.sender" };

static const struct pg_stmt pending = { "sender_renames_due", PG_PREPARED,
	"SELECT m.workspace_id, m.contact_id FROM unnest($2::integer[]) AS q (partition)"
	" CROSS JOIN LATERAL (SELECT * FROM sender_renames m WHERE m.topic = $1::text AND m.partition = q.partition"
	" ORDER BY m.renamed_at LIMIT 1) AS m ORDER BY m.renamed_at, m.workspace_id, m.sender LIMIT 1" };

static const struct pg_stmt of_contact = {
	"sender_renames_of", PG_PREPARED,
	"SELECT sender FROM sender_renames WHERE workspace_id = $1::bigint AND contact_id = $2::bigint ORDER BY renamed_at LIMIT $3::integer"
};

static const struct pg_stmt redirect = {
	"sender_renames_redirect", PG_PREPARED,
	"UPDATE sender_renames SET contact_id = $3::bigint WHERE workspace_id = $1::bigint AND contact_id = $2::bigint"
};

/* How many renames are pending, up to one more than are looked up individually. ORDER BY as sender_renames_contact:
 * otherwise the planner has no preference for that index over the primary key while the statistics say that the table
 * is empty. */
static const struct pg_stmt count = { "sender_renames_count", PG_UNNAMED,
	"SELECT r.place, p.n FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS r (workspace_id, contact_id, place)"
	" CROSS JOIN LATERAL (SELECT count(*)::integer AS n FROM (SELECT FROM sender_renames m WHERE m.workspace_id = r.workspace_id"
	" AND m.contact_id = r.contact_id ORDER BY m.renamed_at LIMIT $1::integer) AS m) AS p WHERE p.n > 0" };

#define SENT_ON(table, column) \
	"EXISTS (SELECT FROM " table " h WHERE h.workspace_id = r.workspace_id AND h.chat_id = r.chat_id" \
	" AND h." column " = m.sender)"
#define NAMED(names) \
	"SELECT r.workspace_id, r.chat_id, m.sender, c.uuid::text" \
	" FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS r (workspace_id, chat_id, contact_id)" \
	" CROSS JOIN LATERAL (" names ") AS m" \
	" CROSS JOIN LATERAL (SELECT c.uuid FROM contacts c WHERE c.workspace_id = r.workspace_id AND c.id = r.contact_id OFFSET 0) AS c"

/* From the few old names of the contact to what is stored on the message. */
static const struct pg_stmt named_by_contact = { "sender_renames_named", PG_UNNAMED,
	NAMED("SELECT m.sender FROM sender_renames m WHERE m.workspace_id = r.workspace_id"
	      " AND m.contact_id = r.contact_id AND (" SENT_ON("chat_receipts",
		      "participant") " OR " SENT_ON("chat_reactions",
		      "sender") " OR " SENT_ON("chat_reactions_withdrawn",
		      "sender") ") ORDER BY m.renamed_at OFFSET 0") " ORDER BY r.workspace_id, r.chat_id" };

#define ON_MESSAGE(table, column) \
	"SELECT h." column " FROM " table " h WHERE h.workspace_id = r.workspace_id AND h.chat_id = r.chat_id"

/* From the rows stored on the message to the contacts that now have those names. The contact is compared outside: its
 * index would find all renames of the contact. */
static const struct pg_stmt named_by_message = { "sender_renames_named_by_message", PG_UNNAMED,
	NAMED("SELECT m.sender FROM (" ON_MESSAGE("chat_receipts", "participant") " UNION " ON_MESSAGE("chat_reactions",
		"sender") " UNION " ON_MESSAGE("chat_reactions_withdrawn",
		"sender") ") AS h (sender) CROSS JOIN LATERAL"
			  " (SELECT * FROM sender_renames m WHERE m.workspace_id = r.workspace_id AND m.sender = h.sender OFFSET 0) AS m"
			  " WHERE m.contact_id = r.contact_id OFFSET 0") " ORDER BY r.workspace_id, r.chat_id" };

const struct pg_stmt *const sender_renames_statements[] = { &begin, &slice, &end, &advance, &pending, &of_contact,
	&redirect, &count, &named_by_contact, &named_by_message, NULL };

int store_sender_renames_begin(struct pg *pg, const struct sender_rename *renames, size_t n, bool *begun,
	struct err *err)
{
	struct pg_rows *added = NULL;
	struct columns c;

	for (size_t i = 0; i < n; i++)
		begun[i] = false;
	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, renames[i].workspace_id);
		columns_text(&c, renames[i].from);
		columns_i64(&c, renames[i].contact_id);
		columns_text(&c, renames[i].topic);
		columns_i32(&c, renames[i].partition);
	}
	if (columns_run(&c, pg, &begin, &added, err) < 0)
		return -1;
	for (struct cells at = cells_of(added, NULL); cells_more(&at); cells_next(&at)) {
		int64_t workspace_id = cells_i64(&at);
		struct str from = cells_borrow(&at);
		size_t i = 0;

		while (renames[i].workspace_id != workspace_id || !str_eq(renames[i].from, from))
			i++;
		begun[i] = true;
	}
	pg_rows_free(added);
	return 0;
}

static int changes_apply(struct pg *pg, const struct sender_change *changes, size_t n, struct err *err)
{
	return store_receipts_rename(pg, changes, n, err) < 0 ? -1 : store_reactions_rename(pg, changes, n, err);
}

/* Applies the rows found, as changes; frees the answer. */
static int found_apply(struct pg *pg, struct pg_rows *found, struct err *err)
{
	size_t n = (size_t)pg_rows_count(found);
	struct sender_change *changes = mem_calloc(n, sizeof(*changes));
	int rc;

	for (struct cells at = cells_of(found, NULL); cells_more(&at); cells_next(&at)) {
		struct sender_change *change = &changes[at.row];

		change->workspace_id = cells_i64(&at);
		change->chat_id = cells_i64(&at);
		change->from = cells_borrow(&at);
		change->to = cells_borrow(&at);
	}
	rc = n > 0 ? changes_apply(pg, changes, n, err) : 0;
	free(changes);
	pg_rows_free(found);
	return rc;
}

static int names_run(struct pg *pg, const struct pg_stmt *stmt, const struct sender_rename *renames, size_t n,
	struct err *err)
{
	struct columns c;

	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, renames[i].workspace_id);
		columns_text(&c, renames[i].from);
	}
	return columns_run(&c, pg, stmt, NULL, err);
}

int store_sender_renames_step(struct pg *pg, const struct sender_rename *renames, size_t n, int limit, struct err *err)
{
	struct pg_rows *found = NULL;
	struct columns c;
	int count_found;

	if (n == 0)
		return 0;
	columns_init(&c);
	pg_arg_i32(columns_scalars(&c), limit);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, renames[i].workspace_id);
		columns_text(&c, renames[i].from);
		columns_text(&c, renames[i].to);
	}
	if (columns_run(&c, pg, &slice, &found, err) < 0)
		return -1;
	count_found = pg_rows_count(found);
	if (found_apply(pg, found, err) < 0 || names_run(pg, &end, renames, n, err) < 0 ||
		names_run(pg, &advance, renames, n, err) < 0)
		return -1;
	return count_found;
}

int store_sender_renames_due(struct pg *pg, struct str topic, const int32_t *partitions, size_t n,
	int64_t *workspace_id, int64_t *contact_id, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	columns_init(&c);
	pg_arg_text(columns_scalars(&c), topic);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i32(&c, partitions[i]);
	}
	if (columns_run(&c, pg, &pending, &rows, err) < 0)
		return -1;
	*workspace_id = *contact_id = 0;
	for (struct cells at = cells_of(rows, NULL); cells_more(&at); cells_next(&at)) {
		*workspace_id = cells_i64(&at);
		*contact_id = cells_i64(&at);
	}
	pg_rows_free(rows);
	return 0;
}

int store_sender_renames_of(struct pg *pg, int64_t workspace_id, int64_t contact_id, int limit, struct arena *a,
	struct str **names, size_t *n, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, workspace_id);
	pg_arg_i64(args, contact_id);
	pg_arg_i32(args, limit);
	rc = pg_run(pg, &of_contact, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	*n = (size_t)pg_rows_count(rows);
	*names = ARENA_ARRAY(a, struct str, *n);
	for (struct cells at = cells_of(rows, a); cells_more(&at); cells_next(&at))
		(*names)[at.row] = cells_text(&at);
	pg_rows_free(rows);
	return 0;
}

int store_sender_renames_redirect(struct pg *pg, int64_t workspace_id, int64_t from, int64_t into, struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i64(args, workspace_id);
	pg_arg_i64(args, from);
	pg_arg_i64(args, into);
	rc = pg_run(pg, &redirect, args, NULL, err);
	pg_args_free(args);
	return rc;
}

static int on_message_cmp(const void *a, const void *b)
{
	const struct sender_on_message *x = a, *y = b;

	if (x->workspace_id != y->workspace_id)
		return x->workspace_id < y->workspace_id ? -1 : 1;
	if (x->chat_id != y->chat_id)
		return x->chat_id < y->chat_id ? -1 : 1;
	return (x->contact_id > y->contact_id) - (x->contact_id < y->contact_id);
}

/* Sorts the rows and removes duplicates. */
static size_t rows_distinct(struct sender_on_message *rows, size_t n)
{
	size_t kept = 0;

	qsort(rows, n, sizeof(*rows), on_message_cmp);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || on_message_cmp(&rows[kept - 1], &rows[i]) != 0)
			rows[kept++] = rows[i];
	return kept;
}

/* *few: rows of contacts with pending renames that are looked up each; *many: of contacts that have more. */
struct named {
	struct sender_on_message *few, *many;
	size_t n_few, n_many;
};

static int renames_count(struct pg *pg, const struct sender_on_message *rows, size_t n, struct named *out,
	struct err *err)
{
	struct pg_rows *counts = NULL;
	struct columns c;

	columns_init(&c);
	pg_arg_i32(columns_scalars(&c), BY_CONTACT_MAX + 1);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].contact_id);
	}
	if (columns_run(&c, pg, &count, &counts, err) < 0)
		return -1;
	for (struct cells at = cells_of(counts, NULL); cells_more(&at); cells_next(&at)) {
		const struct sender_on_message *row = &rows[cells_place(&at, n)];

		if (cells_i32(&at) <= BY_CONTACT_MAX)
			out->few[out->n_few++] = *row;
		else
			out->many[out->n_many++] = *row;
	}
	pg_rows_free(counts);
	return 0;
}

static int named_run(struct pg *pg, const struct pg_stmt *stmt, const struct sender_on_message *rows, size_t n,
	struct err *err)
{
	struct pg_rows *found = NULL;
	struct columns c;

	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].chat_id);
		columns_i64(&c, rows[i].contact_id);
	}
	return columns_run(&c, pg, stmt, &found, err) < 0 ? -1 : found_apply(pg, found, err);
}

int store_sender_renames_named(struct pg *pg, struct sender_on_message *rows, size_t n, struct err *err)
{
	struct named named = { .n_few = 0 };
	int rc;

	if (n == 0)
		return 0;
	n = rows_distinct(rows, n);
	named.few = mem_calloc(n, sizeof(*named.few));
	named.many = mem_calloc(n, sizeof(*named.many));
	rc = renames_count(pg, rows, n, &named, err);
	if (rc == 0 && named.n_few > 0)
		rc = named_run(pg, &named_by_contact, named.few, named.n_few, err);
	for (size_t i = 0; i < named.n_many && rc == 0; i += BY_MESSAGE_ROWS) {
		size_t left = named.n_many - i;

		rc = named_run(pg, &named_by_message, named.many + i, left < BY_MESSAGE_ROWS ? left : BY_MESSAGE_ROWS,
			err);
	}
	free(named.few);
	free(named.many);
	return rc;
}
