/* What a consumer returns; see consumer.h. Partitions take turns: of each, at most TURN_RECORDS records or TURN_BYTES
 * are returned before the next one. Invariant: the descriptor is readable while a callback waits, or a message of a
 * partition that is not held. */
#include "kafka/consumer_private.h"

#include <assert.h>
#include <limits.h>
#include <poll.h>

#include "base/clock.h"
#include "kafka/errors.h"
#include "kafka/message.h"

#define TURN_RECORDS 64
#define TURN_BYTES   ((size_t)64 * 1024)

void consumer_discard_messages(struct kafka_consumer *c)
{
	rd_kafka_message_t *m;

	for (size_t i = 0; i < c->queues_count; i++)
		while ((m = rd_kafka_consume_queue(c->queues[i], 0)))
			rd_kafka_message_destroy(m);
}

void kafka_consumer_serve(struct kafka_consumer *c)
{
	rd_kafka_message_t *m;

	while ((m = rd_kafka_consumer_poll(c->rk, 0))) {
		kafka_err_set(&c->error, m->err, "consumer", rd_kafka_message_errstr(m));
		rd_kafka_message_destroy(m);
	}
}

static void error_dispatch(struct kafka_consumer *c, const rd_kafka_message_t *m)
{
	struct topic_partition partition = { 0, m->partition };
	struct consumer_slot *slot;
	struct err why;

	if (!m->rkt) {
		kafka_err_set(&c->error, m->err, "consumer", rd_kafka_message_errstr(m));
		return;
	}
	slot = consumer_find_topic(c, rd_kafka_topic_name(m->rkt), &partition.topic) ? consumer_find_slot(c, partition)
										     : NULL;
	if (!slot || slot->stopped)
		return;
	slot->stopped = true;
	c->on_stopped(c->ctx, partition, kafka_stop_of(m, &why), &why);
}

/* False when m was an error, which has then been handled. */
static bool message_accept(struct kafka_consumer *c, rd_kafka_message_t *m, struct kafka_message *out)
{
	if (!m->err) {
		bool known;

		kafka_message_fill(out, m);
		known = consumer_find_topic(c, rd_kafka_topic_name(m->rkt), &out->topic);
		assert(known);
		return true;
	}
	error_dispatch(c, m);
	rd_kafka_message_destroy(m);
	return false;
}

static bool queue_is_held(const struct kafka_consumer *c, size_t i)
{
	return i < c->slots_count && (c->slots[i].held || c->topics_held[c->slots[i].partition.topic]);
}

static bool anything_waits(struct kafka_consumer *c)
{
	for (size_t i = 0; i < c->queues_count; i++)
		if (!queue_is_held(c, i) && rd_kafka_queue_length(c->queues[i]) > 0)
			return true;
	return rd_kafka_queue_length(c->callbacks) > 0;
}

static void turn_pass(struct kafka_consumer *c)
{
	c->turn = (c->turn + 1) % c->queues_count;
	c->turn_records = c->turn_bytes = 0;
}

static rd_kafka_message_t *message_next(struct kafka_consumer *c)
{
	rd_kafka_message_t *m;

	if (c->turn_records >= TURN_RECORDS || c->turn_bytes >= TURN_BYTES)
		turn_pass(c);
	for (size_t i = 0; i < c->queues_count; i++, turn_pass(c)) {
		m = queue_is_held(c, c->turn) ? NULL : rd_kafka_consume_queue(c->queues[c->turn], 0);
		if (!m)
			continue;
		c->turn_records++;
		c->turn_bytes += m->len;
		return m;
	}
	return NULL;
}

/* Called when no message was found. librdkafka signals only the first entry of an empty queue: an entry that arrived
 * before the descriptor was cleared is signalled again, so that the descriptor stays readable for as long as something
 * waits. */
static bool wait_for_more(struct kafka_consumer *c, int64_t deadline_ms)
{
	struct pollfd wait = { .fd = c->fd, .events = POLLIN };
	int64_t left_ms;

	kafka_event_clear(c->fd);
	if (anything_waits(c)) {
		kafka_event_signal(c->fd);
		return true;
	}
	left_ms = deadline_ms - clock_mono_ms();
	return left_ms > 0 && poll(&wait, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX) > 0;
}

static int error_return(struct kafka_consumer *c, struct err *err)
{
	if (err)
		*err = c->error;
	c->error = (struct err){ .kind = ERR_NONE };
	return -1;
}

static bool message_fetch(struct kafka_consumer *c, struct kafka_message *out)
{
	rd_kafka_message_t *m;

	while ((m = message_next(c)))
		if (message_accept(c, m, out))
			return true;
	return false;
}

bool kafka_consumer_fetch(struct kafka_consumer *c, struct kafka_message *out)
{
	if (message_fetch(c, out))
		return true;
	wait_for_more(c, 0);
	return false;
}

int kafka_consumer_poll(struct kafka_consumer *c, int timeout_ms, struct kafka_message *out, struct err *err)
{
	int64_t deadline_ms = timeout_ms > 0 ? clock_mono_ms() + timeout_ms : 0;

	do {
		if (rd_kafka_queue_length(c->callbacks) > 0)
			kafka_consumer_serve(c);
		if (c->error.kind != ERR_NONE)
			return error_return(c, err);
		if (message_fetch(c, out))
			return 1;
	} while (c->error.kind != ERR_NONE || wait_for_more(c, deadline_ms));
	return 0;
}

void kafka_consumer_hold(struct kafka_consumer *c, struct topic_partition partition, bool held)
{
	struct consumer_slot *slot = consumer_find_slot(c, partition);

	if (!slot || slot->held == held)
		return;
	slot->held = held;
	if (!held)
		kafka_event_signal(c->fd); /* for messages that are already waiting */
}

void kafka_consumer_hold_topic(struct kafka_consumer *c, int32_t topic, bool held)
{
	if (c->topics_held[topic] && !held)
		kafka_event_signal(c->fd); /* as above */
	c->topics_held[topic] = held;
}

int kafka_consumer_fd(const struct kafka_consumer *c)
{
	return c->fd;
}
