/* Which events an endpoint subscribes to. Pure. */
#ifndef WEBHOOK_DISPATCHER_SUBSCRIPTION_H
#define WEBHOOK_DISPATCHER_SUBSCRIPTION_H

#include "webhook-dispatcher/endpoints/endpoint.h"
#include "webhook-dispatcher/events/event.h"

/* The kinds of events that a row's types may match: a bit for each enum chat_event_kind. */
uint64_t subscription_kinds(const struct endpoint_row *row);
/* Whether the event matches the endpoint's types and origins; the endpoint need not be live. */
bool endpoint_subscribes(const struct endpoint *e, const struct chat_event *event);
/* Whether the endpoint also receives this record: published since the endpoint became active, or replayed, and for this endpoint if the replay
 * names one. */
bool endpoint_receives(const struct endpoint *e, const struct event_record *r);
/* "message.*", "message.created" */
bool event_type_fits(struct str pattern, struct str full_type);

#endif
