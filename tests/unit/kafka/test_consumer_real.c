/* The consumer against a real Kafka: what is delivered, from where, and what is told. */
#include "member.h"

#include <poll.h>

static void a_message_carries_key_value_headers_and_time(void **state)
{
	int reports = 0;
	struct kafka_producer_options options = { .config = kafka_settings,
		.client_id = "test",
		.message_timeout_ms = 20000,
		.delivered = report_good,
		.ctx = &reports };
	struct header headers[] = { { STR("ce_id"), STR("1") }, { STR("empty"), STR("") }, { STR("none"), STR_NONE },
		{ STR("ce_id"), STR("2") } };
	struct kafka_record records[] = {
		{ .topic = "message",
			.partition = 0,
			.key = STR("k\0y"),
			.value = STR("v"),
			.headers = headers,
			.headers_count = 4 },
		{ .topic = "message", .partition = 0, .key = STR_NONE, .value = STR_NONE },
		{ .topic = "message", .partition = 0, .key = STR(""), .value = STR("") },
	};
	struct kafka_producer *p;
	struct kafka_message got[3];
	struct member a;
	struct err err;

	(void)state;
	topic_create("message", 1);
	assert_int_equal(kafka_producer_open(&p, &options, &err), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(kafka_produce(p, &records[i], &err), 0);
	kafka_producer_close(&p, 20000);
	member_open(&a, "message", "g-message");
	SERVE_UNTIL(&a, NULL, a.assigned == 1);
	start_all(&a, 0);
	for (size_t i = 0; i < 3; i++)
		while (kafka_consumer_poll(a.consumer, 1000, &got[i], &err) != 1)
			;
	assert_true(str_eq(got[0].key, records[0].key));
	assert_true(str_is(got[0].value, "v"));
	assert_in_range(got[0].timestamp_ms, clock_now_ms() - 60000, clock_now_ms());
	assert_int_equal(got[0].headers_count, 4);
	assert_true(str_is(kafka_message_header(&got[0], "ce_id"), "1"));
	assert_non_null(kafka_message_header(&got[0], "empty").p);
	assert_null(kafka_message_header(&got[0], "none").p);
	assert_null(kafka_message_header(&got[0], "absent").p);
	assert_null(got[1].key.p);
	assert_null(got[1].value.p);
	assert_int_equal(got[1].headers_count, 0);
	assert_non_null(got[2].key.p);
	assert_int_equal(got[2].value.n, 0);
	for (size_t i = 0; i < 3; i++)
		kafka_message_release(&got[i]);
	kafka_message_release(&got[0]); /* an empty one */
	kafka_consumer_close(&a.consumer);
}

static void start_replaces_what_was_started(void **state)
{
	struct member a;

	(void)state;
	topic_create("replace", 2);
	for (int32_t p = 0; p < 2; p++)
		topic_fill("replace", p, 0, 2000);
	member_open(&a, "replace", "g-replace");
	SERVE_UNTIL(&a, NULL, a.assigned == 1);
	for (int round = 0; round < 40; round++) {
		int64_t from = round * 37;
		int64_t next[PARTITIONS_MAX] = { from, from };
		struct consumer_position one = { { 0, round % 2 }, from };
		struct err err;

		if (round % 3)
			start_all(&a, from);
		else /* the other partition stops */
			assert_int_equal(kafka_consumer_start(a.consumer, &one, 1, &err), 0);
		if (round % 4)
			expect_in_order(&a, next, round % 3 ? 300 : 100);
	}
	kafka_consumer_close(&a.consumer);
}

static void an_offset_out_of_range_stops_its_partition_only(void **state)
{
	static const int64_t bad[] = { 51, 1000000 };
	struct member a;

	(void)state;
	topic_create("range", 2);
	topic_fill("range", 0, 0, 50);
	topic_fill("range", 1, 0, 50);
	member_open(&a, "range", "g-range");
	SERVE_UNTIL(&a, NULL, a.assigned == 1);
	for (size_t i = 0; i < 2; i++) {
		struct consumer_position positions[2] = { { { 0, 0 }, bad[i] }, { { 0, 1 }, 20 } };
		int64_t next[PARTITIONS_MAX] = { 0, 20 }, deadline = clock_mono_ms() + DEADLINE_MS;
		struct kafka_message none;
		struct err err;

		a.stopped = 0;
		assert_int_equal(kafka_consumer_start(a.consumer, positions, 2, &err), 0);
		expect_in_order(&a, next, 30);
		while (a.stopped == 0 && clock_mono_ms() < deadline)
			assert_int_equal(kafka_consumer_poll(a.consumer, 100, &none, &err), 0);
		assert_int_equal(a.stopped, 1);
		assert_int_equal(a.stopped_partition.number, 0);
		assert_int_equal(a.stop, KAFKA_STOP_OUT_OF_RANGE);
		assert_int_equal(a.why.kind, ERR_CONFLICT);
		assert_string_equal(a.why.code, "OUT_OF_RANGE");
	}
	start_all(&a, 50); /* the end itself is a good place */
	expect_nothing(&a, 500);
	topic_fill("range", 0, 50, 5);
	expect_in_order(&a, (int64_t[PARTITIONS_MAX]){ 50, 50 }, 5);
	assert_int_equal(a.stopped, 1);
	kafka_consumer_close(&a.consumer);
}

static void an_error_of_an_earlier_start_is_forgotten_by_the_next(void **state)
{
	struct consumer_position bad = { { 0, 0 }, 1000000 };
	int64_t next[PARTITIONS_MAX] = { 0 }, until;
	struct member a;
	struct err err;

	(void)state;
	topic_create("forgotten", 1);
	topic_fill("forgotten", 0, 0, 20);
	member_open(&a, "forgotten", "g-forgotten");
	SERVE_UNTIL(&a, NULL, a.assigned == 1);
	assert_int_equal(kafka_consumer_start(a.consumer, &bad, 1, &err), 0);
	for (until = clock_mono_ms() + 1500; clock_mono_ms() < until;) /* the error comes and waits */
		serve_both(&a, NULL);
	assert_int_equal(a.stopped, 0);
	start_all(&a, 0);
	expect_in_order(&a, next, 20);
	expect_nothing(&a, 200);
	assert_int_equal(a.stopped, 0);
	kafka_consumer_close(&a.consumer);
}

static bool readable(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

static void the_descriptor_is_readable_until_the_queue_is_empty(void **state)
{
	struct member a;
	struct kafka_message m;
	int64_t deadline = clock_mono_ms() + DEADLINE_MS;
	struct err err;

	(void)state;
	topic_create("descriptor", 1);
	topic_fill("descriptor", 0, 0, 100);
	member_open(&a, "descriptor", "g-descriptor");
	while (a.assigned == 0 && clock_mono_ms() < deadline)
		if (readable(kafka_consumer_fd(a.consumer), 1000))
			assert_int_equal(kafka_consumer_poll(a.consumer, 0, &m, &err), 0);
	start_all(&a, 0);
	for (int i = 0; i < 100;) {
		assert_true(readable(kafka_consumer_fd(a.consumer), 10000));
		if (kafka_consumer_poll(a.consumer, 0, &m, &err) == 1) {
			assert_int_equal(m.offset, i++);
			kafka_message_release(&m);
		}
	}
	assert_int_equal(kafka_consumer_poll(a.consumer, 0, &m, &err), 0);
	topic_fill("descriptor", 0, 100, 1);
	while (kafka_consumer_poll(a.consumer, 0, &m, &err) == 0)
		assert_true(readable(kafka_consumer_fd(a.consumer), 10000));
	assert_int_equal(m.offset, 100);
	kafka_message_release(&m);
	kafka_consumer_close(&a.consumer);
}

/* All of both is fetched; what comes out of 200 polls has all of the short one. */
static void a_backlog_of_one_partition_does_not_delay_others(void **state)
{
	struct member a;
	struct kafka_message m;
	struct err err;
	int of_short = 0;

	(void)state;
	topic_create("turns", 2);
	topic_fill("turns", 0, 0, 5000);
	topic_fill("turns", 1, 0, 10);
	member_open(&a, "turns", "g-turns");
	SERVE_UNTIL(&a, NULL, a.assigned == 1);
	start_all(&a, 0);
	SERVE_UNTIL(&a, NULL,
		kafka_consumer_cached_high(a.consumer, (struct topic_partition){ 0, 0 }) == 5000 &&
			kafka_consumer_cached_high(a.consumer, (struct topic_partition){ 0, 1 }) == 10);
	/* A fifth of the backlog: both high watermarks are known before what is below them has arrived. */
	for (int i = 0; i < 1000 && of_short < 10; i++) {
		assert_int_equal(kafka_consumer_poll(a.consumer, 5000, &m, &err), 1);
		of_short += m.partition == 1;
		kafka_message_release(&m);
	}
	assert_int_equal(of_short, 10);
	kafka_consumer_close(&a.consumer);
}

static void a_paused_partition_does_not_stop_the_others(void **state)
{
	struct member a;
	struct kafka_message m;
	struct err err;
	int wakes = 0;

	(void)state;
	topic_create("held", 2);
	topic_fill("held", 0, 0, 300);
	topic_fill("held", 1, 0, 300);
	member_open(&a, "held", "g-held");
	SERVE_UNTIL(&a, NULL, a.assigned == 1);
	start_all(&a, 0);
	expect_in_order(&a, (int64_t[PARTITIONS_MAX]){ 0 }, 1); /* of either */
	start_all(&a, 0);
	kafka_consumer_hold(a.consumer, (struct topic_partition){ 0, 0 }, true);
	kafka_consumer_hold(a.consumer, (struct topic_partition){ 0, 7 }, true); /* not ours: nothing */
	for (int i = 0; i < 300; i++) {
		assert_int_equal(kafka_consumer_poll(a.consumer, 10000, &m, &err), 1);
		assert_int_equal(m.partition, 1);
		kafka_message_release(&m);
	}
	for (int64_t until = clock_mono_ms() + 1500; clock_mono_ms() < until;)
		if (readable(kafka_consumer_fd(a.consumer), 100)) {
			assert_int_equal(kafka_consumer_poll(a.consumer, 0, &m, &err), 0);
			wakes++;
		}
	assert_in_range(wakes, 0, 10); /* statistics once a second: it does not spin */
	kafka_consumer_hold(a.consumer, (struct topic_partition){ 0, 0 }, false);
	assert_true(readable(kafka_consumer_fd(a.consumer), 0));
	expect_in_order(&a, (int64_t[PARTITIONS_MAX]){ 0 }, 300);
	kafka_consumer_hold(a.consumer, (struct topic_partition){ 0, 0 }, true);
	start_all(&a, 290); /* which ends the hold */
	expect_in_order(&a, (int64_t[PARTITIONS_MAX]){ 290, 290 }, 20);
	kafka_consumer_close(&a.consumer);
}

static void watermarks_cluster_and_health_are_known(void **state)
{
	struct member a;
	int64_t low = -5, high = -5;
	char id[64] = "untouched";
	struct err err;

	(void)state;
	topic_create("facts", 1);
	topic_fill("facts", 0, 0, 7);
	member_open(&a, "facts", "g-facts");
	assert_int_equal(kafka_consumer_cached_high(a.consumer, (struct topic_partition){ 0, 0 }), -1);
	assert_int_equal(kafka_consumer_watermarks(a.consumer, (struct topic_partition){ 0, 9 }, 500, &low, &high,
				 &err),
		-1);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_int_equal(low, -5);
	assert_int_equal(kafka_consumer_watermarks(a.consumer, (struct topic_partition){ 0, 0 }, 10000, &low, &high,
				 &err),
		0);
	assert_int_equal(low, 0);
	assert_int_equal(high, 7);
	assert_int_equal(kafka_consumer_cluster_id(a.consumer, 10000, id, &err), 0);
	assert_int_equal(strlen(id), 22);
	SERVE_UNTIL(&a, NULL, kafka_consumer_healthy(a.consumer) && a.assigned == 1);
	start_all(&a, 0);
	expect_in_order(&a, (int64_t[PARTITIONS_MAX]){ 0 }, 7);
	assert_int_equal(kafka_consumer_cached_high(a.consumer, (struct topic_partition){ 0, 0 }), 7);
	kafka_consumer_close(&a.consumer);
}

static void fetching_returns_available_records_and_serves_no_callback(void **state)
{
	struct kafka_message m;
	struct member a;
	int64_t next = 0, until;

	(void)state;
	topic_create("fetch", 1);
	topic_fill("fetch", 0, 0, 100);
	member_open(&a, "fetch", "g-fetch");
	until = clock_mono_ms() + 2000;
	while (clock_mono_ms() < until) { /* the assignment comes, and waits */
		readable(kafka_consumer_fd(a.consumer), 100);
		assert_false(kafka_consumer_fetch(a.consumer, &m));
		assert_int_equal(a.assigned, 0);
	}
	assert_true(readable(kafka_consumer_fd(a.consumer), 10000));
	SERVE_UNTIL(&a, NULL, a.assigned == 1);
	start_all(&a, 0);
	SERVE_UNTIL(&a, NULL, kafka_consumer_cached_high(a.consumer, (struct topic_partition){ 0, 0 }) == 100);
	while (next < 100) {
		assert_true(readable(kafka_consumer_fd(a.consumer), 10000));
		for (; kafka_consumer_fetch(a.consumer, &m); next++) {
			assert_int_equal(m.offset, next);
			kafka_message_release(&m);
		}
	}
	kafka_consumer_close(&a.consumer);
}

static void reading_resumes_at_its_offset_when_the_broker_returns(void **state)
{
	int64_t next[PARTITIONS_MAX] = { 0 };
	char none[64];
	struct member a;

	(void)state;
	topic_create("restart", 1);
	topic_fill("restart", 0, 0, 100);
	member_open(&a, "restart", "g-restart");
	SERVE_UNTIL(&a, NULL, a.assigned == 1);
	start_all(&a, 0);
	expect_in_order(&a, next, 100);
	assert_int_equal(kafka_tool("stop", none, sizeof(none)), 0);
	SERVE_UNTIL(&a, NULL, !kafka_consumer_healthy(a.consumer));
	assert_int_equal(kafka_tool("start", none, sizeof(none)), 0);
	SERVE_UNTIL(&a, NULL, kafka_consumer_healthy(a.consumer));
	topic_fill("restart", 0, 100, 100);
	a.comes_back = true;
	expect_in_order(&a, next, 100);
	kafka_consumer_close(&a.consumer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_carries_key_value_headers_and_time),
		cmocka_unit_test(start_replaces_what_was_started),
		cmocka_unit_test(an_offset_out_of_range_stops_its_partition_only),
		cmocka_unit_test(an_error_of_an_earlier_start_is_forgotten_by_the_next),
		cmocka_unit_test(the_descriptor_is_readable_until_the_queue_is_empty),
		cmocka_unit_test(a_backlog_of_one_partition_does_not_delay_others),
		cmocka_unit_test(a_paused_partition_does_not_stop_the_others),
		cmocka_unit_test(watermarks_cluster_and_health_are_known),
		cmocka_unit_test(fetching_returns_available_records_and_serves_no_callback),
		cmocka_unit_test(reading_resumes_at_its_offset_when_the_broker_returns),
	};

	return cmocka_run_group_tests(tests, kafka_group_setup, kafka_group_teardown);
}
