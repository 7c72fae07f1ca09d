/* See send_queue.h. Invariant: a lane is runnable only while one of its chains is ready and its pace lets one more begin. */
#include "webhook-dispatcher/lanes/send_queue.h"

#include <assert.h>

#include "webhook-dispatcher/lanes/chain.h"
#include "webhook-dispatcher/lanes/feed.h"
#include "webhook-dispatcher/lanes/lane.h"

#define QUANTUM_BYTES  8192 /* of a workspace's turn */
#define DELIVERY_BYTES 512 /* what a delivery costs in addition to its body */

void send_queue_init(struct lane_shared *s, const struct dispatcher_settings *settings, struct journal *journal)
{
	*s = (struct lane_shared){ .settings = settings, .journal = journal };
	fair_queue_init(&s->queue, QUANTUM_BYTES, (size_t)settings->max_in_flight, (int)settings->max_share);
	TAILQ_INIT(&s->in_flight);
}

struct delivery *send_queue_next(struct lane_shared *s, int64_t now_mono_ms)
{
	struct fair_flow *f = s->draining ? NULL : fair_queue_next(&s->queue);
	struct delivery *d;
	struct chain *c;
	struct lane *l;

	if (!f)
		return NULL;
	l = lane_of(f);
	c = TAILQ_FIRST(&l->ready);
	assert(f->runnable && c);
	d = chain_pop(c);
	c->busy = true;
	lane_update(c, now_mono_ms);
	fair_queue_charge(&l->endpoint->workspace->tenant, f, (int64_t)d->event->body.n + DELIVERY_BYTES);
	return d;
}

void send_queue_begin(struct delivery *d, int64_t now_mono_ms)
{
	struct lane *l = d->lane;
	struct lane_shared *s = l->partition->shared;
	const struct pace_limits limits = lane_limits(l);

	d->state = DELIVERY_IN_FLIGHT;
	d->begun_mono_ms = now_mono_ms;
	TAILQ_INSERT_TAIL(&s->in_flight, d, in_list);
	fair_queue_acquire(&s->queue, &l->endpoint->workspace->tenant);
	l->in_flight++;
	pace_begun(&l->pace, &limits, now_mono_ms);
	feed_mark_begun(d->feed, d->event->offset);
	lane_schedule(l, now_mono_ms);
}

void send_queue_skip(struct delivery *d, int64_t now_mono_ms)
{
	struct chain *c = d->chain;

	feed_mark_begun(d->feed, d->event->offset);
	chain_end_delivery(d, END_ABANDONED, 0);
	send_queue_done(c, now_mono_ms);
}

void send_queue_end(struct delivery *d)
{
	struct lane *l = d->lane;

	TAILQ_REMOVE(&l->partition->shared->in_flight, d, in_list);
	fair_queue_release(&l->partition->shared->queue, &l->endpoint->workspace->tenant);
	l->in_flight--;
}

void send_queue_done(struct chain *c, int64_t now_mono_ms)
{
	c->busy = false;
	lane_update(c, now_mono_ms);
}

void send_queue_wake(struct lane_shared *s, int64_t now_mono_ms)
{
	struct fair_flow *next = fair_queue_asleep(&s->queue), *f;

	while ((f = fair_queue_due(&next, now_mono_ms)))
		lane_schedule(lane_of(f), now_mono_ms);
}

size_t send_queue_in_flight(const struct lane_shared *s)
{
	return s->queue.slots.used;
}

void send_queue_clear(struct lane_shared *s)
{
	fair_queue_clear(&s->queue);
}
