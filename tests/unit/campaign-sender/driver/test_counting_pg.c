/* The driver against PostgreSQL: counters, completion, and failed rows that are sent again. */
#include "unit.h"

#include "driving.h"

/* A lane has sent three of the recipients, of which one failed and kept its content. */
#define RESULTS \
	"UPDATE sends SET status = CASE address WHEN '628112' THEN 'failed' ELSE 'sent' END, next_attempt_at = NULL," \
	" request = CASE address WHEN '628112' THEN request END, error_code = CASE address WHEN '628112' THEN '131026' END WHERE status = 'pending';" \
	"INSERT INTO campaign_counts (workspace_id, campaign_id, source, slot, sent, failed) VALUES (1, 1, 'lane', 5, 2, 1);" \
	"UPDATE campaign_segments SET done = true, cursor_id = (SELECT max(id) FROM sends)"
#define MISCOUNTED \
	"SELECT count(*) FROM (SELECT sum(recipients), sum(sent), sum(failed), sum(skipped) FROM campaign_counts WHERE campaign_id = 1 EXCEPT" \
	" SELECT count(*), count(*) FILTER (WHERE status = 'sent'), count(*) FILTER (WHERE status = 'failed')," \
	" count(*) FILTER (WHERE status = 'skipped') FROM sends WHERE campaign_id = 1) AS d"

static void run_to_the_end(void)
{
	user(CAMPAIGN_START);
	driving_steps();
	db_script(RESULTS);
	driving_sweep();
}

static void progress_is_published_when_it_has_changed(void **state)
{
	(void)state;
	user(CAMPAIGN_START);
	driving_sweep();
	assert_string_equal(on.published, "");
	driving_step(true);
	driving_sweep();
	assert_string_equal(on.published, "progress");
	assert_campaign("recipients || ':' || messages_skipped", "2:1");
	driving_sweep();
	assert_string_equal(on.published, "");
}

static void a_campaign_is_completed_when_each_recipient_has_ended(void **state)
{
	(void)state;
	user(CAMPAIGN_START);
	driving_steps();
	driving_sweep();
	assert_campaign("status", "running");
	db_script(RESULTS);
	driving_sweep();
	assert_string_equal(on.published, "progress completed");
	assert_campaign("status || ':' || messages_sent || ':' || messages_failed || ':' || messages_skipped",
		"completed:2:1:3");
	driving_sweep();
	assert_string_equal(on.published, "");
}

static void a_paused_campaign_is_not_completed(void **state)
{
	(void)state;
	user(CAMPAIGN_START);
	driving_steps();
	user(CAMPAIGN_PAUSE);
	db_script(RESULTS);
	driving_sweep();
	assert_string_equal(on.published, "progress");
	assert_campaign("status", "paused");
	user(CAMPAIGN_RESUME);
	driving_sweep();
	assert_string_equal(on.published, "completed");
}

static void statuses_count_after_the_end_also_for_a_new_owner(void **state)
{
	(void)state;
	run_to_the_end();
	driver_lost(on.driver);
	db_script(
		"INSERT INTO campaign_counts (workspace_id, campaign_id, source, slot, delivered) VALUES (1, 1, 'status', 5, 1)");
	driving_sweep();
	assert_string_equal(on.published, "progress");
	assert_campaign("messages_delivered", "1");
	db_script("UPDATE campaigns SET completed_at = now() - interval '8 days';"
		  "UPDATE campaign_counts SET delivered = 2 WHERE source = 'status'");
	driver_lost(on.driver);
	driving_sweep();
	assert_string_equal(on.published, "");
}

static void retry_failed_runs_again_what_was_completed(void **state)
{
	(void)state;
	run_to_the_end();
	assert_campaign("status", "completed");
	assert_int_equal(user(CAMPAIGN_RETRY_FAILED), OUTCOME_APPLIED);
	assert_string_equal(on.published, "resumed");
	driving_sweep(); /* which does not complete it before the failed rows are due */
	assert_campaign("status || ':' || (completed_at IS NULL)", "running:true");
	driving_step(false);
	driver_lost(on.driver); /* a new owner goes on */
	assert_int_equal(driving_steps(), 2);
	assert_text(
		"SELECT address || ':' || status || ':' || generation || ':' || (next_attempt_at <= now()) FROM sends WHERE generation > 0",
		"628112:pending:1:true");
	assert_int_equal(db_i64("SELECT count(*) FROM campaign_segments WHERE NOT done"), 1);
	assert_int_equal(db_i64(MISCOUNTED), 0);
	driving_sweep();
	assert_campaign("status || ':' || audience_cursor || ':' || messages_failed", "running::0");
}

static void retry_failed_of_a_paused_campaign_waits_for_its_resume(void **state)
{
	(void)state;
	user(CAMPAIGN_START);
	assert_int_equal(user(CAMPAIGN_RETRY_FAILED), OUTCOME_NO_EFFECT);
	user(CAMPAIGN_PAUSE);
	assert_int_equal(user(CAMPAIGN_RETRY_FAILED), OUTCOME_NO_EFFECT); /* its audience is being written */
	user(CAMPAIGN_RESUME);
	driving_steps();
	db_script(RESULTS);
	user(CAMPAIGN_PAUSE);
	assert_int_equal(user(CAMPAIGN_RETRY_FAILED), OUTCOME_APPLIED);
	assert_string_equal(on.published, "");
	assert_int_equal(driving_steps(), 2);
	assert_campaign("status", "paused");
	assert_int_equal(db_i64("SELECT count(*) FROM sends WHERE status = 'pending'"), 1);
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

static void a_command_wakes_the_sweep(void **state)
{
	(void)state;
	driving_sweep();
	assert_false(driver_wants_step(on.driver));
	user(CAMPAIGN_START);
	assert_true(driver_wants_step(on.driver));
	driving_sweep();
	assert_false(driver_wants_step(on.driver));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(progress_is_published_when_it_has_changed, driving_empty),
		cmocka_unit_test_setup(a_campaign_is_completed_when_each_recipient_has_ended, driving_empty),
		cmocka_unit_test_setup(a_paused_campaign_is_not_completed, driving_empty),
		cmocka_unit_test_setup(statuses_count_after_the_end_also_for_a_new_owner, driving_empty),
		cmocka_unit_test_setup(retry_failed_runs_again_what_was_completed, driving_empty),
		cmocka_unit_test_setup(retry_failed_of_a_paused_campaign_waits_for_its_resume, driving_empty),
		cmocka_unit_test_setup(a_command_wakes_the_sweep, driving_empty),
	};

	return cmocka_run_group_tests(tests, driving_start, driving_stop);
}
