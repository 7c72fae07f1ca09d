/* What is fetched: as many rows as may be sent in LANE_AHEAD_MS, when less than half of them is left in memory. Invariant: no row is fetched
 * twice while it is in memory, and none above a segment's cursor is passed over. */
#include "campaign-sender/lanes/fetch_plan.h"

#include "base/arena.h"
#include "base/vec.h"
#include "campaign-sender/lanes/lanes.h"
#include "campaign-sender/lanes/schedule.h"
#include "campaign-sender/lanes/segment.h"
#include "campaign-sender/lanes/send.h"

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static bool is_low(size_t rows, const struct lane *lane)
{
	return rows * 2 < lane_ahead(lane);
}

/* When each of the three kinds of rows is to be fetched, if nothing else happens. */

static size_t due_rows(const struct lane *lane)
{
	return lane->n_direct + lane->n_unknown + lane->n_delayed;
}

static int64_t due_next_ms(const struct lane *lane)
{
	if (!is_low(due_rows(lane), lane))
		return INT64_MAX;
	if (lane->woken || (lane->due_room > 0 && lane->due_put >= lane->due_room))
		return 0;
	return lane->due_at_ms;
}

static int64_t retries_next_ms(const struct segment *s)
{
	if (!s->lane->usable || !segment_may_send(s) || !is_low(s->n_retries, s->lane))
		return INT64_MAX;
	return s->retries_room > 0 && s->retries_put >= s->retries_room ? 0 : s->retries_at_ms;
}

static int64_t ahead_next_ms(const struct segment *s)
{
	if (!s->lane->usable || !segment_may_send(s) || s->exhausted || !is_low(s->n_queued + s->n_delayed, s->lane))
		return INT64_MAX;
	return s->fetch_at_ms;
}

static int64_t segment_next_ms(const struct segment *s)
{
	return earlier(retries_next_ms(s), ahead_next_ms(s));
}

static int64_t lane_next_ms(const struct lane *lane)
{
	int64_t at_ms = due_next_ms(lane);
	const struct segment *s;

	TAILQ_FOREACH (s, &lane->segments, in_lane)
		at_ms = earlier(at_ms, segment_next_ms(s));
	return at_ms;
}

static int64_t lanes_next_ms(const struct lanes *l)
{
	const struct lane *lane;
	int64_t at_ms = INT64_MAX;

	TAILQ_FOREACH (lane, &l->all, in_lanes)
		at_ms = earlier(at_ms, lane_next_ms(lane));
	return at_ms;
}

void lane_note_room(struct lane *lane)
{
	lane->lanes->fetch_at_ms = earlier(lane->lanes->fetch_at_ms, due_next_ms(lane));
}

void segment_note_room(struct segment *s)
{
	struct lanes *l = s->lane->lanes;

	l->fetch_at_ms = earlier(l->fetch_at_ms, segment_next_ms(s));
}

bool lanes_want_rows(struct lanes *l, int64_t now_ms)
{
	if (l->stopped || l->draining || now_ms < l->fetch_at_ms)
		return false;
	l->fetch_at_ms = lanes_next_ms(l);
	return now_ms >= l->fetch_at_ms;
}

/* A plan under construction. */
struct planning {
	struct fetch_plan *plan;
	struct arena *arena;
	int64_t now_ms;
	size_t cap_due, cap_retries, cap_ahead, cap_known;
	size_t cap_due_lanes, cap_retry_segments, cap_segments;
};

static void known_add(struct planning *p, int64_t id)
{
	struct fetch_plan *plan = p->plan;

	plan->known = vec_grow_in(p->arena, plan->known, plan->n_known, &p->cap_known, sizeof(*plan->known));
	plan->known[plan->n_known++] = id;
}

static void waiting_known(struct planning *p, const struct send_list *list, const struct segment *segment)
{
	const struct send *s;

	TAILQ_FOREACH (s, list, in_list)
		if (s->segment == segment)
			known_add(p, s->row.id);
}

static void due_plan(struct planning *p, struct lane *lane)
{
	struct fetch_plan *plan = p->plan;
	size_t room = lane_ahead(lane) - due_rows(lane);

	plan->due = vec_grow_in(p->arena, plan->due, plan->n_due, &p->cap_due, sizeof(*plan->due));
	plan->due_lanes =
		vec_grow_in(p->arena, plan->due_lanes, plan->n_due, &p->cap_due_lanes, sizeof(*plan->due_lanes));
	plan->due_lanes[plan->n_due] = lane;
	plan->due[plan->n_due++] =
		(struct send_due_source){ lane->row.workspace_id, lane->row.account_id, (int32_t)room };
	waiting_known(p, &lane->direct, NULL);
	waiting_known(p, &lane->unknown, NULL);
	waiting_known(p, &lane->delayed, NULL);
	lane->woken = false;
	lane->due_room = room;
	lane->due_put = 0;
	lane->due_at_ms = p->now_ms + LANE_POLL_MS;
}

static struct send_segment_source source_of(const struct segment *s, int64_t after_id, size_t room)
{
	return (struct send_segment_source){ s->row.workspace_id, s->row.campaign_id, s->row.segment, after_id,
		(int32_t)room };
}

static void retries_plan(struct planning *p, struct segment *s)
{
	struct fetch_plan *plan = p->plan;
	size_t room = lane_ahead(s->lane) - s->n_retries;

	plan->retries = vec_grow_in(p->arena, plan->retries, plan->n_retries, &p->cap_retries, sizeof(*plan->retries));
	plan->retry_segments = vec_grow_in(p->arena, plan->retry_segments, plan->n_retries, &p->cap_retry_segments,
		sizeof(struct segment *));
	plan->retry_segments[plan->n_retries] = s;
	plan->retries[plan->n_retries++] = source_of(s, 0, room);
	waiting_known(p, &s->retries, s);
	waiting_known(p, &s->lane->delayed, s);
	s->retries_room = room;
	s->retries_put = 0;
	s->retries_at_ms = p->now_ms + LANE_POLL_MS;
}

static void ahead_plan(struct planning *p, struct segment *s)
{
	struct fetch_plan *plan = p->plan;
	size_t room = lane_ahead(s->lane) - s->n_queued - s->n_delayed;

	plan->ahead = vec_grow_in(p->arena, plan->ahead, plan->n_ahead, &p->cap_ahead, sizeof(*plan->ahead));
	plan->segments =
		vec_grow_in(p->arena, plan->segments, plan->n_ahead, &p->cap_segments, sizeof(*plan->segments));
	plan->segments[plan->n_ahead] = s;
	plan->ahead[plan->n_ahead++] = source_of(s, s->fetched_id, room);
	s->fetching = true;
}

/* An answered one may be due already, of another kind than before: a recipient as an unknown row, an unknown row as a retry. */
static void in_flight_known(struct planning *p, const struct lane *lane)
{
	const struct send *s;

	TAILQ_FOREACH (s, &lane->in_flight, in_list)
		known_add(p, s->row.id);
}

static void lane_plan(struct planning *p, struct lane *lane)
{
	size_t planned = p->plan->n_due + p->plan->n_retries;
	struct segment *s;

	if (due_next_ms(lane) <= p->now_ms)
		due_plan(p, lane);
	TAILQ_FOREACH (s, &lane->segments, in_lane) {
		if (retries_next_ms(s) <= p->now_ms)
			retries_plan(p, s);
		if (ahead_next_ms(s) <= p->now_ms)
			ahead_plan(p, s);
	}
	if (p->plan->n_due + p->plan->n_retries > planned)
		in_flight_known(p, lane);
}

void lanes_plan_fetch(struct lanes *l, int64_t now_ms, struct arena *a, struct fetch_plan *out)
{
	struct planning p = { .plan = out, .arena = a, .now_ms = now_ms };
	struct lane *lane;

	*out = (struct fetch_plan){ 0 };
	if (!lanes_want_rows(l, now_ms))
		return;
	TAILQ_FOREACH (lane, &l->all, in_lanes)
		lane_plan(&p, lane);
}

void segment_fetched(struct segment *s, size_t rows, size_t room, int64_t last_id)
{
	struct lanes *l = s->lane->lanes;

	if (!s->fetching) /* it has begun anew meanwhile */
		return;
	s->fetching = false;
	s->exhausted = rows < room;
	if (rows > 0)
		s->fetched_id = last_id;
	segment_advance(s);
	l->fetch_at_ms = earlier(l->fetch_at_ms, segment_next_ms(s));
}
