/* Requests of a sender pool: a copy of what the caller passed, and later the result; see sender_pool_private.h. Memory
 * is reused: an idle request keeps at most KEEP_BYTES of text. */
#include "http/sender_pool_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"

#define KEEP_BYTES 65536 /* memory that an idle request may keep for the next one */

static void text_add(struct buf *text, const char *s)
{
	buf_add(text, s, strlen(s) + 1);
}

void pool_request_keep_result(struct pool_request *p, const struct exchange_result *r)
{
	p->result = *r;
	buf_clear(&p->text);
	text_add(&p->text, r->detail);
	buf_add_str(&p->text, r->body);
	p->result.detail = p->text.p;
	p->result.body = (struct str){ p->text.p + p->text.n - r->body.n, r->body.n };
}

bool pool_request_set_gate(struct pool_request *p, enum gate to)
{
	int open = GATE_OPEN;

	return atomic_compare_exchange_strong(&p->gate, &open, (int)to);
}

void pool_request_free(struct pool_request *p)
{
	loop_timer_free(p->deadline);
	buf_fini(&p->text);
	buf_fini(&p->addresses);
	free(p->headers);
	free(p);
}

static struct pool_request *request_reuse(struct sender_pool *pool)
{
	struct pool_request *p = LIST_FIRST(&pool->idle);

	if (p) {
		LIST_REMOVE(p, entry);
		pool->n_idle--;
	} else {
		p = mem_calloc(1, sizeof(*p));
		p->send = (struct pool_command){ .kind = COMMAND_SEND, .request = p };
		p->abort = (struct pool_command){ .kind = COMMAND_ABORT, .request = p };
	}
	LIST_INSERT_HEAD(&pool->active, p, entry);
	return p;
}

void pool_request_release(struct sender_pool *pool, struct pool_request *p)
{
	LIST_REMOVE(p, entry);
	if (p->text.cap > KEEP_BYTES || pool->n_idle >= pool->max_idle) {
		pool_request_free(p);
		return;
	}
	LIST_INSERT_HEAD(&pool->idle, p, entry);
	pool->n_idle++;
}

static const char **headers_reserve(struct pool_request *p, size_t n)
{
	if (n > p->headers_cap) {
		p->headers = mem_realloc(p->headers, n * sizeof(*p->headers));
		p->headers_cap = n;
	}
	return p->headers;
}

static void request_copy(struct pool_request *p, const struct send_request *r)
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
	p->request.resolved = NULL;
}

struct pool_request *pool_request_new(struct sender_pool *pool, const struct send_request *request)
{
	struct pool_request *p = request_reuse(pool);

	assert(!pool->closing);
	p->completed = false;
	atomic_store(&p->gate, GATE_OPEN);
	p->done = request->done;
	p->ctx = request->ctx;
	p->begun_mono_us = clock_mono_us();
	p->looked_up_us = 0;
	pool->in_flight++;
	request_copy(p, request);
	return p;
}

void pool_request_complete(struct sender_pool *pool, struct pool_request *p, const struct exchange_result *r)
{
	p->completed = true;
	pool->in_flight--;
	p->done(p->ctx, r);
}

void pool_request_fail(struct sender_pool *pool, struct pool_request *p, const struct exchange_result *r)
{
	pool_request_keep_result(p, r);
	p->commands_out++;
	mailbox_post(pool->results, &p->send.node);
}
