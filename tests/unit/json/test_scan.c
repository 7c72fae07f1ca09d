/* libs/json/scan: which escapes go or change, and where depth is counted. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "json/json.h"
#include "json/scan.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* text and out are of exactly text.n bytes, so that a sanitizer sees any step beyond. */
static bool scan(struct str text, char **out, size_t *n)
{
	char *copy = memcpy(malloc(text.n + !text.n), text.n ? text.p : "", text.n);
	bool done;

	*out = malloc(text.n + !text.n);
	done = json_scan((struct str){ copy, text.n }, *out, n) == JSON_SCANNED;
	free(copy);
	return done;
}

static void assert_scanned(const char *name, struct str text, struct str want)
{
	char *out;
	size_t n = 0;

	if (!scan(text, &out, &n) || !str_eq((struct str){ out, n }, want))
		fail_msg("%s: %.*s became %.*s", name, STR_ARG(text), (int)n, out);
	free(out);
}

static void escapes_are_repaired_and_all_else_is_byte_true(void **state)
{
	static const struct {
		const char *name, *text, *want;
	} cases[] = {
		{ "nothing", "", "" },
		{ "no escape", "{\"a\": [1, \"b\"]}", "{\"a\": [1, \"b\"]}" },
		{ "other escapes", "\"\\\"\\/\\b\\n \\u00e9 \\uFFFF\"", "\"\\\"\\/\\b\\n \\u00e9 \\uFFFF\"" },
		{ "a NUL goes", "\"a\\u0000b\"", "\"ab\"" },
		{ "several NULs go", "\"\\u0000\\u0000\"", "\"\"" },
		{ "a NUL in a name goes", "{\"api\\u0000key\":1}", "{\"apikey\":1}" },
		{ "a backslash and u0000 stay", "\"\\\\u0000\"", "\"\\\\u0000\"" },
		{ "a NUL behind a backslash goes", "\"\\\\\\u0000\"", "\"\\\\\"" },
		{ "two backslashes and u0000 stay", "\"\\\\\\\\u0000\"", "\"\\\\\\\\u0000\"" },
		{ "a pair stays", "\"\\ud83d\\ude00\"", "\"\\ud83d\\ude00\"" },
		{ "a pair in upper case stays", "\"\\uD83D\\uDE00\"", "\"\\uD83D\\uDE00\"" },
		{ "the outermost pairs stay", "\"\\ud800\\udc00\\uDBFF\\uDFFF\"", "\"\\ud800\\udc00\\uDBFF\\uDFFF\"" },
		{ "the neighbours of surrogates stay", "\"\\ud7ff\\ue000\"", "\"\\ud7ff\\ue000\"" },
		{ "a lone high", "\"a\\ud83d b\"", "\"a\\ufffd b\"" },
		{ "a lone high at the end", "\"\\uDBFF\"", "\"\\ufffd\"" },
		{ "a lone low", "\"\\ude00\"", "\"\\ufffd\"" },
		{ "the wrong way round", "\"\\ude00\\ud83d\"", "\"\\ufffd\\ufffd\"" },
		{ "two highs and a low", "\"\\ud83d\\ud83d\\ude00\"", "\"\\ufffd\\ud83d\\ude00\"" },
		{ "a high and two lows", "\"\\ud83d\\ude00\\ude00\"", "\"\\ud83d\\ude00\\ufffd\"" },
		{ "a NUL parts a pair", "\"\\ud83d\\u0000\\ude00\"", "\"\\ufffd\\ufffd\"" },
		{ "a character parts a pair", "\"\\ud83dx\\ude00\"", "\"\\ufffdx\\ufffd\"" },
		{ "a backslash parts a pair", "\"\\ud83d\\\\ude00\"", "\"\\ufffd\\\\ude00\"" },
		{ "half a low", "\"\\ud83d\\ude\"", "\"\\ufffd\\ude\"" },
		{ "no hexadecimal", "\"\\u00g0\\u0000\"", "\"\\u00g0\\u0000\"" },
		{ "a NUL in a NUL", "\"\\u000\\u00000\"", "\"\\u000\\u00000\"" },
		{ "a NUL between characters", "\"\xc3\xa9\\u0000\xc3\xa9\"", "\"\xc3\xa9\xc3\xa9\"" },
		{ "a NUL in a character", "\"\xc3\\u0000\xa9\"", "\"\xc3\\u0000\xa9\"" },
		{ "two NULs in a character", "\"\xc3\\u0000\\u0000\xa9\"", "\"\xc3\\u0000\xa9\"" },
		{ "outside a string", "\\u0000 \"\"", "\\u0000 \"\"" },
		{ "behind an escaped quote", "\"\\\"\\u0000\" \\u0000", "\"\\\"\" \\u0000" },
		{ "a string without an end", "\"a\\u0000", "\"a" },
		{ "an escape without an end", "\"\\u0000\\u00", "\"\\u00" },
		{ "a backslash at the end", "\"\\u0000\\", "\"\\" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_scanned(cases[i].name, str_of(cases[i].text), str_of(cases[i].want));
	assert_scanned("a NUL byte", (struct str){ "\"\\u0000\0\"", 9 }, (struct str){ "\"\0\"", 3 });
	assert_scanned("absent", STR_NONE, STR(""));
}

struct depth_case {
	const char *name, *before, *unit;
	size_t times;
	const char *after;
	bool want;
};

static const struct depth_case depth_cases[] = {
	{ "64 arrays", "", "[", 64, "", true },
	{ "65 arrays", "", "[", 65, "", false },
	{ "32 arrays and objects", "", "[{", 32, "", true },
	{ "33 arrays and objects", "", "[{", 33, "", false },
	{ "65 objects with names", "", "{\"a\":", 65, "", false },
	{ "many side by side", "[", "[],{},", 1000, "[]]", true },
	{ "many in a string", "[\"", "[{", 1000, "\"]", true },
	{ "many behind an escaped quote", "[\"\\\"", "[", 1000, "\"]", true },
	{ "64 behind a string that ends in a backslash", "\"\\\\\"", "[", 64, "", true },
	{ "65 behind a string that ends in a backslash", "\"\\\\\"", "[", 65, "", false },
	{ "64 behind a \\u", "\"\\u00e9\"", "[", 64, "", true },
	{ "65 behind a \\u", "\"\\u00e9\"", "[", 65, "", false },
	{ "closings too many", "]]]}", "[", 65, "", false },
};

static void depth_is_counted_outside_strings_and_bounded(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(depth_cases); i++) {
		const struct depth_case *c = &depth_cases[i];
		struct buf text = BUF_INIT;
		size_t n = 4711;
		char *out;

		buf_add_str(&text, str_of(c->before));
		for (size_t k = 0; k < c->times; k++)
			buf_add_str(&text, str_of(c->unit));
		buf_add_str(&text, str_of(c->after));
		if (scan(buf_str(&text), &out, &n) != c->want || n != (c->want ? text.n : 4711))
			fail_msg("%s", c->name);
		free(out);
		buf_fini(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_are_repaired_and_all_else_is_byte_true),
		cmocka_unit_test(depth_is_counted_outside_strings_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
