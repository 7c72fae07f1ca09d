/* Reading a topic once from a real Kafka; deleting what was read. */
#include "real.h"

#include "kafka/reader.h"

static struct kafka_reader *reader_open(const char *topic)
{
	struct kafka_reader *r = NULL;
	struct err err = { .msg = "" };

	if (kafka_reader_open(&r, kafka_settings, topic, 20000, &err) < 0)
		fail_msg("open: %s", err.msg);
	return r;
}

/* Reads to the end; every partition's offsets must come in order. Returns how many. */
static int read_all(struct kafka_reader *r, int64_t first[static 3])
{
	struct kafka_message m = { 0 };
	struct err err = { .msg = "" };
	int64_t next[3] = { -1, -1, -1 };
	int n = 0, rc;

	while ((rc = kafka_reader_next(r, 20000, &m, &err)) == 1) {
		assert_in_range(m.partition, 0, 2);
		if (next[m.partition] < 0)
			first[m.partition] = m.offset;
		else
			assert_int_equal(m.offset, next[m.partition]);
		next[m.partition] = m.offset + 1;
		assert_string_equal(m.headers_count == 1 ? m.headers[0].name.p : "", "ce_type");
		kafka_message_release(&m);
		n++;
	}
	if (rc < 0)
		fail_msg("next: %s", err.msg);
	return n;
}

static void everything_is_read_once_and_then_it_ends(void **state)
{
	const struct kafka_range *ranges;
	struct kafka_reader *r;
	int64_t first[3] = { 0 };
	size_t n;

	(void)state;
	topic_create("read.all", 3);
	topic_fill("read.all", 0, 0, 500);
	topic_fill("read.all", 2, 0, 7);
	r = reader_open("read.all");
	ranges = kafka_reader_ranges(r, &n);
	assert_int_equal(n, 3);
	assert_int_equal(ranges[0].high, 500);
	assert_int_equal(ranges[1].high, 0);
	assert_int_equal(ranges[2].high - ranges[2].low, 7);
	assert_int_equal(read_all(r, first), 507);
	assert_int_equal(read_all(r, first), 0);
	kafka_reader_close(&r);
	assert_null(r);
}

static void records_after_opening_are_not_read(void **state)
{
	struct kafka_reader *r;
	int64_t first[3] = { 0 };

	(void)state;
	topic_create("read.later", 1);
	topic_fill("read.later", 0, 0, 3);
	r = reader_open("read.later");
	topic_fill("read.later", 0, 3, 50);
	assert_int_equal(read_all(r, first), 3);
	kafka_reader_close(&r);
}

static void deleted_records_are_skipped_and_the_others_read(void **state)
{
	const struct kafka_position before[] = { { 0, 6 }, { 1, 2 } };
	struct kafka_admin *admin;
	struct kafka_reader *r;
	struct err err = { .msg = "" };
	int64_t first[3] = { 0 };

	(void)state;
	topic_create("read.deleted", 2);
	topic_fill("read.deleted", 0, 0, 10);
	topic_fill("read.deleted", 1, 0, 2);
	assert_int_equal(kafka_admin_open(&admin, kafka_settings, &err), 0);
	if (kafka_admin_delete_records(admin, "read.deleted", before, 2, 20000, &err) < 0)
		fail_msg("delete: %s", err.msg);
	r = reader_open("read.deleted");
	assert_int_equal(read_all(r, first), 4);
	assert_int_equal(first[0], 6);
	kafka_reader_close(&r);
	assert_int_equal(kafka_admin_delete_records(admin, "read.deleted", &(struct kafka_position){ 0, 99 }, 1, 20000,
				 &err),
		-1);
	kafka_admin_close(&admin);
}

static void an_abandoned_reader_closes(void **state)
{
	struct kafka_message m = { 0 };
	struct kafka_reader *r;
	struct err err;

	(void)state;
	topic_create("read.part", 1);
	topic_fill("read.part", 0, 0, 1000);
	r = reader_open("read.part");
	assert_int_equal(kafka_reader_next(r, 20000, &m, &err), 1);
	kafka_message_release(&m);
	kafka_reader_close(&r);
}

static void a_topic_that_does_not_exist_is_retry(void **state)
{
	struct kafka_reader *r = NULL;
	struct err err;

	(void)state;
	assert_int_equal(kafka_reader_open(&r, kafka_settings, "read.nowhere", 5000, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_null(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_read_once_and_then_it_ends),
		cmocka_unit_test(records_after_opening_are_not_read),
		cmocka_unit_test(deleted_records_are_skipped_and_the_others_read),
		cmocka_unit_test(an_abandoned_reader_closes),
		cmocka_unit_test(a_topic_that_does_not_exist_is_retry),
	};

	return cmocka_run_group_tests(tests, kafka_group_setup, kafka_group_teardown);
}
