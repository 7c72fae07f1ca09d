/* The producer against a real Kafka: reports, order, limits, an outage. */
#include "real.h"

#include <poll.h>

#include "base/rng.h"
#include "kafka/consumer.h"
#include "kafka/partition.h"

#define DEADLINE_MS 60000
#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))

struct outcome {
	int good, failed;
	struct err last;
	int32_t partition;
	int64_t offset;
};

static void on_delivered(void *ctx, void *opaque, const struct err *failure, int32_t partition, int64_t offset)
{
	struct outcome *o = opaque ? opaque : ctx;

	o->partition = partition;
	o->offset = offset;
	if (!failure) {
		o->good++;
		return;
	}
	o->failed++;
	o->last = *failure;
}

static struct kafka_producer *producer_open(struct kafka_producer_options options, struct outcome *o)
{
	struct kafka_producer *p;
	struct err err = { .msg = "" };

	options.config = kafka_settings;
	options.client_id = "test";
	options.delivered = on_delivered;
	options.ctx = o;
	if (kafka_producer_open(&p, &options, &err) < 0)
		fail_msg("open: %s", err.msg);
	return p;
}

static void poll_until_empty(struct kafka_producer *p)
{
	int64_t deadline = clock_mono_ms() + DEADLINE_MS;

	while (kafka_producer_in_flight(p) > 0) {
		assert_true(clock_mono_ms() < deadline);
		kafka_producer_poll(p, 100);
	}
}

static void send_one(struct kafka_producer *p, const struct kafka_record *record)
{
	struct err err = { .msg = "" };

	if (kafka_produce(p, record, &err) < 0)
		fail_msg("produce: %s", err.msg);
	poll_until_empty(p);
}

/* librdkafka looks for the leaders of topics that records have named each second only. */
static void the_first_record_of_a_topic_does_not_wait_for_a_scan(void **state)
{
	const struct kafka_record r = { .topic = "first", .partition = KAFKA_ANY_PARTITION, .value = STR("x") };
	int64_t began_ms, best_ms = DEADLINE_MS;

	(void)state;
	topic_create("first", 1);
	for (size_t i = 0; i < 5; i++) {
		struct outcome o = { 0 };
		struct kafka_producer *p =
			producer_open((struct kafka_producer_options){ .message_timeout_ms = 20000 }, &o);

		while (!kafka_producer_healthy(p))
			kafka_producer_poll(p, 10);
		usleep(100000); /* it has the identity that an idempotent producer needs */
		began_ms = clock_mono_ms();
		send_one(p, &r);
		if (clock_mono_ms() - began_ms < best_ms)
			best_ms = clock_mono_ms() - began_ms;
		assert_int_equal(o.good, 1);
		kafka_producer_close(&p, 1000);
	}
	assert_true(best_ms < 300);
}

static void a_report_has_the_opaque_the_partition_and_the_offset(void **state)
{
	struct outcome all = { 0 }, mine[3] = { 0 };
	struct kafka_producer *p = producer_open((struct kafka_producer_options){ .message_timeout_ms = 20000 }, &all);

	(void)state;
	topic_create("reports", 2);
	for (size_t i = 0; i < 3; i++) {
		struct kafka_record r = { .topic = "reports", .partition = 1, .value = STR("x"), .opaque = &mine[i] };

		send_one(p, &r);
		assert_int_equal(mine[i].good, 1);
		assert_int_equal(mine[i].partition, 1);
		assert_int_equal(mine[i].offset, i);
	}
	assert_int_equal(all.good + all.failed, 0);
	assert_true(kafka_producer_healthy(p));
	kafka_producer_close(&p, 1000);
}

static void a_record_lands_in_the_partition_that_kafka_partition_of_names(void **state)
{
	static struct outcome mine[1000];
	static char keys[COUNT(mine)][80];
	struct outcome all = { 0 };
	struct kafka_producer *p = producer_open((struct kafka_producer_options){ .message_timeout_ms = 20000 }, &all);
	struct err err = { .msg = "" };
	int32_t want[COUNT(mine)];

	(void)state;
	topic_create("keys", 24);
	for (size_t i = 0; i < COUNT(mine); i++) {
		struct str key = { keys[i], 1 + i % sizeof(keys[i]) };
		struct kafka_record r = { .topic = "keys",
			.partition = KAFKA_ANY_PARTITION,
			.key = key,
			.value = STR("x"),
			.opaque = &mine[i] };

		rng_bytes(keys[i], sizeof(keys[i]));
		want[i] = kafka_partition_of(key, 24);
		if (kafka_produce(p, &r, &err) < 0)
			fail_msg("produce: %s", err.msg);
	}
	poll_until_empty(p);
	for (size_t i = 0; i < COUNT(mine); i++) {
		assert_int_equal(mine[i].good, 1);
		assert_int_equal(mine[i].partition, want[i]);
	}
	kafka_producer_close(&p, 1000);
}

static void a_record_that_is_too_large_is_an_input_error(void **state)
{
	struct outcome o = { 0 };
	struct kafka_producer *p = producer_open((struct kafka_producer_options){ .message_timeout_ms = 20000,
							 .max_message_bytes = 2000000 },
		&o);
	char *big = calloc(1, 2000000);
	struct kafka_record r = { .topic = "large", .partition = 0, .value = { big, 2000000 } };
	struct err err;

	(void)state;
	topic_create("large", 1);
	rng_bytes(big, 2000000); /* lz4 makes it no smaller */
	assert_int_equal(kafka_produce(p, &r, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	r.value.n = 1500000; /* good enough for the client, not for the topic */
	send_one(p, &r);
	assert_int_equal(o.failed, 1);
	assert_int_equal(o.last.kind, ERR_INPUT);
	r.value.n = 1000;
	send_one(p, &r);
	assert_int_equal(o.good, 1);
	kafka_producer_close(&p, 1000);
	free(big);
}

/* Sends until one record is acknowledged; *o has the last failure. */
static void send_until_good(struct kafka_producer *p, const struct kafka_record *record, struct outcome *o)
{
	int64_t deadline = clock_mono_ms() + DEADLINE_MS;

	while (o->good == 0) {
		assert_true(clock_mono_ms() < deadline);
		if (kafka_produce(p, record, &o->last) < 0)
			kafka_producer_poll(p, 100);
		else
			poll_until_empty(p);
	}
}

static void a_missing_topic_is_named_and_used_once_it_exists(void **state)
{
	struct outcome o = { 0 };
	struct kafka_producer *p = producer_open((struct kafka_producer_options){ .message_timeout_ms = 4000 }, &o);
	struct kafka_record record = { .topic = "late", .partition = KAFKA_ANY_PARTITION, .value = STR("v") };

	(void)state;
	send_one(p, &record);
	poll_until_empty(p);
	assert_int_equal(o.failed, 1);
	assert_int_equal(o.last.kind, ERR_RETRY);
	assert_non_null(strstr(o.last.msg, "late: Broker: Unknown topic or partition"));
	topic_create("late", 1);
	send_until_good(p, &record, &o);
	kafka_producer_close(&p, 0);
}

static void a_full_queue_is_busy_and_loses_no_record(void **state)
{
	struct outcome o = { 0 };
	struct kafka_producer *p =
		producer_open((struct kafka_producer_options){ .message_timeout_ms = 20000, .queue_max_messages = 100 },
			&o);
	struct kafka_record r = { .topic = "full", .partition = 0, .value = STR("x") };
	int busy = 0, sent = 0;
	struct err err;

	(void)state;
	topic_create("full", 1);
	while (sent < 1000) {
		if (kafka_produce(p, &r, &err) == 0) {
			sent++;
			continue;
		}
		assert_int_equal(err.kind, ERR_BUSY);
		busy++;
		kafka_producer_poll(p, 1000);
	}
	poll_until_empty(p);
	assert_true(busy > 0);
	assert_int_equal(o.good, 1000);
	kafka_producer_close(&p, 1000);
}

static bool readable(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

static void the_descriptor_is_readable_when_a_report_arrives(void **state)
{
	struct outcome o = { 0 };
	struct kafka_producer *p = producer_open((struct kafka_producer_options){ .message_timeout_ms = 20000 }, &o);
	struct kafka_record r = { .topic = "descriptor", .partition = 0, .value = STR("x") };
	struct err err;

	(void)state;
	topic_create("descriptor", 1);
	for (int i = 1; i <= 20; i++) {
		assert_int_equal(kafka_produce(p, &r, &err), 0);
		while (o.good < i) {
			assert_true(readable(kafka_producer_fd(p), 10000));
			kafka_producer_poll(p, 0);
		}
		assert_int_equal(kafka_producer_in_flight(p), 0);
	}
	kafka_producer_close(&p, 1000);
}

/* Reads a partition from its beginning; *n values, each of which must be one more than the one before. */
static void ignore_assigned(void *ctx, const struct topic_partition *partitions, size_t n)
{
	(void)partitions;
	(void)n;
	*(bool *)ctx = true;
}

static void ignore_revoked(void *ctx)
{
	(void)ctx;
}

static void fail_stopped(void *ctx, struct topic_partition partition, enum kafka_stop stop, const struct err *why)
{
	(void)ctx, (void)stop;
	fail_msg("partition %d stopped: %s", (int)partition.number, why->msg);
}

static int count_in_order(const char *topic)
{
	bool assigned = false;
	struct kafka_consumer_options options = { .config = kafka_settings,
		.client_id = "test",
		.group = topic,
		.topics = { { .name = topic } },
		.assigned = ignore_assigned,
		.revoked = ignore_revoked,
		.stopped = fail_stopped,
		.ctx = &assigned };
	struct consumer_position begin = { { 0, 0 }, KAFKA_OFFSET_BEGINNING };
	int64_t value, low, high, deadline = clock_mono_ms() + DEADLINE_MS;
	struct kafka_message m;
	struct kafka_consumer *c;
	int count = 0;
	struct err err;

	assert_int_equal(kafka_consumer_open(&c, &options, &err), 0);
	while (!assigned && clock_mono_ms() < deadline)
		kafka_consumer_serve(c);
	assert_int_equal(kafka_consumer_watermarks(c, begin.partition, 10000, &low, &high, &err), 0);
	assert_int_equal(kafka_consumer_start(c, &begin, 1, &err), 0);
	while (count < high && clock_mono_ms() < deadline) {
		if (kafka_consumer_poll(c, 100, &m, &err) != 1)
			continue;
		assert_true(str_to_i64(m.value, &value));
		assert_int_equal(value, count++);
		kafka_message_release(&m);
	}
	kafka_consumer_close(&c);
	return count;
}

static void an_outage_costs_time_but_no_record_and_no_order(void **state)
{
	enum { N = 3000 };
	struct outcome o = { 0 };
	struct kafka_producer *p = producer_open((struct kafka_producer_options){ .gapless = true }, &o);
	struct kafka_record r = { .topic = "outage", .partition = 0 };
	int64_t deadline;
	char none[64];
	struct err err;

	(void)state;
	topic_create("outage", 1);
	for (int i = 0; i < N; i++) {
		char value[16];

		r.value = (struct str){ value, (size_t)snprintf(value, sizeof(value), "%d", i) };
		assert_int_equal(kafka_produce(p, &r, &err), 0);
		kafka_producer_poll(p, i % 100 ? 0 : 10);
		if (i != N / 2)
			continue;
		while (o.good == 0)
			kafka_producer_poll(p, 100);
		assert_true(kafka_producer_healthy(p));
		assert_int_equal(kafka_tool("stop", none, sizeof(none)), 0);
	}
	for (deadline = clock_mono_ms() + 20000; kafka_producer_healthy(p) && clock_mono_ms() < deadline;)
		kafka_producer_poll(p, 100);
	assert_false(kafka_producer_healthy(p));
	assert_true(kafka_producer_in_flight(p) > 0);
	assert_int_equal(kafka_tool("start", none, sizeof(none)), 0);
	poll_until_empty(p);
	assert_int_equal(o.failed, 0);
	assert_int_equal(o.good, N);
	for (deadline = clock_mono_ms() + 20000; !kafka_producer_healthy(p) && clock_mono_ms() < deadline;)
		kafka_producer_poll(p, 100);
	assert_true(kafka_producer_healthy(p));
	kafka_producer_close(&p, 1000);
	assert_int_equal(count_in_order("outage"), N);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_record_of_a_topic_does_not_wait_for_a_scan),
		cmocka_unit_test(a_report_has_the_opaque_the_partition_and_the_offset),
		cmocka_unit_test(a_record_lands_in_the_partition_that_kafka_partition_of_names),
		cmocka_unit_test(a_record_that_is_too_large_is_an_input_error),
		cmocka_unit_test(a_missing_topic_is_named_and_used_once_it_exists),
		cmocka_unit_test(a_full_queue_is_busy_and_loses_no_record),
		cmocka_unit_test(the_descriptor_is_readable_when_a_report_arrives),
		cmocka_unit_test(an_outage_costs_time_but_no_record_and_no_order),
	};

	return cmocka_run_group_tests(tests, kafka_group_setup, kafka_group_teardown);
}
