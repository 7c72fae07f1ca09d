/* Counters and completion; see sweep.h. A running campaign is counted in each sweep, another one less often the longer its
 * counters have not changed: statuses arrive for days. */
#include "campaign-sender/driver/sweep.h"

#include "base/log.h"

#define QUIET_MAX      5 /* then every 2^5 s */
#define COUNT_EVERY_MS 1000

struct counting {
	const struct driving *w;
	int changed;
};

static void progress_add(void *ctx, const struct campaign_counters *counters)
{
	struct counting *c = ctx;
	struct driven *campaign = list_find(c->w->d, &counters->key);

	c->changed = 1;
	if (!campaign)
		return;
	campaign->quiet = 0;
	campaign->count_mono_ms = campaign->moved_mono_ms = c->w->mono_ms;
	driving_record(c->w, campaign, "progress", counters);
}

static void completion_add(void *ctx, const struct campaign_counters *counters)
{
	struct counting *c = ctx;
	struct driven *campaign = list_find(c->w->d, &counters->key);
	char uuid[37];

	c->changed = 1;
	if (!campaign)
		return;
	campaign->status = CAMPAIGN_COMPLETED;
	campaign->ended_mono_ms = c->w->mono_ms;
	driving_record(c->w, campaign, "completed", counters);
	uuid_format(&campaign->uuid, uuid);
	log_info("campaign completed", LOG_I("workspace", campaign->key.workspace_id), LOG_S("campaign", uuid),
		LOG_I("recipients", counters->recipients), LOG_I("sent", counters->sent),
		LOG_I("failed", counters->failed), LOG_I("skipped", counters->skipped),
		LOG_I("unknown", counters->unknown));
}

/* A scheduled one has no recipients yet. */
static bool counts_now(const struct driven *c, int64_t mono_ms)
{
	return c->status == CAMPAIGN_RUNNING || (c->status != CAMPAIGN_SCHEDULED && c->count_mono_ms <= mono_ms);
}

/* Until it is found changed, it is counted at twice the interval. */
static void count_postpone(struct driven *c, int64_t mono_ms)
{
	c->count_mono_ms = mono_ms + ((int64_t)COUNT_EVERY_MS << c->quiet);
	c->quiet += c->quiet < QUIET_MAX;
}

static bool can_complete(const struct driven *c, int64_t mono_ms)
{
	(void)mono_ms;
	return c->status == CAMPAIGN_RUNNING && c->prepared && !c->retrying;
}

static struct campaign_key *keys_of(const struct driving *w, bool (*which)(const struct driven *c, int64_t mono_ms),
	size_t *n)
{
	struct campaign_key *keys = ARENA_ARRAY(w->arena, struct campaign_key, w->d->n);

	*n = 0;
	for (size_t i = 0; i < w->d->n; i++)
		if (which(&w->d->at[i], w->mono_ms))
			keys[(*n)++] = w->d->at[i].key;
	return keys;
}

int counters_sweep(const struct driving *w, struct err *err)
{
	struct counting c = { w, 0 };
	size_t n;
	struct campaign_key *keys;

	list_forget(w);
	keys = keys_of(w, counts_now, &n);
	for (size_t i = 0; i < n; i++)
		count_postpone(list_find(w->d, &keys[i]), w->mono_ms);
	if (store_campaigns_count(w->pg, keys, n, progress_add, &c, err) < 0)
		return -1;
	keys = keys_of(w, can_complete, &n);
	if (store_campaigns_complete(w->pg, keys, n, completion_add, &c, err) < 0)
		return -1;
	return c.changed;
}
