/* A Kafka consumer of one topic or several for the loop poll, work, commit, publish.
 *
 * Group membership is served apart from messages: kafka_consumer_serve() runs rebalance callbacks and never returns a
 * message, so a service that waits for PostgreSQL stays in its group without receiving more work.
 *
 *   assigned() -------------> start(offsets) ------> poll() ... ---------------> revoked()
 *   nothing is fetched yet    the owner has acquired the partitions in PostgreSQL  nothing is fetched any more
 *
 * The offsets found in PostgreSQL are passed to assign() itself (a seek after assign() first delivers from the wrong
 * offset). auto.offset.reset is always error. Range assignor, eager.
 *
 * A topic is subscribed to, or it follows another one: its partition p belongs to the member to which the group
 * assigned partition p of the followed topic. A topic that follows may not exist yet: its partitions are fetched once
 * it does, and delay no other.
 */
#ifndef KAFKA_CONSUMER_H
#define KAFKA_CONSUMER_H

#include "kafka/config.h"
#include "kafka/partition.h"
#include "kafka/producer.h"

struct kafka_consumer;

#define CONSUMER_TOPICS_MAX 4

struct consumer_topic {
	const char *name; /* full name; an entry without one terminates the array */
	const char *follows; /* the name of an earlier entry that is subscribed to; NULL: this topic is subscribed to */
};

struct kafka_message {
	int32_t topic; /* index into the consumer's topics; 0 from readers and scanners, which have one */
	int32_t partition;
	int64_t offset;
	int64_t timestamp_ms; /* -1: none */
	struct str key, value; /* borrowed until kafka_message_release() */
	struct header *headers; /* parsed on arrival, same lifetime */
	size_t headers_count;
	void *handle; /* librdkafka's message */
};

/* A position in a partition of a topic that the caller knows. */
struct kafka_position {
	int32_t partition;
	int64_t offset; /* KAFKA_OFFSET_BEGINNING: the low watermark */
};
#define KAFKA_OFFSET_BEGINNING (-2)

/* A position in a partition of one of a consumer's topics. */
struct consumer_position {
	struct topic_partition partition;
	int64_t offset; /* as above */
};

/* Why a partition stopped. */
enum kafka_stop {
	KAFKA_STOP_OUT_OF_RANGE, /* retention, or the topic was recreated: only another offset helps */
	KAFKA_STOP_NO_OFFSET, /* the query for the low watermark failed: only a new start repeats it */
	KAFKA_STOP_UNREADABLE, /* librdkafka may recover by itself */
};

struct kafka_consumer_options {
	const struct kafka_config *config;
	const char *client_id;
	const char *group;
	struct consumer_topic topics[CONSUMER_TOPICS_MAX]; /* copied */
	int session_timeout_ms; /* 0: 10,000 */
	/* Prefetched of each partition at most; 0: 16,384. A value in the configuration overrides it. */
	int prefetch_kb;
	/* The new assignment: all partitions that the group assigned to this member, and those that follow them; none
	 * if there are more members than partitions. Called inside serve or poll. The owner calls
	 * kafka_consumer_start() when it is ready, now or later; until then nothing is fetched. */
	void (*assigned)(void *ctx, const struct topic_partition *partitions, size_t n);
	/* All partitions were revoked (eager protocol). Messages already returned may still be processed; the fence in
	 * the database guards their commit, not this callback. */
	void (*revoked)(void *ctx);
	/* A partition is no longer fetched. Called once per partition and start. */
	void (*stopped)(void *ctx, struct topic_partition partition, enum kafka_stop stop, const struct err *why);
	void *ctx;
};

int kafka_consumer_open(struct kafka_consumer **out, const struct kafka_consumer_options *options,
	struct err *err) ERR_MUST_USE;
/* Leaves the group and closes; runs revoked() when something was assigned. The caller releases its messages before.
 * Takes up to ten seconds when the group's coordinator does not answer, otherwise moments. */
void kafka_consumer_close(struct kafka_consumer **consumer);

/* Runs pending callbacks without blocking. Must be called at least once a second in every state of the service. */
void kafka_consumer_serve(struct kafka_consumer *c);
/* Starts fetching the given partitions, all of the current assignment or fewer, at these offsets. Partitions started
 * earlier and not named stop. ERR_CONFLICT when one is not assigned (any more). */
int kafka_consumer_start(struct kafka_consumer *c, const struct consumer_position *positions, size_t n,
	struct err *err) ERR_MUST_USE;
/* Waits up to timeout_ms for one message; runs callbacks as well. Partitions take turns, so that none waits behind
 * another's backlog. 1: *out is filled; 0: none; -1: err (RETRY or FATAL). */
int kafka_consumer_poll(struct kafka_consumer *c, int timeout_ms, struct kafka_message *out,
	struct err *err) ERR_MUST_USE;
/* Returns a message that has already been fetched, if any. Neither waits nor runs callbacks; errors are left to
 * kafka_consumer_poll(). */
bool kafka_consumer_fetch(struct kafka_consumer *c, struct kafka_message *out);
/* Pauses or resumes a partition: while held its turn is skipped and its messages wait; it is fetched until its queue is
 * full. Ends with the assignment, and with kafka_consumer_start(). */
void kafka_consumer_hold(struct kafka_consumer *c, struct topic_partition partition, bool held);
/* The same for all partitions of a topic, independently of the former; lasts until the next call for the topic. */
void kafka_consumer_hold_topic(struct kafka_consumer *c, int32_t topic, bool held);
/* A descriptor for an event loop: readable while callbacks wait, or messages of a partition that is not held, until
 * kafka_consumer_poll() returned 0. */
int kafka_consumer_fd(const struct kafka_consumer *c);
static inline struct topic_partition kafka_message_partition(const struct kafka_message *m)
{
	return (struct topic_partition){ m->topic, m->partition };
}
void kafka_message_release(struct kafka_message *m); /* clears m; accepts an empty one */
/* Value of the first header of that name, absent when there is none. */
struct str kafka_message_header(const struct kafka_message *m, const char *name);

/* Commits offsets to Kafka without waiting; only tools that show lag read them. */
void kafka_consumer_commit(struct kafka_consumer *c, const struct consumer_position *positions, size_t n);
/* Queries the broker; ERR_RETRY when it does not answer in timeout_ms. */
int kafka_consumer_watermarks(struct kafka_consumer *c, struct topic_partition partition, int timeout_ms, int64_t *low,
	int64_t *high, struct err *err) ERR_MUST_USE;
/* The high watermark as of the last fetch, for the lag metric; -1 when unknown. Never blocks. */
int64_t kafka_consumer_cached_high(struct kafka_consumer *c, struct topic_partition partition);
/* The cluster's id, NUL-terminated, at most 63 characters. Never blocks longer than timeout_ms. */
int kafka_consumer_cluster_id(struct kafka_consumer *c, int timeout_ms, char out[static 64],
	struct err *err) ERR_MUST_USE;
bool kafka_consumer_healthy(const struct kafka_consumer *c);

#endif
