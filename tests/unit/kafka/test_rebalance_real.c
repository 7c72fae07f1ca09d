/* Joining, leaving and late starts on a real Kafka: what is delivered, from where, and above all what is not. */
#include "member.h"

static void an_assignment_fetches_nothing_before_start_and_then_exactly_from_there(void **state)
{
	struct member a;
	struct consumer_position positions[2] = { { { 0, 0 }, 40 }, { { 0, 1 }, KAFKA_OFFSET_BEGINNING } };
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

static void a_second_rebalance_before_start_leaves_one_clean_assignment(void **state)
{
	struct member a, b;
	struct consumer_position all[4] = { { { 0, 0 }, 10 }, { { 0, 1 }, 10 }, { { 0, 2 }, 10 }, { { 0, 3 }, 10 } };
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

static void records_fetched_before_a_revocation_are_not_returned_after_it(void **state)
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
	SERVE_UNTIL(&a, NULL, kafka_consumer_cached_high(a.consumer, (struct topic_partition){ 0, 0 }) == 5000);
	member_open(&b, "revoked", "g-revoked");
	SERVE_UNTIL(&a, &b, a.revoked == 1);
	expect_nothing(&a, 300);
	SERVE_UNTIL(&a, &b, a.assigned == 2 && b.assigned == 1 && a.n == 1 && b.n == 1);
	expect_nothing(&a, 300);
	start_all(&a, 4000);
	next[a.partitions[0].number] = 4000;
	expect_in_order(&a, next, 1000);
	kafka_consumer_close(&a.consumer);
	kafka_consumer_close(&b.consumer);
}

static void a_member_that_waits_for_its_database_stays_in_the_group(void **state)
{
	struct kafka_consumer_options options = { .config = kafka_settings,
		.client_id = "test",
		.group = "g-stays",
		.topics = { { .name = "stays" } },
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
	struct consumer_position positions[PARTITIONS_MAX];
	struct err err;

	for (size_t i = 0; i < m->n; i++) {
		positions[i] = (struct consumer_position){ m->partitions[i], l->next[m->partitions[i].number] };
		l->owner[m->partitions[i].number] = m;
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

static void every_record_arrives_once_and_in_order_through_many_rebalances(void **state)
{
	enum { EACH = 2000, STORM_CHANGES = 16 };
	struct member members[3] = { 0 };
	struct ledger ledger = { .total = 0 };
	int64_t began = clock_mono_ms(), change_ms = began;
	int changes = 0;

	(void)state;
	topic_create("storm", 6);
	for (int32_t p = 0; p < 6; p++)
		topic_fill("storm", p, 0, EACH);
	member_open(&members[0], "storm", "g-storm");
	while (ledger.total < 6 * EACH || changes < STORM_CHANGES) {
		int64_t now = clock_mono_ms();

		if (now - began > 120000)
			fail_msg("%d messages after %d changes", ledger.total, changes);
		if (now >= change_ms + 400 && changes < STORM_CHANGES) {
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_assignment_fetches_nothing_before_start_and_then_exactly_from_there),
		cmocka_unit_test(a_second_rebalance_before_start_leaves_one_clean_assignment),
		cmocka_unit_test(records_fetched_before_a_revocation_are_not_returned_after_it),
		cmocka_unit_test(a_member_that_waits_for_its_database_stays_in_the_group),
		cmocka_unit_test(a_closed_member_leaves_its_partitions_to_the_others_at_once),
		cmocka_unit_test(every_record_arrives_once_and_in_order_through_many_rebalances),
	};

	return cmocka_run_group_tests(tests, kafka_group_setup, kafka_group_teardown);
}
