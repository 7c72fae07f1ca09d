/* When a failed delivery is tried again; see schedule.h. */
#include "webhook-dispatcher/schedule.h"

#define SECOND_MS          INT64_C(1000)
#define MINUTE_MS          (60 * SECOND_MS)
#define HOUR_MS            (60 * MINUTE_MS)
#define RETRY_AFTER_MAX_MS (24 * HOUR_MS)
#define JITTER             0.2 /* either way */

/* 76 hours in all: an outage over a weekend loses nothing. */
static const int64_t default_delays_ms[] = { 5 * SECOND_MS, 30 * SECOND_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS,
	5 * HOUR_MS, 10 * HOUR_MS, 14 * HOUR_MS, 20 * HOUR_MS, 24 * HOUR_MS };
static const int64_t quick_delays_ms[] = { 1 * SECOND_MS, 5 * SECOND_MS };

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static struct schedule with_defaults(const struct schedule *s)
{
	if (s->n > 0)
		return *s;
	return (struct schedule){ default_delays_ms, COUNT(default_delays_ms), s->max_retries };
}

int32_t schedule_retries(const struct schedule *s)
{
	int32_t n = (int32_t)with_defaults(s).n;

	return s->max_retries >= 0 && s->max_retries < n ? s->max_retries : n;
}

int64_t schedule_next_ms(const struct schedule *s, int32_t retries, bool quick, int64_t retry_after_ms, double random)
{
	const int64_t *delays_ms = quick ? quick_delays_ms : with_defaults(s).delays_ms;
	int32_t n = schedule_retries(s);
	int64_t delay_ms;

	if (quick && n > (int32_t)COUNT(quick_delays_ms))
		n = (int32_t)COUNT(quick_delays_ms);
	if (retries >= n)
		return SCHEDULE_EXHAUSTED;
	delay_ms = (int64_t)((double)delays_ms[retries] * (1 - JITTER + 2 * JITTER * random));
	if (retry_after_ms > RETRY_AFTER_MAX_MS)
		retry_after_ms = RETRY_AFTER_MAX_MS;
	return retry_after_ms > delay_ms ? retry_after_ms : delay_ms;
}
