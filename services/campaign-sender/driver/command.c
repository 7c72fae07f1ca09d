/* See command.h. Source: README.md, Commands. */
#include "campaign-sender/driver/command.h"

#define ACTIONS (CAMPAIGN_RETRY_FAILED + 1)

/* What is missing is not allowed. */
static const enum command_effect effects[CAMPAIGN_STATUSES][ACTIONS] = {
	[CAMPAIGN_DRAFT] = { [CAMPAIGN_START] = COMMAND_STARTS },
	[CAMPAIGN_SCHEDULED] = { [CAMPAIGN_START] = COMMAND_CHANGES_NOTHING,
		[CAMPAIGN_PAUSE] = COMMAND_PAUSES,
		[CAMPAIGN_RESUME] = COMMAND_CHANGES_NOTHING,
		[CAMPAIGN_CANCEL] = COMMAND_CANCELS },
	[CAMPAIGN_RUNNING] = { [CAMPAIGN_START] = COMMAND_CHANGES_NOTHING,
		[CAMPAIGN_PAUSE] = COMMAND_PAUSES,
		[CAMPAIGN_RESUME] = COMMAND_CHANGES_NOTHING,
		[CAMPAIGN_CANCEL] = COMMAND_CANCELS },
	[CAMPAIGN_PAUSED] = { [CAMPAIGN_PAUSE] = COMMAND_PAUSES,
		[CAMPAIGN_RESUME] = COMMAND_RESUMES,
		[CAMPAIGN_CANCEL] = COMMAND_CANCELS,
		[CAMPAIGN_RETRY_FAILED] = COMMAND_RETRIES },
	[CAMPAIGN_COMPLETED] = { [CAMPAIGN_RETRY_FAILED] = COMMAND_RETRIES },
	[CAMPAIGN_CANCELLED] = { [CAMPAIGN_CANCEL] = COMMAND_CHANGES_NOTHING },
	[CAMPAIGN_FAILED] = { [CAMPAIGN_START] = COMMAND_STARTS },
};

bool command_is_of_user(const struct campaign_command *c)
{
	return c->code.n == 0;
}

/* A pause without a code is a user's. A user's PAUSE replaces one of campaign-sender, so that its RESUME finds another
 * code; the reverse keeps the user's. */
static enum command_effect effect_when_paused(const struct campaign_command *c, const struct campaign_row *row)
{
	bool by_user = row->pause_code.n == 0;

	if (c->action == CAMPAIGN_PAUSE)
		return command_is_of_user(c) && !by_user ? COMMAND_PAUSES : COMMAND_CHANGES_NOTHING;
	if (c->action == CAMPAIGN_RESUME && !command_is_of_user(c) && !str_eq(c->code, row->pause_code))
		return COMMAND_CHANGES_NOTHING;
	if (c->action == CAMPAIGN_RETRY_FAILED && row->prepared_us == PG_NO_TIME)
		return COMMAND_NOT_ALLOWED; /* nothing was sent yet */
	return effects[CAMPAIGN_PAUSED][c->action];
}

enum command_effect command_effect_of(const struct campaign_command *c, const struct campaign_row *row)
{
	if (row->commanded_us != PG_NO_TIME && c->requested_at_ms * 1000 + 999 < row->commanded_us)
		return COMMAND_OUTDATED;
	if (row->status == CAMPAIGN_PAUSED)
		return effect_when_paused(c, row);
	return effects[row->status][c->action];
}

int64_t command_commanded_us(const struct campaign_command *c, const struct campaign_row *row, int64_t now_us)
{
	int64_t at = c->requested_at_ms * 1000;

	if (!command_is_of_user(c))
		return row->commanded_us;
	if (at > now_us)
		at = now_us;
	return row->commanded_us != PG_NO_TIME && row->commanded_us > at ? row->commanded_us : at;
}

const char *command_effect_word(enum command_effect e)
{
	static const char *const words[] = { "not_allowed", "changes_nothing", "outdated", "starts", "pauses",
		"resumes", "cancels", "retries" };

	return words[e];
}
