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
	bool inserted; /* out: its first */
};
/* Rows must be distinct by (account, sync, index). */
int store_sync_batches(struct pg *pg, struct sync_batch_row *rows, size_t n, struct err *err) ERR_MUST_USE;
struct sync_state {
	int64_t workspace_id, account_id;
	struct str sync_id;
	/* out */
	int32_t synced, skipped, rejected, expected; /* expected: chats of the batches that ended */
	int32_t batches, batches_ended, total; /* of which something came; total 0: not said yet */
	bool complete;          /* all indexes ended and their chats accounted for */
	int64_t started_us, last_us;
};
int store_sync_states_read(struct pg *pg, struct sync_state *states, size_t n, struct err *err) ERR_MUST_USE;
/* How long it has taken so far; never negative. */
int64_t store_sync_duration_ms(const struct sync_state *s);
/* These are through: they do not fail any more, unless more of them comes. */
int store_syncs_close(struct pg *pg, const struct sync_state *states, size_t n, struct err *err) ERR_MUST_USE;
/* Keeps the syncs that moved last, of the accounts that these are of: whoever syncs chooses their ids. For syncs that are new, since no
 * others make them more. */
#define SYNCS_KEPT 10000
int store_syncs_trim(struct pg *pg, const struct sync_state *begun, size_t n, struct err *err) ERR_MUST_USE;
/* Signs that something is missing. Each marks the account for re-sync ("resync": true in its sync, with a reason), once, and tells
 * who it was. They look at all accounts: whoever sweeps first marks, rows that another replica has locked are left to it. */
typedef void (*account_fn)(void *ctx, int64_t workspace_id, int64_t account_id);
/* Transfers of a provider's history without progress for idle_ms. */
int store_accounts_mark_history(struct pg *pg, int64_t idle_ms, account_fn each, void *ctx,
	struct err *err) ERR_MUST_USE;
/* Open syncs without progress for idle_ms, each once: they are closed, and where the account's sync column shows one its status becomes
 * failed. */
struct stale_sync {
	struct uuid workspace, account; /* public ids */
	enum provider provider;
	struct sync_state state; /* as store_sync_states_read() has it */
};
int store_syncs_fail_stale(struct pg *pg, int64_t idle_ms, struct arena *a, struct stale_sync **out, size_t *n,
	struct err *err) ERR_MUST_USE;
/* Connected bridges that sent nothing for silent_ms. */
int store_accounts_mark_silent(struct pg *pg, int64_t silent_ms, account_fn each, void *ctx,
	struct err *err) ERR_MUST_USE;
/* Accounts that spoke of messages which never came. */
int store_accounts_mark_gap(struct pg *pg, const int64_t *workspace_ids, const int64_t *account_ids, size_t n,
	struct err *err) ERR_MUST_USE;

/* What a report does not say (absent) stays; an older one changes nothing. */
struct template_row {
	int64_t workspace_id, account_id;
	struct str provider_template_id, name, language, category, status, quality, reason;
	int64_t at_us;
	bool changed; /* out */
};
int store_templates(struct pg *pg, struct template_row *rows, size_t n, struct err *err) ERR_MUST_USE;

/* Public id to internal id of a user of the workspace; 0 when there is none. */
int store_users_find(struct pg *pg, const int64_t *workspace_ids, const struct uuid *ids, size_t n, int64_t *out,
	struct err *err) ERR_MUST_USE;

#endif
