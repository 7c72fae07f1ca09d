/* libs/base/utf8: accepts exactly what Unicode 15, table 3-7 accepts. */
#include "unit.h"

#include "base/utf8.h"

static void overlong_forms_surrogates_and_cut_sequences_are_rejected(void **state)
{
	static const struct {
		const char *name, *in;
		bool want;
	} cases[] = {
		{ "empty", "", true },
		{ "ASCII", "hello, world: more than eight", true },
		{ "first of two bytes", "\xc2\x80", true },
		{ "last of two bytes", "\xdf\xbf", true },
		{ "first of three bytes", "\xe0\xa0\x80", true },
		{ "last before the surrogates", "\xed\x9f\xbf", true },
		{ "first after the surrogates", "\xee\x80\x80", true },
		{ "last of three bytes", "\xef\xbf\xbf", true },
		{ "first of four bytes", "\xf0\x90\x80\x80", true },
		{ "U+10FFFF", "\xf4\x8f\xbf\xbf", true },
		{ "a code point across the eighth byte",
			"1234567\xe2\x82\xac"
			"89",
			true },
		{ "U+110000", "\xf4\x90\x80\x80", false },
		{ "F5", "\xf5\x80\x80\x80", false },
		{ "overlong solidus", "\xc0\xaf", false },
		{ "overlong C1", "\xc1\xbf", false },
		{ "overlong three bytes", "\xe0\x9f\xbf", false },
		{ "overlong four bytes", "\xf0\x8f\xbf\xbf", false },
		{ "first surrogate", "\xed\xa0\x80", false },
		{ "last surrogate", "\xed\xbf\xbf", false },
		{ "a lone continuation", "\x80", false },
		{ "two bytes cut", "\xc3", false },
		{ "three bytes cut", "\xe2\x82", false },
		{ "four bytes cut", "\xf0\x9f\x98", false },
		{ "third byte wrong", "\xe2\x82z", false },
		{ "fourth byte wrong", "\xf0\x9f\x98z", false },
		{ "wrong after eight good ones", "12345678\xff", false },
		{ "wrong as the eighth", "1234567\xff", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		assert_int_equal(utf8_valid(str_of(cases[i].in)), cases[i].want);
		assert_int_equal(utf8_storable(str_of(cases[i].in)), cases[i].want);
	}
}

static void every_scalar_value_is_valid_and_nothing_else_is(void **state)
{
	(void)state;
	for (uint32_t c = 0x800; c <= 0xffff; c++) {
		char b[] = { (char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)), (char)(0x80 | (c & 0x3f)) };

		assert_int_equal(utf8_next((struct str){ b, 3 }), c >= 0xd800 && c <= 0xdfff ? 0 : 3);
	}
	for (uint32_t c = 0x10000; c <= 0x1fffff; c++) {
		char b[] = { (char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 0x3f)), (char)(0x80 | (c >> 6 & 0x3f)),
			(char)(0x80 | (c & 0x3f)) };

		assert_int_equal(utf8_next((struct str){ b, 4 }), c <= 0x10ffff ? 4 : 0);
	}
}

static void a_nul_is_valid_but_cannot_be_stored(void **state)
{
	(void)state;
	assert_true(utf8_valid(STR("a\0b")));
	assert_false(utf8_storable(STR("a\0b")));
	assert_true(utf8_storable(STR_NONE));
}

static void length_counts_code_points(void **state)
{
	(void)state;
	assert_int_equal(utf8_length(STR("")), 0);
	assert_int_equal(utf8_length(STR("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80")), 4);
}

static void truncation_keeps_code_points_whole(void **state)
{
	static const size_t want[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10 };
	const struct str s = STR("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80");

	(void)state;
	for (size_t max = 0; max < sizeof(want) / sizeof(want[0]); max++)
		assert_int_equal(utf8_truncate(s, max).n, want[max]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overlong_forms_surrogates_and_cut_sequences_are_rejected),
		cmocka_unit_test(every_scalar_value_is_valid_and_nothing_else_is),
		cmocka_unit_test(a_nul_is_valid_but_cannot_be_stored),
		cmocka_unit_test(length_counts_code_points),
		cmocka_unit_test(truncation_keeps_code_points_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
