/* Back-pressure: while its lanes have enough to do, or one of them is full, a partition is not read; what follows waits in Kafka, which costs
 * nothing. But a full lane must not starve an idle one: it falls behind instead. Source: README.md, Live or behind. */
#ifndef WEBHOOK_DISPATCHER_FLOW_CONTROL_H
#define WEBHOOK_DISPATCHER_FLOW_CONTROL_H

#include "webhook-dispatcher/intake/reader.h"

/* While there is no room for more, or one of its lanes has none, it is not read. */
void flow_control_update(struct reader *r, int64_t now_mono_ms);
/* A live lane has no room for another event. */
void flow_control_lane_full(struct reader *r, struct lane *l);

#endif
