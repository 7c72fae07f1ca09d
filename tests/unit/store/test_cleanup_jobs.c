/* Runs of jobs and requests for them reach the leader, and its answers the command that asked. */
#include "unit.h"

#include "db.h"
#include "store/cleanup_jobs.h"
#include "store/cleanup_requests.h"

static struct pg *cleanup, *admin;
static struct job_row found; /* of the job "x" */

static int fresh(void **state)
{
	(void)state;
	execute(db.admin, "DELETE FROM cleanup_jobs");
	arena_reset(db.arena);
	return 0;
}

static void on_row(void *ctx, const struct job_row *row)
{
	(void)ctx;
	assert_str(row->name, "x");
	found = *row;
}

static const struct job_row *job(void)
{
	found = (struct job_row){ .age_ms = -2 };
	done(store_cleanup_jobs(cleanup, on_row, NULL, &db.err));
	return &found;
}

static void a_run_that_did_not_finish_is_none(void **state)
{
	(void)state;
	assert_int_equal(job()->age_ms, -2);
	done(store_cleanup_job_begin(cleanup, "x", 60000, &db.err));
	assert_true(job()->running);
	done(store_cleanup_job_finish(cleanup, "x", 3, 2, &db.err));
	assert_in_range(job()->age_ms, 0, 60000);
	assert_false(found.running);
	assert_text("SELECT result || found || acted || (finished_at >= started_at)::text FROM cleanup_jobs",
		"done32true");
	execute(db.admin, "UPDATE cleanup_jobs SET started_at = now() - interval '1 hour'");
	assert_in_range(job()->age_ms, 3600000, 3660000);
	done(store_cleanup_job_begin(cleanup, "x", 60000, &db.err));
	assert_text("SELECT result || found || acted || coalesce(finished_at::text, '-') FROM cleanup_jobs",
		"running00-");
}

static void a_run_of_many_steps_continues_where_it_was(void **state)
{
	(void)state;
	done(store_cleanup_job_begin(cleanup, "x", 60000, &db.err));
	done(store_cleanup_job_progress(cleanup, "x", &(struct job_progress){ STR("1/7"), 5, 4, 2 }, &db.err));
	assert_true(job()->running && found.found == 5 && found.acted == 4 && found.pauses == 2);
	assert_text("SELECT cursor || coalesce(paused, '-') FROM cleanup_jobs", "1/7-");
	done(store_cleanup_job_pause(cleanup, "x", 3, "lock", &db.err));
	assert_text("SELECT cursor || pauses || paused FROM cleanup_jobs", "1/73lock");
	done(store_cleanup_job_finish(cleanup, "x", 9, 8, &db.err));
	assert_text("SELECT result || cursor || pauses || coalesce(paused, '-') FROM cleanup_jobs", "done3-");
	done(store_cleanup_job_begin(cleanup, "x", 60000, &db.err));
	assert_true(job()->running && found.found == 0 && found.pauses == 0);
}

static void a_run_that_failed_begins_anew(void **state)
{
	(void)state;
	done(store_cleanup_job_begin(cleanup, "x", 60000, &db.err));
	done(store_cleanup_job_progress(cleanup, "x", &(struct job_progress){ STR("1/7"), 5, 4, 0 }, &db.err));
	done(store_cleanup_job_fail(cleanup, "x", "violates", &db.err));
	assert_false(job()->running);
	assert_text("SELECT result || cursor || error FROM cleanup_jobs", "failedviolates");
	done(store_cleanup_job_begin(cleanup, "x", 60000, &db.err));
	assert_text("SELECT result || coalesce(error, '-') FROM cleanup_jobs", "running-");
}

static void without_a_standby_none_lags(void **state)
{
	int64_t ms = -1;

	(void)state;
	done(store_standby_lag(cleanup, &ms, &db.err));
	assert_int_equal(ms, 0);
}

static void a_request_waits_until_it_is_answered(void **state)
{
	struct job_request r = { .dry_run = true, .workspace = uuid_of("00000000-0000-4000-8000-000000000001") };
	struct str answer = STR_NONE;

	(void)state;
	done(store_job_request(admin, "x", STR("ann"), &r, &db.err));
	assert_int_equal(job()->age_ms, -1);
	assert_true(found.request.at_us == r.at_us && found.request.dry_run && uuid_is_nil(&found.request.account));
	assert_true(uuid_eq(&found.request.workspace, &r.workspace));
	done(store_job_answer(admin, "x", r.at_us, db.arena, &answer, &db.err));
	assert_null(answer.p);
	done(store_cleanup_job_answer(cleanup, "x", r.at_us, STR("{}"), &db.err));
	done(store_job_answer(admin, "x", r.at_us, db.arena, &answer, &db.err));
	assert_str(answer, "{}");
	assert_true(job()->request.at_us == PG_NO_TIME && !found.request.dry_run &&
		uuid_is_nil(&found.request.workspace));
}

static void a_second_request_waits_for_the_first_for_a_minute(void **state)
{
	struct job_request first = { 0 }, second = { 0 };
	struct str answer;

	(void)state;
	done(store_job_request(admin, "x", STR("ann"), &first, &db.err));
	assert_failed(store_job_request(admin, "x", STR("bob"), &second, &db.err), db.err, ERR_INPUT, "pending");
	execute(db.admin, "UPDATE cleanup_jobs SET requested_at = requested_at - interval '61 s'");
	done(store_job_request(admin, "x", STR("bob"), &second, &db.err));
	assert_failed(store_job_answer(admin, "x", first.at_us, db.arena, &answer, &db.err), db.err, ERR_INPUT,
		"replaced");
	done(store_cleanup_job_answer(cleanup, "x", second.at_us, STR("{}"), &db.err));
	done(store_job_request(admin, "x", STR("ann"), &first, &db.err));
}

static void a_request_for_what_is_no_id_is_for_nothing(void **state)
{
	(void)state;
	execute(db.admin,
		"INSERT INTO cleanup_jobs (name, requested_at, request) VALUES ('x', now(), '{\"workspace\":\"all\",\"dry_run\":1}')");
	assert_false(uuid_is_nil(&job()->request.workspace));
	assert_false(found.request.dry_run);
}

static int start(void **state)
{
	if (db_start(state) < 0)
		return -1;
	cleanup = db_session("blazz_cleanup");
	admin = db_session("blazz_admin");
	return 0;
}

static int stop(void **state)
{
	pg_close(&cleanup);
	pg_close(&admin);
	return db_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_run_that_did_not_finish_is_none, fresh),
		cmocka_unit_test_setup(a_run_of_many_steps_continues_where_it_was, fresh),
		cmocka_unit_test_setup(a_run_that_failed_begins_anew, fresh),
		cmocka_unit_test_setup(without_a_standby_none_lags, fresh),
		cmocka_unit_test_setup(a_request_waits_until_it_is_answered, fresh),
		cmocka_unit_test_setup(a_second_request_waits_for_the_first_for_a_minute, fresh),
		cmocka_unit_test_setup(a_request_for_what_is_no_id_is_for_nothing, fresh),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
