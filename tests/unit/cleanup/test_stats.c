/* services/cleanup/stats: gauges of single instances, whose labels are bounded. */
#include "unit.h"

#include "cleanup/stats.h"
#include "exposed.h"

static void each_instance_says_whether_it_is_up_and_what_it_lists(void **state)
{
	struct stats_report r = { .each = { [0] = { true, true, true, 3 },
					  [7] = { true, true, false, 2 },
					  [9] = { .listed = true, .sessions = 1 } } };

	(void)state;
	stats_report(&r);
	assert_true(is_exposed("blazz_cleanup_instance_up{instance=\"0\"} 1\n"));
	assert_true(is_exposed("blazz_cleanup_instance_up{instance=\"7\"} 0\n"));
	assert_false(is_exposed("blazz_cleanup_instance_up{instance=\"9\"}")); /* off, or not probed yet */
	assert_true(is_exposed("blazz_cleanup_instance_sessions{instance=\"0\"} 3\n"));
	assert_true(is_exposed("blazz_cleanup_instance_sessions{instance=\"7\"} 2\n"));
	assert_true(is_exposed("blazz_cleanup_instance_sessions{instance=\"9\"} 1\n"));
	assert_false(is_exposed("{instance=\"1\"}"));
}

static void an_instance_that_is_removed_is_not_exposed_any_more(void **state)
{
	struct stats_report r = { .each = { [0] = { true, true, true, 3 }, [1] = { true, true, true, 4 } } };

	(void)state;
	stats_report(&r);
	r.each[0] = (struct stats_instance){ 0 };
	stats_report(&r);
	assert_false(is_exposed("{instance=\"0\"}"));
	assert_true(is_exposed("blazz_cleanup_instance_up{instance=\"1\"} 1\n"));
	stats_report_none();
	assert_false(is_exposed("{instance=\"1\"}"));
}

static void instances_beyond_the_bound_are_counted_together(void **state)
{
	struct stats_report r = { .others = 12 };

	(void)state;
	stats_report(&r);
	assert_true(is_exposed("blazz_cleanup_instance_sessions{instance=\"other\"} 12\n"));
}

static int start(void **state)
{
	(void)state;
	stats_init();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_instance_says_whether_it_is_up_and_what_it_lists),
		cmocka_unit_test(an_instance_that_is_removed_is_not_exposed_any_more),
		cmocka_unit_test(instances_beyond_the_bound_are_counted_together),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
