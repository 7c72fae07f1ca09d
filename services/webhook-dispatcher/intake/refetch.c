/* See refetch.h. Invariant: rows of one chain are admitted in the order of their offsets. */
#include "webhook-dispatcher/intake/refetch.h"

#include "base/clock.h"
#include "base/log.h"
#include "kafka/scanner.h"
#include "webhook-dispatcher/lanes/admission.h"
#include "webhook-dispatcher/stats.h"

#define RETRY_MS       1000
#define LOW_TIMEOUT_MS 500
#define TURN_RECORDS   500
#define SKIP_RECORDS   2000 /* beyond so many records, seeking is faster than reading on */

/* The event cannot be delivered: retention removed its record, or this version cannot read it. */
static void row_fail(struct refetch_row *queued, const char *why)
{
	log_error("delivery failed: its event cannot be read again", LOG_I("row", queued->row.id),
		LOG_I("endpoint_id", queued->row.endpoint_id), LOG_I("offset", queued->row.offset),
		LOG_S("reason", why));
	stats_lost(1);
	lane_fail_refetch(queued, why, clock_mono_ms());
}

static void rows_fail_below(struct partition *p, int64_t offset, const char *why)
{
	struct refetch_row *queued, *next;

	for (queued = TAILQ_FIRST(&p->refetch_queue); queued && queued->row.offset < offset; queued = next) {
		next = TAILQ_NEXT(queued, in_queue);
		row_fail(queued, why);
	}
}

/* NULL: it cannot be read. */
static struct event *record_keep(const struct reader *r, const struct kafka_message *m)
{
	struct event_record record;
	struct err err;

	arena_reset(r->all->reading);
	if (event_read(m, r->all->reading, &record, &err) < 0 || record.for_others)
		return NULL;
	return event_keep(&record, true);
}

static void record_admit(struct reader *r, const struct kafka_message *m)
{
	struct partition *p = &r->partition;
	struct event *e = NULL;
	struct refetch_row *queued, *next;
	bool read = false;

	r->refetch.next = m->offset + 1;
	for (queued = TAILQ_FIRST(&p->refetch_queue); queued && queued->row.offset <= m->offset; queued = next) {
		next = TAILQ_NEXT(queued, in_queue);
		if (queued->row.offset < m->offset) {
			row_fail(queued, "its record is not in the topic any more");
			continue;
		}
		if (!read)
			e = record_keep(r, m);
		read = true;
		if (e)
			lane_admit_refetched(queued, e, clock_mono_ms());
		else
			row_fail(queued, "its record cannot be read");
	}
	event_unref(e);
}

void refetch_stop(struct reader *r)
{
	if (r->refetch.reading)
		kafka_scanner_stop(r->all->refetcher, r->partition.number);
	r->refetch.reading = false;
}

static void refetch_postpone(struct reader *r, const struct err *why)
{
	log_warn("refetch postponed", LOG_I("partition", r->partition.number), LOG_ERR(why));
	r->refetch.retry_mono_ms = clock_mono_ms() + RETRY_MS;
	r->refetch.reading = false;
	kafka_scanner_stop(r->all->refetcher, r->partition.number);
}

static bool refetch_begin(struct reader *r)
{
	struct refetch *f = &r->refetch;
	int64_t first = TAILQ_FIRST(&r->partition.refetch_queue)->row.offset;
	struct err err;

	if (f->reading && first >= f->next && first - f->next < SKIP_RECORDS)
		return true;
	if (clock_mono_ms() < f->retry_mono_ms)
		return false;
	if (kafka_scanner_start(r->all->refetcher, r->partition.number, first, &err) < 0) {
		refetch_postpone(r, &err);
		return false;
	}
	f->reading = true;
	f->next = first;
	return true;
}

static void refetch_failed(struct reader *r, const struct err *why)
{
	struct err err;
	int64_t low;

	refetch_postpone(r, why);
	if (why->kind == ERR_CONFLICT &&
		kafka_scanner_low(r->all->refetcher, r->partition.number, LOW_TIMEOUT_MS, &low, &err) == 0)
		rows_fail_below(&r->partition, low, "retention removed its event");
}

void refetch_turn(struct reader *r)
{
	struct partition *p = &r->partition;
	struct kafka_message m;
	struct err err;
	int rc;

	/* Removed before the topic moved to another cluster, or was replaced (store/moves.h, store/rekey.h). */
	rows_fail_below(p, 0, "retention removed its event");
	for (int i = 0; i < TURN_RECORDS && !TAILQ_EMPTY(&p->refetch_queue) && refetch_begin(r); i++) {
		rc = kafka_scanner_poll(r->all->refetcher, p->number, &m, &err);
		if (rc < 0)
			refetch_failed(r, &err);
		if (rc <= 0)
			return;
		record_admit(r, &m);
		kafka_message_release(&m);
	}
	if (TAILQ_EMPTY(&p->refetch_queue))
		refetch_stop(r);
}
