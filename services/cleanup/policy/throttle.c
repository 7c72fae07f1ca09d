/* See throttle.h. Invariant: the answer is always between THROTTLE_MIN and THROTTLE_MAX. */
#include "cleanup/policy/throttle.h"

#define STEP_US ((int64_t)THROTTLE_STEP_MS * 1000)

const char *pause_cause_word(enum pause_cause cause)
{
	static const char *const words[PAUSE_CAUSES] = { "none", "lock", "standby", "chat_sync", "window", "ledger" };

	return words[cause];
}

static int64_t within(int64_t n)
{
	return n < THROTTLE_MIN ? THROTTLE_MIN : n > THROTTLE_MAX ? THROTTLE_MAX : n;
}

int64_t throttle_next(int64_t n, int64_t took_us)
{
	n = within(n);
	if (took_us <= STEP_US / 2)
		return within(n * 2);
	return within(took_us > STEP_US * n ? 0 : n * STEP_US / took_us);
}

int64_t throttle_pause_ms(int64_t took_us, int64_t duty_percent)
{
	int64_t pause_us = took_us <= 0 ? 0 : took_us / duty_percent * (100 - duty_percent);

	return (pause_us + 999) / 1000;
}
