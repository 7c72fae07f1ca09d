/* Accounts as campaign-sender reads them. */
#include "unit.h"

#include "sending.h"
#include "store/sending_accounts.h"

static struct sending_account accounts[8];
static size_t n_accounts;

static void account_keep(void *ctx, const struct sending_account *a)
{
	(void)ctx;
	assert_true(n_accounts < 8);
	accounts[n_accounts++] = *a;
}

/* Account 1 as it was, with everything that sending needs; account 2 deleted. */
static int defined(void **state)
{
	db_empty(state);
	db_script(
		"INSERT INTO provider_apps (id, kind, secrets) VALUES (7, 'meta', '');"
		"INSERT INTO send_lanes (workspace_id, account_id, partition, held_at, held_until, held_code) VALUES (1, 1, 5, '2026-01-03Z',"
		" 'infinity', '190');"
		"UPDATE whatsapp_accounts SET provider_app_id = 7, provider_ref = 'main', assigned_instance_url = 'http://a', phone_number = '+1', phone_number_id = 'p',"
		" waba_id = 'w', business_id = 'b', secrets = '\\x01', metadata = '{\"sending\": {\"per_minute\": 5}}', is_primary = true,"
		" status = 'connected', status_at = '2026-01-01Z', desired_at = '2026-01-02Z', health_score = 80 WHERE id = 1;"
		"UPDATE whatsapp_accounts SET deleted_at = now(), desired_state = 'deleted' WHERE id = 2");
	return 0;
}

static int restored(void **state)
{
	(void)state;
	db_script(
		"UPDATE whatsapp_accounts SET provider_app_id = NULL, notices = '{}', provider_ref = NULL, assigned_instance_url = NULL, phone_number = NULL, phone_number_id = NULL,"
		" waba_id = NULL, business_id = NULL, secrets = NULL, metadata = '{}', is_primary = false WHERE id = 1;"
		"UPDATE whatsapp_accounts SET deleted_at = NULL, desired_state = 'connected' WHERE id = 2;"
		"UPDATE workspaces SET deleted_at = NULL, settings = '{}';DELETE FROM provider_apps");
	return 0;
}

static void an_account_is_read_with_what_sending_needs(void **state)
{
	const struct uuid uuids[] = { uuid_of("00000000-0000-4000-8000-000000000011"),
		uuid_of("00000000-0000-4000-8000-000000000011"), uuid_of("00000000-0000-4000-8000-0000000000ff") };
	const struct sending_account *a = accounts;

	(void)state;
	n_accounts = 0;
	done(store_sending_accounts(db.pg, uuids, 3, db.arena, account_keep, NULL, &db.err));
	assert_int_equal(n_accounts, 1);
	assert_true(a->workspace_id == 1 && a->id == 1 && a->provider == PROVIDER_WEBJS && a->bridge == BRIDGE_WAHA);
	assert_true(a->desired_connected && !a->deleted && a->is_primary && a->health_score == 80);
	assert_true(a->status_at_us == AT(0) && a->desired_us == AT(86400));
	assert_str(a->session_id, "s1");
	assert_str(a->provider_ref, "main");
	assert_str(a->instance_url, "http://a");
	assert_str(a->phone_number, "+1");
	assert_str(a->phone_number_id, "p");
	assert_str(a->waba_id, "w");
	assert_str(a->business_id, "b");
	assert_str(a->secrets, "\x01");
	assert_str(a->limits, "{\"per_minute\": 5}");
	assert_str(a->status, "connected");
	assert_str(a->app, "7");
	assert_true(a->held_at_us == AT(2 * 86400) && a->held_until_us == INT64_MAX && a->portfolio_per_day == 0);
	assert_str(a->held_code, "190");
}

static void an_account_without_a_lane_is_not_held(void **state)
{
	const struct uuid uuid = uuid_of("00000000-0000-4000-8000-000000000013");

	(void)state;
	n_accounts = 0;
	done(store_sending_accounts(db.pg, &uuid, 1, db.arena, account_keep, NULL, &db.err));
	assert_true(accounts[0].held_at_us == PG_NO_TIME && !accounts[0].held_code.p && !accounts[0].app.p);
}

/* Workspace 1 has set 500. */
static void the_limit_of_a_portfolio_is_the_reported_one_else_the_workspaces(void **state)
{
	static const struct {
		const char *extra; /* of business_capability_update */
		int64_t per_day;
	} cases[] = {
		{ "{\"max_daily_conversations_per_business\": 2000}", 2000 },
		{ "{\"max_daily_conversations_per_business\": \"TIER_250\"}", 250 },
		{ "{\"max_daily_conversations_per_business\": \"TIER_100K\"}", 100000 },
		{ "{\"max_daily_conversations_per_business\": \"TIER_UNLIMITED\"}", 0 },
		{ "{\"max_daily_conversation_per_phone\": -1}", 0 },
		{ "{\"max_daily_conversation_per_phone\": 250}", 250 },
		{ "{\"max_daily_conversations_per_business\": 2000, \"max_daily_conversation_per_phone\": 250}", 2000 },
		{ "{\"max_daily_conversations_per_business\": \"TIER_?\", \"max_daily_conversation_per_phone\": 250}",
			250 },
		{ "{\"max_daily_conversations_per_business\": \"TIER_K\"}", 500 },
		{ "{\"max_daily_conversations_per_business\": 0}", 500 },
		{ "{\"max_daily_conversations_per_business\": 99999999999}", 500 },
		{ "{\"max_daily_conversations_per_business\": []}", 500 },
		{ "{}", 500 },
		{ "null", 500 },
	};
	const int64_t workspace = 1;

	(void)state;
	db_script("UPDATE workspaces SET settings = '{\"sending\": {\"portfolio_per_day\": 500}}' WHERE id = 1");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char sql[400];

		snprintf(sql, sizeof(sql),
			"UPDATE whatsapp_accounts SET notices = '{\"business_capability_update\": {\"extra\": %s}}' WHERE id = 1",
			cases[i].extra);
		execute(db.admin, sql);
		n_accounts = 0;
		done(store_sending_accounts_of(db.pg, &workspace, 1, db.arena, account_keep, NULL, &db.err));
		if (accounts[0].portfolio_per_day != cases[i].per_day)
			fail_msg("%s: %lld", cases[i].extra, (long long)accounts[0].portfolio_per_day);
	}
}

static void a_deleted_account_is_read_by_its_id_and_is_no_choice(void **state)
{
	const struct uuid uuid = uuid_of("00000000-0000-4000-8000-000000000012"),
			  other = uuid_of("00000000-0000-4000-8000-000000000013");
	const int64_t workspaces[] = { 1, 2 };

	(void)state;
	n_accounts = 0;
	done(store_sending_accounts(db.pg, &uuid, 1, db.arena, account_keep, NULL, &db.err));
	assert_true(n_accounts == 1 && accounts[0].deleted && !accounts[0].desired_connected && !accounts[0].secrets.p);
	n_accounts = 0;
	done(store_sending_accounts_of(db.pg, workspaces, 2, db.arena, account_keep, NULL, &db.err));
	assert_true(n_accounts == 2 && accounts[0].id == 1 && accounts[1].id == 3);
	db_script("UPDATE workspaces SET deleted_at = now() WHERE id = 2");
	n_accounts = 0;
	done(store_sending_accounts_of(db.pg, workspaces, 2, db.arena, account_keep, NULL, &db.err));
	assert_int_equal(n_accounts, 1);
	n_accounts = 0;
	done(store_sending_accounts(db.pg, &other, 1, db.arena, account_keep, NULL, &db.err));
	assert_true(n_accounts == 1 && accounts[0].deleted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_account_is_read_with_what_sending_needs, defined, restored),
		cmocka_unit_test(an_account_without_a_lane_is_not_held),
		cmocka_unit_test_setup_teardown(the_limit_of_a_portfolio_is_the_reported_one_else_the_workspaces,
			defined, restored),
		cmocka_unit_test_setup_teardown(a_deleted_account_is_read_by_its_id_and_is_no_choice, defined,
			restored),
	};

	return cmocka_run_group_tests(tests, sending_start, db_stop);
}
