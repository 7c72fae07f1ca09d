/* Whether a request is whose it says: pure verification of what its headers claim over the raw body (README.md,
 * Authentication). Every active secret is tried and compared in constant time, whichever fits.
 */
#ifndef INGEST_AUTH_H
#define INGEST_AUTH_H

#include "ingest/secrets.h"

enum auth_scheme {
	AUTH_BRIDGE, /* X-WhatsApp-Signature (HMAC-SHA256 hex), or Standard Webhooks */
	AUTH_BRIDGE_OR_TOKEN, /* the same, or a bearer token */
	AUTH_META, /* X-Hub-Signature-256: sha256=<hex> with the app's secrets */
	AUTH_WAHA, /* X-Webhook-Hmac: HMAC-SHA512 hex */
	AUTH_EVOLUTION, /* bearer token, or apikey */
	AUTH_WWEBJS, /* as AUTH_BRIDGE, or x-api-key */
	AUTH_SCHEMES
};

/* Headers that claim something. */
enum auth_claim {
	CLAIM_SIGNATURE,
	CLAIM_WEBHOOK_ID,
	CLAIM_WEBHOOK_TIMESTAMP,
	CLAIM_WEBHOOK_SIGNATURE,
	CLAIM_HUB_SIGNATURE,
	CLAIM_WAHA_HMAC,
	CLAIM_AUTHORIZATION,
	CLAIM_APIKEY,
	CLAIM_X_API_KEY,
	AUTH_CLAIMS
};
extern const char *const auth_claim_headers[AUTH_CLAIMS];

/* The values of those headers that the scheme asks for (auth_asks); absent: not there. */
struct auth_claims {
	struct str value[AUTH_CLAIMS];
};
bool auth_asks(enum auth_scheme scheme, enum auth_claim claim);
/* Whether there is anything to verify at all. */
bool auth_claimed(enum auth_scheme scheme, const struct auth_claims *claims);
enum auth_proof {
	PROOF_NONE,
	PROOF_BODY,     /* a signature of the body, or a token */
	PROOF_DELIVERY, /* Standard Webhooks: a signature of id, time and body */
};
#define AUTH_SECRETS 2 /* of one kind, as during a rotation: with no more of them, refusals cost the same */

/* The best that is there. Where the secrets ask for a timestamp, PROOF_DELIVERY or none. PROOF_NONE costs as much as with auth_dummy,
 * but for secrets beyond AUTH_SECRETS. */
enum auth_proof auth_verify(enum auth_scheme scheme, const struct secrets *secrets, const struct auth_claims *claims,
	struct str body, int64_t now_ms);
/* AUTH_SECRETS keys that fit nothing: verifying what names nobody costs what verifying a wrong signature does. */
extern const struct secrets auth_dummy;
/* Meta's subscription check. */
bool auth_verify_token(const struct secrets *app, struct str token);

#endif
