/* A broker whose answers a test can turn into errors: librdkafka's mock cluster, with one topic of one partition. */
#ifndef MOCK_KAFKA_H
#define MOCK_KAFKA_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "kafka/config.h"

struct mock_kafka {
	rd_kafka_t *host;
	rd_kafka_mock_cluster_t *cluster;
	struct kafka_config *config; /* of its clients */
};

/* -1: the configuration was rejected; it must be closed all the same. */
static inline int mock_kafka_open(struct mock_kafka *m, const char *topic)
{
	struct err err;

	m->host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), NULL, 0);
	m->cluster = rd_kafka_mock_cluster_new(m->host, 1);
	m->config = kafka_config_new();
	rd_kafka_mock_topic_create(m->cluster, topic, 1, 1);
	return kafka_config_set(m->config, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(m->cluster), &err);
}

static inline void mock_kafka_close(struct mock_kafka *m)
{
	kafka_config_free(m->config);
	rd_kafka_mock_cluster_destroy(m->cluster);
	rd_kafka_destroy(m->host);
}

/* Makes the broker answer the next produce request with this error. */
static inline void mock_kafka_refuse(struct mock_kafka *m, rd_kafka_resp_err_t code)
{
	const int16_t produce = 0; /* the API key of Produce */

	rd_kafka_mock_push_request_errors(m->cluster, produce, 1, code);
}

#endif
