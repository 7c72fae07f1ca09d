/* libs/pacing/schedule: when an attempt is made again, and when no more. */
#include "pacing/schedule.h"

#include "unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define HOUR_MS  INT64_C(3600000)
#define MIDDLE   0.5 /* no jitter */
#define NONE     (-1)

static const int64_t delays_ms[] = { 5000, 30000, 300000 };

static const struct {
	const char *name;
	int32_t max_retries, retries;
	int64_t retry_after_ms;
	double random;
	int64_t want;
} cases[] = {
	{ "first", -1, 0, NONE, MIDDLE, 5000 },
	{ "second", -1, 1, NONE, MIDDLE, 30000 },
	{ "third", -1, 2, NONE, MIDDLE, 300000 },
	{ "no fourth", -1, 3, NONE, MIDDLE, SCHEDULE_EXHAUSTED },
	{ "a fifth less", -1, 1, NONE, 0, 24000 },
	{ "nearly a fifth more", -1, 1, NONE, 0.9999, 35998 },
	{ "two retries at most", 2, 1, NONE, MIDDLE, 30000 },
	{ "and no third", 2, 2, NONE, MIDDLE, SCHEDULE_EXHAUSTED },
	{ "never", 0, 0, NONE, MIDDLE, SCHEDULE_EXHAUSTED },
	{ "more than the list has", 9, 3, NONE, MIDDLE, SCHEDULE_EXHAUSTED },
	{ "Retry-After in full", -1, 0, 3 * HOUR_MS, MIDDLE, 3 * HOUR_MS },
	{ "at most a day", -1, 0, 25 * HOUR_MS, MIDDLE, 24 * HOUR_MS },
	{ "for ever is a day", -1, 0, INT64_MAX, MIDDLE, 24 * HOUR_MS },
	{ "it never shortens", -1, 2, 1000, MIDDLE, 300000 },
	{ "nor does zero", -1, 2, 0, MIDDLE, 300000 },
	{ "it does not prolong the list", -1, 3, 1000, MIDDLE, SCHEDULE_EXHAUSTED },
};

static void each_retry_has_its_delay(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct schedule s = { delays_ms, COUNT(delays_ms), cases[i].max_retries };
		int64_t got = schedule_next_ms(&s, cases[i].retries, cases[i].retry_after_ms, cases[i].random);

		if (got != cases[i].want)
			fail_msg("%s: %lld", cases[i].name, (long long)got);
	}
}

static void there_are_as_many_retries_as_delays_or_fewer(void **state)
{
	const struct schedule all = { delays_ms, 3, -1 }, two = { delays_ms, 3, 2 }, nine = { delays_ms, 3, 9 };

	(void)state;
	assert_int_equal(schedule_retries(&all), 3);
	assert_int_equal(schedule_retries(&two), 2);
	assert_int_equal(schedule_retries(&nine), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_retry_has_its_delay),
		cmocka_unit_test(there_are_as_many_retries_as_delays_or_fewer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
