/* One endpoint in one partition; see model.h. now_mono_ms is the monotonic clock. */
#ifndef WEBHOOK_DISPATCHER_LANE_H
#define WEBHOOK_DISPATCHER_LANE_H

#include "webhook-dispatcher/lanes/model.h"

struct lane *lane_new(struct partition *p, struct endpoint *e);
void lane_free(struct lane *l);
struct lane *lane_of(struct fair_flow *f);

/* Creates a delivery of the event. It waits in memory, or as a row if its chain has rows. */
void lane_admit(struct feed *f, struct event *e, enum delivery_hold hold, int64_t now_mono_ms);
/* Whether the event has a row already, or was delivered before an event that has one: it must not be admitted again. */
bool lane_is_duplicate(const struct feed *f, const struct event *e);
/* Admits a claimed row. */
void lane_admit_row(struct lane *l, struct event *e, const struct retry_row *row, int64_t now_mono_ms);
/* 0: a claimed row with this ordering key may be admitted; otherwise the time until the row is due again (ms, or RETRY_WAITS). */
int64_t lane_row_delay_ms(const struct lane *l, const struct uuid *key, int64_t now_mono_ms);
/* The event of a row in the refetch queue was read, or cannot be read: the row fails for the reason `why`, which people read. Both free it. */
void lane_admit_refetched(struct refetch_row *queued, struct event *e, int64_t now_mono_ms);
void lane_fail_refetch(struct refetch_row *queued, const char *why, int64_t now_mono_ms);
/* A row with this ordering key has ended without an attempt. */
void lane_drop_row(struct lane *l, const struct uuid *key, int64_t now_mono_ms);
bool lane_has_room(const struct lane *l);
bool lane_is_crowded(const struct lane *l); /* more than half full */

/* Switches the lane to catch-up: waiting deliveries become rows, or are discarded and read again later. */
void lane_fall_behind(struct lane *l, int64_t now_mono_ms);
void lane_go_live(struct lane *l);
/* Sets the position that PostgreSQL has, when the partition was acquired. */
void lane_load_position(struct lane *l, const struct position_row *row);
/* The endpoint has become live, or is no longer live. */
void lane_endpoint_changed(struct lane *l, int64_t now_mono_ms);
/* The position that PostgreSQL must have now; false: none. */
bool lane_position(const struct lane *l, int64_t *next_offset, int64_t *live_from);

/* Adds the feed of a replay, whose members are set; the lane owns it. */
void lane_add_feed(struct lane *l, struct feed *f);
/* Removes and frees it. Its waiting deliveries are discarded; those in flight end without it. */
void lane_remove_feed(struct feed *f, int64_t now_mono_ms);

/* To be called after any change of a chain: updates it, which may free it, and schedules the lane. */
void lane_update(struct chain *c, int64_t now_mono_ms);
/* Tells the fair queue whether the lane can run now, or when it can. */
void lane_schedule(struct lane *l, int64_t now_mono_ms);
/* Spills a delivery in flight; see chain_spill_delivery(). */
void lane_spill(struct delivery *d, int64_t now_mono_ms);
struct pace_limits lane_limits(const struct lane *l);

#endif
