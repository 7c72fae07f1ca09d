/* The DNS lookup of a request, before the request is posted to its thread; see sender_pool_private.h. All in the
 * owner's thread. Invariant: while the request waits for its lookup, no command of it is posted. */
#include "http/sender_pool_private.h"

#include <stddef.h>

#include "base/clock.h"

static struct exchange_result result_unresolved(const struct sender_pool *pool, const struct resolver_answer *answer)
{
	struct exchange_result r;

	if (answer->broken)
		return exchange_failed(EXCHANGE_ABORTED,
			"resolving its name failed for lack of resources on this machine", false);
	/* The same text whether the name does not resolve or the guard refuses its addresses, so that a tenant cannot
	 * probe internal names. */
	r = exchange_failed(EXCHANGE_DNS, guard_name_refusal(pool->guard), false);
	r.refused = answer->refused;
	return r;
}

/* "+": the entry expires in libcurl's cache. Some versions of libcurl search for the name with its final dot, some
 * without, so a name with one gets both lines. */
static void addresses_set(struct pool_request *p, const char *addresses)
{
	struct str host = str_of(p->host.name);
	bool dot = str_ends(host, STR("."));
	size_t second;

	buf_clear(&p->addresses);
	buf_printf(&p->addresses, "+%.*s:%d:%s%c", STR_ARG(host), p->host.port, addresses, '\0');
	second = p->addresses.n;
	if (dot)
		buf_printf(&p->addresses, "+%.*s:%d:%s%c", (int)host.n - 1, host.p, p->host.port, addresses, '\0');
	p->resolved[0] = p->addresses.p;
	p->resolved[1] = dot ? p->addresses.p + second : NULL;
	p->resolved[2] = NULL;
	p->request.resolved = p->resolved;
}

static void pool_request_post(struct pool_request *p)
{
	p->looked_up_us = clock_mono_us() - p->begun_mono_us;
	if (p->looked_up_us / 1000 < p->request.timeout_ms)
		p->request.timeout_ms -= (int)(p->looked_up_us / 1000);
	pool_command_post(p, &p->send);
}

/* Ends a request that was never posted to its thread. */
static void pool_request_end(struct sender_pool *pool, struct pool_request *p, const struct exchange_result *r)
{
	loop_timer_set(p->deadline, -1);
	pool_request_complete(pool, p, r);
	pool_request_release(pool, p);
}

bool pool_request_cancel_lookup(struct sender_pool *pool, struct pool_request *p, const struct exchange_result *r)
{
	if (!p->wait.lookup)
		return false;
	(void)resolver_cancel(pool->resolver, &p->wait);
	pool_request_end(pool, p, r);
	return true;
}

static void lookup_done(struct resolver_wait *w, const struct resolver_answer *answer)
{
	struct pool_request *p = (struct pool_request *)(void *)((char *)w - offsetof(struct pool_request, wait));
	struct exchange_result r;

	if (answer->addresses) {
		loop_timer_set(p->deadline, -1);
		addresses_set(p, answer->addresses);
		pool_request_post(p);
		return;
	}
	r = result_unresolved(p->thread->pool, answer);
	pool_request_end(p->thread->pool, p, &r);
}

static void lookup_expired(void *ctx)
{
	struct pool_request *p = ctx;
	struct sender_pool *pool = p->thread->pool;
	bool begun = resolver_cancel(pool->resolver, &p->wait);
	struct exchange_result r = begun
		? exchange_failed(EXCHANGE_TIMEOUT, "its name was not resolved in time", false)
		: exchange_failed(EXCHANGE_ABORTED, "its name was not resolved in time: other lookups used all threads",
			  false);

	pool_request_end(pool, p, &r);
}

void pool_request_look_up(struct sender_pool *pool, struct pool_request *p, uint64_t tenant)
{
	struct resolver_answer answer;
	struct exchange_result r;

	p->wait.done = lookup_done;
	if (!resolver_ask(pool->resolver, tenant, p->host.name, &p->wait, &answer)) {
		if (!p->deadline)
			p->deadline = loop_timer_new(pool->loop, lookup_expired, p);
		loop_timer_set(p->deadline, p->request.timeout_ms);
	} else if (answer.addresses) {
		addresses_set(p, answer.addresses);
		pool_request_post(p);
	} else {
		r = result_unresolved(pool, &answer);
		pool_request_fail(pool, p, &r);
	}
}
