/* What each partition of the cluster's topics holds, and for how long; see admin.h. */
#include "kafka/admin_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "kafka/errors.h"

static size_t partitions_count(const struct kafka_topic_info *topics, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += (size_t)topics[i].partitions;
	return count;
}

static int64_t retention_of(const rd_kafka_ConfigResource_t *resource)
{
	size_t n;
	const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &n);
	int64_t ms;

	for (size_t i = 0; i < n; i++) {
		const char *value = rd_kafka_ConfigEntry_value(entries[i]);

		if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), "retention.ms") == 0 && value &&
			str_to_i64(str_of(value), &ms))
			return ms;
	}
	return -1;
}

static int retentions_fill(rd_kafka_event_t *event, struct kafka_offsets *rows, size_t n, struct err *err)
{
	size_t count;
	const rd_kafka_ConfigResource_t **found =
		rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count);

	for (size_t i = 0; i < count; i++) {
		const char *topic = rd_kafka_ConfigResource_name(found[i]);
		rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(found[i]);

		if (code)
			return kafka_err_set(err, code, topic, rd_kafka_ConfigResource_error_string(found[i]));
		for (size_t r = 0; r < n; r++)
			if (strcmp(rows[r].topic, topic) == 0)
				rows[r].retention_ms = retention_of(found[i]);
	}
	return 0;
}

static int retentions_read(struct kafka_admin *a, const struct kafka_topic_info *topics, size_t n_topics,
	int timeout_ms, struct kafka_offsets *rows, size_t n, struct err *err)
{
	rd_kafka_ConfigResource_t **resources = mem_calloc(n_topics + 1, sizeof(*resources));
	rd_kafka_event_t *event;
	int rc = -1;

	for (size_t i = 0; i < n_topics; i++)
		resources[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topics[i].name);
	if (admin_describe(a, resources, n_topics, timeout_ms, &event, err) == 0) {
		rc = retentions_fill(event, rows, n, err);
		rd_kafka_event_destroy(event);
	}
	rd_kafka_ConfigResource_destroy_array(resources, n_topics);
	free(resources);
	return rc;
}

static int watermarks_fill(struct kafka_admin *a, const struct kafka_topic_info *topics, size_t n, int64_t deadline_ms,
	struct kafka_offsets *rows, struct err *err)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		for (int32_t p = 0; p < topics[i].partitions; p++) {
			struct kafka_offsets *row = &rows[at++];
			rd_kafka_resp_err_t code;

			snprintf(row->topic, sizeof(row->topic), "%s", topics[i].name);
			row->partition = p;
			code = kafka_watermarks_ask(a->rk, row->topic, p, deadline_ms, &row->low, &row->high);
			if (code)
				return kafka_err_set(err, code, row->topic, NULL);
		}
	}
	return 0;
}

int kafka_admin_offsets(struct kafka_admin *a, const char *prefix, int timeout_ms, struct kafka_offsets **out,
	size_t *n, struct err *err)
{
	struct kafka_topic_info *topics;
	struct kafka_offsets *rows;
	size_t n_topics, count;

	if (kafka_admin_list(a, prefix, false, timeout_ms, &topics, &n_topics, err) < 0)
		return -1;
	count = partitions_count(topics, n_topics);
	rows = mem_calloc(count + 1, sizeof(*rows));
	if (watermarks_fill(a, topics, n_topics, clock_mono_ms() + timeout_ms, rows, err) < 0 ||
		(n_topics > 0 && retentions_read(a, topics, n_topics, timeout_ms, rows, count, err) < 0)) {
		free(topics);
		free(rows);
		return -1;
	}
	free(topics);
	*out = rows;
	*n = count;
	return 0;
}

int kafka_admin_cluster_id(struct kafka_admin *a, int timeout_ms, char out[static 64], struct err *err)
{
	char *id = rd_kafka_clusterid(a->rk, timeout_ms);
	size_t n = id ? strlen(id) : 0;
	int rc = 0;

	if (n == 0)
		rc = err_set(err, ERR_RETRY, "cluster_id", "the cluster's id is not known: no broker answers");
	else if (n >= 64)
		rc = err_set(err, ERR_INPUT, "cluster_id", "the cluster's id has %zu characters", n);
	else
		memcpy(out, id, n + 1);
	free(id);
	return rc;
}
