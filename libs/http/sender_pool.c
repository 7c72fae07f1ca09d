/* A pool of sender threads; see sender_pool.h, and sender_pool_private.h for its files. */
#include "http/sender_pool_private.h"

#include <stdlib.h>

#include "base/arena.h"

#define RESULTS_MOST 100 /* per iteration of the loop, so that other callbacks get their turn */

void sender_pool_send(struct sender_pool *pool, const struct send_target *to, const struct send_request *request,
	struct pool_request **out)
{
	struct pool_request *p = pool_request_new(pool, request);

	p->thread = &pool->threads[to->key % pool->n_threads];
	p->host = *to->host;
	if (out)
		*out = p;
	if (p->host.name[0])
		pool_request_look_up(pool, p, to->tenant);
	else
		pool_command_post(p, &p->send);
}

void sender_pool_refuse(struct sender_pool *pool, const struct send_request *request, const char *why,
	struct pool_request **out)
{
	const struct exchange_result r = exchange_failed(EXCHANGE_REFUSED, why, false);
	struct pool_request *p = pool_request_new(pool, request);

	p->thread = &pool->threads[0];
	if (out)
		*out = p;
	pool_request_fail(pool, p, &r);
}

void sender_pool_abort(struct sender_pool *pool, struct pool_request *p)
{
	const struct exchange_result aborted =
		exchange_failed(EXCHANGE_ABORTED, "aborted", !pool_request_set_gate(p, GATE_CLOSED));

	if (pool_request_cancel_lookup(pool, p, &aborted))
		return;
	if (!pool->closing)
		pool_command_post(p, &p->abort);
	pool_request_complete(pool, p, &aborted);
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
static void result_add_lookup(struct exchange_result *r, int64_t us)
{
	if (us == 0)
		return;
	phase_shift(&r->dns_us, us);
	phase_shift(&r->connect_us, us);
	phase_shift(&r->tls_us, us);
	phase_shift(&r->first_byte_us, us);
	phase_shift(&r->total_us, us);
}

static void command_returned(struct sender_pool *pool, struct pool_request *p)
{
	p->commands_out--;
	if (!p->completed) {
		result_add_lookup(&p->result, p->looked_up_us);
		pool_request_complete(pool, p, &p->result);
	}
	if (p->commands_out == 0)
		pool_request_release(pool, p);
}

static void commands_returned(void *ctx)
{
	struct sender_pool *pool = ctx;
	struct mailbox_node *node;

	for (int i = 0; i < RESULTS_MOST && (node = mailbox_receive(pool->results)); i++)
		command_returned(pool, ((struct pool_command *)node)->request);
}

static int pool_start(struct sender_pool *pool, const struct sender_pool_options *o, struct err *err)
{
	const struct resolver_options lookups = { o->sender.loop, o->sender.guard, o->lookups, o->lookup_share };

	if (mailbox_open(&pool->results, err) < 0 || sender_threads_open(pool, &o->sender, err) < 0)
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
	pool->io = loop_io_new(options->sender.loop, mailbox_fd(pool->results), true, false, commands_returned, pool);
	*out = pool;
	return 0;
}

static struct pool_request *first_in_lookup(const struct sender_pool *pool)
{
	struct pool_request *p;

	LIST_FOREACH(p, &pool->active, entry)
	if (p->wait.lookup)
		return p;
	return NULL;
}

void sender_pool_close(struct sender_pool **closed)
{
	struct sender_pool *pool = *closed;
	struct pool_request *p;

	if (!pool)
		return;
	pool->closing = true;
	while ((p = first_in_lookup(pool)))
		sender_pool_abort(pool, p);
	sender_threads_stop(pool);
	while (!LIST_EMPTY(&pool->active))
		commands_returned(pool);
	loop_io_free(pool->io);
	mailbox_close(&pool->results);
	resolver_close(&pool->resolver);
	while ((p = LIST_FIRST(&pool->idle))) {
		LIST_REMOVE(p, entry);
		pool_request_free(p);
	}
	free(pool->threads);
	free(pool);
	*closed = NULL;
}
