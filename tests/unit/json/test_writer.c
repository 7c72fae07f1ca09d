/* libs/json/writer: commas, escapes and numbers, and that bad UTF-8 never comes out. */
#include "unit.h"

#include <math.h>
#include <stdlib.h>

#include "json/json.h"
#include "json/writer.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void assert_written(struct buf *out, const char *want)
{
	if (!str_is(buf_str(out), want))
		fail_msg("%.*s is not %s", STR_ARG(buf_str(out)), want);
	buf_clear(out);
}

static void commas_stand_between_values_and_nowhere_else(void **state)
{
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);

	(void)state;
	jw_obj(&w);
	jw_key(&w, "a");
	jw_arr(&w);
	jw_i64(&w, 1);
	jw_obj(&w);
	jw_obj_end(&w);
	jw_arr(&w);
	jw_null(&w);
	jw_arr_end(&w);
	jw_raw(&w, STR("{\"x\":0}"));
	jw_arr_end(&w);
	jw_key(&w, "b");
	jw_obj(&w);
	jw_key(&w, "c");
	jw_bool(&w, true);
	jw_key(&w, "d");
	jw_str(&w, STR_NONE);
	jw_obj_end(&w);
	jw_obj_end(&w);
	assert_written(&out, "{\"a\":[1,{},[null],{\"x\":0}],\"b\":{\"c\":true,\"d\":null}}");
	buf_fini(&out);
}

static void members_without_a_value_are_left_out(void **state)
{
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);

	(void)state;
	jw_obj(&w);
	jw_member_str(&w, "absent", STR_NONE);
	jw_member_raw(&w, "absent", STR_NONE);
	jw_member_str(&w, "empty", STR(""));
	jw_member_i64(&w, "i", -1);
	jw_member_bool(&w, "b", false);
	jw_member_raw(&w, "raw", STR("[]"));
	jw_obj_end(&w);
	assert_written(&out, "{\"empty\":\"\",\"i\":-1,\"b\":false,\"raw\":[]}");
	buf_fini(&out);
}

static void strings_are_escaped_and_bad_utf8_is_replaced(void **state)
{
	static const struct {
		const char *name, *text, *want;
	} cases[] = {
		{ "plain", "plain / text\x7f", "\"plain / text\x7f\"" },
		{ "quote and backslash", "\"\\", "\"\\\"\\\\\"" },
		{ "named escapes", "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"" },
		{ "other control characters", "\x01\x1f", "\"\\u0001\\u001f\"" },
		{ "UTF-8 stays", "caf\xc3\xa9 \xe2\x98\x95 \xf0\x9f\x98\x80",
			"\"caf\xc3\xa9 \xe2\x98\x95 \xf0\x9f\x98\x80\"" },
		{ "a stray byte",
			"a\xff"
			"b",
			"\"a\xef\xbf\xbd"
			"b\"" },
		{ "cut short", "a\xc3", "\"a\xef\xbf\xbd\"" },
		{ "cut short before a quote", "\xe2\x98\"", "\"\xef\xbf\xbd\xef\xbf\xbd\\\"\"" },
		{ "overlong", "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
	};
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_writer w = json_writer(&out);

		jw_str(&w, str_of(cases[i].text));
		assert_written(&out, cases[i].want);
		jw_obj(&w);
		jw_key(&w, cases[i].text);
		jw_null(&w);
		jw_obj_end(&w);
		assert_true(str_starts(str_slice(buf_str(&out), 1, out.n), str_of(cases[i].want)));
		buf_clear(&out);
	}
	buf_fini(&out);
}

static void a_nul_byte_is_escaped(void **state)
{
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);

	(void)state;
	jw_str(&w, (struct str){ "a\0b", 3 });
	assert_written(&out, "\"a\\u0000b\"");
	buf_fini(&out);
}

static void integers_are_written_to_the_last_digit(void **state)
{
	static const struct {
		int64_t v;
		const char *want;
	} cases[] = {
		{ 0, "0" },
		{ -1, "-1" },
		{ 9007199254740993, "9007199254740993" },
		{ INT64_MAX, "9223372036854775807" },
		{ INT64_MIN, "-9223372036854775808" },
	};
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_writer w = json_writer(&out);

		jw_i64(&w, cases[i].v);
		assert_written(&out, cases[i].want);
	}
	buf_fini(&out);
}

static void reals_are_short_and_read_back_the_same(void **state)
{
	static const struct {
		double v;
		const char *want;
	} cases[] = {
		{ 1, "1.0" },
		{ 0.1, "0.1" },
		{ -23.5505, "-23.5505" },
		{ 1e21, "1e21" },
		{ 1.7976931348623157e308, "1.7976931348623157e308" },
		{ 5e-324, "5e-324" },
		{ -2.2250738585072014e-308, "-2.2250738585072014e-308" },
		{ NAN, "null" },
		{ INFINITY, "null" },
		{ -INFINITY, "null" },
	};
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_writer w = json_writer(&out);

		jw_f64(&w, cases[i].v);
		if (isfinite(cases[i].v))
			assert_true(strtod(cases[i].want, NULL) == cases[i].v);
		assert_written(&out, cases[i].want);
	}
	buf_fini(&out);
}

static void sixty_four_levels_can_be_nested(void **state)
{
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);
	struct json_doc *doc = NULL;
	struct err err;

	(void)state;
	for (int i = 0; i < JSON_MAX_DEPTH; i++)
		jw_arr(&w);
	jw_i64(&w, 1);
	jw_i64(&w, 2);
	for (int i = 0; i < JSON_MAX_DEPTH; i++) {
		jw_arr_end(&w);
		if (i < JSON_MAX_DEPTH - 1)
			jw_null(&w);
	}
	assert_int_equal(json_parse(&doc, buf_str(&out), &err), 0);
	assert_int_equal(json_count(json_root(doc)), 2);
	json_free(doc);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commas_stand_between_values_and_nowhere_else),
		cmocka_unit_test(members_without_a_value_are_left_out),
		cmocka_unit_test(strings_are_escaped_and_bad_utf8_is_replaced),
		cmocka_unit_test(a_nul_byte_is_escaped),
		cmocka_unit_test(integers_are_written_to_the_last_digit),
		cmocka_unit_test(reals_are_short_and_read_back_the_same),
		cmocka_unit_test(sixty_four_levels_can_be_nested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
