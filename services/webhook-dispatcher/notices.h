/* PostgreSQL's notifications of changed endpoints and replays. They have a connection of their own: on that of the flush they would not be read
 * while a statement waits, and records that are read meanwhile would not be delivered to an endpoint that exists already.
 */
#ifndef WEBHOOK_DISPATCHER_NOTICES_H
#define WEBHOOK_DISPATCHER_NOTICES_H

#include "base/uuid.h"
#include "loop/loop.h"
#include "pg/pg.h"

struct notices;

/* The texts of options are borrowed until notices_free(). */
struct notices *notices_new(struct loop *loop, const struct pg_options *options);
void notices_free(struct notices *n); /* accepts NULL */
/* Connects and listens, unless it does so already: from now on no notification is missed. Earlier ones are discarded, as the caller reads all
 * endpoints next. ERR_RETRY. */
int notices_listen(struct notices *n, struct err *err) ERR_MUST_USE;
/* Whether there are notifications, or the connection is lost: no record may be read before notices_read(). */
bool notices_pending(struct notices *n);
/* The ids of endpoints that have changed since the last call. The caller owns *out and frees it; NULL with *count 0: none. ERR_RETRY: the
 * connection is lost. */
int notices_read(struct notices *n, struct uuid **out, size_t *count, struct err *err) ERR_MUST_USE;

#endif
