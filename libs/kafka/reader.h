/* Reads once what a topic holds, for tools: every partition from its low to its high watermark as they were on opening.
 *
 * No group, no commits: nobody's position moves. Records of one partition come in order; partitions mix.
 */
#ifndef KAFKA_READER_H
#define KAFKA_READER_H

#include "kafka/consumer.h"

struct kafka_reader;

struct kafka_range {
	int32_t partition;
	int64_t low, high; /* high: one behind the last */
};

/* Asks for the watermarks. ERR_RETRY when no broker answers within timeout_ms or there is no such topic. */
int kafka_reader_open(struct kafka_reader **out, const struct kafka_config *config, const char *topic, int timeout_ms,
	struct err *err) ERR_MUST_USE;
void kafka_reader_close(struct kafka_reader **reader);
/* By partition, in order; borrowed from the reader. */
const struct kafka_range *kafka_reader_ranges(const struct kafka_reader *r, size_t *n);
/* Before the first record is read: from the oldest record of each partition that is not older than ms. ERR_INPUT "unsupported": the
 * demo's broker looks up no times. */
int kafka_reader_since(struct kafka_reader *r, int64_t ms, int timeout_ms, struct err *err) ERR_MUST_USE;
/* The same: it does not end; what comes later is read, too. */
void kafka_reader_follow(struct kafka_reader *r);
/* 1: *out is the next record, released by the caller; 0: that was all; -1: nothing came for timeout_ms (code "timeout"), or
 * Kafka refuses. */
int kafka_reader_next(struct kafka_reader *r, int timeout_ms, struct kafka_message *out, struct err *err) ERR_MUST_USE;

#endif
