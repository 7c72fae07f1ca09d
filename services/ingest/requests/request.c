/* The life of a request; see request.h. Invariant: the memory of a request is not reused while a timer, the account
 * cache or Kafka may still call it back. */
#include "ingest/requests/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/rng.h"
#include "ingest/requests/answers.h"
#include "ingest/requests/turns.h"
#include "ingest/stats.h"
#include "wire/cloudevents.h"

#define ARENA_BYTES ((size_t)16 * 1024)
#define IDLE_MAX    256
#define QUANTUM_MS  25

static struct request *request_get(struct ingest *in)
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

/* Keeps the traceparent of the client, or begins a trace without one (https://www.w3.org/TR/trace-context/, 3.2). */
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
	const struct uuid *target, struct str source)
{
	struct request *req = request_get(in);

	req->http = http;
	req->route = route;
	req->target = *target;
	req->source = sources_enter(in->sources, source);
	memcpy(req->source_key, source.p, source.n);
	req->source_key_n = source.n;
	trace_set(req);
	http_set_user(http, req);
	return req;
}

struct str request_source(const struct request *req)
{
	return (struct str){ (const char *)req->source_key, req->source_key_n };
}

/* ---- room */

void request_grow(struct request *req, size_t n)
{
	req->body_bytes += n;
	req->ingest->bytes_in_flight += n;
	if (req->source)
		req->source->bytes += n;
}

void request_authenticated(struct request *req, enum auth_proof proof)
{
	req->proof = proof;
	sources_leave(req->ingest->sources, &req->source, req->body_bytes);
}

/* Answers the oldest unauthenticated request that waits for PostgreSQL with 503. False: there is none. */
static bool unauthenticated_shed(struct ingest *in, const struct request *except)
{
	struct request *req;
	struct err err;

	TAILQ_FOREACH (req, &in->deadlines, link)
		if (req != except && req->source && !req->delayed_status && req->wait.batch > 0)
			break;
	if (!req)
		return false;
	err_set(&err, ERR_BUSY, "room", "other requests need the room");
	request_unavailable(req, REFUSED_ROOM, &err);
	return true;
}

bool request_make_room(struct ingest *in, const struct request *req, size_t n)
{
	const size_t limit = (size_t)in->settings->limits_bytes_in_flight;

	while (in->bytes_in_flight + n > limit)
		if (!http_server_shed(in->http, req ? req->http : NULL) && !unauthenticated_shed(in, req))
			return false;
	return true;
}

/* A single request always has room, as the size of its body is limited. */
int request_keep(struct request *req, struct err *err)
{
	struct ingest *in = req->ingest;
	size_t used = arena_used_bytes(req->arena), n = used > ARENA_BYTES ? used - ARENA_BYTES : 0;

	if (!request_make_room(in, req, n) && in->bytes_in_flight > req->body_bytes)
		return err_set(err, ERR_BUSY, "room", "too many bytes are in flight");
	req->kept_bytes = n;
	in->bytes_in_flight += n;
	return 0;
}

void request_begin(struct request *req)
{
	struct ingest *in = req->ingest;

	req->now_ms = clock_now_ms();
	req->begun_mono_ms = clock_mono_ms();
	req->deadline_mono_ms = req->begun_mono_ms + in->settings->request_deadline_ms;
	if (TAILQ_EMPTY(&in->deadlines))
		loop_timer_set(in->expiry, in->settings->request_deadline_ms);
	TAILQ_INSERT_TAIL(&in->deadlines, req, link);
}

void request_recycle(struct request *req)
{
	struct ingest *in = req->ingest;

	in->n_requests--;
	in->bytes_in_flight -= req->kept_bytes;
	arena_reset(req->arena);
	if (in->n_idle < IDLE_MAX) {
		TAILQ_INSERT_HEAD(&in->idle, req, link);
		in->n_idle++;
		return;
	}
	arena_free(req->arena);
	free(req);
}

void request_detach(struct request *req)
{
	struct ingest *in = req->ingest;

	req->http = NULL;
	in->bytes_in_flight -= req->body_bytes;
	sources_leave(in->sources, &req->source, req->body_bytes);
	if (req->delayed_status)
		TAILQ_REMOVE(&in->delayed, req, delayed);
	turns_leave(req);
	if (req->deadline_mono_ms > 0)
		TAILQ_REMOVE(&in->deadlines, req, link);
	account_cache_cancel(in->account_cache, &req->wait);
	json_free(req->doc);
	req->doc = NULL;
	if (!req->publishing || kafka_publication_abandon(&req->publication))
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
	request_detach(req);
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

/* Whether to write the line; *suppressed: how many such lines were not written since the last one. */
static bool line_pass(struct ingest *in, const char *why, const struct uuid *account, uint64_t *suppressed)
{
	char key[64];
	int n = snprintf(key, sizeof(key) - sizeof(account->b), "%s", why);
	size_t used = n < (int)(sizeof(key) - sizeof(account->b)) ? (size_t)n : sizeof(key) - sizeof(account->b) - 1;

	memcpy(key + used, account->b, sizeof(account->b));
	return log_limit_pass(&limiter_entry(in->lines, (struct str){ key, used + sizeof(account->b) })->log,
		clock_mono_ms(), suppressed);
}

void request_log(const struct request *req, int status, const char *event, const char *why, struct str detail)
{
	char workspace[37] = "", account[37] = "", target[37] = "";
	uint64_t suppressed;

	if (!line_pass(req->ingest, why, &req->account_id, &suppressed))
		return;
	if (!uuid_is_nil(&req->workspace_id))
		uuid_format(&req->workspace_id, workspace);
	if (!uuid_is_nil(&req->account_id))
		uuid_format(&req->account_id, account);
	if (!uuid_is_nil(&req->target))
		uuid_format(&req->target, target);
	log_warn(event, LOG_S("route", req->route->name), LOG_I("status", status), LOG_S("reason", why),
		LOG_STR("detail", detail), LOG_S("workspace", workspace), LOG_S("account", account),
		LOG_S("target", target), LOG_STR("trace_id", str_slice(req->traceparent, 3, 35)),
		LOG_I("suppressed", suppressed));
}

void request_refuse(struct request *req, int status, enum refusal why, int64_t retry_after_s)
{
	stats_refused(why);
	request_log(req, status, "request refused", refusal_words[why], STR_NONE);
	request_answer(req, status, STR_NONE, retry_after_s);
}

void request_unavailable(struct request *req, enum refusal why, const struct err *err)
{
	stats_refused(why);
	request_log(req, 503, "request failed", refusal_words[why], err ? str_of(err->msg) : STR_NONE);
	request_answer(req, 503, STR_NONE, 1);
}

/* ---- delayed answers */

static void delay_timer_set(struct ingest *in)
{
	const struct request *first = TAILQ_FIRST(&in->delayed);
	int64_t now = clock_mono_ms();

	if (first)
		loop_timer_set(in->delay, first->delayed_until_mono_ms > now ? first->delayed_until_mono_ms - now : 0);
}

void request_answer_delayed(struct request *req, int status, int64_t retry_after_s)
{
	struct ingest *in = req->ingest;
	struct request *before = TAILQ_LAST(&in->delayed, request_list);
	int64_t quanta = (clock_mono_ms() - req->begun_mono_ms) / QUANTUM_MS + 1;

	turns_leave(req);
	req->delayed_status = status;
	req->delayed_retry_s = retry_after_s;
	req->delayed_until_mono_ms = req->begun_mono_ms + quanta * QUANTUM_MS;
	while (before && before->delayed_until_mono_ms > req->delayed_until_mono_ms)
		before = TAILQ_PREV(before, request_list, delayed);
	if (before)
		TAILQ_INSERT_AFTER(&in->delayed, before, req, delayed);
	else
		TAILQ_INSERT_HEAD(&in->delayed, req, delayed);
	delay_timer_set(in);
}

void requests_answer_delayed(void *ingest)
{
	struct ingest *in = ingest;
	struct request *req;

	/* request_answer() removes the request from the list, which the analyzer does not see.
	 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	while ((req = TAILQ_FIRST(&in->delayed)) && req->delayed_until_mono_ms <= clock_mono_ms())
		request_answer(req, req->delayed_status, STR_NONE, req->delayed_retry_s);
	delay_timer_set(in);
}
