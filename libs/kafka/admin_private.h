/* Internals of the admin client. Only admin*.c include it.
 *
 *   admin.c           requests and their answers; listing topics, deleting records
 *   admin_ensure.c    creates missing topics
 *   admin_settings.c  settings of existing topics
 *   admin_offsets.c   watermarks and retention
 */
#ifndef KAFKA_ADMIN_PRIVATE_H
#define KAFKA_ADMIN_PRIVATE_H

#include "kafka/admin.h"
#include "kafka/client.h"

struct kafka_admin {
	struct kafka_client client; /* first: librdkafka's opaque */
	rd_kafka_t *rk;
	rd_kafka_queue_t *answers;
};

struct topic_setting {
	const char *name;
	char value[24]; /* empty: not set on the topic, the broker's default applies */
};
#define SETTINGS_COUNT 5

/* admin.c */

/* *out is destroyed with rd_kafka_metadata_destroy(). */
int admin_metadata(struct kafka_admin *a, int timeout_ms, const struct rd_kafka_metadata **out,
	struct err *err) ERR_MUST_USE;
rd_kafka_AdminOptions_t *admin_options(struct kafka_admin *a, rd_kafka_admin_op_t op, int timeout_ms);
/* Waits for the answer to an admin request; NULL with err set when none arrives or the request failed as a whole. The
 * caller destroys it. */
rd_kafka_event_t *admin_wait(struct kafka_admin *a, int timeout_ms, const char *what, struct err *err);
/* NULL: missing. A topic without partitions is being created or deleted, and counts as missing. */
const rd_kafka_metadata_topic_t *metadata_topic(const struct rd_kafka_metadata *metadata, const char *name);

/* admin_settings.c */

/* The settings that a topic must have. */
void topic_settings(const struct kafka_topic_spec *spec, struct topic_setting out[static SETTINGS_COUNT]);
/* Reads the settings of topics. The caller destroys the event, of type DescribeConfigs. */
int admin_describe(struct kafka_admin *a, rd_kafka_ConfigResource_t **resources, size_t n, int timeout_ms,
	rd_kafka_event_t **out, struct err *err) ERR_MUST_USE;
/* Brings the settings of those topics that the metadata lists in line with their specs. */
int topics_alter(struct kafka_admin *a, const struct rd_kafka_metadata *metadata, const struct kafka_topic_spec *specs,
	size_t n, int timeout_ms, struct err *err) ERR_MUST_USE;

#endif
