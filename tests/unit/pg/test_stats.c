/* What the metrics say of connections and slow statements. */
#include "unit.h"

#include "exposed.h"
#include "metrics/metrics.h"
#include "session.h"

static int64_t reconnects(void)
{
	return metric_value(METRIC_CELL(metric_counter("blazz_pg_reconnects", "", NULL), NULL));
}

static void a_lost_connection_is_down_until_another_is_made(void **state)
{
	struct pg *one = session_open(), *other = session_open();
	int64_t before = reconnects();
	struct err err;

	(void)state;
	assert_true(is_exposed("\nblazz_pg_up 1\n"));
	backend_kill(backend_pid(one));
	assert_int_equal(run(one, "SELECT 1", NULL, NULL, &err), -1);
	assert_true(is_exposed("\nblazz_pg_up 0\n"));
	execute(other, "SELECT 1"); /* the other one that is up does not hide it */
	assert_true(is_exposed("\nblazz_pg_up 0\n"));
	assert_done(pg_reconnect(one, &err), err);
	assert_true(is_exposed("\nblazz_pg_up 1\n"));
	assert_int_equal(reconnects(), before + 1);
	pg_close(&one);
	pg_close(&other);
	assert_true(is_exposed("\nblazz_pg_up 1\n")); /* closed, not lost */
}

static void a_lost_connection_may_be_replaced_by_a_new_handle(void **state)
{
	struct pg *pg = session_open();
	int64_t before = reconnects();
	struct err err;

	(void)state;
	backend_kill(backend_pid(pg));
	pg_close(&pg); /* nothing has noticed */
	pg = session_open();
	backend_kill(backend_pid(pg));
	assert_int_equal(run(pg, "SELECT 1", NULL, NULL, &err), -1);
	pg_close(&pg);
	assert_true(is_exposed("\nblazz_pg_up 0\n"));
	pg = session_open();
	assert_true(is_exposed("\nblazz_pg_up 1\n"));
	assert_int_equal(reconnects(), before + 1);
	pg_close(&pg);
}

static void attempts_that_fail_count_once(void **state)
{
	const struct pg_options nowhere = { .conninfo = "host=/nonexistent", .connect_timeout_ms = 1000 };
	int64_t before = reconnects();
	struct pg *pg = NULL;
	struct err err;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pg_open(&pg, &nowhere, &err), -1);
	assert_true(is_exposed("\nblazz_pg_up 0\n"));
	pg = session_open();
	assert_true(is_exposed("\nblazz_pg_up 1\n"));
	assert_int_equal(reconnects(), before + 1);
	pg_close(&pg);
}

static void a_statement_is_slow_above_a_second(void **state)
{
	static const struct pg_stmt quick = { "quick", PG_UNNAMED, "SELECT pg_sleep(0.6)" };
	static const struct pg_stmt slow = { "slow", PG_UNNAMED, "SELECT pg_sleep(1.1)" };
	struct pg *pg = session_open();
	struct err err;

	(void)state;
	assert_done(pg_start(pg, &quick, NULL, &err), err); /* together above a second, each below */
	assert_done(pg_start(pg, &quick, NULL, &err), err);
	assert_done(pg_start(pg, &slow, NULL, &err), err);
	assert_done(pg_collect(pg, NULL, &err), err);
	assert_true(is_exposed("\nblazz_pg_slow_total{statement=\"slow\"} 1\n"));
	assert_false(is_exposed("quick"));
	pg_close(&pg);
}

static void an_abandoned_statement_counts_as_slow(void **state)
{
	static const struct pg_stmt never = { "never", PG_UNNAMED, "SELECT pg_sleep(60)" };
	struct pg *pg =
		session_open_with(&(struct pg_options){ .conninfo = pg_temp_conninfo(), .statement_timeout_ms = 1200 });
	struct err err;

	(void)state;
	assert_failed(pg_run(pg, &never, NULL, NULL, &err), err, ERR_RETRY, "timeout");
	assert_true(is_exposed("\nblazz_pg_slow_total{statement=\"never\"} 1\n"));
	pg_close(&pg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lost_connection_is_down_until_another_is_made),
		cmocka_unit_test(a_lost_connection_may_be_replaced_by_a_new_handle),
		cmocka_unit_test(attempts_that_fail_count_once),
		cmocka_unit_test(a_statement_is_slow_above_a_second),
		cmocka_unit_test(an_abandoned_statement_counts_as_slow),
	};

	return cmocka_run_group_tests(tests, pg_temp_start, pg_temp_stop);
}
