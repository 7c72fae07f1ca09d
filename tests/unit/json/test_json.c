/* libs/json/json: what is refused and why, what accessors answer, and that rewriting loses nothing else. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "json/json.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct json_doc *doc_of(struct str text)
{
	struct json_doc *doc = NULL;
	struct err err;

	if (json_parse(&doc, text, &err) < 0)
		fail_msg("%.*s: %s", STR_ARG(text), err.msg);
	return doc;
}

static void assert_str(struct str got, const char *want)
{
	if (!str_is(got, want))
		fail_msg("%.*s is not %s", STR_ARG(got), want);
}

static void invalid_json_is_rejected_with_the_reason(void **state)
{
	static const struct {
		const char *text, *code;
	} cases[] = {
		{ "", "not_json" },
		{ " ", "not_json" },
		{ "{\"a\":1", "not_json" },
		{ "{\"a\":1} x", "not_json" },
		{ "{'a':1}", "not_json" },
		{ "[1,]", "not_json" },
		{ "[1] // no", "not_json" },
		{ "[NaN]", "not_json" },
		{ "[01]", "not_json" },
		{ "[\"a\nb\"]", "not_json" },
		{ "[\"\\u00g0\"]", "not_json" },
		{ "\xef\xbb\xbf{}", "not_json" },
		{ "[\"\xff\"]", "not_utf8" },
		{ "[\"\xc0\xaf\"]", "not_utf8" },
		{ "[\"\xed\xa0\x80\"]", "not_utf8" },
		{ "[\"\xf4\x90\x80\x80\"]", "not_utf8" },
		{ "[\"\xc3", "not_utf8" },
		{ "[\"\xc3\\u0000\xa9\"]", "not_utf8" },
		{ "[\"\\u000\\u00000\"]", "not_json" },
		{ "\xff", "not_utf8" },
		{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "too_deep" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_doc *doc = NULL;
		struct err err;

		if (json_parse(&doc, str_of(cases[i].text), &err) == 0 || strcmp(err.code, cases[i].code) != 0)
			fail_msg("%s is not %s", cases[i].text, cases[i].code);
		assert_int_equal(err.kind, ERR_INPUT);
		assert_null(doc);
	}
}

static void the_message_of_a_rejection_quotes_no_text(void **state)
{
	struct json_doc *doc;
	struct err err;

	(void)state;
	assert_int_equal(json_parse(&doc, STR("{\"text\":\"private\" oops}"), &err), -1);
	assert_null(strstr(err.msg, "private"));
	assert_null(strstr(err.msg, "oops"));
}

static void a_nul_byte_is_not_json(void **state)
{
	struct json_doc *doc;
	struct err err;

	(void)state;
	assert_int_equal(json_parse(&doc, (struct str){ "[\"a\0b\"]", 7 }, &err), -1);
	assert_int_equal(json_parse(&doc, (struct str){ "[]\0", 3 }, &err), -1);
	assert_string_equal(err.code, "not_json");
}

static void strings_come_out_decoded_and_storable(void **state)
{
	struct json_doc *doc =
		doc_of(STR("{\"api\\u0000key\":\"a\\u0000b \\ud83d end \\ude00 \\ud83d\\ude00 caf\\u00e9 \\/\"}"));

	(void)state;
	assert_str(json_str(json_get(json_root(doc), "apikey")),
		"ab \xef\xbf\xbd end \xef\xbf\xbd \xf0\x9f\x98\x80 caf\xc3\xa9 /");
	json_free(doc);
}

static void values_are_read_as_their_own_type_only(void **state)
{
	static const struct {
		const char *text;
		enum json_type type;
	} cases[] = {
		{ "null", JSON_NULL },
		{ "true", JSON_BOOL },
		{ "false", JSON_BOOL },
		{ "0", JSON_INT },
		{ "-9223372036854775808", JSON_INT },
		{ "123456789012345678901234567890", JSON_INT },
		{ "1.0", JSON_REAL },
		{ "1e5", JSON_REAL },
		{ "1E-5", JSON_REAL },
		{ "\"1\"", JSON_STR },
		{ "\"\"", JSON_STR },
		{ "[]", JSON_ARR },
		{ "{}", JSON_OBJ },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_doc *doc = doc_of(str_of(cases[i].text));
		const json *v = json_root(doc);

		assert_int_equal(json_type(v), cases[i].type);
		assert_int_equal(json_is_arr(v), cases[i].type == JSON_ARR);
		assert_int_equal(json_is_obj(v), cases[i].type == JSON_OBJ);
		assert_int_equal(json_str(v).p != NULL, cases[i].type == JSON_STR);
		assert_null(json_get(v, "a"));
		assert_int_equal(json_count(v), 0);
		json_free(doc);
	}
	assert_int_equal(json_type(NULL), JSON_ABSENT);
}

static void integers_never_pass_through_a_double(void **state)
{
	static const struct {
		const char *text;
		bool fits;
		int64_t want;
	} cases[] = {
		{ "0", true, 0 },
		{ "-0", true, 0 },
		{ "9007199254740993", true, 9007199254740993 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 },
		{ "18446744073709551616", false, 0 },
		{ "\"1767225600\"", true, 1767225600 },
		{ "\"-5\"", true, -5 },
		{ "\"\"", false, 0 },
		{ "\"12x\"", false, 0 },
		{ "\" 12\"", false, 0 },
		{ "1.0", false, 0 },
		{ "1e3", false, 0 },
		{ "true", false, 0 },
		{ "null", false, 0 },
		{ "[1]", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_doc *doc = doc_of(str_of(cases[i].text));
		int64_t got = 4711;

		if (json_to_i64(json_root(doc), &got) != cases[i].fits || got != (cases[i].fits ? cases[i].want : 4711))
			fail_msg("%s", cases[i].text);
		json_free(doc);
	}
}

static void text_is_a_string_or_a_number_as_written(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "\"a\"", "a" },
		{ "\"\"", "" },
		{ "16505551234", "16505551234" },
		{ "123456789012345678901234567890", "123456789012345678901234567890" },
		{ "1.50", "1.50" },
		{ "1e999", "1e999" },
		{ "true", NULL },
		{ "null", NULL },
		{ "[]", NULL },
	};
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_doc *doc = doc_of(str_of(cases[i].text));

		assert_int_equal(json_text(json_root(doc), a).p != NULL, cases[i].want != NULL);
		assert_str(json_text(json_root(doc), a), cases[i].want);
		json_free(doc);
	}
	assert_null(json_text(NULL, a).p);
	arena_free(a);
}

static void reals_and_booleans_are_read_as_their_own_type_only(void **state)
{
	struct json_doc *doc =
		doc_of(STR("{\"r\":-1.5e1,\"i\":3,\"huge\":1e999,\"s\":\"1.5\",\"t\":true,\"f\":false,\"one\":1}"));
	const json *v = json_root(doc);
	double d = 7;
	bool b = true;

	(void)state;
	assert_false(json_to_f64(json_get(v, "huge"), &d));
	assert_false(json_to_f64(json_get(v, "s"), &d));
	assert_false(json_to_f64(json_get(v, "t"), &d));
	assert_true(d == 7);
	assert_true(json_to_f64(json_get(v, "r"), &d) && d == -15);
	assert_true(json_to_f64(json_get(v, "i"), &d) && d == 3);
	assert_true(json_true(json_get(v, "t")));
	assert_false(json_true(json_get(v, "f")) || json_true(json_get(v, "one")) || json_true(json_get(v, "s")));
	assert_false(json_to_bool(json_get(v, "one"), &b));
	assert_true(json_to_bool(json_get(v, "f"), &b) && !b);
	json_free(doc);
}

static void paths_go_through_objects_only(void **state)
{
	struct json_doc *doc =
		doc_of(STR("{\"data\":{\"message\":{\"id\":\"x\",\"\":\"e\"}},\"list\":[{\"id\":1}],\"a.b\":1}"));
	const json *v = json_root(doc);

	(void)state;
	assert_str(json_str(json_path(v, "data.message.id")), "x");
	assert_str(json_str(json_path(v, "data.message.")), "e");
	assert_ptr_equal(json_path(v, "data"), json_get(v, "data"));
	assert_null(json_path(v, "data.message.id.x"));
	assert_null(json_path(v, "data.nothing.id"));
	assert_null(json_path(v, "list.id"));
	assert_null(json_path(v, "a.b"));
	assert_null(json_path(NULL, "data"));
	json_free(doc);
}

static void iteration_gives_every_child_once_in_order(void **state)
{
	struct json_doc *doc = doc_of(STR("{\"a\":[1,[2,2],{\"x\":3}],\"b\":\"t\",\"c\":{}}"));
	struct json_iter it = json_iter(json_root(doc));
	const json *list = json_next(&it);

	(void)state;
	assert_str(json_iter_key(&it), "a");
	assert_str(json_str(json_next(&it)), "t");
	assert_str(json_iter_key(&it), "b");
	assert_true(json_is_obj(json_next(&it)));
	assert_str(json_iter_key(&it), "c");
	assert_null(json_next(&it));
	assert_null(json_next(&it));

	assert_int_equal(json_count(list), 3);
	it = json_iter(list);
	assert_int_equal(json_type(json_next(&it)), JSON_INT);
	assert_null(json_iter_key(&it).p);
	assert_true(json_is_arr(json_next(&it)));
	assert_true(json_is_obj(json_next(&it)));
	assert_null(json_next(&it));
	json_free(doc);
}

static void iteration_over_nothing_ends_at_once(void **state)
{
	struct json_doc *doc = doc_of(STR("[[],{},\"text\",1,null]"));
	struct json_iter outer = json_iter(json_root(doc));
	const json *v;

	(void)state;
	assert_int_equal(outer.n, 5);
	while ((v = json_next(&outer))) {
		struct json_iter it = json_iter(v);

		assert_null(json_next(&it));
		assert_null(json_iter_key(&it).p);
	}
	outer = json_iter(NULL);
	assert_null(json_next(&outer));
	json_free(doc);
}

static void rewriting_leaves_out_the_named_members_only(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "{\"apikey\":\"k\",\"a\":1}", "{\"a\":1}" },
		{ "{\"a\":1,\"apikey\":{\"b\":[2]}}", "{\"a\":1}" },
		{ "{\"apikey\":1}", "{}" },
		{ "[{\"x\":[{\"mediaKey\":\"k\",\"y\":null}]},[]]", "[{\"x\":[{\"y\":null}]},[]]" },
		{ "{\"api\\u0000key\":1,\"APIKEY\":2,\"apikeys\":3}", "{\"APIKEY\":2,\"apikeys\":3}" },
		{ "[\"apikey\"]", "[\"apikey\"]" },
		{ "\"text\"", "\"text\"" },
	};
	static const char *const without[] = { "mediaKey", "apikey" };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_doc *doc = doc_of(str_of(cases[i].text));
		struct buf out = BUF_INIT;
		struct err err;

		assert_int_equal(json_write_without(json_root(doc), without, COUNT(without), &out, &err), 0);
		assert_str(buf_str(&out), cases[i].want);
		buf_fini(&out);
		json_free(doc);
	}
}

static void rewriting_keeps_values_to_the_last_digit(void **state)
{
	struct json_doc *doc = doc_of(
		STR(" { \"n\" : [ 1.50 , -0 , 1e999, 123456789012345678901234567890 ] ,\n"
		    "\"s\": \"\\u0041\\\"\\\\ \\u001f\\n\xc3\xa9 \\ud83d\\ude00\", \"t\": [true,false,null] } "));
	struct buf out = BUF_INIT;
	struct err err;

	(void)state;
	buf_add_char(&out, '>');
	assert_int_equal(json_write_without(json_root(doc), NULL, 0, &out, &err), 0);
	assert_str(buf_str(&out),
		">{\"n\":[1.50,-0,1e999,123456789012345678901234567890],"
		"\"s\":\"A\\\"\\\\ \\u001f\\n\xc3\xa9 \xf0\x9f\x98\x80\",\"t\":[true,false,null]}");
	assert_int_equal(json_write_without(NULL, NULL, 0, &out, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	buf_fini(&out);
	json_free(doc);
	json_free(NULL);
}

static void the_deepest_document_can_be_rewritten(void **state)
{
	struct buf text = BUF_INIT, out = BUF_INIT;
	struct json_doc *doc;
	struct err err;

	(void)state;
	for (size_t i = 0; i < JSON_MAX_DEPTH; i++)
		buf_add_char(&text, '[');
	for (size_t i = 0; i < JSON_MAX_DEPTH; i++)
		buf_add_char(&text, ']');
	doc = doc_of(buf_str(&text));
	assert_int_equal(json_write_without(json_root(doc), NULL, 0, &out, &err), 0);
	assert_true(str_eq(buf_str(&out), buf_str(&text)));
	json_free(doc);
	buf_fini(&text);
	buf_fini(&out);
}

/* A list of n numbers: its brackets and commas count n values. */
static struct buf ones(size_t n)
{
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		buf_add_str(&text, i == 0 ? STR("[1") : STR(",1"));
	buf_add_char(&text, ']');
	return text;
}

static void a_document_has_a_bounded_number_of_values(void **state)
{
	struct buf most = ones(JSON_MAX_VALUES), more = ones(JSON_MAX_VALUES + 1);
	struct json_doc *doc;
	struct err err;

	(void)state;
	doc = doc_of(buf_str(&most));
	assert_int_equal(json_count(json_root(doc)), JSON_MAX_VALUES);
	json_free(doc);
	assert_int_equal(json_parse(&doc, buf_str(&more), &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	assert_string_equal(err.code, "too_many");
	buf_fini(&most);
	buf_fini(&more);
}

static void commas_in_a_string_are_not_counted_as_values(void **state)
{
	struct buf text = BUF_INIT;
	struct json_doc *doc;

	(void)state;
	buf_add_char(&text, '"');
	memset(buf_reserve(&text, 2 * JSON_MAX_VALUES), ',', 2 * JSON_MAX_VALUES);
	text.n += 2 * JSON_MAX_VALUES;
	buf_add_char(&text, '"');
	doc = doc_of(buf_str(&text));
	assert_int_equal(json_str(json_root(doc)).n, 2 * JSON_MAX_VALUES);
	json_free(doc);
	buf_fini(&text);
}

static void a_name_is_looked_up_among_the_first_members(void **state)
{
	struct buf text = BUF_INIT;
	struct json_doc *doc;
	char last[16], beyond[16];

	(void)state;
	for (size_t i = 0; i <= JSON_MAX_MEMBERS; i++)
		buf_printf(&text, "%s\"m%zu\":%zu", i == 0 ? "{\"o\":{" : ",", i, i);
	buf_add_str(&text, STR("}}"));
	doc = doc_of(buf_str(&text));
	snprintf(last, sizeof(last), "o.m%d", JSON_MAX_MEMBERS - 1);
	snprintf(beyond, sizeof(beyond), "o.m%d", JSON_MAX_MEMBERS);
	assert_non_null(json_path(json_root(doc), last));
	assert_null(json_path(json_root(doc), beyond));
	assert_null(json_get(json_get(json_root(doc), "o"), "absent"));
	json_free(doc);
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(invalid_json_is_rejected_with_the_reason),
		cmocka_unit_test(the_message_of_a_rejection_quotes_no_text),
		cmocka_unit_test(a_nul_byte_is_not_json),
		cmocka_unit_test(strings_come_out_decoded_and_storable),
		cmocka_unit_test(values_are_read_as_their_own_type_only),
		cmocka_unit_test(integers_never_pass_through_a_double),
		cmocka_unit_test(text_is_a_string_or_a_number_as_written),
		cmocka_unit_test(reals_and_booleans_are_read_as_their_own_type_only),
		cmocka_unit_test(paths_go_through_objects_only),
		cmocka_unit_test(iteration_gives_every_child_once_in_order),
		cmocka_unit_test(iteration_over_nothing_ends_at_once),
		cmocka_unit_test(rewriting_leaves_out_the_named_members_only),
		cmocka_unit_test(rewriting_keeps_values_to_the_last_digit),
		cmocka_unit_test(the_deepest_document_can_be_rewritten),
		cmocka_unit_test(a_document_has_a_bounded_number_of_values),
		cmocka_unit_test(commas_in_a_string_are_not_counted_as_values),
		cmocka_unit_test(a_name_is_looked_up_among_the_first_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
