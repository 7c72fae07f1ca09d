/* The retry schedule; see schedule.h. */
#include "pacing/schedule.h"

#define RETRY_AFTER_MAX_MS INT64_C(86400000)
#define JITTER             0.2 /* up or down */

int32_t schedule_retries(const struct schedule *s)
{
	int32_t n = (int32_t)s->n;

	return s->max_retries >= 0 && s->max_retries < n ? s->max_retries : n;
}

int64_t schedule_next_ms(const struct schedule *s, int32_t retries, int64_t retry_after_ms, double random)
{
	int64_t delay_ms;

	if (retries >= schedule_retries(s))
		return SCHEDULE_EXHAUSTED;
	delay_ms = (int64_t)((double)s->delays_ms[retries] * (1 - JITTER + 2 * JITTER * random));
	if (retry_after_ms > RETRY_AFTER_MAX_MS)
		retry_after_ms = RETRY_AFTER_MAX_MS;
	return retry_after_ms > delay_ms ? retry_after_ms : delay_ms;
}
