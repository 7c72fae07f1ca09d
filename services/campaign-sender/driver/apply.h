/* Applying commands to campaigns. */
#ifndef CAMPAIGN_SENDER_APPLY_H
#define CAMPAIGN_SENDER_APPLY_H

#include "campaign-sender/driver/private.h"

/* Applies the command of one item, and sets its outcome. */
int command_apply(const struct driving *w, struct batch_item *item, struct err *err) ERR_MUST_USE;

#endif
