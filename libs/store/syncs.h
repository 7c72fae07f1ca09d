/* Progress of initial syncs; templates; users. */
#ifndef STORE_SYNCS_H
#define STORE_SYNCS_H

#include "base/arena.h"
#include "store/rows.h"

struct sync_batch_row {
	int64_t workspace_id, account_id;
	struct str sync_id;
	int32_t index;
	uint64_t synced_mask, skipped_mask; /* bits to add */
	bool ended;
	int32_t chats, rejected, total;
	bool last;
	bool changed; /* out: a bit or an end that was not there before */
};
/* Rows must be distinct by (account, sync, index). */
int sync_batches_store(struct pg *pg, struct sync_batch_row *rows, size_t n, struct err *err) ERR_MUST_USE;
struct sync_state {
	int64_t workspace_id, account_id;
	struct str sync_id;
	/* out */
	int32_t synced, skipped, rejected, expected; /* expected: chats of the batches that ended */
	int32_t batches_ended, total;                /* total 0: not said yet */
	bool complete;          /* all indexes ended and their chats accounted for */
	int64_t started_us, last_us;
};
int sync_states_read(struct pg *pg, struct sync_state *states, size_t n, struct err *err) ERR_MUST_USE;
/* Signs that something is missing. Each marks the account for re-sync ("resync": true in its sync, with a reason), once, and tells
 * who it was. They look at all accounts: whoever sweeps first marks, rows that another replica has locked are left to it. */
typedef void (*account_fn)(void *ctx, int64_t workspace_id, int64_t account_id);
/* Running syncs without progress for idle_ms: their status becomes failed. */
int syncs_fail_stale(struct pg *pg, int64_t idle_ms, account_fn each, void *ctx, struct err *err) ERR_MUST_USE;
/* Connected bridges that sent nothing for silent_ms. */
int accounts_mark_silent(struct pg *pg, int64_t silent_ms, account_fn each, void *ctx, struct err *err) ERR_MUST_USE;
/* Accounts that spoke of messages which never came. */
int accounts_mark_gap(struct pg *pg, const int64_t *workspace_ids, const int64_t *account_ids, size_t n,
	struct err *err) ERR_MUST_USE;

/* What a report does not say (absent) stays; an older one changes nothing. */
struct template_row {
	int64_t workspace_id, account_id;
	struct str provider_template_id, name, language, category, status, quality, reason;
	int64_t at_us;
	bool changed; /* out */
};
int templates_store(struct pg *pg, struct template_row *rows, size_t n, struct err *err) ERR_MUST_USE;

/* Public id to internal id of a user of the workspace; 0 when there is none. */
int users_find(struct pg *pg, const int64_t *workspace_ids, const struct uuid *ids, size_t n, int64_t *out,
	struct err *err) ERR_MUST_USE;

#endif
