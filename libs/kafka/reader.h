/* Reads a topic once, for tools: every partition from its low to its high watermark as they were on opening.
 *
 * No group, no commits: no consumer's offset changes. Records of one partition arrive in order; partitions are
 * interleaved.
 */
#ifndef KAFKA_READER_H
#define KAFKA_READER_H

#include "kafka/consumer.h"

struct kafka_reader;

struct kafka_range {
	int32_t partition;
	int64_t low, high; /* high: the offset after the last record */
};

/* Queries the watermarks. ERR_RETRY when no broker answers within timeout_ms or the topic does not exist. */
int kafka_reader_open(struct kafka_reader **out, const struct kafka_config *config, const char *topic, int timeout_ms,
	struct err *err) ERR_MUST_USE;
void kafka_reader_close(struct kafka_reader **reader);
/* The ranges in order of their partitions; borrowed from the reader. */
const struct kafka_range *kafka_reader_ranges(const struct kafka_reader *r, size_t *n);
/* Starts at each partition's oldest record that is not older than ms (since the epoch). Called before the first record
 * is read. ERR_INPUT "unsupported": the demo's broker cannot look up a time. */
int kafka_reader_since(struct kafka_reader *r, int64_t ms, int timeout_ms, struct err *err) ERR_MUST_USE;
/* Starts the partition at this offset instead of its low watermark; at its high watermark nothing is read of it. Called
 * before the first record is read. */
void kafka_reader_start_at(struct kafka_reader *r, int32_t partition, int64_t offset);
/* The cluster's id. ERR_RETRY when no broker answers within timeout_ms. */
int kafka_reader_cluster_id(struct kafka_reader *r, int timeout_ms, char out[static 64], struct err *err) ERR_MUST_USE;
/* Does not end at the high watermarks: later records are read, too. Called before the first record is read. */
void kafka_reader_follow(struct kafka_reader *r);
/* 1: *out is the next record, released by the caller; 0: there are no more; -1: no record arrived for timeout_ms (code
 * "timeout"), or Kafka returned an error. */
int kafka_reader_next(struct kafka_reader *r, int timeout_ms, struct kafka_message *out, struct err *err) ERR_MUST_USE;

#endif
