/* See retry.h. */
#include "cleanup/policy/retry.h"

#include "base/backoff.h"

#define SECOND_MS    INT64_C(1000)
#define BUSY_MIN_MS  SECOND_MS
#define BUSY_MAX_MS  (300 * SECOND_MS)
#define REJECTED_MS  (600 * SECOND_MS)
#define ATTEMPTS_MAX 64 /* the delay is at its maximum long before */
#define JITTER_LEAST 0.8
#define JITTER_RANGE 0.4

static int64_t busy_ms(int64_t attempt, int64_t retry_after_ms, double jitter)
{
	int failures = attempt < 1 ? 0 : attempt > ATTEMPTS_MAX ? ATTEMPTS_MAX : (int)attempt - 1;
	int64_t wait_ms = backoff_ms(BUSY_MIN_MS, BUSY_MAX_MS, failures);
	int64_t asked_ms = retry_after_ms < BUSY_MAX_MS ? retry_after_ms : BUSY_MAX_MS;

	wait_ms = (int64_t)((double)wait_ms * (JITTER_LEAST + JITTER_RANGE * jitter));
	return wait_ms > asked_ms ? wait_ms : asked_ms;
}

int64_t call_retry_ms(enum bridge_outcome outcome, int64_t attempt, int64_t retry_after_ms, double jitter)
{
	if (call_succeeded(outcome))
		return 0;
	return outcome == BRIDGE_BUSY ? busy_ms(attempt, retry_after_ms, jitter) : REJECTED_MS;
}

bool call_succeeded(enum bridge_outcome outcome)
{
	return outcome == BRIDGE_OK || outcome == BRIDGE_ALREADY_DONE || outcome == BRIDGE_GONE;
}
