/* Notifications of what is sent: each once, in order, and all at once when some may have been missed. */
#include "unit.h"

#include "../store/sending.h"
#include "campaign-sender/notices.h"

static struct loop *loop;
static struct notices *notices;
static struct notice list[8];
static size_t n_list;

static int listening(void **state)
{
	const struct pg_options options = { .conninfo = db_conninfo(SENDER), .application_name = "notices" };

	(void)state;
	done(loop_new(&loop, &db.err));
	notices = notices_new(loop, &options);
	done(notices_listen(notices, &db.err));
	return 0;
}

static int ended(void **state)
{
	(void)state;
	notices_free(notices);
	loop_free(loop);
	return 0;
}

static void read_some(void)
{
	struct notice *some;
	size_t n;

	done(notices_read(notices, &some, &n, &db.err));
	for (size_t i = 0; i < n; i++) {
		assert_true(n_list < 8);
		list[n_list++] = some[i];
	}
	assert_true((n > 0) == (some != NULL));
	free(some);
}

/* Reads until there are at least so many in the list. */
static void read_until(size_t want)
{
	const int64_t deadline = clock_mono_ms() + 10000;

	n_list = 0;
	while (n_list < want && clock_mono_ms() < deadline) {
		if (!notices_pending(notices))
			loop_turn(loop, 50);
		read_some();
	}
	assert_true(n_list >= want);
}

/* In one transaction: they arrive together. */
static void notify(const char *const *payloads, size_t n)
{
	execute(db.admin, "BEGIN");
	for (size_t i = 0; i < n; i++) {
		struct pg_args *args = pg_args_new();

		pg_arg_text(args, str_of(payloads[i]));
		pg_rows_free(query(db.admin, "SELECT pg_notify('blazz_sending', $1)", args));
		pg_args_free(args);
	}
	execute(db.admin, "COMMIT");
}

static void a_new_connection_has_missed_everything(void **state)
{
	(void)state;
	assert_true(notices_pending(notices));
	read_until(1);
	assert_true(list[0].kind == NOTICE_ALL);
	assert_false(notices_pending(notices));
	read_some();
	assert_int_equal(n_list, 1);
}

static void notices_are_read_in_order(void **state)
{
	static const char *const first[] = { "account:00000000-0000-4000-8000-000000000011", "template:7", "future:1",
		"template:x", "account:x", "account", "", ("campaign:" CAMPAIGN),
		"workspace:00000000-0000-4000-8000-000000000001", "due:00000000-0000-4000-8000-000000000012" };

	(void)state;
	read_until(1);
	notify(first, sizeof(first) / sizeof(first[0]));
	done(notices_listen(notices, &db.err)); /* changes nothing */
	read_until(5);
	assert_true(list[0].kind == NOTICE_ACCOUNT && list[0].uuid.b[15] == 0x11);
	assert_true(list[1].kind == NOTICE_TEMPLATE && list[1].id == 7);
	assert_true(list[2].kind == NOTICE_CAMPAIGN && list[2].uuid.b[15] == 0xc1);
	assert_true(list[3].kind == NOTICE_WORKSPACE && list[3].uuid.b[15] == 1);
	assert_true(n_list == 5 && list[4].kind == NOTICE_DUE && list[4].uuid.b[15] == 0x12);
}

/* PostgreSQL drops repeats only within a transaction. */
static void a_repeated_notice_is_read_once_at_a_time(void **state)
{
	static const char *const repeated = "template:7", *const last = "template:8";
	bool seen = false;

	(void)state;
	read_until(1);
	for (int i = 0; i < 50; i++)
		notify(&repeated, 1);
	notify(&last, 1);
	while (!seen) {
		read_until(1);
		for (size_t i = 0; i < n_list; i++) {
			assert_true(i == 0 || list[i].id == 8);
			seen = seen || list[i].id == 8;
		}
	}
}

/* Sent again when some were read before the last ones had arrived. */
static void too_many_notices_are_one(void **state)
{
	const int64_t deadline = clock_mono_ms() + 10000;
	struct notice what = { .kind = NOTICE_DUE };

	(void)state;
	read_until(1);
	while (what.kind != NOTICE_ALL && clock_mono_ms() < deadline) {
		struct notice *some;
		size_t n;

		execute(db.admin,
			"SELECT count(pg_notify('blazz_sending', 'template:' || g)) FROM generate_series(1, 10001) g");
		for (int turns = 0; turns < 5; turns++) {
			loop_turn(loop, 50);
			(void)notices_pending(notices);
		}
		done(notices_read(notices, &some, &n, &db.err));
		if (n == 1)
			what = some[0];
		free(some);
	}
	assert_true(what.kind == NOTICE_ALL);
}

static void a_lost_connection_is_reported_until_it_listens_again(void **state)
{
	struct notice *some;
	size_t n;
	int rc;

	(void)state;
	read_until(1);
	execute(db.admin,
		"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name LIKE 'notices%'");
	for (int64_t deadline = clock_mono_ms() + 10000; !notices_pending(notices) && clock_mono_ms() < deadline;)
		loop_turn(loop, 50);
	rc = notices_read(notices, &some, &n, &db.err);
	assert_failed(rc, db.err, ERR_RETRY, "closed");
	assert_true(notices_pending(notices));
	done(notices_listen(notices, &db.err));
	read_until(1);
	assert_true(list[0].kind == NOTICE_ALL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_new_connection_has_missed_everything, listening, ended),
		cmocka_unit_test_setup_teardown(notices_are_read_in_order, listening, ended),
		cmocka_unit_test_setup_teardown(a_repeated_notice_is_read_once_at_a_time, listening, ended),
		cmocka_unit_test_setup_teardown(too_many_notices_are_one, listening, ended),
		cmocka_unit_test_setup_teardown(a_lost_connection_is_reported_until_it_listens_again, listening, ended),
	};

	return cmocka_run_group_tests(tests, sending_start, db_stop);
}
