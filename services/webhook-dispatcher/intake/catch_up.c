/* See catch_up.h.
 *
 * One pass reads from the lowest position on and feeds every feed that it meets at its position. A feed without room leaves the pass when
 * another one can go on, and is met again by a later pass; when none can go on, the pass ends if another one could begin, or else
 * waits. At the partition's own reader a lane is live again; a replay ends where that stood when it began.
 *
 * Invariant: a feed gets each record from its position on once, in order.
 */
#include "webhook-dispatcher/intake/catch_up.h"

#include "base/clock.h"
#include "base/log.h"
#include "kafka/scanner.h"
#include "webhook-dispatcher/endpoints/subscription.h"
#include "webhook-dispatcher/intake/replay.h"
#include "webhook-dispatcher/lanes/feed.h"
#include "webhook-dispatcher/lanes/lane.h"
#include "webhook-dispatcher/stats.h"
#include "wire/source_marks.h"

#define BURST_S        0.1
#define RETRY_MS       1000
#define LOW_TIMEOUT_MS 500

static struct rate rate_of(double per_s)
{
	return (struct rate){ per_s, per_s * BURST_S > 1 ? per_s * BURST_S : 1 };
}

static struct rate feed_rate(const struct feed *f)
{
	return rate_of(f->replay ? f->replay->row.rate : 0);
}

/* A replay leaves half of the room to what happens now. */
static bool feed_has_room(const struct feed *f)
{
	if (!f->replay)
		return lane_has_room(f->lane);
	return !lane_is_crowded(f->lane) && bucket_wait_ms(&f->allowance, feed_rate(f), 1, clock_mono_ms()) == 0;
}

static bool feed_is_done(const struct feed *f)
{
	return f->replay ? f->position >= f->until : f->lane->state == LANE_LIVE;
}

/* Not before half of its lane's room is free and half of its rows are gone, or it would only be full, or fall behind, again. */
static bool feed_can_begin(const struct feed *f)
{
	const struct lane *l = f->lane;

	return !feed_is_done(f) && feed_has_room(f) && !lane_is_crowded(l) &&
		l->rows * 2 <= l->partition->shared->settings->endpoint_rows &&
		!pace_is_paused(&l->pace, clock_mono_ms());
}

void catch_up_stop(struct reader *r)
{
	struct catch_up *c = &r->catch_up;
	struct feed *f;

	if (!c->reading)
		return;
	if (c->holding)
		kafka_message_release(&c->held);
	c->holding = c->reading = false;
	kafka_scanner_stop(r->all->scanner, r->partition.number);
	source_marks_free(c->marks);
	c->marks = NULL;
	TAILQ_FOREACH (f, &r->partition.catching, in_catching)
		f->on_pass = false;
}

/* Lanes that have arrived need no reader; before a partition's first record all have. */
static void lanes_arrive(struct reader *r)
{
	struct feed *f, *next;

	for (f = TAILQ_FIRST(&r->partition.catching); f; f = next) {
		struct lane *l = f->lane;

		next = TAILQ_NEXT(f, in_catching);
		if (!f->replay && l->state == LANE_BEHIND && lane_has_room(l) && !pace_is_open(&l->pace) &&
			(r->partition.read == PROGRESS_NO_OFFSET || f->position >= r->partition.read))
			lane_go_live(l);
		else if (f->replay && f->position >= f->until)
			feed_update(f);
	}
}

static int64_t lowest_position(struct reader *r)
{
	int64_t lowest = INT64_MAX;
	struct feed *f;

	TAILQ_FOREACH (f, &r->partition.catching, in_catching)
		if (feed_can_begin(f) && f->position < lowest)
			lowest = f->position;
	return lowest;
}

static bool any_on_pass(const struct reader *r)
{
	struct feed *f;

	TAILQ_FOREACH (f, &r->partition.catching, in_catching)
		if (f->on_pass)
			return true;
	return false;
}

/* Those whose position lies between the last record and this one join here. */
static void pass_join(struct reader *r, int64_t offset)
{
	struct feed *f;

	TAILQ_FOREACH (f, &r->partition.catching, in_catching)
		if (!f->on_pass && f->position > r->catch_up.last && f->position <= offset && feed_can_begin(f))
			f->on_pass = true;
}

static bool pass_begin(struct reader *r)
{
	struct catch_up *c = &r->catch_up;
	int64_t from = lowest_position(r);
	struct err err;

	if (from == INT64_MAX || r->partition.read == PROGRESS_NO_OFFSET || clock_mono_ms() < c->retry_mono_ms)
		return false;
	if (kafka_scanner_start(r->all->scanner, r->partition.number, from, &err) < 0) {
		log_warn("catch-up postponed", LOG_I("partition", r->partition.number), LOG_ERR(&err));
		c->retry_mono_ms = clock_mono_ms() + RETRY_MS;
		return false;
	}
	c->reading = true;
	c->last = from - 1;
	c->marks = source_marks_new();
	pass_join(r, from);
	return true;
}

static void feed_skip_lost(struct feed *f, int64_t low)
{
	log_error("events were removed by retention before they were delivered",
		LOG_I("endpoint_id", f->lane->endpoint->row.id), LOG_I("partition", f->lane->partition->number),
		LOG_I("from", f->position), LOG_I("to", low), LOG_I("records", low - f->position));
	stats_lost(low - f->position);
	f->lost += low - f->position;
	f->position = low;
	f->begun_offset = low - 1;
	feed_touch(f);
}

/* Records expired before delivery: log the gap, and deliver the rest. */
static void pass_skip_lost(struct reader *r)
{
	struct feed *f;
	struct err err;
	int64_t low;

	if (kafka_scanner_low(r->all->scanner, r->partition.number, LOW_TIMEOUT_MS, &low, &err) < 0) {
		log_warn("catch-up postponed", LOG_I("partition", r->partition.number), LOG_ERR(&err));
		return;
	}
	TAILQ_FOREACH (f, &r->partition.catching, in_catching)
		if (!feed_is_done(f) && f->position < low)
			feed_skip_lost(f, low);
}

static void pass_fail(struct reader *r, const struct err *why)
{
	catch_up_stop(r);
	r->catch_up.retry_mono_ms = clock_mono_ms() + RETRY_MS;
	if (why->kind == ERR_CONFLICT)
		pass_skip_lost(r);
	else
		log_warn("catch-up postponed", LOG_I("partition", r->partition.number), LOG_ERR(why));
}

/* False: every feed on the pass has to wait. */
static bool pass_has_room(struct reader *r)
{
	size_t able = 0, full = 0;
	struct feed *f;

	TAILQ_FOREACH (f, &r->partition.catching, in_catching)
		if (f->on_pass)
			feed_has_room(f) ? able++ : full++;
	if (able == 0 && full > 0) {
		if (lowest_position(r) != INT64_MAX) /* of another feed, which does not wait for these */
			catch_up_stop(r);
		return false;
	}
	TAILQ_FOREACH (f, &r->partition.catching, in_catching)
		f->on_pass = f->on_pass && feed_has_room(f);
	return true;
}

static bool feed_wants(const struct feed *f, const struct reading *reading)
{
	if (reading->offset >= f->skip_from && reading->offset < f->skip_to) /* delivered live, by an earlier owner */
		return false;
	return f->replay ? replay_wants(f->replay, f->lane->endpoint, reading)
			 : endpoint_wants(f->lane->endpoint, reading);
}

static void feed_event(struct feed *f, const struct reading *reading, struct event **e)
{
	if (!f->replay || !f->replay->row.dry_run) {
		if (!*e)
			*e = event_keep(reading, true);
		if (!lane_has(f, *e))
			lane_admit(f, *e, HOLDS_FEED, clock_mono_ms());
		bucket_charge(&f->allowance, feed_rate(f), 1, clock_mono_ms());
	}
	f->matched++;
}

static bool record_counts(struct reader *r, const struct kafka_message *m, struct reading *reading)
{
	struct err err;

	arena_reset(r->all->reading);
	/* A bad one was made a dead letter by the partition's reader. */
	return event_read(m, r->all->reading, reading, &err) == 0 && !reading->for_others &&
		!source_is_late(r->catch_up.marks, r->partition.number, &reading->event.source, reading->replayed);
}

static bool is_of_workspace(const struct feed *f, const struct reading *reading)
{
	return uuid_eq(&f->lane->endpoint->row.workspace, &reading->event.workspace);
}

static void pass_feed(struct reader *r, const struct kafka_message *m)
{
	struct event *e = NULL;
	struct reading reading;
	bool counts = record_counts(r, m, &reading);
	struct feed *f;

	TAILQ_FOREACH (f, &r->partition.catching, in_catching) {
		if (!f->on_pass)
			continue;
		f->position = m->offset + 1;
		feed_touch(f);
		if (counts && is_of_workspace(f, &reading) && feed_wants(f, &reading))
			feed_event(f, &reading, &e);
		f->on_pass = !feed_is_done(f);
	}
	event_unref(e);
}

/* What lies between the last record and the partition's own reader was none. */
static void pass_arrive(struct reader *r)
{
	struct feed *f;

	TAILQ_FOREACH (f, &r->partition.catching, in_catching)
		if (f->on_pass) {
			f->position = r->partition.read;
			feed_touch(f);
		}
	catch_up_stop(r);
	lanes_arrive(r);
}

/* One record. False: not now. */
static bool pass_step(struct reader *r)
{
	struct catch_up *c = &r->catch_up;
	struct err err;
	int rc;

	if (!c->holding) {
		rc = kafka_scanner_poll(r->all->scanner, r->partition.number, &c->held, &err);
		if (rc < 0)
			pass_fail(r, &err);
		if (rc <= 0)
			return false;
		c->holding = true;
		pass_join(r, c->held.offset);
	}
	if (c->held.offset >= r->partition.read) {
		pass_arrive(r);
		return false;
	}
	if (!pass_has_room(r))
		return false;
	pass_feed(r, &c->held);
	c->last = c->held.offset;
	kafka_message_release(&c->held);
	c->holding = false;
	lanes_arrive(r);
	if (any_on_pass(r))
		return true;
	catch_up_stop(r);
	return false;
}

void catch_up_turn(struct reader *r)
{
	const struct rate rate = rate_of((double)r->all->settings->catch_up_rate);
	struct catch_up *c = &r->catch_up;
	int64_t now = clock_mono_ms();

	if (TAILQ_EMPTY(&r->partition.catching)) {
		catch_up_stop(r);
		return;
	}
	lanes_arrive(r);
	if (c->reading && !any_on_pass(r)) /* those that were have fallen back */
		catch_up_stop(r);
	if (!c->reading && !pass_begin(r))
		return;
	/* What is delivered live goes first: reading again is bounded. */
	while (bucket_wait_ms(&c->allowance, rate, 1, now) == 0 && pass_step(r))
		bucket_charge(&c->allowance, rate, 1, now);
}
