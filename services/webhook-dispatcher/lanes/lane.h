/* One endpoint in one partition; see model.h. now_mono_ms is the monotonic clock's. */
#ifndef WEBHOOK_DISPATCHER_LANE_H
#define WEBHOOK_DISPATCHER_LANE_H

#include "webhook-dispatcher/lanes/model.h"

struct lane *lane_new(struct partition *p, struct endpoint *e);
void lane_free(struct lane *l);
struct lane *lane_of(struct fair_flow *f);

/* The event gets its delivery: waiting, or a row behind an earlier one of its chain. */
void lane_admit(struct feed *f, struct event *e, enum delivery_hold hold, int64_t now_mono_ms);
/* It has a row already, or was delivered before one. */
bool lane_is_duplicate(const struct feed *f, const struct event *e);
/* A claimed row. */
void lane_admit_row(struct lane *l, struct event *e, const struct retry_row *row, int64_t now_mono_ms);
/* A claimed row with this ordering key: 0: it may be admitted; else (ms, or RETRY_WAITS) when to try again. */
int64_t lane_row_delay_ms(const struct lane *l, const struct uuid *key, int64_t now_mono_ms);
/* A claimed row whose event has been read again, or cannot be. Both free the want; why is for people. */
void lane_admit_refetched(struct refetch_row *queued, struct event *e, int64_t now_mono_ms);
void lane_fail_refetch(struct refetch_row *queued, const char *why, int64_t now_mono_ms);
/* A row of this ordering key has ended without an attempt. */
void lane_drop_row(struct lane *l, const struct uuid *key, int64_t now_mono_ms);
bool lane_has_room(const struct lane *l);
bool lane_is_crowded(const struct lane *l); /* more than half full */

/* Its backlog is read again later: what can be spared is discarded, the rest becomes rows. */
void lane_fall_behind(struct lane *l, int64_t now_mono_ms);
void lane_go_live(struct lane *l);
/* As PostgreSQL has it, when the partition was acquired. */
void lane_load_position(struct lane *l, const struct position_row *row);
/* The endpoint has become live, or ceased to be. */
void lane_endpoint_changed(struct lane *l, int64_t now_mono_ms);
/* What position PostgreSQL must have now; false: none. */
bool lane_position(const struct lane *l, int64_t *next_offset, int64_t *live_from);

/* A feed of a replay that was added (its members are set), or is removed: what it fed and was not begun is discarded, what is in flight ends
 * as if it came from nowhere. */
void lane_add_feed(struct lane *l, struct feed *f);
void lane_remove_feed(struct feed *f, int64_t now_mono_ms); /* frees it */

/* After a chain has changed: its state, and whether the lane can run. The chain may be freed. */
void lane_update(struct chain *c, int64_t now_mono_ms);
/* Tells the fair queue whether the lane can run, or when. */
void lane_schedule(struct lane *l, int64_t now_mono_ms);
/* It stays in flight, and no offset waits for it. */
void lane_spill(struct delivery *d, int64_t now_mono_ms);
struct pace_limits lane_limits(const struct lane *l);

#endif
