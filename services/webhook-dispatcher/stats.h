/* webhook-dispatcher's metrics. */
#ifndef WEBHOOK_DISPATCHER_STATS_H
#define WEBHOOK_DISPATCHER_STATS_H

#include "http/exchange_class.h"
#include "http/resolver.h"
#include "store/webhook_retries.h"

void stats_init(void);
/* One that was refused because of what its name resolves to is counted so, though it counts as dns for its tenant. */
void stats_attempt(enum exchange_class class, const struct exchange_result *r, bool retry);
/* From the event's publication to its endpoint's acknowledgement at the first attempt. */
void stats_delivered(int64_t since_published_ms);
enum broadcast_fate { BROADCAST_DELIVERED, BROADCAST_FAILED, BROADCAST_LATE, BROADCAST_FATES };
void stats_broadcast(enum broadcast_fate fate); /* an attempt, or one that was too late for any */
void stats_lost(int64_t records); /* removed by retention before they were delivered */

struct stats_gauges {
	size_t in_flight, waiting, window_events, window_bytes;
	size_t endpoints, endpoints_live, lanes_behind;
	uint64_t share_limited; /* since the last time */
	struct resolver_stats lookups;
};
void stats_gauges(const struct stats_gauges *g);
void stats_depth(const struct retry_depth *depth);

#endif
