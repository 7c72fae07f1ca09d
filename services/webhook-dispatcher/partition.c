/* The window of one partition: what was read and holds its offset back; see flow.h. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "webhook-dispatcher/dispatcher.h"
#include "webhook-dispatcher/settlement.h"
#include "webhook-dispatcher/stats.h"
#include "wire/source_marks.h"

#define ENOUGH    8     /* times what may be under way: what waits beyond that may as well wait in Kafka */
#define IDLE_MS   100   /* how long a full lane may leave others without work */
#define HELD_MS   1000 /* how long lanes may keep what is not read yet from endpoints that may have something there */
#define IN_USE_MS 60000 /* a lane that was fed so recently */

struct partition *partition_new(struct dispatcher *d, int32_t number, int64_t next_offset)
{
	struct partition *p = mem_calloc(1, sizeof(*p));

	p->d = d;
	p->number = number;
	p->committed = p->read = next_offset;
	p->lanes = map_new();
	p->by_row = map_new();
	p->marks = source_marks_new();
	TAILQ_INIT(&p->window);
	TAILQ_INIT(&p->catching);
	TAILQ_INIT(&p->touched);
	TAILQ_INIT(&p->refetch.wants);
	return p;
}

void partition_free(struct partition *p)
{
	struct event *e;
	struct str key;
	void *lane;
	size_t i = 0;

	catch_up_stop(p);
	refetch_stop(p);
	while (map_each(p->lanes, &i, &key, &lane))
		lane_free(lane);
	while ((e = TAILQ_FIRST(&p->window))) {
		TAILQ_REMOVE(&p->window, e, in_window);
		event_unref(e);
	}
	map_free(p->lanes);
	map_free(p->by_row);
	source_marks_free(p->marks);
	free(p);
}

struct lane *partition_lane(struct partition *p, struct endpoint *e)
{
	void **slot = map_slot(p->lanes, (struct str){ (const char *)&e->row.id, sizeof(e->row.id) });

	if (!*slot) {
		*slot = lane_new(p, e);
		if (!e->live)
			lane_fall_behind(*slot);
	}
	return *slot;
}

/* size_t i = 0; while ((l = lane_each(p, &i))) … */
static struct lane *lane_each(const struct partition *p, size_t *i)
{
	struct str key;
	void *l;

	return map_each(p->lanes, i, &key, &l) ? l : NULL;
}

/* The window */

static void window_add(struct partition *p, struct event *e)
{
	event_ref(e);
	TAILQ_INSERT_TAIL(&p->window, e, in_window);
	p->window_events++;
	p->window_bytes += event_bytes(e);
}

static void window_count(struct partition *p, enum outcome outcome, int64_t n)
{
	struct event *last = TAILQ_LAST(&p->window, event_window);

	*(last ? &last->counts_after[outcome] : &p->counts[outcome]) += n;
}

void partition_release(struct partition *p)
{
	struct event *e;

	while ((e = TAILQ_FIRST(&p->window)) && TAILQ_EMPTY(&e->deliveries) && !e->dead) {
		p->counts[e->body.n > 0 ? OUTCOME_APPLIED : OUTCOME_DEAD_LETTERED]++;
		for (int i = 0; i < OUTCOMES; i++)
			p->counts[i] += e->counts_after[i];
		TAILQ_REMOVE(&p->window, e, in_window);
		p->window_events--;
		p->window_bytes -= event_bytes(e);
		event_unref(e);
	}
}

int64_t partition_settled(const struct partition *p)
{
	const struct event *first = TAILQ_FIRST(&p->window);

	return first ? first->offset : p->read;
}

static bool window_is_full(const struct partition *p)
{
	const struct dispatcher_settings *s = p->d->settings;

	return p->window_events >= (size_t)s->window_events || p->window_bytes >= (size_t)s->window_bytes;
}

/* While all lanes have enough to do, and while one has no room, what follows waits in Kafka, which costs nothing. But nobody waits there for
 * a full lane with nothing to do. */

static bool is_in_use(const struct lane *l, int64_t now)
{
	return l->state == LANE_LIVE && l->admitted_mono_ms > 0 && now - l->admitted_mono_ms < IN_USE_MS;
}

/* Held, it is read again when one has half of that. */
static bool lane_has_enough(const struct lane *l, bool held)
{
	return l->waiting * (held ? 2 : 1) >= (size_t)l->endpoint->row.max_in_flight * ENOUGH;
}

static bool all_have_enough(const struct partition *p, int64_t now)
{
	const struct lane *l;
	bool any = false;
	size_t i = 0;

	while ((l = lane_each(p, &i))) {
		if (!is_in_use(l, now))
			continue;
		any = true;
		if (!lane_has_enough(l, p->held))
			return false;
	}
	return any;
}

static bool lanes_are_crowded(const struct partition *p)
{
	const struct lane *l;
	size_t i = 0;

	while ((l = lane_each(p, &i)))
		if (l->state == LANE_LIVE && lane_is_crowded(l))
			return true;
	return false;
}

/* One that had something to do lately, and has nothing now: there may be more for it. */
static bool somebody_is_idle(const struct partition *p, int64_t now)
{
	const struct lane *l;
	size_t i = 0;

	while ((l = lane_each(p, &i)))
		if (l->waiting == 0 && is_in_use(l, now))
			return true;
	return false;
}

/* Endpoints whose lane has nothing to do, or is not there yet. */
static bool others_may_wait(const struct partition *p, int64_t now)
{
	const struct endpoint *e;
	const struct lane *l;
	size_t i = 0, live = 0, in_use = 0;

	while ((l = lane_each(p, &i)))
		in_use += is_in_use(l, now);
	for (i = 0; live <= in_use && (e = directory_each(p->d->directory, &i));)
		live += e->live;
	return live > in_use;
}

static void lanes_part(struct partition *p)
{
	struct lane *l;
	size_t i = 0;

	while ((l = lane_each(p, &i)))
		if (l->state == LANE_LIVE && (lane_is_crowded(l) || lane_has_enough(l, true)))
			lane_fall_behind(l);
	p->crowded = false;
}

static bool lanes_hold(struct partition *p, int64_t now)
{
	p->crowded = p->crowded && lanes_are_crowded(p);
	return p->crowded || all_have_enough(p, now);
}

/* Whether lanes keep it from being read; those that do so for too long fall behind. */
static bool lanes_judge(struct partition *p, int64_t now)
{
	bool hold = lanes_hold(p, now), idle = p->crowded && somebody_is_idle(p, now);

	p->held_mono_ms = !hold ? 0 : p->held_mono_ms ? p->held_mono_ms : now;
	p->idle_mono_ms = !idle ? 0 : p->idle_mono_ms ? p->idle_mono_ms : now;
	if ((!idle || now - p->idle_mono_ms < IDLE_MS) &&
		(!hold || now - p->held_mono_ms < HELD_MS || !others_may_wait(p, now)))
		return hold;
	lanes_part(p);
	p->held_mono_ms = p->idle_mono_ms = 0;
	return false;
}

/* When all that fills it are rows, that may last for hours. */
static void lane_filled(struct lane *l)
{
	if (l->waiting == 0)
		lane_fall_behind(l);
	else
		l->partition->crowded = true;
}

void partition_hold_back(struct partition *p)
{
	int64_t now = clock_mono_ms();
	bool hold = lanes_judge(p, now) || window_is_full(p);

	if (hold == p->held)
		return;
	p->held = hold;
	owner_hold(p->d->owner, chat_event_partition(p->number), hold);
}

void partition_gauge(const struct partition *p, struct stats_gauges *g)
{
	const struct lane *l;
	size_t i = 0;

	g->window_events += p->window_events;
	g->window_bytes += p->window_bytes;
	while ((l = lane_each(p, &i))) {
		g->waiting += l->waiting;
		g->lanes_behind += l->state == LANE_BEHIND;
	}
}

/* Taking in */

/* Offsets without a record, or the very first one. */
static void offset_follow(struct partition *p, int64_t offset)
{
	struct lane *l;
	size_t i = 0;

	if (p->read >= 0 && offset > p->read)
		window_count(p, OUTCOME_SKIPPED, offset - p->read);
	p->read = offset + 1;
	if (p->committed != PROGRESS_NO_OFFSET)
		return;
	p->committed = offset;
	while ((l = lane_each(p, &i))) {
		if (l->state == LANE_BEHIND && l->stream.position < offset) {
			l->stream.position = offset;
			l->stream.begun_offset = offset - 1;
		}
	}
}

static void take_dead(struct partition *p, const struct reading *r, const struct err *why)
{
	struct event *e = event_keep(r, false);

	e->dead = true;
	window_add(p, e);
	settlement_add_dead(p->d->filling, e, why);
	event_unref(e);
}

static void lane_take(struct lane *l, const struct reading *r, struct event **e)
{
	if (!*e)
		*e = event_keep(r, true);
	if (!lane_has(&l->stream, *e))
		lane_admit(&l->stream, *e, HOLDS_PARTITION);
	if (!lane_has_room(l))
		lane_filled(l);
}

/* Whether anybody wants it; *e stays NULL while everybody who does is behind. */
static bool take_wanted(struct partition *p, const struct reading *r, struct event **e)
{
	bool wanted = false;

	for (struct endpoint *to = directory_of_workspace(p->d->directory, &r->event.workspace); to; to = to->next) {
		struct lane *l;

		if (!endpoint_wants(to, r))
			continue;
		wanted = true;
		l = partition_lane(p, to);
		if (l->state == LANE_LIVE)
			lane_take(l, r, e);
	}
	return wanted;
}

void partition_take(struct partition *p, const struct kafka_message *m)
{
	struct arena *a = p->d->reading;
	struct reading r;
	struct event *e = NULL;
	struct err err;
	bool wanted;

	arena_reset(a);
	offset_follow(p, m->offset);
	if (event_read(m, a, &r, &err) < 0) {
		take_dead(p, &r, &err);
		return;
	}
	if (r.for_others) {
		window_count(p, OUTCOME_FILTERED, 1);
		return;
	}
	if (source_is_late(p->marks, p->number, &r.event.source, r.replayed)) {
		window_count(p, OUTCOME_NO_EFFECT, 1);
		return;
	}
	wanted = take_wanted(p, &r, &e);
	if (!e) {
		window_count(p, wanted ? OUTCOME_APPLIED : OUTCOME_FILTERED, 1);
		return;
	}
	window_add(p, e);
	partition_release(p);
	event_unref(e);
}

/* Relief */

static void delivery_relieve(struct delivery *d)
{
	struct lane *l = d->lane;

	if (d->state == DELIVERY_FLYING)
		delivery_spill(d);
	else if (d->state == DELIVERY_WAITING && !d->chain->busy)
		lane_fall_behind(l);
}

static void event_relieve(struct event *e)
{
	struct delivery *d, *next;

	for (d = TAILQ_FIRST(&e->deliveries); d; d = next) {
		next = TAILQ_NEXT(d, in_hold);
		delivery_relieve(d);
	}
}

/* What the catch-up reader fed is let go in the same way, so that its position moves. */
static void feed_relieve(struct feed *f, int64_t before_mono_ms)
{
	struct delivery *d;

	TAILQ_FOREACH (d, &f->held, in_hold)
		if (d->state == DELIVERY_FLYING && d->begun_mono_ms <= before_mono_ms)
			delivery_spill(d);
}

void partition_relieve(struct partition *p, int64_t now_mono_ms)
{
	int64_t before = now_mono_ms - p->d->settings->window_age_ms;
	struct event *e;
	struct feed *f;

	TAILQ_FOREACH (e, &p->window, in_window) {
		if (e->read_mono_ms > before)
			break;
		event_relieve(e);
	}
	TAILQ_FOREACH (f, &p->catching, in_catching)
		feed_relieve(f, before);
}
