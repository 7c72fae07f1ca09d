/* Fair sharing of slots; see share.h. Invariant: `used` is the sum of what all tenants hold, `holders` how many hold
 * any. */
#include "pacing/share.h"

#include <assert.h>

void share_init(struct share *s, size_t slots, int percent)
{
	assert(slots > 0 && percent > 0 && percent <= SHARE_PERCENT_MAX);
	*s = (struct share){ .slots = slots, .percent = (size_t)percent };
}

bool share_admits(const struct share *s, size_t held, bool wanted_by_others)
{
	size_t free = s->slots - s->used;
	bool alone = !wanted_by_others && s->holders == (held > 0);

	if (alone && free * 100 > s->slots * s->percent)
		return true;
	return held * (100 - s->percent) < free * s->percent;
}

void share_acquire(struct share *s, size_t *held)
{
	assert(s->used < s->slots);
	s->used++;
	s->holders += *held == 0;
	++*held;
}

void share_release(struct share *s, size_t *held)
{
	assert(s->used > 0 && *held > 0);
	s->used--;
	--*held;
	s->holders -= *held == 0;
}
