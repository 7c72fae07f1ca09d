/* What libs/worker tells a service unasked, against PostgreSQL and Kafka: that Kafka has what a transaction emitted; and that a service may
 * have its sweep before the time. */
#include "../kafka/real.h"

#include <signal.h>

#include "../store/db.h"
#include "base/log.h"
#include "worker/worker.h"

#define PATIENCE_MS 30000
#define HOUR_MS     3600000

static const struct topic_partition partition_zero = { 0, 0 };
static struct service *service;
static struct owner *owner;
static struct {
	int n;
	int64_t epoch, seq; /* of the last */
} told;
static struct {
	bool wanted;
	int swept, asked; /* asked: since the last sweep */
} script;

static struct owner_options owner_options(void)
{
	return (struct owner_options){ .consumer = "chat-sync",
		.topics = { { .name = "owner.in", .dlq = "owner.in.dlq" } },
		.backoff_min_ms = 20,
		.backoff_max_ms = 200,
		.tidy_interval_ms = 1000,
		.dlq_max_bytes = 1 << 20,
		.pg = { .conninfo = db_conninfo(CHAT_SYNC), .application_name = "test" } };
}

static void on_lost(void *ctx)
{
	(void)ctx;
}

static void on_acknowledged(void *ctx, struct topic_partition partition, int64_t epoch, int64_t seq)
{
	(void)ctx;
	assert_true(topic_partition_eq(partition, partition_zero));
	told.n++;
	told.epoch = epoch;
	told.seq = seq;
}

static int start(void **state)
{
	static char name[] = "owner", option[] = "-c", file[] = "/tmp/blazz-owner-XXXXXX";
	char *argv[] = { name, option, file, NULL };
	const struct service_spec spec = { .name = "owner", .summary = "for a test", .admin_listen = "127.0.0.1:0" };
	FILE *f;

	if (db_start(state) < 0 || kafka_group_setup(state) < 0)
		return -1;
	topic_create("owner.in", 1);
	topic_create("owner.out", 1);
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

static void turn_for(int64_t ms)
{
	for (int64_t until = clock_mono_ms() + ms; clock_mono_ms() < until;)
		done(owner_turn(owner, 20, &db.err));
}

#define TURN_UNTIL(condition) \
	do { \
		int64_t deadline_ = clock_mono_ms() + PATIENCE_MS; \
		while (!(condition)) { \
			if (clock_mono_ms() > deadline_) \
				fail_msg("timed out waiting for " #condition); \
			turn_for(20); \
		} \
	} while (0)

static void begin(struct owner_tx *tx)
{
	owner_tx_reset(tx);
	done(owner_tx_include(tx, partition_zero, &db.err));
	done(owner_tx_begin(tx, &db.err));
}

static void emit(struct owner_tx *tx, const char *topic)
{
	owner_tx_emit(tx, partition_zero, str_of(topic), STR("k"), STR("v"), NULL, 0);
}

static void a_transaction_is_reported_when_kafka_has_acknowledged_all_of_it(void **state)
{
	static const struct owner_ops ops = { .lost = on_lost, .acknowledged = on_acknowledged };
	struct owner_options options = owner_options();
	struct event_source source;
	struct owner_tx *tx;

	(void)state;
	execute(db.admin,
		"INSERT INTO outbox (producer, topic, slot, epoch, seq, records) VALUES ('chat-sync', 'owner.in', 0, 0, 7, '')");
	done(owner_open(&owner, service, &options, &ops, NULL, &db.err));
	tx = owner_tx_new(owner);
	TURN_UNTIL(owner_running(owner) && told.n == 1); /* an earlier owner's */
	assert_int_equal(told.epoch, 0);
	assert_int_equal(told.seq, 7);

	begin(tx);
	emit(tx, "owner.out");
	owner_tx_rollback(tx);
	begin(tx);
	emit(tx, "owner.out");
	emit(tx, "owner.later"); /* does not exist yet */
	source = owner_tx_source(tx, partition_zero);
	done(owner_tx_commit(tx, &db.err));
	turn_for(2000);
	assert_int_equal(told.n, 1);
	topic_create("owner.later", 1);
	TURN_UNTIL(told.n > 1);
	assert_int_equal(told.n, 2);
	assert_int_equal(told.epoch, source.epoch);
	assert_int_equal(told.seq, source.seq);
	owner_tx_free(tx);
	owner_drain(owner, 0);
	owner_close(&owner);
}

static int sweep(void *ctx, struct owner_tx *tx, const struct topic_partition *partitions, size_t n, struct err *err)
{
	(void)ctx, (void)tx, (void)partitions, (void)n, (void)err;
	script.wanted = ++script.swept == 1;
	script.asked = 0;
	return 0;
}

static bool sweep_wanted(void *ctx)
{
	(void)ctx;
	if (++script.asked == 10) /* and nothing was wanted: enough */
		raise(SIGTERM);
	return script.wanted;
}

/* The service ends with it: the last test. */
static void a_requested_sweep_does_not_wait_for_its_schedule(void **state)
{
	static const struct worker_ops ops = { .sweep = sweep,
		.sweep_wanted = sweep_wanted,
		.committed = on_lost,
		.rolled_back = on_lost,
		.assignment_changed = on_lost };
	struct worker_options options = { .owner = owner_options(),
		.batch_max_events = 10,
		.batch_max_bytes = 1 << 20,
		.outbox_max_outstanding = 4,
		.sweep_interval_ms = HOUR_MS };
	struct worker *worker;

	(void)state;
	done(worker_open(&worker, service, &options, &ops, NULL, &db.err));
	alarm(60); /* one that is never asked never ends */
	done(worker_run(worker, &db.err));
	alarm(0);
	assert_int_equal(script.swept, 2);
	worker_close(&worker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_transaction_is_reported_when_kafka_has_acknowledged_all_of_it),
		cmocka_unit_test(a_requested_sweep_does_not_wait_for_its_schedule),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
