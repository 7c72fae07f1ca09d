/* Topics: creating, configuring and listing them (names and settings: the table of topics in proto/README.md). */
#ifndef KAFKA_ADMIN_H
#define KAFKA_ADMIN_H

#include "kafka/config.h"
#include "kafka/consumer.h"

struct kafka_topic_spec {
	char name[200];
	int partitions;
	int replication; /* -1: the broker's default */
	int64_t retention_ms; /* -1: for ever */
	int64_t max_message_bytes;
	bool compacted; /* cleanup.policy=compact, else delete */
	bool flush_every_message; /* flush.messages=1, for a stack with one broker */
};

struct kafka_topic_info {
	char name[200];
	int partitions;
	int replication;
	int64_t messages; /* high minus low watermark over all partitions; -1: not requested */
};

struct kafka_admin;
int kafka_admin_open(struct kafka_admin **out, const struct kafka_config *config, struct err *err) ERR_MUST_USE;
void kafka_admin_close(struct kafka_admin **admin);
/* Creates missing topics and sets the specified settings of existing ones. A different partition count is ERR_CONFLICT
 * for that topic and nothing is changed: keys would move between partitions. *created counts new topics. */
int kafka_admin_ensure(struct kafka_admin *a, const struct kafka_topic_spec *specs, size_t n, int timeout_ms,
	size_t *created, struct err *err) ERR_MUST_USE;
/* Every topic whose name begins with prefix, sorted by name; *out is freed with free(). */
int kafka_admin_list(struct kafka_admin *a, const char *prefix, bool with_counts, int timeout_ms,
	struct kafka_topic_info **out, size_t *n, struct err *err) ERR_MUST_USE;
struct kafka_offsets {
	char topic[200];
	int32_t partition;
	int64_t low, high; /* high: the offset after the last record */
	int64_t retention_ms; /* of the topic; -1: for ever, or the broker does not say */
};
/* Every partition of the topics whose names begin with prefix, by topic and partition; *out is freed with free(). */
int kafka_admin_offsets(struct kafka_admin *a, const char *prefix, int timeout_ms, struct kafka_offsets **out,
	size_t *n, struct err *err) ERR_MUST_USE;
/* The id that the cluster was created with. ERR_RETRY when no broker answers within timeout_ms. */
int kafka_admin_cluster_id(struct kafka_admin *a, int timeout_ms, char out[static 64], struct err *err) ERR_MUST_USE;
/* Deletes each partition's records below the offset given for it. Cannot be undone. */
int kafka_admin_delete_records(struct kafka_admin *a, const char *topic, const struct kafka_position *before, size_t n,
	int timeout_ms, struct err *err) ERR_MUST_USE;

#endif
