/* Settings of topics. Invariant: settings that struct kafka_topic_spec does not name are left unchanged. Kafka's
 * AlterConfigs (the variant in librdkafka 2.0) replaces all settings, so the current ones are read first and written
 * back merged with the specified ones; nothing is written when nothing differs. */
#include "kafka/admin_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "kafka/errors.h"

void topic_settings(const struct kafka_topic_spec *spec, struct topic_setting out[static SETTINGS_COUNT])
{
	const struct topic_setting settings[SETTINGS_COUNT] = {
		{ "cleanup.policy", "" },
		{ "compression.type", "producer" },
		{ "retention.ms", "" },
		{ "max.message.bytes", "" },
		{ "flush.messages", "" },
	};

	memcpy(out, settings, sizeof(settings));
	snprintf(out[0].value, sizeof(out[0].value), "%s", spec->compacted ? "compact" : "delete");
	snprintf(out[2].value, sizeof(out[2].value), "%lld", (long long)spec->retention_ms);
	snprintf(out[3].value, sizeof(out[3].value), "%lld", (long long)spec->max_message_bytes);
	if (spec->flush_every_message)
		snprintf(out[4].value, sizeof(out[4].value), "1");
}

/* The value that the topic must have; NULL: the spec does not name this setting. */
static const char *setting_of(const struct topic_setting *settings, const char *name)
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
		const char *want = setting_of(settings, name);

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
	rd_kafka_AdminOptions_t *options = admin_options(a, RD_KAFKA_ADMIN_OP_ALTERCONFIGS, timeout_ms);
	const rd_kafka_ConfigResource_t **results;
	rd_kafka_event_t *event;
	size_t count;
	int rc;

	rd_kafka_AlterConfigs(a->rk, resources, n, options, a->answers);
	rd_kafka_AdminOptions_destroy(options);
	event = admin_wait(a, timeout_ms, "alter topics", err);
	if (!event)
		return -1;
	results = rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &count);
	rc = resources_check(results, count, err);
	rd_kafka_event_destroy(event);
	return rc;
}

static int settings_update(struct kafka_admin *a, const rd_kafka_ConfigResource_t **have, size_t n,
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
		topic_settings(spec, settings);
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

int admin_describe(struct kafka_admin *a, rd_kafka_ConfigResource_t **resources, size_t n, int timeout_ms,
	rd_kafka_event_t **out, struct err *err)
{
	rd_kafka_AdminOptions_t *options = admin_options(a, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms);
	rd_kafka_event_t *event;

	rd_kafka_DescribeConfigs(a->rk, resources, n, options, a->answers);
	rd_kafka_AdminOptions_destroy(options);
	event = admin_wait(a, timeout_ms, "describe topics", err);
	if (!event)
		return -1;
	*out = event;
	return 0;
}

int topics_alter(struct kafka_admin *a, const struct rd_kafka_metadata *metadata, const struct kafka_topic_spec *specs,
	size_t n, int timeout_ms, struct err *err)
{
	rd_kafka_ConfigResource_t **resources = mem_calloc(n + 1, sizeof(*resources));
	const rd_kafka_ConfigResource_t **have;
	rd_kafka_event_t *event = NULL;
	size_t existing = 0, count;
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		if (metadata_topic(metadata, specs[i].name))
			resources[existing++] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, specs[i].name);
	if (existing > 0)
		rc = admin_describe(a, resources, existing, timeout_ms, &event, err);
	if (event) {
		have = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count);
		rc = settings_update(a, have, count, specs, n, timeout_ms, err);
		rd_kafka_event_destroy(event);
	}
	rd_kafka_ConfigResource_destroy_array(resources, existing);
	free(resources);
	return rc;
}
