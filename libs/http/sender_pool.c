/* Senders on threads; see sender_pool.h. A request (struct parcel) first waits for its DNS lookup, if it needs one.
 * Then the pool posts it to its thread, which posts it back with the result. An abort follows it as a command of its
 * own.
 *
 *                 owner's thread                        sender thread
 *   sender_pool_send() ──► lookup ──► SEND ───────────► inbox ──► sender_send()
 *   sender_pool_abort() ────────────► ABORT ──────────► inbox ──► sender_abort(), if still in flight
 *   done(), unless called already ◄── answers ◄──────── one post back for each command
 *
 * Invariant: a sender thread owns a request from the first command posted until the last one is back; only then is the
 * request reused.
 */
#include "http/sender_pool.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/thread.h"
#include "loop/mailbox.h"

#define KEEP_BYTES   65536 /* memory that an idle parcel may keep for its next request */
#define ANSWERS_MOST 100 /* results per iteration of the loop, so that other callbacks get their turn */

enum command_kind { COMMAND_SEND, COMMAND_ABORT, COMMAND_STOP };

/* Whether a request may begin, decided atomically between the two threads: its first byte or its abort, whichever is
 * first.
 *
 *   GATE_OPEN ──┬─ sender thread, before the first byte ──► GATE_BEGUN: an abort reports begun
 *               └─ owner's thread, on abort ──────────────► GATE_CLOSED: nothing will be sent
 */
enum gate { GATE_OPEN, GATE_BEGUN, GATE_CLOSED };

/* A message to a sender thread. */
struct command {
	struct mailbox_node node; /* first member */
	enum command_kind kind;
	struct parcel *parcel; /* NULL: COMMAND_STOP */
};

struct parcel {
	struct command send, abort;
	struct sender_thread *thread;
	LIST_ENTRY(parcel) entry; /* in the pool's active or idle list */
	atomic_int gate;
	/* Accessed by the owner's thread only. */
	struct resolver_wait wait; /* waits for the DNS lookup; no command is posted yet */
	struct url_host host;
	struct loop_timer *deadline; /* of the lookup */
	int64_t begun_mono_us, looked_up_us;
	int commands_out;
	bool answered; /* done() was called */
	void (*done)(void *ctx, const struct exchange_result *result);
	void *ctx;
	/* Accessed by the sender thread only while commands are out. */
	struct buf text; /* URL, header lines and body; later detail and body of the result */
	const char **headers;
	size_t headers_cap;
	struct buf addresses; /* lines for CURLOPT_RESOLVE */
	const char *resolved[SENDER_RESOLVED_LINES + 1];
	struct send_request request;
	struct exchange *exchange; /* NULL: complete */
	struct exchange_result result;
};

struct sender_thread {
	struct sender_pool *pool;
	pthread_t thread;
	bool started;
	struct mailbox *inbox;
	struct command stop;
	/* Accessed by the sender thread only, once it runs. */
	struct loop *loop;
	struct loop_io *io;
	struct sender *sender;
};

LIST_HEAD(parcels, parcel);

struct sender_pool {
	const struct guard *guard;
	struct resolver *resolver;
	struct loop *loop;
	struct mailbox *answers;
	struct loop_io *io;
	struct parcels active, idle;
	size_t in_flight; /* requests whose done() has not been called */
	size_t n_idle, max_idle;
	struct sender_thread *threads;
	size_t n_threads;
	bool closing;
};

static void text_add(struct buf *text, const char *s)
{
	buf_add(text, s, strlen(s) + 1);
}

/* In the sender thread */

/* The request's text is no longer needed: the result's text replaces it. */
static void answer_keep(struct parcel *p, const struct exchange_result *r)
{
	p->result = *r;
	buf_clear(&p->text);
	text_add(&p->text, r->detail);
	buf_add_str(&p->text, r->body);
	p->result.detail = p->text.p;
	p->result.body = (struct str){ p->text.p + p->text.n - r->body.n, r->body.n };
}

static void parcel_done(void *ctx, const struct exchange_result *r)
{
	struct parcel *p = ctx;

	p->exchange = NULL;
	answer_keep(p, r);
	mailbox_post(p->thread->pool->answers, &p->send.node);
}

static bool gate_pass(struct parcel *p, enum gate to)
{
	int open = GATE_OPEN;

	return atomic_compare_exchange_strong(&p->gate, &open, (int)to);
}

static bool parcel_may_begin(void *ctx)
{
	return gate_pass(ctx, GATE_BEGUN);
}

static void command_run(struct sender_thread *t, const struct command *c)
{
	struct parcel *p = c->parcel;

	switch (c->kind) {
	case COMMAND_SEND:
		sender_send(t->sender, &p->request, &p->exchange);
		break;
	case COMMAND_ABORT:
		if (p->exchange)
			sender_abort(t->sender, p->exchange);
		mailbox_post(t->pool->answers, &p->abort.node);
		break;
	case COMMAND_STOP:
		sender_close(&t->sender);
		loop_stop(t->loop);
		break;
	}
}

static void commands_run(void *ctx)
{
	struct sender_thread *t = ctx;
	struct mailbox_node *node;

	while ((node = mailbox_receive(t->inbox)))
		command_run(t, (struct command *)node);
}

static void *thread_run(void *ctx)
{
	struct sender_thread *t = ctx;

	if (loop_run(t->loop, NULL) < 0)
		abort(); /* its requests would never be answered */
	return NULL;
}

/* Requests, in the owner's thread */

static void parcel_free(struct parcel *p)
{
	loop_timer_free(p->deadline);
	buf_fini(&p->text);
	buf_fini(&p->addresses);
	free(p->headers);
	free(p);
}

static struct parcel *parcel_take(struct sender_pool *pool)
{
	struct parcel *p = LIST_FIRST(&pool->idle);

	if (p) {
		LIST_REMOVE(p, entry);
		pool->n_idle--;
	} else {
		p = mem_calloc(1, sizeof(*p));
		p->send = (struct command){ .kind = COMMAND_SEND, .parcel = p };
		p->abort = (struct command){ .kind = COMMAND_ABORT, .parcel = p };
	}
	LIST_INSERT_HEAD(&pool->active, p, entry);
	return p;
}

static void parcel_put_away(struct sender_pool *pool, struct parcel *p)
{
	LIST_REMOVE(p, entry);
	if (p->text.cap > KEEP_BYTES || pool->n_idle >= pool->max_idle) {
		parcel_free(p);
		return;
	}
	LIST_INSERT_HEAD(&pool->idle, p, entry);
	pool->n_idle++;
}

static const char **headers_reserve(struct parcel *p, size_t n)
{
	if (n > p->headers_cap) {
		p->headers = mem_realloc(p->headers, n * sizeof(*p->headers));
		p->headers_cap = n;
	}
	return p->headers;
}

static void request_copy(struct parcel *p, const struct send_request *r)
{
	size_t n = 0;
	const char *at;

	buf_clear(&p->text);
	text_add(&p->text, r->url);
	while (r->headers && r->headers[n])
		text_add(&p->text, r->headers[n++]);
	buf_add_str(&p->text, r->body);
	p->request = *r;
	p->request.headers = headers_reserve(p, n + 1);
	p->request.url = at = p->text.p;
	for (size_t i = 0; i < n; i++)
		p->headers[i] = at += strlen(at) + 1;
	p->headers[n] = NULL;
	p->request.body = (struct str){ p->text.p + p->text.n - r->body.n, r->body.n };
	p->request.may_begin = parcel_may_begin;
	p->request.done = parcel_done;
	p->request.ctx = p;
	p->request.resolved = NULL;
}

static void command_post(struct parcel *p, struct command *c)
{
	p->commands_out++;
	mailbox_post(p->thread->inbox, &c->node);
}

static void parcel_answer(struct sender_pool *pool, struct parcel *p, const struct exchange_result *r)
{
	p->answered = true;
	pool->in_flight--;
	p->done(p->ctx, r);
}

static struct parcel *parcel_new(struct sender_pool *pool, const struct send_request *request)
{
	struct parcel *p = parcel_take(pool);

	assert(!pool->closing);
	p->answered = false;
	atomic_store(&p->gate, GATE_OPEN);
	p->done = request->done;
	p->ctx = request->ctx;
	p->begun_mono_us = clock_mono_us();
	p->looked_up_us = 0;
	pool->in_flight++;
	request_copy(p, request);
	return p;
}

/* The DNS lookup, before the request is posted to its thread */

static struct exchange_result unresolved(const struct sender_pool *pool, const struct resolver_answer *answer)
{
	struct exchange_result r;

	if (answer->broken)
		return exchange_failed(EXCHANGE_ABORTED,
			"resolving its name failed for lack of resources on this machine", false);
	/* The same text whether the name does not resolve or the guard refuses its addresses, so that a tenant cannot
	 * probe internal names. */
	r = exchange_failed(EXCHANGE_DNS, guard_name_refusal(pool->guard), false);
	r.refused = answer->refused;
	return r;
}

/* "+": the entry expires in libcurl's cache. Some versions of libcurl search for the name with its final dot, some
 * without, so a name with one gets both lines. */
static void addresses_set(struct parcel *p, const char *addresses)
{
	struct str host = str_of(p->host.name);
	bool dot = str_ends(host, STR("."));
	size_t second;

	buf_clear(&p->addresses);
	buf_printf(&p->addresses, "+%.*s:%d:%s%c", STR_ARG(host), p->host.port, addresses, '\0');
	second = p->addresses.n;
	if (dot)
		buf_printf(&p->addresses, "+%.*s:%d:%s%c", (int)host.n - 1, host.p, p->host.port, addresses, '\0');
	p->resolved[0] = p->addresses.p;
	p->resolved[1] = dot ? p->addresses.p + second : NULL;
	p->resolved[2] = NULL;
	p->request.resolved = p->resolved;
}

static void parcel_post(struct parcel *p)
{
	p->looked_up_us = clock_mono_us() - p->begun_mono_us;
	if (p->looked_up_us / 1000 < p->request.timeout_ms)
		p->request.timeout_ms -= (int)(p->looked_up_us / 1000);
	command_post(p, &p->send);
}

/* Fails a request without its thread, but through the mailbox: done() must not run inside sender_pool_send(). */
static void parcel_fail(struct sender_pool *pool, struct parcel *p, const struct exchange_result *r)
{
	answer_keep(p, r);
	p->commands_out++;
	mailbox_post(pool->answers, &p->send.node);
}

/* Ends a request that was never posted to its thread. */
static void parcel_end(struct sender_pool *pool, struct parcel *p, const struct exchange_result *r)
{
	loop_timer_set(p->deadline, -1);
	parcel_answer(pool, p, r);
	parcel_put_away(pool, p);
}

static void looked_up(struct resolver_wait *w, const struct resolver_answer *answer)
{
	struct parcel *p = (struct parcel *)(void *)((char *)w - offsetof(struct parcel, wait));
	struct exchange_result r;

	if (answer->addresses) {
		loop_timer_set(p->deadline, -1);
		addresses_set(p, answer->addresses);
		parcel_post(p);
		return;
	}
	r = unresolved(p->thread->pool, answer);
	parcel_end(p->thread->pool, p, &r);
}

static void look_up_expired(void *ctx)
{
	struct parcel *p = ctx;
	struct sender_pool *pool = p->thread->pool;
	bool begun = resolver_cancel(pool->resolver, &p->wait);
	struct exchange_result r = begun
		? exchange_failed(EXCHANGE_TIMEOUT, "its name was not resolved in time", false)
		: exchange_failed(EXCHANGE_ABORTED, "its name was not resolved in time: other lookups used all threads",
			  false);

	parcel_end(pool, p, &r);
}

static void look_up(struct sender_pool *pool, struct parcel *p, uint64_t tenant)
{
	struct resolver_answer answer;
	struct exchange_result r;

	p->wait.done = looked_up;
	if (!resolver_ask(pool->resolver, tenant, p->host.name, &p->wait, &answer)) {
		if (!p->deadline)
			p->deadline = loop_timer_new(pool->loop, look_up_expired, p);
		loop_timer_set(p->deadline, p->request.timeout_ms);
	} else if (answer.addresses) {
		addresses_set(p, answer.addresses);
		parcel_post(p);
	} else {
		r = unresolved(pool, &answer);
		parcel_fail(pool, p, &r);
	}
}

void sender_pool_send(struct sender_pool *pool, const struct consignee *to, const struct send_request *request,
	struct parcel **out)
{
	struct parcel *p = parcel_new(pool, request);

	p->thread = &pool->threads[to->key % pool->n_threads];
	p->host = *to->host;
	if (out)
		*out = p;
	if (p->host.name[0])
		look_up(pool, p, to->tenant);
	else
		command_post(p, &p->send);
}

void sender_pool_refuse(struct sender_pool *pool, const struct send_request *request, const char *why,
	struct parcel **out)
{
	const struct exchange_result r = exchange_failed(EXCHANGE_REFUSED, why, false);
	struct parcel *p = parcel_new(pool, request);

	p->thread = &pool->threads[0];
	if (out)
		*out = p;
	parcel_fail(pool, p, &r);
}

void sender_pool_abort(struct sender_pool *pool, struct parcel *p)
{
	const struct exchange_result aborted = exchange_failed(EXCHANGE_ABORTED, "aborted", !gate_pass(p, GATE_CLOSED));

	if (p->wait.lookup) {
		(void)resolver_cancel(pool->resolver, &p->wait);
		parcel_end(pool, p, &aborted);
		return;
	}
	if (!pool->closing)
		command_post(p, &p->abort);
	parcel_answer(pool, p, &aborted);
}

size_t sender_pool_in_flight(const struct sender_pool *pool)
{
	return pool->in_flight;
}

void sender_pool_lookups(const struct sender_pool *pool, struct resolver_stats *out)
{
	resolver_stats(pool->resolver, out);
}

static void phase_shift(int64_t *us, int64_t by_us)
{
	if (*us >= 0)
		*us += by_us;
}

/* Phases count from sender_pool_send(), so the lookup's duration is added to each. */
static void look_up_add(struct exchange_result *r, int64_t us)
{
	if (us == 0)
		return;
	phase_shift(&r->dns_us, us);
	phase_shift(&r->connect_us, us);
	phase_shift(&r->tls_us, us);
	phase_shift(&r->first_byte_us, us);
	phase_shift(&r->total_us, us);
}

static void answer_take(struct sender_pool *pool, struct parcel *p)
{
	p->commands_out--;
	if (!p->answered) {
		look_up_add(&p->result, p->looked_up_us);
		parcel_answer(pool, p, &p->result);
	}
	if (p->commands_out == 0)
		parcel_put_away(pool, p);
}

static void answers_take(void *ctx)
{
	struct sender_pool *pool = ctx;
	struct mailbox_node *node;

	for (int i = 0; i < ANSWERS_MOST && (node = mailbox_receive(pool->answers)); i++)
		answer_take(pool, ((struct command *)node)->parcel);
}

/* Opening */

static int thread_open(struct sender_thread *t, const struct sender_options *options, struct err *err)
{
	struct sender_options own = *options;

	if (mailbox_open(&t->inbox, err) < 0 || loop_new_coarse(&t->loop, err) < 0)
		return -1;
	own.loop = t->loop;
	if (sender_open(&t->sender, &own, err) < 0)
		return -1;
	t->io = loop_io_new(t->loop, mailbox_fd(t->inbox), true, false, commands_run, t);
	if (thread_start(&t->thread, thread_run, t, err) < 0)
		return -1;
	t->started = true;
	return 0;
}

static int threads_open(struct sender_pool *pool, const struct sender_options *options, struct err *err)
{
	struct sender_options each = *options;
	int n = (int)pool->n_threads;

	each.max_connections = (options->max_connections + n - 1) / n;
	for (size_t i = 0; i < pool->n_threads; i++) {
		pool->threads[i].pool = pool;
		pool->threads[i].stop.kind = COMMAND_STOP;
		if (thread_open(&pool->threads[i], &each, err) < 0)
			return -1;
	}
	return 0;
}

static int pool_start(struct sender_pool *pool, const struct sender_pool_options *o, struct err *err)
{
	const struct resolver_options lookups = { o->sender.loop, o->sender.guard, o->lookups, o->lookup_share };

	if (mailbox_open(&pool->answers, err) < 0 || threads_open(pool, &o->sender, err) < 0)
		return -1;
	return resolver_open(&pool->resolver, &lookups, err);
}

int sender_pool_open(struct sender_pool **out, const struct sender_pool_options *options, struct err *err)
{
	struct sender_pool *pool = mem_calloc(1, sizeof(*pool));

	LIST_INIT(&pool->active);
	LIST_INIT(&pool->idle);
	pool->guard = options->sender.guard;
	pool->loop = options->sender.loop;
	pool->max_idle = (size_t)options->sender.max_connections;
	pool->n_threads = (size_t)options->threads;
	pool->threads = mem_calloc(pool->n_threads, sizeof(*pool->threads));
	if (pool_start(pool, options, err) < 0) {
		sender_pool_close(&pool);
		return -1;
	}
	pool->io = loop_io_new(options->sender.loop, mailbox_fd(pool->answers), true, false, answers_take, pool);
	*out = pool;
	return 0;
}

static struct parcel *looking_up(const struct sender_pool *pool)
{
	struct parcel *p;

	LIST_FOREACH(p, &pool->active, entry)
	if (p->wait.lookup)
		return p;
	return NULL;
}

/* Tells all threads to stop, then joins them one by one. */
static void threads_stop(struct sender_pool *pool)
{
	for (size_t i = 0; i < pool->n_threads; i++)
		if (pool->threads[i].started)
			mailbox_post(pool->threads[i].inbox, &pool->threads[i].stop.node);
	for (size_t i = 0; i < pool->n_threads; i++) {
		struct sender_thread *t = &pool->threads[i];

		if (t->started)
			pthread_join(t->thread, NULL);
		loop_io_free(t->io);
		sender_close(&t->sender); /* if its thread never ran */
		loop_free(t->loop);
		mailbox_close(&t->inbox);
	}
}

void sender_pool_close(struct sender_pool **closed)
{
	struct sender_pool *pool = *closed;
	struct parcel *p;

	if (!pool)
		return;
	pool->closing = true;
	while ((p = looking_up(pool)))
		sender_pool_abort(pool, p);
	threads_stop(pool);
	while (!LIST_EMPTY(&pool->active))
		answers_take(pool);
	loop_io_free(pool->io);
	mailbox_close(&pool->answers);
	resolver_close(&pool->resolver);
	while ((p = LIST_FIRST(&pool->idle))) {
		LIST_REMOVE(p, entry);
		parcel_free(p);
	}
	free(pool->threads);
	free(pool);
	*closed = NULL;
}
