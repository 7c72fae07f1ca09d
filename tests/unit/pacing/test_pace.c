/* libs/pacing/pace: caps, rates, what 429 teaches, and the breaker. */
#include "pacing/pace.h"

#include "unit.h"

#define T0 INT64_C(1000000)

static const struct pace_limits plain = { .max_in_flight = 4,
	.breaker_failures = 3,
	.breaker_min_ms = 1000,
	.breaker_max_ms = 3000 };

static int32_t room(struct pace *p, const struct pace_limits *l, int32_t flying, int64_t now)
{
	int64_t again;

	return pace_room(p, l, flying, now, &again);
}

static void no_more_requests_are_in_flight_than_the_cap(void **state)
{
	struct pace p = { 0 };
	int64_t again;

	(void)state;
	assert_int_equal(room(&p, &plain, 0, T0), 4);
	assert_int_equal(room(&p, &plain, 3, T0), 1);
	assert_int_equal(pace_room(&p, &plain, 4, T0, &again), 0);
	assert_int_equal(again, INT64_MAX);
}

/* Of a second that is used up as soon as there is room. */
static int begun_within(struct pace *p, const struct pace_limits *l, int64_t from, int64_t ms)
{
	int begun = 0;

	for (int64_t now = from; now < from + ms; now++)
		while (room(p, l, 0, now) > 0) {
			pace_begun(p, l, now);
			begun++;
		}
	return begun;
}

static void a_rate_is_kept_and_never_saved_up(void **state)
{
	struct pace_limits l = plain;
	struct pace p = { 0 };
	int64_t again;

	(void)state;
	l.rate = 10;
	assert_in_range(begun_within(&p, &l, T0, 1000), 19, 20); /* a full bucket, and a second */
	assert_in_range(begun_within(&p, &l, T0 + 1000, 5000), 49, 51);
	assert_in_range(begun_within(&p, &l, T0 + 100000, 1000), 19, 20);
	assert_int_equal(pace_room(&p, &l, 0, T0 + 100999, &again), 0);
	assert_in_range(again, T0 + 101000, T0 + 101100);
}

static void the_breaker_opens_makes_one_attempt_and_closes(void **state)
{
	struct pace p = { 0 };
	int64_t again;

	(void)state;
	assert_false(pace_failed(&p, &plain, T0));
	assert_false(pace_failed(&p, &plain, T0));
	assert_true(pace_failed(&p, &plain, T0));
	assert_false(pace_failed(&p, &plain, T0)); /* was under way */
	assert_int_equal(pace_room(&p, &plain, 0, T0 + 999, &again), 0);
	assert_int_equal(again, T0 + 1000);
	assert_int_equal(room(&p, &plain, 0, T0 + 1000), 1);
	assert_int_equal(room(&p, &plain, 1, T0 + 1000), 0);
	pace_succeeded(&p);
	assert_int_equal(room(&p, &plain, 0, T0 + 1000), 4);
	assert_false(pace_is_open(&p));
}

static void each_failed_attempt_doubles_the_pause(void **state)
{
	static const int64_t pauses[] = { 2000, 3000, 3000 };
	struct pace p = { 0 };
	int64_t now = T0;

	(void)state;
	for (int i = 0; i < 3; i++)
		(void)pace_failed(&p, &plain, now);
	for (int i = 0; i < 3; i++) {
		now = p.paused_until;
		assert_int_equal(room(&p, &plain, 0, now), 1);
		assert_false(pace_failed(&p, &plain, now));
		assert_int_equal(p.paused_until, now + pauses[i]);
	}
}

static void a_success_between_failures_keeps_the_breaker_closed(void **state)
{
	struct pace p = { 0 };

	(void)state;
	for (int i = 0; i < 20; i++) {
		assert_false(pace_failed(&p, &plain, T0));
		assert_false(pace_failed(&p, &plain, T0));
		pace_succeeded(&p);
	}
}

static void too_many_requests_pauses_and_halves(void **state)
{
	struct pace_limits l = plain;
	struct pace p = { 0 };
	int64_t now = T0;

	(void)state;
	l.max_in_flight = 1000;
	for (int i = 0; i < 100; i++)
		pace_begun(&p, &l, now);
	pace_limited(&p, 7000, now);
	pace_limited(&p, 7000, now); /* what was under way teaches nothing more */
	assert_int_equal(room(&p, &l, 0, now + 6999), 0);
	assert_in_range(begun_within(&p, &l, now + 7000, 1000), 50, 250); /* recovered by a tenth a second meanwhile */
}

static void a_learned_rate_expires(void **state)
{
	struct pace_limits l = plain;
	struct pace p = { 0 };

	(void)state;
	l.max_in_flight = 1000;
	for (int i = 0; i < 100; i++)
		pace_begun(&p, &l, T0);
	pace_limited(&p, -1, T0);
	assert_true(room(&p, &l, 0, T0 + 2000) < 1000);
	assert_int_equal(room(&p, &l, 0, T0 + 60000), 1000);
}

static void requests_begun_without_a_limit_do_not_count_against_a_later_one(void **state)
{
	struct pace_limits l = plain;
	struct pace p = { 0 };

	(void)state;
	l.rate = 10;
	assert_in_range(begun_within(&p, &l, T0, 1000), 19, 20);
	l.rate = 0;
	for (int i = 0; i < 10000; i++)
		pace_begun(&p, &l, T0 + 1000 + i);
	l.rate = 10;
	assert_in_range(begun_within(&p, &l, T0 + 11000, 1000), 19, 20);
}

static void an_endless_retry_after_is_limited_to_a_day(void **state)
{
	struct pace p = { 0 };

	(void)state;
	pace_limited(&p, INT64_MAX, T0);
	assert_true(pace_is_paused(&p, T0 + 86399999));
	assert_false(pace_is_paused(&p, T0 + 86400000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_more_requests_are_in_flight_than_the_cap),
		cmocka_unit_test(a_rate_is_kept_and_never_saved_up),
		cmocka_unit_test(the_breaker_opens_makes_one_attempt_and_closes),
		cmocka_unit_test(each_failed_attempt_doubles_the_pause),
		cmocka_unit_test(a_success_between_failures_keeps_the_breaker_closed),
		cmocka_unit_test(too_many_requests_pauses_and_halves),
		cmocka_unit_test(a_learned_rate_expires),
		cmocka_unit_test(requests_begun_without_a_limit_do_not_count_against_a_later_one),
		cmocka_unit_test(an_endless_retry_after_is_limited_to_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
