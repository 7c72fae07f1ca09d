/* Accounts; see definitions.h. Invariant: a workspace with a live account has exactly one primary, also while it changes. */
#include "store/definitions_private.h"

#include <string.h>

#include "phone/phone.h"
#include "store/account_wishes.h"
#include "store/statements.h"

/* With null the present primary stays, if there is one. */
static const struct pg_stmt primary_choose = { "account_primary", PG_PREPARED,
	"SELECT account_primary($1, nullif($2::bigint, 0))" };

/* No row when $4 names no live app that the workspace may use. */
static const struct pg_stmt account_insert = {
	"account_add", PG_PREPARED,
	"INSERT INTO whatsapp_accounts (workspace_id, uuid, session_id, provider_app_id, provider_type, bridge_kind, provider_ref,"
	" phone_number, phone_number_id, waba_id, business_id, assigned_instance_url, secrets)"
	" SELECT $1::bigint, $2::uuid, $3::text, p.id, $5::text, nullif($6::text, ''), $7::text, $8::text, $9::text, $10::text, $11::text,"
	" $12::text, $13::bytea FROM (SELECT) AS one LEFT JOIN provider_apps p ON p.uuid = $4::uuid"
	" AND p.deleted_at IS NULL AND coalesce(p.workspace_id, $1) = $1 WHERE p.id IS NOT NULL OR $4::uuid IS NULL RETURNING id"
};

#define SELECT_ACCOUNTS(where) \
	"SELECT a.workspace_id, a.id, w.uuid, a.uuid, a.session_id, a.provider_type, p.uuid, a.bridge_kind, a.provider_ref," \
	" a.phone_number, a.phone_number_id, a.waba_id, a.business_id, a.assigned_instance_url, a.is_primary, a.desired_state, a.status," \
	" a.disconnect_reason, a.sync, a.status_since, a.disconnected_at, a.last_activity_at, a.health_score, coalesce(a.assigned_instance_index, -1), a.secrets" \
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

static const struct pg_stmt deleted = { "accounts_deleted", PG_PREPARED,
	"SELECT session_id, coalesce(nullif(reported_phone, ''), phone_number) FROM whatsapp_accounts WHERE workspace_id = $1::bigint"
	" AND (deleted_at IS NOT NULL OR desired_state = 'deleted') ORDER BY deleted_at DESC NULLS FIRST, id DESC" };

static const struct pg_stmt syncs = {
	"syncs_list", PG_PREPARED,
	"SELECT w.uuid, a.uuid, a.session_id, a.sync FROM whatsapp_accounts a JOIN workspaces w ON w.id = a.workspace_id"
	" WHERE ($1::bigint = 0 OR a.workspace_id = $1) AND a.deleted_at IS NULL AND a.sync <> '{}' ORDER BY a.workspace_id, a.id"
};

const struct pg_stmt *const account_definition_statements[] = { &primary_choose, &account_insert, &accounts,
	&account_lock_one, &account_update, &deleted, &syncs, NULL };

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
	pg_arg_bytea(args, a->secrets);
	return args;
}

/* wanted 0: the present one. */
static int primary_set(struct pg *pg, int64_t workspace_id, int64_t wanted, int64_t *primary, struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_i64(args, workspace_id);
	pg_arg_i64(args, wanted);
	return definition_run_id(pg, &primary_choose, args, primary, err);
}

int store_account_primary_set(struct pg *pg, int64_t workspace_id, int64_t id, struct err *err)
{
	int64_t primary;

	return primary_set(pg, workspace_id, id, &primary, err);
}

static int instance_ask(struct pg *pg, const struct account_info *a, int64_t id, struct err *err)
{
	const struct account_state added = {
		.workspace_id = a->workspace_id, .id = id, .bridge = a->bridge, .instance = -1
	};

	return a->asked_instance ? store_account_ask(pg, &added, *a->asked_instance, err) : 0;
}

int store_account_add(struct pg *pg, struct account_info *a, struct err *err)
{
	int64_t id = 0, primary = 0;
	int rc = -1;

	if (pg_begin(pg, err) < 0)
		return -1;
	if (definition_run_id(pg, &account_insert, account_args(a), &id, err) < 0) {
		definition_explain(err);
		goto out;
	}
	if (id == 0) {
		err_set(err, ERR_INPUT, "unknown", "there is no such app");
		goto out;
	}
	if (instance_ask(pg, a, id, err) < 0 ||
		primary_set(pg, a->workspace_id, a->is_primary ? id : 0, &primary, err) < 0 || pg_commit(pg, err) < 0)
		goto out;
	a->id = id;
	a->is_primary = primary == id;
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
	a->session_id = definition_text(c);
	a->provider = provider_parse(definition_text(c));
	a->app = cells_uuid(c);
	a->bridge = bridge_parse(definition_text(c));
	a->provider_ref = definition_text(c);
	a->phone_number = definition_text(c);
	a->phone_number_id = definition_text(c);
	a->waba_id = definition_text(c);
	a->business_id = definition_text(c);
	a->assigned_instance_url = definition_text(c);
	a->is_primary = cells_bool(c);
	a->desired_state = definition_text(c);
	a->status = definition_text(c);
	a->disconnect_reason = definition_text(c);
	a->sync = definition_text(c);
	a->status_since_us = cells_time(c);
	a->disconnected_us = cells_time(c);
	a->last_activity_us = cells_time(c);
	a->health_score = (int16_t)cells_i32(c);
	a->instance = cells_i64(c);
	a->secrets = definition_text(c);
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
	if (definition_run(pg, &account_lock_one, args, &rows, err) < 0)
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
	if (definition_run(pg, &account_update, args, &rows, err) < 0)
		return definition_explain(err);
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
	return definition_run(pg, stmt, args, rows, err);
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

static bool is_same_number(const struct phone *wanted, struct str phone)
{
	struct phone other;

	return phone_normalise(phone, "", true, &other) && strcmp(other.match_key, wanted->match_key) == 0;
}

int store_account_deleted(struct pg *pg, int64_t workspace_id, struct str phone, struct arena *arena,
	struct str *session_id, struct err *err)
{
	struct str found = STR_NONE;
	struct pg_rows *rows = NULL;
	struct phone wanted;

	if (!phone_normalise(phone, "", true, &wanted)) {
		*session_id = STR_NONE;
		return 0;
	}
	if (listing(pg, &deleted, workspace_id, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, arena); !found.p && cells_more(&c); cells_next(&c)) {
		struct str session = cells_text(&c);

		if (is_same_number(&wanted, cells_borrow(&c)))
			found = session;
	}
	pg_rows_free(rows);
	*session_id = found;
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
