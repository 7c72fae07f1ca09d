/* What differs between the kinds of endpoints: how their secrets are read, what a request to them is, what they want at all. A new kind is a
 * file with its `struct sink`, and its row in sending/sink.c. */
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

/* A request that is put together; valid until the next one is. */
struct sink_request {
	const char *url;
	const char *headers[SIGNING_HEADERS + HEADERS_MAX + 3]; /* ended by NULL */
	size_t n_headers;
	struct str body;
	/* Memory that prepare() may use, kept from one request to the next. */
	struct buf header_text, url_text, body_text;
	struct arena *arena;
};

struct sink {
	/* From the unsealed secrets of an endpoint; *out is for prepare(). ERR_INPUT; never quotes them. */
	int (*secrets_parse)(const struct endpoint_row *row, struct str json_text, void **out, struct err *err);
	void (*secrets_free)(void *secrets); /* wipes them; accepts NULL */
	/* What it gets, and how it is retried, whatever its row says. NULL: as that says. */
	void (*narrow)(struct endpoint *e);
	/* The request has the endpoint's URL and the event's JSON: signs it, or puts others in their place. */
	void (*prepare)(const struct endpoint *to, const struct event *e, int64_t now_ms, struct sink_request *r);
	/* No attempt is made any more. NULL: it is never too late. */
	bool (*is_late)(int64_t published_ms, int64_t now_ms);
	/* Counts an attempt, and a delivery that was too late for one. NULL: they are not counted apart. */
	void (*attempted)(enum exchange_class class);
	void (*late)(void);
};

#endif
