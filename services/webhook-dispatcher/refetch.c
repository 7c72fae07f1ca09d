/* Rows that only waited behind another were kept without their event: it is read again by its offset, see flow.h. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/scanner.h"
#include "webhook-dispatcher/dispatcher.h"
#include "webhook-dispatcher/settlement.h"
#include "webhook-dispatcher/stats.h"

#define RETRY_MS       1000
#define LOW_TIMEOUT_MS 500
#define TURN_RECORDS   500
#define SKIP_RECORDS   2000 /* beyond, it is faster to begin anew there */

static struct str row_key(const struct retry_row *row)
{
	return (struct str){ (const char *)&row->id, sizeof(row->id) };
}

void refetch_add(struct partition *p, struct chain *c, const struct retry_row *row)
{
	struct want *w = mem_calloc(1, sizeof(*w)), *before = TAILQ_FIRST(&p->refetch.wants);

	w->row = *row;
	w->row.last_error = row->last_error.p ? STR("") : STR_NONE; /* whether there was one */
	w->chain = c;
	c->wanted++;
	c->lane->wanted++;
	*map_slot(p->by_row, row_key(row)) = w;
	while (before && before->row.offset <= row->offset)
		before = TAILQ_NEXT(before, in_wants);
	if (before)
		TAILQ_INSERT_BEFORE(before, w, in_wants);
	else
		TAILQ_INSERT_TAIL(&p->refetch.wants, w, in_wants);
}

static void want_end(struct partition *p, struct want *w)
{
	w->chain->wanted--;
	w->chain->lane->wanted--;
	map_del(p->by_row, row_key(&w->row));
	TAILQ_REMOVE(&p->refetch.wants, w, in_wants);
	free(w);
}

void refetch_stop(struct partition *p)
{
	struct want *w, *next;

	if (p->refetch.reading)
		kafka_scanner_stop(p->d->refetcher, p->number);
	p->refetch.reading = false;
	for (w = TAILQ_FIRST(&p->refetch.wants); w; w = next) {
		next = TAILQ_NEXT(w, in_wants);
		want_end(p, w);
	}
}

/* In the commit that says that what was before them has failed: later they would come after what is taken up with it the next time. */
void refetch_give_back(struct chain *c)
{
	struct partition *p = c->lane->partition;
	struct want *w, *next;

	for (w = TAILQ_FIRST(&p->refetch.wants); w && c->wanted > 0; w = next) {
		next = TAILQ_NEXT(w, in_wants);
		if (w->chain != c)
			continue;
		settlement_give_back(p->d->filling, &w->row, RETRY_PENDING, RETRY_WAITS, NULL);
		if (c->lane->endpoint->live) /* the first one of the chain may be among them */
			settlement_add_release(p->d->filling, &w->row);
		want_end(p, w);
	}
}

static void want_admit(struct partition *p, struct want *w, struct event *e)
{
	struct lane *l = w->chain->lane;
	struct retry_row row = w->row;

	want_end(p, w);
	lane_admit_row(l, e, &row);
}

/* Of retention, or what this version cannot read. */
static void want_fail(struct partition *p, struct want *w, const char *why)
{
	struct chain *c = w->chain;

	log_error("a delivery is given up", LOG_I("row", w->row.id), LOG_I("endpoint_id", w->row.endpoint_id),
		LOG_I("offset", w->row.offset), LOG_S("reason", why));
	stats_lost(1);
	settlement_give_back(p->d->filling, &w->row, RETRY_FAILED, 0, why);
	want_end(p, w);
	if (c->rows > 0)
		chain_drop_row(c);
	chain_settle(c);
}

static void wants_fail_below(struct partition *p, int64_t offset, const char *why)
{
	struct want *w, *next;

	for (w = TAILQ_FIRST(&p->refetch.wants); w && w->row.offset < offset; w = next) {
		next = TAILQ_NEXT(w, in_wants);
		want_fail(p, w, why);
	}
}

/* NULL: it cannot be read. */
static struct event *record_keep(const struct partition *p, const struct kafka_message *m)
{
	struct reading r;
	struct err err;

	arena_reset(p->d->reading);
	if (event_read(m, p->d->reading, &r, &err) < 0 || r.for_others)
		return NULL;
	return event_keep(&r, true);
}

static void record_take(struct partition *p, const struct kafka_message *m)
{
	struct event *e = NULL;
	struct want *w, *next;
	bool read = false;

	p->refetch.next = m->offset + 1;
	for (w = TAILQ_FIRST(&p->refetch.wants); w && w->row.offset <= m->offset; w = next) {
		next = TAILQ_NEXT(w, in_wants);
		if (w->row.offset < m->offset) {
			want_fail(p, w, "its record is not in the topic any more");
			continue;
		}
		if (!read)
			e = record_keep(p, m);
		read = true;
		if (e)
			want_admit(p, w, e);
		else
			want_fail(p, w, "its record cannot be read");
	}
	event_unref(e);
}

static void put_off(struct partition *p, const struct err *why)
{
	log_warn("reading waiting events again is put off", LOG_I("partition", p->number), LOG_ERR(why));
	p->refetch.retry_mono_ms = clock_mono_ms() + RETRY_MS;
	p->refetch.reading = false;
	kafka_scanner_stop(p->d->refetcher, p->number);
}

static bool reading_begin(struct partition *p)
{
	struct refetch *f = &p->refetch;
	int64_t first = TAILQ_FIRST(&f->wants)->row.offset;
	struct err err;

	if (f->reading && first >= f->next && first - f->next < SKIP_RECORDS)
		return true;
	if (clock_mono_ms() < f->retry_mono_ms)
		return false;
	if (kafka_scanner_start(p->d->refetcher, p->number, first, &err) < 0) {
		put_off(p, &err);
		return false;
	}
	f->reading = true;
	f->next = first;
	return true;
}

static void reading_failed(struct partition *p, const struct err *why)
{
	struct err err;
	int64_t low;

	put_off(p, why);
	if (why->kind == ERR_CONFLICT && kafka_scanner_low(p->d->refetcher, p->number, LOW_TIMEOUT_MS, &low, &err) == 0)
		wants_fail_below(p, low, "retention removed its event");
}

void refetch_turn(struct partition *p)
{
	struct kafka_message m;
	struct err err;
	int rc;

	for (int i = 0; i < TURN_RECORDS && !TAILQ_EMPTY(&p->refetch.wants) && reading_begin(p); i++) {
		rc = kafka_scanner_poll(p->d->refetcher, p->number, &m, &err);
		if (rc < 0)
			reading_failed(p, &err);
		if (rc <= 0)
			return;
		record_take(p, &m);
		kafka_message_release(&m);
	}
	if (TAILQ_EMPTY(&p->refetch.wants) && p->refetch.reading) {
		kafka_scanner_stop(p->d->refetcher, p->number);
		p->refetch.reading = false;
	}
}
