/* campaign-sender/driver/command and schedule: what a command does in each state of its campaign, and when a campaign starts. */
#include "unit.h"

#include "campaign-sender/driver/command.h"
#include "campaign-sender/driver/schedule.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define AT_MS    INT64_C(1767225600000)

#define NO   COMMAND_NOT_ALLOWED
#define SAME COMMAND_CHANGES_NOTHING

/* Of a user, against a campaign that a user has paused. */
static const struct {
	enum campaign_status status;
	enum command_effect start, pause, resume, cancel, retry_failed;
} effects[] = {
	{ CAMPAIGN_DRAFT, COMMAND_STARTS, NO, NO, NO, NO },
	{ CAMPAIGN_SCHEDULED, SAME, COMMAND_PAUSES, SAME, COMMAND_CANCELS, NO },
	{ CAMPAIGN_RUNNING, SAME, COMMAND_PAUSES, SAME, COMMAND_CANCELS, NO },
	{ CAMPAIGN_PAUSED, NO, SAME, COMMAND_RESUMES, COMMAND_CANCELS, COMMAND_RETRIES },
	{ CAMPAIGN_COMPLETED, NO, NO, NO, NO, COMMAND_RETRIES },
	{ CAMPAIGN_CANCELLED, NO, NO, NO, SAME, NO },
	{ CAMPAIGN_FAILED, COMMAND_STARTS, NO, NO, NO, NO },
};

static struct campaign_row row_of(enum campaign_status status)
{
	return (struct campaign_row){ .status = status, .commanded_us = PG_NO_TIME, .prepared_us = 1 };
}

static struct campaign_command command_of(enum campaign_action action, const char *code)
{
	return (struct campaign_command){ .action = action, .code = str_of(code), .requested_at_ms = AT_MS };
}

static void assert_effect(const struct campaign_row *row, enum campaign_action action, const char *code,
	enum command_effect want)
{
	struct campaign_command c = command_of(action, code);
	enum command_effect got = command_effect_of(&c, row);

	if (got != want)
		fail_msg("%s of %s: %s, not %s", campaign_action_word(action), store_campaign_status_word(row->status),
			command_effect_word(got), command_effect_word(want));
}

static void each_state_allows_its_commands(void **state)
{
	(void)state;
	assert_int_equal(COUNT(effects), CAMPAIGN_STATUSES);
	for (size_t i = 0; i < COUNT(effects); i++) {
		struct campaign_row row = row_of(effects[i].status);

		assert_effect(&row, CAMPAIGN_START, NULL, effects[i].start);
		assert_effect(&row, CAMPAIGN_PAUSE, NULL, effects[i].pause);
		assert_effect(&row, CAMPAIGN_RESUME, NULL, effects[i].resume);
		assert_effect(&row, CAMPAIGN_CANCEL, NULL, effects[i].cancel);
		assert_effect(&row, CAMPAIGN_RETRY_FAILED, NULL, effects[i].retry_failed);
	}
}

static const struct {
	const char *name, *paused_by;
	enum campaign_action action;
	const char *code;
	enum command_effect want;
} pauses[] = {
	{ "a user's pause replaces one of campaign-sender", "132015", CAMPAIGN_PAUSE, NULL, COMMAND_PAUSES },
	{ "campaign-sender's pause keeps a user's", NULL, CAMPAIGN_PAUSE, "132015", SAME },
	{ "campaign-sender's pause keeps its first", "132015", CAMPAIGN_PAUSE, "131048", SAME },
	{ "campaign-sender resumes what it paused with that code", "132015", CAMPAIGN_RESUME, "132015",
		COMMAND_RESUMES },
	{ "not what it paused with another", "131048", CAMPAIGN_RESUME, "132015", SAME },
	{ "nor what a user paused", NULL, CAMPAIGN_RESUME, "132015", SAME },
	{ "a user resumes whatever the pause", "132015", CAMPAIGN_RESUME, NULL, COMMAND_RESUMES },
};

static void a_user_overrules_campaign_sender_and_not_the_reverse(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pauses); i++) {
		struct campaign_row row = row_of(CAMPAIGN_PAUSED);
		struct campaign_command c = command_of(pauses[i].action, pauses[i].code);

		row.pause_code = str_of(pauses[i].paused_by);
		if (command_effect_of(&c, &row) != pauses[i].want)
			fail_msg("%s", pauses[i].name);
	}
}

static void a_campaign_without_results_has_nothing_to_retry(void **state)
{
	struct campaign_row row = row_of(CAMPAIGN_PAUSED);

	(void)state;
	row.prepared_us = PG_NO_TIME;
	assert_effect(&row, CAMPAIGN_RETRY_FAILED, NULL, NO);
}

static void a_command_requested_before_the_last_one_is_outdated(void **state)
{
	struct campaign_row row = row_of(CAMPAIGN_RUNNING);

	(void)state;
	row.commanded_us = AT_MS * 1000;
	assert_effect(&row, CAMPAIGN_CANCEL, NULL, COMMAND_CANCELS);
	row.commanded_us = (AT_MS + 1) * 1000;
	assert_effect(&row, CAMPAIGN_CANCEL, NULL, COMMAND_OUTDATED);
	row.status = CAMPAIGN_PAUSED;
	assert_effect(&row, CAMPAIGN_RESUME, NULL, COMMAND_OUTDATED);
}

static void only_users_outdate_earlier_commands_and_never_later_ones(void **state)
{
	struct campaign_row row = row_of(CAMPAIGN_RUNNING);
	struct campaign_command by_user = command_of(CAMPAIGN_PAUSE, NULL), own = command_of(CAMPAIGN_PAUSE, "132015");

	(void)state;
	assert_int_equal(command_commanded_us(&by_user, &row, (AT_MS + 5) * 1000), AT_MS * 1000);
	assert_int_equal(command_commanded_us(&by_user, &row, (AT_MS - 5) * 1000), (AT_MS - 5) * 1000);
	assert_true(command_commanded_us(&own, &row, (AT_MS + 5) * 1000) == PG_NO_TIME);
}

static void a_schedule_is_kept_up_to_the_misfire(void **state)
{
	(void)state;
	assert_int_equal(schedule_at(1, 1000), SCHEDULE_WAITS);
	assert_int_equal(schedule_at(0, 1000), SCHEDULE_IS_DUE);
	assert_int_equal(schedule_at(-1000, 1000), SCHEDULE_IS_DUE);
	assert_int_equal(schedule_at(-1001, 1000), SCHEDULE_WAS_MISSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_state_allows_its_commands),
		cmocka_unit_test(a_user_overrules_campaign_sender_and_not_the_reverse),
		cmocka_unit_test(a_campaign_without_results_has_nothing_to_retry),
		cmocka_unit_test(a_command_requested_before_the_last_one_is_outdated),
		cmocka_unit_test(only_users_outdate_earlier_commands_and_never_later_ones),
		cmocka_unit_test(a_schedule_is_kept_up_to_the_misfire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
