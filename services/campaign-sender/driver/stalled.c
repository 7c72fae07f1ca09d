/* Campaigns that run and make no progress: reported, for operators; see sweep.h. */
#include "campaign-sender/driver/sweep.h"
#include "campaign-sender/stats.h"
#include "store/campaign_driver.h"

#define STALLED_AFTER_MS 600000
#define REPORT_EVERY_MS  30000

static bool is_quiet(const struct driven *c, int64_t mono_ms)
{
	return c->status == CAMPAIGN_RUNNING && mono_ms - c->moved_mono_ms >= STALLED_AFTER_MS;
}

int stalled_report(const struct driving *w, struct err *err)
{
	struct campaign_key *quiet = ARENA_ARRAY(w->arena, struct campaign_key, w->d->n + 1);
	size_t running = 0, n = 0;
	int64_t stalled = 0;

	if (w->mono_ms < w->d->stalled_mono_ms)
		return 0;
	w->d->stalled_mono_ms = w->mono_ms + REPORT_EVERY_MS;
	for (size_t i = 0; i < w->d->n; i++) {
		running += w->d->at[i].status == CAMPAIGN_RUNNING;
		if (is_quiet(&w->d->at[i], w->mono_ms))
			quiet[n++] = w->d->at[i].key;
	}
	if (store_campaigns_not_waiting(w->pg, quiet, n, &stalled, err) < 0)
		return -1;
	stats_campaigns(running, (size_t)stalled);
	return 0;
}
