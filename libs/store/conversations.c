/* See conversations.h. Invariant: a conversation belongs to one account and one contact or group of one workspace. */
#include "store/conversations.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/private.h"
#include "store/statements.h"

#define CONVERSATION_COLUMNS \
	"v.workspace_id, v.id, v.account_id, v.contact_id, v.group_id, v.uuid, v.sequence, v.unread_messages, v.last_read_at," \
	" v.last_message_at, v.last_inbound_at, v.last_message_id, v.last_sender, v.archived, v.archived_at, v.merged_into"

/* Each row is looked up by contact, group or uuid. The account is compared outside the subquery, as a contact or group
 * has few conversations: before the first ANALYZE the planner considers conversations_list as good an index, and would
 * read all conversations of the account for each row. */
#define OF_PEER(which) \
	"SELECT * FROM (SELECT * FROM conversations v WHERE v.workspace_id = r.workspace_id AND " which \
	" OFFSET 0) AS v" \
	" WHERE v.account_id = r.account_id"
static const struct pg_stmt find = {
	"conversations_find", PG_UNNAMED,
	"SELECT r.place, " CONVERSATION_COLUMNS
	" FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::uuid[], $6::bigint[])"
	" AS r (workspace_id, account_id, contact_id, group_id, uuid, place)"
	" CROSS JOIN LATERAL (" OF_PEER("v.contact_id = r.contact_id AND v.group_id IS NULL") " UNION ALL " OF_PEER(
		"v.contact_id IS NULL AND v.group_id = r.group_id") " UNION ALL SELECT * FROM conversations v WHERE v.workspace_id = r.workspace_id AND v.uuid = r.uuid"
								    " AND r.contact_id IS NULL AND r.group_id IS NULL OFFSET 0) AS v"
};

/* Merges form chains: a contact may have been merged into one that was merged into this one. */
static const struct pg_stmt of_person = { "conversations_of_person", PG_UNNAMED,
	"SELECT r.place, " CONVERSATION_COLUMNS
	" FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS r (workspace_id, account_id, contact_id, place)"
	" CROSS JOIN LATERAL (WITH RECURSIVE person AS (SELECT r.contact_id AS id UNION ALL SELECT c.id FROM person p"
	" CROSS JOIN LATERAL (SELECT * FROM contacts c WHERE c.workspace_id = r.workspace_id AND c.merged_into = p.id OFFSET 0) AS c)"
	" SELECT id FROM person) AS p"
	" CROSS JOIN LATERAL (SELECT * FROM (SELECT * FROM conversations v WHERE v.workspace_id = r.workspace_id"
	" AND v.contact_id = p.id AND v.group_id IS NULL OFFSET 0) AS v WHERE v.account_id = r.account_id AND v.merged_into IS NULL) AS v"
	" ORDER BY r.place, v.id" };

static const struct pg_stmt of_contacts = { "conversations_of_contacts", PG_PREPARED,
	"SELECT " CONVERSATION_COLUMNS
	" FROM unnest($3::bigint[]) AS r (id) CROSS JOIN LATERAL (SELECT * FROM (SELECT * FROM conversations v WHERE v.workspace_id = $1"
	" AND v.contact_id = r.id AND v.group_id IS NULL OFFSET 0) AS v WHERE v.account_id = $2) AS v ORDER BY v.id" };

static const struct pg_stmt load = {
	"conversations_load", PG_UNNAMED,
	"SELECT r.place, " CONVERSATION_COLUMNS
	" FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS r (workspace_id, id, place)"
	" CROSS JOIN LATERAL (SELECT * FROM conversations v WHERE v.workspace_id = r.workspace_id AND v.id = r.id OFFSET 0) AS v"
};

/* Contacts are locked in order of id, as store_contacts_lock() does. The statement waits for a concurrent merge or
 * erasure of a contact, which is then left out. */
static const struct pg_stmt create = { "conversations_create", PG_UNNAMED,
	"INSERT INTO conversations AS v (workspace_id, account_id, contact_id, group_id, uuid)"
	" SELECT r.workspace_id, r.account_id, c.id, r.group_id, " STORE_FREE_UUID(
		"conversations") " FROM (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::uuid[])"
				 " AS r (workspace_id, account_id, contact_id, group_id, uuid) ORDER BY workspace_id, contact_id, group_id) AS r"
				 " LEFT JOIN LATERAL (SELECT c.id FROM contacts c WHERE c.workspace_id = r.workspace_id AND c.id = r.contact_id"
				 " AND c.merged_into IS NULL AND c.erased_at IS NULL FOR KEY SHARE) AS c ON true"
				 " WHERE c.id IS NOT NULL OR r.group_id IS NOT NULL"
				 " ON CONFLICT (workspace_id, contact_id, group_id, account_id) DO NOTHING" };

static const struct pg_stmt store = { "conversations_store", PG_UNNAMED,
	"UPDATE conversations AS v SET sequence = r.sequence, unread_messages = r.unread_messages, last_read_at = r.last_read_at,"
	" last_message_at = r.last_message_at, last_inbound_at = r.last_inbound_at, last_message_id = r.last_message_id,"
	" last_sender = r.last_sender, archived = r.archived, archived_at = r.archived_at, updated_at = now()"
	" FROM (SELECT unnest($1::bigint[]) AS workspace_id, unnest($2::bigint[]) AS id, unnest($3::bigint[]) AS sequence,"
	" unnest($4::integer[]) AS unread_messages, unnest($5::timestamptz[]) AS last_read_at, unnest($6::timestamptz[]) AS last_message_at,"
	" unnest($7::timestamptz[]) AS last_inbound_at, unnest($8::bigint[]) AS last_message_id, unnest($9::text[]) AS last_sender,"
	" unnest($10::boolean[]) AS archived, unnest($11::timestamptz[]) AS archived_at) AS r"
	" WHERE v.workspace_id = r.workspace_id AND v.id = r.id" };

/* Messages that can be unread; each use adds a condition. */
#define FROM_COUNTABLE \
	" FROM chats c WHERE c.workspace_id = r.workspace_id AND c.conversation_id = r.id AND " MESSAGE_COUNTABLE

static const struct pg_stmt recount = { "conversations_recount", PG_UNNAMED,
	"SELECT r.place, n.unread FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[])"
	" WITH ORDINALITY AS r (workspace_id, id, last_read_at, place)"
	" CROSS JOIN LATERAL (SELECT count(*) AS unread" FROM_COUNTABLE
	" AND c.sent_at > coalesce(r.last_read_at, '-infinity')) AS n" };

/* The time right before the oldest message that stays unread: older messages are read, also those not stored yet. */
static const struct pg_stmt unread_marks = { "conversations_unread_marks", PG_UNNAMED,
	"SELECT r.place, coalesce(first.sent_at - interval '1 microsecond', r.until)"
	" FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::timestamptz[])"
	" WITH ORDINALITY AS r (workspace_id, id, count, until, place)"
	" CROSS JOIN LATERAL (SELECT min(newest.sent_at) AS sent_at FROM (SELECT c.sent_at" FROM_COUNTABLE
	" AND c.sent_at <= r.until ORDER BY c.sent_at DESC LIMIT r.count) AS newest) AS first" };

static const struct pg_stmt give = { "conversations_give", PG_PREPARED,
	"UPDATE conversations SET contact_id = $3, updated_at = now() WHERE workspace_id = $1 AND id = $2" };

const struct pg_stmt *const conversations_statements[] = { &find, &of_person, &of_contacts, &load, &create, &store,
	&recount, &unread_marks, &give, NULL };

static void conversation_read(struct cells *c, struct conversation_row *row)
{
	row->workspace_id = cells_i64(c);
	row->id = cells_i64(c);
	row->account_id = cells_i64(c);
	row->contact_id = cells_id(c);
	row->group_id = cells_id(c);
	row->uuid = cells_uuid(c);
	row->sequence = cells_i64(c);
	row->unread = cells_i32(c);
	row->last_read_us = cells_time(c);
	row->last_message_us = cells_time(c);
	row->last_inbound_us = cells_time(c);
	row->last_message_id = cells_id(c);
	row->last_sender = cells_text(c);
	row->archived = cells_bool(c);
	row->archived_us = cells_time(c);
	row->merged_into = cells_id(c);
}

static void columns_peer(struct columns *c, const struct conversation_row *r)
{
	columns_row(c);
	columns_i64(c, r->workspace_id);
	columns_i64(c, r->account_id);
	columns_id(c, r->contact_id);
	columns_id(c, r->group_id);
	columns_uuid(c, &r->uuid);
}

/* Runs find or load, whose answers are alike; *count (may be NULL): how many were found. */
static int rows_select(struct columns *c, struct pg *pg, const struct pg_stmt *stmt,
	struct conversation_row *const *rows, size_t n, size_t *count, struct arena *a, struct err *err)
{
	struct pg_rows *found = NULL;

	if (columns_run(c, pg, stmt, &found, err) < 0)
		return -1;
	for (struct cells at = cells_of(found, a); cells_more(&at); cells_next(&at)) {
		size_t i = cells_place(&at, n);

		conversation_read(&at, rows[i]);
	}
	if (count)
		*count = (size_t)pg_rows_count(found);
	pg_rows_free(found);
	return 0;
}

/* All rows, or only those that have no id yet. */
static int rows_find(struct pg *pg, struct conversation_row *const *rows, size_t n, bool all, struct arena *a,
	struct err *err)
{
	struct columns c;

	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		if (!all && rows[i]->id)
			continue;
		columns_peer(&c, rows[i]);
		columns_i64(&c, (int64_t)i + 1);
	}
	return rows_select(&c, pg, &find, rows, n, NULL, a, err);
}

int store_conversations_find(struct pg *pg, struct conversation_row *const *rows, size_t n, struct arena *a,
	struct err *err)
{
	return n == 0 ? 0 : rows_find(pg, rows, n, true, a, err);
}

int store_conversations_of_person(struct pg *pg, const struct conversation_row *peers, size_t n, struct arena *a,
	void (*each)(void *ctx, size_t place, const struct conversation_row *row), void *ctx, struct err *err)
{
	struct pg_rows *found = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, peers[i].workspace_id);
		columns_i64(&c, peers[i].account_id);
		columns_i64(&c, peers[i].contact_id);
	}
	if (columns_run(&c, pg, &of_person, &found, err) < 0)
		return -1;
	for (struct cells at = cells_of(found, a); cells_more(&at); cells_next(&at)) {
		size_t place = cells_place(&at, n);
		struct conversation_row row = { 0 };

		conversation_read(&at, &row);
		each(ctx, place, &row);
	}
	pg_rows_free(found);
	return 0;
}

int store_conversations_of_contacts(struct pg *pg, int64_t workspace_id, int64_t account_id, const int64_t *contacts,
	size_t n, struct arena *a, struct conversation_row **out, size_t *n_out, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	columns_init(&c);
	pg_arg_i64(columns_scalars(&c), workspace_id);
	pg_arg_i64(columns_scalars(&c), account_id);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, contacts[i]);
	}
	if (columns_run(&c, pg, &of_contacts, &rows, err) < 0)
		return -1;
	*n_out = (size_t)pg_rows_count(rows);
	*out = ARENA_ARRAY(a, struct conversation_row, *n_out);
	for (struct cells at = cells_of(rows, a); cells_more(&at); cells_next(&at))
		conversation_read(&at, &(*out)[at.row]);
	pg_rows_free(rows);
	return 0;
}

int store_conversations_load(struct pg *pg, struct conversation_row *const *rows, size_t n, struct arena *a,
	struct err *err)
{
	struct columns c;
	size_t count = 0;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i]->workspace_id);
		columns_i64(&c, rows[i]->id);
	}
	if (rows_select(&c, pg, &load, rows, n, &count, a, err) < 0)
		return -1;
	if (count < n)
		return err_set(err, ERR_FATAL, "conversation", "%zu of %zu conversations do not exist", n - count, n);
	return 0;
}

int store_conversations_create(struct pg *pg, struct conversation_row *const *rows, size_t n, struct arena *a,
	struct err *err)
{
	struct columns c;
	size_t wanted = 0;

	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		if (rows[i]->id)
			continue;
		columns_peer(&c, rows[i]);
		wanted++;
	}
	if (wanted == 0) {
		columns_fini(&c);
		return 0;
	}
	if (columns_run(&c, pg, &create, NULL, err) < 0)
		return -1;
	return rows_find(pg, rows, n, false, a, err);
}

int store_conversations(struct pg *pg, const struct conversation_row *const *rows, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		const struct conversation_row *r = rows[i];

		columns_row(&c);
		columns_i64(&c, r->workspace_id);
		columns_i64(&c, r->id);
		columns_i64(&c, r->sequence);
		columns_i32(&c, r->unread);
		columns_time(&c, r->last_read_us);
		columns_time(&c, r->last_message_us);
		columns_time(&c, r->last_inbound_us);
		columns_id(&c, r->last_message_id);
		columns_text(&c, r->last_sender);
		columns_bool(&c, r->archived);
		columns_time(&c, r->archived_us);
	}
	return columns_start(&c, pg, &store, err);
}

int store_conversations_recount(struct pg *pg, struct conversation_row *const *rows, size_t n, struct err *err)
{
	struct pg_rows *counted = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i]->workspace_id);
		columns_i64(&c, rows[i]->id);
		columns_time(&c, rows[i]->last_read_us);
	}
	if (columns_run(&c, pg, &recount, &counted, err) < 0)
		return -1;
	for (struct cells at = cells_of(counted, NULL); cells_more(&at); cells_next(&at)) {
		size_t i = cells_place(&at, n);

		rows[i]->unread = cells_i32(&at);
	}
	pg_rows_free(counted);
	return 0;
}

int store_conversations_unread_marks(struct pg *pg, struct unread_mark *marks, size_t n, struct err *err)
{
	struct pg_rows *found = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, marks[i].conversation->workspace_id);
		columns_i64(&c, marks[i].conversation->id);
		columns_i32(&c, marks[i].count);
		columns_time(&c, marks[i].until_us);
	}
	if (columns_run(&c, pg, &unread_marks, &found, err) < 0)
		return -1;
	for (struct cells at = cells_of(found, NULL); cells_more(&at); cells_next(&at)) {
		size_t i = cells_place(&at, n);

		marks[i].read_us = cells_time(&at);
	}
	pg_rows_free(found);
	return 0;
}

int store_conversations_give(struct pg *pg, const struct conversation_row *conversation, int64_t contact_id,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i64(args, conversation->workspace_id);
	pg_arg_i64(args, conversation->id);
	pg_arg_i64(args, contact_id);
	rc = pg_run(pg, &give, args, NULL, err);
	pg_args_free(args);
	return rc;
}
