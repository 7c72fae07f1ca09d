/* What a command does in the state that its campaign is in. Pure.
 *
 *   draft, failed --START--> scheduled --due--> running <--RESUME, PAUSE--> paused --CANCEL--> cancelled
 *                                                  |  ^
 *                                                  v  +--RETRY_FAILED--+
 *                                               completed -------------+
 *
 * A command that has a code comes from campaign-sender itself: it never overrules what a person has commanded. */
#ifndef CAMPAIGN_SENDER_COMMAND_H
#define CAMPAIGN_SENDER_COMMAND_H

#include "store/campaigns.h"
#include "wire/outbound.h"

enum command_effect {
	COMMAND_NOT_ALLOWED, /* in this state */
	COMMAND_CHANGES_NOTHING,
	COMMAND_OUTDATED, /* requested before the last one that was applied */
	COMMAND_STARTS,
	COMMAND_PAUSES,
	COMMAND_RESUMES,
	COMMAND_CANCELS,
	COMMAND_RETRIES,
};
enum command_effect command_effect_of(const struct campaign_command *c, const struct campaign_row *row);
/* Whether a person or a program of the tenant requested it. */
bool command_is_of_user(const struct campaign_command *c);
/* The row's commanded_at after the command. Commands of campaign-sender itself do not move it: else one would outdate a
 * user's CANCEL that was requested a moment before. Never later than now: a clock that is ahead must not block later
 * commands. */
int64_t command_commanded_us(const struct campaign_command *c, const struct campaign_row *row, int64_t now_us);
/* For logs. */
const char *command_effect_word(enum command_effect e);

#endif
