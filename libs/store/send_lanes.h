/* The lane of an account: what it has in flight, and its limits. Read when its partition is acquired, written by its
 * owner in each flush. Invariant: a message whose id is in in_flight may have been posted; any other was not.
 *
 * Times are microseconds since 1970; PG_NO_TIME is null. */
#ifndef STORE_SEND_LANES_H
#define STORE_SEND_LANES_H

#include "base/arena.h"
#include "pacing/hourly.h"
#include "pg/pg.h"

#define SEND_LANE_IN_FLIGHT_MAX 250 /* so that the array stays below 2 KB, uncompressed in its row */

struct send_lane {
	int64_t workspace_id, account_id;
	int32_t partition; /* of outbound */
	const int64_t *in_flight; /* ids of sends; in the arena when read */
	size_t n_in_flight;
	int64_t minute_us; /* state of pacing/gcra; 0: never used */
	struct hourly hour;
	int64_t next_us; /* of a bridge: no campaign's message before this time */
	int32_t run_left; /* of a bridge: campaigns' messages until the next break; -1: not drawn yet */
	int64_t day; /* of a bridge: since 1970, that day_new counts; 0: none */
	int32_t day_new, warm_day; /* new conversations on that day; days of its warm-up so far */
	int64_t paused_until_us;
	int64_t held_at_us, held_until_us; /* INT64_MAX: until the account is connected again on request, or released */
	struct str held_code;
	int64_t attempts, failures; /* since ever; failures: the account's fault */
};

struct send_lane_key {
	int64_t workspace_id, account_id;
	int32_t partition;
};
/* Adds lanes that are missing, and locks them all against their owners' flushes, in order. In a transaction, before
 * rows are inserted for them. */
int store_send_lanes_lock(struct pg *pg, const struct send_lane_key *keys, size_t n, struct err *err) ERR_MUST_USE;

/* The lanes of these partitions; strings and arrays are in the arena. */
int store_send_lanes_read(struct pg *pg, const int32_t *partitions, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct send_lane *lane), void *ctx, struct err *err) ERR_MUST_USE;

/* Writes lanes as their owner has them, in order of (workspace, account): all but held_*. Each was added before.
 * Started only (pg_start). */
int store_send_lanes_write(struct pg *pg, const struct send_lane *lanes, size_t n, struct err *err) ERR_MUST_USE;

/* A provider's code stops an account. Of several holds the one that begins last counts, whichever is written last, but while
 * an earlier one stands only a longer one replaces it. Other replicas are notified of an applied hold as of a change of the account. */
struct send_hold {
	int64_t workspace_id, account_id;
	int64_t at_us; /* when the provider said so */
	int64_t for_ms; /* from at_us on; -1: until the account is connected again on request, or released */
	struct str code;
	bool applied; /* out: false when the lane is missing, or keeps the hold that it has */
};
int store_send_lanes_hold(struct pg *pg, struct send_hold *holds, size_t n, struct err *err) ERR_MUST_USE;

/* Adds to the messages that a business portfolio sent outside a service window, by the hour of now. `slot`:
 * partition of the writer. Started only. */
struct portfolio_use {
	int64_t workspace_id;
	struct str business_id;
	int32_t slot;
	int64_t sends;
};
int store_portfolio_add(struct pg *pg, const struct portfolio_use *uses, size_t n, struct err *err) ERR_MUST_USE;
/* Messages in the last 24 hours, and when the oldest hour of them leaves that window (PG_NO_TIME: none). */
int store_portfolio_read(struct pg *pg, int64_t workspace_id, struct str business_id, int64_t *sends, int64_t *again_us,
	struct err *err) ERR_MUST_USE;

/* A provider could not reach an address: campaigns skip it for 30 days, unless the contact writes. The latest
 * counts. Started only. */
struct undeliverable_row {
	int64_t workspace_id;
	struct str address, code;
	int64_t since_us;
};
int store_undeliverable(struct pg *pg, const struct undeliverable_row *rows, size_t n, struct err *err) ERR_MUST_USE;

/* Deletes at most `limit` rows each of both tables that are of no use any more. */
int store_send_limits_expire(struct pg *pg, int limit, struct err *err) ERR_MUST_USE;

#endif
