/* libcurl's sockets in the event loop; see sender.h.
 *
 * A socket stays registered with the loop as long as it is open: libcurl deregisters it after each response and
 * registers it again for the next request, which would otherwise cost two system calls each. Invariant: a descriptor
 * has a watch from socket_open() until it is closed, by socket_close() or by libcurl without a callback.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "http/sender_private.h"

/* One of libcurl's sockets. */
struct watch {
	struct sender *sender;
	struct loop_io *io;
	int fd;
	bool own; /* opened by socket_open(): once connected, it will be closed by socket_close() */
	bool read, write; /* the events that libcurl waits for */
};

static struct watch **watch_slot(struct sender *s, int fd)
{
	size_t at = (size_t)fd, cap = s->watches_cap ? s->watches_cap : 64;

	if (at >= s->watches_cap) {
		while (cap <= at)
			cap *= 2;
		s->watches = mem_realloc(s->watches, cap * sizeof(struct watch *));
		memset(s->watches + s->watches_cap, 0, (cap - s->watches_cap) * sizeof(struct watch *));
		s->watches_cap = cap;
	}
	return &s->watches[at];
}

static void watch_ready(void *ctx)
{
	const struct watch *w = ctx;

	if (w->read && w->write)
		sender_act(w->sender, w->fd, 0); /* libcurl polls the descriptor itself */
	else if (w->read || w->write)
		sender_act(w->sender, w->fd, w->read ? CURL_CSELECT_IN : CURL_CSELECT_OUT);
	else /* the peer closed an idle connection: libcurl checks for that before it reuses it */
		loop_io_set(w->io, false, false);
}

static struct watch *watch_new(struct sender *s, int fd, bool own)
{
	struct watch *w = mem_calloc(1, sizeof(*w));

	w->sender = s;
	w->fd = fd;
	w->own = own;
	w->io = loop_io_new(s->options.loop, fd, false, false, watch_ready, w);
	*watch_slot(s, fd) = w;
	return w;
}

static void watch_free(struct watch *w)
{
	if (!w)
		return;
	*watch_slot(w->sender, w->fd) = NULL;
	loop_io_free(w->io);
	free(w);
}

/* libcurl closes a socket that never connected, or that lost the race to another address, without calling
 * socket_close(). Newer versions (8.14) shut idle connections down with an internal handle, which belongs to no
 * exchange. */
static bool may_be_closed(CURL *easy, const struct watch *w)
{
	const struct exchange *x = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &x);
	return !w->own || w->write || !x || !x->begun;
}

static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	struct sender *s = arg;
	struct watch *w = *watch_slot(s, fd);

	(void)unused;
	if (!w && what != CURL_POLL_REMOVE)
		w = watch_new(s, fd, false); /* a socket of libcurl's own resolver */
	if (!w)
		return 0;
	if (what == CURL_POLL_REMOVE && may_be_closed(easy, w)) {
		watch_free(w);
		return 0;
	}
	w->read = what == CURL_POLL_IN || what == CURL_POLL_INOUT;
	w->write = what == CURL_POLL_OUT || what == CURL_POLL_INOUT;
	if (what != CURL_POLL_REMOVE)
		loop_io_set(w->io, w->read, w->write);
	return 0;
}

static curl_socket_t socket_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct exchange *x = arg;
	int fd;

	(void)purpose;
	if (!guard_admits(x->sender->options.guard, &a->addr)) {
		x->refused = true;
		return CURL_SOCKET_BAD;
	}
	x->admitted = true;
	fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	watch_new(x->sender, fd, true);
	return fd;
}

static int socket_close(void *arg, curl_socket_t fd)
{
	watch_free(*watch_slot(arg, fd));
	return close(fd);
}

void exchange_sockets_setup(struct exchange *x)
{
	curl_easy_setopt(x->easy, CURLOPT_OPENSOCKETFUNCTION, socket_open);
	curl_easy_setopt(x->easy, CURLOPT_OPENSOCKETDATA, x);
	curl_easy_setopt(x->easy, CURLOPT_CLOSESOCKETFUNCTION, socket_close);
	curl_easy_setopt(x->easy, CURLOPT_CLOSESOCKETDATA, x->sender);
}

void sender_sockets_setup(struct sender *s)
{
	curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
	curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
}
