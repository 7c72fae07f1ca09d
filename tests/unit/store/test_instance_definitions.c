/* An instance has one index for ever and one registration of its URL, and one that may run sessions stays. */
#include "unit.h"

#include "db.h"
#include "store/instance_definitions.h"

static struct pg *admin;

static int fresh(void **state)
{
	(void)state;
	if (pg_in_transaction(admin))
		pg_rollback(admin);
	db_script(
		"UPDATE whatsapp_accounts SET assigned_instance_index = NULL, assigned_instance_url = NULL, deleted_at = NULL;"
		"DELETE FROM instances");
	execute(db.admin, "ALTER SEQUENCE instances_index_seq RESTART");
	arena_reset(db.arena);
	return 0;
}

static struct instance_info added(enum bridge_kind kind, const char *url)
{
	struct instance_info i = { .kind = kind, .url = str_of(url), .storage_group = STR(""), .capacity = 300 };

	uuid_v4(&i.uuid);
	done(store_instance_add(admin, &i, &db.err));
	return i;
}

static struct instance_info found(int64_t index)
{
	struct instance_info i = { 0 };

	done(store_instance_find(admin, index, db.arena, &i, &db.err));
	return i;
}

static void an_instance_is_read_back_completely(void **state)
{
	struct instance_info i = { .kind = BRIDGE_BLAZZ,
		.url = STR("http://b:1"),
		.storage_group = STR("nfs"),
		.storage_path = STR("session-{session}"),
		.capacity = 7,
		.secrets = STR("\1\2") };
	struct instance_info got;

	(void)state;
	uuid_v4(&i.uuid);
	done(store_instance_add(admin, &i, &db.err));
	assert_int_equal(i.index, 0);
	execute(db.admin,
		"UPDATE whatsapp_accounts SET assigned_instance_index = 0, deleted_at = CASE id WHEN 1 THEN now() END WHERE id IN (1, 2)");
	execute(db.admin,
		"UPDATE instances SET state = 'down', failures = 3, sessions = 5, error = 'x', probed_at = now()");
	got = found(0);
	assert_true(uuid_eq(&got.uuid, &i.uuid));
	assert_int_equal(got.kind, BRIDGE_BLAZZ);
	assert_str(got.url, "http://b:1");
	assert_str(got.storage_group, "nfs");
	assert_str(got.storage_path, "session-{session}");
	assert_str(got.secrets, "\1\2");
	assert_str(got.desired, "active");
	assert_str(got.state, "down");
	assert_str(got.error, "x");
	assert_true(got.capacity == 7 && got.failures == 3 && got.sessions == 5);
	assert_int_equal(got.accounts, 1);
	assert_true(got.probed_us != PG_NO_TIME && got.fenced_us == PG_NO_TIME && got.created_us != PG_NO_TIME);
}

static void a_url_is_registered_once_until_it_is_removed(void **state)
{
	struct instance_info i = added(BRIDGE_WAHA, "http://w:1"), again = i;

	(void)state;
	uuid_v4(&again.uuid);
	assert_failed(store_instance_add(admin, &again, &db.err), db.err, ERR_CONFLICT, "23505");
	assert_string_equal(db.err.msg, "an instance with this URL is registered");
	i = found(i.index);
	done(store_instance_remove(admin, &i, &db.err));
	done(store_instance_add(admin, &again, &db.err));
	assert_true(again.index > i.index);
	assert_failed(store_instance_find(admin, i.index, db.arena, &i, &db.err), db.err, ERR_INPUT, "unknown");
}

static void an_instance_that_may_run_sessions_is_not_removed(void **state)
{
	static const struct {
		const char *name, *sql;
		bool removed;
	} cases[] = {
		{ "one that was never probed", "UPDATE instances SET probed_at = NULL, desired = 'active'", true },
		{ "one that is up", "UPDATE instances SET probed_at = now(), state = 'up'", false },
		{ "one that is down", "UPDATE instances SET probed_at = now(), state = 'down'", false },
		{ "a draining one", "UPDATE instances SET probed_at = now(), desired = 'draining'", false },
		{ "one that is off", "UPDATE instances SET probed_at = now(), desired = 'off'", true },
		{ "one with an account", "UPDATE whatsapp_accounts SET assigned_instance_index = 0 WHERE id = 1",
			false },
		{ "one with a deleted account", "UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = 1", true },
	};

	(void)state;
	added(BRIDGE_WAHA, "http://w:1");
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		struct instance_info i;

		execute(db.admin, cases[k].sql);
		i = found(0);
		if ((store_instance_remove(admin, &i, &db.err) == 0) != cases[k].removed)
			fail_msg("%s", cases[k].name);
		if (!cases[k].removed)
			assert_string_equal(db.err.code, "in_use");
		execute(db.admin, "UPDATE instances SET removed_at = NULL");
	}
}

static void what_is_desired_and_defined_changes_while_it_is_locked(void **state)
{
	struct instance_info i = added(BRIDGE_WAHA, "http://w:1");

	(void)state;
	added(BRIDGE_WAHA, "http://w:2");
	done(pg_begin(admin, &db.err));
	done(store_instance_lock(admin, 0, db.arena, &i, &db.err));
	i.url = STR("http://w:3");
	i.capacity = 1;
	i.secrets = STR("\3");
	done(store_instance_set(admin, &i, &db.err));
	done(store_instance_desire(admin, &i, INSTANCE_DRAINING, &db.err));
	done(pg_commit(admin, &db.err));
	assert_text(
		"SELECT concat_ws(' ', url, capacity, secrets, desired, desired_at > created_at) FROM instances WHERE index = 0",
		"http://w:3 1 \\x03 draining t");
	i.url = STR("http://w:2");
	assert_failed(store_instance_set(admin, &i, &db.err), db.err, ERR_CONFLICT, "23505");
}

static void list_instance(void *ctx, const struct instance_info *i)
{
	buf_printf(ctx, "%lld %s %.*s, ", (long long)i->index, bridge_word(i->kind), STR_ARG(i->url));
}

static const char *listed(int (*list)(struct pg *pg, void (*each)(void *ctx, const struct instance_info *i), void *ctx,
	struct err *err))
{
	struct buf out = BUF_INIT;
	const char *text;

	done(list(admin, list_instance, &out, &db.err));
	text = arena_cstr(db.arena, buf_str(&out));
	buf_fini(&out);
	return text;
}

static void instances_are_listed_by_index_without_removed_ones(void **state)
{
	(void)state;
	added(BRIDGE_WAHA, "http://w:1");
	added(BRIDGE_BLAZZ, "http://b:1");
	added(BRIDGE_WAHA, "http://w:2");
	execute(db.admin, "UPDATE instances SET removed_at = now() WHERE index = 1");
	assert_string_equal(listed(store_instances_list), "0 waha http://w:1, 2 waha http://w:2, ");
}

#define URL(url, id) "UPDATE whatsapp_accounts SET assigned_instance_url = '" url "' WHERE id = " id ";"

static void urls_that_accounts_have_are_adopted_once(void **state)
{
	(void)state;
	added(BRIDGE_WAHA, "http://known");
	db_script(URL("http://known", "1") URL("http://new", "2") URL("", "3"));
	assert_string_equal(listed(store_instances_adopt), "1 evolution http://new, ");
	assert_string_equal(listed(store_instances_adopt), "");
	assert_int_equal(db_i64("SELECT count(*) FROM whatsapp_accounts WHERE assigned_instance_index IS NOT NULL"), 0);
}

static void no_url_is_adopted_of_accounts_that_are_deleted_or_assigned(void **state)
{
	(void)state;
	db_script(URL("http://deleted", "1") URL("http://assigned",
		"2") "UPDATE whatsapp_accounts SET deleted_at = now()"
		     " WHERE id = 1;"
		     "UPDATE whatsapp_accounts SET assigned_instance_index = 7 WHERE id = 2");
	assert_string_equal(listed(store_instances_adopt), "");
}

static void a_url_of_two_kinds_is_adopted_as_one_of_them(void **state)
{
	(void)state;
	db_script(URL("http://both", "1") URL("http://both", "2"));
	assert_string_equal(listed(store_instances_adopt), "0 evolution http://both, ");
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
		cmocka_unit_test_setup(an_instance_is_read_back_completely, fresh),
		cmocka_unit_test_setup(a_url_is_registered_once_until_it_is_removed, fresh),
		cmocka_unit_test_setup(an_instance_that_may_run_sessions_is_not_removed, fresh),
		cmocka_unit_test_setup(what_is_desired_and_defined_changes_while_it_is_locked, fresh),
		cmocka_unit_test_setup(instances_are_listed_by_index_without_removed_ones, fresh),
		cmocka_unit_test_setup(urls_that_accounts_have_are_adopted_once, fresh),
		cmocka_unit_test_setup(no_url_is_adopted_of_accounts_that_are_deleted_or_assigned, fresh),
		cmocka_unit_test_setup(a_url_of_two_kinds_is_adopted_as_one_of_them, fresh),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
