/* Segments of campaigns: their rows in memory, and the cursor. Invariant: see model.h, of the cursor. */
#include "campaign-sender/lanes/segment.h"

#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "campaign-sender/lanes/lanes.h"
#include "campaign-sender/lanes/schedule.h"
#include "campaign-sender/lanes/send.h"

/* The first send of a list that belongs to the segment. */
static struct send *first_of(const struct segment *s, const struct send_list *list)
{
	struct send *w;

	TAILQ_FOREACH (w, list, in_list)
		if (w->segment == s)
			return w;
	return NULL;
}

static void sends_drop(struct segment *s, struct send_list *list)
{
	struct send *w;

	while ((w = first_of(s, list))) {
		send_unwait(w);
		send_free(w);
	}
}

static void waiting_drop(struct segment *s)
{
	sends_drop(s, &s->queued);
	sends_drop(s, &s->retries);
	if (s->n_delayed > 0)
		sends_drop(s, &s->lane->delayed);
}

static void fetch_at(struct segment *s, int64_t at_ms)
{
	s->fetch_at_ms = s->retries_at_ms = at_ms;
	s->exhausted = false;
	if (at_ms < s->lane->lanes->fetch_at_ms)
		s->lane->lanes->fetch_at_ms = at_ms;
}

/* Fetching begins at the cursor again. */
static void rewind_to_cursor(struct segment *s, int64_t now_ms)
{
	waiting_drop(s);
	s->fetching = false;
	s->fetched_id = s->row.cursor_id;
	fetch_at(s, now_ms);
}

static void sends_bind(struct segment *s)
{
	struct send *w;

	TAILQ_FOREACH (w, &s->lane->in_flight, in_list)
		if (!w->segment && !w->resolves && w->row.campaign_id == s->row.campaign_id &&
			w->row.segment == s->row.segment)
			send_bind(w, s);
}

static struct segment *segment_new(struct lane *lane, const struct campaign_segment *row)
{
	struct segment *s = mem_calloc(1, sizeof(*s));

	s->lane = lane;
	s->row = *row;
	s->fetched_id = s->begun_id = row->cursor_id;
	TAILQ_INIT(&s->retries);
	TAILQ_INIT(&s->queued);
	TAILQ_INSERT_TAIL(&lane->segments, s, in_lane);
	lane->lanes->moving += row->moving_to != 0;
	sends_bind(s);
	return s;
}

void segment_free(struct segment *s)
{
	struct lane *lane = s->lane;

	assert(s->in_flight == 0);
	waiting_drop(s);
	lane->lanes->moving -= s->row.moving_to != 0;
	if (s->changed)
		TAILQ_REMOVE(&lane->lanes->changed_segments, s, in_changed);
	TAILQ_REMOVE(&lane->segments, s, in_lane);
	free(s);
}

struct segment *lane_find_segment(const struct lane *lane, int64_t campaign_id, int16_t number)
{
	struct segment *s;

	TAILQ_FOREACH (s, &lane->segments, in_lane)
		if (s->row.campaign_id == campaign_id && s->row.segment == number)
			return s;
	return NULL;
}

struct segment *lane_segment(struct lane *lane, const struct campaign_segment *row, bool running, int64_t now_ms)
{
	struct segment *s = lane_find_segment(lane, row->campaign_id, row->segment);

	if (!s)
		s = segment_new(lane, row);
	if (!s->changed) { /* otherwise the row is older than what is to be written */
		segment_move(s, row->moving_to, now_ms);
		s->row.done = row->done; /* RETRY_FAILED makes one that was done continue */
	}
	segment_run(s, running, false, now_ms);
	return s;
}

void segment_run(struct segment *s, bool running, bool resumed, int64_t now_ms)
{
	bool changes = running != s->running || resumed;

	s->running = running;
	if (resumed) {
		s->stopped = false;
		s->stopper = (struct stopper){ 0 };
	}
	if (changes)
		rewind_to_cursor(s, now_ms);
	else
		fetch_at(s, now_ms);
	lane_touch(s->lane);
}

void segment_stop(struct segment *s)
{
	s->stopped = true;
	lane_touch(s->lane);
}

void segment_move(struct segment *s, int64_t account_id, int64_t now_ms)
{
	struct lanes *l = s->lane->lanes;

	if (s->row.moving_to == account_id)
		return;
	l->moving += account_id != 0;
	l->moving -= s->row.moving_to != 0;
	s->row.moving_to = account_id;
	rewind_to_cursor(s, now_ms);
	segment_mark_changed(s);
	lane_touch(s->lane);
}

bool segment_is_finished(const struct segment *s)
{
	return s->exhausted && s->in_flight == 0 && s->n_queued + s->n_retries + s->n_delayed == 0;
}

void lane_drop_segment(struct segment *s)
{
	lane_touch(s->lane);
	segment_free(s);
}

void segment_row_ended(struct segment *s, int64_t id)
{
	if (id > s->begun_id)
		s->begun_id = id;
}

void segment_row_dropped(struct segment *s, int64_t id, int64_t at_ms)
{
	if (id <= s->fetched_id)
		s->fetched_id = id - 1;
	s->fetching = false; /* a fetch under way begins above the row */
	fetch_at(s, at_ms);
}

static int64_t lower(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The lowest row above the cursor that has not begun. */
static int64_t first_waiting(const struct segment *s)
{
	const struct send *w = TAILQ_FIRST(&s->queued);
	int64_t id = w ? w->row.id : INT64_MAX;

	if (s->n_delayed > 0)
		TAILQ_FOREACH (w, &s->lane->delayed, in_list)
			if (w->segment == s && !send_is_retry(w))
				id = lower(id, w->row.id);
	return id;
}

void segment_advance(struct segment *s)
{
	int64_t to;

	if (s->n_chosen > 0)
		return;
	to = lower(lower(s->begun_id, s->fetched_id), first_waiting(s) - 1);
	if (to <= s->row.cursor_id)
		return;
	s->row.cursor_id = to;
	segment_mark_changed(s);
}

size_t lane_ahead(const struct lane *lane)
{
	int64_t max = lane->limits.bridge ? LANE_BRIDGE_MAX : LANE_FETCH_MAX;
	int64_t interval_us = lane->limits.rate.interval_us, rows;

	if (interval_us <= 0)
		return (size_t)max;
	rows = LANE_AHEAD_MS * INT64_C(1000) / interval_us;
	return (size_t)(rows < LANE_QUANTUM ? LANE_QUANTUM : rows > max ? max : rows);
}
