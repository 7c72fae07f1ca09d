/* When a failed delivery is tried again. Pure: no clock, no I/O. */
#ifndef WEBHOOK_DISPATCHER_SCHEDULE_H
#define WEBHOOK_DISPATCHER_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct schedule {
	const int64_t *delays_ms; /* n == 0: the default list */
	size_t n;
	int32_t max_retries; /* -1: as many as there are delays */
};
#define SCHEDULE_EXHAUSTED (-1)

/* How many retries there are at most. */
int32_t schedule_retries(const struct schedule *s);
/* The delay before the next attempt, after the first attempt and `retries` more have failed; SCHEDULE_EXHAUSTED: none. quick: a
 * client error that is not retried over the whole schedule: two retries, after 1 and 5 seconds. retry_after_ms (-1: none) is
 * honoured in full, at most a day, and never shortens. random in [0,1): each delay moves by up to 20 % either way. */
int64_t schedule_next_ms(const struct schedule *s, int32_t retries, bool quick, int64_t retry_after_ms, double random);

#endif
