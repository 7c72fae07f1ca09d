/* What notifications and records change in caches and lanes. Between transactions only, as those borrow from the caches. */
#ifndef CAMPAIGN_SENDER_CHANGES_H
#define CAMPAIGN_SENDER_CHANGES_H

#include "campaign-sender/parts.h"

void change_apply(struct parts *p, const struct notice *n);
/* A single message is due in the lane of this account: it does not wait for flush.interval. */
void change_lane_due(struct parts *p, int64_t account_id);

#endif
