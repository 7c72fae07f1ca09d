/* Health: which accounts are assessed, and what is written of them. */
#include "unit.h"

#include "db.h"
#include "store/cleanup_health.h"

static struct health_row *rows;
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
		"DELETE FROM account_control;DELETE FROM send_lanes;"
		"UPDATE whatsapp_accounts SET health_score = 100, disconnect_count = 0, session_restore_count = 0, deleted_at = NULL");
	arena_reset(db.arena);
	return 0;
}

static void read_rows(void)
{
	free(rows);
	done(store_cleanup_health(db.pg, &rows, &n, &db.err));
}

static void only_accounts_whose_health_may_change_are_read(void **state)
{
	static const struct {
		const char *name, *sql;
		size_t n;
	} cases[] = {
		{ "nothing has happened", "SELECT 1", 0 },
		{ "a disconnect", "UPDATE whatsapp_accounts SET disconnect_count = 1 WHERE id = 1", 1 },
		{ "a restore", "UPDATE whatsapp_accounts SET session_restore_count = 1 WHERE id = 1", 1 },
		{ "attempts",
			"INSERT INTO send_lanes (workspace_id, account_id, partition, attempts) VALUES (1, 1, 5, 3)",
			1 },
		{ "a lane without attempts",
			"INSERT INTO send_lanes (workspace_id, account_id, partition) VALUES (1, 1, 5)", 0 },
		{ "a score without a penalty", "UPDATE whatsapp_accounts SET health_score = 99 WHERE id = 1", 1 },
		{ "a penalty",
			"INSERT INTO account_control (workspace_id, account_id, health_penalty) VALUES (1, 1, 0.5)",
			1 },
		{ "one that was forgotten",
			"INSERT INTO account_control (workspace_id, account_id, health_penalty) VALUES (1, 1, 0.4)",
			0 },
		{ "what was counted",
			"INSERT INTO account_control (workspace_id, account_id, health_disconnects) VALUES (1, 1, 2);"
			"UPDATE whatsapp_accounts SET disconnect_count = 2 WHERE id = 1",
			0 },
		{ "a deleted account",
			"UPDATE whatsapp_accounts SET disconnect_count = 1, deleted_at = now() WHERE id = 1", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fresh(state);
		db_script(cases[i].sql);
		read_rows();
		if (n != cases[i].n)
			fail_msg("%s: %zu", cases[i].name, n);
	}
}

static void what_is_written_is_read_as_counted(void **state)
{
	(void)state;
	db_script(
		"UPDATE whatsapp_accounts SET disconnect_count = 2, session_restore_count = 3 WHERE id = 1;"
		"INSERT INTO send_lanes (workspace_id, account_id, partition, attempts, failures) VALUES (1, 1, 5, 10, 4)");
	read_rows();
	assert_int_equal(n, 1);
	assert_true(rows[0].account.workspace_id == 1 && rows[0].account.id == 1 && rows[0].score == 100);
	assert_true(rows[0].penalty_thousandths == 0 && rows[0].elapsed_us == 0 && rows[0].counted.attempts == 0);
	assert_true(rows[0].now.disconnects == 2 && rows[0].now.restores == 3);
	assert_true(rows[0].now.attempts == 10 && rows[0].now.failures == 4);
	rows[0].score = 60;
	rows[0].penalty_thousandths = 40250;
	done(store_cleanup_health_put(db.pg, rows, 1, &db.err));
	assert_int_equal(db_i64("SELECT health_score FROM whatsapp_accounts WHERE id = 1"), 60);
	execute(db.admin, "UPDATE account_control SET health_at = now() - interval '6 hours'");
	read_rows();
	assert_int_equal(n, 1);
	assert_int_equal(rows[0].penalty_thousandths, 40250);
	assert_true(rows[0].elapsed_us >= INT64_C(21600000000) && rows[0].elapsed_us < INT64_C(21700000000));
	assert_memory_equal(&rows[0].now, &rows[0].counted, sizeof(rows[0].now));
}

static void an_account_that_is_being_written_is_left_for_the_next_time(void **state)
{
	struct pg *other = db_session(ADMIN);

	(void)state;
	execute(db.admin, "UPDATE whatsapp_accounts SET disconnect_count = 1 WHERE workspace_id = 1");
	read_rows();
	assert_int_equal(n, 2);
	rows[0].score = rows[1].score = 85;
	execute(other, "BEGIN");
	execute(other, "UPDATE whatsapp_accounts SET status = status WHERE id = 1");
	done(store_cleanup_health_put(db.pg, rows, n, &db.err));
	execute(other, "COMMIT");
	assert_text(
		"SELECT string_agg(health_score::text, ',' ORDER BY id) FROM whatsapp_accounts WHERE workspace_id = 1",
		"100,85");
	assert_text("SELECT string_agg(account_id || ':' || health_disconnects, ',') FROM account_control", "2:1");
	pg_close(&other);
}

static int stop(void **state)
{
	free(rows);
	return db_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_accounts_whose_health_may_change_are_read),
		cmocka_unit_test_setup(what_is_written_is_read_as_counted, fresh),
		cmocka_unit_test_setup(an_account_that_is_being_written_is_left_for_the_next_time, fresh),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
