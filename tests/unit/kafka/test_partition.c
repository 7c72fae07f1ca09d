/* The partition of a key, without a broker; test_producer_real.c compares it with what a producer does. */
#include "unit.h"

#include "kafka/partition.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The hashes are those of Kafka's own UtilsTest.testMurmur2; Java's partitioner clears the sign and takes the remainder. */
static const struct {
	const char *key;
	int32_t hash;
} cases[] = {
	{ "21", -973932308 },
	{ "foobar", -790332482 },
	{ "a-little-bit-long-string", -985981536 },
	{ "a-little-bit-longer-string", -1486304829 },
	{ "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971 },
	{ "abc", 479470107 },
	{ "", 275646681 },
};

static void keys_have_the_partitions_that_java_clients_compute(void **state)
{
	static const int32_t partitions[] = { 1, 2, 6, 24, 1000, INT32_MAX };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t k = 0; k < COUNT(partitions); k++)
			assert_int_equal(kafka_partition_of(str_of(cases[i].key), partitions[k]),
				(cases[i].hash & 0x7fffffff) % partitions[k]);
}

/* As in outbound: a workspace, a colon, an account. */
static void the_length_counts_and_not_a_terminating_null(void **state)
{
	static const char text[] = "0b8e7f6a-1111-4111-8111-000000000001:0b8e7f6a-2222-4222-8222-000000000002x";
	struct str key = { text, sizeof(text) - 2 };

	(void)state;
	assert_int_equal(kafka_partition_of(key, INT32_MAX),
		kafka_partition_of(STR("0b8e7f6a-1111-4111-8111-000000000001:0b8e7f6a-2222-4222-8222-000000000002"),
			INT32_MAX));
	assert_int_not_equal(kafka_partition_of(key, INT32_MAX), kafka_partition_of(str_of(text), INT32_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_have_the_partitions_that_java_clients_compute),
		cmocka_unit_test(the_length_counts_and_not_a_terminating_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
