/* An account comes back while a job deletes it, 1,000 times over: it is either deleted as it was, or it survives. */
#include "unit.h"

#include "db.h"
#include "store/cleanup_accounts.h"

#define ROUNDS 1000
#define DELAYS 8 /* round trips by which one side begins later */

static struct {
	struct pg *cleanup, *other;
	pthread_barrier_t begins, ended;
	int deleted; /* in this round */
} race;

static void delay(struct pg *pg, int round_trips)
{
	for (int i = 0; i < round_trips; i++)
		execute(pg, "SELECT");
}

static void *deletes(void *ctx)
{
	const struct account_deletion d = { .account = { 1, 1 },
		.status = STR("failed"),
		.status_since_us = AT(10),
		.desired_us = AT(20),
		.type = "scheduled",
		.reason = "disconnected_24h" };
	struct err err;

	(void)ctx;
	for (int i = 0; i < ROUNDS; i++) {
		int64_t primary;

		pthread_barrier_wait(&race.begins);
		delay(race.cleanup, i % DELAYS);
		race.deleted = store_cleanup_delete(race.cleanup, &d, &primary, &err);
		pthread_barrier_wait(&race.ended);
	}
	return NULL;
}

static void reset(void)
{
	execute(db.admin,
		"UPDATE whatsapp_accounts SET status = 'failed', status_since = '2026-01-01 00:00:10Z', desired_at = '2026-01-01 00:00:20Z',"
		" deleted_at = NULL WHERE id = 1");
}

/* As chat-sync reports it, or as it is desired anew. */
static bool comes_back(int round)
{
	struct pg_rows *rows = query(race.other,
		round % 2
			? "UPDATE whatsapp_accounts SET status = 'connected', status_since = clock_timestamp()"
			  " WHERE id = 1 AND deleted_at IS NULL RETURNING id"
			: "UPDATE whatsapp_accounts SET desired_at = clock_timestamp() WHERE id = 1 AND deleted_at IS NULL RETURNING id",
		NULL);
	bool back = pg_rows_count(rows) > 0;

	pg_rows_free(rows);
	return back;
}

static void an_account_that_comes_back_first_survives_and_else_it_was_deleted_as_it_was(void **state)
{
	int survived = 0;
	pthread_t thread;

	(void)state;
	pthread_barrier_init(&race.begins, NULL, 2);
	pthread_barrier_init(&race.ended, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, deletes, NULL), 0);
	for (int i = 0; i < ROUNDS; i++) {
		bool back;

		reset();
		pthread_barrier_wait(&race.begins);
		delay(race.other, i / DELAYS % DELAYS);
		back = comes_back(i);
		pthread_barrier_wait(&race.ended);
		if (race.deleted != !back)
			fail_msg("round %d: came back %d, deleted %d", i, back, race.deleted);
		survived += back;
	}
	pthread_join(thread, NULL);
	assert_in_range(survived, 1, ROUNDS - 1);
	assert_int_equal(db_i64("SELECT count(*) FROM session_cleanup_logs"), ROUNDS - survived);
}

static int start(void **state)
{
	if (db_start(state) < 0)
		return -1;
	race.cleanup = db_session("blazz_cleanup");
	race.other = db_session(ADMIN);
	return 0;
}

static int stop(void **state)
{
	pg_close(&race.cleanup);
	pg_close(&race.other);
	return db_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_account_that_comes_back_first_survives_and_else_it_was_deleted_as_it_was),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
