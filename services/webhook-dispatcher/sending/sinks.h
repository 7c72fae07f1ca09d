/* The table of sinks, and building a request. */
#ifndef WEBHOOK_DISPATCHER_SINKS_H
#define WEBHOOK_DISPATCHER_SINKS_H

#include "webhook-dispatcher/endpoints/endpoint.h"
#include "webhook-dispatcher/endpoints/sink.h"
#include "webhook-dispatcher/events/event.h"

extern const struct sink sink_webhook, sink_pusher;
extern const struct sink *const sinks[]; /* by enum endpoint_kind */

/* Builds the request that delivers the event to the endpoint. */
void sink_request_make(struct sink_request *r, const struct endpoint *to, const struct event *e, int64_t now_ms);
void sink_request_fini(struct sink_request *r); /* frees its memory except the arena, which is borrowed */

#endif
