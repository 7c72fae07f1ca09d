/* Names and settings of topics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kafka/topics.h"

#define DAY_MS ((int64_t)86400000)

static void names_have_prefix_and_version_and_dead_letters_their_consumer(void **state)
{
	char name[TOPIC_NAME_MAX];

	(void)state;
	assert_int_equal(topic_name(name, sizeof(name), "blazz", TOPIC_CHAT_EVENT), 0);
	assert_string_equal(name, "blazz.chat-event.v1");
	assert_int_equal(topic_dlq_name(name, sizeof(name), "blazz", TOPIC_INBOUND, "chat-sync"), 0);
	assert_string_equal(name, "blazz.inbound.v1.chat-sync.dlq");
	assert_int_equal(topic_dlq_name(name, sizeof(name), "eu.blazz", TOPIC_HTTP, "ingest"), 0);
	assert_string_equal(name, "eu.blazz.http.v1.ingest.dlq");
}

static void names_that_do_not_fit_or_kafka_refuses_leave_the_output_alone(void **state)
{
	static const char *const bad[] = { "", "a b", "a/b", "a:b", "\xc3\xa4", "a\n" };
	char prefix[TOPIC_NAME_MAX], name[TOPIC_NAME_MAX] = "as it was";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(topic_name(name, sizeof(name), bad[i], TOPIC_INBOUND), -1);
		assert_int_equal(topic_dlq_name(name, sizeof(name), bad[i], TOPIC_INBOUND, "x"), -1);
	}
	memset(prefix, 'p', sizeof(prefix) - 1);
	prefix[sizeof(prefix) - 1] = '\0';
	assert_int_equal(topic_name(name, sizeof(name), prefix, TOPIC_INBOUND), -1);
	assert_int_equal(topic_name(name, 16, "blazz", TOPIC_INBOUND), -1); /* 16 characters and a NUL */
	assert_string_equal(name, "as it was");
	assert_int_equal(topic_name(name, 17, "blazz", TOPIC_INBOUND), 0);
	assert_string_equal(name, "blazz.inbound.v1");
}

static const struct kafka_topic_spec *find(const struct kafka_topic_spec *specs, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(specs[i].name, name) == 0)
			return &specs[i];
	fail_msg("no topic %s", name);
	return NULL;
}

static void the_table_is_that_of_the_contract(void **state)
{
	static const struct {
		const char *name;
		int partitions, days;
		bool flush;
	} cases[] = {
		{ "blazz.inbound.v1", 24, 7, true },
		{ "blazz.chat-event.v1", 24, 7, false },
		{ "blazz.outbound.v1", 24, 3, true },
		{ "blazz.campaign-command.v1", 6, 3, true },
		{ "blazz.inbound.v1.chat-sync.dlq", 6, 30, false },
		{ "blazz.chat-event.v1.webhook-dispatcher.dlq", 6, 30, false },
		{ "blazz.chat-event.v1.gateway.dlq", 6, 30, false },
		{ "blazz.chat-event.v1.campaign-sender.dlq", 6, 30, false },
		{ "blazz.outbound.v1.campaign-sender.dlq", 6, 30, false },
		{ "blazz.campaign-command.v1.campaign-sender.dlq", 6, 30, false },
		{ "blazz.http.v1.ingest.dlq", 6, 30, true },
	};
	struct topics_options o = { .prefix = "blazz", .replication = -1, .flush = true };
	struct kafka_topic_spec specs[TOPICS_MAX];
	struct err err;
	size_t n;

	(void)state;
	assert_int_equal(topics_specs(&o, specs, &n, &err), 0);
	assert_int_equal(n, sizeof(cases) / sizeof(cases[0]));
	for (size_t i = 0; i < n; i++) {
		const struct kafka_topic_spec *s = find(specs, n, cases[i].name);
		bool dead = strstr(cases[i].name, ".dlq") != NULL;

		assert_int_equal(s->partitions, cases[i].partitions);
		assert_int_equal(s->replication, -1);
		assert_int_equal(s->retention_ms, cases[i].days * DAY_MS);
		assert_int_equal(s->flush_every_message, cases[i].flush);
		if (dead)
			assert_in_range(s->max_message_bytes, TOPIC_DEAD_LETTER_MAX_BYTES + 1, 5 * 1024 * 1024);
		else
			assert_int_equal(s->max_message_bytes, 1048576);
	}
}

static void options_change_partitions_replicas_and_flushing_everywhere(void **state)
{
	struct topics_options o = { .prefix = "x", .partitions = 2, .replication = 3 };
	struct kafka_topic_spec specs[TOPICS_MAX];
	struct err err;
	size_t n;

	(void)state;
	assert_int_equal(topics_specs(&o, specs, &n, &err), 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(specs[i].partitions, 2);
		assert_int_equal(specs[i].replication, 3);
		assert_false(specs[i].flush_every_message);
	}
}

static void a_bad_prefix_is_an_input_error(void **state)
{
	struct topics_options o = { .prefix = "no good" };
	struct kafka_topic_spec specs[TOPICS_MAX];
	struct err err;
	size_t n = 77;

	(void)state;
	assert_int_equal(topics_specs(&o, specs, &n, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	assert_int_equal(n, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_have_prefix_and_version_and_dead_letters_their_consumer),
		cmocka_unit_test(names_that_do_not_fit_or_kafka_refuses_leave_the_output_alone),
		cmocka_unit_test(the_table_is_that_of_the_contract),
		cmocka_unit_test(options_change_partitions_replicas_and_flushing_everywhere),
		cmocka_unit_test(a_bad_prefix_is_an_input_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
