/* Exponential backoff. Pure: the caller passes the random number. */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

/* The delay after a failure that `failures` consecutive ones preceded: min_ms, doubled for each of them, at most
 * max_ms. */
int64_t backoff_ms(int64_t min_ms, int64_t max_ms, int failures);
/* Jitter: between half of wait_ms and all of it, so that clients that failed together do not retry together.
 * random in [0,1). */
int64_t backoff_jitter(int64_t wait_ms, double random);

#endif
