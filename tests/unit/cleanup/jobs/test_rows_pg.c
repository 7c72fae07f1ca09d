/* services/cleanup/jobs/rows on PostgreSQL: a job that marks the rows of a table, with its cursor, its failures and its pauses. */
#include "leader.h"

#include <inttypes.h>
#include <poll.h>
#include <stddef.h>

#include "cleanup/policy/throttle.h"
#include "store/cleanup_requests.h"

#define JOB JOB_RETENTION

static struct rows *rows;
static struct pg *admin;
static struct cleanup_settings settings;
static bool lags;

/* What the job is to do next, and what it did. */
static struct {
	int64_t at_once, took_ms;
	bool fails;
	const char *invalid; /* a statement that fails */
	int steps;
	char cursors[200];
	struct uuid workspace;
	int64_t n;
} job;

static const struct pg_stmt mark = { "test_mark", PG_UNNAMED,
	"WITH few AS (SELECT id FROM items WHERE id > $1::bigint AND NOT done ORDER BY id LIMIT $2::bigint), acted AS (UPDATE items i SET done = true"
	" FROM few WHERE i.id = few.id AND NOT i.done AND NOT $3::boolean RETURNING i.id)"
	" SELECT (SELECT count(*) FROM few), (SELECT count(*) FROM acted), (SELECT max(id) FROM few)" };

static int step(const struct row_env *env, struct row_step *s, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *answer = NULL;
	int64_t from = 0;
	int rc;

	job.steps++;
	job.workspace = env->workspace;
	job.n = s->n;
	snprintf(job.cursors + strlen(job.cursors), sizeof(job.cursors) - strlen(job.cursors), "%.*s,",
		STR_ARG(s->cursor));
	if (job.took_ms > 0)
		usleep((useconds_t)job.took_ms * 1000);
	if (s->cursor.n > 0)
		assert_true(str_to_i64(s->cursor, &from));
	pg_arg_i64(args, from);
	pg_arg_i64(args, job.at_once);
	pg_arg_bool(args, env->dry_run);
	rc = pg_run(env->pg, &mark, args, &answer, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	s->found = pg_i64(answer, 0, 0);
	s->acted = pg_i64(answer, 0, 1);
	s->done = s->found < job.at_once;
	s->next = s->done ? STR("") : arena_printf(env->arena, "%" PRId64, pg_i64(answer, 0, 2));
	pg_rows_free(answer);
	if (job.invalid)
		return pg_run(env->pg, &(const struct pg_stmt){ "test_invalid", PG_UNNAMED, job.invalid }, NULL, NULL,
			err);
	return job.fails ? err_set(err, ERR_RETRY, "lost", "the connection was lost") : 0;
}

static const struct row_job jobs[CLEANUP_JOBS] = { [JOB] = {
							   step, offsetof(struct cleanup_settings, retention), true } };

static int on_lag(void *ctx, struct pg *pg, bool *out, struct err *err)
{
	(void)ctx, (void)pg, (void)err;
	*out = lags;
	return 0;
}

/* A new leader. */
static void lead(void)
{
	rows_free(rows);
	rows = rows_new(&(struct rows_options){ .jobs = jobs, .settings = &settings, .chat_sync_lag = on_lag });
	done(rows_load(rows, lease_pg(lease), &db.err));
}

static int setup(void **state)
{
	(void)state;
	db_script("DELETE FROM cleanup_jobs; TRUNCATE items; INSERT INTO items SELECT generate_series(1, 10)");
	memset(&job, 0, sizeof(job));
	job.at_once = 4;
	lags = false;
	settings.retention = (struct job_settings){ .enabled = true, .every_ms = 3600000 };
	settings.jobs_duty = 100;
	settings.jobs_window = NULL;
	lead();
	return 0;
}

static int turn(void)
{
	const struct record_target to = leader_target();

	return rows_turn(rows, &to, &db.err);
}

static void turn_once(void)
{
	done(turn());
}

/* Until the job has made so many steps. */
static void steps_wait(int n)
{
	for (int64_t until = clock_mono_ms() + PATIENCE_MS; job.steps < n;) {
		if (clock_mono_ms() > until)
			fail_msg("%d steps of %d", job.steps, n);
		turn_once();
	}
}

static const char *table(void)
{
	return arena_cstr(db.arena,
		db_text("SELECT result || '|' || cursor || '|' || found || '|' || acted || '|' || pauses || '|' ||"
			" coalesce(paused, '') FROM cleanup_jobs"));
}

static void request(bool dry_run, const char *workspace, int64_t *at_us)
{
	struct job_request r = { .dry_run = dry_run };

	if (workspace)
		r.workspace = uuid_of(workspace);
	done(store_job_request(admin, "retention", STR("ann"), &r, &db.err));
	*at_us = r.at_us;
	done(rows_load(rows, lease_pg(lease), &db.err));
}

static const char *answer_of(int64_t at_us)
{
	struct str text = STR_NONE;

	done(store_job_answer(admin, "retention", at_us, db.arena, &text, &db.err));
	return text.n ? arena_cstr(db.arena, text) : NULL;
}

static void steps_go_on_at_the_cursor_until_nothing_is_left(void **state)
{
	(void)state;
	turn_once();
	assert_string_equal(table(), "running|4|4|4|0|");
	assert_int_equal(db_i64("SELECT count(*) FROM items WHERE done"), 4);
	steps_wait(3);
	assert_string_equal(job.cursors, ",4,8,");
	assert_string_equal(table(), "done||10|10|0|");
	for (int i = 0; i < 20; i++)
		turn_once();
	assert_int_equal(job.steps, 3); /* not before it is due again */
}

static void the_next_leader_goes_on_where_the_last_one_was(void **state)
{
	(void)state;
	steps_wait(2);
	lead();
	steps_wait(3);
	assert_string_equal(job.cursors, ",4,8,");
	assert_string_equal(table(), "done||10|10|0|");
	lead();
	for (int i = 0; i < 20; i++)
		turn_once();
	assert_int_equal(job.steps, 3); /* a new leader knows when it ran */
}

static void a_job_that_is_disabled_runs_on_request_only(void **state)
{
	int64_t at_us;

	(void)state;
	settings.retention.enabled = false;
	turn_once();
	assert_int_equal(job.steps, 0);
	request(false, NULL, &at_us);
	steps_wait(3);
	assert_string_equal(answer_of(at_us), "{\"acted\": 10, \"found\": 10}");
}

static void a_dry_run_writes_nothing_but_its_answer(void **state)
{
	int64_t at_us;

	(void)state;
	settings.retention.enabled = false;
	request(true, NULL, &at_us);
	steps_wait(2);
	assert_null(answer_of(at_us));
	assert_text(
		"SELECT coalesce(started_at::text, 'none') || coalesce(result, '-') || cursor || found FROM cleanup_jobs",
		"none-0");
	steps_wait(3);
	assert_string_equal(answer_of(at_us), "{\"acted\": 0, \"found\": 10}");
	assert_text(
		"SELECT coalesce(started_at::text, 'none') || coalesce(result, '-') || cursor || found FROM cleanup_jobs",
		"none-0");
	assert_int_equal(db_i64("SELECT count(*) FROM items WHERE done"), 0);
}

static void a_request_for_a_workspace_comes_before_the_steps_of_the_schedule(void **state)
{
	int64_t at_us;

	(void)state;
	steps_wait(1);
	request(true, "00000000-0000-4000-8000-000000000002", &at_us);
	steps_wait(2);
	assert_false(uuid_is_nil(&job.workspace));
	steps_wait(3);
	assert_string_equal(answer_of(at_us), "{\"acted\": 0, \"found\": 6}");
	assert_string_equal(table(), "running|4|4|4|0|");
	steps_wait(5);
	assert_true(uuid_is_nil(&job.workspace));
	assert_string_equal(job.cursors, ",,8,4,8,");
	assert_string_equal(table(), "done||10|10|0|");
}

static void a_request_for_everything_begins_the_run_anew(void **state)
{
	int64_t at_us;

	(void)state;
	steps_wait(1);
	request(false, NULL, &at_us);
	steps_wait(3);
	assert_string_equal(job.cursors, ",,8,");
	assert_string_equal(answer_of(at_us), "{\"acted\": 6, \"found\": 6}");
	assert_string_equal(table(), "done||6|6|0|");
}

static void none_of_its_rows_is_an_account_s(void **state)
{
	struct job_request r = { .account = uuid_of("00000000-0000-4000-8000-000000000011") };

	(void)state;
	settings.retention.enabled = false;
	done(store_job_request(admin, "retention", STR("ann"), &r, &db.err));
	done(rows_load(rows, lease_pg(lease), &db.err));
	turn_once();
	assert_string_equal(answer_of(r.at_us), "{\"acted\": 0, \"found\": 0}");
	assert_int_equal(job.steps, 0);
}

static void a_locked_row_rolls_the_step_back_and_keeps_the_lease(void **state)
{
	struct pg *other = db_session(ADMIN);
	int64_t began;

	(void)state;
	steps_wait(1);
	done(pg_begin(other, &db.err));
	execute(other, "SELECT FROM items WHERE id = 7 FOR UPDATE");
	steps_wait(2);
	began = clock_mono_ms();
	assert_true(lease_held(lease));
	assert_string_equal(table(), "running|4|4|4|1|lock");
	assert_int_equal(db_i64("SELECT count(*) FROM items WHERE done"), 4);
	pg_rollback(other);
	pg_close(&other);
	steps_wait(4);
	assert_true(clock_mono_ms() - began >= THROTTLE_LOCK_MS - 5);
	assert_string_equal(job.cursors, ",4,4,8,");
	assert_string_equal(table(), "done||10|10|1|");
}

static void a_step_waits_for_locks_for_less_than_deadlocks_are_looked_for(void **state)
{
	struct pg *other = db_session(ADMIN);
	int64_t began = clock_mono_ms();

	(void)state;
	done(pg_begin(other, &db.err));
	execute(other, "SELECT FROM items WHERE id = 1 FOR UPDATE");
	steps_wait(1);
	assert_in_range(clock_mono_ms() - began, 95, 800);
	pg_rollback(other);
	pg_close(&other);
}

static void invalid_data_ends_the_run_and_not_the_lease(void **state)
{
	int64_t at_us;

	(void)state;
	steps_wait(1);
	job.invalid = "SELECT 'x'::uuid";
	steps_wait(2);
	assert_true(lease_held(lease));
	assert_text("SELECT result || cursor || (error ~ 'uuid')::text FROM cleanup_jobs", "failedtrue");
	assert_int_equal(db_i64("SELECT count(*) FROM items WHERE done"), 4);
	request(false, "00000000-0000-4000-8000-000000000001", &at_us);
	steps_wait(3);
	assert_non_null(strstr(answer_of(at_us), "\"error\""));
	for (int i = 0; i < 20; i++)
		turn_once();
	assert_int_equal(job.steps, 3); /* as after any run */
}

static void any_other_failure_is_the_leases(void **state)
{
	(void)state;
	steps_wait(1);
	job.fails = true;
	for (int64_t until = clock_mono_ms() + PATIENCE_MS; clock_mono_ms() < until;)
		if (turn() < 0)
			break;
	assert_int_equal(job.steps, 2);
	assert_string_equal(db.err.code, "lost");
	lease_rollback(lease);
	job.fails = false;
	assert_string_equal(table(), "running|4|4|4|0|");
}

static void no_step_begins_while_chat_sync_lags(void **state)
{
	(void)state;
	lags = true;
	for (int i = 0; i < 20; i++)
		turn_once();
	assert_int_equal(job.steps, 0);
	assert_string_equal(table(), "running||0|0|1|chat_sync");
	poll(NULL, 0, 2100); /* asked again: still one pause */
	turn_once();
	assert_string_equal(table(), "running||0|0|1|chat_sync");
	lags = false;
	steps_wait(3);
	assert_string_equal(table(), "done||10|10|1|");
}

/* A window that was open an hour ago. */
static void window_closed(char out[16])
{
	time_t now = (time_t)(clock_now_ms() / 1000) - 7200;
	struct tm local;

	localtime_r(&now, &local);
	snprintf(out, 16, "%02d:00-%02d:59", local.tm_hour, local.tm_hour);
}

static void outside_of_the_window_it_runs_on_request_only(void **state)
{
	char window[16];
	int64_t at_us;

	(void)state;
	window_closed(window);
	settings.jobs_window = window;
	for (int i = 0; i < 20; i++)
		turn_once();
	assert_int_equal(job.steps, 0);
	request(false, NULL, &at_us);
	steps_wait(3);
	settings.jobs_window = NULL;
	assert_string_equal(answer_of(at_us), "{\"acted\": 10, \"found\": 10}");
}

static void a_run_in_progress_stops_when_the_window_closes(void **state)
{
	char window[16];

	(void)state;
	window_closed(window);
	steps_wait(1);
	settings.jobs_window = window;
	for (int i = 0; i < 20; i++)
		turn_once();
	settings.jobs_window = NULL;
	assert_int_equal(job.steps, 1);
	assert_string_equal(table(), "running|4|4|4|1|window");
}

static void steps_use_their_share_of_the_time_and_become_smaller(void **state)
{
	int64_t began = clock_mono_ms();

	(void)state;
	settings.jobs_duty = 50;
	job.at_once = 3;
	job.took_ms = 10;
	steps_wait(1);
	assert_int_equal(job.n, THROTTLE_MIN);
	steps_wait(2);
	assert_true(job.n > THROTTLE_MIN);
	job.took_ms = 400;
	steps_wait(3);
	steps_wait(4);
	assert_true(clock_mono_ms() - began >= 10 + 10 + 10 + 10 + 400 + 400 + 400);
	assert_int_equal(job.n, THROTTLE_MIN);
}

static void the_wait_for_the_next_step_is_its_pause(void **state)
{
	(void)state;
	assert_int_equal(rows_wait_ms(rows), -1);
	job.took_ms = 100;
	settings.jobs_duty = 50;
	steps_wait(1);
	assert_in_range(rows_wait_ms(rows), 1, 2 * 100 + PATIENCE_MS);
	settings.jobs_duty = 100;
	steps_wait(2);
	assert_int_equal(rows_wait_ms(rows), 0);
	steps_wait(3);
	assert_int_equal(rows_wait_ms(rows), -1);
}

static int start(void **state)
{
	if (leader_start(state) < 0)
		return -1;
	admin = db_session("blazz_admin");
	db_script("CREATE TABLE items (id bigint PRIMARY KEY, done boolean NOT NULL DEFAULT false);"
		  "GRANT SELECT, UPDATE ON items TO blazz_cleanup");
	return 0;
}

static int stop(void **state)
{
	rows_free(rows);
	pg_close(&admin);
	return leader_stop(state);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(steps_go_on_at_the_cursor_until_nothing_is_left),
		T(the_next_leader_goes_on_where_the_last_one_was),
		T(a_job_that_is_disabled_runs_on_request_only),
		T(a_dry_run_writes_nothing_but_its_answer),
		T(a_request_for_a_workspace_comes_before_the_steps_of_the_schedule),
		T(a_request_for_everything_begins_the_run_anew),
		T(none_of_its_rows_is_an_account_s),
		T(a_locked_row_rolls_the_step_back_and_keeps_the_lease),
		T(a_step_waits_for_locks_for_less_than_deadlocks_are_looked_for),
		T(invalid_data_ends_the_run_and_not_the_lease),
		T(any_other_failure_is_the_leases),
		T(no_step_begins_while_chat_sync_lags),
		T(outside_of_the_window_it_runs_on_request_only),
		T(a_run_in_progress_stops_when_the_window_closes),
		T(steps_use_their_share_of_the_time_and_become_smaller),
		T(the_wait_for_the_next_step_is_its_pause),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
