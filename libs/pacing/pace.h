/* How fast to send to one destination: a limit of requests in flight, a token bucket, a rate learned from 429, and a
 * circuit breaker. Pure: no clock, no I/O.
 *
 *            breaker_failures in a row                  pause is over
 *   closed ───────────────────────────► open, paused ──────────────────► half-open: one probe
 *     ▲                                   ▲                                │           │
 *     │                                   └──── failure: twice the pause ──┘           │
 *     └──────────────────────────────────────────────────────────── success ───────────┘
 *
 * A 429 halves the rate and pauses for its Retry-After; each second without a 429 raises it by a tenth. All times are
 * monotonic, in ms. A zeroed struct pace is a destination without history.
 */
#ifndef PACING_PACE_H
#define PACING_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bucket.h"

struct pace_limits {
	int32_t rate; /* requests per second; 0: no limit */
	int32_t max_in_flight;
	int32_t breaker_failures;
	int64_t breaker_min_ms, breaker_max_ms;
};

struct pace {
	int32_t failures; /* in a row */
	int64_t pause_ms; /* the breaker's next pause; 0: it is closed */
	int64_t paused_until;
	double rate, was; /* rate: learned from 429; 0: the configured one. was: the rate when it was first limited */
	int64_t rate_at;
	struct bucket bucket;
	int64_t second; /* start of the second that `begun` counts */
	int32_t begun, begun_before; /* requests begun in this second, and in the previous one */
};

/* How many more requests may begin now. 0: *again_ms is when to ask again; INT64_MAX: once a request in flight has
 * ended. */
int32_t pace_room(struct pace *p, const struct pace_limits *l, int32_t in_flight, int64_t now_ms, int64_t *again_ms);
void pace_begun(struct pace *p, const struct pace_limits *l, int64_t now_ms);
void pace_succeeded(struct pace *p);
/* A request failed because of the destination (a request that it rejected counts as a success). True when this opened
 * the breaker. */
bool pace_failed(struct pace *p, const struct pace_limits *l, int64_t now_ms);
/* The destination answered 429. retry_after_ms: -1 when absent. */
void pace_limited(struct pace *p, int64_t retry_after_ms, int64_t now_ms);
/* Whether sending is paused: after a 429, or the breaker is open and it is not yet time for a probe. */
bool pace_is_paused(const struct pace *p, int64_t now_ms);
bool pace_is_open(const struct pace *p);

#endif
