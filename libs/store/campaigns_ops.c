/* See campaigns_ops.h. Invariant: nothing here changes a campaign that has been started. */
#include "store/campaigns_ops.h"

#include "store/campaign_counts.h"
#include "store/cells.h"
#include "store/lane_columns.h"
#include "store/statements.h"

static const struct pg_stmt group_names = {
	"contact_groups_names", PG_PREPARED,
	"SELECT g.id, g.uuid, g.name FROM contact_groups g WHERE g.workspace_id = $1 AND g.deleted_at IS NULL ORDER BY g.name, g.id"
};

static const struct pg_stmt add = { "campaigns_add", PG_PREPARED,
	"INSERT INTO campaigns (workspace_id, uuid, name, campaign_type, account_id, spread, preferred_provider, allow_other_provider,"
	" template_id, template_parameters, audience, message_content, header_type, header_text, header_media, body_text, footer_text,"
	" buttons_data, on_unknown, scheduled_at, time_zone, send_window) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
	" coalesce($11::jsonb, '{}'), $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22) RETURNING id" };

static const struct pg_stmt templates = { "templates_list", PG_PREPARED,
	"SELECT t.id, t.account_id, a.uuid, a.session_id, t.provider_template_id, t.name, t.language, t.category, t.status, t.quality,"
	" t.reason, t.components, t.status_at FROM templates t JOIN whatsapp_accounts a ON a.workspace_id = t.workspace_id"
	" AND a.id = t.account_id WHERE t.workspace_id = $1::bigint AND ($2::bigint = 0 OR t.account_id = $2)"
	" AND ($3::text IS NULL OR t.name = $3) AND ($4::text IS NULL OR t.language = $4) AND a.deleted_at IS NULL"
	" ORDER BY t.name, t.language, t.account_id" };

const struct pg_stmt *const campaigns_admin_statements[] = { &group_names, &add, &templates, NULL };

static const struct pg_stmt list = { "campaigns_list", PG_UNNAMED,
	"SELECT c.workspace_id, c.id, w.uuid, c.uuid, c.name, c.campaign_type, a.uuid, c.spread, c.allow_other_provider, c.preferred_provider,"
	" c.audience, c.send_window, c.on_unknown, c.time_zone, c.scheduled_at, c.status, c.pause_code, c.pause_reason, c.error_message,"
	" c.prepared_at, c.started_at, c.completed_at, c.first_send_id, c.last_send_id, n.recipients, n.sent, n.delivered, n.read,"
	" n.failed, n.skipped, n.unknown, t.name, t.language, c.created_at"
	" FROM workspaces w CROSS JOIN LATERAL (SELECT * FROM campaigns c WHERE c.workspace_id = w.id AND ($2::uuid IS NULL OR c.uuid = $2)"
	" AND ($3::text IS NULL OR c.status = ANY (string_to_array($3, ','))) AND c.deleted_at IS NULL ORDER BY c.id DESC LIMIT $4::integer)"
	" AS c LEFT JOIN whatsapp_accounts a ON a.workspace_id = c.workspace_id AND a.id = c.account_id"
	" LEFT JOIN templates t ON t.workspace_id = c.workspace_id AND t.id = c.template_id"
	" CROSS JOIN LATERAL (SELECT coalesce(sum(n.recipients), 0)::bigint AS recipients, coalesce(sum(n.sent), 0)::bigint AS sent,"
	" coalesce(sum(n.delivered), 0)::bigint AS delivered, coalesce(sum(n.read), 0)::bigint AS read,"
	" coalesce(sum(n.failed), 0)::bigint AS failed, coalesce(sum(n.skipped), 0)::bigint AS skipped,"
	" coalesce(sum(n.unknown), 0)::bigint AS unknown FROM campaign_counts n WHERE n.workspace_id = c.workspace_id"
	" AND n.campaign_id = c.id) AS n WHERE ($1::bigint = 0 OR w.id = $1) AND w.deleted_at IS NULL ORDER BY c.created_at DESC, c.id DESC"
	" LIMIT $4" };

/* The rows of a campaign are a range of the primary key; those of others in between are left out. */
#define RECIPIENTS \
	" FROM campaigns c CROSS JOIN LATERAL (SELECT * FROM sends s WHERE s.workspace_id = c.workspace_id" \
	" AND s.id BETWEEN c.first_send_id AND c.last_send_id AND s.campaign_id = c.id"
#define STATUS "CASE WHEN s.status = 'pending' AND c.status = 'cancelled' THEN 'skipped' ELSE s.status END"
#define CODE   "CASE WHEN s.status = 'pending' AND c.status = 'cancelled' THEN 'cancelled' ELSE s.error_code END"

static const struct pg_stmt reasons = { "campaigns_reasons", PG_UNNAMED,
	"SELECT " STATUS ", " CODE ", count(*), max(s.error_message)" RECIPIENTS
	") AS s WHERE c.workspace_id = $1::bigint AND c.id = $2::bigint GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2" };

static const struct pg_stmt recipients = {
	"campaigns_recipients", PG_UNNAMED,
	"SELECT s.id, s.address, " STATUS ", " CODE
	", s.error_message, s.provider_message_id, client_message_id(c.uuid, s.id, s.generation, s.request_id), a.session_id, s.attempt,"
	" s.generation, s.sent_at, s.delivered_at, s.read_at" RECIPIENTS
	" AND s.id > $4::bigint AND ($3::text IS NULL OR " STATUS
	" = ANY (string_to_array($3, ','))) ORDER BY s.id LIMIT $5::integer) AS s LEFT JOIN whatsapp_accounts a"
	" ON a.workspace_id = s.workspace_id AND a.id = s.sent_by WHERE c.workspace_id = $1::bigint AND c.id = $2::bigint ORDER BY s.id"
};

const struct pg_stmt *const campaigns_ops_statements[] = { &list, &reasons, &recipients, NULL };

#define WINDOW WORKSPACE_WINDOW("w.settings -> 'sending'")

/* A bridge's account has a send window, even if neither the campaign nor the workspace sets one. */
static const struct pg_stmt segments = { "campaigns_segments", PG_UNNAMED,
	"SELECT g.segment, a.uuid, m.uuid, a.session_id, g.done, " LANE_ACCOUNT_CONNECTED
	", v.open, v.until, " LANE_HELD
	", l.held_code, l.held_until, CASE WHEN l.paused_until > now() THEN l.paused_until END, CASE WHEN l.next_at > now() THEN l.next_at END, coalesce(cardinality(l.in_flight), 0),"
	" a.business_id, " PORTFOLIO_LIMIT
	" FROM campaign_segments g JOIN campaigns c ON c.workspace_id = g.workspace_id AND c.id = g.campaign_id"
	" JOIN workspaces w ON w.id = g.workspace_id JOIN whatsapp_accounts a ON a.workspace_id = g.workspace_id AND a.id = g.account_id"
	" LEFT JOIN whatsapp_accounts m ON m.workspace_id = g.workspace_id AND m.id = g.moving_to"
	" LEFT JOIN send_lanes l ON l.workspace_id = g.workspace_id AND l.account_id = g.account_id"
	" CROSS JOIN LATERAL send_window_at(coalesce(c.send_window," WINDOW ", CASE a.provider_type WHEN 'webjs' THEN"
	" '" CAMPAIGN_BRIDGE_WINDOW
	"'::jsonb END), coalesce(c.time_zone, w.settings #>> '{sending,time_zone}'), now()) AS v (open, until)"
	" WHERE g.workspace_id = $1::bigint AND g.campaign_id = $2::bigint ORDER BY g.segment" };

const struct pg_stmt *const campaigns_segments_statements[] = { &segments, NULL };

static int args_run(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, struct pg_rows **rows,
	struct err *err)
{
	int rc = pg_run(pg, stmt, args, rows, err);

	pg_args_free(args);
	return rc;
}

int store_contact_groups_names(struct pg *pg, int64_t workspace_id,
	void (*each)(void *ctx, const struct contact_group *g), void *ctx, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;

	pg_arg_i64(args, workspace_id);
	if (args_run(pg, &group_names, args, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct contact_group g = { .workspace_id = workspace_id, .id = cells_i64(&c) };

		g.uuid = cells_uuid(&c);
		g.name = cells_borrow(&c);
		each(ctx, &g);
	}
	pg_rows_free(rows);
	return 0;
}

static void id_or_null(struct pg_args *args, int64_t id)
{
	if (id)
		pg_arg_i64(args, id);
	else
		pg_arg_null(args);
}

static struct pg_args *definition_args(const struct campaign_row *c)
{
	struct pg_args *args = pg_args_new();

	pg_arg_i64(args, c->workspace_id);
	pg_arg_uuid(args, &c->uuid);
	pg_arg_text(args, c->name);
	pg_arg_text(args, c->type);
	id_or_null(args, c->account_id);
	pg_arg_bool(args, c->spread);
	pg_arg_text(args, str_of(provider_word(c->preferred_provider)));
	pg_arg_bool(args, c->allow_other_provider);
	id_or_null(args, c->template_id);
	pg_arg_jsonb(args, c->template_parameters);
	pg_arg_jsonb(args, c->audience);
	pg_arg_text(args, c->message_content);
	pg_arg_text(args, c->header_type);
	pg_arg_text(args, c->header_text);
	pg_arg_jsonb(args, c->header_media);
	pg_arg_text(args, c->body_text);
	pg_arg_text(args, c->footer_text);
	pg_arg_jsonb(args, c->buttons_data);
	pg_arg_text(args, c->on_unknown);
	pg_arg_time_us(args, c->scheduled_us ? c->scheduled_us : PG_NO_TIME);
	pg_arg_text(args, c->time_zone);
	pg_arg_jsonb(args, c->send_window);
	return args;
}

int store_campaign_add(struct pg *pg, struct campaign_row *c, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (args_run(pg, &add, definition_args(c), &rows, err) < 0)
		return -1;
	c->id = pg_i64(rows, 0, 0);
	pg_rows_free(rows);
	return 0;
}

static struct template_info template_read(struct cells *c)
{
	struct template_info t = { .id = cells_i64(c) };

	t.account_id = cells_i64(c);
	t.account = cells_uuid(c);
	t.session_id = cells_borrow(c);
	t.provider_template_id = cells_borrow(c);
	t.name = cells_borrow(c);
	t.language = cells_borrow(c);
	t.category = cells_borrow(c);
	t.status = cells_borrow(c);
	t.quality = cells_borrow(c);
	t.reason = cells_borrow(c);
	t.components = cells_borrow(c);
	t.status_at_us = cells_time(c);
	return t;
}

int store_templates_list(struct pg *pg, const struct template_filter *filter,
	void (*each)(void *ctx, const struct template_info *t), void *ctx, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;

	pg_arg_i64(args, filter->workspace_id);
	pg_arg_i64(args, filter->account_id);
	pg_arg_text(args, filter->name);
	pg_arg_text(args, filter->language);
	if (args_run(pg, &templates, args, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct template_info t = template_read(&c);

		each(ctx, &t);
	}
	pg_rows_free(rows);
	return 0;
}

static void row_read(struct cells *c, struct campaign_row *row)
{
	row->workspace_id = cells_i64(c);
	row->id = cells_i64(c);
	row->workspace = cells_uuid(c);
	row->uuid = cells_uuid(c);
	row->name = cells_borrow(c);
	row->type = cells_borrow(c);
	row->account = cells_uuid(c);
	row->spread = cells_bool(c);
	row->allow_other_provider = cells_bool(c);
	row->preferred_provider = provider_parse(cells_borrow(c));
	row->audience = cells_borrow(c);
	row->send_window = cells_borrow(c);
	row->on_unknown = cells_borrow(c);
	row->time_zone = cells_borrow(c);
	row->scheduled_us = cells_time(c);
	row->status = store_campaign_status_parse(cells_borrow(c));
	row->pause_code = cells_borrow(c);
	row->pause_reason = cells_borrow(c);
	row->error_message = cells_borrow(c);
	row->prepared_us = cells_time(c);
	row->started_us = cells_time(c);
	row->completed_us = cells_time(c);
	row->first_send_id = cells_id(c);
	row->last_send_id = cells_id(c);
}

static struct campaign_info info_read(struct cells *c)
{
	struct campaign_info info = { 0 };
	struct campaign_counters *n = &info.counters;

	row_read(c, &info.row);
	n->key = (struct campaign_key){ info.row.workspace_id, info.row.id };
	n->recipients = cells_i64(c);
	n->sent = cells_i64(c);
	n->delivered = cells_i64(c);
	n->read = cells_i64(c);
	n->failed = cells_i64(c);
	n->skipped = cells_i64(c);
	n->unknown = cells_i64(c);
	info.template_name = cells_borrow(c);
	info.template_language = cells_borrow(c);
	info.created_us = cells_time(c);
	return info;
}

int store_campaigns_list(struct pg *pg, const struct campaign_filter *filter,
	void (*each)(void *ctx, const struct campaign_info *c), void *ctx, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;

	pg_arg_i64(args, filter->workspace_id);
	pg_arg_uuid(args, uuid_is_nil(&filter->uuid) ? NULL : &filter->uuid);
	pg_arg_text(args, str_of(filter->statuses));
	pg_arg_i32(args, filter->limit);
	if (args_run(pg, &list, args, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct campaign_info info = info_read(&c);

		each(ctx, &info);
	}
	pg_rows_free(rows);
	return 0;
}

static struct pg_args *key_args(const struct campaign_key *key)
{
	struct pg_args *args = pg_args_new();

	pg_arg_i64(args, key->workspace_id);
	pg_arg_i64(args, key->id);
	return args;
}

static struct segment_info segment_read(struct cells *c)
{
	struct segment_info s = { .segment = (int16_t)cells_i32(c) };

	s.account = cells_uuid(c);
	s.moving_to = cells_uuid(c);
	s.session_id = cells_borrow(c);
	s.done = cells_bool(c);
	s.connected = cells_bool(c);
	s.window_open = cells_bool(c);
	s.window_until_us = cells_time(c);
	s.held = cells_bool(c);
	s.held_code = cells_borrow(c);
	s.held_until_us = cells_time(c);
	s.paused_until_us = cells_time(c);
	s.next_us = cells_time(c);
	s.in_flight = cells_i32(c);
	s.business_id = cells_borrow(c);
	s.portfolio_per_day = cells_i64(c);
	return s;
}

int store_campaign_segments_list(struct pg *pg, const struct campaign_key *key,
	void (*each)(void *ctx, const struct segment_info *s), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (args_run(pg, &segments, key_args(key), &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct segment_info s = segment_read(&c);

		each(ctx, &s);
	}
	pg_rows_free(rows);
	return 0;
}

int store_campaign_reasons(struct pg *pg, const struct campaign_key *key,
	void (*each)(void *ctx, const struct campaign_reason *r), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (args_run(pg, &reasons, key_args(key), &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct campaign_reason r = { .status = cells_borrow(&c) };

		r.code = cells_borrow(&c);
		r.n = cells_i64(&c);
		r.example = cells_borrow(&c);
		each(ctx, &r);
	}
	pg_rows_free(rows);
	return 0;
}

static struct recipient_info recipient_read(struct cells *c)
{
	struct recipient_info r = { .id = cells_i64(c) };

	r.address = cells_borrow(c);
	r.status = cells_borrow(c);
	r.error_code = cells_borrow(c);
	r.error_message = cells_borrow(c);
	r.provider_message_id = cells_borrow(c);
	r.client_message_id = cells_borrow(c);
	r.session_id = cells_borrow(c);
	r.attempts = cells_i32(c);
	r.generation = cells_i32(c);
	r.sent_us = cells_time(c);
	r.delivered_us = cells_time(c);
	r.read_us = cells_time(c);
	return r;
}

int store_campaign_recipients_list(struct pg *pg, const struct campaign_key *key, const char *statuses,
	int64_t after_id, int limit, void (*each)(void *ctx, const struct recipient_info *r), void *ctx,
	struct err *err)
{
	struct pg_args *args = key_args(key);
	struct pg_rows *rows = NULL;

	pg_arg_text(args, str_of(statuses));
	pg_arg_i64(args, after_id);
	pg_arg_i32(args, limit);
	if (args_run(pg, &recipients, args, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct recipient_info r = recipient_read(&c);

		each(ctx, &r);
	}
	pg_rows_free(rows);
	return 0;
}
