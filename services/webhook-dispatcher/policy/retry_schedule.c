/* See retry_schedule.h. Invariant: quick retries are never more than the schedule allows. */
#include "webhook-dispatcher/policy/retry_schedule.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define COUNT(a)  (sizeof(a) / sizeof(*(a)))

/* 76 hours in total: no delivery is exhausted in an outage of a weekend. */
static const int64_t default_delays_ms[] = { 5 * SECOND_MS, 30 * SECOND_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS,
	5 * HOUR_MS, 10 * HOUR_MS, 14 * HOUR_MS, 20 * HOUR_MS, 24 * HOUR_MS };
static const int64_t quick_delays_ms[] = { 1 * SECOND_MS, 5 * SECOND_MS };

const struct schedule retry_schedule_default = { default_delays_ms, COUNT(default_delays_ms), -1 };

int64_t retry_next_ms(const struct schedule *s, int32_t retries, bool quick, int64_t retry_after_ms, double random)
{
	const struct schedule quickly = { quick_delays_ms, COUNT(quick_delays_ms), schedule_retries(s) };

	return schedule_next_ms(quick ? &quickly : s, retries, retry_after_ms, random);
}
