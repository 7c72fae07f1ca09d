/* The admin client: its requests, listing topics, deleting records; see admin.h, and admin_private.h for its files. */
#include "kafka/admin_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "kafka/errors.h"

int kafka_admin_open(struct kafka_admin **out, const struct kafka_config *config, struct err *err)
{
	struct kafka_admin *a = mem_calloc(1, sizeof(*a));
	rd_kafka_conf_t *conf = kafka_client_conf(&a->client);

	if (kafka_config_apply(config, conf, err) < 0) {
		rd_kafka_conf_destroy(conf);
		free(a);
		return -1;
	}
	a->rk = kafka_client_new(RD_KAFKA_PRODUCER, &conf, err);
	if (!a->rk) {
		free(a);
		return -1;
	}
	a->answers = rd_kafka_queue_new(a->rk);
	*out = a;
	return 0;
}

void kafka_admin_close(struct kafka_admin **admin)
{
	struct kafka_admin *a = *admin;

	if (!a)
		return;
	rd_kafka_queue_destroy(a->answers);
	rd_kafka_destroy(a->rk);
	free(a);
	*admin = NULL;
}

int admin_metadata(struct kafka_admin *a, int timeout_ms, const struct rd_kafka_metadata **out, struct err *err)
{
	rd_kafka_resp_err_t code = rd_kafka_metadata(a->rk, 1, NULL, out, timeout_ms);

	return code ? kafka_err_set(err, code, "metadata", NULL) : 0;
}

const rd_kafka_metadata_topic_t *metadata_topic(const struct rd_kafka_metadata *metadata, const char *name)
{
	for (int i = 0; i < metadata->topic_cnt; i++)
		if (metadata->topics[i].partition_cnt > 0 && strcmp(metadata->topics[i].topic, name) == 0)
			return &metadata->topics[i];
	return NULL;
}

rd_kafka_event_t *admin_wait(struct kafka_admin *a, int timeout_ms, const char *what, struct err *err)
{
	/* The request itself times out after timeout_ms; the extra second is for its answer to pass through the
	 * queue. */
	rd_kafka_event_t *event = rd_kafka_queue_poll(a->answers, timeout_ms + 1000);
	rd_kafka_resp_err_t code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;

	if (!code)
		return event;
	kafka_err_set(err, code, what, event ? rd_kafka_event_error_string(event) : NULL);
	if (event)
		rd_kafka_event_destroy(event);
	return NULL;
}

rd_kafka_AdminOptions_t *admin_options(struct kafka_admin *a, rd_kafka_admin_op_t op, int timeout_ms)
{
	rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(a->rk, op);
	char why[100];

	rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, why, sizeof(why));
	if (op == RD_KAFKA_ADMIN_OP_CREATETOPICS)
		rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, why, sizeof(why));
	return options;
}

static int messages_count(struct kafka_admin *a, struct kafka_topic_info *info, int64_t deadline_ms, struct err *err)
{
	for (int32_t p = 0; p < info->partitions; p++) {
		int64_t low, high;
		rd_kafka_resp_err_t code = kafka_watermarks_ask(a->rk, info->name, p, deadline_ms, &low, &high);

		if (code)
			return kafka_err_set(err, code, info->name, NULL);
		info->messages += high - low;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct kafka_topic_info *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static size_t topics_pick(const struct rd_kafka_metadata *metadata, const char *prefix, bool with_counts,
	struct kafka_topic_info *out)
{
	size_t n = 0;

	for (int i = 0; i < metadata->topic_cnt; i++) {
		const rd_kafka_metadata_topic_t *t = &metadata->topics[i];

		if (!str_starts(str_of(t->topic), str_of(prefix)) || strlen(t->topic) >= sizeof(out->name))
			continue;
		snprintf(out[n].name, sizeof(out[n].name), "%s", t->topic);
		out[n].partitions = t->partition_cnt;
		out[n].replication = t->partition_cnt ? t->partitions[0].replica_cnt : 0;
		out[n++].messages = with_counts ? 0 : -1;
	}
	qsort(out, n, sizeof(*out), by_name);
	return n;
}

int kafka_admin_list(struct kafka_admin *a, const char *prefix, bool with_counts, int timeout_ms,
	struct kafka_topic_info **out, size_t *n, struct err *err)
{
	int64_t deadline_ms = clock_mono_ms() + timeout_ms;
	const struct rd_kafka_metadata *metadata;
	struct kafka_topic_info *topics;
	size_t count;

	if (admin_metadata(a, timeout_ms, &metadata, err) < 0)
		return -1;
	topics = mem_calloc((size_t)metadata->topic_cnt + 1, sizeof(*topics));
	count = topics_pick(metadata, prefix, with_counts, topics);
	rd_kafka_metadata_destroy(metadata);
	for (size_t i = 0; with_counts && i < count; i++) {
		if (messages_count(a, &topics[i], deadline_ms, err) < 0) {
			free(topics);
			return -1;
		}
	}
	*out = topics;
	*n = count;
	return 0;
}

static int deletions_check(const rd_kafka_topic_partition_list_t *list, struct err *err)
{
	for (int i = 0; i < list->cnt; i++)
		if (list->elems[i].err)
			return kafka_err_set(err, list->elems[i].err, list->elems[i].topic, NULL);
	return 0;
}

int kafka_admin_delete_records(struct kafka_admin *a, const char *topic, const struct kafka_position *before, size_t n,
	int timeout_ms, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
	rd_kafka_AdminOptions_t *options = admin_options(a, RD_KAFKA_ADMIN_OP_DELETERECORDS, timeout_ms);
	rd_kafka_DeleteRecords_t *request;
	rd_kafka_event_t *event;
	int rc = -1;

	for (size_t i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, topic, before[i].partition)->offset = before[i].offset;
	request = rd_kafka_DeleteRecords_new(list);
	rd_kafka_DeleteRecords(a->rk, &request, 1, options, a->answers);
	rd_kafka_DeleteRecords_destroy(request);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_topic_partition_list_destroy(list);
	event = admin_wait(a, timeout_ms, "delete records", err);
	if (event) {
		rc = deletions_check(rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event)),
			err);
		rd_kafka_event_destroy(event);
	}
	return rc;
}
