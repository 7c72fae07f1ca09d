/* Outbox rows from memory to Kafka; see publisher.h, and publisher_private.h for the life of a row. */
#include "worker/publisher_private.h"

#include "base/arena.h"
#include "wire/records.h"

#include <stdlib.h>
#include <string.h>

/* A report of one record. publisher_slot_acknowledge() decides whether the row is acknowledged, never this function:
 * rows are acknowledged in order. */
static void delivered(void *ctx, void *opaque, const struct err *failure, int32_t partition, int64_t offset)
{
	struct publisher_row *r = opaque;

	(void)ctx, (void)partition, (void)offset;
	r->in_flight--;
	if (!r->slot) {
		if (r->in_flight == 0)
			publisher_row_free(r);
		return;
	}
	r->slot->in_flight--;
	if (failure)
		publisher_row_fail(r, failure);
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

/* The producer needs a terminated topic name; rows hold slices. */
static int produce_one(struct publisher *p, struct publisher_row *r, const struct record_view *v, struct err *err)
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
static bool row_hand_over(struct publisher *p, struct publisher_row *r)
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
		publisher_row_fail(r, &err);
		return false;
	}
}

/* While the first row of the slot was rejected, rows after it are not sent. */
static void slot_hand_over(struct publisher *p, struct publisher_slot *s)
{
	for (struct publisher_row *r = s->first; r && !s->failed; r = r->next)
		if ((!r->handed_over && !row_hand_over(p, r)) || s->rejections > 0)
			return;
}

void publisher_poll(struct publisher *p, int timeout_ms)
{
	for (struct publisher_slot *s = p->slots; s; s = s->next) {
		if (s->failed)
			publisher_slot_restart(p, s);
		slot_hand_over(p, s);
	}
	kafka_producer_poll(p->producer, timeout_ms);
	for (struct publisher_slot *s = p->slots; s; s = s->next)
		publisher_slot_acknowledge(p, s);
}
