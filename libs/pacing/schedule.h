/* The retry schedule: a list of delays, with jitter. Pure: no clock, no I/O; the caller passes the random number. */
#ifndef PACING_SCHEDULE_H
#define PACING_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

struct schedule {
	const int64_t *delays_ms; /* borrowed */
	size_t n;
	int32_t max_retries; /* -1: as many as there are delays */
};
#define SCHEDULE_EXHAUSTED (-1)

/* The maximum number of retries. */
int32_t schedule_retries(const struct schedule *s);
/* The delay before the next attempt, when the first attempt and `retries` retries have failed; SCHEDULE_EXHAUSTED: no
 * further attempt. retry_after_ms (-1: absent) is respected up to a day, and never shortens a delay. random in [0,1):
 * each delay varies by up to 20 % either way. */
int64_t schedule_next_ms(const struct schedule *s, int32_t retries, int64_t retry_after_ms, double random);

#endif
