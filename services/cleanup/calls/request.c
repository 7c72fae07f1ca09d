/* See private.h: how one call is sent, and how it ends. Invariant: each call ends once, and nothing of the calls is in use
 * when done() runs. */
#include "cleanup/calls/private.h"

#include "base/clock.h"
#include "base/failpoint.h"

#define ARENA_BYTES 4096
#define MAX_IDLE_MS 4000 /* of a connection: Node's servers, which most bridges are, close theirs after 5 s */

static void pending_end(struct pending *p, const struct bridge_answer *answer)
{
	struct calls *c = p->calls;

	TAILQ_REMOVE(&c->all, p, in_all);
	c->n_pending--;
	p->queue->n_pending--;
	c->options.ended(c->options.ctx, p->at.kind, p->call.action, answer);
	p->done(p->ctx, answer);
	pending_free(p);
}

void pending_refuse(struct pending *p, enum bridge_outcome outcome, const char *error)
{
	const struct bridge_answer answer = {
		.outcome = outcome,
		.retry_after_ms = -1,
		.capacity = -1,
		.sessions = -1,
		.error = str_of(error),
	};

	pending_end(p, &answer);
}

static void on_answered(void *ctx, const struct exchange_result *result)
{
	struct pending *p = ctx;
	struct bridge_answer answer;

	(void)failpoint("call_answered");
	p->request = NULL;
	if (!call_passes_queue(p->call.action)) {
		(void)failpoint("session_call_answered");
		p->queue->n_in_flight--;
	}
	loop_timer_set(p->calls->timer, 0); /* the next call may begin */
	bridge_answer_read(p->at.kind, &p->call, result, p->arena, &answer);
	if (result->refused) /* a name whose addresses the guard refuses, like such an address itself */
		answer.outcome = BRIDGE_REJECTED;
	pending_end(p, &answer);
}

static void request_send(struct pending *p, const struct bridge_request *built, const struct url_host *host)
{
	const struct send_target to = { (uint64_t)p->queue->index, (uint64_t)p->queue->index, host };
	const struct send_request request = {
		.url = built->http.url.p,
		.method = built->http.method,
		.headers = built->http.headers,
		.body = buf_str(&built->http.body),
		.timeout_ms = built->timeout_ms,
		.begin_by_mono_ms = clock_mono_ms() + p->calls->options.begin_ms,
		.response_bytes = built->response_bytes,
		.max_idle_ms = MAX_IDLE_MS,
		.done = on_answered,
		.ctx = p,
	};

	sender_pool_send(p->calls->options.senders, &to, &request, &p->request);
	if (!call_passes_queue(p->call.action)) {
		(void)failpoint("session_call_started");
		p->queue->n_in_flight++;
	}
	(void)failpoint("call_started");
}

static int request_begin(struct pending *p, struct err *err)
{
	struct bridge_request built = { 0 };
	struct url_host host;
	int rc = -1;

	p->arena = arena_new(ARENA_BYTES);
	if (guard_host(p->calls->options.guard, p->at.url, &host, err) < 0)
		goto out;
	if (bridge_request_build(&p->at, &p->call, clock_now_ms(), p->arena, &built, err) < 0)
		goto out;
	request_send(p, &built, &host);
	rc = 0;
out:
	bridge_request_fini(&built);
	return rc;
}

bool pending_begin(struct pending *p)
{
	struct calls *c = p->calls;
	struct err err;

	if (!c->options.may_begin(c->options.ctx)) {
		pending_refuse(p, BRIDGE_BUSY, "this replica's lease is not fresh");
		return false;
	}
	if (request_begin(p, &err) < 0) {
		pending_refuse(p, BRIDGE_REJECTED, err.msg);
		return false;
	}
	return true;
}
