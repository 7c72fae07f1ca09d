/* See campaigns.h. Invariant: the driver writes state alone; the definition of a campaign that has been started
 * stays as it was validated (trigger check_change). */
#include "store/campaigns.h"

#include <string.h>

#include "store/campaign_counts.h"
#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

#define CAMPAIGN_COLUMNS \
	"c.workspace_id, c.id, w.uuid, c.uuid, c.name, c.campaign_type, t.uuid, c.account_id, c.spread, c.allow_other_provider," \
	" c.preferred_provider, c.template_id, c.template_parameters, c.audience, c.header_media, c.buttons_data, c.send_window," \
	" c.contact_group_id, c.message_content, c.header_type, c.header_text, c.body_text, c.footer_text, c.on_unknown, c.time_zone," \
	" c.scheduled_at, coalesce(extract(epoch FROM c.scheduled_at - now()) * 1000, 0)::bigint, coalesce(c.partition, -1), c.status," \
	" c.pause_code, c.pause_reason, c.error_message, c.commanded_at, c.prepared_at, c.started_at, c.completed_at, c.audience_cursor," \
	" c.first_send_id, c.last_send_id"
#define CAMPAIGN_NAMES \
	" CROSS JOIN LATERAL (SELECT w.uuid FROM workspaces w WHERE w.id = c.workspace_id OFFSET 0) AS w" \
	" LEFT JOIN LATERAL (SELECT t.uuid FROM whatsapp_accounts t WHERE t.workspace_id = c.workspace_id AND t.id = c.account_id OFFSET 0)" \
	" AS t ON true"

static const struct pg_stmt lock = { "campaigns_lock", PG_PREPARED,
	"WITH c AS MATERIALIZED (SELECT c.* FROM campaigns c WHERE c.workspace_id = (SELECT id FROM workspaces WHERE uuid = $1::uuid)"
	" AND c.uuid = $2::uuid AND c.deleted_at IS NULL FOR NO KEY UPDATE) SELECT " CAMPAIGN_COLUMNS
	" FROM c" CAMPAIGN_NAMES };

static const struct pg_stmt read = {
	"campaigns_read", PG_UNNAMED,
	"SELECT " CAMPAIGN_COLUMNS " FROM unnest($1::bigint[], $2::bigint[]) AS r (workspace_id, id) CROSS JOIN LATERAL"
	" (SELECT * FROM campaigns c WHERE c.workspace_id = r.workspace_id AND c.id = r.id AND c.deleted_at IS NULL OFFSET 0) AS c" CAMPAIGN_NAMES
};

static const struct pg_stmt write = { "campaigns_write", PG_PREPARED,
	"UPDATE campaigns SET partition = $3::integer, status = $4::text, pause_code = $5::text, pause_reason = $6::text,"
	" error_message = $7::text, commanded_at = $8::timestamptz, started_at = CASE WHEN $4 = 'running' THEN coalesce(started_at, now())"
	" ELSE started_at END, completed_at = CASE WHEN $4 IN ('completed', 'cancelled') THEN coalesce(completed_at, now()) END,"
	" updated_at = now() WHERE workspace_id = $1::bigint AND id = $2::bigint" };

static const struct pg_stmt prepared = {
	"campaigns_prepared", PG_PREPARED,
	"UPDATE campaigns SET prepared_at = coalesce(prepared_at, now()), updated_at = now() WHERE workspace_id = $1::bigint AND id = $2::bigint"
};

#define WINDOW WORKSPACE_WINDOW("o.sending")

static const struct pg_stmt windows = { "campaigns_windows", PG_UNNAMED,
	"SELECT r.place, w.open, coalesce(ceil(extract(epoch FROM w.until - now()) * 1000), -1)::bigint"
	" FROM unnest($2::bigint[], $3::bigint[], $4::boolean[]) WITH ORDINALITY AS r (workspace_id, id, bridge, place)"
	" CROSS JOIN LATERAL (SELECT c.send_window, c.time_zone FROM campaigns c WHERE c.workspace_id = r.workspace_id AND c.id = r.id OFFSET 0)"
	" AS c CROSS JOIN LATERAL (SELECT w.settings -> 'sending' AS sending FROM workspaces w WHERE w.id = r.workspace_id OFFSET 0) AS o"
	" CROSS JOIN LATERAL send_window_at(coalesce(c.send_window," WINDOW
	", CASE WHEN r.bridge THEN $1::jsonb END), coalesce(c.time_zone, o.sending ->> 'time_zone'), now()) AS w" };

/* The sum over a campaign's writers, for a row r (workspace_id, id). */
#define SUMS \
	" CROSS JOIN LATERAL (SELECT coalesce(sum(n.recipients), 0)::bigint AS recipients, coalesce(sum(n.sent), 0)::bigint AS sent," \
	" coalesce(sum(n.delivered), 0)::bigint AS delivered, coalesce(sum(n.read), 0)::bigint AS read," \
	" coalesce(sum(n.failed), 0)::bigint AS failed, coalesce(sum(n.skipped), 0)::bigint AS skipped," \
	" coalesce(sum(n.unknown), 0)::bigint AS unknown FROM campaign_counts n WHERE n.workspace_id = r.workspace_id" \
	" AND n.campaign_id = r.id OFFSET 0) AS n"
#define SET_SUMS \
	"recipients = n.recipients, messages_sent = n.sent, messages_delivered = n.delivered, messages_read = n.read," \
	" messages_failed = n.failed, messages_skipped = n.skipped, messages_unknown = n.unknown, updated_at = now()"
#define RETURN_SUMS \
	" RETURNING c.workspace_id, c.id, c.recipients, c.messages_sent, c.messages_delivered, c.messages_read, c.messages_failed," \
	" c.messages_skipped, c.messages_unknown"

static const struct pg_stmt count = {
	"campaigns_count", PG_UNNAMED,
	"UPDATE campaigns c SET " SET_SUMS
	" FROM (SELECT DISTINCT * FROM unnest($1::bigint[], $2::bigint[]) AS r (workspace_id, id)"
	" ORDER BY workspace_id, id) AS r" SUMS " WHERE c.workspace_id = r.workspace_id AND c.id = r.id"
	" AND (c.recipients, c.messages_sent, c.messages_delivered, c.messages_read, c.messages_failed, c.messages_skipped,"
	" c.messages_unknown) IS DISTINCT FROM (n.recipients, n.sent, n.delivered, n.read, n.failed, n.skipped, n.unknown)" RETURN_SUMS
};

/* Of a campaign's rows only unknown ones that are to be resolved have an account to act on them (index sends_unresolved). They
 * are searched only when the campaign has unknown messages at all. IS NOT DISTINCT FROM: else the index campaigns_active looks as
 * good as the primary key. */
static const struct pg_stmt complete = {
	"campaigns_complete", PG_UNNAMED,
	"UPDATE campaigns c SET status = 'completed', completed_at = now(), " SET_SUMS
	" FROM (SELECT DISTINCT * FROM unnest($1::bigint[], $2::bigint[]) AS r (workspace_id, id) ORDER BY workspace_id, id) AS r" SUMS
	" WHERE c.workspace_id = r.workspace_id AND c.id = r.id AND c.status IS NOT DISTINCT FROM 'running'"
	" AND c.prepared_at IS NOT NULL"
	" AND c.audience_cursor NOT LIKE 'retry:%'"
	" AND n.recipients = n.sent + n.failed + n.skipped + n.unknown"
	" AND (n.unknown = 0 OR NOT EXISTS (SELECT FROM sends s WHERE s.workspace_id = r.workspace_id AND s.campaign_id = r.id"
	" AND s.account_id IS NOT NULL AND s.next_attempt_at IS NOT NULL AND s.status IS NOT DISTINCT FROM 'unknown' OFFSET 0))" RETURN_SUMS
};

const struct pg_stmt *const campaigns_read_statements[] = { &read, NULL };
const struct pg_stmt *const campaigns_statements[] = { &lock, &write, &prepared, &windows, &count, &complete, NULL };

static const char *const status_words[CAMPAIGN_STATUSES] = { "draft", "scheduled", "running", "paused", "completed",
	"cancelled", "failed" };

const char *store_campaign_status_word(enum campaign_status s)
{
	return status_words[s];
}

enum campaign_status store_campaign_status_parse(struct str word)
{
	int s = 0;

	while (s < CAMPAIGN_STATUSES - 1 && !str_is(word, status_words[s]))
		s++;
	return (enum campaign_status)s;
}

static void definition_read(struct cells *c, struct campaign_row *row)
{
	row->name = cells_text(c);
	row->type = cells_text(c);
	row->account = cells_uuid(c);
	row->account_id = cells_id(c);
	row->spread = cells_bool(c);
	row->allow_other_provider = cells_bool(c);
	row->preferred_provider = provider_parse(cells_borrow(c));
	row->template_id = cells_id(c);
	row->template_parameters = cells_text(c);
	row->audience = cells_text(c);
	row->header_media = cells_text(c);
	row->buttons_data = cells_text(c);
	row->send_window = cells_text(c);
	row->group_id = cells_id(c);
	row->message_content = cells_text(c);
	row->header_type = cells_text(c);
	row->header_text = cells_text(c);
	row->body_text = cells_text(c);
	row->footer_text = cells_text(c);
	row->on_unknown = cells_text(c);
	row->time_zone = cells_text(c);
	row->scheduled_us = cells_time(c);
	row->scheduled_in_ms = cells_i64(c);
}

static void state_read(struct cells *c, struct campaign_row *row)
{
	row->partition = cells_i32(c);
	row->status = store_campaign_status_parse(cells_borrow(c));
	row->pause_code = cells_text(c);
	row->pause_reason = cells_text(c);
	row->error_message = cells_text(c);
	row->commanded_us = cells_time(c);
	row->prepared_us = cells_time(c);
	row->started_us = cells_time(c);
	row->completed_us = cells_time(c);
	row->audience_cursor = cells_text(c);
	row->first_send_id = cells_id(c);
	row->last_send_id = cells_id(c);
}

static struct campaign_row row_read(struct cells *c)
{
	struct campaign_row row = { .workspace_id = cells_i64(c) };

	row.id = cells_i64(c);
	row.workspace = cells_uuid(c);
	row.uuid = cells_uuid(c);
	definition_read(c, &row);
	state_read(c, &row);
	return row;
}

static void rows_each(struct pg_rows *rows, struct arena *a, void (*each)(void *ctx, const struct campaign_row *row),
	void *ctx)
{
	for (struct cells c = cells_of(rows, a); cells_more(&c); cells_next(&c)) {
		struct campaign_row row = row_read(&c);

		each(ctx, &row);
	}
	pg_rows_free(rows);
}

int store_campaign_lock(struct pg *pg, const struct uuid *workspace, const struct uuid *campaign, struct arena *a,
	struct campaign_row *out, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	struct cells c;
	int rc;

	pg_arg_uuid(args, workspace);
	pg_arg_uuid(args, campaign);
	rc = pg_run(pg, &lock, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	c = cells_of(rows, a);
	rc = cells_more(&c);
	if (rc)
		*out = row_read(&c);
	pg_rows_free(rows);
	return rc;
}

static void keys_add(struct columns *c, const struct campaign_key *keys, size_t n)
{
	columns_init(c);
	for (size_t i = 0; i < n; i++) {
		columns_row(c);
		columns_i64(c, keys[i].workspace_id);
		columns_i64(c, keys[i].id);
	}
}

int store_campaigns_read(struct pg *pg, const struct campaign_key *keys, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct campaign_row *row), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	keys_add(&c, keys, n);
	if (columns_run(&c, pg, &read, &rows, err) < 0)
		return -1;
	rows_each(rows, a, each, ctx);
	return 0;
}

int store_campaign_write(struct pg *pg, const struct campaign_row *row, struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i64(args, row->workspace_id);
	pg_arg_i64(args, row->id);
	pg_arg_i32(args, row->partition);
	pg_arg_text(args, str_of(status_words[row->status]));
	pg_arg_text(args, row->pause_code);
	pg_arg_text(args, row->pause_reason);
	pg_arg_text(args, row->error_message);
	pg_arg_time_us(args, row->commanded_us);
	rc = pg_start(pg, &write, args, err);
	pg_args_free(args);
	return rc;
}

int store_campaign_prepared(struct pg *pg, const struct campaign_key *key, struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i64(args, key->workspace_id);
	pg_arg_i64(args, key->id);
	rc = pg_start(pg, &prepared, args, err);
	pg_args_free(args);
	return rc;
}

int store_campaign_windows(struct pg *pg, struct campaign_window *rows, size_t n, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	pg_arg_jsonb(columns_scalars(&c), STR(CAMPAIGN_BRIDGE_WINDOW));
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].key.workspace_id);
		columns_i64(&c, rows[i].key.id);
		columns_bool(&c, rows[i].bridge);
	}
	if (columns_run(&c, pg, &windows, &answer, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		rows[i].open = false;
		rows[i].change_in_ms = -1;
	}
	for (struct cells at = cells_of(answer, NULL); cells_more(&at); cells_next(&at)) {
		struct campaign_window *w = &rows[cells_place(&at, n)];

		w->open = cells_bool(&at);
		w->change_in_ms = cells_i64(&at);
	}
	pg_rows_free(answer);
	return 0;
}

static int counters_run(struct pg *pg, const struct pg_stmt *stmt, const struct campaign_key *keys, size_t n,
	void (*each)(void *ctx, const struct campaign_counters *counters), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns columns;

	if (n == 0)
		return 0;
	keys_add(&columns, keys, n);
	if (columns_run(&columns, pg, stmt, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct campaign_counters found = { .key.workspace_id = cells_i64(&c) };

		found.key.id = cells_i64(&c);
		found.recipients = cells_i64(&c);
		found.sent = cells_i64(&c);
		found.delivered = cells_i64(&c);
		found.read = cells_i64(&c);
		found.failed = cells_i64(&c);
		found.skipped = cells_i64(&c);
		found.unknown = cells_i64(&c);
		each(ctx, &found);
	}
	pg_rows_free(rows);
	return 0;
}

int store_campaigns_count(struct pg *pg, const struct campaign_key *keys, size_t n,
	void (*each)(void *ctx, const struct campaign_counters *counters), void *ctx, struct err *err)
{
	return counters_run(pg, &count, keys, n, each, ctx, err);
}

int store_campaigns_complete(struct pg *pg, const struct campaign_key *keys, size_t n,
	void (*each)(void *ctx, const struct campaign_counters *counters), void *ctx, struct err *err)
{
	return counters_run(pg, &complete, keys, n, each, ctx, err);
}
