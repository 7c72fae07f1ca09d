/* See campaign_audience.h. Invariant: the order of an audience is that of its cursor, by an index, so that each
 * chunk costs the same. */
#include "store/campaign_audience.h"

#include <assert.h>

#include "store/address_alias.h"
#include "store/campaign_counts.h"
#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

/* Members m (cursor, address, dialled, name, variables, contact_id) of a chunk. $1 workspace, $2 cursor, $3 limit,
 * $4 groups. */
#define MEMBERS_OF_GROUPS \
	"WITH m AS MATERIALIZED (SELECT DISTINCT ON (m.address) m.address AS cursor, m.address, m.phone AS dialled, m.name, m.variables," \
	" NULL::bigint AS contact_id FROM unnest($4::bigint[]) WITH ORDINALITY AS g (id, place) CROSS JOIN LATERAL (SELECT *" \
	" FROM contact_group_members m WHERE m.workspace_id = $1::bigint AND m.group_id = g.id AND m.address > $2::text" \
	" ORDER BY m.address LIMIT $3::integer) AS m ORDER BY m.address, g.place LIMIT $3::integer)"

/* $4 is not used, but typed: a statement's parameters are numbered without a gap. */
#define MEMBERS_OF_ALL \
	"WITH m AS MATERIALIZED (SELECT c.id::text AS cursor, coalesce(c.match_key, a.address) AS address, NULL::text AS dialled," \
	" NULL::text AS name, '{}'::jsonb AS variables, c.id AS contact_id FROM (SELECT * FROM contacts c WHERE c.workspace_id = $1::bigint" \
	" AND c.id > coalesce(nullif($2::text, '')::bigint, 0) AND $4::bigint[] IS NOT NULL ORDER BY c.id LIMIT $3::integer) AS c" \
	" LEFT JOIN LATERAL (SELECT CASE a.kind WHEN 'jid' THEN a.value ELSE a.kind || ':' || a.value END AS address FROM contact_aliases a" \
	" WHERE a.workspace_id = c.workspace_id AND a.contact_id = c.id AND a.kind = ANY (CASE $7::text WHEN 'meta' THEN '{bsuid}'::text[]" \
	" ELSE '{lid,jid}' END) ORDER BY a.kind DESC, a.value LIMIT 1) AS a ON true)"

#define KIND  ALIAS_KIND("m.address")
#define VALUE ALIAS_VALUE("m.address")

/* An alias points to the surviving contact, which has the opt-outs of those merged into it. The number of a contact is the address (t) of
 * each member that leads to it, so that a contact with several addresses is one recipient. $5 excluded groups, $6 accounts, $7 provider,
 * $8 marketing, $9 24-hour window, $10 and $11 filters in days. */
#define JUDGED \
	" SELECT m.cursor, coalesce(t.address, 'none:' || m.contact_id), coalesce(c.phone, m.dialled), c.id, c.first_name, c.last_name," \
	" coalesce(c.full_name, m.name), m.variables, g.segment," \
	" CASE WHEN t.address IS NULL OR t.address LIKE '%@g.us'" \
	" OR t.address LIKE ANY (CASE $7::text WHEN 'meta' THEN '{lid:%,%@%}'::text[] ELSE '{bsuid:%}' END) THEN 'no_address'" \
	" WHEN EXISTS (SELECT FROM contact_opt_outs o WHERE o.workspace_id = $1::bigint AND o.contact_id = c.id AND o.stopped" \
	" AND (o.account_id IS NULL OR o.account_id = ($6::bigint[])[g.segment + 1])" \
	" AND (o.category = 'all' OR ($8::boolean AND o.category = 'marketing_messages')) OFFSET 0) THEN 'opted_out'" \
	" WHEN EXISTS (SELECT FROM undeliverable u WHERE u.workspace_id = $1::bigint AND u.address = t.address" \
	" AND u.since > now() - interval '30 days' AND u.since > coalesce(v.last_inbound_at, '-infinity') OFFSET 0) THEN 'unreachable'" \
	" WHEN $9::boolean AND coalesce(v.last_inbound_here, '-infinity') < now() - interval '23 hours 59 minutes' THEN 'window_closed' END," \
	" EXISTS (SELECT FROM unnest($5::bigint[]) AS x (id) CROSS JOIN LATERAL (SELECT FROM contact_group_members e" \
	" WHERE e.workspace_id = $1::bigint AND e.group_id = x.id AND e.address IN (m.address, t.address) OFFSET 0) AS e)" \
	" OR c.deleted_at IS NOT NULL OR c.merged_into IS NOT NULL" \
	" OR ($10::integer > 0 AND coalesce(v.last_inbound_at, '-infinity') < now() - $10::integer * interval '1 day')" \
	" OR ($11::integer > 0 AND EXISTS (SELECT FROM conversations v CROSS JOIN LATERAL (SELECT h.type FROM chats h" \
	" WHERE h.workspace_id = v.workspace_id AND h.conversation_id = v.id AND h.sent_at > now() - $11::integer * interval '1 day' OFFSET 0) AS h" \
	" WHERE v.workspace_id = $1::bigint AND v.contact_id = c.id AND h.type = 'outbound'))" \
	" FROM m CROSS JOIN (SELECT array_agg(coalesce(t.business_id, '')) AS ids FROM whatsapp_accounts t WHERE t.workspace_id = $1::bigint" \
	" AND t.id = ANY ($6::bigint[]) OFFSET 0) AS p LEFT JOIN LATERAL (SELECT a.contact_id FROM contact_aliases a WHERE a.workspace_id = $1::bigint" \
	" AND a.kind =" KIND " AND a.value =" VALUE \
	" AND a.scope = ANY (CASE WHEN m.address LIKE 'bsuid:%' THEN p.ids ELSE '{\"\"}' END) ORDER BY a.scope LIMIT 1)" \
	" AS a ON m.contact_id IS NULL" \
	" LEFT JOIN LATERAL (SELECT * FROM contacts c WHERE c.workspace_id = $1::bigint AND c.id = coalesce(m.contact_id, a.contact_id) OFFSET 0)" \
	" AS c ON true CROSS JOIN LATERAL (SELECT coalesce(c.match_key, m.address) AS address) AS t" \
	" CROSS JOIN LATERAL (SELECT coalesce((SELECT array_position($6::bigint[], v.account_id) - 1 FROM conversations v" \
	" WHERE v.workspace_id = $1::bigint AND v.contact_id = c.id AND v.merged_into IS NULL AND v.account_id = ANY ($6::bigint[])" \
	" ORDER BY v.last_message_at DESC NULLS LAST, v.id LIMIT 1)," \
	" (hashtextextended(coalesce(t.address, ''), 0) & 9223372036854775807) % cardinality($6::bigint[]))::smallint AS segment OFFSET 0) AS g" \
	" CROSS JOIN LATERAL (SELECT max(v.last_inbound_at) AS last_inbound_at," \
	" max(v.last_inbound_at) FILTER (WHERE v.account_id = ($6::bigint[])[g.segment + 1]) AS last_inbound_here FROM conversations v" \
	" WHERE v.workspace_id = $1::bigint AND v.contact_id = c.id OFFSET 0) AS v"

static const struct pg_stmt groups = { "audience_groups", PG_UNNAMED, MEMBERS_OF_GROUPS JUDGED " ORDER BY m.cursor" };
static const struct pg_stmt all = { "audience_all", PG_UNNAMED, MEMBERS_OF_ALL JUDGED " ORDER BY m.contact_id" };

static const struct pg_stmt find_groups = { "audience_find_groups", PG_UNNAMED,
	"SELECT r.place, g.id FROM unnest($2::uuid[]) WITH ORDINALITY AS r (uuid, place) CROSS JOIN LATERAL (SELECT g.id FROM contact_groups g"
	" WHERE g.workspace_id = $1::bigint AND g.uuid = r.uuid AND g.deleted_at IS NULL OFFSET 0) AS g" };

/* $1 workspace, $2 campaign, $3 cursor. */
static const struct pg_stmt recipients = { "audience_recipients", PG_UNNAMED,
	"WITH added AS (INSERT INTO sends (workspace_id, campaign_id, segment, contact_id, address, status, error_code, request)"
	" SELECT $1::bigint, $2::bigint, r.segment, r.contact_id, r.address, CASE WHEN r.reason IS NULL THEN 'pending' ELSE 'skipped' END,"
	" r.reason, r.content FROM unnest($4::text[], $5::bigint[], $6::smallint[], $7::text[], $8::bytea[]) WITH ORDINALITY"
	" AS r (address, contact_id, segment, reason, content, place) ORDER BY r.place"
	" ON CONFLICT (workspace_id, campaign_id, address) WHERE campaign_id IS NOT NULL DO NOTHING RETURNING id, status),"
	" total AS MATERIALIZED (SELECT count(*) AS n, count(*) FILTER (WHERE status = 'skipped') AS skipped, min(id) AS first, max(id) AS last"
	" FROM added)"
	" UPDATE campaigns c SET audience_cursor = $3::text, first_send_id = least(c.first_send_id, t.first),"
	" last_send_id = greatest(c.last_send_id, t.last), updated_at = now() FROM total t"
	" WHERE c.workspace_id = $1::bigint AND c.id = $2::bigint RETURNING t.n, t.skipped" };

/* A chunk of which nothing is written: all its members are excluded. */
static const struct pg_stmt advance = {
	"audience_advance", PG_PREPARED,
	"UPDATE campaigns SET audience_cursor = $3::text, updated_at = now() WHERE workspace_id = $1::bigint AND id = $2::bigint"
};

const struct pg_stmt *const audience_read_statements[] = { &groups, &all, &find_groups, NULL };
const struct pg_stmt *const audience_statements[] = { &recipients, &advance, NULL };

static struct pg_array *ids_array(const int64_t *ids, size_t n)
{
	struct pg_array *a = pg_array_new(PG_I64);

	for (size_t i = 0; i < n; i++)
		pg_array_i64(a, ids[i]);
	return a;
}

static int chunk_run(struct pg *pg, const struct audience *w, struct str cursor, int limit, struct pg_rows **rows,
	struct err *err)
{
	struct pg_array *from = ids_array(w->groups, w->n_groups), *but = ids_array(w->excluded, w->n_excluded),
			*accounts = ids_array(w->accounts, w->n_accounts);
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i64(args, w->workspace_id);
	pg_arg_text(args, cursor);
	pg_arg_i32(args, limit);
	pg_arg_array(args, from);
	pg_arg_array(args, but);
	pg_arg_array(args, accounts);
	pg_arg_text(args, str_of(provider_word(w->provider)));
	pg_arg_bool(args, w->marketing);
	pg_arg_bool(args, w->window);
	pg_arg_i32(args, w->last_inbound_within_days);
	pg_arg_i32(args, w->not_contacted_for_days);
	rc = pg_run(pg, w->all ? &all : &groups, args, rows, err);
	pg_args_free(args);
	pg_array_free(from);
	pg_array_free(but);
	pg_array_free(accounts);
	return rc;
}

int store_audience_read(struct pg *pg, const struct audience *audience, struct str cursor, int limit, struct arena *a,
	void (*each)(void *ctx, const struct audience_member *member), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;

	assert(audience->n_accounts >= 1 && audience->n_accounts <= CAMPAIGN_SEGMENTS_MAX);
	if (chunk_run(pg, audience, cursor, limit, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, a); cells_more(&c); cells_next(&c)) {
		struct audience_member m = { .cursor = cells_text(&c) };

		m.address = cells_text(&c);
		m.dialled = cells_text(&c);
		m.contact_id = cells_id(&c);
		m.first_name = cells_text(&c);
		m.last_name = cells_text(&c);
		m.full_name = cells_text(&c);
		m.variables = cells_text(&c);
		m.segment = (int16_t)cells_i32(&c);
		m.reason = cells_text(&c);
		m.excluded = cells_bool(&c);
		each(ctx, &m);
	}
	pg_rows_free(rows);
	return 0;
}

int store_audience_groups(struct pg *pg, int64_t workspace_id, const struct uuid *uuids, size_t n, int64_t *out,
	struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns columns;

	if (n == 0)
		return 0;
	columns_init(&columns);
	pg_arg_i64(columns_scalars(&columns), workspace_id);
	for (size_t i = 0; i < n; i++) {
		columns_row(&columns);
		columns_uuid(&columns, &uuids[i]);
	}
	if (columns_run(&columns, pg, &find_groups, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		out[i] = 0;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		size_t place = cells_place(&c, n);

		out[place] = cells_i64(&c);
	}
	pg_rows_free(rows);
	return 0;
}

static int cursor_advance(struct pg *pg, const struct campaign_key *key, struct str cursor, struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i64(args, key->workspace_id);
	pg_arg_i64(args, key->id);
	pg_arg_text(args, cursor);
	rc = pg_run(pg, &advance, args, NULL, err);
	pg_args_free(args);
	return rc;
}

int store_campaign_recipients(struct pg *pg, const struct campaign_key *key, const struct campaign_recipient *rows,
	size_t n, struct str cursor, int32_t slot, int64_t *written, struct err *err)
{
	struct campaign_counts counts = { 0 };
	struct pg_rows *answer = NULL;
	struct columns c;

	*written = 0;
	if (n == 0)
		return cursor_advance(pg, key, cursor, err);
	columns_init(&c);
	pg_arg_i64(columns_scalars(&c), key->workspace_id);
	pg_arg_i64(columns_scalars(&c), key->id);
	pg_arg_text(columns_scalars(&c), cursor);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_text(&c, rows[i].address);
		columns_id(&c, rows[i].contact_id);
		columns_i16(&c, rows[i].segment);
		columns_text(&c, rows[i].reason);
		columns_bytea(&c, rows[i].content);
	}
	if (columns_run(&c, pg, &recipients, &answer, err) < 0)
		return -1;
	if (pg_rows_count(answer) > 0 && (*written = pg_i64(answer, 0, 0)) > 0) {
		struct count_change *change = counts_of(&counts, key->workspace_id, key->id, slot);

		change->recipients = *written;
		change->skipped = pg_i64(answer, 0, 1);
	}
	pg_rows_free(answer);
	return counts_write(&counts, pg, "driver", err);
}
