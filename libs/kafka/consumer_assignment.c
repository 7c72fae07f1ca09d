/* Group membership and what is fetched; see consumer.h.
 *
 * Invariant: a partition is fetched only between kafka_consumer_start() and the next revocation. An assignment is
 * accepted at once with an empty assign(), which keeps the member in its group without fetching; start() then assigns
 * with offsets. librdkafka raises a partition's version with every assign() and pause, and drops messages of an older
 * version when they are read from the queue; it pauses everything before it announces a revocation. So no message of an
 * old assignment is returned. Its errors carry no version: they are discarded between stopping and starting.
 */
#include "kafka/consumer_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "kafka/errors.h"

#define LEAVE_TIMEOUT_MS 6000 /* librdkafka waits 5 s for the answer itself */

rd_kafka_topic_partition_list_t *consumer_list(const struct kafka_consumer *c, const struct consumer_position *p,
	size_t n)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);

	for (size_t i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, c->topics[p[i].partition.topic], p[i].partition.number)
			->offset = p[i].offset;
	return list;
}

static int assign(struct kafka_consumer *c, const struct consumer_position *positions, size_t n, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = consumer_list(c, positions, n);
	rd_kafka_resp_err_t code = rd_kafka_assign(c->rk, list);

	rd_kafka_topic_partition_list_destroy(list);
	return code ? kafka_err_set(err, code, "assign", NULL) : 0;
}

bool consumer_find_topic(const struct kafka_consumer *c, const char *name, int32_t *topic)
{
	for (int32_t t = 0; t < c->topics_count; t++)
		if (strcmp(c->topics[t], name) == 0) {
			*topic = t;
			return true;
		}
	return false;
}

/* Sets the slots to the partitions that the group assigned and, for each, the partitions that follow it. */
static void slots_set(struct kafka_consumer *c, const rd_kafka_topic_partition_list_t *list)
{
	int given = list ? list->cnt : 0;

	c->slots_count = 0;
	c->slots = mem_realloc(c->slots, ((size_t)(given * c->topics_count) + 1) * sizeof(*c->slots));
	for (int32_t t = 0; t < c->topics_count; t++)
		for (int i = 0; i < given; i++)
			if (strcmp(list->elems[i].topic, c->topics[c->follows[t]]) == 0)
				c->slots[c->slots_count++] =
					(struct consumer_slot){ .partition = { t, list->elems[i].partition } };
}

struct consumer_slot *consumer_find_slot(struct kafka_consumer *c, struct topic_partition partition)
{
	for (size_t i = 0; i < c->slots_count; i++)
		if (topic_partition_eq(c->slots[i].partition, partition))
			return &c->slots[i];
	return NULL;
}

static void assignment_accept(struct kafka_consumer *c, const rd_kafka_topic_partition_list_t *list)
{
	struct topic_partition *partitions;
	struct err err;

	if (assign(c, NULL, 0, &err) < 0)
		c->error = err;
	slots_set(c, list);
	partitions = mem_calloc(c->slots_count + 1, sizeof(*partitions));
	for (size_t i = 0; i < c->slots_count; i++)
		partitions[i] = c->slots[i].partition;
	c->assigned = true;
	c->on_assigned(c->ctx, partitions, c->slots_count);
	free(partitions);
}

static void assignment_revoke(struct kafka_consumer *c)
{
	bool was_assigned = c->assigned;

	rd_kafka_assign(c->rk, NULL);
	slots_set(c, NULL);
	c->assigned = false;
	if (was_assigned)
		c->on_revoked(c->ctx);
}

void consumer_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
	void *opaque)
{
	(void)rk;
	if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
		assignment_accept(opaque, list);
	else
		assignment_revoke(opaque);
}

int consumer_subscribe(struct kafka_consumer *c, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(c->topics_count);
	rd_kafka_resp_err_t code;

	for (int32_t t = 0; t < c->topics_count; t++)
		if (c->follows[t] == t)
			rd_kafka_topic_partition_list_add(list, c->topics[t], RD_KAFKA_PARTITION_UA);
	code = rd_kafka_subscribe(c->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	return code ? kafka_err_set(err, code, "subscribe", NULL) : 0;
}

/* Leaves the group within LEAVE_TIMEOUT_MS: rd_kafka_consumer_close() would wait for commits in flight for as long as
 * the coordinator does not answer. After the timeout the member's session expires by itself. */
void consumer_leave_group(struct kafka_consumer *c)
{
	int64_t deadline_ms = clock_mono_ms() + LEAVE_TIMEOUT_MS;
	rd_kafka_queue_t *events = rd_kafka_queue_new(c->rk);
	rd_kafka_error_t *error = rd_kafka_consumer_close_queue(c->rk, events);
	rd_kafka_message_t *m;

	while (!error && !rd_kafka_consumer_closed(c->rk) && clock_mono_ms() < deadline_ms)
		if ((m = rd_kafka_consume_queue(events, 50)))
			rd_kafka_message_destroy(m);
	if (error)
		rd_kafka_error_destroy(error);
	rd_kafka_queue_destroy(events);
}

/* Stopping a partition clears the forwarding of its queue, on librdkafka's main thread and after assign() has returned.
 * rd_kafka_assignment() waits until that thread has done so; only then may forwarding be set up again: set earlier, it
 * would be cleared, and the partition's messages would not be returned. */
static void fetching_stop(struct kafka_consumer *c)
{
	rd_kafka_topic_partition_list_t *list = NULL;
	struct err err;

	if (assign(c, NULL, 0, &err) == 0 && !rd_kafka_assignment(c->rk, &list))
		rd_kafka_topic_partition_list_destroy(list);
}

static void slots_forward(struct kafka_consumer *c)
{
	if (c->queues_count < c->slots_count)
		c->queues = mem_realloc(c->queues, c->slots_count * sizeof(*c->queues));
	for (; c->queues_count < c->slots_count; c->queues_count++) {
		c->queues[c->queues_count] = rd_kafka_queue_new(c->rk);
		kafka_event_watch(c->queues[c->queues_count], c->fd);
	}
	for (size_t i = 0; i < c->slots_count; i++) {
		struct topic_partition p = c->slots[i].partition;
		rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(c->rk, c->topics[p.topic], p.number);

		rd_kafka_queue_forward(queue, c->queues[i]);
		rd_kafka_queue_destroy(queue);
	}
}

static int positions_check(struct kafka_consumer *c, const struct consumer_position *positions, size_t n,
	struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (!consumer_find_slot(c, positions[i].partition))
			return err_set(err, ERR_CONFLICT, "partition",
				"%s: partition %d is not assigned to this consumer",
				c->topics[positions[i].partition.topic], (int)positions[i].partition.number);
	return 0;
}

int kafka_consumer_start(struct kafka_consumer *c, const struct consumer_position *positions, size_t n, struct err *err)
{
	if (positions_check(c, positions, n, err) < 0)
		return -1;
	fetching_stop(c);
	slots_forward(c);
	consumer_discard_messages(c);
	for (size_t i = 0; i < c->slots_count; i++)
		c->slots[i].stopped = c->slots[i].held = false;
	return assign(c, positions, n, err);
}
