/* One endpoint in one partition; see model.h. admission.h has what enters it, lane_state.h whether it is live or behind. now_mono_ms is the
 * monotonic clock. */
#ifndef WEBHOOK_DISPATCHER_LANE_H
#define WEBHOOK_DISPATCHER_LANE_H

#include "webhook-dispatcher/lanes/model.h"

struct lane *lane_new(struct partition *p, struct endpoint *e);
void lane_free(struct lane *l);
struct lane *lane_of(struct fair_flow *f);

/* Adds the feed of a replay, whose members are set; the lane owns it. */
void lane_add_feed(struct lane *l, struct feed *f);
/* Removes and frees it. Its pending deliveries are discarded; those in flight end without it. */
void lane_remove_feed(struct feed *f, int64_t now_mono_ms);

/* To be called after any change of a chain: updates it, which may free it, and schedules the lane. */
void lane_update(struct chain *c, int64_t now_mono_ms);
/* Tells the fair queue whether the lane can run now, or when it can. */
void lane_schedule(struct lane *l, int64_t now_mono_ms);
/* Spills a delivery in flight; see chain_spill_delivery(). */
void lane_spill(struct delivery *d, int64_t now_mono_ms);
struct pace_limits lane_limits(const struct lane *l);

#endif
