/* What the end of an attempt means: for the row, for other accounts, for the lane's circuit breaker. Pure.
 * Source: the tables of libs/provider (codes.h), and README.md of this service. */
#ifndef CAMPAIGN_SENDER_SETTLEMENT_H
#define CAMPAIGN_SENDER_SETTLEMENT_H

#include "provider/outcome.h"
#include "store/sends.h"

struct settled_attempt {
	const struct attempt_outcome *outcome;
	bool unknown_before; /* the row was unknown, and this was a look-up */
	bool of_campaign;
	bool repeatable; /* reactions and read markers: an unknown outcome makes them due again */
	int32_t attempt; /* attempts of this generation before this one */
	int64_t deadline_ms, now_ms; /* deadline_ms 0: none */
	bool may_fail_over; /* single message with allow_other_number, or without a named account; campaigns: their segment moves */
	double random; /* in [0,1) */
};

enum account_verdict { ACCOUNT_SUCCEEDED, ACCOUNT_FAILED, ACCOUNT_LIMITED, ACCOUNT_NEUTRAL }; /* for pacing/pace */

struct settlement {
	enum send_status status; /* SENT, PENDING, FAILED, UNKNOWN */
	int32_t attempt; /* with this one, if it counts */
	int64_t delay_ms; /* of PENDING and UNKNOWN */
	bool fail_over; /* PENDING: another account is to send it, if there is one */
	bool keep_content; /* RETRY_FAILED may send it again */
	enum account_verdict account;
	bool at_fault; /* counts in send_lanes.failures */
	const char *reason; /* our word for error_code where the provider gave no code; static; "" when sent */
};
void settle(const struct settled_attempt *a, struct settlement *out);
/* How long an unknown row waits for its first resolution step. */
int64_t settlement_first_look_ms(enum bridge_kind bridge, int64_t unknown_after_ms);

#endif
