/* Accounts and settings as they are cached from PostgreSQL. */
#include "unit.h"

#include "kafka/partition.h"
#include "sealed.h"

/* Account 1: waha, ready to send. Account 2: evolution, without secrets. Account 3, of workspace 2: our own bridge. Account 4: Meta's. */
#define ACCOUNTS \
	"DELETE FROM whatsapp_accounts WHERE id > 3;DELETE FROM provider_apps;" \
	"UPDATE whatsapp_accounts SET deleted_at = NULL, secrets = NULL, metadata = '{}', provider_ref = 'ref' || id, status = 'connected'," \
	" status_at = now(), desired_at = '2026-01-01Z', desired_state = 'connected', assigned_instance_url = 'https://bridge.example/' || id," \
	" is_primary = false, health_score = 100;" \
	"UPDATE workspaces SET deleted_at = NULL, settings = '{\"sending\": {\"portfolio_per_day\": 70, \"opt_out_words\": [\"stop\"]}}';" \
	"INSERT INTO provider_apps (id, kind, secrets) VALUES (7, 'meta', '');" \
	"INSERT INTO whatsapp_accounts (workspace_id, id, uuid, session_id, provider_type, provider_app_id, phone_number, phone_number_id," \
	" waba_id, business_id, metadata, is_primary, desired_at) VALUES (1, 4, '00000000-0000-4000-8000-000000000014', 's4', 'meta', 7, '+62811'," \
	" 'pn', 'w', 'b', '{\"sending\": {\"per_hour\": 33}}', true, '2026-01-01Z')"
#define INSTANCE "00000000-0000-4000-8000-0000000000d1"
#define META     "00000000-0000-4000-8000-000000000014"

static int filled(void **state)
{
	db_empty(state);
	db_script(ACCOUNTS);
	account_seal(ACCOUNT_1, "{\"access_token\": \"waha key\"}");
	account_seal(ACCOUNT_3,
		"{\"signing_keys\": [\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"], \"access_token\": \"x\"}");
	account_seal(META, "{\"access_token\": \"token\", \"signing_keys\": [\"x\"]}");
	cache_new(KEY, NULL);
	return 0;
}

static int emptied(void **state)
{
	(void)state;
	account_cache_free(cache);
	cache = NULL;
	db_script(
		"TRUNCATE send_lanes;UPDATE whatsapp_accounts SET assigned_instance_index = NULL;DELETE FROM instances;"
		"DELETE FROM whatsapp_accounts WHERE id > 3;DELETE FROM provider_apps;UPDATE workspaces SET settings = '{}'");
	return 0;
}

static bool is_usable(const struct account *a)
{
	return account_state(a, clock_now_us()) == ACCOUNT_USABLE;
}

static void accounts_are_loaded_with_what_their_provider_needs(void **state)
{
	const int64_t workspaces[] = { 1, 2, 1 };
	const struct account *waha, *evolution, *blazz, *meta;

	(void)state;
	assert_null(cache_find(ACCOUNT_1));
	done(account_cache_load(cache, db.pg, workspaces, 3, &db.err));
	waha = account_cache_find(cache, 1, 1);
	evolution = account_cache_find(cache, 1, 2);
	blazz = account_cache_find(cache, 2, 3);
	meta = account_cache_find(cache, 1, 4);
	assert_null(account_cache_find(cache, 2, 1));
	assert_ptr_equal(waha, cache_find(ACCOUNT_1));

	assert_true(is_usable(waha) && waha->api == &provider_waha && waha->from.bridge == BRIDGE_WAHA);
	assert_str(waha->from.key, "waha key");
	assert_str(waha->from.session, "ref1");
	assert_str(waha->from.base_url, "https://bridge.example/1");
	assert_true(waha->limits.bridge && waha->limits.per_hour == 1000);
	assert_int_equal(waha->partition,
		kafka_partition_of(STR("00000000-0000-4000-8000-000000000001:" ACCOUNT_1), 24));

	assert_int_equal(account_state(evolution, 0), ACCOUNT_WITHOUT_SECRETS);

	assert_true(is_usable(blazz) && blazz->api == &provider_blazz && blazz->from.signing);
	assert_true(blazz->from.key.n == 0);
	assert_str(blazz->from.session, "s3");

	assert_true(is_usable(meta) && meta->api == &provider_meta && !meta->from.signing && meta->is_primary);
	assert_str(meta->from.key, "token");
	assert_str(meta->from.base_url, "https://graph.example");
	assert_str(meta->from.version, "v25.0");
	assert_str(meta->from.phone_number_id, "pn");
	assert_str(meta->phone_number, "+62811");
	assert_str(meta->waba_id, "w");
	assert_str(meta->business_id, "b");
	assert_str(meta->app, "7");
	assert_true(!meta->limits.bridge && meta->limits.per_hour == 33 && meta->portfolio_per_day == 70);
}

static void a_session_of_meta_is_connected_unless_it_was_reported_lost_since_it_was_desired(void **state)
{
	static const struct {
		const char *id, *change;
		bool connected;
	} cases[] = {
		{ META, "status = 'disconnected', status_at = NULL", true },
		{ META, "status = 'disconnected', status_at = '2026-01-02Z'", false },
		{ META, "status = 'disconnected', status_at = '2025-12-31Z'", true },
		{ META, "status = 'connected', status_at = '2026-01-02Z'", true },
		{ ACCOUNT_1, "status = 'connected'", true },
		{ ACCOUNT_1, "status = 'disconnected', status_at = '2025-12-31Z'", false },
		{ ACCOUNT_1, "status = 'disconnected', status_at = NULL", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char sql[200];
		struct uuid id = uuid_of(cases[i].id);

		snprintf(sql, sizeof(sql), "UPDATE whatsapp_accounts SET %s WHERE uuid = '%s'", cases[i].change,
			cases[i].id);
		execute(db.admin, sql);
		account_cache_account_changed(cache, &id);
		cache_load(1);
		if (cache_find(cases[i].id)->connected != cases[i].connected)
			fail_msg("%s", cases[i].change);
	}
}

static void secrets_that_do_not_open_leave_the_account_without_any(void **state)
{
	struct keyring *k = keyring_of(KEY);

	(void)state;
	account_cache_free(cache);
	cache_new(OTHER_KEY, NULL);
	cache_load(1);
	assert_int_equal(account_state(cache_find(ACCOUNT_1), 0), ACCOUNT_WITHOUT_SECRETS);
	account_cache_use_keyring(cache, &k);
	assert_null(k);
	assert_null(cache_find(ACCOUNT_1));
	cache_load(1);
	assert_true(is_usable(cache_find(ACCOUNT_1)));
	account_seal(ACCOUNT_1, "{\"access_token\": \"\"}");
	account_seal(ACCOUNT_3, "{\"access_token\": \"x\"}"); /* our own bridge needs a signing key */
	account_cache_clear(cache);
	cache_load(1);
	cache_load(2);
	assert_int_equal(account_state(cache_find(ACCOUNT_1), 0), ACCOUNT_WITHOUT_SECRETS);
	assert_int_equal(account_state(cache_find(ACCOUNT_3), 0), ACCOUNT_WITHOUT_SECRETS);
}

/* Instance 1, alone. */
static void instance_add(const char *kind)
{
	char sql[300];

	snprintf(sql, sizeof(sql),
		"INSERT INTO instances (index, uuid, kind, url) VALUES (1, '%s', '%s', 'https://bridge.example')",
		INSTANCE, kind);
	db_script("DELETE FROM instances");
	execute(db.admin, sql);
	instance_seal(INSTANCE, "{\"access_token\": \"instance\"}");
}

/* Instance 1 has the key "instance", and account 1 of WAHA is assigned to it. */
static void an_account_without_a_key_has_that_of_its_instance(void **state)
{
	static const struct {
		const char *name, *kind, *own, *change, *key; /* key NULL: none */
	} cases[] = {
		{ "without secrets", "waha", NULL, "SELECT 1", "instance" },
		{ "with secrets of its webhooks only", "waha", "{\"signing_keys\": [\"x\"]}", "SELECT 1", "instance" },
		{ "with a key of its own", "waha", "{\"access_token\": \"own\"}", "SELECT 1", "own" },
		{ "with secrets that do not open", "waha", NULL,
			"UPDATE whatsapp_accounts SET secrets = '\\x01' WHERE id = 1", NULL },
		{ "of another kind", "evolution", NULL, "SELECT 1", NULL },
		{ "not assigned", "waha", NULL,
			"UPDATE whatsapp_accounts SET assigned_instance_index = NULL WHERE id = 1", NULL },
		{ "of an instance whose secrets do not open", "waha", NULL, "UPDATE instances SET secrets = '\\x01'",
			NULL },
		{ "of an instance without secrets", "waha", NULL, "UPDATE instances SET secrets = NULL", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		instance_add(cases[i].kind);
		db_script("UPDATE whatsapp_accounts SET secrets = NULL, assigned_instance_index = 1 WHERE id = 1");
		if (cases[i].own)
			account_seal(ACCOUNT_1, cases[i].own);
		db_script(cases[i].change);
		account_cache_clear(cache);
		cache_load(1);
		if (!str_is(cache_find(ACCOUNT_1)->from.key, cases[i].key) ||
			is_usable(cache_find(ACCOUNT_1)) != (cases[i].key != NULL))
			fail_msg("%s", cases[i].name);
	}
}

static void our_own_bridge_is_not_called_with_its_instances_key(void **state)
{
	(void)state;
	instance_add("blazz");
	instance_seal(INSTANCE,
		"{\"signing_keys\": [\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"], \"access_token\": \"instance\"}");
	db_script("UPDATE whatsapp_accounts SET secrets = NULL, assigned_instance_index = 1 WHERE id = 3");
	cache_load(2);
	assert_int_equal(account_state(cache_find(ACCOUNT_3), 0), ACCOUNT_WITHOUT_SECRETS);
}

/* The accounts that were notified as changed since the last time, a bit each: 1 << the last digit of the uuid. */
static unsigned notified(struct pg *listener)
{
	struct str channel, payload;
	unsigned out = 0;

	execute(listener, "SELECT 1");
	while (pg_notification(listener, &channel, &payload, &db.err) > 0) {
		assert_true(str_starts(payload, STR("account:00000000-0000-4000-8000-00000000001")));
		out |= 1U << (payload.p[payload.n - 1] - '0');
	}
	return out;
}

/* Accounts 1 and 2 are assigned to the instance, and account 4, which is deleted. */
static void an_instances_new_key_is_notified_as_a_change_of_its_accounts(void **state)
{
	static const struct {
		const char *change;
		unsigned accounts;
	} cases[] = {
		{ "UPDATE instances SET secrets = '\\x01'", 1U << 1 | 1U << 2 },
		{ "UPDATE instances SET secrets = '\\x01'", 0 },
		{ "UPDATE instances SET capacity = 7, desired = 'draining', state = 'up'", 0 },
		{ "UPDATE instances SET secrets = NULL", 1U << 1 | 1U << 2 },
		{ "UPDATE whatsapp_accounts SET assigned_instance_index = 1 WHERE id IN (1, 3)", 1U << 3 },
		{ "UPDATE whatsapp_accounts SET assigned_instance_index = NULL WHERE id = 3", 1U << 3 },
	};
	struct pg *listener = db_session(SENDER), *blazzctl = db_session("blazz_admin");

	(void)state;
	instance_add("waha");
	db_script("UPDATE whatsapp_accounts SET assigned_instance_index = 1 WHERE id IN (1, 2, 4);"
		  "UPDATE whatsapp_accounts SET deleted_at = now(), desired_state = 'deleted' WHERE id = 4");
	done(pg_listen(listener, "blazz_sending", &db.err));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned accounts;

		execute(db.admin, cases[i].change);
		accounts = notified(listener);
		if (accounts != cases[i].accounts)
			fail_msg("%s: %x", cases[i].change, accounts);
	}
	execute(blazzctl, "UPDATE instances SET secrets = '\\x02'");
	assert_int_equal(notified(listener), 1U << 1 | 1U << 2);
	pg_close(&blazzctl);
	pg_close(&listener);
}

static void a_host_must_be_allowed(void **state)
{
	struct guard *guard = NULL;

	(void)state;
	done(guard_new(&guard, NULL, false, &db.err));
	account_cache_free(cache);
	cache_new(KEY, guard);
	db_script("UPDATE whatsapp_accounts SET assigned_instance_url = 'https://127.0.0.1/' WHERE id = 1;"
		  "UPDATE whatsapp_accounts SET assigned_instance_url = NULL WHERE id = 2");
	cache_load(1);
	cache_load(2);
	assert_int_equal(account_state(cache_find(ACCOUNT_1), 0), ACCOUNT_WITHOUT_HOST);
	assert_false(cache_find(ACCOUNT_2)->host_allowed);
	assert_true(is_usable(cache_find(ACCOUNT_3)));
	assert_string_equal(cache_find(ACCOUNT_3)->host.name, "bridge.example");
	assert_string_equal(cache_find(META)->host.name, "graph.example");
	account_cache_free(cache);
	cache = NULL;
	guard_free(guard);
}

static size_t accounts_listed(int64_t workspace)
{
	size_t n = 0;

	for (size_t i = 0; account_cache_each(cache, workspace, &i); n++)
		;
	return n;
}

static void a_changed_account_is_not_found_until_it_is_read_again(void **state)
{
	const struct uuid first = uuid_of(ACCOUNT_1), third = uuid_of(ACCOUNT_3);

	(void)state;
	cache_load(1);
	db_script("UPDATE whatsapp_accounts SET health_score = 3 WHERE id = 1");
	cache_load(1);
	assert_int_equal(cache_find(ACCOUNT_1)->health_score, 100); /* not notified yet */
	account_cache_account_changed(cache, &first);
	account_cache_account_changed(cache, &third); /* of a workspace that is not cached */
	assert_null(cache_find(ACCOUNT_1));
	assert_int_equal(accounts_listed(1), 2);
	cache_load(1);
	assert_int_equal(cache_find(ACCOUNT_1)->health_score, 3);
	assert_int_equal(accounts_listed(1), 3);
	assert_null(cache_find(ACCOUNT_3));
}

static void a_new_account_of_a_cached_workspace_is_read_when_it_is_notified(void **state)
{
	const struct uuid added = uuid_of("00000000-0000-4000-8000-000000000015");

	(void)state;
	cache_load(1);
	db_script(
		"INSERT INTO whatsapp_accounts (workspace_id, id, uuid, session_id, provider_type, bridge_kind) VALUES (1, 5,"
		" '00000000-0000-4000-8000-000000000015', 's5', 'webjs', 'waha')");
	account_cache_account_changed(cache, &added);
	cache_load(1);
	assert_non_null(account_cache_find(cache, 1, 5));
	assert_int_equal(accounts_listed(1), 4);
}

static void a_deleted_account_is_found_and_not_listed(void **state)
{
	const struct uuid first = uuid_of(ACCOUNT_1);

	(void)state;
	db_script("UPDATE whatsapp_accounts SET deleted_at = now(), desired_state = 'deleted' WHERE id = 1");
	cache_load(1);
	assert_null(cache_find(ACCOUNT_1));
	cache_load_id(ACCOUNT_1);
	assert_int_equal(account_state(cache_find(ACCOUNT_1), 0), ACCOUNT_IS_DELETED);
	assert_int_equal(accounts_listed(1), 2);
	db_script("UPDATE whatsapp_accounts SET deleted_at = NULL, desired_state = 'connected' WHERE id = 1");
	account_cache_account_changed(cache, &first);
	cache_load(1);
	assert_int_equal(accounts_listed(1), 3);
}

static void an_account_is_loaded_with_the_settings_of_its_workspace(void **state)
{
	(void)state;
	cache_load_id(ACCOUNT_3);
	cache_load_id("00000000-0000-4000-8000-0000000000ff");
	assert_int_equal(account_cache_settings(cache, 2)->n_opt_out_words, 1);
	assert_null(account_cache_settings(cache, 1));
	cache_load_id(ACCOUNT_1);
	assert_null(cache_find(ACCOUNT_2));
	assert_int_equal(accounts_listed(1), 1);
	cache_load(1);
	assert_int_equal(accounts_listed(1), 3);
}

static void a_changed_workspace_is_read_again_with_its_accounts(void **state)
{
	const struct uuid one = uuid_of("00000000-0000-4000-8000-000000000001"),
			  two = uuid_of("00000000-0000-4000-8000-000000000002");

	(void)state;
	cache_load(1);
	cache_load(2);
	db_script(
		"UPDATE workspaces SET settings = '{}' WHERE id = 1;UPDATE workspaces SET deleted_at = now() WHERE id = 2");
	account_cache_workspace_changed(cache, &one);
	account_cache_workspace_changed(cache, &two);
	assert_null(cache_find(ACCOUNT_1));
	assert_null(account_cache_settings(cache, 1));
	cache_load(1);
	cache_load(2);
	assert_int_equal(account_cache_settings(cache, 1)->n_opt_out_words, 0);
	assert_int_equal(cache_find(META)->portfolio_per_day, 0);
	assert_null(account_cache_settings(cache, 2));
	assert_null(cache_find(ACCOUNT_3));
	db_script("UPDATE workspaces SET deleted_at = NULL WHERE id = 2");
	account_cache_workspace_changed(cache, &two);
	cache_load(2);
	assert_non_null(cache_find(ACCOUNT_3));
}

static void a_hold_counts_at_once_unless_a_later_one_is_there(void **state)
{
	const int64_t now = clock_now_us();
	const struct send_hold hold = { 1, 1, now, 60000, STR("131048"), true },
			       earlier = { 1, 1, now - 5, -1, STR("190"), true },
			       later = { 1, 1, now + 5, -1, STR("190"), true },
			       other = { 1, 99, now, -1, STR("190"), true };

	(void)state;
	cache_load(1);
	account_cache_hold(cache, &hold);
	account_cache_hold(cache, &earlier);
	account_cache_hold(cache, &other);
	assert_int_equal(account_state(cache_find(ACCOUNT_1), now), ACCOUNT_IS_HELD);
	assert_true(cache_find(ACCOUNT_1)->held_until_us == now + 60000000);
	assert_str(cache_find(ACCOUNT_1)->held_code, "131048");
	account_cache_hold(cache, &later);
	assert_true(cache_find(ACCOUNT_1)->held_until_us == INT64_MAX);
	assert_true(is_usable(cache_find(META)));
}

static void the_hold_of_a_lane_is_read_with_its_account(void **state)
{
	(void)state;
	db_script(
		"INSERT INTO send_lanes (workspace_id, account_id, partition, held_at, held_until, held_code) VALUES (1, 1, 5, now(), 'infinity',"
		" '190')");
	cache_load(1);
	assert_int_equal(account_state(cache_find(ACCOUNT_1), clock_now_us()), ACCOUNT_IS_HELD);
	assert_str(cache_find(ACCOUNT_1)->held_code, "190");
}

static void other_partitions_empty_the_cache(void **state)
{
	(void)state;
	cache_load(1);
	account_cache_partitions(cache, 24);
	assert_non_null(cache_find(ACCOUNT_1));
	account_cache_partitions(cache, 1);
	assert_null(cache_find(ACCOUNT_1));
	cache_load(1);
	assert_int_equal(cache_find(ACCOUNT_1)->partition, 0);
}

static void very_many_changed_accounts_empty_the_cache(void **state)
{
	struct uuid id = { { 0 } };

	(void)state;
	cache_load(1);
	for (int i = 0; i <= 10000; i++) {
		id.b[0] = (uint8_t)(i >> 8);
		id.b[1] = (uint8_t)i;
		assert_non_null(cache_find(ACCOUNT_1));
		account_cache_account_changed(cache, &id);
	}
	assert_null(cache_find(ACCOUNT_1));
	account_cache_account_changed(cache, &id); /* nothing is cached that it could be added to */
	cache_load(1);
	assert_non_null(cache_find(ACCOUNT_1));
}

static void a_failed_load_is_repeated(void **state)
{
	const struct uuid first = uuid_of(ACCOUNT_1);
	const int64_t workspace = 1;
	int rc;

	(void)state;
	cache_load(1);
	account_cache_account_changed(cache, &first);
	execute(db.pg, "BEGIN");
	(void)run(db.pg, "SELECT 1 / 0", NULL, NULL, &db.err);
	rc = account_cache_load(cache, db.pg, &workspace, 1, &db.err);
	assert_int_equal(rc, -1);
	assert_null(cache_find(ACCOUNT_1));
	execute(db.pg, "ROLLBACK");
	cache_load(1);
	assert_non_null(cache_find(ACCOUNT_1));
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, filled, emptied)
	const struct CMUnitTest tests[] = {
		CASE(accounts_are_loaded_with_what_their_provider_needs),
		CASE(a_session_of_meta_is_connected_unless_it_was_reported_lost_since_it_was_desired),
		CASE(secrets_that_do_not_open_leave_the_account_without_any),
		CASE(an_account_without_a_key_has_that_of_its_instance),
		CASE(our_own_bridge_is_not_called_with_its_instances_key),
		CASE(an_instances_new_key_is_notified_as_a_change_of_its_accounts),
		CASE(a_host_must_be_allowed),
		CASE(a_changed_account_is_not_found_until_it_is_read_again),
		CASE(a_new_account_of_a_cached_workspace_is_read_when_it_is_notified),
		CASE(a_deleted_account_is_found_and_not_listed),
		CASE(an_account_is_loaded_with_the_settings_of_its_workspace),
		CASE(a_changed_workspace_is_read_again_with_its_accounts),
		CASE(a_hold_counts_at_once_unless_a_later_one_is_there),
		CASE(the_hold_of_a_lane_is_read_with_its_account),
		CASE(other_partitions_empty_the_cache),
		CASE(very_many_changed_accounts_empty_the_cache),
		CASE(a_failed_load_is_repeated),
	};

	return cmocka_run_group_tests(tests, sending_start, db_stop);
}
