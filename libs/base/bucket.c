/* Token bucket; see bucket.h. Invariant: the stored state changes only when tokens are consumed; the refill is
 * computed on each read. */
#include "base/bucket.h"

#include <math.h>

double bucket_level(const struct bucket *b, struct rate rate, int64_t now_ms)
{
	double tokens;

	if (rate.per_s <= 0)
		return INFINITY;
	if (b->at_ms == 0)
		return rate.burst;
	tokens = b->tokens + (now_ms > b->at_ms ? (double)(now_ms - b->at_ms) / 1000 * rate.per_s : 0);
	return tokens < rate.burst ? tokens : rate.burst;
}

static double cost_at_most(struct rate rate, double cost)
{
	return cost < rate.burst ? cost : rate.burst;
}

int64_t bucket_wait_ms(const struct bucket *b, struct rate rate, double cost, int64_t now_ms)
{
	double missing = cost_at_most(rate, cost) - bucket_level(b, rate, now_ms);

	return missing <= 0 ? 0 : (int64_t)ceil(missing / rate.per_s * 1000);
}

bool bucket_take(struct bucket *b, struct rate rate, double cost, int64_t now_ms, int64_t *wait_ms)
{
	int64_t wait = bucket_wait_ms(b, rate, cost, now_ms);

	if (wait > 0) {
		*wait_ms = wait;
		return false;
	}
	bucket_charge(b, rate, cost_at_most(rate, cost), now_ms);
	return true;
}

void bucket_charge(struct bucket *b, struct rate rate, double cost, int64_t now_ms)
{
	if (rate.per_s <= 0)
		return;
	*b = (struct bucket){ bucket_level(b, rate, now_ms) - cost, now_ms };
}
