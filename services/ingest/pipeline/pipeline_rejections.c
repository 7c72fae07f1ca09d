/* The answers 400, 401, 403 and 422, and the count of failed authentications; see pipeline_steps.h. Invariant: a 401 is
 * the same for every reason, so that a client learns neither which accounts exist nor which of its secrets matched. */
#include "base/clock.h"
#include "ingest/pipeline/pipeline_steps.h"
#include "ingest/requests/answers.h"
#include "ingest/stats.h"

static struct rate failure_rate(const struct ingest *in)
{
	const double per_minute = (double)in->settings->limits_failures_per_minute;

	return (struct rate){ per_minute / 60, per_minute };
}

/* Counts a failed authentication of the source. Returns 0, or the seconds to wait when the source has exceeded its
 * limit. */
static int64_t failure_count(struct request *req)
{
	struct bucket *b = &limiter_entry(req->ingest->failures, request_source(req))->bucket;
	int64_t wait_ms;

	if (bucket_take(b, failure_rate(req->ingest), 1, clock_mono_ms(), &wait_ms))
		return 0;
	stats_refused(REFUSED_FAILURES);
	return answer_retry_after_s(wait_ms);
}

/* Counts and logs the failure. Returns failure_count(). */
static int64_t failure_note(struct request *req, int status, const char *why)
{
	int64_t wait_s = failure_count(req);

	stats_auth_failure(req->route);
	if (wait_s == 0)
		request_log(req, status, "request rejected", why, STR_NONE);
	return wait_s;
}

static enum step_result reject_delayed(struct request *req, int status, const char *why)
{
	int64_t wait_s = failure_note(req, status, why);

	request_answer_delayed(req, wait_s > 0 ? 429 : status, wait_s);
	return STEP_DONE;
}

enum step_result pipeline_reject_unauthorized(struct request *req, const char *why)
{
	return reject_delayed(req, 401, why);
}

enum step_result pipeline_reject_verify_token(struct request *req)
{
	return reject_delayed(req, 403, "verify token");
}

enum step_result pipeline_reject_unauthorized_at_once(struct request *req, const char *why)
{
	int64_t wait_s = failure_note(req, 401, why);

	request_answer(req, wait_s > 0 ? 429 : 401, STR_NONE, wait_s);
	return STEP_DONE;
}

enum step_result pipeline_reject_body(struct request *req, const struct err *err)
{
	struct buf *out = &req->ingest->answer;

	request_log(req, 400, "request rejected", "body", str_of(err->msg));
	buf_clear(out);
	answer_invalid(out, answer_word(400), err->msg);
	request_answer(req, 400, buf_str(out), 0);
	return STEP_DONE;
}

enum step_result pipeline_reject_items(struct request *req)
{
	const struct intake *in = &req->intake;
	struct buf *out = &req->ingest->answer;

	request_log(req, 422, "request rejected", dead_reason_word(in->rejected[0].reason), in->rejected[0].path);
	buf_clear(out);
	answer_rejected(out, answer_word(422), in->rejected, in->n_rejected);
	request_answer(req, 422, buf_str(out), 0);
	return STEP_DONE;
}
