/* Back-pressure: while each of its lanes has enough to do, or one of them is full, a partition is not read; its records wait in Kafka, at no
 * cost. But a full lane must not starve an idle one: it falls behind instead. Source: README.md, Live or behind. */
#ifndef WEBHOOK_DISPATCHER_FLOW_CONTROL_H
#define WEBHOOK_DISPATCHER_FLOW_CONTROL_H

#include "webhook-dispatcher/lanes/model.h"

/* Whether the partition must not be read for now, because its window is full or its lanes hold it. Makes lanes that have held it for too long
 * fall behind. live: the number of live endpoints of all workspaces. */
bool flow_control_holds(struct partition *p, size_t live, int64_t now_mono_ms);
/* A live lane has no room for a further event. */
void flow_control_lane_full(struct lane *l, int64_t now_mono_ms);

#endif
