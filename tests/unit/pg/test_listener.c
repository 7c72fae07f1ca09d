/* Listening on the event loop and with poll(2), and what becomes of it when the server ends or refuses the connection. */
#include "unit.h"

#include <poll.h>
#include <stdio.h>

#include "pg/listener.h"
#include "session.h"

#define BACKOFF_MIN_MS 400
#define BACKOFF_MAX_MS 1000
#define DEADLINE_MS    5000

static struct loop *loop;
static struct pg_listener *listener;
static int missed, alive, notified, fail_missed;
static int pid; /* of the listener's backend, as missed() read it */
static char last[100]; /* channel:payload */
static bool change_meanwhile; /* while missed() reads */

static void notify(const char *sql)
{
	struct pg *sender = session_open();

	execute(sender, sql);
	pg_close(&sender);
}

static int on_missed(void *ctx, struct err *err)
{
	struct pg_rows *rows;
	int64_t in_callback;

	(void)ctx;
	missed++;
	if (fail_missed-- > 0)
		return err_set(err, ERR_RETRY, "test", "rows cannot be read");
	in_callback = pg_listener_read(listener, err);
	assert_failed(in_callback, *err, ERR_RETRY, "waiting");
	assert_done(run(pg_listener_pg(listener), "SELECT pg_backend_pid()", NULL, &rows, err), *err);
	pid = (int)pg_i64(rows, 0, 0);
	pg_rows_free(rows);
	if (change_meanwhile)
		notify("NOTIFY first, 'meanwhile'");
	return 0;
}

static void on_notified(void *ctx, struct str channel, struct str payload)
{
	(void)ctx;
	notified++;
	snprintf(last, sizeof(last), "%.*s:%.*s", (int)channel.n, channel.p, (int)payload.n, payload.p);
}

static void on_alive(void *ctx)
{
	(void)ctx;
	alive++;
}

static void fresh(struct loop *on)
{
	static const char *const channels[] = { "first", "second", NULL };
	static const struct pg_listener_ops ops = { .missed = on_missed, .notified = on_notified, .alive = on_alive };
	const struct pg_listener_options options = {
		.loop = on,
		.pg = { .conninfo = pg_temp_conninfo(), .application_name = "listener" },
		.channels = channels,
		.backoff_min_ms = BACKOFF_MIN_MS,
		.backoff_max_ms = BACKOFF_MAX_MS,
	};

	missed = alive = notified = fail_missed = 0;
	change_meanwhile = false;
	listener = pg_listener_new(&options, &ops, NULL);
}

/* As a main loop does it: waits for the descriptor, at most until something is due, then turns. */
static int turn(struct err *err)
{
	int64_t wait_ms = pg_listener_due_mono_ms(listener) - clock_mono_ms();
	int timeout_ms = wait_ms < 0 ? 0 : wait_ms > 50 ? 50 : (int)wait_ms;

	if (loop)
		loop_turn(loop, timeout_ms);
	else
		poll(&(struct pollfd){ .fd = pg_listener_fd(listener), .events = POLLIN }, 1, timeout_ms);
	return pg_listener_turn(listener, err);
}

static void turn_until(const int *count, int want)
{
	int64_t deadline = clock_mono_ms() + DEADLINE_MS;
	struct err err;

	while (*count < want && clock_mono_ms() < deadline)
		if (turn(&err) < 0)
			assert_int_equal(err.kind, ERR_RETRY);
	assert_int_equal(*count, want);
}

static void turn_until_lost(struct err *err)
{
	int64_t deadline = clock_mono_ms() + DEADLINE_MS;
	int rc;

	while ((rc = turn(err)) == 0 && clock_mono_ms() < deadline)
		;
	assert_int_equal(rc, -1);
	assert_false(pg_listener_listens(listener));
}

static void on_loop(void)
{
	struct err err;

	assert_done(loop_new(&loop, &err), err);
	fresh(loop);
}

static void end(void)
{
	pg_listener_free(listener);
	loop_free(loop);
	loop = NULL;
}

static void notifications_of_all_channels_are_delivered(void **state)
{
	struct err err;

	(void)state;
	on_loop();
	assert_int_equal(pg_listener_turn(listener, &err), 0);
	assert_int_equal(missed, 1);
	assert_int_equal(alive, 1);
	assert_true(pg_listener_listens(listener));
	notify("NOTIFY first, 'one'");
	turn_until(&notified, 1);
	assert_string_equal(last, "first:one");
	notify("NOTIFY second, 'two'");
	turn_until(&notified, 2);
	assert_string_equal(last, "second:two");
	assert_int_equal(missed, 1);
	end();
}

static void a_thread_without_a_loop_polls_the_descriptor(void **state)
{
	(void)state;
	fresh(NULL);
	turn_until(&missed, 1);
	notify("NOTIFY first, 'one'");
	turn_until(&notified, 1);
	backend_kill(pid);
	turn_until(&missed, 2);
	notify("NOTIFY second, 'two'");
	turn_until(&notified, 2);
	end();
}

/* The loop does not report what a statement has read already. */
static void notifications_that_a_statement_read_are_delivered(void **state)
{
	struct err err;

	(void)state;
	on_loop();
	turn_until(&missed, 1);
	assert_int_equal(pg_listener_turn(listener, &err), 0);
	execute(pg_listener_pg(listener), "NOTIFY first, 'own'");
	assert_int_equal(pg_listener_turn(listener, &err), 1);
	assert_string_equal(last, "first:own");
	end();
}

static void a_lost_connection_is_reopened_and_reported_as_a_gap(void **state)
{
	struct err err;

	(void)state;
	on_loop();
	turn_until(&missed, 1);
	backend_kill(pid);
	turn_until_lost(&err);
	assert_string_equal(err.code, "lost");
	assert_int_equal(pg_listener_fd(listener), -1);
	assert_failed(pg_listener_read(listener, &err), err, ERR_RETRY, "closed");
	notify("NOTIFY first, 'lost'");
	turn_until(&missed, 2);
	assert_int_equal(notified, 0);
	notify("NOTIFY second, 'after'");
	turn_until(&notified, 1);
	end();
}

static void an_owner_that_cannot_wait_connects_at_once(void **state)
{
	struct err err;

	(void)state;
	on_loop();
	turn_until(&missed, 1);
	pg_listener_drop(listener);
	assert_int_equal(pg_listener_turn(listener, &err), 0);
	assert_false(pg_listener_listens(listener));
	assert_done(pg_listener_listen(listener, &err), err);
	assert_true(pg_listener_listens(listener));
	assert_int_equal(missed, 2);
	assert_done(pg_listener_listen(listener, &err), err);
	assert_int_equal(missed, 2);
	end();
}

static void the_gap_must_be_read_or_the_connection_counts_as_failed(void **state)
{
	struct err err;

	(void)state;
	on_loop();
	fail_missed = 1;
	assert_failed(pg_listener_turn(listener, &err), err, ERR_RETRY, "test");
	assert_false(pg_listener_listens(listener));
	assert_int_equal(alive, 0);
	turn_until(&alive, 1);
	assert_int_equal(missed, 2);
	end();
}

static void changes_while_the_gap_is_read_are_notified(void **state)
{
	(void)state;
	on_loop();
	change_meanwhile = true;
	turn_until(&missed, 1);
	turn_until(&notified, 1);
	assert_string_equal(last, "first:meanwhile");
	end();
}

/* From one failed attempt to the next. */
static int64_t wait_after_a_failure(void)
{
	struct err err;

	turn_until_lost(&err);
	return pg_listener_due_mono_ms(listener) - clock_mono_ms();
}

static void doors(struct pg *admin, bool open)
{
	char sql[200];
	const char *name = strstr(pg_temp_conninfo(), " dbname=t");

	assert_non_null(name);
	snprintf(sql, sizeof(sql), "ALTER DATABASE %s ALLOW_CONNECTIONS %s", name + strlen(" dbname="),
		open ? "true" : "false");
	execute(admin, sql);
}

static void a_server_that_refuses_connections_is_retried_with_doubling_waits(void **state)
{
	static const int64_t want_ms[] = { BACKOFF_MIN_MS, 2 * BACKOFF_MIN_MS, BACKOFF_MAX_MS };
	char conninfo[400];
	struct pg *admin;
	struct err err;

	(void)state;
	snprintf(conninfo, sizeof(conninfo), "%s dbname=postgres", pg_temp_conninfo());
	admin = session_open_with(&(struct pg_options){ .conninfo = conninfo, .application_name = "admin" });
	on_loop();
	turn_until(&missed, 1);
	doors(admin, false);
	backend_kill_by(admin, pid);
	for (size_t i = 0; i < sizeof(want_ms) / sizeof(want_ms[0]); i++) {
		int64_t wait_ms = wait_after_a_failure();

		assert_in_range(wait_ms, want_ms[i] - 100, want_ms[i]);
		assert_int_equal(pg_listener_turn(listener, &err), 0); /* not due yet */
	}
	doors(admin, true);
	turn_until(&missed, 2);
	backend_kill_by(admin, pid);
	assert_in_range(wait_after_a_failure(), BACKOFF_MIN_MS - 100, BACKOFF_MIN_MS); /* from the beginning again */
	pg_close(&admin);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notifications_of_all_channels_are_delivered),
		cmocka_unit_test(a_thread_without_a_loop_polls_the_descriptor),
		cmocka_unit_test(notifications_that_a_statement_read_are_delivered),
		cmocka_unit_test(a_lost_connection_is_reopened_and_reported_as_a_gap),
		cmocka_unit_test(an_owner_that_cannot_wait_connects_at_once),
		cmocka_unit_test(the_gap_must_be_read_or_the_connection_counts_as_failed),
		cmocka_unit_test(changes_while_the_gap_is_read_are_notified),
		cmocka_unit_test(a_server_that_refuses_connections_is_retried_with_doubling_waits),
	};

	return cmocka_run_group_tests(tests, pg_temp_start, pg_temp_stop);
}
