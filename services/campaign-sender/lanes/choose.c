/* Which message is sent next: workspaces in turn by 8, then their lanes; in a lane single messages first, then unknown ones, then its segments
 * in turn by 8. Invariant: a chosen send has a slot of its workspace's share. */
#include "campaign-sender/lanes/lanes.h"

#include <assert.h>

#include "campaign-sender/lanes/fetch_plan.h"
#include "campaign-sender/lanes/schedule.h"
#include "campaign-sender/lanes/send.h"

/* The first one whose pair is within its rate; the others wait for theirs. The pair is charged when a message is chosen, so that two that
 * are chosen together do not exceed it; one that is not sent after all gives it back. */
static struct send *pop_within_pair(struct send_list *list, int64_t now_us)
{
	struct send *s;
	int64_t again_us;

	while ((s = TAILQ_FIRST(list))) {
		if (pairs_admit(s->lanes->pairs, s->account_id, s->row.address, s->segment, now_us, &again_us))
			break;
		send_unwait(s);
		s->not_before_us = again_us > now_us ? again_us : now_us + 1;
		send_wait(s);
	}
	if (!s)
		return NULL;
	pairs_take(s->lanes->pairs, s->account_id, s->row.address, s->segment, now_us);
	send_choose(s);
	return s;
}

static void segment_end_turn(struct segment *s)
{
	struct segment_list *line = &s->lane->segments;

	s->turn = 0;
	TAILQ_REMOVE(line, s, in_lane);
	TAILQ_INSERT_TAIL(line, s, in_lane);
}

static struct send *segment_pop(struct segment *s, int64_t now_us)
{
	struct send *w = pop_within_pair(&s->retries, now_us);

	if (!w)
		w = pop_within_pair(&s->queued, now_us);
	if (!w)
		return NULL;
	if (s->turn == 0)
		s->turn = LANE_QUANTUM;
	if (--s->turn == 0)
		segment_end_turn(s);
	segment_note_room(w->segment);
	return w;
}

static struct send *campaign_pop(struct lane *lane, int64_t now_us)
{
	struct segment *s;
	struct send *w;

	TAILQ_FOREACH (s, &lane->segments, in_lane)
		if (segment_may_send(s) && (w = segment_pop(s, now_us)))
			return w;
	return NULL;
}

static struct send *direct_pop(struct lane *lane, int64_t now_us)
{
	struct send *s = pop_within_pair(&lane->direct, now_us);

	if (s)
		lane_note_room(lane);
	return s;
}

static struct send *unknown_pop(struct lane *lane)
{
	struct send *s = TAILQ_FIRST(&lane->unknown);

	send_choose(s);
	lane_note_room(lane);
	return s;
}

/* The probe of an open breaker may be lost, so it is a campaign's message, if there is one. */
static struct send *lane_pop(struct lane *lane, int64_t now_us, int64_t now_ms)
{
	const struct lane_room room = lane_room(lane, now_us, now_ms);
	bool probe = pace_is_open(&lane->pace);
	struct send *s = NULL;

	if (probe && room.campaign)
		s = campaign_pop(lane, now_us);
	if (!s && room.direct)
		s = direct_pop(lane, now_us);
	if (!s && room.unknown)
		s = unknown_pop(lane);
	if (!s && room.campaign)
		s = campaign_pop(lane, now_us);
	return s;
}

static bool may_choose(const struct lanes *l)
{
	return !l->stopped && !l->draining && l->in_flight < l->max_in_flight;
}

size_t lanes_choose(struct lanes *l, int64_t now_us, int64_t now_ms, struct send **out, size_t cap)
{
	struct fair_flow *f;
	struct send *s;
	struct lane *lane;
	size_t n = 0;

	l->now_ms = now_ms;
	lanes_wake_due(l, now_us, now_ms);
	while (n < cap && may_choose(l) && (f = fair_queue_next(&l->queue))) {
		lane = lane_of(f);
		s = lane_pop(lane, now_us, now_ms);
		if (s) {
			fair_queue_charge(&lane->workspace->tenant, f, 1);
			out[n++] = s;
		}
		lane_schedule(lane, now_us, now_ms);
		assert(s || !f->runnable);
	}
	return n;
}

static bool direct_is_ready(struct lanes *l, int64_t now_us, int64_t now_ms)
{
	struct fair_tenant *t;
	struct fair_flow *f;

	TAILQ_FOREACH (t, &l->queue.tenants, in_line)
		TAILQ_FOREACH (f, &t->flows, in_turn)
			if (lane_room(lane_of(f), now_us, now_ms).direct)
				return true;
	return false;
}

bool lanes_ready(struct lanes *l, int64_t now_us, int64_t now_ms, bool *direct)
{
	struct fair_flow *f;

	*direct = false;
	lanes_wake_due(l, now_us, now_ms);
	if (!may_choose(l))
		return false;
	while ((f = fair_queue_next(&l->queue))) {
		lane_schedule(lane_of(f), now_us, now_ms);
		if (!f->runnable)
			continue;
		*direct = direct_is_ready(l, now_us, now_ms);
		return true;
	}
	return false;
}

void lanes_wake_due(struct lanes *l, int64_t now_us, int64_t now_ms)
{
	struct fair_flow *next = fair_queue_asleep(&l->queue), *f;

	while ((f = fair_queue_due(&next, now_ms)))
		lane_schedule(lane_of(f), now_us, now_ms);
}

int64_t lanes_due_ms(const struct lanes *l)
{
	int64_t due_ms = l->stopped || l->draining ? INT64_MAX : l->fetch_at_ms;
	const struct fair_flow *f;

	TAILQ_FOREACH (f, &l->queue.asleep, in_asleep)
		if (f->wake_ms < due_ms)
			due_ms = f->wake_ms;
	return due_ms;
}
