/* See warnings.h. */
#include "campaign-sender/effects/warnings.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"

struct campaign_warnings {
	struct map *known; /* "<uuid><reason>" */
};

struct campaign_warnings *campaign_warnings_new(void)
{
	struct campaign_warnings *w = mem_calloc(1, sizeof(*w));

	w->known = map_new();
	return w;
}

void campaign_warnings_free(struct campaign_warnings *w)
{
	if (!w)
		return;
	map_free(w->known);
	free(w);
}

bool campaign_warnings_add(struct campaign_warnings *w, const struct uuid *campaign, const char *reason)
{
	struct buf key = BUF_INIT;
	bool is_new;
	void **slot;

	if (!w)
		return true;
	if (map_count(w->known) >= WARNINGS_MAX)
		map_clear(w->known);
	buf_add(&key, campaign->b, sizeof(campaign->b));
	buf_add_str(&key, str_of(reason));
	slot = map_slot(w->known, buf_str(&key));
	is_new = !*slot;
	*slot = w;
	buf_fini(&key);
	return is_new;
}
