/* A main loop over an event loop and statements; see reactor.h.
 *
 * Invariant: turn() never runs inside itself: statements that wait run callbacks only. */
#include "service/reactor.h"

#include "base/arena.h"
#include "base/clock.h"

#include <stdlib.h>

struct reactor {
	struct service *service;
	struct reactor_options options;
	const struct reactor_ops *ops;
	void *ctx;
	struct loop *loop;
	struct loop_io *signals;
	bool waiting;
};

/* A signal only ends the wait: service_stopping() handles it. */
static void on_signal(void *ctx)
{
	(void)ctx;
}

/* As poll(2) of one descriptor: see struct pg_options. */
static bool on_wait(void *ctx, int fd, bool write, int timeout_ms)
{
	struct reactor *r = ctx;
	bool ready;

	r->waiting = true;
	service_alive(r->service);
	ready = loop_wait(r->loop, fd, write, timeout_ms);
	r->waiting = false;
	return ready;
}

int reactor_open(struct reactor **out, struct service *service, const struct reactor_options *options,
	const struct reactor_ops *ops, void *ctx, struct err *err)
{
	struct loop *loop;
	struct reactor *r;

	if ((options->coarse ? loop_new_coarse(&loop, err) : loop_new(&loop, err)) < 0)
		return -1;
	r = mem_calloc(1, sizeof(*r));
	*r = (struct reactor){ .service = service, .options = *options, .ops = ops, .ctx = ctx, .loop = loop };
	r->signals = loop_io_new(loop, service_signal_fd(service), true, false, on_signal, r);
	*out = r;
	return 0;
}

void reactor_close(struct reactor **reactor)
{
	struct reactor *r = *reactor;

	*reactor = NULL;
	if (!r)
		return;
	loop_io_free(r->signals);
	loop_free(r->loop);
	free(r);
}

struct loop *reactor_loop(const struct reactor *r)
{
	return r->loop;
}

void reactor_pg(struct reactor *r, struct pg_options *options)
{
	options->wait = on_wait;
	options->wait_ctx = r;
}

bool reactor_waiting(const struct reactor *r)
{
	return r->waiting;
}

static int turn(struct reactor *r, struct err *err)
{
	service_alive(r->service);
	loop_turn(r->loop, r->options.turn_ms);
	return r->ops->turn(r->ctx, err);
}

static bool is_busy(const struct reactor *r)
{
	return r->ops->busy && r->ops->busy(r->ctx);
}

int reactor_run(struct reactor *r, struct err *err)
{
	int64_t until;

	while (!service_stopping(r->service))
		if (turn(r, err) < 0)
			return -1;
	until = clock_mono_ms() + r->options.drain_timeout_ms;
	if (r->ops->drain)
		r->ops->drain(r->ctx);
	while (is_busy(r) && clock_mono_ms() < until) {
		(void)service_stopping(r->service); /* a further signal is read, or the loop would spin */
		if (turn(r, err) < 0)
			return -1;
	}
	return 0;
}
