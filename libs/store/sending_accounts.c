/* See sending_accounts.h. */
#include "store/sending_accounts.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

#define ACCOUNT_COLUMNS \
	"a.workspace_id, a.id, w.uuid, a.uuid, a.provider_type, a.bridge_kind, a.session_id, a.provider_ref, a.assigned_instance_url," \
	" a.phone_number, a.phone_number_id, a.waba_id, a.business_id, a.secrets, a.metadata -> 'sending'," \
	" a.desired_state = 'connected', a.deleted_at IS NOT NULL OR w.deleted_at IS NOT NULL, a.is_primary, a.status, a.desired_at," \
	" a.status_at, a.health_score, a.created_at"
#define WORKSPACE \
	" CROSS JOIN LATERAL (SELECT w.uuid, w.deleted_at FROM workspaces w WHERE w.id = a.workspace_id OFFSET 0) AS w"

static const struct pg_stmt find = { "sending_accounts_find", PG_UNNAMED,
	"SELECT " ACCOUNT_COLUMNS " FROM (SELECT DISTINCT uuid FROM unnest($1::uuid[]) AS r (uuid)) AS r"
	" JOIN whatsapp_accounts a ON a.uuid = r.uuid" WORKSPACE };

static const struct pg_stmt list = { "sending_accounts_list", PG_UNNAMED,
	"SELECT " ACCOUNT_COLUMNS " FROM (SELECT DISTINCT id FROM unnest($1::bigint[]) AS r (id)) AS r"
	" JOIN whatsapp_accounts a ON a.workspace_id = r.id" WORKSPACE
	" WHERE a.deleted_at IS NULL AND w.deleted_at IS NULL ORDER BY a.workspace_id, a.id" };

const struct pg_stmt *const sending_accounts_statements[] = { &find, &list, NULL };

static struct sending_account account_read(struct cells *c)
{
	struct sending_account a = { .workspace_id = cells_i64(c) };

	a.id = cells_i64(c);
	a.workspace = cells_uuid(c);
	a.uuid = cells_uuid(c);
	a.provider = provider_parse(cells_borrow(c));
	a.bridge = bridge_parse(cells_borrow(c));
	a.session_id = cells_text(c);
	a.provider_ref = cells_text(c);
	a.instance_url = cells_text(c);
	a.phone_number = cells_text(c);
	a.phone_number_id = cells_text(c);
	a.waba_id = cells_text(c);
	a.business_id = cells_text(c);
	a.secrets = cells_text(c);
	a.limits = cells_text(c);
	a.desired_connected = cells_bool(c);
	a.deleted = cells_bool(c);
	a.is_primary = cells_bool(c);
	a.status = cells_text(c);
	a.desired_us = cells_time(c);
	a.status_at_us = cells_time(c);
	a.health_score = (int16_t)cells_i32(c);
	a.created_us = cells_time(c);
	return a;
}

static int accounts_run(struct columns *columns, struct pg *pg, const struct pg_stmt *stmt, struct arena *a,
	void (*each)(void *ctx, const struct sending_account *account), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (columns_run(columns, pg, stmt, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, a); cells_more(&c); cells_next(&c)) {
		struct sending_account account = account_read(&c);

		each(ctx, &account);
	}
	pg_rows_free(rows);
	return 0;
}

int store_sending_accounts(struct pg *pg, const struct uuid *uuids, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct sending_account *account), void *ctx, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_uuid(&c, &uuids[i]);
	}
	return accounts_run(&c, pg, &find, a, each, ctx, err);
}

int store_sending_accounts_of(struct pg *pg, const int64_t *workspaces, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct sending_account *account), void *ctx, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, workspaces[i]);
	}
	return accounts_run(&c, pg, &list, a, each, ctx, err);
}
