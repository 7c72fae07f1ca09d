/* See sender_pool.h. A parcel goes to its thread and comes back with the answer; what is to be aborted follows it there as a letter of its
 * own. Invariant: a parcel is its thread's from the first letter on, until all of its letters have come back; only then is it used anew.
 */
#include "http/sender_pool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/thread.h"
#include "loop/mailbox.h"

#define KEEP_BYTES   65536 /* of memory that a parcel keeps for the next request */
#define ANSWERS_MOST 100 /* taken at once: the loop has other things to do */

enum errand { SEND, ABORT, STOP };

/* What goes between the threads. */
struct note {
	struct letter letter; /* first */
	enum errand errand;
	struct parcel *parcel; /* NULL: STOP */
};

struct parcel {
	struct note send, abort;
	struct sender_thread *thread;
	LIST_ENTRY(parcel) entry; /* of those under way, or idle */
	/* The owner's. */
	int notes_out;
	bool answered; /* done() was called */
	void (*done)(void *ctx, const struct exchange_result *result);
	void *ctx;
	/* While notes are out the thread's. */
	struct buf text; /* URL, lines of the header, body; later detail and body of the answer */
	const char **headers;
	size_t headers_cap;
	struct send_request request;
	struct exchange *exchange; /* NULL: none any more */
	struct exchange_result result;
};

struct sender_thread {
	struct sender_pool *pool;
	pthread_t thread;
	bool started;
	struct mailbox *inbox;
	struct note stop;
	/* The thread's own, once it runs. */
	struct loop *loop;
	struct loop_io *io;
	struct sender *sender;
};

LIST_HEAD(parcels, parcel);

struct sender_pool {
	struct mailbox *answers;
	struct loop_io *io;
	struct parcels active, idle;
	size_t in_flight; /* not answered */
	size_t n_idle, max_idle;
	struct sender_thread *threads;
	size_t n_threads;
	bool closing;
};

static void text_add(struct buf *text, const char *s)
{
	buf_add(text, s, strlen(s) + 1);
}

/* In the thread */

/* The request's text is not needed any more: the answer's takes its place. */
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
	mailbox_post(p->thread->pool->answers, &p->send.letter);
}

static void note_take(struct sender_thread *t, const struct note *n)
{
	struct parcel *p = n->parcel;

	switch (n->errand) {
	case SEND:
		sender_send(t->sender, &p->request, &p->exchange);
		break;
	case ABORT:
		if (p->exchange)
			sender_abort(t->sender, p->exchange);
		mailbox_post(t->pool->answers, &p->abort.letter);
		break;
	case STOP:
		sender_close(&t->sender);
		loop_stop(t->loop);
		break;
	}
}

static void notes_take(void *ctx)
{
	struct sender_thread *t = ctx;
	struct letter *l;

	while ((l = mailbox_take(t->inbox)))
		note_take(t, (struct note *)l);
}

static void *thread_run(void *ctx)
{
	struct sender_thread *t = ctx;

	if (loop_run(t->loop, NULL) < 0)
		abort(); /* what it has would never be answered */
	return NULL;
}

/* Parcels, in the owner's thread */

static void parcel_free(struct parcel *p)
{
	buf_fini(&p->text);
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
		p->send = (struct note){ .errand = SEND, .parcel = p };
		p->abort = (struct note){ .errand = ABORT, .parcel = p };
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
	p->request.done = parcel_done;
	p->request.ctx = p;
}

static void note_post(struct parcel *p, struct note *n)
{
	p->notes_out++;
	mailbox_post(p->thread->inbox, &n->letter);
}

void sender_pool_send(struct sender_pool *pool, uint64_t key, const struct send_request *request, struct parcel **out)
{
	struct parcel *p = parcel_take(pool);

	assert(!pool->closing);
	p->thread = &pool->threads[key % pool->n_threads];
	p->answered = false;
	p->done = request->done;
	p->ctx = request->ctx;
	request_copy(p, request);
	pool->in_flight++;
	note_post(p, &p->send);
	if (out)
		*out = p;
}

static void parcel_answer(struct sender_pool *pool, struct parcel *p, const struct exchange_result *r)
{
	p->answered = true;
	pool->in_flight--;
	p->done(p->ctx, r);
}

void sender_pool_abort(struct sender_pool *pool, struct parcel *p)
{
	const struct exchange_result aborted = { EXCHANGE_ABORTED, 0, "aborted", -1, -1, -1, -1, -1, -1, STR_NONE,
		false };

	if (!pool->closing)
		note_post(p, &p->abort);
	parcel_answer(pool, p, &aborted);
}

size_t sender_pool_in_flight(const struct sender_pool *pool)
{
	return pool->in_flight;
}

static void answer_take(struct sender_pool *pool, struct parcel *p)
{
	p->notes_out--;
	if (!p->answered)
		parcel_answer(pool, p, &p->result);
	if (p->notes_out == 0)
		parcel_put_away(pool, p);
}

static void answers_take(void *ctx)
{
	struct sender_pool *pool = ctx;
	struct letter *l;

	for (int i = 0; i < ANSWERS_MOST && (l = mailbox_take(pool->answers)); i++)
		answer_take(pool, ((struct note *)l)->parcel);
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
	t->io = loop_io_new(t->loop, mailbox_fd(t->inbox), true, false, notes_take, t);
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
		pool->threads[i].stop.errand = STOP;
		if (thread_open(&pool->threads[i], &each, err) < 0)
			return -1;
	}
	return 0;
}

int sender_pool_open(struct sender_pool **out, const struct sender_options *options, int threads, struct err *err)
{
	struct sender_pool *pool = mem_calloc(1, sizeof(*pool));

	LIST_INIT(&pool->active);
	LIST_INIT(&pool->idle);
	pool->max_idle = (size_t)options->max_connections;
	pool->n_threads = (size_t)threads;
	pool->threads = mem_calloc(pool->n_threads, sizeof(*pool->threads));
	if (mailbox_open(&pool->answers, err) < 0 || threads_open(pool, options, err) < 0) {
		sender_pool_close(&pool);
		return -1;
	}
	pool->io = loop_io_new(options->loop, mailbox_fd(pool->answers), true, false, answers_take, pool);
	*out = pool;
	return 0;
}

/* All at once, then one after the other. */
static void threads_stop(struct sender_pool *pool)
{
	for (size_t i = 0; i < pool->n_threads; i++)
		if (pool->threads[i].started)
			mailbox_post(pool->threads[i].inbox, &pool->threads[i].stop.letter);
	for (size_t i = 0; i < pool->n_threads; i++) {
		struct sender_thread *t = &pool->threads[i];

		if (t->started)
			pthread_join(t->thread, NULL);
		loop_io_free(t->io);
		sender_close(&t->sender); /* of a thread that never ran */
		loop_free(t->loop);
		mailbox_close(&t->inbox);
	}
}

void sender_pool_close(struct sender_pool **p)
{
	struct sender_pool *pool = *p;
	struct parcel *idle;

	if (!pool)
		return;
	pool->closing = true;
	threads_stop(pool);
	while (!LIST_EMPTY(&pool->active))
		answers_take(pool);
	loop_io_free(pool->io);
	mailbox_close(&pool->answers);
	while ((idle = LIST_FIRST(&pool->idle))) {
		LIST_REMOVE(idle, entry);
		parcel_free(idle);
	}
	free(pool->threads);
	free(pool);
	*p = NULL;
}
