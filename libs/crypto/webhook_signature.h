/* Standard Webhooks signatures (https://www.standardwebhooks.com, symmetric "v1"): base64 HMAC-SHA256 over
 * "<id>.<timestamp>.<body>" with the bytes of a secret "whsec_<base64>" (or the bytes of any other secret as they
 * are). */
#ifndef CRYPTO_WEBHOOK_SIGNATURE_H
#define CRYPTO_WEBHOOK_SIGNATURE_H

#include "base/buf.h"
#include "base/err.h"

#define WEBHOOK_TOLERANCE_MS 300000 /* 5 minutes, past or future */

/* Appends the key bytes of a secret to out, which is empty; the caller must wipe them. */
void webhook_key(struct str secret, struct buf *out);
/* Appends "v1,<base64>" to out. key: from webhook_key(), not empty. */
void webhook_sign_with(struct str key, struct str id, int64_t timestamp_s, struct str body, struct buf *out);
/* Appends "v1,<base64>" to out; nothing when the secret is empty. */
void webhook_sign(struct str secret, struct str id, int64_t timestamp_s, struct str body, struct buf *out);
/* True when one of the space-separated signatures in `signatures` matches one of the secrets and the timestamp is
 * within the tolerance of now. All secrets are tried, and the comparison is constant-time; an empty secret matches
 * nothing. */
bool webhook_verify(const struct str *secrets, size_t n_secrets, struct str id, struct str timestamp,
	struct str signatures, struct str body, int64_t now_ms);

#endif
