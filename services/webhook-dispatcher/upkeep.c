/* See upkeep.h. Invariant: a statement deletes at most TIDY_ROWS rows of the retry queue; when it reached that, the next one follows soon. */
#include "webhook-dispatcher/upkeep.h"

#include "base/log.h"
#include "store/webhook_attempts.h"
#include "webhook-dispatcher/lanes/partition.h"
#include "webhook-dispatcher/lanes/send_queue.h"
#include "webhook-dispatcher/stats.h"
#include "worker/owner_tx.h"

#define REPORT_MS   1000
#define DEPTH_EVERY 15 /* reports */
#define TIDY_MS     3600000
#define TIDY_ROWS   10000
#define DAYS_AHEAD  3

/* Operators learn here of look-ups that led to addresses that are no targets. Tenants must not: their attempts only say that the name does not
 * resolve. */
static void lookups_report(struct upkeep *u, struct resolver_stats *now)
{
	struct resolver_stats *before = &u->lookups;

	sender_pool_lookups(u->senders, now);
	if (now->broken > before->broken)
		log_error("names cannot be looked up: no memory or descriptors",
			LOG_I("lookups", now->broken - before->broken));
	if (now->refused > before->refused)
		log_warn("names of endpoints resolve to addresses that are not permitted",
			LOG_I("lookups", now->refused - before->refused));
	*before = *now;
}

static void partition_gauge(const struct partition *p, struct stats_gauges *g)
{
	const struct lane *l;
	size_t i = 0;

	g->window_events += p->window_events;
	g->window_bytes += p->window_bytes;
	while ((l = partition_each_lane(p, &i))) {
		g->waiting += l->pending;
		g->lanes_behind += l->state == LANE_BEHIND;
	}
}

static void gauges_report(struct upkeep *u)
{
	struct stats_gauges g = { .in_flight = send_queue_in_flight(u->readers->lanes),
		.share_limited = u->readers->lanes->queue.limited };
	const struct endpoint *e;
	const struct reader *r;
	size_t i = 0;

	while ((r = readers_each(u->readers, &i)))
		partition_gauge(&r->partition, &g);
	for (i = 0; (e = endpoint_cache_each(u->readers->endpoints, &i));)
		g.endpoints += !e->row.deleted;
	g.endpoints_live = endpoint_cache_live(u->readers->endpoints);
	lookups_report(u, &g.lookups);
	stats_gauges(&g);
	u->readers->lanes->queue.limited = 0;
}

static int depth_report(struct upkeep *u, struct err *err)
{
	struct retry_depth depth;
	const struct reader *r;
	int32_t *numbers;
	size_t n = 0, i = 0;

	arena_reset(u->readers->reading);
	numbers = ARENA_ARRAY(u->readers->reading, int32_t, u->readers->n);
	while ((r = readers_each(u->readers, &i)))
		numbers[n++] = r->partition.number;
	if (store_retries_depth(owner_tx_pg(u->tx), numbers, n, &depth, err) < 0)
		return -1;
	stats_depth(&depth);
	return 0;
}

int upkeep_report(struct upkeep *u, int64_t now_mono_ms, struct err *err)
{
	if (now_mono_ms < u->report_mono_ms)
		return 0;
	u->report_mono_ms = now_mono_ms + REPORT_MS;
	gauges_report(u);
	return u->reports++ % DEPTH_EVERY == 0 ? depth_report(u, err) : 0;
}

int upkeep_tidy(struct upkeep *u, int64_t now_mono_ms, struct err *err)
{
	struct pg *pg = owner_tx_pg(u->tx);
	int64_t deleted = 0;

	if (now_mono_ms < u->tidy_mono_ms)
		return 0;
	u->tidy_mono_ms = now_mono_ms + TIDY_MS;
	if (store_attempts_maintain(pg, DAYS_AHEAD, (int)u->settings->attempts_keep_days, err) < 0 ||
		store_retries_expire(pg, u->settings->retries_keep_ms, TIDY_ROWS, &deleted, err) < 0)
		return -1;
	if (deleted == TIDY_ROWS)
		u->tidy_mono_ms = now_mono_ms + REPORT_MS;
	return 0;
}
