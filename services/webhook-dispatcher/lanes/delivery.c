/* See delivery.h. Invariant: a delivery is freed once: by the journal that has its end, or, if its row is still to be written by another
 * journal, by that one. */
#include "webhook-dispatcher/lanes/delivery.h"

#include <stdlib.h>

#include "webhook-dispatcher/lanes/feed.h"

struct delivery *delivery_new(struct feed *f, struct chain *c, struct event *e, enum delivery_hold hold)
{
	struct delivery *d = mem_calloc(1, sizeof(*d));

	d->event = event_ref(e);
	d->lane = c->lane;
	d->feed = f;
	d->chain = c;
	d->key = c->key;
	d->endpoint = c->lane->endpoint->row.uuid;
	d->hold = hold;
	d->matched_before = f ? f->matched : 0;
	if (hold == HOLDS_PARTITION)
		TAILQ_INSERT_TAIL(&e->deliveries, d, in_hold);
	else if (hold == HOLDS_FEED)
		TAILQ_INSERT_TAIL(&f->held, d, in_hold);
	return d;
}

void delivery_release_hold(struct delivery *d)
{
	enum delivery_hold hold = d->hold;

	d->hold = HOLDS_NOTHING;
	if (hold == HOLDS_PARTITION)
		TAILQ_REMOVE(&d->event->deliveries, d, in_hold);
	if (hold == HOLDS_FEED) {
		TAILQ_REMOVE(&d->feed->held, d, in_hold);
		feed_mark_dirty(d->feed);
		d->feed = NULL; /* the replay may end before this delivery does */
	}
}

static struct str row_key(const struct delivery *d)
{
	return (struct str){ (const char *)&d->row, sizeof(d->row) };
}

void delivery_set_row(struct delivery *d, int64_t row)
{
	d->row = row;
	*map_slot(d->lane->partition->by_row, row_key(d)) = d;
}

void delivery_detach(struct delivery *d)
{
	delivery_release_hold(d);
	if (d->row && d->lane)
		map_del(d->lane->partition->by_row, row_key(d));
	d->lane = NULL;
	d->chain = NULL;
	d->feed = NULL;
}

void delivery_free(struct delivery *d)
{
	delivery_detach(d);
	event_unref(d->event);
	free(d);
}

/* Whether the rows were written or not, no delivery waits for them any more. */
static void spills_release(struct journal *j)
{
	for (size_t i = 0; i < j->spills.n; i++) {
		struct delivery *d = ITEMS(&j->spills, struct delivery *)[i];

		d->row_coming = false;
		if (!d->lane && d->state == DELIVERY_ENDED)
			delivery_free(d);
	}
	j->spills.n = 0;
}

void deliveries_release(struct journal *j)
{
	struct delivery *d;

	spills_release(j);
	while ((d = TAILQ_FIRST(&j->ends))) {
		TAILQ_REMOVE(&j->ends, d, in_list);
		if (d->row_coming)
			delivery_detach(d); /* spills_release() of the journal that writes its row frees it */
		else
			delivery_free(d);
	}
}
