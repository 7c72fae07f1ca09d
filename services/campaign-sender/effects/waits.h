/* How long accounts that share a limit of Meta's (of a WABA, of an app) wait after it was reached: 60 s, doubling to 15 min while it is reached again
 * soon after. In memory, for one replica. Pure.
 *
 * Times are microseconds of the wall clock. */
#ifndef CAMPAIGN_SENDER_WAITS_H
#define CAMPAIGN_SENDER_WAITS_H

#include <stdint.h>

#include "base/str.h"

#define WAIT_FIRST_MS (60 * 1000)
#define WAIT_MAX_MS   (15 * 60 * 1000)

struct scope_waits;

struct scope_waits *scope_waits_new(void);
void scope_waits_free(struct scope_waits *w); /* accepts NULL */
/* The limit of this scope was reached; returns when its accounts may send again. Answers to requests that were in flight when the wait
 * began do not prolong it. A limit that is reached within WAIT_MAX_MS after a wait doubles it. w may be NULL: each wait is the first. */
int64_t scope_waits_until(struct scope_waits *w, struct str scope, int64_t at_us);

#endif
