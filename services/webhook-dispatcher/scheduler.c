/* See scheduler.h. Invariant: a workspace with work is in the list, and keeps its place until it has used up its turn. */
#include "webhook-dispatcher/scheduler.h"

#define QUANTUM_BYTES  8192
#define DELIVERY_BYTES 512 /* what one costs beside its body */

void scheduler_init(struct scheduler *s, size_t slots, int percent)
{
	TAILQ_INIT(&s->tenants);
	TAILQ_INIT(&s->asleep);
	share_init(&s->slots, slots, percent);
	s->limited = 0;
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

static bool tenant_is_limited(struct scheduler *s, struct tenant *t)
{
	bool others = TAILQ_FIRST(&s->tenants) != t || TAILQ_NEXT(t, in_turn);

	if (share_admits(&s->slots, t->in_flight, others))
		return false;
	s->limited += !t->limited;
	t->limited = true;
	return true;
}

/* The first that may have another slot. Those before it keep their places and what is left of their turns. */
static struct tenant *tenant_next(struct scheduler *s)
{
	struct tenant *t = TAILQ_FIRST(&s->tenants);

	if (s->slots.used == s->slots.slots)
		return NULL;
	while (t && tenant_is_limited(s, t))
		t = TAILQ_NEXT(t, in_turn);
	return t;
}

struct lane *scheduler_next(struct scheduler *s)
{
	struct tenant *t = tenant_next(s);

	while (t && t->deficit <= 0) {
		t->deficit += QUANTUM_BYTES;
		TAILQ_REMOVE(&s->tenants, t, in_turn);
		TAILQ_INSERT_TAIL(&s->tenants, t, in_turn);
		t = tenant_next(s);
	}
	return t ? TAILQ_FIRST(&t->lanes) : NULL;
}

void scheduler_begun(struct scheduler *s, struct tenant *t)
{
	share_take(&s->slots, &t->in_flight);
	t->limited = false;
}

void scheduler_ended(struct scheduler *s, struct tenant *t)
{
	share_release(&s->slots, &t->in_flight);
}

void scheduler_clear(struct scheduler *s)
{
	s->slots.used = s->slots.holders = 0;
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
