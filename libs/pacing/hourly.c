/* Uses per hour; see hourly.h. Invariant: uses[] is of the minutes up to the present one, once hourly_move() has run. */
#include "pacing/hourly.h"

#include <assert.h>
#include <string.h>

#define MINUTE_US 60000000

static void hourly_move(struct hourly *h, int64_t now_us)
{
	int64_t minutes = now_us / MINUTE_US - h->minute;
	size_t by = minutes <= 0 ? 0 : minutes < HOURLY_MINUTES ? (size_t)minutes : HOURLY_MINUTES;

	memmove(h->uses + by, h->uses, (HOURLY_MINUTES - by) * sizeof(h->uses[0]));
	memset(h->uses, 0, by * sizeof(h->uses[0]));
	h->minute = now_us / MINUTE_US;
}

/* When so many of the oldest minutes have ceased to count that the rest has less than the limit. */
static int64_t again_at(const struct hourly *h, int32_t limit, int32_t sum)
{
	int i = HOURLY_MINUTES;

	while (i > 0 && sum >= limit)
		sum -= h->uses[--i];
	return (h->minute + HOURLY_MINUTES - i) * MINUTE_US;
}

int32_t hourly_room(struct hourly *h, int32_t limit, int64_t now_us, int64_t *again_us)
{
	int32_t sum = 0, present;

	if (limit == 0)
		return INT32_MAX;
	hourly_move(h, now_us);
	for (int i = 0; i < HOURLY_MINUTES; i++)
		sum += h->uses[i];
	present = INT16_MAX - h->uses[0];
	if (sum >= limit || present == 0) {
		*again_us = sum >= limit ? again_at(h, limit, sum) : (h->minute + 1) * MINUTE_US;
		return 0;
	}
	return limit - sum < present ? limit - sum : present;
}

void hourly_take(struct hourly *h, int32_t n, int64_t now_us)
{
	int32_t present;

	assert(n >= 0);
	hourly_move(h, now_us);
	present = INT16_MAX - h->uses[0];
	h->uses[0] = (int16_t)(h->uses[0] + (n < present ? n : present));
}
