/* services/cleanup/jobs/jobs: when a job begins, and what its turns cost while none is due. */
#include "cleanup/jobs/jobs.h"

#include "unit.h"

#include "cleanup/accounts/ending.h"
#include "cleanup/policy/jobs.h"
#include "store/cleanup_jobs.h"

#define HOUR_MS (3600 * INT64_C(1000))

static struct jobs *jobs;
static struct cleanup_settings settings;
static int64_t age_ms; /* of the last run of each job */
static bool known, observes_only;
static int asked, begun; /* whether accounts are known; runs */

/* The accounts: none. */

bool accounts_are_known(const struct accounts *all)
{
	(void)all;
	asked++;
	return known;
}

bool accounts_observing_only(const struct accounts *all)
{
	(void)all;
	return observes_only;
}

struct account *accounts_each(const struct accounts *all, size_t *i)
{
	(void)all, (void)i;
	return NULL;
}

size_t accounts_ending(const struct accounts *all)
{
	(void)all;
	return 0;
}

int64_t accounts_ended(const struct accounts *all)
{
	(void)all;
	return 0;
}

bool account_is_kept_connected(const struct account *a)
{
	(void)a;
	return true;
}

bool account_is_connected(const struct account *a)
{
	(void)a;
	return false;
}

bool account_is_known(const struct account *a)
{
	(void)a;
	return true;
}

void account_delete(struct account *a, enum account_ending why, bool requested)
{
	(void)a, (void)why, (void)requested;
}

void account_expire(struct account *a)
{
	(void)a;
}

void account_notice_duplicate(struct account *a)
{
	(void)a;
}

/* PostgreSQL. */

int lease_begin(struct lease *lease, struct err *err)
{
	(void)lease, (void)err;
	return 0;
}

int lease_commit(struct lease *lease, struct err *err)
{
	(void)lease, (void)err;
	return 0;
}

struct pg *lease_pg(struct lease *lease)
{
	(void)lease;
	return NULL;
}

int store_cleanup_jobs(struct pg *pg, void (*each)(void *ctx, const struct job_row *row), void *ctx, struct err *err)
{
	(void)pg, (void)err;
	for (enum cleanup_job job = 0; job < ACCOUNT_JOBS; job++)
		each(ctx,
			&(struct job_row){ .name = str_of(cleanup_job_word(job)),
				.age_ms = age_ms,
				.request = { .at_us = PG_NO_TIME } });
	return 0;
}

int store_cleanup_job_begin(struct pg *pg, const char *name, int64_t every_ms, struct err *err)
{
	(void)pg, (void)name, (void)every_ms, (void)err;
	begun++;
	return 0;
}

int store_cleanup_job_finish(struct pg *pg, const char *name, int64_t found, int64_t acted, struct err *err)
{
	(void)pg, (void)name, (void)found, (void)acted, (void)err;
	return 0;
}

int store_cleanup_job_answer(struct pg *pg, const char *name, int64_t request_us, struct str answer, struct err *err)
{
	(void)pg, (void)name, (void)request_us, (void)answer, (void)err;
	return 0;
}

static int start(void **state)
{
	const struct job_settings hourly = { .enabled = true, .every_ms = HOUR_MS };

	(void)state;
	settings = (struct cleanup_settings){ .stale_qr = hourly, .disconnected = hourly, .duplicates = hourly };
	known = true;
	observes_only = false;
	asked = begun = 0;
	jobs = jobs_new(NULL, &settings);
	return 0;
}

static int end(void **state)
{
	(void)state;
	jobs_free(jobs);
	return 0;
}

static void last_run_was_ago(int64_t ms)
{
	struct err err;

	age_ms = ms;
	assert_int_equal(jobs_load(jobs, NULL, &err), 0);
}

static void turn(void)
{
	struct err err;

	assert_int_equal(jobs_turn(jobs, NULL, &err), 0);
}

static void each_job_that_is_due_runs_once(void **state)
{
	(void)state;
	last_run_was_ago(HOUR_MS);
	for (int i = 0; i < 10; i++) /* each run takes two */
		turn();
	assert_int_equal(begun, ACCOUNT_JOBS);
}

static void a_job_waits_until_accounts_are_known(void **state)
{
	(void)state;
	last_run_was_ago(HOUR_MS);
	known = false;
	turn();
	assert_int_equal(begun, 0);
	known = true;
	observes_only = true;
	turn();
	assert_int_equal(begun, 0);
	observes_only = false;
	turn();
	assert_int_equal(begun, 1);
}

/* Other jobs end the turns of the loop every few milliseconds, and there may be 10,000 accounts. */
static void while_no_job_is_due_accounts_are_not_walked_through(void **state)
{
	(void)state;
	last_run_was_ago(0);
	turn();
	assert_int_equal(asked, 0);
	last_run_was_ago(HOUR_MS);
	turn();
	assert_int_equal(asked, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_job_that_is_due_runs_once, start, end),
		cmocka_unit_test_setup_teardown(a_job_waits_until_accounts_are_known, start, end),
		cmocka_unit_test_setup_teardown(while_no_job_is_due_accounts_are_not_walked_through, start, end),
	};

	stats_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
