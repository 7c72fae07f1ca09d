/* What is in flight, limits and cursors; see private.h. Invariant: an id leaves in_flight in the commit that writes its result. */
#include "campaign-sender/commit/private.h"

#include <stdlib.h>

static int lane_cmp(const void *va, const void *vb)
{
	const struct send_lane *a = va, *b = vb;

	if (a->workspace_id != b->workspace_id)
		return a->workspace_id < b->workspace_id ? -1 : 1;
	return (a->account_id > b->account_id) - (a->account_id < b->account_id);
}

static int segment_cmp(const void *va, const void *vb)
{
	const struct campaign_segment *a = va, *b = vb;

	if (a->workspace_id != b->workspace_id)
		return a->workspace_id < b->workspace_id ? -1 : 1;
	if (a->campaign_id != b->campaign_id)
		return a->campaign_id < b->campaign_id ? -1 : 1;
	return (a->segment > b->segment) - (a->segment < b->segment);
}

/* Without those whose results this transaction writes. */
static void in_flight_set(struct flush *f, const struct lane *lane, struct send_lane *row)
{
	int64_t *ids;
	size_t n = lane_in_flight(lane, f->arena, &ids), kept = 0;

	for (size_t i = 0; i < n; i++)
		if (!results_has(f, row->workspace_id, ids[i]))
			ids[kept++] = ids[i];
	row->in_flight = ids;
	row->n_in_flight = kept;
}

struct marks {
	struct send_lane *lanes;
	size_t n_lanes, cap_lanes;
	struct campaign_segment *segments;
	size_t n_segments, cap_segments;
};

static void segments_mark(struct flush *f, struct lane *lane, struct marks *m)
{
	struct segment *s;

	TAILQ_FOREACH (s, &lane->segments, in_lane) {
		if (!s->changed)
			continue;
		m->segments = vec_grow_in(f->arena, m->segments, m->n_segments, &m->cap_segments, sizeof(*m->segments));
		m->segments[m->n_segments++] = s->row;
		s->changed = false;
	}
}

static void lane_mark(struct flush *f, struct lane *lane, struct marks *m)
{
	struct send_lane *row;

	m->lanes = vec_grow_in(f->arena, m->lanes, m->n_lanes, &m->cap_lanes, sizeof(*m->lanes));
	row = &m->lanes[m->n_lanes++];
	*row = lane->row;
	in_flight_set(f, lane, row);
	lane->changed = false;
}

static void marks_collect(struct flush *f, struct marks *m)
{
	struct lane *lane;

	TAILQ_FOREACH (lane, &f->o.lanes->all, in_lanes) {
		if (!f->included[lane->row.partition])
			continue;
		segments_mark(f, lane, m);
		if (lane->changed)
			lane_mark(f, lane, m);
	}
}

int flush_mark(struct flush *f, struct err *err)
{
	struct pg *pg = owner_tx_pg(f->tx);
	struct marks m = { 0 };

	marks_collect(f, &m);
	if (m.n_lanes > 0)
		qsort(m.lanes, m.n_lanes, sizeof(*m.lanes), lane_cmp);
	if (m.n_segments > 0)
		qsort(m.segments, m.n_segments, sizeof(*m.segments), segment_cmp);
	if (store_send_lanes_write(pg, m.lanes, m.n_lanes, err) < 0 ||
		store_campaign_segments_write(pg, m.segments, m.n_segments, err) < 0)
		return -1;
	if (f->released.n > 0 && store_sends_release(pg, f->released.rows, f->released.n, err) < 0)
		return -1;
	if (store_sends_notify(pg, f->notified.rows, f->notified.n, err) < 0)
		return -1;
	return flush_owns(f, err);
}
