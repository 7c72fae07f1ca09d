/* Work that is too long for one transaction: a chunk each time. */
#ifndef CAMPAIGN_SENDER_STEP_H
#define CAMPAIGN_SENDER_STEP_H

#include "campaign-sender/driver/private.h"

/* Writes the next recipients of a campaign. */
int audience_step(const struct driving *w, const struct driven *c, struct err *err) ERR_MUST_USE;
/* Makes its next failed rows due again. */
int retry_step(const struct driving *w, const struct driven *c, struct err *err) ERR_MUST_USE;

#endif
