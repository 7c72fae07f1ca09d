/* services/cleanup/policy/health: what each event costs, and how it is forgotten. */
#include "cleanup/policy/health.h"

#include <math.h>

#include "unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define HOUR_US  (INT64_C(3600) * 1000000)

static void the_penalty_halves_every_six_hours_and_grows_by_what_happened(void **state)
{
	static const struct {
		const char *name;
		double penalty;
		int64_t elapsed_us;
		struct health_deltas d;
		double want;
	} cases[] = {
		{ "nothing", 0, HOUR_US, { 0, 0, 0, 0 }, 0 },
		{ "a disconnect", 0, 0, { 1, 0, 0, 0 }, 15 },
		{ "a restore", 0, 0, { 0, 1, 0, 0 }, 10 },
		{ "both, twice", 0, 0, { 2, 2, 0, 0 }, 50 },
		{ "no failure", 0, 0, { 0, 0, 100, 0 }, 0 },
		{ "every fourth attempt failed", 0, 0, { 0, 0, 100, 25 }, 10 },
		{ "every attempt failed", 0, 0, { 0, 0, 100, 100 }, 40 },
		{ "more failures than attempts", 0, 0, { 0, 0, 100, 200 }, 40 },
		{ "failures without attempts", 0, 0, { 0, 0, 0, 5 }, 0 },
		{ "six hours", 80, 6 * HOUR_US, { 0, 0, 0, 0 }, 40 },
		{ "twelve hours", 80, 12 * HOUR_US, { 0, 0, 0, 0 }, 20 },
		{ "three hours", 80, 3 * HOUR_US, { 0, 0, 0, 0 }, 56.568542 },
		{ "what is new is not halved", 80, 6 * HOUR_US, { 1, 0, 0, 0 }, 55 },
		{ "no time", 80, 0, { 0, 0, 0, 0 }, 80 },
		{ "the clock went back", 80, -HOUR_US, { 0, 0, 0, 0 }, 80 },
		{ "longer than anything", 1000, INT64_MAX, { 0, 0, 0, 0 }, 0 },
		{ "counters went back", 30, 0, { -4, -4, -4, -4 }, 30 },
		{ "a negative penalty", -30, 0, { 1, 0, 0, 0 }, 15 },
		{ "no number", NAN, 0, { 1, 0, 0, 0 }, 15 },
		{ "the most", 0, 0, { 66, 1, 0, 0 }, 1000 },
		{ "beyond", 990, 0, { 1, 0, 0, 0 }, 1000 },
		{ "far beyond", INFINITY, 0, { INT64_MAX, INT64_MAX, 1, 1 }, 1000 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		double got = health_penalty(cases[i].penalty, cases[i].elapsed_us, &cases[i].d);

		if (!(fabs(got - cases[i].want) < 0.000001))
			fail_msg("%s: %f", cases[i].name, got);
	}
}

static void it_makes_no_difference_how_often_the_penalty_is_computed(void **state)
{
	const struct health_deltas nothing = { 0, 0, 0, 0 };
	double penalty = 100;

	(void)state;
	for (int i = 0; i < 72; i++)
		penalty = health_penalty(penalty, HOUR_US / 12, &nothing);
	assert_true(fabs(penalty - 50) < 0.000001);
}

static void the_score_is_what_the_penalty_leaves_of_100(void **state)
{
	static const struct {
		double penalty;
		int want;
	} cases[] = {
		{ 0, 100 },
		{ 0.4, 100 },
		{ 0.6, 99 },
		{ 15, 85 },
		{ 99.4, 1 },
		{ 100, 0 },
		{ 1000, 0 },
		{ -5, 100 },
		{ NAN, 100 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(health_score(cases[i].penalty), cases[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_penalty_halves_every_six_hours_and_grows_by_what_happened),
		cmocka_unit_test(it_makes_no_difference_how_often_the_penalty_is_computed),
		cmocka_unit_test(the_score_is_what_the_penalty_leaves_of_100),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
