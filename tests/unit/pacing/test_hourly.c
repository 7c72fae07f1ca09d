/* libs/pacing/hourly: 61 counts against a log of every use. */
#include "pacing/hourly.h"

#include <stdbool.h>
#include <stdlib.h>

#include "unit.h"

#define SECOND ((int64_t)1000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define NOW    (1767225600 * SECOND) /* a minute begins */
#define LIMIT  50
#define STEPS  1000000

static int32_t room_at(struct hourly *h, int32_t limit, int64_t at_us, int64_t *again_us)
{
	*again_us = 0;
	return hourly_room(h, limit, at_us, again_us);
}

static void a_minute_counts_until_all_of_it_is_an_hour_ago(void **state)
{
	struct hourly h = { 0 };
	int64_t again_us;

	(void)state;
	assert_int_equal(room_at(&h, 10, NOW, &again_us), 10);
	hourly_take(&h, 4, NOW);
	hourly_take(&h, 6, NOW + MINUTE);
	assert_int_equal(room_at(&h, 10, NOW + MINUTE, &again_us), 0);
	assert_int_equal(again_us, NOW + HOUR + MINUTE);
	assert_int_equal(room_at(&h, 10, NOW + HOUR + MINUTE - 1, &again_us), 0);
	assert_int_equal(room_at(&h, 10, NOW + HOUR + MINUTE, &again_us), 4);
	assert_int_equal(room_at(&h, 10, NOW + HOUR + 2 * MINUTE, &again_us), 10);
}

static void a_limit_that_was_lowered_waits_for_as_many_minutes_as_needed(void **state)
{
	struct hourly h = { 0 };
	int64_t again_us;

	(void)state;
	hourly_take(&h, 4, NOW);
	hourly_take(&h, 6, NOW + 5 * MINUTE);
	assert_int_equal(room_at(&h, 3, NOW + 5 * MINUTE, &again_us), 0);
	assert_int_equal(again_us, NOW + 5 * MINUTE + HOUR + MINUTE);
	assert_int_equal(room_at(&h, 7, NOW + 5 * MINUTE, &again_us), 0);
	assert_int_equal(again_us, NOW + HOUR + MINUTE);
}

static void zero_is_no_limit_and_uses_are_counted_for_a_later_one(void **state)
{
	struct hourly h = { 0 };
	int64_t again_us;

	(void)state;
	assert_int_equal(room_at(&h, 0, NOW, &again_us), INT32_MAX);
	hourly_take(&h, 1000000, NOW);
	assert_int_equal(h.uses[0], INT16_MAX);
	assert_int_equal(room_at(&h, 1000, NOW + MINUTE, &again_us), 0);
}

static void a_minute_has_no_more_than_its_count_can_hold(void **state)
{
	struct hourly h = { 0 };
	int64_t again_us;

	(void)state;
	assert_int_equal(room_at(&h, INT32_MAX, NOW, &again_us), INT16_MAX);
	hourly_take(&h, INT16_MAX, NOW);
	assert_int_equal(room_at(&h, INT32_MAX, NOW + SECOND, &again_us), 0);
	assert_int_equal(again_us, NOW + MINUTE);
	assert_int_equal(room_at(&h, INT32_MAX, again_us, &again_us), INT16_MAX);
}

static void after_the_clock_has_jumped_back_uses_count_for_an_hour_more(void **state)
{
	struct hourly h = { 0 };
	int64_t again_us, now = NOW - 10 * HOUR;

	(void)state;
	hourly_take(&h, 10, NOW);
	assert_int_equal(room_at(&h, 10, now, &again_us), 0);
	assert_int_equal(again_us, now + HOUR + MINUTE);
	assert_int_equal(room_at(&h, 10, again_us, &again_us), 10);
}

/* The last LIMIT times: the oldest of them says whether another use makes too many in an hour. */
static void in_a_million_steps_no_hour_has_more_than_the_limit(void **state)
{
	static int64_t times[LIMIT];
	struct hourly h = { 0 };
	int64_t now = NOW, again_us;
	unsigned seed = 60;
	size_t n = 0;

	(void)state;
	for (int step = 0; step < STEPS; step++) {
		int32_t room = room_at(&h, LIMIT, now, &again_us);
		int64_t since_us = n < LIMIT ? INT64_MAX : now - times[n % LIMIT];

		assert_true(room == 0 || since_us > HOUR);
		assert_true(room > 0 || since_us < HOUR + MINUTE);
		for (int32_t k = room > 0 ? rand_r(&seed) % (room + 1) : 0; k > 0; k--) {
			assert_true(n < LIMIT || now - times[n % LIMIT] > HOUR);
			times[n++ % LIMIT] = now;
			hourly_take(&h, 1, now);
		}
		if (room == 0 && rand_r(&seed) % 3 == 0)
			now = again_us - rand_r(&seed) % 2;
		else
			now += rand_r(&seed) % (rand_r(&seed) % 100 == 0 ? HOUR / 2 : 2 * MINUTE);
	}
	assert_true(n > STEPS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_minute_counts_until_all_of_it_is_an_hour_ago),
		cmocka_unit_test(a_limit_that_was_lowered_waits_for_as_many_minutes_as_needed),
		cmocka_unit_test(zero_is_no_limit_and_uses_are_counted_for_a_later_one),
		cmocka_unit_test(a_minute_has_no_more_than_its_count_can_hold),
		cmocka_unit_test(after_the_clock_has_jumped_back_uses_count_for_an_hour_more),
		cmocka_unit_test(in_a_million_steps_no_hour_has_more_than_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
