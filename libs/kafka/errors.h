/* librdkafka's error codes mapped to error kinds, in one place. Internal to libs/kafka and its tests. */
#ifndef KAFKA_ERRORS_H
#define KAFKA_ERRORS_H

#include <librdkafka/rdkafka.h>

#include "base/err.h"

/* The error kind of a code; RETRY for every code that is not listed, since most of Kafka's errors pass by
 * themselves. */
enum err_kind kafka_err_kind(rd_kafka_resp_err_t code);
/* Fills *err: the kind of the code, its name as err->code, and "what: description". Returns -1. */
int kafka_err_set(struct err *err, rd_kafka_resp_err_t code, const char *what, const char *description);

#endif
