/* libs/json/members: what a walk along the raw bytes finds, held against what the parser says of the same text. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "json/json.h"
#include "json/members.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define MAX_BYTES 64

/* The first member of that name. The text is of exactly its size, so that a sanitizer sees any step beyond. */
static struct str found(struct str text, const char *wanted, struct arena *a)
{
	char *copy = memcpy(malloc(text.n + !text.n), text.n ? text.p : "", text.n);
	struct json_members m = json_members((struct str){ copy, text.n });
	struct str name, value, got = STR_NONE;

	while (json_members_next(&m, &name, &value))
		if (json_member_is(name, wanted)) {
			got = json_member_text(value, MAX_BYTES, a);
			break;
		}
	free(copy);
	return got;
}

static const struct {
	const char *name, *text, *want; /* want NULL: absent */
} members[] = {
	{ "the first member", "{\"session_id\":\"one\",\"a\":1}", "one" },
	{ "the last member", "{\"a\":[1,{\"b\":2}],\"session_id\":\"one\"}", "one" },
	{ "space around everything", " \r\n{ \"a\" : null ,\t\"session_id\" : \"one\" } ", "one" },
	{ "the first of two counts", "{\"session_id\":\"one\",\"session_id\":\"two\"}", "one" },
	{ "an escaped name is that name", "{\"session\\u005fid\":\"one\",\"session_id\":\"two\"}", "one" },
	{ "in capitals, too", "{\"\\u0073ession\\u005Fid\":\"one\"}", "one" },
	{ "a name with NULs is that name", "{\"session\\u0000_id\\u0000\":\"one\",\"session_id\":\"two\"}", "one" },
	{ "a longer name is another", "{\"session_id2\":\"two\",\"session_id\":\"one\"}", "one" },
	{ "a shorter name is another", "{\"session_i\":\"two\",\"session_id\":\"one\"}", "one" },
	{ "an empty name is another", "{\"\":\"two\",\"session_id\":\"one\"}", "one" },
	{ "names have a case", "{\"Session_Id\":\"two\"}", NULL },
	{ "one level down is another", "{\"a\":{\"session_id\":\"two\"},\"session_id\":\"one\"}", "one" },
	{ "one level down alone", "{\"a\":{\"session_id\":\"two\"}}", NULL },
	{ "in an array", "[{\"session_id\":\"two\"}]", NULL },
	{ "as a value", "{\"a\":\"session_id\",\"b\":\"two\"}", NULL },
	{ "inside a string", "{\"a\":\"\\\",\\\"session_id\\\":\\\"two\\\"\",\"session_id\":\"one\"}", "one" },
	{ "behind a string of backslashes", "{\"a\":\"\\\\\\\\\",\"session_id\":\"one\"}", "one" },
	{ "behind brackets in strings", "{\"a\":[\"]}\\\"\",\"{\"],\"session_id\":\"one\"}", "one" },
	{ "escapes of the value", "{\"session_id\":\"\\u006fn\\u0065\\u0000\"}", "one" },
	{ "a number as it is written", "{\"session_id\":17}", "17" },
	{ "a number of a double", "{\"session_id\":1.50}", "1.50" },
	{ "null is no text", "{\"session_id\":null}", NULL },
	{ "an object is no text", "{\"session_id\":{\"a\":\"b\"},\"session_id\":\"two\"}", NULL },
	{ "an empty text", "{\"session_id\":\"\"}", "" },
	{ "no members", "{}", NULL },
	{ "no object", "\"session_id\"", NULL },
};

static void the_scan_finds_the_same_members_as_the_parser(void **state)
{
	struct arena *a = arena_new(1024);

	(void)state;
	for (size_t i = 0; i < COUNT(members); i++) {
		struct str got = found(str_of(members[i].text), "session_id", a), said;
		struct json_doc *doc = NULL;

		assert_int_equal(json_parse(&doc, str_of(members[i].text), NULL), 0);
		said = json_text(json_get(json_root(doc), "session_id"), a);
		if (got.n != said.n || !str_eq(got.n ? got : STR(""), said.n ? said : STR("")) ||
			!str_eq(got, str_of(members[i].want)))
			fail_msg("%s: %.*s, the parser says %.*s", members[i].name, STR_ARG(got), STR_ARG(said));
		json_free(doc);
	}
	arena_free(a);
}

static void invalid_json_is_not_read_beyond_its_end(void **state)
{
	static const char *const texts[] = { "", "{", "{\"", "{\"session_id", "{\"session_id\"",
		"{\"session_id\":", "{\"session_id\":\"", "{\"session_id\":\"one", "{\"session_id\":\"one\\",
		"{\"session_id\":\"one\\\"", "{\"session_id\":[\"one\"", "{\"session\\u005", "{\"session\\u005\":1",
		"{\"session_id\":}", "{\"a\" \"session_id\":\"one\"}", "{,\"session_id\":\"one\"}",
		"{\"a\":1 \"session_id\":\"one\"}", "\xef\xbb\xbf{\"session_id\":\"one\"}", "{\"session_id\":\"\xff\"}",
		"not json" };
	struct arena *a = arena_new(1024);

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		if (found(str_of(texts[i]), "session_id", a).n > 0)
			fail_msg("%s", texts[i]);
	arena_free(a);
}

static void a_truncated_body_still_names_its_session(void **state)
{
	struct arena *a = arena_new(1024);

	(void)state;
	assert_true(str_is(found(STR("{\"session_id\":\"one\",\"chats\":[1,1"), "session_id", a), "one"));
	arena_free(a);
}

static void a_value_that_is_too_long_is_absent(void **state)
{
	struct arena *a = arena_new(1024);
	struct buf text = BUF_INIT;

	(void)state;
	buf_printf(&text, "{\"session_id\":\"%0*d\"}", MAX_BYTES - 1, 7);
	assert_true(found(buf_str(&text), "session_id", a).p == NULL);
	buf_fini(&text);
	arena_free(a);
}

static void too_deep_nesting_ends_the_walk(void **state)
{
	static const int depths[] = { JSON_MAX_DEPTH - 1, JSON_MAX_DEPTH };
	struct arena *a = arena_new(1024);

	(void)state;
	for (size_t i = 0; i < COUNT(depths); i++) {
		struct buf text = BUF_INIT;
		struct json_doc *doc = NULL;
		struct str got;

		buf_add_str(&text, STR("{\"a\":"));
		for (int d = 0; d < depths[i]; d++)
			buf_add_char(&text, '[');
		for (int d = 0; d < depths[i]; d++)
			buf_add_char(&text, ']');
		buf_add_str(&text, STR(",\"session_id\":\"one\"}"));
		got = found(buf_str(&text), "session_id", a);
		assert_int_equal(got.n > 0, json_parse(&doc, buf_str(&text), NULL) == 0);
		json_free(doc);
		buf_fini(&text);
	}
	arena_free(a);
}

/* Sixteen MiB of each shape; a walk that looked at any of it again and again would take minutes. */
static void the_walk_costs_no_more_than_the_bytes(void **state)
{
	static const char *const shapes[] = { "\"a\":1,", "\"\\u0061\":1,", "\"\":\"\\\"\",", "\"a\":[[[]]],", "\\",
		"\"\\\\" };
	const size_t n = (size_t)16 * 1024 * 1024;

	(void)state;
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct str name, value;
		struct buf text = BUF_INIT;
		struct json_members m;
		int64_t from;

		buf_reserve(&text, n + 64);
		buf_add_str(&text, STR("{\"x\":1,"));
		if (shapes[i][0] == '\\')
			buf_add_char(&text, '"');
		while (text.n < n)
			buf_add_str(&text, str_of(shapes[i]));
		from = clock_mono_ms();
		m = json_members(buf_str(&text));
		while (json_members_next(&m, &name, &value))
			assert_false(json_member_is(name, "session_id"));
		assert_true(clock_mono_ms() - from < 10000);
		buf_fini(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_scan_finds_the_same_members_as_the_parser),
		cmocka_unit_test(invalid_json_is_not_read_beyond_its_end),
		cmocka_unit_test(a_truncated_body_still_names_its_session),
		cmocka_unit_test(a_value_that_is_too_long_is_absent),
		cmocka_unit_test(too_deep_nesting_ends_the_walk),
		cmocka_unit_test(the_walk_costs_no_more_than_the_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
