/* Options of commands: what is taken, what is refused and why. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "options.h"

#define NOW_MS INT64_C(1767225600000) /* 2026-01-01 */

struct sample {
	bool yes;
	const char *name;
	struct option_texts files;
	int64_t limit, since_ms, within_ms;
};

static const struct option_row rows[] = {
	{ "yes", OPTION_FLAG, offsetof(struct sample, yes), NULL, "really" },
	{ "name", OPTION_TEXT, offsetof(struct sample, name), "TEXT", "a name" },
	{ "file", OPTION_TEXTS, offsetof(struct sample, files), "FILE", "several" },
	{ "limit", OPTION_NUMBER, offsetof(struct sample, limit), "N", "a number" },
	{ "since", OPTION_TIME, offsetof(struct sample, since_ms), "TIME", "a time" },
	{ "within", OPTION_DURATION, offsetof(struct sample, within_ms), "TIME", "a duration" },
	{ 0 },
};

/* Splits words at spaces into argv. */
static int parse(const char *words, struct sample *out, char *argv[static 16], int *n, struct err *err)
{
	static char copy[256];
	int argc = 0;

	snprintf(copy, sizeof(copy), "%s", words);
	for (char *w = strtok(copy, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	return options_parse(rows, out, argc, argv, NOW_MS, n, err);
}

static void options_and_arguments_come_in_any_order(void **state)
{
	struct sample s = { 0 };
	char *argv[16];
	struct err err;
	int n;

	(void)state;
	assert_int_equal(parse("one --name=x --yes two --limit 7 --file a --file=b -- --name", &s, argv, &n, &err), 0);
	assert_true(s.yes);
	assert_string_equal(s.name, "x");
	assert_int_equal(s.limit, 7);
	assert_int_equal(s.files.n, 2);
	assert_string_equal(s.files.text[1], "b");
	assert_int_equal(n, 3);
	assert_string_equal(argv[0], "one");
	assert_string_equal(argv[2], "--name");
}

static void absent_options_leave_values_unchanged(void **state)
{
	struct sample s = { .limit = 5 };
	char *argv[16];
	struct err err;
	int n;

	(void)state;
	assert_int_equal(parse("--yes", &s, argv, &n, &err), 0);
	assert_int_equal(s.limit, 5);
	assert_null(s.name);
	assert_int_equal(n, 0);
}

static void a_dash_is_an_argument_and_a_value(void **state)
{
	struct sample s = { 0 };
	char *argv[16];
	struct err err;
	int n;

	(void)state;
	assert_int_equal(parse("--name - -", &s, argv, &n, &err), 0);
	assert_string_equal(s.name, "-");
	assert_int_equal(n, 1);
}

static void an_error_names_the_wrong_argument(void **state)
{
	static const struct {
		const char *words, *message;
	} cases[] = {
		{ "--color", "--color is not an option of this command" },
		{ "--name", "--name needs a value" },
		{ "--yes=no", "--yes takes no value" },
		{ "--limit many", "--limit: many is not a number" },
		{ "--limit -1", "--limit: -1 is not a number" },
		{ "--since yesterday", "--since: yesterday is not a time" },
		{ "--since 2026-01-01T00:00:00.25Z", "--since: 2026-01-01T00:00:00.25Z is not a time" },
		{ "--since 2026-01-01T00:00:00", "--since: 2026-01-01T00:00:00 is not a time" },
		{ "--within 5", "--within: 5 is not a duration: 15s, 5m, 24h, 7d" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sample s = { 0 };
		char *argv[16];
		struct err err;
		int n;

		assert_int_equal(parse(cases[i].words, &s, argv, &n, &err), -1);
		assert_string_equal(err.msg, cases[i].message);
		assert_int_equal(err.kind, ERR_USAGE);
	}
}

static void durations_have_a_unit(void **state)
{
	static const struct {
		const char *text;
		int64_t want; /* -1: refused */
	} cases[] = {
		{ "0s", 0 },
		{ "15s", 15000 },
		{ "24h", 86400000 },
		{ "s", -1 },
		{ "15", -1 },
		{ "-1s", -1 },
		{ "2026-01-01", -1 },
		{ "999999999999999999d", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t got = -1;

		assert_int_equal(option_duration_parse(str_of(cases[i].text), &got), cases[i].want >= 0);
		assert_int_equal(got, cases[i].want);
	}
}

static void times_are_dates_or_how_long_ago(void **state)
{
	static const struct {
		const char *text;
		int64_t want; /* -1: refused */
	} cases[] = {
		{ "2026-01-01T00:00:00Z", NOW_MS },
		{ "2026-01-01T00:00:00.250Z", NOW_MS + 250 },
		{ "2026-01-01", NOW_MS },
		{ "1970-01-02", 86400000 },
		{ "0s", NOW_MS },
		{ "30m", NOW_MS - 1800000 },
		{ "2h", NOW_MS - 7200000 },
		{ "7d", NOW_MS - 7 * INT64_C(86400000) },
		{ "h", -1 },
		{ "-2h", -1 },
		{ "99999999999999d", -1 },
		{ "2026-01-01T00:00:00", -1 },
		{ "2026-01-01 and more than any date has", -1 },
		{ "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t got = -1;
		bool good = option_time_parse(str_of(cases[i].text), NOW_MS, &got);

		if (good != (cases[i].want >= 0) || got != cases[i].want)
			fail_msg("%s: %lld", cases[i].text, (long long)got);
	}
}

static void help_lists_every_option(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	options_help(rows, &out);
	buf_add_char(&out, '\0');
	for (const struct option_row *r = rows; r->name; r++) {
		assert_non_null(strstr(out.p, r->name));
		assert_non_null(strstr(out.p, r->help));
	}
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_arguments_come_in_any_order),
		cmocka_unit_test(absent_options_leave_values_unchanged),
		cmocka_unit_test(a_dash_is_an_argument_and_a_value),
		cmocka_unit_test(an_error_names_the_wrong_argument),
		cmocka_unit_test(durations_have_a_unit),
		cmocka_unit_test(times_are_dates_or_how_long_ago),
		cmocka_unit_test(help_lists_every_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
