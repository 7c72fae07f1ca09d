/* Outbox rows from memory to Kafka; see publisher.h. The life of a row in its slot's list:
 *
 *   queued --row_hand_over()--> in flight --all acknowledged, and first of its slot--> acked --publisher_deleted()--> freed
 *     ^                            | a record failed
 *     +-----slot_restart()---------+   every row of the slot that is not acknowledged starts again, after all reports
 *
 * Invariant: rows of a slot are acknowledged in order, and only the first may be. */
#include "worker/publisher.h"

#include "base/arena.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "wire/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPUBLISH_DELAY_MS 1000
#define BLOCKED_DELAY_MS   30000 /* the longest wait for a broker that refuses a record */
#define BLOCKED_AFTER      2     /* rejections in a row: after these the failure is not transient */
#define SLOT_ROWS_MAX      1024  /* rows of one slot in memory */

struct row {
	struct row *next;
	struct slot *slot; /* NULL: dropped, and freed with its last report */
	struct topic_partition partition;
	struct str topic; /* as in the outbox row */
	int64_t epoch, seq;
	int64_t committed_mono_ms;
	struct buf records;
	size_t at;        /* how far the records were passed to the producer */
	bool handed_over; /* all of them were */
	size_t in_flight;
	bool failed;
};

struct slot {
	struct slot *next;
	struct topic_partition partition;
	struct row *first, *last;
	size_t rows, in_flight;
	/* In this attempt. refused: the broker rejected a record; other failures are not its answer. */
	bool failed, refused;
	bool behind; /* the outbox has rows that are not in memory */
	int refusals; /* rejections of its first row, in a row */
	char cause[48]; /* error code of the last one */
	int64_t retry_mono_ms;
	int64_t oldest_mono_ms; /* commit time of its oldest row, in memory or left in the outbox; 0: no row waits */
};

struct publisher {
	struct kafka_producer *producer;
	struct slot *slots;
	struct row *acked;
	size_t total;
	void (*acknowledged)(void *ctx, struct topic_partition slot, int64_t epoch, int64_t seq); /* NULL: not wanted */
	void *ctx;
};

static struct slot *slot_find(const struct publisher *p, struct topic_partition partition)
{
	struct slot *s = p->slots;

	while (s && !topic_partition_eq(s->partition, partition))
		s = s->next;
	return s;
}

static struct slot *slot_get(struct publisher *p, struct topic_partition partition)
{
	struct slot *s = slot_find(p, partition);

	if (s)
		return s;
	s = mem_calloc(1, sizeof(*s));
	s->partition = partition;
	s->next = p->slots;
	p->slots = s;
	return s;
}

static void row_free(struct row *r)
{
	buf_fini(&r->records);
	free(r);
}

static void row_fail(struct row *r, const struct err *failure)
{
	struct slot *s = r->slot;

	r->failed = s->failed = true;
	/* Records that a reopened producer reports as failed were not rejected: the time of the next attempt stays as
	 * it is, in the past or set by an earlier rejection. */
	if (s->refused || failure->kind == ERR_BUSY)
		return;
	s->refused = true;
	s->retry_mono_ms = clock_mono_ms() + backoff_ms(REPUBLISH_DELAY_MS, BLOCKED_DELAY_MS, s->refusals++);
	snprintf(s->cause, sizeof(s->cause), "%s", failure->code);
	if (s->refusals <= BLOCKED_AFTER)
		log_warn(s->refusals < BLOCKED_AFTER ? "outbox record not delivered" : "outbox slot blocked",
			LOG_STR("topic", r->topic), LOG_I("slot", r->partition.number), LOG_I("epoch", r->epoch),
			LOG_I("seq", r->seq), LOG_ERR(failure));
}

/* A report of one record. slot_acknowledge() decides whether the row is acknowledged, never this function: rows are
 * acknowledged in order. */
static void delivered(void *ctx, void *opaque, const struct err *failure, int32_t partition, int64_t offset)
{
	struct row *r = opaque;

	(void)ctx, (void)partition, (void)offset;
	r->in_flight--;
	if (!r->slot) {
		if (r->in_flight == 0)
			row_free(r);
		return;
	}
	r->slot->in_flight--;
	if (failure)
		row_fail(r, failure);
}

int publisher_open(struct publisher **out, const struct kafka_config *config, const char *client_id,
	int64_t max_message_bytes, struct err *err)
{
	struct publisher *p = mem_calloc(1, sizeof(*p));
	struct kafka_producer_options options = {
		.config = config,
		.client_id = client_id,
		.message_timeout_ms = 0,
		.gapless = true,
		.max_message_bytes = max_message_bytes,
		.delivered = delivered,
		.ctx = p,
	};

	if (kafka_producer_open(&p->producer, &options, err) < 0) {
		free(p);
		return -1;
	}
	*out = p;
	return 0;
}

void publisher_notify(struct publisher *p,
	void (*acknowledged)(void *ctx, struct topic_partition slot, int64_t epoch, int64_t seq), void *ctx)
{
	p->acknowledged = acknowledged;
	p->ctx = ctx;
}

void publisher_close(struct publisher **pp, int timeout_ms)
{
	struct publisher *p = *pp;

	if (!p)
		return;
	publisher_discard_all(p);
	kafka_producer_close(&p->producer, timeout_ms);
	free(p);
	*pp = NULL;
}

static bool rows_have(const struct row *r, struct topic_partition partition, int64_t epoch, int64_t seq)
{
	for (; r; r = r->next)
		if (topic_partition_eq(r->partition, partition) && r->epoch == epoch && r->seq == seq)
			return true;
	return false;
}

void publisher_add(struct publisher *p, struct topic_partition slot, struct str topic, int64_t epoch, int64_t seq,
	int64_t age_ms, struct buf *records)
{
	struct slot *s = slot_get(p, slot);
	struct row *r;

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

/* The producer needs a terminated topic name; rows hold slices. */
static int produce_one(struct publisher *p, struct row *r, const struct record_view *v, struct err *err)
{
	char topic[256];
	int rc;

	if (v->topic.n == 0 || v->topic.n >= sizeof(topic))
		return err_set(err, ERR_INPUT, "topic", "an outbox record names no topic");
	memcpy(topic, v->topic.p, v->topic.n);
	topic[v->topic.n] = '\0';
	rc = kafka_produce(p->producer,
		&(struct kafka_record){ .topic = topic,
			.partition = KAFKA_ANY_PARTITION,
			.key = v->key,
			.value = v->value,
			.headers = v->headers,
			.headers_count = v->n_headers,
			.opaque = r },
		err);
	if (rc == 0) {
		r->in_flight++;
		r->slot->in_flight++;
	}
	return rc;
}

/* Passes the row's remaining records to the producer. False when its queue is full. */
static bool row_hand_over(struct publisher *p, struct row *r)
{
	struct record_view view;
	struct err err;

	for (;;) {
		size_t at = r->at;
		int rc = records_next(buf_str(&r->records), &at, &view, &err);

		if (rc == 0) {
			r->handed_over = true;
			return true;
		}
		if (rc > 0 && produce_one(p, r, &view, &err) == 0) {
			r->at = at;
			continue;
		}
		if (rc > 0 && err.kind == ERR_BUSY)
			return false;
		row_fail(r, &err);
		return false;
	}
}

static void slot_drop_rows(struct publisher *p, struct slot *s)
{
	while (s->first) {
		struct row *r = s->first;

		s->first = r->next;
		r->slot = NULL;
		p->total--;
		if (r->in_flight == 0)
			row_free(r);
	}
	s->last = NULL;
	s->rows = 0;
}

static bool slot_is_blocked(const struct slot *s)
{
	return s->refusals >= BLOCKED_AFTER;
}

/* After a failure nothing more is passed to the producer until all reports have arrived; then every row that is not
 * acknowledged starts again. The rows of a blocked slot are read from the outbox again: an operator may have dropped
 * the row. */
static void slot_restart(struct publisher *p, struct slot *s)
{
	if (s->in_flight > 0 || clock_mono_ms() < s->retry_mono_ms)
		return;
	s->failed = s->refused = false;
	if (slot_is_blocked(s)) {
		s->behind = true;
		slot_drop_rows(p, s);
	}
	for (struct row *r = s->first; r; r = r->next) {
		r->at = 0;
		r->handed_over = r->failed = false;
	}
}

static void slot_acknowledge(struct publisher *p, struct slot *s)
{
	while (s->first && s->first->handed_over && s->first->in_flight == 0 && !s->first->failed) {
		struct row *r = s->first;

		if (slot_is_blocked(s))
			log_info("outbox slot unblocked", LOG_STR("topic", r->topic),
				LOG_I("slot", s->partition.number), LOG_I("seq", r->seq));
		s->refusals = 0;
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

/* While the first row of the slot was rejected, rows after it are not sent. */
static void slot_hand_over(struct publisher *p, struct slot *s)
{
	for (struct row *r = s->first; r && !s->failed; r = r->next)
		if ((!r->handed_over && !row_hand_over(p, r)) || s->refusals > 0)
			return;
}

void publisher_poll(struct publisher *p, int timeout_ms)
{
	for (struct slot *s = p->slots; s; s = s->next) {
		if (s->failed)
			slot_restart(p, s);
		slot_hand_over(p, s);
	}
	kafka_producer_poll(p->producer, timeout_ms);
	for (struct slot *s = p->slots; s; s = s->next)
		slot_acknowledge(p, s);
}

void publisher_discard_all(struct publisher *p)
{
	while (p->slots) {
		struct slot *s = p->slots;

		p->slots = s->next;
		slot_drop_rows(p, s);
		free(s);
	}
	while (p->acked) {
		struct row *r = p->acked;

		p->acked = r->next;
		row_free(r);
	}
	p->total = 0;
}

size_t publisher_backlog(const struct publisher *p)
{
	size_t most = 0;

	for (const struct slot *s = p->slots; s; s = s->next)
		if (!slot_is_blocked(s))
			most = s->rows > most ? s->rows : most;
	return most;
}

void publisher_adopt(struct publisher *p, struct topic_partition slot)
{
	struct slot *s = slot_find(p, slot);

	if (s)
		s->behind = false;
}

void publisher_adopted(struct publisher *p, struct topic_partition slot)
{
	struct slot *s = slot_find(p, slot);

	if (!s || s->first)
		return;
	s->refusals = 0;
	s->oldest_mono_ms = 0;
}

bool publisher_is_full(const struct publisher *p, struct topic_partition slot)
{
	const struct slot *s = slot_find(p, slot);

	return s && s->behind;
}

const char *publisher_blocked(const struct publisher *p, struct topic_partition slot)
{
	const struct slot *s = slot_find(p, slot);

	return s && slot_is_blocked(s) ? s->cause : NULL;
}

size_t publisher_total(const struct publisher *p)
{
	return p->total;
}

size_t publisher_rows(const struct publisher *p, int32_t topic)
{
	size_t n = 0;

	for (const struct slot *s = p->slots; s; s = s->next)
		n += s->partition.topic == topic ? s->rows : 0;
	return n;
}

int64_t publisher_oldest_ms(const struct publisher *p, int32_t topic)
{
	int64_t now = clock_mono_ms(), oldest = now;

	for (const struct slot *s = p->slots; s; s = s->next)
		if (s->partition.topic == topic && s->oldest_mono_ms != 0 && s->oldest_mono_ms < oldest)
			oldest = s->oldest_mono_ms;
	return now - oldest;
}

bool publisher_has_slot(const struct publisher *p, struct topic_partition slot)
{
	const struct slot *s = slot_find(p, slot);

	return s && s->rows > 0;
}

size_t publisher_acknowledged(const struct publisher *p, struct outbox_row *out, size_t max)
{
	size_t n = 0;

	for (const struct row *r = p->acked; r && n < max; r = r->next)
		out[n++] = (struct outbox_row){ { r->topic, r->partition.number }, r->epoch, r->seq, STR_NONE, 0 };
	return n;
}

static bool is_among(const struct row *r, const struct outbox_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].slot.number == r->partition.number && str_eq(rows[i].slot.topic, r->topic) &&
			rows[i].epoch == r->epoch && rows[i].seq == r->seq)
			return true;
	return false;
}

void publisher_deleted(struct publisher *p, const struct outbox_row *rows, size_t n)
{
	struct row **at = &p->acked;

	while (*at) {
		struct row *r = *at;

		if (is_among(r, rows, n)) {
			*at = r->next;
			row_free(r);
		} else {
			at = &r->next;
		}
	}
}

bool publisher_healthy(const struct publisher *p)
{
	return kafka_producer_healthy(p->producer);
}
