/* libs/base/err: what ends in an error is one clean line, and the decision survives wrapping. */
#include "unit.h"

#include <string.h>

#include "base/err.h"
#include "base/utf8.h"

static void err_set_fills_everything_and_returns_minus_one(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(err_set(&err, ERR_RETRY, "40001", "row %d", 7), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_string_equal(err.code, "40001");
	assert_string_equal(err.msg, "row 7");
}

static void no_error_to_fill_is_allowed(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, ERR_FATAL, "x", "y"), -1);
	assert_int_equal(err_wrap(NULL, "y"), -1);
}

static void messages_become_one_clean_line(void **state)
{
	static const struct {
		const char *name, *in, *want;
	} cases[] = {
		{ "the newline at the end of libpq's messages goes", "ERROR: gone\n", "ERROR: gone" },
		{ "lines are joined by one space", "a\r\n\tb", "a b" },
		{ "an escape sequence loses its escape", "\033[31mred\x7f", "[31mred" },
		{ "invalid UTF-8 becomes a question mark", "a\xff z", "a? z" },
		{ "valid UTF-8 stays", "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "nothing but control characters is empty", "\n\n", "" },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		err_set(&err, ERR_INPUT, NULL, "%s", cases[i].in);
		assert_string_equal(err.msg, cases[i].want);
		assert_string_equal(err.code, "");
	}
}

static void a_long_message_is_cut_between_code_points(void **state)
{
	char text[400];
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i += 3)
		memcpy(text + i, "\xe2\x82\xac", 3);
	text[sizeof(text) - 1] = '\0';
	err_set(&err, ERR_INPUT, "a code that is far too long", "%s", text);
	assert_int_equal(strlen(err.msg), 237);
	assert_true(utf8_valid(str_of(err.msg)));
	assert_string_equal(err.code, "a code that is ");
}

static void rejected_input_carries_the_reason_of_its_dead_letter(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(err_reject(&err, DEAD_TOO_LARGE, "%d bytes", 7), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	assert_int_equal(err.reason, DEAD_TOO_LARGE);
	assert_string_equal(err.code, "too_large");
	assert_string_equal(err.msg, "7 bytes");
	err_wrap(&err, "body");
	assert_int_equal(err.reason, DEAD_TOO_LARGE);
	err_set(&err, ERR_INPUT, "22P02", "no number");
	assert_int_equal(err.reason, DEAD_NONE);
	assert_int_equal(err_reject(NULL, DEAD_RULE, "y"), -1);
}

/* Operators replay by these words. */
static void every_reason_has_its_word(void **state)
{
	static const char *const words[] = { "none", "decode", "unsupported", "rule", "unknown_reference", "expired",
		"data_error", "too_large", "exhausted" };

	(void)state;
	assert_int_equal(DEAD_REASONS, sizeof(words) / sizeof(words[0]));
	for (enum dead_reason r = DEAD_NONE; r < DEAD_REASONS; r++)
		assert_string_equal(dead_reason_word(r), words[r]);
}

static void wrapping_keeps_kind_and_code(void **state)
{
	struct err err;

	(void)state;
	err_set(&err, ERR_BUSY, "503", "no room");
	assert_int_equal(err_wrap(&err, "endpoint %d", 4), -1);
	assert_int_equal(err.kind, ERR_BUSY);
	assert_string_equal(err.code, "503");
	assert_string_equal(err.msg, "endpoint 4: no room");
}

static void wrapping_again_and_again_stays_in_bounds(void **state)
{
	struct err err;

	(void)state;
	err_set(&err, ERR_RETRY, "x", "end");
	for (int i = 0; i < 100; i++)
		err_wrap(&err, "prefix %d", i);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	assert_memory_equal(err.msg, "prefix 99: prefix 98: ", 22);
}

static void an_error_may_be_set_from_its_own_text(void **state)
{
	struct err err;

	(void)state;
	err_set(&err, ERR_RETRY, "08006", "lost");
	err_set(&err, ERR_FATAL, err.code, "gave up: %s", err.msg);
	assert_string_equal(err.code, "08006");
	assert_string_equal(err.msg, "gave up: lost");
}

static void every_kind_has_its_word(void **state)
{
	static const char *const words[] = { "none", "retry", "input", "conflict", "fenced", "busy", "fatal" };

	(void)state;
	for (int kind = ERR_NONE; kind <= ERR_FATAL; kind++)
		assert_string_equal(err_kind_name((enum err_kind)kind), words[kind]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_set_fills_everything_and_returns_minus_one),
		cmocka_unit_test(no_error_to_fill_is_allowed),
		cmocka_unit_test(messages_become_one_clean_line),
		cmocka_unit_test(a_long_message_is_cut_between_code_points),
		cmocka_unit_test(rejected_input_carries_the_reason_of_its_dead_letter),
		cmocka_unit_test(every_reason_has_its_word),
		cmocka_unit_test(wrapping_keeps_kind_and_code),
		cmocka_unit_test(wrapping_again_and_again_stays_in_bounds),
		cmocka_unit_test(an_error_may_be_set_from_its_own_text),
		cmocka_unit_test(every_kind_has_its_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
