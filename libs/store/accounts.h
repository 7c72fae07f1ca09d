/* Accounts as chat-sync reads and reports them. */
#ifndef STORE_ACCOUNTS_H
#define STORE_ACCOUNTS_H

#include "base/arena.h"
#include "store/rows.h"

/* Accounts by public id, deleted ones too, with their workspace's settings. Rows that exist are passed to each. */
int store_accounts_load(struct pg *pg, const struct uuid *ids, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct account_row *row), void *ctx, struct err *err) ERR_MUST_USE;
/* Whether this role sees any account at all. */
int store_accounts_any(struct pg *pg, bool *out, struct err *err) ERR_MUST_USE;
/* Started only (pg_start): writes the reported columns (status, status_since, status_at, connected and disconnected
 * times, reason, details, sync, reported_phone) as the rows have them; disconnect_count rises by
 * `disconnects` while desired_state is connected; is_active follows status = connected; last_activity_at moves to
 * now where `sent` says so. */
int store_accounts(struct pg *pg, const struct account_row *const *rows, size_t n, struct err *err) ERR_MUST_USE;
/* Remembers the latest notice of each kind in whatsapp_accounts.notices: {"<kind>": <notice json>}; of more kinds than
 * NOTICES_KEPT the newest, since every notice rewrites them all. */
#define NOTICES_KEPT 64
struct notice_row {
	int64_t workspace_id, account_id;
	struct str kind, json;
	int64_t at_us; /* an older notice of that kind never replaces a newer one */
	bool changed; /* out: newer than, or different from, the one before */
};
/* Rows must be distinct by (account, kind). */
int store_notices(struct pg *pg, struct notice_row *rows, size_t n, struct err *err) ERR_MUST_USE;

#endif
