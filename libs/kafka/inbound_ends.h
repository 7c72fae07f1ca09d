/* How far chat-sync has to consume until it has applied everything that is in its topics now. */
#ifndef KAFKA_INBOUND_ENDS_H
#define KAFKA_INBOUND_ENDS_H

#include "base/buf.h"
#include "kafka/config.h"
#include "kafka/topics.h"

/* Replaces what *out holds by JSON, as the column erasures.behind has it: [["topic", partition, offset after the last record], ...], without
 * partitions that hold no record. ERR_RETRY when no broker answers within timeout_ms or a topic does not exist. */
int kafka_inbound_ends(const struct kafka_config *config, const struct topic_names *topics, int timeout_ms,
	struct buf *out, struct err *err) ERR_MUST_USE;

#endif
