/* See lanes_ops.h. */
#include "store/lanes_ops.h"

#include "store/cells.h"
#include "store/lane_columns.h"
#include "store/statements.h"

static const struct pg_stmt list = {
	"lanes_list", PG_UNNAMED,
	"SELECT a.workspace_id, a.id, w.uuid, a.uuid, a.session_id, a.business_id, a.provider_type, a.bridge_kind, " LANE_ACCOUNT_CONNECTED
	", a.is_primary, CASE WHEN a.status_at IS NOT NULL THEN a.status END, a.metadata -> 'sending', " LANE_HELD
	", l.held_code, l.held_at, l.held_until, CASE WHEN l.paused_until > now() THEN l.paused_until END,"
	" CASE WHEN l.next_at > now() THEN l.next_at END, coalesce(cardinality(l.in_flight), 0),"
	" CASE WHEN l.day = (now() AT TIME ZONE 'UTC')::date THEN l.day_new ELSE 0 END, coalesce(l.warm_day, 0), coalesce(l.attempts, 0),"
	" coalesce(l.failures, 0) FROM whatsapp_accounts a JOIN workspaces w ON w.id = a.workspace_id"
	" LEFT JOIN send_lanes l ON l.workspace_id = a.workspace_id AND l.account_id = a.id"
	" WHERE ($1::bigint = 0 OR a.workspace_id = $1) AND a.deleted_at IS NULL AND w.deleted_at IS NULL ORDER BY a.workspace_id, a.id"
};

static const struct pg_stmt release = { "lanes_release", PG_PREPARED,
	"UPDATE whatsapp_accounts SET desired_at = clock_timestamp(), updated_at = now()"
	" WHERE workspace_id = $1 AND id = $2" };

static const struct pg_stmt set_limits = { "account_limits_set", PG_PREPARED,
	"UPDATE whatsapp_accounts a SET metadata = CASE WHEN n.sending = '{}' THEN a.metadata - 'sending'"
	" ELSE jsonb_set(a.metadata, '{sending}', n.sending) END, updated_at = now() FROM (SELECT b.workspace_id, b.id,"
	" jsonb_strip_nulls(coalesce(CASE jsonb_typeof(b.metadata -> 'sending') WHEN 'object' THEN b.metadata -> 'sending' END, '{}')"
	" || $3::jsonb) AS sending FROM whatsapp_accounts b) AS n WHERE a.workspace_id = $1 AND a.id = $2 AND n.workspace_id = a.workspace_id"
	" AND n.id = a.id" };

const struct pg_stmt *const lanes_ops_statements[] = { &list, &release, &set_limits, NULL };

static struct lane_info lane_read(struct cells *c)
{
	struct lane_info l = { .workspace_id = cells_i64(c) };

	l.account_id = cells_i64(c);
	l.workspace = cells_uuid(c);
	l.account = cells_uuid(c);
	l.session_id = cells_borrow(c);
	l.business_id = cells_borrow(c);
	l.provider = provider_parse(cells_borrow(c));
	l.bridge = bridge_parse(cells_borrow(c));
	l.connected = cells_bool(c);
	l.is_primary = cells_bool(c);
	l.status = cells_borrow(c);
	l.limits = cells_borrow(c);
	l.held = cells_bool(c);
	l.held_code = cells_borrow(c);
	l.held_at_us = cells_time(c);
	l.held_until_us = cells_time(c);
	l.paused_until_us = cells_time(c);
	l.next_us = cells_time(c);
	l.in_flight = cells_i32(c);
	l.new_today = cells_i32(c);
	l.warm_day = cells_i32(c);
	l.attempts = cells_i64(c);
	l.failures = cells_i64(c);
	return l;
}

int store_lanes_list(struct pg *pg, int64_t workspace_id, void (*each)(void *ctx, const struct lane_info *l), void *ctx,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, workspace_id);
	rc = pg_run(pg, &list, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct lane_info l = lane_read(&c);

		each(ctx, &l);
	}
	pg_rows_free(rows);
	return 0;
}

int store_lane_release(struct pg *pg, int64_t workspace_id, int64_t account_id, struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i64(args, workspace_id);
	pg_arg_i64(args, account_id);
	rc = pg_run(pg, &release, args, NULL, err);
	pg_args_free(args);
	return rc;
}

int store_account_limits_set(struct pg *pg, int64_t workspace_id, int64_t account_id, struct str limits,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i64(args, workspace_id);
	pg_arg_i64(args, account_id);
	pg_arg_jsonb(args, limits);
	rc = pg_run(pg, &set_limits, args, NULL, err);
	pg_args_free(args);
	return rc;
}
