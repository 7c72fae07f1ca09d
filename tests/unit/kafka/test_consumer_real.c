/* The consumer against a real Kafka: what is delivered, from where, and above all what is not. */
#include "real.h"

#include <poll.h>

#include "kafka/consumer.h"

#define PARTITIONS_MAX 8
#define DEADLINE_MS    30000

/* One replica of a service. */
struct member {
	struct kafka_consumer *consumer;
	int32_t partitions[PARTITIONS_MAX];
	size_t n;
	int assigned, revoked, stopped;
	int64_t start_at_ms; /* storm test: when start() is due; 0: not */
	bool started;
	struct err why;
	int32_t stopped_partition;
};

static void on_assigned(void *ctx, const int32_t *partitions, size_t n)
{
	struct member *m = ctx;

	assert_true(n <= PARTITIONS_MAX);
	if (n > 0)
		memcpy(m->partitions, partitions, n * sizeof(*partitions));
	m->n = n;
	m->assigned++;
	m->started = false;
}

static void on_revoked(void *ctx)
{
	struct member *m = ctx;

	m->n = 0;
	m->revoked++;
	m->started = false;
}

static void on_stopped(void *ctx, int32_t partition, const struct err *why)
{
	struct member *m = ctx;

	m->stopped++;
	m->stopped_partition = partition;
	m->why = *why;
}

static void member_open(struct member *m, const char *topic, const char *group)
{
	struct kafka_consumer_options options = { .config = kafka_settings,
		.client_id = "test",
		.group = group,
		.topic = topic,
		.session_timeout_ms = 6000,
		.assigned = on_assigned,
		.revoked = on_revoked,
		.stopped = on_stopped,
		.ctx = m };
	struct err err = { .msg = "" };

	memset(m, 0, sizeof(*m));
	if (kafka_consumer_open(&m->consumer, &options, &err) < 0)
		fail_msg("open: %s", err.msg);
}

static void serve_both(struct member *a, struct member *b)
{
	kafka_consumer_serve(a->consumer);
	if (b && b->consumer)
		kafka_consumer_serve(b->consumer);
	usleep(1000);
}

/* Serves the members (b may be NULL) until the condition holds. */
#define SERVE_UNTIL(a, b, condition) \
	do { \
		int64_t deadline_ = clock_mono_ms() + DEADLINE_MS; \
		while (!(condition)) { \
			if (clock_mono_ms() > deadline_) \
				fail_msg("timed out waiting for " #condition); \
			serve_both((a), (b)); \
		} \
	} while (0)

static void start_all(struct member *m, int64_t offset)
{
	struct kafka_position positions[PARTITIONS_MAX];
	struct err err = { .msg = "" };

	for (size_t i = 0; i < m->n; i++)
		positions[i] = (struct kafka_position){ m->partitions[i], offset };
	if (kafka_consumer_start(m->consumer, positions, m->n, &err) < 0)
		fail_msg("start: %s", err.msg);
}

static bool owns(const struct member *m, int32_t partition)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->partitions[i] == partition)
			return true;
	return false;
}

/* Polls until count messages came or the deadline passed; checks that each partition of next[] comes in order. */
static void expect_in_order(struct member *m, int64_t next[PARTITIONS_MAX], int count)
{
	int64_t deadline = clock_mono_ms() + DEADLINE_MS;
	struct kafka_message message;
	struct err err = { .msg = "" };

	while (count > 0) {
		int rc = kafka_consumer_poll(m->consumer, 100, &message, &err);
		int64_t value = -1;

		if (rc < 0)
			fail_msg("poll: %s", err.msg);
		if (clock_mono_ms() > deadline)
			fail_msg("%d messages are missing", count);
		if (rc == 0)
			continue;
		assert_true(owns(m, message.partition));
		assert_int_equal(message.offset, next[message.partition]++);
		assert_true(str_to_i64(message.value, &value));
		assert_int_equal(value, message.offset);
		kafka_message_release(&message);
		count--;
	}
}

static void expect_nothing(struct member *m, int for_ms)
{
	int64_t until = clock_mono_ms() + for_ms;
	struct kafka_message message;
	struct err err;

	while (clock_mono_ms() < until)
		assert_int_equal(kafka_consumer_poll(m->consumer, 50, &message, &err), 0);
}

static void an_assignment_fetches_nothing_before_start_and_then_exactly_from_there(void **state)
{
	struct member a;
	struct kafka_position positions[2] = { { 0, 40 }, { 1, KAFKA_OFFSET_BEGINNING } };
	int64_t next[PARTITIONS_MAX] = { 40, 0 };
	struct err err;

	(void)state;
	topic_create("deferred", 2);
	topic_fill("deferred", 0, 0, 100);
	topic_fill("deferred", 1, 0, 100);
	member_open(&a, "deferred", "g-deferred");
	SERVE_UNTIL(&a, NULL, a.assigned == 1);
	assert_int_equal(a.n, 2);
	expect_nothing(&a, 3000);
	assert_int_equal(kafka_consumer_start(a.consumer, positions, 2, &err), 0);
	expect_in_order(&a, next, 160);
	expect_nothing(&a, 200);
	assert_int_equal(a.revoked, 0);
	kafka_consumer_close(&a.consumer);
	assert_int_equal(a.revoked, 1);
}

static void a_message_carries_key_value_headers_and_time(void **state)
{
	int reports = 0;
	struct kafka_producer_options options = { .config = kafka_settings,
		.client_id = "test",
		.message_timeout_ms = 20000,
		.delivered = report_good,
		.ctx = &reports };
	struct header headers[] = { { STR("ce_id"), STR("1") }, { STR("empty"), STR("") },
		{ STR("none"), STR_NONE }, { STR("ce_id"), STR("2") } };
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

static void a_second_rebalance_before_start_leaves_one_clean_assignment(void **state)
{
	struct member a, b;
	struct kafka_position all[4] = { { 0, 10 }, { 1, 10 }, { 2, 10 }, { 3, 10 } };
	int64_t next[PARTITIONS_MAX] = { 10, 10, 10, 10 };
	struct err err;

	(void)state;
	topic_create("second", 4);
	for (int32_t p = 0; p < 4; p++)
		topic_fill("second", p, 0, 50);
	member_open(&a, "second", "g-second");
	SERVE_UNTIL(&a, NULL, a.assigned == 1);
	assert_int_equal(a.n, 4);
	member_open(&b, "second", "g-second");
	SERVE_UNTIL(&a, &b, a.assigned == 2 && b.assigned == 1 && a.n == 2 && b.n == 2);
	assert_int_equal(a.revoked, 1);
	assert_int_equal(kafka_consumer_start(a.consumer, all, 4, &err), -1);
	assert_int_equal(err.kind, ERR_CONFLICT);
	start_all(&a, 10);
	start_all(&b, 10);
	expect_in_order(&a, next, 80);
	expect_in_order(&b, next, 80);
	expect_nothing(&a, 100);
	expect_nothing(&b, 100);
	kafka_consumer_close(&a.consumer);
	kafka_consumer_close(&b.consumer);
}

static void what_was_fetched_before_a_revocation_never_comes_out_after_it(void **state)
{
	struct member a, b;
	int64_t next[PARTITIONS_MAX] = { 0 };

	(void)state;
	topic_create("revoked", 2);
	for (int32_t p = 0; p < 2; p++)
		topic_fill("revoked", p, 0, 5000);
	member_open(&a, "revoked", "g-revoked");
	SERVE_UNTIL(&a, NULL, a.assigned == 1);
	start_all(&a, 0);
	expect_in_order(&a, next, 1); /* the rest waits in the queue */
	SERVE_UNTIL(&a, NULL, kafka_consumer_cached_high(a.consumer, 0) == 5000);
	member_open(&b, "revoked", "g-revoked");
	SERVE_UNTIL(&a, &b, a.revoked == 1);
	expect_nothing(&a, 300);
	SERVE_UNTIL(&a, &b, a.assigned == 2 && b.assigned == 1 && a.n == 1 && b.n == 1);
	expect_nothing(&a, 300);
	start_all(&a, 4000);
	next[a.partitions[0]] = 4000;
	expect_in_order(&a, next, 1000);
	kafka_consumer_close(&a.consumer);
	kafka_consumer_close(&b.consumer);
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
		struct kafka_position one = { round % 2, from };
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

static void a_member_that_waits_for_its_database_stays_in_the_group(void **state)
{
	struct kafka_consumer_options options = { .config = kafka_settings,
		.client_id = "test",
		.group = "g-stays",
		.topic = "stays",
		.session_timeout_ms = 1500,
		.assigned = on_assigned,
		.revoked = on_revoked,
		.stopped = on_stopped };
	struct member a = { 0 };
	int64_t until;
	struct err err;

	(void)state;
	topic_create("stays", 1);
	topic_fill("stays", 0, 0, 10);
	options.ctx = &a;
	assert_int_equal(kafka_consumer_open(&a.consumer, &options, &err), 0);
	SERVE_UNTIL(&a, NULL, a.assigned == 1);
	start_all(&a, 0);
	for (until = clock_mono_ms() + 5000; clock_mono_ms() < until; usleep(200000))
		kafka_consumer_serve(a.consumer);
	assert_int_equal(a.revoked, 0);
	expect_in_order(&a, (int64_t[PARTITIONS_MAX]){ 0 }, 10);
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
		struct kafka_position positions[2] = { { 0, bad[i] }, { 1, 20 } };
		int64_t next[PARTITIONS_MAX] = { 0, 20 }, deadline = clock_mono_ms() + DEADLINE_MS;
		struct kafka_message none;
		struct err err;

		a.stopped = 0;
		assert_int_equal(kafka_consumer_start(a.consumer, positions, 2, &err), 0);
		expect_in_order(&a, next, 30);
		while (a.stopped == 0 && clock_mono_ms() < deadline)
			assert_int_equal(kafka_consumer_poll(a.consumer, 100, &none, &err), 0);
		assert_int_equal(a.stopped, 1);
		assert_int_equal(a.stopped_partition, 0);
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

static bool readable(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

static void the_descriptor_is_readable_until_nothing_waits(void **state)
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
	assert_int_equal(kafka_consumer_cached_high(a.consumer, 0), -1);
	assert_int_equal(kafka_consumer_watermarks(a.consumer, 9, 500, &low, &high, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_int_equal(low, -5);
	assert_int_equal(kafka_consumer_watermarks(a.consumer, 0, 10000, &low, &high, &err), 0);
	assert_int_equal(low, 0);
	assert_int_equal(high, 7);
	assert_int_equal(kafka_consumer_cluster_id(a.consumer, 10000, id, &err), 0);
	assert_int_equal(strlen(id), 22);
	SERVE_UNTIL(&a, NULL, kafka_consumer_healthy(a.consumer) && a.assigned == 1);
	start_all(&a, 0);
	expect_in_order(&a, (int64_t[PARTITIONS_MAX]){ 0 }, 7);
	assert_int_equal(kafka_consumer_cached_high(a.consumer, 0), 7);
	kafka_consumer_close(&a.consumer);
}

static void a_closed_member_leaves_its_partitions_to_the_others_at_once(void **state)
{
	struct member a, b;
	int64_t began;

	(void)state;
	topic_create("leaving", 4);
	member_open(&a, "leaving", "g-leaving");
	SERVE_UNTIL(&a, NULL, a.assigned == 1);
	member_open(&b, "leaving", "g-leaving");
	SERVE_UNTIL(&a, &b, a.n == 2 && b.n == 2);
	kafka_consumer_close(&a.consumer);
	assert_int_equal(a.revoked, 2);
	began = clock_mono_ms();
	SERVE_UNTIL(&b, NULL, b.n == 4);
	assert_in_range(clock_mono_ms() - began, 0, 5500); /* the session would have lasted 6,000 */
	kafka_consumer_close(&b.consumer);
}

/* The same storm in every run. */
static uint32_t dice(uint32_t sides)
{
	static uint32_t x = 7;

	x = x * 1664525U + 1013904223U;
	return (x >> 16) % sides;
}

/* What the database holds: the next offset of each partition, and whose it is. */
struct ledger {
	int64_t next[PARTITIONS_MAX];
	struct member *owner[PARTITIONS_MAX];
	int total;
};

static void storm_start(struct ledger *l, struct member *m)
{
	struct kafka_position positions[PARTITIONS_MAX];
	struct err err;

	for (size_t i = 0; i < m->n; i++) {
		positions[i] = (struct kafka_position){ m->partitions[i], l->next[m->partitions[i]] };
		l->owner[m->partitions[i]] = m;
	}
	if (kafka_consumer_start(m->consumer, positions, m->n, &err) < 0)
		fail_msg("start: %s", err.msg);
	m->started = true;
}

/* One turn of one member: starts 0 to 300 ms after an assignment, then takes a few messages. */
static void storm_turn(struct ledger *l, struct member *m, int64_t now_ms)
{
	struct kafka_message message;
	int seen = m->assigned, rc = 0;
	struct err err = { .msg = "" };

	for (int i = 0; i < 50; i++) {
		rc = kafka_consumer_poll(m->consumer, 0, &message, &err);
		if (rc < 0)
			fail_msg("poll: %s", err.msg);
		if (rc == 0)
			break;
		assert_true(m->started);
		assert_true(owns(m, message.partition));
		if (l->owner[message.partition] == m) { /* else the database would refuse it */
			assert_int_equal(message.offset, l->next[message.partition]);
			l->next[message.partition]++;
			l->total++;
		}
		kafka_message_release(&message);
	}
	if (m->assigned != seen)
		m->start_at_ms = now_ms + dice(300);
	if (m->n > 0 && !m->started && now_ms >= m->start_at_ms)
		storm_start(l, m);
}

static void every_message_comes_once_and_in_order_through_a_storm_of_rebalances(void **state)
{
	enum { EACH = 3000 };
	struct member members[3] = { 0 };
	struct ledger ledger = { .total = 0 };
	int64_t began = clock_mono_ms(), change_ms = began;
	int changes = 0;

	(void)state;
	topic_create("storm", 6);
	for (int32_t p = 0; p < 6; p++)
		topic_fill("storm", p, 0, EACH);
	member_open(&members[0], "storm", "g-storm");
	while (ledger.total < 6 * EACH || changes < 24) {
		int64_t now = clock_mono_ms();

		if (now - began > 120000)
			fail_msg("%d messages after %d changes", ledger.total, changes);
		if (now >= change_ms + 400 && changes < 24) {
			struct member *m = &members[1 + dice(2)];

			change_ms = now;
			changes++;
			if (m->consumer)
				kafka_consumer_close(&m->consumer);
			else
				member_open(m, "storm", "g-storm");
		}
		for (size_t i = 0; i < 3; i++)
			if (members[i].consumer)
				storm_turn(&ledger, &members[i], now);
		usleep(2000);
	}
	for (int p = 0; p < 6; p++)
		assert_int_equal(ledger.next[p], EACH);
	for (size_t i = 0; i < 3; i++)
		kafka_consumer_close(&members[i].consumer);
}

static void it_goes_on_where_it_was_when_the_broker_comes_back(void **state)
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
	if (a.revoked > 0) {
		SERVE_UNTIL(&a, NULL, a.n == 1);
		start_all(&a, 100);
	}
	expect_in_order(&a, next, 100);
	kafka_consumer_close(&a.consumer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_assignment_fetches_nothing_before_start_and_then_exactly_from_there),
		cmocka_unit_test(a_message_carries_key_value_headers_and_time),
		cmocka_unit_test(a_second_rebalance_before_start_leaves_one_clean_assignment),
		cmocka_unit_test(what_was_fetched_before_a_revocation_never_comes_out_after_it),
		cmocka_unit_test(start_replaces_what_was_started),
		cmocka_unit_test(a_member_that_waits_for_its_database_stays_in_the_group),
		cmocka_unit_test(an_offset_out_of_range_stops_its_partition_only),
		cmocka_unit_test(the_descriptor_is_readable_until_nothing_waits),
		cmocka_unit_test(watermarks_cluster_and_health_are_known),
		cmocka_unit_test(a_closed_member_leaves_its_partitions_to_the_others_at_once),
		cmocka_unit_test(every_message_comes_once_and_in_order_through_a_storm_of_rebalances),
		cmocka_unit_test(it_goes_on_where_it_was_when_the_broker_comes_back),
	};

	return cmocka_run_group_tests(tests, kafka_group_setup, kafka_group_teardown);
}
