/* The driver against PostgreSQL: commands and schedules, and every reason for which a campaign does not start. */
#include "unit.h"

#include "driving.h"

static void an_unknown_campaign_is_a_dead_letter(void **state)
{
	(void)state;
	assert_int_equal(command(OTHER, CAMPAIGN_START, NULL, clock_now_ms()), OUTCOME_DEAD_LETTERED);
	assert_int_equal(on.dead, 1);
	db_script("UPDATE campaigns SET deleted_at = now()");
	assert_int_equal(user(CAMPAIGN_START), OUTCOME_DEAD_LETTERED);
}

static void a_command_has_its_effect_once(void **state)
{
	(void)state;
	assert_int_equal(user(CAMPAIGN_PAUSE), OUTCOME_NO_EFFECT);
	assert_string_equal(on.published, "");
	assert_int_equal(user(CAMPAIGN_START), OUTCOME_APPLIED);
	assert_int_equal(user(CAMPAIGN_START), OUTCOME_NO_EFFECT);
	assert_int_equal(user(CAMPAIGN_PAUSE), OUTCOME_APPLIED);
	assert_int_equal(user(CAMPAIGN_PAUSE), OUTCOME_NO_EFFECT);
	assert_campaign("status", "paused");
	assert_int_equal(user(CAMPAIGN_CANCEL), OUTCOME_APPLIED);
	assert_string_equal(on.published, "cancelled");
	assert_campaign("status || ':' || (completed_at IS NOT NULL)", "cancelled:true");
	assert_int_equal(user(CAMPAIGN_RESUME), OUTCOME_NO_EFFECT);
}

static void an_outdated_command_has_no_effect(void **state)
{
	int64_t now = clock_now_ms();

	(void)state;
	user(CAMPAIGN_START);
	assert_int_equal(command(CAMPAIGN, CAMPAIGN_CANCEL, NULL, now - 1000), OUTCOME_NO_EFFECT);
	assert_campaign("status", "running");
}

static void a_pause_of_campaign_sender_has_code_and_reason(void **state)
{
	int64_t now = clock_now_ms();

	(void)state;
	command(CAMPAIGN, CAMPAIGN_START, NULL, now - 3000);
	assert_int_equal(command(CAMPAIGN, CAMPAIGN_PAUSE, "132015", now), OUTCOME_APPLIED);
	assert_string_equal(on.published, "paused:132015");
	assert_string_equal(on.reason, "because");
	assert_campaign("pause_code || ':' || pause_reason", "132015:because");
	assert_int_equal(command(CAMPAIGN, CAMPAIGN_PAUSE, NULL, now - 1000), OUTCOME_APPLIED);
	assert_campaign("pause_code IS NULL", "true");
	assert_int_equal(command(CAMPAIGN, CAMPAIGN_RESUME, "132015", now), OUTCOME_NO_EFFECT);
	assert_int_equal(user(CAMPAIGN_RESUME), OUTCOME_APPLIED);
	assert_campaign("status || ':' || (pause_reason IS NULL)", "running:true");
}

#define TEMPLATE(status) \
	"INSERT INTO templates (workspace_id, id, account_id, provider_template_id, name, language, category, status, components) VALUES" \
	" (1, 1, 4, 'p', 't', 'id', 'MARKETING', " status ", '[{\"type\": \"BODY\", \"text\": \"Hello {{1}}\"}]');" \
	"UPDATE campaigns SET campaign_type = 'template', template_id = 1, preferred_provider = 'meta', body_text = NULL," \
	" template_parameters = '[{\"type\": \"body\", \"parameters\": [{\"type\": \"text\", \"text\": \"{{var.day}}\"}]}]'"

static const struct {
	const char *change, *why;
} reasons[] = {
	{ "UPDATE whatsapp_accounts SET status = 'disconnected' WHERE provider_type = 'webjs'",
		"the workspace has no account of provider webjs that can be used" },
	{ "UPDATE campaigns SET account_id = 2; UPDATE whatsapp_accounts SET desired_state = 'disconnected' WHERE id = 2",
		"the account cannot be used: not_desired" },
	{ "UPDATE campaigns SET body_text = 'Hi {{contact.nickname}}'", "body: " },
	{ "UPDATE campaigns SET body_text = NULL", "the message has no text" },
	{ "UPDATE campaigns SET audience = '{}'", "audience: it names no group" },
	{ "UPDATE campaigns SET audience = '{}', contact_group_id = 1; UPDATE contact_groups SET deleted_at = now()",
		"audience: its group does not exist" },
	{ "UPDATE campaigns SET audience = '{\"groups\": [\"" OTHER "\"]}'",
		"audience: group " OTHER " does not exist" },
	{ "UPDATE campaigns SET audience = '{\"group\": \"" GROUP_A "\"}'", "audience: unknown member \"group\"" },
	{ "UPDATE campaigns SET audience = '{\"groups\": [\"" GROUP_C "\"]}'", "audience: it is empty" },
	{ "DELETE FROM contact_group_members WHERE address NOT IN ('628111', '628113')",
		"audience: none of the 2 recipients can be sent to: opted_out 1, missing_variable (var.day) 1" },
	{ TEMPLATE("'PENDING'"),
		"template t: account 00000000-0000-4000-8000-000000000014: its status is PENDING, not APPROVED" },
	{ TEMPLATE("'APPROVED'") "; UPDATE campaigns SET template_parameters = NULL", "body" },
	{ TEMPLATE("'APPROVED'") "; UPDATE campaigns SET preferred_provider = 'webjs'",
		"templates can be sent through Meta only" },
};

/* Those of the first chunk have stopped; one behind them has not. */
static void a_campaign_starts_though_its_first_recipients_are_skipped(void **state)
{
	(void)state;
	db_script(
		"INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) VALUES (1, 10, 'all', now())");
	assert_int_equal(user(CAMPAIGN_START), OUTCOME_APPLIED);
	assert_string_equal(on.published, "started");
}

/* Every reason is in the row and in the event; once it is gone, START starts. */
static void each_reason_not_to_start_is_named(void **state)
{
	for (size_t i = 0; i < COUNT(reasons); i++) {
		driving_empty(state);
		on.settings.campaign_chunk = 100;
		db_script(reasons[i].change);
		assert_int_equal(user(CAMPAIGN_START), OUTCOME_APPLIED);
		assert_string_equal(on.published, "failed:not_valid");
		if (!strstr(on.reason, reasons[i].why))
			fail_msg("%s: %s", reasons[i].why, on.reason);
		assert_campaign("status || ':' || (started_at IS NULL)", "failed:true");
		assert_campaign("error_message", on.reason);
		assert_int_equal(db_i64("SELECT count(*) FROM campaign_segments"), 0);
	}
}

static void several_reasons_are_named_together_and_can_be_corrected(void **state)
{
	(void)state;
	db_script("UPDATE campaigns SET audience = '{}', body_text = NULL");
	user(CAMPAIGN_START);
	assert_campaign("error_message", "audience: it names no group; the message has no text");
	db_script("UPDATE campaigns SET audience = '{\"groups\": [\"" GROUP_A "\"]}', body_text = 'x'");
	assert_int_equal(user(CAMPAIGN_START), OUTCOME_APPLIED);
	assert_string_equal(on.published, "started");
	assert_campaign("status || ':' || (error_message IS NULL)", "running:true");
}

/* Faults of the content do not hide those of the audience. */
static void faults_of_content_and_audience_are_named_together(void **state)
{
	(void)state;
	db_script("UPDATE campaigns SET body_text = NULL, audience = '{\"groups\": [\"" GROUP_C "\"]}'");
	user(CAMPAIGN_START);
	assert_campaign("error_message", "the message has no text; audience: it is empty");
	driving_empty(state);
	db_script("UPDATE campaigns SET body_text = NULL; DELETE FROM contact_group_members WHERE address <> '628111'");
	user(CAMPAIGN_START);
	assert_campaign("error_message",
		"the message has no text; audience: none of the 1 recipients can be sent to: opted_out 1");
	driving_empty(state);
	db_script(TEMPLATE("'PENDING'") "; UPDATE campaigns SET audience = '{\"groups\": [\"" GROUP_C "\"]}'");
	user(CAMPAIGN_START);
	assert_campaign("error_message LIKE 'template t: %; audience: it is empty'", "true");
}

static void the_other_provider_is_used_where_it_is_allowed(void **state)
{
	(void)state;
	db_script(
		"UPDATE whatsapp_accounts SET status = 'disconnected' WHERE provider_type = 'webjs';"
		"UPDATE campaigns SET allow_other_provider = true, audience = '{\"all\": true}', body_text = 'x';"
		"INSERT INTO conversations (workspace_id, account_id, contact_id, last_inbound_at) SELECT 1, 4, g, now() FROM generate_series(10, 12) g");
	assert_int_equal(user(CAMPAIGN_START), OUTCOME_APPLIED);
	assert_string_equal(on.published, "started");
	assert_int_equal(db_i64("SELECT account_id FROM campaign_segments"), 4);
}

static void a_campaign_waits_for_its_schedule(void **state)
{
	(void)state;
	db_script("UPDATE campaigns SET scheduled_at = now() + interval '1 hour'");
	user(CAMPAIGN_START);
	assert_string_equal(on.published, "");
	assert_campaign("status || ':' || (started_at IS NULL)", "scheduled:true");
	driving_sweep();
	assert_false(driving_step(true));
	assert_int_equal(db_i64("SELECT count(*) FROM campaign_segments"), 0);
	user(CAMPAIGN_PAUSE);
	user(CAMPAIGN_RESUME);
	assert_campaign("status", "scheduled");
	user(CAMPAIGN_CANCEL);
	driving_sweep();
	assert_campaign("status", "cancelled");
}

/* Its time comes: the row is changed behind the trigger's back. */
static void time_passes(const char *scheduled_at)
{
	char sql[200];

	execute(db.admin, "ALTER TABLE campaigns DISABLE TRIGGER check_change");
	snprintf(sql, sizeof(sql), "UPDATE campaigns SET scheduled_at = %s", scheduled_at);
	execute(db.admin, sql);
	execute(db.admin, "ALTER TABLE campaigns ENABLE TRIGGER check_change");
	driver_lost(on.driver);
}

static void a_scheduled_campaign_starts_when_it_is_due(void **state)
{
	(void)state;
	db_script("UPDATE campaigns SET scheduled_at = now() + interval '1 hour'");
	user(CAMPAIGN_START);
	time_passes("now() - interval '59 minutes'");
	driving_sweep();
	assert_string_equal(on.published, "started");
	assert_campaign("status || ':' || (started_at IS NOT NULL)", "running:true");
	assert_int_equal(driving_steps(), 4);
}

static void a_scheduled_campaign_is_validated_again(void **state)
{
	(void)state;
	db_script("UPDATE campaigns SET scheduled_at = now() + interval '1 hour'");
	user(CAMPAIGN_START);
	db_script("UPDATE contact_groups SET deleted_at = now()");
	time_passes("now()");
	driving_sweep();
	assert_string_equal(on.published, "failed:not_valid");
	assert_campaign("status", "failed");
}

static void a_missed_schedule_waits_for_a_person(void **state)
{
	(void)state;
	db_script("UPDATE campaigns SET scheduled_at = now() + interval '1 hour'");
	user(CAMPAIGN_START);
	time_passes("now() - interval '61 minutes'");
	driving_sweep();
	assert_string_equal(on.published, "paused:missed_schedule");
	assert_campaign("status || ':' || pause_code", "paused:missed_schedule");
	assert_int_equal(user(CAMPAIGN_RESUME), OUTCOME_APPLIED);
	assert_string_equal(on.published, "started");
	assert_int_equal(driving_steps(), 4);
}

static void a_campaign_whose_time_has_passed_starts_on_command(void **state)
{
	(void)state;
	db_script("UPDATE campaigns SET scheduled_at = now() - interval '1 day'");
	assert_int_equal(user(CAMPAIGN_START), OUTCOME_APPLIED);
	assert_campaign("status", "running");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_unknown_campaign_is_a_dead_letter, driving_empty),
		cmocka_unit_test_setup(a_command_has_its_effect_once, driving_empty),
		cmocka_unit_test_setup(an_outdated_command_has_no_effect, driving_empty),
		cmocka_unit_test_setup(a_pause_of_campaign_sender_has_code_and_reason, driving_empty),
		cmocka_unit_test_setup(a_campaign_starts_though_its_first_recipients_are_skipped, driving_empty),
		cmocka_unit_test_setup(each_reason_not_to_start_is_named, driving_empty),
		cmocka_unit_test_setup(several_reasons_are_named_together_and_can_be_corrected, driving_empty),
		cmocka_unit_test_setup(faults_of_content_and_audience_are_named_together, driving_empty),
		cmocka_unit_test_setup(the_other_provider_is_used_where_it_is_allowed, driving_empty),
		cmocka_unit_test_setup(a_campaign_waits_for_its_schedule, driving_empty),
		cmocka_unit_test_setup(a_scheduled_campaign_starts_when_it_is_due, driving_empty),
		cmocka_unit_test_setup(a_scheduled_campaign_is_validated_again, driving_empty),
		cmocka_unit_test_setup(a_missed_schedule_waits_for_a_person, driving_empty),
		cmocka_unit_test_setup(a_campaign_whose_time_has_passed_starts_on_command, driving_empty),
	};

	return cmocka_run_group_tests(tests, driving_start, driving_stop);
}
