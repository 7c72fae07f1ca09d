/* See health.h. Invariant: whatever the counts, the penalty is a number from 0 to PENALTY_MAX. */
#include "cleanup/policy/health.h"

#include <math.h>

#define HALF_LIFE_US (6.0 * 3600 * 1e6)
#define PENALTY_MAX  1000.0
#define SCORE_MAX    100.0

#define DISCONNECT_PENALTY 15.0
#define RESTORE_PENALTY    10.0
#define FAILURES_PENALTY   40.0 /* when every attempt failed */

static double not_negative(int64_t n)
{
	return n > 0 ? (double)n : 0;
}

static double failed_share(const struct health_deltas *d)
{
	if (d->attempts <= 0)
		return 0;
	return fmin(not_negative(d->failures) / (double)d->attempts, 1);
}

double health_penalty(double penalty, int64_t elapsed_us, const struct health_deltas *d)
{
	double kept = penalty > 0 ? penalty * exp2(-not_negative(elapsed_us) / HALF_LIFE_US) : 0; /* 0 of NaN, too */

	return fmin(kept + DISCONNECT_PENALTY * not_negative(d->disconnects) +
			RESTORE_PENALTY * not_negative(d->restores) + FAILURES_PENALTY * failed_share(d),
		PENALTY_MAX);
}

int16_t health_score(double penalty)
{
	return (int16_t)lround(SCORE_MAX - (penalty > 0 ? fmin(penalty, SCORE_MAX) : 0));
}
