/* Statements: errors by SQLSTATE, prepared ones, and connections that break. */
#include "unit.h"

#include "session.h"

static struct pg *pg;

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

static void each_server_error_has_its_kind(void **state)
{
	static const struct {
		const char *sql, *code;
		enum err_kind kind;
	} cases[] = {
		{ "INSERT INTO parent VALUES (1)", "23505", ERR_CONFLICT },
		{ "INSERT INTO child VALUES (2)", "23503", ERR_INPUT },
		{ "INSERT INTO child VALUES (NULL)", "23502", ERR_INPUT },
		{ "SELECT 1 / 0", "22012", ERR_INPUT },
		{ "SELECT * FROM nowhere", "42P01", ERR_RETRY },
		{ "SELEC", "42601", ERR_RETRY },
		{ "SELECT 1; SELECT 2", "42601", ERR_RETRY },
		{ "DO $$BEGIN RAISE SQLSTATE '40001'; END$$", "40001", ERR_RETRY },
		{ "DO $$BEGIN RAISE SQLSTATE 'XX999'; END$$", "XX999", ERR_RETRY },
	};
	struct err err = { 0 };

	(void)state;
	execute(pg, "CREATE TEMP TABLE parent (id int PRIMARY KEY)");
	execute(pg, "CREATE TEMP TABLE child (id int NOT NULL REFERENCES parent)");
	execute(pg, "INSERT INTO parent VALUES (1)");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pg_rows *rows = NULL;

		assert_failed(run(pg, cases[i].sql, NULL, &rows, &err), err, cases[i].kind, cases[i].code);
		assert_null(rows);
		assert_true(pg_usable(pg));
	}
	assert_int_equal(query_i64(pg, "SELECT count(*) FROM parent"), 1);
}

static void the_message_leaves_out_the_detail_which_quotes_data(void **state)
{
	struct err err = { 0 };

	(void)state;
	execute(pg, "CREATE TEMP TABLE secret (v text PRIMARY KEY)");
	execute(pg, "INSERT INTO secret VALUES ('hush')");
	assert_failed(run(pg, "INSERT INTO secret VALUES ('hush')", NULL, NULL, &err), err, ERR_CONFLICT, "23505");
	assert_non_null(strstr(err.msg, "secret_pkey"));
	assert_null(strstr(err.msg, "hush"));
}

static int64_t prepared_count(void)
{
	return query_i64(pg, "SELECT count(*) FROM pg_prepared_statements");
}

static void a_named_statement_is_prepared_once_a_connection(void **state)
{
	static const struct pg_stmt stmt = { "once", PG_PREPARED, "SELECT $1 + 1" };
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows;
	struct err err = { 0 };

	(void)state;
	for (int connection = 0; connection < 2; connection++) {
		assert_int_equal(prepared_count(), 0);
		for (int i = 0; i < 3; i++) {
			pg_args_clear(args);
			pg_arg_i64(args, i);
			assert_done(pg_run(pg, &stmt, args, &rows, &err), err);
			assert_int_equal(pg_i64(rows, 0, 0), i + 1);
			pg_rows_free(rows);
		}
		assert_int_equal(prepared_count(), 1);
		assert_done(pg_reconnect(pg, &err), err);
	}
	pg_args_free(args);
}

static void an_argument_of_another_type_than_prepared_is_still_understood(void **state)
{
	static const struct pg_stmt stmt = { "types", PG_PREPARED, "SELECT $1::smallint" };
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows;
	struct err err = { 0 };

	(void)state;
	pg_arg_null(args);
	assert_done(pg_run(pg, &stmt, args, &rows, &err), err);
	assert_true(pg_null(rows, 0, 0));
	pg_rows_free(rows);
	pg_args_clear(args);
	pg_arg_i64(args, 5);
	assert_done(pg_run(pg, &stmt, args, &rows, &err), err);
	assert_int_equal(pg_i64(rows, 0, 0), 5);
	pg_rows_free(rows);
	pg_args_free(args);
}

static void preparing_proves_a_statement_without_running_it(void **state)
{
	static const struct pg_stmt good = { "good", PG_UNNAMED, "INSERT INTO untouched VALUES ($1)" };
	static const struct pg_stmt bad = { "bad", PG_PREPARED, "INSERT INTO untouched VALUES ($1, $2)" };
	struct err err = { 0 };

	(void)state;
	execute(pg, "CREATE TEMP TABLE untouched (i int)");
	assert_done(pg_prepare(pg, &good, &err), err);
	assert_failed(pg_prepare(pg, &bad, &err), err, ERR_RETRY, "42601");
	assert_int_equal(query_i64(pg, "SELECT count(*) FROM untouched"), 0);
}

/* "cached plan must not change result type" would otherwise come back for ever. */
static void a_statement_survives_a_migration_by_reconnecting(void **state)
{
	static const struct pg_stmt stmt = { "star", PG_PREPARED, "SELECT * FROM pg_test_migrated" };
	struct pg *other = session_open();
	struct err err = { 0 };

	(void)state;
	execute(other, "DROP TABLE IF EXISTS pg_test_migrated");
	execute(other, "CREATE TABLE pg_test_migrated (i int)");
	assert_done(pg_run(pg, &stmt, NULL, NULL, &err), err);
	execute(other, "ALTER TABLE pg_test_migrated ADD j int");
	assert_failed(pg_run(pg, &stmt, NULL, NULL, &err), err, ERR_RETRY, "0A000");
	assert_false(pg_usable(pg));
	assert_done(pg_reconnect(pg, &err), err);
	assert_done(pg_run(pg, &stmt, NULL, NULL, &err), err);
	execute(other, "DROP TABLE pg_test_migrated");
	pg_close(&other);
}

static void a_killed_backend_is_an_error_to_retry_and_reconnecting_helps(void **state)
{
	struct err err = { 0 };

	(void)state;
	backend_kill(backend_pid(pg));
	assert_failed(run(pg, "SELECT 1", NULL, NULL, &err), err, ERR_RETRY, "57P01");
	assert_false(pg_usable(pg));
	assert_failed(run(pg, "SELECT 1", NULL, NULL, &err), err, ERR_RETRY, "closed");
	assert_failed(pg_prepare(pg, &(struct pg_stmt){ "x", PG_UNNAMED, "SELECT 1" }, &err), err, ERR_RETRY, "closed");
	assert_done(pg_reconnect(pg, &err), err);
	assert_int_equal(query_i64(pg, "SELECT 1"), 1);
}

static void a_backend_killed_amid_a_big_answer_gives_no_rows(void **state)
{
	struct pg_rows *rows = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(
		run(pg,
			"SELECT repeat('x', 1000), CASE WHEN i = 20000 THEN pg_terminate_backend(pg_backend_pid()) END"
			" FROM generate_series(1, 30000) AS i",
			NULL, &rows, &err),
		-1);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_null(rows);
	assert_false(pg_usable(pg));
	assert_done(pg_reconnect(pg, &err), err);
}

static void an_error_after_some_rows_gives_no_rows(void **state)
{
	struct pg_rows *rows = NULL;
	struct err err = { 0 };

	(void)state;
	assert_failed(run(pg, "SELECT 1 / (i - 20000) FROM generate_series(1, 30000) AS i", NULL, &rows, &err), err,
		ERR_INPUT, "22012");
	assert_null(rows);
	assert_true(pg_usable(pg));
}

static void notices_disturb_nothing(void **state)
{
	(void)state;
	execute(pg, "DO $$BEGIN RAISE WARNING 'a warning for the log'; END$$");
	assert_int_equal(query_i64(pg, "SELECT 1"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_server_error_has_its_kind),
		cmocka_unit_test(the_message_leaves_out_the_detail_which_quotes_data),
		cmocka_unit_test(a_named_statement_is_prepared_once_a_connection),
		cmocka_unit_test(an_argument_of_another_type_than_prepared_is_still_understood),
		cmocka_unit_test(preparing_proves_a_statement_without_running_it),
		cmocka_unit_test(a_statement_survives_a_migration_by_reconnecting),
		cmocka_unit_test(a_killed_backend_is_an_error_to_retry_and_reconnecting_helps),
		cmocka_unit_test(a_backend_killed_amid_a_big_answer_gives_no_rows),
		cmocka_unit_test(an_error_after_some_rows_gives_no_rows),
		cmocka_unit_test(notices_disturb_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
