/* One partition: its lanes, and the window of events that hold its offset; see model.h. */
#ifndef WEBHOOK_DISPATCHER_PARTITION_H
#define WEBHOOK_DISPATCHER_PARTITION_H

#include "webhook-dispatcher/lanes/model.h"

void partition_init(struct partition *p, struct lane_shared *shared, int32_t number, int64_t next_offset);
/* Frees what it owns. Deliveries that have ended stay with their journal. */
void partition_fini(struct partition *p);
/* The endpoint's lane. A lane is created when there is none: behind, if the endpoint is not live. */
struct lane *partition_lane(struct partition *p, struct endpoint *e, int64_t now_mono_ms);
/* size_t i = 0; while ((l = partition_each_lane(p, &i))) … */
struct lane *partition_each_lane(const struct partition *p, size_t *i);
/* Whether this row of the retry queue is in memory. *returns: it has ended, and goes back to the queue with the next flush; what was claimed
 * behind it must not be attempted before. */
bool partition_has_row(const struct partition *p, int64_t row, bool *returns);

/* A record at this offset was read: counts the offsets before it that have no record. */
void partition_skip_to(struct partition *p, int64_t offset);
/* Adds the event to the window, which holds the offset. */
void partition_add_event(struct partition *p, struct event *e);
/* Counts a record that does not hold the offset. */
void partition_count(struct partition *p, enum outcome outcome);
/* Removes events from the head of the window that nothing holds any more. */
void partition_shrink_window(struct partition *p);
/* The offset that may be committed. */
int64_t partition_commit_offset(const struct partition *p);
/* Of events that have held the offset for longer than window.max_age, spills deliveries in flight and lets lanes of pending ones fall
 * behind. */
void partition_relieve(struct partition *p, int64_t now_mono_ms);

#endif
