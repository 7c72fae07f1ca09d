/* From the check of a chosen send to the end of its life. Invariant: a send counts as in flight from its choice to its answer, and is in its
 * lane's in_flight until its result is written. */
#include <assert.h>

#include "campaign-sender/lanes/lane.h"
#include "campaign-sender/lanes/lanes.h"
#include "campaign-sender/lanes/schedule.h"
#include "campaign-sender/lanes/segment.h"
#include "campaign-sender/lanes/send.h"

#define DROPPED_MS 1000 /* until a row that was dropped is fetched again */

/* Whether the cursor of its segment must not pass it as long as it waits. */
static bool is_above_cursor(const struct send *s)
{
	return s->segment && !send_is_retry(s);
}

void send_admit(struct send *s, const struct limit_use *use, int64_t now_us, int64_t now_ms)
{
	struct lane *lane = s->lane;

	send_unchoose(s);
	s->state = SEND_IN_FLIGHT;
	if (!s->resolves) {
		limits_take(&lane->row, &lane->limits, use, now_us);
		pace_begun(&lane->pace, &lane->pace_limits, now_ms);
	}
	if (is_above_cursor(s))
		segment_row_ended(s->segment, s->row.id);
	if (s->segment)
		segment_advance(s->segment);
	lane_mark_changed(lane);
	lane_schedule(lane, now_us, now_ms);
}

/* Frees one that waits or was chosen. */
static void send_discard(struct send *s)
{
	struct segment *segment = s->segment;
	struct lane *lane = s->lane;

	assert(lane && (s->state == SEND_WAITING || s->state == SEND_CHOSEN));
	if (s->state == SEND_WAITING)
		send_unwait(s);
	else
		send_remove(s);
	send_free(s);
	if (segment)
		segment_advance(segment);
	lane_touch(lane);
}

void send_drop(struct send *s)
{
	if (is_above_cursor(s))
		segment_row_dropped(s->segment, s->row.id, s->lanes->now_ms + DROPPED_MS);
	send_discard(s);
}

void send_end(struct send *s)
{
	if (is_above_cursor(s))
		segment_row_ended(s->segment, s->row.id);
	send_discard(s);
}

void send_delay(struct send *s, int64_t until_us)
{
	struct segment *segment = s->segment;

	assert(s->state == SEND_CHOSEN);
	send_remove(s);
	s->not_before_us = until_us;
	send_wait(s);
	if (segment)
		segment_advance(segment);
	lane_touch(s->lane);
}

static void lane_limited(struct lane *lane, int64_t retry_after_ms, int64_t now_us, int64_t now_ms)
{
	int64_t until_us;

	pace_limited(&lane->pace, retry_after_ms, now_ms);
	until_us = now_us + (lane->pace.paused_until - now_ms) * 1000;
	if (until_us > lane->row.paused_until_us)
		lane->row.paused_until_us = until_us;
}

static void lane_answered(struct lane *lane, const struct send_answer *a, int64_t now_us, int64_t now_ms)
{
	lane->row.attempts += a->attempted;
	lane->row.failures += a->at_fault;
	switch (a->account) {
	case ACCOUNT_SUCCEEDED:
		pace_succeeded(&lane->pace);
		break;
	case ACCOUNT_FAILED:
		(void)pace_failed(&lane->pace, &lane->pace_limits, now_ms);
		break;
	case ACCOUNT_LIMITED:
		lane_limited(lane, a->retry_after_ms, now_us, now_ms);
		break;
	case ACCOUNT_NEUTRAL:
		break;
	}
}

static bool segment_stops(struct segment *s, const struct send_answer *a)
{
	if (!a->counts || !stopper_add(&s->stopper, a->code) || a->only_warns || s->stopped)
		return false;
	s->stopped = true;
	return true;
}

bool send_answered(struct send *s, const struct send_answer *a, int64_t now_us, int64_t now_ms)
{
	struct lane *lane = s->lane;
	bool stops;

	assert(s->state == SEND_IN_FLIGHT);
	send_uncount(s);
	s->state = SEND_ANSWERED;
	if (!lane)
		return false;
	lane_answered(lane, a, now_us, now_ms);
	stops = s->segment && segment_stops(s->segment, a);
	if (s->row.campaign_id == 0) { /* the flush that writes its result makes the next one to its recipient due */
		lane->woken = true;
		lane_fetch_at(lane, now_ms);
	}
	lane_mark_changed(lane);
	lane_schedule(lane, now_us, now_ms);
	return stops;
}

/* A campaign's row may be due in the lane (unknown) or in its segment (a retry). */
static void row_is_due(struct lane *lane, const struct send *s, int64_t at_ms)
{
	struct segment *segment =
		s->row.campaign_id ? lane_find_segment(lane, s->row.campaign_id, s->row.segment) : NULL;

	lane_fetch_at(lane, at_ms);
	if (segment && at_ms < segment->retries_at_ms)
		segment->retries_at_ms = at_ms;
}

void send_release(struct lanes *l, struct send *s, int64_t delay_ms, int64_t now_ms)
{
	struct lane *lane = s->lane;

	assert(s->state == SEND_ANSWERED && s->lanes == l);
	if (lane && delay_ms >= 0)
		row_is_due(lane, s, now_ms + delay_ms);
	send_remove(s);
	if (lane) {
		lane_mark_changed(lane);
		lane_touch(lane);
	}
	send_free(s);
}

/* The row was marked as begun in memory only. */
static void segment_revoke(struct segment *s, const struct send *send, int64_t now_ms)
{
	if (s->row.cursor_id >= send->row.id)
		s->row.cursor_id = send->row.id - 1;
	segment_row_dropped(s, send->row.id, now_ms);
}

void send_forget(struct lanes *l, struct send *s)
{
	struct lane *lane = s->lane;

	assert(s->state == SEND_IN_FLIGHT || s->state == SEND_CHOSEN);
	if (is_above_cursor(s))
		segment_revoke(s->segment, s, l->now_ms);
	if (s->state == SEND_IN_FLIGHT)
		send_give_pair_back(s);
	send_remove(s);
	if (lane) {
		lane_mark_changed(lane);
		lane_touch(lane);
	}
	send_free(s);
}
