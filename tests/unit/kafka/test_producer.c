/* The producer when brokers misbehave: librdkafka's mock cluster with injected errors. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "kafka/producer.h"
#include "metrics/metrics.h"
#include "mock_kafka.h"

#define DEADLINE_MS 30000

struct fixture {
	struct mock_kafka kafka;
	struct kafka_producer *producer;
	int reports[4000]; /* by record */
	int good, failed, wrong_kind;
	bool again;        /* the report sends its record again, as an owner may */
	int refused;
};

static void record_send(struct fixture *f, intptr_t i, struct err *err)
{
	struct kafka_record r = { .topic = "t", .partition = 0, .value = STR("x"), .opaque = (void *)i };

	if (kafka_produce(f->producer, &r, err) < 0)
		f->refused++;
}

static void on_delivered(void *ctx, void *opaque, const struct err *failure, int32_t partition, int64_t offset)
{
	struct fixture *f = ctx;
	struct err err;

	(void)partition;
	(void)offset;
	f->reports[(intptr_t)opaque]++;
	if (!failure) {
		f->good++;
		return;
	}
	f->failed++;
	f->wrong_kind += failure->kind != ERR_RETRY && failure->kind != ERR_BUSY; /* BUSY: emptied by ourselves */
	if (f->again)
		record_send(f, (intptr_t)opaque, &err);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err;

	*state = f;
	if (mock_kafka_open(&f->kafka, "t") < 0)
		return -1;
	return kafka_config_set(f->kafka.config, "linger.ms", "50",
		&err); /* one request for what a test sends at once */
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	kafka_producer_close(&f->producer, 0);
	mock_kafka_close(&f->kafka);
	free(f);
	return 0;
}

static void producer_open(struct fixture *f, int message_timeout_ms, bool gapless)
{
	struct kafka_producer_options options = { .config = f->kafka.config,
		.client_id = "test",
		.gapless = gapless,
		.message_timeout_ms = message_timeout_ms,
		.delivered = on_delivered,
		.ctx = f };
	struct err err = { .msg = "" };

	if (kafka_producer_open(&f->producer, &options, &err) < 0)
		fail_msg("open: %s", err.msg);
}

static void poll_until(struct fixture *f, int reports)
{
	int64_t deadline = clock_mono_ms() + DEADLINE_MS;

	while (f->good + f->failed < reports) {
		if (clock_mono_ms() > deadline)
			fail_msg("%d of %d reports", f->good + f->failed, reports);
		kafka_producer_poll(f->producer, 100);
	}
}

static void send_until_good(struct fixture *f, intptr_t i)
{
	int64_t deadline = clock_mono_ms() + DEADLINE_MS;
	int before = f->good;
	struct err err;

	while (f->good == before) {
		assert_true(clock_mono_ms() < deadline);
		if (kafka_producer_in_flight(f->producer) == 0)
			record_send(f, i, &err);
		kafka_producer_poll(f->producer, 100);
	}
}

/* Requests that fail, one after the other; librdkafka retries what may be retried. */
static void inject(struct fixture *f, rd_kafka_resp_err_t code, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mock_kafka_refuse(&f->kafka, code);
}

static void a_fatal_error_fails_records_in_flight_once_and_the_producer_recovers(void **state)
{
	enum { N = 2000 };
	struct fixture *f = *state;
	struct err err;

	for (int gapless = 0; gapless <= 1; gapless++) {
		memset(f->reports, 0, sizeof(f->reports));
		f->good = f->failed = f->refused = 0;
		producer_open(f, 0, gapless);
		send_until_good(f, N);
		inject(f, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, 1);
		for (intptr_t i = 0; i < N; i++)
			record_send(f, i, &err);
		poll_until(f, 1 + N - f->refused); /* it may give up while some are still to be sent */
		assert_true(f->failed > 0);
		assert_int_equal(f->wrong_kind, 0);
		for (int i = 0; i <= N; i++)
			assert_in_range(f->reports[i], i == N || f->refused == 0, 1);
		assert_int_equal(kafka_producer_in_flight(f->producer), 0);
		send_until_good(f, N + 1);
		kafka_producer_close(&f->producer, 1000);
	}
}

static void an_owner_may_send_again_from_within_a_report(void **state)
{
	struct fixture *f = *state;
	struct err err;

	producer_open(f, 0, true);
	send_until_good(f, 0);
	f->again = true;
	inject(f, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, 1);
	for (intptr_t i = 1; i <= 100; i++)
		record_send(f, i, &err);
	poll_until(f, 1 + 100);
	assert_int_equal(f->refused, f->failed); /* BUSY while it is opened again: nothing is lost unnoticed */
	f->again = false;
	send_until_good(f, 101);
}

static void transient_errors_are_retried_by_the_producer(void **state)
{
	struct fixture *f = *state;
	struct err err;

	producer_open(f, 20000, false);
	inject(f, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, 2);
	inject(f, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, 2);
	record_send(f, 0, &err);
	poll_until(f, 1);
	assert_int_equal(f->good, 1);
}

static void assert_exposed(const char *line)
{
	struct buf b = BUF_INIT;

	metrics_write(&b);
	buf_add_char(&b, '\0');
	if (!strstr(b.p, line))
		fail_msg("'%s' is not in:\n%s", line, b.p);
	buf_fini(&b);
}

static void failures_are_counted_by_their_code(void **state)
{
	struct fixture *f = *state;
	struct err err;

	producer_open(f, 20000, false);
	assert_exposed("\nblazz_kafka_up 0\n");
	send_until_good(f, 0);
	assert_exposed("\nblazz_kafka_up 1\n");
	inject(f, RD_KAFKA_RESP_ERR_INVALID_RECORD, 1);
	record_send(f, 1, &err);
	poll_until(f, 2);
	assert_int_equal(f->failed, 1);
	assert_exposed("\nblazz_kafka_produce_failures_total{code=\"INVALID_RECORD\"} 1\n");
	kafka_producer_close(&f->producer, 0);
	assert_exposed("\nblazz_kafka_up 0\n");
}

static void a_record_that_cannot_be_sent_in_time_fails_as_retry(void **state)
{
	struct fixture *f = *state;
	int64_t began;
	struct err err;

	producer_open(f, 1000, false);
	send_until_good(f, 0);
	f->good = f->failed = 0; /* connecting may have taken the first try's second */
	rd_kafka_mock_broker_set_down(f->kafka.cluster, 1);
	began = clock_mono_ms();
	for (intptr_t i = 1; i <= 10; i++)
		record_send(f, i, &err);
	poll_until(f, 10);
	assert_in_range(clock_mono_ms() - began, 500, 10000);
	assert_int_equal(f->failed, 10);
	assert_int_equal(f->wrong_kind, 0);
	assert_false(kafka_producer_healthy(f->producer));
	assert_exposed("\nblazz_kafka_up 0\n");
	rd_kafka_mock_broker_set_up(f->kafka.cluster, 1);
	send_until_good(f, 11); /* whatever the timeouts made of the sequence */
	assert_true(kafka_producer_healthy(f->producer));
	assert_exposed("\nblazz_kafka_up 1\n");
}

static void without_a_timeout_records_wait_for_the_broker(void **state)
{
	struct fixture *f = *state;
	struct err err;

	producer_open(f, 0, true);
	send_until_good(f, 0);
	rd_kafka_mock_broker_set_down(f->kafka.cluster, 1);
	record_send(f, 1, &err);
	kafka_producer_poll(f->producer, 2000);
	assert_int_equal(kafka_producer_in_flight(f->producer), 1);
	rd_kafka_mock_broker_set_up(f->kafka.cluster, 1);
	poll_until(f, 2);
	assert_int_equal(f->failed, 0);
}

static void closing_reports_pending_records_as_failed(void **state)
{
	struct fixture *f = *state;
	struct err err;

	producer_open(f, 0, false);
	send_until_good(f, 0);
	rd_kafka_mock_broker_set_down(f->kafka.cluster, 1);
	f->again = true; /* refused, or a close would never end */
	for (intptr_t i = 1; i <= 50; i++)
		record_send(f, i, &err);
	kafka_producer_close(&f->producer, 300);
	assert_null(f->producer);
	assert_int_equal(f->failed, 50);
	assert_int_equal(f->wrong_kind, 0);
	assert_int_equal(f->refused, 50);
}

static void an_invalid_setting_is_reported_when_opening(void **state)
{
	struct fixture *f = *state;
	struct kafka_producer_options options = {
		.config = f->kafka.config, .client_id = "test", .message_timeout_ms = -1, .delivered = on_delivered
	};
	struct err err;

	assert_int_equal(kafka_producer_open(&f->producer, &options, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	assert_null(f->producer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_fatal_error_fails_records_in_flight_once_and_the_producer_recovers,
			setup, teardown),
		cmocka_unit_test_setup_teardown(an_owner_may_send_again_from_within_a_report, setup, teardown),
		cmocka_unit_test_setup_teardown(transient_errors_are_retried_by_the_producer, setup, teardown),
		cmocka_unit_test_setup_teardown(failures_are_counted_by_their_code, setup, teardown),
		cmocka_unit_test_setup_teardown(a_record_that_cannot_be_sent_in_time_fails_as_retry, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_timeout_records_wait_for_the_broker, setup, teardown),
		cmocka_unit_test_setup_teardown(closing_reports_pending_records_as_failed, setup, teardown),
		cmocka_unit_test_setup_teardown(an_invalid_setting_is_reported_when_opening, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
