/* The scanner against a real Kafka: any partition from any offset, and each for itself. */
#include "real.h"

#include <poll.h>

#include "kafka/scanner.h"

#define DEADLINE_MS 30000

static struct kafka_scanner *scanner_open(const char *topic)
{
	struct kafka_scanner *s = NULL;
	struct err err = { .msg = "" };

	if (kafka_scanner_open(&s, kafka_settings, "test", topic, &err) < 0)
		fail_msg("open: %s", err.msg);
	return s;
}

static void start(struct kafka_scanner *s, int32_t partition, int64_t offset)
{
	struct err err = { .msg = "" };

	if (kafka_scanner_start(s, partition, offset, &err) < 0)
		fail_msg("start: %s", err.msg);
}

/* Waits on the descriptor alone: what it does not tell of is never seen. */
static int next(struct kafka_scanner *s, int32_t partition, struct kafka_message *m, struct err *err)
{
	struct pollfd wait = { .fd = kafka_scanner_fd(s), .events = POLLIN };
	int64_t deadline = clock_mono_ms() + DEADLINE_MS;
	int rc;

	while ((rc = kafka_scanner_poll(s, partition, m, err)) == 0) {
		if (clock_mono_ms() > deadline)
			fail_msg("nothing came");
		if (poll(&wait, 1, 1000) > 0)
			kafka_scanner_woken(s);
	}
	return rc;
}

static void expect(struct kafka_scanner *s, int32_t partition, int64_t from, int n)
{
	struct kafka_message m;
	struct err err = { .msg = "" };

	for (int64_t offset = from; offset < from + n; offset++) {
		int64_t value = -1;

		if (next(s, partition, &m, &err) < 0)
			fail_msg("%s: %s", err.code, err.msg);
		assert_int_equal(m.partition, partition);
		assert_int_equal(m.offset, offset);
		assert_true(str_to_i64(m.value, &value));
		assert_int_equal(value, offset);
		assert_true(str_is(kafka_message_header(&m, "ce_type"), "test"));
		kafka_message_release(&m);
	}
}

static void expect_out_of_range(struct kafka_scanner *s, int32_t partition)
{
	struct kafka_message m;
	struct err err = { .msg = "" };

	assert_int_equal(next(s, partition, &m, &err), -1);
	assert_string_equal(err.code, "OUT_OF_RANGE");
	assert_int_equal(err.kind, ERR_CONFLICT);
}

static void records_are_read_from_each_new_start_offset(void **state)
{
	struct kafka_scanner *s;
	struct kafka_message m;
	struct err err;

	(void)state;
	topic_create("scan.again", 1);
	topic_fill("scan.again", 0, 0, 2000);
	s = scanner_open("scan.again");
	assert_int_equal(kafka_scanner_poll(s, 0, &m, &err), 0);
	kafka_scanner_stop(s, 0);
	for (int round = 0; round < 30; round++) {
		int64_t from = round * 370 % 1900;

		start(s, 0, from);
		if (round % 4) /* else it is started anew before anything came */
			expect(s, 0, from, 100);
		if (round % 3 == 0) {
			kafka_scanner_stop(s, 0);
			assert_int_equal(kafka_scanner_poll(s, 0, &m, &err), 0);
		}
	}
	start(s, 0, 1990);
	expect(s, 0, 1990, 10);
	topic_fill("scan.again", 0, 2000, 3); /* and goes on with what comes later */
	expect(s, 0, 2000, 3);
	kafka_scanner_close(&s);
}

static void a_partition_that_is_not_polled_does_not_delay_others(void **state)
{
	struct kafka_scanner *s;

	(void)state;
	topic_create("scan.held", 2);
	topic_fill("scan.held", 0, 0, 5000);
	topic_fill("scan.held", 1, 0, 5000);
	s = scanner_open("scan.held");
	start(s, 0, 0);
	start(s, 1, 0);
	expect(s, 0, 0, 1);
	expect(s, 1, 0, 5000);
	expect(s, 0, 1, 4999);
	kafka_scanner_close(&s);
}

static void the_descriptor_is_not_readable_without_records(void **state)
{
	struct pollfd wait = { .events = POLLIN };
	struct kafka_scanner *s;
	struct kafka_message m;
	struct err err;
	int wakes = 0;

	(void)state;
	topic_create("scan.rest", 2);
	topic_fill("scan.rest", 0, 0, 5);
	topic_fill("scan.rest", 1, 0, 5);
	s = scanner_open("scan.rest");
	start(s, 0, 0); /* never polled */
	start(s, 1, 0);
	expect(s, 1, 0, 5);
	wait.fd = kafka_scanner_fd(s);
	for (int64_t until = clock_mono_ms() + 1500; clock_mono_ms() < until;)
		if (poll(&wait, 1, 100) > 0) {
			kafka_scanner_woken(s);
			assert_int_equal(kafka_scanner_poll(s, 1, &m, &err), 0);
			wakes++;
		}
	assert_in_range(wakes, 0, 10); /* statistics once a second, and the one that nobody polls */
	kafka_scanner_close(&s);
}

static void an_offset_beyond_retention_is_out_of_range(void **state)
{
	const struct kafka_position before[] = { { 0, 60 } };
	struct kafka_admin *admin;
	struct kafka_scanner *s;
	struct err err = { .msg = "" };
	int64_t low = -1;

	(void)state;
	topic_create("scan.gone", 2);
	topic_fill("scan.gone", 0, 0, 100);
	topic_fill("scan.gone", 1, 0, 10);
	assert_int_equal(kafka_admin_open(&admin, kafka_settings, &err), 0);
	if (kafka_admin_delete_records(admin, "scan.gone", before, 1, 20000, &err) < 0)
		fail_msg("delete: %s", err.msg);
	kafka_admin_close(&admin);
	s = scanner_open("scan.gone");
	start(s, 0, 10);
	start(s, 1, 0);
	expect_out_of_range(s, 0);
	expect(s, 1, 0, 10);
	if (kafka_scanner_low(s, 0, 10000, &low, &err) < 0)
		fail_msg("low: %s", err.msg);
	assert_int_equal(low, 60);
	start(s, 0, low);
	expect(s, 0, 60, 40);
	start(s, 0, 1000); /* beyond the end */
	expect_out_of_range(s, 0);
	for (int round = 0; round < 20; round++) { /* the error of a start that was given up says nothing of the next */
		start(s, 0, 10);
		if (round % 2)
			usleep((useconds_t)round * 2000);
		start(s, 0, 60);
		expect(s, 0, 60, 40);
	}
	kafka_scanner_close(&s);
}

static void a_partition_that_does_not_exist_is_retry(void **state)
{
	struct kafka_scanner *s;
	struct err err;
	int64_t low = -5;

	(void)state;
	topic_create("scan.small", 1);
	s = scanner_open("scan.small");
	assert_int_equal(kafka_scanner_low(s, 9, 500, &low, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_int_equal(low, -5);
	kafka_scanner_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_read_from_each_new_start_offset),
		cmocka_unit_test(a_partition_that_is_not_polled_does_not_delay_others),
		cmocka_unit_test(the_descriptor_is_not_readable_without_records),
		cmocka_unit_test(an_offset_beyond_retention_is_out_of_range),
		cmocka_unit_test(a_partition_that_does_not_exist_is_retry),
	};

	return cmocka_run_group_tests(tests, kafka_group_setup, kafka_group_teardown);
}
