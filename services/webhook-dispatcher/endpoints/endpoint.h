/* An endpoint as in PostgreSQL, with its secrets opened, and its workspace. */
#ifndef WEBHOOK_DISPATCHER_ENDPOINT_H
#define WEBHOOK_DISPATCHER_ENDPOINT_H

#include "base/arena.h"
#include "http/guard.h"
#include "pacing/fair_queue.h"
#include "pacing/schedule.h"
#include "store/webhook_endpoints.h"

struct sink;

struct workspace {
	struct endpoint *endpoints; /* linked by next */
	struct fair_tenant tenant;
};

struct endpoint {
	struct workspace *workspace;
	struct endpoint_row row;
	struct arena *arena; /* of the row */
	const struct sink *sink; /* of its kind */
	void *secrets; /* in the sink's own form; NULL: they cannot be opened, so the endpoint is not live */
	struct schedule schedule;
	char *url;
	struct url_host host;
	char **headers;           /* its own headers, "Name: value", terminated by NULL */
	char *misconfigured; /* why its row makes requests impossible: an invalid URL or header; NULL: it is valid */
	uint64_t kinds; /* a bit for each enum chat_event_kind to which it may subscribe */
	bool live;
	struct endpoint *next; /* of the same workspace */
};

#endif
