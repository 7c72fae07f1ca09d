/* When a failed attempt is made again: a list of delays, with jitter. Pure: no clock, no I/O; randomness is handed in. */
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

/* How many retries there are at most. */
int32_t schedule_retries(const struct schedule *s);
/* The delay before the next attempt, after the first attempt and `retries` more have failed; SCHEDULE_EXHAUSTED: none. retry_after_ms
 * (-1: none) is honoured in full, at most a day, and never shortens a delay. random in [0,1): each delay moves by up to 20 % either way. */
int64_t schedule_next_ms(const struct schedule *s, int32_t retries, int64_t retry_after_ms, double random);

#endif
