/* See sends_results.h: results of attempts. Invariant: a row that has a result keeps it; what another owner of its lane
 * wrote meanwhile wins. */
#include "store/sends_results.h"

#include "store/campaign_counts.h"
#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

#define ERASED "s.address LIKE 'erased:%'"
#define DUE_IN "CASE WHEN r.delay_ms < 0 THEN 'infinity' ELSE now() + r.delay_ms * interval '1 millisecond' END"

/* resolved_by is set exactly when the row was unknown: so RETURNING knows what it was, without a lock of its own. A
 * campaign's row that ends at its first attempt changes no indexed column. An erasure may have emptied the row meanwhile,
 * and be done: what the provider says of the person is not written any more. */
static const struct pg_stmt results = { "sends_results", PG_PREPARED,
	"UPDATE sends s SET status = r.status, attempt = r.attempt, sent_by = r.sent_by,"
	" account_id = CASE WHEN r.status = 'pending' AND s.campaign_id IS NOT NULL THEN NULL WHEN r.status IN ('pending', 'unknown')"
	" THEN r.account_id ELSE s.account_id END,"
	" next_attempt_at = CASE WHEN r.status IN ('pending', 'unknown') THEN " DUE_IN " END,"
	" resolved_by = CASE WHEN s.status = 'unknown' THEN coalesce(r.resolved_by, 'answer') END,"
	" provider_message_id = CASE WHEN NOT " ERASED
	" THEN coalesce(r.provider_message_id, s.provider_message_id) END,"
	" error_code = r.error_code, error_message = CASE WHEN NOT " ERASED
	" THEN r.error_message END, sent_at = CASE WHEN r.status = 'sent' THEN now() END,"
	" request = CASE WHEN r.status IN ('pending', 'unknown') OR r.keep_content THEN s.request END, updated_at = now()"
	" FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::bigint[], $5::integer[], $6::text[], $7::integer[], $8::bigint[],"
	" $9::bigint[], $10::text[], $11::text[], $12::text[], $13::boolean[], $14::text[]) WITH ORDINALITY AS r (workspace_id, id,"
	" generation, sent_by, slot, status, attempt, account_id, delay_ms, provider_message_id, error_code, error_message, keep_content,"
	" resolved_by, place)"
	" WHERE s.workspace_id = r.workspace_id AND s.id = r.id AND s.generation = r.generation"
	" AND (s.status = 'pending' OR (s.status = 'unknown' AND r.status <> 'unknown'))"
	" RETURNING r.place, s.campaign_id, s.segment, s.resolved_by IS NOT NULL, " ERASED };

/* Of rows that had a result already, mostly by a status: rare enough for a statement of its own. */
static const struct pg_stmt erased = { "sends_results_erased", PG_PREPARED,
	"SELECT r.place FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS r (workspace_id, id, place)"
	" CROSS JOIN LATERAL (SELECT FROM sends s WHERE s.workspace_id = r.workspace_id AND s.id = r.id AND " ERASED
	" OFFSET 0) AS s" };

/* An unknown message that was not sent is pending again: its segment may be done, or another session may be about to make it done. */
static const struct pg_stmt reopen = { "sends_reopen_segments", PG_UNNAMED,
	"UPDATE campaign_segments g SET done = false, updated_at = now() FROM (SELECT DISTINCT * FROM unnest($1::bigint[], $2::bigint[],"
	" $3::smallint[]) AS r (workspace_id, campaign_id, segment) ORDER BY 1, 2, 3) AS r WHERE g.workspace_id = r.workspace_id"
	" AND g.campaign_id = r.campaign_id AND g.segment = r.segment" };

#define IDS \
	" FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS r (workspace_id, id, delay_ms)" \
	" WHERE s.workspace_id = r.workspace_id AND s.id = r.id"

/* updated_at stays: of an unknown row it is when it became unknown. */
static const struct pg_stmt postpone = { "sends_postpone", PG_UNNAMED,
	"UPDATE sends s SET next_attempt_at = " DUE_IN IDS " AND s.next_attempt_at IS NOT NULL" };

/* The content goes: it is never sent again by itself. */
static const struct pg_stmt assume = { "sends_assume", PG_UNNAMED,
	"UPDATE sends s SET next_attempt_at = NULL, request = NULL, resolved_by = 'policy', updated_at = now()" IDS
	" AND s.status = 'unknown'" };

static const struct pg_stmt recover = {
	"sends_recover", PG_UNNAMED,
	"UPDATE sends s SET status = CASE WHEN r.begun AND s.kind = 'message' THEN 'unknown' ELSE 'pending' END,"
	" attempt = s.attempt + r.begun::integer, sent_by = CASE WHEN r.begun THEN r.account_id ELSE s.sent_by END,"
	" account_id = CASE WHEN s.campaign_id IS NULL OR r.begun THEN r.account_id END, next_attempt_at = CASE WHEN r.begun AND s.kind = 'message'"
	" THEN now() + $1::bigint * interval '1 millisecond' ELSE now() END, updated_at = now()"
	" FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::integer[], $6::boolean[])"
	" WITH ORDINALITY AS r (workspace_id, id, account_id, slot, begun, place)"
	" WHERE s.workspace_id = r.workspace_id AND s.id = r.id AND s.status = 'pending'"
	" RETURNING r.place, s.campaign_id, s.status = 'unknown', s.workspace_id, s.id, s.request_id, s.generation, s.address, s.request"
};

static const struct pg_stmt count_unknown = { "sends_count_unknown", PG_UNNAMED,
	"SELECT count(*), count(*) FILTER (WHERE s.next_attempt_at < now() - $1::bigint * interval '1 millisecond')"
	" FROM send_lanes l CROSS JOIN LATERAL (SELECT s.next_attempt_at FROM sends s WHERE s.workspace_id = l.workspace_id"
	" AND s.account_id = l.account_id AND s.next_attempt_at IS NOT NULL AND s.status = 'unknown' OFFSET 0) AS s"
	" WHERE l.partition = ANY ($2::integer[])" };

const struct pg_stmt *const sends_results_statements[] = { &results, &erased, &reopen, &postpone, &assume, &recover,
	&count_unknown, NULL };

static void result_add(struct columns *c, const struct send_result *r)
{
	columns_row(c);
	columns_i64(c, r->workspace_id);
	columns_i64(c, r->id);
	columns_i32(c, r->generation);
	columns_i64(c, r->sent_by);
	columns_i32(c, r->slot);
	columns_word(c, store_send_status_word(r->status));
	columns_i32(c, r->attempt);
	columns_id(c, r->account_id);
	columns_i64(c, r->delay_ms);
	columns_text(c, r->provider_message_id);
	columns_text(c, r->error_code);
	columns_text(c, r->error_message);
	columns_bool(c, r->keep_content);
	columns_word(c, r->resolved_by);
}

static int erased_find(struct pg *pg, struct send_result *rows, size_t n, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;
	bool any = false;

	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		if (rows[i].applied)
			continue;
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].id);
		columns_i64(&c, (int64_t)i + 1);
		any = true;
	}
	if (!any) {
		columns_fini(&c);
		return 0;
	}
	if (columns_run(&c, pg, &erased, &answer, err) < 0)
		return -1;
	for (struct cells at = cells_of(answer, NULL); cells_more(&at); cells_next(&at))
		rows[cells_place(&at, n)].erased = true;
	pg_rows_free(answer);
	return 0;
}

int store_sends_results(struct pg *pg, struct send_result *rows, size_t n, struct err *err)
{
	struct campaign_counts counts = { 0 };
	struct pg_rows *answer = NULL;
	struct columns c;
	size_t reopened = 0;
	int rc = -1;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++)
		result_add(&c, &rows[i]);
	if (columns_run(&c, pg, &results, &answer, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		rows[i].applied = rows[i].resolved = rows[i].erased = false;
	columns_init(&c);
	for (struct cells at = cells_of(answer, NULL); cells_more(&at); cells_next(&at)) {
		struct send_result *r = &rows[cells_place(&at, n)];
		int64_t campaign_id = cells_id(&at), segment = cells_id(&at);
		bool was_unknown = cells_bool(&at);

		r->erased = cells_bool(&at);
		r->applied = true;
		r->resolved = was_unknown;
		counts_move(&counts, r->workspace_id, campaign_id, r->slot,
			was_unknown ? SEND_STATUS_UNKNOWN : SEND_STATUS_PENDING, r->status);
		if (campaign_id == 0 || !was_unknown || r->status != SEND_STATUS_PENDING)
			continue;
		columns_row(&c);
		columns_i64(&c, r->workspace_id);
		columns_i64(&c, campaign_id);
		columns_i16(&c, (int16_t)segment);
		reopened++;
	}
	pg_rows_free(answer);
	if (reopened == 0)
		columns_fini(&c);
	else if (columns_start(&c, pg, &reopen, err) < 0)
		goto out;
	rc = erased_find(pg, rows, n, err) < 0 ? -1 : counts_write(&counts, pg, "lane", err);
out:
	counts_fini(&counts);
	return rc;
}

static int ids_start(struct pg *pg, const struct pg_stmt *stmt, const struct send_id *rows, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].id);
		columns_i64(&c, rows[i].delay_ms);
	}
	return columns_start(&c, pg, stmt, err);
}

int store_sends_postpone(struct pg *pg, const struct send_id *rows, size_t n, struct err *err)
{
	return ids_start(pg, &postpone, rows, n, err);
}

int store_sends_assume(struct pg *pg, const struct send_id *rows, size_t n, struct err *err)
{
	return ids_start(pg, &assume, rows, n, err);
}

/* The place is read already. True: it is unknown now. */
static bool recovered_read(struct cells *at, const struct send_lost *lost, struct campaign_counts *counts,
	struct send_recovered *row)
{
	bool unknown;

	row->campaign_id = cells_id(at);
	unknown = cells_bool(at);

	row->workspace_id = cells_i64(at);
	row->id = cells_i64(at);
	row->request = cells_uuid(at);
	row->generation = cells_i32(at);
	row->address = cells_text(at);
	row->content = cells_text(at);
	counts_move(counts, row->workspace_id, row->campaign_id, lost->slot, SEND_STATUS_PENDING,
		unknown ? SEND_STATUS_UNKNOWN : SEND_STATUS_PENDING);
	return unknown;
}

int store_sends_recover(struct pg *pg, const struct send_lost *rows, size_t n, int64_t delay_ms, struct arena *a,
	void (*each)(void *ctx, const struct send_recovered *row), void *ctx, struct err *err)
{
	struct campaign_counts counts = { 0 };
	struct pg_rows *answer = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	pg_arg_i64(columns_scalars(&c), delay_ms);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].id);
		columns_i64(&c, rows[i].account_id);
		columns_i32(&c, rows[i].slot);
		columns_bool(&c, rows[i].begun);
	}
	if (columns_run(&c, pg, &recover, &answer, err) < 0)
		return -1;
	for (struct cells at = cells_of(answer, a); cells_more(&at); cells_next(&at)) {
		struct send_recovered row = { .place = cells_place(&at, n) };

		if (recovered_read(&at, &rows[row.place], &counts, &row))
			each(ctx, &row);
	}
	pg_rows_free(answer);
	return counts_write(&counts, pg, "lane", err);
}

int store_sends_count_unknown(struct pg *pg, const int32_t *partitions, size_t n, int64_t overdue_ms,
	struct send_unknown_count *out, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;

	*out = (struct send_unknown_count){ 0 };
	if (n == 0)
		return 0;
	columns_init(&c);
	pg_arg_i64(columns_scalars(&c), overdue_ms);
	columns_i32s(&c, partitions, n);
	if (columns_run(&c, pg, &count_unknown, &answer, err) < 0)
		return -1;
	out->unknown = pg_i64(answer, 0, 0);
	out->overdue = pg_i64(answer, 0, 1);
	pg_rows_free(answer);
	return 0;
}
