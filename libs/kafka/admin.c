/* Topics: creating, configuring, listing. Invariant: settings of a topic that struct kafka_topic_spec does not
 * name are left unchanged. Kafka's AlterConfigs (the variant in librdkafka 2.0) replaces all settings, so the current
 * ones are read first and written back merged with the specified ones; nothing is written when nothing differs.
 */
#include "kafka/admin.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "kafka/client.h"
#include "kafka/errors.h"

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

static void settings_of(const struct kafka_topic_spec *spec, struct topic_setting out[static SETTINGS_COUNT])
{
	const struct topic_setting settings[SETTINGS_COUNT] = {
		{ "cleanup.policy", "delete" },
		{ "compression.type", "producer" },
		{ "retention.ms", "" },
		{ "max.message.bytes", "" },
		{ "flush.messages", "" },
	};

	memcpy(out, settings, sizeof(settings));
	snprintf(out[2].value, sizeof(out[2].value), "%lld", (long long)spec->retention_ms);
	snprintf(out[3].value, sizeof(out[3].value), "%lld", (long long)spec->max_message_bytes);
	if (spec->flush_every_message)
		snprintf(out[4].value, sizeof(out[4].value), "1");
}

static int metadata_get(struct kafka_admin *a, int timeout_ms, const struct rd_kafka_metadata **out, struct err *err)
{
	rd_kafka_resp_err_t code = rd_kafka_metadata(a->rk, 1, NULL, out, timeout_ms);

	return code ? kafka_err_set(err, code, "metadata", NULL) : 0;
}

/* A topic without partitions is being created or deleted, and counts as missing. */
static const rd_kafka_metadata_topic_t *topic_find(const struct rd_kafka_metadata *metadata, const char *name)
{
	for (int i = 0; i < metadata->topic_cnt; i++)
		if (metadata->topics[i].partition_cnt > 0 && strcmp(metadata->topics[i].topic, name) == 0)
			return &metadata->topics[i];
	return NULL;
}

static int partitions_check(const struct rd_kafka_metadata *metadata, const struct kafka_topic_spec *specs, size_t n,
	struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const rd_kafka_metadata_topic_t *t = topic_find(metadata, specs[i].name);

		if (t && t->partition_cnt != specs[i].partitions)
			return err_set(err, ERR_CONFLICT, "partitions",
				"%s has %d partitions, not %d: keys would move, so they are never changed",
				specs[i].name, t->partition_cnt, specs[i].partitions);
	}
	return 0;
}

/* Waits for the answer to an admin request; NULL with err set when none arrives or the request failed as a whole. */
static rd_kafka_event_t *answer_wait(struct kafka_admin *a, int timeout_ms, const char *what, struct err *err)
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

static rd_kafka_AdminOptions_t *options_new(struct kafka_admin *a, rd_kafka_admin_op_t op, int timeout_ms)
{
	rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(a->rk, op);
	char why[100];

	rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, why, sizeof(why));
	if (op == RD_KAFKA_ADMIN_OP_CREATETOPICS)
		rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, why, sizeof(why));
	return options;
}

static rd_kafka_NewTopic_t *new_topic(const struct kafka_topic_spec *spec, struct err *err)
{
	struct topic_setting settings[SETTINGS_COUNT];
	char why[200];
	rd_kafka_NewTopic_t *t =
		rd_kafka_NewTopic_new(spec->name, spec->partitions, spec->replication, why, sizeof(why));

	if (!t) {
		err_set(err, ERR_INPUT, "topic", "%s: %s", spec->name, why);
		return NULL;
	}
	settings_of(spec, settings);
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		if (settings[i].value[0])
			rd_kafka_NewTopic_set_config(t, settings[i].name, settings[i].value);
	return t;
}

/* A topic that another client created in the meantime is no error and is not counted: the next listing finds it. */
static int created_count(const rd_kafka_CreateTopics_result_t *result, size_t *created, struct err *err)
{
	size_t n, good = 0;
	const rd_kafka_topic_result_t **topics = rd_kafka_CreateTopics_result_topics(result, &n);

	for (size_t i = 0; i < n; i++) {
		rd_kafka_resp_err_t code = rd_kafka_topic_result_error(topics[i]);

		if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
			return kafka_err_set(err, code, rd_kafka_topic_result_name(topics[i]),
				rd_kafka_topic_result_error_string(topics[i]));
		good += !code;
	}
	*created = good;
	return 0;
}

static int topics_create(struct kafka_admin *a, rd_kafka_NewTopic_t **topics, size_t n, int timeout_ms, size_t *created,
	struct err *err)
{
	rd_kafka_AdminOptions_t *options = options_new(a, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms);
	rd_kafka_event_t *event;
	int rc = -1;

	rd_kafka_CreateTopics(a->rk, topics, n, options, a->answers);
	rd_kafka_AdminOptions_destroy(options);
	event = answer_wait(a, timeout_ms, "create topics", err);
	if (event) {
		rc = created_count(rd_kafka_event_CreateTopics_result(event), created, err);
		rd_kafka_event_destroy(event);
	}
	return rc;
}

static int missing_create(struct kafka_admin *a, const struct rd_kafka_metadata *metadata,
	const struct kafka_topic_spec *specs, size_t n, int timeout_ms, size_t *created, struct err *err)
{
	rd_kafka_NewTopic_t **topics = mem_calloc(n + 1, sizeof(*topics));
	size_t missing = 0;
	int rc = -1;

	for (size_t i = 0; i < n; i++) {
		if (topic_find(metadata, specs[i].name))
			continue;
		topics[missing] = new_topic(&specs[i], err);
		if (!topics[missing])
			goto out;
		missing++;
	}
	*created = 0;
	rc = missing ? topics_create(a, topics, missing, timeout_ms, created, err) : 0;
out:
	rd_kafka_NewTopic_destroy_array(topics, missing);
	free(topics);
	return rc;
}

static const char *ours(const struct topic_setting *settings, const char *name)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		if (strcmp(settings[i].name, name) == 0)
			return settings[i].value;
	return NULL;
}

/* The topic's own settings, overridden by the specified ones. *differs: whether the result differs from what the topic
 * has. */
static rd_kafka_ConfigResource_t *settings_merge(const rd_kafka_ConfigResource_t *have,
	const struct topic_setting *settings, bool *differs)
{
	rd_kafka_ConfigResource_t *merged =
		rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, rd_kafka_ConfigResource_name(have));
	bool equal[SETTINGS_COUNT] = { false };
	size_t n;
	const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(have, &n);

	*differs = false;
	for (size_t i = 0; i < n; i++) {
		const char *name = rd_kafka_ConfigEntry_name(entries[i]),
			   *value = rd_kafka_ConfigEntry_value(entries[i]);
		const char *want = ours(settings, name);

		if (rd_kafka_ConfigEntry_source(entries[i]) != RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG || !value)
			continue;
		if (!want)
			rd_kafka_ConfigResource_set_config(merged, name, value);
		else if (!want[0])
			*differs = true;
		for (size_t s = 0; s < SETTINGS_COUNT; s++)
			equal[s] = equal[s] || (want == settings[s].value && strcmp(want, value) == 0);
	}
	for (size_t s = 0; s < SETTINGS_COUNT; s++) {
		if (!settings[s].value[0])
			continue;
		rd_kafka_ConfigResource_set_config(merged, settings[s].name, settings[s].value);
		*differs = *differs || !equal[s];
	}
	return merged;
}

static const struct kafka_topic_spec *spec_find(const struct kafka_topic_spec *specs, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(specs[i].name, name) == 0)
			return &specs[i];
	return NULL;
}

static int resources_check(const rd_kafka_ConfigResource_t **resources, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(resources[i]);

		if (code)
			return kafka_err_set(err, code, rd_kafka_ConfigResource_name(resources[i]),
				rd_kafka_ConfigResource_error_string(resources[i]));
	}
	return 0;
}

static int settings_write(struct kafka_admin *a, rd_kafka_ConfigResource_t **resources, size_t n, int timeout_ms,
	struct err *err)
{
	rd_kafka_AdminOptions_t *options = options_new(a, RD_KAFKA_ADMIN_OP_ALTERCONFIGS, timeout_ms);
	const rd_kafka_ConfigResource_t **results;
	rd_kafka_event_t *event;
	size_t count;
	int rc;

	rd_kafka_AlterConfigs(a->rk, resources, n, options, a->answers);
	rd_kafka_AdminOptions_destroy(options);
	event = answer_wait(a, timeout_ms, "alter topics", err);
	if (!event)
		return -1;
	results = rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &count);
	rc = resources_check(results, count, err);
	rd_kafka_event_destroy(event);
	return rc;
}

static int settings_compare(struct kafka_admin *a, const rd_kafka_ConfigResource_t **have, size_t n,
	const struct kafka_topic_spec *specs, size_t specs_count, int timeout_ms, struct err *err)
{
	rd_kafka_ConfigResource_t **changed = mem_calloc(n + 1, sizeof(*changed));
	size_t changes = 0;
	int rc = resources_check(have, n, err);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		const struct kafka_topic_spec *spec =
			spec_find(specs, specs_count, rd_kafka_ConfigResource_name(have[i]));
		struct topic_setting settings[SETTINGS_COUNT];
		bool differs;

		if (!spec)
			continue;
		settings_of(spec, settings);
		changed[changes] = settings_merge(have[i], settings, &differs);
		if (differs)
			changes++;
		else
			rd_kafka_ConfigResource_destroy(changed[changes]);
	}
	if (rc == 0 && changes > 0)
		rc = settings_write(a, changed, changes, timeout_ms, err);
	rd_kafka_ConfigResource_destroy_array(changed, changes);
	free(changed);
	return rc;
}

static int settings_read(struct kafka_admin *a, rd_kafka_ConfigResource_t **resources, size_t n, int timeout_ms,
	rd_kafka_event_t **out, struct err *err)
{
	rd_kafka_AdminOptions_t *options = options_new(a, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms);
	rd_kafka_event_t *event;

	rd_kafka_DescribeConfigs(a->rk, resources, n, options, a->answers);
	rd_kafka_AdminOptions_destroy(options);
	event = answer_wait(a, timeout_ms, "describe topics", err);
	if (!event)
		return -1;
	*out = event;
	return 0;
}

static int existing_alter(struct kafka_admin *a, const struct rd_kafka_metadata *metadata,
	const struct kafka_topic_spec *specs, size_t n, int timeout_ms, struct err *err)
{
	rd_kafka_ConfigResource_t **resources = mem_calloc(n + 1, sizeof(*resources));
	const rd_kafka_ConfigResource_t **have;
	rd_kafka_event_t *event = NULL;
	size_t existing = 0, count;
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		if (topic_find(metadata, specs[i].name))
			resources[existing++] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, specs[i].name);
	if (existing > 0)
		rc = settings_read(a, resources, existing, timeout_ms, &event, err);
	if (event) {
		have = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count);
		rc = settings_compare(a, have, count, specs, n, timeout_ms, err);
		rd_kafka_event_destroy(event);
	}
	rd_kafka_ConfigResource_destroy_array(resources, existing);
	free(resources);
	return rc;
}

static size_t missing_count(const struct rd_kafka_metadata *metadata, const struct kafka_topic_spec *specs, size_t n)
{
	size_t missing = 0;

	for (size_t i = 0; i < n; i++)
		missing += !topic_find(metadata, specs[i].name);
	return missing;
}

/* Creates missing topics until the broker lists every one. For a moment a broker may not list what the controller has
 * created: without this loop a topic that exists with another partition count could pass for a missing one, and a
 * client's first request fail. */
static int missing_ensure(struct kafka_admin *a, const struct kafka_topic_spec *specs, size_t n, int64_t deadline_ms,
	size_t *created, struct err *err)
{
	for (;;) {
		int left_ms = (int)(deadline_ms - clock_mono_ms());
		const struct rd_kafka_metadata *metadata;
		size_t missing, new = 0;
		int rc;

		if (left_ms <= 0)
			return err_set(err, ERR_RETRY, "topics", "created topics are not visible yet");
		if (metadata_get(a, left_ms, &metadata, err) < 0)
			return -1;
		rc = partitions_check(metadata, specs, n, err);
		missing = missing_count(metadata, specs, n);
		if (rc == 0 && missing > 0)
			rc = missing_create(a, metadata, specs, n, left_ms, &new, err);
		rd_kafka_metadata_destroy(metadata);
		*created += new;
		if (rc < 0 || missing == 0)
			return rc;
		rd_kafka_poll(a->rk, 20);
	}
}

int kafka_admin_ensure(struct kafka_admin *a, const struct kafka_topic_spec *specs, size_t n, int timeout_ms,
	size_t *created, struct err *err)
{
	const struct rd_kafka_metadata *before;
	size_t count = 0;
	int rc = -1;

	if (metadata_get(a, timeout_ms, &before, err) < 0)
		return -1;
	if (missing_ensure(a, specs, n, clock_mono_ms() + timeout_ms, &count, err) < 0 ||
		existing_alter(a, before, specs, n, timeout_ms, err) < 0)
		goto out;
	*created = count;
	rc = 0;
out:
	rd_kafka_metadata_destroy(before);
	return rc;
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

	if (metadata_get(a, timeout_ms, &metadata, err) < 0)
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
	rd_kafka_AdminOptions_t *options = options_new(a, RD_KAFKA_ADMIN_OP_DELETERECORDS, timeout_ms);
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
	event = answer_wait(a, timeout_ms, "delete records", err);
	if (event) {
		rc = deletions_check(rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event)),
			err);
		rd_kafka_event_destroy(event);
	}
	return rc;
}
