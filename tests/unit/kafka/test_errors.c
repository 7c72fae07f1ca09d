/* librdkafka's codes as decisions. */
#include "unit.h"

#include <string.h>

#include "kafka/errors.h"

static void each_code_has_its_error_kind(void **state)
{
	static const struct {
		rd_kafka_resp_err_t code;
		enum err_kind want;
	} cases[] = {
		{ RD_KAFKA_RESP_ERR_NO_ERROR, ERR_NONE }, { RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, ERR_RETRY },
		{ RD_KAFKA_RESP_ERR__TRANSPORT, ERR_RETRY }, { RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, ERR_RETRY },
		{ RD_KAFKA_RESP_ERR__PURGE_QUEUE, ERR_BUSY }, { RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, ERR_BUSY },
		{ RD_KAFKA_RESP_ERR__AUTHENTICATION, ERR_RETRY },
		{ RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, ERR_RETRY },
		{ RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, ERR_RETRY }, { RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, ERR_RETRY },
		{ RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ERR_RETRY },
		{ RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED, ERR_RETRY },
		{ RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, ERR_RETRY }, /* brokers are still to come */
		{ RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ERR_INPUT }, { RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, ERR_INPUT },
		{ RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, ERR_CONFLICT },
		{ RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, ERR_CONFLICT },
		{ RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, ERR_CONFLICT }, { RD_KAFKA_RESP_ERR__QUEUE_FULL, ERR_BUSY },
		{ RD_KAFKA_RESP_ERR__FATAL, ERR_FATAL }, { RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ERR_FATAL },
		{ RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, ERR_FATAL },
		{ (rd_kafka_resp_err_t)30000, ERR_RETRY }, /* of a newer Kafka */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (kafka_err_kind(cases[i].code) != cases[i].want)
			fail_msg("%s is %s", rd_kafka_err2name(cases[i].code),
				err_kind_name(kafka_err_kind(cases[i].code)));
}

static void an_error_has_the_operation_and_the_reason(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(kafka_err_set(&err, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, "delivery", NULL), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_string_equal(err.code, "_MSG_TIMED_OUT");
	assert_string_equal(err.msg, "delivery: Local: Message timed out");
	kafka_err_set(&err, RD_KAFKA_RESP_ERR_POLICY_VIOLATION, "t", "too few replicas");
	assert_string_equal(err.msg, "t: too few replicas");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_code_has_its_error_kind),
		cmocka_unit_test(an_error_has_the_operation_and_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
