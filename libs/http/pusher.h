/* Requests of the Pusher HTTP API, which Reverb and Soketi also implement: one event on one channel, signed in the URL.
 * Source: https://pusher.com/docs/channels/library_auth_reference/rest-api */
#ifndef HTTP_PUSHER_H
#define HTTP_PUSHER_H

#include "base/buf.h"
#include "base/err.h"

struct pusher; /* an application's credentials and a channel */

/* At most 64 characters, none of which needs escaping in a URL. */
bool pusher_word_is_valid(struct str app_id_or_key);
/* As the protocol defines it: at most 164 characters. */
bool pusher_channel_is_valid(struct str channel);

/* From the unsealed JSON of an endpoint's secrets, {"app_id","key","secret","channel"}. `channel` is the default
 * channel and must be valid. ERR_INPUT "secrets" when a member is missing or invalid; the message never quotes one. */
int pusher_parse(struct pusher **out, struct str json_text, struct str channel, struct err *err) ERR_MUST_USE;
void pusher_free(struct pusher *p); /* wipes the secret; accepts NULL */

/* Replaces the content of out with the request's body. data is JSON, which the protocol carries as a string. */
void pusher_body(const struct pusher *p, struct str event, struct str data, struct buf *out);
/* Replaces the content of out with the URL to post this body to, signed at now_ms and NUL-terminated. The signature
 * covers only the path below base, the server's address, because a proxy may mount the server under any path. */
void pusher_url(const struct pusher *p, struct str base, struct str body, int64_t now_ms, struct buf *out);

#endif
