/* Which flow sends next: deficit round robin over tenants, round robin over the flows of each (Shreedhar and Varghese, 1995). The caller
 * says what a request costs, so that neither many requests nor large ones take another tenant's turn. A tenant that has its share of the
 * requests in flight (share.h) is passed over, so that slow destinations take no other tenant's slots. Pure: no clock, no I/O.
 *
 * The nodes are embedded in what they stand for, zeroed at first:
 *
 *   struct lane { … struct fair_flow flow; };     struct workspace { … struct fair_tenant tenant; };
 *
 * A flow is runnable (it has something to send and may), asleep (it may at wake_ms), or neither. A tenant with a runnable flow is in line.
 */
#ifndef PACING_FAIR_QUEUE_H
#define PACING_FAIR_QUEUE_H

#include <stdint.h>
#include <sys/queue.h>

#include "pacing/share.h"

struct fair_flow;
TAILQ_HEAD(fair_flows, fair_flow);

struct fair_tenant {
	struct fair_flows flows; /* that are runnable */
	TAILQ_ENTRY(fair_tenant) in_line;
	int64_t deficit; /* what is left of its turn */
	size_t in_flight;
	bool limited; /* passed over since it last got a slot: its share is used up */
};
TAILQ_HEAD(fair_tenants, fair_tenant);

struct fair_flow {
	bool runnable, asleep;
	int64_t wake_ms;
	TAILQ_ENTRY(fair_flow) in_turn, in_asleep;
};

struct fair_queue {
	struct fair_tenants tenants; /* with a runnable flow, in the order of their turns */
	struct fair_flows asleep;
	struct share slots; /* of requests in flight */
	int64_t quantum;
	uint64_t limited; /* how often a tenant came to be held back by its share; its reader clears it */
};
#define FAIR_NEVER INT64_MAX /* wake_ms of a flow that waits for something else than time */

/* quantum: the cost that a tenant may send in one turn; slots: requests that may be in flight; percent: of them, for one tenant beside others. */
void fair_queue_init(struct fair_queue *q, int64_t quantum, size_t slots, int percent);
void fair_tenant_init(struct fair_tenant *t);
/* The flow is runnable; or it is asleep until wake_ms; or (FAIR_NEVER) neither. It must be neither when its memory ends. */
void fair_queue_put(struct fair_queue *q, struct fair_tenant *t, struct fair_flow *f, bool runnable, int64_t wake_ms);
/* The next runnable flow whose tenant may have another slot; it stays in its place. NULL: none. */
struct fair_flow *fair_queue_next(struct fair_queue *q);
/* A request of this flow is begun: its cost comes out of the tenant's turn, and the tenant's other flows come first. */
void fair_queue_charge(struct fair_tenant *t, struct fair_flow *f, int64_t cost);
/* A slot, while a request is in flight. */
void fair_queue_acquire(struct fair_queue *q, struct fair_tenant *t);
void fair_queue_release(struct fair_queue *q, struct fair_tenant *t);
/* Nothing is in flight any more, and every tenant and flow is forgotten. */
void fair_queue_clear(struct fair_queue *q);
/* Flows whose time has come; each must be put again:
 *   for (next = fair_queue_asleep(q); (f = fair_queue_due(&next, now_ms));) …
 * Meanwhile only the flow that was returned may be put. */
struct fair_flow *fair_queue_asleep(const struct fair_queue *q);
struct fair_flow *fair_queue_due(struct fair_flow **next, int64_t now_ms);

#endif
