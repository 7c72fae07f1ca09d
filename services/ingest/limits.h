/* Token buckets. Pure: time is handed in, monotonic ms.
 *
 * A limiter remembers a bucket per key in two generations: when the young one is full, the old one is forgotten, so that
 * memory is bounded whatever keys come, and a key that is in use stays.
 */
#ifndef INGEST_LIMITS_H
#define INGEST_LIMITS_H

#include "base/log_limit.h"
#include "base/str.h"

struct rate {
	double per_s, burst; /* burst > 0; per_s <= 0: no limit */
};

struct bucket {
	double tokens;
	int64_t at_ms;      /* when tokens was counted; 0: never, it is full */
	int64_t last_ok_ms; /* the owner's: when this key last did well; 0: never */
	struct log_limit log; /* the owner's: of lines about this key */
};

/* Takes cost (at most the burst counts) when it is there. Otherwise nothing, and *wait_ms is how long until it will be. */
bool bucket_take(struct bucket *b, struct rate rate, double cost, int64_t now_ms, int64_t *wait_ms);
/* Takes the whole cost, though it be more than there is: the debt is paid before anything else is admitted. */
void bucket_charge(struct bucket *b, struct rate rate, double cost, int64_t now_ms);
/* How long until cost is there; 0: it is. Takes nothing. */
int64_t bucket_wait_ms(const struct bucket *b, struct rate rate, double cost, int64_t now_ms);

struct limiter;

/* Remembers at least max_keys / 2 and at most max_keys keys. */
struct limiter *limiter_new(size_t max_keys);
void limiter_free(struct limiter *l);
/* The key's bucket, a new one when it is not remembered. Valid until the next call. */
struct bucket *limiter_bucket(struct limiter *l, struct str key);
/* NULL when it is not remembered. */
struct bucket *limiter_find(struct limiter *l, struct str key);

#endif
