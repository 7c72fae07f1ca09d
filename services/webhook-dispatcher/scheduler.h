/* Which delivery is begun next: deficit round robin over workspaces, round robin over the lanes of each (Shreedhar and Varghese, 1995).
 * A workspace's cost is what it sends, so that neither many events nor large ones take another's turn. One that has its share of the
 * deliveries in flight (pacing/share.h) is passed over, so that slow endpoints take no other's slots. */
#ifndef WEBHOOK_DISPATCHER_SCHEDULER_H
#define WEBHOOK_DISPATCHER_SCHEDULER_H

#include "pacing/share.h"
#include "webhook-dispatcher/flow.h"

struct scheduler {
	TAILQ_HEAD(tenant_list, tenant) tenants; /* with lanes that can run */
	struct lane_list asleep; /* lanes that can run later */
	struct share slots; /* of deliveries in flight */
	uint64_t limited; /* how often a workspace came to be held back by its share; its reader clears it */
};

/* slots: what may be in flight; percent: of it, for one workspace beside others. */
void scheduler_init(struct scheduler *s, size_t slots, int percent);
/* The lane can run; or it can at again_ms; or (INT64_MAX) only when something else happens. */
void scheduler_put(struct scheduler *s, struct lane *l, bool can_run, int64_t again_mono_ms);
/* The next lane that can run and whose workspace may have another slot; it stays. NULL: none. */
struct lane *scheduler_next(struct scheduler *s);
/* What it begins: of the workspace's turn, whether or not it comes to use a slot. */
void scheduler_charge(struct lane *l, size_t bytes);
void scheduler_begun(struct scheduler *s, struct tenant *t); /* takes a slot */
void scheduler_ended(struct scheduler *s, struct tenant *t);
/* No delivery is in flight any more, and all tenants are forgotten. */
void scheduler_clear(struct scheduler *s);
/* Lanes whose time has come are asked again (lane_wake()). */
void scheduler_wake(struct scheduler *s, int64_t now_mono_ms);

#endif
