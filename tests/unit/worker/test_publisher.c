/* Publishing outbox rows through a broker that misbehaves: librdkafka's mock cluster. What counts is what the topic holds. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "kafka/reader.h"
#include "mock_kafka.h"
#include "wire/records.h"
#include "worker/publisher.h"

#define DEADLINE_MS 30000
#define TOPIC       "t"
#define PER_ROW     2 /* records */
#define MAX_RECORDS 4096

struct fixture {
	struct mock_kafka kafka;
	struct publisher *publisher;
};

static int setup(void **state)
{
	struct fixture *f = mem_calloc(1, sizeof(*f));
	struct err err;

	*state = f;
	log_set_level(LOG_ERROR); /* a line for each record that is lost */
	if (mock_kafka_open(&f->kafka, TOPIC) < 0)
		return -1;
	return publisher_open(&f->publisher, f->kafka.config, "test", 0, &err);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	publisher_close(&f->publisher, 0);
	mock_kafka_close(&f->kafka);
	free(f);
	return 0;
}

/* A partition of the first topic. */
static struct topic_partition at(int32_t number)
{
	return (struct topic_partition){ 0, number };
}

/* A row of two records, whose values are its number and which of the two. */
static void row_add(struct fixture *f, int32_t slot, int64_t seq)
{
	struct buf row = BUF_INIT;

	for (int i = 0; i < PER_ROW; i++) {
		char value[32];

		snprintf(value, sizeof(value), "%lld", (long long)seq * PER_ROW + i);
		records_add(&row, STR(TOPIC), STR("key"), str_of(value), NULL, 0);
	}
	publisher_add(f->publisher, at(slot), STR("t.inbound"), 1, seq, 0, &row);
}

static void poll_until_left(struct fixture *f, size_t rows)
{
	int64_t deadline = clock_mono_ms() + DEADLINE_MS;

	while (publisher_total(f->publisher) > rows) {
		if (clock_mono_ms() > deadline)
			fail_msg("%zu rows left", publisher_total(f->publisher));
		publisher_poll(f->publisher, 50);
	}
}

static size_t acknowledged(struct fixture *f)
{
	struct outbox_row rows[MAX_RECORDS];

	return publisher_acknowledged(f->publisher, rows, MAX_RECORDS);
}

/* The values that the topic holds, in its order. */
static size_t topic_read(struct fixture *f, int64_t out[static MAX_RECORDS])
{
	struct kafka_message m = { 0 };
	struct kafka_reader *r;
	struct err err;
	size_t n = 0;

	assert_int_equal(kafka_reader_open(&r, f->kafka.config, TOPIC, DEADLINE_MS, &err), 0);
	while (kafka_reader_next(r, DEADLINE_MS, &m, &err) == 1) {
		assert_true(n < MAX_RECORDS);
		assert_true(str_to_i64(m.value, &out[n]));
		n++;
		kafka_message_release(&m);
	}
	kafka_reader_close(&r);
	return n;
}

static void a_row_is_acknowledged_when_all_of_its_records_are(void **state)
{
	struct fixture *f = *state;
	int64_t values[MAX_RECORDS];
	struct outbox_row first = { .slot = { STR("t.inbound"), 7 }, .epoch = 1, .seq = 0 };

	for (int64_t seq = 0; seq < 3; seq++)
		row_add(f, 7, seq);
	assert_int_equal(publisher_backlog(f->publisher), 3);
	assert_int_equal(acknowledged(f), 0);
	poll_until_left(f, 0);
	assert_int_equal(acknowledged(f), 3);
	assert_false(publisher_has_slot(f->publisher, at(7)));
	assert_true(publisher_healthy(f->publisher));
	publisher_deleted(f->publisher, &first, 1);
	assert_int_equal(acknowledged(f), 2);
	assert_int_equal(topic_read(f, values), 3 * PER_ROW);
	for (int64_t i = 0; i < 3 * PER_ROW; i++)
		assert_int_equal(values[i], i);
}

static void a_row_in_memory_is_not_read_twice(void **state)
{
	struct fixture *f = *state;
	int64_t values[MAX_RECORDS];

	row_add(f, 7, 0);
	row_add(f, 7, 0);
	assert_int_equal(publisher_total(f->publisher), 1);
	poll_until_left(f, 0);
	row_add(f, 7, 0);
	assert_int_equal(publisher_total(f->publisher), 0);
	assert_int_equal(topic_read(f, values), PER_ROW);
}

/* Two rounds over the same records at most, each in order: none is missing, and neither the first nor the last time of one comes
 * before that of the one before it. */
static void in_order_check(const int64_t *values, size_t n, size_t records)
{
	size_t *first = mem_calloc(records, sizeof(*first)), *last = mem_calloc(records, sizeof(*last));

	for (size_t i = 0; i < n; i++) {
		size_t v = (size_t)values[i];

		assert_true(v < records);
		if (first[v] == 0)
			first[v] = i + 1;
		last[v] = i + 1;
	}
	for (size_t v = 0; v < records; v++)
		if (first[v] == 0 || (v > 0 && (first[v] < first[v - 1] || last[v] < last[v - 1])))
			fail_msg("record %zu: first %zu, last %zu", v, first[v], last[v]);
	free(first);
	free(last);
}

static void records_that_the_producer_lost_are_published_again_in_order(void **state)
{
	enum { ROWS = 500 };
	struct fixture *f = *state;
	int64_t values[MAX_RECORDS];

	row_add(f, 7, 0);
	poll_until_left(f, 0);
	mock_kafka_refuse(&f->kafka, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	for (int64_t seq = 1; seq < ROWS; seq++)
		row_add(f, 7, seq);
	poll_until_left(f, 0);
	assert_int_equal(acknowledged(f), ROWS);
	in_order_check(values, topic_read(f, values), (size_t)ROWS * PER_ROW);
}

static void a_row_that_cannot_be_read_blocks_its_own_slot_only(void **state)
{
	struct fixture *f = *state;
	int64_t values[MAX_RECORDS];
	struct buf broken = BUF_INIT;

	buf_add_str(&broken, STR("\xff\xff\xff"));
	publisher_add(f->publisher, at(1), STR("t.inbound"), 1, 0, 0, &broken);
	row_add(f, 1, 1);
	row_add(f, 2, 2);
	poll_until_left(f, 2);
	assert_true(publisher_has_slot(f->publisher, at(1)));
	assert_false(publisher_has_slot(f->publisher, at(2)));
	assert_int_equal(acknowledged(f), 1);
	assert_int_equal(topic_read(f, values), PER_ROW);
	assert_int_equal(values[0], 2 * PER_ROW);
}

static void a_blocked_slot_keeps_the_age_of_its_oldest_row(void **state)
{
	struct fixture *f = *state;
	struct buf broken = BUF_INIT;

	assert_int_equal(publisher_oldest_ms(f->publisher, 0), 0);
	buf_add_str(&broken, STR("\xff\xff\xff"));
	publisher_add(f->publisher, at(1), STR("t.inbound"), 1, 0, 60000, &broken);
	row_add(f, 1, 1);
	poll_until_left(f, 0); /* both are back in the outbox */
	assert_non_null(publisher_blocked(f->publisher, at(1)));
	assert_true(publisher_oldest_ms(f->publisher, 0) >= 60000);
	publisher_adopt_begin(f->publisher, at(1));
	publisher_adopt_end(f->publisher, at(1)); /* an operator has dropped them */
	assert_int_equal(publisher_oldest_ms(f->publisher, 0), 0);
}

static void the_oldest_row_is_the_first_that_is_not_acknowledged(void **state)
{
	struct fixture *f = *state;
	struct buf row = BUF_INIT;

	records_add(&row, STR(TOPIC), STR("key"), STR("1"), NULL, 0);
	publisher_add(f->publisher, at(1), STR("t.inbound"), 1, 0, 60000, &row);
	row_add(f, 2, 1);
	assert_true(publisher_oldest_ms(f->publisher, 0) >= 60000);
	poll_until_left(f, 0);
	assert_int_equal(publisher_oldest_ms(f->publisher, 0), 0);
}

static void rows_are_released_while_their_records_are_in_flight(void **state)
{
	struct fixture *f = *state;

	for (int64_t seq = 0; seq < 100; seq++)
		row_add(f, 7, seq);
	publisher_poll(f->publisher, 0);
	publisher_discard_all(f->publisher);
	assert_int_equal(publisher_total(f->publisher), 0);
	row_add(f, 7, 100);
	poll_until_left(f, 0);
	assert_int_equal(acknowledged(f), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_row_is_acknowledged_when_all_of_its_records_are, setup, teardown),
		cmocka_unit_test_setup_teardown(a_row_in_memory_is_not_read_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(records_that_the_producer_lost_are_published_again_in_order, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_row_that_cannot_be_read_blocks_its_own_slot_only, setup, teardown),
		cmocka_unit_test_setup_teardown(a_blocked_slot_keeps_the_age_of_its_oldest_row, setup, teardown),
		cmocka_unit_test_setup_teardown(the_oldest_row_is_the_first_that_is_not_acknowledged, setup, teardown),
		cmocka_unit_test_setup_teardown(rows_are_released_while_their_records_are_in_flight, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
