/* See sealed_columns.h. Invariant: a value is replaced only while it is the one that was read, so that a concurrent writer wins. */
#include "store/sealed_columns.h"

#include "crypto/sealed_row.h"
#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

static const struct pg_stmt apps_page = { "sealed_apps", PG_PREPARED,
	"SELECT 0::bigint, id, uuid, secrets FROM provider_apps WHERE $1::bigint = 0 AND id > $2::bigint"
	" AND octet_length(secrets) > 0 ORDER BY id LIMIT $3::bigint" };

static const struct pg_stmt accounts_page = { "sealed_accounts", PG_PREPARED,
	"SELECT workspace_id, id, uuid, secrets FROM whatsapp_accounts WHERE (workspace_id, id) > ($1::bigint, $2::bigint)"
	" AND octet_length(secrets) > 0 ORDER BY workspace_id, id LIMIT $3::bigint" };

static const struct pg_stmt endpoints_page = { "sealed_endpoints", PG_PREPARED,
	"SELECT workspace_id, id, uuid, secrets FROM webhook_endpoints WHERE (workspace_id, id) > ($1::bigint, $2::bigint)"
	" AND octet_length(secrets) > 0 ORDER BY workspace_id, id LIMIT $3::bigint" };

/* Indexes begin at 0. */
static const struct pg_stmt instances_page = { "sealed_instances", PG_PREPARED,
	"SELECT 0::bigint, index + 1, uuid, secrets FROM instances WHERE $1::bigint = 0 AND index > $2::bigint - 1"
	" AND octet_length(secrets) > 0 ORDER BY index LIMIT $3::bigint" };

static const struct pg_stmt erasures_page = { "sealed_erasures", PG_PREPARED,
	"SELECT workspace_id, id, uuid, aliases FROM erasures WHERE (workspace_id, id) > ($1::bigint, $2::bigint)"
	" AND octet_length(aliases) > 0 ORDER BY workspace_id, id LIMIT $3::bigint" };

static const struct pg_stmt qr_page = { "sealed_qr", PG_PREPARED,
	"SELECT q.workspace_id, q.account_id, (SELECT a.uuid FROM whatsapp_accounts a"
	" WHERE (a.workspace_id, a.id) = (q.workspace_id, q.account_id)), q.code FROM account_qr q"
	" WHERE (q.workspace_id, q.account_id) > ($1::bigint, $2::bigint) AND q.expires_at > now() AND octet_length(q.code) > 0"
	" ORDER BY q.workspace_id, q.account_id LIMIT $3::bigint" };

#define CHANGES \
	" FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[]) WITH ORDINALITY AS r(workspace_id, id, was, sealed, place)"

static const struct pg_stmt apps_replace = { "sealed_apps_replace", PG_PREPARED,
	"UPDATE provider_apps t SET secrets = r.sealed" CHANGES
	" WHERE t.id = r.id AND t.secrets = r.was RETURNING r.place" };

static const struct pg_stmt accounts_replace = { "sealed_accounts_replace", PG_PREPARED,
	"UPDATE whatsapp_accounts t SET secrets = r.sealed" CHANGES
	" WHERE (t.workspace_id, t.id) = (r.workspace_id, r.id) AND t.secrets = r.was RETURNING r.place" };

static const struct pg_stmt endpoints_replace = { "sealed_endpoints_replace", PG_PREPARED,
	"UPDATE webhook_endpoints t SET secrets = r.sealed" CHANGES
	" WHERE (t.workspace_id, t.id) = (r.workspace_id, r.id) AND t.secrets = r.was RETURNING r.place" };

static const struct pg_stmt instances_replace = { "sealed_instances_replace", PG_PREPARED,
	"UPDATE instances t SET secrets = r.sealed" CHANGES
	" WHERE t.index = r.id - 1 AND t.secrets = r.was RETURNING r.place" };

static const struct pg_stmt erasures_replace = { "sealed_erasures_replace", PG_PREPARED,
	"UPDATE erasures t SET aliases = r.sealed" CHANGES
	" WHERE (t.workspace_id, t.id) = (r.workspace_id, r.id) AND t.aliases = r.was RETURNING r.place" };

/* For the transaction. Rows are found by key: other plans would read a table whole, with every secret in it, for each hundred. */
static const struct pg_stmt settings = {
	"sealed_settings", PG_PREPARED,
	"SELECT set_config('lock_timeout', '100ms', true), set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),"
	" set_config('enable_sort', 'off', true), set_config('enable_incremental_sort', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)"
};

const struct pg_stmt *const sealed_columns_statements[] = { &apps_page, &accounts_page, &endpoints_page,
	&instances_page, &erasures_page, &qr_page, &apps_replace, &accounts_replace, &endpoints_replace,
	&instances_replace, &erasures_replace, &settings, NULL };

const struct sealed_column sealed_columns[] = {
	{ "provider_apps", "secrets", SEALED_APP, &apps_page, &apps_replace },
	{ "whatsapp_accounts", "secrets", SEALED_ACCOUNT, &accounts_page, &accounts_replace },
	{ "webhook_endpoints", "secrets", SEALED_ENDPOINT, &endpoints_page, &endpoints_replace },
	{ "instances", "secrets", SEALED_INSTANCE, &instances_page, &instances_replace },
	{ "erasures", "aliases", SEALED_ERASURE, &erasures_page, &erasures_replace },
	{ "account_qr", "code", SEALED_QR, &qr_page, NULL },
};
const size_t sealed_columns_count = sizeof(sealed_columns) / sizeof(sealed_columns[0]);

int store_sealed_page(struct pg *pg, const struct sealed_column *c, struct sealed_key after, size_t n, struct arena *a,
	struct sealed_value *out, size_t *count, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	size_t at = 0;
	int rc;

	pg_arg_i64(args, after.workspace_id);
	pg_arg_i64(args, after.id);
	pg_arg_i64(args, (int64_t)n);
	rc = pg_run(pg, c->page, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	for (struct cells row = cells_of(rows, a); cells_more(&row); cells_next(&row)) {
		struct sealed_value *v = &out[at++];

		v->key.workspace_id = cells_i64(&row);
		v->key.id = cells_i64(&row);
		v->row = cells_uuid(&row);
		v->sealed = cells_text(&row);
	}
	*count = at;
	pg_rows_free(rows);
	return 0;
}

int store_sealed_replace(struct pg *pg, const struct sealed_column *c, struct sealed_change *changes, size_t n,
	struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns columns;

	columns_init(&columns);
	for (size_t i = 0; i < n; i++) {
		changes[i].done = false;
		columns_row(&columns);
		columns_i64(&columns, changes[i].from->key.workspace_id);
		columns_i64(&columns, changes[i].from->key.id);
		columns_bytea(&columns, changes[i].from->sealed);
		columns_bytea(&columns, changes[i].to);
	}
	if (pg_run(pg, &settings, NULL, NULL, err) < 0) {
		columns_fini(&columns);
		return -1;
	}
	if (columns_run(&columns, pg, c->replace, &rows, err) < 0)
		return -1;
	for (struct cells row = cells_of(rows, NULL); cells_more(&row); cells_next(&row))
		changes[cells_place(&row, n)].done = true;
	pg_rows_free(rows);
	return 0;
}
