/* Which events an endpoint subscribes to. Pure. */
#ifndef WEBHOOK_DISPATCHER_SUBSCRIPTION_H
#define WEBHOOK_DISPATCHER_SUBSCRIPTION_H

#include "webhook-dispatcher/endpoints/endpoint.h"
#include "webhook-dispatcher/events/event.h"

/* The kinds of events that a row's types may fit: a bit of each enum chat_event_kind. */
uint64_t subscription_kinds(const struct endpoint_row *row);
/* Its types and origins, live or not. */
bool endpoint_subscribes(const struct endpoint *e, const struct chat_event *event);
/* And as part of the stream: since it became active, or replayed for it alone. */
bool endpoint_wants(const struct endpoint *e, const struct reading *r);
/* "message.*", "message.created" */
bool event_type_fits(struct str pattern, struct str full_type);

#endif
