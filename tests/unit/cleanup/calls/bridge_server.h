/* A bridge on the test's own loop, and calls to it: it records what arrives, and answers at once or when it is told to. */
#ifndef BRIDGE_SERVER_H
#define BRIDGE_SERVER_H

#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cleanup/calls/calls.h"
#include "http/server.h"

#define BEGIN_MS 1000 /* as calls_options.begin_ms */

#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))
#define PATIENCE_MS  20000
#define ARRIVALS_MAX 64

struct arrival {
	struct http_request *request; /* NULL: it is answered */
	char line[200], key[64], signature[128], body[2048];
};

struct response {
	int status;
	struct str body;
	struct http_extra_header header; /* name NULL: none */
};

struct world {
	struct loop *loop;
	struct guard *guard;
	struct sender_pool *senders;
	struct http_server *server;
	struct calls *calls;
	char url[100];
	bool lease_is_old, holds;
	struct response response;
	struct arrival arrivals[ARRIVALS_MAX];
	int64_t begun_mono_ms[ARRIVALS_MAX]; /* of the calls that the lease admitted */
	size_t n_arrivals, n_asked, n_begun, n_ended, n_done;
};

/* One call and what came of it. */
struct asked {
	struct world *world;
	int answers;
	enum bridge_outcome outcome;
	enum bridge_observed observed;
	enum bridge_oddity oddity;
	int64_t retry_after_ms;
	char error[BRIDGE_ERROR_BYTES + 1], token[64];
	void (*then)(struct asked *a); /* called in its done() */
};

static void text_copy(char *to, size_t size, struct str from)
{
	snprintf(to, size, "%.*s", STR_ARG(from));
}

static void arrival_answer(struct world *w, struct arrival *a)
{
	const struct response *r = &w->response;

	http_respond(a->request, r->status, "application/json", r->body, &r->header, r->header.name ? 1 : 0);
	a->request = NULL;
}

/* The oldest that is held. */
static void answer_one(struct world *w)
{
	for (size_t i = 0; i < w->n_arrivals; i++)
		if (w->arrivals[i].request) {
			arrival_answer(w, &w->arrivals[i]);
			return;
		}
	fail_msg("no request is held");
}

static void on_request(void *ctx, struct http_request *r)
{
	struct world *w = ctx;
	struct arrival *a = &w->arrivals[w->n_arrivals];

	assert_true(w->n_arrivals++ < ARRIVALS_MAX);
	a->request = r;
	snprintf(a->line, sizeof(a->line), "%.*s %.*s", STR_ARG(http_method(r)), STR_ARG(http_target(r)));
	text_copy(a->key, sizeof(a->key), http_header(r, "x-api-key"));
	text_copy(a->signature, sizeof(a->signature), http_header(r, "webhook-signature"));
	text_copy(a->body, sizeof(a->body), http_body(r));
	if (!w->holds)
		arrival_answer(w, a);
}

static struct http_admission on_header(void *ctx, struct http_request *r)
{
	(void)ctx;
	(void)r;
	return (struct http_admission){ .max_body_bytes = 1 << 16 };
}

static bool may_begin(void *ctx)
{
	struct world *w = ctx;

	if (w->lease_is_old)
		return false;
	assert_true(w->n_begun < ARRIVALS_MAX);
	w->begun_mono_ms[w->n_begun++] = clock_mono_ms();
	return true;
}

static void on_ended(void *ctx, enum bridge_kind kind, enum bridge_action action, const struct bridge_answer *answer)
{
	struct world *w = ctx;

	assert_true(kind != BRIDGE_NONE && action < BRIDGE_ACTIONS && answer->outcome < BRIDGE_OUTCOMES);
	w->n_ended++;
}

static void server_start(struct world *w)
{
	const struct http_server_options options = {
		.listen = "127.0.0.1:0",
		.loop = w->loop,
		.admit = on_header,
		.handle = on_request,
		.ctx = w,
	};

	assert_int_equal(http_server_open(&w->server, &options, NULL), 0);
	snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%d", http_server_port(w->server));
	w->response = (struct response){ .status = 200, .body = STR("{}") };
}

static void world_open(struct world *w)
{
	char network[] = "127.0.0.0/8";
	char *networks[] = { network, NULL };
	struct sender_pool_options senders = {
		.sender = { .max_connections = 20, .user_agent = "blazz-test" },
		.threads = 2,
		.lookups = 2,
		.lookup_share = 50,
	};
	struct calls_options calls = { .begin_ms = BEGIN_MS, .may_begin = may_begin, .ended = on_ended, .ctx = w };

	memset(w, 0, sizeof(*w));
	assert_int_equal(loop_new(&w->loop, NULL), 0);
	assert_int_equal(guard_new_listed(&w->guard, networks, true, NULL), 0);
	senders.sender.loop = calls.loop = w->loop;
	senders.sender.guard = calls.guard = w->guard;
	assert_int_equal(sender_pool_open(&w->senders, &senders, NULL), 0);
	calls.senders = w->senders;
	w->calls = calls_new(&calls);
	server_start(w);
}

/* Every call has ended once by then. */
static void world_close(struct world *w)
{
	calls_abort(w->calls);
	assert_int_equal(calls_pending(w->calls, -1), 0);
	assert_int_equal(w->n_done, w->n_asked);
	assert_int_equal(w->n_ended, w->n_asked);
	calls_free(w->calls);
	sender_pool_close(&w->senders);
	http_server_close(&w->server);
	guard_free(w->guard);
	loop_free(w->loop);
}

static void on_done(void *ctx, const struct bridge_answer *answer)
{
	struct asked *a = ctx;

	a->world->n_done++;
	a->answers++;
	a->outcome = answer->outcome;
	a->observed = answer->observed;
	a->oddity = answer->oddity;
	a->retry_after_ms = answer->retry_after_ms;
	if (a->then)
		a->then(a);
	text_copy(a->error, sizeof(a->error), answer->error); /* still valid after all that `then` did */
	text_copy(a->token, sizeof(a->token), answer->token);
}

static struct bridge_instance instance_of(const struct world *w, enum bridge_kind kind)
{
	return (struct bridge_instance){ .kind = kind, .url = str_of(w->url), .key = STR("api-key") };
}

static struct bridge_call call_of(enum bridge_action action, const char *session)
{
	return (struct bridge_call){
		.action = action,
		.session = { .name = str_of(session), .webhook_url = STR("https://in.example.com/webhooks/x/1") },
	};
}

static void ask_at(struct world *w, int64_t index, const struct bridge_instance *at, const struct bridge_call *call,
	struct asked *a)
{
	int answers = a->answers;

	a->world = w;
	w->n_asked++;
	calls_add(w->calls, index, at, call, on_done, a);
	assert_int_equal(a->answers, answers); /* never before it returns */
}

/* About a session of WAHA. */
static void ask(struct world *w, int64_t index, enum bridge_action action, const char *session, struct asked *a)
{
	const struct bridge_instance at = instance_of(w, BRIDGE_WAHA);
	const struct bridge_call call = call_of(action, session);

	ask_at(w, index, &at, &call, a);
}

static void turn_for(struct world *w, int64_t ms)
{
	int64_t until = clock_mono_ms() + ms;

	while (clock_mono_ms() < until)
		loop_turn(w->loop, 10);
}

static void wait_for(struct world *w, const size_t *count, size_t n)
{
	int64_t until = clock_mono_ms() + PATIENCE_MS;

	while (*count < n && clock_mono_ms() < until)
		loop_turn(w->loop, 10);
	assert_true(*count >= n);
}

static struct arrival *arrival_of(struct world *w, const char *line)
{
	for (size_t i = 0; i < w->n_arrivals; i++)
		if (strcmp(w->arrivals[i].line, line) == 0)
			return &w->arrivals[i];
	fail_msg("no request %s", line);
	return NULL;
}

#endif
