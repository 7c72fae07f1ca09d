/* From librdkafka's message to ours. Internal to libs/kafka. */
#ifndef KAFKA_MESSAGE_H
#define KAFKA_MESSAGE_H

#include <librdkafka/rdkafka.h>

#include "kafka/consumer.h"

/* Takes m over: kafka_message_release() destroys it. */
void kafka_message_fill(struct kafka_message *out, rd_kafka_message_t *m);

#endif
