/* libs/worker/worker as a part of a main loop over sockets, against Kafka and PostgreSQL: batches of two topics, transactions of the
 * service's own between them, callbacks while statements wait; and what remains of all that when partitions are revoked. */
#include "../kafka/member.h"

#include "../store/db.h"
#include "base/log.h"
#include "service/reactor.h"
#include "worker/worker.h"

#define PATIENCE_MS 60000
#define HOUR_MS     3600000
#define RECORDS     30 /* of each partition */
#define PARTITIONS  2 /* of each topic */
#define BATCH       7 /* of records: RECORDS is no multiple of it, so that batches have records of several partitions */

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

static struct service *service;
static struct server {
	struct reactor *reactor;
	struct worker *worker;
	struct owner_tx *own; /* the service's own transactions */
	struct loop_io *records;
	struct loop_timer *timer;
	int acquired, lost, own_committed, ticks_while_waiting;
	int64_t deadline_ms, until_mono_ms;
	int turns;
	bool own_wanted, sweep_wanted;
	int sweep_ms, sweeps; /* how long a sweep takes; how many there were */
	bool (*finished)(struct server *s);
} server;

static int decode(void *ctx, const struct kafka_message *m, struct arena *a, void **decoded, struct err *err)
{
	(void)ctx, (void)err;
	*decoded = arena_cstr(a, m->value);
	return 0;
}

/* A statement that takes its time, so that callbacks run meanwhile. */
static int apply(void *ctx, struct owner_tx *tx, struct batch_item *const *items, size_t n, struct err *err)
{
	char sql[200];

	(void)ctx;
	for (size_t i = 0; i < n; i++) {
		snprintf(sql, sizeof(sql), "INSERT INTO applied VALUES (%d, %d, %lld)", items[i]->partition.topic,
			items[i]->partition.number, (long long)items[i]->offset);
		if (run(owner_tx_pg(tx), sql, NULL, NULL, err) < 0)
			return -1;
		items[i]->outcome = OUTCOME_APPLIED;
	}
	return run(owner_tx_pg(tx), "SELECT pg_sleep(0.03)", NULL, NULL, err);
}

static void nothing(void *ctx)
{
	(void)ctx;
}

static int acquired(void *ctx, struct pg *pg, const struct progress *partitions, size_t n, struct err *err)
{
	struct server *s = ctx;

	(void)partitions;
	assert_true(n >= 2);
	s->acquired++;
	return run(pg, "SELECT 1", NULL, NULL, err);
}

static void lost(void *ctx)
{
	((struct server *)ctx)->lost++;
}

static int sweep(void *ctx, struct owner_tx *tx, const struct topic_partition *partitions, size_t n, struct err *err)
{
	struct server *s = ctx;
	char sql[64];

	(void)partitions, (void)n;
	s->sweeps++;
	snprintf(sql, sizeof(sql), "SELECT pg_sleep(%d / 1000.0)", s->sweep_ms);
	return run(owner_tx_pg(tx), sql, NULL, NULL, err);
}

static bool sweep_wanted(void *ctx)
{
	return ((const struct server *)ctx)->sweep_wanted;
}

static const struct worker_ops worker_ops = { .decode = decode,
	.apply = apply,
	.committed = nothing,
	.rolled_back = nothing,
	.sweep = sweep,
	.sweep_wanted = sweep_wanted,
	.acquired = acquired,
	.lost = lost };

static void on_timer(void *ctx)
{
	struct server *s = ctx;

	s->ticks_while_waiting += reactor_waiting(s->reactor);
	loop_timer_set(s->timer, 5);
}

static int own_write(struct server *s, struct err *err)
{
	return owner_tx_include_all(s->own, err) < 0 || owner_tx_begin(s->own, err) < 0 ||
			run(owner_tx_pg(s->own), "INSERT INTO applied VALUES (-1, 0, 0)", NULL, NULL, err) < 0 ||
			run(owner_tx_pg(s->own), "SELECT pg_sleep(0.01)", NULL, NULL, err) < 0 ||
			owner_tx_commit(s->own, err) < 0
		? -1
		: 0;
}

static void own_turn(struct server *s)
{
	struct err err;

	if (own_write(s, &err) == 0)
		s->own_committed++;
	else
		owner_restart(worker_owner(s->worker), &err);
	owner_tx_reset(s->own);
}

/* Ends reactor_run() by a fatal error once the test has what it waits for. */
static int on_turn(void *ctx, struct err *err)
{
	struct server *s = ctx;
	int rc;

	s->turns++;
	loop_io_set(s->records, false, false); /* while a statement waits the worker receives them itself */
	rc = worker_turn(s->worker, 0, err);
	if (rc >= 0 && s->own_wanted && owner_running(worker_owner(s->worker)))
		own_turn(s);
	loop_io_set(s->records, worker_receives(s->worker), false);
	if (rc < 0)
		return -1;
	if (s->finished(s))
		return err_set(err, ERR_FATAL, "finished", "the test goes on");
	return clock_mono_ms() < s->deadline_ms ? 0 : err_set(err, ERR_FATAL, "late", "timed out");
}

static void run_until(bool (*finished)(struct server *s))
{
	struct err err = { 0 };

	server.finished = finished;
	server.deadline_ms = clock_mono_ms() + PATIENCE_MS;
	assert_int_equal(reactor_run(server.reactor, &err), -1);
	if (strcmp(err.code, "finished") != 0)
		fail_msg("%s", err.msg);
}

static int start(void **state)
{
	static char name[] = "worker", option[] = "-c", file[] = "/tmp/blazz-worker-XXXXXX";
	char *argv[] = { name, option, file, NULL };
	const struct service_spec spec = { .name = "worker", .summary = "for a test", .admin_listen = "127.0.0.1:0" };
	FILE *f;

	if (db_start(state) < 0 || kafka_group_setup(state) < 0)
		return -1;
	db_script(
		"CREATE TABLE applied (topic integer, partition integer, number bigint, tx bigint DEFAULT txid_current());"
		"GRANT SELECT, INSERT ON applied TO blazz_chat_sync");
	topic_create("worker.one", PARTITIONS);
	topic_create("worker.two", PARTITIONS);
	f = fdopen(mkstemp(file), "w");
	fprintf(f, "kafka: { bootstrap_servers = \"%s\"; };\n", kafka_config_get(kafka_settings, "bootstrap.servers"));
	fclose(f);
	if (service_start(&service, &spec, 3, argv, &db.err) < 0)
		return -1;
	unlink(file);
	log_set_level(LOG_ERROR);
	return 0;
}

static int stop(void **state)
{
	service_end(&service, NULL);
	kafka_group_teardown(state);
	return db_stop(state);
}

static int server_start(int outbox_max_outstanding, int sweep_interval_ms, bool bulk)
{
	static const struct reactor_ops ops = { .turn = on_turn };
	const struct reactor_options reactor = { .turn_ms = 10 };
	struct worker_options options = {
		.owner = { .consumer = "chat-sync",
			.topics = { { .name = "worker.one", .dlq = "worker.one.dlq" },
				{ .name = "worker.two", .dlq = "worker.two.dlq", .bulk = bulk } },
			.backoff_min_ms = 20,
			.backoff_max_ms = 200,
			.tidy_interval_ms = 1000,
			.dlq_max_bytes = 1 << 20,
			.pg = { .conninfo = db_conninfo(CHAT_SYNC), .application_name = "test" } },
		.batch_max_events = BATCH,
		.batch_max_bytes = 1 << 20,
		.outbox_max_outstanding = outbox_max_outstanding,
		.sweep_interval_ms = sweep_interval_ms
	};

	server = (struct server){ 0 };
	done(reactor_open(&server.reactor, service, &reactor, &ops, &server, &db.err));
	reactor_pg(server.reactor, &options.owner.pg);
	done(worker_open(&server.worker, service, &options, &worker_ops, &server, &db.err));
	server.own = owner_tx_new(worker_owner(server.worker));
	server.records = loop_io_new(reactor_loop(server.reactor), owner_fd(worker_owner(server.worker)), true, false,
		nothing, NULL);
	server.timer = loop_timer_new(reactor_loop(server.reactor), on_timer, &server);
	loop_timer_set(server.timer, 5);
	return 0;
}

static int server_open(void **state)
{
	(void)state;
	return server_start(4, HOUR_MS, false);
}

static int server_open_bulk(void **state)
{
	(void)state;
	return server_start(4, HOUR_MS, true);
}

static int server_open_sweeping(void **state)
{
	(void)state;
	if (server_start(4, 1, false) < 0)
		return -1;
	server.sweep_ms = 100;
	return 0;
}

static int server_open_blocked(void **state)
{
	(void)state;
	return server_start(0, HOUR_MS, false);
}

static int server_close(void **state)
{
	(void)state;
	owner_tx_free(server.own);
	owner_drain(worker_owner(server.worker), 0);
	loop_timer_free(server.timer);
	loop_io_free(server.records);
	worker_close(&server.worker);
	reactor_close(&server.reactor);
	return 0;
}

static void topics_fill(int first, int n)
{
	for (int32_t p = 0; p < PARTITIONS; p++) {
		topic_fill("worker.one", p, first, n);
		topic_fill("worker.two", p, first, n);
	}
}

#define RECORDS_APPLIED "SELECT count(*) FROM applied WHERE topic >= 0"

static bool all_applied(struct server *s)
{
	return s->own_committed >= 3 && db_i64(RECORDS_APPLIED) == RECORDS * 2 * PARTITIONS;
}

static bool is_running(struct server *s)
{
	return owner_running(worker_owner(s->worker));
}

static void batches_of_two_topics_and_own_transactions_alternate_while_callbacks_run(void **state)
{
	(void)state;
	server.own_wanted = true;
	topics_fill(0, RECORDS);
	run_until(all_applied);
	assert_int_equal(db_i64("SELECT count(DISTINCT (topic, partition, number)) FROM applied WHERE topic >= 0"),
		RECORDS * 2 * PARTITIONS);
	assert_int_equal(db_i64("SELECT count(*) FROM applied WHERE topic < 0"), server.own_committed);
	assert_int_equal(db_i64("SELECT count(*) FROM consumer_progress WHERE next_offset = 30 AND applied = 30"),
		2 * PARTITIONS);
	assert_true(server.ticks_while_waiting > 0);
	assert_true(server.acquired >= 1);
}

static void a_turn_without_a_timeout_does_not_wait(void **state)
{
	int64_t began;

	(void)state;
	run_until(is_running);
	began = clock_mono_ms();
	for (int i = 0; i < 100; i++)
		assert_int_equal(worker_turn(server.worker, 0, &db.err), 0);
	assert_true(clock_mono_ms() - began < 2500); /* one that waits as worker_run() does takes 5 s */
}

/* Another member of the group, which gets one partition of the first topic; this replica keeps the others. */
static struct member other;

static bool was_lost(struct server *s)
{
	return s->lost > 0;
}

static bool other_has_one(struct server *s)
{
	kafka_consumer_serve(other.consumer);
	return other.n > 0 && is_running(s);
}

static bool the_rest_is_applied(struct server *s)
{
	kafka_consumer_serve(other.consumer);
	return s->own_committed >= 3 && db_i64(RECORDS_APPLIED) >= RECORDS * (4 * PARTITIONS - 1);
}

static void what_was_revoked_is_lost_and_nothing_more_is_committed_for_it(void **state)
{
	struct owner *owner = worker_owner(server.worker);
	struct owner_tx *before = owner_tx_new(owner);
	char sql[100];

	(void)state;
	run_until(is_running);
	server.lost = 0; /* an assignment counts, too */
	done(owner_tx_include_all(before, &db.err));
	member_open(&other, "worker.one", "chat-sync");
	run_until(was_lost);
	execute(db.admin, "UPDATE consumer_progress SET epoch = epoch + 1"); /* as the next owner does */
	assert_failed(owner_tx_begin(before, &db.err), db.err, ERR_FENCED, "fenced");
	owner_tx_free(before);

	run_until(other_has_one);
	assert_int_equal(other.n, 1);
	assert_null(owner_progress(owner, other.partitions[0]));
	server.own_wanted = true;
	topics_fill(RECORDS, RECORDS);
	run_until(the_rest_is_applied);
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM applied WHERE topic = 0 AND partition = %d",
		(int)other.partitions[0].number);
	assert_int_equal(db_i64(sql), RECORDS);
	assert_int_equal(db_i64(RECORDS_APPLIED), RECORDS * (4 * PARTITIONS - 1));
	kafka_consumer_close(&other.consumer);
}

static bool is_late(struct server *s)
{
	return clock_mono_ms() >= s->until_mono_ms;
}

static bool receives_nothing(struct server *s)
{
	return is_running(s) && !worker_receives(s->worker);
}

/* Kafka never acknowledges enough here: what stays unread in Kafka must not keep the loop awake. */
static void under_back_pressure_records_do_not_wake_the_loop(void **state)
{
	int64_t applied = db_i64(RECORDS_APPLIED);
	int turns;

	(void)state;
	topics_fill(1000, RECORDS);
	run_until(receives_nothing);
	turns = server.turns;
	server.until_mono_ms = clock_mono_ms() + 500;
	run_until(is_late);
	assert_true(server.turns - turns < 500);
	assert_int_equal(db_i64(RECORDS_APPLIED), applied);
}

/* The records after those of the first test, which later tests do not know. */
static bool all_received(struct server *s)
{
	(void)s;
	return db_i64("SELECT count(*) FROM applied WHERE number >= " TEXT(RECORDS)) == RECORDS * 2 * PARTITIONS;
}

static void more_forget(void)
{
	execute(db.admin, "DELETE FROM applied WHERE number >= " TEXT(RECORDS));
}

static void slow_sweeps_leave_most_of_the_time_to_batches(void **state)
{
	(void)state;
	topics_fill(RECORDS, RECORDS);
	run_until(all_received);
	assert_true(server.sweeps > 0);
	server.sweeps = 0;
	server.until_mono_ms = clock_mono_ms() + 2000;
	run_until(is_late);
	assert_in_range(server.sweeps, 1, 5);
	more_forget();
}

static void a_sweep_that_is_wanted_takes_turns_with_batches(void **state)
{
	(void)state;
	server.sweep_wanted = true;
	topics_fill(RECORDS, RECORDS);
	run_until(all_received);
	assert_true(server.sweeps > 5);
	more_forget();
}

/* Otherwise a record of the first topic would wait for as many of bulk as one transaction may have. */
static void records_of_bulk_are_in_transactions_of_their_own(void **state)
{
	(void)state;
	topics_fill(RECORDS, RECORDS);
	run_until(all_received);
	assert_int_equal(db_i64("SELECT count(*) FROM (SELECT FROM applied WHERE number >= " TEXT(
				 RECORDS) " GROUP BY tx"
					  " HAVING count(DISTINCT topic) > 1) AS mixed"),
		0);
	more_forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			batches_of_two_topics_and_own_transactions_alternate_while_callbacks_run, server_open,
			server_close),
		cmocka_unit_test_setup_teardown(slow_sweeps_leave_most_of_the_time_to_batches, server_open_sweeping,
			server_close),
		cmocka_unit_test_setup_teardown(a_sweep_that_is_wanted_takes_turns_with_batches, server_open_sweeping,
			server_close),
		cmocka_unit_test_setup_teardown(records_of_bulk_are_in_transactions_of_their_own, server_open_bulk,
			server_close),
		cmocka_unit_test_setup_teardown(a_turn_without_a_timeout_does_not_wait, server_open, server_close),
		cmocka_unit_test_setup_teardown(what_was_revoked_is_lost_and_nothing_more_is_committed_for_it,
			server_open, server_close),
		cmocka_unit_test_setup_teardown(under_back_pressure_records_do_not_wake_the_loop, server_open_blocked,
			server_close),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
