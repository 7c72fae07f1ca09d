/* A cache of accounts, apps and their secrets. It belongs to the loop's thread; the reader's thread keeps it up to
 * date.
 *
 * Invariant: a name counts as absent only after PostgreSQL was read. While PostgreSQL is unavailable, cached entries
 * are still served, and requests with other names are refused with 503.
 */
#ifndef INGEST_DIRECTORY_H
#define INGEST_DIRECTORY_H

#include <sys/queue.h>

#include "ingest/catalogue.h"
#include "ingest/reader.h"
#include "loop/loop.h"

struct directory;

/* changed() is called after each complete load, the first one and later ones. May be NULL. */
int directory_open(struct directory **out, struct loop *loop, const struct reader_options *options,
	struct keyring **keyring, void (*changed)(void *ctx), void *ctx, struct err *err) ERR_MUST_USE;
/* Pending waits are dropped without a callback. */
void directory_close(struct directory **directory);

bool directory_loaded(const struct directory *d);
/* The cached entries; valid until the caller returns to the loop. Empty before the first load. */
const struct catalogue *directory_catalogue(const struct directory *d);

enum knowledge { KNOWN, KNOWN_ABSENT, UNKNOWN };
enum knowledge directory_knows(const struct directory *d, const struct name *name);

/* A caller that waits for PostgreSQL; the caller owns the memory. available: PostgreSQL was read, and each requested
 * name is now either in the catalogue or known to be absent, for the duration of the callback. */
struct directory_wait {
	TAILQ_ENTRY(directory_wait) link;
	void (*done)(void *ctx, bool available);
	void *ctx;
	uint64_t batch; /* set by the directory; 0: not waiting */
};
/* Calls done() later, once. ERR_BUSY when too many names are already requested. */
int directory_ask(struct directory *d, const struct name *names, size_t n, struct directory_wait *wait,
	struct err *err) ERR_MUST_USE;
/* Cancels the wait: done() will not be called. No effect if it is not waiting. */
void directory_leave(struct directory *d, struct directory_wait *wait);

/* Writes the code to account_qr, asynchronously. */
void directory_put_qr(struct directory *d, const struct catalogue_account *account, struct str code);
void directory_set_keyring(struct directory *d, struct keyring **keyring);

/* For metrics: time since PostgreSQL last answered. */
int64_t directory_age_ms(const struct directory *d);

#endif
