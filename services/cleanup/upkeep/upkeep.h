/* What cleanup does for accounts beside their sessions. Source: README.md, Upkeep. While this replica leads:
 *
 *   QR codes   of WAHA, which posts none: fetched while a session waits for its scan, sealed and stored
 *   re-sync    of accounts whose messages may be missing: their bridge is asked for the history again
 *   health     of accounts: 100 minus a penalty for what went wrong lately (policy/health.h)
 *   Meta       whose accounts have no session: asked whether the number can still be used (policy/meta.h)
 *
 * Invariant: whatever is written is written under the lease, and no QR code or token gets into a log. Everything runs in the loop's
 * thread. */
#ifndef CLEANUP_UPKEEP_H
#define CLEANUP_UPKEEP_H

#include "cleanup/accounts/accounts.h"

struct upkeep_options {
	struct accounts *accounts; /* borrowed, as fleet and calls */
	struct fleet *fleet;
	struct calls *calls;
	const struct keyring *keyring; /* until upkeep_use_keyring() */
	struct sender_pool *senders; /* borrowed, as guard */
	const struct guard *guard;
	struct str meta_base_url, meta_version;
	int64_t meta_interval_ms;
	int64_t qr_interval_ms, qr_ttl_ms, health_interval_ms, resync_interval_ms;
};

struct upkeep *upkeep_new(const struct upkeep_options *options);
void upkeep_free(struct upkeep *u); /* accepts NULL; after calls_abort() */
void upkeep_use_keyring(struct upkeep *u, const struct keyring *keyring);
/* This replica no longer leads: everything is forgotten. After calls_abort(), and before accounts_clear(). */
void upkeep_clear(struct upkeep *u);

/* Begins the calls that are due; the lease is fresh. */
void upkeep_turn(struct upkeep *u);
/* Writes what they have found, in transactions that it begins and commits. On failure the caller calls lease_fail(). */
int upkeep_flush(struct upkeep *u, const struct record_target *to, struct err *err) ERR_MUST_USE;

#endif
