/* Calls to instances of bridges: queued for each instance, at most CALLS_IN_FLIGHT at a time and one start a second.
 *
 * Invariant: done() is called exactly once for each call, never inside calls_add(), and no request begins that
 * options.may_begin did not admit. Everything runs in the loop's thread. */
#ifndef CLEANUP_CALLS_H
#define CLEANUP_CALLS_H

#include "bridge/answer.h"
#include "http/sender_pool.h"

#define CALLS_IN_FLIGHT   5 /* of one instance */
#define CALLS_START_MS    1000 /* between two calls that start a session (CREATE, START, RESTART) */
#define CALLS_PENDING_MAX 10000 /* of one instance */

struct calls;

struct calls_options {
	struct loop *loop;
	struct sender_pool *senders; /* borrowed */
	const struct guard *guard; /* borrowed: where instances may be */
	int64_t begin_ms; /* from may_begin() to the first byte of its request; one that is later is not sent */
	/* Asked before each request: whether this replica's lease stays fresh for another begin_ms. False: the call ends
	 * with BRIDGE_BUSY, and nothing was sent. Must not add or abort calls. */
	bool (*may_begin)(void *ctx);
	/* For metrics. */
	void (*ended)(void *ctx, enum bridge_kind kind, enum bridge_action action, const struct bridge_answer *answer);
	void *ctx;
};

struct calls *calls_new(const struct calls_options *options);
void calls_free(struct calls *c); /* after calls_abort(), before the senders are closed; accepts NULL */

/* The answer is borrowed for the call. `ctx` is what was passed to calls_add(). It may add and abort calls. */
typedef void (*call_done_fn)(void *ctx, const struct bridge_answer *answer);

/* Adds a call. `at` and `call` are copied with all that they point to, but for at->signing, which is borrowed until done().
 * `index` names the instance's queue. Probes, health checks and leases (BRIDGE_PROBE, BRIDGE_HEALTH) pass the queue, and
 * have none of its limits. A call that cannot be built, or whose host the guard refuses, ends with BRIDGE_REJECTED in a
 * later iteration of the loop; one of an instance that has CALLS_PENDING_MAX pending already, with BRIDGE_BUSY. */
void calls_add(struct calls *c, int64_t index, const struct bridge_instance *at, const struct bridge_call *call,
	call_done_fn done, void *ctx);
/* Ends all calls, in flight and queued, with BRIDGE_BUSY before it returns: this replica has lost its lease. Those that
 * a done() adds meanwhile stay. */
void calls_abort(struct calls *c);
/* Ends the calls that are not in flight with BRIDGE_BUSY before it returns: this replica ends. Those that a done() adds meanwhile stay. */
void calls_drain(struct calls *c);
/* Calls whose done() has not been called; of one instance, or with index -1 of all. */
size_t calls_pending(const struct calls *c, int64_t index);

#endif
