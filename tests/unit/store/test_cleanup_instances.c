/* What cleanup reads of instances, and what it reports about them: it changes what it observed, never what the operator has defined. */
#include "unit.h"

#include "db.h"
#include "store/cleanup_instances.h"

static struct pg *cleanup;

static struct {
	struct instance_row rows[8];
	size_t n;
} found;

static int fresh(void **state)
{
	(void)state;
	db_script(
		"DELETE FROM instances; DELETE FROM restores;"
		"INSERT INTO instances (index, uuid, kind, url, capacity, storage_group, secrets, desired, removed_at, state, state_since, fenced_at) VALUES"
		" (7, '00000000-0000-4000-8000-000000000007', 'evolution', 'http://e', 3, '', NULL, 'draining', NULL, 'unknown', NULL, NULL),"
		" (0, '00000000-0000-4000-8000-000000000010', 'blazz', 'http://b', 300, 'nfs', '\\x0102', 'off', NULL, 'down',"
		" '2026-01-01 00:00:05Z', '2026-01-01 00:00:09Z'),"
		" (3, '00000000-0000-4000-8000-000000000003', 'waha', 'http://w', 0, '', NULL, 'active', now(), 'up', NULL, NULL)");
	arena_reset(db.arena);
	return 0;
}

static void on_row(void *ctx, const struct instance_row *row)
{
	(void)ctx;
	assert_true(found.n < sizeof(found.rows) / sizeof(found.rows[0]));
	found.rows[found.n++] = *row;
}

static void instances_load(void)
{
	found.n = 0;
	done(store_cleanup_instances(cleanup, db.arena, on_row, NULL, &db.err));
}

static void all_instances_are_read_in_order_removed_ones_too(void **state)
{
	const struct uuid first = uuid_of("00000000-0000-4000-8000-000000000010");
	const struct instance_row *i = found.rows;

	(void)state;
	instances_load();
	assert_int_equal(found.n, 3);
	assert_true(i[0].index == 0 && i[1].index == 3 && i[2].index == 7);
	assert_true(uuid_eq(&i[0].uuid, &first));
	assert_true(i[0].kind == BRIDGE_BLAZZ && i[1].kind == BRIDGE_WAHA && i[2].kind == BRIDGE_EVOLUTION);
	assert_true(i[0].capacity == 300 && i[1].capacity == 0 && i[2].capacity == 3);
	assert_true(!i[0].removed && i[1].removed && !i[2].removed);
	assert_str(i[0].url, "http://b");
	assert_str(i[0].storage_group, "nfs");
	assert_str(i[0].secrets, "\1\2");
	assert_str(i[0].desired, "off");
	assert_str(i[0].state, "down");
	assert_true(i[0].state_since_us == AT(5) && i[2].state_since_us == PG_NO_TIME);
	assert_int_equal(i[0].fenced_us, AT(9));
	assert_true(i[2].secrets.n == 0 && i[2].storage_group.n == 0 && i[2].fenced_us == PG_NO_TIME);
}

static void a_report_changes_what_was_observed_only(void **state)
{
	const struct instance_report rows[] = {
		{ 0, STR("up"), STR_NONE, AT(1), AT(2), PG_NO_TIME, 0, 12 },
		{ 7, STR("misconfigured"), STR("the instance rejects the key"), AT(3), PG_NO_TIME, AT(4), 5, 0 },
		{ 4711, STR("up"), STR_NONE, AT(1), AT(2), PG_NO_TIME, 0, 12 },
	};

	(void)state;
	done(store_cleanup_instances_report(cleanup, rows, 3, &db.err));
	assert_int_equal(db_i64("SELECT count(*) FROM instances"), 3);
	assert_text(
		"SELECT concat_ws('/', kind, url, capacity, storage_group, desired, state, extract(epoch FROM state_since)::bigint - 1767225600,"
		" extract(epoch FROM probed_at)::bigint - 1767225600, fenced_at, failures, sessions, error) FROM instances WHERE index = 0",
		"blazz/http://b/300/nfs/off/up/1/2/0/12");
	assert_text(
		"SELECT concat_ws('/', state, extract(epoch FROM state_since)::bigint - 1767225600, probed_at,"
		" extract(epoch FROM fenced_at)::bigint - 1767225600, failures, sessions, error) FROM instances WHERE index = 7",
		"misconfigured/3/4/5/0/the instance rejects the key");
	assert_text("SELECT state FROM instances WHERE index = 3", "up");
}

/* cleanup itself reads the instances again after a notification: its reports send none. */
static void a_report_notifies_nobody(void **state)
{
	const struct instance_report row = { 0, STR("up"), STR_NONE, AT(1), AT(2), PG_NO_TIME, 0, 12 };
	struct str channel, payload;

	(void)state;
	execute(db.admin, "LISTEN blazz_accounts");
	done(store_cleanup_instances_report(cleanup, &row, 1, &db.err));
	execute(db.admin, "SELECT 1");
	assert_int_equal(pg_notification(db.admin, &channel, &payload, &db.err), 0);
	execute(db.admin, "UPDATE instances SET capacity = 301 WHERE index = 0");
	assert_int_equal(pg_notification(db.admin, &channel, &payload, &db.err), 1);
	assert_str(payload, "instance:0");
	execute(db.admin, "UNLISTEN *");
}

static void nothing_is_started_until_each_restore_was_accepted(void **state)
{
	static const struct {
		const char *rows;
		bool want;
	} cases[] = { { "", false }, { "INSERT INTO restores DEFAULT VALUES", true },
		{ "INSERT INTO restores (accepted_at) VALUES (now())", false },
		{ "INSERT INTO restores (accepted_at) VALUES (now()), (NULL)", true } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool paused = !cases[i].want;

		fresh(state);
		db_script(cases[i].rows);
		done(store_cleanup_is_paused(cleanup, &paused, &db.err));
		if (paused != cases[i].want)
			fail_msg("%s", cases[i].rows);
	}
}

static int start(void **state)
{
	if (db_start(state) < 0)
		return -1;
	cleanup = db_session(CLEANUP);
	return 0;
}

static int stop(void **state)
{
	pg_close(&cleanup);
	return db_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_instances_are_read_in_order_removed_ones_too, fresh),
		cmocka_unit_test_setup(a_report_changes_what_was_observed_only, fresh),
		cmocka_unit_test_setup(a_report_notifies_nobody, fresh),
		cmocka_unit_test(nothing_is_started_until_each_restore_was_accepted),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
