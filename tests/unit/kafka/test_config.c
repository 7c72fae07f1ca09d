/* The kafka.* keys: what is taken, what is refused and how it is told. */
#include "unit.h"

#include <string.h>

#include "kafka/config.h"

static void known_librdkafka_keys_are_kept_and_the_last_value_wins(void **state)
{
	struct kafka_config *c = kafka_config_new();
	struct err err;

	(void)state;
	assert_null(kafka_config_get(c, "bootstrap.servers"));
	assert_int_equal(kafka_config_set(c, "bootstrap.servers", "a:9092,b:9092", &err), 0);
	assert_int_equal(kafka_config_set(c, "linger.ms", "20", &err), 0);
	assert_int_equal(kafka_config_set(c, "compression.codec", "zstd", &err), 0);
	assert_int_equal(kafka_config_set(c, "sasl.password", "secret", &err), 0);
	assert_int_equal(kafka_config_set(c, "linger.ms", "30", &err), 0);
	assert_string_equal(kafka_config_get(c, "bootstrap.servers"), "a:9092,b:9092");
	assert_string_equal(kafka_config_get(c, "linger.ms"), "30");
	assert_string_equal(kafka_config_get(c, "sasl.password"), "secret");
	kafka_config_free(c);
	kafka_config_free(NULL);
}

static void reserved_and_invalid_settings_are_named_and_not_kept(void **state)
{
	static const struct {
		const char *key, *value;
	} cases[] = {
		{ "acks", "1" },
		{ "request.required.acks", "all" },
		{ "enable.idempotence", "false" },
		{ "enable.gapless.guarantee", "false" },
		{ "transactional.id", "x" },
		{ "message.timeout.ms", "1" },
		{ "delivery.timeout.ms", "1" },
		{ "message.max.bytes", "5000" },
		{ "partitioner", "random" },
		{ "client.id", "x" },
		{ "group.id", "x" },
		{ "group.protocol", "consumer" },
		{ "partition.assignment.strategy", "cooperative-sticky" },
		{ "enable.auto.commit", "true" },
		{ "auto.commit.enable", "true" },
		{ "enable.auto.offset.store", "true" },
		{ "auto.offset.reset", "earliest" },
		{ "enable.partition.eof", "true" },
		{ "queued.min.messages", "1" },
		{ "statistics.interval.ms", "0" },
		{ "log.queue", "false" },
		{ "no.such.key", "1" },
		{ "linger.ms", "soon" },
		{ "linger.ms", "-1" },
		{ "compression.codec", "zip" },
		{ "rebalance_cb", "x" },
		{ "", "" },
	};
	struct kafka_config *c = kafka_config_new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = { .kind = ERR_NONE };

		if (kafka_config_set(c, cases[i].key, cases[i].value, &err) == 0)
			fail_msg("kafka.%s = %s was taken", cases[i].key, cases[i].value);
		assert_int_equal(err.kind, ERR_INPUT);
		assert_non_null(strstr(err.msg, "kafka."));
		assert_non_null(strstr(err.msg, cases[i].key));
		assert_null(kafka_config_get(c, cases[i].key));
	}
	kafka_config_free(c);
}

static void a_rejected_value_leaves_the_previous_one(void **state)
{
	struct kafka_config *c = kafka_config_new();
	struct err err;

	(void)state;
	assert_int_equal(kafka_config_set(c, "linger.ms", "20", &err), 0);
	assert_int_equal(kafka_config_set(c, "linger.ms", "x", &err), -1);
	assert_string_equal(kafka_config_get(c, "linger.ms"), "20");
	kafka_config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_librdkafka_keys_are_kept_and_the_last_value_wins),
		cmocka_unit_test(reserved_and_invalid_settings_are_named_and_not_kept),
		cmocka_unit_test(a_rejected_value_leaves_the_previous_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
