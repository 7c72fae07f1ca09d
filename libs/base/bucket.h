/* Token bucket: so many tokens a second, and a burst at once. Pure: time is handed in, monotonic ms. A zeroed bucket is full. */
#ifndef BASE_BUCKET_H
#define BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct rate {
	double per_s, burst; /* burst > 0; per_s <= 0: no limit */
};

struct bucket {
	double tokens; /* < 0: a debt */
	int64_t at_ms; /* when tokens was counted; 0: never, it is full */
};

/* The tokens in it; INFINITY without a limit. */
double bucket_level(const struct bucket *b, struct rate rate, int64_t now_ms);
/* Takes cost (at most the burst counts) when it is there. Otherwise nothing, and *wait_ms is how long until it will be. */
bool bucket_take(struct bucket *b, struct rate rate, double cost, int64_t now_ms, int64_t *wait_ms);
/* Takes the whole cost, though it be more than there is: the debt is paid before anything else is admitted. */
void bucket_charge(struct bucket *b, struct rate rate, double cost, int64_t now_ms);
/* How long until cost (at most the burst counts) is there; 0: it is. Takes nothing. */
int64_t bucket_wait_ms(const struct bucket *b, struct rate rate, double cost, int64_t now_ms);

#endif
