/* Metrics: what an exposition says after what was counted. Families live as long as the process, so each test has its own and
 * looks for its own lines.
 */
#include "unit.h"

#include "metrics/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static struct buf exposition(void)
{
	struct buf b = BUF_INIT;

	metrics_write(&b);
	buf_add_char(&b, '\0');
	return b;
}

static void assert_exposed(const char *text)
{
	struct buf b = exposition();

	if (!strstr(b.p, text))
		fail_msg("'%s' is not in:\n%s", text, b.p);
	buf_fini(&b);
}

static void a_counter_is_exposed_with_its_kind_and_help(void **state)
{
	struct metric_cell *c = metric_with(metric_counter("t_events", "Events\nof \"all\" \\kinds.", NULL), NULL);

	(void)state;
	assert_exposed(
		"# TYPE t_events counter\n# HELP t_events Events\\nof \\\"all\\\" \\\\kinds.\nt_events_total 0\n");
	metric_add(c, 2);
	metric_add(c, 40);
	assert_int_equal(metric_value(c), 42);
	assert_exposed("t_events_total 42\n");
}

static void children_are_exposed_by_their_labels(void **state)
{
	struct metric *m = metric_counter("t_errors", "Errors.", "kind, place");

	(void)state;
	metric_add(METRIC_CELL(m, "input", "a\"b\\c\nd"), 1);
	metric_add(METRIC_CELL(m, "retry", ""), 2);
	metric_add(METRIC_CELL(m, "input", "a\"b\\c\nd"), 1);
	assert_exposed("t_errors_total{kind=\"input\",place=\"a\\\"b\\\\c\\nd\"} 2\n"
		       "t_errors_total{kind=\"retry\",place=\"\"} 2\n");
}

static void a_gauge_that_is_not_a_number_is_not_exposed(void **state)
{
	struct metric_cell *c = METRIC_CELL(metric_gauge("t_level", "Level.", "of"), "tank");
	struct buf b;

	(void)state;
	metric_set(c, NAN);
	b = exposition();
	assert_null(strstr(b.p, "t_level{"));
	buf_fini(&b);
	metric_set(c, 2);
	assert_exposed("t_level{of=\"tank\"} 2\n");
}

static void label_values_do_not_run_together(void **state)
{
	struct metric *m = metric_counter("t_pairs", "Pairs.", "a,b");

	(void)state;
	assert_ptr_not_equal(METRIC_CELL(m, "x", "yz"), METRIC_CELL(m, "xy", "z"));
	assert_ptr_equal(METRIC_CELL(m, "x", "yz"), METRIC_CELL(m, "x", "yz"));
}

static void a_name_is_registered_once(void **state)
{
	(void)state;
	assert_ptr_equal(metric_gauge("t_once", "Once.", NULL), metric_gauge("t_once", "Once.", NULL));
}

static void a_gauge_goes_both_ways(void **state)
{
	static const struct {
		double v;
		const char *line;
	} cases[] = {
		{ 0.1, "t_depth_bytes 0.1\n" },
		{ -3, "t_depth_bytes -3\n" },
		{ 1e21, "t_depth_bytes 1e+21\n" },
		{ 1.0 / 3, "t_depth_bytes 0.333333333333333" },
		{ 1.0 / 0.0, "t_depth_bytes +Inf\n" },
	};
	struct metric_cell *c = metric_with(metric_gauge("t_depth_bytes", "Depth.", NULL), NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		metric_set(c, cases[i].v);
		assert_exposed(cases[i].line);
	}
	metric_set(c, 5);
	metric_add(c, -7);
	assert_exposed("# TYPE t_depth_bytes gauge\n# UNIT t_depth_bytes bytes\n# HELP t_depth_bytes Depth.\n"
		       "t_depth_bytes -2\n");
}

static void a_histogram_is_cumulative(void **state)
{
	static const double bounds[] = { 0.005, 1, 2.5, -1 };
	struct metric *m = metric_histogram("t_wait_seconds", "Waits.", "op", bounds);
	struct metric_cell *c = METRIC_CELL(m, "x");

	(void)state;
	metric_observe(c, 0.005); /* on a bound is within it */
	metric_observe(c, 0.5);
	metric_observe(c, 2);
	metric_observe(c, 100);
	assert_exposed("# TYPE t_wait_seconds histogram\n# UNIT t_wait_seconds seconds\n# HELP t_wait_seconds Waits.\n"
		       "t_wait_seconds_bucket{op=\"x\",le=\"0.005\"} 1\n"
		       "t_wait_seconds_bucket{op=\"x\",le=\"1.0\"} 2\n"
		       "t_wait_seconds_bucket{op=\"x\",le=\"2.5\"} 3\n"
		       "t_wait_seconds_bucket{op=\"x\",le=\"+Inf\"} 4\n"
		       "t_wait_seconds_count{op=\"x\"} 4\n"
		       "t_wait_seconds_sum{op=\"x\"} 102.505\n");
}

static void families_stand_in_order_and_end_with_eof(void **state)
{
	struct buf b;

	(void)state;
	metric_counter("t_z_first", "1.", NULL);
	metric_counter("t_a_second", "2.", NULL);
	b = exposition();
	assert_true(strstr(b.p, "t_z_first_total") < strstr(b.p, "t_a_second_total"));
	assert_string_equal(b.p + b.n - 7, "# EOF\n");
	buf_fini(&b);
}

static void *count(void *cell)
{
	for (int i = 0; i < 20000; i++)
		metric_add(cell, 1);
	return NULL;
}

static void threads_lose_no_count(void **state)
{
	struct metric_cell *counter = metric_with(metric_counter("t_shared", "Shared.", NULL), NULL);
	struct metric_cell *gauge = metric_with(metric_gauge("t_shared_now", "Shared.", NULL), NULL);
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count, i % 2 ? counter : gauge), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(metric_value(counter), 40000);
	assert_exposed("t_shared_now 40000\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_counter_is_exposed_with_its_kind_and_help),
		cmocka_unit_test(children_are_exposed_by_their_labels),
		cmocka_unit_test(a_gauge_that_is_not_a_number_is_not_exposed),
		cmocka_unit_test(label_values_do_not_run_together),
		cmocka_unit_test(a_name_is_registered_once),
		cmocka_unit_test(a_gauge_goes_both_ways),
		cmocka_unit_test(a_histogram_is_cumulative),
		cmocka_unit_test(families_stand_in_order_and_end_with_eof),
		cmocka_unit_test(threads_lose_no_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
