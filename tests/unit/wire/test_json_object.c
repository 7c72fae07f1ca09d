/* libs/wire/json_object: what jsonb holds, held against a real PostgreSQL. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "../pg/session.h"
#include "base/buf.h"
#include "wire/json_object.h"
#include "wire/party.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define REP4(s)  s s s s
#define REP16(s) REP4(REP4(s))

static const struct {
	const char *name, *text;
	bool good;
} cases[] = {
	{ "nothing", "{}", true },
	{ "a list", "[1]", false },
	{ "no JSON", "{\"a\":", false },
	{ "integers", "{\"a\":[0,-1,12345678901234567890,-0]}", true },
	{ "fractions", "{\"a\":[0.5,-12.25,1.50,0.000001]}", true },
	{ "exponents", "{\"a\":[1e3,1E+3,1.5e-3,-1e0,0e0,12.34e1]}", true },
	{ "what a double can be", "{\"a\":[1.7976931348623157e308,5e-324]}", true },
	{ "the largest exponent", "{\"a\":1e1000}", true },
	{ "a larger one", "{\"a\":1e1001}", false },
	{ "the smallest exponent", "{\"a\":1e-1000}", true },
	{ "a smaller one", "{\"a\":1e-1001}", false },
	{ "what numeric overflows at", "{\"a\":1e999999}", false },
	{ "what its scale ends at", "{\"a\":1e-999999}", false },
	{ "an exponent beyond int64", "{\"a\":1e99999999999999999999}", false },
	{ "a negative one", "{\"a\":-1e-99999999999999999999}", false },
	{ "an exponent with zeros", "{\"a\":1e00000000000000000000001}", true },
	{ "zero with an exponent beyond", "{\"a\":0e999999}", false },
	{ "deep in a list", "{\"a\":[[{\"b\":[1,2e9999]}]]}", false },
	{ "text that looks like one", "{\"a\":\"1e999999\"}", true },
	{ "a key that looks like one", "{\"1e999999\":1}", true },
	{ "a NUL", "{\"a\":\"\\u0000\"}", false },
	{ "a NUL in a key", "{\"\\u0000\":1}", false },
	{ "half of a pair", "{\"a\":\"\\ud800\"}", false },
	{ "the other half", "{\"a\":\"\\udc00x\"}", false },
	{ "a pair", "{\"a\":\"\\ud83d\\ude00\"}", true },
	{ "control characters", "{\"a\":\"\\u0001\\u001f\\b\\n\"}", true },
	{ "an escaped backslash before u0000", "{\"a\":\"\\\\u0000\"}", true },
	{ "a name twice", "{\"a\":1,\"a\":2}", true },
	{ "as deep as it may be",
		"{\"a\":" REP16("[") REP16("[") REP16("[") REP4("[") REP4("[") "[[[]]]" REP4("]") REP4("]") REP16("]")
			REP16("]") REP16("]") "}",
		true },
	{ "deeper",
		"{\"a\":" REP16("[") REP16("[") REP16("[") REP4("[") REP4("[") "[[[[]]]]" REP4("]") REP4("]") REP16("]")
			REP16("]") REP16("]") "}",
		false },
};

static void exactly_the_objects_that_jsonb_can_hold_are_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { .kind = ERR_NONE };
		int rc = json_object_check(str_of(cases[i].text), WIRE_MAX_JSON_BYTES, &err);

		if ((rc == 0) != cases[i].good || (rc < 0 && strcmp(err.code, "rule") != 0))
			fail_msg("%s: %s %s", cases[i].name, err.code, err.msg);
	}
}

static void an_array_is_checked_as_an_object_is(void **state)
{
	static const struct {
		const char *name, *text;
		bool good;
	} arrays[] = {
		{ "nothing", "[]", true },
		{ "objects", "[{\"type\":\"BODY\",\"text\":\"{{1}}\"}]", true },
		{ "an object", "{\"a\":[]}", false },
		{ "a string", "\"[]\"", false },
		{ "no JSON", "[1", false },
		{ "a NUL", "[\"\\u0000\"]", false },
		{ "what numeric overflows at", "[1e999999]", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(arrays); i++) {
		struct err err = { .kind = ERR_NONE };
		int rc = json_array_check(str_of(arrays[i].text), WIRE_MAX_JSON_BYTES, &err);

		if ((rc == 0) != arrays[i].good || (rc < 0 && strcmp(err.code, "rule") != 0))
			fail_msg("%s: %s %s", arrays[i].name, err.code, err.msg);
	}
}

static void postgresql_accepts_every_accepted_object(void **state)
{
	struct pg *pg = session_open();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pg_args *args = pg_args_new();
		struct err err = { .kind = ERR_NONE };

		pg_arg_text(args, str_of(cases[i].text));
		if (cases[i].good &&
			run(pg, "SELECT jsonb_build_object('extra', $1::jsonb)::text", args, NULL, &err) < 0)
			fail_msg("%s: %s", cases[i].name, err.msg);
		pg_args_free(args);
	}
	pg_close(&pg);
}

static void numbers_count_with_all_their_digits(void **state)
{
	static const struct {
		const char *item;
		size_t max;
	} shapes[] = { { "1e1000", 1002 }, { "1e-1000", 1003 }, { "-1.5e300", 303 }, { "1.5e1", 3 }, { "0e9", 11 } };

	(void)state;
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct buf text = BUF_INIT;
		struct err err;

		buf_printf(&text, "{\"a\":%s,\"b\":%s}", shapes[i].item, shapes[i].item);
		assert_int_equal(json_object_check(buf_str(&text), 10 + 2 * shapes[i].max + text.n, &err), 0);
		if (shapes[i].max > strlen(shapes[i].item) + 10)
			assert_int_equal(json_object_check(buf_str(&text), 2 * shapes[i].max - 4, &err), -1);
		buf_fini(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exactly_the_objects_that_jsonb_can_hold_are_accepted),
		cmocka_unit_test(an_array_is_checked_as_an_object_is),
		cmocka_unit_test(postgresql_accepts_every_accepted_object),
		cmocka_unit_test(numbers_count_with_all_their_digits),
	};

	return cmocka_run_group_tests(tests, pg_temp_start, pg_temp_stop);
}
