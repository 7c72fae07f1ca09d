/* One timestamp as a rate limit; see gcra.h. Invariant: after gcra_room() the timestamp is at most a burst ahead of now. */
#include "pacing/gcra.h"

#include <assert.h>
#include <math.h>

#define DAY_US 86400000000

struct gcra_limit gcra_limit_of(double uses, int64_t window_us, int32_t burst)
{
	double interval_us = uses > 0 ? ceil((double)window_us / uses) : 0;

	burst = burst < 1 ? 1 : burst > GCRA_BURST_MAX ? GCRA_BURST_MAX : burst;
	return (struct gcra_limit){ interval_us < DAY_US ? (int64_t)interval_us : DAY_US, burst };
}

struct gcra_limit gcra_limit_both(struct gcra_limit a, struct gcra_limit b)
{
	if (a.interval_us == 0 || b.interval_us == 0)
		return a.interval_us == 0 ? b : a;
	return (struct gcra_limit){ a.interval_us > b.interval_us ? a.interval_us : b.interval_us,
		a.burst < b.burst ? a.burst : b.burst };
}

int32_t gcra_room(int64_t *at_us, struct gcra_limit limit, int64_t now_us, int64_t *again_us)
{
	int64_t full_us = limit.burst * limit.interval_us, used_us;

	if (limit.interval_us == 0)
		return INT32_MAX;
	if (*at_us > now_us + full_us)
		*at_us = now_us + full_us;
	used_us = *at_us > now_us ? *at_us - now_us : 0;
	if (used_us > full_us - limit.interval_us) {
		*again_us = *at_us - (full_us - limit.interval_us);
		return 0;
	}
	return (int32_t)((full_us - used_us) / limit.interval_us);
}

void gcra_take(int64_t *at_us, struct gcra_limit limit, int32_t n, int64_t now_us)
{
	int64_t again_us;
	int32_t room = gcra_room(at_us, limit, now_us, &again_us);

	assert(n >= 0 && n <= room);
	if (n > 0 && limit.interval_us > 0)
		*at_us = (*at_us > now_us ? *at_us : now_us) + n * limit.interval_us;
}
