/* See cleanup_watch.h. */
#include "store/cleanup_watch.h"

#include "store/cells.h"
#include "store/statements.h"

#define DAY_TABLES \
	"SELECT c.oid, c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'p'" \
	" AND day_partitions_role(c.relname) IS NOT NULL"
#define TODAY "(now() AT TIME ZONE 'UTC')::date"

/* Numbers of enum watch_finding. A partition is dropped on the day after its last, and a day later when a query holds its lock. Small tables are
 * not vacuumed for years, and need not be: a table counts once a tenth of its rows are dead. */
static const struct pg_stmt watch = {
	"cleanup_watch", PG_PREPARED,
	"WITH days AS (" DAY_TABLES
	") SELECT 0, t.relname FROM days t WHERE NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid"
	" WHERE i.inhparent = t.oid AND p.relname = t.relname || '_' || to_char(" TODAY " + 1, 'YYYYMMDD'))"
	" UNION ALL SELECT 1, p.relname FROM days t JOIN pg_inherits i ON i.inhparent = t.oid JOIN pg_class p ON p.oid = i.inhrelid"
	" WHERE p.relname ~ '_[0-9]{8}$' AND to_date(right(p.relname, 8), 'YYYYMMDD') < " TODAY " - $1::integer - 2"
	" UNION ALL SELECT 2, 'webhook_retry_queue' WHERE EXISTS (SELECT FROM webhook_retry_queue WHERE status IN ('success', 'failed')"
	" AND updated_at < now() - $2::bigint * interval '1 millisecond')"
	" UNION ALL SELECT 3, s.relname FROM pg_stat_user_tables s WHERE s.schemaname = 'public' AND s.n_dead_tup > 10000"
	" AND s.n_dead_tup > s.n_live_tup / 10"
	" AND coalesce(greatest(s.last_vacuum, s.last_autovacuum), pg_postmaster_start_time()) < now() - interval '7 days' ORDER BY 1, 2"
};

static const struct pg_stmt step = { "backfill_step", PG_PREPARED,
	"SELECT name, rows, completed FROM backfill_step($1::integer)" };

static const struct pg_stmt open_count = { "backfills_open", PG_PREPARED,
	"SELECT count(*) FROM backfills WHERE completed_at IS NULL" };

const struct pg_stmt *const cleanup_watch_statements[] = { &watch, &step, &open_count, NULL };

const char *watch_finding_word(enum watch_finding f)
{
	static const char *const words[WATCH_FINDINGS] = { "no_partition", "old_partition", "retries_kept",
		"not_vacuumed" };

	return f < WATCH_FINDINGS ? words[f] : "";
}

int store_watch(struct pg *pg, const struct watch_limits *limits,
	void (*each)(void *ctx, enum watch_finding f, struct str relation), void *ctx, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, limits->partitions_keep_days);
	pg_arg_i64(args, limits->retries_keep_ms);
	rc = pg_run(pg, &watch, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		enum watch_finding f = (enum watch_finding)cells_i32(&c);

		each(ctx, f, cells_borrow(&c));
	}
	pg_rows_free(rows);
	return 0;
}

int store_backfill_step(struct pg *pg, int64_t n, void (*each)(void *ctx, const struct backfill_step *s), void *ctx,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	struct backfill_step s;
	struct cells c;
	int rc;

	pg_arg_i64(args, n);
	rc = pg_run(pg, &step, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	c = cells_of(rows, NULL);
	rc = cells_more(&c);
	if (rc) {
		s.name = cells_borrow(&c);
		s.rows = cells_i32(&c);
		s.completed = cells_bool(&c);
		each(ctx, &s);
	}
	pg_rows_free(rows);
	return rc;
}

int store_backfills_open(struct pg *pg, int64_t *n, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (pg_run(pg, &open_count, NULL, &rows, err) < 0)
		return -1;
	*n = pg_i64(rows, 0, 0);
	pg_rows_free(rows);
	return 0;
}
