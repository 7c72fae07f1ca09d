/* What attempts say of an endpoint's health: one failure says little; when every attempt has failed for a while, that is written down, and when
 * for too long, the endpoint is disabled. Pure. Source: README.md, Health. */
#ifndef WEBHOOK_DISPATCHER_ENDPOINT_HEALTH_H
#define WEBHOOK_DISPATCHER_ENDPOINT_HEALTH_H

#include "store/webhook_endpoints.h"

/* What is to be written down. */
enum health_finding {
	HEALTH_SAME,
	HEALTH_ANSWERS, /* it was failing, and is not any more */
	HEALTH_FAILS, /* since *lane_fails_since_ms */
	HEALTH_EXPIRED, /* it has failed for longer than disable_after_ms */
};

/* An attempt failed, or succeeded, in one lane of the endpoint that this row says of. *lane_fails_since_ms: since when none succeeded in this
 * lane; 0: the last one did, or there was none. */
enum health_finding health_failed(const struct endpoint_row *row, int64_t *lane_fails_since_ms,
	int64_t disable_after_ms, int64_t now_ms);
enum health_finding health_succeeded(const struct endpoint_row *row, int64_t *lane_fails_since_ms);

#endif
