/* A cache of accounts, apps and their secrets. The loop's thread owns it, and applies the updates of the account
 * loader.
 *
 * Invariant: a name counts as absent only after PostgreSQL was read. While PostgreSQL is unavailable, cached entries
 * are still served, and requests with other names are refused with 503.
 */
#ifndef INGEST_ACCOUNT_CACHE_H
#define INGEST_ACCOUNT_CACHE_H

#include <sys/queue.h>

#include "ingest/accounts/account_loader.h"
#include "ingest/accounts/catalogue.h"
#include "loop/loop.h"

struct account_cache;

/* changed() is called after each complete load, the first one and later ones. May be NULL. */
int account_cache_open(struct account_cache **out, struct loop *loop, const struct account_loader_options *options,
	struct keyring **keyring, void (*changed)(void *ctx), void *ctx, struct err *err) ERR_MUST_USE;
/* Cancels pending waits. */
void account_cache_close(struct account_cache **cache);

bool account_cache_loaded(const struct account_cache *c);
/* The cached entries; valid until the caller returns to the loop. Empty before the first load. */
const struct catalogue *account_cache_catalogue(const struct account_cache *c);

enum knowledge { KNOWN, KNOWN_ABSENT, UNKNOWN };
enum knowledge account_cache_knows(const struct account_cache *c, const struct name *name);

/* A wait for PostgreSQL, in memory of the caller. available: PostgreSQL was read; each requested name is either in the
 * catalogue or known to be absent until the callback returns. */
struct account_cache_wait {
	TAILQ_ENTRY(account_cache_wait) link;
	void (*done)(void *ctx, bool available);
	void *ctx;
	uint64_t batch; /* set by the cache; 0: not waiting */
};
/* Requests the names from PostgreSQL, and calls done() later, once. ERR_BUSY: too many names are requested already. */
int account_cache_fetch(struct account_cache *c, const struct name *names, size_t n, struct account_cache_wait *wait,
	struct err *err) ERR_MUST_USE;
/* Cancels the wait: done() will not be called. No effect if it is not waiting. */
void account_cache_cancel(struct account_cache *c, struct account_cache_wait *wait);

/* Stores the code in account_qr later (account_loader_put_qr()). */
void account_cache_put_qr(struct account_cache *c, const struct catalogue_account *account, struct str code,
	bool pairing);
void account_cache_set_keyring(struct account_cache *c, struct keyring **keyring);

/* For metrics: time since PostgreSQL last answered. */
int64_t account_cache_age_ms(const struct account_cache *c);

#endif
