/* services/webhook-dispatcher/schedule: when a delivery is tried again, and when no more. */
#include "webhook-dispatcher/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define HOUR_MS  INT64_C(3600000)
#define MIDDLE   0.5 /* no jitter */
#define NONE     (-1)

static const struct schedule standard = { .max_retries = -1 };
static const int64_t own_ms[] = { 100, 200 };

static const struct {
	const char *name;
	struct schedule schedule;
	int32_t retries;
	bool quick;
	int64_t retry_after_ms;
	double random;
	int64_t want;
} cases[] = {
	{ "first", { NULL, 0, -1 }, 0, false, NONE, MIDDLE, 5000 },
	{ "second", { NULL, 0, -1 }, 1, false, NONE, MIDDLE, 30000 },
	{ "third", { NULL, 0, -1 }, 2, false, NONE, MIDDLE, 300000 },
	{ "fourth", { NULL, 0, -1 }, 3, false, NONE, MIDDLE, 1800000 },
	{ "fifth", { NULL, 0, -1 }, 4, false, NONE, MIDDLE, 2 * HOUR_MS },
	{ "sixth", { NULL, 0, -1 }, 5, false, NONE, MIDDLE, 5 * HOUR_MS },
	{ "seventh", { NULL, 0, -1 }, 6, false, NONE, MIDDLE, 10 * HOUR_MS },
	{ "eighth", { NULL, 0, -1 }, 7, false, NONE, MIDDLE, 14 * HOUR_MS },
	{ "ninth", { NULL, 0, -1 }, 8, false, NONE, MIDDLE, 20 * HOUR_MS },
	{ "tenth", { NULL, 0, -1 }, 9, false, NONE, MIDDLE, 24 * HOUR_MS },
	{ "no eleventh", { NULL, 0, -1 }, 10, false, NONE, MIDDLE, SCHEDULE_EXHAUSTED },
	{ "a fifth less", { NULL, 0, -1 }, 1, false, NONE, 0, 24000 },
	{ "nearly a fifth more", { NULL, 0, -1 }, 1, false, NONE, 0.9999, 35998 },
	{ "an endpoint's own list", { own_ms, 2, -1 }, 1, false, NONE, MIDDLE, 200 },
	{ "which ends", { own_ms, 2, -1 }, 2, false, NONE, MIDDLE, SCHEDULE_EXHAUSTED },
	{ "three retries at most", { NULL, 0, 3 }, 2, false, NONE, MIDDLE, 300000 },
	{ "and no fourth", { NULL, 0, 3 }, 3, false, NONE, MIDDLE, SCHEDULE_EXHAUSTED },
	{ "never", { NULL, 0, 0 }, 0, false, NONE, MIDDLE, SCHEDULE_EXHAUSTED },
	{ "more than the list has", { own_ms, 2, 9 }, 2, false, NONE, MIDDLE, SCHEDULE_EXHAUSTED },
	{ "quick", { NULL, 0, -1 }, 0, true, NONE, MIDDLE, 1000 },
	{ "quick again", { NULL, 0, -1 }, 1, true, NONE, MIDDLE, 5000 },
	{ "two quick ones are all", { NULL, 0, -1 }, 2, true, NONE, MIDDLE, SCHEDULE_EXHAUSTED },
	{ "one quick one, where one is allowed", { NULL, 0, 1 }, 1, true, NONE, MIDDLE, SCHEDULE_EXHAUSTED },
	{ "Retry-After in full", { NULL, 0, -1 }, 0, false, 3 * HOUR_MS, MIDDLE, 3 * HOUR_MS },
	{ "at most a day", { NULL, 0, -1 }, 0, false, 25 * HOUR_MS, MIDDLE, 24 * HOUR_MS },
	{ "for ever is a day", { NULL, 0, -1 }, 0, false, INT64_MAX, MIDDLE, 24 * HOUR_MS },
	{ "it never shortens", { NULL, 0, -1 }, 2, false, 1000, MIDDLE, 300000 },
	{ "nor does zero", { NULL, 0, -1 }, 2, false, 0, MIDDLE, 300000 },
	{ "it does not prolong the list", { NULL, 0, -1 }, 10, false, 1000, MIDDLE, SCHEDULE_EXHAUSTED },
};

static void each_retry_has_its_delay(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t got = schedule_next_ms(&cases[i].schedule, cases[i].retries, cases[i].quick,
			cases[i].retry_after_ms, cases[i].random);

		if (got != cases[i].want)
			fail_msg("%s: %lld", cases[i].name, (long long)got);
	}
}

static void there_are_as_many_retries_as_delays_or_fewer(void **state)
{
	const struct schedule three = { NULL, 0, 3 }, own = { own_ms, 2, 9 };

	(void)state;
	assert_int_equal(schedule_retries(&standard), 10);
	assert_int_equal(schedule_retries(&three), 3);
	assert_int_equal(schedule_retries(&own), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_retry_has_its_delay),
		cmocka_unit_test(there_are_as_many_retries_as_delays_or_fewer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
