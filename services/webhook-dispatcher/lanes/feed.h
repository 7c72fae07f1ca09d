/* What a lane is fed with, and how far; see model.h. */
#ifndef WEBHOOK_DISPATCHER_FEED_H
#define WEBHOOK_DISPATCHER_FEED_H

#include "webhook-dispatcher/lanes/model.h"

/* replay NULL: the live stream; then replay_uuid is not looked at. */
void feed_init(struct feed *f, struct lane *l, struct replay *replay, const struct uuid *replay_uuid);
void feed_fini(struct feed *f); /* leaves the partition's lists */
/* An event at this offset was begun, or has a row: it is not read again. f may be NULL. */
void feed_mark_begun(struct feed *f, int64_t offset);
/* Its position, or what it is made of, has changed. */
void feed_mark_dirty(struct feed *f);
/* Whether the catch-up reader has to see to it, after anything of it or its lane has changed. */
void feed_update(struct feed *f);
/* Its lane falls behind: it is read again from here on. */
void feed_rewind(struct feed *f, int64_t position);
/* One past the highest offset that was begun; what PostgreSQL holds when none was. */
int64_t feed_resume_offset(const struct feed *f);
/* Offset of the first event that has not ended. */
int64_t feed_offset(const struct feed *f);
bool feed_is_complete(const struct feed *f); /* of a replay: all is fed and has ended */

#endif
