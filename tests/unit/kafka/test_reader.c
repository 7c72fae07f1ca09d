/* The reader where the broker cannot do what is asked. */
#include "unit.h"

#include "kafka/reader.h"
#include "mock_kafka.h"

static void a_broker_without_time_look_up_differs_from_an_empty_topic(void **state)
{
	struct mock_kafka kafka;
	struct kafka_reader *r = NULL;
	struct err err = { .kind = ERR_NONE };

	(void)state;
	assert_int_equal(mock_kafka_open(&kafka, "t"), 0);
	assert_int_equal(kafka_reader_open(&r, kafka.config, "t", 30000, &err), 0);
	assert_int_equal(kafka_reader_since(r, 1, 30000, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	assert_string_equal(err.code, "unsupported");
	kafka_reader_close(&r);
	mock_kafka_close(&kafka);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_broker_without_time_look_up_differs_from_an_empty_topic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
