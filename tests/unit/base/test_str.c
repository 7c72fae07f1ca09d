/* libs/base/str: absent and empty are two things, and no function reads outside its string. */
#include "unit.h"

#include "base/str.h"

static void assert_str(struct str got, struct str want)
{
	assert_int_equal(got.p == NULL, want.p == NULL);
	assert_int_equal(got.n, want.n);
	if (want.n > 0)
		assert_memory_equal(got.p, want.p, want.n);
}

static void absent_is_not_empty(void **state)
{
	(void)state;
	assert_null(str_of(NULL).p);
	assert_non_null(str_of("").p);
	assert_false(str_eq(STR_NONE, STR("")));
	assert_true(str_eq(STR_NONE, STR_NONE));
	assert_true(str_is(STR(""), ""));
	assert_false(str_is(STR_NONE, ""));
	assert_str(str_slice(STR_NONE, 0, 3), STR_NONE);
	assert_str(str_trim(STR_NONE), STR_NONE);
}

static void order_is_bytewise_with_absent_first(void **state)
{
	static const struct str rising[] = { { NULL, 0 }, { "", 0 }, { "a\0", 1 }, { "a\0", 2 }, { "ab", 2 },
		{ "b", 1 }, { "\xff", 1 } };
	const int n = sizeof(rising) / sizeof(rising[0]);

	(void)state;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			int got = str_cmp(rising[i], rising[j]);

			assert_int_equal((got > 0) - (got < 0), (i > j) - (i < j));
			assert_int_equal(str_eq(rising[i], rising[j]), i == j);
		}
}

static void starts_and_ends_stay_within_the_string(void **state)
{
	(void)state;
	assert_true(str_starts(STR("events"), STR("ev")));
	assert_true(str_starts(STR_NONE, STR("")));
	assert_false(str_starts(STR("ev"), STR("events")));
	assert_false(str_starts(STR("events"), STR("vents")));
	assert_true(str_ends(STR("a.json"), STR(".json")));
	assert_false(str_ends(STR("json"), STR(".json")));
	assert_false(str_ends(STR("a.jsn"), STR(".json")));
}

static void slices_are_clamped(void **state)
{
	(void)state;
	assert_str(str_slice(STR("abcd"), 1, 3), STR("bc"));
	assert_str(str_slice(STR("abcd"), 2, 99), STR("cd"));
	assert_str(str_slice(STR("abcd"), 9, 99), STR(""));
	assert_str(str_slice(STR("abcd"), 3, 1), STR(""));
}

static void cut_stops_at_the_first_separator(void **state)
{
	struct str head, tail;

	(void)state;
	assert_true(str_cut(STR("a=b=c"), '=', &head, &tail));
	assert_str(head, STR("a"));
	assert_str(tail, STR("b=c"));
	assert_true(str_cut(STR("a="), '=', &head, &tail));
	assert_str(tail, STR(""));
	assert_false(str_cut(STR("abc"), '=', &head, &tail));
	assert_str(head, STR("abc"));
	assert_str(tail, STR_NONE);
	assert_false(str_cut(STR_NONE, '=', &head, &tail));
}

static void trim_takes_white_space_from_both_ends_only(void **state)
{
	(void)state;
	assert_str(str_trim(STR(" \t\r\na b\v\f ")), STR("a b"));
	assert_str(str_trim(STR("  ")), STR(""));
	assert_str(str_trim(STR("\xc2\xa0")), STR("\xc2\xa0"));
}

static void integers_are_plain_and_in_range(void **state)
{
	static const struct {
		struct str in;
		bool ok;
		int64_t want;
	} cases[] = {
		{ { "0", 1 }, true, 0 },
		{ { "-0", 2 }, true, 0 },
		{ { "42", 2 }, true, 42 },
		{ { "-42", 3 }, true, -42 },
		{ { "9223372036854775807", 19 }, true, INT64_MAX },
		{ { "-9223372036854775808", 20 }, true, INT64_MIN },
		{ { "9223372036854775808", 19 }, false, 0 },
		{ { "-9223372036854775809", 20 }, false, 0 },
		{ { "99999999999999999999", 20 }, false, 0 },
		{ { "", 0 }, false, 0 },
		{ { NULL, 0 }, false, 0 },
		{ { "-", 1 }, false, 0 },
		{ { "--1", 3 }, false, 0 },
		{ { "+1", 2 }, false, 0 },
		{ { " 1", 2 }, false, 0 },
		{ { "1x", 2 }, false, 0 },
		{ { "1\0", 2 }, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t got = 77;

		print_message("'%.*s'\n", STR_ARG(cases[i].in));
		assert_int_equal(str_to_i64(cases[i].in, &got), cases[i].ok);
		assert_int_equal(got, cases[i].ok ? cases[i].want : 77);
	}
}

static void an_empty_string_is_not_all_digits(void **state)
{
	(void)state;
	assert_true(str_all_digits(STR("0123456789")));
	assert_false(str_all_digits(STR("")));
	assert_false(str_all_digits(STR("12:3")));
	assert_false(str_all_digits(STR("12/3")));
}

/* Vectors from the FNV reference distribution. */
static void the_hash_is_fnv_1a(void **state)
{
	(void)state;
	assert_true(str_hash(STR("")) == 0xcbf29ce484222325u);
	assert_true(str_hash(STR("a")) == 0xaf63dc4c8601ec8cu);
	assert_true(str_hash(STR("foobar")) == 0x85944171f73967e8u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absent_is_not_empty),
		cmocka_unit_test(order_is_bytewise_with_absent_first),
		cmocka_unit_test(starts_and_ends_stay_within_the_string),
		cmocka_unit_test(slices_are_clamped),
		cmocka_unit_test(cut_stops_at_the_first_separator),
		cmocka_unit_test(trim_takes_white_space_from_both_ends_only),
		cmocka_unit_test(integers_are_plain_and_in_range),
		cmocka_unit_test(an_empty_string_is_not_all_digits),
		cmocka_unit_test(the_hash_is_fnv_1a),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
