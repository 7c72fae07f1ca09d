/* libs/worker/lease against PostgreSQL and Kafka: one holder at a time, whose transactions alone go through; what one leaves is published by
 * the next, first. */
#include "../kafka/real.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "../store/db.h"
#include "base/log.h"
#include "kafka/reader.h"
#include "service/admin.h"
#include "worker/lease.h"

#define PATIENCE_MS 30000
#define LIVE_MS     2000
#define TOPIC       "lease.out"

static struct service *service;

static struct replica {
	struct lease *lease;
	int acquired, lost;
	int64_t acknowledged; /* the last seq */
} a, b;

static void on_acquired(void *ctx)
{
	((struct replica *)ctx)->acquired++;
}

static void on_lost(void *ctx)
{
	((struct replica *)ctx)->lost++;
}

static void on_acknowledged(void *ctx, int64_t epoch, int64_t seq)
{
	struct replica *r = ctx;

	assert_true(epoch > 0);
	assert_true(seq > r->acknowledged);
	r->acknowledged = seq;
}

static void replica_open(struct replica *r, const char *holder, int64_t ttl_ms)
{
	static const struct lease_ops ops = {
		.acquired = on_acquired, .lost = on_lost, .acknowledged = on_acknowledged
	};
	struct lease_options options = { .name = "cleanup",
		.holder = holder,
		.ttl_ms = ttl_ms,
		.renew_interval_ms = ttl_ms / 3,
		.backoff_ms = 20,
		.max_message_bytes = 1 << 20,
		.pg = { .conninfo = db_conninfo("blazz_cleanup"), .application_name = "test" } };

	*r = (struct replica){ 0 };
	done(lease_open(&r->lease, service, &options, &ops, r, &db.err));
}

#define TURN_UNTIL(r, condition) \
	do { \
		int64_t deadline_ = clock_mono_ms() + PATIENCE_MS; \
		while (!(condition)) { \
			if (clock_mono_ms() > deadline_) \
				fail_msg("timed out waiting for " #condition); \
			done(lease_turn((r)->lease, &db.err)); \
		} \
	} while (0)

static void emit(struct replica *r, const char *value)
{
	lease_emit(r->lease, STR(TOPIC), STR("k"), str_of(value), NULL, 0);
}

static void write_one(struct replica *r, const char *value)
{
	done(lease_begin(r->lease, &db.err));
	emit(r, value);
	done(lease_commit(r->lease, &db.err));
}

/* The values of the topic from the given offset on, with commas. */
static const char *topic_read(int64_t from)
{
	static char out[400];
	struct kafka_message m = { 0 };
	struct kafka_reader *r;
	size_t n = 0;

	out[0] = '\0';
	assert_int_equal(kafka_reader_open(&r, kafka_settings, TOPIC, PATIENCE_MS, &db.err), 0);
	while (kafka_reader_next(r, PATIENCE_MS, &m, &db.err) == 1) {
		if (m.offset >= from)
			n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%.*s", n ? "," : "", STR_ARG(m.value));
		kafka_message_release(&m);
	}
	kafka_reader_close(&r);
	return out;
}

static int64_t topic_end(void)
{
	const struct kafka_range *ranges;
	struct kafka_reader *r;
	int64_t high;
	size_t n;

	assert_int_equal(kafka_reader_open(&r, kafka_settings, TOPIC, PATIENCE_MS, &db.err), 0);
	ranges = kafka_reader_ranges(r, &n);
	high = ranges[0].high;
	kafka_reader_close(&r);
	return high;
}

static int start(void **state)
{
	static char name[] = "lease", option[] = "-c", file[] = "/tmp/blazz-lease-XXXXXX";
	char *argv[] = { name, option, file, NULL };
	const struct service_spec spec = { .name = "lease", .summary = "for a test", .admin_listen = "127.0.0.1:0" };
	FILE *f;
	int fd;

	if (db_start(state) < 0 || kafka_group_setup(state) < 0)
		return -1;
	topic_create(TOPIC, 1);
	fd = mkstemp(file);
	f = fdopen(fd, "w");
	fprintf(f, "admin: { live_timeout = \"%dms\"; };\n", LIVE_MS);
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

static int setup(void **state)
{
	return db_empty(state);
}

static void one_replica_holds_the_lease_and_releases_it(void **state)
{
	(void)state;
	replica_open(&a, "a", 60000);
	replica_open(&b, "b", 60000);
	TURN_UNTIL(&a, lease_held(a.lease));
	assert_true(lease_is_fresh(a.lease, 60000));
	for (int i = 0; i < 200; i++)
		done(lease_turn(b.lease, &db.err));
	assert_false(lease_held(b.lease));
	assert_failed(lease_begin(b.lease, &db.err), db.err, ERR_FENCED, "lease");
	lease_close(&a.lease, 0);
	TURN_UNTIL(&b, lease_held(b.lease)); /* without waiting for its end */
	assert_int_equal(b.acquired, 1);
	assert_int_equal(b.lost, 0);
	lease_close(&b.lease, 0);
}

static void committed_records_are_published_and_reported(void **state)
{
	int64_t from = topic_end();
	struct event_source s;

	(void)state;
	replica_open(&a, "a", 60000);
	TURN_UNTIL(&a, lease_held(a.lease));
	done(lease_begin(a.lease, &db.err));
	emit(&a, "undone");
	lease_rollback(a.lease);
	done(lease_begin(a.lease, &db.err));
	emit(&a, "1");
	s = lease_source(a.lease);
	assert_true(str_is(s.producer, "cleanup"));
	assert_int_equal(s.slot, 0);
	assert_int_equal(s.index, 1);
	emit(&a, "2");
	assert_int_equal(db_i64("SELECT count(*) FROM outbox"), 0);
	done(lease_commit(a.lease, &db.err));
	assert_text("SELECT concat_ws('/', producer, topic, slot, seq) FROM outbox", "cleanup//0/1");
	TURN_UNTIL(&a, a.acknowledged == s.seq);
	lease_close(&a.lease, PATIENCE_MS);
	assert_int_equal(db_i64("SELECT count(*) FROM outbox"), 0);
	assert_string_equal(topic_read(from), "1,2");
}

/* As after SIGSTOP: it believes that it leads, its lease has ended, and another has it. */
static void a_paused_former_holder_writes_nothing(void **state)
{
	int64_t from = topic_end();

	(void)state;
	replica_open(&a, "a", 60000);
	TURN_UNTIL(&a, lease_held(a.lease));
	write_one(&a, "before");
	execute(db.admin, "UPDATE leases SET until = now()");
	assert_failed(lease_begin(a.lease, &db.err), db.err, ERR_FENCED, "fenced"); /* ended, though nobody has it */
	lease_rollback(a.lease);
	replica_open(&b, "b", 60000);
	TURN_UNTIL(&b, lease_held(b.lease));
	assert_true(lease_held(a.lease));
	assert_failed(lease_begin(a.lease, &db.err), db.err, ERR_FENCED, "fenced");
	lease_fail(a.lease, &db.err);
	assert_int_equal(a.lost, 1);
	assert_false(lease_held(a.lease));
	write_one(&b, "after");
	TURN_UNTIL(&b, b.acknowledged > 0 && db_i64("SELECT count(*) FROM outbox") <= 2);
	lease_close(&b.lease, PATIENCE_MS);
	lease_close(&a.lease, 0);
	assert_non_null(strstr(topic_read(from), "before"));
}

static void acquiring_the_lease_waits_for_the_holders_open_transaction(void **state)
{
	(void)state;
	replica_open(&a, "a", 60000);
	TURN_UNTIL(&a, lease_held(a.lease));
	done(lease_begin(a.lease, &db.err));
	execute(db.admin, "SET lock_timeout = '200ms'");
	assert_failed(run(db.admin, "UPDATE leases SET until = now()", NULL, NULL, &db.err), db.err, ERR_RETRY,
		"55P03");
	emit(&a, "x");
	done(lease_commit(a.lease, &db.err));
	lease_close(&a.lease, PATIENCE_MS);
}

static void the_next_holder_publishes_remaining_rows_before_new_ones(void **state)
{
	int64_t from = topic_end();

	(void)state;
	replica_open(&a, "a", 60000);
	TURN_UNTIL(&a, lease_held(a.lease));
	for (int i = 1; i <= 3; i++) { /* committed, and the process is killed before Kafka has it */
		char sql[300];
		struct buf record = BUF_INIT;
		char value[20];

		snprintf(value, sizeof(value), "left %d", i);
		records_add(&record, STR(TOPIC), STR("k"), str_of(value), NULL, 0);
		snprintf(sql, sizeof(sql),
			"INSERT INTO outbox (producer, slot, epoch, seq, records) SELECT name, 0, epoch, %d, '\\x", i);
		for (size_t k = 0; k < record.n; k++)
			snprintf(sql + strlen(sql), sizeof(sql) - strlen(sql), "%02x", (unsigned char)record.p[k]);
		snprintf(sql + strlen(sql), sizeof(sql) - strlen(sql), "' FROM leases");
		execute(db.admin, sql);
		buf_fini(&record);
	}
	execute(db.admin, "UPDATE leases SET until = now(), seq = 3");
	replica_open(&b, "b", 60000);
	TURN_UNTIL(&b, lease_held(b.lease));
	write_one(&b, "new");
	lease_close(&b.lease, PATIENCE_MS);
	lease_close(&a.lease, 0);
	assert_string_equal(topic_read(from), "left 1,left 2,left 3,new");
	assert_int_equal(db_i64("SELECT count(*) FROM outbox"), 0);
}

struct watch {
	pthread_t thread;
	atomic_bool end;
	bool died;
};

static void *watch_run(void *ctx)
{
	struct watch *w = ctx;
	struct buf why = BUF_INIT;

	while (!atomic_load(&w->end)) {
		w->died |= !service_is_alive(service, &why);
		poll(NULL, 0, 10);
	}
	buf_fini(&why);
	return NULL;
}

/* Its record is for a topic that does not exist, so that nothing acknowledges it. */
static void a_long_close_is_not_a_hanging_loop(void **state)
{
	struct watch w = { .died = false };
	int64_t began;

	(void)state;
	replica_open(&a, "a", 60000);
	TURN_UNTIL(&a, lease_held(a.lease));
	done(lease_begin(a.lease, &db.err));
	lease_emit(a.lease, STR("lease.absent"), STR("k"), STR("v"), NULL, 0);
	done(lease_commit(a.lease, &db.err));
	began = clock_mono_ms();
	assert_int_equal(pthread_create(&w.thread, NULL, watch_run, &w), 0);
	lease_close(&a.lease, LIVE_MS + 1000);
	atomic_store(&w.end, true);
	pthread_join(w.thread, NULL);
	assert_true(clock_mono_ms() - began >= LIVE_MS + 1000);
	assert_false(w.died);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(one_replica_holds_the_lease_and_releases_it),
		T(committed_records_are_published_and_reported),
		T(a_paused_former_holder_writes_nothing),
		T(acquiring_the_lease_waits_for_the_holders_open_transaction),
		T(the_next_holder_publishes_remaining_rows_before_new_ones),
		T(a_long_close_is_not_a_hanging_loop),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
