/* See flow_control.h. Invariant: lanes do not hold a partition for longer than HELD_MS while it may have records for other endpoints. */
#include "webhook-dispatcher/lanes/flow_control.h"

#include "webhook-dispatcher/lanes/admission.h"
#include "webhook-dispatcher/lanes/lane_state.h"
#include "webhook-dispatcher/lanes/partition.h"

#define ENOUGH    8 /* times max_in_flight: further events may as well wait in Kafka */
#define IDLE_MS   100 /* how long a full lane may keep another one idle */
#define HELD_MS   1000 /* how long lanes may hold a partition that may have records for other endpoints */
#define IN_USE_MS 60000 /* a lane is in use for so long after its last event */

static bool window_is_full(const struct partition *p)
{
	const struct dispatcher_settings *s = p->shared->settings;

	return p->window_events >= (size_t)s->window_events || p->window_bytes >= (size_t)s->window_bytes;
}

static bool is_in_use(const struct lane *l, int64_t now)
{
	return l->state == LANE_LIVE && l->admitted_mono_ms > 0 && now - l->admitted_mono_ms < IN_USE_MS;
}

/* Hysteresis: a held partition is read again once a lane is down to half of that. */
static bool lane_has_enough(const struct lane *l, bool held)
{
	return l->pending * (held ? 2 : 1) >= (size_t)l->endpoint->row.max_in_flight * ENOUGH;
}

static bool all_have_enough(const struct partition *p, int64_t now)
{
	const struct lane *l;
	bool any = false;
	size_t i = 0;

	while ((l = partition_each_lane(p, &i))) {
		if (!is_in_use(l, now))
			continue;
		any = true;
		if (!lane_has_enough(l, p->flow.held))
			return false;
	}
	return any;
}

static bool any_is_crowded(const struct partition *p)
{
	const struct lane *l;
	size_t i = 0;

	while ((l = partition_each_lane(p, &i)))
		if (l->state == LANE_LIVE && lane_is_crowded(l))
			return true;
	return false;
}

/* Whether a lane in use has no pending delivery: the next records may have events for it. */
static bool any_is_idle(const struct partition *p, int64_t now)
{
	const struct lane *l;
	size_t i = 0;

	while ((l = partition_each_lane(p, &i)))
		if (l->pending == 0 && is_in_use(l, now))
			return true;
	return false;
}

/* Whether there are live endpoints whose lanes are not in use, or do not exist yet. */
static bool others_may_wait(const struct partition *p, size_t live, int64_t now)
{
	const struct lane *l;
	size_t i = 0, in_use = 0;

	while ((l = partition_each_lane(p, &i)))
		in_use += is_in_use(l, now);
	return live > in_use;
}

static void lanes_detach_slow(struct partition *p, int64_t now)
{
	struct lane *l;
	size_t i = 0;

	while ((l = partition_each_lane(p, &i)))
		if (l->state == LANE_LIVE && (lane_is_crowded(l) || lane_has_enough(l, true)))
			lane_fall_behind(l, now);
	p->flow.crowded = false;
}

static bool lanes_hold(struct partition *p, int64_t now)
{
	p->flow.crowded = p->flow.crowded && any_is_crowded(p);
	return p->flow.crowded || all_have_enough(p, now);
}

/* Whether lanes hold the partition. Those that have held it for too long fall behind. */
static bool back_pressure_check(struct partition *p, size_t live, int64_t now)
{
	bool hold = lanes_hold(p, now), idle = p->flow.crowded && any_is_idle(p, now);
	struct flow_control *f = &p->flow;

	f->held_mono_ms = !hold ? 0 : f->held_mono_ms ? f->held_mono_ms : now;
	f->idle_mono_ms = !idle ? 0 : f->idle_mono_ms ? f->idle_mono_ms : now;
	if ((!idle || now - f->idle_mono_ms < IDLE_MS) &&
		(!hold || now - f->held_mono_ms < HELD_MS || !others_may_wait(p, live, now)))
		return hold;
	lanes_detach_slow(p, now);
	f->held_mono_ms = f->idle_mono_ms = 0;
	return false;
}

void flow_control_lane_full(struct lane *l, int64_t now_mono_ms)
{
	if (l->pending == 0) /* rows alone fill it, possibly for hours */
		lane_fall_behind(l, now_mono_ms);
	else
		l->partition->flow.crowded = true;
}

bool flow_control_holds(struct partition *p, size_t live, int64_t now_mono_ms)
{
	p->flow.held = back_pressure_check(p, live, now_mono_ms) || window_is_full(p);
	return p->flow.held;
}
