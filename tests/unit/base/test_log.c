/* libs/base/log: whole lines as they arrive on fd 2, which a pipe stands in for. */
#include "unit.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/utf8.h"

static int saved_stderr, from_stderr;

static void capture_begin(void)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	saved_stderr = dup(STDERR_FILENO);
	assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
	close(fds[1]);
	from_stderr = fds[0];
}

/* What was written since capture_begin, which is no more than a pipe holds, and a NUL. */
static struct str capture_end(char *out, size_t cap)
{
	size_t n = 0;
	ssize_t got;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	while (n < cap - 1 && (got = read(from_stderr, out + n, cap - 1 - n)) > 0)
		n += (size_t)got;
	close(from_stderr);
	out[n] = '\0';
	return (struct str){ out, n };
}

static struct str log_line(enum log_format format, const char *event, const struct log_field *fields, char *out,
	size_t cap)
{
	log_init("svc", LOG_INFO, format);
	capture_begin();
	log_write(LOG_INFO, event, fields);
	return capture_end(out, cap);
}

static void a_line_begins_with_time_level_service_and_event(void **state)
{
	static const struct {
		enum log_format format;
		const char *before, *after;
	} cases[] = {
		{ LOG_LOGFMT, "time=2", "Z level=info service=svc event=\"batch committed\"\n" },
		{ LOG_JSON, "{\"time\":\"2",
			"Z\",\"level\":\"info\",\"service\":\"svc\",\"event\":\"batch committed\"}\n" },
	};
	char out[512];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct str line = log_line(cases[i].format, "batch committed", &LOG_LAST, out, sizeof(out));

		assert_true(str_starts(line, str_of(cases[i].before)));
		assert_true(str_ends(line, str_of(cases[i].after)));
		assert_int_equal(line.n, strlen(cases[i].before) + 22 + strlen(cases[i].after));
	}
}

static void values_are_typed_and_escaped(void **state)
{
	const struct {
		const char *name;
		struct log_field field;
		const char *logfmt, *json;
	} cases[] = {
		{ "a word", LOG_S("k", "v-1"), "k=v-1", "\"k\":\"v-1\"" },
		{ "two words", LOG_S("k", "a b"), "k=\"a b\"", "\"k\":\"a b\"" },
		{ "quotes", LOG_S("k", "\"\\"), "k=\"\\\"\\\\\"", "\"k\":\"\\\"\\\\\"" },
		{ "an equals sign", LOG_S("k", "a=b"), "k=\"a=b\"", "\"k\":\"a=b\"" },
		{ "a forged line", LOG_S("k", "a\nlevel=error\r\t"), "k=\"a\\nlevel=error\\r\\t\"",
			"\"k\":\"a\\nlevel=error\\r\\t\"" },
		{ "control characters", LOG_STR("k", STR("\0\033\x7f\xc2\x9b")), "k=\"\\u0000\\u001b\\u007f\\u009b\"",
			"\"k\":\"\\u0000\\u001b\\u007f\\u009b\"" },
		{ "invalid UTF-8", LOG_S("k", "a\xff\xc3"), "k=\"a\xef\xbf\xbd\xef\xbf\xbd\"",
			"\"k\":\"a\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "valid UTF-8", LOG_S("k", "\xc3\xbc\xc2\xa0"), "k=\"\xc3\xbc\xc2\xa0\"",
			"\"k\":\"\xc3\xbc\xc2\xa0\"" },
		{ "empty", LOG_S("k", ""), "k=\"\"", "\"k\":\"\"" },
		{ "absent", LOG_S("k", NULL), "k=", "\"k\":null" },
		{ "a negative integer", LOG_I("k", INT64_MIN), "k=-9223372036854775808", "\"k\":-9223372036854775808" },
		{ "a fraction", LOG_F("k", 0.25), "k=0.25", "\"k\":0.25" },
		{ "not a number", LOG_F("k", NAN), "k=nan", "\"k\":null" },
		{ "a phone number", LOG_PHONE("k", STR("+4915112345678")), "k=***678", "\"k\":\"***678\"" },
		{ "an address with a phone number", LOG_PHONE("k", STR("4915112345678@s.whatsapp.net")), "k=***678",
			"\"k\":\"***678\"" },
		{ "a phone number too short to show", LOG_PHONE("k", STR("123")), "k=***", "\"k\":\"***\"" },
		{ "an absent phone number", LOG_PHONE("k", STR_NONE), "k=", "\"k\":null" },
	};
	char out[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct log_field fields[] = { cases[i].field, LOG_I("z", 1), LOG_LAST };
		char want[256];
		struct str line;

		print_message("%s\n", cases[i].name);
		snprintf(want, sizeof(want), " event=e %s z=1\n", cases[i].logfmt);
		line = log_line(LOG_LOGFMT, "e", fields, out, sizeof(out));
		assert_string_equal(strstr(line.p, " event="), want);
		snprintf(want, sizeof(want), ",\"event\":\"e\",%s,\"z\":1}\n", cases[i].json);
		line = log_line(LOG_JSON, "e", fields, out, sizeof(out));
		assert_string_equal(strstr(line.p, ",\"event\""), want);
	}
}

static void a_long_line_is_cut_and_stays_whole(void **state)
{
	static char text[20000], out[20000];

	(void)state;
	/* Every length around the limit: the cut falls on quotes, names, numbers and inside of escapes. */
	for (size_t n = 8040; n < 8200; n++) {
		const struct log_field fields[] = { LOG_STR("text", ((struct str){ text, n })), LOG_I("n", 123456),
			LOG_LAST };
		struct str line;

		memset(text, n % 2 ? '\n' : 'x', n);
		line = log_line(LOG_JSON, "e", fields, out, sizeof(out));
		assert_in_range(line.n, 8000, 8192);
		assert_ptr_equal(memchr(line.p, '\n', line.n), line.p + line.n - 1);
		assert_true(str_ends(line, STR("\"}\n")) || str_ends(line, STR(",\"n\":123456}\n")));
		line = log_line(LOG_LOGFMT, "e", fields, out, sizeof(out));
		assert_in_range(line.n, 8000, 8192);
		assert_ptr_equal(memchr(line.p, '\n', line.n), line.p + line.n - 1);
		assert_true(str_ends(line, STR("\"\n")) || str_ends(line, STR("x\n")) ||
			str_ends(line, STR(" n=123456\n")));
	}
}

static void a_cut_does_not_break_a_code_point(void **state)
{
	static char text[12000], out[20000];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i += 4)
		memcpy(text + i, "\xf0\x9f\x98\x80", 4);
	for (size_t pad = 0; pad < 4; pad++) {
		const struct log_field fields[] = { LOG_STR("a", str_slice(STR("xxxx"), 0, pad)),
			LOG_STR("text", ((struct str){ text, sizeof(text) })), LOG_LAST };

		assert_true(utf8_valid(log_line(LOG_JSON, "e", fields, out, sizeof(out))));
	}
}

static void lines_below_the_level_cost_nothing(void **state)
{
	char out[4096];
	int evaluated = 0;

	(void)state;
	log_init("svc", LOG_WARN, LOG_LOGFMT);
	capture_begin();
	log_info("quiet", LOG_I("n", ++evaluated));
	assert_int_equal(capture_end(out, sizeof(out)).n, 0);
	assert_int_equal(evaluated, 0);
	log_set_level(LOG_INFO);
	capture_begin();
	log_info("loud");
	assert_true(str_ends(capture_end(out, sizeof(out)), STR(" event=loud\n")));
}

static void an_error_is_three_fields(void **state)
{
	struct err err;
	char out[512];

	(void)state;
	err_set(&err, ERR_RETRY, "08006", "connection lost");
	log_init("svc", LOG_INFO, LOG_LOGFMT);
	capture_begin();
	log_error("commit failed", LOG_ERR(&err));
	assert_true(str_ends(capture_end(out, sizeof(out)),
		STR(" error=\"connection lost\" error_kind=retry error_code=08006\n")));
}

static void words_for_level_and_format_are_parsed(void **state)
{
	enum log_level level = LOG_ERROR;
	enum log_format format = LOG_JSON;

	(void)state;
	assert_true(log_level_parse(STR("debug"), &level));
	assert_int_equal(level, LOG_DEBUG);
	assert_true(log_level_parse(STR("warn"), &level));
	assert_int_equal(level, LOG_WARN);
	assert_false(log_level_parse(STR("warning"), &level));
	assert_int_equal(level, LOG_WARN);
	assert_true(log_format_parse(STR("logfmt"), &format));
	assert_int_equal(format, LOG_LOGFMT);
	assert_false(log_format_parse(STR("xml"), &format));
	assert_true(log_format_parse(STR("json"), &format));
	assert_int_equal(format, LOG_JSON);
}

enum { WRITERS = 4, LINES = 50 };

static void *write_lines(void *letter)
{
	char text[6000];

	memset(text, *(const char *)letter, sizeof(text));
	for (int i = 0; i < LINES; i++)
		log_info("e", LOG_STR("text", ((struct str){ text, sizeof(text) })));
	return NULL;
}

/* A pipe takes lines above PIPE_BUF in pieces when it is full. */
static void lines_of_several_threads_never_mix(void **state)
{
	static char letters[] = "ABCD";
	static char out[WRITERS * LINES * 8192];
	char rest_of_it[16];
	pthread_t threads[WRITERS];
	size_t n = 0, lines = 0;

	(void)state;
	log_init("svc", LOG_INFO, LOG_LOGFMT);
	capture_begin();
	for (size_t i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &letters[i]), 0);
	while (lines < (size_t)WRITERS * LINES && n < sizeof(out)) {
		ssize_t got = read(from_stderr, out + n, sizeof(out) - n);

		assert_true(got > 0);
		for (size_t end = n + (size_t)got; n < end; n++)
			lines += out[n] == '\n';
	}
	for (size_t i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	capture_end(rest_of_it, sizeof(rest_of_it));
	assert_string_equal(rest_of_it, "");
	for (struct str rest = { out, n }, line; str_cut(rest, '\n', &line, &rest);) {
		assert_true(str_starts(line, STR("time=")));
		assert_true(line.n > 6000);
		for (size_t i = 1; i < 6000; i++)
			assert_int_equal(line.p[line.n - 1 - i], line.p[line.n - 1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_begins_with_time_level_service_and_event),
		cmocka_unit_test(values_are_typed_and_escaped),
		cmocka_unit_test(a_long_line_is_cut_and_stays_whole),
		cmocka_unit_test(a_cut_does_not_break_a_code_point),
		cmocka_unit_test(lines_below_the_level_cost_nothing),
		cmocka_unit_test(an_error_is_three_fields),
		cmocka_unit_test(words_for_level_and_format_are_parsed),
		cmocka_unit_test(lines_of_several_threads_never_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
