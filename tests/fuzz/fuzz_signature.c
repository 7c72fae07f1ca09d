/* The signature that a request claims. The first line is the account's or app's secrets as they are stored, the headers follow, then the
 * body. A request is accepted exactly when a claim that its route requires equals one made with the secrets, computed by OpenSSL;
 * and a claim made with the secrets is accepted.
 */
#include <openssl/hmac.h>
#include <stdio.h>
#include <strings.h>

#include "base/hex.h"
#include "ingest/auth.h"
#include "input.h"

#define NOW_MS  INT64_C(1767225600000)
#define NOW_S   "1767225600"
#define MAC_MAX 64

static size_t mac_of(const EVP_MD *md, struct str key, struct str text, uint8_t out[static MAC_MAX])
{
	unsigned n = 0;
	const uint8_t *made =
		HMAC(md, key.n ? key.p : "", (int)key.n, (const uint8_t *)(text.n ? text.p : ""), text.n, out, &n);

	assert(made);
	return n;
}

static struct str hex_mac(const EVP_MD *md, struct str key, struct str body, struct arena *a)
{
	char *text = arena_alloc(a, 2 * MAC_MAX + 1);
	uint8_t mac[MAC_MAX];
	size_t n = mac_of(md, key, body, mac);

	for (size_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", mac[i]);
	return (struct str){ text, 2 * n };
}

/* Standard Webhooks; absent for a key of no bytes. */
static struct str webhook_mac(struct str secret, const struct auth_claims *c, struct str body, struct arena *a)
{
	struct str id = c->value[CLAIM_WEBHOOK_ID], time = c->value[CLAIM_WEBHOOK_TIMESTAMP], made = STR_NONE;
	struct buf key = BUF_INIT, text = BUF_INIT, out = BUF_INIT;
	uint8_t mac[MAC_MAX];

	if (!str_starts(secret, STR("whsec_")) || !base64_decode(&key, str_slice(secret, 6, secret.n)))
		buf_add_str(&key, secret);
	buf_printf(&text, "%.*s.%.*s.", STR_ARG(id), STR_ARG(time));
	buf_add_str(&text, body);
	if (key.n > 0) {
		buf_add_str(&out, STR("v1,"));
		base64_encode(&out, mac, mac_of(EVP_sha256(), buf_str(&key), buf_str(&text), mac));
		made = arena_str(a, buf_str(&out));
	}
	buf_fini(&key);
	buf_fini(&text);
	buf_fini(&out);
	return made;
}

struct request {
	enum auth_scheme scheme;
	struct secrets secrets;
	struct auth_claims claims;
	struct str body;
	struct arena *arena;
};

static bool verify(const struct request *r)
{
	return auth_verify(r->scheme, &r->secrets, &r->claims, r->body, NOW_MS);
}

static bool same_hex(struct str a, struct str b)
{
	return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

static struct str behind(struct str s, struct str prefix)
{
	return str_starts(s, prefix) ? str_slice(s, prefix.n, s.n) : s;
}

static bool has_word(struct str words, struct str word)
{
	struct str one;

	for (bool more = true; more;) {
		more = str_cut(words, ' ', &one, &words);
		if (str_eq(one, word))
			return true;
	}
	return false;
}

/* Digits that are at most five minutes away; the seconds of all that fit have ten digits, and any zeros before them. */
static bool is_near(struct str seconds)
{
	int64_t s;

	return str_all_digits(seconds) && str_to_i64(seconds, &s) && s >= NOW_MS / 1000 - 300 &&
		s <= NOW_MS / 1000 + 300;
}

static bool key_expected(const struct request *r, struct str key)
{
	const struct auth_claims *c = &r->claims;
	struct str made;

	if (r->scheme == AUTH_WAHA)
		return same_hex(c->value[CLAIM_WAHA_HMAC], hex_mac(EVP_sha512(), key, r->body, r->arena));
	if (!auth_asks(r->scheme, CLAIM_SIGNATURE))
		return false;
	if (same_hex(behind(c->value[CLAIM_SIGNATURE], STR("sha256=")), hex_mac(EVP_sha256(), key, r->body, r->arena)))
		return true;
	made = webhook_mac(key, c, r->body, r->arena);
	return made.n > 0 && c->value[CLAIM_WEBHOOK_ID].n > 0 && is_near(c->value[CLAIM_WEBHOOK_TIMESTAMP]) &&
		has_word(c->value[CLAIM_WEBHOOK_SIGNATURE], made);
}

static bool app_expected(const struct request *r, struct str secret)
{
	struct str claimed = r->claims.value[CLAIM_HUB_SIGNATURE];

	return r->scheme == AUTH_META && str_starts(claimed, STR("sha256=")) &&
		same_hex(behind(claimed, STR("sha256=")), hex_mac(EVP_sha256(), secret, r->body, r->arena));
}

static bool token_expected(const struct request *r, struct str token)
{
	struct str bearer = r->claims.value[CLAIM_AUTHORIZATION];

	for (enum auth_claim c = CLAIM_APIKEY; c <= CLAIM_X_API_KEY; c++)
		if (auth_asks(r->scheme, c) && str_eq(r->claims.value[c], token))
			return true;
	return auth_asks(r->scheme, CLAIM_AUTHORIZATION) && bearer.n > 7 && strncasecmp(bearer.p, "Bearer ", 7) == 0 &&
		str_eq(str_trim(str_slice(bearer, 7, bearer.n)), token);
}

static bool any(const struct request *r, const struct secret_list *list,
	bool (*fits)(const struct request *, struct str))
{
	for (size_t i = 0; i < list->n; i++)
		if (fits(r, list->items[i]))
			return true;
	return false;
}

static bool expected(const struct request *r)
{
	return any(r, &r->secrets.signing_keys, key_expected) || any(r, &r->secrets.app_secrets, app_expected) ||
		any(r, &r->secrets.tokens, token_expected);
}

/* The claim made with the first secret of the scheme, in place of the request's; false: none can be made. */
static bool claims_make(struct request *r)
{
	struct arena *a = r->arena;
	struct str key = r->secrets.signing_keys.n ? r->secrets.signing_keys.items[0] : STR_NONE;
	struct str token = r->secrets.tokens.n ? r->secrets.tokens.items[0] : STR_NONE;
	struct str *claims = r->claims.value;
	struct str secret;

	switch (r->scheme) {
	case AUTH_META:
		secret = r->secrets.app_secrets.n ? r->secrets.app_secrets.items[0] : STR_NONE;
		claims[CLAIM_HUB_SIGNATURE] =
			arena_printf(a, "sha256=%.*s", STR_ARG(hex_mac(EVP_sha256(), secret, r->body, a)));
		return secret.n > 0;
	case AUTH_WAHA:
		claims[CLAIM_WAHA_HMAC] = hex_mac(EVP_sha512(), key, r->body, a);
		return key.n > 0;
	case AUTH_EVOLUTION:
		claims[CLAIM_APIKEY] = token;
		return token.n > 0;
	case AUTH_BRIDGE:
	case AUTH_BRIDGE_OR_TOKEN:
	case AUTH_WWEBJS:
	case AUTH_SCHEMES:
		break;
	}
	claims[CLAIM_SIGNATURE] = STR_NONE;
	claims[CLAIM_WEBHOOK_ID] = STR("msg_1");
	claims[CLAIM_WEBHOOK_TIMESTAMP] = STR(NOW_S);
	claims[CLAIM_WEBHOOK_SIGNATURE] = webhook_mac(key, &r->claims, r->body, a);
	return claims[CLAIM_WEBHOOK_SIGNATURE].n > 0;
}

static void request_read(struct request *r, struct str text)
{
	struct header headers[16];
	size_t n = headers_take(&text, headers, sizeof(headers) / sizeof(*headers));

	for (size_t i = 0; i < n; i++)
		for (enum auth_claim c = 0; c < AUTH_CLAIMS; c++)
			if (headers[i].name.n == str_of(auth_claim_headers[c]).n &&
				strncasecmp(headers[i].name.p, auth_claim_headers[c], headers[i].name.n) == 0)
				r->claims.value[c] = str_trim(headers[i].value);
	r->body = text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = input_of(data, size), secrets = line_take(&text);
	struct request r = { .arena = arena_new(4096) };

	request_read(&r, text);
	if (store_secrets_parse(&r.secrets, secrets, SECRETS_RECEIVE, r.arena, NULL) == 0)
		for (r.scheme = 0; r.scheme < AUTH_SCHEMES; r.scheme++) {
			struct auth_claims sent = r.claims;

			assert(verify(&r) == expected(&r));
			assert(!verify(&r) || auth_claimed(r.scheme, &r.claims));
			if (claims_make(&r))
				assert(verify(&r));
			r.claims = sent;
		}
	arena_free(r.arena);
	return 0;
}
