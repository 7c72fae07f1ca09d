/* LISTEN and NOTIFY between two sessions. */
#include "unit.h"

#include <poll.h>
#include <unistd.h>

#include "session.h"

/* As an owner does it: waits for the socket, then asks. */
static void notification_wait(struct pg *pg, const char *want_channel, const char *want_payload)
{
	struct pollfd fd = { .fd = pg_socket(pg), .events = POLLIN };
	struct str channel, payload;
	struct err err = { 0 };
	int got = pg_notification(pg, &channel, &payload, &err);

	if (got == 0) {
		assert_int_equal(poll(&fd, 1, 5000), 1);
		got = pg_notification(pg, &channel, &payload, &err);
	}
	assert_int_equal(got, 1);
	assert_true(str_is(channel, want_channel));
	assert_true(str_is(payload, want_payload));
}

static void notifications_arrive_in_order_each_once(void **state)
{
	struct pg *listener = session_open(), *sender = session_open();
	struct str channel, payload;
	struct err err = { 0 };

	(void)state;
	assert_done(pg_listen(listener, "Odd \"name", &err), err);
	assert_int_equal(pg_notification(listener, &channel, &payload, &err), 0);
	execute(sender,
		"SELECT pg_notify('Odd \"name', 'one'), pg_notify('other', 'x'), pg_notify('Odd \"name', 'two')");
	notification_wait(listener, "Odd \"name", "one");
	notification_wait(listener, "Odd \"name", "two");
	assert_int_equal(pg_notification(listener, &channel, &payload, &err), 0);
	pg_close(&sender);
	pg_close(&listener);
}

static void notifications_that_arrive_with_a_result_are_kept(void **state)
{
	struct pg *pg = session_open();
	struct err err = { 0 };

	(void)state;
	assert_done(pg_listen(pg, "own", &err), err);
	execute(pg, "NOTIFY own, 'payload'");
	assert_int_equal(query_i64(pg, "SELECT 1"), 1);
	notification_wait(pg, "own", "payload");
	pg_close(&pg);
}

static void a_lost_connection_is_noticed_while_listening(void **state)
{
	struct pg *pg = session_open();
	int64_t deadline = clock_mono_ms() + 5000;
	struct str channel, payload;
	struct err err = { 0 };
	int got;

	(void)state;
	assert_done(pg_listen(pg, "lost", &err), err);
	backend_kill(backend_pid(pg));
	while ((got = pg_notification(pg, &channel, &payload, &err)) == 0 && clock_mono_ms() < deadline)
		poll(&(struct pollfd){ .fd = pg_socket(pg), .events = POLLIN }, 1, 100);
	assert_failed(got, err, ERR_RETRY, "lost");
	assert_false(pg_usable(pg));
	assert_failed(pg_notification(pg, &channel, &payload, &err), err, ERR_RETRY, "closed");
	assert_failed(pg_listen(pg, "lost", &err), err, ERR_RETRY, "closed");
	assert_done(pg_reconnect(pg, &err), err);
	pg_close(&pg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notifications_arrive_in_order_each_once),
		cmocka_unit_test(notifications_that_arrive_with_a_result_are_kept),
		cmocka_unit_test(a_lost_connection_is_noticed_while_listening),
	};

	return cmocka_run_group_tests(tests, pg_temp_start, pg_temp_stop);
}
