/* See scheduler.h. Invariant: a workspace with work is in the list, and keeps its place until it has used up its turn. */
#include "webhook-dispatcher/scheduler.h"

#define QUANTUM_BYTES  8192
#define DELIVERY_BYTES 512 /* what one costs beside its body */

void scheduler_init(struct scheduler *s)
{
	TAILQ_INIT(&s->tenants);
	TAILQ_INIT(&s->asleep);
}

static void lane_remove(struct scheduler *s, struct lane *l)
{
	struct tenant *t = l->endpoint->tenant;

	TAILQ_REMOVE(&t->lanes, l, in_turn);
	if (!TAILQ_EMPTY(&t->lanes))
		return;
	TAILQ_REMOVE(&s->tenants, t, in_turn);
	t->deficit = 0;
}

static void lane_add(struct scheduler *s, struct lane *l)
{
	struct tenant *t = l->endpoint->tenant;

	if (TAILQ_EMPTY(&t->lanes))
		TAILQ_INSERT_TAIL(&s->tenants, t, in_turn);
	TAILQ_INSERT_TAIL(&t->lanes, l, in_turn);
}

void scheduler_put(struct scheduler *s, struct lane *l, bool can_run, int64_t again_mono_ms)
{
	bool asleep = !can_run && again_mono_ms != INT64_MAX;

	if (can_run != l->runnable) {
		if (can_run)
			lane_add(s, l);
		else
			lane_remove(s, l);
		l->runnable = can_run;
	}
	if (asleep != l->asleep) {
		if (asleep)
			TAILQ_INSERT_TAIL(&s->asleep, l, in_asleep);
		else
			TAILQ_REMOVE(&s->asleep, l, in_asleep);
		l->asleep = asleep;
	}
	l->again_mono_ms = again_mono_ms;
}

struct lane *scheduler_next(struct scheduler *s)
{
	struct tenant *t = TAILQ_FIRST(&s->tenants);

	if (!t)
		return NULL;
	while (t->deficit <= 0) {
		t->deficit += QUANTUM_BYTES;
		TAILQ_REMOVE(&s->tenants, t, in_turn);
		TAILQ_INSERT_TAIL(&s->tenants, t, in_turn);
		t = TAILQ_FIRST(&s->tenants);
	}
	return TAILQ_FIRST(&t->lanes);
}

void scheduler_charge(struct lane *l, size_t bytes)
{
	struct tenant *t = l->endpoint->tenant;

	t->deficit -= (int64_t)(bytes + DELIVERY_BYTES);
	if (!l->runnable)
		return;
	TAILQ_REMOVE(&t->lanes, l, in_turn);
	TAILQ_INSERT_TAIL(&t->lanes, l, in_turn);
}

void scheduler_wake(struct scheduler *s, int64_t now_mono_ms)
{
	struct lane *l, *next;

	for (l = TAILQ_FIRST(&s->asleep); l; l = next) {
		next = TAILQ_NEXT(l, in_asleep);
		if (l->again_mono_ms <= now_mono_ms)
			lane_wake(l);
	}
}
