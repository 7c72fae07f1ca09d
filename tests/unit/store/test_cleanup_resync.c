/* Re-sync: of which accounts the history is asked for, and when again. */
#include "unit.h"

#include "db.h"
#include "store/cleanup_resync.h"

static const struct account_key blazz = { 2, 3 }, waha = { 1, 1 };
static size_t n;

static int start(void **state)
{
	if (db_start(state) < 0)
		return -1;
	pg_close(&db.pg);
	db.pg = db_session("blazz_cleanup");
	return 0;
}

static int fresh(void **state)
{
	(void)state;
	db_script(
		"DELETE FROM account_control;UPDATE workspaces SET deleted_at = NULL;"
		"UPDATE whatsapp_accounts SET status = 'connected', desired_state = 'connected', sync = '{}', deleted_at = NULL;"
		"UPDATE whatsapp_accounts SET sync = '{\"resync\": true}' WHERE id = 3");
	return 0;
}

static void on_due(void *ctx, const struct uuid *account)
{
	(void)ctx;
	assert_true(account->b[15] == 0x13 || account->b[15] == 0x11);
	n++;
}

static size_t due(void)
{
	n = 0;
	done(store_cleanup_resyncs(db.pg, on_due, NULL, &db.err));
	return n;
}

static void only_marked_connected_accounts_are_due(void **state)
{
	static const struct {
		const char *name, *sql;
		size_t n;
	} cases[] = {
		{ "a mark", "SELECT 1", 1 },
		{ "none", "UPDATE whatsapp_accounts SET sync = '{}' WHERE id = 3", 0 },
		{ "one that was cleared", "UPDATE whatsapp_accounts SET sync = '{\"resync\": null}' WHERE id = 3", 0 },
		{ "a word", "UPDATE whatsapp_accounts SET sync = '{\"resync\": \"true\"}' WHERE id = 3", 0 },
		{ "a lost session", "UPDATE whatsapp_accounts SET status = 'disconnected' WHERE id = 3", 0 },
		{ "one that is to end", "UPDATE whatsapp_accounts SET desired_state = 'disconnected' WHERE id = 3", 0 },
		{ "a deleted account", "UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = 3", 0 },
		{ "a deleted workspace", "UPDATE workspaces SET deleted_at = now() WHERE id = 2", 0 },
		{ "another bridge, too", "UPDATE whatsapp_accounts SET sync = '{\"resync\": true}' WHERE id = 1", 2 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fresh(state);
		db_script(cases[i].sql);
		if (due() != cases[i].n)
			fail_msg("%s: %zu", cases[i].name, n);
	}
}

static void a_bridge_is_asked_again_after_six_hours_or_as_long_as_was_said(void **state)
{
	(void)state;
	done(store_cleanup_resynced(db.pg, &blazz, RESYNC_AGAIN_S, &db.err));
	assert_int_equal(due(), 0);
	execute(db.admin, "UPDATE account_control SET synced_at = synced_at - interval '6 hours'");
	assert_int_equal(due(), 1);
	done(store_cleanup_resynced(db.pg, &blazz, 600, &db.err));
	assert_int_equal(due(), 0);
	execute(db.admin, "UPDATE account_control SET synced_at = synced_at - interval '10 minutes'");
	assert_int_equal(due(), 1);
}

static void that_a_bridge_cannot_is_said_once(void **state)
{
	(void)state;
	execute(db.admin,
		"UPDATE whatsapp_accounts SET sync = CASE WHEN id = 1 THEN '{\"resync\": true}'::jsonb ELSE '{}' END");
	assert_int_equal(due(), 1);
	done(store_cleanup_resynced(db.pg, &waha, RESYNC_AGAIN_S, &db.err));
	execute(db.admin, "UPDATE account_control SET synced_at = now() - interval '1 year'");
	assert_int_equal(due(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_marked_connected_accounts_are_due),
		cmocka_unit_test_setup(a_bridge_is_asked_again_after_six_hours_or_as_long_as_was_said, fresh),
		cmocka_unit_test_setup(that_a_bridge_cannot_is_said_once, fresh),
	};

	return cmocka_run_group_tests(tests, start, db_stop);
}
