/* libs/http/headers: what a tenant may have sent along, and how a row's headers become lines. */
#include "unit.h"

#include "http/headers.h"

#include <string.h>

#include "base/buf.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *object; /* a row's */
	bool fits;
} objects[] = {
	{ "", true },
	{ "{}", true },
	{ "{\"X-A\":\"1\"}", true },
	{ "{\"Authorization\":\"Bearer x y\",\"X-B\":\"\"}", true },
	{ "{\"X!#$%&'*+-.^_`|~9\":\"\xc3\xa9\"}", true },
	{ "{\"X-A\":\"1\\r\\nContent-Length: 0\\r\\n\\r\\nPOST /capture HTTP/1.1\"}", false },
	{ "{\"X-A\":\"1\\n2\"}", false },
	{ "{\"X-A\":\"1\\r2\"}", false },
	{ "{\"X-A\":\"1\\u000b2\"}", false },
	{ "{\"X-A\":\"\\u007f\"}", false },
	{ "{\"X-A\":\"a\\u0080\"}", false },
	{ "{\"X-A\":\"\\u0085b\"}", false },
	{ "{\"X-A\":\"\xc2\x9f\"}", false },
	{ "{\"X-A\":\"\xc2\xa0\xc3\x80\"}", true },
	{ "{\"X-A\\r\\nX-B\":\"1\"}", false },
	{ "{\"X A\":\"1\"}", false },
	{ "{\"X-A:\":\"1\"}", false },
	{ "{\"\":\"1\"}", false },
	{ "{\"X-\xc3\xa9\":\"1\"}", false },
	{ "{\"Host\":\"1\"}", false },
	{ "{\"cOnTeNt-LeNgTh\":\"1\"}", false },
	{ "{\"Transfer-Encoding\":\"chunked\"}", false },
	{ "{\"Connection\":\"close\"}", false },
	{ "{\"Proxy-Connection\":\"close\"}", false },
	{ "{\"TE\":\"trailers\"}", false },
	{ "{\"Trailer\":\"x\"}", false },
	{ "{\"Upgrade\":\"h2c\"}", false },
	{ "{\"Expect\":\"100-continue\"}", false },
	{ "{\"Content-Type\":\"text/plain\"}", false },
	{ "{\"Webhook-Id\":\"1\"}", false },
	{ "{\"WEBHOOK-ANYTHING\":\"1\"}", false },
	{ "{\"X-WhatsApp-Signature\":\"1\"}", false },
	{ "{\"Traceparent\":\"1\"}", false },
	{ "{\"X-A\":1}", false },
	{ "{\"X-A\":null}", false },
	{ "{\"X-A\":[\"1\"]}", false },
	{ "[\"X-A: 1\"]", false },
	{ "\"X-A: 1\"", false },
	{ "{", false },
};

static void stored_headers_are_valid_lines_or_none_is_sent(void **state)
{
	struct arena *a = arena_new(4096);
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(objects); i++) {
		char **lines = NULL;

		if ((headers_parse(str_of(objects[i].object), a, &lines, &err) == 0) != objects[i].fits)
			fail_msg("%s", objects[i].object);
		assert_true(objects[i].fits == (lines != NULL));
		assert_true(objects[i].fits || err.kind == ERR_INPUT);
	}
	arena_free(a);
}

static void a_line_is_name_and_value(void **state)
{
	struct arena *a = arena_new(4096);
	char **lines;

	(void)state;
	assert_int_equal(headers_parse(STR("{\"X-A\":\" 1 \",\"X-B\":\"2 3\"}"), a, &lines, NULL), 0);
	assert_string_equal(lines[0], "X-A: 1");
	assert_string_equal(lines[1], "X-B: 2 3");
	assert_null(lines[2]);
	arena_free(a);
}

/* {"X-0":"v","X-1":"v",...} */
static bool fits(size_t n, size_t name_bytes, size_t value_bytes)
{
	struct buf object = BUF_INIT;
	struct arena *a = arena_new(4096);
	char **lines;
	int rc;

	buf_add_str(&object, STR("{"));
	for (size_t i = 0; i < n; i++) {
		buf_printf(&object, "%s\"", i ? "," : "");
		for (size_t k = 0; k < name_bytes - 3; k++)
			buf_add_char(&object, 'x');
		buf_printf(&object, "%03zu\":\"", i);
		for (size_t k = 0; k < value_bytes; k++)
			buf_add_char(&object, 'v');
		buf_add_char(&object, '"');
	}
	buf_add_str(&object, STR("}"));
	rc = headers_parse(buf_str(&object), a, &lines, NULL);
	buf_fini(&object);
	arena_free(a);
	return rc == 0;
}

static void their_number_and_length_are_bounded(void **state)
{
	(void)state;
	assert_true(fits(HEADERS_MAX, 10, 10));
	assert_false(fits(HEADERS_MAX + 1, 10, 10));
	assert_true(fits(1, HEADER_NAME_BYTES, HEADER_VALUE_BYTES));
	assert_false(fits(1, HEADER_NAME_BYTES + 1, 1));
	assert_false(fits(1, 10, HEADER_VALUE_BYTES + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stored_headers_are_valid_lines_or_none_is_sent),
		cmocka_unit_test(a_line_is_name_and_value),
		cmocka_unit_test(their_number_and_length_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
