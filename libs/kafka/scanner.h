/* Reads single partitions of one topic from any offset, independently of the group's consumer: for records that were
 * consumed before and are needed again. No group, no commits. Each partition has a queue of its own, so that one that
 * is not polled delays no other. auto.offset.reset is error. */
#ifndef KAFKA_SCANNER_H
#define KAFKA_SCANNER_H

#include "kafka/consumer.h"

struct kafka_scanner;

int kafka_scanner_open(struct kafka_scanner **out, const struct kafka_config *config, const char *client_id,
	const char *topic, struct err *err) ERR_MUST_USE;
void kafka_scanner_close(struct kafka_scanner **s); /* the caller releases its messages before */

/* Reads this partition from offset on; records fetched for an earlier start are never returned. Waits for librdkafka's
 * own thread, not for a broker. */
int kafka_scanner_start(struct kafka_scanner *s, int32_t partition, int64_t offset, struct err *err) ERR_MUST_USE;
void kafka_scanner_stop(struct kafka_scanner *s, int32_t partition); /* no effect on a partition that is not started */
/* 1: the next record of that partition; 0: none yet, or it is not started; -1: ERR_CONFLICT "OUT_OF_RANGE" when
 * retention has removed the offset (query the low watermark and start there), otherwise ERR_RETRY (start again at the
 * same offset). Never waits. */
int kafka_scanner_poll(struct kafka_scanner *s, int32_t partition, struct kafka_message *out,
	struct err *err) ERR_MUST_USE;
/* A descriptor: readable when a record or error has arrived for a partition for which kafka_scanner_poll() had returned
 * 0. The caller clears it with kafka_scanner_woken() and then polls that partition. */
int kafka_scanner_fd(const struct kafka_scanner *s);
void kafka_scanner_woken(struct kafka_scanner *s);
/* Sets each position's offset to the partition's oldest record that is not older than ms (since the epoch); INT64_MAX:
 * all are older. ERR_RETRY when no broker answers within timeout_ms. */
int kafka_scanner_since(struct kafka_scanner *s, int64_t ms, int timeout_ms, struct kafka_position *positions, size_t n,
	struct err *err) ERR_MUST_USE;
/* The low watermark: the oldest offset that the broker still has. ERR_RETRY when it does not answer within
 * timeout_ms. */
int kafka_scanner_low(struct kafka_scanner *s, int32_t partition, int timeout_ms, int64_t *low,
	struct err *err) ERR_MUST_USE;

#endif
