/* An endpoint as PostgreSQL has it, with its secrets opened, and its workspace. */
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
	void *secrets; /* as the sink keeps them; NULL: they cannot be opened, so it is not live */
	struct schedule schedule;
	char *url;
	struct url_host host;
	char **headers;           /* "Name: value" of its own, ended by NULL */
	char *misconfigured; /* why nothing may be sent to it as its row is: its URL, its headers; NULL: nothing is wrong */
	uint64_t kinds; /* a bit of each enum chat_event_kind that may be wanted */
	bool live;
	struct endpoint *next; /* of the same workspace */
};

#endif
