/* libs/pacing/gcra: one timestamp against a log of every use. */
#include "pacing/gcra.h"

#include <stdbool.h>
#include <stdlib.h>

#include "unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define SECOND   ((int64_t)1000000)
#define MINUTE   (60 * SECOND)
#define HOUR     (60 * MINUTE)
#define NOW      (1767225600 * SECOND)

static void each_row_is_a_limit_that_is_never_above_what_was_asked_for(void **state)
{
	static const struct {
		const char *name;
		double uses;
		int64_t window_us;
		int32_t burst;
		int64_t interval_us;
		int32_t want_burst;
	} cases[] = {
		{ "80 a second", 80, SECOND, 80, 12500, 80 },
		{ "60 a minute", 60, MINUTE, 5, SECOND, 5 },
		{ "1 in 6 seconds", 1, 6 * SECOND, 45, 6 * SECOND, 45 },
		{ "an interval that is no whole number is rounded up", 7, SECOND, 1, 142858, 1 },
		{ "half a use a second", 0.5, SECOND, 1, 2 * SECOND, 1 },
		{ "more than one a microsecond", 1e9, SECOND, 1, 1, 1 },
		{ "less than one a day", 0.001, HOUR, 1, 24 * HOUR, 1 },
		{ "0 is no limit", 0, SECOND, 1, 0, 1 },
		{ "nor is a negative number", -3, SECOND, 1, 0, 1 },
		{ "a burst is at least one use", 1, SECOND, 0, SECOND, 1 },
		{ "and at most 100,000", 1, SECOND, INT32_MAX, SECOND, GCRA_BURST_MAX },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct gcra_limit l = gcra_limit_of(cases[i].uses, cases[i].window_us, cases[i].burst);

		if (l.interval_us != cases[i].interval_us || l.burst != cases[i].want_burst)
			fail_msg("%s: %ld us, %d", cases[i].name, (long)l.interval_us, l.burst);
	}
}

static void of_two_limits_the_slower_rate_and_the_smaller_burst_hold(void **state)
{
	struct gcra_limit second = gcra_limit_of(10, SECOND, 10), minute = gcra_limit_of(60, MINUTE, 20),
			  none = { 0, 1 };
	struct gcra_limit both = gcra_limit_both(second, minute);

	(void)state;
	assert_int_equal(both.interval_us, SECOND);
	assert_int_equal(both.burst, 10);
	assert_int_equal(gcra_limit_both(minute, second).interval_us, SECOND);
	assert_int_equal(gcra_limit_both(minute, none).burst, 20);
	assert_int_equal(gcra_limit_both(none, second).burst, 10);
	assert_int_equal(gcra_limit_both(none, none).interval_us, 0);
}

static const struct {
	const char *name;
	int64_t ahead_us; /* the timestamp, from now; the limit is 1 a second, burst 5 */
	int32_t room;
	int64_t again_us; /* from now; 0: there is room */
} cases[] = {
	{ "a timestamp that has passed is a full burst", -SECOND, 5, 0 },
	{ "the present too", 0, 5, 0 },
	{ "an interval that has begun is used", 1, 4, 0 },
	{ "one used", SECOND, 4, 0 },
	{ "the last of the burst", 4 * SECOND, 1, 0 },
	{ "a microsecond too early for it", 4 * SECOND + 1, 0, 1 },
	{ "an empty burst waits an interval", 5 * SECOND, 0, SECOND },
	{ "further ahead than a burst: the clock has jumped back", HOUR, 0, SECOND },
};

static void each_row_says_how_many_uses_a_timestamp_allows(void **state)
{
	struct gcra_limit l = gcra_limit_of(1, SECOND, 5);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t at_us = NOW + cases[i].ahead_us, again_us = NOW;

		if (gcra_room(&at_us, l, NOW, &again_us) != cases[i].room || again_us - NOW != cases[i].again_us)
			fail_msg("%s", cases[i].name);
	}
}

static void without_a_limit_there_is_always_room_and_nothing_is_kept(void **state)
{
	struct gcra_limit none = { 0, 1 };
	int64_t at_us = 0, again_us;

	(void)state;
	gcra_take(&at_us, none, 1000000, NOW);
	assert_int_equal(at_us, 0);
	assert_int_equal(gcra_room(&at_us, none, NOW, &again_us), INT32_MAX);
}

static void a_faster_limit_holds_at_once(void **state)
{
	struct gcra_limit slow = gcra_limit_of(1, MINUTE, 5), fast = gcra_limit_of(10, SECOND, 5);
	int64_t at_us = 0, again_us = 0;

	(void)state;
	gcra_take(&at_us, slow, 5, NOW);
	assert_int_equal(gcra_room(&at_us, fast, NOW, &again_us), 0);
	assert_int_equal(again_us, NOW + SECOND / 10);
	assert_int_equal(gcra_room(&at_us, fast, again_us, &again_us), 1);
}

static void after_the_clock_has_jumped_back_uses_go_on_at_the_rate(void **state)
{
	struct gcra_limit l = gcra_limit_of(1, SECOND, 5);
	int64_t at_us = 0, again_us = 0, now = NOW - HOUR;

	(void)state;
	gcra_take(&at_us, l, 5, NOW);
	assert_int_equal(gcra_room(&at_us, l, now, &again_us), 0);
	assert_int_equal(again_us, now + SECOND);
	assert_int_equal(gcra_room(&at_us, l, now + SECOND, &again_us), 1);
}

/* Every use so far. Use k may come at t when for each earlier use i: k - i + 1 <= burst + (t - times[i]) / interval.
 * `latest` is the greatest of times[i] - i * interval, which compares a use with all before it at once. */
struct log {
	int64_t *times, latest;
	size_t n;
};

static bool log_admits(const struct log *log, struct gcra_limit l, size_t extra, int64_t now_us)
{
	int64_t k = (int64_t)(log->n + extra);

	if ((int64_t)extra >= l.burst)
		return false;
	return log->n == 0 || now_us - k * l.interval_us >= log->latest - (l.burst - 1) * l.interval_us;
}

static void log_add(struct log *log, struct gcra_limit l, int64_t now_us)
{
	int64_t at = now_us - (int64_t)log->n * l.interval_us;

	log->latest = log->n == 0 || at > log->latest ? at : log->latest;
	log->times[log->n++] = now_us;
}

/* The same without any cleverness, over the windows that end with the last use and begin with one of the 100 before it. */
static void log_check(const struct log *log, struct gcra_limit l)
{
	for (size_t back = 1; back <= 100 && back <= log->n; back++) {
		int64_t window_us = log->times[log->n - 1] - log->times[log->n - back];

		if ((int64_t)back > l.burst + window_us / l.interval_us)
			fail_msg("%zu uses in %ld us", back, (long)window_us);
	}
}

static void walk(struct gcra_limit l, int steps, unsigned *seed)
{
	struct log log = { test_calloc((size_t)steps + (size_t)l.burst, sizeof(int64_t)), 0, 0 };
	int64_t at_us = 0, now = NOW, again_us;

	for (int step = 0; step < steps && log.n < (size_t)steps; step++) {
		int32_t room = gcra_room(&at_us, l, now, &again_us), n, may = 0;

		while (log_admits(&log, l, (size_t)may, now))
			may++;
		assert_int_equal(room, may);
		n = room > 0 ? rand_r(seed) % (room + 1) : 0;
		gcra_take(&at_us, l, n, now);
		for (; n > 0; n--) {
			log_add(&log, l, now);
			log_check(&log, l);
		}
		if (room == 0 && rand_r(seed) % 2 == 0)
			now = again_us - rand_r(seed) % 2;
		else if (rand_r(seed) % 50 == 0)
			now += rand_r(seed) % (l.interval_us * l.burst * 2);
		else
			now += rand_r(seed) % (l.interval_us * 2);
	}
	test_free(log.times);
}

static void in_a_million_steps_no_window_has_more_than_burst_and_rate_allow(void **state)
{
	const struct gcra_limit limits[] = { gcra_limit_of(80, SECOND, 80), gcra_limit_of(60, MINUTE, 5),
		gcra_limit_of(7, SECOND, 3), gcra_limit_of(1, 6 * SECOND, 45), gcra_limit_of(1000, SECOND, 1) };
	unsigned seed = 60;

	(void)state;
	for (size_t i = 0; i < COUNT(limits); i++)
		walk(limits[i], 200000, &seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_is_a_limit_that_is_never_above_what_was_asked_for),
		cmocka_unit_test(of_two_limits_the_slower_rate_and_the_smaller_burst_hold),
		cmocka_unit_test(each_row_says_how_many_uses_a_timestamp_allows),
		cmocka_unit_test(without_a_limit_there_is_always_room_and_nothing_is_kept),
		cmocka_unit_test(a_faster_limit_holds_at_once),
		cmocka_unit_test(after_the_clock_has_jumped_back_uses_go_on_at_the_rate),
		cmocka_unit_test(in_a_million_steps_no_window_has_more_than_burst_and_rate_allow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
