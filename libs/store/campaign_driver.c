/* See campaign_driver.h. Invariant: nothing here changes a row. */
#include "store/campaign_driver.h"

#include "store/campaign_counts.h"
#include "store/cells.h"
#include "store/columns.h"
#include "store/lane_columns.h"
#include "store/statements.h"

static const struct pg_stmt references = { "driver_references", PG_PREPARED,
	"SELECT EXISTS (SELECT FROM contact_groups g WHERE g.workspace_id = c.workspace_id AND g.id = c.contact_group_id"
	" AND g.deleted_at IS NULL OFFSET 0), t.name, t.language FROM campaigns c LEFT JOIN LATERAL (SELECT t.name, t.language"
	" FROM templates t WHERE t.workspace_id = c.workspace_id AND t.id = c.template_id OFFSET 0) AS t ON true"
	" WHERE c.workspace_id = $1::bigint AND c.id = $2::bigint" };

/* Deleted ones, too. */
static const struct pg_stmt accounts = { "driver_accounts", PG_PREPARED,
	"SELECT a.uuid FROM campaign_segments g CROSS JOIN LATERAL (SELECT a.uuid FROM whatsapp_accounts a"
	" WHERE a.workspace_id = g.workspace_id AND a.id = g.account_id OFFSET 0) AS a"
	" WHERE g.workspace_id = $1::bigint AND g.campaign_id = $2::bigint ORDER BY g.segment" };

static const struct pg_stmt counters = { "driver_counters", PG_PREPARED,
	"SELECT recipients, messages_sent, messages_delivered, messages_read, messages_failed, messages_skipped, messages_unknown"
	" FROM campaigns WHERE workspace_id = $1::bigint AND id = $2::bigint" };

/* No segment is above 15 (CAMPAIGN_SEGMENTS_MAX). */
static const struct pg_stmt segments = { "driver_segments", PG_PREPARED,
	"SELECT segment, account_id, partition, cursor_id, moving_to, done FROM campaign_segments"
	" WHERE workspace_id = $1::bigint AND campaign_id = $2::bigint ORDER BY segment" };

#define STATE "c.workspace_id, c.id, c.uuid, c.scheduled_at, c.partition, c.status, c.prepared_at, c.audience_cursor"

/* No definitions: a tenant may have many campaigns that are paused. */
static const struct pg_stmt list = { "driver_list", PG_PREPARED,
	"SELECT c.workspace_id, c.id, w.uuid, c.uuid, coalesce(extract(epoch FROM c.scheduled_at - now()) * 1000, 0)::bigint, c.partition,"
	" c.status, c.prepared_at, c.audience_cursor FROM (SELECT " STATE
	" FROM campaigns c WHERE c.partition = ANY ($1::integer[])"
	" AND c.status IN ('scheduled', 'running', 'paused') AND c.deleted_at IS NULL UNION ALL SELECT " STATE
	" FROM campaigns c"
	" WHERE c.partition = ANY ($1::integer[]) AND c.status IN ('completed', 'cancelled') AND c.deleted_at IS NULL"
	" AND c.completed_at > now() - interval '7 days' OFFSET 0) AS c CROSS JOIN LATERAL (SELECT w.uuid FROM workspaces w"
	" WHERE w.id = c.workspace_id AND w.deletion_stage IS NULL OFFSET 0) AS w" };

static const struct pg_stmt notify = { "driver_notify", PG_PREPARED,
	"SELECT pg_notify('blazz_sending', 'campaign:' || $1::uuid)" };

#define WINDOW WORKSPACE_WINDOW("w.settings -> 'sending'")

/* store_campaign_segments_list() tells operators the same of each segment. */
static const struct pg_stmt not_waiting = { "driver_not_waiting", PG_UNNAMED,
	"SELECT count(*) FROM unnest($1::bigint[], $2::bigint[]) AS r (workspace_id, campaign_id) CROSS JOIN LATERAL (SELECT c.status,"
	" c.prepared_at, c.send_window, c.time_zone FROM campaigns c WHERE c.workspace_id = r.workspace_id AND c.id = r.campaign_id OFFSET 0)"
	" AS c CROSS JOIN LATERAL (SELECT w.settings FROM workspaces w WHERE w.id = r.workspace_id OFFSET 0) AS w"
	" WHERE c.status = 'running' AND (c.prepared_at IS NULL OR EXISTS (SELECT FROM campaign_segments g"
	" CROSS JOIN LATERAL (SELECT a.desired_state, a.provider_type, a.status, a.status_at, a.desired_at, a.business_id, a.notices"
	" FROM whatsapp_accounts a WHERE a.workspace_id = g.workspace_id AND a.id = g.account_id AND a.deleted_at IS NULL OFFSET 0) AS a"
	" LEFT JOIN LATERAL (SELECT l.held_at, l.held_until, l.paused_until, l.next_at FROM send_lanes l"
	" WHERE l.workspace_id = g.workspace_id AND l.account_id = g.account_id OFFSET 0) AS l ON true"
	" CROSS JOIN LATERAL send_window_at(coalesce(c.send_window," WINDOW ", CASE a.provider_type WHEN 'webjs' THEN"
	" '" CAMPAIGN_BRIDGE_WINDOW
	"'::jsonb END), coalesce(c.time_zone, w.settings #>> '{sending,time_zone}'), now()) AS v (open, until)"
	" CROSS JOIN LATERAL (SELECT " PORTFOLIO_LIMIT " AS per_day) AS p"
	" WHERE g.workspace_id = r.workspace_id AND g.campaign_id = r.campaign_id AND NOT g.done AND g.moving_to IS NULL AND v.open"
	" AND " LANE_ACCOUNT_CONNECTED " AND NOT " LANE_HELD
	" AND coalesce(l.paused_until <= now(), true) AND coalesce(l.next_at <= now(), true)"
	" AND (p.per_day = 0 OR p.per_day > (SELECT coalesce(sum(h.sends), 0) FROM portfolio_hours h WHERE h.workspace_id = g.workspace_id"
	" AND h.business_id = a.business_id AND h.hour > now() - interval '25 hours'))))" };

const struct pg_stmt *const campaign_driver_statements[] = { &references, &accounts, &counters, &segments, &list,
	&not_waiting, &notify, NULL };

static int key_run(struct pg *pg, const struct pg_stmt *stmt, const struct campaign_key *key, struct pg_rows **rows,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i64(args, key->workspace_id);
	pg_arg_i64(args, key->id);
	rc = pg_run(pg, stmt, args, rows, err);
	pg_args_free(args);
	return rc;
}

int store_campaign_references(struct pg *pg, const struct campaign_key *key, struct arena *a,
	struct campaign_references *out, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct cells c;
	int rc;

	if (key_run(pg, &references, key, &rows, err) < 0)
		return -1;
	c = cells_of(rows, a);
	rc = cells_more(&c);
	if (rc) {
		out->group_exists = cells_bool(&c);
		out->template_name = cells_text(&c);
		out->template_language = cells_text(&c);
	}
	pg_rows_free(rows);
	return rc;
}

int store_campaign_counters(struct pg *pg, const struct campaign_key *key, struct campaign_counters *out,
	struct err *err)
{
	struct pg_rows *rows = NULL;

	if (key_run(pg, &counters, key, &rows, err) < 0)
		return -1;
	*out = (struct campaign_counters){ .key = *key };
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		out->recipients = cells_i64(&c);
		out->sent = cells_i64(&c);
		out->delivered = cells_i64(&c);
		out->read = cells_i64(&c);
		out->failed = cells_i64(&c);
		out->skipped = cells_i64(&c);
		out->unknown = cells_i64(&c);
	}
	pg_rows_free(rows);
	return 0;
}

int store_campaign_segments_of(struct pg *pg, const struct campaign_key *key,
	struct campaign_segment out[static CAMPAIGN_SEGMENTS_MAX], size_t *n, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (key_run(pg, &segments, key, &rows, err) < 0)
		return -1;
	*n = 0;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct campaign_segment *s = &out[(*n)++];

		*s = (struct campaign_segment){ .workspace_id = key->workspace_id, .campaign_id = key->id };
		s->segment = (int16_t)cells_i32(&c);
		s->account_id = cells_i64(&c);
		s->partition = cells_i32(&c);
		s->cursor_id = cells_i64(&c);
		s->moving_to = cells_id(&c);
		s->done = cells_bool(&c);
	}
	pg_rows_free(rows);
	return 0;
}

int store_campaign_accounts(struct pg *pg, const struct campaign_key *key,
	struct uuid out[static CAMPAIGN_SEGMENTS_MAX], size_t *n, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (key_run(pg, &accounts, key, &rows, err) < 0)
		return -1;
	*n = 0;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c))
		out[(*n)++] = cells_uuid(&c);
	pg_rows_free(rows);
	return 0;
}

static enum campaign_status status_of(struct str word)
{
	enum campaign_status s = CAMPAIGN_DRAFT;

	while (s < CAMPAIGN_FAILED && !str_is(word, store_campaign_status_word(s)))
		s++;
	return s;
}

int store_campaigns_of_driver(struct pg *pg, const int32_t *partitions, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct campaign_row *row), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns columns;

	if (n == 0)
		return 0;
	columns_init(&columns);
	columns_i32s(&columns, partitions, n);
	if (columns_run(&columns, pg, &list, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, a); cells_more(&c); cells_next(&c)) {
		struct campaign_row row = { .workspace_id = cells_i64(&c) };

		row.id = cells_i64(&c);
		row.workspace = cells_uuid(&c);
		row.uuid = cells_uuid(&c);
		row.scheduled_in_ms = cells_i64(&c);
		row.partition = cells_i32(&c);
		row.status = status_of(cells_borrow(&c));
		row.prepared_us = cells_time(&c);
		row.audience_cursor = cells_text(&c);
		each(ctx, &row);
	}
	pg_rows_free(rows);
	return 0;
}

int store_campaigns_not_waiting(struct pg *pg, const struct campaign_key *keys, size_t n, int64_t *count,
	struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	*count = 0;
	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, keys[i].workspace_id);
		columns_i64(&c, keys[i].id);
	}
	if (columns_run(&c, pg, &not_waiting, &rows, err) < 0)
		return -1;
	*count = pg_i64(rows, 0, 0);
	pg_rows_free(rows);
	return 0;
}

int store_campaign_notify(struct pg *pg, const struct uuid *campaign, struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_uuid(args, campaign);
	rc = pg_start(pg, &notify, args, err);
	pg_args_free(args);
	return rc;
}
