/* No text from outside reaches a terminal as anything but text. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "terminal.h"

static const struct {
	const char *text, *shown, *json;
} cases[] = {
	{ "plain text", "plain text", "plain text" },
	{ "caf\xc3\xa9 \xf0\x9f\x98\x80 \xd7\xa9", "caf\xc3\xa9 \xf0\x9f\x98\x80 \xd7\xa9",
		"caf\xc3\xa9 \xf0\x9f\x98\x80 \xd7\xa9" },
	{ "\x1b[31m", "?[31m", "\\u001b[31m" },
	{ "a\nb", "a?b", "a\nb" },
	{ "a\tb\rc", "a?b?c", "a b c" },
	{ "\x7f", "?", "\\u007f" },
	{ "\xc2\x80\xc2\x9b\x33\x31m\xc2\x9d\xc2\x9f", "??31m??", "\\u0080\\u009b31m\\u009d\\u009f" },
	{ "\xc2\xa0", "\xc2\xa0", "\xc2\xa0" }, /* the first that is none */
	{ "\x9b\x33\x31m", "?31m", "\\ufffd31m" }, /* as a byte */
	{ "\xff", "?", "\\ufffd" },
	/* NOLINTBEGIN(misc-misleading-bidirectional): to mislead is what they are for. */
	{ "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\xe2\x80\xab\xe2\x80\xac\xe2\x80\xad\xe2\x80\xae", "???????",
		"\\u2028\\u2029\\u202a\\u202b\\u202c\\u202d\\u202e" },
	{ "\xe2\x81\xa6\xe2\x81\xa7\xe2\x81\xa8\xe2\x81\xa9", "????", "\\u2066\\u2067\\u2068\\u2069" },
	/* NOLINTEND(misc-misleading-bidirectional) */
	{ "\xe2\x81\xa5\xe2\x80\xaf", "\xe2\x81\xa5\xe2\x80\xaf", "\xe2\x81\xa5\xe2\x80\xaf" },
	{ "", "", "" },
};

static char *printed(void (*print)(FILE *f, struct str text), const char *text)
{
	char *out = NULL;
	size_t n;
	FILE *f = open_memstream(&out, &n);

	assert_non_null(f);
	print(f, str_of(text));
	fclose(f);
	return out;
}

static void control_characters_are_shown_as_question_marks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *shown = printed(terminal_print, cases[i].text);

		assert_string_equal(shown, cases[i].shown);
		free(shown);
	}
}

static void control_characters_are_escaped_in_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *json = printed(terminal_print_json, cases[i].text);

		assert_string_equal(json, cases[i].json);
		free(json);
	}
}

static void a_character_is_a_column_wide(void **state)
{
	(void)state;
	assert_int_equal(terminal_width(str_of("caf\xc3\xa9")), 4);
	assert_int_equal(terminal_width(str_of("\xff\xc2\x9b"
					       "a")),
		3);
	assert_int_equal(terminal_width(STR("")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_characters_are_shown_as_question_marks),
		cmocka_unit_test(control_characters_are_escaped_in_json),
		cmocka_unit_test(a_character_is_a_column_wide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
