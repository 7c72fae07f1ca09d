/* See lane.h. Invariant: after each change of a chain, the endpoint or the pace, lane_schedule() tells the fair queue whether the lane can
 * run. */
#include "webhook-dispatcher/lanes/lane.h"

#include <stddef.h>
#include <stdlib.h>

#include "webhook-dispatcher/lanes/chain.h"
#include "webhook-dispatcher/lanes/delivery.h"
#include "webhook-dispatcher/lanes/feed.h"

struct lane *lane_new(struct partition *p, struct endpoint *e)
{
	struct lane *l = mem_calloc(1, sizeof(*l));

	l->partition = p;
	l->endpoint = e;
	l->chains = map_new();
	l->live_from = POSITION_NOT_LIVE;
	TAILQ_INIT(&l->ready);
	TAILQ_INIT(&l->replays);
	feed_init(&l->stream, l, NULL, NULL);
	return l;
}

struct lane *lane_of(struct fair_flow *f)
{
	return (struct lane *)(void *)((char *)f - offsetof(struct lane, flow));
}

static void lane_put(struct lane *l, bool runnable, int64_t again_mono_ms)
{
	fair_queue_put(&l->partition->shared->queue, &l->endpoint->workspace->tenant, &l->flow, runnable,
		again_mono_ms);
}

void lane_free(struct lane *l)
{
	struct feed *f;
	struct str key;
	void *chain;
	size_t i = 0;

	while (map_each(l->chains, &i, &key, &chain))
		chain_free(chain);
	while ((f = TAILQ_FIRST(&l->replays))) {
		TAILQ_REMOVE(&l->replays, f, in_lane);
		feed_fini(f);
		free(f);
	}
	feed_fini(&l->stream);
	lane_put(l, false, FAIR_NEVER);
	map_free(l->chains);
	free(l);
}

struct pace_limits lane_limits(const struct lane *l)
{
	const struct dispatcher_settings *s = l->partition->shared->settings;

	return (struct pace_limits){ l->endpoint->row.rate, l->endpoint->row.max_in_flight,
		(int32_t)s->breaker_failures, s->breaker_min_ms, s->breaker_max_ms };
}

void lane_schedule(struct lane *l, int64_t now_mono_ms)
{
	const struct pace_limits limits = lane_limits(l);
	int64_t again = FAIR_NEVER;
	bool can = l->endpoint->live && !TAILQ_EMPTY(&l->ready) &&
		pace_room(&l->pace, &limits, (int32_t)l->in_flight, now_mono_ms, &again) > 0;

	lane_put(l, can, again);
}

void lane_update(struct chain *c, int64_t now_mono_ms)
{
	struct lane *l = c->lane;

	chain_update(c);
	lane_schedule(l, now_mono_ms);
}

void lane_spill(struct delivery *d, int64_t now_mono_ms)
{
	if (chain_spill_delivery(d))
		lane_update(d->chain, now_mono_ms);
}

void lane_add_feed(struct lane *l, struct feed *f)
{
	TAILQ_INSERT_TAIL(&l->replays, f, in_lane);
	feed_update(f);
}

void lane_remove_feed(struct feed *f, int64_t now_mono_ms)
{
	struct delivery *d;
	struct chain *c;

	while ((d = TAILQ_FIRST(&f->held))) {
		delivery_release_hold(d);
		if (d->state != DELIVERY_PENDING)
			continue;
		c = d->chain;
		chain_remove(c, d);
		delivery_free(d);
		lane_update(c, now_mono_ms);
	}
	TAILQ_REMOVE(&f->lane->replays, f, in_lane);
	feed_fini(f);
	free(f);
}
