/* Accounts as senders: their lanes and limits, for blazzctl. Role blazz_admin. Strings are borrowed for the call of each().
 * Times are microseconds since 1970, PG_NO_TIME is null or over. */
#ifndef STORE_LANES_OPS_H
#define STORE_LANES_OPS_H

#include "pg/pg.h"
#include "wire/party.h"

struct lane_info {
	int64_t workspace_id, account_id;
	struct uuid workspace, account;
	struct str session_id, business_id;
	enum provider provider;
	enum bridge_kind bridge;
	bool connected; /* as far as it has been reported */
	bool is_primary;
	struct str status; /* as reported; absent: never */
	struct str limits; /* jsonb: metadata.sending; absent: none */
	bool held;
	struct str held_code;
	int64_t held_at_us,
		held_until_us; /* held_until INT64_MAX: until it is connected again on request, or released */
	int64_t paused_until_us, next_us;
	int32_t in_flight, new_today, warm_day;
	int64_t attempts, failures;
};
/* Accounts of a workspace (0: of all) that are not deleted, those that never sent included. */
int store_lanes_list(struct pg *pg, int64_t workspace_id, void (*each)(void *ctx, const struct lane_info *l), void *ctx,
	struct err *err) ERR_MUST_USE;
/* Ends the account's hold: its state is requested anew, and a hold that began before has no effect. */
int store_lane_release(struct pg *pg, int64_t workspace_id, int64_t account_id, struct err *err) ERR_MUST_USE;

/* Changes metadata.sending: sets members of `limits`, a JSON object, and removes those that are null in it. */
int store_account_limits_set(struct pg *pg, int64_t workspace_id, int64_t account_id, struct str limits,
	struct err *err) ERR_MUST_USE;

#endif
