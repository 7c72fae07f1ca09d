/* Verification of signatures and tokens; see auth.h. Invariant: no check of a list stops at the first secret that
 * matches, and a rejection takes the same time for any number of secrets up to AUTH_SECRETS. */
#include "ingest/auth.h"

#include <assert.h>
#include <strings.h>

#include "base/hex.h"
#include "crypto/digest.h"
#include "crypto/webhook_signature.h"

const char *const auth_claim_headers[AUTH_CLAIMS] = {
	[CLAIM_SIGNATURE] = "X-WhatsApp-Signature",
	[CLAIM_WEBHOOK_ID] = "webhook-id",
	[CLAIM_WEBHOOK_TIMESTAMP] = "webhook-timestamp",
	[CLAIM_WEBHOOK_SIGNATURE] = "webhook-signature",
	[CLAIM_HUB_SIGNATURE] = "X-Hub-Signature-256",
	[CLAIM_WAHA_HMAC] = "X-Webhook-Hmac",
	[CLAIM_AUTHORIZATION] = "Authorization",
	[CLAIM_APIKEY] = "apikey",
	[CLAIM_X_API_KEY] = "x-api-key",
};

#define BIT(claim) (1U << (claim))
#define BRIDGE_CLAIMS \
	(BIT(CLAIM_SIGNATURE) | BIT(CLAIM_WEBHOOK_ID) | BIT(CLAIM_WEBHOOK_TIMESTAMP) | BIT(CLAIM_WEBHOOK_SIGNATURE))

static const unsigned headers_of[AUTH_SCHEMES] = {
	[AUTH_BRIDGE] = BRIDGE_CLAIMS,
	[AUTH_BRIDGE_OR_TOKEN] = BRIDGE_CLAIMS | BIT(CLAIM_AUTHORIZATION),
	[AUTH_META] = BIT(CLAIM_HUB_SIGNATURE),
	[AUTH_WAHA] = BIT(CLAIM_WAHA_HMAC),
	[AUTH_EVOLUTION] = BIT(CLAIM_AUTHORIZATION) | BIT(CLAIM_APIKEY),
	[AUTH_WWEBJS] = BRIDGE_CLAIMS | BIT(CLAIM_X_API_KEY),
};

bool auth_asks(enum auth_scheme scheme, enum auth_claim claim)
{
	assert(scheme < AUTH_SCHEMES);
	return headers_of[scheme] & BIT(claim);
}

bool auth_claimed(enum auth_scheme scheme, const struct auth_claims *claims)
{
	for (enum auth_claim c = 0; c < AUTH_CLAIMS; c++)
		if (auth_asks(scheme, c) && claims->value[c].n > 0)
			return true;
	return false;
}

static bool hmac_fits(enum hmac_kind kind, const struct secret_list *keys, struct str hex, struct str body)
{
	const size_t n = kind == HMAC_SHA256 ? 32 : 64;
	uint8_t claimed[64], mac[64];
	bool found = false;

	if (!hex_decode(hex, claimed, n))
		return false;
	for (size_t i = 0; i < keys->n; i++) {
		hmac(kind, keys->items[i], body, mac);
		found |= crypto_equal((struct str){ (const char *)mac, n }, (struct str){ (const char *)claimed, n });
	}
	return found;
}

static bool token_fits(const struct secret_list *tokens, struct str token)
{
	bool found = false;

	for (size_t i = 0; i < tokens->n; i++)
		found |= crypto_equal(tokens->items[i], token);
	return found;
}

static struct str prefix_drop(struct str s, struct str prefix)
{
	return str_starts(s, prefix) ? str_slice(s, prefix.n, s.n) : s;
}

/* A bearer token (RFC 6750, 2.1). The scheme's name is case-insensitive (RFC 9110, 11.1). */
static struct str bearer_token(struct str authorization)
{
	const size_t n = sizeof("Bearer ") - 1;

	if (authorization.n <= n || strncasecmp(authorization.p, "Bearer ", n) != 0)
		return STR_NONE;
	return str_trim(str_slice(authorization, n, authorization.n));
}

static bool delivery_fits(const struct secrets *s, const struct auth_claims *c, struct str body, int64_t now_ms)
{
	return c->value[CLAIM_WEBHOOK_SIGNATURE].n > 0 && c->value[CLAIM_WEBHOOK_ID].n > 0 &&
		webhook_verify(s->signing_keys.items, s->signing_keys.n, c->value[CLAIM_WEBHOOK_ID],
			c->value[CLAIM_WEBHOOK_TIMESTAMP], c->value[CLAIM_WEBHOOK_SIGNATURE], body, now_ms);
}

static bool bridge_fits(const struct secrets *s, const struct auth_claims *c, struct str body)
{
	return hmac_fits(HMAC_SHA256, &s->signing_keys, prefix_drop(c->value[CLAIM_SIGNATURE], STR("sha256=")), body);
}

static bool meta_fits(const struct secrets *s, struct str signature, struct str body)
{
	const struct str prefix = STR("sha256=");

	return str_starts(signature, prefix) &&
		hmac_fits(HMAC_SHA256, &s->app_secrets, str_slice(signature, prefix.n, signature.n), body);
}

static bool body_fits(enum auth_scheme scheme, const struct secrets *s, const struct auth_claims *c, struct str body)
{
	switch (scheme) {
	case AUTH_BRIDGE:
		return bridge_fits(s, c, body);
	case AUTH_BRIDGE_OR_TOKEN:
		return bridge_fits(s, c, body) || token_fits(&s->tokens, bearer_token(c->value[CLAIM_AUTHORIZATION]));
	case AUTH_META:
		return meta_fits(s, c->value[CLAIM_HUB_SIGNATURE], body);
	case AUTH_WAHA:
		return hmac_fits(HMAC_SHA512, &s->signing_keys, c->value[CLAIM_WAHA_HMAC], body);
	case AUTH_EVOLUTION:
		return token_fits(&s->tokens, bearer_token(c->value[CLAIM_AUTHORIZATION])) ||
			token_fits(&s->tokens, c->value[CLAIM_APIKEY]);
	case AUTH_WWEBJS:
		return bridge_fits(s, c, body) || token_fits(&s->tokens, c->value[CLAIM_X_API_KEY]);
	case AUTH_SCHEMES:
		break;
	}
	return false;
}

static struct str dummy_keys[AUTH_SECRETS] = { { "matches no signature", 20 }, { "and no token either", 19 } };
const struct secrets auth_dummy = {
	.signing_keys = { dummy_keys, AUTH_SECRETS },
	.app_secrets = { dummy_keys, AUTH_SECRETS },
};

/* Dummy keys in place of those that the list has fewer than AUTH_SECRETS. */
static struct secret_list padding_of(const struct secret_list *list)
{
	return (struct secret_list){ dummy_keys, list->n < AUTH_SECRETS ? AUTH_SECRETS - list->n : 0 };
}

/* Repeats the checks with dummy keys, until each kind was checked against AUTH_SECRETS keys: the time of a rejection
 * must not reveal how many secrets there are. */
static void verify_padding(enum auth_scheme scheme, const struct secrets *s, const struct auth_claims *c,
	struct str body, int64_t now_ms)
{
	struct secrets padding = { .signing_keys = padding_of(&s->signing_keys),
		.app_secrets = padding_of(&s->app_secrets) };

	if (auth_asks(scheme, CLAIM_WEBHOOK_SIGNATURE))
		(void)delivery_fits(&padding, c, body, now_ms);
	(void)body_fits(scheme, s->require_timestamp ? &auth_dummy : &padding, c, body);
}

enum auth_proof auth_verify(enum auth_scheme scheme, const struct secrets *s, const struct auth_claims *c,
	struct str body, int64_t now_ms)
{
	if (auth_asks(scheme, CLAIM_WEBHOOK_SIGNATURE) && delivery_fits(s, c, body, now_ms))
		return PROOF_DELIVERY;
	if (!s->require_timestamp && body_fits(scheme, s, c, body))
		return PROOF_BODY;
	verify_padding(scheme, s, c, body, now_ms);
	return PROOF_NONE;
}

bool auth_verify_token(const struct secrets *app, struct str token)
{
	return crypto_equal(app->verify_token, token);
}
