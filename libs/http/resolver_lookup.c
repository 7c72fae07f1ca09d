/* Lookups by tenant and host, and the cache of answers; see resolver_private.h. Invariant: a tenant is in r->tenants
 * while it has lookups, and in r->turn while one of them waits for a thread. */
#include "http/resolver_private.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"

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

void lookup_unqueue(struct resolver *r, struct lookup *l)
{
	struct host_tenant *t = l->tenant;

	TAILQ_REMOVE(&t->waiting, l, in_tenant);
	if (TAILQ_EMPTY(&t->waiting))
		TAILQ_REMOVE(&r->turn, t, in_turn);
	r->n_waiting--;
}

struct lookup *lookup_find(struct resolver *r, uint64_t tenant, const char *host)
{
	return map_get(r->lookups, lookup_key(r, tenant, host));
}

struct lookup *lookup_new(struct resolver *r, uint64_t tenant, const char *host)
{
	struct lookup *l = mem_calloc(1, sizeof(*l));
	void **slot;

	l->tenant = tenant_get(r, tenant);
	l->tenant->n_lookups++;
	l->host = mem_cstr(str_of(host));
	TAILQ_INIT(&l->waits);
	lookup_queue(r, l);
	slot = map_slot(r->lookups, lookup_key(r, tenant, host));
	*slot = l;
	return l;
}

void lookup_drop(struct resolver *r, struct lookup *l)
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

void lookups_expire(struct resolver *r, int64_t now)
{
	struct lookup *l;

	while ((l = TAILQ_FIRST(&r->known)) && !l->answering && now - l->since_mono_ms >= RESOLVER_KEPT_MS)
		lookup_drop(r, l);
}

void lookup_cache(struct resolver *r, struct lookup *l)
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
