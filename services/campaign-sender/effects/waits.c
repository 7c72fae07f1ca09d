/* See waits.h. */
#include "campaign-sender/effects/waits.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"

struct scope_wait {
	int64_t until_us, for_ms;
};

struct scope_waits {
	struct map *by_scope; /* one for each WABA and app that ever reached its limit */
};

struct scope_waits *scope_waits_new(void)
{
	struct scope_waits *w = mem_calloc(1, sizeof(*w));

	w->by_scope = map_new();
	return w;
}

void scope_waits_free(struct scope_waits *w)
{
	struct str key;
	void *wait;

	if (!w)
		return;
	for (size_t i = 0; map_each(w->by_scope, &i, &key, &wait);)
		free(wait);
	map_free(w->by_scope);
	free(w);
}

static void wait_begin(struct scope_wait *w, int64_t at_us)
{
	bool again = w->for_ms > 0 && at_us - w->until_us <= WAIT_MAX_MS * INT64_C(1000);

	w->for_ms = again ? w->for_ms * 2 : WAIT_FIRST_MS;
	if (w->for_ms > WAIT_MAX_MS)
		w->for_ms = WAIT_MAX_MS;
	w->until_us = at_us + w->for_ms * 1000;
}

int64_t scope_waits_until(struct scope_waits *w, struct str scope, int64_t at_us)
{
	struct scope_wait **slot;

	if (!w)
		return at_us + WAIT_FIRST_MS * INT64_C(1000);
	slot = (struct scope_wait **)map_slot(w->by_scope, scope);
	if (!*slot)
		*slot = mem_calloc(1, sizeof(**slot));
	if (at_us >= (*slot)->until_us)
		wait_begin(*slot, at_us);
	return (*slot)->until_us;
}
