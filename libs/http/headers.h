/* Header fields that tenants have sent along with their webhooks: which are theirs to set. Checked where they are written and again where
 * they are read: a value with a line end would begin another request on a connection that other tenants' requests share.
 * The database has the same rules: db/deploy/webhooks.sql. */
#ifndef HTTP_HEADERS_H
#define HTTP_HEADERS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define HEADERS_MAX        32
#define HEADER_NAME_BYTES  100
#define HEADER_VALUE_BYTES 2000

/* A token (RFC 9110, 5.6.2) that is not the exchange's own (Host, Content-Length, ...) nor says that the sender said it (webhook-*, ...);
 * a value without control characters. ERR_INPUT with a reason for people. */
int header_check(struct str name, struct str value, struct err *err) ERR_MUST_USE;
/* {"Name": "value"} as lines "Name: value", ended by NULL, in the arena; an empty text has none. ERR_INPUT when it is anything else, has
 * more than HEADERS_MAX members, or one that header_check() refuses: no lines then. */
int headers_parse(struct str object, struct arena *a, char ***out, struct err *err) ERR_MUST_USE;

#endif
