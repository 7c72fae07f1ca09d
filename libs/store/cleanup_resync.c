/* See cleanup_resync.h. */
#include "store/cleanup_resync.h"

#include "store/cells.h"
#include "store/statements.h"

static const struct pg_stmt due = { "cleanup_resyncs", PG_UNNAMED,
	"SELECT a.uuid FROM whatsapp_accounts a JOIN workspaces w ON w.id = a.workspace_id AND w.deleted_at IS NULL"
	" LEFT JOIN account_control c ON (c.workspace_id, c.account_id) = (a.workspace_id, a.id)"
	" WHERE a.deleted_at IS NULL AND a.status = 'connected' AND a.desired_state = 'connected' AND a.sync -> 'resync' = 'true'"
	" AND (c.synced_at IS NULL OR (a.bridge_kind = 'blazz' AND c.synced_at <= now() - $1::bigint * interval '1 second'))"
	" ORDER BY a.workspace_id, a.id" };

static const struct pg_stmt resynced = { "cleanup_resynced", PG_PREPARED,
	"INSERT INTO account_control AS c (workspace_id, account_id, synced_at)"
	" VALUES ($1::bigint, $2::bigint, now() - ($3::bigint - $4::bigint) * interval '1 second')"
	" ON CONFLICT (workspace_id, account_id) DO UPDATE SET synced_at = excluded.synced_at" };

const struct pg_stmt *const cleanup_resync_statements[] = { &due, &resynced, NULL };

int store_cleanup_resyncs(struct pg *pg, void (*each)(void *ctx, const struct uuid *account), void *ctx,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, RESYNC_AGAIN_S);
	rc = pg_run(pg, &due, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct uuid account = cells_uuid(&c);

		each(ctx, &account);
	}
	pg_rows_free(rows);
	return 0;
}

int store_cleanup_resynced(struct pg *pg, const struct account_key *account, int64_t in_s, struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i64(args, account->workspace_id);
	pg_arg_i64(args, account->id);
	pg_arg_i64(args, RESYNC_AGAIN_S);
	pg_arg_i64(args, in_s);
	rc = pg_run(pg, &resynced, args, NULL, err);
	pg_args_free(args);
	return rc;
}
