/* Resolving host names on threads; see resolver.h. A lookup is for one host of one tenant: it waits for a thread, runs,
 * and its answer is cached for a while.
 *
 *   requested ──► LOOKUP_WAITING ──► LOOKUP_RUNNING ──► LOOKUP_KNOWN ──► dropped: expired, or evicted
 *                      │
 *                      └─ last waiter cancelled ──► dropped
 *
 * Invariant: a worker is busy from the post to its inbox until its answer is received; as long, its lookup counts
 * towards its tenant's share and is not dropped.
 */
#include "http/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/thread.h"
#include "loop/mailbox.h"
#include "pacing/share.h"

enum lookup_state { LOOKUP_WAITING, LOOKUP_RUNNING, LOOKUP_KNOWN };

TAILQ_HEAD(lookups, lookup);
TAILQ_HEAD(waits, resolver_wait);

struct host_tenant {
	uint64_t id;
	struct lookups waiting, known; /* known: oldest first */
	size_t n_lookups, running;
	TAILQ_ENTRY(host_tenant) in_turn; /* while `waiting` is not empty */
};

struct lookup {
	struct host_tenant *tenant;
	char *host;
	enum lookup_state state;
	struct waits waits;
	bool answering; /* its waiters are being called back: it must not be dropped */
	char *addresses;
	bool refused, broken;
	int64_t since_mono_ms; /* when it entered LOOKUP_RUNNING or LOOKUP_KNOWN */
	int64_t until_mono_ms; /* LOOKUP_KNOWN: when the answer expires */
	TAILQ_ENTRY(lookup) in_tenant, in_known;
};

struct worker {
	struct mailbox_node node; /* first member: posted to the thread, and back */
	struct resolver *resolver;
	pthread_t thread;
	bool started, stop;
	struct mailbox *inbox, *outbox; /* per worker: one abandoned at close must not touch the resolver */
	struct loop_io *io;
	struct lookup *lookup; /* accessed by the owner's thread only; NULL: idle */
	/* Accessed by the worker's thread only, from the post to inbox until the post to outbox. */
	char *host;
	struct addrinfo *found;
	int rc;
	LIST_ENTRY(worker) in_idle;
};

struct resolver {
	struct resolver_options options;
	struct share slots;
	struct map *lookups; /* by tenant and host */
	struct map *tenants; /* by id; those that have lookups */
	TAILQ_HEAD(, host_tenant) turn;
	struct lookups known; /* of all tenants, oldest first */
	LIST_HEAD(, worker) idle;
	struct worker **workers;
	size_t n_waiting;
	struct resolver_stats counts;
	struct buf key;
};

/* In the worker's thread */

static void *worker_run(void *ctx)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct worker *w = ctx;

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

/* Tenants and their lookups */

static struct str id_key(const uint64_t *id)
{
	return (struct str){ (const char *)id, sizeof(*id) };
}

static struct str lookup_key(struct resolver *r, uint64_t tenant, const char *host)
{
	buf_clear(&r->key);
	buf_add_str(&r->key, id_key(&tenant));
	buf_add_str(&r->key, str_of(host));
	return buf_str(&r->key);
}

static struct host_tenant *tenant_get(struct resolver *r, uint64_t id)
{
	void **slot = map_slot(r->tenants, id_key(&id));
	struct host_tenant *t = *slot;

	if (t)
		return t;
	*slot = t = mem_calloc(1, sizeof(*t));
	t->id = id;
	TAILQ_INIT(&t->waiting);
	TAILQ_INIT(&t->known);
	return t;
}

static void lookup_queue(struct resolver *r, struct lookup *l)
{
	struct host_tenant *t = l->tenant;

	l->state = LOOKUP_WAITING;
	if (TAILQ_EMPTY(&t->waiting))
		TAILQ_INSERT_TAIL(&r->turn, t, in_turn);
	TAILQ_INSERT_TAIL(&t->waiting, l, in_tenant);
	r->n_waiting++;
}

static void lookup_unqueue(struct resolver *r, struct lookup *l)
{
	struct host_tenant *t = l->tenant;

	TAILQ_REMOVE(&t->waiting, l, in_tenant);
	if (TAILQ_EMPTY(&t->waiting))
		TAILQ_REMOVE(&r->turn, t, in_turn);
	r->n_waiting--;
}

static struct lookup *lookup_new(struct resolver *r, uint64_t tenant, const char *host)
{
	struct lookup *l = mem_calloc(1, sizeof(*l));

	l->tenant = tenant_get(r, tenant);
	l->tenant->n_lookups++;
	l->host = mem_cstr(str_of(host));
	TAILQ_INIT(&l->waits);
	lookup_queue(r, l);
	return l;
}

/* The lookup must not be running. */
static void lookup_drop(struct resolver *r, struct lookup *l)
{
	struct host_tenant *t = l->tenant;

	if (l->state == LOOKUP_WAITING) {
		lookup_unqueue(r, l);
	} else {
		TAILQ_REMOVE(&t->known, l, in_tenant);
		TAILQ_REMOVE(&r->known, l, in_known);
	}
	map_del(r->lookups, lookup_key(r, t->id, l->host));
	free(l->host);
	free(l->addresses);
	free(l);
	if (--t->n_lookups > 0)
		return;
	map_del(r->tenants, id_key(&t->id));
	free(t);
}

/* Drops answers older than RESOLVER_KEPT_MS. */
static void known_expire(struct resolver *r, int64_t now)
{
	struct lookup *l;

	while ((l = TAILQ_FIRST(&r->known)) && !l->answering && now - l->since_mono_ms >= RESOLVER_KEPT_MS)
		lookup_drop(r, l);
}

/* Running */

static struct host_tenant *tenant_next(struct resolver *r)
{
	struct host_tenant *t;

	TAILQ_FOREACH (t, &r->turn, in_turn) {
		bool others = TAILQ_FIRST(&r->turn) != t || TAILQ_NEXT(t, in_turn);

		if (share_admits(&r->slots, t->running, others))
			return t;
	}
	return NULL;
}

static void lookup_run(struct resolver *r, struct lookup *l)
{
	struct worker *w = LIST_FIRST(&r->idle);
	struct host_tenant *t = l->tenant;

	lookup_unqueue(r, l);
	if (!TAILQ_EMPTY(&t->waiting)) { /* round-robin: the tenant moves behind the others */
		TAILQ_REMOVE(&r->turn, t, in_turn);
		TAILQ_INSERT_TAIL(&r->turn, t, in_turn);
	}
	l->state = LOOKUP_RUNNING;
	l->since_mono_ms = clock_mono_ms();
	share_take(&r->slots, &t->running);
	LIST_REMOVE(w, in_idle);
	w->lookup = l;
	free(w->host);
	w->host = mem_cstr(str_of(l->host));
	mailbox_post(w->inbox, &w->node);
}

static void lookups_run(struct resolver *r)
{
	struct host_tenant *t;

	while (!LIST_EMPTY(&r->idle) && (t = tenant_next(r)))
		lookup_run(r, TAILQ_FIRST(&t->waiting));
}

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

static void lookup_know(struct resolver *r, struct lookup *l, const struct worker *w)
{
	int64_t now = clock_mono_ms();

	addresses_keep(r, l, w->rc == 0 ? w->found : NULL);
	l->broken = w->rc == EAI_MEMORY || w->rc == EAI_SYSTEM;
	l->until_mono_ms = now + kept_ms(l, now - l->since_mono_ms);
	if (l->addresses)
		r->counts.found++;
	else
		*(l->refused ? &r->counts.refused : l->broken ? &r->counts.broken : &r->counts.failed) += 1;
}

/* Caches the answer. A tenant with too many answers loses its oldest, unless its waiters are just being called back. */
static void known_keep(struct resolver *r, struct lookup *l)
{
	struct host_tenant *t = l->tenant;
	struct lookup *oldest = TAILQ_FIRST(&t->known);

	l->state = LOOKUP_KNOWN;
	l->since_mono_ms = clock_mono_ms();
	TAILQ_INSERT_TAIL(&t->known, l, in_tenant);
	TAILQ_INSERT_TAIL(&r->known, l, in_known);
	if (oldest && !oldest->answering && t->n_lookups > RESOLVER_TENANT_HOSTS)
		lookup_drop(r, oldest);
}

static void lookup_tell(struct lookup *l)
{
	const struct resolver_answer answer = { l->addresses, l->refused, l->broken };
	struct resolver_wait *w;

	l->answering = true;
	while ((w = TAILQ_FIRST(&l->waits))) {
		TAILQ_REMOVE(&l->waits, w, in_lookup);
		w->lookup = NULL;
		w->done(w, &answer);
	}
	l->answering = false;
}

static void worker_answered(void *ctx)
{
	struct worker *w = ctx;
	struct resolver *r = w->resolver;
	struct lookup *l = w->lookup;

	if (!mailbox_receive(w->outbox))
		return;
	(void)mailbox_receive(w->outbox); /* returns NULL, which makes the descriptor unreadable */
	w->lookup = NULL;
	LIST_INSERT_HEAD(&r->idle, w, in_idle);
	share_release(&r->slots, &l->tenant->running);
	lookup_know(r, l, w);
	if (w->found)
		freeaddrinfo(w->found);
	w->found = NULL;
	known_keep(r, l);
	lookups_run(r);
	lookup_tell(l);
}

bool resolver_ask(struct resolver *r, uint64_t tenant, const char *host, struct resolver_wait *w,
	struct resolver_answer *out)
{
	int64_t now = clock_mono_ms();
	struct lookup *l;
	void **slot;

	known_expire(r, now);
	l = map_get(r->lookups, lookup_key(r, tenant, host));
	if (l && l->state == LOOKUP_KNOWN && now >= l->until_mono_ms && !l->answering) {
		lookup_drop(r, l);
		l = NULL;
	}
	if (l && l->state == LOOKUP_KNOWN) {
		*out = (struct resolver_answer){ l->addresses, l->refused, l->broken };
		return true;
	}
	if (!l) {
		l = lookup_new(r, tenant, host);
		slot = map_slot(r->lookups, lookup_key(r, tenant, host));
		*slot = l;
	}
	w->lookup = l;
	TAILQ_INSERT_TAIL(&l->waits, w, in_lookup);
	lookups_run(r);
	return false;
}

bool resolver_cancel(struct resolver *r, struct resolver_wait *w)
{
	struct lookup *l = w->lookup;
	bool waiting, served;

	if (!l)
		return true;
	waiting = l->state == LOOKUP_WAITING;
	served = !waiting || l->tenant->running > 0;
	TAILQ_REMOVE(&l->waits, w, in_lookup);
	w->lookup = NULL;
	if (waiting && TAILQ_EMPTY(&l->waits))
		lookup_drop(r, l);
	return served;
}

void resolver_stats(const struct resolver *r, struct resolver_stats *out)
{
	*out = r->counts;
	out->in_flight = r->slots.used;
	out->waiting = r->n_waiting;
}

/* Opening */

static int worker_open(struct resolver *r, struct worker **out, struct err *err)
{
	struct worker *w = *out = mem_calloc(1, sizeof(*w));

	w->resolver = r;
	if (mailbox_open(&w->inbox, err) < 0 || mailbox_open(&w->outbox, err) < 0)
		return -1;
	w->io = loop_io_new(r->options.loop, mailbox_fd(w->outbox), true, false, worker_answered, w);
	if (thread_start(&w->thread, worker_run, w, err) < 0)
		return -1;
	w->started = true;
	LIST_INSERT_HEAD(&r->idle, w, in_idle);
	return 0;
}

int resolver_open(struct resolver **out, const struct resolver_options *options, struct err *err)
{
	struct resolver *r = mem_calloc(1, sizeof(*r));

	r->options = *options;
	share_init(&r->slots, (size_t)options->threads, options->percent);
	r->lookups = map_new();
	r->tenants = map_new();
	TAILQ_INIT(&r->turn);
	TAILQ_INIT(&r->known);
	LIST_INIT(&r->idle);
	r->workers = mem_calloc((size_t)options->threads, sizeof(*r->workers));
	for (int i = 0; i < options->threads; i++)
		if (worker_open(r, &r->workers[i], err) < 0) {
			resolver_close(&r);
			return -1;
		}
	*out = r;
	return 0;
}

static void worker_close(struct worker *w)
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

void resolver_close(struct resolver **resolver)
{
	struct resolver *r = *resolver;
	struct str key;
	void *lookup, *tenant;
	size_t i = 0;

	if (!r)
		return;
	for (int k = 0; k < r->options.threads && r->workers[k]; k++)
		worker_close(r->workers[k]);
	while (map_each(r->lookups, &i, &key, &lookup)) {
		free(((struct lookup *)lookup)->host);
		free(((struct lookup *)lookup)->addresses);
		free(lookup);
	}
	for (i = 0; map_each(r->tenants, &i, &key, &tenant);)
		free(tenant);
	map_free(r->lookups);
	map_free(r->tenants);
	buf_fini(&r->key);
	free(r->workers);
	free(r);
	*resolver = NULL;
}
