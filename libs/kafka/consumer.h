/* A Kafka consumer of one topic or several for the loop poll, work, commit, publish.
 *
 * Group membership is served apart from messages: kafka_consumer_serve() runs rebalance callbacks and never returns a
 * message, so a service that waits for PostgreSQL stays in its group without taking in more work. An assignment only
 * announces partitions; nothing is fetched until the owner has taken them over in the database and calls
 * kafka_consumer_start() with the offsets found there: they go into assign() itself (a seek after assign() delivers from
 * the wrong place first). auto.offset.reset is error, always. Range assignor, eager.
 *
 * A topic is subscribed to, or it follows another one: partition p of it belongs to the member that the group gave partition p of
 * the topic that it follows. A topic that follows may not exist yet: its partitions are fetched once it does, and hold
 * up no other.
 */
#ifndef KAFKA_CONSUMER_H
#define KAFKA_CONSUMER_H

#include "kafka/config.h"
#include "kafka/partition.h"
#include "kafka/producer.h"

struct kafka_consumer;

#define CONSUMER_TOPICS_MAX 4

struct consumer_topic {
	const char *name; /* full; the first without one ends the array */
	const char *follows; /* the name of an earlier one that is subscribed to; NULL: subscribed to itself */
};

struct kafka_message {
	int32_t topic; /* index into the consumer's topics; 0 from readers and scanners, which have one */
	int32_t partition;
	int64_t offset;
	int64_t timestamp_ms; /* -1: none */
	struct str key, value; /* borrowed until kafka_message_release() */
	struct header *headers; /* parsed on arrival, same lifetime */
	size_t headers_count;
	void *handle; /* librdkafka's */
};

/* Of one topic. */
struct kafka_position {
	int32_t partition;
	int64_t offset; /* KAFKA_OFFSET_BEGINNING: the low watermark */
};
#define KAFKA_OFFSET_BEGINNING (-2)

/* Of one of a consumer's topics. */
struct consumer_position {
	struct topic_partition partition;
	int64_t offset; /* as above */
};

/* Why a partition stopped. */
enum kafka_stop {
	KAFKA_STOP_OUT_OF_RANGE, /* retention or a topic created anew: only another offset helps */
	KAFKA_STOP_NO_OFFSET, /* the low watermark could not be asked for: only a new start asks again */
	KAFKA_STOP_UNREADABLE, /* librdkafka may go on with it */
};

struct kafka_consumer_options {
	const struct kafka_config *config;
	const char *client_id;
	const char *group;
	struct consumer_topic topics[CONSUMER_TOPICS_MAX]; /* copied */
	int session_timeout_ms;    /* 0: 10,000 */
	int prefetch_kb; /* fetched ahead of each partition at most; 0: 16,384. The configuration's own wins */
	/* All partitions that are now ours, none if there are more members than partitions: those that the group gave, and those that
	 * follow them. Called inside serve or poll. The owner calls kafka_consumer_start() when it is ready, now or later; until then
	 * nothing is fetched. */
	void (*assigned)(void *ctx, const struct topic_partition *partitions, size_t n);
	/* Everything is gone (eager protocol). Messages already handed out may be finished; their commit is guarded by the
	 * database, not by this callback. */
	void (*revoked)(void *ctx);
	/* A partition stopped. Once per partition and start. */
	void (*stopped)(void *ctx, struct topic_partition partition, enum kafka_stop stop, const struct err *why);
	void *ctx;
};

int kafka_consumer_open(struct kafka_consumer **out, const struct kafka_consumer_options *options,
	struct err *err) ERR_MUST_USE;
/* Leaves the group and closes; runs revoked() when something was assigned. Messages are released before. Takes up to ten
 * seconds while the group's coordinator does not answer, else moments. */
void kafka_consumer_close(struct kafka_consumer **consumer);

/* Serves callbacks that wait, without blocking. Call it at least once a second, whatever else happens. */
void kafka_consumer_serve(struct kafka_consumer *c);
/* Starts fetching the given partitions, all of the current assignment or fewer, at these offsets. Replaces what was
 * started before. ERR_CONFLICT when they are no longer ours. */
int kafka_consumer_start(struct kafka_consumer *c, const struct consumer_position *positions, size_t n,
	struct err *err) ERR_MUST_USE;
/* Waits up to timeout_ms for one message; serves callbacks as well. Partitions take turns, so that none waits behind another's
 * backlog. 1: *out is filled; 0: none; -1: err (RETRY or FATAL). */
int kafka_consumer_poll(struct kafka_consumer *c, int timeout_ms, struct kafka_message *out,
	struct err *err) ERR_MUST_USE;
/* One that is there already. Neither waits nor serves callbacks; errors wait for kafka_consumer_poll(). */
bool kafka_consumer_fetch(struct kafka_consumer *c, struct kafka_message *out);
/* A held partition's turn is skipped: its messages wait, and it is fetched until its queue is full. Ends with the assignment, and
 * with kafka_consumer_start(). */
void kafka_consumer_hold(struct kafka_consumer *c, struct topic_partition partition, bool held);
/* The same for all partitions of a topic, besides; until it is told otherwise. */
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

/* Commits offsets to Kafka for lag tools only, without waiting. */
void kafka_consumer_commit(struct kafka_consumer *c, const struct consumer_position *positions, size_t n);
/* Queries the broker; ERR_RETRY when it does not answer in timeout_ms. */
int kafka_consumer_watermarks(struct kafka_consumer *c, struct topic_partition partition, int timeout_ms, int64_t *low,
	int64_t *high, struct err *err) ERR_MUST_USE;
/* High watermark as of the last fetch, for the lag metric; -1 when unknown. Never blocks. */
int64_t kafka_consumer_cached_high(struct kafka_consumer *c, struct topic_partition partition);
/* The cluster's id, NUL-terminated, at most 63 characters. Never blocks longer than timeout_ms. */
int kafka_consumer_cluster_id(struct kafka_consumer *c, int timeout_ms, char out[static 64],
	struct err *err) ERR_MUST_USE;
bool kafka_consumer_healthy(const struct kafka_consumer *c);

#endif
