/* An endpoint of kind pusher: a message as one request of the Pusher HTTP API, which Reverb and Soketi speak, too. Source: README.md,
 * Broadcasts. */
#ifndef WEBHOOK_DISPATCHER_PUSHER_H
#define WEBHOOK_DISPATCHER_PUSHER_H

#include "base/err.h"
#include "webhook-dispatcher/schedule.h"
#include "wire/chat_event.h"

struct pusher; /* an application's credentials and a channel */

/* From the unsealed JSON of an endpoint's secrets, {"pusher":{"app_id","key","secret","channel"}}. Without a channel it is
 * chats.ch<workspace>. ERR_INPUT "secrets" when something is missing or not usable; never quotes it. */
int pusher_parse(struct pusher **out, struct str json_text, const struct uuid *workspace, struct err *err) ERR_MUST_USE;
void pusher_free(struct pusher *p); /* wipes the secret; accepts NULL */

/* Replaces what out holds by the request's body. e is a message.created. */
void pusher_body(const struct pusher *p, const struct chat_event *e, struct buf *out);
/* Replaces what out holds by the URL that this body is posted to, signed for now and ended by a NUL. The signature covers the path
 * below base, which is the server's address: a proxy may put it anywhere. */
void pusher_url(const struct pusher *p, struct str base, struct str body, int64_t now_ms, struct buf *out);

/* Retries of an endpoint that has no schedule of its own. */
extern const struct schedule pusher_schedule;
/* A message of yesterday must not ring a bell today. */
bool pusher_is_late(int64_t published_ms, int64_t now_ms);

#endif
