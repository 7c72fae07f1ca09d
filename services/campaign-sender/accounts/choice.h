/* Which account sends a message. Pure over the cache.
 *
 *   1. the account that was named   2. that of the contact's latest conversation   3. the connected primary
 *   4. the best health_score, then the oldest
 */
#ifndef CAMPAIGN_SENDER_CHOICE_H
#define CAMPAIGN_SENDER_CHOICE_H

#include "campaign-sender/accounts/account_cache.h"

struct choice {
	int64_t workspace_id;
	int64_t named; /* 0: none. Taken even when it is not usable or deleted: its lane waits for it, and asks again with it among `tried` */
	int64_t latest; /* of the contact's latest conversation; 0: none */
	enum provider provider; /* PROVIDER_NONE: any */
	const int64_t *tried; /* accounts that are left out */
	size_t n_tried;
	/* Whether an account may send it at all (content, address, failover rules); NULL: every one. */
	bool (*admits)(void *ctx, const struct account *a);
	void *ctx;
	int64_t now_us;
};
/* NULL: no usable account. */
const struct account *choice_of(const struct account_cache *c, const struct choice *what);
/* The accounts of a campaign with `spread`: usable, of one provider, best first, at most `cap`. Returns their number. */
size_t choice_spread(const struct account_cache *c, int64_t workspace_id, enum provider provider, int64_t now_us,
	const struct account **out, size_t cap);
/* The account whose number stands for the workspace: its primary, else its oldest, usable or not; NULL: it has none. */
const struct account *choice_representative(const struct account_cache *c, int64_t workspace_id);

#endif
