/* CSV: what is a record, what is discarded and why, and where reading goes on. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "csv.h"

/* Records as text: fields between bars, "!" and the reason for one that was discarded; each with its line. */
static void assert_records(const char *text, size_t n, const char *want)
{
	FILE *f = n ? fmemopen((void *)(uintptr_t)text, n, "r") : fopen("/dev/null", "re");
	struct buf seen = BUF_INIT;
	struct csv_record r;
	struct csv c;

	assert_non_null(f);
	csv_init(&c, f);
	while (csv_next(&c, &r)) {
		buf_printf(&seen, "%s%lld", seen.n ? " " : "", (long long)r.line);
		if (r.wrong)
			buf_printf(&seen, "!%s", r.wrong);
		for (size_t i = 0; !r.wrong && i < r.n; i++)
			buf_printf(&seen, "|%.*s", STR_ARG(r.fields[i]));
	}
	buf_add_char(&seen, '\0');
	assert_string_equal(seen.p, want);
	buf_fini(&seen);
	csv_fini(&c);
	fclose(f);
}

static void records_are_read(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ "a,b\n", "1|a|b" },
		{ "a,b", "1|a|b" },
		{ "a\r\nb\r\n", "1|a 2|b" },
		{ "\xef\xbb\xbf"
		  "a\nb",
			"1|a 2|b" },
		{ "\xef\xbb\xbf", "" },
		{ "\n\na\n\r\n\nb\n\n", "3|a 6|b" },
		{ "a,,\n,\n", "1|a|| 2||" },
		{ "\"a,b\",\"c\"\n", "1|a,b|c" },
		{ "\"a\"\"b\",\"\"\n", "1|a\"b|" },
		{ "\"a\nb\",c\nd\n", "1|a\nb|c 3|d" },
		{ "\"a\r\nb\"\r\nc", "1|a\r\nb 3|c" },
		{ "a\rb,c\n", "1|a\rb|c" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_records(cases[i].text, strlen(cases[i].text), cases[i].want);
}

static void a_record_that_is_wrong_is_discarded_up_to_the_end_of_its_line(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "a\"b,c\nd\n", "1!a quote within a field that is not quoted 2|d" },
		{ "\"a\"b,c\nd\n", "1!text behind a closed quote 2|d" },
		{ "a\n\"b,c\nd\n", "1|a 2!a quote is not closed" },
		{ "\xef\xbb"
		  "a\nb\n",
			"1!not UTF-8 2|b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_records(cases[i].text, strlen(cases[i].text), cases[i].want);
}

static void sizes_are_bounded(void **state)
{
	struct buf text = BUF_INIT, want = BUF_INIT;

	(void)state;
	buf_add_char(&text, '"');
	for (size_t i = 0; i < CSV_MAX_RECORD_BYTES + 1; i++)
		buf_add_char(&text, 'x');
	buf_printf(&text, "\ny\n");
	assert_records(text.p, text.n, "1!longer than 64 KiB 2|y");
	buf_clear(&text);
	for (size_t i = 1; i < CSV_MAX_FIELDS; i++)
		buf_add_char(&text, ',');
	buf_add_char(&text, '\n');
	buf_printf(&want, "1");
	for (size_t i = 0; i < CSV_MAX_FIELDS; i++)
		buf_add_char(&want, '|');
	buf_add_char(&want, '\0');
	assert_records(text.p, text.n, want.p);
	text.p[text.n - 1] = ',';
	buf_printf(&text, "\ny");
	assert_records(text.p, text.n, "1!too many fields 2|y");
	buf_fini(&want);
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_read),
		cmocka_unit_test(a_record_that_is_wrong_is_discarded_up_to_the_end_of_its_line),
		cmocka_unit_test(sizes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
