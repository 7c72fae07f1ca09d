/* libs/base/backoff: how long to wait after how many failures. */
#include "unit.h"

#include <limits.h>

#include "base/backoff.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void a_wait_doubles_up_to_its_maximum(void **state)
{
	static const struct {
		const char *name;
		int64_t min_ms, max_ms;
		int failures;
		int64_t want;
	} cases[] = {
		{ "the first failure waits the minimum", 200, 10000, 0, 200 },
		{ "the second twice as long", 200, 10000, 1, 400 },
		{ "the last one below the maximum", 200, 10000, 5, 6400 },
		{ "never longer than the maximum", 200, 10000, 6, 10000 },
		{ "nor after ever so many failures", 1, INT64_MAX, INT_MAX, INT64_MAX },
		{ "a maximum that doubling meets is reached", 1000, 8000, 3, 8000 },
		{ "and kept", 1000, 8000, 4, 8000 },
		{ "a minimum above the maximum is the maximum", 500, 300, 0, 300 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (backoff_ms(cases[i].min_ms, cases[i].max_ms, cases[i].failures) != cases[i].want)
			fail_msg("%s", cases[i].name);
}

static void jitter_leaves_between_half_and_all(void **state)
{
	static const struct {
		const char *name;
		int64_t wait_ms;
		double random;
		int64_t want;
	} cases[] = {
		{ "the least is half", 1000, 0, 500 },
		{ "spread evenly", 1000, 0.5, 750 },
		{ "the most is all", 1000, 0.9999999, 999 },
		{ "an odd wait is rounded down", 1, 0.5, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (backoff_jitter(cases[i].wait_ms, cases[i].random) != cases[i].want)
			fail_msg("%s", cases[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wait_doubles_up_to_its_maximum),
		cmocka_unit_test(jitter_leaves_between_half_and_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
