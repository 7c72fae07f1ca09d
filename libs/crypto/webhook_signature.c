/* Standard Webhooks signatures. Invariant: no signature made with an empty secret is ever accepted, and the duration
 * of a verification reveals nothing about which secret or signature matched. */
#include "crypto/webhook_signature.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/hex.h"
#include "crypto/digest.h"

void webhook_key(struct str secret, struct buf *out)
{
	const struct str prefix = STR("whsec_");

	if (!str_starts(secret, prefix) || !base64_decode(out, str_slice(secret, prefix.n, secret.n)))
		buf_add_str(out, secret);
}

/* Appends "v1,<base64>" to out. */
static void mac_add(struct str key, struct str id, struct str timestamp, struct str body, struct buf *out)
{
	const struct str parts[] = { id, STR("."), timestamp, STR("."), body };
	uint8_t mac[64];
	size_t n = hmac_parts(HMAC_SHA256, key, parts, sizeof(parts) / sizeof(parts[0]), mac);

	buf_add_str(out, STR("v1,"));
	base64_encode(out, mac, n);
}

/* Appends nothing for an empty secret. */
static void signature_add(struct str secret, struct str id, struct str timestamp, struct str body, struct buf *out)
{
	struct buf key = BUF_INIT;

	webhook_key(secret, &key);
	if (key.n > 0)
		mac_add(buf_str(&key), id, timestamp, body, out);
	buf_wipe(&key);
	buf_fini(&key);
}

void webhook_sign_with(struct str key, struct str id, int64_t timestamp_s, struct str body, struct buf *out)
{
	char timestamp[24];

	snprintf(timestamp, sizeof(timestamp), "%" PRId64, timestamp_s);
	mac_add(key, id, str_of(timestamp), body, out);
}

void webhook_sign(struct str secret, struct str id, int64_t timestamp_s, struct str body, struct buf *out)
{
	char timestamp[24];

	snprintf(timestamp, sizeof(timestamp), "%" PRId64, timestamp_s);
	signature_add(secret, id, str_of(timestamp), body, out);
}

static bool timestamp_is_near(struct str timestamp, int64_t now_ms)
{
	int64_t s, early_by_ms;

	if (!str_all_digits(timestamp) || !str_to_i64(timestamp, &s) || s > INT64_MAX / 1000)
		return false;
	early_by_ms = s * 1000 - now_ms;
	return early_by_ms >= -WEBHOOK_TOLERANCE_MS && early_by_ms <= WEBHOOK_TOLERANCE_MS;
}

/* Compares all of them, even after a match: constant time. */
static bool any_signature_is(struct str signatures, struct str wanted)
{
	struct str one, rest = signatures;
	bool found = false, more = true;

	while (more) {
		more = str_cut(rest, ' ', &one, &rest);
		found |= wanted.n > 0 && crypto_equal(one, wanted);
	}
	return found;
}

bool webhook_verify(const struct str *secrets, size_t n_secrets, struct str id, struct str timestamp,
	struct str signatures, struct str body, int64_t now_ms)
{
	struct buf wanted = BUF_INIT;
	bool found = false;

	if (!timestamp_is_near(timestamp, now_ms))
		return false;
	for (size_t i = 0; i < n_secrets; i++) {
		buf_clear(&wanted);
		signature_add(secrets[i], id, timestamp, body, &wanted);
		found |= any_signature_is(signatures, buf_str(&wanted));
	}
	buf_fini(&wanted);
	return found;
}
