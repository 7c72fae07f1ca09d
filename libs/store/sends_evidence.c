/* See sends_evidence.h: what becomes of messages after they were sent, as chat-event says. Invariant: a status moves
 * forward only, whatever the order in which evidence arrives. */
#include "store/sends_evidence.h"

#include "store/campaign_counts.h"
#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

/* Rank of a row's status. A failure without sent_at was never sent, as far as was known: any evidence overrules it. */
#define RANK_OF_ROW \
	"CASE WHEN o.status = 'failed' AND o.sent_at IS NULL THEN 0" \
	" ELSE array_position('{pending,skipped,unknown,sent,failed,delivered,read}'::text[], o.status) END"
#define RANK_OF_EVIDENCE "array_position('{pending,skipped,unknown,sent,failed,delivered,read}'::text[], r.status)"

/* Each piece of evidence finds its row: by request, by id, or by campaign and address when the id is another row's.
 * The row is locked, so that what it was is exact. Of several for one row the furthest decides; times are the
 * earliest of each status. One chain of CTEs, none of which is joined: a join by place would compare each row with
 * each.
 *
 * A row whose contact was erased gets its status, and nothing that the provider said.
 *
 * Evidence of an earlier generation: the row that waits to be sent again has been sent already, unless that has
 * begun; then it is suspected of being a duplicate, which is reported once. */
static const struct pg_stmt evidence = { "sends_evidence", PG_UNNAMED,
	"WITH target AS MATERIALIZED (SELECT r.*, " RANK_OF_EVIDENCE " AS rank, coalesce(q.id, i.id, a.id) AS send_id"
	" FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::bigint[], $5::integer[], $6::bigint[], $7::text[], $8::text[],"
	" $9::timestamptz[], $10::text[], $11::text[], $12::text[], $13::boolean[], $14::text[]) WITH ORDINALITY AS r (workspace_id,"
	" request, campaign, id, generation, account_id, address, status, at, provider_id, code, reason, keep,"
	" via, place)"
	" LEFT JOIN LATERAL (SELECT s.id FROM sends s WHERE s.workspace_id = r.workspace_id AND s.request_id = r.request OFFSET 0) AS q ON true"
	" LEFT JOIN LATERAL (SELECT c.id FROM campaigns c WHERE c.workspace_id = r.workspace_id AND c.uuid = r.campaign OFFSET 0) AS c ON true"
	" LEFT JOIN LATERAL (SELECT s.id FROM sends s WHERE s.workspace_id = r.workspace_id AND s.id = r.id"
	" AND s.campaign_id IS NOT DISTINCT FROM c.id AND (r.address IS NULL OR s.address IN (r.address, 'erased:' || s.id)) OFFSET 0) AS i"
	" ON c.id IS NOT NULL"
	" LEFT JOIN LATERAL (SELECT s.id FROM sends s WHERE s.workspace_id = r.workspace_id AND s.campaign_id = c.id AND s.address = r.address"
	" OFFSET 0) AS a ON i.id IS NULL),"
	" old AS MATERIALIZED (SELECT t.*, o.campaign_id, o.status AS was, o.generation AS latest, " RANK_OF_ROW
	" AS was_rank, o.known, o.peer,"
	" l.begun FROM (SELECT * FROM target WHERE send_id IS NOT NULL ORDER BY workspace_id, send_id) AS t"
	" CROSS JOIN LATERAL (SELECT campaign_id, segment, address AS peer, status, generation, sent_at, account_id,"
	" duplicate_suspected AS known FROM sends s"
	" WHERE s.workspace_id = t.workspace_id AND s.id = t.send_id FOR NO KEY UPDATE) AS o"
	" LEFT JOIN LATERAL (SELECT g.account_id FROM campaign_segments g WHERE g.workspace_id = t.workspace_id AND g.campaign_id = o.campaign_id"
	" AND g.segment = o.segment OFFSET 0) AS g ON o.account_id IS NULL"
	" LEFT JOIN LATERAL (SELECT t.send_id = ANY (l.in_flight) AS begun FROM send_lanes l WHERE l.workspace_id = t.workspace_id"
	" AND l.account_id = coalesce(o.account_id, g.account_id) OFFSET 0) AS l ON true),"
	" seen AS (SELECT *, CASE WHEN generation < latest AND (was <> 'pending' OR begun)"
	" THEN CASE WHEN known THEN 'none' ELSE 'duplicate' END"
	" WHEN generation <= latest AND rank > was_rank THEN 'applied' ELSE 'none' END AS effect FROM old),"
	" best AS (SELECT *,"
	" row_number() OVER (w ORDER BY effect <> 'applied',"
	" CASE effect WHEN 'applied' THEN rank END DESC, place) AS nth, min(place) FILTER (WHERE effect = 'duplicate') OVER w AS suspect,"
	" min(at) OVER w AS first_at, max(provider_id) FILTER (WHERE effect = 'applied') OVER w AS own,"
	" min(at) FILTER (WHERE status IN ('delivered', 'read')) OVER w AS delivered_at,"
	" min(at) FILTER (WHERE status = 'read') OVER w AS read_at"
	" FROM seen WINDOW w AS (PARTITION BY workspace_id, send_id)),"
	" told AS (UPDATE sends s SET duplicate_suspected = true, updated_at = now() FROM best k WHERE k.nth = 1 AND k.suspect > 0"
	" AND k.effect <> 'applied' AND (s.workspace_id, s.id) = (k.workspace_id, k.send_id)),"
	" moved AS (UPDATE sends s SET status = k.status, attempt = greatest(s.attempt, 1), next_attempt_at = NULL,"
	" duplicate_suspected = k.known OR k.suspect IS NOT NULL,"
	" resolved_by = CASE WHEN k.was = 'unknown' THEN k.via ELSE s.resolved_by END, sent_by = k.account_id,"
	" provider_message_id = CASE WHEN k.peer NOT LIKE 'erased:%' THEN coalesce(k.provider_id, k.own, s.provider_message_id) END,"
	" error_code = k.code, error_message = CASE WHEN k.peer NOT LIKE 'erased:%' THEN k.reason END, sent_at = coalesce(s.sent_at, k.first_at),"
	" delivered_at = coalesce(s.delivered_at, k.delivered_at), read_at = coalesce(s.read_at, k.read_at),"
	" request = CASE WHEN k.status = 'sent' OR k.keep THEN s.request END, updated_at = now()"
	" FROM best k WHERE k.nth = 1 AND k.effect = 'applied' AND (s.workspace_id, s.id) = (k.workspace_id, k.send_id)"
	") SELECT place, send_id, campaign_id, was, effect, nth = 1, peer FROM best"
	" WHERE nth = 1 OR place = suspect ORDER BY place" };

const struct pg_stmt *const sends_evidence_statements[] = { &evidence, NULL };

static void evidence_add(struct columns *c, const struct send_evidence *r)
{
	columns_row(c);
	columns_i64(c, r->workspace_id);
	columns_uuid(c, &r->client.request);
	columns_uuid(c, &r->client.campaign);
	columns_id(c, r->client.id);
	columns_i32(c, r->client.generation);
	columns_i64(c, r->account_id);
	columns_text(c, r->address);
	columns_word(c, store_send_status_word(r->status));
	columns_time(c, r->at_us);
	columns_text(c, r->provider_message_id);
	columns_text(c, r->error_code);
	columns_text(c, r->error_message);
	columns_bool(c, r->keep_content);
	columns_word(c, r->resolved_by);
}

static enum send_status status_read(struct cells *c)
{
	struct str word = cells_borrow(c);

	for (int s = 0; s < SEND_STATUSES; s++)
		if (str_is(word, store_send_status_word((enum send_status)s)))
			return (enum send_status)s;
	return SEND_STATUS_PENDING;
}

int store_sends_evidence(struct pg *pg, const struct send_evidence *rows, size_t n, int32_t slot,
	void (*each)(void *ctx, const struct evidence_found *found), void *ctx, struct err *err)
{
	struct campaign_counts counts = { 0 };
	struct pg_rows *answer = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++)
		evidence_add(&c, &rows[i]);
	if (columns_run(&c, pg, &evidence, &answer, err) < 0)
		return -1;
	for (struct cells at = cells_of(answer, NULL); cells_more(&at); cells_next(&at)) {
		struct evidence_found found = { .place = cells_place(&at, n) };
		struct str effect;
		bool counts_it;

		found.id = cells_i64(&at);
		found.campaign_id = cells_id(&at);
		found.was = status_read(&at);
		effect = cells_borrow(&at);
		found.effect = str_is(effect, "applied") ? EVIDENCE_APPLIED
			: str_is(effect, "duplicate")    ? EVIDENCE_DUPLICATE
							 : EVIDENCE_NONE;
		counts_it = cells_bool(&at);
		found.address = cells_borrow(&at);
		if (counts_it && found.effect == EVIDENCE_APPLIED)
			counts_move(&counts, rows[found.place].workspace_id, found.campaign_id, slot, found.was,
				rows[found.place].status);
		each(ctx, &found);
	}
	pg_rows_free(answer);
	return counts_write(&counts, pg, "status", err);
}
