/* Arrays of every type against the server: it must read the same as from an array literal. */
#include "unit.h"

#include <stdio.h>

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

static struct pg_rows *query_with(const char *sql, struct pg_array *a)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows;

	pg_arg_array(args, a);
	rows = query(pg, sql, args);
	pg_args_free(args);
	return rows;
}

static void fill_bool(struct pg_array *a)
{
	pg_array_bool(a, true);
	pg_array_null(a);
	pg_array_bool(a, false);
}

static void fill_i16(struct pg_array *a)
{
	pg_array_i16(a, INT16_MIN);
	pg_array_null(a);
	pg_array_i16(a, INT16_MAX);
}

static void fill_i32(struct pg_array *a)
{
	pg_array_i32(a, INT32_MIN);
	pg_array_null(a);
	pg_array_i32(a, INT32_MAX);
}

static void fill_i64(struct pg_array *a)
{
	pg_array_i64(a, INT64_MIN);
	pg_array_null(a);
	pg_array_i64(a, INT64_MAX);
}

static void fill_f64(struct pg_array *a)
{
	pg_array_f64(a, -0.1);
	pg_array_null(a);
	pg_array_f64(a, 1e300);
}

static void fill_text(struct pg_array *a)
{
	pg_array_str(a, STR("a,\"b\\ {}"));
	pg_array_str(a, STR_NONE);
	pg_array_str(a, STR(""));
	pg_array_str(a, STR("NULL"));
	pg_array_str(a, STR("\xf0\x9f\x98\x80"));
}

static void fill_bytea(struct pg_array *a)
{
	pg_array_str(a, (struct str){ "\0\xff", 2 });
	pg_array_str(a, STR_NONE);
	pg_array_str(a, STR(""));
}

static void fill_jsonb(struct pg_array *a)
{
	pg_array_str(a, STR("{\"b\":1}"));
	pg_array_str(a, STR_NONE);
	pg_array_str(a, STR("null"));
}

static void fill_uuid(struct pg_array *a)
{
	struct uuid u;

	assert_true(uuid_parse(STR("00112233-4455-6677-8899-aabbccddeeff"), &u));
	pg_array_uuid(a, &u);
	pg_array_uuid(a, NULL);
}

static void fill_time(struct pg_array *a)
{
	pg_array_time_us(a, 0);
	pg_array_time_us(a, PG_NO_TIME);
	pg_array_time_us(a, INT64_C(1767225600000001));
}

static const struct {
	enum pg_type type;
	void (*fill)(struct pg_array *a);
	size_t count;
	const char *name, *literal;
} cases[] = {
	{ PG_BOOL, fill_bool, 3, "boolean[]", "{t,NULL,f}" },
	{ PG_I16, fill_i16, 3, "smallint[]", "{-32768,NULL,32767}" },
	{ PG_I32, fill_i32, 3, "integer[]", "{-2147483648,NULL,2147483647}" },
	{ PG_I64, fill_i64, 3, "bigint[]", "{-9223372036854775808,NULL,9223372036854775807}" },
	{ PG_F64, fill_f64, 3, "double precision[]", "{-0.1,NULL,1e+300}" },
	{ PG_TEXT, fill_text, 5, "text[]", "{\"a,\\\"b\\\\ {}\",NULL,\"\",\"NULL\",\xf0\x9f\x98\x80}" },
	{ PG_BYTEA, fill_bytea, 3, "bytea[]", "{\"\\\\x00ff\",NULL,\"\\\\x\"}" },
	{ PG_JSONB, fill_jsonb, 3, "jsonb[]", "{\"{\\\"b\\\": 1}\",NULL,\"null\"}" },
	{ PG_UUID, fill_uuid, 2, "uuid[]", "{00112233-4455-6677-8899-aabbccddeeff,NULL}" },
	{ PG_TIME, fill_time, 3, "timestamp with time zone[]",
		"{\"1970-01-01 00:00:00+00\",NULL,\"2026-01-01 00:00:00.000001+00\"}" },
};

static void assert_server_reads(struct pg_array *a, const char *name, const char *literal)
{
	struct pg_args *args = pg_args_new();
	char sql[160];
	struct pg_rows *rows;

	pg_arg_array(args, a);
	pg_arg_text(args, str_of(literal));
	snprintf(sql, sizeof(sql), "SELECT $1::text, pg_typeof($1)::text, $1 = $2::%s", name);
	rows = query(pg, sql, args);
	if (!pg_bool(rows, 0, 2))
		fail_msg("%s: got %.*s, want %s", name, STR_ARG(pg_text(rows, 0, 0)), literal);
	assert_true(str_is(pg_text(rows, 0, 1), name));
	pg_rows_free(rows);
	pg_args_free(args);
}

/* Twice, with a clear between: batches reuse their arrays. Empty, too. */
static void the_server_reads_every_array_as_its_literal(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pg_array *a = pg_array_new(cases[i].type);

		assert_server_reads(a, cases[i].name, "{}");
		for (int round = 0; round < 2; round++) {
			cases[i].fill(a);
			assert_int_equal(pg_array_count(a), cases[i].count);
			assert_server_reads(a, cases[i].name, cases[i].literal);
			pg_array_clear(a);
			assert_int_equal(pg_array_count(a), 0);
		}
		assert_server_reads(a, cases[i].name, "{}");
		pg_array_free(a);
	}
	pg_array_free(NULL);
}

static void elements_are_returned_by_unnest_in_order(void **state)
{
	struct pg_array *a = pg_array_new(PG_I64);
	struct pg_rows *rows;
	int n = 20000;

	(void)state;
	for (int i = 0; i < n; i++) {
		if (i % 7 == 0)
			pg_array_null(a);
		else
			pg_array_i64(a, (int64_t)i << 32);
	}
	rows = query_with("SELECT v FROM unnest($1) WITH ORDINALITY AS u (v, i) ORDER BY i", a);
	assert_int_equal(pg_rows_count(rows), n);
	for (int i = 0; i < n; i++) {
		assert_int_equal(pg_null(rows, i, 0), i % 7 == 0);
		if (i % 7 != 0)
			assert_int_equal(pg_i64(rows, i, 0), (int64_t)i << 32);
	}
	pg_rows_free(rows);
	pg_array_free(a);
}

/* Several times what the sockets' buffers hold, so that sending and receiving both stop and go on. */
static void megabytes_survive_the_round_trip(void **state)
{
	struct pg_array *a = pg_array_new(PG_BYTEA);
	char piece[4096];
	struct pg_rows *rows;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		memset(piece, i, sizeof(piece));
		pg_array_str(a, (struct str){ piece, sizeof(piece) });
	}
	rows = query_with("SELECT v FROM unnest($1) AS v", a);
	assert_int_equal(pg_rows_count(rows), 4000);
	for (int i = 0; i < 4000; i++) {
		memset(piece, i, sizeof(piece));
		assert_true(str_eq(pg_text(rows, i, 0), (struct str){ piece, sizeof(piece) }));
	}
	pg_rows_free(rows);
	pg_array_free(a);
}

static void the_first_element_that_cannot_be_stored_is_named(void **state)
{
	static const enum pg_type types[] = { PG_TEXT, PG_JSONB };
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct pg_array *a = pg_array_new(types[i]);
		struct pg_args *args = pg_args_new();

		pg_array_str(a, STR("1"));
		pg_array_str(a, STR("2"));
		pg_array_str(a, (struct str){ "3\0", 2 });
		pg_array_str(a, STR("\xff"));
		assert_int_equal(pg_array_count(a), 4);
		pg_arg_null(args);
		pg_arg_array(args, a);
		assert_failed(run(pg, "SELECT $1::text, $2", args, NULL, &err), err, ERR_INPUT, "22021");
		assert_non_null(strstr(err.msg, "$2: element 2 "));
		pg_array_clear(a);
		pg_array_str(a, STR("1"));
		assert_done(run(pg, "SELECT $1::text, $2", args, NULL, &err), err);
		pg_args_free(args);
		pg_array_free(a);
	}
}

static void bytes_need_not_be_text(void **state)
{
	struct pg_array *a = pg_array_new(PG_BYTEA);
	struct pg_rows *rows;

	(void)state;
	pg_array_str(a, (struct str){ "\xff\0", 2 });
	rows = query_with("SELECT $1[1]", a);
	assert_true(str_eq(pg_text(rows, 0, 0), (struct str){ "\xff\0", 2 }));
	pg_rows_free(rows);
	pg_array_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_server_reads_every_array_as_its_literal),
		cmocka_unit_test(elements_are_returned_by_unnest_in_order),
		cmocka_unit_test(megabytes_survive_the_round_trip),
		cmocka_unit_test(the_first_element_that_cannot_be_stored_is_named),
		cmocka_unit_test(bytes_need_not_be_text),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
