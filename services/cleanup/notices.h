/* PostgreSQL's notifications of changed accounts and instances and of requested jobs, on a connection of their own: they arrive while statements wait. */
#ifndef CLEANUP_NOTICES_H
#define CLEANUP_NOTICES_H

#include "base/uuid.h"
#include "loop/loop.h"
#include "pg/pg.h"

struct notices;

/* The texts of options are borrowed until notices_free(). */
struct notices *notices_new(struct loop *loop, const struct pg_options *options);
void notices_free(struct notices *n); /* accepts NULL */
/* Connects and listens, unless it does so already: from now on no notification is missed. Earlier ones are discarded, as the caller reads
 * everything next. ERR_RETRY. */
int notices_listen(struct notices *n, struct err *err) ERR_MUST_USE;
/* Closes the connection: notifications that are not read would keep the loop awake, and fill PostgreSQL's queue of notifications. */
void notices_stop(struct notices *n);

struct notice_batch {
	struct uuid *accounts; /* that have changed since the last call; borrowed until the next */
	size_t n_accounts;
	bool everything; /* more accounts than are worth naming */
	bool instances;
	bool jobs; /* one is requested */
};
/* ERR_RETRY: the connection is lost. */
int notices_read(struct notices *n, struct notice_batch *out, struct err *err) ERR_MUST_USE;

#endif
