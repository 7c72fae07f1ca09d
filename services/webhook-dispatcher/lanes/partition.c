/* See partition.h. Invariant: each offset between `committed` and `read` is counted once, in `counts` or in `counts_after` of an event, or is an
 * event of the window. */
#include "webhook-dispatcher/lanes/partition.h"

#include "webhook-dispatcher/lanes/lane.h"
#include "webhook-dispatcher/lanes/lane_state.h"
#include "webhook-dispatcher/lanes/refetch_queue.h"

void partition_init(struct partition *p, struct lane_shared *shared, int32_t number, int64_t next_offset)
{
	*p = (struct partition){ .shared = shared, .number = number, .committed = next_offset, .read = next_offset };
	p->lanes = map_new();
	p->by_row = map_new();
	TAILQ_INIT(&p->window);
	TAILQ_INIT(&p->catching_up);
	TAILQ_INIT(&p->dirty);
	TAILQ_INIT(&p->refetch_queue);
}

void partition_fini(struct partition *p)
{
	struct event *e;
	struct lane *l;
	size_t i = 0;

	refetch_queue_clear(p);
	while ((l = partition_each_lane(p, &i)))
		lane_free(l);
	while ((e = TAILQ_FIRST(&p->window))) {
		TAILQ_REMOVE(&p->window, e, in_window);
		event_unref(e);
	}
	map_free(p->lanes);
	map_free(p->by_row);
}

struct lane *partition_lane(struct partition *p, struct endpoint *e, int64_t now_mono_ms)
{
	void **slot = map_slot(p->lanes, (struct str){ (const char *)&e->row.id, sizeof(e->row.id) });

	if (!*slot) {
		*slot = lane_new(p, e);
		if (!e->live)
			lane_fall_behind(*slot, now_mono_ms);
	}
	return *slot;
}

struct lane *partition_each_lane(const struct partition *p, size_t *i)
{
	struct str key;
	void *l;

	return map_each(p->lanes, i, &key, &l) ? l : NULL;
}

bool partition_has_row(const struct partition *p, int64_t row, bool *returns)
{
	const struct delivery *d = map_get(p->by_row, (struct str){ (const char *)&row, sizeof(row) });

	*returns = d && d->state == DELIVERY_ENDED && (d->end == END_RETRY || d->end == END_WAIT);
	return d != NULL;
}

/* The window */

static void window_count(struct partition *p, enum outcome outcome, int64_t n)
{
	struct event *last = TAILQ_LAST(&p->window, event_window);

	*(last ? &last->counts_after[outcome] : &p->counts[outcome]) += n;
}

void partition_count(struct partition *p, enum outcome outcome)
{
	window_count(p, outcome, 1);
}

void partition_skip_to(struct partition *p, int64_t offset)
{
	struct lane *l;
	size_t i = 0;

	if (p->read >= 0 && offset > p->read)
		window_count(p, OUTCOME_SKIPPED, offset - p->read);
	p->read = offset + 1;
	if (p->committed != PROGRESS_NO_OFFSET)
		return;
	p->committed = offset;
	while ((l = partition_each_lane(p, &i))) {
		if (l->state == LANE_BEHIND && l->stream.position < offset) {
			l->stream.position = offset;
			l->stream.begun_offset = offset - 1;
		}
	}
}

void partition_add_event(struct partition *p, struct event *e)
{
	event_ref(e);
	TAILQ_INSERT_TAIL(&p->window, e, in_window);
	p->window_events++;
	p->window_bytes += event_bytes(e);
}

void partition_shrink_window(struct partition *p)
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

int64_t partition_commit_offset(const struct partition *p)
{
	const struct event *first = TAILQ_FIRST(&p->window);

	return first ? first->offset : p->read;
}

/* Relief */

static void delivery_relieve(struct delivery *d, int64_t now_mono_ms)
{
	if (d->state == DELIVERY_IN_FLIGHT)
		lane_spill(d, now_mono_ms);
	else if (d->state == DELIVERY_PENDING && !d->chain->busy)
		lane_fall_behind(d->lane, now_mono_ms);
}

static void event_relieve(struct event *e, int64_t now_mono_ms)
{
	struct delivery *d, *next;

	for (d = TAILQ_FIRST(&e->deliveries); d; d = next) {
		next = TAILQ_NEXT(d, in_hold);
		delivery_relieve(d, now_mono_ms);
	}
}

/* Deliveries that hold a feed are spilled in the same way, so that its position advances. */
static void feed_relieve(struct feed *f, int64_t before_mono_ms, int64_t now_mono_ms)
{
	struct delivery *d;

	TAILQ_FOREACH (d, &f->held, in_hold)
		if (d->state == DELIVERY_IN_FLIGHT && d->begun_mono_ms <= before_mono_ms)
			lane_spill(d, now_mono_ms);
}

void partition_relieve(struct partition *p, int64_t now_mono_ms)
{
	int64_t before = now_mono_ms - p->shared->settings->window_age_ms;
	struct event *e;
	struct feed *f;

	TAILQ_FOREACH (e, &p->window, in_window) {
		if (e->read_mono_ms > before)
			break;
		event_relieve(e, now_mono_ms);
	}
	TAILQ_FOREACH (f, &p->catching_up, in_catching_up)
		feed_relieve(f, before, now_mono_ms);
}
