/* See lane_state.h. Invariant: when a lane falls behind, each of its deliveries has a row, or becomes one, or is read again from the position that
 * is saved. */
#include "webhook-dispatcher/lanes/lane_state.h"

#include "base/log.h"
#include "webhook-dispatcher/lanes/chain.h"
#include "webhook-dispatcher/lanes/delivery.h"
#include "webhook-dispatcher/lanes/feed.h"
#include "webhook-dispatcher/lanes/lane.h"

/* The position that is saved next is ahead of deliveries in flight: without rows, a crash would lose these. */
static void lane_spill_in_flight(struct lane *l, int64_t now_mono_ms)
{
	struct delivery *d;

	TAILQ_FOREACH (d, &l->partition->shared->in_flight, in_list)
		if (d->lane == l && d->hold != HOLDS_NOTHING)
			lane_spill(d, now_mono_ms);
}

/* Returns claimed rows to the retry queue: the oldest is due when the breaker's pause ends, the others wait behind it. */
static void chain_postpone_rows(struct chain *c, int64_t now_mono_ms)
{
	int64_t pause = c->lane->pace.paused_until - now_mono_ms;
	struct delivery *d = TAILQ_FIRST(&c->pending);

	if (d && d->row && !c->busy && c->lane->endpoint->live) {
		chain_remove(c, d);
		chain_end_delivery(d, END_RETRY, pause > 0 ? pause : 0);
	}
	chain_unclaim(c);
}

/* Pending deliveries below the resume offset become rows, the others are discarded and read again. Claimed rows return to the retry queue when
 * no request may be sent for now. */
static void chain_fall_behind(struct chain *c, int64_t now_mono_ms)
{
	const struct lane *l = c->lane;
	struct delivery *d, *next;

	if (!l->endpoint->live || pace_is_open(&l->pace))
		chain_postpone_rows(c, now_mono_ms);
	for (d = TAILQ_FIRST(&c->pending); d; d = next) {
		next = TAILQ_NEXT(d, in_chain);
		if (d->row)
			continue;
		chain_remove(c, d);
		if (d->event->offset < feed_resume_offset(d->feed)) {
			chain_end_delivery(d, c->busy || c->rows > 0 || !l->endpoint->live ? END_WAIT : END_RETRY, 0);
		} else {
			d->feed->matched--; /* it counts again when it is read again */
			delivery_free(d);
		}
	}
}

void lane_fall_behind(struct lane *l, int64_t now_mono_ms)
{
	struct str key;
	struct feed *f;
	void *chain;
	size_t i = 0;

	lane_spill_in_flight(l, now_mono_ms);
	while (map_each(l->chains, &i, &key, &chain))
		chain_fall_behind(chain, now_mono_ms);
	for (i = 0; map_each(l->chains, &i, &key, &chain);)
		lane_update(chain, now_mono_ms);
	if (l->state == LANE_LIVE)
		log_info("endpoint falls behind", LOG_I("endpoint_id", l->endpoint->row.id),
			LOG_I("partition", l->partition->number), LOG_I("offset", feed_resume_offset(&l->stream)),
			LOG_I("retry_rows", l->rows));
	l->state = LANE_BEHIND;
	l->live_from = POSITION_NOT_LIVE;
	feed_rewind(&l->stream, feed_resume_offset(&l->stream));
	TAILQ_FOREACH (f, &l->replays, in_lane)
		feed_rewind(f, feed_resume_offset(f));
}

void lane_go_live(struct lane *l)
{
	struct feed *f = &l->stream;

	l->state = LANE_LIVE;
	l->live_from = l->partition->read;
	f->skip_from = f->skip_to = 0;
	f->scanning = false;
	log_info("endpoint has caught up", LOG_I("endpoint_id", l->endpoint->row.id),
		LOG_I("partition", l->partition->number), LOG_I("offset", l->live_from));
	feed_update(f);
	feed_mark_dirty(f);
}

void lane_load_position(struct lane *l, const struct position_row *row)
{
	struct feed *f = &l->stream;

	l->state = LANE_BEHIND;
	f->position = row->next_offset;
	f->begun_offset = row->next_offset - 1;
	if (row->live_from != POSITION_NOT_LIVE) {
		f->skip_from = row->live_from;
		f->skip_to = l->partition->committed;
	}
	f->saved = true;
	f->saved_offset = row->next_offset;
	f->saved_live_from = row->live_from;
	feed_update(f);
}

void lane_endpoint_changed(struct lane *l, int64_t now_mono_ms)
{
	struct feed *f;

	if (!l->endpoint->live)
		lane_fall_behind(l, now_mono_ms);
	feed_update(&l->stream);
	TAILQ_FOREACH (f, &l->replays, in_lane)
		feed_update(f);
	lane_schedule(l, now_mono_ms);
}

bool lane_position(const struct lane *l, int64_t *next_offset, int64_t *live_from)
{
	if (l->state == LANE_LIVE && TAILQ_EMPTY(&l->stream.held))
		return false;
	*next_offset = feed_offset(&l->stream);
	*live_from = l->live_from;
	return true;
}
