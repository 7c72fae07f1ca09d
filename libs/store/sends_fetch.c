/* See sends_fetch.h. Invariant: what a fetch reads is bounded by what it returns, or, of a segment, by the range of
 * its campaign. */
#include "store/sends_fetch.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

#define ROW_COLUMNS \
	"s.workspace_id, s.id, s.campaign_id, s.segment, s.request_id, s.kind, s.contact_id, s.address, s.status, s.attempt," \
	" s.generation, s.next_attempt_at, s.deadline, s.created_at, (extract(epoch FROM now() - s.updated_at) * 1000)::bigint, s.request"

static const struct pg_stmt due = { "sends_due", PG_UNNAMED,
	"SELECT r.place, " ROW_COLUMNS " FROM unnest($2::bigint[], $3::bigint[], $4::integer[]) WITH ORDINALITY"
	" AS r (workspace_id, account_id, room, place) CROSS JOIN LATERAL (SELECT * FROM sends s WHERE s.workspace_id = r.workspace_id"
	" AND s.account_id = r.account_id AND s.next_attempt_at <= now() AND s.id <> ALL ($1::bigint[])"
	" ORDER BY s.next_attempt_at, s.id LIMIT r.room) AS s ORDER BY r.place, s.next_attempt_at, s.id" };

/* IS NOT DISTINCT FROM is no index condition: the rows are read by primary key from the cursor on, in their order,
 * and not all rows of the campaign by sends_recipient. */
static const struct pg_stmt segment = { "sends_segment", PG_PREPARED,
	"SELECT r.place, " ROW_COLUMNS
	" FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[], $5::integer[])"
	" WITH ORDINALITY AS r (workspace_id, campaign_id, segment, after_id, room, place)"
	" CROSS JOIN LATERAL (SELECT c.first_send_id, c.last_send_id FROM campaigns c WHERE c.workspace_id = r.workspace_id"
	" AND c.id = r.campaign_id AND c.status = 'running' AND c.prepared_at IS NOT NULL OFFSET 0) AS c"
	" CROSS JOIN LATERAL (SELECT * FROM sends s WHERE s.workspace_id = r.workspace_id"
	" AND s.id > greatest(r.after_id, c.first_send_id - 1) AND s.id <= c.last_send_id"
	" AND s.campaign_id IS NOT DISTINCT FROM r.campaign_id AND s.segment = r.segment AND s.status = 'pending'"
	" AND s.next_attempt_at IS NULL ORDER BY s.id LIMIT r.room) AS s ORDER BY r.place, s.id" };

static const struct pg_stmt retries = { "sends_retries", PG_UNNAMED,
	"SELECT r.place, " ROW_COLUMNS " FROM unnest($2::bigint[], $3::bigint[], $4::smallint[], $5::integer[])"
	" WITH ORDINALITY AS r (workspace_id, campaign_id, segment, room, place)"
	" CROSS JOIN LATERAL (SELECT FROM campaigns c WHERE c.workspace_id = r.workspace_id AND c.id = r.campaign_id"
	" AND c.status = 'running' AND c.prepared_at IS NOT NULL OFFSET 0) AS c"
	" CROSS JOIN LATERAL (SELECT * FROM sends s WHERE s.workspace_id = r.workspace_id AND s.campaign_id = r.campaign_id"
	" AND s.segment = r.segment AND s.account_id IS NULL AND s.next_attempt_at <= now() AND s.id <> ALL ($1::bigint[])"
	" ORDER BY s.next_attempt_at, s.id LIMIT r.room) AS s ORDER BY r.place, s.next_attempt_at, s.id" };

#define NEAR \
	"2000" /* ids to each side that are searched for the message of an echo: provider_message_id has no index */
#define UNKNOWN_MAX "100" /* of one address: more of them say nothing of which was shown */

/* A message that was requested after the echo, or is in flight only since then, is not the one that it shows. One whose answer is
 * lost has often been shown before its attempt times out: hence those in flight. */
static const struct pg_stmt unknown = {
	"sends_unknown", PG_UNNAMED,
	"SELECT r.place, " ROW_COLUMNS
	" FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[]) WITH ORDINALITY"
	" AS r (workspace_id, account_id, address, at, provider_id, place) CROSS JOIN LATERAL ((SELECT * FROM sends s WHERE s.workspace_id = r.workspace_id"
	" AND s.account_id = r.account_id AND s.address = r.address AND s.next_attempt_at IS NOT NULL"
	" AND s.status IS NOT DISTINCT FROM 'unknown' AND s.created_at <= r.at ORDER BY s.id LIMIT " UNKNOWN_MAX
	") UNION ALL"
	" SELECT s.* FROM send_lanes l CROSS JOIN LATERAL unnest(l.in_flight, l.in_flight_at) AS f (id, at) CROSS JOIN LATERAL (SELECT * FROM sends s"
	" WHERE s.workspace_id = r.workspace_id AND s.id = f.id AND s.status = 'pending' AND s.address = r.address"
	" AND coalesce(f.at, '-infinity') <= r.at"
	" AND s.created_at <= r.at OFFSET 0) AS s WHERE l.workspace_id = r.workspace_id AND l.account_id = r.account_id) AS s"
	" WHERE NOT EXISTS (SELECT FROM sends o WHERE o.workspace_id = s.workspace_id AND o.id BETWEEN s.id - " NEAR
	" AND s.id + " NEAR
	" AND o.id <> s.id AND o.provider_message_id = r.provider_id AND o.sent_by = r.account_id OFFSET 0) ORDER BY r.place, s.id"
};

const struct pg_stmt *const sends_fetch_statements[] = { &due, &retries, &segment, &unknown, NULL };

static enum send_kind kind_read(struct cells *c)
{
	struct str word = cells_borrow(c);

	return str_is(word, "reaction") ? SEND_REACTION : str_is(word, "read") ? SEND_READ : SEND_MESSAGE;
}

static void rows_read(struct pg_rows *rows, size_t sources, struct arena *a,
	void (*each)(void *ctx, const struct send_row *row), void *ctx)
{
	for (struct cells c = cells_of(rows, a); cells_more(&c); cells_next(&c)) {
		struct send_row row = { .place = cells_place(&c, sources) };

		row.workspace_id = cells_i64(&c);
		row.id = cells_i64(&c);
		row.campaign_id = cells_id(&c);
		row.segment = (int16_t)cells_id(&c);
		row.request = cells_uuid(&c);
		row.kind = kind_read(&c);
		row.contact_id = cells_id(&c);
		row.address = cells_text(&c);
		row.status = str_is(cells_borrow(&c), "unknown") ? SEND_STATUS_UNKNOWN : SEND_STATUS_PENDING;
		row.attempt = cells_i32(&c);
		row.generation = cells_i32(&c);
		row.next_attempt_us = cells_time(&c);
		row.deadline_us = cells_time(&c);
		row.created_us = cells_time(&c);
		row.age_ms = cells_i64(&c);
		row.content = cells_text(&c);
		each(ctx, &row);
	}
}

static struct pg_array *ids_array(const int64_t *ids, size_t n)
{
	struct pg_array *a = pg_array_new(PG_I64);

	for (size_t i = 0; i < n; i++)
		pg_array_i64(a, ids[i]);
	return a;
}

int store_sends_due(struct pg *pg, const struct send_due_source *sources, size_t n, const int64_t *known,
	size_t n_known, struct arena *a, void (*each)(void *ctx, const struct send_row *row), void *ctx,
	struct err *err)
{
	struct pg_array *ids;
	struct pg_rows *rows = NULL;
	struct columns c;
	int rc;

	if (n == 0)
		return 0;
	ids = ids_array(known, n_known);
	columns_init(&c);
	pg_arg_array(columns_scalars(&c), ids);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, sources[i].workspace_id);
		columns_i64(&c, sources[i].account_id);
		columns_i32(&c, sources[i].room);
	}
	rc = columns_run(&c, pg, &due, &rows, err);
	pg_array_free(ids);
	if (rc < 0)
		return -1;
	rows_read(rows, n, a, each, ctx);
	pg_rows_free(rows);
	return 0;
}

int store_sends_retries(struct pg *pg, const struct send_segment_source *sources, size_t n, const int64_t *known,
	size_t n_known, struct arena *a, void (*each)(void *ctx, const struct send_row *row), void *ctx,
	struct err *err)
{
	struct pg_array *ids;
	struct pg_rows *rows = NULL;
	struct columns c;
	int rc;

	if (n == 0)
		return 0;
	ids = ids_array(known, n_known);
	columns_init(&c);
	pg_arg_array(columns_scalars(&c), ids);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, sources[i].workspace_id);
		columns_i64(&c, sources[i].campaign_id);
		columns_i16(&c, sources[i].segment);
		columns_i32(&c, sources[i].room);
	}
	rc = columns_run(&c, pg, &retries, &rows, err);
	pg_array_free(ids);
	if (rc < 0)
		return -1;
	rows_read(rows, n, a, each, ctx);
	pg_rows_free(rows);
	return 0;
}

int store_sends_segment(struct pg *pg, const struct send_segment_source *sources, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct send_row *row), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, sources[i].workspace_id);
		columns_i64(&c, sources[i].campaign_id);
		columns_i16(&c, sources[i].segment);
		columns_i64(&c, sources[i].after_id);
		columns_i32(&c, sources[i].room);
	}
	if (columns_run(&c, pg, &segment, &rows, err) < 0)
		return -1;
	rows_read(rows, n, a, each, ctx);
	pg_rows_free(rows);
	return 0;
}

int store_sends_unknown(struct pg *pg, const struct send_echo *echoes, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct send_row *row), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, echoes[i].workspace_id);
		columns_i64(&c, echoes[i].account_id);
		columns_text(&c, echoes[i].address);
		columns_time(&c, echoes[i].at_us);
		columns_text(&c, echoes[i].provider_id);
	}
	if (columns_run(&c, pg, &unknown, &rows, err) < 0)
		return -1;
	rows_read(rows, n, a, each, ctx);
	pg_rows_free(rows);
	return 0;
}
