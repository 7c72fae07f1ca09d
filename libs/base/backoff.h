/* Doubling waits after failures. Pure: randomness is handed in. */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

/* The wait after a failure that followed `failures` others: min_ms, doubled with each of them, at most max_ms. */
int64_t backoff_ms(int64_t min_ms, int64_t max_ms, int failures);
/* From half of the wait to all of it, so that what failed together does not come back together. random in [0,1). */
int64_t backoff_jitter(int64_t wait_ms, double random);

#endif
