/* services/cleanup/policy/throttle: steps become as long as they should be, and leave the rest of the time to others. */
#include "cleanup/policy/throttle.h"

#include "unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MS(n)    ((int64_t)(n) * 1000)

static void the_next_step_is_as_large_as_takes_fifty_milliseconds(void **state)
{
	static const struct {
		const char *name;
		int64_t n, took_us, want;
	} cases[] = {
		{ "as long as it should be", 1000, MS(50), 1000 },
		{ "twice as long", 1000, MS(100), 500 },
		{ "four times as long", 4000, MS(200), 1000 },
		{ "a little shorter", 1000, MS(40), 1250 },
		{ "half as long", 1000, MS(25), 2000 },
		{ "much shorter, at most twice as many", 1000, 1, 2000 },
		{ "no time at all", 1000, 0, 2000 },
		{ "the clock went back", 1000, -5, 2000 },
		{ "not below the least", 100, MS(5000), 100 },
		{ "at once down to the least", 5000, MS(60000), 100 },
		{ "a day", 5000, INT64_MAX, 100 },
		{ "not above the most", 5000, MS(1), 5000 },
		{ "from below the least", 0, MS(50), 100 },
		{ "from above the most", INT64_MAX, MS(50), 5000 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t got = throttle_next(cases[i].n, cases[i].took_us);

		if (got != cases[i].want)
			fail_msg("%s: %ld", cases[i].name, (long)got);
	}
}

static void it_settles_wherever_it_begins(void **state)
{
	(void)state;
	for (int64_t row_us = 1; row_us < 1000; row_us += 7) {
		int64_t n = THROTTLE_MIN, want = MS(THROTTLE_STEP_MS) / row_us;

		want = want < THROTTLE_MIN ? THROTTLE_MIN : want > THROTTLE_MAX ? THROTTLE_MAX : want;
		for (int i = 0; i < 10; i++)
			n = throttle_next(n, n * row_us);
		assert_in_range(n, want - 2, want + 2);
	}
}

static void a_step_is_followed_by_a_pause_that_leaves_it_its_share(void **state)
{
	static const struct {
		int64_t took_us, duty, want_ms;
	} cases[] = {
		{ MS(50), 25, 150 },
		{ MS(50), 100, 0 },
		{ MS(50), 50, 50 },
		{ MS(50), 1, 4950 },
		{ MS(1), 25, 3 },
		{ 500, 25, 2 },
		{ 0, 25, 0 },
		{ -1, 25, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(throttle_pause_ms(cases[i].took_us, cases[i].duty), cases[i].want_ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_step_is_as_large_as_takes_fifty_milliseconds),
		cmocka_unit_test(it_settles_wherever_it_begins),
		cmocka_unit_test(a_step_is_followed_by_a_pause_that_leaves_it_its_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
