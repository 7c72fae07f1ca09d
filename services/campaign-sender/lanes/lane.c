/* One account: its limits, its pauses, its rows in memory. Invariant: in_flight has all of its sends that may have been posted. */
#include "campaign-sender/lanes/lane.h"

#include <stdlib.h>

#include "base/arena.h"
#include "campaign-sender/lanes/lanes.h"
#include "campaign-sender/lanes/schedule.h"
#include "campaign-sender/lanes/segment.h"
#include "campaign-sender/lanes/send.h"

/* Of the circuit breaker. README.md, Account, failover, breaker. */
static const struct pace_limits breaker = { .max_in_flight = INT32_MAX,
	.breaker_failures = 5,
	.breaker_min_ms = 1000,
	.breaker_max_ms = 60000 };

struct lane *lane_new(struct lanes *l, struct workspace *w, const struct send_lane *row)
{
	struct lane *lane = mem_calloc(1, sizeof(*lane));

	lane->lanes = l;
	lane->workspace = w;
	lane->row = *row;
	lane->row.in_flight = NULL;
	lane->row.n_in_flight = 0;
	lane_use_hold(lane, row);
	lane->pace_limits = breaker;
	lane->sends = map_new();
	TAILQ_INIT(&lane->direct);
	TAILQ_INIT(&lane->unknown);
	TAILQ_INIT(&lane->delayed);
	TAILQ_INIT(&lane->in_flight);
	TAILQ_INIT(&lane->segments);
	TAILQ_INSERT_TAIL(&l->all, lane, in_lanes);
	w->lanes++;
	return lane;
}

static void waiting_free(struct send_list *list)
{
	struct send *s;

	while ((s = TAILQ_FIRST(list))) {
		send_unwait(s);
		send_free(s);
	}
}

static void in_flight_free(struct lane *lane)
{
	struct send *s;

	while ((s = TAILQ_FIRST(&lane->in_flight))) {
		if (s->state != SEND_CHOSEN) {
			send_orphan(s);
			continue;
		}
		send_remove(s);
		send_free(s);
	}
}

void lane_free(struct lane *lane)
{
	struct lanes *l = lane->lanes;
	struct segment *s;

	in_flight_free(lane);
	while ((s = TAILQ_FIRST(&lane->segments)))
		segment_free(s);
	waiting_free(&lane->direct);
	waiting_free(&lane->unknown);
	waiting_free(&lane->delayed);
	fair_queue_put(&l->queue, &lane->workspace->tenant, &lane->flow, false, FAIR_NEVER);
	if (lane->changed)
		TAILQ_REMOVE(&l->changed, lane, in_changed);
	TAILQ_REMOVE(&l->all, lane, in_lanes);
	lane->workspace->lanes--;
	map_free(lane->sends);
	free(lane->held_code);
	free(lane);
}

void lane_use_hold(struct lane *lane, const struct send_lane *row)
{
	char *code = row->held_code.p ? mem_cstr(row->held_code) : NULL;

	free(lane->held_code);
	lane->held_code = code;
	lane->row.held_code = str_of(code);
	lane->row.held_at_us = row->held_at_us;
	lane->row.held_until_us = row->held_until_us;
}

void lane_fetch_at(struct lane *lane, int64_t at_ms)
{
	if (at_ms < lane->due_at_ms)
		lane->due_at_ms = at_ms;
	if (at_ms < lane->lanes->fetch_at_ms)
		lane->lanes->fetch_at_ms = at_ms;
}

void lane_note_stranded(struct lane *lane, int64_t now_ms)
{
	if (lane->usable || lane->n_direct + lane->n_delayed == 0)
		return;
	if (now_ms < lane->lanes->stranded_at_ms)
		lane->lanes->stranded_at_ms = now_ms;
}

static void lane_use(struct lane *lane, bool usable, int64_t now_ms)
{
	if (lane->usable && !usable)
		lane->unusable_since_ms = now_ms;
	if (!lane->usable && usable)
		lane->lanes->fetch_at_ms = now_ms;
	lane->usable = usable;
	lane_note_stranded(lane, now_ms);
}

void lane_account(struct lane *lane, const struct lane_account *a, int64_t now_us, int64_t now_ms)
{
	bool warmed = a->limits.warmed && !lane->limits.warmed;

	lane->limits = a->limits;
	if (warmed) /* recipients that were to wait for the next day of the warm-up */
		lane_undelay(lane, INT64_MAX);
	lane_use(lane, a->usable, now_ms);
	lane_schedule(lane, now_us, now_ms);
}

void lane_pause(struct lane *lane, int64_t until_us, int64_t now_us, int64_t now_ms)
{
	if (until_us == INT64_MAX) {
		lane_use(lane, false, now_ms);
	} else if (until_us > lane->row.paused_until_us) {
		lane->row.paused_until_us = until_us;
		lane_mark_changed(lane);
	}
	lane_schedule(lane, now_us, now_ms);
}

struct send *lane_put(struct lane *lane, struct segment *s, const struct send_row *row, int64_t now_ms)
{
	struct send *n;

	if (!s)
		lane->due_put++;
	else if (row->next_attempt_us != PG_NO_TIME)
		s->retries_put++;
	if (lane_find_send(lane, row->id))
		return NULL;
	n = send_new(lane, s, row);
	n->put_ms = now_ms;
	send_wait(n);
	lane_note_stranded(lane, now_ms);
	lane_touch(lane);
	return n;
}

size_t lane_in_flight(const struct lane *lane, struct arena *a, int64_t **out)
{
	const struct send *s;
	size_t n = 0;

	*out = ARENA_ARRAY(a, int64_t, lane->n_listed);
	TAILQ_FOREACH (s, &lane->in_flight, in_list)
		if (s->state != SEND_CHOSEN)
			(*out)[n++] = s->row.id;
	return n;
}
