/* webhook-dispatcher's metrics. */
#ifndef WEBHOOK_DISPATCHER_STATS_H
#define WEBHOOK_DISPATCHER_STATS_H

#include "http/exchange_class.h"
#include "http/resolver.h"
#include "store/webhook_retries.h"

void stats_init(void);
/* Counts an attempt. One to a name that resolves to refused addresses only is counted as refused, although its tenant sees it as dns. */
void stats_attempt(enum exchange_class class, const struct exchange_result *r, bool retry);
/* The time from the publication of an event until its endpoint acknowledged the first attempt. */
void stats_delivered(int64_t since_published_ms);
enum broadcast_fate { BROADCAST_DELIVERED, BROADCAST_FAILED, BROADCAST_LATE, BROADCAST_FATES };
void stats_broadcast(enum broadcast_fate fate); /* of an attempt; LATE: of a delivery that was too late for one */
void stats_lost(int64_t records); /* removed by retention before they were delivered */

struct stats_gauges {
	size_t in_flight, waiting, window_events, window_bytes;
	size_t endpoints, endpoints_live, lanes_behind;
	uint64_t share_limited; /* since the last call */
	struct resolver_stats lookups;
};
void stats_gauges(const struct stats_gauges *g);
void stats_depth(const struct retry_depth *depth);

#endif
