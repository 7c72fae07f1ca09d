/* Segments inside this folder; lanes.h has what others call. */
#ifndef CAMPAIGN_SENDER_SEGMENT_H
#define CAMPAIGN_SENDER_SEGMENT_H

#include "campaign-sender/lanes/model.h"

void segment_free(struct segment *s); /* with its waiting sends; nothing of it is in flight */
/* A row above the cursor has begun or ended. */
void segment_row_ended(struct segment *s, int64_t id);
/* A row above the cursor leaves memory as it is: fetching begins at it again, at at_ms at the earliest. */
void segment_row_dropped(struct segment *s, int64_t id, int64_t at_ms);
/* Moves the cursor as far as possible. */
void segment_advance(struct segment *s);
/* How many rows of a lane, or of one of its segments, are kept in memory. */
size_t lane_ahead(const struct lane *lane);

#endif
