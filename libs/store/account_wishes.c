/* See account_wishes.h. Invariant: a wish is never older than the one that it replaces, as the account is locked before the time is
 * taken. */
#include "store/account_wishes.h"

#include "store/definitions_private.h"
#include "store/statements.h"

#define SELECT_STATE(lock) \
	"SELECT a.workspace_id, a.id, w.uuid, a.uuid, a.session_id, a.provider_type, a.bridge_kind, a.is_primary, a.desired_state," \
	" a.desired_at, a.restart_at, a.relink_at, a.move_at, a.deleted_at, coalesce(a.move_to, -1), coalesce(a.assigned_instance_index, -1)," \
	" coalesce(a.previous_instance_index, -1), a.assigned_instance_url, a.instance_migration_count, a.last_instance_migration_at," \
	" a.status, a.disconnect_reason, a.disconnect_details, a.phone_number, a.reported_phone, a.status_since, a.disconnected_at," \
	" a.last_connected_at, a.health_score, c.observed, c.action, c.outcome, c.reason, c.error, c.observed_at, c.next_at, c.restarted_at," \
	" c.relinked_at, c.moved_at, coalesce(c.attempt, 0), coalesce(c.assignment_epoch, 0) FROM whatsapp_accounts a" \
	" JOIN workspaces w ON w.id = a.workspace_id LEFT JOIN account_control c ON (c.workspace_id, c.account_id) = (a.workspace_id, a.id)" \
	" WHERE (a.uuid = $1::uuid OR a.session_id = $2::text)" lock

/* A session id never looks like a uuid: at most one row. */
static const struct pg_stmt find = { "account_state", PG_PREPARED, SELECT_STATE("") };
static const struct pg_stmt lock_one = { "account_state_lock", PG_PREPARED, SELECT_STATE(" FOR UPDATE OF a") };

static const struct pg_stmt desire = { "account_desire", PG_PREPARED,
	"UPDATE whatsapp_accounts SET desired_state = $3::text, desired_at = clock_timestamp(), updated_at = now()"
	" WHERE workspace_id = $1::bigint AND id = $2::bigint" };

static const struct pg_stmt restart = { "account_restart", PG_PREPARED,
	"UPDATE whatsapp_accounts SET restart_at = clock_timestamp(), updated_at = now()"
	" WHERE workspace_id = $1::bigint AND id = $2::bigint" };

static const struct pg_stmt login = { "account_relink", PG_PREPARED,
	"UPDATE whatsapp_accounts SET relink_at = clock_timestamp(), updated_at = now()"
	" WHERE workspace_id = $1::bigint AND id = $2::bigint" };

/* The target is locked, so that it is not removed meanwhile. */
static const struct pg_stmt target = {
	"account_move_target", PG_PREPARED,
	"SELECT t.kind, t.desired, coalesce(t.storage_group <> '' AND t.storage_group = f.storage_group, false) FROM instances t"
	" LEFT JOIN instances f ON f.index = $2::bigint WHERE t.index = $1::bigint AND t.removed_at IS NULL FOR SHARE OF t"
};

/* A move with a new login has one time for both. */
static const struct pg_stmt move = {
	"account_move", PG_PREPARED,
	"UPDATE whatsapp_accounts a SET move_to = $3::bigint, move_at = n.at, relink_at = CASE WHEN $4::boolean THEN n.at ELSE a.relink_at END,"
	" updated_at = now() FROM (SELECT clock_timestamp() AS at) AS n WHERE a.workspace_id = $1::bigint AND a.id = $2::bigint"
};

/* What cleanup would carry out; the same stands in services/cleanup/accounts/assign.c, move_target(). */
static const struct pg_stmt places = { "account_places", PG_PREPARED,
	"SELECT a.uuid, CASE WHEN m.pending THEN a.move_to ELSE a.assigned_instance_index END, a.wanted AND NOT m.pending,"
	" a.status = 'connected', a.last_activity_at FROM (SELECT a.*, a.desired_state = 'connected' AND w.deleted_at IS NULL AS wanted"
	" FROM whatsapp_accounts a JOIN workspaces w ON w.id = a.workspace_id"
	" WHERE a.deleted_at IS NULL AND a.assigned_instance_index IS NOT NULL) AS a"
	" LEFT JOIN account_control c ON (c.workspace_id, c.account_id) = (a.workspace_id, a.id)"
	" CROSS JOIN LATERAL (SELECT (a.wanted AND a.move_to <> a.assigned_instance_index AND a.move_at > coalesce(c.moved_at, '-infinity')"
	" AND EXISTS (SELECT FROM instances t JOIN instances f ON f.index = a.assigned_instance_index AND f.kind = t.kind"
	" WHERE t.index = a.move_to AND t.removed_at IS NULL AND t.state = 'up' AND t.desired = 'active'"
	" AND ((t.storage_group <> '' AND t.storage_group = f.storage_group) OR a.relink_at >= a.move_at))) IS TRUE AS pending) AS m"
	" ORDER BY a.workspace_id, a.id" };

static const struct pg_stmt code = { "account_code", PG_PREPARED,
	"SELECT kind = 'pairing', code, expires_at FROM account_qr WHERE workspace_id = $1::bigint AND account_id = $2::bigint"
	" AND expires_at > now()" };

const struct pg_stmt *const account_wish_statements[] = { &find, &lock_one, &desire, &restart, &login, &target, &move,
	&places, &code, NULL };

static void desired_read(struct cells *c, struct account_state *a)
{
	a->desired = cells_text(c);
	a->desired_us = cells_time(c);
	a->restart_us = cells_time(c);
	a->relink_us = cells_time(c);
	a->move_us = cells_time(c);
	a->deleted_us = cells_time(c);
	a->move_to = cells_i64(c);
	a->instance = cells_i64(c);
	a->previous_instance = cells_i64(c);
	a->instance_url = cells_text(c);
	a->migrations = cells_i64(c);
	a->migrated_us = cells_time(c);
}

static void reported_read(struct cells *c, struct account_state *a)
{
	a->status = cells_text(c);
	a->disconnect_reason = cells_text(c);
	a->disconnect_details = cells_text(c);
	a->phone_number = cells_text(c);
	a->reported_phone = cells_text(c);
	a->status_since_us = cells_time(c);
	a->disconnected_us = cells_time(c);
	a->connected_us = cells_time(c);
	a->health_score = (int16_t)cells_i32(c);
}

static void observed_read(struct cells *c, struct account_state *a)
{
	a->observed = cells_text(c);
	a->action = cells_text(c);
	a->outcome = cells_text(c);
	a->reason = cells_text(c);
	a->error = cells_text(c);
	a->observed_us = cells_time(c);
	a->next_us = cells_time(c);
	a->restarted_us = cells_time(c);
	a->relinked_us = cells_time(c);
	a->moved_us = cells_time(c);
	a->attempt = cells_i64(c);
	a->epoch = cells_i64(c);
}

static void state_read(struct cells *c, struct account_state *a)
{
	a->workspace_id = cells_i64(c);
	a->id = cells_i64(c);
	a->workspace = cells_uuid(c);
	a->uuid = cells_uuid(c);
	a->session_id = cells_text(c);
	a->provider = provider_parse(cells_borrow(c));
	a->bridge = bridge_parse(cells_borrow(c));
	a->is_primary = cells_bool(c);
	desired_read(c, a);
	reported_read(c, a);
	observed_read(c, a);
}

static int state_get(struct pg *pg, const struct pg_stmt *stmt, struct str uuid_or_session, struct arena *arena,
	struct account_state *out, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	struct uuid uuid;
	struct cells c;
	bool found, by_uuid = uuid_parse(uuid_or_session, &uuid);

	pg_arg_uuid(args, by_uuid ? &uuid : NULL);
	pg_arg_text(args, by_uuid ? STR_NONE : uuid_or_session);
	if (definition_run(pg, stmt, args, &rows, err) < 0)
		return -1;
	c = cells_of(rows, arena);
	found = cells_more(&c);
	if (found)
		state_read(&c, out);
	pg_rows_free(rows);
	return found ? 0 : err_set(err, ERR_INPUT, "unknown", "there is no such account");
}

int store_account_state(struct pg *pg, struct str uuid_or_session, struct arena *arena, struct account_state *out,
	struct err *err)
{
	return state_get(pg, &find, uuid_or_session, arena, out, err);
}

int store_account_state_lock(struct pg *pg, struct str uuid_or_session, struct arena *arena, struct account_state *out,
	struct err *err)
{
	return state_get(pg, &lock_one, uuid_or_session, arena, out, err);
}

#define UNMANAGED "the account's bridge is not a registered instance; instances adopt registers it"

static struct pg_args *account_args(const struct account_state *a)
{
	struct pg_args *args = pg_args_new();

	pg_arg_i64(args, a->workspace_id);
	pg_arg_i64(args, a->id);
	return args;
}

bool store_account_is_unmanaged(const struct account_state *a)
{
	return a->provider != PROVIDER_META && a->instance < 0 && a->instance_url.n > 0;
}

static int wish_check(const struct account_state *a, enum account_wish wish, struct err *err)
{
	if (a->deleted_us != PG_NO_TIME && wish != WISH_CONNECTED)
		return err_set(err, ERR_INPUT, "deleted", "the account is deleted; accounts connect brings it back");
	if (wish != WISH_RESTART && wish != WISH_RELINK)
		return 0;
	if (a->provider == PROVIDER_META)
		return err_set(err, ERR_INPUT, "meta", "an account at Meta has no session");
	if (store_account_is_unmanaged(a))
		return err_set(err, ERR_INPUT, "unmanaged", UNMANAGED);
	return 0;
}

int store_account_wish(struct pg *pg, const struct account_state *a, enum account_wish wish, struct err *err)
{
	static const char *const states[] = {
		[WISH_CONNECTED] = "connected", [WISH_DISCONNECTED] = "disconnected", [WISH_DELETED] = "deleted"
	};
	struct pg_args *args;

	if (wish_check(a, wish, err) < 0)
		return -1;
	args = account_args(a);
	if (wish == WISH_RESTART)
		return definition_run(pg, &restart, args, NULL, err);
	if (wish == WISH_RELINK)
		return definition_run(pg, &login, args, NULL, err);
	pg_arg_text(args, str_of(states[wish]));
	return definition_run(pg, &desire, args, NULL, err);
}

#define MOVE(err, ...) err_set((err), ERR_INPUT, "move", __VA_ARGS__)

/* What can be said without looking at the instance. */
static int move_check(const struct account_state *a, int64_t to, bool relink, struct err *err)
{
	if (a->deleted_us != PG_NO_TIME)
		return MOVE(err, "the account is deleted");
	if (a->provider == PROVIDER_META)
		return MOVE(err, "an account at Meta has no session");
	if (store_account_is_unmanaged(a))
		return MOVE(err, UNMANAGED);
	if (a->instance == to)
		return MOVE(err, "the account is on instance %lld", (long long)to);
	/* It has no call that stops a session and keeps its login. */
	if (a->bridge == BRIDGE_EVOLUTION && a->instance >= 0 && !relink)
		return MOVE(err, "an Evolution server cannot hand a session over; with --relink it logs in anew");
	return 0;
}

static int target_check(const struct account_state *a, const struct pg_rows *rows, int64_t to, struct err *err)
{
	if (pg_rows_count(rows) == 0)
		return err_set(err, ERR_INPUT, "unknown", "there is no instance %lld", (long long)to);
	if (bridge_parse(pg_text(rows, 0, 0)) != a->bridge)
		return MOVE(err, "instance %lld is of kind %.*s, the account of kind %s", (long long)to,
			STR_ARG(pg_text(rows, 0, 0)), bridge_word(a->bridge));
	if (!str_is(pg_text(rows, 0, 1), "active"))
		return MOVE(err, "instance %lld is %.*s", (long long)to, STR_ARG(pg_text(rows, 0, 1)));
	return 0;
}

static int files_check(const struct pg_rows *rows, int64_t to, bool relink, struct err *err)
{
	if (!pg_bool(rows, 0, 2) && !relink)
		return MOVE(err, "instance %lld does not have the session's files; with --relink it logs in anew",
			(long long)to);
	return 0;
}

static int target_lock(struct pg *pg, const struct account_state *a, int64_t to, struct pg_rows **rows, struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_i64(args, to);
	pg_arg_i64(args, a->instance);
	return definition_run(pg, &target, args, rows, err);
}

static int move_write(struct pg *pg, const struct account_state *a, int64_t to, bool relink, struct err *err)
{
	struct pg_args *args = account_args(a);

	pg_arg_i64(args, to);
	pg_arg_bool(args, relink);
	return definition_run(pg, &move, args, NULL, err);
}

int store_account_move(struct pg *pg, const struct account_state *a, int64_t to, bool relink, struct err *err)
{
	struct pg_rows *rows = NULL;
	int rc = -1;

	if (target_lock(pg, a, to, &rows, err) < 0)
		return -1;
	if (move_check(a, to, relink, err) == 0 && target_check(a, rows, to, err) == 0)
		rc = files_check(rows, to, relink, err);
	pg_rows_free(rows);
	return rc < 0 ? -1 : move_write(pg, a, to, relink, err);
}

int store_account_ask(struct pg *pg, const struct account_state *a, int64_t to, struct err *err)
{
	struct pg_rows *rows = NULL;
	int rc;

	if (target_lock(pg, a, to, &rows, err) < 0)
		return -1;
	rc = target_check(a, rows, to, err);
	pg_rows_free(rows);
	return rc < 0 ? -1 : move_write(pg, a, to, false, err);
}

int store_account_places(struct pg *pg, void (*each)(void *ctx, const struct account_place *p), void *ctx,
	struct err *err)
{
	struct pg_rows *rows = NULL;

	if (pg_run(pg, &places, NULL, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct account_place p = { .uuid = cells_uuid(&c) };

		p.at = cells_i64(&c);
		p.movable = cells_bool(&c);
		p.connected = cells_bool(&c);
		p.active_us = cells_time(&c);
		each(ctx, &p);
	}
	pg_rows_free(rows);
	return 0;
}

int store_account_code(struct pg *pg, const struct account_state *a, struct arena *arena, struct account_code *out,
	struct err *err)
{
	struct pg_rows *rows = NULL;
	struct cells c;

	if (definition_run(pg, &code, account_args(a), &rows, err) < 0)
		return -1;
	*out = (struct account_code){ .expires_us = PG_NO_TIME };
	c = cells_of(rows, arena);
	if (cells_more(&c)) {
		out->pairing = cells_bool(&c);
		out->sealed = cells_text(&c);
		out->expires_us = cells_time(&c);
	}
	pg_rows_free(rows);
	return 0;
}
