/* The order of a request's steps; see pipeline.h.
 *
 * Invariant: nothing borrowed from the account cache survives a wait for PostgreSQL or a turn, and no parsed body
 * survives a wait for PostgreSQL. Of large bodies only the first in the queue is parsed, so that at most two parsed
 * bodies exist at a time.
 */
#include "ingest/pipeline/pipeline.h"

#include "ingest/pipeline/pipeline_steps.h"
#include "ingest/requests/turns.h"
#include "ingest/stats.h"

/* Ends the turn of a large body; the next step runs in another one. */
static enum step_result step_turn(struct request *req)
{
	if (http_body(req->http).n < TURNS_LARGE_BYTES)
		return STEP_NEXT;
	turns_wait(req);
	return STEP_WAIT;
}

typedef enum step_result step_fn(struct request *req);

/* The last step of each list returns STEP_DONE. */
static step_fn *const session_steps[] = { step_claims, step_turn, step_account_of_session, step_bridge_kind,
	step_account_rate, step_turn, step_parse, step_turn, step_sync_rate, step_read, step_turn, step_too_large };
static step_fn *const account_steps[] = { step_claims, step_turn, step_account_of_url, step_bridge_kind,
	step_account_rate, step_turn, step_parse, step_turn, step_sync_rate, step_read, step_turn, step_too_large };
static step_fn *const app_steps[] = { step_claims, step_app, step_turn, step_verify_app, step_turn, step_references,
	step_turn, step_read_meta, step_turn, step_too_large };
static step_fn *const challenge_steps[] = { step_app, step_challenge };

static step_fn *const *steps_of(const struct request *req)
{
	switch (req->route->subject) {
	case SUBJECT_SESSION:
		return session_steps;
	case SUBJECT_ACCOUNT:
		return account_steps;
	case SUBJECT_APP:
		break;
	}
	return str_is(http_method(req->http), "POST") ? app_steps : challenge_steps;
}

static void steps_run(struct request *req)
{
	step_fn *const *steps = steps_of(req);

	while (steps[req->step](req) == STEP_NEXT)
		req->step++;
}

/* Repeats the step that fetched names. */
static void fetched(void *ctx, bool available)
{
	struct request *req = ctx;

	if (available)
		steps_run(req);
	else
		request_unavailable(req, REFUSED_DIRECTORY, NULL);
}

void pipeline_start(struct request *req)
{
	req->wait.done = fetched;
	req->wait.ctx = req;
	steps_run(req);
}

/* Looks up again what was borrowed from the account cache: it may have changed since the last turn. */
static void resume(struct request *req)
{
	const struct name name = { .kind = NAME_ACCOUNT, .text = uuid_bytes(&req->account_id) };

	if (req->account && !(req->account = catalogue_account(pipeline_catalogue(req), &name))) {
		(void)pipeline_reject_unauthorized(req, "unknown account");
		return;
	}
	if (req->app && !(req->app = catalogue_app(pipeline_catalogue(req), &req->target))) {
		(void)pipeline_reject_unauthorized(req, "unknown app");
		return;
	}
	req->step++;
	steps_run(req);
}

void pipeline_turn(void *ingest)
{
	turns_next(ingest, resume);
}
