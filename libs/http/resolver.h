/* Names of hosts to addresses, for an event loop: getaddrinfo() on threads that are started with it, never one more.
 *
 * A look-up cannot be interrupted and may take as long as resolv.conf lets name servers be silent: it holds its thread until then, whoever
 * still waits for it. Tenants share the threads (pacing/share.h), and have caches of their own. Addresses that the guard does not admit
 * are as good as none. All functions are called, and all answers come, in the loop's thread. */
#ifndef HTTP_RESOLVER_H
#define HTTP_RESOLVER_H

#include <sys/queue.h>

#include "http/guard.h"
#include "loop/loop.h"

#define RESOLVER_KEPT_MS 60000 /* an answer; libcurl's own cache keeps as long */
#define RESOLVER_FAILURE_MS \
	5000 /* a failure, at least; as long as it took when that was longer, up to RESOLVER_KEPT_MS */
#define RESOLVER_TENANT_HOSTS 128 /* answers kept for one tenant; the oldest is dropped beyond */
#define RESOLVER_ADDRESSES    8 /* of one host */

struct resolver;

struct resolver_options {
	struct loop *loop;
	const struct guard *guard; /* borrowed */
	int threads, percent; /* percent: of them, for one tenant beside others */
};

struct resolver_answer {
	const char *addresses; /* "192.0.2.1,[2001:db8::1]"; NULL: none. Borrowed for the call */
	bool refused;          /* there are some, but none that the guard admits */
	bool broken;           /* this machine could not look: no memory, no descriptor */
};

/* One that waits; the caller's. */
struct resolver_wait {
	void (*done)(struct resolver_wait *w, const struct resolver_answer *answer); /* may ask and cancel */
	struct lookup *lookup; /* NULL: it does not wait */
	TAILQ_ENTRY(resolver_wait) in_lookup;
};

struct resolver_stats {
	size_t in_flight, waiting; /* look-ups */
	int64_t found, failed, refused, broken; /* since it was opened */
};

int resolver_open(struct resolver **out, const struct resolver_options *options,
	struct err *err) ERR_MUST_USE; /* ERR_FATAL */
/* Accepts NULL. Nothing waits any more. The threads of look-ups under way are left to the end of the process. */
void resolver_close(struct resolver **r);
/* True: *out is known. False: done() is called once, later, unless resolver_cancel() comes first. */
bool resolver_ask(struct resolver *r, uint64_t tenant, const char *host, struct resolver_wait *w,
	struct resolver_answer *out);
/* Accepts one that does not wait. False: it found no thread, because of other tenants; else it had its look-up, or its tenant's share. */
bool resolver_cancel(struct resolver *r, struct resolver_wait *w);
void resolver_stats(const struct resolver *r, struct resolver_stats *out);

#endif
