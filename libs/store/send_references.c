/* See send_references.h. Every look-up is by key, one for each row: no join that a plan could turn into a scan. */
#include "store/send_references.h"

#include "store/address_alias.h"
#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

#define MERGES_MAX "10" /* contacts that were merged one after the other */

/* A contact is found by its uuid, from which merges are followed, or by an alias, which always points to the surviving
 * one. Of several BSUIDs, one for each portfolio, the latest is used. */
static const struct pg_stmt find = {
	"send_references_find", PG_UNNAMED,
	"SELECT r.place, w.id, s.id IS NOT NULL, s.request, c.id, coalesce(c.phone, l.phone), l.lid, l.bsuid, l.bsuid_scope, l.jid,"
	" coalesce(v.account_id, g.latest), g.accounts"
	" FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[]) WITH ORDINALITY"
	" AS r (workspace, request, contact, kind, scope, value, group_jid, place)"
	" LEFT JOIN LATERAL (SELECT w.id FROM workspaces w WHERE w.uuid = r.workspace AND w.deleted_at IS NULL OFFSET 0) AS w ON true"
	" LEFT JOIN LATERAL (SELECT s.id, s.request FROM sends s WHERE s.workspace_id = w.id AND s.request_id = r.request OFFSET 0) AS s ON true"
	" LEFT JOIN LATERAL (WITH RECURSIVE f AS (SELECT c.id, c.merged_into, 0 AS merges FROM contacts c WHERE c.workspace_id = w.id"
	" AND c.uuid = r.contact UNION ALL SELECT c.id, c.merged_into, f.merges + 1 FROM f CROSS JOIN LATERAL (SELECT c.id, c.merged_into"
	" FROM contacts c WHERE c.workspace_id = w.id AND c.id = f.merged_into OFFSET 0) AS c WHERE f.merges < " MERGES_MAX
	") SELECT f.id FROM f WHERE f.merged_into IS NULL OFFSET 0) AS f ON r.contact IS NOT NULL"
	" LEFT JOIN LATERAL (SELECT a.contact_id AS id FROM contact_aliases a WHERE a.workspace_id = w.id AND a.kind = r.kind"
	" AND a.scope = coalesce(r.scope, '') AND a.value = r.value OFFSET 0) AS a ON r.contact IS NULL AND r.kind IS NOT NULL"
	" LEFT JOIN LATERAL (SELECT c.id, c.phone FROM contacts c WHERE c.workspace_id = w.id AND c.id = coalesce(f.id, a.id)"
	" AND c.deleted_at IS NULL OFFSET 0) AS c ON true"
	" LEFT JOIN LATERAL (SELECT min(l.value) FILTER (WHERE l.kind = 'phone') AS phone, min(l.value) FILTER (WHERE l.kind = 'lid') AS lid,"
	" min(l.value) FILTER (WHERE l.kind = 'jid') AS jid,"
	" (array_agg(l.value ORDER BY l.created_at DESC, l.value) FILTER (WHERE l.kind = 'bsuid'))[1] AS bsuid,"
	" (array_agg(l.scope ORDER BY l.created_at DESC, l.value) FILTER (WHERE l.kind = 'bsuid'))[1] AS bsuid_scope"
	" FROM contact_aliases l WHERE l.workspace_id = w.id AND l.contact_id = c.id OFFSET 0) AS l ON c.id IS NOT NULL"
	" LEFT JOIN LATERAL (SELECT v.account_id FROM conversations v WHERE v.workspace_id = w.id AND v.contact_id = c.id"
	" AND v.merged_into IS NULL ORDER BY v.last_message_at DESC NULLS LAST, v.id LIMIT 1) AS v ON c.id IS NOT NULL"
	" LEFT JOIN LATERAL (SELECT string_agg(v.account_id::text, ',') AS accounts,"
	" (array_agg(v.account_id ORDER BY v.last_message_at DESC NULLS LAST, v.id))[1] AS latest FROM (SELECT g.id FROM whatsapp_groups g"
	" WHERE g.workspace_id = w.id AND g.group_jid = r.group_jid AND g.deleted_at IS NULL OFFSET 0) AS g CROSS JOIN LATERAL"
	" (SELECT v.account_id, v.last_message_at, v.id FROM conversations v WHERE v.workspace_id = w.id AND v.contact_id IS NULL"
	" AND v.group_id = g.id AND v.merged_into IS NULL OFFSET 0) AS v) AS g ON r.group_jid IS NOT NULL ORDER BY r.place"
};

static const struct pg_stmt stored = { "sends_stored", PG_UNNAMED,
	"SELECT r.place, m.account_id, m.message_key, m.wam_id, m.message_status, m.sent_at FROM unnest($1::bigint[], $2::uuid[])"
	" WITH ORDINALITY AS r (workspace_id, request, place) CROSS JOIN LATERAL (SELECT m.* FROM whatsapp_accounts a CROSS JOIN LATERAL"
	" (SELECT m.account_id, m.message_key, m.wam_id, m.message_status, m.sent_at FROM chats m WHERE m.workspace_id = r.workspace_id"
	" AND m.account_id = a.id AND m.client_message_id = r.request::text OFFSET 0) AS m WHERE a.workspace_id = r.workspace_id"
	" ORDER BY m.sent_at DESC LIMIT 1) AS m ORDER BY r.place" };

#define KIND  ALIAS_KIND("r.address")
#define VALUE ALIAS_VALUE("r.address")

/* An alias always points to the surviving one of merged contacts, as conversations do. Ids as client_message_id() makes them. Prepared, as all
 * statements that a flush with a campaign's messages runs. */
static const struct pg_stmt stored_recipients = { "sends_stored_recipients", PG_PREPARED,
	"SELECT r.place, m.account_id, m.message_key, m.wam_id, m.message_status, m.sent_at"
	" FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::integer[])"
	" WITH ORDINALITY AS r (workspace_id, campaign_id, account_id, contact_id, address, generation, place)"
	" CROSS JOIN LATERAL (SELECT c.uuid::text || '.%' AS ids FROM campaigns c WHERE c.workspace_id = r.workspace_id"
	" AND c.id = r.campaign_id AND c.created_at <= $1::timestamptz OFFSET 0) AS c"
	" CROSS JOIN LATERAL (SELECT coalesce((SELECT a.contact_id FROM contact_aliases a WHERE a.workspace_id = r.workspace_id"
	" AND a.kind =" KIND " AND a.value =" VALUE
	" AND a.scope = CASE WHEN r.address LIKE 'bsuid:%' THEN coalesce((SELECT t.business_id FROM whatsapp_accounts t"
	" WHERE t.workspace_id = r.workspace_id AND t.id = r.account_id), '') ELSE '' END), r.contact_id) AS id OFFSET 0) AS p"
	" CROSS JOIN LATERAL (SELECT m.* FROM (SELECT v.id FROM conversations v WHERE v.workspace_id = r.workspace_id"
	" AND v.contact_id = p.id AND v.group_id IS NULL OFFSET 0) AS v CROSS JOIN LATERAL"
	" (SELECT m.account_id, m.message_key, m.wam_id, m.message_status, m.sent_at FROM chats m WHERE m.workspace_id = r.workspace_id"
	" AND m.conversation_id = v.id AND m.client_message_id LIKE c.ids"
	" AND split_part(m.client_message_id, '#', 2) = CASE WHEN r.generation = 0 THEN '' ELSE (r.generation + 1)::text END OFFSET 0) AS m"
	" ORDER BY m.sent_at DESC LIMIT 1) AS m ORDER BY r.place" };

const struct pg_stmt *const send_references_statements[] = { &find, &stored, &stored_recipients, NULL };

static void reference_add(struct columns *c, const struct send_reference *r)
{
	columns_row(c);
	columns_uuid(c, &r->workspace);
	columns_uuid(c, &r->request);
	columns_uuid(c, &r->contact);
	columns_word(c, r->alias_kind);
	columns_text(c, r->alias_scope);
	columns_text(c, r->alias);
	columns_text(c, r->group_jid);
}

static const int64_t *accounts_read(struct cells *c, size_t *n)
{
	struct str *words = cells_words(c, n);
	int64_t *out = ARENA_ARRAY(c->arena, int64_t, *n);

	for (size_t i = 0; i < *n; i++)
		if (!str_to_i64(words[i], &out[i]))
			out[i] = 0;
	return out;
}

static void reference_read(struct cells *c, struct send_reference *r)
{
	r->workspace_id = cells_id(c);
	r->repeated = cells_bool(c);
	r->content = cells_text(c);
	r->contact_id = cells_id(c);
	r->party.phone = cells_text(c);
	r->party.lid = cells_text(c);
	r->party.bsuid = cells_text(c);
	r->party.bsuid_scope = cells_text(c);
	r->party.jid = cells_text(c);
	r->latest_account_id = cells_id(c);
	r->group_accounts = accounts_read(c, &r->n_group_accounts);
}

int store_send_references(struct pg *pg, struct send_reference *rows, size_t n, struct arena *a, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++)
		reference_add(&c, &rows[i]);
	if (columns_run(&c, pg, &find, &answer, err) < 0)
		return -1;
	for (struct cells at = cells_of(answer, a); cells_more(&at); cells_next(&at)) {
		struct send_reference *row = &rows[cells_place(&at, n)];

		reference_read(&at, row);
	}
	pg_rows_free(answer);
	return 0;
}

static void stored_read(struct pg_rows *answer, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct send_stored *stored), void *ctx)
{
	for (struct cells at = cells_of(answer, a); cells_more(&at); cells_next(&at)) {
		struct send_stored found = { .place = cells_place(&at, n) };

		found.account_id = cells_i64(&at);
		found.key = cells_text(&at);
		found.provider_id = cells_text(&at);
		found.status = message_status_parse(cells_borrow(&at));
		found.sent_us = cells_time(&at);
		each(ctx, &found);
	}
}

int store_sends_stored(struct pg *pg, const struct send_request_key *keys, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct send_stored *stored), void *ctx, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, keys[i].workspace_id);
		columns_uuid(&c, &keys[i].request);
	}
	if (columns_run(&c, pg, &stored, &answer, err) < 0)
		return -1;
	stored_read(answer, n, a, each, ctx);
	pg_rows_free(answer);
	return 0;
}

int store_sends_stored_recipients(struct pg *pg, const struct send_recipient_key *keys, size_t n, int64_t restored_us,
	struct arena *a, void (*each)(void *ctx, const struct send_stored *stored), void *ctx, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	pg_arg_time_us(columns_scalars(&c), restored_us);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, keys[i].workspace_id);
		columns_i64(&c, keys[i].campaign_id);
		columns_i64(&c, keys[i].account_id);
		columns_id(&c, keys[i].contact_id);
		columns_text(&c, keys[i].address);
		columns_i32(&c, keys[i].generation);
	}
	if (columns_run(&c, pg, &stored_recipients, &answer, err) < 0)
		return -1;
	stored_read(answer, n, a, each, ctx);
	pg_rows_free(answer);
	return 0;
}
