/* See schedule.h. Invariant: a lane is runnable only while one of its sends may begin; otherwise it sleeps until the first moment at which
 * time alone may change that. */
#include "campaign-sender/lanes/schedule.h"

#include <stddef.h>

#include "campaign-sender/lanes/lanes.h"
#include "campaign-sender/lanes/send.h"

#define AGAIN_MAX_MS 60000 /* the wall clock may jump meanwhile */

struct lane *lane_of(struct fair_flow *f)
{
	return (struct lane *)(void *)((char *)f - offsetof(struct lane, flow));
}

bool segment_may_send(const struct segment *s)
{
	return s->running && !s->stopped && s->row.moving_to == 0 && !s->row.done;
}

static bool campaign_waits(const struct lane *lane)
{
	const struct segment *s;

	TAILQ_FOREACH (s, &lane->segments, in_lane)
		if (s->n_queued + s->n_retries > 0 && segment_may_send(s))
			return true;
	return false;
}

void lane_undelay(struct lane *lane, int64_t until_us)
{
	struct send *s;

	while ((s = TAILQ_FIRST(&lane->delayed)) && s->not_before_us <= until_us) {
		send_unwait(s);
		s->not_before_us = 0;
		send_wait(s);
	}
}

static int64_t monotonic(int64_t us, int64_t now_us, int64_t now_ms)
{
	if (us == INT64_MAX)
		return INT64_MAX;
	if (us - now_us > AGAIN_MAX_MS * INT64_C(1000))
		return now_ms + AGAIN_MAX_MS;
	return us <= now_us ? now_ms : now_ms + (us - now_us + 999) / 1000;
}

static void again_at(struct lane_room *r, int64_t ms)
{
	if (ms < r->again_ms)
		r->again_ms = ms;
}

/* Whether rates, pauses and the breaker let one more message begin. Chosen ones have not used up limits yet. */
static bool rates_allow(struct lane *lane, bool campaign, int64_t now_us, int64_t now_ms, struct lane_room *r)
{
	int32_t chosen = (int32_t)lane->n_chosen, room;
	int64_t again_ms, again_us;

	if (!lane->usable)
		return false;
	if (now_us < lane->row.paused_until_us) {
		again_at(r, monotonic(lane->row.paused_until_us, now_us, now_ms));
		return false;
	}
	room = pace_room(&lane->pace, &lane->pace_limits, (int32_t)lane->n_in_flight, now_ms, &again_ms);
	if (room == 0)
		again_at(r, again_ms);
	if (room <= (pace_is_open(&lane->pace) ? 0 : chosen))
		return false;
	room = limits_room(&lane->row, &lane->limits, campaign, now_us, &again_us);
	if (room == 0)
		again_at(r, monotonic(again_us, now_us, now_ms));
	return room > chosen;
}

/* A bridge has room for one more when that is a single message. */
static bool slot_is_free(const struct lane *lane, bool direct)
{
	size_t most = (size_t)lane->limits.max_in_flight + (direct && lane->limits.bridge);

	return lane->n_in_flight < most && lane->n_listed < SEND_LANE_IN_FLIGHT_MAX;
}

bool lane_has_room(struct lane *lane, int64_t now_us, int64_t now_ms)
{
	struct lane_room unused = { .again_ms = INT64_MAX };

	return slot_is_free(lane, true) && rates_allow(lane, false, now_us, now_ms, &unused);
}

struct lane_room lane_room(struct lane *lane, int64_t now_us, int64_t now_ms)
{
	struct lane_room r = { .again_ms = INT64_MAX };
	const struct send *delayed;

	lane_undelay(lane, now_us);
	if ((delayed = TAILQ_FIRST(&lane->delayed)))
		again_at(&r, monotonic(delayed->not_before_us, now_us, now_ms));
	r.unknown = lane->n_unknown > 0 && slot_is_free(lane, false);
	r.direct = lane->n_direct > 0 && slot_is_free(lane, true) && rates_allow(lane, false, now_us, now_ms, &r);
	r.campaign = slot_is_free(lane, false) && campaign_waits(lane) && rates_allow(lane, true, now_us, now_ms, &r);
	return r;
}

void lane_schedule(struct lane *lane, int64_t now_us, int64_t now_ms)
{
	const struct lane_room r = lane_room(lane, now_us, now_ms);

	fair_queue_put(&lane->lanes->queue, &lane->workspace->tenant, &lane->flow, r.direct || r.unknown || r.campaign,
		r.again_ms);
}

void lane_touch(struct lane *lane)
{
	if (!lane->flow.runnable)
		fair_queue_put(&lane->lanes->queue, &lane->workspace->tenant, &lane->flow, false, 0);
}

void lane_mark_changed(struct lane *lane)
{
	if (lane->changed)
		return;
	lane->changed = true;
	TAILQ_INSERT_TAIL(&lane->lanes->changed, lane, in_changed);
}

void segment_mark_changed(struct segment *s)
{
	if (s->changed)
		return;
	s->changed = true;
	TAILQ_INSERT_TAIL(&s->lane->lanes->changed_segments, s, in_changed);
}
