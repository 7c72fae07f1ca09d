/* See flow_control.h. Invariant: while a partition is held, a lane that may have something to do is not kept from it for longer than HELD_MS. */
#include "webhook-dispatcher/lanes/flow_control.h"

#include "webhook-dispatcher/lanes/lane.h"
#include "webhook-dispatcher/lanes/partition.h"

#define ENOUGH    8 /* times what may be in flight: what waits beyond that may as well wait in Kafka */
#define IDLE_MS   100 /* how long a full lane may leave others without work */
#define HELD_MS   1000 /* how long lanes may keep what is not read yet from endpoints that may have something there */
#define IN_USE_MS 60000 /* a lane that was fed so recently */

static bool window_is_full(const struct partition *p)
{
	const struct dispatcher_settings *s = p->shared->settings;

	return p->window_events >= (size_t)s->window_events || p->window_bytes >= (size_t)s->window_bytes;
}

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

/* One that had something to do lately, and has nothing now: there may be more for it. */
static bool any_is_idle(const struct partition *p, int64_t now)
{
	const struct lane *l;
	size_t i = 0;

	while ((l = partition_each_lane(p, &i)))
		if (l->waiting == 0 && is_in_use(l, now))
			return true;
	return false;
}

/* Endpoints whose lane has nothing to do, or is not there yet. */
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

/* Whether lanes keep it from being read; those that do so for too long fall behind. */
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
	if (l->waiting == 0) /* all that fills it are rows: that may last for hours */
		lane_fall_behind(l, now_mono_ms);
	else
		l->partition->flow.crowded = true;
}

bool flow_control_holds(struct partition *p, size_t live, int64_t now_mono_ms)
{
	p->flow.held = back_pressure_check(p, live, now_mono_ms) || window_is_full(p);
	return p->flow.held;
}
