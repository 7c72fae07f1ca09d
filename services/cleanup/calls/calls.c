/* See calls.h: which call is sent next.
 *
 *   calls_add() ──► starts  ── one a second ──┐
 *              ├──► others  ──────────────────┴── CALLS_IN_FLIGHT of an instance ──► request ──► done()
 *              └──► passing ───────────────────────────────────────────────────────────┘
 *
 * Invariant: only the timer's callback begins calls, and it leaves those that are added meanwhile for its next one, so
 * that a done() that adds a call does not keep the loop from its descriptors. */
#include "cleanup/calls/private.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"

static void pending_wait(struct pending *p, struct pending_list *list)
{
	p->list = list;
	TAILQ_INSERT_TAIL(list, p, in_list);
}

static void pending_leave(struct pending *p)
{
	TAILQ_REMOVE(p->list, p, in_list);
	p->list = NULL;
}

/* The oldest of those that may begin. */
static struct pending *queue_next(const struct calls_queue *q, int64_t now_ms)
{
	struct pending *start = TAILQ_FIRST(&q->starts), *other = TAILQ_FIRST(&q->others);

	if (q->n_in_flight >= CALLS_IN_FLIGHT)
		return NULL;
	if (!start || now_ms < q->next_start_mono_ms)
		return other;
	return other && other->number < start->number ? other : start;
}

static void queue_run(struct calls_queue *q, uint64_t until)
{
	int64_t now_ms = clock_mono_ms();
	struct pending *p;

	while ((p = queue_next(q, now_ms)) && p->number < until) {
		bool starts = call_starts_session(p->call.action);

		pending_leave(p);
		if (pending_begin(p) && starts)
			q->next_start_mono_ms = clock_mono_ms() + CALLS_START_MS;
	}
}

static void passing_run(struct calls *c, uint64_t until)
{
	struct pending *p;

	while ((p = TAILQ_FIRST(&c->passing)) && p->number < until) {
		pending_leave(p);
		if (p->over_limit)
			pending_refuse(p, BRIDGE_BUSY, "too many calls wait for the instance");
		else
			pending_begin(p);
	}
}

/* Until the queue's next call may begin: INT64_MAX when it waits for an answer or has none. */
static int64_t queue_wait_ms(const struct calls_queue *q, int64_t now_ms)
{
	if (queue_next(q, now_ms))
		return 0;
	if (q->n_in_flight >= CALLS_IN_FLIGHT || TAILQ_EMPTY(&q->starts))
		return INT64_MAX;
	return q->next_start_mono_ms - now_ms;
}

static void calls_schedule(struct calls *c)
{
	int64_t wait_ms = TAILQ_EMPTY(&c->passing) ? INT64_MAX : 0, now_ms = clock_mono_ms();
	const struct calls_queue *q;

	TAILQ_FOREACH (q, &c->queues, in_queues)
		if (queue_wait_ms(q, now_ms) < wait_ms)
			wait_ms = queue_wait_ms(q, now_ms);
	loop_timer_set(c->timer, wait_ms == INT64_MAX ? -1 : wait_ms);
}

static void calls_run(void *ctx)
{
	struct calls *c = ctx;
	uint64_t until = c->n_added;
	struct calls_queue *q;

	passing_run(c, until);
	TAILQ_FOREACH (q, &c->queues, in_queues)
		queue_run(q, until);
	calls_schedule(c);
}

static struct str index_key(const int64_t *index)
{
	return (struct str){ (const char *)index, sizeof(*index) };
}

static struct calls_queue *queue_of(struct calls *c, int64_t index)
{
	struct calls_queue *q = map_get(c->queues_by_index, index_key(&index));

	if (q)
		return q;
	q = mem_calloc(1, sizeof(*q));
	q->index = index;
	TAILQ_INIT(&q->starts);
	TAILQ_INIT(&q->others);
	TAILQ_INSERT_TAIL(&c->queues, q, in_queues);
	*map_slot(c->queues_by_index, index_key(&index)) = q;
	return q;
}

static struct pending_list *list_of(struct calls *c, const struct pending *p)
{
	if (p->over_limit || call_passes_queue(p->call.action))
		return &c->passing;
	return call_starts_session(p->call.action) ? &p->queue->starts : &p->queue->others;
}

void calls_add(struct calls *c, int64_t index, const struct bridge_instance *at, const struct bridge_call *call,
	call_done_fn done, void *ctx)
{
	struct pending *p = pending_new(at, call);

	p->calls = c;
	p->queue = queue_of(c, index);
	p->over_limit = p->queue->n_pending >= CALLS_PENDING_MAX && !call_passes_queue(call->action);
	p->number = c->n_added++;
	p->done = done;
	p->ctx = ctx;
	p->queue->n_pending++;
	c->n_pending++;
	TAILQ_INSERT_TAIL(&c->all, p, in_all);
	pending_wait(p, list_of(c, p));
	loop_timer_set(c->timer, 0);
}

void calls_abort(struct calls *c)
{
	uint64_t until = c->n_added;
	struct pending *p;

	while ((p = TAILQ_FIRST(&c->all)) && p->number < until) {
		if (p->request) {
			sender_pool_abort(c->options.senders, p->request);
			continue;
		}
		pending_leave(p);
		pending_refuse(p, BRIDGE_BUSY, "aborted");
	}
}

static void list_refuse(struct pending_list *list, uint64_t until)
{
	struct pending *p;

	while ((p = TAILQ_FIRST(list)) && p->number < until) {
		pending_leave(p);
		pending_refuse(p, BRIDGE_BUSY, "this replica ends");
	}
}

void calls_drain(struct calls *c)
{
	uint64_t until = c->n_added;
	struct calls_queue *q;

	list_refuse(&c->passing, until);
	TAILQ_FOREACH (q, &c->queues, in_queues) {
		list_refuse(&q->starts, until);
		list_refuse(&q->others, until);
	}
}

size_t calls_pending(const struct calls *c, int64_t index)
{
	const struct calls_queue *q = map_get(c->queues_by_index, index_key(&index));

	if (index == -1)
		return c->n_pending;
	return q ? q->n_pending : 0;
}

struct calls *calls_new(const struct calls_options *options)
{
	struct calls *c = mem_calloc(1, sizeof(*c));

	c->options = *options;
	c->timer = loop_timer_new(options->loop, calls_run, c);
	c->queues_by_index = map_new();
	TAILQ_INIT(&c->queues);
	TAILQ_INIT(&c->all);
	TAILQ_INIT(&c->passing);
	return c;
}

void calls_free(struct calls *c)
{
	struct calls_queue *q;

	if (!c)
		return;
	assert(c->n_pending == 0);
	while ((q = TAILQ_FIRST(&c->queues))) {
		TAILQ_REMOVE(&c->queues, q, in_queues);
		free(q);
	}
	map_free(c->queues_by_index);
	loop_timer_free(c->timer);
	free(c);
}
