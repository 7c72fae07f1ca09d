/* Token bucket: a sustained rate per second, and a burst. Pure: the caller passes the time, monotonic ms. A zeroed
 * bucket is full. */
#ifndef BASE_BUCKET_H
#define BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct rate {
	double per_s, burst; /* burst > 0; per_s <= 0: no limit */
};

struct bucket {
	double tokens; /* < 0: overdrawn */
	int64_t at_ms; /* when tokens was last computed; 0: never, the bucket is full */
};

/* Tokens available now; INFINITY without a limit. */
double bucket_level(const struct bucket *b, struct rate rate, int64_t now_ms);
/* Consumes cost tokens (capped at the burst) if they are available. Otherwise consumes none and sets *wait_ms to the
 * time until they will be. */
bool bucket_take(struct bucket *b, struct rate rate, double cost, int64_t now_ms, int64_t *wait_ms);
/* Consumes the whole cost, even if it exceeds what is available: the bucket is then overdrawn and admits nothing
 * until it has refilled. */
void bucket_charge(struct bucket *b, struct rate rate, double cost, int64_t now_ms);
/* Time until cost tokens (capped at the burst) are available; 0: now. Consumes nothing. */
int64_t bucket_wait_ms(const struct bucket *b, struct rate rate, double cost, int64_t now_ms);

#endif
