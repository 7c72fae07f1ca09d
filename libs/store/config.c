/* See config.h. Invariant: at most one primary per workspace, also while it changes. */
#include "store/config.h"

#include <string.h>

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
	"SELECT id, workspace_id, uuid, kind, name, created_at, secrets FROM provider_apps WHERE deleted_at IS NULL ORDER BY id"
};

static const struct pg_stmt app_lock_one = {
	"app_lock", PG_PREPARED,
	"SELECT id, workspace_id, uuid, kind, name, created_at, secrets FROM provider_apps WHERE uuid = $1 AND deleted_at IS NULL FOR UPDATE"
};

static const struct pg_stmt app_update = { "app_set", PG_PREPARED,
	"UPDATE provider_apps SET name = $2, secrets = $3, updated_at = now() WHERE id = $1" };

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

#define SELECT_ACCOUNTS(where) \
	"SELECT a.workspace_id, a.id, w.uuid, a.uuid, a.session_id, a.provider_type, p.uuid, a.bridge_kind, a.provider_ref," \
	" a.phone_number, a.phone_number_id, a.waba_id, a.business_id, a.assigned_instance_url, a.is_primary, a.desired_state, a.status," \
	" a.disconnect_reason, a.sync, a.status_since, a.last_activity_at, a.health_score, a.secrets" \
	" FROM whatsapp_accounts a JOIN workspaces w ON w.id = a.workspace_id LEFT JOIN provider_apps p ON p.id = a.provider_app_id" \
	" WHERE a.deleted_at IS NULL AND " where

static const struct pg_stmt accounts = { "accounts_list", PG_PREPARED,
	SELECT_ACCOUNTS("($1::bigint = 0 OR a.workspace_id = $1) ORDER BY a.workspace_id, a.id") };

/* A session id never looks like a uuid: at most one row. */
static const struct pg_stmt account_lock_one = { "account_lock", PG_PREPARED,
	SELECT_ACCOUNTS("(a.uuid = $1::uuid OR a.session_id = $2::text) FOR UPDATE OF a") };

/* As store_account_add: no row when $9 names no live app that the workspace may use. */
static const struct pg_stmt account_update = { "account_set", PG_PREPARED,
	"UPDATE whatsapp_accounts a SET session_id = $3::text, provider_ref = nullif($4::text, ''), phone_number = nullif($5::text, ''),"
	" phone_number_id = nullif($6::text, ''), waba_id = nullif($7::text, ''), business_id = nullif($8::text, ''), provider_app_id = p.id,"
	" secrets = $10::bytea, updated_at = now() FROM (SELECT) AS one LEFT JOIN provider_apps p ON p.uuid = $9::uuid"
	" AND p.deleted_at IS NULL AND coalesce(p.workspace_id, $1) = $1 WHERE a.workspace_id = $1::bigint AND a.id = $2::bigint"
	" AND (p.id IS NOT NULL OR $9::uuid IS NULL)" };

static const struct pg_stmt syncs = {
	"syncs_list", PG_PREPARED,
	"SELECT w.uuid, a.uuid, a.session_id, a.sync FROM whatsapp_accounts a JOIN workspaces w ON w.id = a.workspace_id"
	" WHERE ($1::bigint = 0 OR a.workspace_id = $1) AND a.deleted_at IS NULL AND a.sync <> '{}' ORDER BY a.workspace_id, a.id"
};

const struct pg_stmt *const config_statements[] = { &workspace_insert, &workspaces, &workspace_by_uuid,
	&workspace_by_name, &app_insert, &apps, &app_lock_one, &app_update, &primary_unset, &account_insert, &accounts,
	&account_lock_one, &account_update, &syncs, NULL };

/* Messages for violated constraints, for the operator whose command failed; they never name the other tenant. */
static const struct {
	const char *constraint;
	enum err_kind kind;
	const char *means;
} claims[] = {
	{ "workspaces_uuid_key", ERR_CONFLICT, "the id is taken" },
	{ "provider_apps_uuid_key", ERR_CONFLICT, "the id is taken" },
	{ "whatsapp_accounts_uuid_key", ERR_CONFLICT, "the id is taken" },
	{ "whatsapp_accounts_session_id_key", ERR_CONFLICT, "the session id is taken" },
	{ "whatsapp_accounts_phone_number_id", ERR_CONFLICT, "the phone number id is taken by another account" },
	{ "whatsapp_accounts_provider_ref", ERR_CONFLICT,
		"the ref is taken by another account of this kind of bridge and instance" },
	{ "whatsapp_accounts_waba_owner", ERR_CONFLICT, "the WABA is taken by another workspace of this app" },
	{ "whatsapp_accounts_session_is_no_uuid", ERR_INPUT, "a session id must not look like a UUID" },
	{ "whatsapp_accounts_session_id_check", ERR_INPUT, "a session id has 1 to 200 bytes" },
};

static bool quotes(const char *quoted, const char *name)
{
	return strncmp(quoted, name, strlen(name)) == 0 && quoted[strlen(name)] == '"';
}

/* PostgreSQL's messages quote the constraint's name. Returns -1. */
static int claim_explain(struct err *err)
{
	const char *name = err ? strchr(err->msg, '"') : NULL;

	for (; name; name = strchr(name + 1, '"'))
		for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++)
			if (quotes(name + 1, claims[i].constraint)) {
				char code[sizeof(err->code)];

				memcpy(code, err->code, sizeof(code));
				return err_set(err, claims[i].kind, code, "%s", claims[i].means);
			}
	return -1;
}

/* Runs a statement and frees args. */
static int taking(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, struct pg_rows **rows,
	struct err *err)
{
	int rc = pg_run(pg, stmt, args, rows, err);

	pg_args_free(args);
	return rc;
}

/* The same for a statement that returns an id, or no row (*id is then unchanged). */
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

int store_workspace_add(struct pg *pg, struct workspace_info *w, struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_uuid(args, &w->uuid);
	pg_arg_text(args, w->name);
	pg_arg_jsonb(args, w->settings);
	return taking_id(pg, &workspace_insert, args, &w->id, err) < 0 ? claim_explain(err) : 0;
}

int store_workspaces_list(struct pg *pg, void (*each)(void *ctx, const struct workspace_info *w), void *ctx,
	struct err *err)
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

int store_workspace_find(struct pg *pg, struct str uuid_or_name, int64_t *id, struct uuid *uuid, struct err *err)
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

int store_app_add(struct pg *pg, struct app_info *app, struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_uuid(args, &app->uuid);
	pg_arg_i64(args, app->workspace_id);
	pg_arg_text(args, app->kind);
	pg_arg_text(args, app->name);
	pg_arg_bytea(args, app->secrets);
	return taking_id(pg, &app_insert, args, &app->id, err) < 0 ? claim_explain(err) : 0;
}

/* Borrowed, or copied where the reader has an arena. */
static struct str text_read(struct cells *c)
{
	struct str s = cells_borrow(c);

	return c->arena ? arena_str(c->arena, s) : s;
}

static void app_read(struct cells *c, struct app_info *app)
{
	app->id = cells_i64(c);
	app->workspace_id = cells_id(c);
	app->uuid = cells_uuid(c);
	app->kind = text_read(c);
	app->name = text_read(c);
	app->created_us = cells_time(c);
	app->secrets = text_read(c);
}

int store_app_lock(struct pg *pg, const struct uuid *uuid, struct arena *a, struct app_info *out, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	struct cells c;
	bool found;

	pg_arg_uuid(args, uuid);
	if (taking(pg, &app_lock_one, args, &rows, err) < 0)
		return -1;
	c = cells_of(rows, a);
	found = cells_more(&c);
	if (found)
		app_read(&c, out);
	pg_rows_free(rows);
	return found ? 0 : err_set(err, ERR_INPUT, "unknown", "there is no such app");
}

int store_app_set(struct pg *pg, const struct app_info *app, struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_i64(args, app->id);
	pg_arg_text(args, app->name);
	pg_arg_bytea(args, app->secrets);
	return taking(pg, &app_update, args, NULL, err);
}

int store_apps_list(struct pg *pg, void (*each)(void *ctx, const struct app_info *app), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (pg_run(pg, &apps, NULL, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct app_info app = { 0 };

		app_read(&c, &app);
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

int store_account_add(struct pg *pg, struct account_info *a, struct err *err)
{
	int64_t id = 0;
	int rc = -1;

	if (pg_begin(pg, err) < 0)
		return -1;
	if (a->is_primary && primary_clear(pg, a->workspace_id, err) < 0)
		goto out;
	if (taking_id(pg, &account_insert, account_args(a), &id, err) < 0) {
		claim_explain(err);
		goto out;
	}
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
	a->session_id = text_read(c);
	a->provider = provider_parse(text_read(c));
	a->app = cells_uuid(c);
	a->bridge = bridge_parse(text_read(c));
	a->provider_ref = text_read(c);
	a->phone_number = text_read(c);
	a->phone_number_id = text_read(c);
	a->waba_id = text_read(c);
	a->business_id = text_read(c);
	a->assigned_instance_url = text_read(c);
	a->is_primary = cells_bool(c);
	a->desired_state = text_read(c);
	a->status = text_read(c);
	a->disconnect_reason = text_read(c);
	a->sync = text_read(c);
	a->status_since_us = cells_time(c);
	a->last_activity_us = cells_time(c);
	a->health_score = (int16_t)cells_i32(c);
	a->secrets = text_read(c);
}

int store_account_lock(struct pg *pg, struct str uuid_or_session, struct arena *arena, struct account_info *out,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	struct uuid uuid;
	struct cells c;
	bool found, by_uuid = uuid_parse(uuid_or_session, &uuid);

	pg_arg_uuid(args, by_uuid ? &uuid : NULL);
	pg_arg_text(args, by_uuid ? STR_NONE : uuid_or_session);
	if (taking(pg, &account_lock_one, args, &rows, err) < 0)
		return -1;
	c = cells_of(rows, arena);
	found = cells_more(&c);
	if (found)
		account_read(&c, out);
	pg_rows_free(rows);
	return found ? 0 : err_set(err, ERR_INPUT, "unknown", "there is no such account");
}

int store_account_set(struct pg *pg, const struct account_info *a, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int64_t found;

	pg_arg_i64(args, a->workspace_id);
	pg_arg_i64(args, a->id);
	pg_arg_text(args, a->session_id);
	pg_arg_text(args, a->provider_ref);
	pg_arg_text(args, a->phone_number);
	pg_arg_text(args, a->phone_number_id);
	pg_arg_text(args, a->waba_id);
	pg_arg_text(args, a->business_id);
	pg_arg_uuid(args, uuid_is_nil(&a->app) ? NULL : &a->app);
	pg_arg_bytea(args, a->secrets);
	if (taking(pg, &account_update, args, &rows, err) < 0)
		return claim_explain(err);
	found = pg_rows_affected(rows);
	pg_rows_free(rows);
	return found > 0 ? 0 : err_set(err, ERR_INPUT, "unknown", "there is no such app");
}

/* Runs a list of one workspace, 0: of all. */
static int listing(struct pg *pg, const struct pg_stmt *stmt, int64_t workspace_id, struct pg_rows **rows,
	struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_i64(args, workspace_id);
	return taking(pg, stmt, args, rows, err);
}

int store_accounts_list(struct pg *pg, int64_t workspace_id, void (*each)(void *ctx, const struct account_info *a),
	void *ctx, struct err *err)
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

int store_syncs_list(struct pg *pg, int64_t workspace_id, void (*each)(void *ctx, const struct sync_info *s), void *ctx,
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
