/* services/cleanup/policy/retry: the delay after each outcome. */
#include "cleanup/policy/retry.h"

#include "unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define JITTER   0.5 /* none to either side */
#define MOST     0.9999999999

static void each_outcome_has_its_delay(void **state)
{
	static const struct {
		const char *name;
		enum bridge_outcome outcome;
		int64_t attempt, retry_after_ms;
		double jitter;
		int64_t want_ms;
	} cases[] = {
		{ "ok", BRIDGE_OK, 1, -1, JITTER, 0 },
		{ "already done", BRIDGE_ALREADY_DONE, 9, -1, JITTER, 0 },
		{ "gone", BRIDGE_GONE, 1, 60000, JITTER, 0 },
		{ "busy", BRIDGE_BUSY, 1, -1, JITTER, 1000 },
		{ "busy, least", BRIDGE_BUSY, 1, -1, 0, 800 },
		{ "busy, most", BRIDGE_BUSY, 1, -1, MOST, 1199 },
		{ "busy twice", BRIDGE_BUSY, 2, -1, JITTER, 2000 },
		{ "busy five times", BRIDGE_BUSY, 5, -1, JITTER, 16000 },
		{ "the last that doubles", BRIDGE_BUSY, 9, -1, JITTER, 256000 },
		{ "the maximum", BRIDGE_BUSY, 10, -1, JITTER, 300000 },
		{ "the maximum, least", BRIDGE_BUSY, 10, -1, 0, 240000 },
		{ "the maximum, most", BRIDGE_BUSY, 10, -1, MOST, 359999 },
		{ "for ever", BRIDGE_BUSY, INT64_MAX, -1, JITTER, 300000 },
		{ "an attempt that was not counted", BRIDGE_BUSY, 0, -1, JITTER, 1000 },
		{ "asked for less", BRIDGE_BUSY, 3, 3999, JITTER, 4000 },
		{ "asked for more", BRIDGE_BUSY, 3, 4001, JITTER, 4001 },
		{ "asked for none", BRIDGE_BUSY, 1, 0, 0, 800 },
		{ "asked for five minutes", BRIDGE_BUSY, 1, 300000, JITTER, 300000 },
		{ "asked for more than five minutes", BRIDGE_BUSY, 1, 300001, MOST, 300000 },
		{ "asked for a year", BRIDGE_BUSY, 1, INT64_MAX, JITTER, 300000 },
		{ "rejected", BRIDGE_REJECTED, 1, -1, 0, 600000 },
		{ "rejected often", BRIDGE_REJECTED, 100, 1000, MOST, 600000 },
		{ "bad key", BRIDGE_BAD_KEY, 1, -1, 0, 600000 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t got =
			call_retry_ms(cases[i].outcome, cases[i].attempt, cases[i].retry_after_ms, cases[i].jitter);

		if (got != cases[i].want_ms)
			fail_msg("%s: %ld", cases[i].name, (long)got);
	}
}

static void only_a_call_without_delay_has_succeeded(void **state)
{
	(void)state;
	for (unsigned o = 0; o < BRIDGE_OUTCOMES; o++)
		assert_int_equal(call_succeeded((enum bridge_outcome)o),
			call_retry_ms((enum bridge_outcome)o, 1, -1, JITTER) == 0);
	assert_true(call_succeeded(BRIDGE_OK));
	assert_false(call_succeeded(BRIDGE_BUSY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_outcome_has_its_delay),
		cmocka_unit_test(only_a_call_without_delay_has_succeeded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
