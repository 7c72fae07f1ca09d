/* Starting a campaign: it is validated, its accounts get their segments, and it runs; or it fails with every reason. */
#ifndef CAMPAIGN_SENDER_BEGIN_H
#define CAMPAIGN_SENDER_BEGIN_H

#include "campaign-sender/driver/private.h"
#include "message/reasons.h"

/* The reasons as one text, for error_message. In the arena. */
struct str reasons_text(const struct reasons *why, struct arena *a);

/* Validates the locked campaign, writes its new state and publishes it. now: it runs, otherwise it waits for its schedule. The
 * row's partition and commanded_us are set already. */
int campaign_begin(const struct driving *w, struct campaign_row *row, bool now, struct err *err) ERR_MUST_USE;

#endif
