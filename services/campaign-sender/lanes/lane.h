/* Lanes inside this folder; lanes.h has what others call. */
#ifndef CAMPAIGN_SENDER_LANE_H
#define CAMPAIGN_SENDER_LANE_H

#include "campaign-sender/lanes/model.h"

struct lane *lane_new(struct lanes *l, struct workspace *w, const struct send_lane *row);
/* Frees it with all that waits in it or was chosen; the others become orphans. */
void lane_free(struct lane *lane);
void lane_use_hold(struct lane *lane, const struct send_lane *row);
/* Due rows are to be fetched at this time at the latest. */
void lane_fetch_at(struct lane *lane, int64_t at_ms);
/* Single messages may now wait in a lane without a usable account: lanes_stranded() looks at their deadlines. */
void lane_note_stranded(struct lane *lane, int64_t now_ms);

#endif
