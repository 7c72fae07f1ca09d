/* The steps that find the account or app of a request and verify its credentials (README.md, Authentication).
 *
 * Invariant: a body is not parsed before its signature or token is verified. It is scanned once, for the name of a
 * session, and that name only selects the accounts whose own secrets are tried. Each name costs the same time, whether
 * it is known or not.
 */
#include "base/clock.h"
#include "ingest/accounts/session.h"
#include "ingest/pipeline/pipeline_steps.h"

static enum auth_proof proof_of(const struct request *req, const struct secrets *secrets)
{
	return auth_verify(req->route->auth, secrets, &req->claims, http_body(req->http), req->now_ms);
}

static void note_success(struct request *req)
{
	limiter_entry(req->ingest->successes, request_source(req))->last_ok_ms = clock_mono_ms();
}

static void authenticate(struct request *req, enum auth_proof proof)
{
	request_authenticated(req, proof);
	note_success(req);
}

static void account_set(struct request *req, const struct catalogue_account *a)
{
	req->account = a;
	req->account_id = a->info.id;
	req->workspace_id = a->info.workspace;
}

/* Verifies against the dummy keys, so that an unknown name costs as much time as a wrong signature. */
static enum step_result reject_unknown(struct request *req, const char *why)
{
	pipeline_count_lookup(req, false);
	(void)proof_of(req, &auth_dummy);
	return pipeline_reject_unauthorized(req, why);
}

/* ---- credentials */

enum step_result step_claims(struct request *req)
{
	for (enum auth_claim c = 0; c < AUTH_CLAIMS; c++)
		if (auth_asks(req->route->auth, c))
			req->claims.value[c] = http_header(req->http, auth_claim_headers[c]);
	if (auth_claimed(req->route->auth, &req->claims))
		return STEP_NEXT;
	return pipeline_reject_unauthorized_at_once(req, "no signature");
}

/* ---- an account, of the URL or of the session that the body names */

enum step_result step_account_of_url(struct request *req)
{
	const struct name name = { .kind = NAME_ACCOUNT, .text = uuid_bytes(&req->target) };
	enum knowledge k = pipeline_knows(req, &name);
	enum auth_proof proof;

	if (k == UNKNOWN)
		return pipeline_fetch(req, &name, 1);
	if (k == KNOWN_ABSENT)
		return reject_unknown(req, "unknown account");
	pipeline_count_lookup(req, true);
	account_set(req, catalogue_account(pipeline_catalogue(req), &name));
	proof = proof_of(req, &req->account->secrets);
	if (proof == PROOF_NONE)
		return pipeline_reject_unauthorized(req, "wrong signature");
	authenticate(req, proof);
	return STEP_NEXT;
}

/* Sets the first cached candidate whose own secrets verify the body. False: none does, and *cached candidates were
 * tried. */
static bool candidate_authenticate(struct request *req, const struct session_names *names, size_t *cached)
{
	for (size_t i = 0; i < names->n; i++) {
		const struct catalogue_account *a = catalogue_account(pipeline_catalogue(req), &names->names[i]);
		enum auth_proof proof = a ? proof_of(req, &a->secrets) : PROOF_NONE;

		*cached += a != NULL;
		if (proof == PROOF_NONE)
			continue;
		account_set(req, a);
		authenticate(req, proof);
		return true;
	}
	return false;
}

/* The text may be the session name of one account and the number or public id of another. Neither has precedence: the
 * secrets decide. Names are fetched from PostgreSQL only when no cached candidate verifies. */
enum step_result step_account_of_session(struct request *req)
{
	struct session_names names;
	size_t cached = 0;

	if (!req->session.p)
		req->session = session_scan(http_body(req->http), req->route->session, req->arena);
	if (req->session.n == 0)
		return pipeline_reject_unauthorized_at_once(req, "no session");
	session_names(&names, req->session);
	if (candidate_authenticate(req, &names, &cached)) {
		pipeline_count_lookup(req, true);
		return STEP_NEXT;
	}
	for (size_t i = 0; i < names.n; i++)
		if (pipeline_knows(req, &names.names[i]) == UNKNOWN)
			return pipeline_fetch(req, names.names, names.n);
	for (size_t i = cached > 0 ? cached : 1; i < names.n; i++)
		(void)proof_of(req, &auth_dummy); /* each name costs the same, whether it is known or not */
	return cached > 0 ? pipeline_reject_unauthorized(req, "wrong signature")
			  : reject_unknown(req, "unknown account");
}

enum step_result step_bridge_kind(struct request *req)
{
	const struct intake_account *a = &req->account->info;

	if (a->provider != PROVIDER_WEBJS || !(req->route->bridge_kinds & 1U << a->bridge))
		return pipeline_reject_unauthorized(req, "another kind of bridge");
	return STEP_NEXT;
}

/* ---- an app of Meta's */

enum step_result step_app(struct request *req)
{
	const struct name name = { .kind = NAME_APP, .text = uuid_bytes(&req->target) };
	enum knowledge k = pipeline_knows(req, &name);

	if (k == UNKNOWN)
		return pipeline_fetch(req, &name, 1);
	req->app = k == KNOWN ? catalogue_app(pipeline_catalogue(req), &req->target) : NULL;
	if (req->app)
		pipeline_count_lookup(req, true);
	return STEP_NEXT;
}

enum step_result step_verify_app(struct request *req)
{
	enum auth_proof proof;

	if (!req->app)
		return reject_unknown(req, "unknown app");
	proof = proof_of(req, &req->app->secrets);
	if (proof == PROOF_NONE)
		return pipeline_reject_unauthorized(req, "wrong signature");
	authenticate(req, proof);
	return STEP_NEXT;
}

enum step_result step_challenge(struct request *req)
{
	struct str challenge = http_query(req->http, "hub.challenge");

	if (!req->app || !str_is(http_query(req->http, "hub.mode"), "subscribe") || challenge.n == 0 ||
		!auth_verify_token(&req->app->secrets, http_query(req->http, "hub.verify_token")))
		return pipeline_reject_verify_token(req);
	note_success(req);
	request_answer_text(req, 200, challenge);
	return STEP_DONE;
}
