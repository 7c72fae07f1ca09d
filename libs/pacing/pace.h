/* How fast one destination is sent to: a cap in flight, a token bucket, a rate learned from 429, and a circuit breaker. Pure: no clock, no I/O.
 *
 * Breaker: after a number of failures in a row nothing is sent for a pause, then one request as a probe: its success closes the breaker,
 * its failure opens it for twice as long. A 429 halves the rate and pauses for its Retry-After; each second without one gives a tenth back.
 * All times are monotonic, in ms. A zeroed struct pace is one that nothing is known of.
 */
#ifndef PACING_PACE_H
#define PACING_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bucket.h"

struct pace_limits {
	int32_t rate; /* requests a second; 0: no limit */
	int32_t max_in_flight;
	int32_t breaker_failures;
	int64_t breaker_min_ms, breaker_max_ms;
};

struct pace {
	int32_t failures; /* in a row */
	int64_t pause_ms; /* of the breaker, when it opens next; 0: it is closed */
	int64_t paused_until;
	double rate, was; /* rate: learned from 429; 0: the limit's own. was: the rate when it was first limited */
	int64_t rate_at;
	struct bucket bucket;
	int64_t second; /* since when begun counts */
	int32_t begun, begun_before; /* in this second, in the one before */
};

/* How many more may begin now beside those in flight. 0: *again_ms is when to ask again; INT64_MAX: when one in flight has ended. */
int32_t pace_room(struct pace *p, const struct pace_limits *l, int32_t in_flight, int64_t now_ms, int64_t *again_ms);
void pace_begun(struct pace *p, const struct pace_limits *l, int64_t now_ms);
void pace_succeeded(struct pace *p);
/* A request failed through the destination's fault (one that it rejected succeeded). True when that opened the breaker. */
bool pace_failed(struct pace *p, const struct pace_limits *l, int64_t now_ms);
/* 429; retry_after_ms: -1 when not said. */
void pace_limited(struct pace *p, int64_t retry_after_ms, int64_t now_ms);
/* After a 429, or open and not yet time for a probe. */
bool pace_is_paused(const struct pace *p, int64_t now_ms);
bool pace_is_open(const struct pace *p);

#endif
