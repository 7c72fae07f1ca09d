/* What a provider's code does beside its own row: holds and pauses of accounts, pauses of campaigns, opt-outs, addresses that cannot
 * be reached. Collected while results are read (lanes) or statuses are applied (status worker), and written in one transaction. */
#ifndef CAMPAIGN_SENDER_EFFECTS_H
#define CAMPAIGN_SENDER_EFFECTS_H

#include "campaign-sender/accounts/account_cache.h"
#include "campaign-sender/effects/waits.h"
#include "campaign-sender/effects/warnings.h"
#include "campaign-sender/events/records.h"
#include "store/send_lanes.h"

struct effects; /* with an arena of its own for texts */

struct effect_source {
	int64_t workspace_id, account_id;
	const struct campaign *campaign; /* NULL: a single message. Copied from */
	struct str address; /* of the recipient */
	struct str code, text; /* the provider's; text for people */
	int64_t at_us;
	bool stopped; /* the campaign's breaker (policy/stopper.h) has opened */
	bool over_share; /* more than CODES_WARN_PERCENT of the campaign's last results have this code */
};

struct effects *effects_new(void);
void effects_free(struct effects *e); /* accepts NULL */
bool effects_empty(const struct effects *e);
void effects_clear(struct effects *e);
/* Adds what follows from a decision: of holds of one account the longest, of pauses of one campaign the first. */
void effects_add(struct effects *e, const struct decision *d, const struct effect_source *from);
/* An account that was reported disconnected has sent again. */
void effects_add_connected(struct effects *e, int64_t workspace_id, int64_t account_id);
/* A pause for a reason of ours: "no_active_account", ... */
void effects_add_pause(struct effects *e, const struct campaign *campaign, const char *code, const char *reason);
/* Writes them in the open transaction, and sets holds in the cache. Alerts are logged at level error, once an account and
 * code until the hold ends; that messages of a campaign fail in a way that does not pause it, at level warn, once a campaign and reason. ctx.held is called for each account that is held or waits from now on, until_us INT64_MAX: until
 * released. */
struct effects_ops {
	struct scope_waits *waits; /* of this replica, shared by all writers; NULL: waits do not grow */
	struct campaign_warnings *warnings; /* the same; NULL: each is logged */
	void (*held)(void *ctx, int64_t workspace_id, int64_t account_id, int64_t until_us);
	void *ctx;
};
int effects_write(struct effects *e, const struct record_target *to, struct account_cache *accounts,
	const struct effects_ops *ops, struct err *err) ERR_MUST_USE;

#endif
