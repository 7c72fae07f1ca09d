/* The signing keys of an endpoint or an account and the headers that they add to a request: Standard Webhooks and, for
 * endpoints that expect the older format, X-WhatsApp-Signature. Sources: services/webhook-dispatcher/README.md,
 * Signatures; libs/provider/README.md, Bridge contract. */
#ifndef HTTP_SIGNING_H
#define HTTP_SIGNING_H

#include "base/buf.h"
#include "base/err.h"
#include "base/uuid.h"

struct signing_keys; /* plaintext secrets; wiped when freed */

/* From the unsealed JSON of an endpoint's secrets, {"keys":[{"secret":"whsec_…","expires_at":ms or absent}, …]}, newest
 * first. ERR_INPUT "secrets" when it contains no usable key; the message never quotes one. */
int signing_keys_parse(struct signing_keys **out, struct str json, struct err *err) ERR_MUST_USE;
/* From the signing keys of an account (struct secrets), of which the first 16 that are not empty are copied;
 * none of them expires. ERR_INPUT "secrets" when there is none. */
int signing_keys_of(struct signing_keys **out, const struct str *secrets, size_t n, struct err *err) ERR_MUST_USE;
void signing_keys_free(struct signing_keys *k); /* accepts NULL */

/* "msg_<uuid>": stable per (event, endpoint). */
#define SIGNING_ID_SIZE 41
void signing_id(const struct uuid *event, const struct uuid *endpoint, char out[static SIGNING_ID_SIZE]);

#define SIGNING_STANDARD_HEADERS 3
/* Appends SIGNING_STANDARD_HEADERS lines to out, each NUL-terminated: "webhook-id: …", "webhook-timestamp: …" and
 * "webhook-signature: v1,… v1,…" (one signature for each key that has not expired at now_ms, newest first; with the
 * newest key alone when all have expired). */
void signing_standard_headers(const struct signing_keys *k, const char *id, int64_t now_ms, struct str body,
	struct buf *out);

#define SIGNING_HEADERS 4
/* The same, and "x-whatsapp-signature: <hex HMAC-SHA256 of the body with the newest of these keys>", which does not
 * cover the time. */
void signing_headers(const struct signing_keys *k, const char *id, int64_t now_ms, struct str body, struct buf *out);

#endif
