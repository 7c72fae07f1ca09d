/* The event loop: a thin wrapper over libevent's core that keeps libevent's types out of the services.
 *
 * Invariant: a timer never fires early. libevent measures from the time it cached before callbacks ran, so each timer
 * remembers when it is due and rearms itself if it fires before that.
 */
#include "loop/loop.h"

#include <assert.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"

struct loop {
	struct event_base *base;
	struct event *turn_end; /* the timer of loop_turn() */
	bool running; /* callbacks may be on the stack */
	bool stopped; /* also set before loop_run(): libevent forgets a loopbreak that precedes the loop */
};

struct loop_io {
	struct loop *loop;
	struct event *event;
	loop_fn fn;
	void *ctx;
};

struct loop_timer {
	struct event *event;
	int64_t due_mono_ms;
	loop_fn fn;
	void *ctx;
};

struct loop_signal {
	struct event *event;
	loop_fn fn;
	void *ctx;
};

/* libevent fails to create or add an event only when memory is exhausted or epoll rejects the descriptor, which is a
 * bug: abort in either case. */
static void require(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	abort();
}

/* By default libevent's clock has the resolution of the kernel's tick (4 ms on Debian's kernels): too coarse for a
 * batch of a few ms. */
static struct event_base *base_new(bool precise)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config && (!precise || event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) == 0))
		base = event_base_new_with_config(config);
	if (config)
		event_config_free(config);
	return base;
}

/* Does nothing: that it fires ends the wait. */
static void turn_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static int new(struct loop **out, bool precise, struct err *err)
{
	struct event_base *base = base_new(precise);
	struct loop *l;

	if (!base)
		return err_set(err, ERR_FATAL, "libevent", "cannot create an event loop");
	l = mem_calloc(1, sizeof(*l));
	l->base = base;
	l->turn_end = event_new(base, -1, 0, turn_over, NULL);
	require(l->turn_end != NULL, "event_new");
	*out = l;
	return 0;
}

int loop_new(struct loop **out, struct err *err)
{
	return new (out, true, err);
}

int loop_new_coarse(struct loop **out, struct err *err)
{
	return new (out, false, err);
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	event_free(l->turn_end);
	event_base_free(l->base);
	free(l);
}

int loop_run(struct loop *l, struct err *err)
{
	int rc = 0;

	assert(!l->running);
	l->running = true;
	if (!l->stopped)
		rc = event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
	l->running = l->stopped = false;
	return rc < 0 ? err_set(err, ERR_FATAL, "libevent", "the event loop failed") : 0;
}

void loop_stop(struct loop *l)
{
	l->stopped = true;
	event_base_loopbreak(l->base);
}

static struct timeval timeval_of(int64_t ms)
{
	return (struct timeval){ .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000) };
}

void loop_turn(struct loop *l, int timeout_ms)
{
	struct timeval tv = timeval_of(timeout_ms);

	assert(!l->running);
	l->running = true;
	if (timeout_ms > 0)
		require(event_add(l->turn_end, &tv) == 0, "event_add");
	require(event_base_loop(l->base, EVLOOP_ONCE | (timeout_ms > 0 ? 0 : EVLOOP_NONBLOCK)) >= 0, "event_base_loop");
	event_del(l->turn_end);
	l->running = false;
}

static void fd_came(evutil_socket_t fd, short what, void *arg)
{
	bool *ready = arg;

	(void)fd;
	(void)what;
	*ready = true;
}

bool loop_wait(struct loop *l, int fd, bool write, int timeout_ms)
{
	int64_t until = clock_mono_ms() + timeout_ms, left_ms = timeout_ms;
	bool ready = false;
	struct event *event = event_new(l->base, fd, (short)(EV_READ | (write ? EV_WRITE : 0)), fd_came, &ready);

	require(event != NULL, "event_new");
	require(event_add(event, NULL) == 0, "event_add");
	do {
		loop_turn(l, left_ms > 0 ? (int)left_ms : 0);
		left_ms = until - clock_mono_ms();
	} while (!ready && left_ms > 0);
	event_free(event);
	return ready;
}

static void io_ready(evutil_socket_t fd, short what, void *arg)
{
	const struct loop_io *io = arg;

	(void)fd;
	(void)what;
	io->fn(io->ctx);
}

static short io_flags(bool read, bool write)
{
	return (short)(EV_PERSIST | (read ? EV_READ : 0) | (write ? EV_WRITE : 0));
}

struct loop_io *loop_io_new(struct loop *l, int fd, bool read, bool write, loop_fn fn, void *ctx)
{
	struct loop_io *io = mem_calloc(1, sizeof(*io));

	io->loop = l;
	io->fn = fn;
	io->ctx = ctx;
	io->event = event_new(l->base, fd, io_flags(read, write), io_ready, io);
	require(io->event != NULL, "event_new");
	if (read || write)
		require(event_add(io->event, NULL) == 0, "event_add");
	return io;
}

void loop_io_set(struct loop_io *io, bool read, bool write)
{
	int fd = event_get_fd(io->event);

	if (event_get_events(io->event) == io_flags(read, write))
		return;
	event_del(io->event);
	require(event_assign(io->event, io->loop->base, fd, io_flags(read, write), io_ready, io) == 0, "event_assign");
	if (read || write)
		require(event_add(io->event, NULL) == 0, "event_add");
}

void loop_io_free(struct loop_io *io)
{
	if (!io)
		return;
	event_free(io->event);
	free(io);
}

static void timer_add(struct loop_timer *t, int64_t delay_ms)
{
	struct timeval tv = timeval_of(delay_ms);

	require(event_add(t->event, &tv) == 0, "event_add");
}

static void timer_fired(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *t = arg;
	int64_t left_ms = t->due_mono_ms - clock_mono_ms();

	(void)fd;
	(void)what;
	if (left_ms > 0)
		timer_add(t, left_ms);
	else
		t->fn(t->ctx);
}

struct loop_timer *loop_timer_new(struct loop *l, loop_fn fn, void *ctx)
{
	struct loop_timer *t = mem_calloc(1, sizeof(*t));

	t->fn = fn;
	t->ctx = ctx;
	t->event = event_new(l->base, -1, 0, timer_fired, t);
	require(t->event != NULL, "event_new");
	return t;
}

void loop_timer_set(struct loop_timer *t, int64_t delay_ms)
{
	if (delay_ms < 0) {
		event_del(t->event);
		return;
	}
	t->due_mono_ms = clock_mono_ms() + delay_ms;
	timer_add(t, delay_ms);
}

void loop_timer_fire(struct loop_timer *t)
{
	t->due_mono_ms = 0;
	event_active(t->event, EV_TIMEOUT, 0);
}

void loop_timer_free(struct loop_timer *t)
{
	if (!t)
		return;
	event_free(t->event);
	free(t);
}

static void signal_came(evutil_socket_t fd, short what, void *arg)
{
	const struct loop_signal *s = arg;

	(void)fd;
	(void)what;
	s->fn(s->ctx);
}

struct loop_signal *loop_signal_new(struct loop *l, int signo, loop_fn fn, void *ctx)
{
	struct loop_signal *s = mem_calloc(1, sizeof(*s));

	s->fn = fn;
	s->ctx = ctx;
	s->event = evsignal_new(l->base, signo, signal_came, s);
	require(s->event != NULL, "evsignal_new");
	require(event_add(s->event, NULL) == 0, "event_add");
	return s;
}

void loop_signal_free(struct loop_signal *s)
{
	if (!s)
		return;
	event_free(s->event);
	free(s);
}
