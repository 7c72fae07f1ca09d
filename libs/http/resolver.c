/* Resolving host names on threads; see resolver.h, and resolver_private.h for the life of a lookup. This file: whose
 * turn it is, and calling back those that wait. */
#include "http/resolver_private.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"

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
	struct resolver_worker *w = LIST_FIRST(&r->idle);
	struct host_tenant *t = l->tenant;

	lookup_unqueue(r, l);
	if (!TAILQ_EMPTY(&t->waiting)) { /* round-robin: the tenant moves behind the others */
		TAILQ_REMOVE(&r->turn, t, in_turn);
		TAILQ_INSERT_TAIL(&r->turn, t, in_turn);
	}
	l->state = LOOKUP_RUNNING;
	l->since_mono_ms = clock_mono_ms();
	share_acquire(&r->slots, &t->running);
	resolver_worker_begin(w, l);
}

static void lookups_run(struct resolver *r)
{
	struct host_tenant *t;

	while (!LIST_EMPTY(&r->idle) && (t = tenant_next(r)))
		lookup_run(r, TAILQ_FIRST(&t->waiting));
}

static void lookup_answer(struct lookup *l)
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

static void lookup_count(struct resolver *r, const struct lookup *l)
{
	if (l->addresses)
		r->counts.found++;
	else
		*(l->refused ? &r->counts.refused : l->broken ? &r->counts.broken : &r->counts.failed) += 1;
}

static void worker_answered(void *ctx)
{
	struct resolver_worker *w = ctx;
	struct resolver *r = w->resolver;
	struct lookup *l = resolver_worker_finish(w);

	if (!l)
		return;
	share_release(&r->slots, &l->tenant->running);
	lookup_count(r, l);
	lookup_cache(r, l);
	lookups_run(r);
	lookup_answer(l);
}

bool resolver_ask(struct resolver *r, uint64_t tenant, const char *host, struct resolver_wait *w,
	struct resolver_answer *out)
{
	int64_t now = clock_mono_ms();
	struct lookup *l;

	lookups_expire(r, now);
	l = lookup_find(r, tenant, host);
	if (l && l->state == LOOKUP_KNOWN && now >= l->until_mono_ms && !l->answering) {
		lookup_drop(r, l);
		l = NULL;
	}
	if (l && l->state == LOOKUP_KNOWN) {
		*out = (struct resolver_answer){ l->addresses, l->refused, l->broken };
		return true;
	}
	if (!l)
		l = lookup_new(r, tenant, host);
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
		if (resolver_worker_open(r, &r->workers[i], worker_answered, err) < 0) {
			resolver_close(&r);
			return -1;
		}
	*out = r;
	return 0;
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
		resolver_worker_close(r->workers[k]);
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
