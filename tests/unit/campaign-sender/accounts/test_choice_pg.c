/* Which account sends a message, over a cache of accounts from PostgreSQL. */
#include "unit.h"

#include "campaign-sender/accounts/choice.h"
#include "sealed.h"

/* Workspace 1: accounts 1 and 2 of waha, 5 of Meta and primary, 6 and 7 of Meta; 8 is deleted. Workspace 2: account 3, which has no
 * secrets. Best of workspace 1 is 7, then 1 (as old as 2), 2, 6 and 5. */
#define ACCOUNTS \
	"UPDATE whatsapp_accounts SET bridge_kind = 'waha', status = 'connected', assigned_instance_url = 'https://a', health_score = 90," \
	" created_at = '2026-01-02Z';" \
	"INSERT INTO whatsapp_accounts (workspace_id, id, uuid, session_id, provider_type, phone_number_id, is_primary, health_score, created_at)" \
	" SELECT 1, g, ('00000000-0000-4000-8000-00000000001' || g)::uuid, 's' || g, 'meta', 'pn' || g, g = 5," \
	" CASE g WHEN 5 THEN 10 WHEN 7 THEN 100 ELSE 90 END, '2026-01-03Z' FROM generate_series(5, 8) g;" \
	"UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = 8"

#define NOW clock_now_us()

static int filled(void **state)
{
	static const struct uuid deleted = { { 0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 0x18 } };
	const int64_t workspaces[] = { 1, 2 };
	char account[] = ACCOUNT_1;

	db_empty(state);
	db_script(ACCOUNTS);
	for (int id = 1; id <= 8; id++) {
		account[sizeof(account) - 2] = (char)('0' + id);
		if (id != 3)
			account_seal(account, "{\"access_token\": \"x\"}");
	}
	cache_new(KEY, NULL);
	done(account_cache_load(cache, db.pg, workspaces, 2, &db.err));
	done(account_cache_load_ids(cache, db.pg, &deleted, 1, &db.err));
	assert_non_null(account_cache_find(cache, 1, 8));
	return 0;
}

static int emptied(void **state)
{
	(void)state;
	account_cache_free(cache);
	db_script(
		"DELETE FROM whatsapp_accounts WHERE id > 3;UPDATE whatsapp_accounts SET bridge_kind = 'blazz', secrets = NULL");
	return 0;
}

static void hold(int64_t account)
{
	account_cache_hold(cache, &(struct send_hold){ 1, account, NOW, -1, STR("190"), true });
}

static bool is_even(void *ctx, const struct account *a)
{
	(void)ctx;
	return a->id % 2 == 0;
}

static bool admits_none(void *ctx, const struct account *a)
{
	(void)ctx, (void)a;
	return false;
}

static void the_first_step_that_has_an_account_decides(void **state)
{
	static const struct {
		const char *name;
		int64_t workspace, named, latest;
		enum provider provider;
		int64_t tried[3];
		bool (*admits)(void *ctx, const struct account *a);
		int64_t held, want; /* want 0: none */
	} cases[] = {
		{ "the named one", 1, .named = 6, .latest = 2, .want = 6 },
		{ "the named one, though it is held", 1, .named = 6, .held = 6, .want = 6 },
		{ "the named one, though it is deleted", 1, .named = 8, .want = 8 },
		{ "the named one, though its provider is another", 1, .named = 6, .provider = PROVIDER_WEBJS,
			.want = 6 },
		{ "the named one, though it cannot send this", 1, .named = 6, .admits = admits_none, .want = 6 },
		{ "not the named one once it was tried", 1, .named = 6, .latest = 2, .tried = { 6 }, .want = 2 },
		{ "no account of another workspace by name", 1, .named = 3, .want = 5 },
		{ "that of the latest conversation", 1, .latest = 2, .want = 2 },
		{ "not a held one of the latest conversation", 1, .latest = 2, .held = 2, .want = 5 },
		{ "not a deleted one of the latest conversation", 1, .latest = 8, .want = 5 },
		{ "of the latest conversation only with its provider", 1, .latest = 2, .provider = PROVIDER_META,
			.want = 5 },
		{ "of the latest conversation only if it can send this", 1, .latest = 7, .admits = is_even, .want = 2 },
		{ "the primary", 1, .want = 5 },
		{ "not a primary that is held", 1, .held = 5, .want = 7 },
		{ "not a primary that was tried", 1, .tried = { 5 }, .want = 7 },
		{ "not a primary of another provider, and of equal health and age the first", 1,
			.provider = PROVIDER_WEBJS, .want = 1 },
		{ "of equal health the oldest", 1, .tried = { 5, 7 }, .want = 1 },
		{ "the next one", 1, .tried = { 5, 7, 1 }, .want = 2 },
		{ "by health and age", 1, .tried = { 2 }, .admits = is_even, .want = 6 },
		{ "none that can send this", 1, .admits = admits_none, .want = 0 },
		{ "none that is usable", 2, .latest = 3, .want = 0 },
		{ "of a workspace that is not loaded", 9, .named = 6, .want = 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct choice what = {
			.workspace_id = cases[i].workspace,
			.named = cases[i].named,
			.latest = cases[i].latest,
			.provider = cases[i].provider,
			.tried = cases[i].tried,
			.n_tried = 3,
			.admits = cases[i].admits,
			.now_us = NOW + 1000000,
		};
		const struct account *got;

		if (cases[i].held)
			hold(cases[i].held);
		got = choice_of(cache, &what);
		if ((got ? got->id : 0) != cases[i].want)
			fail_msg("%s: %lld", cases[i].name, got ? (long long)got->id : 0);
		if (cases[i].held) {
			emptied(state);
			filled(state);
		}
	}
}

static void a_campaign_spreads_over_the_best_usable_accounts_of_one_provider(void **state)
{
	static const struct {
		enum provider provider;
		size_t cap;
		const char *want;
	} cases[] = {
		{ PROVIDER_META, 16, " 7 6 5" },
		{ PROVIDER_META, 2, " 7 6" },
		{ PROVIDER_WEBJS, 16, " 1 2" },
		{ PROVIDER_NONE, 3, " 7 1 2" },
		{ PROVIDER_META, 0, "" },
	};
	const struct account *out[16];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char got[100] = "";

		n = choice_spread(cache, 1, cases[i].provider, NOW, out, cases[i].cap);
		for (size_t k = 0; k < n; k++)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), " %lld", (long long)out[k]->id);
		assert_string_equal(got, cases[i].want);
	}
	hold(7);
	n = choice_spread(cache, 1, PROVIDER_META, NOW, out, 16);
	assert_true(n == 2 && out[0]->id == 6);
}

static void a_workspace_is_represented_by_its_primary_else_its_oldest(void **state)
{
	const struct uuid primary = uuid_of("00000000-0000-4000-8000-000000000015");

	(void)state;
	hold(5);
	assert_int_equal(choice_representative(cache, 1)->id, 5);
	assert_int_equal(choice_representative(cache, 2)->id, 3); /* though it is not usable */
	account_cache_account_changed(cache, &primary);
	assert_int_equal(choice_representative(cache, 1)->id, 1);
	assert_null(choice_representative(cache, 9));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_step_that_has_an_account_decides, filled, emptied),
		cmocka_unit_test_setup_teardown(a_campaign_spreads_over_the_best_usable_accounts_of_one_provider,
			filled, emptied),
		cmocka_unit_test_setup_teardown(a_workspace_is_represented_by_its_primary_else_its_oldest, filled,
			emptied),
	};

	return cmocka_run_group_tests(tests, sending_start, db_stop);
}
