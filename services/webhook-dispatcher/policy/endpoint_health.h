/* Decides an endpoint's health from the outcomes of attempts. One failure changes nothing; when every attempt has failed for a while, the
 * endpoint is recorded as failing, and when for too long, it is disabled. Pure. Source: README.md, Health.
 *
 *   healthy --every attempt fails for a while--> failing_since recorded --for disable_after_ms--> disabled, until its owner enables it
 *      ^                                                  |
 *      +------------- an attempt succeeds ----------------+
 *
 * Invariant: the finding depends only on the stored row, the lane's failures and the time handed in. */
#ifndef WEBHOOK_DISPATCHER_ENDPOINT_HEALTH_H
#define WEBHOOK_DISPATCHER_ENDPOINT_HEALTH_H

#include "store/webhook_endpoints.h"

/* The finding to be recorded. */
enum health_finding {
	HEALTH_SAME,
	HEALTH_ANSWERS, /* it was recorded as failing, and an attempt has succeeded */
	HEALTH_FAILS, /* every attempt failed since *lane_fails_since_ms */
	HEALTH_EXPIRED, /* it has failed for longer than disable_after_ms */
};

/* An attempt failed, or succeeded, in one lane of the endpoint with this row. *lane_fails_since_ms: the time since which no attempt has
 * succeeded in this lane; 0: the last one succeeded, or there was none. */
enum health_finding health_failed(const struct endpoint_row *row, int64_t *lane_fails_since_ms,
	int64_t disable_after_ms, int64_t now_ms);
enum health_finding health_succeeded(const struct endpoint_row *row, int64_t *lane_fails_since_ms);

#endif
