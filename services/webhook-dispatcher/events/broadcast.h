/* Messages for a Pusher-compatible server, which forwards them to front ends: delivered soon or not at all. Pure. Source: README.md,
 * Broadcasts. */
#ifndef WEBHOOK_DISPATCHER_BROADCAST_H
#define WEBHOOK_DISPATCHER_BROADCAST_H

#include "http/pusher.h"
#include "pacing/schedule.h"
#include "wire/chat_event.h"

/* The size of the name of the default channel, for an endpoint that names none; with the NUL. */
#define BROADCAST_CHANNEL_SIZE 45
void broadcast_channel(const struct uuid *workspace, char out[static BROADCAST_CHANNEL_SIZE]);
/* Replaces the contents of out by the body of the request for e, a message.created. */
void broadcast_body(const struct pusher *p, const struct chat_event *e, struct buf *out);
/* The schedule of an endpoint that has none of its own. */
extern const struct schedule broadcast_schedule;
/* Whether the broadcast is too late: a front end must not announce yesterday's message today. */
bool broadcast_is_late(int64_t published_ms, int64_t now_ms);

#endif
