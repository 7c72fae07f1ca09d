/* See cleanup_jobs.h. Invariant: a run that began and did not finish is due again. */
#include "store/cleanup_jobs.h"

#include "store/cells.h"
#include "store/statements.h"

static const struct pg_stmt list = { "cleanup_jobs", PG_PREPARED,
	"SELECT name, CASE WHEN result = 'running' OR started_at IS NULL THEN -1 ELSE"
	" greatest(0, extract(epoch FROM clock_timestamp() - started_at) * 1000)::bigint END,"
	" CASE WHEN requested_at IS DISTINCT FROM answered_at THEN requested_at END, coalesce(request ->> 'dry_run' = 'true', false),"
	" request ->> 'workspace', request ->> 'account' FROM cleanup_jobs" };

static const struct pg_stmt begin = { "cleanup_job_begin", PG_PREPARED,
	"INSERT INTO cleanup_jobs AS j (name, started_at, next_at, result)"
	" VALUES ($1, clock_timestamp(), clock_timestamp() + $2::bigint * interval '1 millisecond', 'running')"
	" ON CONFLICT (name) DO UPDATE SET started_at = excluded.started_at, next_at = excluded.next_at, finished_at = NULL, result = excluded.result,"
	" found = 0, acted = 0, error = NULL" };

static const struct pg_stmt finish = { "cleanup_job_finish", PG_PREPARED,
	"UPDATE cleanup_jobs SET finished_at = clock_timestamp(), result = 'done', found = $2::bigint, acted = $3::bigint"
	" WHERE name = $1" };

static const struct pg_stmt reply = { "cleanup_job_answer", PG_PREPARED,
	"UPDATE cleanup_jobs SET answered_at = $2::timestamptz, answer = $3::jsonb WHERE name = $1" };

const struct pg_stmt *const cleanup_jobs_statements[] = { &list, &begin, &finish, &reply, NULL };

/* An id that is none matches nothing: the request is restricted to an account that does not exist. */
static struct uuid id_read(struct cells *c)
{
	struct str text = cells_borrow(c);
	struct uuid id = { 0 };

	if (text.n > 0 && !uuid_parse(text, &id))
		id.b[0] = 1;
	return id;
}

int store_cleanup_jobs(struct pg *pg, void (*each)(void *ctx, const struct job_row *row), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (pg_run(pg, &list, NULL, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct job_row row = { .name = cells_borrow(&c) };

		row.age_ms = cells_i64(&c);
		row.request.at_us = cells_time(&c);
		row.request.dry_run = cells_bool(&c);
		row.request.workspace = id_read(&c);
		row.request.account = id_read(&c);
		if (row.request.at_us == PG_NO_TIME)
			row.request = (struct job_request){ .at_us = PG_NO_TIME };
		each(ctx, &row);
	}
	pg_rows_free(rows);
	return 0;
}

static int name_run(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, struct err *err)
{
	int rc = pg_run(pg, stmt, args, NULL, err);

	pg_args_free(args);
	return rc;
}

static struct pg_args *name_args(const char *name)
{
	struct pg_args *args = pg_args_new();

	pg_arg_text(args, str_of(name));
	return args;
}

int store_cleanup_job_begin(struct pg *pg, const char *name, int64_t every_ms, struct err *err)
{
	struct pg_args *args = name_args(name);

	pg_arg_i64(args, every_ms);
	return name_run(pg, &begin, args, err);
}

int store_cleanup_job_finish(struct pg *pg, const char *name, int64_t found, int64_t acted, struct err *err)
{
	struct pg_args *args = name_args(name);

	pg_arg_i64(args, found);
	pg_arg_i64(args, acted);
	return name_run(pg, &finish, args, err);
}

int store_cleanup_job_answer(struct pg *pg, const char *name, int64_t request_us, struct str answer, struct err *err)
{
	struct pg_args *args = name_args(name);

	pg_arg_time_us(args, request_us);
	pg_arg_jsonb(args, answer);
	return name_run(pg, &reply, args, err);
}
