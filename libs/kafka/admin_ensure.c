/* Creating missing topics, until the broker lists every one. Invariant: the number of partitions of an existing topic
 * is never changed. */
#include "kafka/admin_private.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "kafka/errors.h"

static int partitions_check(const struct rd_kafka_metadata *metadata, const struct kafka_topic_spec *specs, size_t n,
	struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const rd_kafka_metadata_topic_t *t = metadata_topic(metadata, specs[i].name);

		if (t && t->partition_cnt != specs[i].partitions)
			return err_set(err, ERR_CONFLICT, "partitions",
				"%s has %d partitions, not %d: keys would move, so they are never changed",
				specs[i].name, t->partition_cnt, specs[i].partitions);
	}
	return 0;
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
	topic_settings(spec, settings);
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
	rd_kafka_AdminOptions_t *options = admin_options(a, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms);
	rd_kafka_event_t *event;
	int rc = -1;

	rd_kafka_CreateTopics(a->rk, topics, n, options, a->answers);
	rd_kafka_AdminOptions_destroy(options);
	event = admin_wait(a, timeout_ms, "create topics", err);
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
		if (metadata_topic(metadata, specs[i].name))
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

static size_t missing_count(const struct rd_kafka_metadata *metadata, const struct kafka_topic_spec *specs, size_t n)
{
	size_t missing = 0;

	for (size_t i = 0; i < n; i++)
		missing += !metadata_topic(metadata, specs[i].name);
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
		if (admin_metadata(a, left_ms, &metadata, err) < 0)
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

	if (admin_metadata(a, timeout_ms, &before, err) < 0)
		return -1;
	if (missing_ensure(a, specs, n, clock_mono_ms() + timeout_ms, &count, err) < 0 ||
		topics_alter(a, before, specs, n, timeout_ms, err) < 0)
		goto out;
	*created = count;
	rc = 0;
out:
	rd_kafka_metadata_destroy(before);
	return rc;
}
