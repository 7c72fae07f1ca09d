/* Rows of the outbox in memory, slot by slot; see publisher_private.h. */
#include "worker/publisher_private.h"

#include "base/arena.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define REPUBLISH_DELAY_MS 1000
#define BLOCKED_DELAY_MS   30000 /* the longest wait for a broker that rejects a record */
#define SLOT_ROWS_MAX      1024  /* rows of one slot in memory */

struct publisher_slot *publisher_slot_find(const struct publisher *p, struct topic_partition partition)
{
	struct publisher_slot *s = p->slots;

	while (s && !topic_partition_eq(s->partition, partition))
		s = s->next;
	return s;
}

static struct publisher_slot *slot_get(struct publisher *p, struct topic_partition partition)
{
	struct publisher_slot *s = publisher_slot_find(p, partition);

	if (s)
		return s;
	s = mem_calloc(1, sizeof(*s));
	s->partition = partition;
	s->next = p->slots;
	p->slots = s;
	return s;
}

void publisher_row_free(struct publisher_row *r)
{
	buf_fini(&r->records);
	free(r);
}

bool publisher_slot_is_blocked(const struct publisher_slot *s)
{
	return s->rejections >= BLOCKED_AFTER;
}

void publisher_row_fail(struct publisher_row *r, const struct err *failure)
{
	struct publisher_slot *s = r->slot;

	r->failed = s->failed = true;
	/* Records that a reopened producer reports as failed were not rejected: the time of the next attempt stays as
	 * it is, in the past or set by an earlier rejection. */
	if (s->rejected || failure->kind == ERR_BUSY)
		return;
	s->rejected = true;
	s->retry_mono_ms = clock_mono_ms() + backoff_ms(REPUBLISH_DELAY_MS, BLOCKED_DELAY_MS, s->rejections++);
	snprintf(s->cause, sizeof(s->cause), "%s", failure->code);
	if (s->rejections <= BLOCKED_AFTER)
		log_warn(s->rejections < BLOCKED_AFTER ? "outbox record not delivered" : "outbox slot blocked",
			LOG_STR("topic", r->topic), LOG_I("slot", r->partition.number), LOG_I("epoch", r->epoch),
			LOG_I("seq", r->seq), LOG_ERR(failure));
}

static bool rows_have(const struct publisher_row *r, struct topic_partition partition, int64_t epoch, int64_t seq)
{
	for (; r; r = r->next)
		if (topic_partition_eq(r->partition, partition) && r->epoch == epoch && r->seq == seq)
			return true;
	return false;
}

void publisher_add(struct publisher *p, struct topic_partition slot, struct str topic, int64_t epoch, int64_t seq,
	int64_t age_ms, struct buf *records)
{
	struct publisher_slot *s = slot_get(p, slot);
	struct publisher_row *r;

	if (s->rows >= SLOT_ROWS_MAX)
		s->behind = true;
	if (s->behind || rows_have(s->first, slot, epoch, seq) || rows_have(p->acked, slot, epoch, seq)) {
		buf_fini(records);
		return;
	}
	r = mem_calloc(1, sizeof(*r));
	r->slot = s;
	r->partition = slot;
	r->topic = topic;
	r->epoch = epoch;
	r->seq = seq;
	r->committed_mono_ms = clock_mono_ms() - age_ms;
	r->records = *records;
	*records = (struct buf)BUF_INIT;
	if (s->last)
		s->last->next = r;
	else
		s->first = r;
	s->oldest_mono_ms = s->first->committed_mono_ms;
	s->last = r;
	s->rows++;
	p->total++;
}

static void slot_drop_rows(struct publisher *p, struct publisher_slot *s)
{
	while (s->first) {
		struct publisher_row *r = s->first;

		s->first = r->next;
		r->slot = NULL;
		p->total--;
		if (r->in_flight == 0)
			publisher_row_free(r);
	}
	s->last = NULL;
	s->rows = 0;
}

void publisher_slot_restart(struct publisher *p, struct publisher_slot *s)
{
	if (s->in_flight > 0 || clock_mono_ms() < s->retry_mono_ms)
		return;
	s->failed = s->rejected = false;
	if (publisher_slot_is_blocked(s)) {
		s->behind = true;
		slot_drop_rows(p, s);
	}
	for (struct publisher_row *r = s->first; r; r = r->next) {
		r->at = 0;
		r->handed_over = r->failed = false;
	}
}

void publisher_slot_acknowledge(struct publisher *p, struct publisher_slot *s)
{
	while (s->first && s->first->handed_over && s->first->in_flight == 0 && !s->first->failed) {
		struct publisher_row *r = s->first;

		if (publisher_slot_is_blocked(s))
			log_info("outbox slot unblocked", LOG_STR("topic", r->topic),
				LOG_I("slot", s->partition.number), LOG_I("seq", r->seq));
		s->rejections = 0;
		s->first = r->next;
		if (!s->first)
			s->last = NULL;
		s->oldest_mono_ms = s->first ? s->first->committed_mono_ms : 0;
		s->rows--;
		p->total--;
		r->slot = NULL;
		buf_fini(&r->records);
		r->next = p->acked;
		p->acked = r;
		if (p->acknowledged)
			p->acknowledged(p->ctx, r->partition, r->epoch, r->seq);
	}
}

void publisher_discard_all(struct publisher *p)
{
	while (p->slots) {
		struct publisher_slot *s = p->slots;

		p->slots = s->next;
		slot_drop_rows(p, s);
		free(s);
	}
	while (p->acked) {
		struct publisher_row *r = p->acked;

		p->acked = r->next;
		publisher_row_free(r);
	}
	p->total = 0;
}

void publisher_adopt_begin(struct publisher *p, struct topic_partition slot)
{
	struct publisher_slot *s = publisher_slot_find(p, slot);

	if (s)
		s->behind = false;
}

void publisher_adopt_end(struct publisher *p, struct topic_partition slot)
{
	struct publisher_slot *s = publisher_slot_find(p, slot);

	if (!s || s->first)
		return;
	s->rejections = 0;
	s->oldest_mono_ms = 0;
}

static bool is_among(const struct publisher_row *r, const struct outbox_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].slot.number == r->partition.number && str_eq(rows[i].slot.topic, r->topic) &&
			rows[i].epoch == r->epoch && rows[i].seq == r->seq)
			return true;
	return false;
}

void publisher_deleted(struct publisher *p, const struct outbox_row *rows, size_t n)
{
	struct publisher_row **at = &p->acked;

	while (*at) {
		struct publisher_row *r = *at;

		if (is_among(r, rows, n)) {
			*at = r->next;
			publisher_row_free(r);
		} else {
			at = &r->next;
		}
	}
}
