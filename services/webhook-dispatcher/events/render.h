/* A chat event as tenants receive it: JSON, api_version 1. Source: README.md, Events. */
#ifndef WEBHOOK_DISPATCHER_RENDER_H
#define WEBHOOK_DISPATCHER_RENDER_H

#include "base/buf.h"
#include "wire/chat_event.h"

#define RENDER_API_VERSION "1"

/* e has a kind. Appends {"id","type","api_version","workspace_id","account_id","conversation_id","sequence","timestamp","data"} to out.
 * timestamp is RFC 3339 in UTC with milliseconds; account_id, conversation_id and sequence are null in events without one. */
void render_event(const struct chat_event *e, struct buf *out);

/* e is a message.created. Appends {"chat","contact","group"} to out, without an envelope; the latter two are null where there is none. */
enum render_detail {
	RENDER_WHOLE, /* chat as in the event */
	RENDER_BRIEF, /* the older contract's members and "truncated": true */
	RENDER_WITHOUT_TEXT, /* as RENDER_BRIEF, without the message's text */
};
void render_message(const struct chat_event *e, enum render_detail detail, struct buf *out);

#endif
