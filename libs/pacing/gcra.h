/* A rate limit whose whole state is one timestamp (GCRA, the generic cell rate algorithm: ITU-T I.371), so that it is
 * kept in one column of a row and holds across restarts and replicas. Pure: no clock, no I/O.
 *
 * The timestamp is when the burst will be available in full again: each use moves it by one interval, beginning at the present if
 * it has passed. Hence, with a clock that only moves forward, every window of time, wherever it begins, has at most
 * burst + window / interval uses.
 *
 * Times are microseconds of the wall clock, since they are compared by several replicas. When the clock jumps back, or a
 * faster limit is set, the timestamp is further ahead than a burst; gcra_room() then moves it to where an empty burst has it.
 */
#ifndef PACING_GCRA_H
#define PACING_GCRA_H

#include <stdint.h>

struct gcra_limit {
	int64_t interval_us; /* between two uses in the long run; 0: no limit */
	int32_t burst; /* uses that may come at once, at least 1 */
};

#define GCRA_BURST_MAX 100000

/* `uses` in each window of time. A fraction counts: half a use per second is one in two seconds. The interval is rounded up, so that
 * the rate is never above what was asked for; below one use a day it is one use a day. uses not above 0: no limit. The burst is
 * brought into 1 to GCRA_BURST_MAX. */
struct gcra_limit gcra_limit_of(double uses, int64_t window_us, int32_t burst);
/* A limit under which both hold: the longer interval and the smaller burst. */
struct gcra_limit gcra_limit_both(struct gcra_limit a, struct gcra_limit b);

/* How many uses are allowed now; INT32_MAX without a limit. 0: *again_us is when there will be one. *at_us is the state;
 * 0: never used. */
int32_t gcra_room(int64_t *at_us, struct gcra_limit limit, int64_t now_us, int64_t *again_us);
/* n uses, at most gcra_room() at the same time. */
void gcra_take(int64_t *at_us, struct gcra_limit limit, int32_t n, int64_t now_us);

#endif
