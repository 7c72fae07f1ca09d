/* The sender threads of a pool; see sender_pool_private.h. Each runs an event loop with a sender (sender.h) of its own,
 * and executes the commands of its inbox in their order. */
#include "http/sender_pool_private.h"

#include <stdlib.h>

#include "base/thread.h"

/* In the sender thread */

static void request_done(void *ctx, const struct exchange_result *r)
{
	struct pool_request *p = ctx;

	p->exchange = NULL;
	pool_request_keep_result(p, r);
	mailbox_post(p->thread->pool->results, &p->send.node);
}

static bool request_may_begin(void *ctx)
{
	return pool_request_set_gate(ctx, GATE_BEGUN);
}

static void request_send(struct sender_thread *t, struct pool_request *p)
{
	p->request.may_begin = request_may_begin;
	p->request.done = request_done;
	p->request.ctx = p;
	sender_send(t->sender, &p->request, &p->exchange);
}

static void command_run(struct sender_thread *t, const struct pool_command *c)
{
	struct pool_request *p = c->request;

	switch (c->kind) {
	case COMMAND_SEND:
		request_send(t, p);
		break;
	case COMMAND_ABORT:
		if (p->exchange)
			sender_abort(t->sender, p->exchange);
		mailbox_post(t->pool->results, &p->abort.node);
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
		command_run(t, (struct pool_command *)node);
}

static void *thread_run(void *ctx)
{
	struct sender_thread *t = ctx;

	if (loop_run(t->loop, NULL) < 0)
		abort(); /* its requests would never be answered */
	return NULL;
}

/* In the owner's thread */

void pool_command_post(struct pool_request *p, struct pool_command *c)
{
	p->commands_out++;
	mailbox_post(p->thread->inbox, &c->node);
}

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

int sender_threads_open(struct sender_pool *pool, const struct sender_options *options, struct err *err)
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

void sender_threads_stop(struct sender_pool *pool)
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
