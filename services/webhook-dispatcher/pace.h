/* How fast one endpoint is delivered to: its token bucket, what 429 taught, and its breaker. Pure: no clock, no I/O.
 *
 * Breaker: after a number of failures in a row nothing is sent for a while, then one delivery as a probe: its success closes the breaker,
 * its failure opens it for twice as long. A 429 halves the rate and pauses for its Retry-After; each second without one gives a tenth back.
 */
#ifndef WEBHOOK_DISPATCHER_PACE_H
#define WEBHOOK_DISPATCHER_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bucket.h"

struct pace_limits {
	int32_t rate;          /* deliveries a second; 0: no limit */
	int32_t max_in_flight;
	int32_t breaker_failures;
	int64_t breaker_min_ms, breaker_max_ms;
};

struct pace {
	int32_t failures;      /* in a row */
	int64_t pause_ms;      /* of the breaker, when it opens next; 0: it is closed */
	int64_t paused_until;  /* monotonic */
	double rate, was;      /* taught by 429; 0: the limit's own. was: how fast it went when it first said so */
	int64_t rate_at;
	struct bucket bucket;
	int64_t second;        /* since when begun counts */
	int32_t begun, begun_before; /* in this second, in the one before */
};

/* How many more may begin now. 0: *again_ms is when to ask again; INT64_MAX: when one that flies has ended. */
int32_t pace_room(struct pace *p, const struct pace_limits *l, int32_t flying, int64_t now_ms, int64_t *again_ms);
void pace_begun(struct pace *p, const struct pace_limits *l, int64_t now_ms);
void pace_succeeded(struct pace *p);
/* The endpoint could not do its part (not: it refused this one). True when that opened the breaker. */
bool pace_failed(struct pace *p, const struct pace_limits *l, int64_t now_ms);
/* 429; retry_after_ms: -1 when not said. */
void pace_limited(struct pace *p, int64_t retry_after_ms, int64_t now_ms);
/* Open, and not yet time for a probe. */
bool pace_is_paused(const struct pace *p, int64_t now_ms);
bool pace_is_open(const struct pace *p);

#endif
