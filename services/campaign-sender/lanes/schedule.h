/* What a lane may send now, and when it may otherwise: what the fair queue is told. */
#ifndef CAMPAIGN_SENDER_SCHEDULE_H
#define CAMPAIGN_SENDER_SCHEDULE_H

#include "campaign-sender/lanes/model.h"

struct lane_room {
	bool direct, unknown, campaign; /* one may begin, and one waits */
	int64_t again_ms; /* when one that waits may begin, if none of its kind may now; INT64_MAX: not by time alone */
};
/* Sends that are delayed to until_us at most wait in their own lists again, and are judged anew when they are chosen. */
void lane_undelay(struct lane *lane, int64_t until_us);
/* Delayed sends whose time has come wait in their own lists again. */
struct lane_room lane_room(struct lane *lane, int64_t now_us, int64_t now_ms);
/* Makes the lane runnable, or lets it sleep. To be called after whatever changes its room. */
void lane_schedule(struct lane *lane, int64_t now_us, int64_t now_ms);
/* The same by the next lanes_wake_due(), where the time is not known. */
void lane_touch(struct lane *lane);
struct lane *lane_of(struct fair_flow *f);
/* Its campaign may send through this lane now, if there are rows. */
bool segment_may_send(const struct segment *s);

void lane_mark_changed(struct lane *lane);
void segment_mark_changed(struct segment *s);

#endif
