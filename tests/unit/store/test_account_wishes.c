/* What is wished of a session is stored with its time and reaches cleanup; what cannot be fulfilled is rejected. */
#include "unit.h"

#include "db.h"
#include "store/account_wishes.h"
#include "store/definitions.h"

static struct pg *admin, *listener;

/* Instances 0 and 1 (waha, which share files), 2 (waha, apart), 3 (waha, draining), 4 and 5 (evolution), 6 (waha, removed), 7
 * (waha, apart). */
static int fresh(void **state)
{
	struct str channel, payload;

	(void)state;
	if (pg_in_transaction(admin))
		pg_rollback(admin);
	db_script(
		"DELETE FROM whatsapp_accounts WHERE id > 3;DELETE FROM account_control;DELETE FROM account_qr;"
		"UPDATE whatsapp_accounts SET desired_state = 'connected', desired_at = '2026-01-01Z', restart_at = NULL, relink_at = NULL,"
		" move_to = NULL, move_at = NULL, phone_number = NULL, reported_phone = NULL, deleted_at = NULL, assigned_instance_index = NULL, assigned_instance_url = NULL,"
		" is_primary = false;"
		"DELETE FROM instances;"
		"INSERT INTO instances (index, kind, url, storage_group, desired, removed_at) VALUES (0, 'waha', 'w0', 'nfs', 'active', NULL),"
		" (1, 'waha', 'w1', 'nfs', 'active', NULL), (2, 'waha', 'w2', '', 'active', NULL), (3, 'waha', 'w3', 'nfs', 'draining', NULL),"
		" (4, 'evolution', 'e4', 'e', 'active', NULL), (5, 'evolution', 'e5', 'e', 'active', NULL),"
		" (6, 'waha', 'w6', 'nfs', 'off', now()), (7, 'waha', 'w7', '', 'active', NULL)");
	arena_reset(db.arena);
	execute(listener, "SELECT");
	while (pg_notification(listener, &channel, &payload, &db.err) == 1)
		;
	return 0;
}

static struct account_state account(const char *name)
{
	struct account_state a = { 0 };

	done(store_account_state(admin, str_of(name), db.arena, &a, &db.err));
	return a;
}

static void an_account_is_found_by_id_and_by_session_also_when_it_is_deleted(void **state)
{
	struct account_state a;

	(void)state;
	execute(db.admin, "UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = 1");
	a = account("s1");
	assert_true(a.workspace_id == 1 && a.id == 1 && a.deleted_us != PG_NO_TIME);
	assert_int_equal(account("00000000-0000-4000-8000-000000000013").id, 3);
	assert_failed(store_account_state(admin, STR("nobody"), db.arena, &a, &db.err), db.err, ERR_INPUT, "unknown");
}

static void what_is_desired_reported_and_observed_is_read(void **state)
{
	struct account_state a = account("s1");

	(void)state;
	assert_true(!a.observed.p && a.observed_us == PG_NO_TIME && a.instance == -1 && a.move_to == -1);
	db_script(
		"UPDATE whatsapp_accounts SET assigned_instance_index = 0, assigned_instance_url = 'w0', move_to = 1, status = 'failed'"
		" WHERE id = 1;"
		"INSERT INTO account_control (workspace_id, account_id, assignment_epoch, observed, observed_at, action, outcome, attempt, reason,"
		" error) VALUES (1, 1, 4, 'failed', '2026-01-01Z', 'start', 'busy', 2, 'retry', 'x')");
	a = account("s1");
	assert_str(a.desired, "connected");
	assert_str(a.status, "failed");
	assert_str(a.observed, "failed");
	assert_str(a.action, "start");
	assert_str(a.outcome, "busy");
	assert_str(a.reason, "retry");
	assert_str(a.error, "x");
	assert_true(a.instance == 0 && a.move_to == 1 && a.epoch == 4 && a.attempt == 2 && a.observed_us == AT(0));
}

static const struct {
	const char *name;
	enum account_wish wish;
	const char *row; /* desired state, and which of desired_at, restart_at and relink_at are new */
} wishes[] = {
	{ "connect", WISH_CONNECTED, "connected desired" },
	{ "disconnect", WISH_DISCONNECTED, "disconnected desired" },
	{ "delete", WISH_DELETED, "deleted desired" },
	{ "restart", WISH_RESTART, "connected restart" },
	{ "relink", WISH_RELINK, "connected relink" },
};

static void a_wish_has_the_time_at_which_it_was_made(void **state)
{
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		struct account_state a;

		fresh(state);
		done(pg_begin(admin, &db.err));
		done(store_account_state_lock(admin, STR("s1"), db.arena, &a, &db.err));
		done(store_account_wish(admin, &a, wishes[i].wish, &db.err));
		done(pg_commit(admin, &db.err));
		assert_text(
			"SELECT concat_ws(' ', desired_state, CASE WHEN desired_at > now() - interval '1 minute' THEN 'desired' END,"
			" CASE WHEN restart_at <= now() THEN 'restart' END, CASE WHEN relink_at <= now() THEN 'relink' END)"
			" FROM whatsapp_accounts WHERE id = 1",
			wishes[i].row);
	}
}

/* Another operator's wish was stored after this transaction began. */
static void a_wish_is_newer_than_the_one_that_it_replaces(void **state)
{
	static const char *const columns[] = { "desired_at", "desired_at", "desired_at", "restart_at", "relink_at" };

	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		struct account_state a;
		char sql[200];

		fresh(state);
		done(pg_begin(admin, &db.err));
		execute(admin, "SELECT now()");
		execute(db.admin,
			"UPDATE whatsapp_accounts SET desired_at = n.at, restart_at = n.at, relink_at = n.at, last_instance_migration_at = n.at"
			" FROM (SELECT clock_timestamp() AS at) AS n WHERE id = 1");
		done(store_account_state_lock(admin, STR("s1"), db.arena, &a, &db.err));
		done(store_account_wish(admin, &a, wishes[i].wish, &db.err));
		done(pg_commit(admin, &db.err));
		snprintf(sql, sizeof(sql),
			"SELECT count(*) FROM whatsapp_accounts WHERE id = 1 AND %s > last_instance_migration_at",
			columns[i]);
		if (db_i64(sql) != 1)
			fail_msg("%s", wishes[i].name);
	}
}

static void each_wish_notifies_cleanup(void **state)
{
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		struct account_state a;
		struct str channel, payload;

		fresh(state);
		a = account("s1");
		done(store_account_wish(admin, &a, wishes[i].wish, &db.err));
		execute(listener, "SELECT");
		if (pg_notification(listener, &channel, &payload, &db.err) != 1)
			fail_msg("%s", wishes[i].name);
		assert_str(payload, "account:00000000-0000-4000-8000-000000000011");
	}
}

static void of_a_deleted_account_only_its_return_can_be_wished(void **state)
{
	execute(db.admin, "UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = 1");
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		struct account_state a = account("s1");
		int rc = store_account_wish(admin, &a, wishes[i].wish, &db.err);

		if ((rc == 0) != (wishes[i].wish == WISH_CONNECTED))
			fail_msg("%s", wishes[i].name);
		if (rc < 0)
			assert_string_equal(db.err.code, "deleted");
	}
	(void)state;
}

static void a_session_that_cleanup_does_not_manage_is_not_restarted(void **state)
{
	struct account_state a;

	(void)state;
	execute(db.admin, "UPDATE whatsapp_accounts SET assigned_instance_url = 'http://elsewhere' WHERE id = 1");
	execute(db.admin,
		"INSERT INTO whatsapp_accounts (workspace_id, session_id, provider_type, phone_number_id) VALUES (1, 'm', 'meta', 'p')");
	a = account("s1");
	assert_true(store_account_is_unmanaged(&a));
	assert_failed(store_account_wish(admin, &a, WISH_RESTART, &db.err), db.err, ERR_INPUT, "unmanaged");
	done(store_account_wish(admin, &a, WISH_DISCONNECTED, &db.err));
	a = account("m");
	assert_false(store_account_is_unmanaged(&a));
	assert_failed(store_account_wish(admin, &a, WISH_RELINK, &db.err), db.err, ERR_INPUT, "meta");
}

static void an_account_moves_only_where_its_session_can_run(void **state)
{
	static const struct {
		const char *name, *sql /* arranges it */, *account;
		int64_t to;
		bool relink;
		const char *code; /* NULL: it moves */
	} cases[] = {
		{ "within a storage group", "UPDATE whatsapp_accounts SET assigned_instance_index = 0 WHERE id = 1",
			"s1", 1, false, NULL },
		{ "to the same instance", "SELECT", "s1", 0, false, "move" },
		{ "out of the group", "SELECT", "s1", 2, false, "move" },
		{ "out of the group with a new login", "SELECT", "s1", 2, true, NULL },
		{ "to a draining instance", "SELECT", "s1", 3, false, "move" },
		{ "to another kind", "SELECT", "s1", 4, true, "move" },
		{ "to a removed instance", "SELECT", "s1", 6, true, "unknown" },
		{ "to no instance", "SELECT", "s1", 99, true, "unknown" },
		{ "between instances that are apart",
			"UPDATE whatsapp_accounts SET assigned_instance_index = 2 WHERE id = 1", "s1", 0, false,
			"move" },
		{ "between instances without a group", "SELECT", "s1", 7, false, "move" },
		{ "of no instance yet", "UPDATE whatsapp_accounts SET assigned_instance_index = NULL WHERE id = 1",
			"s1", 2, false, "move" },
		{ "of no instance yet with a new login", "SELECT", "s1", 2, true, NULL },
		{ "unmanaged", "UPDATE whatsapp_accounts SET assigned_instance_url = 'http://elsewhere' WHERE id = 1",
			"s1", 2, true, "move" },
		{ "deleted",
			"UPDATE whatsapp_accounts SET assigned_instance_index = 0, deleted_at = now() WHERE id = 1",
			"s1", 1, false, "move" },
		{ "of Evolution", "UPDATE whatsapp_accounts SET assigned_instance_index = 4 WHERE id = 2", "s2", 5,
			false, "move" },
		{ "of Evolution with a new login", "SELECT", "s2", 5, true, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct account_state a;
		int rc;

		execute(db.admin, cases[i].sql);
		a = account(cases[i].account);
		rc = store_account_move(admin, &a, cases[i].to, cases[i].relink, &db.err);
		if ((rc == 0) != !cases[i].code || (rc < 0 && strcmp(db.err.code, cases[i].code) != 0))
			fail_msg("%s: %s", cases[i].name, rc < 0 ? db.err.msg : "moved");
	}
}

static void an_instance_is_asked_for_when_an_account_is_added(void **state)
{
	static const struct {
		const char *name;
		int64_t to;
		const char *code; /* NULL: the account is added */
	} cases[] = {
		{ "one of the kind", 2, NULL },
		{ "a draining one", 3, "move" },
		{ "one of another kind", 4, "move" },
		{ "a removed one", 6, "unknown" },
		{ "none", 99, "unknown" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct account_info a = { .workspace_id = 1,
			.session_id = STR("asks"),
			.provider = PROVIDER_WEBJS,
			.bridge = BRIDGE_WAHA,
			.asked_instance = &cases[i].to };
		int rc;

		uuid_v4(&a.uuid);
		rc = store_account_add(admin, &a, &db.err);
		if ((rc == 0) != !cases[i].code || (rc < 0 && strcmp(db.err.code, cases[i].code) != 0))
			fail_msg("%s: %s", cases[i].name, rc < 0 ? db.err.msg : "added");
		assert_int_equal(
			db_i64("SELECT count(*) FROM whatsapp_accounts WHERE session_id = 'asks' AND move_to = 2"
			       " AND move_at <= clock_timestamp() AND assigned_instance_index IS NULL AND relink_at IS NULL"),
			rc == 0);
		execute(db.admin, "DELETE FROM whatsapp_accounts WHERE session_id = 'asks'");
	}
}

static void a_deleted_account_is_found_by_its_number(void **state)
{
	static const struct {
		const char *name, *sql, *phone, *session; /* session NULL: none */
	} cases[] = {
		{ "a live account", "UPDATE whatsapp_accounts SET phone_number = '+6281234567890' WHERE id = 1",
			"+6281234567890", NULL },
		{ "one that is to be deleted", "UPDATE whatsapp_accounts SET desired_state = 'deleted' WHERE id = 1",
			"+6281234567890", "s1" },
		{ "one that is deleted", "UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = 1",
			"6281234567890", "s1" },
		{ "another number", "SELECT", "+6281234567891", NULL },
		{ "no number", "SELECT", "", NULL },
		{ "the number that was reported",
			"UPDATE whatsapp_accounts SET reported_phone = '5511987654321' WHERE id = 1", "+551187654321",
			"s1" },
		{ "the number that was replaced by the reported one", "SELECT", "+6281234567890", NULL },
		{ "one of another workspace",
			"UPDATE whatsapp_accounts SET deleted_at = now(), phone_number = '+6281234567890' WHERE id = 3",
			"+6281234567890", NULL },
		{ "the one that was deleted last",
			"UPDATE whatsapp_accounts SET deleted_at = now() + interval '1 s', phone_number = '+5511987654321'"
			" WHERE id = 2",
			"+5511987654321", "s2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str session;

		execute(db.admin, cases[i].sql);
		done(store_account_deleted(admin, 1, str_of(cases[i].phone), db.arena, &session, &db.err));
		if (cases[i].session ? !str_is(session, cases[i].session) : session.p != NULL)
			fail_msg("%s: %.*s", cases[i].name, STR_ARG(session));
	}
}

static void a_move_with_a_new_login_has_one_time(void **state)
{
	struct account_state a;

	(void)state;
	execute(db.admin, "UPDATE whatsapp_accounts SET assigned_instance_index = 0 WHERE id = 1");
	a = account("s1");
	done(store_account_move(admin, &a, 1, false, &db.err));
	assert_text("SELECT concat_ws(' ', move_to, relink_at IS NULL) FROM whatsapp_accounts WHERE id = 1", "1 t");
	done(store_account_move(admin, &a, 2, true, &db.err));
	assert_text("SELECT concat_ws(' ', move_to, relink_at = move_at) FROM whatsapp_accounts WHERE id = 1", "2 t");
}

static void place_read(void *ctx, const struct account_place *p)
{
	char uuid[37];

	uuid_format(&p->uuid, uuid);
	if (strcmp(uuid, "00000000-0000-4000-8000-000000000011") == 0)
		*(struct account_place *)ctx = *p;
}

static void an_account_counts_for_the_instance_that_it_moves_to(void **state)
{
	static const struct {
		const char *name, *sql;
		int64_t at; /* -1: nowhere */
		bool movable;
	} cases[] = {
		{ "unassigned", "UPDATE whatsapp_accounts SET status = 'connected' WHERE id = 1", -1, false },
		{ "assigned", "UPDATE whatsapp_accounts SET assigned_instance_index = 0 WHERE id = 1", 0, true },
		{ "moving", "UPDATE whatsapp_accounts SET move_to = 1, move_at = '2026-01-02Z' WHERE id = 1", 1,
			false },
		{ "moving, after an earlier move",
			"INSERT INTO account_control (workspace_id, account_id, moved_at) VALUES (1, 1, '2026-01-01Z')",
			1, false },
		{ "to an instance that is down", "UPDATE instances SET state = 'down' WHERE index = 1", 0, true },
		{ "to one that drains", "UPDATE instances SET state = 'up', desired = 'draining' WHERE index = 1", 0,
			true },
		{ "to one that is removed",
			"UPDATE instances SET desired = 'active', removed_at = now() WHERE index = 1", 0, true },
		{ "to one that is up again", "UPDATE instances SET removed_at = NULL WHERE index = 1", 1, false },
		{ "moved", "UPDATE account_control SET moved_at = '2026-01-02Z'", 0, true },
		{ "out of the group", "UPDATE whatsapp_accounts SET move_to = 2, move_at = '2026-01-03Z' WHERE id = 1",
			0, true },
		{ "out of the group with a new login",
			"UPDATE whatsapp_accounts SET relink_at = '2026-01-03Z' WHERE id = 1", 2, false },
		{ "not desired as connected",
			"UPDATE whatsapp_accounts SET desired_state = 'disconnected' WHERE id = 1", 0, false },
		{ "deleted", "UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = 1", -1, false },
	};

	(void)state;
	execute(db.admin, "UPDATE instances SET state = 'up'");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct account_place p = { .at = -1 };

		execute(db.admin, cases[i].sql);
		done(store_account_places(admin, place_read, &p, &db.err));
		if (p.at != cases[i].at || p.movable != cases[i].movable || p.connected != (p.at >= 0))
			fail_msg("%s: at %lld", cases[i].name, (long long)p.at);
	}
	execute(db.admin, "UPDATE whatsapp_accounts SET status = 'disconnected' WHERE id = 1");
}

static void a_code_is_read_until_it_expires(void **state)
{
	struct account_state a = account("s1");
	struct account_code code;

	(void)state;
	done(store_account_code(admin, &a, db.arena, &code, &db.err));
	assert_false(code.sealed.p);
	execute(db.admin,
		"INSERT INTO account_qr (workspace_id, account_id, kind, code, expires_at) VALUES (1, 1, 'pairing', '\\x01', now() + '1 minute')");
	done(store_account_code(admin, &a, db.arena, &code, &db.err));
	assert_true(code.pairing && code.expires_us != PG_NO_TIME);
	assert_str(code.sealed, "\1");
	execute(db.admin, "UPDATE account_qr SET expires_at = now()");
	done(store_account_code(admin, &a, db.arena, &code, &db.err));
	assert_false(code.sealed.p);
}

static void a_primary_account_is_chosen(void **state)
{
	(void)state;
	done(store_account_primary_set(admin, 1, 2, &db.err));
	assert_text("SELECT string_agg(id::text, ' ') FROM whatsapp_accounts WHERE is_primary", "2");
	done(store_account_primary_set(admin, 1, 1, &db.err));
	assert_text("SELECT string_agg(id::text, ' ') FROM whatsapp_accounts WHERE is_primary", "1");
	assert_failed(store_account_primary_set(admin, 1, 3, &db.err), db.err, ERR_RETRY, "P0002");
}

static int start(void **state)
{
	if (db_start(state) < 0)
		return -1;
	admin = db_session("blazz_admin");
	listener = db_session("blazz_cleanup");
	done(pg_listen(listener, "blazz_accounts", &db.err));
	return 0;
}

static int stop(void **state)
{
	pg_close(&admin);
	pg_close(&listener);
	return db_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_account_is_found_by_id_and_by_session_also_when_it_is_deleted, fresh),
		cmocka_unit_test_setup(what_is_desired_reported_and_observed_is_read, fresh),
		cmocka_unit_test_setup(a_wish_has_the_time_at_which_it_was_made, fresh),
		cmocka_unit_test_setup(a_wish_is_newer_than_the_one_that_it_replaces, fresh),
		cmocka_unit_test_setup(each_wish_notifies_cleanup, fresh),
		cmocka_unit_test_setup(of_a_deleted_account_only_its_return_can_be_wished, fresh),
		cmocka_unit_test_setup(a_session_that_cleanup_does_not_manage_is_not_restarted, fresh),
		cmocka_unit_test_setup(an_account_moves_only_where_its_session_can_run, fresh),
		cmocka_unit_test_setup(an_instance_is_asked_for_when_an_account_is_added, fresh),
		cmocka_unit_test_setup(a_deleted_account_is_found_by_its_number, fresh),
		cmocka_unit_test_setup(a_move_with_a_new_login_has_one_time, fresh),
		cmocka_unit_test_setup(an_account_counts_for_the_instance_that_it_moves_to, fresh),
		cmocka_unit_test_setup(a_code_is_read_until_it_expires, fresh),
		cmocka_unit_test_setup(a_primary_account_is_chosen, fresh),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
