/* Back-pressure: while its lanes have enough to do, or one of them is full, a partition is not read; what follows waits in Kafka, which costs
 * nothing. But a full lane must not starve an idle one: it falls behind instead. Source: README.md, Live or behind. */
#ifndef WEBHOOK_DISPATCHER_FLOW_CONTROL_H
#define WEBHOOK_DISPATCHER_FLOW_CONTROL_H

#include "webhook-dispatcher/lanes/model.h"

/* Whether nothing more may be read of the partition for now: there is no room for it, or one of its lanes has none. Lanes that have kept it from
 * being read for too long fall behind. live: how many endpoints are, in all workspaces. */
bool flow_control_holds(struct partition *p, size_t live, int64_t now_mono_ms);
/* A live lane has no room for another event. */
void flow_control_lane_full(struct lane *l, int64_t now_mono_ms);

#endif
