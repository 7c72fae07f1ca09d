/* Standard Webhooks signatures (https://www.standardwebhooks.com, symmetric "v1"): base64 HMAC-SHA256 over
 * "<id>.<timestamp>.<body>" with the bytes of a secret "whsec_<base64>" (or of a plain secret, taken as it is). */
#ifndef CRYPTO_WEBHOOK_SIGNATURE_H
#define CRYPTO_WEBHOOK_SIGNATURE_H

#include "base/buf.h"
#include "base/err.h"

#define WEBHOOK_TOLERANCE_MS 300000 /* 5 minutes, both ways */

/* Appends the bytes of a secret's key to the empty buf out; the caller wipes them. */
void webhook_key(struct str secret, struct buf *out);
/* Appends "v1,<base64>" to out, with a key from webhook_key() that is not empty. */
void webhook_sign_with(struct str key, struct str id, int64_t timestamp_s, struct str body, struct buf *out);
/* Appends "v1,<base64>" to out; nothing when the secret is empty. */
void webhook_sign(struct str secret, struct str id, int64_t timestamp_s, struct str body, struct buf *out);
/* True when one of the space-separated signatures in `signatures` fits one of the secrets and the timestamp is within the
 * tolerance of now. All secrets are tried, comparison is constant-time; an empty secret fits nothing. */
bool webhook_verify(const struct str *secrets, size_t n_secrets, struct str id, struct str timestamp,
	struct str signatures, struct str body, int64_t now_ms);

#endif
