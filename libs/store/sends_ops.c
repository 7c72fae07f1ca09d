/* See sends_ops.h. */
#include "store/sends_ops.h"

#include "store/cells.h"
#include "store/lane_columns.h"
#include "store/statements.h"

/* Of every workspace: a request id is unique in its own only, and each is asked by index. */
#define FOUND(where) \
	"SELECT s.workspace_id, s.id, w.uuid, c.uuid, s.kind, s.address, client_message_id(c.uuid, s.id, s.generation, s.request_id)," \
	" o.uuid, b.uuid, a.session_id, CASE WHEN s.status = 'pending' AND s.id = ANY (l.in_flight) THEN 'ongoing'" \
	" WHEN s.status = 'pending' AND c.status = 'cancelled' THEN 'skipped' ELSE s.status END, s.attempt, s.generation," \
	" s.next_attempt_at, s.deadline, s.created_at, s.sent_at, s.delivered_at, s.read_at, s.provider_message_id, s.error_code," \
	" s.error_message, s.resolved_by, s.duplicate_suspected, coalesce(" LANE_ACCOUNT_CONNECTED \
	", false), " LANE_HELD ", l.held_code, l.held_until, CASE WHEN l.paused_until > now() THEN l.paused_until END" \
	" FROM workspaces w CROSS JOIN LATERAL (" where " OFFSET 0) AS s" \
	" LEFT JOIN campaigns c ON c.workspace_id = s.workspace_id AND c.id = s.campaign_id" \
	" LEFT JOIN campaign_segments g ON g.workspace_id = s.workspace_id AND g.campaign_id = s.campaign_id AND g.segment = s.segment" \
	" LEFT JOIN whatsapp_accounts o ON o.workspace_id = s.workspace_id AND o.id = s.account_id" \
	" LEFT JOIN whatsapp_accounts b ON b.workspace_id = s.workspace_id AND b.id = s.sent_by" \
	" LEFT JOIN whatsapp_accounts a ON a.workspace_id = s.workspace_id AND a.id = coalesce(s.account_id, s.sent_by, g.account_id)" \
	" LEFT JOIN send_lanes l ON l.workspace_id = s.workspace_id AND l.account_id = coalesce(s.account_id, g.account_id)" \
	" WHERE ($1::bigint = 0 OR w.id = $1) AND w.deleted_at IS NULL LIMIT 1"

static const struct pg_stmt by_request = { "sends_find_request", PG_UNNAMED,
	FOUND("SELECT * FROM sends s WHERE s.workspace_id = w.id AND s.request_id = $2::uuid") };

static const struct pg_stmt by_recipient = { "sends_find_recipient", PG_UNNAMED,
	FOUND("SELECT s.* FROM campaigns c JOIN sends s ON s.workspace_id = c.workspace_id AND s.id = $3::bigint AND s.campaign_id = c.id"
	      " WHERE c.workspace_id = w.id AND c.uuid = $2::uuid") };

static const struct pg_stmt attempts = { "sends_attempts", PG_PREPARED,
	"SELECT a.session_id, t.class, t.code, t.excerpt, t.generation, t.attempt, coalesce(t.status, 0), t.at, coalesce(t.total_us, -1)"
	" FROM send_attempts t LEFT JOIN whatsapp_accounts a ON a.workspace_id = t.workspace_id AND a.id = t.account_id"
	" WHERE t.workspace_id = $1 AND t.send_id = $2 ORDER BY t.at" };

const struct pg_stmt *const sends_ops_statements[] = { &by_request, &by_recipient, &attempts, NULL };

static void account_read(struct cells *c, struct send_info *s)
{
	s->connected = cells_bool(c);
	s->held = cells_bool(c);
	s->held_code = cells_text(c);
	s->held_until_us = cells_time(c);
	s->paused_until_us = cells_time(c);
}

static struct send_info send_read(struct cells *c)
{
	struct send_info s = { .workspace_id = cells_i64(c) };

	s.id = cells_i64(c);
	s.workspace = cells_uuid(c);
	s.campaign = cells_uuid(c);
	s.kind = cells_text(c);
	s.address = cells_text(c);
	s.client_message_id = cells_text(c);
	s.account = cells_uuid(c);
	s.sent_by = cells_uuid(c);
	s.session_id = cells_text(c);
	s.status = cells_text(c);
	s.attempt = cells_i32(c);
	s.generation = cells_i32(c);
	s.next_us = cells_time(c);
	s.deadline_us = cells_time(c);
	s.created_us = cells_time(c);
	s.sent_us = cells_time(c);
	s.delivered_us = cells_time(c);
	s.read_us = cells_time(c);
	s.provider_message_id = cells_text(c);
	s.error_code = cells_text(c);
	s.error_message = cells_text(c);
	s.resolved_by = cells_text(c);
	s.duplicate_suspected = cells_bool(c);
	account_read(c, &s);
	return s;
}

int store_send_find(struct pg *pg, int64_t workspace_id, const struct client_id *id, struct arena *a,
	struct send_info *out, struct err *err)
{
	bool single = !uuid_is_nil(&id->request);
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	struct cells c;
	int rc;

	pg_arg_i64(args, workspace_id);
	pg_arg_uuid(args, single ? &id->request : &id->campaign);
	if (!single)
		pg_arg_i64(args, id->id);
	rc = pg_run(pg, single ? &by_request : &by_recipient, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	c = cells_of(rows, a);
	rc = cells_more(&c);
	if (rc)
		*out = send_read(&c);
	pg_rows_free(rows);
	return rc;
}

int store_send_attempts_list(struct pg *pg, int64_t workspace_id, int64_t send_id,
	void (*each)(void *ctx, const struct send_attempt_info *at), void *ctx, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, workspace_id);
	pg_arg_i64(args, send_id);
	rc = pg_run(pg, &attempts, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct send_attempt_info at = { .session_id = cells_borrow(&c) };

		at.class = cells_borrow(&c);
		at.code = cells_borrow(&c);
		at.excerpt = cells_borrow(&c);
		at.generation = cells_i32(&c);
		at.attempt = cells_i32(&c);
		at.status = cells_i32(&c);
		at.at_us = cells_time(&c);
		at.total_us = cells_i32(&c);
		each(ctx, &at);
	}
	pg_rows_free(rows);
	return 0;
}
