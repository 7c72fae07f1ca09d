/* services/webhook-dispatcher/policy/retry_schedule: the default schedule, and quick retries. */
#include "webhook-dispatcher/policy/retry_schedule.h"

#include "unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define HOUR_MS  INT64_C(3600000)
#define MIDDLE   0.5 /* no jitter */
#define NONE     (-1)

static const struct {
	const char *name;
	int32_t max_retries, retries;
	bool quick;
	int64_t retry_after_ms;
	int64_t want;
} cases[] = {
	{ "first", -1, 0, false, NONE, 5000 },
	{ "second", -1, 1, false, NONE, 30000 },
	{ "third", -1, 2, false, NONE, 300000 },
	{ "fourth", -1, 3, false, NONE, 1800000 },
	{ "fifth", -1, 4, false, NONE, 2 * HOUR_MS },
	{ "sixth", -1, 5, false, NONE, 5 * HOUR_MS },
	{ "seventh", -1, 6, false, NONE, 10 * HOUR_MS },
	{ "eighth", -1, 7, false, NONE, 14 * HOUR_MS },
	{ "ninth", -1, 8, false, NONE, 20 * HOUR_MS },
	{ "tenth", -1, 9, false, NONE, 24 * HOUR_MS },
	{ "no eleventh", -1, 10, false, NONE, SCHEDULE_EXHAUSTED },
	{ "quick", -1, 0, true, NONE, 1000 },
	{ "quick again", -1, 1, true, NONE, 5000 },
	{ "quick with a Retry-After", -1, 1, true, HOUR_MS, HOUR_MS },
	{ "two quick ones are all", -1, 2, true, NONE, SCHEDULE_EXHAUSTED },
	{ "one quick one, where one is allowed", 1, 1, true, NONE, SCHEDULE_EXHAUSTED },
};

static void each_retry_has_its_delay(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct schedule s = retry_schedule_default;
		int64_t got;

		s.max_retries = cases[i].max_retries;
		got = retry_next_ms(&s, cases[i].retries, cases[i].quick, cases[i].retry_after_ms, MIDDLE);
		if (got != cases[i].want)
			fail_msg("%s: %lld", cases[i].name, (long long)got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_retry_has_its_delay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
