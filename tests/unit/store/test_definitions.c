/* What blazzctl adds is there, complete, and one account of a workspace is primary. */
#include "unit.h"

#include "db.h"
#include "store/definitions.h"

static struct pg *admin;

static int fresh(void **state)
{
	(void)state;
	db_script(
		"DELETE FROM whatsapp_accounts WHERE id > 3;DELETE FROM provider_apps;DELETE FROM workspaces WHERE id > 2;"
		"UPDATE whatsapp_accounts SET is_primary = false, sync = '{}'");
	arena_reset(db.arena);
	return 0;
}

static struct workspace_info workspace(const char *name)
{
	struct workspace_info w = { .name = str_of(name) };

	uuid_v4(&w.uuid);
	done(store_workspace_add(admin, &w, &db.err));
	return w;
}

static void a_workspace_is_found_by_id_and_by_name(void **state)
{
	struct workspace_info w = workspace("Toko Budi");
	struct uuid found = { 0 };
	char text[37];
	int64_t id = 0;

	(void)state;
	uuid_format(&w.uuid, text);
	done(store_workspace_find(admin, STR("Toko Budi"), &id, &found, &db.err));
	assert_int_equal(id, w.id);
	assert_true(uuid_eq(&found, &w.uuid));
	id = 0;
	done(store_workspace_find(admin, str_of(text), &id, &found, &db.err));
	assert_int_equal(id, w.id);
	assert_failed(store_workspace_find(admin, STR("Nobody"), &id, &found, &db.err), db.err, ERR_INPUT, "unknown");
	workspace("Toko Budi");
	assert_failed(store_workspace_find(admin, STR("Toko Budi"), &id, &found, &db.err), db.err, ERR_INPUT,
		"ambiguous");
	assert_failed(store_workspace_add(admin, &w, &db.err), db.err, ERR_CONFLICT, "23505");
}

static void list_workspace(void *ctx, const struct workspace_info *w)
{
	buf_printf(ctx, "%.*s %.*s, ", STR_ARG(w->name), STR_ARG(w->settings));
}

static void workspaces_are_listed(void **state)
{
	struct workspace_info w = { .name = STR("three"), .settings = STR("{\"a\":1}") };
	struct buf out = BUF_INIT;

	(void)state;
	uuid_v4(&w.uuid);
	done(store_workspace_add(admin, &w, &db.err));
	execute(db.admin, "UPDATE workspaces SET settings = '{}' WHERE id = 1");
	done(store_workspaces_list(admin, list_workspace, &out, &db.err));
	assert_true(str_eq(buf_str(&out), STR("one {}, two {}, three {\"a\": 1}, ")));
	buf_fini(&out);
}

static struct app_info app(int64_t workspace_id)
{
	struct app_info a = {
		.workspace_id = workspace_id, .kind = STR("meta"), .name = STR("Main"), .secrets = STR("\1")
	};

	uuid_v4(&a.uuid);
	done(store_app_add(admin, &a, &db.err));
	return a;
}

static void list_app(void *ctx, const struct app_info *a)
{
	buf_printf(ctx, "%lld %.*s %.*s, ", (long long)a->workspace_id, STR_ARG(a->kind), STR_ARG(a->name));
}

static void apps_are_listed_with_their_owner(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	app(0);
	app(2);
	done(store_apps_list(admin, list_app, &out, &db.err));
	assert_true(str_eq(buf_str(&out), STR("0 meta Main, 2 meta Main, ")));
	buf_fini(&out);
}

static struct account_info meta_account(const char *session_id, const char *phone_number_id)
{
	struct account_info a = { .workspace_id = 1,
		.session_id = str_of(session_id),
		.provider = PROVIDER_META,
		.phone_number_id = str_of(phone_number_id) };

	uuid_v4(&a.uuid);
	return a;
}

static void list_account(void *ctx, const struct account_info *a)
{
	buf_printf(ctx, "%.*s %.*s %s, ", STR_ARG(a->session_id), STR_ARG(a->status), a->is_primary ? "primary" : "-");
}

static const char *accounts_listed(int64_t workspace_id)
{
	struct buf out = BUF_INIT;
	const char *text;

	done(store_accounts_list(admin, workspace_id, list_account, &out, &db.err));
	text = arena_cstr(db.arena, buf_str(&out));
	buf_fini(&out);
	return text;
}

static void only_the_newest_primary_stays_one(void **state)
{
	struct account_info a = meta_account("m1", "p1"), b = meta_account("m2", "p2");

	(void)state;
	a.is_primary = b.is_primary = true;
	done(store_account_add(admin, &a, &db.err));
	done(store_account_add(admin, &b, &db.err));
	assert_true(a.id > 0 && b.id > a.id);
	assert_string_equal(accounts_listed(1),
		"s1 disconnected -, s2 disconnected -, m1 disconnected -, m2 disconnected primary, ");
	assert_string_equal(accounts_listed(2), "s3 disconnected -, ");
}

static void the_first_account_is_primary_and_others_leave_it_so(void **state)
{
	struct workspace_info w = workspace("Toko Budi");
	struct account_info a = meta_account("m1", "p1"), b = meta_account("m2", "p2");

	(void)state;
	a.workspace_id = b.workspace_id = w.id;
	done(store_account_add(admin, &a, &db.err));
	done(store_account_add(admin, &b, &db.err));
	assert_true(a.is_primary && !b.is_primary);
	assert_string_equal(accounts_listed(w.id), "m1 disconnected primary, m2 disconnected -, ");
}

static void a_number_belongs_to_one_live_account(void **state)
{
	struct account_info a = meta_account("m1", "p1"), b = meta_account("m2", "p1"), c = meta_account("m1", "p3");

	(void)state;
	b.is_primary = true;
	done(store_account_add(admin, &a, &db.err));
	assert_failed(store_account_add(admin, &b, &db.err), db.err, ERR_CONFLICT, "23505");
	assert_int_equal(b.id, 0);
	assert_failed(store_account_add(admin, &c, &db.err), db.err, ERR_CONFLICT, "23505");
	execute(db.admin, "UPDATE whatsapp_accounts SET deleted_at = now() WHERE session_id = 'm1'");
	done(store_account_add(admin, &b, &db.err));
}

static void an_account_may_use_its_workspaces_and_the_platforms_apps(void **state)
{
	struct app_info ours = app(1), theirs = app(2), platform = app(0);
	struct account_info a = meta_account("m1", "p1"), b = meta_account("m2", "p2"), c = meta_account("m3", "p3");

	(void)state;
	a.app = ours.uuid;
	b.app = platform.uuid;
	c.app = theirs.uuid;
	done(store_account_add(admin, &a, &db.err));
	done(store_account_add(admin, &b, &db.err));
	assert_failed(store_account_add(admin, &c, &db.err), db.err, ERR_INPUT, "unknown");
	assert_false(pg_in_transaction(admin));
}

static void a_name_in_use_is_reported_without_its_workspace(void **state)
{
	static const struct {
		const char *session, *number, *waba;
		int64_t workspace;
		const char *said;
	} cases[] = {
		{ "m1", "p9", "w9", 2, "the session id is taken" },
		{ "m9", "p1", "w9", 2, "the phone number id is taken by another account" },
		{ "m9", "p9", "w1", 2, "the WABA is taken by another workspace of this app" },
		{ "00000000-0000-4000-8000-000000000011", "p9", "w9", 2, "a session id must not look like a UUID" },
		{ "m9", "p9", "w1", 1, NULL },
	};
	struct app_info platform = app(0);
	struct account_info a = meta_account("m1", "p1");

	(void)state;
	a.app = platform.uuid;
	a.waba_id = STR("w1");
	done(store_account_add(admin, &a, &db.err));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct account_info b = meta_account(cases[i].session, cases[i].number);

		b.workspace_id = cases[i].workspace;
		b.app = platform.uuid;
		b.waba_id = str_of(cases[i].waba);
		if (cases[i].said) {
			assert_int_equal(store_account_add(admin, &b, &db.err), -1);
			assert_string_equal(db.err.msg, cases[i].said);
		} else {
			done(store_account_add(admin, &b, &db.err));
		}
	}
}

static void an_account_is_changed_while_it_is_locked(void **state)
{
	struct app_info platform = app(0), theirs = app(2);
	struct account_info a = meta_account("m1", "p1"), b = meta_account("m2", "p2"), found = { 0 };
	char text[37];

	(void)state;
	a.app = platform.uuid;
	a.phone_number = STR("+6281");
	done(store_account_add(admin, &a, &db.err));
	done(store_account_add(admin, &b, &db.err));
	uuid_format(&a.uuid, text);
	done(pg_begin(admin, &db.err));
	assert_failed(store_account_lock(admin, STR("nobody"), db.arena, &found, &db.err), db.err, ERR_INPUT,
		"unknown");
	done(store_account_lock(admin, str_of(text), db.arena, &found, &db.err));
	assert_str(found.session_id, "m1");
	done(store_account_lock(admin, STR("m1"), db.arena, &found, &db.err));
	assert_int_equal(found.id, a.id);
	assert_true(uuid_eq(&found.app, &platform.uuid));
	found.session_id = STR("m3");
	found.phone_number = STR("");
	found.waba_id = STR("w1");
	found.secrets = STR("\1\2");
	done(store_account_set(admin, &found, &db.err));
	done(pg_commit(admin, &db.err));
	assert_text(
		"SELECT concat_ws(' ', session_id, coalesce(phone_number, 'none'), phone_number_id, waba_id, secrets,"
		" provider_app_id IS NOT NULL) FROM whatsapp_accounts WHERE phone_number_id = 'p1'",
		"m3 none p1 w1 \\x0102 t");
	found.session_id = STR("m2");
	assert_int_equal(store_account_set(admin, &found, &db.err), -1);
	assert_string_equal(db.err.msg, "the session id is taken");
	found.session_id = STR("m3");
	found.app = theirs.uuid;
	assert_failed(store_account_set(admin, &found, &db.err), db.err, ERR_INPUT, "unknown");
}

static void an_app_is_changed_while_it_is_locked(void **state)
{
	struct app_info platform = app(0), found = { 0 };
	const struct uuid nobody = { { 9 } };

	(void)state;
	done(pg_begin(admin, &db.err));
	assert_failed(store_app_lock(admin, &nobody, db.arena, &found, &db.err), db.err, ERR_INPUT, "unknown");
	done(store_app_lock(admin, &platform.uuid, db.arena, &found, &db.err));
	assert_str(found.secrets, "\1");
	found.name = STR("Other");
	found.secrets = STR("\1\2");
	done(store_app_set(admin, &found, &db.err));
	done(pg_commit(admin, &db.err));
	assert_text("SELECT concat_ws(' ', name, secrets) FROM provider_apps", "Other \\x0102");
}

static void a_bridge_account_is_read_back_completely(void **state)
{
	struct account_info a = { .workspace_id = 2,
		.session_id = STR("w1"),
		.provider = PROVIDER_WEBJS,
		.bridge = BRIDGE_EVOLUTION,
		.provider_ref = STR("instance-1"),
		.phone_number = STR("+6281"),
		.assigned_instance_url = STR("http://e:8080"),
		.secrets = STR("\1\2") };

	(void)state;
	uuid_v4(&a.uuid);
	done(store_account_add(admin, &a, &db.err));
	assert_text(
		"SELECT concat_ws(' ', workspace_id, provider_type, bridge_kind, provider_ref, phone_number, assigned_instance_url,"
		" secrets, desired_state) FROM whatsapp_accounts WHERE session_id = 'w1'",
		"2 webjs evolution instance-1 +6281 http://e:8080 \\x0102 connected");
}

static void list_sync(void *ctx, const struct sync_info *s)
{
	buf_printf(ctx, "%.*s %.*s, ", STR_ARG(s->session_id), STR_ARG(s->sync));
}

static void accounts_that_ever_synced_are_listed(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	execute(db.admin, "UPDATE whatsapp_accounts SET sync = '{\"status\":\"running\"}' WHERE id IN (2, 3)");
	done(store_syncs_list(admin, 0, list_sync, &out, &db.err));
	done(store_syncs_list(admin, 1, list_sync, &out, &db.err));
	assert_true(str_eq(buf_str(&out),
		STR("s2 {\"status\": \"running\"}, s3 {\"status\": \"running\"}, s2 {\"status\": \"running\"}, ")));
	buf_fini(&out);
}

static int start(void **state)
{
	if (db_start(state) < 0)
		return -1;
	admin = db_session("blazz_admin");
	return 0;
}

static int stop(void **state)
{
	pg_close(&admin);
	return db_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_workspace_is_found_by_id_and_by_name, fresh),
		cmocka_unit_test_setup(workspaces_are_listed, fresh),
		cmocka_unit_test_setup(apps_are_listed_with_their_owner, fresh),
		cmocka_unit_test_setup(only_the_newest_primary_stays_one, fresh),
		cmocka_unit_test_setup(the_first_account_is_primary_and_others_leave_it_so, fresh),
		cmocka_unit_test_setup(a_number_belongs_to_one_live_account, fresh),
		cmocka_unit_test_setup(an_account_may_use_its_workspaces_and_the_platforms_apps, fresh),
		cmocka_unit_test_setup(a_name_in_use_is_reported_without_its_workspace, fresh),
		cmocka_unit_test_setup(an_account_is_changed_while_it_is_locked, fresh),
		cmocka_unit_test_setup(an_app_is_changed_while_it_is_locked, fresh),
		cmocka_unit_test_setup(a_bridge_account_is_read_back_completely, fresh),
		cmocka_unit_test_setup(accounts_that_ever_synced_are_listed, fresh),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
