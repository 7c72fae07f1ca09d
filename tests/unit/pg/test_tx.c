/* Transactions: what is committed is there, what is rolled back is not, and what nobody knows is called unknown. */
#include "unit.h"

#include "pg/private.h"
#include "session.h"

static struct pg *pg;
static struct err err;

static int setup(void **state)
{
	if (pg_temp_start(state) < 0)
		return -1;
	pg = session_open();
	return 0;
}

static int teardown(void **state)
{
	pg_close(&pg);
	return pg_temp_stop(state);
}

static int each(void **state)
{
	(void)state;
	execute(pg, "CREATE TEMP TABLE IF NOT EXISTS t (i int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)");
	execute(pg, "TRUNCATE t");
	return 0;
}

static int64_t count(void)
{
	return query_i64(pg, "SELECT count(*) FROM t");
}

static void begin_and_insert(const char *sql)
{
	assert_false(pg_in_transaction(pg));
	assert_done(pg_begin(pg, &err), err);
	assert_true(pg_in_transaction(pg));
	execute(pg, sql);
}

static void commit_keeps_changes_and_rollback_undoes_them(void **state)
{
	(void)state;
	begin_and_insert("INSERT INTO t VALUES (1)");
	pg_rollback(pg);
	assert_false(pg_in_transaction(pg));
	assert_int_equal(count(), 0);
	begin_and_insert("INSERT INTO t VALUES (1)");
	assert_done(pg_commit(pg, &err), err);
	assert_false(pg_in_transaction(pg));
	assert_int_equal(count(), 1);
	pg_rollback(pg); /* nothing to do */
	assert_true(pg_usable(pg));
}

static void rollback_ends_a_failed_transaction(void **state)
{
	(void)state;
	begin_and_insert("INSERT INTO t VALUES (1)");
	assert_failed(run(pg, "SELECT 1 / 0", NULL, NULL, &err), err, ERR_INPUT, "22012");
	assert_true(pg_in_transaction(pg));
	pg_rollback(pg);
	assert_int_equal(count(), 0);
}

static void commit_of_a_failed_transaction_is_not_a_success(void **state)
{
	(void)state;
	begin_and_insert("INSERT INTO t VALUES (1)");
	assert_failed(run(pg, "SELECT 1 / 0", NULL, NULL, &err), err, ERR_INPUT, "22012");
	assert_failed(pg_commit(pg, &err), err, ERR_RETRY, "25P02");
	assert_false(pg_in_transaction(pg));
	assert_int_equal(count(), 0);
}

static void a_constraint_that_fails_at_commit_is_known(void **state)
{
	(void)state;
	begin_and_insert("INSERT INTO t VALUES (1), (1)");
	assert_failed(pg_commit(pg, &err), err, ERR_CONFLICT, "23505");
	assert_true(pg_usable(pg));
	assert_false(pg_in_transaction(pg));
}

static void a_savepoint_undoes_only_what_came_after_it(void **state)
{
	(void)state;
	begin_and_insert("INSERT INTO t VALUES (1)");
	for (int i = 0; i < 2; i++) {
		assert_done(pg_savepoint(pg, &err), err);
		execute(pg, "INSERT INTO t VALUES (2)");
		assert_failed(run(pg, "SELECT 1 / 0", NULL, NULL, &err), err, ERR_INPUT, "22012");
		assert_done(pg_savepoint_rollback(pg, &err), err);
		assert_true(pg_in_transaction(pg));
	}
	assert_done(pg_savepoint(pg, &err), err);
	execute(pg, "INSERT INTO t VALUES (3)");
	assert_done(pg_savepoint_release(pg, &err), err);
	assert_done(pg_commit(pg, &err), err);
	assert_int_equal(query_i64(pg, "SELECT sum(i) FROM t"), 4);
}

static void rolling_back_takes_the_savepoint_away(void **state)
{
	(void)state;
	begin_and_insert("INSERT INTO t VALUES (1)");
	assert_done(pg_savepoint(pg, &err), err);
	assert_done(pg_savepoint_rollback(pg, &err), err);
	assert_failed(pg_savepoint_release(pg, &err), err, ERR_RETRY, "3B001");
	pg_rollback(pg);
	begin_and_insert("INSERT INTO t VALUES (1)");
	assert_failed(pg_savepoint_rollback(pg, &err), err, ERR_RETRY, "3B001");
	assert_true(pg_usable(pg));
	pg_rollback(pg);
	assert_int_equal(count(), 0);
}

static void each_statement_in_a_savepoint_reports_its_own_result(void **state)
{
	static const struct pg_stmt good = { "good", PG_UNNAMED, "INSERT INTO t VALUES (5)" };
	static const struct pg_stmt bad = { "bad", PG_UNNAMED, "INSERT INTO t SELECT 1 / 0" };
	struct err errs[PG_EACH_MAX];

	(void)state;
	begin_and_insert("INSERT INTO t VALUES (1)");
	assert_done(pg_savepoint(pg, &err), err);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < PG_EACH_MAX; i++) {
			assert_done(pg_savepoint_rewind(pg, &err), err);
			assert_done(pg_start(pg, i % 3 == round ? &bad : &good, NULL, &err), err);
		}
		assert_done(pg_collect_each(pg, errs, &err), err);
		for (int i = 0; i < PG_EACH_MAX; i++)
			assert_string_equal(errs[i].code, i % 3 == round ? "22012" : "");
	}
	assert_done(pg_savepoint_rollback(pg, &err), err);
	assert_done(pg_commit(pg, &err), err);
	assert_int_equal(query_i64(pg, "SELECT sum(i) FROM t"), 1);
}

/* The inner one's rollback leaves what the outer one covers. */
static void savepoints_nest(void **state)
{
	(void)state;
	begin_and_insert("INSERT INTO t VALUES (1)");
	assert_done(pg_savepoint(pg, &err), err);
	execute(pg, "INSERT INTO t VALUES (2)");
	assert_done(pg_savepoint(pg, &err), err);
	assert_failed(run(pg, "SELECT 1 / 0", NULL, NULL, &err), err, ERR_INPUT, "22012");
	assert_done(pg_savepoint_rollback(pg, &err), err);
	assert_int_equal(query_i64(pg, "SELECT sum(i) FROM t"), 3);
	assert_done(pg_savepoint_rollback(pg, &err), err);
	assert_done(pg_commit(pg, &err), err);
	assert_int_equal(query_i64(pg, "SELECT sum(i) FROM t"), 1);
}

static void a_commit_without_an_answer_is_unknown(void **state)
{
	(void)state;
	begin_and_insert("INSERT INTO t VALUES (1)");
	backend_kill(backend_pid(pg));
	assert_failed(pg_commit(pg, &err), err, ERR_RETRY, "unknown");
	assert_false(pg_usable(pg));
	pg_rollback(pg);
	assert_failed(pg_begin(pg, &err), err, ERR_RETRY, "closed");
	assert_done(pg_reconnect(pg, &err), err);
}

static void a_commit_that_was_never_sent_is_known(void **state)
{
	(void)state;
	begin_and_insert("INSERT INTO t VALUES (1)");
	backend_kill(backend_pid(pg));
	assert_failed(run(pg, "SELECT 1", NULL, NULL, &err), err, ERR_RETRY, "57P01");
	assert_failed(pg_commit(pg, &err), err, ERR_RETRY, "closed");
	assert_done(pg_reconnect(pg, &err), err);
}

static const struct pg_stmt insert_one = { "insert_one", PG_UNNAMED, "INSERT INTO t VALUES (1)" };
static const struct pg_stmt divide = { "divide", PG_UNNAMED, "SELECT 1 / 0" };

static void pipelined_statements_finish_before_the_next_one(void **state)
{
	(void)state;
	assert_done(pg_start(pg, &insert_one, NULL, &err), err);
	assert_int_equal(count(), 1);
	assert_done(pg_collect(pg, NULL, &err), err);
	begin_and_insert("INSERT INTO t VALUES (2)");
	assert_done(pg_start(pg, &(const struct pg_stmt){ "insert_three", PG_PREPARED, "INSERT INTO t VALUES (3)" },
			    NULL, &err),
		err);
	assert_done(pg_commit(pg, &err), err);
	assert_int_equal(count(), 3);
}

static void a_failed_pipelined_statement_fails_the_next_one(void **state)
{
	(void)state;
	begin_and_insert("INSERT INTO t VALUES (1)");
	assert_done(pg_start(pg, &divide, NULL, &err), err);
	assert_failed(pg_commit(pg, &err), err, ERR_INPUT, "22012");
	pg_rollback(pg);
	assert_int_equal(count(), 0);
	assert_done(pg_start(pg, &divide, NULL, &err), err);
	assert_failed(pg_collect(pg, NULL, &err), err, ERR_INPUT, "22012");
	assert_int_equal(count(), 0);
}

static const struct pg_stmt insert_two = { "insert_two", PG_UNNAMED, "INSERT INTO t VALUES (2)" };

static void many_statements_are_pipelined(void **state)
{
	static const struct pg_stmt next = { "next", PG_PREPARED,
		"INSERT INTO t SELECT coalesce(max(i), 0) + 1 FROM t" };

	(void)state;
	assert_done(pg_begin(pg, &err), err);
	for (int i = 0; i < 100; i++)
		assert_done(pg_start(pg, &next, NULL, &err), err);
	assert_done(pg_commit(pg, &err), err);
	assert_int_equal(query_i64(pg, "SELECT max(i) FROM t"), 100);
}

static void the_first_failed_pipelined_statement_is_reported(void **state)
{
	(void)state;
	begin_and_insert("INSERT INTO t VALUES (1)");
	assert_done(pg_start(pg, &insert_one, NULL, &err), err);
	assert_done(pg_start(pg, &divide, NULL, &err), err);
	assert_done(pg_start(pg, &insert_two, NULL, &err), err);
	assert_failed(pg_collect(pg, NULL, &err), err, ERR_INPUT, "22012");
	assert_non_null(strstr(err.msg, "divide"));
	assert_true(pg_in_transaction(pg));
	pg_rollback(pg);
	assert_int_equal(count(), 0);
}

/* Outside a transaction each stands for itself. */
static void statements_pipelined_behind_a_failure_are_executed(void **state)
{
	(void)state;
	assert_done(pg_start(pg, &divide, NULL, &err), err);
	assert_done(pg_start(pg, &insert_one, NULL, &err), err);
	assert_failed(pg_collect(pg, NULL, &err), err, ERR_INPUT, "22012");
	assert_int_equal(count(), 1);
}

static void an_error_at_the_end_of_a_statement_is_reported(void **state)
{
	(void)state;
	assert_done(pg_start(pg, &insert_one, NULL, &err), err);
	assert_failed(run(pg, "INSERT INTO t VALUES (1), (2)", NULL, NULL, &err), err, ERR_CONFLICT, "23505");
	assert_int_equal(count(), 1);
}

static void a_transaction_that_did_nothing_ends(void **state)
{
	(void)state;
	assert_done(pg_begin(pg, &err), err);
	pg_rollback(pg);
	assert_false(pg_in_transaction(pg));
	assert_done(pg_begin(pg, &err), err);
	assert_done(pg_commit(pg, &err), err);
	assert_false(pg_in_transaction(pg));
}

/* What was begun and never answered is gone with the connection. */
static void a_begin_without_an_answer_is_lost(void **state)
{
	int pid = backend_pid(pg);

	(void)state;
	assert_done(pg_begin(pg, &err), err);
	backend_kill(pid);
	assert_int_equal(run(pg, "INSERT INTO t VALUES (1)", NULL, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_false(pg_in_transaction(pg));
	assert_false(pg_usable(pg));
	assert_done(pg_reconnect(pg, &err), err);
}

static void pipelined_statements_are_rolled_back(void **state)
{
	(void)state;
	begin_and_insert("INSERT INTO t VALUES (2)");
	assert_done(pg_start(pg, &insert_one, NULL, &err), err);
	pg_rollback(pg);
	assert_false(pg_in_transaction(pg));
	assert_int_equal(count(), 0);
}

static void rollback_on_a_killed_backend_is_safe(void **state)
{
	(void)state;
	begin_and_insert("INSERT INTO t VALUES (1)");
	backend_kill(backend_pid(pg));
	pg_rollback(pg);
	assert_false(pg_usable(pg));
	assert_false(pg_in_transaction(pg));
	assert_done(pg_reconnect(pg, &err), err);
}

/* A setting of the planner does not invalidate a plan. */
static bool plan_begins(const char *words)
{
	struct pg_rows *rows = query(pg, "EXPLAIN EXECUTE planned", NULL);
	bool begins = str_starts(pg_text(rows, 0, 0), str_of(words));

	pg_rows_free(rows);
	return begins;
}

static void plans_are_discarded_again_and_again(void **state)
{
	static const struct pg_stmt planned = { "planned", PG_PREPARED, "SELECT i FROM t WHERE i = 5" };

	(void)state;
	execute(pg, "SET enable_seqscan = off");
	assert_done(pg_run(pg, &planned, NULL, NULL, &err), err);
	execute(pg, "SET enable_seqscan = on");
	execute(pg, "SET enable_indexscan = off");
	execute(pg, "SET enable_bitmapscan = off");
	begin_and_insert("INSERT INTO t VALUES (1)");
	assert_true(!plan_begins("Seq Scan"));
	assert_done(pg_commit(pg, &err), err);
	assert_int_equal(pg->replan_wait_ms, 1000);
	pg->replan_mono_ms = 0;
	begin_and_insert("INSERT INTO t VALUES (2)");
	assert_true(plan_begins("Seq Scan"));
	assert_done(pg_commit(pg, &err), err);
	assert_int_equal(pg->replan_wait_ms, 2000);
	assert_in_range(pg->replan_mono_ms, clock_mono_ms() - 59000, clock_mono_ms() + 1000);
	assert_int_equal(count(), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(commit_keeps_changes_and_rollback_undoes_them, each),
		cmocka_unit_test_setup(rollback_ends_a_failed_transaction, each),
		cmocka_unit_test_setup(commit_of_a_failed_transaction_is_not_a_success, each),
		cmocka_unit_test_setup(a_constraint_that_fails_at_commit_is_known, each),
		cmocka_unit_test_setup(a_savepoint_undoes_only_what_came_after_it, each),
		cmocka_unit_test_setup(rolling_back_takes_the_savepoint_away, each),
		cmocka_unit_test_setup(savepoints_nest, each),
		cmocka_unit_test_setup(each_statement_in_a_savepoint_reports_its_own_result, each),
		cmocka_unit_test_setup(a_commit_without_an_answer_is_unknown, each),
		cmocka_unit_test_setup(a_commit_that_was_never_sent_is_known, each),
		cmocka_unit_test_setup(pipelined_statements_finish_before_the_next_one, each),
		cmocka_unit_test_setup(a_failed_pipelined_statement_fails_the_next_one, each),
		cmocka_unit_test_setup(many_statements_are_pipelined, each),
		cmocka_unit_test_setup(the_first_failed_pipelined_statement_is_reported, each),
		cmocka_unit_test_setup(statements_pipelined_behind_a_failure_are_executed, each),
		cmocka_unit_test_setup(an_error_at_the_end_of_a_statement_is_reported, each),
		cmocka_unit_test_setup(a_transaction_that_did_nothing_ends, each),
		cmocka_unit_test_setup(a_begin_without_an_answer_is_lost, each),
		cmocka_unit_test_setup(pipelined_statements_are_rolled_back, each),
		cmocka_unit_test_setup(rollback_on_a_killed_backend_is_safe, each),
		cmocka_unit_test_setup(plans_are_discarded_again_and_again, each),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
