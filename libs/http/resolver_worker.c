/* The resolver's threads, and what getaddrinfo() found; see resolver_private.h. */
#include "http/resolver_private.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/thread.h"

/* In the worker's thread */

static void *worker_run(void *ctx)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct resolver_worker *w = ctx;

	for (;;) {
		struct pollfd at = { .fd = mailbox_fd(w->inbox), .events = POLLIN };

		(void)poll(&at, 1, -1);
		if (!mailbox_receive(w->inbox))
			continue;
		if (w->stop)
			return NULL;
		w->found = NULL;
		w->rc = getaddrinfo(w->host, NULL, &hints, &w->found);
		mailbox_post(w->outbox, &w->node);
	}
}

/* In the owner's thread */

static void address_add(struct buf *out, const struct sockaddr *a)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (a->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, text, sizeof(text));
	else
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, text, sizeof(text));
	buf_printf(out, a->sa_family == AF_INET ? "%s%s" : "%s[%s]", out->n > 0 ? "," : "", text);
}

static void addresses_keep(const struct resolver *r, struct lookup *l, const struct addrinfo *found)
{
	struct buf text = BUF_INIT;
	int n = 0;

	for (const struct addrinfo *a = found; a && n < RESOLVER_ADDRESSES; a = a->ai_next)
		if ((a->ai_family == AF_INET || a->ai_family == AF_INET6) &&
			guard_admits(r->options.guard, a->ai_addr)) {
			address_add(&text, a->ai_addr);
			n++;
		}
	l->refused = found && n == 0;
	l->addresses = n > 0 ? mem_cstr(buf_str(&text)) : NULL;
	buf_fini(&text);
}

/* How long to cache the answer. A lookup that took long to fail may take as long again, so its failure is cached for
 * that time: such a host occupies a thread for at most half of the time. */
static int64_t kept_ms(const struct lookup *l, int64_t took_ms)
{
	if (l->broken)
		return 0;
	if (l->addresses || took_ms > RESOLVER_KEPT_MS)
		return RESOLVER_KEPT_MS;
	return took_ms > RESOLVER_FAILURE_MS ? took_ms : RESOLVER_FAILURE_MS;
}

static void lookup_set_answer(const struct resolver *r, struct lookup *l, const struct resolver_worker *w)
{
	int64_t now = clock_mono_ms();

	addresses_keep(r, l, w->rc == 0 ? w->found : NULL);
	l->broken = w->rc == EAI_MEMORY || w->rc == EAI_SYSTEM;
	l->until_mono_ms = now + kept_ms(l, now - l->since_mono_ms);
}

void resolver_worker_begin(struct resolver_worker *w, struct lookup *l)
{
	LIST_REMOVE(w, in_idle);
	w->lookup = l;
	free(w->host);
	w->host = mem_cstr(str_of(l->host));
	mailbox_post(w->inbox, &w->node);
}

struct lookup *resolver_worker_finish(struct resolver_worker *w)
{
	struct lookup *l = w->lookup;

	if (!mailbox_receive(w->outbox))
		return NULL;
	(void)mailbox_receive(w->outbox); /* returns NULL, which makes the descriptor unreadable */
	w->lookup = NULL;
	LIST_INSERT_HEAD(&w->resolver->idle, w, in_idle);
	lookup_set_answer(w->resolver, l, w);
	if (w->found)
		freeaddrinfo(w->found);
	w->found = NULL;
	return l;
}

int resolver_worker_open(struct resolver *r, struct resolver_worker **out, void (*answered)(void *worker),
	struct err *err)
{
	struct resolver_worker *w = *out = mem_calloc(1, sizeof(*w));

	w->resolver = r;
	if (mailbox_open(&w->inbox, err) < 0 || mailbox_open(&w->outbox, err) < 0)
		return -1;
	w->io = loop_io_new(r->options.loop, mailbox_fd(w->outbox), true, false, answered, w);
	if (thread_start(&w->thread, worker_run, w, err) < 0)
		return -1;
	w->started = true;
	LIST_INSERT_HEAD(&r->idle, w, in_idle);
	return 0;
}

void resolver_worker_close(struct resolver_worker *w)
{
	loop_io_free(w->io);
	if (w->lookup) { /* blocked in getaddrinfo(), which cannot be interrupted: keeps the memory that it uses */
		pthread_detach(w->thread);
		return;
	}
	if (w->started) {
		w->stop = true;
		mailbox_post(w->inbox, &w->node);
		pthread_join(w->thread, NULL);
	}
	mailbox_close(&w->inbox);
	mailbox_close(&w->outbox);
	free(w->host);
	free(w);
}
