/* From librdkafka's message to struct kafka_message. Internal to libs/kafka. */
#ifndef KAFKA_MESSAGE_H
#define KAFKA_MESSAGE_H

#include <librdkafka/rdkafka.h>

#include "kafka/consumer.h"

/* Takes ownership of m: kafka_message_release() destroys it. */
void kafka_message_fill(struct kafka_message *out, rd_kafka_message_t *m);
/* Why a partition stopped; m is an error. *why is ERR_CONFLICT "OUT_OF_RANGE" when only another offset helps. */
enum kafka_stop kafka_stop_of(const rd_kafka_message_t *m, struct err *why);

#endif
