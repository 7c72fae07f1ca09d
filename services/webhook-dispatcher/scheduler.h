/* Whose delivery is begun next: deficit round robin over workspaces, round robin over the lanes of each (Shreedhar and Varghese, 1995).
 * A workspace's cost is what it sends, so that neither many events nor large ones take another's turn. */
#ifndef WEBHOOK_DISPATCHER_SCHEDULER_H
#define WEBHOOK_DISPATCHER_SCHEDULER_H

#include "webhook-dispatcher/flow.h"

struct scheduler {
	TAILQ_HEAD(tenant_list, tenant) tenants; /* with lanes that can run */
	struct lane_list asleep; /* lanes that can run later */
};

void scheduler_init(struct scheduler *s);
/* The lane can run; or it can at again_ms; or (INT64_MAX) only when something else happens. */
void scheduler_put(struct scheduler *s, struct lane *l, bool can_run, int64_t again_mono_ms);
/* The next lane that can run; it stays. NULL: none. */
struct lane *scheduler_next(struct scheduler *s);
/* What it began. */
void scheduler_charge(struct lane *l, size_t bytes);
/* Lanes whose time has come are asked again (lane_wake()). */
void scheduler_wake(struct scheduler *s, int64_t now_mono_ms);

#endif
