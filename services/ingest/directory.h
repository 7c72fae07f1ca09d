/* Who may post: accounts, apps and their secrets, cached in the loop's thread and kept fresh by the reader's.
 *
 * Invariant: an unknown name is refused only after PostgreSQL was read; while it cannot be, the name stays unknown and what is
 * cached goes on being served.
 */
#ifndef INGEST_DIRECTORY_H
#define INGEST_DIRECTORY_H

#include <sys/queue.h>

#include "ingest/catalogue.h"
#include "ingest/reader.h"
#include "loop/loop.h"

struct directory;

/* changed runs when everything was loaded, the first time and again. May be NULL. */
int directory_open(struct directory **out, struct loop *loop, const struct reader_options *options,
	struct keyring **keyring, void (*changed)(void *ctx), void *ctx, struct err *err) ERR_MUST_USE;
/* Whoever waits hears nothing more. */
void directory_close(struct directory **directory);

bool directory_loaded(const struct directory *d);
/* What is known now; valid until the callback returns to the loop. Empty before it is loaded. */
const struct catalogue *directory_catalogue(const struct directory *d);

enum knowledge { KNOWN, KNOWN_ABSENT, UNKNOWN };
enum knowledge directory_knows(const struct directory *d, const struct name *name);

/* Somebody who waits for PostgreSQL; his own memory. available: it was read, and every name that was asked for is now known or
 * known to be absent, for the time of the call. */
struct directory_wait {
	TAILQ_ENTRY(directory_wait) link;
	void (*done)(void *ctx, bool available);
	void *ctx;
	uint64_t batch; /* the directory's; 0: not waiting */
};
/* Calls back later, once. ERR_BUSY when too much is asked for already. */
int directory_ask(struct directory *d, const struct name *names, size_t n, struct directory_wait *wait,
	struct err *err) ERR_MUST_USE;
/* Not to be called back after all. Harmless for one who does not wait. */
void directory_leave(struct directory *d, struct directory_wait *wait);

/* To account_qr, soon. */
void directory_put_qr(struct directory *d, const struct catalogue_account *account, struct str code);
void directory_set_keyring(struct directory *d, struct keyring **keyring);

/* For metrics: how long ago PostgreSQL was last heard of. */
int64_t directory_age_ms(const struct directory *d);

#endif
