/* A real Kafka for a group of tests, and what those tests do to it all the time. Run from the project's root. */
#ifndef TESTS_KAFKA_REAL_H
#define TESTS_KAFKA_REAL_H

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "kafka/admin.h"
#include "kafka/config.h"
#include "kafka/producer.h"

static char kafka_dir[64];
static struct kafka_config *kafka_settings;

static inline int kafka_command(const char *verb, const char *owner, char *out, size_t cap)
{
	char command[128];
	FILE *f;
	size_t n;

	snprintf(command, sizeof(command), "tools/kafka-temp.sh %s %s %s", verb, kafka_dir, owner);
	f = popen(command, "r");
	if (!f)
		return -1;
	n = fread(out, 1, cap - 1, f);
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return pclose(f) == 0 ? 0 : -1;
}

static inline int kafka_tool(const char *verb, char *out, size_t cap)
{
	return kafka_command(verb, "", out, cap);
}

/* The broker goes with this process, even when that is killed. */
static inline int kafka_group_setup(void **state)
{
	char address[64], owner[16];
	struct err err;

	(void)state;
	snprintf(kafka_dir, sizeof(kafka_dir), "/tmp/blazz-test-kafka-XXXXXX");
	snprintf(owner, sizeof(owner), "%ld", (long)getpid());
	if (!mkdtemp(kafka_dir) || kafka_command("start", owner, address, sizeof(address)) < 0)
		return -1;
	kafka_settings = kafka_config_new();
	return kafka_config_set(kafka_settings, "bootstrap.servers", address, &err);
}

static inline int kafka_group_teardown(void **state)
{
	char none[8];

	(void)state;
	kafka_config_free(kafka_settings);
	return kafka_tool("remove", none, sizeof(none));
}

static inline void topic_create(const char *name, int partitions)
{
	struct kafka_topic_spec spec = {
		.partitions = partitions, .replication = 1, .retention_ms = 3600000, .max_message_bytes = 1048576
	};
	struct kafka_admin *admin;
	struct err err = { .msg = "" };
	size_t created = 0;

	snprintf(spec.name, sizeof(spec.name), "%s", name);
	assert_int_equal(kafka_admin_open(&admin, kafka_settings, &err), 0);
	if (kafka_admin_ensure(admin, &spec, 1, 20000, &created, &err) < 0)
		fail_msg("topic %s: %s", name, err.msg);
	assert_int_equal(created, 1);
	kafka_admin_close(&admin);
}

static inline void report_good(void *ctx, void *opaque, const struct err *failure, int32_t partition, int64_t offset)
{
	(void)opaque;
	(void)partition;
	(void)offset;
	if (failure)
		fail_msg("delivery: %s", failure->msg);
	++*(int *)ctx;
}

/* Records first to first + n - 1 of a partition: the value is the number, so that value == offset in a fresh topic. */
static inline void topic_fill(const char *topic, int32_t partition, int first, int n)
{
	int reports = 0;
	struct kafka_producer_options options = { .config = kafka_settings,
		.client_id = "test-fill",
		.message_timeout_ms = 20000,
		.delivered = report_good,
		.ctx = &reports };
	struct header header = { STR("ce_type"), STR("test") };
	struct kafka_producer *p;
	struct err err;

	assert_int_equal(kafka_producer_open(&p, &options, &err), 0);
	for (int i = first; i < first + n; i++) {
		char value[16];
		struct kafka_record record = {
			.topic = topic, .partition = partition, .headers = &header, .headers_count = 1
		};

		record.value = (struct str){ value, (size_t)snprintf(value, sizeof(value), "%d", i) };
		assert_int_equal(kafka_produce(p, &record, &err), 0);
		kafka_producer_poll(p, 0);
	}
	kafka_producer_close(&p, 20000);
	assert_int_equal(reports, n);
}

#endif
