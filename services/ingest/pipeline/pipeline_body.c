/* The steps that parse a body and read it in the dialect of its route. Invariant: a body is published only when the
 * session and the workspace that it names are those of the account whose secrets verified it. */
#include "ingest/accounts/session.h"
#include "ingest/pipeline/pipeline_steps.h"

enum step_result step_parse(struct request *req)
{
	struct err err;

	if (json_parse(&req->doc, http_body(req->http), &err) == 0)
		return STEP_NEXT;
	pipeline_charge(req);
	return pipeline_reject_body(req, &err);
}

/* Compares the session and the workspace that a verified body names with its account. NULL: they match. */
static const char *mismatch(const struct request *req)
{
	const struct route *route = req->route;
	const json *body = json_root(req->doc);

	for (size_t i = 0; i < 2 && route->session[i]; i++)
		if (!session_fits(json_text(json_get(body, route->session[i]), req->arena), req->account))
			return "another session";
	if (route->subject != SUBJECT_SESSION)
		return NULL;
	if (!str_eq(session_of(body, route->session, req->arena), req->session))
		return "another session"; /* the parser reads another one than the scan did */
	return session_workspace_fits(body, req->account, req->arena) ? NULL : "another workspace";
}

enum step_result step_read(struct request *req)
{
	struct intake *in = &req->intake;
	const char *why;
	struct err err;
	int rc;

	intake_init(in, req->arena, req->now_ms, &req->account->info);
	intake_bound(in, http_body(req->http).n);
	if (req->proof == PROOF_DELIVERY)
		intake_delivery(in, req->claims.value[CLAIM_WEBHOOK_ID], req->claims.value[CLAIM_WEBHOOK_TIMESTAMP]);
	rc = req->route->read(in, json_root(req->doc), &err);
	pipeline_charge(req);
	if (rc < 0 && in->n_rejected == 0 && !in->too_large)
		return pipeline_reject_body(req, &err);
	why = mismatch(req);
	if (why)
		return pipeline_reject_unauthorized(req, why);
	if (in->too_large)
		return STEP_NEXT;
	return rc < 0 ? pipeline_reject_items(req) : pipeline_publish(req);
}

/* For a body that exceeds a bound, where reading each item would cost too much, and for any bad body of Meta's: Meta
 * cannot be asked for it again, and repeats for days what is not answered with 200. */
enum step_result pipeline_dead_letter_body(struct request *req, enum dead_reason reason, const struct err *err)
{
	struct intake *in = &req->intake;
	struct str body = req->doc ? intake_json(in, json_root(req->doc)) : http_body(req->http);

	if (req->route->subject == SUBJECT_APP)
		pipeline_charge(req); /* other bodies were charged when they were read */
	intake_reject_whole(in, in->too_large ? DEAD_TOO_LARGE : reason, body, err->msg);
	return pipeline_publish(req);
}

/* Discards the events that were read before the bound was exceeded. */
enum step_result step_too_large(struct request *req)
{
	struct err err;

	(void)intake_too_large(&err);
	if (req->account)
		req->intake.account = &req->account->info;
	return pipeline_dead_letter_body(req, DEAD_TOO_LARGE, &err);
}
