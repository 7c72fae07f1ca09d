/* What the end of an attempt means: for the row, for other accounts, for the lane's circuit breaker. Pure.
 * Source: the tables of libs/provider (codes.h), and README.md of this service. */
#ifndef CAMPAIGN_SENDER_SETTLEMENT_H
#define CAMPAIGN_SENDER_SETTLEMENT_H

#include "campaign-sender/policy/resolution.h"
#include "provider/blazz.h"
#include "provider/outcome.h"
#include "store/sends.h"

struct settled_attempt {
	const struct attempt_outcome *outcome; /* of a look-up: settlement_lookup() */
	bool unknown_before; /* the row was unknown, and this was a look-up: not another attempt */
	bool of_campaign;
	bool repeatable; /* reactions and read markers: an unknown outcome makes them due again */
	int32_t attempt; /* attempts of this generation before this one */
	int64_t deadline_ms, now_ms; /* deadline_ms 0: none */
	bool may_fail_over; /* single message with allow_other_number, or without a named account; campaigns: their segment moves */
	/* Of an unknown outcome: until its next resolution step. settlement_first_look_ms() for an attempt, delay_ms of
	 * resolution_next() for a look-up. */
	int64_t unknown_delay_ms;
	double random; /* in [0,1) */
};

enum account_verdict { ACCOUNT_SUCCEEDED, ACCOUNT_FAILED, ACCOUNT_LIMITED, ACCOUNT_NEUTRAL }; /* for pacing/pace */

struct settlement {
	enum send_status status; /* SENT, PENDING, FAILED, UNKNOWN: when no other account may send it */
	int32_t attempt; /* with this one, if it counts */
	int64_t delay_ms; /* of PENDING and UNKNOWN */
	/* PENDING and FAILED: it was certainly not sent, and another account is to send it now, if failover_admits() one. The
	 * row is then pending for that account, and not as `status` says. */
	bool fail_over;
	bool keep_content; /* of SENT and FAILED: RETRY_FAILED may send it again */
	enum account_verdict account; /* of a look-up neutral */
	bool at_fault; /* counts in send_lanes.failures: the account or its session cannot send */
	/* Our word for error_code where the provider gave no code; static; "" when sent. "deadline": no attempt fits before the
	 * deadline, whatever the provider said last. */
	const char *reason;
};
void settle(const struct settled_attempt *a, struct settlement *out);
/* Its time is over (resolution.h): failed with `unknown_outcome`, or unknown for ever, which is store_sends_assume(). */
void settle_by_policy(enum unknown_policy policy, bool of_campaign, int32_t attempt, struct settlement *out);

/* The outcome of a look-up. ABSENT is "not sent", NONE and PENDING are "unknown". The answer's strings are borrowed. */
void settlement_lookup(enum blazz_lookup found, const struct provider_answer *answer, struct attempt_outcome *out);

/* What two accounts have in common, for failover. Strings are borrowed; absent or empty: not known. */
struct failover_account {
	enum provider provider;
	struct str business_id, waba_id, app;
	bool has_room; /* it may send now: limits and breaker */
};
/* Whether `to` may send what `from` did not. Of accounts of one provider, those whose portfolio, WABA or app is not known
 * count as sharing it. Whether the request allows another provider at all is for the caller to say. */
bool failover_admits(enum failover f, const struct failover_account *from, const struct failover_account *to);
/* How long an unknown row waits for its first resolution step. */
int64_t settlement_first_look_ms(enum bridge_kind bridge, int64_t unknown_after_ms);

#endif
