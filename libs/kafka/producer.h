/* An idempotent Kafka producer. A record counts as sent in its delivery report only.
 *
 * Single-threaded for its owner: reports arrive inside kafka_producer_poll(). A full local queue is ERR_BUSY, and the
 * owner applies back-pressure to its source; nothing is dropped and nothing sleeps. After a fatal producer error
 * (librdkafka 2.0.2 raises false ones after timeouts) the producer replaces its librdkafka instance: records in flight
 * are reported as failed with ERR_RETRY, and the owner sends them again or answers 503.
 */
#ifndef KAFKA_PRODUCER_H
#define KAFKA_PRODUCER_H

#include "base/err.h"
#include "base/header.h"
#include "base/str.h"
#include "kafka/config.h"

struct kafka_record {
	const char *topic;
	int32_t partition; /* KAFKA_ANY_PARTITION: by key, murmur2 as Java clients do */
	struct str key;    /* copied */
	struct str value;  /* copied */
	const struct header *headers;
	size_t headers_count;
	int64_t timestamp_ms; /* since the epoch; 0: now */
	void *opaque; /* comes back with the report */
};
#define KAFKA_ANY_PARTITION (-1)

struct kafka_producer;

struct kafka_producer_options {
	const struct kafka_config *config; /* brokers and any other librdkafka settings */
	const char *client_id;
	int message_timeout_ms;  /* 0: none, for records of the outbox; ingest: below its HTTP deadline */
	bool gapless; /* enable.gapless.guarantee: records of one partition are never reordered nor skipped */
	int64_t max_message_bytes; /* 0: 1,000,000; dead letters: 4 MiB */
	int queue_max_messages; /* 0: 100,000 */
	bool grouped; /* the owner queues related records together: linger.ms is 0, not 1, unless configured */
	/* failure is NULL when the record is acknowledged by all in-sync replicas; else RETRY, INPUT (too large) or
	 * FATAL. */
	void (*delivered)(void *ctx, void *opaque, const struct err *failure, int32_t partition, int64_t offset);
	void *ctx;
};

int kafka_producer_open(struct kafka_producer **out, const struct kafka_producer_options *options,
	struct err *err) ERR_MUST_USE;
/* Waits at most timeout_ms for records in flight and reports the rest as failed. */
void kafka_producer_close(struct kafka_producer **producer, int timeout_ms);

/* Queues one record. ERR_BUSY: the queue is full, or the producer is being reopened; ERR_INPUT: too large, or an
 * invalid topic name; ERR_RETRY: the topic or partition does not exist (yet). */
int kafka_produce(struct kafka_producer *p, const struct kafka_record *record, struct err *err) ERR_MUST_USE;
/* Serves reports for up to timeout_ms (0: only those that have arrived). Returns the number served. */
int kafka_producer_poll(struct kafka_producer *p, int timeout_ms);
/* A descriptor that is readable while reports wait; level-triggered, cleared by kafka_producer_poll(). */
int kafka_producer_fd(const struct kafka_producer *p);
size_t kafka_producer_in_flight(const struct kafka_producer *p);
/* Whether a broker is up as far as the client knows, for readiness; from the last statistics or error, never
 * blocking. */
bool kafka_producer_healthy(const struct kafka_producer *p);

#endif
