/* Loads accounts, apps and their secrets from PostgreSQL, listens for their changes, and stores QR codes. It is a
 * thread, with ingest's only connection to PostgreSQL, because libpq blocks while it resolves a host and connects, and
 * because a statement may take its whole deadline: meanwhile the loop has to serve what is cached.
 *
 * The loop posts jobs and receives updates through two mailboxes (loop/mailbox.h). Invariant: updates arrive in the
 * order in which the rows were read, so that an older version of a row never replaces a newer one.
 */
#ifndef INGEST_ACCOUNT_LOADER_H
#define INGEST_ACCOUNT_LOADER_H

#include "crypto/seal.h"
#include "ingest/accounts/catalogue.h"
#include "loop/mailbox.h"
#include "service/settings_blocks.h"

struct account_loader;

struct account_loader_options {
	struct postgres_settings postgres; /* its strings are borrowed until account_loader_stop() */
	int qr_ttl_s;
};

enum account_update_kind {
	UPDATE_CATALOGUE, /* catalogue: all accounts and apps */
	UPDATE_ACCOUNT, /* account */
	UPDATE_ACCOUNT_GONE, /* id */
	UPDATE_APP, /* app */
	UPDATE_APP_GONE, /* id */
	UPDATE_FETCHED, /* ends account_loader_fetch(); available: all rows that exist were posted before it */
	UPDATE_ALIVE, /* PostgreSQL has answered, and no notification was missed */
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
void account_loader_stop(struct account_loader **loader); /* accepts NULL; cancels the statement in flight */

/* Readable while there are updates. */
int account_loader_fd(const struct account_loader *l);
/* The oldest update, to be freed with account_update_free(); NULL: there is none. */
struct account_update *account_loader_receive(struct account_loader *l);
void account_update_free(struct account_update *u); /* with what was not moved out of it */

/* Loads the rows with these names (name_key()), and posts UPDATE_FETCHED, before which it must not be called again. */
void account_loader_fetch(struct account_loader *l, const struct str *keys, size_t n);
/* Seals the code and stores it in account_qr; discarded when it expires before PostgreSQL is available. */
void account_loader_put_qr(struct account_loader *l, const struct catalogue_account *account, struct str code,
	bool pairing);
/* Opens and seals with these keys from now on, and loads everything again. Takes the keyring. */
void account_loader_set_keyring(struct account_loader *l, struct keyring **keyring);
/* Frees the catalogue in the thread, since that may take long. Takes it. */
void account_loader_discard(struct account_loader *l, struct catalogue **catalogue);

#endif
