/* See chain.h. Invariant: a chain is ready exactly while a delivery waits in it and none of it is in flight; while it has rows, only deliveries
 * of claimed rows wait in it. */
#include "webhook-dispatcher/lanes/chain.h"

#include <stdlib.h>

#include "crypto/ids.h"
#include "webhook-dispatcher/lanes/delivery.h"
#include "webhook-dispatcher/lanes/feed.h"
#include "webhook-dispatcher/lanes/refetch_queue.h"

struct chain *chain_find(const struct lane *l, const struct uuid *key)
{
	return map_get(l->chains, uuid_bytes(key));
}

struct chain *chain_ensure(struct lane *l, const struct uuid *key)
{
	void **slot = map_slot(l->chains, uuid_bytes(key));
	struct chain *c = *slot;

	if (c)
		return c;
	*slot = c = mem_calloc(1, sizeof(*c));
	c->key = *key;
	c->lane = l;
	c->last_row = -1;
	TAILQ_INIT(&c->pending);
	return c;
}

void chain_free(struct chain *c)
{
	struct delivery *d;

	while ((d = TAILQ_FIRST(&c->pending))) {
		TAILQ_REMOVE(&c->pending, d, in_chain);
		delivery_free(d);
	}
	free(c);
}

struct uuid chain_key(const struct feed *f, const struct event *e)
{
	const struct uuid *ordering = f->lane->endpoint->row.ordered ? &e->ordering : &e->id;
	struct uuid key;

	if (!f->replay)
		return *ordering;
	uuid_v8(&key, (struct str[]){ uuid_bytes(&f->replay_uuid), uuid_bytes(ordering) }, 2);
	return key;
}

void chain_add_row(struct chain *c, int64_t offset)
{
	c->rows++;
	c->lane->rows++;
	c->lane->partition->rows++;
	if (offset > c->last_row)
		c->last_row = offset;
}

void chain_drop_row(struct chain *c)
{
	c->rows--;
	c->lane->rows--;
	c->lane->partition->rows--;
}

void chain_push(struct chain *c, struct delivery *d)
{
	struct delivery *before = TAILQ_FIRST(&c->pending);

	d->state = DELIVERY_PENDING;
	c->lane->pending++;
	while (before && (!d->row || (before->row && before->event->offset < d->event->offset)))
		before = TAILQ_NEXT(before, in_chain);
	if (before)
		TAILQ_INSERT_BEFORE(before, d, in_chain);
	else
		TAILQ_INSERT_TAIL(&c->pending, d, in_chain);
}

void chain_remove(struct chain *c, struct delivery *d)
{
	TAILQ_REMOVE(&c->pending, d, in_chain);
	c->lane->pending--;
}

struct delivery *chain_pop(struct chain *c)
{
	struct delivery *d = TAILQ_FIRST(&c->pending);

	chain_remove(c, d);
	return d;
}

void chain_end_delivery(struct delivery *d, enum delivery_end end, int64_t delay_ms)
{
	bool waits = end == END_RETRY || end == END_WAIT, had_row = d->row || d->row_coming;

	if (waits && !had_row)
		chain_add_row(d->chain, d->event->offset);
	if (waits)
		feed_mark_begun(d->feed, d->event->offset);
	if (!waits && had_row)
		chain_drop_row(d->chain);
	d->state = DELIVERY_ENDED;
	d->end = end;
	d->delay_ms = delay_ms;
	TAILQ_INSERT_TAIL(&d->lane->partition->shared->journal->ends, d, in_list);
}

bool chain_spill_delivery(struct delivery *d)
{
	if (d->row || d->row_coming)
		return false;
	d->row_coming = true;
	chain_add_row(d->chain, d->event->offset);
	journal_add_spill(d->lane->partition->shared->journal, d);
	return true;
}

static void chain_set_ready(struct chain *c, bool ready)
{
	if (c->ready == ready)
		return;
	c->ready = ready;
	if (ready)
		TAILQ_INSERT_TAIL(&c->lane->ready, c, in_ready);
	else
		TAILQ_REMOVE(&c->lane->ready, c, in_ready);
}

/* Ends the pending deliveries that have a row, or (rows false) those without: all of them wait in the retry queue then. */
static void chain_end_pending(struct chain *c, bool rows)
{
	struct delivery *d, *next;

	for (d = TAILQ_FIRST(&c->pending); d; d = next) {
		next = TAILQ_NEXT(d, in_chain);
		if ((d->row != 0) != rows)
			continue;
		chain_remove(c, d);
		chain_end_delivery(d, END_WAIT, RETRY_WAITS);
	}
}

void chain_unclaim(struct chain *c)
{
	refetch_queue_unclaim(c);
	chain_end_pending(c, true);
}

void chain_update(struct chain *c)
{
	const struct delivery *first;

	if (c->rows > 0) /* a delivery behind a row never waits in memory: it becomes a row, too */
		chain_end_pending(c, false);
	first = TAILQ_FIRST(&c->pending);
	chain_set_ready(c, first && !c->busy);
	if (!first && !c->busy && c->rows == 0 && c->refetching == 0) {
		map_del(c->lane->chains, uuid_bytes(&c->key));
		free(c);
	}
}
