/* What enters a lane: events of its feeds, and claimed rows of the retry queue. See model.h. */
#ifndef WEBHOOK_DISPATCHER_ADMISSION_H
#define WEBHOOK_DISPATCHER_ADMISSION_H

#include "webhook-dispatcher/lanes/model.h"

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

#endif
