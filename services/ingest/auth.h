/* Authentication of requests: verifies the signatures and tokens in the headers over the raw body (README.md,
 * Authentication). Pure. Every active secret is tried, even after a match, and compared in constant time.
 */
#ifndef INGEST_AUTH_H
#define INGEST_AUTH_H

#include "store/secrets.h"

enum auth_scheme {
	AUTH_BRIDGE, /* X-WhatsApp-Signature (HMAC-SHA256 hex), or Standard Webhooks */
	AUTH_BRIDGE_OR_TOKEN, /* as AUTH_BRIDGE, or a bearer token */
	AUTH_META, /* X-Hub-Signature-256: sha256=<hex> with the app's secrets */
	AUTH_WAHA, /* X-Webhook-Hmac: HMAC-SHA512 hex */
	AUTH_EVOLUTION, /* bearer token, or apikey */
	AUTH_WWEBJS, /* as AUTH_BRIDGE, or x-api-key */
	AUTH_SCHEMES
};

/* Headers that carry credentials. */
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

/* The values of the headers that the scheme uses (auth_asks); absent: the header is missing. */
struct auth_claims {
	struct str value[AUTH_CLAIMS];
};
bool auth_asks(enum auth_scheme scheme, enum auth_claim claim);
/* Whether the request has any credentials to verify. */
bool auth_claimed(enum auth_scheme scheme, const struct auth_claims *claims);
enum auth_proof {
	PROOF_NONE,
	PROOF_BODY,     /* a signature of the body, or a token */
	PROOF_DELIVERY, /* Standard Webhooks: a signature of id, time and body */
};
#define AUTH_SECRETS 2 /* of each kind, as during a rotation: up to this number every rejection takes the same time */

/* The strongest proof that verifies. If the secrets require a timestamp, only PROOF_DELIVERY or none. PROOF_NONE takes
 * as long as with auth_dummy, unless there are more than AUTH_SECRETS secrets of a kind. */
enum auth_proof auth_verify(enum auth_scheme scheme, const struct secrets *secrets, const struct auth_claims *claims,
	struct str body, int64_t now_ms);
/* Dummy keys for requests that name no known account, so that their rejection takes as long as that of a wrong
 * signature. The result of a verification with them must be ignored: the keys are public. */
extern const struct secrets auth_dummy;
/* The token of Meta's subscription check. */
bool auth_verify_token(const struct secrets *app, struct str token);

#endif
