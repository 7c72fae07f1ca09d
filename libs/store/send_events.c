/* See send_events.h. */
#include "store/send_events.h"

#include "base/vec.h"
#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

static const struct pg_stmt conversations = { "send_conversations", PG_UNNAMED,
	"SELECT r.place, e.restored, x.address FROM (SELECT EXISTS (SELECT FROM restores) AS restored OFFSET 0) AS e CROSS JOIN unnest($1::bigint[], $2::uuid[], $3::boolean[]) WITH ORDINALITY"
	" AS r (workspace_id, conversation, wanted, place)"
	" CROSS JOIN LATERAL (SELECT v.contact_id, v.group_id FROM conversations v WHERE v.workspace_id = r.workspace_id"
	" AND v.uuid = r.conversation OFFSET 0) AS v CROSS JOIN LATERAL (SELECT g.group_jid AS address, 0 AS rank FROM whatsapp_groups g"
	" WHERE g.workspace_id = r.workspace_id AND g.id = v.group_id"
	" UNION ALL SELECT CASE WHEN a.kind IN ('phone', 'jid') THEN a.value ELSE a.kind || ':' || a.value END,"
	" array_position('{phone,lid,jid,bsuid}'::text[], a.kind) FROM contact_aliases a WHERE a.workspace_id = r.workspace_id"
	" AND a.contact_id = v.contact_id AND a.kind <> 'username') AS x"
	" WHERE r.wanted OR e.restored ORDER BY r.place, x.rank, x.address" };

static const struct pg_stmt campaigns = { "campaigns_of_templates", PG_UNNAMED,
	"SELECT r.place, c.uuid FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY"
	" AS r (workspace_id, account_id, name, language, paused_by, place) CROSS JOIN LATERAL (SELECT c.id, c.uuid, c.template_id"
	" FROM campaigns c WHERE c.workspace_id = r.workspace_id AND c.deleted_at IS NULL AND c.template_id IS NOT NULL"
	" AND c.status = CASE WHEN r.paused_by IS NULL THEN 'running' ELSE 'paused' END"
	" AND (r.paused_by IS NULL OR c.pause_code = r.paused_by) OFFSET 0) AS c"
	" WHERE EXISTS (SELECT FROM templates t WHERE t.workspace_id = r.workspace_id AND t.id = c.template_id AND t.name = r.name"
	" AND t.language = r.language OFFSET 0)"
	" AND EXISTS (SELECT FROM campaign_segments g WHERE g.workspace_id = r.workspace_id AND g.campaign_id = c.id"
	" AND g.account_id = r.account_id OFFSET 0) ORDER BY r.place, c.id" };

const struct pg_stmt *const send_events_statements[] = { &conversations, &campaigns, NULL };

int store_send_conversations(struct pg *pg, struct send_conversation *rows, size_t n, struct arena *a, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;
	size_t cap = 0, last = n;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_uuid(&c, &rows[i].conversation);
		columns_bool(&c, rows[i].wanted);
		rows[i].restored = false;
		rows[i].addresses = NULL;
		rows[i].n_addresses = 0;
	}
	if (columns_run(&c, pg, &conversations, &answer, err) < 0)
		return -1;
	for (struct cells at = cells_of(answer, a); cells_more(&at); cells_next(&at)) {
		size_t place = cells_place(&at, n);
		struct send_conversation *row = &rows[place];

		cap = place == last ? cap : 0;
		last = place;
		row->restored = cells_bool(&at);
		row->addresses = vec_grow_in(a, row->addresses, row->n_addresses, &cap, sizeof(*row->addresses));
		row->addresses[row->n_addresses++] = cells_text(&at);
	}
	pg_rows_free(answer);
	return 0;
}

int store_campaigns_of_templates(struct pg *pg, const struct template_use *uses, size_t n,
	void (*each)(void *ctx, size_t place, const struct uuid *campaign), void *ctx, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, uses[i].workspace_id);
		columns_i64(&c, uses[i].account_id);
		columns_text(&c, uses[i].name);
		columns_text(&c, uses[i].language);
		columns_text(&c, uses[i].paused_by);
	}
	if (columns_run(&c, pg, &campaigns, &answer, err) < 0)
		return -1;
	for (struct cells at = cells_of(answer, NULL); cells_more(&at); cells_next(&at)) {
		size_t place = cells_place(&at, n);
		struct uuid campaign = cells_uuid(&at);

		each(ctx, place, &campaign);
	}
	pg_rows_free(answer);
	return 0;
}
