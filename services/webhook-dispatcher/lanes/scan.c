/* See scan.h. Invariant: a feed gets each record from its position on once, in order. */
#include "webhook-dispatcher/lanes/scan.h"

#include "webhook-dispatcher/lanes/admission.h"
#include "webhook-dispatcher/lanes/feed.h"
#include "webhook-dispatcher/lanes/lane_state.h"

#define BURST_S 0.1

static struct rate feed_rate(const struct feed *f)
{
	return (struct rate){ f->rate, f->rate * BURST_S > 1 ? f->rate * BURST_S : 1 };
}

/* A replay leaves half of the lane's room to live events. */
static bool feed_has_room(const struct feed *f, int64_t now_mono_ms)
{
	if (!f->replay)
		return lane_has_room(f->lane);
	return !lane_is_crowded(f->lane) && bucket_wait_ms(&f->allowance, feed_rate(f), 1, now_mono_ms) == 0;
}

static bool feed_is_read(const struct feed *f)
{
	return f->replay ? f->position >= f->until : f->lane->state == LANE_LIVE;
}

/* A feed starts only when half of its lane's room and half of its rows are free: otherwise the lane would soon be full or behind again. */
static bool feed_can_begin(const struct feed *f, int64_t now_mono_ms)
{
	const struct lane *l = f->lane;

	return !feed_is_read(f) && feed_has_room(f, now_mono_ms) && !lane_is_crowded(l) &&
		l->rows * 2 <= l->partition->shared->settings->endpoint_rows && !pace_is_paused(&l->pace, now_mono_ms);
}

/* As long as no record of the partition was read, every lane has caught up. */
void scan_finish_feeds(struct partition *p)
{
	struct feed *f, *next;

	for (f = TAILQ_FIRST(&p->catching_up); f; f = next) {
		struct lane *l = f->lane;

		next = TAILQ_NEXT(f, in_catching_up);
		if (!f->replay && l->state == LANE_BEHIND && lane_has_room(l) && !pace_is_open(&l->pace) &&
			(p->read == PROGRESS_NO_OFFSET || f->position >= p->read))
			lane_go_live(l);
		else if (f->replay && f->position >= f->until)
			feed_update(f);
	}
}

int64_t scan_start_offset(const struct partition *p, int64_t now_mono_ms)
{
	int64_t lowest = SCAN_NOWHERE;
	struct feed *f;

	TAILQ_FOREACH (f, &p->catching_up, in_catching_up)
		if (feed_can_begin(f, now_mono_ms) && f->position < lowest)
			lowest = f->position;
	return lowest;
}

void scan_join(struct partition *p, int64_t last, int64_t offset, int64_t now_mono_ms)
{
	struct feed *f;

	TAILQ_FOREACH (f, &p->catching_up, in_catching_up)
		if (!f->scanning && f->position > last && f->position <= offset && feed_can_begin(f, now_mono_ms))
			f->scanning = true;
}

bool scan_is_empty(const struct partition *p)
{
	struct feed *f;

	TAILQ_FOREACH (f, &p->catching_up, in_catching_up)
		if (f->scanning)
			return false;
	return true;
}

void scan_end(struct partition *p)
{
	struct feed *f;

	TAILQ_FOREACH (f, &p->catching_up, in_catching_up)
		f->scanning = false;
}

enum scan_room scan_check_room(struct partition *p, int64_t now_mono_ms)
{
	size_t able = 0, full = 0;
	struct feed *f;

	TAILQ_FOREACH (f, &p->catching_up, in_catching_up)
		if (f->scanning)
			feed_has_room(f, now_mono_ms) ? able++ : full++;
	if (able == 0 && full > 0)
		return scan_start_offset(p, now_mono_ms) == SCAN_NOWHERE ? SCAN_WAITS : SCAN_ENDS;
	TAILQ_FOREACH (f, &p->catching_up, in_catching_up)
		f->scanning = f->scanning && feed_has_room(f, now_mono_ms);
	return SCAN_CONTINUES;
}

void scan_advance(struct feed *f, int64_t offset)
{
	f->position = offset + 1;
	feed_mark_dirty(f);
	f->scanning = !feed_is_read(f);
}

void scan_admit(struct feed *f, struct event *e, int64_t now_mono_ms)
{
	if (!lane_is_duplicate(f, e))
		lane_admit(f, e, HOLDS_FEED, now_mono_ms);
	bucket_charge(&f->allowance, feed_rate(f), 1, now_mono_ms);
}

void scan_reach_end(struct partition *p)
{
	struct feed *f;

	TAILQ_FOREACH (f, &p->catching_up, in_catching_up)
		if (f->scanning) {
			f->position = p->read;
			feed_mark_dirty(f);
		}
}

int64_t scan_skip_lost(struct feed *f, int64_t low)
{
	int64_t lost = low - f->position;

	if (feed_is_read(f) || lost <= 0)
		return 0;
	f->lost += lost;
	f->position = low;
	f->begun_offset = low - 1;
	feed_mark_dirty(f);
	return lost;
}
