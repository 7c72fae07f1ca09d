/* See cleanup_erasure.h. Invariant: a statement that deletes or changes rows repeats the search of the one that found them. */
#include "store/cleanup_erasure.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

static const struct pg_stmt due = {
	"erasure_due", PG_PREPARED,
	"SELECT e.workspace_id, e.id, e.uuid, e.contact, e.forget_opt_outs, e.stage, e.cursor, e.aliases, e.found, e.erased, e.passes, e.until,"
	" e.happened_until, e.requested_at, e.recorded_at IS NOT NULL, e.requested_by = 'restore' OR e.happened_until IS NOT NULL, (SELECT w.uuid FROM workspaces w WHERE w.id = e.workspace_id),"
	" NOT EXISTS (SELECT FROM jsonb_array_elements(e.behind) AS o WHERE NOT EXISTS (SELECT FROM consumer_progress p"
	" WHERE p.consumer = 'chat-sync' AND p.topic = o ->> 0 AND p.partition = (o ->> 1)::integer"
	" AND p.next_offset >= (o ->> 2)::bigint))"
	" FROM erasures e WHERE e.completed_at IS NULL AND e.id >= $1 AND e.next_at <= now()"
	" AND ($2::uuid IS NULL OR e.workspace_id = (SELECT id FROM workspaces WHERE uuid = $2))"
	" AND NOT EXISTS (SELECT FROM workspaces w WHERE w.id = e.workspace_id AND w.deletion_stage IS NOT NULL OFFSET 0) ORDER BY e.id LIMIT 1 FOR UPDATE OF e"
};

static const struct pg_stmt advance = { "erasure_advance", PG_PREPARED,
	"UPDATE erasures SET stage = $3::text, cursor = $4, found = $5, erased = $6, passes = $7, aliases = $8,"
	" next_at = now() + $9::bigint * interval '1 millisecond', updated_at = now(),"
	" until = coalesce(until, CASE WHEN $3::text = 'bulk' THEN now() END),"
	" completed_at = CASE WHEN $3::text = 'done' THEN now() END, recorded_at = coalesce(recorded_at, now())"
	" WHERE workspace_id = $1 AND id = $2 RETURNING until, completed_at" };

#define ACCOUNT_COLUMNS "w.uuid, a.id, a.uuid, a.provider_type, a.bridge_kind"
#define OF_ACCOUNT      " FROM whatsapp_accounts a JOIN workspaces w ON w.id = a.workspace_id"

static const struct pg_stmt account = { "erasure_account", PG_PREPARED,
	"SELECT " ACCOUNT_COLUMNS OF_ACCOUNT " WHERE a.workspace_id = $1 ORDER BY a.id LIMIT 1" };

/* A name that the person had before has the time of the change, unless the person has it again. */
static const struct pg_stmt aliases = {
	"erasure_aliases_of", PG_PREPARED,
	"WITH held AS MATERIALIZED (SELECT a.kind, a.scope, a.value FROM contact_aliases a WHERE a.workspace_id = $1"
	" AND a.contact_id = ANY ($2::bigint[])), former AS MATERIALIZED (SELECT f.kind, f.scope, f.value, count(*)::integer AS n,"
	" max(f.until) AS until FROM contact_former_aliases f WHERE f.workspace_id = $1 AND f.contact_id = ANY ($2::bigint[])"
	" GROUP BY f.kind, f.scope, f.value), names AS (SELECT 1 AS n, true AS held, a.kind, a.scope, a.value, NULL::timestamptz AS until FROM held a"
	" UNION ALL SELECT f.n, EXISTS (SELECT FROM held a WHERE (a.kind, a.scope, a.value) = (f.kind, f.scope, f.value)), f.kind, f.scope,"
	" f.value, f.until FROM former f"
	" UNION ALL SELECT 0, EXISTS (SELECT FROM held a WHERE a.kind = 'phone' AND a.value = c.match_key), 'phone', '', ltrim(c.phone, '+'),"
	" (SELECT max(f.until) FROM former f WHERE f.kind = 'phone' AND f.value = c.match_key) FROM contacts c WHERE c.workspace_id = $1"
	" AND c.id = ANY ($2::bigint[]) AND c.phone IS NOT NULL)"
	" SELECT n.n, n.held, n.kind, n.scope, n.value, CASE WHEN NOT n.held THEN n.until END FROM names n ORDER BY n.held DESC"
};

static const struct pg_stmt groups = { "erasure_groups", PG_PREPARED,
	"SELECT g.id, g.group_jid, g.owner_phone, g.participant_log, coalesce(g.group_created_at, g.created_at) FROM whatsapp_groups g WHERE g.workspace_id = $1 AND g.id > $2"
	" ORDER BY g.id LIMIT $3::bigint" };

static const struct pg_stmt others = { "erasure_others", PG_PREPARED,
	"SELECT DISTINCT c.id, c.uuid FROM unnest($3::text[], $4::text[], $5::text[]) AS r (kind, scope, value) CROSS JOIN LATERAL"
	" (SELECT * FROM contact_aliases a WHERE a.workspace_id = $1 AND a.kind = r.kind AND a.scope = r.scope AND a.value = r.value"
	" AND a.contact_id <> ALL ($2::bigint[]) OFFSET 0) AS a CROSS JOIN LATERAL"
	" (SELECT * FROM contacts c WHERE c.workspace_id = $1 AND c.id = a.contact_id OFFSET 0) AS c ORDER BY c.id" };

/* Not those that are younger than $4, by what they are known by and by their conversations; of one that has objections only nothing is known. */
static const struct pg_stmt others_add = { "erasure_others_add", PG_PREPARED,
	"WITH added AS (INSERT INTO erasures (workspace_id, uuid, contact, forget_opt_outs, behind, requested_by, requested_at, happened_until)"
	" SELECT $1, gen_random_uuid(), c.uuid, $3::boolean, '[]', 'restore', $4::timestamptz, $4::timestamptz"
	" FROM unnest($2::bigint[]) AS r (id) CROSS JOIN LATERAL"
	" (SELECT * FROM contacts c WHERE c.workspace_id = $1 AND c.id = r.id OFFSET 0) AS c CROSS JOIN LATERAL"
	" (SELECT count(*) AS n, max(v.last_message_at) AS last FROM conversations v WHERE v.workspace_id = $1 AND v.contact_id = r.id"
	" AND v.group_id IS NULL OFFSET 0) AS v"
	" WHERE greatest(v.last, c.name_at, c.email_at, c.profile_picture_at, c.in_address_book_at, '-infinity') <= $4::timestamptz"
	" AND (v.n > 0 OR coalesce(c.phone, c.full_name, c.email, c.profile_picture) IS NOT NULL)"
	" ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*) FROM added" };

/* Each kind of conversation by the key of peers, which knows both. */
static const struct pg_stmt conversation = {
	"erasure_conversation", PG_PREPARED,
	"SELECT v.id, v.own, v.other, " ACCOUNT_COLUMNS
	" FROM (SELECT v.* FROM (SELECT v.id, v.account_id, r.id <> ALL ($4::bigint[]) AS own, r.id = ANY ($4::bigint[]) AS other"
	" FROM unnest($2::bigint[] || $4::bigint[]) AS r (id) CROSS JOIN LATERAL"
	" (SELECT * FROM conversations v WHERE v.workspace_id = $1 AND v.contact_id = r.id AND v.group_id IS NULL OFFSET 0) AS v"
	" UNION ALL SELECT v.id, v.account_id, false, false FROM (SELECT * FROM conversations v WHERE v.workspace_id = $1"
	" AND v.contact_id IS NULL OFFSET 0) AS v) AS v WHERE v.id >= $3 ORDER BY v.id LIMIT 1) AS v"
	" JOIN whatsapp_accounts a ON a.workspace_id = $1 AND a.id = v.account_id JOIN workspaces w ON w.id = a.workspace_id"
};

/* Planned with its values: $3 is a condition of the index only where it is known not to be null. */
static const struct pg_stmt messages = { "erasure_messages_of", PG_UNNAMED,
	"SELECT c.id, c.sent_at, c.message_key, c.sender, c.metadata -> 'quoted' ->> 'phone', c.metadata -> 'quoted' ->> 'lid',"
	" (SELECT string_agg(k, ',') FROM jsonb_object_keys(CASE WHEN jsonb_typeof(c.metadata -> 'votes') = 'object' THEN c.metadata -> 'votes'"
	" ELSE '{}' END) AS k) FROM chats c WHERE c.workspace_id = $1 AND c.conversation_id = $2"
	" AND c.created_at <= $6 AND ($7::timestamptz IS NULL OR c.sent_at <= $7) AND ($3::timestamptz IS NULL OR c.sent_at <= $3 AND (c.sent_at, c.id) < ($3, $4::bigint))"
	" ORDER BY c.sent_at DESC, c.id DESC LIMIT $5::bigint" };

/* What is later than until is of the one who had the name next. */
#define NAMES(texts, untils) \
	"(SELECT r.text, coalesce(r.until, 'infinity') AS until FROM unnest(" texts "::text[], " untils \
	"::timestamptz[]) AS r (text, until)) AS r"

#define DELETE_SENDERS(table, name, since) \
	"DELETE FROM " table " AS h USING (SELECT h.chat_id, h." name " AS sender FROM " table \
	" h WHERE h.workspace_id = $1 AND " since " <= $3 AND ($4::timestamptz IS NULL OR h.at <= $4) AND h." name \
	" COLLATE \"C\" = ANY ($5::text[]) AND EXISTS (SELECT FROM " NAMES("$5", \
		"$6") " WHERE r.text = h." name " AND h.at <= r.until) LIMIT $2::bigint) AS f" \
		      " WHERE h.workspace_id = $1 AND h.chat_id = f.chat_id AND h." name " = f.sender RETURNING 1"
static const struct pg_stmt reactions = { "erasure_senders", PG_UNNAMED,
	"WITH a AS (" DELETE_SENDERS("chat_receipts", "participant",
		"h.created_at") "), b AS (" DELETE_SENDERS("chat_reactions", "sender",
		"h.created_at") "), c AS (" DELETE_SENDERS("chat_reactions_withdrawn", "sender",
		"h.at") ")"
			" SELECT (SELECT count(*) FROM a) + (SELECT count(*) FROM b) + (SELECT count(*) FROM c)" };

/* An attempt that was under way brings content back, also of a row that has no address any more. One that waits behind another message to the same
 * address has an address of its own from now on, and must not wait for that one. */
static const struct pg_stmt sends = {
	"erasure_sends", PG_UNNAMED,
	"WITH few AS MATERIALIZED (SELECT s.id, s.contact_id, s.address, s.created_at, s.status, s.sent_at, s.address LIKE 'erased:%' AS erased,"
	" num_nonnulls(s.request, s.error_message, s.provider_message_id) > 0 AS filled FROM sends s WHERE s.workspace_id = $1 AND s.id > $2"
	" ORDER BY s.id LIMIT $3::bigint), erased AS (UPDATE sends s SET address = 'erased:' || s.id, request = NULL, error_message = NULL,"
	" provider_message_id = NULL, next_attempt_at = CASE WHEN s.next_attempt_at = 'infinity' THEN now() ELSE s.next_attempt_at END,"
	" updated_at = now() FROM few f"
	" WHERE s.workspace_id = $1 AND s.id = f.id AND CASE WHEN f.erased THEN f.filled ELSE"
	" (f.contact_id = ANY ($4::bigint[]) OR EXISTS (SELECT FROM " NAMES("$7",
		"$8") " WHERE r.text = f.address AND f.created_at <= r.until))"
		      " AND f.created_at <= $5 AND ($6::timestamptz IS NULL OR f.contact_id = ANY ($4::bigint[]) OR f.created_at <= $6"
		      " OR f.status <> 'pending' AND coalesce(f.sent_at, $6) <= $6) END RETURNING s.id),"
		      " answers AS (UPDATE send_attempts t SET excerpt = NULL FROM (SELECT id FROM few WHERE erased UNION SELECT id FROM erased) AS f"
		      " WHERE t.workspace_id = $1 AND t.send_id = f.id AND t.excerpt IS NOT NULL RETURNING 1)"
		      " SELECT (SELECT count(*) FROM erased) + (SELECT count(*) FROM answers), (SELECT CASE WHEN count(*) = $3::bigint THEN max(id) END FROM few)"
};

static const struct pg_stmt audiences = { "erasure_audiences", PG_UNNAMED,
	"WITH m AS (DELETE FROM contact_group_members AS m USING (SELECT m.group_id, m.address FROM contact_groups g"
	" CROSS JOIN " NAMES("$5",
		"$6") " CROSS JOIN LATERAL (SELECT * FROM contact_group_members m"
		      " WHERE m.workspace_id = $1 AND m.group_id = g.id AND m.address = r.text AND m.created_at <= least(coalesce($3::timestamptz, now()), $4::timestamptz, r.until) OFFSET 0) AS m WHERE g.workspace_id = $1"
		      " LIMIT $2::bigint) AS f WHERE m.workspace_id = $1 AND m.group_id = f.group_id AND m.address = f.address RETURNING 1),"
		      " u AS (DELETE FROM undeliverable u USING " NAMES("$5",
			      "$6") " WHERE u.workspace_id = $1 AND u.address = r.text"
				    " AND u.since <= least(coalesce($3::timestamptz, now()), $4::timestamptz, r.until) RETURNING 1)"
				    " SELECT (SELECT count(*) FROM m) + (SELECT count(*) FROM u)" };

#define IN_RECORD(text) "position(convert_to(" text ", 'UTF8') IN q.payload) > 0"

#define NAMED \
	"EXISTS (SELECT FROM " NAMES("$7", \
		"$8") " WHERE q.source_timestamp_ms <= extract(epoch FROM r.until) * 1000 AND " IN_RECORD("r.text") ")"

/* Deliveries of the person's conversations, whether in their order or not; contact events that name it, and failed deliveries that do. After a
 * restore its conversations may be gone before this search, and those of others have other ids than the records of before: a conversation that is not
 * there is the person's when the record names it. A key in the record is a conversation's unless it is the event's. contact.erased names nobody and
 * stays. */
static const struct pg_stmt webhooks = {
	"erasure_webhooks", PG_UNNAMED,
	"WITH few AS MATERIALIZED (SELECT q.id, q.status, q.event_type, q.event_id, q.ordering_key, q.payload, q.dropped, q.last_error,"
	" q.source_timestamp_ms,"
	" q.created_at <= $5 AND ($6::timestamptz IS NULL OR q.source_timestamp_ms <= extract(epoch FROM $6) * 1000) AS within"
	" FROM webhook_retry_queue q WHERE q.workspace_id = $1 AND q.id > $2 ORDER BY q.id LIMIT $3::bigint),"
	" own AS MATERIALIZED (SELECT v.uuid FROM unnest($4::bigint[]) AS r (id) CROSS JOIN LATERAL (SELECT * FROM conversations v"
	" WHERE v.workspace_id = $1 AND v.contact_id = r.id AND v.group_id IS NULL OFFSET 0) AS v),"
	" found AS MATERIALIZED (SELECT q.id, q.status FROM few q WHERE q.status <> 'success' AND q.event_type <> 'contact.erased'"
	" AND (q.status = 'failed' OR NOT q.dropped OR num_nonnulls(q.payload, q.last_error) > 0)"
	" AND (q.ordering_key IN (SELECT uuid FROM own)"
	" OR EXISTS (SELECT FROM own o WHERE " IN_RECORD(
		"o.uuid::text") ")"
				" OR q.within AND (q.status = 'failed' OR q.event_type IN ('contact.created', 'contact.updated', 'contact.merged')"
				" OR q.event_type ~ '^(message|conversation)[.]' AND q.ordering_key <> q.event_id AND " IN_RECORD(
					"q.ordering_key::text") " AND NOT EXISTS (SELECT FROM conversations v WHERE v.workspace_id = $1 AND v.uuid = q.ordering_key OFFSET 0))"
								" AND " NAMED ")),"
								" locked AS MATERIALIZED (SELECT q.id, q.status FROM found f CROSS JOIN LATERAL (SELECT q.id, q.status FROM webhook_retry_queue q"
								" WHERE q.workspace_id = $1 AND q.id = f.id FOR UPDATE SKIP LOCKED) AS q),"
								" deleted AS (DELETE FROM webhook_retry_queue q USING locked f WHERE q.workspace_id = $1 AND q.id = f.id AND f.status = 'failed' RETURNING 1),"
								" dropped AS (UPDATE webhook_retry_queue q SET dropped = true, payload = NULL, last_error = NULL, updated_at = now(),"
								" next_retry_at = CASE WHEN q.status = 'pending' AND q.next_retry_at < 'infinity' THEN now() ELSE q.next_retry_at END"
								" FROM locked f WHERE q.workspace_id = $1 AND q.id = f.id AND f.status IN ('pending', 'retrying') RETURNING 1)"
								" SELECT (SELECT count(*) FROM deleted) + (SELECT count(*) FROM dropped),"
								" (SELECT CASE WHEN count(*) = $3::bigint THEN max(id) END FROM few)"
};

static const struct pg_stmt parked = {
	"erasure_parked_of", PG_UNNAMED,
	"WITH deleted AS (DELETE FROM parked_updates AS p USING (SELECT p.id FROM parked_updates p WHERE p.workspace_id = $1"
	" AND p.created_at <= $3 AND ($4::timestamptz IS NULL OR p.record_timestamp_ms <= extract(epoch FROM $4) * 1000)"
	" AND EXISTS (SELECT FROM " NAMES("$5",
		"$6") " WHERE p.record_timestamp_ms <= extract(epoch FROM r.until) * 1000"
		      " AND position(convert_to(r.text, 'UTF8') IN p.record_value) > 0)"
		      " LIMIT $2::bigint) AS f WHERE p.workspace_id = $1 AND p.id = f.id RETURNING 1) SELECT count(*) FROM deleted"
};

static const struct pg_stmt accounts = { "erasure_accounts", PG_PREPARED,
	"SELECT " ACCOUNT_COLUMNS OF_ACCOUNT
	" WHERE a.workspace_id = $1 AND a.id IN (SELECT v.account_id FROM unnest($2::bigint[]) AS r (id) CROSS JOIN LATERAL"
	" (SELECT * FROM conversations v WHERE v.workspace_id = $1 AND v.contact_id = r.id AND v.group_id IS NULL OFFSET 0) AS v)"
	" ORDER BY a.id" };

/* "erasures_contact", which has those that are not completed, is all that it reads. */
static const struct pg_stmt stages = { "erasure_stages", PG_PREPARED,
	"SELECT e.stage, count(*) FROM erasures e WHERE e.completed_at IS NULL GROUP BY e.stage" };

static const struct pg_stmt request = { "erasure_request", PG_PREPARED,
	"INSERT INTO erasures (workspace_id, contact, forget_opt_outs, behind, requested_by)"
	" SELECT c.workspace_id, c.uuid, $2::boolean, $3::jsonb, $4::text FROM workspaces w CROSS JOIN LATERAL (SELECT * FROM contacts c"
	" WHERE c.workspace_id = w.id AND c.uuid = $1 OFFSET 0) AS c RETURNING uuid" };

static const struct pg_stmt list = { "erasures_list", PG_PREPARED,
	"SELECT e.uuid, w.uuid, e.contact, e.stage, e.requested_by, e.requested_at, e.completed_at,"
	" CASE WHEN e.completed_at IS NULL THEN e.next_at END, e.erased, e.passes, e.forget_opt_outs"
	" FROM erasures e JOIN workspaces w ON w.id = e.workspace_id WHERE $2::uuid IS NULL OR e.contact = $2::uuid"
	" ORDER BY e.id DESC LIMIT $1::bigint" };

/* A row that the database has is known by its id, but not how far the erasure was before a restore. */
static const struct pg_stmt ledger = { "erasure_ledger", PG_UNNAMED,
	"WITH r AS MATERIALIZED (SELECT w.id AS workspace_id, u.uuid, u.contact, bool_or(u.forget) AS forget, min(u.requested) AS requested,"
	" max(u.until) AS until, min(u.place) AS place FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::boolean[], $6::timestamptz[],"
	" $7::timestamptz[]) WITH ORDINALITY AS u (uuid, workspace, contact, forget, requested, until, place)"
	" JOIN workspaces w ON w.uuid = u.workspace GROUP BY 1, 2, 3),"
	" known AS (UPDATE erasures e SET happened_until = r.until FROM r WHERE e.workspace_id = r.workspace_id AND e.uuid = r.uuid"
	" AND e.completed_at IS NULL AND e.until IS NULL AND e.happened_until IS NULL AND r.until IS NOT NULL),"
	" added AS (INSERT INTO erasures (workspace_id, uuid, contact, forget_opt_outs, behind, requested_by, requested_at, recorded_at, happened_until)"
	" SELECT r.workspace_id, r.uuid, r.contact, r.forget, $1::jsonb, 'restore', r.requested, now(), r.until FROM r"
	" WHERE NOT EXISTS (SELECT FROM erasures e WHERE e.workspace_id = r.workspace_id AND e.uuid = r.uuid) ORDER BY r.place"
	" ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*) FROM added" };

const struct pg_stmt *const cleanup_erasure_statements[] = { &due, &advance, &account, &aliases, &groups, &others,
	&others_add, &conversation, &messages, &reactions, &sends, &audiences, &webhooks, &parked, &accounts, &stages,
	&ledger, NULL };
const struct pg_stmt *const erasure_requests_statements[] = { &request, &list, NULL };

/* Runs a statement and frees its arguments. */
static int args_run(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, struct pg_rows **rows,
	struct err *err)
{
	int rc = pg_run(pg, stmt, args, rows, err);

	pg_args_free(args);
	return rc;
}

int store_erasure_due(struct pg *pg, int64_t from, const struct uuid *workspace, struct arena *a, struct erasure *out,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;

	pg_arg_i64(args, from);
	pg_arg_uuid(args, uuid_is_nil(workspace) ? NULL : workspace);
	if (args_run(pg, &due, args, &rows, err) < 0)
		return -1;
	*out = (struct erasure){ 0 };
	for (struct cells c = cells_of(rows, a); cells_more(&c); cells_next(&c)) {
		out->workspace_id = cells_i64(&c);
		out->id = cells_i64(&c);
		out->uuid = cells_uuid(&c);
		out->contact = cells_uuid(&c);
		out->forget_opt_outs = cells_bool(&c);
		out->stage = cells_text(&c);
		out->cursor = cells_text(&c);
		out->aliases = cells_text(&c);
		out->found = cells_i64(&c);
		out->erased = cells_i64(&c);
		out->passes = cells_i32(&c);
		out->until_us = cells_time(&c);
		out->happened_us = cells_time(&c);
		out->requested_us = cells_time(&c);
		out->recorded = cells_bool(&c);
		out->restored = cells_bool(&c);
		out->workspace = cells_uuid(&c);
		out->passed = cells_bool(&c);
	}
	pg_rows_free(rows);
	return 0;
}

int store_erasure_advance(struct pg *pg, struct erasure *e, int64_t in_ms, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;

	pg_arg_i64(args, e->workspace_id);
	pg_arg_i64(args, e->id);
	pg_arg_text(args, e->stage);
	pg_arg_text(args, e->cursor.p ? e->cursor : STR(""));
	pg_arg_i64(args, e->found);
	pg_arg_i64(args, e->erased);
	pg_arg_i32(args, e->passes);
	pg_arg_bytea(args, e->aliases);
	pg_arg_i64(args, in_ms);
	if (args_run(pg, &advance, args, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		e->until_us = cells_time(&c);
		e->completed_us = cells_time(&c);
	}
	pg_rows_free(rows);
	return 0;
}

int store_erasure_ledger(struct pg *pg, const struct erasure_entry *entries, size_t n, struct str behind,
	int64_t *added, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	*added = 0;
	if (n == 0)
		return 0;
	columns_init(&c);
	pg_arg_jsonb(columns_scalars(&c), behind);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_uuid(&c, &entries[i].erasure);
		columns_uuid(&c, &entries[i].workspace);
		columns_uuid(&c, &entries[i].contact);
		columns_bool(&c, entries[i].forget_opt_outs);
		columns_time(&c, entries[i].requested_us);
		columns_time(&c, entries[i].until_us);
	}
	if (columns_run(&c, pg, &ledger, &rows, err) < 0)
		return -1;
	*added = pg_i64(rows, 0, 0);
	pg_rows_free(rows);
	return 0;
}

static void account_read(struct cells *c, int64_t workspace_id, struct cleanup_account *out)
{
	*out = (struct cleanup_account){ .workspace_id = workspace_id };
	out->workspace = cells_uuid(c);
	out->id = cells_i64(c);
	out->uuid = cells_uuid(c);
	out->provider = provider_parse(cells_borrow(c));
	out->bridge = bridge_parse(cells_borrow(c));
}

int store_erasure_account(struct pg *pg, int64_t workspace_id, struct cleanup_account *out, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	struct cells c;

	*out = (struct cleanup_account){ 0 };
	pg_arg_i64(args, workspace_id);
	if (args_run(pg, &account, args, &rows, err) < 0)
		return -1;
	c = cells_of(rows, NULL);
	if (cells_more(&c))
		account_read(&c, workspace_id, out);
	pg_rows_free(rows);
	return 0;
}

static struct pg_array *ids_of(const struct erased_person *p)
{
	struct pg_array *ids = pg_array_new(PG_I64);

	for (size_t i = 0; i < p->n; i++)
		pg_array_i64(ids, p->ids[i]);
	return ids;
}

/* Workspace and the person's ids as the first two parameters. */
static int person_run(struct pg *pg, const struct pg_stmt *stmt, const struct erased_person *p, struct pg_rows **rows,
	struct err *err)
{
	struct columns c;

	columns_init(&c);
	pg_arg_i64(columns_scalars(&c), p->workspace_id);
	for (size_t i = 0; i < p->n; i++) {
		columns_row(&c);
		columns_i64(&c, p->ids[i]);
	}
	return columns_run(&c, pg, stmt, rows, err);
}

int store_erasure_aliases(struct pg *pg, const struct erased_person *p, struct arena *a, struct alias_row **out,
	int64_t **until_us, size_t *n, size_t *n_held, int32_t *count, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (person_run(pg, &aliases, p, &rows, err) < 0)
		return -1;
	*n = (size_t)pg_rows_count(rows);
	*out = ARENA_ARRAY(a, struct alias_row, *n);
	*until_us = ARENA_ARRAY(a, int64_t, *n);
	*count = 0;
	*n_held = 0;
	for (struct cells c = cells_of(rows, a); cells_more(&c); cells_next(&c)) {
		struct alias_row *row = &(*out)[c.row];

		*count += cells_i32(&c);
		*n_held += cells_bool(&c);
		row->workspace_id = p->workspace_id;
		row->kind = store_alias_kind_parse(cells_borrow(&c));
		row->scope = cells_text(&c);
		row->value = cells_text(&c);
		(*until_us)[c.row] = cells_time(&c);
	}
	pg_rows_free(rows);
	return 0;
}

int store_erasure_groups(struct pg *pg, int64_t workspace_id, int64_t after, int64_t n, struct arena *a,
	struct erasure_group **out, size_t *n_out, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;

	pg_arg_i64(args, workspace_id);
	pg_arg_i64(args, after);
	pg_arg_i64(args, n);
	if (args_run(pg, &groups, args, &rows, err) < 0)
		return -1;
	*n_out = (size_t)pg_rows_count(rows);
	*out = ARENA_ARRAY(a, struct erasure_group, *n_out);
	for (struct cells c = cells_of(rows, a); cells_more(&c); cells_next(&c)) {
		struct erasure_group *g = &(*out)[c.row];

		g->id = cells_i64(&c);
		g->jid = cells_text(&c);
		g->owner_phone = cells_text(&c);
		g->members = cells_text(&c);
		g->created_us = cells_time(&c);
	}
	pg_rows_free(rows);
	return 0;
}

int store_erasure_others(struct pg *pg, const struct erased_person *p, const struct alias_row *names, size_t n_names,
	struct arena *a, struct erased_person *out, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_array *ids = ids_of(p), *kinds = pg_array_new(PG_TEXT), *scopes = pg_array_new(PG_TEXT),
			*values = pg_array_new(PG_TEXT);
	struct pg_rows *rows = NULL;
	int rc;

	for (size_t i = 0; i < n_names; i++) {
		pg_array_str(kinds, str_of(store_alias_kind_word(names[i].kind)));
		pg_array_str(scopes, names[i].scope.p ? names[i].scope : STR(""));
		pg_array_str(values, names[i].value);
	}
	pg_arg_i64(args, p->workspace_id);
	pg_arg_array(args, ids);
	pg_arg_array(args, kinds);
	pg_arg_array(args, scopes);
	pg_arg_array(args, values);
	rc = args_run(pg, &others, args, &rows, err);
	pg_array_free(ids);
	pg_array_free(kinds);
	pg_array_free(scopes);
	pg_array_free(values);
	if (rc < 0)
		return -1;
	*out = (struct erased_person){ .workspace_id = p->workspace_id, .n = (size_t)pg_rows_count(rows) };
	out->ids = ARENA_ARRAY(a, int64_t, out->n);
	out->uuids = ARENA_ARRAY(a, struct uuid, out->n);
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		out->ids[c.row] = cells_i64(&c);
		out->uuids[c.row] = cells_uuid(&c);
	}
	pg_rows_free(rows);
	return 0;
}

int store_erasure_others_add(struct pg *pg, const struct erased_person *others_of, bool forget_opt_outs,
	int64_t happened_us, int64_t *added, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_array *ids = ids_of(others_of);
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, others_of->workspace_id);
	pg_arg_array(args, ids);
	pg_arg_bool(args, forget_opt_outs);
	pg_arg_time_us(args, happened_us);
	rc = args_run(pg, &others_add, args, &rows, err);
	pg_array_free(ids);
	if (rc < 0)
		return -1;
	*added = pg_i64(rows, 0, 0);
	pg_rows_free(rows);
	return 0;
}

int store_erasure_conversation(struct pg *pg, const struct erased_person *p, const struct erased_person *other,
	int64_t from, struct erasure_conversation *out, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_array *ids = ids_of(p), *other_ids = ids_of(other);
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, p->workspace_id);
	pg_arg_array(args, ids);
	pg_arg_i64(args, from);
	pg_arg_array(args, other_ids);
	rc = args_run(pg, &conversation, args, &rows, err);
	pg_array_free(ids);
	pg_array_free(other_ids);
	if (rc < 0)
		return -1;
	*out = (struct erasure_conversation){ 0 };
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		out->id = cells_i64(&c);
		out->own = cells_bool(&c);
		out->other = cells_bool(&c);
		account_read(&c, p->workspace_id, &out->account);
	}
	pg_rows_free(rows);
	return 0;
}

int store_erasure_messages(struct pg *pg, int64_t workspace_id, int64_t conversation_id, int64_t sent_us, int64_t id,
	struct erasure_bounds bounds, int64_t n, struct arena *a, struct erasure_message **out, size_t *n_out,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;

	pg_arg_i64(args, workspace_id);
	pg_arg_i64(args, conversation_id);
	pg_arg_time_us(args, sent_us);
	pg_arg_i64(args, id);
	pg_arg_i64(args, n);
	pg_arg_time_us(args, bounds.until_us);
	pg_arg_time_us(args, bounds.happened_us);
	if (args_run(pg, &messages, args, &rows, err) < 0)
		return -1;
	*n_out = (size_t)pg_rows_count(rows);
	*out = ARENA_ARRAY(a, struct erasure_message, *n_out);
	for (struct cells c = cells_of(rows, a); cells_more(&c); cells_next(&c)) {
		struct erasure_message *m = &(*out)[c.row];

		m->id = cells_i64(&c);
		m->sent_us = cells_time(&c);
		m->key = cells_text(&c);
		m->sender = cells_text(&c);
		m->quoted_phone = cells_text(&c);
		m->quoted_lid = cells_text(&c);
		m->voters = cells_words(&c, &m->n_voters);
	}
	pg_rows_free(rows);
	return 0;
}

/* Texts and until when they are the person's, as the last two parameters. */
struct name_arrays {
	struct pg_array *texts, *until;
};

static struct name_arrays names_put(struct pg_args *args, const struct erasure_name *names, size_t n)
{
	struct name_arrays a = { pg_array_new(PG_TEXT), pg_array_new(PG_TIME) };

	for (size_t i = 0; i < n; i++) {
		pg_array_str(a.texts, names[i].text);
		pg_array_time_us(a.until, names[i].until_us);
	}
	pg_arg_array(args, a.texts);
	pg_arg_array(args, a.until);
	return a;
}

static void names_free(struct name_arrays a)
{
	pg_array_free(a.texts);
	pg_array_free(a.until);
}

/* Workspace, a limit, both bounds and names as the parameters; *found is the answer's first cell. */
static int names_run(struct pg *pg, const struct pg_stmt *stmt, int64_t workspace_id, const struct erasure_name *names,
	size_t n_names, struct erasure_bounds bounds, int64_t n, int64_t *found, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	struct name_arrays arrays;
	int rc;

	pg_arg_i64(args, workspace_id);
	pg_arg_i64(args, n);
	pg_arg_time_us(args, bounds.until_us);
	pg_arg_time_us(args, bounds.happened_us);
	arrays = names_put(args, names, n_names);
	rc = args_run(pg, stmt, args, &rows, err);
	names_free(arrays);
	if (rc < 0)
		return -1;
	*found = pg_i64(rows, 0, 0);
	pg_rows_free(rows);
	return 0;
}

int store_erasure_reactions(struct pg *pg, int64_t workspace_id, const struct erasure_name *names, size_t n_names,
	struct erasure_bounds bounds, int64_t n, int64_t *found, struct err *err)
{
	return names_run(pg, &reactions, workspace_id, names, n_names, bounds, n, found, err);
}

/* Looks at n rows behind `after`: *last is the last of them, 0 when there are no more. */
static int walk_run(struct pg *pg, const struct pg_stmt *stmt, const struct erased_person *p,
	const struct erasure_name *names, size_t n_names, struct erasure_bounds bounds, int64_t after, int64_t n,
	int64_t *found, int64_t *last, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_array *ids = ids_of(p);
	struct pg_rows *rows = NULL;
	struct name_arrays arrays;
	int rc;

	pg_arg_i64(args, p->workspace_id);
	pg_arg_i64(args, after);
	pg_arg_i64(args, n);
	pg_arg_array(args, ids);
	pg_arg_time_us(args, bounds.until_us);
	pg_arg_time_us(args, bounds.happened_us);
	arrays = names_put(args, names, n_names);
	rc = args_run(pg, stmt, args, &rows, err);
	pg_array_free(ids);
	names_free(arrays);
	if (rc < 0)
		return -1;
	*found = pg_i64(rows, 0, 0);
	*last = pg_null(rows, 0, 1) ? 0 : pg_i64(rows, 0, 1);
	pg_rows_free(rows);
	return 0;
}

int store_erasure_sends(struct pg *pg, const struct erased_person *p, const struct erasure_name *addresses,
	size_t n_addresses, struct erasure_bounds bounds, int64_t after, int64_t n, int64_t *found, int64_t *last,
	struct err *err)
{
	return walk_run(pg, &sends, p, addresses, n_addresses, bounds, after, n, found, last, err);
}

int store_erasure_audiences(struct pg *pg, int64_t workspace_id, const struct erasure_name *addresses,
	size_t n_addresses, struct erasure_bounds bounds, int64_t n, int64_t *found, struct err *err)
{
	return names_run(pg, &audiences, workspace_id, addresses, n_addresses, bounds, n, found, err);
}

int store_erasure_webhooks(struct pg *pg, const struct erased_person *p, const struct erasure_name *names,
	size_t n_names, struct erasure_bounds bounds, int64_t after, int64_t n, int64_t *found, int64_t *last,
	struct err *err)
{
	return walk_run(pg, &webhooks, p, names, n_names, bounds, after, n, found, last, err);
}

int store_erasure_parked(struct pg *pg, int64_t workspace_id, const struct erasure_name *names, size_t n_names,
	struct erasure_bounds bounds, int64_t n, int64_t *found, struct err *err)
{
	return names_run(pg, &parked, workspace_id, names, n_names, bounds, n, found, err);
}

int store_erasure_accounts(struct pg *pg, const struct erased_person *p, struct arena *a, struct cleanup_account **out,
	size_t *n, struct err *err)
{
	struct pg_rows *rows = NULL;

	*n = 0;
	if (p->n == 0)
		return 0;
	if (person_run(pg, &accounts, p, &rows, err) < 0)
		return -1;
	*n = (size_t)pg_rows_count(rows);
	*out = ARENA_ARRAY(a, struct cleanup_account, *n);
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c))
		account_read(&c, p->workspace_id, &(*out)[c.row]);
	pg_rows_free(rows);
	return 0;
}

const char *store_erasure_stage_word(size_t stage)
{
	static const char *const words[ERASURE_STAGES] = { "start", "identity", "wait", "bulk", "rest", "verify" };

	return stage < ERASURE_STAGES ? words[stage] : "";
}

int store_erasure_stages(struct pg *pg, int64_t n[ERASURE_STAGES], struct err *err)
{
	struct pg_rows *rows = NULL;

	if (pg_run(pg, &stages, NULL, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < ERASURE_STAGES; i++)
		n[i] = 0;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct str stage = cells_borrow(&c);

		for (size_t i = 0; i < ERASURE_STAGES; i++)
			if (str_is(stage, store_erasure_stage_word(i)))
				n[i] = cells_i64(&c);
	}
	pg_rows_free(rows);
	return 0;
}

int store_erasure_request(struct pg *pg, const struct uuid *contact, bool forget_opt_outs, struct str behind,
	struct str requested_by, struct uuid *out, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int found;

	pg_arg_uuid(args, contact);
	pg_arg_bool(args, forget_opt_outs);
	pg_arg_jsonb(args, behind);
	pg_arg_text(args, requested_by);
	if (args_run(pg, &request, args, &rows, err) < 0)
		return -1;
	found = pg_rows_count(rows);
	if (found)
		*out = pg_uuid(rows, 0, 0);
	pg_rows_free(rows);
	return found ? 0 : err_set(err, ERR_INPUT, "unknown", "there is no such contact");
}

int store_erasures_list(struct pg *pg, const struct uuid *contact, int64_t limit,
	void (*each)(void *ctx, const struct erasure_info *e), void *ctx, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;

	pg_arg_i64(args, limit);
	pg_arg_uuid(args, contact);
	if (args_run(pg, &list, args, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct erasure_info e = { .uuid = cells_uuid(&c) };

		e.workspace = cells_uuid(&c);
		e.contact = cells_uuid(&c);
		e.stage = cells_borrow(&c);
		e.requested_by = cells_borrow(&c);
		e.requested_us = cells_time(&c);
		e.completed_us = cells_time(&c);
		e.next_us = cells_time(&c);
		e.erased = cells_i64(&c);
		e.passes = cells_i32(&c);
		e.forget_opt_outs = cells_bool(&c);
		each(ctx, &e);
	}
	pg_rows_free(rows);
	return 0;
}
