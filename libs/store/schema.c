/* See schema.h. */
#include "store/schema.h"

#include "store/statements.h"

static const struct pg_stmt version = { "schema_version", PG_PREPARED, "SELECT max(version) FROM schema_version" };

const struct pg_stmt *const schema_statements[] = { &version, NULL };

int store_schema_version_check(struct pg *pg, int want, struct err *err)
{
	struct pg_rows *rows = NULL;
	int64_t have;

	if (pg_run(pg, &version, NULL, &rows, err) < 0)
		return -1;
	have = pg_null(rows, 0, 0) ? 0 : pg_i64(rows, 0, 0);
	pg_rows_free(rows);
	if (have < want)
		return err_set(err, ERR_RETRY, "schema", "the schema has version %lld, %d is needed", (long long)have,
			want);
	return 0;
}
