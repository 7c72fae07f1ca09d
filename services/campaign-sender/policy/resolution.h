/* What is done next about a message of which it is unknown whether it was sent. Pure. */
#ifndef CAMPAIGN_SENDER_RESOLUTION_H
#define CAMPAIGN_SENDER_RESOLUTION_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/party.h"

enum unknown_policy { UNKNOWN_FAILS, UNKNOWN_IS_ASSUMED_SENT };

enum resolution {
	RESOLVE_WAIT, /* look again after delay_ms; a status or an echo may come */
	RESOLVE_LOOK_UP, /* ask the bridge; then again after delay_ms, if that says nothing */
	RESOLVE_BY_POLICY,
};
struct resolution_step {
	enum resolution what;
	int64_t delay_ms;
};

/* age_ms: since it is unknown. after_ms: unknown.after. Bridges of our own contract are asked for a day, 1 s to 5 min apart. */
struct resolution_step resolution_next(enum bridge_kind bridge, int64_t age_ms, int64_t after_ms);
/* of_campaign: otherwise single messages. category: of the template, "MARKETING", "UTILITY", "AUTHENTICATION"; absent: none
 * (instant). on_unknown: the campaign's own, "assume_sent", "fail" or absent. */
enum unknown_policy unknown_policy_of(bool of_campaign, struct str category, struct str on_unknown);

#endif
