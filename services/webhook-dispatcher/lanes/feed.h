/* The source of a lane's events, and how far it got; see model.h. */
#ifndef WEBHOOK_DISPATCHER_FEED_H
#define WEBHOOK_DISPATCHER_FEED_H

#include "webhook-dispatcher/lanes/model.h"

/* replay NULL: the live stream; replay_uuid is ignored then. */
void feed_init(struct feed *f, struct lane *l, struct replay *replay, const struct uuid *replay_uuid);
void feed_fini(struct feed *f); /* removes it from the partition's lists */
/* A delivery at this offset was begun, or has a row: it is not read again when the lane falls behind. f may be NULL. */
void feed_mark_begun(struct feed *f, int64_t offset);
/* Its position, or a value that the position follows from, has changed: the next flush writes it. */
void feed_mark_dirty(struct feed *f);
/* To be called after any change of the feed or its lane: adds it to the partition's list of those that catch up, or removes it. */
void feed_update(struct feed *f);
/* Its lane falls behind: reading starts again at this position. */
void feed_rewind(struct feed *f, int64_t position);
/* Where reading starts again if the lane falls behind now: one past the highest offset that was begun; the committed offset when none was. */
int64_t feed_resume_offset(const struct feed *f);
/* The position to be saved: the offset of the first event whose delivery still holds it. */
int64_t feed_offset(const struct feed *f);
/* Of a replay: all its events were fed, and none of them holds it. */
bool feed_is_complete(const struct feed *f);

#endif
