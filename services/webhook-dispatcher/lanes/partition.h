/* One partition: its lanes, and the window of what was read and holds its offset back; see model.h. */
#ifndef WEBHOOK_DISPATCHER_PARTITION_H
#define WEBHOOK_DISPATCHER_PARTITION_H

#include "webhook-dispatcher/lanes/model.h"

void partition_init(struct partition *p, struct lane_shared *shared, int32_t number, int64_t next_offset);
/* Everything that is not being written. */
void partition_fini(struct partition *p);
/* Creates it; behind when its endpoint is not live. */
struct lane *partition_lane(struct partition *p, struct endpoint *e, int64_t now_mono_ms);
/* size_t i = 0; while ((l = partition_each_lane(p, &i))) … */
struct lane *partition_each_lane(const struct partition *p, size_t *i);
/* A row of the retry queue is in memory. */
bool partition_has_row(const struct partition *p, int64_t row);

/* A record at this offset was read: counts the offsets before it that have none. */
void partition_skip_to(struct partition *p, int64_t offset);
/* The offset waits for the event. */
void partition_add_event(struct partition *p, struct event *e);
/* A record that holds nothing back. */
void partition_count(struct partition *p, enum outcome outcome);
/* The window moves past what nothing holds any more. */
void partition_shrink_window(struct partition *p);
/* The offset that may be committed. */
int64_t partition_commit_offset(const struct partition *p);
/* What has held up the window for too long is spilled, or its lane falls behind. */
void partition_relieve(struct partition *p, int64_t now_mono_ms);

#endif
