/* The life of a request; see request.h. Invariant: its bytes are counted until it is answered, and its memory is not used again
 * while anything may still call back. */
#include "ingest/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/rng.h"
#include "ingest/answers.h"
#include "ingest/stats.h"
#include "wire/cloudevents.h"

#define ARENA_BYTES ((size_t)16 * 1024)
#define IDLE_MAX    512

static struct request *request_take(struct ingest *in)
{
	struct request *req = TAILQ_FIRST(&in->idle);
	struct arena *arena;

	if (req) {
		TAILQ_REMOVE(&in->idle, req, link);
		in->n_idle--;
		arena = req->arena;
	} else {
		req = mem_alloc(sizeof(*req));
		arena = arena_new(ARENA_BYTES);
	}
	*req = (struct request){ .ingest = in, .arena = arena };
	in->n_requests++;
	return req;
}

/* Passed on when the caller has one, else the beginning of a trace (https://www.w3.org/TR/trace-context/, 3.2). */
static void trace_set(struct request *req)
{
	struct trace_random *pool = &req->ingest->trace_random;
	uint8_t *random;

	req->traceparent = traceparent_check(http_header(req->http, "traceparent"));
	if (req->traceparent.n > 0) {
		memcpy(req->trace_own, req->traceparent.p, req->traceparent.n);
	} else {
		if (pool->left == 0) {
			rng_bytes(pool->bytes, sizeof(pool->bytes));
			pool->left = TRACE_RANDOM_IDS;
		}
		random = pool->bytes[--pool->left];
		random[0] |= 1; /* neither id may be all zero */
		random[16] |= 1;
		snprintf(req->trace_own, sizeof(req->trace_own), "00-");
		hex_encode(random, 16, req->trace_own + 3);
		req->trace_own[35] = '-';
		hex_encode(random + 16, 8, req->trace_own + 36);
		snprintf(req->trace_own + 52, 4, "-01");
	}
	req->traceparent = (struct str){ req->trace_own, 55 };
}

struct request *request_new(struct ingest *in, struct http_request *http, const struct route *route,
	const struct uuid *target, size_t reserved_bytes)
{
	struct request *req = request_take(in);

	req->http = http;
	req->route = route;
	req->target = *target;
	req->reserved_bytes = reserved_bytes;
	in->bytes_in_flight += reserved_bytes;
	trace_set(req);
	http_set_user(http, req);
	return req;
}

void request_begin(struct request *req)
{
	struct ingest *in = req->ingest;

	req->now_ms = clock_now_ms();
	req->deadline_mono_ms = clock_mono_ms() + in->settings->request_deadline_ms;
	if (TAILQ_EMPTY(&in->deadlines))
		loop_timer_set(in->expiry, in->settings->request_deadline_ms);
	TAILQ_INSERT_TAIL(&in->deadlines, req, link);
}

void request_recycle(struct request *req)
{
	struct ingest *in = req->ingest;

	in->n_requests--;
	arena_reset(req->arena);
	if (in->n_idle < IDLE_MAX) {
		TAILQ_INSERT_HEAD(&in->idle, req, link);
		in->n_idle++;
		return;
	}
	arena_free(req->arena);
	free(req);
}

void request_leave(struct request *req)
{
	struct ingest *in = req->ingest;

	req->http = NULL;
	in->bytes_in_flight -= req->reserved_bytes;
	if (req->deadline_mono_ms > 0)
		TAILQ_REMOVE(&in->deadlines, req, link);
	directory_leave(in->directory, &req->wait);
	json_free(req->doc);
	req->doc = NULL;
	if (!req->publishing || publication_abandon(&req->publication))
		request_recycle(req);
}

void requests_free(struct ingest *in)
{
	struct request *req;

	while ((req = TAILQ_FIRST(&in->idle))) {
		TAILQ_REMOVE(&in->idle, req, link);
		arena_free(req->arena);
		free(req);
	}
}

static void respond(struct request *req, int status, const char *type, struct str body, int64_t retry_after_s)
{
	struct http_extra_header headers[2];
	struct http_request *http = req->http;
	char seconds[24];
	size_t n = 0;

	if (retry_after_s > 0) {
		snprintf(seconds, sizeof(seconds), "%lld", (long long)retry_after_s);
		headers[n++] = (struct http_extra_header){ "Retry-After", seconds };
	}
	if (status == 401)
		headers[n++] = (struct http_extra_header){ "WWW-Authenticate", "Signature realm=\"blazz\"" };
	stats_request(req->route, status);
	http_respond(http, status, type, body, headers, n);
	request_leave(req);
}

void request_answer(struct request *req, int status, struct str body, int64_t retry_after_s)
{
	struct buf *scratch = &req->ingest->answer;

	if (!body.p) {
		buf_clear(scratch);
		answer_error(scratch, answer_word(status));
		body = buf_str(scratch);
	}
	respond(req, status, "application/json", body, retry_after_s);
}

void request_answer_text(struct request *req, int status, struct str text)
{
	respond(req, status, "text/plain", text, 0);
}

void request_log(const struct request *req, int status, const char *event, const char *why, struct str detail)
{
	char workspace[37] = "", account[37] = "", target[37] = "";

	if (!uuid_is_nil(&req->workspace_id))
		uuid_format(&req->workspace_id, workspace);
	if (!uuid_is_nil(&req->account_id))
		uuid_format(&req->account_id, account);
	if (!uuid_is_nil(&req->target))
		uuid_format(&req->target, target);
	log_warn(event, LOG_S("route", req->route->name), LOG_I("status", status), LOG_S("reason", why),
		LOG_STR("detail", detail), LOG_S("workspace", workspace), LOG_S("account", account),
		LOG_S("target", target), LOG_STR("trace_id", str_slice(req->traceparent, 3, 35)));
}

void request_unavailable(struct request *req, const char *why, const struct err *err)
{
	request_log(req, 503, "request failed", why, err ? str_of(err->msg) : STR_NONE);
	request_answer(req, 503, STR_NONE, 1);
}
