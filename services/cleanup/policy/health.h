/* The health of an account: 100 minus a penalty that halves every six hours. Pure. Source: README.md, Health. */
#ifndef CLEANUP_HEALTH_H
#define CLEANUP_HEALTH_H

#include <stdint.h>

struct health_deltas {
	int64_t disconnects, restores; /* since the last time */
	int64_t attempts, failures; /* of sending */
};

/* The penalty after elapsed_us: halved for every six hours, plus 15 a disconnect, 10 a restore and 40 times the share of
 * failed attempts. Negative times and counts are taken as 0, and it never exceeds 1,000. */
double health_penalty(double penalty, int64_t elapsed_us, const struct health_deltas *d);
int16_t health_score(double penalty); /* 0 to 100 */

#endif
