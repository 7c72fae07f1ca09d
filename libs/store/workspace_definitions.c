/* Workspaces; see definitions.h. */
#include "store/definitions_private.h"

#include "store/statements.h"

static const struct pg_stmt workspace_insert = { "workspace_add", PG_PREPARED,
	"INSERT INTO workspaces (uuid, name, settings) VALUES ($1, $2, coalesce($3::jsonb, '{}')) RETURNING id" };

static const struct pg_stmt workspace_settings = { "workspace_settings", PG_PREPARED,
	"UPDATE workspaces SET settings = (SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(settings || $2::jsonb)"
	" WHERE value <> 'null'), updated_at = now() WHERE id = $1 RETURNING settings" };

static const struct pg_stmt workspaces = { "workspaces_list", PG_PREPARED,
	"SELECT id, uuid, name, settings, created_at FROM workspaces WHERE deleted_at IS NULL ORDER BY id" };

static const struct pg_stmt workspace_by_uuid = { "workspace_by_uuid", PG_PREPARED,
	"SELECT id, uuid FROM workspaces WHERE uuid = $1 AND deleted_at IS NULL" };

static const struct pg_stmt workspace_by_name = { "workspace_by_name", PG_PREPARED,
	"SELECT id, uuid FROM workspaces WHERE name = $1 AND deleted_at IS NULL LIMIT 2" };

static const struct pg_stmt workspace_state = {
	"workspace_state", PG_PREPARED,
	"SELECT w.id, w.uuid, w.name, w.deleted_at, w.deletion_stage, w.deletion_stage_at, (SELECT count(*) FROM whatsapp_accounts a"
	" LEFT JOIN account_control c ON (c.workspace_id, c.account_id) = (a.workspace_id, a.id) WHERE a.workspace_id = w.id"
	" AND (a.deleted_at IS NULL OR (c.gone_at IS NULL AND a.deleted_at > now() - interval '7 days')))"
	" FROM workspaces w WHERE w.uuid = $1::uuid OR ($1::uuid IS NULL AND w.name = $2::text) ORDER BY w.id LIMIT 2"
};

static const struct pg_stmt workspace_delete = { "workspace_delete", PG_PREPARED,
	"UPDATE workspaces SET deleted_at = now(), updated_at = now() WHERE id = $1::bigint AND deleted_at IS NULL" };

/* Waits for cleanup, which may be beginning the next stage. */
static const struct pg_stmt workspace_restore = { "workspace_restore", PG_PREPARED,
	"UPDATE workspaces SET deleted_at = NULL, updated_at = now() WHERE id = $1::bigint AND deleted_at IS NOT NULL"
	" AND deletion_stage IS NULL" };

const struct pg_stmt *const workspace_definition_statements[] = { &workspace_insert, &workspace_settings, &workspaces,
	&workspace_by_uuid, &workspace_by_name, &workspace_state, &workspace_delete, &workspace_restore, NULL };

int store_workspace_add(struct pg *pg, struct workspace_info *w, struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_uuid(args, &w->uuid);
	pg_arg_text(args, w->name);
	pg_arg_jsonb(args, w->settings);
	return definition_run_id(pg, &workspace_insert, args, &w->id, err) < 0 ? definition_explain(err) : 0;
}

int store_workspace_settings(struct pg *pg, int64_t id, struct str settings, struct arena *a, struct str *out,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;

	pg_arg_i64(args, id);
	pg_arg_jsonb(args, settings);
	if (definition_run(pg, &workspace_settings, args, &rows, err) < 0)
		return definition_explain(err);
	*out = arena_str(a, pg_rows_count(rows) > 0 ? pg_text(rows, 0, 0) : STR("{}"));
	pg_rows_free(rows);
	return 0;
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
	if (definition_run(pg, by_uuid ? &workspace_by_uuid : &workspace_by_name, args, &rows, err) < 0)
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

int store_workspace_state(struct pg *pg, struct str uuid_or_name, struct arena *a, struct workspace_state *out,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	struct uuid wanted;
	struct cells c;
	int rc = 0;

	pg_arg_uuid(args, uuid_parse(uuid_or_name, &wanted) ? &wanted : NULL);
	pg_arg_text(args, uuid_or_name);
	if (definition_run(pg, &workspace_state, args, &rows, err) < 0)
		return -1;
	if (pg_rows_count(rows) == 0)
		rc = err_set(err, ERR_INPUT, "unknown", "there is no workspace %.*s", STR_ARG(uuid_or_name));
	else if (pg_rows_count(rows) > 1)
		rc = err_set(err, ERR_INPUT, "ambiguous", "several workspaces are called %.*s, give the id",
			STR_ARG(uuid_or_name));
	for (c = cells_of(rows, a); rc == 0 && cells_more(&c); cells_next(&c)) {
		out->id = cells_i64(&c);
		out->uuid = cells_uuid(&c);
		out->name = cells_text(&c);
		out->deleted_us = cells_time(&c);
		out->stage = cells_text(&c);
		out->stage_us = cells_time(&c);
		out->sessions = cells_i64(&c);
	}
	pg_rows_free(rows);
	return rc;
}

/* 1: the workspace was as the statement wants it. */
static int deletion_run(struct pg *pg, const struct pg_stmt *stmt, int64_t id, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, id);
	if (definition_run(pg, stmt, args, &rows, err) < 0)
		return definition_explain(err);
	rc = pg_rows_affected(rows) > 0;
	pg_rows_free(rows);
	return rc;
}

int store_workspace_delete(struct pg *pg, int64_t id, struct err *err)
{
	int rc = deletion_run(pg, &workspace_delete, id, err);

	return rc == 0 ? err_set(err, ERR_INPUT, "deleted", "the workspace is deleted already") : rc < 0 ? -1 : 0;
}

int store_workspace_restore(struct pg *pg, const struct workspace_state *w, struct err *err)
{
	int rc = deletion_run(pg, &workspace_restore, w->id, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (w->deleted_us == PG_NO_TIME)
		return err_set(err, ERR_INPUT, "live", "the workspace is not deleted");
	return err_set(err, ERR_INPUT, "deleted",
		"the workspace cannot be restored any more: cleanup deletes its sessions and rows");
}
