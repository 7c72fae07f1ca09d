/* When the results of a campaign stop it: 5 of its first 10, or over half of its last 50, have failed with one code. Kept for
 * each segment, in memory. Pure. */
#ifndef CAMPAIGN_SENDER_STOPPER_H
#define CAMPAIGN_SENDER_STOPPER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define STOPPER_FIRST 10
#define STOPPER_LAST  50

/* Zeroed: no results yet. */
struct stopper {
	uint32_t codes[STOPPER_LAST]; /* hashes; 0: it succeeded */
	uint32_t n; /* results so far, up to UINT32_MAX */
};

/* Adds a result; code: absent when it succeeded, or failed in a way that never stops a campaign. True: the campaign is to be paused. */
bool stopper_add(struct stopper *s, struct str code);
/* Percent of the last results (at most STOPPER_LAST) that have this code. */
int stopper_share(const struct stopper *s, struct str code);
/* Whether it is more than `percent`, of STOPPER_LAST results. */
bool stopper_is_over(const struct stopper *s, struct str code, int percent);

#endif
