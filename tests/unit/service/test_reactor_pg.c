/* The main loop of a service with sockets and statements: what runs while a statement waits, and how the loop ends. A program can be asked to
 * end once only, so each test starts a service of its own. */
#include "../pg/session.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "service/admin.h"
#include "service/reactor.h"

#define LIVE_MS 1000
#define TICK_MS 10

static struct fixture {
	struct service *service;
	struct reactor *reactor;
	struct pg *pg;
	struct loop_timer *tick;
	int64_t until_mono_ms; /* busy until then */
	int turns, drains, ticks, ticks_waiting; /* ticks_waiting: while a statement waited */
	bool in_turn, nested;
	int signals; /* sent when draining begins */
	const char *sql; /* of each turn; NULL: none */
	bool fails;
} f;

static void stop(void)
{
	assert_int_equal(kill(getpid(), SIGTERM), 0);
}

static int on_turn(void *ctx, struct err *err)
{
	(void)ctx;
	f.nested |= f.in_turn;
	f.turns++;
	if (f.fails)
		return err_set(err, ERR_FATAL, "test", "this turn fails");
	f.in_turn = true;
	if (f.sql)
		execute(f.pg, f.sql);
	f.in_turn = false;
	if (f.drains == 0)
		stop();
	return 0;
}

static void on_drain(void *ctx)
{
	(void)ctx;
	f.drains++;
	for (int i = 0; i < f.signals; i++)
		assert_int_equal(kill(getpid(), i % 2 ? SIGHUP : SIGTERM), 0);
}

static bool on_busy(void *ctx)
{
	(void)ctx;
	return clock_mono_ms() < f.until_mono_ms;
}

static void on_tick(void *ctx)
{
	(void)ctx;
	f.ticks++;
	if (reactor_waiting(f.reactor))
		f.ticks_waiting++;
	loop_timer_set(f.tick, TICK_MS);
}

static void service_open(void)
{
	static char name[] = "reactor", option[] = "-c";
	char file[] = "/tmp/blazz-reactor-XXXXXX", *argv[] = { name, option, file, NULL };
	const struct service_spec spec = { .name = name, .summary = "for a test", .admin_listen = "127.0.0.1:0" };
	struct err err;
	FILE *config = fdopen(mkstemp(file), "w");

	assert_non_null(config);
	fprintf(config, "admin: { live_timeout = \"%dms\"; };\nkafka: { bootstrap_servers = \"127.0.0.1:1\"; };\n",
		LIVE_MS);
	fclose(config);
	optind = 1; /* getopt(3) has read the arguments of the service before */
	assert_done(service_start(&f.service, &spec, 3, argv, &err), err);
	unlink(file);
	log_set_level(LOG_ERROR);
}

static void reactor_start(int64_t drain_timeout_ms)
{
	static const struct reactor_ops ops = { .turn = on_turn, .drain = on_drain, .busy = on_busy };
	const struct reactor_options options = { .turn_ms = TICK_MS, .drain_timeout_ms = drain_timeout_ms };
	struct pg_options pg = { .conninfo = pg_temp_conninfo(), .application_name = "test" };
	struct err err;

	assert_done(reactor_open(&f.reactor, f.service, &options, &ops, NULL, &err), err);
	reactor_pg(f.reactor, &pg);
	f.pg = session_open_with(&pg);
	f.tick = loop_timer_new(reactor_loop(f.reactor), on_tick, NULL);
	loop_timer_set(f.tick, TICK_MS);
}

static int setup(void **state)
{
	(void)state;
	f = (struct fixture){ 0 };
	service_open();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_timer_free(f.tick);
	pg_close(&f.pg);
	reactor_close(&f.reactor);
	return service_end(&f.service, NULL);
}

static void run_to_the_end(void)
{
	struct err err;

	assert_done(reactor_run(f.reactor, &err), err);
}

static void callbacks_run_while_a_statement_waits_and_turns_do_not(void **state)
{
	(void)state;
	reactor_start(0);
	f.sql = "SELECT pg_sleep(0.3)";
	run_to_the_end();
	assert_true(f.ticks_waiting >= 5);
	assert_false(f.nested);
	assert_int_equal(f.turns, 1);
	assert_false(reactor_waiting(f.reactor));
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
		w->died |= !service_is_alive(f.service, &why);
		poll(NULL, 0, TICK_MS);
	}
	buf_fini(&why);
	return NULL;
}

static void a_long_statement_is_not_a_hanging_loop(void **state)
{
	struct watch w = { .died = false };

	(void)state;
	reactor_start(0);
	f.sql = "SELECT pg_sleep(1.5)";
	service_alive(f.service);
	assert_int_equal(pthread_create(&w.thread, NULL, watch_run, &w), 0);
	run_to_the_end();
	atomic_store(&w.end, true);
	pthread_join(w.thread, NULL);
	assert_false(w.died);
}

static void draining_waits_for_what_is_in_flight(void **state)
{
	(void)state;
	reactor_start(60000);
	f.until_mono_ms = clock_mono_ms() + 300;
	run_to_the_end();
	assert_true(clock_mono_ms() >= f.until_mono_ms);
	assert_int_equal(f.drains, 1);
	assert_true(f.turns >= 2);
	assert_true(f.ticks >= 5);
}

static void further_signals_while_draining_do_not_make_the_loop_spin(void **state)
{
	(void)state;
	reactor_start(60000);
	f.until_mono_ms = clock_mono_ms() + 300;
	f.signals = 2;
	run_to_the_end();
	assert_true(f.turns < 300 / TICK_MS * 3);
}

static void draining_ends_at_its_timeout(void **state)
{
	int64_t began = clock_mono_ms();

	(void)state;
	reactor_start(200);
	f.until_mono_ms = INT64_MAX;
	run_to_the_end();
	assert_in_range(clock_mono_ms() - began, 200, 20000);
}

static void a_failed_turn_ends_the_loop_with_its_error(void **state)
{
	struct err err = { 0 };

	(void)state;
	reactor_start(0);
	f.fails = true;
	assert_failed(reactor_run(f.reactor, &err), err, ERR_FATAL, "test");
	assert_int_equal(f.drains, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(callbacks_run_while_a_statement_waits_and_turns_do_not),
		T(a_long_statement_is_not_a_hanging_loop),
		T(draining_waits_for_what_is_in_flight),
		T(further_signals_while_draining_do_not_make_the_loop_spin),
		T(draining_ends_at_its_timeout),
		T(a_failed_turn_ends_the_loop_with_its_error),
	};

	return cmocka_run_group_tests(tests, pg_temp_start, pg_temp_stop);
}
