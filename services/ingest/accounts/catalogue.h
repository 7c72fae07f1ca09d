/* An in-memory index of accounts and apps by all their names. No threads, no I/O.
 *
 * Invariant: every account and app in it is found by each of its current names and by no previous one.
 */
#ifndef INGEST_CATALOGUE_H
#define INGEST_CATALOGUE_H

#include "ingest/dialects/intake.h"
#include "store/secrets.h"

/* All strings are in the arena of the account or app, which is freed with it. */
struct catalogue_account {
	struct arena *arena;
	struct intake_account info;
	struct uuid app; /* nil: none */
	int64_t workspace_id, id; /* ids of the rows */
	struct secrets secrets;
	struct catalogue_account *waba_next; /* set by the catalogue: the next account of the same WABA and app */
};

struct catalogue_app {
	struct arena *arena;
	struct uuid id;
	bool shared; /* the platform's app: Meta signs with its secret for accounts of several workspaces */
	struct secrets secrets;
};

struct catalogue_account *catalogue_account_new(void);
void catalogue_account_free(struct catalogue_account *a); /* accepts NULL */
struct catalogue_app *catalogue_app_new(void);
void catalogue_app_free(struct catalogue_app *a); /* accepts NULL */

/* One name: its kind, the app that scopes it, and the name itself (for UUIDs their sixteen bytes). */
enum name_kind {
	NAME_ACCOUNT = 'a',
	NAME_SESSION = 's',
	NAME_ROW = 'r', /* whatsapp_accounts.id, used by the older bridge contract: eight bytes, name_of_row() */
	NAME_NUMBER = 'n',
	NAME_WABA = 'w',
	NAME_APP = 'p',
};
struct name {
	enum name_kind kind;
	struct uuid app; /* NAME_NUMBER and NAME_WABA; else nil */
	struct str text;
};
#define NAME_MAX_BYTES 512
/* A name as one string: kind, app, name. "" when it is longer than a name can be. */
struct name_key {
	char bytes[1 + 16 + NAME_MAX_BYTES];
	size_t n;
};
struct str name_key(const struct name *name, struct name_key *out);
struct name name_of_row(const int64_t *row); /* borrows */
/* The inverse of name_key(); borrows from key. */
struct name name_of_key(struct str key);

struct catalogue;

struct catalogue *catalogue_new(void);
void catalogue_free(struct catalogue *c); /* with its accounts and apps; accepts NULL */
/* Adds the account, replacing the one with the same id, if any. Takes ownership. */
void catalogue_put_account(struct catalogue *c, struct catalogue_account **account);
void catalogue_put_app(struct catalogue *c, struct catalogue_app **app);
void catalogue_drop_account(struct catalogue *c, const struct uuid *id);
void catalogue_drop_app(struct catalogue *c, const struct uuid *id);

bool catalogue_has(const struct catalogue *c, const struct name *name);
/* NULL: not found. Borrowed until the next change. */
const struct catalogue_account *catalogue_account(const struct catalogue *c, const struct name *name);
const struct catalogue_app *catalogue_app(const struct catalogue *c, const struct uuid *id);
size_t catalogue_accounts(const struct catalogue *c);
size_t catalogue_apps(const struct catalogue *c);

#endif
