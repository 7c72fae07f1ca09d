/* A limit of uses per hour, counted by the minute so that it fits into an array in a row. Pure: no clock, no I/O.
 *
 * A minute counts until it is wholly more than an hour ago. So with a clock that only moves forward, no window of an hour,
 * wherever it begins, has more uses than the limit; up to a minute longer than necessary is waited.
 *
 * Times are microseconds of the wall clock. When the clock jumps back, what was counted last counts as used in the
 * present minute.
 */
#ifndef PACING_HOURLY_H
#define PACING_HOURLY_H

#include <stdint.h>

#define HOURLY_MINUTES 61 /* the present one and an hour */

/* Zeroed: never used. */
struct hourly {
	int64_t minute; /* since the epoch: that of uses[0] */
	int16_t uses[HOURLY_MINUTES]; /* [i]: in the minute that was i minutes earlier */
};

/* How many uses are allowed now, if `limit` is how many an hour may have; INT32_MAX if it is 0, which is no limit. 0: *again_us is
 * when there will be one. */
int32_t hourly_room(struct hourly *h, int32_t limit, int64_t now_us, int64_t *again_us);
/* n uses, at most hourly_room() at the same time. Without a limit they are counted, too, up to INT16_MAX a minute. */
void hourly_take(struct hourly *h, int32_t n, int64_t now_us);

#endif
