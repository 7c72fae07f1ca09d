/* What cleanup reads and writes of accounts: a change that another program has made meanwhile wins, each assignment raises the epoch, and a
 * deleted account can come back. */
#include "unit.h"

#include "db.h"
#include "store/cleanup_accounts.h"

#define FIRST  ((struct account_key){ 1, 1 })
#define SECOND ((struct account_key){ 1, 2 })

static struct pg *cleanup;

/* What the last read found. */
static struct {
	struct cleanup_account rows[10];
	size_t n;
} found;

static int fresh(void **state)
{
	(void)state;
	if (pg_in_transaction(cleanup))
		pg_rollback(cleanup);
	db_script(
		"TRUNCATE account_control, session_cleanup_logs;"
		"DELETE FROM whatsapp_accounts WHERE id > 3;"
		"UPDATE workspaces SET deleted_at = NULL;"
		"UPDATE whatsapp_accounts SET deleted_at = NULL, is_primary = false, status = 'connected', status_since = '2026-01-01 00:00:10Z',"
		" desired_state = 'connected', desired_at = '2026-01-01 00:00:20Z', assigned_instance_index = NULL, assigned_instance_url = NULL,"
		" previous_instance_index = NULL, instance_migration_count = 0, last_instance_migration_at = NULL, phone_number = NULL,"
		" bridge_kind = (ARRAY['waha', 'evolution', 'blazz'])[id], provider_ref = NULL, move_to = NULL, move_at = NULL, restart_at = NULL, relink_at = NULL, session_restore_count = 0;"
		"DELETE FROM instances;"
		"INSERT INTO instances (index, kind, url, removed_at) VALUES (0, 'waha', 'http://w:0', NULL), (1, 'waha', 'http://w:1', NULL),"
		" (2, 'waha', 'http://w:2', now())");
	arena_reset(db.arena);
	return 0;
}

static struct arena *on_arena(void *ctx)
{
	(void)ctx;
	return db.arena;
}

static void on_row(void *ctx, const struct cleanup_account *row, struct arena *a)
{
	(void)ctx;
	assert_ptr_equal(a, db.arena);
	assert_true(found.n < sizeof(found.rows) / sizeof(found.rows[0]));
	found.rows[found.n++] = *row;
}

static const struct cleanup_account_ops ops = { .arena = on_arena, .each = on_row };

/* The ids of the accounts that are read: "1,2,3". */
static const char *loaded(void)
{
	struct buf out = BUF_INIT;
	const char *text;

	found.n = 0;
	done(store_cleanup_accounts(cleanup, &ops, &db.err));
	for (size_t i = 0; i < found.n; i++)
		buf_printf(&out, "%s%d", i ? "," : "", (int)found.rows[i].id);
	text = arena_cstr(db.arena, buf_str(&out));
	buf_fini(&out);
	return text;
}

static const struct cleanup_account *account_read(int64_t id)
{
	(void)loaded();
	for (size_t i = 0; i < found.n; i++)
		if (found.rows[i].id == id)
			return &found.rows[i];
	fail_msg("account %d is not read", (int)id);
	return NULL;
}

static void an_account_is_read_completely(void **state)
{
	const struct cleanup_account *a;

	(void)state;
	execute(db.admin,
		"UPDATE whatsapp_accounts SET provider_ref = 'ref', phone_number = '+6281', secrets = '\\x0102', restart_at = '2026-01-01 00:00:01Z',"
		" relink_at = '2026-01-01 00:00:02Z', move_at = '2026-01-01 00:00:03Z', move_to = 1, status = 'disconnected',"
		" disconnect_reason = 'error', disconnect_details = 'close 440', reported_phone = '+6282', status_at = '2026-01-01 00:00:04Z',"
		" disconnected_at = '2026-01-01 00:00:05Z', first_connected_at = '2026-01-01 00:00:06Z', previous_instance_index = 1,"
		" assigned_instance_index = 0, assigned_instance_url = 'http://w:0' WHERE id = 1");
	a = account_read(1);
	assert_true(a->workspace_id == 1 && a->provider == PROVIDER_WEBJS && a->bridge == BRIDGE_WAHA);
	assert_true(uuid_eq(&a->workspace, &(struct uuid[]){ uuid_of("00000000-0000-4000-8000-000000000001") }[0]));
	assert_true(uuid_eq(&a->uuid, &(struct uuid[]){ uuid_of("00000000-0000-4000-8000-000000000011") }[0]));
	assert_str(a->session_id, "s1");
	assert_str(a->provider_ref, "ref");
	assert_str(a->phone_number, "+6281");
	assert_str(a->secrets, "\1\2");
	assert_str(a->desired, "connected");
	assert_true(a->restart_us == AT(1) && a->relink_us == AT(2) && a->move_us == AT(3) && a->move_to == 1);
	assert_str(a->status, "disconnected");
	assert_str(a->disconnect_reason, "error");
	assert_str(a->disconnect_details, "close 440");
	assert_str(a->reported_phone, "+6282");
	assert_true(a->status_at_us == AT(4) && a->disconnected_us == AT(5) && a->first_connected_us == AT(6));
	assert_true(a->status_since_us == AT(10) && a->desired_us == AT(20) && a->deleted_us == PG_NO_TIME);
	assert_true(a->instance_index == 0 && a->previous_index == 1);
	assert_str(a->instance_url, "http://w:0");
	assert_true(a->control.epoch == 0 && a->control.attempt == 0 && a->control.starts == 0);
	assert_true(a->control.next_us == PG_NO_TIME && a->control.gone_us == PG_NO_TIME && !a->control.observed.p);
	a = account_read(2);
	assert_true(a->instance_index == -1 && a->previous_index == -1 && a->move_to == -1 &&
		a->restart_us == PG_NO_TIME && !a->instance_url.p);
}

static void every_account_is_read_that_may_have_a_session(void **state)
{
	static const struct {
		const char *name, *change, *want;
	} cases[] = {
		{ "live ones", "", "1,2,3" },
		{ "a deleted one for seven days",
			"UPDATE whatsapp_accounts SET deleted_at = now() - interval '6 days 23 hours' WHERE id = 1",
			"1,2,3" },
		{ "one at an instance until it has no session of it",
			"UPDATE whatsapp_accounts SET deleted_at = now() - interval '30 days', assigned_instance_index = 0 WHERE id = 1",
			"1,2,3" },
		{ "which it has reported",
			"UPDATE whatsapp_accounts SET deleted_at = now() - interval '30 days', assigned_instance_index = 0 WHERE id = 1;"
			"INSERT INTO account_control (workspace_id, account_id, gone_at) VALUES (1, 1, now())",
			"2,3" },
		{ "one without an instance no longer",
			"UPDATE whatsapp_accounts SET deleted_at = now() - interval '7 days 1 minute' WHERE id = 1",
			"2,3" },
		{ "a deleted one whose session is gone",
			"UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = 1;"
			"INSERT INTO account_control (workspace_id, account_id, gone_at) VALUES (1, 1, now())",
			"2,3" },
		{ "a live one whose former session is gone",
			"INSERT INTO account_control (workspace_id, account_id, gone_at) VALUES (1, 1, now())",
			"1,2,3" },
		{ "a deleted one that is desired anew",
			"UPDATE whatsapp_accounts SET deleted_at = now() - interval '30 days', desired_at = now() WHERE id = 1;"
			"INSERT INTO account_control (workspace_id, account_id, gone_at) VALUES (1, 1, now())",
			"1,2,3" },
		{ "a deleted one that was desired before",
			"UPDATE whatsapp_accounts SET deleted_at = now() - interval '30 days',"
			" desired_at = now() - interval '31 days' WHERE id = 1",
			"2,3" },
		{ "a deleted one that is desired disconnected",
			"UPDATE whatsapp_accounts SET deleted_at = now() - interval '30 days', desired_state = 'disconnected',"
			" desired_at = now() WHERE id = 1",
			"2,3" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fresh(state);
		db_script(cases[i].change);
		if (strcmp(loaded(), cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].name, loaded());
	}
}

static void sessions_of_a_deleted_workspace_are_to_be_disconnected(void **state)
{
	(void)state;
	execute(db.admin, "UPDATE workspaces SET deleted_at = now() WHERE id = 1");
	assert_str(account_read(1)->desired, "disconnected");
	assert_str(account_read(3)->desired, "connected");
}

static void accounts_that_are_named_are_read_once_whatever_their_state(void **state)
{
	const struct uuid named[] = { uuid_of("00000000-0000-4000-8000-000000000012"),
		uuid_of("00000000-0000-4000-8000-000000000099"), uuid_of("00000000-0000-4000-8000-000000000012") };

	(void)state;
	execute(db.admin, "UPDATE whatsapp_accounts SET deleted_at = now() - interval '1 year' WHERE id = 2");
	found.n = 0;
	done(store_cleanup_accounts_of(cleanup, named, 3, &ops, &db.err));
	assert_int_equal(found.n, 1);
	assert_int_equal(found.rows[0].id, 2);
	done(store_cleanup_accounts_of(cleanup, named, 0, &ops, &db.err));
	assert_int_equal(found.n, 1);
}

static struct account_control control_full(void)
{
	return (struct account_control){ .observed = STR("failed"),
		.observed_us = AT(1),
		.action = STR("start"),
		.outcome = STR("busy"),
		.reason = STR("retry"),
		.error = STR("503 \xc3\xa9"),
		.attempt = 4,
		.next_us = AT(2),
		.restarted_us = AT(3),
		.relinked_us = AT(4),
		.moved_us = AT(5),
		.starts = 6,
		.starts_since_us = AT(7),
		.started_us = AT(8),
		.gone_us = AT(9) };
}

static void assert_controls_equal(const struct account_control *got, const struct account_control *want)
{
	assert_true(str_eq(got->observed, want->observed) && str_eq(got->action, want->action));
	assert_true(str_eq(got->outcome, want->outcome) && str_eq(got->reason, want->reason));
	assert_true(str_eq(got->error, want->error));
	assert_true(got->observed_us == want->observed_us && got->next_us == want->next_us);
	assert_true(got->restarted_us == want->restarted_us && got->relinked_us == want->relinked_us);
	assert_true(got->moved_us == want->moved_us && got->started_us == want->started_us);
	assert_true(got->starts_since_us == want->starts_since_us && got->gone_us == want->gone_us);
	assert_true(got->attempt == want->attempt && got->starts == want->starts);
}

static void controls_are_added_and_changed_and_keep_the_epoch(void **state)
{
	const struct account_key keys[] = { FIRST, SECOND };
	const struct account_control none = { .observed_us = PG_NO_TIME,
		.next_us = PG_NO_TIME,
		.restarted_us = PG_NO_TIME,
		.relinked_us = PG_NO_TIME,
		.moved_us = PG_NO_TIME,
		.starts_since_us = PG_NO_TIME,
		.started_us = PG_NO_TIME,
		.gone_us = PG_NO_TIME };
	struct account_control rows[] = { control_full(), none };

	(void)state;
	rows[0].epoch = 99; /* is not written */
	done(store_cleanup_controls(cleanup, keys, rows, 2, &db.err));
	assert_controls_equal(&account_read(1)->control, &rows[0]);
	assert_controls_equal(&account_read(2)->control, &none);
	assert_int_equal(account_read(1)->control.epoch, 0);
	execute(db.admin, "UPDATE account_control SET assignment_epoch = 7, health_penalty = 5");
	done(store_cleanup_controls(cleanup, keys, (struct account_control[]){ none, control_full() }, 2, &db.err));
	assert_controls_equal(&account_read(1)->control, &none);
	assert_controls_equal(&account_read(2)->control, &rows[0]);
	assert_int_equal(account_read(1)->control.epoch, 7);
	assert_int_equal(db_i64("SELECT count(*) FROM account_control WHERE health_penalty = 5"), 2);
	done(store_cleanup_controls(cleanup, keys, rows, 0, &db.err));
}

/* Assigning */

static int assigned(int64_t from, int64_t to, bool migrated, int64_t *epoch)
{
	const struct account_assignment as = { FIRST, from, to, migrated };
	int rc = store_cleanup_assign(cleanup, &as, epoch, &db.err);

	assert_done(rc, db.err);
	return rc;
}

static void each_assignment_raises_the_epoch(void **state)
{
	int64_t epoch = 0;

	(void)state;
	assert_int_equal(assigned(-1, 0, false, &epoch), 1);
	assert_int_equal(epoch, 1);
	assert_text("SELECT assigned_instance_index || assigned_instance_url FROM whatsapp_accounts WHERE id = 1",
		"0http://w:0");
	assert_int_equal(db_i64("SELECT instance_migration_count FROM whatsapp_accounts WHERE id = 1"), 0);
	assert_int_equal(
		db_i64("SELECT num_nulls(previous_instance_index, last_instance_migration_at) FROM whatsapp_accounts WHERE id = 1"),
		2);
	assert_int_equal(assigned(0, 1, true, &epoch), 1);
	assert_int_equal(epoch, 2);
	assert_text("SELECT assigned_instance_index || assigned_instance_url FROM whatsapp_accounts WHERE id = 1",
		"1http://w:1");
	assert_int_equal(db_i64("SELECT instance_migration_count FROM whatsapp_accounts WHERE id = 1"), 1);
	assert_int_equal(db_i64("SELECT previous_instance_index FROM whatsapp_accounts WHERE id = 1"), 0);
	assert_int_equal(
		db_i64("SELECT count(*) FROM whatsapp_accounts WHERE last_instance_migration_at IS NOT NULL AND id = 1"),
		1);
	assert_int_equal(account_read(1)->control.epoch, 2);
	assert_int_equal(db_i64("SELECT count(*) FROM whatsapp_accounts WHERE assigned_instance_index IS NOT NULL"), 1);
}

static void an_assignment_fails_when_the_account_has_changed(void **state)
{
	static const struct {
		const char *name, *index, *url;
		int64_t from, to;
		int want;
	} cases[] = {
		{ "without address", "NULL", "NULL", -1, 0, 1 },
		{ "it got another index meanwhile", "1", "'http://w:1'", -1, 0, 0 },
		{ "it has no index any more", "NULL", "NULL", 1, 0, 0 },
		{ "it is still there", "1", "'http://w:1'", 1, 0, 1 },
		{ "a URL is adopted by its own instance", "NULL", "'http://w:0'", -1, 0, 1 },
		{ "and by no other", "NULL", "'http://w:0'", -1, 1, 0 },
		{ "nor is another program's", "NULL", "'http://elsewhere'", -1, 0, 0 },
		{ "an instance that was removed gets none", "NULL", "NULL", -1, 2, 0 },
		{ "nor does one that is unknown", "NULL", "NULL", -1, 4711, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char sql[200];
		int64_t epoch = 4711;

		fresh(state);
		snprintf(sql, sizeof(sql),
			"UPDATE whatsapp_accounts SET assigned_instance_index = %s, assigned_instance_url = %s WHERE id = 1",
			cases[i].index, cases[i].url);
		execute(db.admin, sql);
		if (assigned(cases[i].from, cases[i].to, false, &epoch) != cases[i].want)
			fail_msg("%s", cases[i].name);
		if (epoch != (cases[i].want ? 1 : 4711) ||
			db_i64("SELECT count(*) FROM account_control") != cases[i].want)
			fail_msg("%s: epoch", cases[i].name);
	}
}

static void a_name_that_another_session_has_there_is_a_conflict(void **state)
{
	const struct account_assignment as = { FIRST, -1, 0, false };
	int64_t epoch = 4711;

	(void)state;
	db_script(
		"UPDATE whatsapp_accounts SET bridge_kind = 'waha', provider_ref = 'default', assigned_instance_index = 0,"
		" assigned_instance_url = 'http://w:0' WHERE id = 2;"
		"UPDATE whatsapp_accounts SET provider_ref = 'default' WHERE id = 1");
	assert_failed(store_cleanup_assign(cleanup, &as, &epoch, &db.err), db.err, ERR_CONFLICT, "23505");
	assert_int_equal(epoch, 4711);
	assert_int_equal(assigned(-1, 1, false, &epoch), 1);
}

static void accounts_follow_the_url_of_their_instance(void **state)
{
	(void)state;
	db_script(
		"UPDATE whatsapp_accounts SET assigned_instance_index = 0, assigned_instance_url = 'http://w:0' WHERE id = 1;"
		"UPDATE whatsapp_accounts SET assigned_instance_url = 'http://w:0' WHERE id = 2;"
		"UPDATE instances SET url = 'http://new' WHERE index = 0");
	done(store_cleanup_follow_urls(cleanup, &db.err));
	assert_text("SELECT string_agg(id || assigned_instance_url, ',' ORDER BY id) FROM whatsapp_accounts",
		"1http://new,2http://w:0");
}

static void an_account_whose_name_is_taken_at_the_new_url_keeps_its_own(void **state)
{
	(void)state;
	db_script(
		"UPDATE whatsapp_accounts SET bridge_kind = 'waha', provider_ref = 'ref' WHERE id = 2;"
		"UPDATE whatsapp_accounts SET provider_ref = 'ref', assigned_instance_index = 0, assigned_instance_url = 'http://w:0' WHERE id = 1;"
		"UPDATE whatsapp_accounts SET bridge_kind = 'waha', assigned_instance_index = 0, assigned_instance_url = 'http://w:0' WHERE id = 3;"
		"UPDATE whatsapp_accounts SET assigned_instance_url = 'http://new' WHERE id = 2;"
		"UPDATE instances SET url = 'http://new' WHERE index = 0");
	done(store_cleanup_follow_urls(cleanup, &db.err));
	assert_text("SELECT string_agg(id || assigned_instance_url, ',' ORDER BY id) FROM whatsapp_accounts",
		"1http://w:0,2http://new,3http://new");
}

/* Deleting */

static struct account_deletion deletion_of(const struct account_key key)
{
	return (struct account_deletion){ .account = key,
		.status = STR("connected"),
		.status_since_us = AT(10),
		.desired_us = AT(20),
		.type = "scheduled",
		.reason = "duplicate",
		.details = STR("of 2") };
}

static void a_deletion_is_logged_and_chooses_the_primary(void **state)
{
	struct account_deletion d = deletion_of(FIRST);
	int64_t primary = 4711;

	(void)state;
	execute(db.admin, "UPDATE whatsapp_accounts SET is_primary = true WHERE id IN (1, 3)");
	assert_int_equal(store_cleanup_delete(cleanup, &d, &primary, &db.err), 1);
	assert_int_equal(primary, 2);
	assert_text(
		"SELECT string_agg(id::text, ',' ORDER BY id) FROM whatsapp_accounts WHERE is_primary AND deleted_at IS NULL",
		"2,3");
	assert_int_equal(
		db_i64("SELECT count(*) FROM whatsapp_accounts WHERE deleted_at IS NOT NULL AND last_cleanup_at = deleted_at"),
		1);
	assert_text(
		"SELECT workspace_id || '/' || account_id || '/' || cleanup_type || '/' || reason || '/' || details || '/' || executed_by"
		" FROM session_cleanup_logs",
		"1/1/scheduled/duplicate/of 2/cleanup");
	assert_int_equal(store_cleanup_delete(cleanup, &d, &primary, &db.err), 0); /* it is deleted already */
	d = deletion_of(SECOND);
	d.details = STR_NONE;
	assert_int_equal(store_cleanup_delete(cleanup, &d, &primary, &db.err), 1);
	assert_int_equal(primary, 0); /* none is left */
	assert_int_equal(db_i64("SELECT count(*) FROM session_cleanup_logs WHERE details IS NULL"), 1);
}

static void a_deletion_of_another_account_leaves_the_primary(void **state)
{
	struct account_deletion d = deletion_of(FIRST);
	int64_t primary = 4711;

	(void)state;
	execute(db.admin, "UPDATE whatsapp_accounts SET is_primary = id IN (2, 3)");
	assert_int_equal(store_cleanup_delete(cleanup, &d, &primary, &db.err), 1);
	assert_int_equal(primary, 0);
	assert_text(
		"SELECT string_agg(id::text, ',' ORDER BY id) FROM whatsapp_accounts WHERE is_primary AND deleted_at IS NULL",
		"2,3");
}

static void an_account_that_has_changed_is_not_deleted(void **state)
{
	static const struct {
		const char *name, *change;
		int want;
	} cases[] = {
		{ "nothing has changed", "updated_at = now()", 1 },
		{ "it has another status", "status = 'disconnected'", 0 },
		{ "it got the same status anew", "status_since = '2026-01-01 00:00:10.000001Z'", 0 },
		{ "it has no such time any more", "status_since = NULL", 0 },
		{ "it was desired anew", "desired_at = '2026-01-01 00:00:20.000001Z'", 0 },
		{ "it is deleted", "deleted_at = now()", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct account_deletion d = deletion_of(FIRST);
		int64_t primary = 4711;
		char sql[200];

		fresh(state);
		snprintf(sql, sizeof(sql), "UPDATE whatsapp_accounts SET %s WHERE id = 1", cases[i].change);
		execute(db.admin, sql);
		if (store_cleanup_delete(cleanup, &d, &primary, &db.err) != cases[i].want)
			fail_msg("%s", cases[i].name);
		if (db_i64("SELECT count(*) FROM session_cleanup_logs") != cases[i].want ||
			(!cases[i].want && primary != 4711))
			fail_msg("%s: has an effect", cases[i].name);
	}
}

static void an_account_without_a_status_since_is_deleted(void **state)
{
	struct account_deletion d = deletion_of(FIRST);
	int64_t primary = 0;

	(void)state;
	execute(db.admin, "UPDATE whatsapp_accounts SET status_since = NULL WHERE id = 1");
	d.status_since_us = PG_NO_TIME;
	assert_int_equal(store_cleanup_delete(cleanup, &d, &primary, &db.err), 1);
}

/* The account comes back while the deletion waits for its row. */
static int delete_first(struct pg *pg, void *ctx, struct err *err)
{
	struct account_deletion d = deletion_of(FIRST);
	int64_t primary = 0;
	int rc = store_cleanup_delete(pg, &d, &primary, err);

	*(int *)ctx = rc;
	return rc < 0 ? -1 : 0;
}

static void an_account_that_comes_back_while_the_deletion_waits_stays(void **state)
{
	int deleted = -1;
	struct other o = { .role = CLEANUP, .act = delete_first, .ctx = &deleted };

	(void)state;
	execute(db.admin, "BEGIN");
	execute(db.admin, "UPDATE whatsapp_accounts SET desired_at = now() WHERE id = 1");
	other_start(&o);
	execute(db.admin, "COMMIT");
	other_end(&o);
	assert_int_equal(deleted, 0);
	assert_int_equal(db_i64("SELECT count(*) FROM whatsapp_accounts WHERE deleted_at IS NOT NULL"), 0);
}

/* As by other programs that choose a primary account: two that lock in different orders could wait for each other. */
static void a_deletion_locks_the_workspace_before_the_account(void **state)
{
	int deleted = -1;
	struct other o = { .role = CLEANUP, .act = delete_first, .ctx = &deleted };

	(void)state;
	execute(db.admin, "BEGIN");
	execute(db.admin, "SELECT FROM workspaces WHERE id = 1 FOR UPDATE");
	other_start(&o);
	execute(db.admin, "SELECT FROM whatsapp_accounts WHERE id = 1 FOR UPDATE NOWAIT");
	execute(db.admin, "COMMIT");
	other_end(&o);
	assert_int_equal(deleted, 1);
}

/* Coming back */

static int restored(void)
{
	return store_cleanup_restore(cleanup, &FIRST, AT(20), &db.err);
}

static void a_deleted_account_comes_back_and_the_workspace_has_a_primary(void **state)
{
	(void)state;
	db_script(
		"UPDATE whatsapp_accounts SET deleted_at = now(), is_primary = false WHERE workspace_id = 1;"
		"INSERT INTO account_control (workspace_id, account_id, gone_at, assignment_epoch) VALUES (1, 1, now(), 5), (1, 2, now(), 5)");
	assert_int_equal(restored(), 1);
	assert_text(
		"SELECT string_agg(id::text, ',') FROM whatsapp_accounts WHERE deleted_at IS NULL AND workspace_id = 1",
		"1");
	assert_int_equal(db_i64("SELECT count(*) FROM whatsapp_accounts WHERE is_primary AND id = 1"), 1);
	assert_int_equal(account_read(1)->control.gone_us, PG_NO_TIME);
	assert_int_equal(account_read(1)->control.epoch, 5);
	assert_int_equal(db_i64("SELECT count(*) FROM account_control WHERE gone_at IS NOT NULL"), 1);
	assert_int_equal(restored(), 0); /* it is not deleted any more */
}

static void an_account_that_comes_back_leaves_the_primary_alone(void **state)
{
	(void)state;
	execute(db.admin,
		"UPDATE whatsapp_accounts SET deleted_at = CASE id WHEN 1 THEN now() END, is_primary = id = 2, status = 'failed' WHERE workspace_id = 1");
	assert_int_equal(restored(), 1);
	assert_text("SELECT string_agg(id::text, ',') FROM whatsapp_accounts WHERE is_primary", "2");
}

static void only_the_desire_that_was_decided_upon_brings_it_back(void **state)
{
	static const char *const changes[] = { "desired_at = '2026-01-01 00:00:21Z'", "desired_state = 'disconnected'",
		"desired_state = 'deleted'", "deleted_at = NULL" };

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		char sql[200];

		fresh(state);
		execute(db.admin, "UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = 1");
		snprintf(sql, sizeof(sql), "UPDATE whatsapp_accounts SET %s WHERE id = 1", changes[i]);
		execute(db.admin, sql);
		if (restored() != 0)
			fail_msg("%s", changes[i]);
	}
}

/* At one instance a name is one session's. */
static void an_account_whose_name_is_taken_stays_deleted(void **state)
{
	(void)state;
	db_script(
		"UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = 1;"
		"UPDATE whatsapp_accounts SET bridge_kind = 'waha', provider_ref = 'default', assigned_instance_index = 0,"
		" assigned_instance_url = 'http://w:0' WHERE id IN (1, 2)");
	assert_failed(restored(), db.err, ERR_CONFLICT, "23505");
	assert_int_equal(db_i64("SELECT count(*) FROM whatsapp_accounts WHERE id = 1 AND deleted_at IS NULL"), 0);
}

static void restores_are_counted(void **state)
{
	(void)state;
	done(store_cleanup_count_restore(cleanup, &FIRST, &db.err));
	done(store_cleanup_count_restore(cleanup, &FIRST, &db.err));
	assert_int_equal(db_i64("SELECT session_restore_count FROM whatsapp_accounts WHERE id = 1"), 2);
	assert_int_equal(db_i64("SELECT sum(session_restore_count) FROM whatsapp_accounts"), 2);
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
		cmocka_unit_test_setup(an_account_is_read_completely, fresh),
		cmocka_unit_test(every_account_is_read_that_may_have_a_session),
		cmocka_unit_test_setup(sessions_of_a_deleted_workspace_are_to_be_disconnected, fresh),
		cmocka_unit_test_setup(accounts_that_are_named_are_read_once_whatever_their_state, fresh),
		cmocka_unit_test_setup(controls_are_added_and_changed_and_keep_the_epoch, fresh),
		cmocka_unit_test_setup(each_assignment_raises_the_epoch, fresh),
		cmocka_unit_test(an_assignment_fails_when_the_account_has_changed),
		cmocka_unit_test_setup(a_name_that_another_session_has_there_is_a_conflict, fresh),
		cmocka_unit_test_setup(accounts_follow_the_url_of_their_instance, fresh),
		cmocka_unit_test_setup(an_account_whose_name_is_taken_at_the_new_url_keeps_its_own, fresh),
		cmocka_unit_test_setup(a_deletion_is_logged_and_chooses_the_primary, fresh),
		cmocka_unit_test_setup(a_deletion_of_another_account_leaves_the_primary, fresh),
		cmocka_unit_test(an_account_that_has_changed_is_not_deleted),
		cmocka_unit_test_setup(an_account_without_a_status_since_is_deleted, fresh),
		cmocka_unit_test_setup(an_account_that_comes_back_while_the_deletion_waits_stays, fresh),
		cmocka_unit_test_setup(a_deletion_locks_the_workspace_before_the_account, fresh),
		cmocka_unit_test_setup(a_deleted_account_comes_back_and_the_workspace_has_a_primary, fresh),
		cmocka_unit_test_setup(an_account_that_comes_back_leaves_the_primary_alone, fresh),
		cmocka_unit_test(only_the_desire_that_was_decided_upon_brings_it_back),
		cmocka_unit_test_setup(an_account_whose_name_is_taken_stays_deleted, fresh),
		cmocka_unit_test_setup(restores_are_counted, fresh),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
