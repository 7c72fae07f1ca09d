/* Scalars to the server and back, through args.c and rows.c: what went in comes out, and the server saw it so too. */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "session.h"

static struct pg *pg;
static struct pg_args *args;

static int setup(void **state)
{
	if (pg_temp_start(state) < 0)
		return -1;
	pg = session_open();
	args = pg_args_new();
	return 0;
}

static int teardown(void **state)
{
	pg_args_free(args);
	pg_close(&pg);
	return pg_temp_stop(state);
}

/* The server's idea of $1, as its text. */
static void assert_server_reads(const char *type, const char *want)
{
	char sql[128];
	struct pg_rows *rows;

	snprintf(sql, sizeof(sql), "SELECT $1::%s::text, pg_typeof($1)::text", type);
	rows = query(pg, sql, args);
	if (!str_is(pg_text(rows, 0, 0), want))
		fail_msg("%s: got %.*s, want %s", type, STR_ARG(pg_text(rows, 0, 0)), want);
	assert_true(str_is(pg_text(rows, 0, 1), type));
	pg_rows_free(rows);
	pg_args_clear(args);
}

static void the_server_reads_every_type_correctly(void **state)
{
	struct uuid u;

	(void)state;
	assert_true(uuid_parse(STR("00112233-4455-6677-8899-aabbccddeeff"), &u));
	pg_arg_bool(args, true);
	assert_server_reads("boolean", "true");
	pg_arg_bool(args, false);
	assert_server_reads("boolean", "false");
	pg_arg_i16(args, INT16_MIN);
	assert_server_reads("smallint", "-32768");
	pg_arg_i32(args, INT32_MIN);
	assert_server_reads("integer", "-2147483648");
	pg_arg_i64(args, INT64_MIN);
	assert_server_reads("bigint", "-9223372036854775808");
	pg_arg_f64(args, -0.1);
	assert_server_reads("double precision", "-0.1");
	pg_arg_text(args, STR("h\xc3\xa9 \xf0\x9f\x98\x80"));
	assert_server_reads("text", "h\xc3\xa9 \xf0\x9f\x98\x80");
	pg_arg_text(args, STR(""));
	assert_server_reads("text", "");
	pg_arg_bytea(args, (struct str){ "\0\xff", 2 });
	assert_server_reads("bytea", "\\x00ff");
	pg_arg_bytea(args, STR(""));
	assert_server_reads("bytea", "\\x");
	pg_arg_jsonb(args, STR("{\"b\":1,\"a\":[]}"));
	assert_server_reads("jsonb", "{\"a\": [], \"b\": 1}");
	pg_arg_uuid(args, &u);
	assert_server_reads("uuid", "00112233-4455-6677-8899-aabbccddeeff");
	pg_arg_time_us(args, 0);
	assert_server_reads("timestamp with time zone", "1970-01-01 00:00:00+00");
	pg_arg_time_us(args, INT64_C(1767225600123456));
	assert_server_reads("timestamp with time zone", "2026-01-01 00:00:00.123456+00");
	pg_arg_time_us(args, INT64_MAX);
	assert_server_reads("timestamp with time zone", "infinity");
	pg_arg_time_us(args, INT64_MIN + 1);
	assert_server_reads("timestamp with time zone", "-infinity");
}

static void values_survive_the_round_trip(void **state)
{
	struct uuid u, got;
	struct pg_rows *rows;

	(void)state;
	assert_true(uuid_parse(STR("f0112233-4455-6677-8899-aabbccddeeff"), &u));
	pg_arg_bool(args, true);
	pg_arg_i16(args, -2);
	pg_arg_i32(args, INT32_MAX);
	pg_arg_i64(args, INT64_MAX);
	pg_arg_f64(args, INFINITY);
	pg_arg_text(args, STR("text"));
	pg_arg_bytea(args, (struct str){ "a\0b", 3 });
	pg_arg_jsonb(args, STR("[1, \"\xc3\xa9\"]"));
	pg_arg_uuid(args, &u);
	pg_arg_time_us(args, -1);
	rows = query(pg, "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, ''::text, $8::json, 'x'::varchar", args);
	assert_int_equal(pg_rows_count(rows), 1);
	assert_true(pg_bool(rows, 0, 0));
	assert_int_equal(pg_i64(rows, 0, 1), -2);
	assert_int_equal(pg_i64(rows, 0, 2), INT32_MAX);
	assert_int_equal(pg_i64(rows, 0, 3), INT64_MAX);
	assert_true(isinf(pg_f64(rows, 0, 4)));
	assert_true(str_is(pg_text(rows, 0, 5), "text"));
	assert_true(str_eq(pg_text(rows, 0, 6), (struct str){ "a\0b", 3 }));
	assert_true(str_is(pg_text(rows, 0, 7), "[1, \"\xc3\xa9\"]"));
	got = pg_uuid(rows, 0, 8);
	assert_true(uuid_eq(&got, &u));
	assert_int_equal(pg_time_us(rows, 0, 9), -1);
	assert_non_null(pg_text(rows, 0, 10).p);
	assert_int_equal(pg_text(rows, 0, 10).n, 0);
	assert_true(str_is(pg_text(rows, 0, 11), "[1, \"\xc3\xa9\"]"));
	assert_true(str_is(pg_text(rows, 0, 12), "x"));
	pg_rows_free(rows);
	pg_args_clear(args);
}

static void infinite_times_come_back_saturated(void **state)
{
	struct pg_rows *rows = query(pg, "SELECT 'infinity'::timestamptz, '-infinity'::timestamptz", NULL);

	(void)state;
	assert_int_equal(pg_time_us(rows, 0, 0), INT64_MAX);
	assert_int_equal(pg_time_us(rows, 0, 1), PG_NO_TIME + 1);
	pg_rows_free(rows);
}

static void absent_values_are_null_both_ways(void **state)
{
	struct pg_rows *rows;

	(void)state;
	pg_arg_null(args);
	pg_arg_text(args, STR_NONE);
	pg_arg_bytea(args, STR_NONE);
	pg_arg_jsonb(args, STR_NONE);
	pg_arg_uuid(args, NULL);
	pg_arg_time_us(args, PG_NO_TIME);
	rows = query(pg, "SELECT $1::int, $2, $3, $4, $5, $6", args);
	for (int col = 0; col < 6; col++)
		assert_true(pg_null(rows, 0, col));
	assert_null(pg_text(rows, 0, 1).p);
	assert_null(pg_text(rows, 0, 2).p);
	assert_null(pg_text(rows, 0, 3).p);
	assert_int_equal(pg_time_us(rows, 0, 5), PG_NO_TIME);
	pg_rows_free(rows);
	pg_args_clear(args);
}

static void an_empty_text_is_not_null(void **state)
{
	struct pg_args *fresh = pg_args_new();
	struct pg_rows *rows;

	(void)state;
	pg_arg_text(fresh, STR(""));
	rows = query(pg, "SELECT $1 IS NULL", fresh);
	assert_false(pg_bool(rows, 0, 0));
	pg_rows_free(rows);
	pg_args_free(fresh);
}

static void text_that_cannot_be_stored_is_rejected_before_it_is_sent(void **state)
{
	static const struct str bad[] = {
		{ "a\0b", 3 },     /* libpq would have stored "a" */
		{ "\xc3", 1 },     /* cut */
		{ "\xed\xa0\x80", 3 }, /* a surrogate */
		{ "\xc0\x80", 2 },  /* overlong */
	};
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		pg_arg_i64(args, 1);
		pg_arg_text(args, bad[i]);
		assert_failed(run(pg, "SELECT $1, $2", args, NULL, &err), err, ERR_INPUT, "22021");
		assert_non_null(strstr(err.msg, "$2"));
		pg_args_clear(args);
		pg_arg_jsonb(args, bad[i]);
		assert_failed(run(pg, "SELECT $1", args, NULL, &err), err, ERR_INPUT, "22021");
		pg_args_clear(args);
	}
	assert_true(pg_usable(pg));
	assert_int_equal(query_i64(pg, "SELECT 1"), 1);
}

static void scalars_are_copied_when_they_are_added(void **state)
{
	char word[] = "before";
	struct pg_rows *rows;
	char *big = mem_alloc(100000);

	(void)state;
	memset(big, 'x', 100000);
	pg_arg_text(args, str_of(word));
	pg_arg_text(args, (struct str){ big, 100000 }); /* the copies move */
	memcpy(word, "behind", sizeof(word));
	rows = query(pg, "SELECT $1, length($2)", args);
	assert_true(str_is(pg_text(rows, 0, 0), "before"));
	assert_int_equal(pg_i64(rows, 0, 1), 100000);
	pg_rows_free(rows);
	pg_args_clear(args);
	free(big);
}

static void a_narrow_argument_fits_a_wide_column_and_a_wrong_one_is_rejected(void **state)
{
	struct err err = { 0 };

	(void)state;
	execute(pg, "CREATE TEMP TABLE wide (a bigint, b numeric, u uuid)");
	pg_arg_i32(args, 7);
	pg_arg_i64(args, 8);
	pg_rows_free(query(pg, "INSERT INTO wide (a, b) VALUES ($1, $2)", args));
	pg_args_clear(args);
	assert_int_equal(query_i64(pg, "SELECT a + b::bigint FROM wide"), 15);
	pg_arg_i64(args, 8);
	assert_failed(run(pg, "INSERT INTO wide (u) VALUES ($1)", args, NULL, &err), err, ERR_RETRY, "42804");
	pg_args_clear(args);
}

static void affected_rows_are_counted(void **state)
{
	struct pg_rows *rows = query(pg, "CREATE TEMP TABLE counted AS SELECT generate_series(1, 5) AS i", NULL);

	(void)state;
	pg_rows_free(rows);
	rows = query(pg, "UPDATE counted SET i = i WHERE i > 2 RETURNING i", NULL);
	assert_int_equal(pg_rows_affected(rows), 3);
	assert_int_equal(pg_rows_count(rows), 3);
	pg_rows_free(rows);
	rows = query(pg, "DELETE FROM counted WHERE i > 9", NULL);
	assert_int_equal(pg_rows_affected(rows), 0);
	pg_rows_free(rows);
	pg_rows_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_server_reads_every_type_correctly),
		cmocka_unit_test(values_survive_the_round_trip),
		cmocka_unit_test(infinite_times_come_back_saturated),
		cmocka_unit_test(absent_values_are_null_both_ways),
		cmocka_unit_test(an_empty_text_is_not_null),
		cmocka_unit_test(text_that_cannot_be_stored_is_rejected_before_it_is_sent),
		cmocka_unit_test(scalars_are_copied_when_they_are_added),
		cmocka_unit_test(a_narrow_argument_fits_a_wide_column_and_a_wrong_one_is_rejected),
		cmocka_unit_test(affected_rows_are_counted),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
