/* An account that messages are sent through, as campaign-sender caches it. */
#ifndef CAMPAIGN_SENDER_ACCOUNT_H
#define CAMPAIGN_SENDER_ACCOUNT_H

#include "campaign-sender/policy/limits.h"
#include "provider/provider.h"
#include "store/sending_accounts.h"

/* Borrowed from the cache until the next accounts_load() or accounts_changed(); whoever keeps one longer keeps its id. */
struct account {
	int64_t workspace_id, id;
	struct uuid workspace, uuid;
	int32_t partition; /* of outbound, into which "workspace:account" falls: that of its lane */
	const struct provider_api *api; /* NULL: of no known provider */
	struct provider_account from; /* what requests are built of */
	struct str phone_number, waba_id, business_id,
		app; /* app: of Meta, whose call limit its accounts share; may be empty */
	struct lane_limits limits;
	int64_t portfolio_per_day; /* messages outside service windows in 24 hours, of all accounts with its business_id; 0: no limit */
	bool is_primary, deleted;
	bool desired; /* desired_state is `connected` */
	bool connected; /* as its session was last reported. Meta reports none: also when nothing was reported yet, or not since
				 * it was desired */
	bool secrets_open; /* it has what its provider needs */
	int64_t desired_us;
	int64_t held_at_us, held_until_us; /* PG_NO_TIME: not held; INT64_MAX: until released or desired anew */
	struct str held_code;
	int16_t health_score;
	int64_t created_us;
	struct url_host host; /* of its base URL, checked by the guard */
	bool host_allowed; /* false also without a base URL: a bridge that has no instance */
};

/* Why an account cannot be used now; ACCOUNT_USABLE: it can. Pure. */
enum account_state {
	ACCOUNT_USABLE,
	ACCOUNT_IS_DELETED,
	ACCOUNT_NOT_DESIRED, /* desired_state is not `connected` */
	ACCOUNT_WITHOUT_SECRETS,
	ACCOUNT_WITHOUT_HOST, /* host_allowed */
	ACCOUNT_NOT_CONNECTED,
	ACCOUNT_IS_HELD,
};
enum account_state account_state(const struct account *a, int64_t now_us);
/* By a code, whatever else its state is. */
bool account_is_held(const struct account *a, int64_t now_us);
const char *account_state_word(enum account_state s); /* for logs and metrics: "held", ... */

#endif
