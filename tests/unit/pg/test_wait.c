/* Deadlines, the idle function, and a server that has stopped: whatever happens, a call ends in time. */
#include "unit.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop/loop.h"
#include "session.h"

struct owner {
	int calls, give_up_at; /* 0: never */
	int64_t last_ms, longest_gap_ms;
};

static int owner_idle(void *ctx)
{
	struct owner *o = ctx;
	int64_t now = clock_mono_ms();

	if (o->calls++ > 0 && now - o->last_ms > o->longest_gap_ms)
		o->longest_gap_ms = now - o->last_ms;
	o->last_ms = now;
	return o->give_up_at && o->calls >= o->give_up_at;
}

static struct pg *session_of(struct owner *o, int timeout_ms)
{
	struct pg *pg = session_open_with(&(struct pg_options){
		.conninfo = pg_temp_conninfo(),
		.connect_timeout_ms = timeout_ms,
		.statement_timeout_ms = timeout_ms,
		.idle = owner_idle,
		.idle_ctx = o,
	});

	*o = (struct owner){ 0 };
	return pg;
}

static void assert_closed_but_reconnects(struct pg *pg)
{
	struct err err = { 0 };

	assert_false(pg_usable(pg));
	assert_int_equal(pg_socket(pg), -1);
	assert_failed(run(pg, "SELECT 1", NULL, NULL, &err), err, ERR_RETRY, "closed");
	assert_done(pg_reconnect(pg, &err), err);
	assert_true(pg_usable(pg));
	assert_int_equal(query_i64(pg, "SELECT 1"), 1);
}

static void a_slow_statement_ends_at_its_deadline_and_closes_the_connection(void **state)
{
	struct owner o = { 0 };
	struct pg *pg = session_of(&o, 500);
	int64_t began = clock_mono_ms();
	struct err err = { 0 };
	int64_t took;

	(void)state;
	assert_failed(run(pg, "SELECT pg_sleep(20)", NULL, NULL, &err), err, ERR_RETRY, "timeout");
	took = clock_mono_ms() - began;
	assert_in_range(took, 500, 1500);
	assert_in_range(o.calls, 3, 6);
	assert_in_range(o.longest_gap_ms, 1, 400);
	assert_closed_but_reconnects(pg);
	pg_close(&pg);
}

static void an_abandoned_statement_is_cancelled_in_the_server_too(void **state)
{
	struct owner o = { 0 };
	struct pg *pg = session_of(&o, 200), *watcher = session_open();
	int64_t deadline = clock_mono_ms() + 5000;
	struct err err = { 0 };

	(void)state;
	execute(watcher, "SELECT 1");
	assert_failed(run(pg, "SELECT pg_sleep(20), 'left behind'", NULL, NULL, &err), err, ERR_RETRY, "timeout");
	while (query_i64(watcher,
		       "SELECT count(*) FROM pg_stat_activity"
		       " WHERE query LIKE '%''left behind''%' AND pid <> pg_backend_pid()") > 0)
		assert_true(clock_mono_ms() < deadline);
	pg_close(&watcher);
	pg_close(&pg);
}

static void idle_runs_when_a_call_waits_longer_than_a_moment(void **state)
{
	struct owner o = { 0 };
	struct pg *pg = session_of(&o, 5000);

	(void)state;
	assert_int_equal(query_i64(pg, "SELECT 1 FROM pg_sleep(0.02)"), 1);
	assert_true(o.calls >= 1);
	pg_close(&pg);
}

/* Once of ten times: a machine that is busy elsewhere may take a moment for anything. */
static void an_answer_that_is_there_already_is_read_before_idle_runs(void **state)
{
	static const struct pg_stmt nap = { "nap", PG_UNNAMED, "SELECT pg_sleep(0.02)" };
	struct owner o = { 0 };
	struct pg *pg = session_of(&o, 5000);
	struct pollfd answered = { .fd = pg_socket(pg), .events = POLLIN };
	struct err err = { 0 };
	int at_once = 0;

	(void)state;
	for (int i = 0; i < 10; i++) {
		o.calls = 0;
		assert_done(pg_start(pg, &nap, NULL, &err), err);
		assert_int_equal(poll(&answered, 1, 5000), 1);
		assert_done(pg_collect(pg, NULL, &err), err);
		at_once += o.calls == 0;
	}
	assert_true(at_once > 0);
	pg_close(&pg);
}

static void an_owner_can_abandon_the_call(void **state)
{
	struct owner o = { 0 };
	struct pg *pg = session_of(&o, 20000);
	int64_t began = clock_mono_ms();
	struct err err = { 0 };

	(void)state;
	o.give_up_at = 3;
	assert_failed(run(pg, "SELECT pg_sleep(20)", NULL, NULL, &err), err, ERR_RETRY, "abandoned");
	assert_true(clock_mono_ms() - began < 1000);
	o.give_up_at = 0;
	assert_closed_but_reconnects(pg);
	pg_close(&pg);
}

static int overlong_idle(void *ctx)
{
	(void)ctx;
	usleep(400000);
	return 0;
}

static void an_answer_that_arrived_during_idle_counts(void **state)
{
	struct err err = { 0 };
	struct pg *pg = session_open_with(&(struct pg_options){
		.conninfo = pg_temp_conninfo(), .statement_timeout_ms = 300, .idle = overlong_idle });

	(void)state;
	assert_done(run(pg, "SELECT 1", NULL, NULL, &err), err);
	pg_close(&pg);
}

struct ticks {
	struct loop *loop;
	struct loop_timer *timer;
	int n;
};

static void tick(void *ctx)
{
	struct ticks *t = ctx;

	t->n++;
	loop_timer_set(t->timer, 10);
}

static bool wait_in_loop(void *ctx, int fd, bool write, int timeout_ms)
{
	struct ticks *t = ctx;

	return loop_wait(t->loop, fd, write, timeout_ms);
}

static void a_loop_keeps_running_while_a_statement_waits(void **state)
{
	struct ticks t = { 0 };
	struct owner o = { 0 };
	struct err err = { 0 };
	struct pg *pg;

	(void)state;
	assert_done(loop_new(&t.loop, &err), err);
	t.timer = loop_timer_new(t.loop, tick, &t);
	loop_timer_set(t.timer, 0);
	pg = session_open_with(&(struct pg_options){ .conninfo = pg_temp_conninfo(),
		.statement_timeout_ms = 500,
		.idle = owner_idle,
		.idle_ctx = &o,
		.wait = wait_in_loop,
		.wait_ctx = &t });
	assert_true(t.n > 0); /* while connecting, too */
	t.n = 0;
	assert_int_equal(query_i64(pg, "SELECT 1 FROM pg_sleep(0.3)"), 1);
	assert_true(t.n >= 10);
	assert_true(o.calls >= 2);
	assert_failed(run(pg, "SELECT pg_sleep(5)", NULL, NULL, &err), err, ERR_RETRY, "timeout");
	assert_closed_but_reconnects(pg);
	pg_close(&pg);
	loop_timer_free(t.timer);
	loop_free(t.loop);
}

/* SIGSTOP: the socket stays open and silent, as when a host is lost. */
static void a_call_to_a_frozen_backend_ends_at_the_deadline(void **state)
{
	struct owner o = { 0 };
	struct pg *pg = session_of(&o, 500);
	int pid = backend_pid(pg);
	int64_t began;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(kill(pid, SIGSTOP), 0);
	began = clock_mono_ms();
	assert_failed(run(pg, "SELECT 1", NULL, NULL, &err), err, ERR_RETRY, "timeout");
	assert_in_range(clock_mono_ms() - began, 500, 1500);
	assert_closed_but_reconnects(pg);
	kill(pid, SIGCONT);
	pg_close(&pg);
}

/* The server reads nothing: sending has to give up, too. */
static void sending_to_a_frozen_backend_ends_at_the_deadline(void **state)
{
	struct owner o = { 0 };
	struct pg *pg = session_of(&o, 500);
	struct pg_array *a = pg_array_new(PG_BYTEA);
	struct pg_args *args = pg_args_new();
	static char zeros[1 << 20];
	int pid = backend_pid(pg);
	int64_t began;
	struct err err = { 0 };

	(void)state;
	for (int i = 0; i < 32; i++)
		pg_array_str(a, (struct str){ zeros, sizeof(zeros) });
	pg_arg_array(args, a);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	began = clock_mono_ms();
	assert_failed(run(pg, "SELECT cardinality($1)", args, NULL, &err), err, ERR_RETRY, "timeout");
	assert_in_range(clock_mono_ms() - began, 500, 1500);
	assert_closed_but_reconnects(pg);
	kill(pid, SIGCONT);
	pg_args_free(args);
	pg_array_free(a);
	pg_close(&pg);
}

static int start(void **state)
{
	unsetenv("BLAZZ_TEST_PG"); /* the whole server may wait for a backend that is stopped */
	return pg_temp_start(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_statement_ends_at_its_deadline_and_closes_the_connection),
		cmocka_unit_test(an_abandoned_statement_is_cancelled_in_the_server_too),
		cmocka_unit_test(idle_runs_when_a_call_waits_longer_than_a_moment),
		cmocka_unit_test(an_answer_that_is_there_already_is_read_before_idle_runs),
		cmocka_unit_test(an_owner_can_abandon_the_call),
		cmocka_unit_test(an_answer_that_arrived_during_idle_counts),
		cmocka_unit_test(a_loop_keeps_running_while_a_statement_waits),
		cmocka_unit_test(a_call_to_a_frozen_backend_ends_at_the_deadline),
		cmocka_unit_test(sending_to_a_frozen_backend_ends_at_the_deadline),
	};

	return cmocka_run_group_tests(tests, start, pg_temp_stop);
}
