/* Accounts as campaign-sender chooses between them and sends through them, with the holds of their lanes. Whether one is
 * usable is decided by the caller. */
#ifndef STORE_SENDING_ACCOUNTS_H
#define STORE_SENDING_ACCOUNTS_H

#include "base/arena.h"
#include "pg/pg.h"
#include "wire/party.h"

struct sending_account {
	int64_t workspace_id, id;
	struct uuid workspace, uuid;
	enum provider provider;
	enum bridge_kind bridge;
	struct str session_id, provider_ref, instance_url;
	struct str phone_number, phone_number_id, waba_id, business_id;
	struct str secrets; /* sealed (store/secrets.h); absent: none */
	struct uuid instance; /* that it is assigned to, if that is of its kind; nil: none */
	struct str instance_secrets; /* sealed; absent: none */
	struct str limits; /* jsonb: metadata.sending; absent: none */
	bool desired_connected; /* desired_state */
	bool deleted; /* or its workspace */
	bool is_primary;
	struct str status; /* as last reported */
	int64_t desired_us, status_at_us; /* status_at_us PG_NO_TIME: nothing was reported yet */
	int16_t health_score;
	int64_t created_us;
	struct str app; /* the provider app's id, as text; absent: none */
	int64_t portfolio_per_day; /* messages outside service windows, of all accounts with its business_id; 0: no limit */
	int64_t held_at_us, held_until_us; /* as in struct send_lane; PG_NO_TIME: not held */
	struct str held_code;
};

/* Accounts by uuid, deleted ones, too; one that does not exist is left out. Strings are in the arena. */
int store_sending_accounts(struct pg *pg, const struct uuid *uuids, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct sending_account *account), void *ctx, struct err *err) ERR_MUST_USE;
/* All accounts of these workspaces that are not deleted. */
int store_sending_accounts_of(struct pg *pg, const int64_t *workspaces, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct sending_account *account), void *ctx, struct err *err) ERR_MUST_USE;

#endif
