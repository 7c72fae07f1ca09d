/* Resolves host names for an event loop: getaddrinfo() on a fixed number of threads, started when the resolver is
 * opened.
 *
 * A lookup cannot be interrupted, and may take as long as resolv.conf waits for silent name servers; it occupies its
 * thread until then, even if its waiters have cancelled. Tenants share the threads (pacing/share.h) but not cached
 * answers. Addresses that the guard refuses are removed from answers. All functions must be called, and all callbacks
 * run, in the loop's thread. */
#ifndef HTTP_RESOLVER_H
#define HTTP_RESOLVER_H

#include <sys/queue.h>

#include "http/guard.h"
#include "loop/loop.h"

#define RESOLVER_KEPT_MS 60000 /* lifetime of a cached answer, the same as in libcurl's own cache */
#define RESOLVER_FAILURE_MS \
	5000 /* minimum lifetime of a failure; the lookup's duration if that is longer, up to RESOLVER_KEPT_MS */
#define RESOLVER_TENANT_HOSTS 128 /* cached answers per tenant; beyond, the oldest is evicted */
#define RESOLVER_ADDRESSES    8 /* used per host */

struct resolver;

struct resolver_options {
	struct loop *loop;
	const struct guard *guard; /* borrowed */
	int threads, percent; /* percent: the share of threads of one tenant while others use some */
};

struct resolver_answer {
	const char *addresses; /* "192.0.2.1,[2001:db8::1]"; NULL: none. Borrowed for the call */
	bool refused;          /* the name resolved, but the guard refuses all addresses */
	bool broken;           /* the lookup failed on this machine: no memory, no descriptor */
};

/* A waiter for an answer; the caller owns it. */
struct resolver_wait {
	void (*done)(struct resolver_wait *w, const struct resolver_answer *answer); /* may call ask and cancel */
	struct lookup *lookup; /* NULL: not waiting */
	TAILQ_ENTRY(resolver_wait) in_lookup;
};

struct resolver_stats {
	size_t in_flight, waiting; /* lookups */
	int64_t found, failed, refused, broken; /* since the resolver was opened */
};

int resolver_open(struct resolver **out, const struct resolver_options *options,
	struct err *err) ERR_MUST_USE; /* ERR_FATAL */
/* Accepts NULL. There must be no waiters. Threads that are blocked in a lookup are abandoned until the process ends. */
void resolver_close(struct resolver **r);
/* True: *out is the answer. False: done() will be called once, later, unless resolver_cancel() is called first. */
bool resolver_ask(struct resolver *r, uint64_t tenant, const char *host, struct resolver_wait *w,
	struct resolver_answer *out);
/* Accepts a waiter that is not waiting. False: the lookup never got a thread, because other tenants used them all.
 * True: the lookup had started, or the tenant was using its share of the threads. */
bool resolver_cancel(struct resolver *r, struct resolver_wait *w);
void resolver_stats(const struct resolver *r, struct resolver_stats *out);

#endif
