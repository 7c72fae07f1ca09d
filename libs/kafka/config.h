/* What all Kafka clients of a process share: the brokers, the topic prefix and every `kafka.*` key of the
 * configuration, passed to librdkafka unchanged (TLS, SASL, tuning). */
#ifndef KAFKA_CONFIG_H
#define KAFKA_CONFIG_H

#include "base/err.h"
#include "base/str.h"

struct kafka_config;

struct kafka_config *kafka_config_new(void);
void kafka_config_free(struct kafka_config *c);
/* ERR_INPUT when librdkafka does not know the key or rejects the value, and for keys whose values Blazz's guarantees
 * depend on (acks, enable.idempotence, enable.auto.commit, auto.offset.reset, group.id, ...): the message names the
 * key. */
int kafka_config_set(struct kafka_config *c, const char *key, const char *value, struct err *err) ERR_MUST_USE;
const char *kafka_config_get(const struct kafka_config *c, const char *key); /* NULL when unset */

#endif
