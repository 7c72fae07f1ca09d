/* See endpoint_health.h. */
#include "webhook-dispatcher/policy/endpoint_health.h"

#include "pg/pg.h"

#define NOTED_AFTER_MS 60000 /* the longest time before a failing endpoint is recorded */

enum health_finding health_failed(const struct endpoint_row *row, int64_t *lane_fails_since_ms,
	int64_t disable_after_ms, int64_t now_ms)
{
	int64_t noted_after = disable_after_ms / 5;

	if (noted_after > NOTED_AFTER_MS)
		noted_after = NOTED_AFTER_MS;
	if (*lane_fails_since_ms == 0)
		*lane_fails_since_ms = now_ms;
	if (row->failing_since_us != PG_NO_TIME)
		return now_ms - row->failing_since_us / 1000 >= disable_after_ms ? HEALTH_EXPIRED : HEALTH_SAME;
	return now_ms - *lane_fails_since_ms >= noted_after ? HEALTH_FAILS : HEALTH_SAME;
}

enum health_finding health_succeeded(const struct endpoint_row *row, int64_t *lane_fails_since_ms)
{
	*lane_fails_since_ms = 0;
	return row->failing_since_us == PG_NO_TIME && row->state == ENDPOINT_ACTIVE ? HEALTH_SAME : HEALTH_ANSWERS;
}
