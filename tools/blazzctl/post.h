/* Posts a body to ingest as the bridge or Meta would: to its route, signed. */
#ifndef POST_H
#define POST_H

#include "base/buf.h"
#include "base/err.h"
#include "http/client.h"

/* Named like the folders of tests/fixtures. */
enum dialect { DIALECT_NONE, DIALECT_META, DIALECT_WWEBJS, DIALECT_WAHA, DIALECT_EVOLUTION, DIALECT_BRIDGE };
enum dialect dialect_parse(struct str word); /* "meta", "webjs-raw", ... */
/* The dialect of a route such as "/webhooks/waha/...". */
enum dialect dialect_of_route(struct str route);

/* The route for a body. id: the app's public id for Meta, else the account's; bodies of the bridge contract name
 * their session. */
void post_route(enum dialect d, const char *id, struct str body, struct buf *out);

struct post {
	const char *base_url; /* "http://127.0.0.1:8080" */
	struct str route;
	struct str secret; /* key or token */
	struct str body;
};
/* ERR_RETRY and ERR_FATAL as http_client_call(); any answer is success. */
int post_send(struct http_client *client, enum dialect d, const struct post *p, int *status, struct buf *answer,
	struct err *err) ERR_MUST_USE;

#endif
