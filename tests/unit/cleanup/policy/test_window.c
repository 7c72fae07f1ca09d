/* services/cleanup/policy/window: the hours of heavy jobs. */
#include "cleanup/policy/window.h"

#include "unit.h"

static bool is_open(const char *text, int64_t hour, int64_t minute)
{
	struct job_window w;

	assert_true(job_window_parse(str_of(text), &w));
	return job_window_is_open(&w, hour * 60 + minute);
}

static void it_is_open_from_its_first_minute_to_before_its_last(void **state)
{
	(void)state;
	assert_false(is_open("02:00-05:30", 1, 59));
	assert_true(is_open("02:00-05:30", 2, 0));
	assert_true(is_open("02:00-05:30", 5, 29));
	assert_false(is_open("02:00-05:30", 5, 30));
}

static void it_may_be_open_over_midnight(void **state)
{
	(void)state;
	assert_true(is_open("22:00-06:00", 22, 0));
	assert_true(is_open("22:00-06:00", 0, 0));
	assert_true(is_open("22:00-06:00", 5, 59));
	assert_false(is_open("22:00-06:00", 6, 0));
	assert_false(is_open("22:00-06:00", 21, 59));
}

static void without_one_it_is_always_open(void **state)
{
	(void)state;
	for (int64_t hour = 0; hour < 24; hour++) {
		assert_true(is_open("", hour, 0));
		assert_true(is_open("08:00-08:00", hour, 59));
	}
}

static void anything_else_is_no_window(void **state)
{
	static const char *const wrong[] = { "22", "22:00", "22:00-", "-06:00", "24:00-06:00", "22:60-06:00",
		"2:00-06:00", "22:00-06:00-08:00", "22:00 - 06:00", "aa:bb-cc:dd", "22:00-06:0x" };
	struct job_window w = { 7, 8 };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (job_window_parse(str_of(wrong[i]), &w))
			fail_msg("%s", wrong[i]);
	assert_true(w.from == 7 && w.to == 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_open_from_its_first_minute_to_before_its_last),
		cmocka_unit_test(it_may_be_open_over_midnight),
		cmocka_unit_test(without_one_it_is_always_open),
		cmocka_unit_test(anything_else_is_no_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
