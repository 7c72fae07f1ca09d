/* What is remembered of each key (a source, an account, a kind of log line): its token bucket, and what else its owner counts.
 *
 * In two generations: when the young one is full, the old one is forgotten, so that memory is bounded whatever keys come, and a key
 * that is in use stays.
 */
#ifndef INGEST_LIMITS_H
#define INGEST_LIMITS_H

#include "base/bucket.h"
#include "base/log_limit.h"
#include "base/str.h"

struct limiter_entry {
	struct bucket bucket;
	int64_t last_ok_ms; /* when this key last did well; 0: never */
	struct log_limit log; /* of lines about this key */
};

struct limiter;

/* Remembers at least max_keys / 2 and at most max_keys keys. */
struct limiter *limiter_new(size_t max_keys);
void limiter_free(struct limiter *l);
/* The key's entry, a zeroed one when it is not remembered. Valid until the next call. */
struct limiter_entry *limiter_entry(struct limiter *l, struct str key);
/* NULL when it is not remembered. */
struct limiter_entry *limiter_find(struct limiter *l, struct str key);

#endif
