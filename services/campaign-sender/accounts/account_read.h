/* An account made from its row: secrets opened, limits parsed, host checked. */
#ifndef CAMPAIGN_SENDER_ACCOUNT_READ_H
#define CAMPAIGN_SENDER_ACCOUNT_READ_H

#include "campaign-sender/accounts/account_cache.h"

/* Fills *out, whose strings are in the arena or borrowed from options, and *signing (NULL: it has none), which the caller frees after *out.
 * Secrets that cannot be opened and a host that is not allowed are logged. */
void account_read(struct account *out, struct signing_keys **signing, const struct sending_account *row,
	const struct account_cache_options *options, const struct keyring *keyring, struct arena *a);

#endif
