/* libs/base/bucket: what is there, what is taken, how long to wait. */
#include "unit.h"

#include <math.h>

#include "base/bucket.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void a_bucket_allows_its_burst_and_then_its_rate(void **state)
{
	/* One after the other on the same bucket: 2 a second, 4 at once. */
	static const struct {
		const char *name;
		int64_t now_ms;
		double cost;
		bool want;
		int64_t wait_ms;
	} steps[] = {
		{ "a new one is full", 1000, 3, true, 0 },
		{ "down to the last", 1000, 1, true, 0 },
		{ "empty", 1000, 1, false, 500 },
		{ "half a token is none", 1250, 1, false, 250 },
		{ "a refusal costs nothing", 1500, 1, true, 0 },
		{ "a clock that went back gives nothing", 900, 1, false, 500 },
		{ "never more than the burst", 100000, 4, true, 0 },
		{ "and no more", 100000, 0.5, false, 250 },
		{ "what costs more than the burst waits for all of it", 100000, 50, false, 2000 },
		{ "and gets it", 102000, 50, true, 0 },
	};
	const struct rate rate = { 2, 4 };
	struct bucket b = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++) {
		int64_t wait_ms = 0;

		if (bucket_take(&b, rate, steps[i].cost, steps[i].now_ms, &wait_ms) != steps[i].want ||
			wait_ms != steps[i].wait_ms)
			fail_msg("%s: wait %lld", steps[i].name, (long long)wait_ms);
	}
}

static void without_a_rate_there_is_no_limit(void **state)
{
	struct bucket b = { 0 };
	int64_t wait_ms = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_true(bucket_take(&b, (struct rate){ 0, 1 }, 1, 1000, &wait_ms));
	assert_true(bucket_level(&b, (struct rate){ 0, 1 }, 1000) == INFINITY);
	assert_true(bucket_level(&b, (struct rate){ 1, 5 }, 1000) == 5); /* and nothing is owed when there is one */
}

static void looking_costs_no_token(void **state)
{
	const struct rate rate = { 1, 1 };
	struct bucket b = { 0 };
	int64_t wait_ms;

	(void)state;
	assert_int_equal(bucket_wait_ms(&b, rate, 1, 1000), 0);
	assert_true(bucket_take(&b, rate, 1, 1000, &wait_ms));
	assert_int_equal(bucket_wait_ms(&b, rate, 1, 1000), 1000);
	assert_int_equal(bucket_wait_ms(&b, rate, 1, 1600), 400);
	assert_true(bucket_level(&b, rate, 1600) > 0.59 && bucket_level(&b, rate, 1600) < 0.61);
	assert_int_equal(bucket_wait_ms(&b, rate, 1, 2000), 0);
}

static void a_charge_may_leave_a_debt_that_is_paid_first(void **state)
{
	const struct rate rate = { 1000, 2000 };
	struct bucket b = { 0 };

	(void)state;
	assert_int_equal(bucket_wait_ms(&b, rate, 1, 1000), 0);
	bucket_charge(&b, rate, 20000, 1000);
	assert_int_equal(bucket_wait_ms(&b, rate, 1, 1000), 18001);
	assert_int_equal(bucket_wait_ms(&b, rate, 1, 10000), 9001);
	assert_int_equal(bucket_wait_ms(&b, rate, 1, 19001), 0);
	bucket_charge(&b, rate, 1, 19001);
	assert_int_equal(bucket_wait_ms(&b, rate, 1, 19001), 1);
	bucket_charge(&b, (struct rate){ 0, 1 }, 1e9, 19001);
	assert_int_equal(bucket_wait_ms(&b, rate, 1, 19001), 1);
}

static void sixty_failures_a_minute_are_sixty(void **state)
{
	const struct rate rate = { 60.0 / 60, 60 };
	struct bucket b = { 0 };
	int64_t wait_ms = 0;
	int taken = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		taken += bucket_take(&b, rate, 1, 5000, &wait_ms);
	assert_int_equal(taken, 60);
	assert_int_equal(wait_ms, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket_allows_its_burst_and_then_its_rate),
		cmocka_unit_test(without_a_rate_there_is_no_limit),
		cmocka_unit_test(looking_costs_no_token),
		cmocka_unit_test(a_charge_may_leave_a_debt_that_is_paid_first),
		cmocka_unit_test(sixty_failures_a_minute_are_sixty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
