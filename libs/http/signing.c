/* Keys and signatures of a request; see signing.h. Invariant: a key's bytes are decoded once, and wiped before their
 * memory is freed. */
#include "http/signing.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/hex.h"
#include "crypto/digest.h"
#include "crypto/ids.h"
#include "crypto/webhook_signature.h"
#include "json/json.h"

#define SIGNING_MAX_KEYS 16

struct signing_key {
	struct buf bytes;
	int64_t expires_at_ms; /* INT64_MAX: never */
};

struct signing_keys {
	size_t n;
	struct signing_key at[SIGNING_MAX_KEYS];
};

static void key_add(struct signing_keys *k, struct str secret, int64_t expires_at_ms)
{
	struct signing_key *key = &k->at[k->n];

	webhook_key(secret, &key->bytes);
	if (key->bytes.n == 0) {
		buf_fini(&key->bytes);
		return;
	}
	key->expires_at_ms = expires_at_ms;
	k->n++;
}

static void key_add_json(struct signing_keys *k, const json *from)
{
	int64_t expires_at_ms = INT64_MAX;

	json_to_i64(json_get(from, "expires_at"), &expires_at_ms);
	key_add(k, json_str(json_get(from, "secret")), expires_at_ms);
}

/* Passes k on, or frees it when it has no key. `whose` names the owner in the error. */
static int keys_finish(struct signing_keys **out, struct signing_keys *k, const char *whose, struct err *err)
{
	if (k->n == 0) {
		signing_keys_free(k);
		return err_set(err, ERR_INPUT, "secrets", "the %s has no key to sign with", whose);
	}
	*out = k;
	return 0;
}

int signing_keys_parse(struct signing_keys **out, struct str json_text, struct err *err)
{
	struct json_doc *doc = NULL;
	struct signing_keys *k;
	struct json_iter it;
	const json *one;

	if (json_parse(&doc, json_text, NULL) < 0)
		return err_set(err, ERR_INPUT, "secrets", "the endpoint's secrets are not JSON");
	k = mem_calloc(1, sizeof(*k));
	it = json_iter(json_get(json_root(doc), "keys"));
	while (k->n < SIGNING_MAX_KEYS && (one = json_next(&it)))
		key_add_json(k, one);
	json_free(doc);
	return keys_finish(out, k, "endpoint", err);
}

int signing_keys_of(struct signing_keys **out, const struct str *secrets, size_t n, struct err *err)
{
	struct signing_keys *k = mem_calloc(1, sizeof(*k));

	for (size_t i = 0; i < n && k->n < SIGNING_MAX_KEYS; i++)
		key_add(k, secrets[i], INT64_MAX);
	return keys_finish(out, k, "account", err);
}

void signing_keys_free(struct signing_keys *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->n; i++) {
		buf_wipe(&k->at[i].bytes);
		buf_fini(&k->at[i].bytes);
	}
	free(k);
}

void signing_id(const struct uuid *event, const struct uuid *endpoint, char out[static SIGNING_ID_SIZE])
{
	const struct str parts[] = { uuid_bytes(event), uuid_bytes(endpoint) };
	struct uuid id;

	uuid_v8(&id, parts, 2);
	memcpy(out, "msg_", 4);
	uuid_format(&id, out + 4);
}

static bool is_active(const struct signing_keys *k, size_t i, int64_t now_ms)
{
	return k->at[i].expires_at_ms > now_ms;
}

/* The newest key that has not expired, or the newest of all when all have: a request without a signature would be
 * useless, as the receiver could not distinguish it from a forged one. */
static size_t first_active(const struct signing_keys *k, int64_t now_ms)
{
	for (size_t i = 0; i < k->n; i++)
		if (is_active(k, i, now_ms))
			return i;
	return 0;
}

static void add_hex_mac(struct str key, struct str body, struct buf *out)
{
	uint8_t mac[64];
	size_t n = hmac(HMAC_SHA256, key, body, mac);

	hex_add(out, mac, n);
}

void signing_standard_headers(const struct signing_keys *k, const char *id, int64_t now_ms, struct str body,
	struct buf *out)
{
	size_t first = first_active(k, now_ms);
	int64_t timestamp_s = now_ms / 1000;

	buf_printf(out, "webhook-id: %s", id);
	buf_add_char(out, '\0');
	buf_printf(out, "webhook-timestamp: %" PRId64, timestamp_s);
	buf_add_char(out, '\0');
	buf_add_str(out, STR("webhook-signature: "));
	webhook_sign_with(buf_str(&k->at[first].bytes), str_of(id), timestamp_s, body, out);
	for (size_t i = first + 1; i < k->n; i++)
		if (is_active(k, i, now_ms)) {
			buf_add_char(out, ' ');
			webhook_sign_with(buf_str(&k->at[i].bytes), str_of(id), timestamp_s, body, out);
		}
	buf_add_char(out, '\0');
}

void signing_headers(const struct signing_keys *k, const char *id, int64_t now_ms, struct str body, struct buf *out)
{
	signing_standard_headers(k, id, now_ms, body, out);
	buf_add_str(out, STR("x-whatsapp-signature: "));
	add_hex_mac(buf_str(&k->at[first_active(k, now_ms)].bytes), body, out);
	buf_add_char(out, '\0');
}
