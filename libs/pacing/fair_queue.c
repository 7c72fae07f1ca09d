/* Deficit round robin over tenants; see fair_queue.h. Invariant: a tenant with a runnable flow is in `tenants`, and
 * keeps its position until it has used up its turn. */
#include "pacing/fair_queue.h"

void fair_queue_init(struct fair_queue *q, int64_t quantum, size_t slots, int percent)
{
	TAILQ_INIT(&q->tenants);
	TAILQ_INIT(&q->asleep);
	share_init(&q->slots, slots, percent);
	q->quantum = quantum;
	q->limited = 0;
}

void fair_tenant_init(struct fair_tenant *t)
{
	*t = (struct fair_tenant){ 0 };
	TAILQ_INIT(&t->flows);
}

static void flow_remove(struct fair_queue *q, struct fair_tenant *t, struct fair_flow *f)
{
	TAILQ_REMOVE(&t->flows, f, in_turn);
	if (!TAILQ_EMPTY(&t->flows))
		return;
	TAILQ_REMOVE(&q->tenants, t, in_line);
	t->deficit = 0;
}

static void flow_add(struct fair_queue *q, struct fair_tenant *t, struct fair_flow *f)
{
	if (TAILQ_EMPTY(&t->flows))
		TAILQ_INSERT_TAIL(&q->tenants, t, in_line);
	TAILQ_INSERT_TAIL(&t->flows, f, in_turn);
}

void fair_queue_put(struct fair_queue *q, struct fair_tenant *t, struct fair_flow *f, bool runnable, int64_t wake_ms)
{
	bool asleep = !runnable && wake_ms != FAIR_NEVER;

	if (runnable != f->runnable) {
		if (runnable)
			flow_add(q, t, f);
		else
			flow_remove(q, t, f);
		f->runnable = runnable;
	}
	if (asleep != f->asleep) {
		if (asleep)
			TAILQ_INSERT_TAIL(&q->asleep, f, in_asleep);
		else
			TAILQ_REMOVE(&q->asleep, f, in_asleep);
		f->asleep = asleep;
	}
	f->wake_ms = wake_ms;
}

static bool tenant_is_limited(struct fair_queue *q, struct fair_tenant *t)
{
	bool others = TAILQ_FIRST(&q->tenants) != t || TAILQ_NEXT(t, in_line);

	if (share_admits(&q->slots, t->in_flight, others))
		return false;
	q->limited += !t->limited;
	t->limited = true;
	return true;
}

/* The first tenant that may have another slot. Those before it keep their positions and the rest of their turns. */
static struct fair_tenant *tenant_next(struct fair_queue *q)
{
	struct fair_tenant *t = TAILQ_FIRST(&q->tenants);

	if (q->slots.used == q->slots.slots)
		return NULL;
	while (t && tenant_is_limited(q, t))
		t = TAILQ_NEXT(t, in_line);
	return t;
}

struct fair_flow *fair_queue_next(struct fair_queue *q)
{
	struct fair_tenant *t = tenant_next(q);

	while (t && t->deficit <= 0) {
		t->deficit += q->quantum;
		TAILQ_REMOVE(&q->tenants, t, in_line);
		TAILQ_INSERT_TAIL(&q->tenants, t, in_line);
		t = tenant_next(q);
	}
	return t ? TAILQ_FIRST(&t->flows) : NULL;
}

void fair_queue_charge(struct fair_tenant *t, struct fair_flow *f, int64_t cost)
{
	t->deficit -= cost;
	if (!f->runnable)
		return;
	TAILQ_REMOVE(&t->flows, f, in_turn);
	TAILQ_INSERT_TAIL(&t->flows, f, in_turn);
}

void fair_queue_acquire(struct fair_queue *q, struct fair_tenant *t)
{
	share_acquire(&q->slots, &t->in_flight);
	t->limited = false;
}

void fair_queue_release(struct fair_queue *q, struct fair_tenant *t)
{
	share_release(&q->slots, &t->in_flight);
}

void fair_queue_clear(struct fair_queue *q)
{
	TAILQ_INIT(&q->tenants);
	TAILQ_INIT(&q->asleep);
	q->slots.used = q->slots.holders = 0;
}

struct fair_flow *fair_queue_asleep(const struct fair_queue *q)
{
	return TAILQ_FIRST(&q->asleep);
}

struct fair_flow *fair_queue_due(struct fair_flow **next, int64_t now_ms)
{
	struct fair_flow *f;

	while ((f = *next)) {
		*next = TAILQ_NEXT(f, in_asleep);
		if (f->wake_ms <= now_ms)
			return f;
	}
	return NULL;
}
