/* services/cleanup/policy/meta: what an answer says about the account, and when the next one is asked for. */
#include "cleanup/policy/meta.h"

#include <string.h>

#include "unit.h"

#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))
#define ID          STR("106540352242922")
#define HOUR_MS     INT64_C(3600000)
#define FAILS(code) "{\"error\":{\"message\":\"x\",\"code\":" #code "}}"

static void an_answer_says_what_the_account_is(void **state)
{
	static const struct {
		const char *name;
		int status;
		const char *body;
		enum meta_finding want;
		const char *phone;
	} cases[] = {
		{ "the number", 200,
			"{\"display_phone_number\":\"+62 812-3456-789\",\"quality_rating\":\"GREEN\",\"id\":\"106540352242922\"}",
			META_CONNECTED, "628123456789" },
		{ "without a number", 200, "{\"id\":\"106540352242922\"}", META_CONNECTED, "" },
		{ "a number that is none", 200,
			"{\"display_phone_number\":\"1234567890123456789012345\",\"id\":\"106540352242922\"}",
			META_CONNECTED, "" },
		{ "another id", 200, "{\"id\":\"1\"}", META_UNKNOWN, "" },
		{ "no id", 200, "{}", META_UNKNOWN, "" },
		{ "an id that is a number", 200, "{\"id\":106540352242922}", META_UNKNOWN, "" },
		{ "an invalid token", 401, FAILS(190), META_DISCONNECTED, "" },
		{ "no capability", 400, FAILS(3), META_DISCONNECTED, "" },
		{ "no permission", 403, FAILS(10), META_DISCONNECTED, "" },
		{ "the first permission", 403, FAILS(200), META_DISCONNECTED, "" },
		{ "the last permission", 403, FAILS(299), META_DISCONNECTED, "" },
		{ "before them", 403, FAILS(199), META_UNKNOWN, "" },
		{ "after them", 403, FAILS(300), META_UNKNOWN, "" },
		{ "not registered", 400, FAILS(133010), META_FAILED, "" },
		{ "an error under status 200", 200, FAILS(190), META_DISCONNECTED, "" },
		{ "the app's rate limit", 400, FAILS(4), META_UNKNOWN, "" },
		{ "the account's rate limit", 429, FAILS(130429), META_UNKNOWN, "" },
		{ "an unknown object", 400, FAILS(100), META_UNKNOWN, "" },
		{ "a code that is none", 401, FAILS("expired"), META_UNKNOWN, "" },
		{ "an error without a code", 401, "{\"error\":{}}", META_UNKNOWN, "" },
		{ "the number under an error status", 500, "{\"id\":\"106540352242922\"}", META_UNKNOWN, "" },
		{ "a proxy", 502, "<html>", META_UNKNOWN, "" },
		{ "an array", 200, "[]", META_UNKNOWN, "" },
		{ "nothing", 0, "", META_UNKNOWN, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char phone[META_PHONE_BYTES] = "before";
		enum meta_finding got = meta_read(cases[i].status, str_of(cases[i].body), ID, phone);

		if (got != cases[i].want || strcmp(phone, cases[i].phone) != 0)
			fail_msg("%s: %d %s", cases[i].name, (int)got, phone);
	}
}

static void each_account_has_one_turn_an_hour_at_a_time_of_its_own(void **state)
{
	static const struct uuid accounts[] = { { { 0 } }, { { [12] = 0x80 } }, { { [15] = 7 } },
		{ { [12] = 0xff, 0xff, 0xff, 0xff } } };
	int64_t begins[COUNT(accounts)];

	(void)state;
	for (size_t i = 0; i < COUNT(accounts); i++) {
		int64_t first = meta_turn_of(&accounts[i], 10 * HOUR_MS, HOUR_MS);

		begins[i] = 0;
		while (meta_turn_of(&accounts[i], 10 * HOUR_MS + begins[i], HOUR_MS) == first)
			begins[i]++;
		assert_in_range(begins[i], 1, HOUR_MS);
		assert_int_equal(meta_turn_of(&accounts[i], 11 * HOUR_MS, HOUR_MS), first + 1);
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(begins[i], begins[k]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_says_what_the_account_is),
		cmocka_unit_test(each_account_has_one_turn_an_hour_at_a_time_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
