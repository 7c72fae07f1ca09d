/* What PostgreSQL tells of endpoints and replays that have changed. On a connection of its own: on the other one nothing would be heard while
 * a flush waits, and records that are read meanwhile would pass an endpoint that is there already.
 */
#ifndef WEBHOOK_DISPATCHER_NOTICES_H
#define WEBHOOK_DISPATCHER_NOTICES_H

#include "base/uuid.h"
#include "loop/loop.h"
#include "pg/pg.h"

struct notices;

/* The texts of options are borrowed as long as it lives. */
struct notices *notices_new(struct loop *loop, const struct pg_options *options);
void notices_free(struct notices *n); /* accepts NULL */
/* Connects, unless it is connected; from here on nothing is missed. What was told before is forgotten. */
int notices_listen(struct notices *n, struct err *err) ERR_MUST_USE;
/* Something has come, or the connection is lost: to be seen to before anything else. */
bool notices_pending(struct notices *n);
/* The endpoints told of since the last call, as the caller's own array; NULL with *count 0: none. */
int notices_read(struct notices *n, struct uuid **out, size_t *count, struct err *err) ERR_MUST_USE;

#endif
