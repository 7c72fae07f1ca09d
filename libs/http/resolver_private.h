/* Internals of the resolver. A lookup is for one host of one tenant: it waits for a thread, runs, and its answer is
 * cached for a while.
 *
 *   requested ──► LOOKUP_WAITING ──► LOOKUP_RUNNING ──► LOOKUP_KNOWN ──► dropped: expired, or evicted
 *                      │
 *                      └─ last waiter cancelled ──► dropped
 *
 *   resolver.c         begins, answers and cancels lookups; whose turn it is
 *   resolver_lookup.c  lookups by tenant and host, and the cache of their answers
 *   resolver_worker.c  the threads, and what getaddrinfo() found
 *
 * Invariant: a worker is busy from the post to its inbox until its answer is received; as long, its lookup counts
 * towards its tenant's share and is not dropped.
 */
#ifndef HTTP_RESOLVER_PRIVATE_H
#define HTTP_RESOLVER_PRIVATE_H

#include <netdb.h>
#include <pthread.h>

#include "base/buf.h"
#include "base/map.h"
#include "http/resolver.h"
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

struct resolver_worker {
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
	LIST_ENTRY(resolver_worker) in_idle;
};

struct resolver {
	struct resolver_options options;
	struct share slots;
	struct map *lookups; /* by tenant and host */
	struct map *tenants; /* by id; those that have lookups */
	TAILQ_HEAD(, host_tenant) turn;
	struct lookups known; /* of all tenants, oldest first */
	LIST_HEAD(, resolver_worker) idle;
	struct resolver_worker **workers;
	size_t n_waiting;
	struct resolver_stats counts;
	struct buf key;
};

/* resolver_lookup.c */

/* Finds the lookup of a tenant for a host; NULL: there is none. */
struct lookup *lookup_find(struct resolver *r, uint64_t tenant, const char *host);
/* Adds one, waiting for a thread. */
struct lookup *lookup_new(struct resolver *r, uint64_t tenant, const char *host);
/* Removes it from the lookups that wait for a thread. */
void lookup_unqueue(struct resolver *r, struct lookup *l);
/* Frees it; it must not be running. */
void lookup_drop(struct resolver *r, struct lookup *l);
/* Caches its answer. A tenant with too many answers loses its oldest, unless its waiters are just being called back. */
void lookup_cache(struct resolver *r, struct lookup *l);
/* Drops answers older than RESOLVER_KEPT_MS. */
void lookups_expire(struct resolver *r, int64_t now);

/* resolver_worker.c */

/* Starts a thread; it is idle. answered(worker) runs in the loop's thread when it has finished a lookup. */
int resolver_worker_open(struct resolver *r, struct resolver_worker **out, void (*answered)(void *worker),
	struct err *err) ERR_MUST_USE;
/* Waits for the thread, unless it is blocked in getaddrinfo(): then it is abandoned, with the memory that it uses. */
void resolver_worker_close(struct resolver_worker *w);
/* Hands a lookup to an idle worker. */
void resolver_worker_begin(struct resolver_worker *w, struct lookup *l);
/* Receives a finished lookup, with its answer stored in it; the worker is idle again. NULL: it has not finished. */
struct lookup *resolver_worker_finish(struct resolver_worker *w);

#endif
