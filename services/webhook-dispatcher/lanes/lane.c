/* See lane.h. Invariant: while a lane is behind, it admits events of the live stream only from the catch-up reader, in order. */
#include "webhook-dispatcher/lanes/lane.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/log.h"
#include "webhook-dispatcher/lanes/chain.h"
#include "webhook-dispatcher/lanes/delivery.h"
#include "webhook-dispatcher/lanes/feed.h"
#include "webhook-dispatcher/lanes/refetch_queue.h"

#define POSTPONE_MS 5000 /* of a due row whose lane is full */

struct lane *lane_new(struct partition *p, struct endpoint *e)
{
	struct lane *l = mem_calloc(1, sizeof(*l));

	l->partition = p;
	l->endpoint = e;
	l->chains = map_new();
	l->live_from = POSITION_NOT_LIVE;
	TAILQ_INIT(&l->ready);
	TAILQ_INIT(&l->replays);
	feed_init(&l->stream, l, NULL, NULL);
	return l;
}

struct lane *lane_of(struct fair_flow *f)
{
	return (struct lane *)(void *)((char *)f - offsetof(struct lane, flow));
}

static void lane_put(struct lane *l, bool runnable, int64_t again_mono_ms)
{
	fair_queue_put(&l->partition->shared->queue, &l->endpoint->workspace->tenant, &l->flow, runnable,
		again_mono_ms);
}

void lane_free(struct lane *l)
{
	struct feed *f;
	struct str key;
	void *chain;
	size_t i = 0;

	while (map_each(l->chains, &i, &key, &chain))
		chain_free(chain);
	while ((f = TAILQ_FIRST(&l->replays))) {
		TAILQ_REMOVE(&l->replays, f, in_lane);
		feed_fini(f);
		free(f);
	}
	feed_fini(&l->stream);
	lane_put(l, false, FAIR_NEVER);
	map_free(l->chains);
	free(l);
}

/* Running */

struct pace_limits lane_limits(const struct lane *l)
{
	const struct dispatcher_settings *s = l->partition->shared->settings;

	return (struct pace_limits){ l->endpoint->row.rate, l->endpoint->row.max_in_flight,
		(int32_t)s->breaker_failures, s->breaker_min_ms, s->breaker_max_ms };
}

void lane_schedule(struct lane *l, int64_t now_mono_ms)
{
	const struct pace_limits limits = lane_limits(l);
	int64_t again = FAIR_NEVER;
	bool can = l->endpoint->live && !TAILQ_EMPTY(&l->ready) &&
		pace_room(&l->pace, &limits, (int32_t)l->in_flight, now_mono_ms, &again) > 0;

	lane_put(l, can, again);
}

void lane_update(struct chain *c, int64_t now_mono_ms)
{
	struct lane *l = c->lane;

	chain_update(c);
	lane_schedule(l, now_mono_ms);
}

void lane_spill(struct delivery *d, int64_t now_mono_ms)
{
	if (chain_spill_delivery(d))
		lane_update(d->chain, now_mono_ms);
}

/* Admission */

bool lane_is_duplicate(const struct feed *f, const struct event *e)
{
	const struct uuid key = chain_key(f, e);
	const struct chain *c = chain_find(f->lane, &key);

	return c && c->rows > 0 && e->offset <= c->last_row;
}

void lane_admit(struct feed *f, struct event *e, enum delivery_hold hold, int64_t now_mono_ms)
{
	const struct uuid key = chain_key(f, e);
	struct chain *c = chain_of(f->lane, &key);

	f->lane->admitted_mono_ms = e->read_mono_ms;
	chain_push(c, delivery_new(f, c, e, hold));
	lane_update(c, now_mono_ms);
}

void lane_admit_row(struct lane *l, struct event *e, const struct retry_row *row, int64_t now_mono_ms)
{
	struct chain *c = chain_of(l, &row->ordering_key);
	struct delivery *d = delivery_new(NULL, c, e, HOLDS_NOTHING);

	d->retries = row->last_error.p ? row->retry_count + 1 : 0; /* a row without an error was never attempted */
	delivery_set_row(d, row->id);
	if (c->rows == 0) /* an operator revived it after the partition was acquired */
		chain_add_row(c, e->offset);
	chain_push(c, d);
	lane_update(c, now_mono_ms);
}

void lane_admit_refetched(struct refetch_row *queued, struct event *e, int64_t now_mono_ms)
{
	struct lane *l = queued->chain->lane;
	struct retry_row row = queued->row;

	refetch_queue_remove(l->partition, queued);
	lane_admit_row(l, e, &row, now_mono_ms);
}

void lane_fail_refetch(struct refetch_row *queued, const char *why, int64_t now_mono_ms)
{
	struct lane *l = queued->chain->lane;
	const struct uuid key = queued->chain->key;

	journal_add_result(l->partition->shared->journal, &queued->row, RETRY_FAILED, 0, why);
	refetch_queue_remove(l->partition, queued);
	lane_drop_row(l, &key, now_mono_ms);
}

void lane_drop_row(struct lane *l, const struct uuid *key, int64_t now_mono_ms)
{
	struct chain *c = chain_of(l, key);

	if (c->rows > 0)
		chain_drop_row(c);
	lane_update(c, now_mono_ms);
}

/* Whether deliveries of the chain are in memory: a further row follows them. */
static bool chain_is_in_memory(const struct chain *c)
{
	return c && (c->busy || c->refetching > 0 || !TAILQ_EMPTY(&c->waiting));
}

int64_t lane_row_delay_ms(const struct lane *l, const struct uuid *key, int64_t now_mono_ms)
{
	if (!l->endpoint->live)
		return RETRY_WAITS;
	if (chain_is_in_memory(chain_find(l, key)))
		return 0;
	if (pace_is_paused(&l->pace, now_mono_ms))
		return l->pace.paused_until - now_mono_ms;
	return l->waiting + l->refetching < (size_t)l->partition->shared->settings->endpoint_waiting ? 0 : POSTPONE_MS;
}

/* How many deliveries may wait in memory: each may have to become a row. */
static int64_t lane_max_waiting(const struct lane *l)
{
	const struct dispatcher_settings *s = l->partition->shared->settings;
	int64_t rows_left = s->endpoint_rows - l->rows;

	return rows_left < s->endpoint_waiting ? rows_left : s->endpoint_waiting;
}

bool lane_has_room(const struct lane *l)
{
	return (int64_t)l->waiting < lane_max_waiting(l);
}

bool lane_is_crowded(const struct lane *l)
{
	return (int64_t)l->waiting * 2 > lane_max_waiting(l);
}

/* Behind */

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
	struct delivery *d = TAILQ_FIRST(&c->waiting);

	if (d && d->row && !c->busy && c->lane->endpoint->live) {
		chain_remove(c, d);
		chain_end_delivery(d, END_RETRY, pause > 0 ? pause : 0);
	}
	chain_unclaim(c);
}

/* Waiting deliveries below the resume offset become rows, the others are discarded and read again. Claimed rows return to the retry queue when
 * no request may be sent for now. */
static void chain_fall_behind(struct chain *c, int64_t now_mono_ms)
{
	const struct lane *l = c->lane;
	struct delivery *d, *next;

	if (!l->endpoint->live || pace_is_open(&l->pace))
		chain_postpone_rows(c, now_mono_ms);
	for (d = TAILQ_FIRST(&c->waiting); d; d = next) {
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

/* Replays */

void lane_add_feed(struct lane *l, struct feed *f)
{
	TAILQ_INSERT_TAIL(&l->replays, f, in_lane);
	feed_update(f);
}

void lane_remove_feed(struct feed *f, int64_t now_mono_ms)
{
	struct delivery *d;
	struct chain *c;

	while ((d = TAILQ_FIRST(&f->held))) {
		delivery_release_hold(d);
		if (d->state != DELIVERY_WAITING)
			continue;
		c = d->chain;
		chain_remove(c, d);
		delivery_free(d);
		lane_update(c, now_mono_ms);
	}
	TAILQ_REMOVE(&f->lane->replays, f, in_lane);
	feed_fini(f);
	free(f);
}
