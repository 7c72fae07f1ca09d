/* services/cleanup/accounts/load against PostgreSQL: what a row that is read again changes, and what this replica knows better. */
#include "cleanup/accounts/private.h"

#include "../../store/db.h"
#include "exposed.h"

#define NUMBER "00000000-0000-4000-8000-0000000000"

static struct pg *pg;
static struct fleet *fleet;
static struct accounts *all;

static size_t asked; /* calls about sessions */

void calls_add(struct calls *c, int64_t index, const struct bridge_instance *at, const struct bridge_call *call,
	call_done_fn done, void *ctx)
{
	(void)c, (void)index, (void)at, (void)call, (void)done, (void)ctx;
	asked++;
}

static int fresh(void **state)
{
	(void)state;
	db_script(
		"TRUNCATE account_control, session_cleanup_logs;"
		"UPDATE whatsapp_accounts SET deleted_at = NULL, desired_state = 'connected', desired_at = '2026-01-01Z', provider_ref = NULL, previous_instance_index = NULL,"
		" assigned_instance_index = 0, assigned_instance_url = 'http://w:0', bridge_kind = 'waha';"
		"DELETE FROM instances;"
		"INSERT INTO instances (index, kind, url) VALUES (0, 'waha', 'http://w:0'), (1, 'waha', 'http://w:1')");
	asked = 0;
	fleet = fleet_new(&(struct fleet_options){ .probe_interval_ms = 10000 });
	done(fleet_load(fleet, pg, &db.err));
	all = accounts_new(&(struct accounts_options){ .fleet = fleet });
	return 0;
}

static int end(void **state)
{
	(void)state;
	accounts_free(all);
	fleet_free(fleet);
	return 0;
}

static void load(void)
{
	done(accounts_load(all, pg, NULL, 0, &db.err));
}

static struct account *account_of(const char *digits)
{
	char text[37];
	struct uuid id;
	struct account *a;

	snprintf(text, sizeof(text), NUMBER "%s", digits);
	id = uuid_of(text);
	a = accounts_find(all, &id);
	assert_non_null(a);
	return a;
}

static void texts_of_the_control_outlive_the_row_they_were_read_with(void **state)
{
	struct account *a;

	(void)state;
	execute(db.admin,
		"INSERT INTO account_control (workspace_id, account_id, observed, action, outcome, reason, error)"
		" VALUES (1, 1, 'failed', 'start', 'busy', 'retry', '503 from the bridge')");
	for (int i = 0; i < 3; i++)
		load();
	a = account_of("11");
	assert_str(a->row.control.observed, "failed");
	assert_str(a->row.control.action, "start");
	assert_str(a->row.control.outcome, "busy");
	assert_str(a->row.control.reason, "retry");
	assert_str(a->row.control.error, "503 from the bridge");
}

static void what_this_replica_decided_is_newer_than_the_row(void **state)
{
	struct account *a;

	(void)state;
	load();
	a = account_of("11");
	a->row.control.attempt = 3;
	a->row.control.starts = 4;
	a->row.control.next_us = AT(60);
	a->noticed = NOTICE_NO_CAPACITY;
	a->observed = OBSERVED_FAILED;
	a->looked_us = AT(1);
	a->due_us = AT(1000);
	execute(db.admin,
		"INSERT INTO account_control (workspace_id, account_id, attempt, starts, assignment_epoch) VALUES (1, 1, 99, 99, 7)");
	load();
	assert_true(a->row.control.attempt == 3 && a->row.control.starts == 4 && a->row.control.next_us == AT(60));
	assert_int_equal(a->row.control.epoch, 7);
	assert_int_equal(a->noticed, NOTICE_NO_CAPACITY);
	assert_int_equal(a->observed, OBSERVED_FAILED);
	assert_true(a->looked_us == AT(1) && a->due_us == 0); /* decided about again, from what was seen */
}

static void who_wants_something_else_of_a_session_has_it_looked_at(void **state)
{
	static const char *const wishes[] = { "desired_at = '2026-01-02Z'", "restart_at = '2026-01-02Z'",
		"relink_at = '2026-01-02Z'", "move_at = '2026-01-02Z', move_to = 1", "deleted_at = now()",
		"provider_ref = 'another'", "secrets = '\\x01'", "assigned_instance_url = 'http://w:2'" };
	struct account *a;
	char sql[200];

	(void)state;
	load();
	a = account_of("11");
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		a->looked_us = AT(1);
		a->assign_mono_ms = INT64_MAX;
		snprintf(sql, sizeof(sql), "UPDATE whatsapp_accounts SET %s WHERE id = 1", wishes[i]);
		execute(db.admin, sql);
		load();
		assert_true(a->looked_us == PG_NO_TIME && a->assign_mono_ms == 0);
	}
	execute(db.admin,
		"UPDATE whatsapp_accounts SET restart_at = NULL, relink_at = NULL, move_at = NULL, move_to = NULL, secrets = NULL WHERE id = 1");
}

static void reports_have_a_session_looked_at_once_a_second_at_most(void **state)
{
	int64_t begun_us = clock_now_us();
	struct account *a;

	(void)state;
	load();
	a = account_of("11");
	execute(db.admin, "UPDATE whatsapp_accounts SET status_since = '2026-01-03Z' WHERE id = 1");
	load();
	assert_in_range(a->look_due_us, 0, begun_us); /* at once */
	a->look_due_us = PG_NO_TIME;
	a->report_looked_us = clock_now_us();
	for (int i = 0; i < 2; i++) {
		execute(db.admin,
			"UPDATE whatsapp_accounts SET status_since = status_since + interval '1 s' WHERE id = 1");
		load();
		assert_int_equal(a->look_due_us, a->report_looked_us + REPORT_LOOK_US);
	}
	a->look_due_us = PG_NO_TIME;
	a->report_looked_us = AT(4000000000); /* before the clock was set back */
	execute(db.admin, "UPDATE whatsapp_accounts SET status_since = status_since + interval '1 s' WHERE id = 1");
	load();
	assert_in_range(a->look_due_us, begun_us, clock_now_us());
}

static void an_account_that_is_desired_anew_begins_anew(void **state)
{
	struct account *a;

	(void)state;
	load();
	a = account_of("11");
	a->row.control.attempt = a->row.control.starts = 3;
	a->row.control.next_us = a->row.control.started_us = a->row.control.starts_since_us = AT(60);
	a->noticed = NOTICE_NO_CAPACITY;
	execute(db.admin, "UPDATE whatsapp_accounts SET desired_at = '2026-01-02Z' WHERE id = 1");
	load();
	assert_true(a->row.control.attempt == 0 && a->row.control.starts == 0 && a->noticed == 0);
	assert_true(a->row.control.next_us == PG_NO_TIME && a->row.control.started_us == PG_NO_TIME);
	assert_int_equal(a->row.control.starts_since_us, PG_NO_TIME);
}

static void at_another_instance_nothing_was_observed_yet(void **state)
{
	struct account *a;

	(void)state;
	load();
	a = account_of("11");
	a->observed = OBSERVED_CONNECTED;
	a->row.control.observed = STR("connected");
	a->row.control.observed_us = AT(1);
	execute(db.admin,
		"UPDATE whatsapp_accounts SET assigned_instance_index = 1, assigned_instance_url = 'http://w:1' WHERE id = 1");
	load();
	assert_int_equal(a->observed, OBSERVED_NONE);
	assert_true(!a->row.control.observed.p && a->row.control.observed_us == PG_NO_TIME);
}

/* Otherwise the next leader would not read it when it is deleted again. */
static void the_session_of_an_account_that_came_back_is_not_gone(void **state)
{
	struct account *a;

	(void)state;
	execute(db.admin, "UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = 1");
	load();
	a = account_of("11");
	a->row.control.gone_us = AT(1);
	load();
	assert_int_equal(a->row.control.gone_us, AT(1));
	execute(db.admin, "UPDATE whatsapp_accounts SET deleted_at = NULL WHERE id = 1");
	load();
	assert_int_equal(a->row.control.gone_us, PG_NO_TIME);
}

static const char *session_at(int64_t index, const char *name)
{
	const struct account *a = accounts_find_session(all, BRIDGE_WAHA, index, str_of(name));

	return !a ? "none" : a->row.id == 1 ? "first" : "second";
}

static void a_name_is_the_live_accounts_at_its_instance(void **state)
{
	(void)state;
	execute(db.admin,
		"UPDATE whatsapp_accounts SET provider_ref = 'default', deleted_at = CASE id WHEN 2 THEN now() END WHERE id IN (1, 2)");
	load();
	assert_string_equal(session_at(0, "default"), "first");
	assert_string_equal(session_at(1, "default"), "none");
	assert_string_equal(session_at(0, "s1"), "none"); /* the bridge's name counts */
	assert_string_equal(session_at(0, "other"), "none");
	execute(db.admin, "UPDATE whatsapp_accounts SET provider_ref = 'renamed' WHERE id = 1");
	load();
	assert_string_equal(session_at(0, "renamed"), "first");
	assert_string_equal(session_at(0, "default"), "second"); /* which is deleted there */
}

/* What one list of instance `index` of kind WAHA says. */
static void list(int64_t index, const char *name)
{
	struct bridge_listed one = { str_of(name), OBSERVED_CONNECTED, STR_NONE };

	accounts_listed(all, fleet_find(fleet, index),
		&(struct bridge_answer){ .list = &one, .n_list = name[0] ? 1 : 0 }, clock_now_us());
}

/* As a new leader reads them: without an account of the name, a session is another program's. */
static void a_new_leader_knows_sessions_of_accounts_that_were_given_up(void **state)
{
	struct account *a;

	(void)state;
	execute(db.admin,
		"UPDATE whatsapp_accounts SET deleted_at = now() - interval '8 days', provider_ref = 'ref',"
		" desired_state = 'deleted' WHERE id = 1");
	load();
	a = account_of("11");
	assert_true(account_is_given_up(a, clock_now_us()));
	list(0, "other");
	assert_int_equal(a->observed, OBSERVED_ABSENT);
	list(0, "ref");
	assert_int_equal(a->observed, OBSERVED_CONNECTED);
	list(1, "ref"); /* another instance's */
	assert_true(a->observed == OBSERVED_CONNECTED && asked == 0);
	list(0, "");
	assert_int_equal(a->observed, OBSERVED_ABSENT);
}

static void a_stray_of_an_account_that_was_given_up_is_stopped_by_a_unique_name_only(void **state)
{
	static const struct {
		const char *name, *change, *listed;
		size_t stops;
	} cases[] = {
		{ "its own name", "", "s1", 1 },
		{ "another's", "", "s9", 0 },
		{ "a name that another program may have", "provider_ref = 'default', previous_instance_index = 1",
			"default", 0 },
		{ "one that was seen gone", "", "s1", 0 },
	};
	char sql[300];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)end(state);
		(void)fresh(state);
		fleet_find(fleet, 1)->probe.state = INSTANCE_UP;
		snprintf(sql, sizeof(sql),
			"UPDATE whatsapp_accounts SET deleted_at = now() - interval '8 days',"
			" desired_state = 'deleted' %s%s WHERE id = 1",
			cases[i].change[0] ? ", " : "", cases[i].change);
		execute(db.admin, sql);
		load();
		if (i == 3)
			account_of("11")->row.control.gone_us = AT(1);
		list(1, cases[i].listed);
		if (asked != cases[i].stops)
			fail_msg("%s: %zu", cases[i].name, asked);
	}
}

static void accounts_are_counted_where_they_may_have_sessions(void **state)
{
	(void)state;
	db_script(
		"UPDATE whatsapp_accounts SET deleted_at = CASE id WHEN 2 THEN now() END, assigned_instance_index = CASE id WHEN 3 THEN 1 ELSE 0 END");
	load();
	assert_int_equal(fleet_find(fleet, 0)->assigned, 2);
	assert_int_equal(fleet_find(fleet, 1)->assigned, 1);
	account_of("12")->row.control.gone_us = AT(1);
	account_of("11")->assign_to = 1;
	accounts_count(all);
	assert_int_equal(fleet_find(fleet, 0)->assigned, 1);
	assert_int_equal(fleet_find(fleet, 1)->assigned, 2); /* it is on its way */
}

static void losses_are_counted_by_the_reason_that_was_reported(void **state)
{
	(void)state;
	execute(db.admin,
		"UPDATE whatsapp_accounts SET disconnected_at = '2026-01-02Z', disconnect_reason = 'timeout' WHERE id = 1");
	load();
	assert_true(
		is_exposed("blazz_cleanup_disconnects_total{reason=\"timeout\"} 0\n")); /* before this replica led */
	execute(db.admin, "UPDATE whatsapp_accounts SET disconnected_at = '2026-01-03Z' WHERE id = 1");
	for (int i = 0; i < 2; i++)
		load();
	assert_true(is_exposed("blazz_cleanup_disconnects_total{reason=\"timeout\"} 1\n"));
	execute(db.admin,
		"UPDATE whatsapp_accounts SET disconnected_at = '2026-01-04Z', disconnect_reason = NULL WHERE id = 1");
	load();
	assert_true(is_exposed("blazz_cleanup_disconnects_total{reason=\"unknown\"} 1\n"));
	execute(db.admin, "UPDATE whatsapp_accounts SET disconnected_at = NULL WHERE id = 1");
	load();
	assert_true(is_exposed("blazz_cleanup_disconnects_total{reason=\"unknown\"} 1\n"));
}

static void only_what_was_desired_since_this_replica_leads_is_measured(void **state)
{
	struct account *a;

	(void)state;
	load();
	a = account_of("11");
	assert_false(a->reconciles);
	execute(db.admin, "UPDATE whatsapp_accounts SET desired_at = clock_timestamp() WHERE id = 1");
	load();
	assert_true(a->reconciles);
}

static int start(void **state)
{
	stats_init();
	if (db_start(state) < 0)
		return -1;
	stats_init();
	pg = db_session(CLEANUP);
	return 0;
}

static int stop(void **state)
{
	pg_close(&pg);
	return db_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(texts_of_the_control_outlive_the_row_they_were_read_with, fresh, end),
		cmocka_unit_test_setup_teardown(what_this_replica_decided_is_newer_than_the_row, fresh, end),
		cmocka_unit_test_setup_teardown(who_wants_something_else_of_a_session_has_it_looked_at, fresh, end),
		cmocka_unit_test_setup_teardown(reports_have_a_session_looked_at_once_a_second_at_most, fresh, end),
		cmocka_unit_test_setup_teardown(an_account_that_is_desired_anew_begins_anew, fresh, end),
		cmocka_unit_test_setup_teardown(at_another_instance_nothing_was_observed_yet, fresh, end),
		cmocka_unit_test_setup_teardown(the_session_of_an_account_that_came_back_is_not_gone, fresh, end),
		cmocka_unit_test_setup_teardown(a_name_is_the_live_accounts_at_its_instance, fresh, end),
		cmocka_unit_test_setup_teardown(a_new_leader_knows_sessions_of_accounts_that_were_given_up, fresh, end),
		cmocka_unit_test_setup_teardown(
			a_stray_of_an_account_that_was_given_up_is_stopped_by_a_unique_name_only, fresh, end),
		cmocka_unit_test_setup_teardown(accounts_are_counted_where_they_may_have_sessions, fresh, end),
		cmocka_unit_test_setup_teardown(losses_are_counted_by_the_reason_that_was_reported, fresh, end),
		cmocka_unit_test_setup_teardown(only_what_was_desired_since_this_replica_leads_is_measured, fresh, end),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
