/* Messages as a Pusher-compatible server hands them to front ends, soon or not at all. Pure. Source: README.md, Broadcasts. */
#ifndef WEBHOOK_DISPATCHER_BROADCAST_H
#define WEBHOOK_DISPATCHER_BROADCAST_H

#include "http/pusher.h"
#include "pacing/schedule.h"
#include "wire/chat_event.h"

/* Where a workspace's messages go when its endpoint names no channel: ends with a NUL. */
#define BROADCAST_CHANNEL_SIZE 45
void broadcast_channel(const struct uuid *workspace, char out[static BROADCAST_CHANNEL_SIZE]);
/* Replaces what out holds by the body of the request that tells of e, a message.created. */
void broadcast_body(const struct pusher *p, const struct chat_event *e, struct buf *out);
/* Retries of an endpoint that has no schedule of its own. */
extern const struct schedule broadcast_schedule;
/* A message of yesterday must not ring a bell today. */
bool broadcast_is_late(int64_t published_ms, int64_t now_ms);

#endif
