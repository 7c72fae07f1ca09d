/* See intake.h. Invariant: only live accounts of live workspaces may post. */
#include "store/intake.h"

#include "store/cells.h"
#include "store/private.h"
#include "store/statements.h"

#define SELECT_ACCOUNTS(where) \
	"SELECT a.uuid, w.uuid, a.workspace_id, a.id, a.session_id, a.provider_type, a.bridge_kind, p.uuid, a.provider_ref," \
	" a.phone_number, a.phone_number_id, a.waba_id, a.business_id, a.secrets, w.settings ->> 'default_region'" \
	" FROM whatsapp_accounts a JOIN workspaces w ON w.id = a.workspace_id AND w.deleted_at IS NULL" \
	" LEFT JOIN provider_apps p ON p.id = a.provider_app_id AND p.deleted_at IS NULL" \
	" WHERE a.deleted_at IS NULL" where

#define SELECT_APPS(where) \
	"SELECT p.uuid, p.id, p.kind, p.secrets, w.uuid FROM provider_apps p LEFT JOIN workspaces w ON w.id = p.workspace_id" \
	" WHERE p.deleted_at IS NULL AND w.deleted_at IS NULL" where

static const struct pg_stmt accounts = { "intake_accounts", PG_PREPARED, SELECT_ACCOUNTS("") };
static const struct pg_stmt account = { "intake_account", PG_PREPARED, SELECT_ACCOUNTS(" AND a.uuid = $1") };
static const struct pg_stmt by_session = { "intake_account_by_session", PG_PREPARED,
	SELECT_ACCOUNTS(" AND a.session_id = $1") };
static const struct pg_stmt by_row = { "intake_account_by_row", PG_PREPARED, SELECT_ACCOUNTS(" AND a.id = $1") };
static const struct pg_stmt of_workspace = { "intake_accounts_of_workspace", PG_PREPARED,
	SELECT_ACCOUNTS(" AND w.uuid = $1") };
static const struct pg_stmt gone_of_workspace = { "intake_gone_of_workspace", PG_PREPARED,
	"SELECT false, a.uuid FROM whatsapp_accounts a JOIN workspaces w ON w.id = a.workspace_id"
	" WHERE w.uuid = $1 AND (a.deleted_at IS NOT NULL OR w.deleted_at IS NOT NULL)"
	" UNION ALL SELECT true, p.uuid FROM provider_apps p JOIN workspaces w ON w.id = p.workspace_id"
	" WHERE w.uuid = $1 AND (p.deleted_at IS NOT NULL OR w.deleted_at IS NOT NULL)" };
static const struct pg_stmt by_phone_number_id = { "intake_account_by_phone_number_id", PG_PREPARED,
	SELECT_ACCOUNTS(" AND a.phone_number_id = $1") };
static const struct pg_stmt by_waba = { "intake_accounts_by_waba", PG_PREPARED,
	SELECT_ACCOUNTS(" AND a.waba_id = $1") };
static const struct pg_stmt apps = { "intake_apps", PG_PREPARED, SELECT_APPS("") };
static const struct pg_stmt app_one = { "intake_app", PG_PREPARED, SELECT_APPS(" AND p.uuid = $1") };

static const struct pg_stmt qr_put = {
	"account_qr_put", PG_PREPARED,
	"INSERT INTO account_qr (workspace_id, account_id, kind, code, expires_at)"
	" VALUES ($1, $2, $3, $4, now() + $5::integer * interval '1 second') ON CONFLICT (workspace_id, account_id)"
	" DO UPDATE SET kind = excluded.kind, code = excluded.code, expires_at = excluded.expires_at, updated_at = now()"
};

const struct pg_stmt *const intake_statements[] = { &accounts, &account, &by_session, &by_row, &of_workspace,
	&gone_of_workspace, &by_phone_number_id, &by_waba, &apps, &app_one, NULL };
const struct pg_stmt *const account_qr_statements[] = { &qr_put, NULL };

static void account_read(struct cells *c, struct intake_account_row *row)
{
	row->uuid = cells_uuid(c);
	row->workspace = cells_uuid(c);
	row->workspace_id = cells_i64(c);
	row->id = cells_i64(c);
	row->session_id = cells_borrow(c);
	row->provider = provider_parse(cells_borrow(c));
	row->bridge = bridge_parse(cells_borrow(c));
	row->app = cells_uuid(c);
	row->provider_ref = cells_borrow(c);
	row->phone_number = cells_borrow(c);
	row->phone_number_id = cells_borrow(c);
	row->waba_id = cells_borrow(c);
	row->business_id = cells_borrow(c);
	row->secrets = cells_borrow(c);
	region_read(c, row->region);
}

/* Takes args. */
static int accounts_select(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, intake_account_each *each,
	void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;
	int rc = pg_run(pg, stmt, args, &rows, err);

	pg_args_free(args);
	if (rc < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct intake_account_row row;

		account_read(&c, &row);
		each(ctx, &row);
	}
	pg_rows_free(rows);
	return 0;
}

int store_intake_accounts_load(struct pg *pg, const struct uuid *uuid, intake_account_each *each, void *ctx,
	struct err *err)
{
	struct pg_args *args = pg_args_new();

	if (uuid)
		pg_arg_uuid(args, uuid);
	return accounts_select(pg, uuid ? &account : &accounts, args, each, ctx, err);
}

int store_intake_account_by_session(struct pg *pg, struct str session_id, intake_account_each *each, void *ctx,
	struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_text(args, session_id);
	return accounts_select(pg, &by_session, args, each, ctx, err);
}

int store_intake_account_by_row(struct pg *pg, int64_t id, intake_account_each *each, void *ctx, struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_i64(args, id);
	return accounts_select(pg, &by_row, args, each, ctx, err);
}

int store_intake_accounts_of_workspace(struct pg *pg, const struct uuid *workspace, intake_account_each *each,
	void *ctx, struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_uuid(args, workspace);
	return accounts_select(pg, &of_workspace, args, each, ctx, err);
}

int store_intake_gone_of_workspace(struct pg *pg, const struct uuid *workspace,
	void (*each)(void *ctx, bool is_app, const struct uuid *id), void *ctx, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_uuid(args, workspace);
	rc = pg_run(pg, &gone_of_workspace, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		bool is_app = cells_bool(&c);
		struct uuid id = cells_uuid(&c);

		each(ctx, is_app, &id);
	}
	pg_rows_free(rows);
	return 0;
}

int store_intake_account_by_phone_number_id(struct pg *pg, struct str phone_number_id, intake_account_each *each,
	void *ctx, struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_text(args, phone_number_id);
	return accounts_select(pg, &by_phone_number_id, args, each, ctx, err);
}

int store_intake_accounts_by_waba(struct pg *pg, struct str waba_id, intake_account_each *each, void *ctx,
	struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_text(args, waba_id);
	return accounts_select(pg, &by_waba, args, each, ctx, err);
}

int store_intake_apps_load(struct pg *pg, const struct uuid *uuid,
	void (*each)(void *ctx, const struct intake_app_row *row), void *ctx, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	if (uuid)
		pg_arg_uuid(args, uuid);
	rc = pg_run(pg, uuid ? &app_one : &apps, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct intake_app_row row = { .uuid = cells_uuid(&c) };

		row.id = cells_i64(&c);
		row.kind = cells_borrow(&c);
		row.secrets = cells_borrow(&c);
		row.workspace = cells_uuid(&c);
		each(ctx, &row);
	}
	pg_rows_free(rows);
	return 0;
}

int store_account_qr_put(struct pg *pg, int64_t workspace_id, int64_t account_id, bool pairing, struct str sealed,
	int ttl_s, struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i64(args, workspace_id);
	pg_arg_i64(args, account_id);
	pg_arg_text(args, pairing ? STR("pairing") : STR("qr"));
	pg_arg_bytea(args, sealed);
	pg_arg_i32(args, ttl_s);
	rc = pg_run(pg, &qr_put, args, NULL, err);
	pg_args_free(args);
	return rc;
}
