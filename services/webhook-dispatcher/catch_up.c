/* The second reader of a partition: endpoints that are behind get what they missed, in order; see flow.h.
 *
 * One pass reads from the lowest position on and feeds every lane that it meets at its position. A lane without room leaves the pass when
 * another one can go on, and is met again by a later pass; when nobody can go on, the pass waits. At the partition's own reader a lane is live again.
 */
#include "base/clock.h"
#include "base/log.h"
#include "kafka/scanner.h"
#include "webhook-dispatcher/dispatcher.h"
#include "webhook-dispatcher/stats.h"
#include "wire/source_marks.h"

#define BURST_S        0.1
#define RETRY_MS       1000
#define LOW_TIMEOUT_MS 500

/* Not before half of its rows are gone, or it would only fall behind again. */
static bool lane_can_begin(const struct lane *l)
{
	return l->state == LANE_BEHIND && lane_has_room(l) && l->rows * 2 <= l->partition->d->settings->endpoint_rows &&
		!pace_is_paused(&l->pace, clock_mono_ms());
}

void catch_up_stop(struct partition *p)
{
	struct catch_up *c = &p->catch_up;
	struct lane *l;

	if (!c->reading)
		return;
	if (c->holding)
		kafka_message_release(&c->held);
	c->holding = c->reading = false;
	kafka_scanner_stop(p->d->scanner, p->number);
	source_marks_free(c->marks);
	c->marks = NULL;
	TAILQ_FOREACH(l, &p->catching, in_catching)
	l->on_pass = false;
}

/* Those that have arrived need no reader; before a partition's first record everybody has. */
static void lanes_arrive(struct partition *p)
{
	struct lane *l, *next;

	for (l = TAILQ_FIRST(&p->catching); l; l = next) {
		next = TAILQ_NEXT(l, in_catching);
		if (l->state == LANE_BEHIND && lane_has_room(l) && !pace_is_open(&l->pace) &&
			(p->read == PROGRESS_NO_OFFSET || l->position >= p->read))
			lane_go_live(l);
	}
}

static int64_t lowest_position(const struct partition *p)
{
	int64_t lowest = INT64_MAX;
	struct lane *l;

	TAILQ_FOREACH(l, &p->catching, in_catching)
	if (lane_can_begin(l) && l->position < lowest)
		lowest = l->position;
	return lowest;
}

static bool somebody_on_pass(const struct partition *p)
{
	struct lane *l;

	TAILQ_FOREACH(l, &p->catching, in_catching)
	if (l->on_pass)
		return true;
	return false;
}

/* Lanes whose position lies between the last record and this one join here. */
static void pass_join(struct partition *p, int64_t offset)
{
	struct lane *l;

	TAILQ_FOREACH(l, &p->catching, in_catching)
	if (!l->on_pass && l->position > p->catch_up.last && l->position <= offset && lane_can_begin(l))
		l->on_pass = true;
}

static bool pass_begin(struct partition *p)
{
	struct catch_up *c = &p->catch_up;
	int64_t from = lowest_position(p);
	struct err err;

	if (from == INT64_MAX || p->read == PROGRESS_NO_OFFSET || clock_mono_ms() < c->retry_mono_ms)
		return false;
	if (kafka_scanner_start(p->d->scanner, p->number, from, &err) < 0) {
		log_warn("catch-up put off", LOG_I("partition", p->number), LOG_ERR(&err));
		c->retry_mono_ms = clock_mono_ms() + RETRY_MS;
		return false;
	}
	c->reading = true;
	c->last = from - 1;
	c->marks = source_marks_new();
	pass_join(p, from);
	return true;
}

/* Retention was faster: what is gone is said, and the rest is delivered. */
static void pass_skip_lost(struct partition *p)
{
	struct lane *l;
	struct err err;
	int64_t low;

	if (kafka_scanner_low(p->d->scanner, p->number, LOW_TIMEOUT_MS, &low, &err) < 0) {
		log_warn("catch-up put off", LOG_I("partition", p->number), LOG_ERR(&err));
		return;
	}
	TAILQ_FOREACH(l, &p->catching, in_catching)
	{
		if (l->state != LANE_BEHIND || l->position >= low)
			continue;
		log_error("events were removed by retention before their endpoint caught up",
			LOG_I("endpoint_id", l->endpoint->row.id), LOG_I("partition", p->number),
			LOG_I("from", l->position), LOG_I("to", low), LOG_I("records", low - l->position));
		stats_lost(low - l->position);
		l->position = low;
		l->begun_offset = low - 1;
		lane_touch(l);
	}
}

static void pass_fail(struct partition *p, const struct err *why)
{
	catch_up_stop(p);
	p->catch_up.retry_mono_ms = clock_mono_ms() + RETRY_MS;
	if (why->kind == ERR_CONFLICT)
		pass_skip_lost(p);
	else
		log_warn("catch-up put off", LOG_I("partition", p->number), LOG_ERR(why));
}

/* False: everybody on the pass has to wait. */
static bool pass_has_room(struct partition *p)
{
	size_t able = 0, full = 0;
	struct lane *l;

	TAILQ_FOREACH(l, &p->catching, in_catching)
	if (l->on_pass)
		lane_has_room(l) ? able++ : full++;
	if (able == 0 && full > 0)
		return false;
	TAILQ_FOREACH(l, &p->catching, in_catching)
	l->on_pass = l->on_pass && lane_has_room(l);
	return true;
}

/* It is fed, or passes the record as one that is not for it. */
static void lane_feed(struct lane *l, const struct reading *r, struct event **e)
{
	bool delivered = r->offset >= l->skip_from && r->offset < l->skip_to;

	l->position = r->offset + 1;
	lane_touch(l);
	if (delivered || !endpoint_wants(l->endpoint, r))
		return;
	if (!*e)
		*e = event_keep(r, true);
	if (!lane_has(l, *e))
		lane_admit(l, *e, HOLDS_LANE);
}

static bool record_counts(struct partition *p, const struct kafka_message *m, struct reading *r)
{
	struct err err;

	arena_reset(p->d->reading);
	/* A bad one was made a dead letter by the partition's reader. */
	return event_read(m, p->d->reading, r, &err) == 0 && !r->for_others &&
		!source_is_late(p->catch_up.marks, p->number, &r->event.source, r->replayed);
}

static bool is_of_workspace(const struct lane *l, const struct reading *r)
{
	return uuid_eq(&l->endpoint->row.workspace, &r->event.workspace);
}

static void pass_feed(struct partition *p, const struct kafka_message *m)
{
	struct event *e = NULL;
	struct reading r;
	bool counts = record_counts(p, m, &r);
	struct lane *l;

	TAILQ_FOREACH(l, &p->catching, in_catching)
	{
		if (!l->on_pass)
			continue;
		if (counts && is_of_workspace(l, &r)) {
			lane_feed(l, &r, &e);
			continue;
		}
		l->position = m->offset + 1;
		lane_touch(l);
	}
	event_unref(e);
}

static void pass_arrive(struct partition *p)
{
	struct lane *l;

	TAILQ_FOREACH(l, &p->catching, in_catching)
	if (l->on_pass)
		l->position = p->read;
	catch_up_stop(p);
	lanes_arrive(p);
}

/* One record. False: not now. */
static bool pass_step(struct partition *p)
{
	struct catch_up *c = &p->catch_up;
	struct err err;
	int rc;

	if (!c->holding) {
		rc = kafka_scanner_poll(p->d->scanner, p->number, &c->held, &err);
		if (rc < 0)
			pass_fail(p, &err);
		if (rc <= 0)
			return false;
		c->holding = true;
		pass_join(p, c->held.offset);
	}
	if (c->held.offset >= p->read) { /* what lies between was no record; the rest comes live */
		pass_arrive(p);
		return false;
	}
	if (!pass_has_room(p))
		return false;
	pass_feed(p, &c->held);
	c->last = c->held.offset;
	kafka_message_release(&c->held);
	c->holding = false;
	lanes_arrive(p);
	if (somebody_on_pass(p))
		return true;
	catch_up_stop(p);
	return false;
}

/* What is delivered live goes first: reading again is bounded. */
static void allowance_refill(struct catch_up *c, double rate)
{
	int64_t now = clock_mono_ms();

	c->allowance += (double)(now - c->allowed_mono_ms) / 1e3 * rate;
	if (c->allowance > rate * BURST_S)
		c->allowance = rate * BURST_S > 1 ? rate * BURST_S : 1;
	c->allowed_mono_ms = now;
}

void catch_up_turn(struct partition *p)
{
	if (TAILQ_EMPTY(&p->catching)) {
		catch_up_stop(p);
		return;
	}
	lanes_arrive(p);
	if (p->catch_up.reading && !somebody_on_pass(p)) /* those who were have fallen back */
		catch_up_stop(p);
	if (!p->catch_up.reading && !pass_begin(p))
		return;
	allowance_refill(&p->catch_up, (double)p->d->settings->catch_up_rate);
	while (p->catch_up.allowance >= 1 && pass_step(p))
		p->catch_up.allowance -= 1;
}
