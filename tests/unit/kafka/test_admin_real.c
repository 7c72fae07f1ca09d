/* Creating, changing and listing topics on a real Kafka. */
#include "real.h"

#include <librdkafka/rdkafka.h>

#include "kafka/topics.h"

static struct kafka_admin *admin_open(void)
{
	struct kafka_admin *a;
	struct err err = { .msg = "" };

	if (kafka_admin_open(&a, kafka_settings, &err) < 0)
		fail_msg("open: %s", err.msg);
	return a;
}

static size_t ensure(struct kafka_admin *a, const struct kafka_topic_spec *specs, size_t n)
{
	struct err err = { .msg = "" };
	size_t created = 999;

	if (kafka_admin_ensure(a, specs, n, 20000, &created, &err) < 0)
		fail_msg("ensure: %s", err.msg);
	return created;
}

/* A topic's own settings as "name=value\n", read past the library under test. */
static void settings_read(const char *topic, char *out, size_t cap)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
	const rd_kafka_ConfigResource_t **resources;
	const rd_kafka_ConfigEntry_t **entries;
	rd_kafka_event_t *event;
	size_t n = 0, used = 0;

	rd_kafka_conf_set(conf, "bootstrap.servers", kafka_config_get(kafka_settings, "bootstrap.servers"), NULL, 0);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
	queue = rd_kafka_queue_new(rk);
	rd_kafka_DescribeConfigs(rk, &resource, 1, NULL, queue);
	event = rd_kafka_queue_poll(queue, 20000);
	assert_non_null(event);
	resources = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &n);
	assert_int_equal(n, 1);
	entries = rd_kafka_ConfigResource_configs(resources[0], &n);
	out[0] = '\0';
	for (size_t i = 0; i < n; i++)
		if (rd_kafka_ConfigEntry_source(entries[i]) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG)
			used += (size_t)snprintf(out + used, cap - used, "%s=%s\n",
				rd_kafka_ConfigEntry_name(entries[i]), rd_kafka_ConfigEntry_value(entries[i]));
	rd_kafka_event_destroy(event);
	rd_kafka_ConfigResource_destroy(resource);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(rk);
}

static void setting_add(const char *topic, const char *name, const char *value)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
	rd_kafka_event_t *event;

	rd_kafka_conf_set(conf, "bootstrap.servers", kafka_config_get(kafka_settings, "bootstrap.servers"), NULL, 0);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
	queue = rd_kafka_queue_new(rk);
	rd_kafka_ConfigResource_set_config(resource, name, value);
	rd_kafka_AlterConfigs(rk, &resource, 1, NULL, queue);
	event = rd_kafka_queue_poll(queue, 20000);
	assert_non_null(event);
	assert_int_equal(rd_kafka_event_error(event), 0);
	rd_kafka_event_destroy(event);
	rd_kafka_ConfigResource_destroy(resource);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(rk);
}

/* A broker shows a change some moments after it was acknowledged. */
static void wait_for_setting(const char *topic, const char *line, bool present)
{
	int64_t deadline = clock_mono_ms() + 20000;
	char settings[2000];

	do {
		settings_read(topic, settings, sizeof(settings));
		if (clock_mono_ms() > deadline)
			fail_msg("%s: \"%s\" is %s in\n%s", topic, line, present ? "not" : "still", settings);
	} while ((strstr(settings, line) != NULL) != present);
}

static void missing_topics_are_created_with_their_settings_and_only_once(void **state)
{
	struct topics_options o = { .partitions = 2, .replication = 1, .flush = true };
	struct kafka_topic_spec specs[TOPICS_COUNT];
	struct topic_names names;
	struct kafka_admin *a = admin_open();
	char settings[2000];

	(void)state;
	topic_names_make(&names, "t1");
	topics_specs(&names, &o, specs);
	assert_int_equal(ensure(a, specs, TOPICS_COUNT - 1), TOPICS_COUNT - 1);
	assert_int_equal(ensure(a, specs, TOPICS_COUNT), 1);
	assert_int_equal(ensure(a, specs, TOPICS_COUNT), 0);
	settings_read("t1.inbound.v1", settings, sizeof(settings));
	assert_non_null(strstr(settings, "cleanup.policy=delete\n"));
	assert_non_null(strstr(settings, "compression.type=producer\n"));
	assert_non_null(strstr(settings, "retention.ms=604800000\n"));
	assert_non_null(strstr(settings, "max.message.bytes=1048576\n"));
	assert_non_null(strstr(settings, "flush.messages=1\n"));
	settings_read("t1.erasure.v1", settings, sizeof(settings));
	assert_non_null(strstr(settings, "cleanup.policy=compact\n"));
	assert_non_null(strstr(settings, "retention.ms=-1\n"));
	settings_read("t1.chat-event.v1", settings, sizeof(settings));
	assert_null(strstr(settings, "flush.messages"));
	kafka_admin_close(&a);
}

static void our_settings_are_restored_and_others_are_kept(void **state)
{
	struct kafka_topic_spec spec = { .name = "t2",
		.partitions = 1,
		.replication = -1,
		.retention_ms = 1000,
		.max_message_bytes = 5000,
		.flush_every_message = true };
	struct kafka_admin *a = admin_open();

	(void)state;
	assert_int_equal(ensure(a, &spec, 1), 1);
	setting_add("t2", "segment.ms", "123456"); /* replaces all of ours */
	wait_for_setting("t2", "segment.ms=123456\n", true);
	wait_for_setting("t2", "retention.ms", false);
	assert_int_equal(ensure(a, &spec, 1), 0);
	wait_for_setting("t2", "retention.ms=1000\n", true);
	wait_for_setting("t2", "max.message.bytes=5000\n", true);
	wait_for_setting("t2", "flush.messages=1\n", true);
	wait_for_setting("t2", "segment.ms=123456\n", true);
	spec.retention_ms = 2000;
	spec.flush_every_message = false;
	assert_int_equal(ensure(a, &spec, 1), 0);
	wait_for_setting("t2", "retention.ms=2000\n", true);
	wait_for_setting("t2", "flush.messages", false);
	wait_for_setting("t2", "segment.ms=123456\n", true);
	kafka_admin_close(&a);
}

static void another_number_of_partitions_is_a_conflict_and_changes_nothing(void **state)
{
	struct kafka_topic_spec specs[2] = {
		{ .name = "t3", .partitions = 3, .replication = 1, .retention_ms = 1000, .max_message_bytes = 5000 },
		{ .name = "t3-new",
			.partitions = 1,
			.replication = 1,
			.retention_ms = 1000,
			.max_message_bytes = 5000 },
	};
	struct kafka_admin *a = admin_open();
	struct kafka_topic_info *topics;
	char settings[2000];
	size_t n, created = 77;
	struct err err;

	(void)state;
	assert_int_equal(ensure(a, specs, 1), 1);
	specs[0].partitions = 4;
	specs[0].retention_ms = 9999;
	assert_int_equal(kafka_admin_ensure(a, specs, 2, 20000, &created, &err), -1);
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_non_null(strstr(err.msg, "t3 has 3 partitions, not 4"));
	assert_int_equal(created, 77);
	settings_read("t3", settings, sizeof(settings));
	assert_non_null(strstr(settings, "retention.ms=1000\n"));
	assert_int_equal(kafka_admin_list(a, "t3", false, 20000, &topics, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(topics[0].partitions, 3);
	free(topics);
	kafka_admin_close(&a);
}

static void a_bad_name_is_an_input_error(void **state)
{
	struct kafka_topic_spec spec = {
		.name = "not a name", .partitions = 1, .replication = 1, .retention_ms = 1000, .max_message_bytes = 5000
	};
	struct kafka_admin *a = admin_open();
	size_t created;
	struct err err;

	(void)state;
	assert_int_equal(kafka_admin_ensure(a, &spec, 1, 20000, &created, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	kafka_admin_close(&a);
}

static void topics_are_listed_by_name_with_their_messages(void **state)
{
	struct kafka_admin *a = admin_open();
	struct kafka_topic_info *topics;
	struct err err = { .msg = "" };
	size_t n;

	(void)state;
	topic_create("l.b", 3);
	topic_create("l.a", 1);
	topic_create("m.c", 1);
	topic_fill("l.b", 0, 0, 10);
	topic_fill("l.b", 2, 0, 5);
	if (kafka_admin_list(a, "l.", true, 20000, &topics, &n, &err) < 0)
		fail_msg("list: %s", err.msg);
	assert_int_equal(n, 2);
	assert_string_equal(topics[0].name, "l.a");
	assert_int_equal(topics[0].messages, 0);
	assert_string_equal(topics[1].name, "l.b");
	assert_int_equal(topics[1].partitions, 3);
	assert_int_equal(topics[1].replication, 1);
	assert_int_equal(topics[1].messages, 15);
	free(topics);
	assert_int_equal(kafka_admin_list(a, "nothing", true, 20000, &topics, &n, &err), 0);
	assert_int_equal(n, 0);
	free(topics);
	assert_int_equal(kafka_admin_list(a, "m.", false, 20000, &topics, &n, &err), 0);
	assert_int_equal(topics[0].messages, -1);
	free(topics);
	kafka_admin_close(&a);
}

static void each_partition_has_its_offsets_and_its_retention(void **state)
{
	struct kafka_topic_spec kept = {
		.name = "o.a", .partitions = 1, .replication = 1, .retention_ms = 12345, .max_message_bytes = 5000
	};
	struct kafka_admin *a = admin_open();
	const struct kafka_position gone = { .partition = 1, .offset = 4 };
	struct kafka_offsets *rows;
	struct err err = { .msg = "" };
	char cluster[64] = "";
	size_t n;

	(void)state;
	ensure(a, &kept, 1);
	topic_create("o.b", 2);
	setting_add("o.b", "retention.ms", "-1");
	wait_for_setting("o.b", "retention.ms=-1\n", true);
	topic_fill("o.b", 1, 0, 10);
	assert_int_equal(kafka_admin_delete_records(a, "o.b", &gone, 1, 20000, &err), 0);
	if (kafka_admin_offsets(a, "o.", 20000, &rows, &n, &err) < 0)
		fail_msg("offsets: %s", err.msg);
	assert_int_equal(n, 3);
	assert_string_equal(rows[0].topic, "o.a");
	assert_true(rows[0].low == 0 && rows[0].high == 0 && rows[0].retention_ms == 12345);
	assert_string_equal(rows[2].topic, "o.b");
	assert_true(rows[2].partition == 1 && rows[2].low == 4 && rows[2].high == 10 && rows[2].retention_ms == -1);
	free(rows);
	assert_int_equal(kafka_admin_offsets(a, "nothing", 20000, &rows, &n, &err), 0);
	assert_int_equal(n, 0);
	free(rows);
	assert_int_equal(kafka_admin_cluster_id(a, 20000, cluster, &err), 0);
	assert_true(strlen(cluster) > 10);
	kafka_admin_close(&a);
}

static void a_broker_that_does_not_answer_is_retry_within_the_time(void **state)
{
	struct kafka_config *nowhere = kafka_config_new();
	struct kafka_topic_info *topics;
	struct kafka_admin *a;
	int64_t began = clock_mono_ms();
	char cluster[64];
	struct err err;
	size_t n;

	(void)state;
	assert_int_equal(kafka_config_set(nowhere, "bootstrap.servers", "127.0.0.1:1", &err), 0);
	assert_int_equal(kafka_admin_open(&a, nowhere, &err), 0);
	assert_int_equal(kafka_admin_list(a, "x", true, 500, &topics, &n, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_int_equal(kafka_admin_cluster_id(a, 500, cluster, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_in_range(clock_mono_ms() - began, 0, 5000);
	kafka_admin_close(&a);
	kafka_config_free(nowhere);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_topics_are_created_with_their_settings_and_only_once),
		cmocka_unit_test(our_settings_are_restored_and_others_are_kept),
		cmocka_unit_test(another_number_of_partitions_is_a_conflict_and_changes_nothing),
		cmocka_unit_test(a_bad_name_is_an_input_error),
		cmocka_unit_test(topics_are_listed_by_name_with_their_messages),
		cmocka_unit_test(each_partition_has_its_offsets_and_its_retention),
		cmocka_unit_test(a_broker_that_does_not_answer_is_retry_within_the_time),
	};

	return cmocka_run_group_tests(tests, kafka_group_setup, kafka_group_teardown);
}
