/* See reader.h. Invariant: each record is added to the window, or counted, before the next one is read. */
#include "webhook-dispatcher/intake/reader.h"

#include <stdlib.h>

#include "base/clock.h"
#include "webhook-dispatcher/endpoints/subscription.h"
#include "webhook-dispatcher/intake/catch_up.h"
#include "webhook-dispatcher/intake/refetch.h"
#include "webhook-dispatcher/lanes/admission.h"
#include "webhook-dispatcher/lanes/flow_control.h"
#include "webhook-dispatcher/lanes/partition.h"
#include "wire/source_marks.h"

struct reader *reader_new(struct readers *all, int32_t number, int64_t next_offset)
{
	struct reader *r = mem_calloc(1, sizeof(*r));

	r->all = all;
	r->marks = source_marks_new();
	partition_init(&r->partition, all->lanes, number, next_offset);
	return r;
}

void reader_free(struct reader *r)
{
	catch_up_stop(r);
	refetch_stop(r);
	partition_fini(&r->partition);
	source_marks_free(r->marks);
	free(r);
}

static void dead_record_add(struct reader *r, const struct event_record *record, const struct err *why)
{
	struct event *e = event_keep(record, false);

	e->dead = true;
	partition_add_event(&r->partition, e);
	journal_add_dead(r->all->lanes->journal, e, why);
	event_unref(e);
}

static void lane_receive(struct lane *l, const struct event_record *record, struct event **e)
{
	if (!*e)
		*e = event_keep(record, true);
	if (!lane_is_duplicate(&l->stream, *e))
		lane_admit(&l->stream, *e, HOLDS_PARTITION, clock_mono_ms());
	if (!lane_has_room(l))
		flow_control_lane_full(l, clock_mono_ms());
}

/* Whether any endpoint receives the event. *e stays NULL when the lanes of all of them are behind. */
static bool lanes_receive(struct reader *r, const struct event_record *record, struct event **e)
{
	const struct uuid *workspace = &record->event.workspace;
	bool matched = false;

	for (struct endpoint *to = endpoint_cache_of_workspace(r->all->endpoints, workspace); to; to = to->next) {
		struct lane *l;

		if (!endpoint_receives(to, record))
			continue;
		matched = true;
		l = partition_lane(&r->partition, to, clock_mono_ms());
		if (l->state == LANE_LIVE)
			lane_receive(l, record, e);
	}
	return matched;
}

void reader_consume(struct reader *r, const struct kafka_message *m)
{
	struct partition *p = &r->partition;
	struct event_record record;
	struct event *e = NULL;
	struct err err;
	bool matched;

	arena_reset(r->all->reading);
	partition_skip_to(p, m->offset);
	if (event_read(m, r->all->reading, &record, &err) < 0) {
		dead_record_add(r, &record, &err);
		return;
	}
	if (record.for_others) {
		partition_count(p, OUTCOME_FILTERED);
		return;
	}
	if (source_is_late(r->marks, p->number, &record.event.source, record.replayed)) {
		partition_count(p, OUTCOME_NO_EFFECT);
		return;
	}
	matched = lanes_receive(r, &record, &e);
	if (!e) {
		partition_count(p, matched ? OUTCOME_APPLIED : OUTCOME_FILTERED);
		return;
	}
	partition_add_event(p, e);
	partition_shrink_window(p);
	event_unref(e);
}

void reader_hold(struct reader *r, int64_t now_mono_ms)
{
	bool hold = flow_control_holds(&r->partition, endpoint_cache_live(r->all->endpoints), now_mono_ms);

	if (hold == r->held)
		return;
	r->held = hold;
	owner_hold(r->all->owner, chat_event_partition(r->partition.number), hold);
}
