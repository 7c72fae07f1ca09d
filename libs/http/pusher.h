/* Requests of the Pusher HTTP API, which Reverb and Soketi speak, too: one event on one channel, signed in the URL. Source:
 * https://pusher.com/docs/channels/library_auth_reference/rest-api */
#ifndef HTTP_PUSHER_H
#define HTTP_PUSHER_H

#include "base/buf.h"
#include "base/err.h"

struct pusher; /* an application's credentials and a channel */

/* Of characters that need no escape in a URL, at most 64. */
bool pusher_word_is_valid(struct str app_id_or_key);
/* As the protocol has it, at most 164. */
bool pusher_channel_is_valid(struct str channel);

/* From the unsealed JSON of an endpoint's secrets, {"app_id","key","secret","channel"}. ERR_INPUT "secrets" when something is missing or
 * not valid; never quotes it. Without a channel it is `channel`, which is valid. */
int pusher_parse(struct pusher **out, struct str json_text, struct str channel, struct err *err) ERR_MUST_USE;
void pusher_free(struct pusher *p); /* wipes the secret; accepts NULL */

/* Replaces what out holds by the request's body. data is JSON, which goes as a text. */
void pusher_body(const struct pusher *p, struct str event, struct str data, struct buf *out);
/* Replaces what out holds by the URL that this body is posted to, signed for now and ended by a NUL. The signature covers the path
 * below base, which is the server's address: a proxy may put it anywhere. */
void pusher_url(const struct pusher *p, struct str base, struct str body, int64_t now_ms, struct buf *out);

#endif
