/* libs/base/log_limit: how often a line is written, and what is counted meanwhile. */
#include "unit.h"

#include "base/log_limit.h"

#define START_MS 5000

static void the_first_line_is_written(void **state)
{
	struct log_limit l = { 0 };
	uint64_t suppressed = 99;

	(void)state;
	assert_true(log_limit_pass(&l, START_MS, &suppressed));
	assert_int_equal(suppressed, 0);
}

static void one_line_a_second_however_many_there_are(void **state)
{
	struct log_limit l = { 0 };
	uint64_t suppressed, written = 0, counted = 0;

	(void)state;
	for (int64_t now = START_MS; now < START_MS + 10000; now++)
		if (log_limit_pass(&l, now, &suppressed)) {
			written++;
			counted += 1 + suppressed;
		}
	assert_int_equal(written, 10);
	assert_int_equal(counted + l.suppressed, 10000);
}

static void a_line_says_how_many_were_left_out_since_the_last(void **state)
{
	struct log_limit l = { 0 };
	uint64_t suppressed = 99;

	(void)state;
	assert_true(log_limit_pass(&l, START_MS, &suppressed));
	assert_false(log_limit_pass(&l, START_MS + 1, &suppressed));
	assert_false(log_limit_pass(&l, START_MS + 999, &suppressed));
	assert_true(log_limit_pass(&l, START_MS + 1000, &suppressed));
	assert_int_equal(suppressed, 2);
	assert_true(log_limit_pass(&l, START_MS + 9000, &suppressed));
	assert_int_equal(suppressed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_line_is_written),
		cmocka_unit_test(one_line_a_second_however_many_there_are),
		cmocka_unit_test(a_line_says_how_many_were_left_out_since_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
