/* Internals of the consumer. Only consumer*.c include it. Separate queues keep group membership apart from messages,
 * and the partitions from each other:
 *
 *   librdkafka's consumer queue ---> callbacks and errors only, served by kafka_consumer_serve() and _poll()
 *   partition p's own queue -------> forwarded to queues[i] of its slot; _poll() empties the queues in turns
 *
 * So a partition with a backlog, however much of it was prefetched, delays no other.
 *
 *   consumer.c             settings, opening and closing, offsets and watermarks
 *   consumer_assignment.c  joining and leaving the group, its assignments, where fetching starts
 *   consumer_poll.c        messages, partition by partition in turns; errors; pausing
 */
#ifndef KAFKA_CONSUMER_PRIVATE_H
#define KAFKA_CONSUMER_PRIVATE_H

#include "kafka/client.h"
#include "kafka/consumer.h"

/* A partition of the current assignment. */
struct consumer_slot {
	struct topic_partition partition;
	bool stopped; /* stopped() was called since the last start */
	bool held; /* see kafka_consumer_hold() */
};

struct kafka_consumer {
	struct kafka_client client; /* first: librdkafka's opaque */
	rd_kafka_t *rk;
	rd_kafka_queue_t *callbacks; /* librdkafka's consumer queue */
	rd_kafka_queue_t **queues; /* of the slots, in their order; kept for the slots of later assignments */
	size_t queues_count;
	size_t turn; /* the slot whose turn it is */
	size_t turn_records, turn_bytes; /* returned in this turn */
	int fd;
	char *topics[CONSUMER_TOPICS_MAX];
	int32_t topics_count;
	int32_t follows[CONSUMER_TOPICS_MAX]; /* the topic that it follows; itself when it is subscribed to */
	bool topics_held[CONSUMER_TOPICS_MAX]; /* see kafka_consumer_hold_topic() */
	bool assigned; /* between assigned() and revoked() */
	struct consumer_slot *slots; /* the current assignment */
	size_t slots_count;
	struct err error; /* found while serving callbacks, returned by the next poll; ERR_NONE when there is none */
	void (*on_assigned)(void *ctx, const struct topic_partition *partitions, size_t n);
	void (*on_revoked)(void *ctx);
	void (*on_stopped)(void *ctx, struct topic_partition partition, enum kafka_stop stop, const struct err *why);
	void *ctx;
};

/* consumer_assignment.c */

/* librdkafka's callback: the group has assigned or revoked partitions. */
void consumer_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
	void *opaque);
/* Subscribes to the topics that follow no other. */
int consumer_subscribe(struct kafka_consumer *c, struct err *err) ERR_MUST_USE;
void consumer_leave_group(struct kafka_consumer *c);
/* The caller destroys the list. */
rd_kafka_topic_partition_list_t *consumer_list(const struct kafka_consumer *c, const struct consumer_position *p,
	size_t n);
/* Finds the index of a topic; *topic is untouched when it is none of the consumer's. */
bool consumer_find_topic(const struct kafka_consumer *c, const char *name, int32_t *topic);
/* NULL: not assigned. */
struct consumer_slot *consumer_find_slot(struct kafka_consumer *c, struct topic_partition partition);

/* consumer_poll.c: empties all queues. librdkafka itself drops the messages of stopped partitions, so that only their
 * errors are left. */
void consumer_discard_messages(struct kafka_consumer *c);

#endif
