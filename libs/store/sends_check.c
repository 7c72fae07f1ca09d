/* See sends_check.h: the check of rows about to be sent. Invariant: it reads what is committed when the statement
 * begins, so what is posted after the commit was allowed at the check. */
#include "store/sends_check.h"

#include "store/address_alias.h"
#include "store/campaign_counts.h"
#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

#define WINDOW WORKSPACE_WINDOW("o.sending")
#define KIND   ALIAS_KIND("f.address")
#define VALUE  ALIAS_VALUE("f.address")

/* An imported address has no contact until that person writes: then the alias finds it, and its opt-outs count.
 * `person` follows merges: the opt-outs of a merged contact are copied to the surviving one. An unknown category of
 * a template counts as marketing. A row that was erased is not judged by its deadline, as the content of one past it is
 * published. Prepared, as all statements of a flush: planning it takes longer than running it over the rows of one flush,
 * and its plan does not collapse, as the role has only nested loops over indexes to choose from. */
static const struct pg_stmt check = { "sends_check", PG_PREPARED,
	"WITH RECURSIVE found AS MATERIALIZED (SELECT r.*, s.campaign_id, s.contact_id, s.address, s.deadline,"
	" s.status IS NOT DISTINCT FROM 'pending' AND s.generation = r.generation AS pending"
	" FROM unnest($2::bigint[], $3::bigint[], $4::integer[], $5::bigint[], $6::integer[], $7::boolean[]) WITH ORDINALITY"
	" AS r (workspace_id, id, generation, account_id, slot, bridge, place)"
	" LEFT JOIN LATERAL (SELECT * FROM sends s WHERE s.workspace_id = r.workspace_id AND s.id = r.id OFFSET 0) AS s ON true),"
	" campaign AS MATERIALIZED (SELECT d.*, c.status = 'running' AS running,"
	" c.campaign_type = 'instant' OR coalesce(t.category, 'MARKETING') = 'MARKETING' AS marketing, w.open"
	" FROM (SELECT DISTINCT workspace_id, campaign_id, bridge FROM found WHERE campaign_id IS NOT NULL) AS d"
	" CROSS JOIN LATERAL (SELECT * FROM campaigns c WHERE c.workspace_id = d.workspace_id AND c.id = d.campaign_id OFFSET 0) AS c"
	" LEFT JOIN LATERAL (SELECT t.category FROM templates t WHERE t.workspace_id = d.workspace_id AND t.id = c.template_id OFFSET 0)"
	" AS t ON true CROSS JOIN LATERAL (SELECT w.settings -> 'sending' AS sending FROM workspaces w WHERE w.id = d.workspace_id OFFSET 0)"
	" AS o CROSS JOIN LATERAL send_window_at(coalesce(c.send_window," WINDOW
	", CASE WHEN d.bridge THEN $1::jsonb END),"
	" coalesce(c.time_zone, o.sending ->> 'time_zone'), now()) AS w),"
	" person AS (SELECT f.place, f.workspace_id, f.account_id, coalesce(f.contact_id, (SELECT a.contact_id FROM contact_aliases a"
	" WHERE a.workspace_id = f.workspace_id AND a.kind =" KIND " AND a.value =" VALUE
	" AND a.scope = CASE WHEN f.address LIKE 'bsuid:%' THEN coalesce((SELECT t.business_id FROM whatsapp_accounts t"
	" WHERE t.workspace_id = f.workspace_id AND t.id = f.account_id), '') ELSE '' END)) AS id"
	" FROM found f WHERE f.campaign_id IS NOT NULL UNION"
	" SELECT p.place, p.workspace_id, p.account_id, c.merged_into FROM person p CROSS JOIN LATERAL (SELECT c.merged_into FROM contacts c"
	" WHERE c.workspace_id = p.workspace_id AND c.id = p.id OFFSET 0) AS c WHERE c.merged_into IS NOT NULL),"
	" opted_out AS MATERIALIZED (SELECT p.place, bool_or(o.category = 'all') AS of_all FROM person p"
	" CROSS JOIN LATERAL (SELECT o.category FROM contact_opt_outs o WHERE o.workspace_id = p.workspace_id AND o.contact_id = p.id"
	" AND o.stopped AND (o.account_id IS NULL OR o.account_id = p.account_id) AND o.category IN ('all', 'marketing_messages') OFFSET 0)"
	" AS o GROUP BY p.place),"
	" judged AS MATERIALIZED (SELECT f.*, CASE WHEN NOT f.pending THEN 'changed'"
	" WHEN f.campaign_id IS NOT NULL AND c.running IS NOT TRUE THEN 'stopped' WHEN f.address LIKE 'erased:%' THEN 'erased'"
	" WHEN f.deadline < now() THEN 'deadline' WHEN o.of_all OR (o.place IS NOT NULL AND c.marketing) THEN 'opted_out'"
	" WHEN NOT c.open THEN 'closed' WHEN c.bridge AND NOT EXISTS (SELECT FROM person p CROSS JOIN LATERAL (SELECT"
	" account_id FROM conversations WHERE workspace_id = p.workspace_id AND contact_id = p.id"
	" AND group_id IS NULL OFFSET 0) AS v WHERE p.place = f.place AND v.account_id = p.account_id) THEN 'new' END AS verdict FROM found f"
	" LEFT JOIN campaign c USING (workspace_id, campaign_id, bridge)"
	" LEFT JOIN opted_out o USING (place)),"
	" moved AS (UPDATE sends s SET status = CASE WHEN s.campaign_id IS NULL OR j.verdict = 'deadline' THEN 'failed' ELSE 'skipped' END,"
	" error_code = j.verdict, next_attempt_at = NULL, request = NULL, updated_at = now()"
	" FROM (SELECT * FROM judged WHERE verdict IN ('deadline', 'erased', 'opted_out') ORDER BY workspace_id, id) AS j"
	" WHERE s.workspace_id = j.workspace_id AND s.id = j.id AND s.status = 'pending' AND s.generation = j.generation"
	" RETURNING j.place, j.verdict, s.campaign_id, s.status) SELECT j.place, j.verdict, NULL, NULL FROM judged j"
	" WHERE j.verdict IS NOT NULL UNION ALL SELECT m.place, m.verdict, m.campaign_id, m.status FROM moved m" };

const struct pg_stmt *const sends_check_statements[] = { &check, NULL };

static enum send_verdict verdict_of(struct str word)
{
	if (str_is(word, "new"))
		return SEND_MAY;
	return str_is(word, "changed")    ? SEND_CHANGED
		: str_is(word, "stopped") ? SEND_STOPPED
		: str_is(word, "closed")  ? SEND_CLOSED
					  : SEND_ENDED;
}

int store_sends_check(struct pg *pg, struct send_check *rows, size_t n, struct arena *a, struct err *err)
{
	struct campaign_counts counts = { 0 };
	struct pg_rows *answer = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	pg_arg_jsonb(columns_scalars(&c), STR(CAMPAIGN_BRIDGE_WINDOW));
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].id);
		columns_i32(&c, rows[i].generation);
		columns_i64(&c, rows[i].account_id);
		columns_i32(&c, rows[i].slot);
		columns_bool(&c, rows[i].bridge);
	}
	if (columns_run(&c, pg, &check, &answer, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		rows[i].verdict = SEND_MAY;
		rows[i].reason = STR_NONE;
		rows[i].new_conversation = false;
	}
	for (struct cells at = cells_of(answer, a); cells_more(&at); cells_next(&at)) {
		struct send_check *row = &rows[cells_place(&at, n)];
		struct str word = cells_text(&at);

		int64_t campaign_id = cells_id(&at);
		struct str moved_to = cells_borrow(&at);

		row->verdict = verdict_of(word);
		row->new_conversation = row->new_conversation || str_is(word, "new");
		row->reason = row->verdict == SEND_ENDED ? word : STR_NONE;
		if (moved_to.p)
			counts_move(&counts, row->workspace_id, campaign_id, row->slot, SEND_STATUS_PENDING,
				str_is(moved_to, "failed") ? SEND_STATUS_FAILED : SEND_STATUS_SKIPPED);
	}
	pg_rows_free(answer);
	return counts_write(&counts, pg, "lane", err);
}
