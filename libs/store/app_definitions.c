/* Apps; see definitions.h. */
#include "store/definitions_private.h"

#include "store/statements.h"

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

const struct pg_stmt *const app_definition_statements[] = { &app_insert, &apps, &app_lock_one, &app_update, NULL };

int store_app_add(struct pg *pg, struct app_info *app, struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_uuid(args, &app->uuid);
	pg_arg_i64(args, app->workspace_id);
	pg_arg_text(args, app->kind);
	pg_arg_text(args, app->name);
	pg_arg_bytea(args, app->secrets);
	return definition_run_id(pg, &app_insert, args, &app->id, err) < 0 ? definition_explain(err) : 0;
}

static void app_read(struct cells *c, struct app_info *app)
{
	app->id = cells_i64(c);
	app->workspace_id = cells_id(c);
	app->uuid = cells_uuid(c);
	app->kind = definition_text(c);
	app->name = definition_text(c);
	app->created_us = cells_time(c);
	app->secrets = definition_text(c);
}

int store_app_lock(struct pg *pg, const struct uuid *uuid, struct arena *a, struct app_info *out, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	struct cells c;
	bool found;

	pg_arg_uuid(args, uuid);
	if (definition_run(pg, &app_lock_one, args, &rows, err) < 0)
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
	return definition_run(pg, &app_update, args, NULL, err);
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
