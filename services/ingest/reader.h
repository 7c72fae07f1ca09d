/* The one thread that owns ingest's connection to PostgreSQL: it reads accounts, apps and secrets, listens for changes, and
 * writes QR codes. A thread, because libpq resolves names and connects blocking, and because a statement may take its whole
 * deadline: serving what is cached must go on meanwhile.
 *
 * The loop hands in jobs and takes news through two mailboxes (loop/mailbox.h). Invariant: news are in
 * the order in which PostgreSQL was read, so that an older reading never replaces a newer one.
 */
#ifndef INGEST_READER_H
#define INGEST_READER_H

#include "crypto/seal.h"
#include "ingest/catalogue.h"
#include "loop/mailbox.h"
#include "service/settings_blocks.h"

struct reader;

struct reader_options {
	struct postgres_settings postgres; /* its text is borrowed as long as the reader lives */
	int qr_ttl_s;
};

enum news_kind {
	NEWS_ALL, /* catalogue: everything, read anew */
	NEWS_ACCOUNT, /* account */
	NEWS_ACCOUNT_GONE, /* id */
	NEWS_APP, /* app */
	NEWS_APP_GONE, /* id */
	NEWS_ANSWER, /* what reader_look() asked for has come before this; or not, when it is not available */
	NEWS_ALIVE, /* PostgreSQL answers: the cache is as fresh as its notifications */
};
struct news {
	struct mailbox_node node; /* first */
	enum news_kind kind;
	struct catalogue *catalogue;
	struct catalogue_account *account;
	struct catalogue_app *app;
	struct uuid id;
	bool available;
};

/* Takes the keyring, also on failure. */
int reader_start(struct reader **out, const struct reader_options *options, struct keyring **keyring,
	struct err *err) ERR_MUST_USE;
void reader_stop(struct reader **reader); /* accepts NULL; abandons what is under way */

/* Readable while there is news. */
int reader_fd(const struct reader *r);
/* The oldest news, NULL when there is none; to be freed with news_free(). */
struct news *reader_receive(struct reader *r);
void news_free(struct news *n); /* and what it still holds */

/* Reads what bears these names (name_key()). One at a time: the next after NEWS_ANSWER. */
void reader_look(struct reader *r, const struct str *keys, size_t n);
/* Seals the code into account_qr, soon; given up when it has expired. */
void reader_put_qr(struct reader *r, const struct catalogue_account *account, struct str code);
/* Opens and seals with these keys from now on, and reads everything anew. Takes the keyring. */
void reader_use_keyring(struct reader *r, struct keyring **keyring);
/* Frees it, which may take a while. Takes it. */
void reader_discard(struct reader *r, struct catalogue **catalogue);

#endif
