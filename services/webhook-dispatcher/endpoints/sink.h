/* What differs between the kinds of endpoints: how their secrets are parsed, how a request is built, which events they may receive. A new
 * kind is a file with its `struct sink`, a row in sending/sinks.c, and what CONTRIBUTING.md lists outside this service: How to add, A kind
 * of endpoint. */
#ifndef WEBHOOK_DISPATCHER_ENDPOINTS_SINK_H
#define WEBHOOK_DISPATCHER_ENDPOINTS_SINK_H

#include "base/arena.h"
#include "base/buf.h"
#include "http/exchange_class.h"
#include "http/headers.h"
#include "http/signing.h"
#include "store/webhook_endpoints.h"

struct endpoint;
struct event;

/* A request to be sent; valid until the next one is built in it. */
struct sink_request {
	const char *url;
	const char *headers[SIGNING_HEADERS + HEADERS_MAX + 3]; /* terminated by NULL */
	size_t n_headers;
	struct str body;
	/* Memory for prepare(), reused from one request to the next. */
	struct buf header_text, url_text, body_text;
	struct arena *arena;
};

struct sink {
	/* Parses the opened secrets of an endpoint; *out is for prepare(). ERR_INPUT, with a message that never quotes them. */
	int (*secrets_parse)(const struct endpoint_row *row, struct str json_text, void **out, struct err *err);
	void (*secrets_free)(void *secrets); /* wipes them; accepts NULL */
	/* Restricts the event kinds and the schedule of an endpoint, whatever its row says. NULL: they are as in the row. */
	void (*narrow)(struct endpoint *e);
	/* Completes a request that has the endpoint's URL and the event's JSON: signs it, or replaces URL and body. */
	void (*prepare)(const struct endpoint *to, const struct event *e, int64_t now_ms, struct sink_request *r);
	/* True when the event is too old for a further attempt. NULL: it never is. */
	bool (*is_late)(int64_t published_ms, int64_t now_ms);
	/* Count an attempt, and a delivery that was too late for one, in metrics of the sink. NULL: the sink has none. */
	void (*attempted)(enum exchange_class class);
	void (*late)(void);
};

#endif
