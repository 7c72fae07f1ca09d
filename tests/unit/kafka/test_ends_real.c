/* libs/kafka/ends against a real Kafka: how far positions are behind, without waiting for it. */
#include "real.h"

#include <poll.h>

#include "kafka/ends.h"

#define DEADLINE_MS 30000

static struct kafka_ends *ends;

static int open_ends(void **state)
{
	struct err err = { .msg = "" };

	(void)state;
	if (kafka_ends_open(&ends, kafka_settings, "test", &err) < 0)
		fail_msg("open: %s", err.msg);
	return 0;
}

static int close_ends(void **state)
{
	(void)state;
	kafka_ends_close(&ends);
	assert_null(ends);
	return 0;
}

/* A request while one is in flight changes nothing: asked again until the answer is this one's. */
static void expect(const struct kafka_place *places, size_t n, int64_t behind)
{
	int64_t until = clock_mono_ms() + DEADLINE_MS;

	while (kafka_ends_behind(ends) != behind) {
		if (clock_mono_ms() > until)
			fail_msg("%ld behind", (long)kafka_ends_behind(ends));
		kafka_ends_ask(ends, places, n);
		poll(NULL, 0, 10);
	}
}

static void what_lies_between_the_positions_and_the_ends_is_counted(void **state)
{
	const struct kafka_place places[] = { { "ends.one", 0, 3 }, { "ends.one", 1, 7 }, { "ends.two", 0, 0 } };

	(void)state;
	topic_create("ends.one", 2);
	topic_create("ends.two", 1);
	topic_fill("ends.one", 0, 0, 10);
	topic_fill("ends.one", 1, 0, 7);
	assert_int_equal(kafka_ends_behind(ends), -1); /* nothing was asked */
	expect(places, 3, 7);
	topic_fill("ends.two", 0, 0, 5);
	expect(places, 3, 12);
	expect(places, 1, 7);
	expect(places, 0, 0);
}

static void a_position_beyond_the_end_and_an_unknown_topic_do_not_count(void **state)
{
	const struct kafka_place places[] = { { "ends.one", 0, 1000 }, { "ends.none", 0, 0 }, { "ends.one", 9, 0 },
		{ "ends.one", 1, 6 } };

	(void)state;
	expect(places, 4, 1);
}

static void it_asks_without_waiting_and_knows_nothing_without_an_answer(void **state)
{
	const struct kafka_place place = { "ends.one", 0, 0 };
	struct kafka_config *nowhere = kafka_config_new();
	struct err err = { .msg = "" };
	struct kafka_ends *none;
	int64_t began = clock_mono_ms();

	(void)state;
	assert_int_equal(kafka_config_set(nowhere, "bootstrap.servers", "127.0.0.1:1", &err), 0);
	assert_int_equal(kafka_ends_open(&none, nowhere, "test", &err), 0);
	for (int i = 0; i < 1000; i++)
		kafka_ends_ask(none, &place, 1);
	assert_in_range(clock_mono_ms() - began, 0, 1500);
	assert_int_equal(kafka_ends_behind(none), -1);
	kafka_ends_close(&none);
	assert_in_range(clock_mono_ms() - began, 0, 10000);
	kafka_config_free(nowhere);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_ends, close_ends)
	const struct CMUnitTest tests[] = {
		T(what_lies_between_the_positions_and_the_ends_is_counted),
		T(a_position_beyond_the_end_and_an_unknown_topic_do_not_count),
		T(it_asks_without_waiting_and_knows_nothing_without_an_answer),
	};

	return cmocka_run_group_tests(tests, kafka_group_setup, kafka_group_teardown);
}
