/* The one thread that owns ingest's connection to PostgreSQL: it reads accounts, apps and secrets, listens for changes, and
 * writes QR codes. A thread, because libpq resolves names and connects blocking, and because a statement may take its whole
 * deadline: serving what is cached must go on meanwhile.
 *
 * The loop hands in jobs and takes news through two mailboxes (loop/mailbox.h). Invariant: news are in
 * the order in which PostgreSQL was read, so that an older reading never replaces a newer one.
 */
#ifndef INGEST_ACCOUNT_LOADER_H
#define INGEST_ACCOUNT_LOADER_H

#include "crypto/seal.h"
#include "ingest/catalogue.h"
#include "loop/mailbox.h"
#include "service/settings_blocks.h"

struct account_loader;

struct account_loader_options {
	struct postgres_settings postgres; /* its text is borrowed as long as the loader lives */
	int qr_ttl_s;
};

enum account_update_kind {
	UPDATE_CATALOGUE, /* catalogue: everything, read anew */
	UPDATE_ACCOUNT, /* account */
	UPDATE_ACCOUNT_GONE, /* id */
	UPDATE_APP, /* app */
	UPDATE_APP_GONE, /* id */
	UPDATE_FETCHED, /* what account_loader_fetch() asked for has come before this; or not, when it is not available */
	UPDATE_ALIVE, /* PostgreSQL answers: the cache is as fresh as its notifications */
};
struct account_update {
	struct mailbox_node node; /* first */
	enum account_update_kind kind;
	struct catalogue *catalogue;
	struct catalogue_account *account;
	struct catalogue_app *app;
	struct uuid id;
	bool available;
};

/* Takes the keyring, also on failure. */
int account_loader_start(struct account_loader **out, const struct account_loader_options *options,
	struct keyring **keyring, struct err *err) ERR_MUST_USE;
void account_loader_stop(struct account_loader **loader); /* accepts NULL; abandons what is under way */

/* Readable while there is news. */
int account_loader_fd(const struct account_loader *l);
/* The oldest news, NULL when there is none; to be freed with account_update_free(). */
struct account_update *account_loader_receive(struct account_loader *l);
void account_update_free(struct account_update *n); /* and what it still holds */

/* Reads what bears these names (name_key()). One at a time: the next after UPDATE_FETCHED. */
void account_loader_fetch(struct account_loader *l, const struct str *keys, size_t n);
/* Seals the code into account_qr, soon; given up when it has expired. */
void account_loader_put_qr(struct account_loader *l, const struct catalogue_account *account, struct str code);
/* Opens and seals with these keys from now on, and reads everything anew. Takes the keyring. */
void account_loader_set_keyring(struct account_loader *l, struct keyring **keyring);
/* Frees it, which may take a while. Takes it. */
void account_loader_discard(struct account_loader *l, struct catalogue **catalogue);

#endif
