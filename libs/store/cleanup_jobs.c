/* See cleanup_jobs.h. Invariant: a run that began and did not finish is due again, where it has a cursor from there. */
#include "store/cleanup_jobs.h"

#include "store/cells.h"
#include "store/statements.h"

static const struct pg_stmt list = { "cleanup_jobs", PG_PREPARED,
	"SELECT name, CASE WHEN started_at IS NULL THEN -1 ELSE"
	" greatest(0, extract(epoch FROM clock_timestamp() - started_at) * 1000)::bigint END, coalesce(result = 'running', false),"
	" cursor, found, acted, pauses,"
	" CASE WHEN requested_at IS DISTINCT FROM answered_at THEN requested_at END, coalesce(request ->> 'dry_run' = 'true', false),"
	" request ->> 'workspace', request ->> 'account' FROM cleanup_jobs" };

static const struct pg_stmt begin = { "cleanup_job_begin", PG_PREPARED,
	"INSERT INTO cleanup_jobs AS j (name, started_at, next_at, result)"
	" VALUES ($1, clock_timestamp(), clock_timestamp() + $2::bigint * interval '1 millisecond', 'running')"
	" ON CONFLICT (name) DO UPDATE SET started_at = excluded.started_at, next_at = excluded.next_at, finished_at = NULL, result = excluded.result,"
	" cursor = '', found = 0, acted = 0, pauses = 0, paused = NULL, error = NULL" };

static const struct pg_stmt finish = { "cleanup_job_finish", PG_PREPARED,
	"UPDATE cleanup_jobs SET finished_at = clock_timestamp(), result = 'done', cursor = '', found = $2::bigint, acted = $3::bigint,"
	" paused = NULL WHERE name = $1" };

static const struct pg_stmt progress = {
	"cleanup_job_progress", PG_PREPARED,
	"UPDATE cleanup_jobs SET cursor = $2, found = $3::bigint, acted = $4::bigint, pauses = $5::bigint, paused = NULL WHERE name = $1"
};

static const struct pg_stmt pause_note = { "cleanup_job_pause", PG_PREPARED,
	"UPDATE cleanup_jobs SET pauses = $2::bigint, paused = $3 WHERE name = $1" };

static const struct pg_stmt fail_note = {
	"cleanup_job_fail", PG_PREPARED,
	"UPDATE cleanup_jobs SET finished_at = clock_timestamp(), result = 'failed', cursor = '', paused = NULL, error = $2 WHERE name = $1"
};

static const struct pg_stmt step_begin = { "cleanup_step_begin", PG_PREPARED,
	"SELECT set_config('lock_timeout', '100ms', true), set_config('enable_sort', 'off', true),"
	" set_config('enable_incremental_sort', 'off', true), set_config('enable_bitmapscan', 'off', true)" };

/* Within a step. Of two sorts that are both off, the one that reads all rows first looks cheaper. */
static const struct pg_stmt sort_by_groups = { "cleanup_sort_by_groups", PG_PREPARED,
	"SELECT set_config('enable_incremental_sort', 'on', true)" };

static const struct pg_stmt standby_lag = { "cleanup_standby_lag", PG_PREPARED, "SELECT standby_lag_ms()" };

static const struct pg_stmt reply = { "cleanup_job_answer", PG_PREPARED,
	"UPDATE cleanup_jobs SET answered_at = $2::timestamptz, answer = $3::jsonb WHERE name = $1" };

const struct pg_stmt *const cleanup_jobs_statements[] = { &list, &begin, &finish, &progress, &pause_note, &fail_note,
	&step_begin, &sort_by_groups, &standby_lag, &reply, NULL };

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
		row.running = cells_bool(&c);
		row.cursor = cells_borrow(&c);
		row.found = cells_i64(&c);
		row.acted = cells_i64(&c);
		row.pauses = cells_i64(&c);
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

int store_cleanup_job_progress(struct pg *pg, const char *name, const struct job_progress *p, struct err *err)
{
	struct pg_args *args = name_args(name);

	pg_arg_text(args, p->cursor);
	pg_arg_i64(args, p->found);
	pg_arg_i64(args, p->acted);
	pg_arg_i64(args, p->pauses);
	return name_run(pg, &progress, args, err);
}

int store_cleanup_job_pause(struct pg *pg, const char *name, int64_t pauses, const char *why, struct err *err)
{
	struct pg_args *args = name_args(name);

	pg_arg_i64(args, pauses);
	pg_arg_text(args, str_of(why));
	return name_run(pg, &pause_note, args, err);
}

int store_cleanup_job_fail(struct pg *pg, const char *name, const char *why, struct err *err)
{
	struct pg_args *args = name_args(name);

	pg_arg_text(args, str_of(why));
	return name_run(pg, &fail_note, args, err);
}

int store_step_begin(struct pg *pg, struct err *err)
{
	return pg_run(pg, &step_begin, NULL, NULL, err);
}

int store_step_sorts_by_groups(struct pg *pg, struct err *err)
{
	return pg_run(pg, &sort_by_groups, NULL, NULL, err);
}

int store_standby_lag(struct pg *pg, int64_t *ms, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (pg_run(pg, &standby_lag, NULL, &rows, err) < 0)
		return -1;
	*ms = pg_i64(rows, 0, 0);
	pg_rows_free(rows);
	return 0;
}

int store_cleanup_job_answer(struct pg *pg, const char *name, int64_t request_us, struct str answer, struct err *err)
{
	struct pg_args *args = name_args(name);

	pg_arg_time_us(args, request_us);
	pg_arg_jsonb(args, answer);
	return name_run(pg, &reply, args, err);
}
