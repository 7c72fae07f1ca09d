/* Label values of campaign-sender's metrics, and gauges whose reason has gone. */
#include "unit.h"

#include <string.h>

#include "campaign-sender/stats.h"
#include "metrics/metrics.h"

static struct buf page;

static int setup(void **state)
{
	(void)state;
	buf_clear(&page);
	return 0;
}

static void assert_line(const char *line)
{
	buf_clear(&page);
	metrics_write(&page);
	buf_add_char(&page, '\0');
	if (!strstr(page.p, line))
		fail_msg("no line %s in\n%s", line, page.p);
}

static void reasons_of_skips_come_from_a_closed_set(void **state)
{
	(void)state;
	stats_skipped(STR("opted_out"), 3);
	stats_skipped(STR("anything"), 1);
	assert_line("blazz_send_skipped_total{reason=\"opted_out\"} 3\n");
	assert_line("blazz_send_skipped_total{reason=\"other\"} 1\n");
}

static void pauses_are_counted_by_what_caused_them(void **state)
{
	(void)state;
	stats_paused(STR_NONE);
	stats_paused(STR("no_active_account"));
	stats_paused(STR("131049"));
	assert_line("blazz_campaign_paused_total{code=\"user\"} 1\n");
	assert_line("blazz_campaign_paused_total{code=\"no_active_account\"} 1\n");
	assert_line("blazz_campaign_paused_total{code=\"provider\"} 1\n");
}

static void a_reason_without_a_held_account_keeps_a_gauge_of_0(void **state)
{
	struct stats_gauges g = { .in_flight = 0 };

	(void)state;
	stats_hold_add(&g, "token_invalid");
	stats_hold_add(&g, "token_invalid");
	stats_gauges(&g);
	assert_line("blazz_send_held{reason=\"token_invalid\"} 2\n");
	stats_gauges(&(struct stats_gauges){ .in_flight = 0 });
	assert_line("blazz_send_held{reason=\"token_invalid\"} 0\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(reasons_of_skips_come_from_a_closed_set, setup),
		cmocka_unit_test_setup(pauses_are_counted_by_what_caused_them, setup),
		cmocka_unit_test_setup(a_reason_without_a_held_account_keeps_a_gauge_of_0, setup),
	};
	int rc;

	stats_init();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	buf_fini(&page);
	return rc;
}
