/* What a producer, a consumer and an admin client have in common: settings, logging, whether a broker is up, and a
 * descriptor that is readable while events wait. Internal to libs/kafka. */
#ifndef KAFKA_CLIENT_H
#define KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>

#include "kafka/config.h"

/* The first member of every struct that librdkafka gets as opaque. Used by the owner's thread only: librdkafka's log,
 * error and statistics callbacks all wait in the main queue. */
struct kafka_client {
	bool up;    /* a broker answers */
	bool lost;  /* a broker answered before, and none does now */
	bool fatal; /* librdkafka reported a fatal error: this instance is unusable */
	bool watched; /* counted in blazz_kafka_up */
};

struct kafka_setting {
	const char *key, *value;
};

int kafka_conf_put(rd_kafka_conf_t *conf, const char *key, const char *value, struct err *err) ERR_MUST_USE;
int kafka_conf_put_i64(rd_kafka_conf_t *conf, const char *key, int64_t value, struct err *err) ERR_MUST_USE;
int kafka_conf_put_all(rd_kafka_conf_t *conf, const struct kafka_setting *settings, size_t n,
	struct err *err) ERR_MUST_USE;
/* Resumes fetching at once when a full queue has room again, not after librdkafka's default of a second. No effect
 * before librdkafka 2.2, which lacks the setting. */
int kafka_conf_fetch_at_once(rd_kafka_conf_t *conf, struct err *err) ERR_MUST_USE;
/* Applies the keys of the configuration file, which override the defaults set before. */
int kafka_config_apply(const struct kafka_config *c, rd_kafka_conf_t *conf, struct err *err) ERR_MUST_USE;

/* Between watch and unwatch, blazz_kafka_up is 1 only while this client has a broker. For producers and consumers,
 * which live as long as the service. */
void kafka_client_watch(struct kafka_client *client);
void kafka_client_unwatch(struct kafka_client *client);
/* Called when the client's own traffic shows that a broker answers. */
void kafka_client_answered(struct kafka_client *client);

/* A configuration with Blazz's defaults and callbacks, and client as opaque. */
rd_kafka_conf_t *kafka_client_conf(struct kafka_client *client);
/* Creates the instance and directs its log lines to the main queue too. Takes *conf in either case. */
rd_kafka_t *kafka_client_new(rd_kafka_type_t type, rd_kafka_conf_t **conf, struct err *err);

/* Queries both watermarks, and retries until deadline_ms (clock_mono_ms): a topic that was just created has no leader
 * for a moment. */
rd_kafka_resp_err_t kafka_watermarks_ask(rd_kafka_t *rk, const char *topic, int32_t partition, int64_t deadline_ms,
	int64_t *low, int64_t *high);

/* The cluster's id, NUL-terminated, at most 63 characters. ERR_RETRY when no broker answers within timeout_ms. */
int kafka_cluster_id(rd_kafka_t *rk, int timeout_ms, char out[static 64], struct err *err) ERR_MUST_USE;

struct kafka_position;
/* Sets each position's offset to the partition's oldest record that is not older than ms (since the epoch); INT64_MAX:
 * all are older. */
int kafka_offsets_since(rd_kafka_t *rk, const char *topic, int64_t ms, int timeout_ms, struct kafka_position *positions,
	size_t n, struct err *err) ERR_MUST_USE;

/* A descriptor (eventfd) that librdkafka writes to when the queue gets its first entry. */
int kafka_event_open(struct err *err) ERR_MUST_USE;
void kafka_event_watch(rd_kafka_queue_t *queue, int fd);
void kafka_event_unwatch(rd_kafka_queue_t *queue);
void kafka_event_signal(int fd);
void kafka_event_clear(int fd);

#endif
