/* See cleanup_page.h. */
#include "store/cleanup_page.h"

#include "store/statements.h"

static const struct pg_stmt workspace = { "cleanup_workspace", PG_PREPARED,
	"SELECT id FROM workspaces WHERE uuid = $1" };

const struct pg_stmt *const cleanup_page_statements[] = { &workspace, NULL };

int store_cleanup_workspace_id(struct pg *pg, const struct uuid *uuid, int64_t *id, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_uuid(args, uuid);
	rc = pg_run(pg, &workspace, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	*id = pg_rows_count(rows) > 0 ? pg_i64(rows, 0, 0) : 0;
	pg_rows_free(rows);
	return 0;
}
