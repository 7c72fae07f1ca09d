/* A chat event as its tenant sees it: JSON, api_version 1. Source: README.md, Events. */
#ifndef WEBHOOK_DISPATCHER_RENDER_H
#define WEBHOOK_DISPATCHER_RENDER_H

#include "base/buf.h"
#include "wire/chat_event.h"

#define RENDER_API_VERSION "1"

/* e has a kind. Appends {"id","type","api_version","workspace_id","account_id","conversation_id","sequence","timestamp","data"} to out.
 * timestamp is RFC 3339 in UTC with milliseconds; what an event does not have (account_id, conversation_id, sequence) is null. */
void render_event(const struct chat_event *e, struct buf *out);

/* What a broadcast of a message.created says: {"chat","contact","group"}, the latter two null where there is none. */
enum broadcast_detail {
	BROADCAST_WHOLE, /* chat as in the event */
	BROADCAST_BRIEF, /* the older contract's members and "truncated": true */
	BROADCAST_WITHOUT_TEXT, /* and of these no message */
};
void render_broadcast(const struct chat_event *e, enum broadcast_detail detail, struct buf *out);

#endif
