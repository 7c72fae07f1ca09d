/* See sender_renames.h. Invariant: as long as something is stored under the old name of a rename, its row is there. */
#include "store/sender_renames.h"

#include <stdlib.h>

#include "store/private.h"
#include "store/statements.h"

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

/* In the order of messages, in which the rows are locked. */
static const struct pg_stmt slice = { "sender_rename_slice", PG_UNNAMED,
	"SELECT s.chat_id FROM (" SENT("$1::bigint", "$2::text") " LIMIT $3::integer) AS s ORDER BY s.chat_id" };

/* clock_timestamp(): those that begin in one transaction take turns, too. */
static const struct pg_stmt advance = {
	"sender_rename_advance", PG_PREPARED,
	"UPDATE sender_renames SET renamed_at = clock_timestamp() WHERE workspace_id = $1::bigint AND sender = $2::text"
};

static const struct pg_stmt end = { "sender_rename_end", PG_PREPARED,
	"DELETE FROM sender_renames WHERE workspace_id = $1::bigint AND sender = $2::text" };

static const struct pg_stmt pending = {
	"sender_renames_due", PG_PREPARED,
	"SELECT m.workspace_id, m.sender, m.contact_id, c.uuid::text, m.topic, m.partition FROM (SELECT m.* FROM unnest($2::integer[]) AS q (partition)"
	" CROSS JOIN LATERAL (SELECT * FROM sender_renames m WHERE m.topic = $1::text AND m.partition = q.partition"
	" ORDER BY m.renamed_at LIMIT 1) AS m ORDER BY m.renamed_at, m.workspace_id, m.sender LIMIT 1) AS m"
	" CROSS JOIN LATERAL (SELECT c.uuid FROM contacts c WHERE c.workspace_id = m.workspace_id AND c.id = m.contact_id OFFSET 0) AS c"
};

static const struct pg_stmt redirect = {
	"sender_renames_redirect", PG_PREPARED,
	"UPDATE sender_renames SET contact_id = $3::bigint WHERE workspace_id = $1::bigint AND contact_id = $2::bigint"
};

#define SENT_ON(table, column) \
	"EXISTS (SELECT FROM " table " h WHERE h.workspace_id = r.workspace_id AND h.chat_id = r.chat_id" \
	" AND h." column " = m.sender)"

/* Only what is stored: a contact that took over from many others has many renames, and a batch names many messages. */
static const struct pg_stmt named = { "sender_renames_named", PG_UNNAMED,
	"SELECT r.workspace_id, r.chat_id, m.sender, c.uuid::text"
	" FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS r (workspace_id, chat_id, contact_id)"
	" CROSS JOIN LATERAL (SELECT m.sender FROM sender_renames m WHERE m.workspace_id = r.workspace_id"
	" AND m.contact_id = r.contact_id AND (" SENT_ON("chat_receipts",
		"participant") " OR " SENT_ON("chat_reactions", "sender") " OR " SENT_ON("chat_reactions_withdrawn",
		"sender") ") OFFSET 0) AS m"
			  " CROSS JOIN LATERAL (SELECT c.uuid FROM contacts c WHERE c.workspace_id = r.workspace_id AND c.id = r.contact_id OFFSET 0) AS c"
			  " ORDER BY r.workspace_id, r.chat_id" };

const struct pg_stmt *const sender_renames_statements[] = { &begin, &slice, &advance, &end, &pending, &redirect, &named,
	NULL };

int sender_renames_begin(struct pg *pg, const struct sender_rename *renames, size_t n, bool *begun, struct err *err)
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
	return receipts_rename(pg, changes, n, err) < 0 ? -1 : reactions_rename(pg, changes, n, err);
}

static int slice_apply(struct pg *pg, const struct sender_rename *rename, struct pg_rows *found, struct err *err)
{
	size_t n = (size_t)pg_rows_count(found);
	struct sender_change *changes = mem_calloc(n, sizeof(*changes));
	int rc;

	for (struct cells at = cells_of(found, NULL); cells_more(&at); cells_next(&at))
		changes[at.row] =
			(struct sender_change){ rename->workspace_id, cells_i64(&at), rename->from, rename->to };
	rc = changes_apply(pg, changes, n, err);
	free(changes);
	return rc;
}

static int row_run(struct pg *pg, const struct pg_stmt *stmt, const struct sender_rename *rename, struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i64(args, rename->workspace_id);
	pg_arg_text(args, rename->from);
	rc = pg_run(pg, stmt, args, NULL, err);
	pg_args_free(args);
	return rc;
}

/* It is over when nothing is found, not when fewer than `limit` are: a row that is found may move to another message before it is renamed. */
int sender_rename_step(struct pg *pg, const struct sender_rename *rename, int limit, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *found = NULL;
	int rc, n;

	pg_arg_i64(args, rename->workspace_id);
	pg_arg_text(args, rename->from);
	pg_arg_i32(args, limit);
	rc = pg_run(pg, &slice, args, &found, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	n = pg_rows_count(found);
	rc = n > 0 ? slice_apply(pg, rename, found, err) : 0;
	pg_rows_free(found);
	if (rc < 0 || row_run(pg, n > 0 ? &advance : &end, rename, err) < 0)
		return -1;
	return n;
}

int sender_renames_due(struct pg *pg, struct str topic, const int32_t *partitions, size_t n, struct arena *a,
	struct sender_rename *out, bool *any, struct err *err)
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
	*any = pg_rows_count(rows) > 0;
	for (struct cells at = cells_of(rows, a); cells_more(&at); cells_next(&at)) {
		out->workspace_id = cells_i64(&at);
		out->from = cells_text(&at);
		out->contact_id = cells_i64(&at);
		out->to = cells_text(&at);
		out->topic = cells_text(&at);
		out->partition = cells_i32(&at);
	}
	pg_rows_free(rows);
	return 0;
}

int sender_renames_redirect(struct pg *pg, int64_t workspace_id, int64_t from, int64_t into, struct err *err)
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

static int named_apply(struct pg *pg, struct pg_rows *found, struct err *err)
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
	rc = changes_apply(pg, changes, n, err);
	free(changes);
	return rc;
}

int sender_renames_named(struct pg *pg, const struct sender_on_message *rows, size_t n, struct err *err)
{
	struct pg_rows *found = NULL;
	struct columns c;
	int rc = 0;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].chat_id);
		columns_i64(&c, rows[i].contact_id);
	}
	if (columns_run(&c, pg, &named, &found, err) < 0)
		return -1;
	if (pg_rows_count(found) > 0)
		rc = named_apply(pg, found, err);
	pg_rows_free(found);
	return rc;
}
