/* Which accounts send a campaign. */
#ifndef CAMPAIGN_SENDER_CAMPAIGN_ACCOUNTS_H
#define CAMPAIGN_SENDER_CAMPAIGN_ACCOUNTS_H

#include "campaign-sender/driver/private.h"
#include "message/reasons.h"
#include "store/campaign_driver.h"

/* The named account; else, of preferred_provider, every usable one (spread) or the best; of the other provider only where the
 * definition allows it, and never a template, which Meta alone has. Workspaces' accounts are loaded already. Returns their
 * number; 0 after adding to `why`. */
size_t campaign_accounts(const struct driving *w, const struct campaign_row *row,
	const struct account *out[static CAMPAIGN_SEGMENTS_MAX], struct reasons *why);

#endif
