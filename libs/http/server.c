/* The server around libmicrohttpd, which always runs on an event loop of loop.h, through its epoll descriptor: either
 * the owner's loop or one in a thread of the server. So deadlines and limits are the same code in both cases.
 *
 * Invariant: libmicrohttpd is called only from the loop's thread, except to start it, and to stop it after that thread
 * has ended.
 */
#include "http/server.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/thread.h"
#include "http/listen.h"
#include "http/server_private.h"

#define MAX_HEADER_BYTES  ((size_t)8 * 1024) /* libmicrohttpd zeroes memory of this size for every request */
#define MAX_CONNECTIONS   1000
#define RUNS_AT_ONCE      3 /* to queue a response, send it, and read the next request */
#define HEADER_TIMEOUT_MS 10000
#define BODY_TIMEOUT_MS   30000
#define IDLE_TIMEOUT_MS   60000

static void options_fill(struct http_server_options *o)
{
	o->max_header_bytes = o->max_header_bytes ? o->max_header_bytes : MAX_HEADER_BYTES;
	o->max_connections = o->max_connections ? o->max_connections : MAX_CONNECTIONS;
	o->header_timeout_ms = o->header_timeout_ms ? o->header_timeout_ms : HEADER_TIMEOUT_MS;
	o->body_timeout_ms = o->body_timeout_ms ? o->body_timeout_ms : BODY_TIMEOUT_MS;
	o->idle_timeout_ms = o->idle_timeout_ms ? o->idle_timeout_ms : IDLE_TIMEOUT_MS;
}

static __attribute__((format(printf, 2, 0))) void daemon_log(void *cls, const char *fmt, va_list ap)
{
	char text[256];
	int n;

	(void)cls;
	if (!log_enabled(LOG_DEBUG))
		return;
	n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n > 0)
		log_debug("libmicrohttpd", LOG_STR("text", str_trim(str_of(text))));
}

/* Whether connections are ready that the daemon's descriptor does not signal. */
static bool daemon_unfinished(const struct http_server *s)
{
	MHD_UNSIGNED_LONG_LONG left_ms;

	return MHD_get_timeout(s->daemon, &left_ms) == MHD_YES && left_ms == 0;
}

/* Bounded, so that other callbacks get their turn: what is left waits for the loop's next iteration. */
static void daemon_run(void *server)
{
	struct http_server *s = server;
	int runs = 0;

	if (s->run_wanted)
		loop_timer_set(s->run, -1);
	s->run_wanted = false;
	do
		MHD_run(s->daemon);
	while (++runs < RUNS_AT_ONCE && daemon_unfinished(s));
	if (!s->run_wanted && runs == RUNS_AT_ONCE && daemon_unfinished(s)) {
		loop_timer_set(s->run, 0);
		s->run_wanted = true;
	}
}

void server_run_soon(struct http_server *s)
{
	if (!s->run_wanted)
		loop_timer_fire(s->run);
	s->run_wanted = true;
}

/* libmicrohttpd's own timeouts stay off, as they count idle time only. The memory limit is twice the header's size,
 * because libmicrohttpd uses half of a connection's memory for parsing. */
static int daemon_start(struct http_server *s, struct err *err)
{
	const unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	const struct http_server_options *o = &s->options;

	s->daemon = MHD_start_daemon(flags, 0, room_accept, s, request_on_access, s, MHD_OPTION_EXTERNAL_LOGGER,
		daemon_log, s, MHD_OPTION_LISTEN_SOCKET, s->listen_fd, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		2 * o->max_header_bytes, MHD_OPTION_CONNECTION_LIMIT, (unsigned)o->max_connections,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION, request_on_connection, s,
		MHD_OPTION_NOTIFY_COMPLETED, request_on_completed, s, MHD_OPTION_URI_LOG_CALLBACK, request_on_uri, s,
		MHD_OPTION_UNESCAPE_CALLBACK, request_unescape, s, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
		MHD_OPTION_END);
	if (!s->daemon)
		return err_set(err, ERR_FATAL, "microhttpd", "cannot start an HTTP server: %s", strerror(errno));
	return 0;
}

static void loop_parts_open(struct http_server *s)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	s->run = loop_timer_new(s->loop, daemon_run, s);
	s->expiry = loop_timer_new(s->loop, deadlines_expire, s);
	s->expiry_mono_ms = INT64_MAX;
	s->io = loop_io_new(s->loop, info->epoll_fd, true, false, daemon_run, s);
}

static void daemon_quiesce(struct http_server *s)
{
	if (s->quiesced)
		return;
	s->quiesced = true;
	close(MHD_quiesce_daemon(s->daemon));
}

/* In the server's own thread: another thread has requested something. */
static void thread_woken(void *server)
{
	struct http_server *s = server;
	uint64_t count;

	if (read(s->wake_fd, &count, sizeof(count)) < 0)
		return;
	if (atomic_load(&s->quiesce_wanted))
		daemon_quiesce(s);
	if (atomic_load(&s->stop_wanted))
		loop_stop(s->loop);
}

static void thread_wake(const struct http_server *s)
{
	const uint64_t one = 1;
	ssize_t n = write(s->wake_fd, &one, sizeof(one));

	assert(n == sizeof(one));
}

static void *thread_main(void *server)
{
	struct http_server *s = server;
	struct err err;

	if (loop_run(s->loop, &err) < 0)
		log_error("http thread ended", LOG_ERR(&err));
	return NULL;
}

static int own_thread_start(struct http_server *s, struct err *err)
{
	s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (s->wake_fd < 0)
		return err_set(err, ERR_FATAL, "eventfd", "%s", strerror(errno));
	s->wake = loop_io_new(s->loop, s->wake_fd, true, false, thread_woken, s);
	if (thread_start(&s->thread, thread_main, s, err) == 0)
		return 0;
	loop_io_free(s->wake);
	close(s->wake_fd);
	s->wake = NULL;
	return -1;
}

static int server_start(struct http_server *s, struct err *err)
{
	if (!s->loop && loop_new(&s->loop, err) < 0)
		return -1;
	if (listen_open(s->options.listen, &s->listen_fd, &s->port, err) < 0 || daemon_start(s, err) < 0)
		return -1;
	loop_parts_open(s);
	return s->own_loop ? own_thread_start(s, err) : 0;
}

int http_server_open(struct http_server **out, const struct http_server_options *options, struct err *err)
{
	struct http_server *s = mem_calloc(1, sizeof(*s));

	assert(options->handle);
	s->options = *options;
	options_fill(&s->options);
	s->loop = options->loop;
	s->own_loop = !options->loop;
	s->addresses = map_new();
	for (int i = 0; i < PHASES; i++)
		TAILQ_INIT(&s->phases[i]);
	if (server_start(s, err) < 0) {
		http_server_close(&s);
		return -1;
	}
	*out = s;
	return 0;
}

int http_server_port(const struct http_server *s)
{
	return s->port;
}

void http_server_quiesce(struct http_server *s)
{
	if (!s->own_loop) {
		daemon_quiesce(s);
		return;
	}
	atomic_store(&s->quiesce_wanted, true);
	thread_wake(s);
}

size_t http_server_active(const struct http_server *s)
{
	return atomic_load_explicit(&s->active, memory_order_relaxed);
}

size_t http_server_connections(const struct http_server *s)
{
	return atomic_load_explicit(&s->connections, memory_order_relaxed);
}

static void thread_stop(struct http_server *s)
{
	atomic_store(&s->stop_wanted, true);
	thread_wake(s);
	pthread_join(s->thread, NULL);
	loop_io_free(s->wake);
	close(s->wake_fd);
}

/* libmicrohttpd aborts the process when it is stopped while a connection is suspended. */
static void daemon_stop(struct http_server *s)
{
	struct http_request *r;

	while ((r = TAILQ_FIRST(&s->phases[PHASE_OWNER])))
		request_abandon(r);
	MHD_stop_daemon(s->daemon);
}

void http_server_close(struct http_server **server)
{
	struct http_server *s = *server;

	*server = NULL;
	if (!s)
		return;
	if (s->wake)
		thread_stop(s);
	loop_io_free(s->io);
	if (s->daemon)
		daemon_stop(s);
	if (s->last)
		MHD_destroy_response(s->last);
	buf_fini(&s->last_body);
	map_free(s->addresses);
	loop_timer_free(s->run);
	loop_timer_free(s->expiry);
	if (s->own_loop)
		loop_free(s->loop);
	free(s);
}
