/* account_primary(): a workspace with a live account has exactly one primary one, whoever asks, and also when two ask at once. */
#include "unit.h"

#include "db.h"

#define PRIMARIES \
	"SELECT coalesce(string_agg(id::text, ',' ORDER BY id), '') FROM whatsapp_accounts WHERE is_primary AND deleted_at IS NULL AND workspace_id = 1"

static int fresh(void **state)
{
	(void)state;
	db_script(
		"DELETE FROM whatsapp_accounts WHERE id > 3;"
		"UPDATE whatsapp_accounts SET is_primary = false, deleted_at = NULL, status = 'disconnected', desired_state = 'connected', health_score = 100");
	arena_reset(db.arena);
	return 0;
}

static void it_chooses_the_best_live_account(void **state)
{
	static const struct {
		const char *name, *change, *call, *primary;
	} cases[] = {
		{ "the oldest of equal ones", "", "account_primary(1, NULL)", "1" },
		{ "the present one stays",
			"is_primary = id = 2, status = CASE WHEN id = 1 THEN 'connected' ELSE 'failed' END",
			"account_primary(1, NULL)", "2" },
		{ "health before age", "health_score = CASE WHEN id = 1 THEN 40 ELSE 41 END",
			"account_primary(1, NULL)", "2" },
		{ "a connection before health",
			"health_score = CASE WHEN id = 1 THEN 90 ELSE 10 END, status = CASE WHEN id = 2 THEN 'connected' ELSE 'failed' END",
			"account_primary(1, NULL)", "2" },
		{ "one that is to be deleted comes last",
			"desired_state = CASE WHEN id = 1 THEN 'deleted' ELSE 'disconnected' END",
			"account_primary(1, NULL)", "2" },
		{ "a deleted primary is replaced", "is_primary = id = 1, deleted_at = CASE WHEN id = 1 THEN now() END",
			"account_primary(1, NULL)", "2" },
		{ "the account that is named", "is_primary = id = 1, status = 'connected'", "account_primary(1, 2)",
			"2" },
		{ "the same one again", "is_primary = id = 2", "account_primary(1, 2)", "2" },
		{ "none is alive", "is_primary = id = 1, deleted_at = now()", "account_primary(1, NULL)", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char sql[400];
		struct str chosen;

		fresh(state);
		if (cases[i].change[0]) {
			snprintf(sql, sizeof(sql), "UPDATE whatsapp_accounts SET %s WHERE workspace_id = 1",
				cases[i].change);
			execute(db.admin, sql);
		}
		snprintf(sql, sizeof(sql), "SELECT (%s)::text", cases[i].call);
		chosen = db_text(sql);
		if (cases[i].primary ? !str_is(chosen, cases[i].primary) : chosen.p != NULL)
			fail_msg("%s: chose %.*s", cases[i].name, STR_ARG(chosen));
		if (!str_is(db_text(PRIMARIES), cases[i].primary ? cases[i].primary : ""))
			fail_msg("%s", cases[i].name);
	}
	assert_int_equal(db_i64("SELECT count(*) FROM whatsapp_accounts WHERE is_primary AND deleted_at IS NOT NULL"),
		0);
}

static void an_account_that_is_deleted_or_another_workspaces_is_refused(void **state)
{
	static const char *const calls[] = { "SELECT account_primary(1, 3)", "SELECT account_primary(1, 4711)",
		"SELECT account_primary(1, 2)" };

	(void)state;
	execute(db.admin,
		"UPDATE whatsapp_accounts SET is_primary = id = 1, deleted_at = CASE WHEN id = 2 THEN now() END");
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		assert_int_equal(run(db.admin, calls[i], NULL, NULL, &db.err), -1);
		assert_string_equal(db.err.code, "P0002");
	}
	assert_true(str_is(db_text(PRIMARIES), "1"));
}

static void a_caller_that_sees_one_workspace_names_no_other(void **state)
{
	struct pg *gateway = db_session("blazz_gateway"), *cleanup = db_session("blazz_cleanup");

	(void)state;
	for (int set = 0; set < 2; set++) {
		assert_int_equal(run(gateway, "SELECT account_primary(1, NULL)", NULL, NULL, &db.err), -1);
		assert_string_equal(db.err.code, "42501");
		execute(gateway, "SELECT set_config('blazz.workspace_id', '2', false)");
	}
	assert_int_equal(query_i64(gateway, "SELECT account_primary(2, 3)"), 3);
	assert_int_equal(query_i64(cleanup, "SELECT account_primary(1, NULL)"), 1);
	assert_int_equal(run(db.pg, "SELECT account_primary(1, NULL)", NULL, NULL, &db.err), -1); /* chat-sync */
	assert_string_equal(db.err.code, "42501");
	pg_close(&gateway);
	pg_close(&cleanup);
}

static void two_callers_take_turns(void **state)
{
	struct pg *first = db_session("blazz_cleanup"), *second = db_session("blazz_cleanup");

	(void)state;
	execute(first, "BEGIN");
	execute(first, "SELECT account_primary(1, 1)");
	execute(second, "SET lock_timeout = '50ms'");
	assert_int_equal(run(second, "SELECT account_primary(1, 2)", NULL, NULL, &db.err), -1);
	assert_string_equal(db.err.code, "55P03");
	execute(first, "COMMIT");
	execute(second, "SELECT account_primary(1, 2)");
	assert_true(str_is(db_text(PRIMARIES), "2"));
	pg_close(&first);
	pg_close(&second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_chooses_the_best_live_account),
		cmocka_unit_test_setup(an_account_that_is_deleted_or_another_workspaces_is_refused, fresh),
		cmocka_unit_test_setup(a_caller_that_sees_one_workspace_names_no_other, fresh),
		cmocka_unit_test_setup(two_callers_take_turns, fresh),
	};

	return cmocka_run_group_tests(tests, db_start, db_stop);
}
