/* See resolution.h. */
#include "campaign-sender/policy/resolution.h"

#define SECOND_MS    INT64_C(1000)
#define LOOK_UP_MIN  SECOND_MS
#define LOOK_UP_MAX  (300 * SECOND_MS)
#define LOOK_UPS_END (86400 * SECOND_MS) /* a bridge keeps a client_message_id for longer than this */

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

struct resolution_step resolution_next(enum bridge_kind bridge, int64_t age_ms, int64_t after_ms)
{
	bool answers = bridge == BRIDGE_BLAZZ;
	int64_t end_ms = answers ? LOOK_UPS_END : after_ms;

	if (age_ms < 0) /* the clock has jumped back */
		age_ms = 0;
	if (age_ms >= end_ms)
		return (struct resolution_step){ .what = RESOLVE_BY_POLICY };
	if (!answers)
		return (struct resolution_step){ RESOLVE_WAIT, end_ms - age_ms };
	/* The next look-up after as long again as it has been unknown: so they are 1, 2, 4, ... s apart. */
	return (struct resolution_step){ RESOLVE_LOOK_UP,
		least(age_ms < LOOK_UP_MIN ? LOOK_UP_MIN : least(age_ms, LOOK_UP_MAX), end_ms - age_ms) };
}

enum unknown_policy unknown_policy_of(bool of_campaign, struct str category, struct str on_unknown)
{
	if (!of_campaign || str_is(on_unknown, "fail"))
		return UNKNOWN_FAILS;
	if (str_is(on_unknown, "assume_sent"))
		return UNKNOWN_IS_ASSUMED_SENT;
	return str_is(category, "AUTHENTICATION") || str_is(category, "UTILITY") ? UNKNOWN_FAILS
										 : UNKNOWN_IS_ASSUMED_SENT;
}
