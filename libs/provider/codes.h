/* What a provider's error means for the row that was to be sent, for its account and for its campaign, and whether
 * another account may send the row. One table by code (codes.c), read by pure functions. Nothing is decided on the
 * text of an error. */
#ifndef PROVIDER_CODES_H
#define PROVIDER_CODES_H

#include "pacing/schedule.h"
#include "wire/party.h"

/* What becomes of the row. */
enum row_effect {
	ROW_SENT,
	ROW_RETRIED, /* counts as an attempt; `retry` says when the next one is due */
	ROW_PENDING, /* as before; the attempt is not counted */
	ROW_FAILED,
	ROW_UNKNOWN, /* may have been sent: never sent again by itself */
};

enum retry_plan {
	RETRY_NONE,
	RETRY_RATE, /* the account's rate limit: 1 s, doubling */
	RETRY_PAIR, /* the rate limit of this account and recipient: 4^n s; holds up no other recipient */
	RETRY_TRANSIENT, /* 2, 8, 30, 120 s, then the row fails */
	RETRY_REFUSED, /* 2, 8 s, then the row fails */
};

enum account_effect {
	ACCOUNT_UNAFFECTED,
	ACCOUNT_COUNTS, /* a failure for the account's circuit breaker */
	ACCOUNT_SLOWED, /* half the rate, recovering by 10 % a second */
	ACCOUNT_WAITS, /* pauses, with all accounts of `scope`, for 60 s, doubling to 15 min */
	ACCOUNT_HELD, /* sends nothing until `hold` ends */
};

enum account_scope { SCOPE_ACCOUNT, SCOPE_WABA, SCOPE_APP };

enum hold_end {
	HOLD_NONE,
	HOLD_TIMED, /* after hold_ms, or when desired_at is newer than the hold */
	HOLD_UNTIL_DESIRED, /* when desired_at is newer than the hold */
	HOLD_UNTIL_RELEASED, /* when an operator releases it */
};

enum campaign_effect {
	CAMPAIGN_UNAFFECTED,
	CAMPAIGN_WARNED,
	CAMPAIGN_WARNED_OVER_SHARE, /* once more than CODES_WARN_PERCENT of the results have the code */
	CAMPAIGN_BREAKER, /* paused when 5 of the first 10 or over half of the last 50 results have the code */
	CAMPAIGN_MOVES, /* continues on other accounts; without any it is paused */
	CAMPAIGN_STOPS, /* at the first result */
	CAMPAIGN_STOPS_FOR_PERSON, /* the same, and only a person may resume it */
};
#define CODES_WARN_PERCENT 20

/* Which other account may send the row. */
enum failover {
	FAILOVER_NEVER,
	FAILOVER_ANY,
	FAILOVER_AFTER_TRIES, /* any, after CODES_FAILOVER_TRIES attempts */
	FAILOVER_OTHER_WABA,
	FAILOVER_OTHER_APP,
	FAILOVER_OTHER_PORTFOLIO,
	FAILOVER_OTHER_PROVIDER, /* only when the request allows the other provider */
	FAILOVER_FREE, /* any that has capacity now */
};
#define CODES_FAILOVER_TRIES 2

struct decision {
	enum row_effect row;
	enum retry_plan retry;
	enum account_effect account;
	enum account_scope scope; /* of ACCOUNT_WAITS */
	enum hold_end hold;
	int64_t hold_ms; /* of HOLD_TIMED */
	enum campaign_effect campaign;
	enum failover failover;
	const char *reason; /* our word for it, static; "" when the row was sent */
	bool alert; /* operators must know */
	bool disconnected; /* the account's session_state becomes disconnected (error) */
	bool probe; /* the hold ends with one attempt, whose success releases the account */
	bool resumes_on_approval; /* a campaign paused by it resumes when Meta approves the template */
	bool retryable; /* RETRY_FAILED may send the failed row again ... */
	int64_t retryable_after_ms; /* ... this long after it failed */
	bool opt_out; /* the contact has stopped marketing from this account */
	bool undeliverable; /* the address cannot be reached */
};

#define CODE_NONE (-1) /* no code; 0 is one of Meta's */

/* From provider_error.code ("131047"); CODE_NONE when it is not a code. */
int64_t code_parse(struct str text);

/* A Graph error of this code in an answer with this HTTP status. */
struct decision code_of_answer(int64_t code, int http_status);
/* A status webhook that says failed: the message had been accepted, so the row always fails and nothing sends it again
 * by itself; account and campaign are affected as by an answer. */
struct decision code_of_status(int64_t code);
/* The error of a bridge: the HTTP status of its answer, and error.code of our contract ("" or absent: none). */
struct decision code_of_bridge(enum bridge_kind bridge, int http_status, struct str word);
/* Which accounts may send what waits behind an account that is held for this code: a code of Meta, or the code or HTTP status of a bridge. */
enum failover code_failover_of_hold(struct str text);
/* A bridge's answer without a usable session: the row waits, and any other account may send it. */
struct decision code_of_lost_session(void);
/* The recipient is not on WhatsApp. */
struct decision code_of_missing_recipient(void);
/* The request never reached the provider. counts: the provider is to blame (circuit breaker). */
struct decision code_of_not_sent(bool counts);
/* The request may have reached the provider. counts: as above. */
struct decision code_of_unknown(bool counts);
struct decision code_of_sent(void);

/* When the next attempt is due after `retries` (0: the first attempt failed), in ms from now; SCHEDULE_EXHAUSTED: the
 * row fails. RETRY_RATE and RETRY_PAIR are never exhausted: the message's deadline ends them. retry_after_ms and random
 * as in pacing/schedule.h. */
int64_t codes_retry_ms(enum retry_plan plan, int32_t retries, int64_t retry_after_ms, double random);

#endif
