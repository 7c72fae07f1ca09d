/* See config.h. Invariant: at most one primary per workspace, also while it changes. */
#include "store/config.h"

#include "store/cells.h"
#include "store/statements.h"

static const struct pg_stmt workspace_insert = { "workspace_add", PG_PREPARED,
	"INSERT INTO workspaces (uuid, name, settings) VALUES ($1, $2, coalesce($3::jsonb, '{}')) RETURNING id" };

static const struct pg_stmt workspaces = { "workspaces_list", PG_PREPARED,
	"SELECT id, uuid, name, settings, created_at FROM workspaces WHERE deleted_at IS NULL ORDER BY id" };

static const struct pg_stmt workspace_by_uuid = { "workspace_by_uuid", PG_PREPARED,
	"SELECT id, uuid FROM workspaces WHERE uuid = $1 AND deleted_at IS NULL" };

static const struct pg_stmt workspace_by_name = { "workspace_by_name", PG_PREPARED,
	"SELECT id, uuid FROM workspaces WHERE name = $1 AND deleted_at IS NULL LIMIT 2" };

static const struct pg_stmt app_insert = { "app_add", PG_PREPARED,
	"INSERT INTO provider_apps (uuid, workspace_id, kind, name, secrets) VALUES ($1, nullif($2::bigint, 0), $3, coalesce($4::text, ''), $5)"
	" RETURNING id" };

static const struct pg_stmt apps = {
	"apps_list", PG_PREPARED,
	"SELECT id, workspace_id, uuid, kind, name, created_at FROM provider_apps WHERE deleted_at IS NULL ORDER BY id"
};

static const struct pg_stmt primary_unset = { "account_primary_unset", PG_PREPARED,
	"UPDATE whatsapp_accounts SET is_primary = false, updated_at = now() WHERE workspace_id = $1 AND is_primary" };

/* No row when $4 names no live app that the workspace may use. */
static const struct pg_stmt account_insert = {
	"account_add", PG_PREPARED,
	"INSERT INTO whatsapp_accounts (workspace_id, uuid, session_id, provider_app_id, provider_type, bridge_kind, provider_ref,"
	" phone_number, phone_number_id, waba_id, business_id, assigned_instance_url, is_primary, secrets)"
	" SELECT $1::bigint, $2::uuid, $3::text, p.id, $5::text, nullif($6::text, ''), $7::text, $8::text, $9::text, $10::text, $11::text,"
	" $12::text, $13::boolean, $14::bytea FROM (SELECT) AS one LEFT JOIN provider_apps p ON p.uuid = $4::uuid"
	" AND p.deleted_at IS NULL AND coalesce(p.workspace_id, $1) = $1 WHERE p.id IS NOT NULL OR $4::uuid IS NULL RETURNING id"
};

static const struct pg_stmt accounts = { "accounts_list", PG_PREPARED,
	"SELECT a.workspace_id, a.id, w.uuid, a.uuid, a.session_id, a.provider_type, p.uuid, a.bridge_kind, a.provider_ref,"
	" a.phone_number, a.phone_number_id, a.waba_id, a.business_id, a.assigned_instance_url, a.is_primary, a.desired_state, a.status,"
	" a.disconnect_reason, a.sync, a.status_since, a.last_activity_at, a.health_score"
	" FROM whatsapp_accounts a JOIN workspaces w ON w.id = a.workspace_id LEFT JOIN provider_apps p ON p.id = a.provider_app_id"
	" WHERE ($1::bigint = 0 OR a.workspace_id = $1) AND a.deleted_at IS NULL ORDER BY a.workspace_id, a.id" };

static const struct pg_stmt syncs = {
	"syncs_list", PG_PREPARED,
	"SELECT w.uuid, a.uuid, a.session_id, a.sync FROM whatsapp_accounts a JOIN workspaces w ON w.id = a.workspace_id"
	" WHERE ($1::bigint = 0 OR a.workspace_id = $1) AND a.deleted_at IS NULL AND a.sync <> '{}' ORDER BY a.workspace_id, a.id"
};

const struct pg_stmt *const config_statements[] = { &workspace_insert, &workspaces, &workspace_by_uuid,
	&workspace_by_name, &app_insert, &apps, &primary_unset, &account_insert, &accounts, &syncs, NULL };

/* Runs a statement and takes args. */
static int taking(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, struct pg_rows **rows,
	struct err *err)
{
	int rc = pg_run(pg, stmt, args, rows, err);

	pg_args_free(args);
	return rc;
}

/* The same for one that answers with an id, or with no row (*id stays). */
static int taking_id(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, int64_t *id, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (taking(pg, stmt, args, &rows, err) < 0)
		return -1;
	if (pg_rows_count(rows) > 0)
		*id = pg_i64(rows, 0, 0);
	pg_rows_free(rows);
	return 0;
}

int workspace_add(struct pg *pg, struct workspace_info *w, struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_uuid(args, &w->uuid);
	pg_arg_text(args, w->name);
	pg_arg_jsonb(args, w->settings);
	return taking_id(pg, &workspace_insert, args, &w->id, err);
}

int workspaces_list(struct pg *pg, void (*each)(void *ctx, const struct workspace_info *w), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (pg_run(pg, &workspaces, NULL, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct workspace_info w = { .id = cells_i64(&c) };

		w.uuid = cells_uuid(&c);
		w.name = cells_borrow(&c);
		w.settings = cells_borrow(&c);
		w.created_us = cells_time(&c);
		each(ctx, &w);
	}
	pg_rows_free(rows);
	return 0;
}

int workspace_find(struct pg *pg, struct str uuid_or_name, int64_t *id, struct uuid *uuid, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	struct uuid wanted;
	bool by_uuid = uuid_parse(uuid_or_name, &wanted);
	int rc = -1;

	if (by_uuid)
		pg_arg_uuid(args, &wanted);
	else
		pg_arg_text(args, uuid_or_name);
	if (taking(pg, by_uuid ? &workspace_by_uuid : &workspace_by_name, args, &rows, err) < 0)
		return -1;
	if (pg_rows_count(rows) == 0) {
		err_set(err, ERR_INPUT, "unknown", "there is no workspace %.*s", STR_ARG(uuid_or_name));
	} else if (pg_rows_count(rows) > 1) {
		err_set(err, ERR_INPUT, "ambiguous", "several workspaces are called %.*s, give the id",
			STR_ARG(uuid_or_name));
	} else {
		*id = pg_i64(rows, 0, 0);
		*uuid = pg_uuid(rows, 0, 1);
		rc = 0;
	}
	pg_rows_free(rows);
	return rc;
}

int app_add(struct pg *pg, struct app_info *app, struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_uuid(args, &app->uuid);
	pg_arg_i64(args, app->workspace_id);
	pg_arg_text(args, app->kind);
	pg_arg_text(args, app->name);
	pg_arg_bytea(args, app->secrets);
	return taking_id(pg, &app_insert, args, &app->id, err);
}

int apps_list(struct pg *pg, void (*each)(void *ctx, const struct app_info *app), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (pg_run(pg, &apps, NULL, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct app_info app = { .id = cells_i64(&c) };

		app.workspace_id = cells_id(&c);
		app.uuid = cells_uuid(&c);
		app.kind = cells_borrow(&c);
		app.name = cells_borrow(&c);
		app.created_us = cells_time(&c);
		each(ctx, &app);
	}
	pg_rows_free(rows);
	return 0;
}

static struct pg_args *account_args(const struct account_info *a)
{
	struct pg_args *args = pg_args_new();

	pg_arg_i64(args, a->workspace_id);
	pg_arg_uuid(args, &a->uuid);
	pg_arg_text(args, a->session_id);
	pg_arg_uuid(args, uuid_is_nil(&a->app) ? NULL : &a->app);
	pg_arg_text(args, str_of(provider_word(a->provider)));
	pg_arg_text(args, str_of(bridge_word(a->bridge)));
	pg_arg_text(args, a->provider_ref);
	pg_arg_text(args, a->phone_number);
	pg_arg_text(args, a->phone_number_id);
	pg_arg_text(args, a->waba_id);
	pg_arg_text(args, a->business_id);
	pg_arg_text(args, a->assigned_instance_url);
	pg_arg_bool(args, a->is_primary);
	pg_arg_bytea(args, a->secrets);
	return args;
}

static int primary_clear(struct pg *pg, int64_t workspace_id, struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_i64(args, workspace_id);
	return taking(pg, &primary_unset, args, NULL, err);
}

int account_add(struct pg *pg, struct account_info *a, struct err *err)
{
	int64_t id = 0;
	int rc = -1;

	if (pg_begin(pg, err) < 0)
		return -1;
	if (a->is_primary && primary_clear(pg, a->workspace_id, err) < 0)
		goto out;
	if (taking_id(pg, &account_insert, account_args(a), &id, err) < 0)
		goto out;
	if (id == 0) {
		err_set(err, ERR_INPUT, "unknown", "there is no such app");
		goto out;
	}
	if (pg_commit(pg, err) < 0)
		goto out;
	a->id = id;
	rc = 0;
out:
	pg_rollback(pg);
	return rc;
}

static void account_read(struct cells *c, struct account_info *a)
{
	a->workspace_id = cells_i64(c);
	a->id = cells_i64(c);
	a->workspace = cells_uuid(c);
	a->uuid = cells_uuid(c);
	a->session_id = cells_borrow(c);
	a->provider = provider_parse(cells_borrow(c));
	a->app = cells_uuid(c);
	a->bridge = bridge_parse(cells_borrow(c));
	a->provider_ref = cells_borrow(c);
	a->phone_number = cells_borrow(c);
	a->phone_number_id = cells_borrow(c);
	a->waba_id = cells_borrow(c);
	a->business_id = cells_borrow(c);
	a->assigned_instance_url = cells_borrow(c);
	a->is_primary = cells_bool(c);
	a->desired_state = cells_borrow(c);
	a->status = cells_borrow(c);
	a->disconnect_reason = cells_borrow(c);
	a->sync = cells_borrow(c);
	a->status_since_us = cells_time(c);
	a->last_activity_us = cells_time(c);
	a->health_score = (int16_t)cells_i32(c);
}

/* Runs a list of one workspace, 0: of all. */
static int listing(struct pg *pg, const struct pg_stmt *stmt, int64_t workspace_id, struct pg_rows **rows,
	struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_i64(args, workspace_id);
	return taking(pg, stmt, args, rows, err);
}

int accounts_list(struct pg *pg, int64_t workspace_id, void (*each)(void *ctx, const struct account_info *a), void *ctx,
	struct err *err)
{
	struct pg_rows *rows = NULL;

	if (listing(pg, &accounts, workspace_id, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct account_info a = { 0 };

		account_read(&c, &a);
		each(ctx, &a);
	}
	pg_rows_free(rows);
	return 0;
}

int syncs_list(struct pg *pg, int64_t workspace_id, void (*each)(void *ctx, const struct sync_info *s), void *ctx,
	struct err *err)
{
	struct pg_rows *rows = NULL;

	if (listing(pg, &syncs, workspace_id, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct sync_info s = { .workspace = cells_uuid(&c) };

		s.account = cells_uuid(&c);
		s.session_id = cells_borrow(&c);
		s.sync = cells_borrow(&c);
		each(ctx, &s);
	}
	pg_rows_free(rows);
	return 0;
}
