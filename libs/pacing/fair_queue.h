/* Which flow sends next: deficit round robin over tenants, round robin over the flows of each (Shreedhar and Varghese,
 * 1995). The caller specifies the cost of each request, so that neither many requests nor large ones use up another
 * tenant's turn. A tenant whose requests in flight have reached its share (share.h) is skipped, so that slow
 * destinations do not use up other tenants' slots. Pure: no clock, no I/O.
 *
 * The nodes are embedded in the caller's structs and start zeroed:
 *
 *   struct lane { … struct fair_flow flow; };     struct workspace { … struct fair_tenant tenant; };
 *
 * A flow is runnable (it has something to send and may send it now), asleep (it may at wake_ms), or neither. A tenant
 * with a runnable flow is in `tenants`.
 */
#ifndef PACING_FAIR_QUEUE_H
#define PACING_FAIR_QUEUE_H

#include <stdint.h>
#include <sys/queue.h>

#include "pacing/share.h"

struct fair_flow;
TAILQ_HEAD(fair_flows, fair_flow);

struct fair_tenant {
	struct fair_flows flows; /* the runnable ones */
	TAILQ_ENTRY(fair_tenant) in_line;
	int64_t deficit; /* remaining cost that it may send in its turn */
	size_t in_flight;
	bool limited; /* skipped since it last got a slot, because its share was used up */
};
TAILQ_HEAD(fair_tenants, fair_tenant);

struct fair_flow {
	bool runnable, asleep;
	int64_t wake_ms;
	TAILQ_ENTRY(fair_flow) in_turn, in_asleep;
};

struct fair_queue {
	struct fair_tenants tenants; /* those with a runnable flow, in the order of their turns */
	struct fair_flows asleep;
	struct share slots; /* for requests in flight */
	int64_t quantum;
	uint64_t limited; /* how often a tenant reached its share; the caller reads and clears it */
};
#define FAIR_NEVER INT64_MAX /* wake_ms of a flow that waits for something other than time */

/* quantum: cost that a tenant may send per turn. slots: limit of requests in flight. percent: the share of slots of
 * one tenant while others use some. */
void fair_queue_init(struct fair_queue *q, int64_t quantum, size_t slots, int percent);
void fair_tenant_init(struct fair_tenant *t);
/* Sets the flow's state: runnable, asleep until wake_ms, or (FAIR_NEVER) neither. It must be neither before it is
 * freed. */
void fair_queue_put(struct fair_queue *q, struct fair_tenant *t, struct fair_flow *f, bool runnable, int64_t wake_ms);
/* The next runnable flow whose tenant may have another slot; the order does not change. NULL: none. */
struct fair_flow *fair_queue_next(struct fair_queue *q);
/* A request of this flow was begun: subtracts its cost from the tenant's turn, and moves the flow behind the tenant's
 * others. */
void fair_queue_charge(struct fair_tenant *t, struct fair_flow *f, int64_t cost);
/* A slot is held while a request is in flight. */
void fair_queue_acquire(struct fair_queue *q, struct fair_tenant *t);
void fair_queue_release(struct fair_queue *q, struct fair_tenant *t);
/* Releases all slots and removes all tenants and flows. */
void fair_queue_clear(struct fair_queue *q);
/* Iterates over flows whose wake_ms has passed; each must be put again:
 *   for (next = fair_queue_asleep(q); (f = fair_queue_due(&next, now_ms));) …
 * During the iteration only the returned flow may be put. */
struct fair_flow *fair_queue_asleep(const struct fair_queue *q);
struct fair_flow *fair_queue_due(struct fair_flow **next, int64_t now_ms);

#endif
