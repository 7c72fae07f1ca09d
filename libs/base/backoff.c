/* Exponential backoff; see backoff.h. Invariant: no number of failures overflows or exceeds the maximum delay. */
#include "base/backoff.h"

int64_t backoff_ms(int64_t min_ms, int64_t max_ms, int failures)
{
	int64_t wait_ms = min_ms;

	for (int i = 0; i < failures && wait_ms < max_ms; i++)
		wait_ms = wait_ms <= max_ms / 2 ? wait_ms * 2 : max_ms;
	return wait_ms < max_ms ? wait_ms : max_ms;
}

int64_t backoff_jitter(int64_t wait_ms, double random)
{
	return wait_ms / 2 + (int64_t)(random * (double)wait_ms / 2);
}
