/* How many messages an account may begin now: its rate by the second or minute, its hour, and for a bridge the gaps between
 * campaigns' messages and the warm-up of its number. What it uses of them is in the lane's row (store/send_lanes.h), so that
 * limits hold across kills and replicas. Pure: no clock, no I/O; the caller passes the time and the random numbers.
 *
 * Times are microseconds of the wall clock. */
#ifndef CAMPAIGN_SENDER_LIMITS_H
#define CAMPAIGN_SENDER_LIMITS_H

#include "pacing/gcra.h"
#include "store/send_lanes.h"
#include "json/json.h"

struct lane_limits {
	struct gcra_limit rate;
	int32_t per_hour; /* 0: no limit */
	int32_t max_in_flight; /* of a bridge 1, and one more for single messages */
	bool bridge;
	bool warmed; /* its number has been in use for long: no limit of new conversations */
};

struct limit_defaults {
	int32_t meta_per_second, bridge_per_minute, bridge_burst, bridge_per_hour;
};

/* The limits of an account: the defaults, overridden by metadata.sending {per_second, per_minute, per_hour, warmed}. Either rate
 * replaces the default one; with both, both hold. A member of another type or out of range counts as not set; no rate is above
 * LIMITS_PER_SECOND_MAX. sending: that object (sending_account.limits), may be NULL.
 *
 * No second, minute or hour, wherever it begins, has more messages than its limit: so the messages that may come at once are
 * part of it, and in the long run up to a sixteenth of Meta's rate is not used. */
#define LIMITS_PER_SECOND_MAX 1000
void limits_of(struct lane_limits *out, const struct limit_defaults *defaults, bool bridge, const json *sending);

/* How many messages may begin now; campaign: of campaigns, for which bridges have gaps. 0: *again_us is when there will be
 * one (INT64_MAX: never). Corrects state that is ahead of the clock. */
int32_t limits_room(struct send_lane *lane, const struct lane_limits *l, bool campaign, int64_t now_us,
	int64_t *again_us);
/* Whether one more new conversation fits into the bridge's warm-up today, a day of UTC; otherwise *again_us is when. Always
 * true of Meta and of a warmed number. */
bool limits_new_conversation(struct send_lane *lane, const struct lane_limits *l, int64_t now_us, int64_t *again_us);
/* A message was admitted; one for which there was no room (the limits have changed since) is counted, too.
 * new_conversation: with a recipient with which the account had none. random: in [0,1), three of them, for the gap, the run and
 * the break after it. typing_ms: shown before the message, and part of the gap. */
struct limit_use {
	bool campaign, new_conversation;
	int64_t typing_ms;
	double random[3];
};
void limits_take(struct send_lane *lane, const struct lane_limits *l, const struct limit_use *use, int64_t now_us);
/* How long a bridge shows that we type: 40 ms a character, 8 s at most. */
int64_t limits_typing_ms(size_t characters);

#endif
