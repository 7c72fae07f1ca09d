/* Names and settings of topics. */
#include "unit.h"

#include <string.h>

#include "kafka/topics.h"

#define DAY_MS ((int64_t)86400000)

static void names_have_prefix_and_version_and_dead_letters_their_consumer(void **state)
{
	struct topic_names names;

	(void)state;
	topic_names_make(&names, "blazz");
	assert_string_equal(names.of[TOPIC_CHAT_EVENT], "blazz.chat-event.v1");
	assert_string_equal(names.of[TOPIC_INBOUND_CHAT_SYNC_DLQ], "blazz.inbound.v1.chat-sync.dlq");
	topic_names_make(&names, "eu.blazz");
	assert_string_equal(names.of[TOPIC_INBOUND_BULK], "eu.blazz.inbound.bulk.v1");
	assert_string_equal(names.of[TOPIC_HTTP_INGEST_DLQ], "eu.blazz.http.v1.ingest.dlq");
}

static void a_prefix_begins_names_that_kafka_accepts(void **state)
{
	static const char *const bad[] = { "", ".", ".a", "a b", "a/b", "a:b", "\xc3\xa4", "a\n" };
	char prefix[TOPIC_PREFIX_MAX_LEN + 2] = "";
	struct topic_names names;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(topic_prefix_valid(bad[i]));
	memset(prefix, 'p', TOPIC_PREFIX_MAX_LEN + 1);
	assert_false(topic_prefix_valid(prefix));
	prefix[TOPIC_PREFIX_MAX_LEN] = '\0';
	assert_true(topic_prefix_valid(prefix));
	topic_names_make(&names, prefix); /* the longest fits into every name */
	assert_true(topic_prefix_valid("eu-1.Blazz_2"));
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
		{ "blazz.inbound.bulk.v1", 24, 7, true },
		{ "blazz.chat-event.v1", 24, 7, false },
		{ "blazz.outbound.v1", 24, 7, true },
		{ "blazz.campaign-command.v1", 6, 7, true },
		{ "blazz.erasure.v1", 6, 0, true },
		{ "blazz.inbound.v1.chat-sync.dlq", 6, 30, false },
		{ "blazz.inbound.bulk.v1.chat-sync.dlq", 6, 30, false },
		{ "blazz.chat-event.v1.webhook-dispatcher.dlq", 6, 30, false },
		{ "blazz.chat-event.v1.gateway.dlq", 6, 30, false },
		{ "blazz.chat-event.v1.campaign-sender.dlq", 6, 30, false },
		{ "blazz.outbound.v1.campaign-sender.dlq", 6, 30, false },
		{ "blazz.campaign-command.v1.campaign-sender.dlq", 6, 30, false },
		{ "blazz.http.v1.ingest.dlq", 6, 30, true },
	};
	struct topics_options o = { .replication = -1, .flush = true };
	struct kafka_topic_spec specs[TOPICS_COUNT];
	struct topic_names names;

	(void)state;
	topic_names_make(&names, "blazz");
	topics_specs(&names, &o, specs);
	assert_int_equal(TOPICS_COUNT, sizeof(cases) / sizeof(cases[0]));
	for (size_t i = 0; i < TOPICS_COUNT; i++) {
		const struct kafka_topic_spec *s = find(specs, TOPICS_COUNT, cases[i].name);
		bool dead = strstr(cases[i].name, ".dlq") != NULL;

		assert_int_equal(s->partitions, cases[i].partitions);
		assert_int_equal(s->replication, -1);
		assert_int_equal(s->retention_ms, cases[i].days ? cases[i].days * DAY_MS : -1);
		assert_int_equal(s->compacted, cases[i].days == 0); /* for ever */
		assert_int_equal(s->flush_every_message, cases[i].flush);
		if (dead)
			assert_in_range(s->max_message_bytes, TOPIC_DEAD_LETTER_MAX_BYTES + 1, 5 * 1024 * 1024);
		else
			assert_int_equal(s->max_message_bytes, 1048576);
	}
}

static void options_change_partitions_replicas_and_flushing_everywhere(void **state)
{
	struct topics_options o = { .partitions = 2, .replication = 3 };
	struct kafka_topic_spec specs[TOPICS_COUNT];
	struct topic_names names;

	(void)state;
	topic_names_make(&names, "x");
	topics_specs(&names, &o, specs);
	for (size_t i = 0; i < TOPICS_COUNT; i++) {
		assert_int_equal(specs[i].partitions, 2);
		assert_int_equal(specs[i].replication, 3);
		assert_false(specs[i].flush_every_message);
	}
}

static void an_account_has_the_same_partition_in_inbound_and_in_its_bulk(void **state)
{
	struct topics_options o = { .replication = -1 };
	struct kafka_topic_spec specs[TOPICS_COUNT];
	struct topic_names names;

	(void)state;
	topic_names_make(&names, "x");
	topics_specs(&names, &o, specs);
	assert_int_equal(specs[TOPIC_INBOUND].partitions, specs[TOPIC_INBOUND_BULK].partitions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_have_prefix_and_version_and_dead_letters_their_consumer),
		cmocka_unit_test(a_prefix_begins_names_that_kafka_accepts),
		cmocka_unit_test(the_table_is_that_of_the_contract),
		cmocka_unit_test(options_change_partitions_replicas_and_flushing_everywhere),
		cmocka_unit_test(an_account_has_the_same_partition_in_inbound_and_in_its_bulk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
