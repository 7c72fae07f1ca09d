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
	int32_t batches, batches_ended, total; /* batches: those with any record; total 0: not reported yet */
	bool complete;          /* all indexes ended and their chats accounted for */
	int64_t started_us, last_us;
};
int store_sync_states_read(struct pg *pg, struct sync_state *states, size_t n, struct err *err) ERR_MUST_USE;
/* The duration so far; never negative. */
int64_t store_sync_duration_ms(const struct sync_state *s);
/* Closes finished syncs: they cannot become stale any more, unless further batches arrive. */
int store_syncs_close(struct pg *pg, const struct sync_state *states, size_t n, struct err *err) ERR_MUST_USE;
/* Deletes all but the SYNCS_KEPT syncs with the latest progress of each account that these are of, because senders
 * choose the ids of syncs and may send any number. Called for new syncs, as only those add rows. */
#define SYNCS_KEPT 10000
int store_syncs_trim(struct pg *pg, const struct sync_state *begun, size_t n, struct err *err) ERR_MUST_USE;
/* Signs of missing data. Each function marks the account for re-sync ("resync": true in its sync, with a reason), once,
 * and calls each() with the account. They cover all accounts: the first replica to sweep marks, and skips rows that
 * another replica has locked. */
typedef void (*account_fn)(void *ctx, int64_t workspace_id, int64_t account_id);
/* Transfers of a provider's history without progress for idle_ms. */
int store_accounts_mark_history(struct pg *pg, int64_t idle_ms, account_fn each, void *ctx,
	struct err *err) ERR_MUST_USE;
/* Open syncs without progress for idle_ms, each once: they are closed, and where the account's sync column shows one
 * its status becomes failed. */
struct stale_sync {
	struct uuid workspace, account; /* public ids */
	enum provider provider;
	struct sync_state state; /* as store_sync_states_read() has it */
};
int store_syncs_fail_stale(struct pg *pg, int64_t idle_ms, struct arena *a, struct stale_sync **out, size_t *n,
	struct err *err) ERR_MUST_USE;
/* Connected bridges that have sent nothing for silent_ms. */
int store_accounts_mark_silent(struct pg *pg, int64_t silent_ms, account_fn each, void *ctx,
	struct err *err) ERR_MUST_USE;
/* Accounts whose updates refer to messages that never arrived. */
int store_accounts_mark_gap(struct pg *pg, const int64_t *workspace_ids, const int64_t *account_ids, size_t n,
	struct err *err) ERR_MUST_USE;

/* Members that a report does not have (absent) stay as they are; an older report changes nothing. */
struct template_row {
	int64_t workspace_id, account_id;
	struct str provider_template_id, name, language, category, status, quality, reason;
	struct str components; /* a JSON array */
	int64_t at_us;
	bool changed; /* out: something that a template.status event says; components alone are no change */
};
int store_templates(struct pg *pg, struct template_row *rows, size_t n, struct err *err) ERR_MUST_USE;

/* Public id to internal id of a user of the workspace; 0 when there is none. */
int store_users_find(struct pg *pg, const int64_t *workspace_ids, const struct uuid *ids, size_t n, int64_t *out,
	struct err *err) ERR_MUST_USE;

#endif
