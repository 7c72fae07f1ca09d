/* See cleanup_storage.h. */
#include "store/cleanup_storage.h"

#include "store/statements.h"

static const struct pg_stmt put = { "cleanup_storage", PG_PREPARED,
	"WITH known AS (INSERT INTO account_control AS c (workspace_id, account_id, storage_checked_at) VALUES ($1::bigint, $2::bigint, now())"
	" ON CONFLICT (workspace_id, account_id) DO UPDATE SET storage_checked_at = excluded.storage_checked_at)"
	" UPDATE whatsapp_accounts SET session_storage_path = $3::text, session_file_size_bytes = nullif($4::bigint, -1),"
	" session_storage_verified_at = CASE WHEN $4::bigint >= 0 THEN now() ELSE session_storage_verified_at END"
	" WHERE workspace_id = $1::bigint AND id = $2::bigint" };

const struct pg_stmt *const cleanup_storage_statements[] = { &put, NULL };

int store_cleanup_storage(struct pg *pg, const struct storage_row *row, struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i64(args, row->account.workspace_id);
	pg_arg_i64(args, row->account.id);
	pg_arg_text(args, row->path);
	pg_arg_i64(args, row->bytes);
	rc = pg_run(pg, &put, args, NULL, err);
	pg_args_free(args);
	return rc;
}
