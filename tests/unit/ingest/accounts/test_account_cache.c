/* services/ingest/accounts/account_cache and account_loader against a real PostgreSQL: which names are known, when a
 * change arrives, and what a lost connection changes. */
#include "unit.h"

#include "../../store/db.h"
#include "crypto/seal.h"
#include "ingest/accounts/account_cache.h"

#define KEYRING "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define OTHERS  "k2:ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=\n" KEYRING
#define ACCOUNT "00000000-0000-4000-8000-000000000011"
#define APP     "00000000-0000-4000-8000-000000000055"

static struct loop *loop;
static struct account_cache *cache;
static struct loop_timer *step;
static char *conninfo;
static int loads;

static struct keyring *keyring_of(const char *text)
{
	struct keyring *k = NULL;

	assert_int_equal(keyring_parse(&k, str_of(text), NULL), 0);
	return k;
}

static void seal_into(const char *table, const char *id, const char *associated, const char *secrets)
{
	struct keyring *k = keyring_of(KEYRING);
	struct buf sealed = BUF_INIT, sql = BUF_INIT;

	assert_int_equal(seal(k, str_of(associated), str_of(secrets), &sealed, NULL), 0);
	buf_printf(&sql, "UPDATE %s SET secrets = '\\x", table);
	for (size_t i = 0; i < sealed.n; i++)
		buf_printf(&sql, "%02x", (unsigned)(unsigned char)sealed.p[i]);
	buf_printf(&sql, "' WHERE uuid = '%s'", id);
	execute(db.admin, arena_cstr(db.arena, buf_str(&sql)));
	buf_fini(&sealed);
	buf_fini(&sql);
	keyring_free(k);
}

static void on_changed(void *ctx)
{
	(void)ctx;
	loads++;
}

static void on_step(void *ctx)
{
	(void)ctx;
	loop_stop(loop);
}

/* Turns the loop until the condition holds, for a minute at most. */
static void turn_until(bool (*so)(void *ctx), void *ctx)
{
	int64_t deadline = clock_mono_ms() + 60000;

	while (!so(ctx)) {
		assert_true(clock_mono_ms() < deadline);
		loop_timer_free(step);
		step = loop_timer_new(loop, on_step, NULL);
		loop_timer_set(step, 5);
		assert_int_equal(loop_run(loop, NULL), 0);
	}
}

static bool loaded_more_than(void *ctx)
{
	return loads > *(int *)ctx;
}

static struct name name_of(enum name_kind kind, const char *text)
{
	static struct uuid id;

	if (kind == NAME_ACCOUNT || kind == NAME_APP) {
		id = uuid_of(text);
		return (struct name){ .kind = kind, .text = uuid_bytes(&id) };
	}
	return (struct name){ .kind = kind, .text = str_of(text) };
}

struct expected {
	struct name name;
	bool there;
};

static bool is_as_expected(void *ctx)
{
	const struct expected *e = ctx;

	return catalogue_has(account_cache_catalogue(cache), &e->name) == e->there;
}

static void await(struct name name, bool there)
{
	struct expected e = { name, there };

	turn_until(is_as_expected, &e);
}

struct answer {
	struct account_cache_wait wait;
	int got; /* 0: none yet, 1: available, -1: not */
};

static void on_answer(void *ctx, bool available)
{
	((struct answer *)ctx)->got = available ? 1 : -1;
}

static bool is_answered(void *ctx)
{
	return ((struct answer *)ctx)->got != 0;
}

static int ask(struct name name)
{
	struct answer a = { .wait = { .done = on_answer }, .got = 0 };

	a.wait.ctx = &a;
	assert_int_equal(account_cache_fetch(cache, &name, 1, &a.wait, NULL), 0);
	turn_until(is_answered, &a);
	return a.got;
}

static int start(void **state)
{
	unsetenv("BLAZZ_TEST_PG"); /* one test takes LOGIN from a role, which is the whole server's */
	if (db_start(state) < 0)
		return -1;
	db_script("INSERT INTO provider_apps (id, uuid, kind, secrets) VALUES (5, '" APP "', 'meta', '\\x00')");
	seal_into("whatsapp_accounts", ACCOUNT, "account:" ACCOUNT, "{\"signing_keys\":[\"one\"]}");
	seal_into("provider_apps", APP, "app:" APP, "{\"app_secrets\":[\"s\"],\"verify_token\":\"v\"}");
	return 0;
}

static int open_loaded(void **state)
{
	struct account_loader_options options = { .postgres.statement_timeout_ms = 2000, .qr_ttl_s = 60 };
	struct keyring *k = keyring_of(KEYRING);
	int none = 0;

	(void)state;
	loads = 0;
	step = NULL;
	options.postgres.conninfo = conninfo = mem_cstr(str_of(db_conninfo("blazz_ingest")));
	assert_int_equal(loop_new(&loop, NULL), 0);
	assert_int_equal(account_cache_open(&cache, loop, &options, &k, on_changed, NULL, NULL), 0);
	assert_false(account_cache_loaded(cache));
	turn_until(loaded_more_than, &none);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	account_cache_close(&cache);
	loop_timer_free(step);
	loop_free(loop);
	free(conninfo);
	return 0;
}

static void at_start_everything_is_loaded_and_its_secrets_opened(void **state)
{
	struct name name = name_of(NAME_SESSION, "s1");
	struct uuid app = uuid_of(APP);
	const struct catalogue_account *a = catalogue_account(account_cache_catalogue(cache), &name);

	(void)state;
	assert_true(account_cache_loaded(cache));
	assert_int_equal(catalogue_accounts(account_cache_catalogue(cache)), 3);
	assert_int_equal(a->secrets.signing_keys.n, 1);
	assert_true(str_is(a->secrets.signing_keys.items[0], "one"));
	assert_true(str_is(catalogue_app(account_cache_catalogue(cache), &app)->secrets.verify_token, "v"));
}

static void secrets_sealed_for_another_row_open_nothing(void **state)
{
	struct name name = name_of(NAME_SESSION, "s2");
	struct keyring *k = keyring_of(KEYRING);
	int before = loads;

	(void)state;
	seal_into("whatsapp_accounts", "00000000-0000-4000-8000-000000000012", "account:" ACCOUNT,
		"{\"signing_keys\":[\"stolen\"]}");
	account_cache_set_keyring(cache, &k);
	turn_until(loaded_more_than, &before);
	assert_int_equal(catalogue_account(account_cache_catalogue(cache), &name)->secrets.signing_keys.n, 0);
}

static void an_unknown_name_is_absent_only_after_postgresql_was_read(void **state)
{
	struct name name = name_of(NAME_SESSION, "nobody");

	(void)state;
	assert_int_equal(account_cache_knows(cache, &name), UNKNOWN);
	assert_int_equal(ask(name), 1);
	assert_int_equal(account_cache_knows(cache, &name), KNOWN_ABSENT);
}

static void an_absent_name_is_found_once_it_was_added(void **state)
{
	struct name name = name_of(NAME_SESSION, "late");

	(void)state;
	assert_int_equal(ask(name), 1);
	db_script(
		"INSERT INTO whatsapp_accounts (workspace_id, id, uuid, session_id, provider_type, bridge_kind) VALUES"
		" (1, 20, '00000000-0000-4000-8000-000000000020', 'late', 'webjs', 'waha')");
	await(name, true);
	assert_int_equal(account_cache_knows(cache, &name), KNOWN);
	db_script("DELETE FROM whatsapp_accounts WHERE id = 20");
}

static void every_kind_of_name_can_be_read(void **state)
{
	struct uuid app = uuid_of(APP);
	struct name number = { NAME_NUMBER, app, STR("pn-1") }, waba = { NAME_WABA, app, STR("w-1") };
	const int64_t row = 22, no_row = INT64_MAX;
	struct name by_row = name_of_row(&row), by_no_row = name_of_row(&no_row);

	(void)state;
	execute(db.admin, "ALTER TABLE whatsapp_accounts DISABLE TRIGGER notify_intake_insert");
	db_script(
		"INSERT INTO whatsapp_accounts (workspace_id, id, session_id, provider_type, provider_app_id, phone_number_id,"
		" waba_id) VALUES (1, 21, 's21', 'meta', 5, 'pn-1', 'w-1'), (1, 22, 's22', 'meta', 5, 'pn-2', 'w-1')");
	execute(db.admin, "ALTER TABLE whatsapp_accounts ENABLE TRIGGER notify_intake_insert");
	assert_int_equal(account_cache_knows(cache, &number), UNKNOWN);
	assert_int_equal(ask(number), 1);
	assert_int_equal(account_cache_knows(cache, &number), KNOWN);
	assert_int_equal(account_cache_knows(cache, &by_row), UNKNOWN);
	assert_int_equal(ask(by_row), 1);
	assert_int_equal(account_cache_knows(cache, &by_row), KNOWN);
	assert_int_equal(ask(by_no_row), 1);
	assert_int_equal(account_cache_knows(cache, &by_no_row), KNOWN_ABSENT);
	assert_int_equal(ask(waba), 1);
	assert_non_null(catalogue_account(account_cache_catalogue(cache), &waba)->waba_next);
	assert_int_equal(ask(name_of(NAME_ACCOUNT, "00000000-0000-4000-8000-0000000000ff")), 1);
	assert_int_equal(ask(name_of(NAME_APP, "00000000-0000-4000-8000-0000000000ff")), 1);
	db_script("DELETE FROM whatsapp_accounts WHERE id IN (21, 22)");
}

static void a_change_is_loaded_when_it_is_notified(void **state)
{
	struct uuid app = uuid_of(APP);
	struct name app_name = { .kind = NAME_APP, .text = uuid_bytes(&app) };

	(void)state;
	db_script("UPDATE whatsapp_accounts SET session_id = 's1-new' WHERE id = 1");
	await(name_of(NAME_SESSION, "s1-new"), true);
	await(name_of(NAME_SESSION, "s1"), false);
	db_script("UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = 1");
	await(name_of(NAME_ACCOUNT, ACCOUNT), false);
	db_script("UPDATE whatsapp_accounts SET deleted_at = NULL, session_id = 's1' WHERE id = 1");
	await(name_of(NAME_SESSION, "s1"), true);
	db_script("UPDATE provider_apps SET deleted_at = now()");
	await(app_name, false);
	db_script("UPDATE provider_apps SET deleted_at = NULL");
	await(app_name, true);
}

static void a_removed_workspace_is_removed_with_its_accounts(void **state)
{
	(void)state;
	db_script("UPDATE workspaces SET deleted_at = now() WHERE id = 2");
	await(name_of(NAME_SESSION, "s3"), false);
	db_script("UPDATE workspaces SET deleted_at = NULL WHERE id = 2");
	await(name_of(NAME_SESSION, "s3"), true);
}

static bool is_over(void *ctx)
{
	return clock_mono_ms() >= *(int64_t *)ctx;
}

/* Any role may send any number of notifications. Each load replaces the account in the catalogue. */
static void notifications_cost_a_workspace_a_second_and_never_everything(void **state)
{
	const int64_t until = clock_mono_ms() + 2500;
	struct name name = name_of(NAME_SESSION, "s1");
	const struct catalogue_account *last = NULL;
	int before = loads, read = -1;

	(void)state;
	while (clock_mono_ms() < until) {
		const struct catalogue_account *now = catalogue_account(account_cache_catalogue(cache), &name);
		int64_t soon = clock_mono_ms() + 1;

		read += now != last;
		last = now;
		execute(db.admin,
			"SELECT pg_notify('blazz_intake', 'workspaces:' || uuid) FROM workspaces WHERE id = 1");
		execute(db.admin, "NOTIFY blazz_intake, 'nonsense:00000000-0000-4000-8000-000000000011'");
		turn_until(is_over, &soon);
	}
	assert_int_equal(loads, before);
	assert_in_range(read, 1, 4);
}

#define TERMINATE "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'blazz-ingest'"

static void changes_while_not_listening_are_loaded(void **state)
{
	int before = loads;

	(void)state;
	execute(db.admin, "ALTER TABLE whatsapp_accounts DISABLE TRIGGER notify_intake_update");
	db_script("UPDATE whatsapp_accounts SET session_id = 's1-new' WHERE id = 1");
	execute(db.admin, TERMINATE);
	turn_until(loaded_more_than, &before);
	await(name_of(NAME_SESSION, "s1-new"), true);
	db_script("UPDATE whatsapp_accounts SET session_id = 's1' WHERE id = 1");
	execute(db.admin, "ALTER TABLE whatsapp_accounts ENABLE TRIGGER notify_intake_update");
}

static bool is_unavailable(void *ctx)
{
	return ask(*(struct name *)ctx) < 0;
}

static void without_postgresql_no_request_is_rejected_and_the_cache_still_serves(void **state)
{
	struct name known = name_of(NAME_SESSION, "s1"), unknown = name_of(NAME_SESSION, "nobody-2");
	int before;

	(void)state;
	execute(db.admin, "ALTER ROLE blazz_ingest NOLOGIN");
	execute(db.admin, TERMINATE);
	turn_until(is_unavailable, &unknown);
	assert_int_equal(account_cache_knows(cache, &unknown), UNKNOWN);
	assert_int_equal(account_cache_knows(cache, &known), KNOWN);
	before = loads;
	execute(db.admin, "ALTER ROLE blazz_ingest LOGIN");
	turn_until(loaded_more_than, &before);
	assert_int_equal(ask(unknown), 1);
	assert_int_equal(account_cache_knows(cache, &unknown), KNOWN_ABSENT);
}

static bool qr_is_there(void *ctx)
{
	(void)ctx;
	return db_i64("SELECT count(*) FROM account_qr WHERE account_id = 1 AND kind = 'qr' AND expires_at > now() + interval '50 s'"
		      " AND expires_at <= now() + interval '60 s'") == 1;
}

static void a_qr_code_is_stored_sealed_for_its_account(void **state)
{
	struct name name = name_of(NAME_SESSION, "s1");
	struct keyring *k = keyring_of(KEYRING);
	struct buf code = BUF_INIT;

	(void)state;
	account_cache_put_qr(cache, catalogue_account(account_cache_catalogue(cache), &name), STR("2@older"), true);
	account_cache_put_qr(cache, catalogue_account(account_cache_catalogue(cache), &name), STR("2@abc"), false);
	turn_until(qr_is_there, NULL);
	assert_int_equal(unseal(k, STR("qr:" ACCOUNT), db_text("SELECT code FROM account_qr WHERE account_id = 1"),
				 &code, NULL),
		0);
	assert_true(str_is(buf_str(&code), "2@abc"));
	buf_fini(&code);
	keyring_free(k);
}

static void new_keys_open_all_secrets_again(void **state)
{
	struct keyring *k = keyring_of(OTHERS);
	struct name name = name_of(NAME_SESSION, "s1");
	int before = loads;

	(void)state;
	account_cache_set_keyring(cache, &k);
	turn_until(loaded_more_than, &before);
	assert_int_equal(catalogue_account(account_cache_catalogue(cache), &name)->secrets.signing_keys.n, 1);
}

static void a_cancelled_wait_is_not_called_back(void **state)
{
	struct answer cancelled = { .wait = { .done = on_answer, .ctx = &cancelled }, .got = 0 };
	struct name name = name_of(NAME_SESSION, "nobody-3");

	(void)state;
	assert_int_equal(account_cache_fetch(cache, &name, 1, &cancelled.wait, NULL), 0);
	account_cache_cancel(cache, &cancelled.wait);
	account_cache_cancel(cache, &cancelled.wait);
	assert_int_equal(ask(name_of(NAME_SESSION, "nobody-4")), 1);
	assert_int_equal(cancelled.got, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_loaded, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(at_start_everything_is_loaded_and_its_secrets_opened),
		TEST(secrets_sealed_for_another_row_open_nothing),
		TEST(an_unknown_name_is_absent_only_after_postgresql_was_read),
		TEST(an_absent_name_is_found_once_it_was_added),
		TEST(every_kind_of_name_can_be_read),
		TEST(a_change_is_loaded_when_it_is_notified),
		TEST(a_removed_workspace_is_removed_with_its_accounts),
		TEST(notifications_cost_a_workspace_a_second_and_never_everything),
		TEST(changes_while_not_listening_are_loaded),
		TEST(without_postgresql_no_request_is_rejected_and_the_cache_still_serves),
		TEST(a_qr_code_is_stored_sealed_for_its_account),
		TEST(new_keys_open_all_secrets_again),
		TEST(a_cancelled_wait_is_not_called_back),
	};

	return cmocka_run_group_tests(tests, start, db_stop);
}
