/* A topic that follows another one on a real Kafka: its partitions go where those of the other go, and it may come later. */
#include "member.h"

static struct topic_partition of_follower(int32_t number)
{
	return (struct topic_partition){ 1, number };
}

/* Polls until n messages of each partition of both topics came, in order. */
static void expect_both(struct member *m, int64_t n)
{
	int64_t next[2][PARTITIONS_MAX] = { { 0 } }, deadline = clock_mono_ms() + DEADLINE_MS;
	int64_t missing = n * (int64_t)m->n;
	struct kafka_message message;
	struct err err = { .msg = "" };

	while (missing > 0) {
		int rc = kafka_consumer_poll(m->consumer, 100, &message, &err);

		if (rc < 0 || clock_mono_ms() > deadline)
			fail_msg("%lld are missing: %s", (long long)missing, err.msg);
		if (rc == 0)
			continue;
		assert_in_range(message.topic, 0, 1);
		assert_int_equal(message.offset, next[message.topic][message.partition]++);
		kafka_message_release(&message);
		missing--;
	}
}

static void following_partitions_have_the_same_owner(void **state)
{
	static const char *const topics[] = { "followed", "followed.bulk" };
	struct member a, b;

	(void)state;
	for (size_t t = 0; t < 2; t++) {
		topic_create(topics[t], 2);
		for (int32_t p = 0; p < 2; p++)
			topic_fill(topics[t], p, 0, 50);
	}
	member_open_with(&a, topics[0], topics[1], "g-followed");
	SERVE_UNTIL(&a, NULL, a.assigned == 1);
	assert_int_equal(a.n, 4);
	start_all(&a, 0);
	expect_both(&a, 50);
	member_open_with(&b, topics[0], topics[1], "g-followed");
	SERVE_UNTIL(&a, &b, a.n == 2 && b.n == 2);
	assert_true(topic_partition_eq(a.partitions[1], of_follower(a.partitions[0].number)));
	assert_true(topic_partition_eq(b.partitions[1], of_follower(b.partitions[0].number)));
	assert_int_not_equal(a.partitions[0].number, b.partitions[0].number);
	start_all(&a, 0);
	start_all(&b, 0);
	expect_both(&a, 50);
	expect_both(&b, 50);
	kafka_consumer_close(&b.consumer);
	SERVE_UNTIL(&a, NULL, a.n == 4);
	start_all(&a, KAFKA_OFFSET_BEGINNING);
	expect_both(&a, 50);
	kafka_consumer_close(&a.consumer);
}

static void a_paused_partition_stops_neither_topic(void **state)
{
	struct kafka_message m;
	struct member a;
	struct err err;

	(void)state;
	topic_create("beside", 1);
	topic_create("beside.bulk", 1);
	topic_fill("beside", 0, 0, 20);
	topic_fill("beside.bulk", 0, 0, 20);
	member_open_with(&a, "beside", "beside.bulk", "g-beside");
	SERVE_UNTIL(&a, NULL, a.assigned == 1);
	start_all(&a, 0);
	for (int32_t held = 1; held >= 0; held--) {
		kafka_consumer_hold(a.consumer, (struct topic_partition){ held, 0 }, true);
		for (int i = 0; i < 20; i++) {
			assert_int_equal(kafka_consumer_poll(a.consumer, 10000, &m, &err), 1);
			assert_int_equal(m.topic, 1 - held);
			kafka_message_release(&m);
		}
		expect_nothing(&a, 300);
		kafka_consumer_hold(a.consumer, (struct topic_partition){ held, 0 }, false);
	}
	kafka_consumer_close(&a.consumer);
}

/* Services are deployed before topics are created. */
static void a_missing_topic_does_not_stop_others_and_is_read_once_it_exists(void **state)
{
	int64_t next[PARTITIONS_MAX] = { 0 };
	struct kafka_message m;
	struct member a;
	struct err err;

	(void)state;
	topic_create("early", 2);
	topic_fill("early", 0, 0, 30);
	topic_fill("early", 1, 0, 30);
	member_open_with(&a, "early", "early.bulk", "g-early");
	SERVE_UNTIL(&a, NULL, a.assigned == 1);
	assert_int_equal(a.n, 4);
	start_all(&a, KAFKA_OFFSET_BEGINNING);
	expect_in_order(&a, next, 60);
	assert_int_equal(kafka_consumer_cached_high(a.consumer, of_follower(0)), -1);
	topic_fill("early", 0, 30, 5);
	expect_in_order(&a, next, 5);
	topic_create("early.bulk", 2);
	topic_fill("early.bulk", 0, 0, 10);
	for (int64_t until = clock_mono_ms() + 2 * DEADLINE_MS, n = 0; n < 10;) {
		if (clock_mono_ms() > until)
			fail_msg("it is not read");
		if (kafka_consumer_poll(a.consumer, 100, &m, &err) != 1)
			continue;
		assert_int_equal(m.topic, 1);
		assert_int_equal(m.offset, n++);
		kafka_message_release(&m);
	}
	kafka_consumer_close(&a.consumer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(following_partitions_have_the_same_owner),
		cmocka_unit_test(a_paused_partition_stops_neither_topic),
		cmocka_unit_test(a_missing_topic_does_not_stop_others_and_is_read_once_it_exists),
	};

	return cmocka_run_group_tests(tests, kafka_group_setup, kafka_group_teardown);
}
