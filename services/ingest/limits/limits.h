/* State for each key (a source, an account, a kind of log line): a token bucket, the time of the last success, a log
 * limit.
 *
 * Kept in two generations: when the young one is full, the old one is freed and the young one becomes old. So memory is
 * bounded for any set of keys, and a key in use is kept.
 */
#ifndef INGEST_LIMITS_H
#define INGEST_LIMITS_H

#include "base/bucket.h"
#include "base/log_limit.h"
#include "base/str.h"

struct limiter_entry {
	struct bucket bucket;
	int64_t last_ok_ms; /* last success of this key; 0: never */
	struct log_limit log; /* rate limit of log lines about this key */
};

struct limiter;

/* Keeps at least the last max_keys / 2 and at most max_keys keys. */
struct limiter *limiter_new(size_t max_keys);
void limiter_free(struct limiter *l);
/* The key's entry; a new, zeroed one when there is none. Valid until the next call. */
struct limiter_entry *limiter_entry(struct limiter *l, struct str key);
/* NULL when there is none. */
struct limiter_entry *limiter_find(struct limiter *l, struct str key);

#endif
