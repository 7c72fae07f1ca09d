/* One endpoint in one partition; see flow.h. */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/ids.h"
#include "webhook-dispatcher/dispatcher.h"
#include "webhook-dispatcher/replay.h"

struct lane *lane_new(struct partition *p, struct endpoint *e)
{
	struct lane *l = mem_calloc(1, sizeof(*l));

	l->partition = p;
	l->endpoint = e;
	l->chains = map_new();
	l->live_from = POSITION_NOT_LIVE;
	TAILQ_INIT(&l->ready);
	TAILQ_INIT(&l->replays);
	feed_init(&l->stream, l, NULL);
	return l;
}

struct lane *lane_of(struct fair_flow *f)
{
	return (struct lane *)(void *)((char *)f - offsetof(struct lane, flow));
}

static void chain_free(struct chain *c)
{
	struct delivery *d;

	while ((d = TAILQ_FIRST(&c->waiting))) {
		TAILQ_REMOVE(&c->waiting, d, in_chain);
		delivery_let_go(d);
		delivery_free(d);
	}
	free(c);
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
	fair_queue_put(&l->partition->d->queue, &l->endpoint->workspace->tenant, &l->flow, false, FAIR_NEVER);
	map_free(l->chains);
	free(l);
}

/* Chains */

struct chain *lane_chain(struct lane *l, const struct uuid *key)
{
	void **slot = map_slot(l->chains, uuid_bytes(key));
	struct chain *c = *slot;

	if (c)
		return c;
	*slot = c = mem_calloc(1, sizeof(*c));
	c->key = *key;
	c->lane = l;
	c->last_row = -1;
	TAILQ_INIT(&c->waiting);
	return c;
}

/* A replay keeps an order of its own: it never waits for the live stream, nor that for it. */
static struct uuid chain_key(const struct feed *f, const struct event *e)
{
	const struct uuid *ordering = f->lane->endpoint->row.ordered ? &e->ordering : &e->id;
	struct uuid key;

	if (!f->replay)
		return *ordering;
	uuid_v8(&key, (struct str[]){ uuid_bytes(&f->replay->uuid), uuid_bytes(ordering) }, 2);
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

/* Rows come before everything else, in the order of their offsets. */
static void chain_wait(struct chain *c, struct delivery *d)
{
	struct delivery *before = TAILQ_FIRST(&c->waiting);

	d->state = DELIVERY_WAITING;
	c->lane->waiting++;
	while (before && (!d->row || (before->row && before->event->offset < d->event->offset)))
		before = TAILQ_NEXT(before, in_chain);
	if (before)
		TAILQ_INSERT_BEFORE(before, d, in_chain);
	else
		TAILQ_INSERT_TAIL(&c->waiting, d, in_chain);
}

static struct delivery *chain_pop(struct chain *c)
{
	struct delivery *d = TAILQ_FIRST(&c->waiting);

	TAILQ_REMOVE(&c->waiting, d, in_chain);
	c->lane->waiting--;
	return d;
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

/* Rows, or what has none, waits in the retry queue. */
static void chain_end_waiting(struct chain *c, bool rows)
{
	struct delivery *d, *next;

	for (d = TAILQ_FIRST(&c->waiting); d; d = next) {
		next = TAILQ_NEXT(d, in_chain);
		if ((d->row != 0) != rows)
			continue;
		TAILQ_REMOVE(&c->waiting, d, in_chain);
		c->lane->waiting--;
		delivery_end(d, END_WAIT, RETRY_WAITS);
	}
}

void chain_give_back(struct chain *c)
{
	refetch_give_back(c);
	chain_end_waiting(c, true);
}

void chain_settle(struct chain *c)
{
	struct lane *l = c->lane;
	struct delivery *first;

	if (c->rows > 0) /* behind a row nothing waits in memory: it becomes a row, too */
		chain_end_waiting(c, false);
	first = TAILQ_FIRST(&c->waiting);
	chain_set_ready(c, first && !c->busy);
	if (!first && !c->busy && c->rows == 0 && c->wanted == 0) {
		map_del(l->chains, uuid_bytes(&c->key));
		free(c);
	}
	lane_wake(l);
}

/* Admission */

bool lane_has(const struct feed *f, const struct event *e)
{
	const struct uuid key = chain_key(f, e);
	const struct chain *c = map_get(f->lane->chains, uuid_bytes(&key));

	return c && c->rows > 0 && e->offset <= c->last_row;
}

void lane_admit(struct feed *f, struct event *e, enum delivery_hold hold)
{
	const struct uuid key = chain_key(f, e);
	struct chain *c = lane_chain(f->lane, &key);

	f->lane->admitted_mono_ms = e->read_mono_ms;
	chain_wait(c, delivery_new(f, c, e, hold));
	chain_settle(c);
}

void lane_admit_row(struct lane *l, struct event *e, const struct retry_row *row)
{
	struct chain *c = lane_chain(l, &row->ordering_key);
	struct delivery *d = delivery_new(NULL, c, e, HOLDS_NOTHING);

	d->row = row->id;
	d->retries = row->last_error.p ? row->retry_count + 1 : 0; /* without an error it has only waited */
	*map_slot(l->partition->by_row, (struct str){ (const char *)&d->row, sizeof(d->row) }) = d;
	if (c->rows == 0) /* revived since the partition was taken over */
		chain_add_row(c, e->offset);
	chain_wait(c, d);
	chain_settle(c);
}

/* How many may wait in memory: each may have to become a row. */
static int64_t lane_most_waiting(const struct lane *l)
{
	const struct dispatcher_settings *s = l->partition->d->settings;
	int64_t rows_left = s->endpoint_rows - l->rows;

	return rows_left < s->endpoint_waiting ? rows_left : s->endpoint_waiting;
}

bool lane_has_room(const struct lane *l)
{
	return (int64_t)l->waiting < lane_most_waiting(l);
}

bool lane_is_crowded(const struct lane *l)
{
	return (int64_t)l->waiting * 2 > lane_most_waiting(l);
}

/* Running */

struct pace_limits lane_limits(const struct lane *l)
{
	const struct dispatcher_settings *s = l->partition->d->settings;

	return (struct pace_limits){ l->endpoint->row.rate, l->endpoint->row.max_in_flight,
		(int32_t)s->breaker_failures, s->breaker_min_ms, s->breaker_max_ms };
}

void lane_wake(struct lane *l)
{
	const struct pace_limits limits = lane_limits(l);
	int64_t again = FAIR_NEVER;
	bool can = l->endpoint->live && !TAILQ_EMPTY(&l->ready) &&
		pace_room(&l->pace, &limits, (int32_t)l->flying, clock_mono_ms(), &again) > 0;

	fair_queue_put(&l->partition->d->queue, &l->endpoint->workspace->tenant, &l->flow, can, again);
}

struct delivery *lane_next(struct lane *l)
{
	struct chain *c = TAILQ_FIRST(&l->ready);
	struct delivery *d;

	assert(l->flow.runnable && c);
	d = chain_pop(c);
	c->busy = true;
	chain_settle(c);
	return d;
}

/* Behind */

void feed_init(struct feed *f, struct lane *l, struct replay *replay)
{
	f->lane = l;
	f->replay = replay;
	f->begun_offset = NONE_BEGUN;
	TAILQ_INIT(&f->held);
}

void feed_fini(struct feed *f)
{
	struct partition *p = f->lane->partition;

	if (f->catching)
		TAILQ_REMOVE(&p->catching, f, in_catching);
	if (f->touched)
		TAILQ_REMOVE(&p->touched, f, in_touched);
}

void feed_passed(struct feed *f, const struct delivery *d)
{
	if (f && d->event->offset > f->begun_offset)
		f->begun_offset = d->event->offset;
}

void feed_touch(struct feed *f)
{
	if (f->touched)
		return;
	f->touched = true;
	TAILQ_INSERT_TAIL(&f->lane->partition->touched, f, in_touched);
}

int64_t feed_offset(const struct feed *f)
{
	const struct delivery *first = TAILQ_FIRST(&f->held);

	return first ? first->event->offset : f->position;
}

bool feed_is_through(const struct feed *f)
{
	return f->position >= f->until && TAILQ_EMPTY(&f->held);
}

static bool feed_has_work(const struct feed *f)
{
	if (!TAILQ_EMPTY(&f->held))
		return true;
	return f->replay ? f->position < f->until : f->lane->state == LANE_BEHIND;
}

void feed_settled(struct feed *f)
{
	struct partition *p = f->lane->partition;
	bool catching = f->lane->endpoint->live && feed_has_work(f);

	if (catching == f->catching)
		return;
	f->catching = catching;
	if (catching)
		TAILQ_INSERT_TAIL(&p->catching, f, in_catching);
	else
		TAILQ_REMOVE(&p->catching, f, in_catching);
}

/* The positions are past what is under way, whether the window or a feed waits for it: it needs rows, or a kill would lose it. */
static void flying_spill(struct lane *l)
{
	struct delivery *d;

	TAILQ_FOREACH (d, &l->partition->d->flying, in_list)
		if (d->lane == l && d->hold != HOLDS_NOTHING)
			delivery_spill(d);
}

static void feed_fall_back(struct feed *f, int64_t position)
{
	f->position = position;
	f->begun_offset = position - 1;
	f->on_pass = false;
	feed_touch(f);
	feed_settled(f);
}

/* The oldest row that was taken up is due again when the endpoint may be asked again; what is behind it waits. */
static void chain_rows_back(struct chain *c)
{
	int64_t pause = c->lane->pace.paused_until - clock_mono_ms();
	struct delivery *d = TAILQ_FIRST(&c->waiting);

	if (d && d->row && !c->busy && c->lane->endpoint->live) {
		TAILQ_REMOVE(&c->waiting, d, in_chain);
		c->lane->waiting--;
		delivery_end(d, END_RETRY, pause > 0 ? pause : 0);
	}
	chain_give_back(c);
}

/* One past the highest offset begun; what PostgreSQL holds when none was. */
static int64_t fall_position(const struct feed *f)
{
	if (f->begun_offset != NONE_BEGUN)
		return f->begun_offset + 1;
	return f->lane->partition->committed < 0 ? 0 : f->lane->partition->committed;
}

/* What was not begun: below the position it becomes a row, beyond it is read again. Rows that were taken up go back when nothing is sent
 * for now. */
static void chain_fall_behind(struct chain *c)
{
	const struct lane *l = c->lane;
	struct delivery *d, *next;

	if (!l->endpoint->live || pace_is_open(&l->pace))
		chain_rows_back(c);
	for (d = TAILQ_FIRST(&c->waiting); d; d = next) {
		next = TAILQ_NEXT(d, in_chain);
		if (d->row)
			continue;
		TAILQ_REMOVE(&c->waiting, d, in_chain);
		c->lane->waiting--;
		if (d->event->offset < fall_position(d->feed)) {
			delivery_end(d, c->busy || c->rows > 0 || !l->endpoint->live ? END_WAIT : END_RETRY, 0);
		} else {
			d->feed->matched--; /* until it is read again */
			delivery_free(d);
		}
	}
}

void lane_fall_behind(struct lane *l)
{
	struct str key;
	struct feed *f;
	void *chain;
	size_t i = 0;

	flying_spill(l);
	while (map_each(l->chains, &i, &key, &chain))
		chain_fall_behind(chain);
	for (i = 0; map_each(l->chains, &i, &key, &chain);)
		chain_settle(chain);
	if (l->state == LANE_LIVE)
		log_info("endpoint falls behind", LOG_I("endpoint_id", l->endpoint->row.id),
			LOG_I("partition", l->partition->number), LOG_I("offset", fall_position(&l->stream)),
			LOG_I("retry_rows", l->rows));
	l->state = LANE_BEHIND;
	l->live_from = POSITION_NOT_LIVE;
	feed_fall_back(&l->stream, fall_position(&l->stream));
	TAILQ_FOREACH (f, &l->replays, in_lane)
		feed_fall_back(f, fall_position(f));
}

void lane_go_live(struct lane *l)
{
	struct feed *f = &l->stream;

	l->state = LANE_LIVE;
	l->live_from = l->partition->read;
	f->skip_from = f->skip_to = 0;
	f->on_pass = false;
	log_info("endpoint has caught up", LOG_I("endpoint_id", l->endpoint->row.id),
		LOG_I("partition", l->partition->number), LOG_I("offset", l->live_from));
	feed_settled(f);
	feed_touch(f);
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
	feed_settled(f);
}

void lane_endpoint_changed(struct lane *l)
{
	struct feed *f;

	if (!l->endpoint->live)
		lane_fall_behind(l);
	feed_settled(&l->stream);
	TAILQ_FOREACH (f, &l->replays, in_lane)
		feed_settled(f);
	lane_wake(l);
}

bool lane_position(const struct lane *l, int64_t *next_offset, int64_t *live_from)
{
	if (l->state == LANE_LIVE && TAILQ_EMPTY(&l->stream.held))
		return false;
	*next_offset = feed_offset(&l->stream);
	*live_from = l->live_from;
	return true;
}
