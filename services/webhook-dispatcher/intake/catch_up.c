/* See catch_up.h. lanes/scan.h decides which feeds get a record; this file reads it. Invariant: while a scan is running, the feeds on it have
 * got all records up to `last`, and none beyond it. */
#include "webhook-dispatcher/intake/catch_up.h"

#include "base/clock.h"
#include "base/log.h"
#include "kafka/scanner.h"
#include "webhook-dispatcher/endpoints/subscription.h"
#include "webhook-dispatcher/intake/replay.h"
#include "webhook-dispatcher/lanes/scan.h"
#include "webhook-dispatcher/stats.h"
#include "wire/source_marks.h"

#define BURST_S        0.1
#define RETRY_MS       1000
#define LOW_TIMEOUT_MS 500

void catch_up_stop(struct reader *r)
{
	struct catch_up *c = &r->catch_up;

	if (!c->reading)
		return;
	if (c->holding)
		kafka_message_release(&c->held);
	c->holding = c->reading = false;
	kafka_scanner_stop(r->all->scanner, r->partition.number);
	source_marks_free(c->marks);
	c->marks = NULL;
	scan_end(&r->partition);
}

static void catch_up_postpone(struct reader *r, const struct err *why)
{
	log_warn("catch-up postponed", LOG_I("partition", r->partition.number), LOG_ERR(why));
	r->catch_up.retry_mono_ms = clock_mono_ms() + RETRY_MS;
}

static bool scan_begin(struct reader *r)
{
	struct catch_up *c = &r->catch_up;
	struct partition *p = &r->partition;
	int64_t now = clock_mono_ms(), from = scan_start_offset(p, now);
	struct err err;

	if (from == SCAN_NOWHERE || p->read == PROGRESS_NO_OFFSET || now < c->retry_mono_ms)
		return false;
	if (kafka_scanner_start(r->all->scanner, p->number, from, &err) < 0) {
		catch_up_postpone(r, &err);
		return false;
	}
	c->reading = true;
	c->last = from - 1;
	c->marks = source_marks_new();
	scan_join(p, c->last, from, now);
	return true;
}

/* Retention removed records before they were delivered: logs the gap; the rest is delivered. */
static void feeds_skip_lost(struct reader *r)
{
	struct partition *p = &r->partition;
	int64_t low, lost;
	struct feed *f;
	struct err err;

	if (kafka_scanner_low(r->all->scanner, p->number, LOW_TIMEOUT_MS, &low, &err) < 0) {
		catch_up_postpone(r, &err);
		return;
	}
	TAILQ_FOREACH (f, &p->catching_up, in_catching_up) {
		lost = scan_skip_lost(f, low);
		if (lost == 0)
			continue;
		log_error("events were removed by retention before they were delivered",
			LOG_I("endpoint_id", f->lane->endpoint->row.id), LOG_I("partition", p->number),
			LOG_I("from", low - lost), LOG_I("to", low), LOG_I("records", lost));
		stats_lost(lost);
	}
}

static void scan_fail(struct reader *r, const struct err *why)
{
	catch_up_stop(r);
	r->catch_up.retry_mono_ms = clock_mono_ms() + RETRY_MS;
	if (why->kind == ERR_CONFLICT)
		feeds_skip_lost(r);
	else
		catch_up_postpone(r, why);
}

static bool feed_receives(const struct feed *f, const struct event_record *record)
{
	if (record->offset >= f->skip_from && record->offset < f->skip_to) /* delivered live by a previous owner */
		return false;
	return f->replay ? replay_includes(f->replay, f->lane->endpoint, record)
			 : endpoint_receives(f->lane->endpoint, record);
}

static void feed_event(struct feed *f, const struct event_record *record, struct event **e)
{
	if (!f->replay || !f->replay->row.dry_run) {
		if (!*e)
			*e = event_keep(record, true);
		scan_admit(f, *e, clock_mono_ms());
	}
	f->matched++;
}

/* False: no feed gets the record. */
static bool record_decode(struct reader *r, const struct kafka_message *m, struct event_record *record)
{
	struct err err;

	arena_reset(r->all->reading);
	/* The first reader of the partition has made a dead letter of a record that cannot be decoded. */
	return event_read(m, r->all->reading, record, &err) == 0 && !record->for_others &&
		!source_is_late(r->catch_up.marks, r->partition.number, &record->event.source, record->replayed);
}

static bool is_of_workspace(const struct feed *f, const struct event_record *record)
{
	return uuid_eq(&f->lane->endpoint->row.workspace, &record->event.workspace);
}

static void scan_feed(struct reader *r, const struct kafka_message *m)
{
	struct event *e = NULL;
	struct event_record record;
	bool valid = record_decode(r, m, &record);
	struct feed *f;

	TAILQ_FOREACH (f, &r->partition.catching_up, in_catching_up) {
		if (!f->scanning)
			continue;
		scan_advance(f, m->offset);
		if (valid && is_of_workspace(f, &record) && feed_receives(f, &record))
			feed_event(f, &record, &e);
	}
	event_unref(e);
}

/* Holds the next record. False: none is available now. */
static bool record_hold(struct reader *r)
{
	struct catch_up *c = &r->catch_up;
	struct err err;
	int rc;

	if (c->holding)
		return true;
	rc = kafka_scanner_poll(r->all->scanner, r->partition.number, &c->held, &err);
	if (rc < 0)
		scan_fail(r, &err);
	if (rc <= 0)
		return false;
	c->holding = true;
	scan_join(&r->partition, c->last, c->held.offset, clock_mono_ms());
	return true;
}

/* Whether the feeds on the scan have room for the record that is held. */
static bool scan_can_deliver(struct reader *r)
{
	struct partition *p = &r->partition;
	enum scan_room room;

	/* No record lies between the previous one and the offset that is read next. */
	if (r->catch_up.held.offset >= p->read) {
		scan_reach_end(p);
		catch_up_stop(r);
		scan_finish_feeds(p);
		return false;
	}
	room = scan_check_room(p, clock_mono_ms());
	if (room == SCAN_ENDS)
		catch_up_stop(r);
	return room == SCAN_CONTINUES;
}

/* Delivers one record to the feeds. False: it is not possible now, or the scan has ended. */
static bool scan_step(struct reader *r)
{
	struct catch_up *c = &r->catch_up;

	if (!record_hold(r) || !scan_can_deliver(r))
		return false;
	scan_feed(r, &c->held);
	c->last = c->held.offset;
	kafka_message_release(&c->held);
	c->holding = false;
	scan_finish_feeds(&r->partition);
	if (!scan_is_empty(&r->partition))
		return true;
	catch_up_stop(r);
	return false;
}

static struct rate catch_up_rate(const struct reader *r)
{
	double per_s = (double)r->all->settings->catch_up_rate;

	return (struct rate){ per_s, per_s * BURST_S > 1 ? per_s * BURST_S : 1 };
}

void catch_up_turn(struct reader *r)
{
	const struct rate rate = catch_up_rate(r);
	struct catch_up *c = &r->catch_up;
	int64_t now = clock_mono_ms();

	if (TAILQ_EMPTY(&r->partition.catching_up)) {
		catch_up_stop(r);
		return;
	}
	scan_finish_feeds(&r->partition);
	if (c->reading && scan_is_empty(&r->partition)) /* its feeds were rewound */
		catch_up_stop(r);
	if (!c->reading && !scan_begin(r))
		return;
	/* Live events have priority: the rate of reading again is limited. */
	while (bucket_wait_ms(&c->allowance, rate, 1, now) == 0 && scan_step(r))
		bucket_charge(&c->allowance, rate, 1, now);
}
