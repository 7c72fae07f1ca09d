/* campaign-sender/commit/successor.c: which account sends the segment of one that cannot, over caches from PostgreSQL. */
#include "unit.h"

#include "../accounts/sealed.h"
#include "base/clock.h"
#include "campaign-sender/commit/private.h"

/* Accounts 1 and 2 of waha; of Meta 5 and 6 of one portfolio, and 7 of another. 1, 5 and 7 have the template, which is not approved for 6. */
#define ACCOUNTS \
	"UPDATE whatsapp_accounts SET bridge_kind = 'waha', status = 'connected', assigned_instance_url = 'https://a';" \
	"INSERT INTO whatsapp_accounts (workspace_id, id, uuid, session_id, provider_type, phone_number_id, waba_id, business_id, health_score)" \
	" SELECT 1, g, ('00000000-0000-4000-8000-00000000001' || g)::uuid, 's' || g, 'meta', 'pn' || g, 'w' || g," \
	" CASE WHEN g < 7 THEN 'b1' ELSE 'b2' END, 10 * g FROM generate_series(5, 8) g;" \
	"INSERT INTO templates (workspace_id, id, account_id, provider_template_id, name, language, category, status) SELECT 1, g, g, 'p' || g," \
	" 'hello', 'id', 'MARKETING', CASE g WHEN 6 THEN 'PAUSED' ELSE 'APPROVED' END FROM generate_series(1, 7) g WHERE g IN (1, 5, 6, 7)"

static struct campaign_cache *campaigns;
static struct shared shared;
static struct flush f;

static int filled(void **state)
{
	const int64_t workspace = 1;
	char account[] = ACCOUNT_1;

	db_empty(state);
	db_script(ACCOUNTS);
	for (int id = 1; id <= 8; id++) {
		account[sizeof(account) - 2] = (char)('0' + id);
		if (id < 3 || id > 4)
			account_seal(account, "{\"access_token\": \"x\"}");
	}
	cache_new(KEY, NULL);
	campaigns = campaign_cache_new();
	done(account_cache_load(cache, db.pg, &workspace, 1, &db.err));
	shared = (struct shared){ .accounts = cache, .campaigns = campaigns };
	f = (struct flush){ .o = { .shared = &shared }, .arena = db.arena, .now_us = clock_now_us() + 1000000 };
	return 0;
}

static int emptied(void **state)
{
	(void)state;
	campaign_cache_free(campaigns);
	account_cache_free(cache);
	db_script("DELETE FROM templates;DELETE FROM whatsapp_accounts WHERE id > 3;"
		  "UPDATE whatsapp_accounts SET bridge_kind = 'blazz', secrets = NULL");
	return 0;
}

static void templates_load(const struct campaign *c)
{
	struct template_key keys[8];

	for (int64_t i = 0; i < 8; i++)
		keys[i] = (struct template_key){ 1, i + 1, c->template_name, c->template_language };
	done(campaign_cache_load_templates(campaigns, db.pg, keys, 8, &db.err));
}

static void the_campaign_and_the_hold_decide_which_account_sends_a_segment(void **state)
{
	static const struct {
		const char *name;
		int64_t from;
		const char *code; /* it is held for; NULL: not held */
		bool instant, any_provider;
		int64_t want; /* 0: none */
	} cases[] = {
		{ "a template to an account that has it", 5, .want = 7 },
		{ "a template to no account on which it is paused", 7, .want = 5 },
		{ "a template to no bridge", 5, "131031", .any_provider = true, .want = 0 },
		{ "other content to the best account", 5, .instant = true, .want = 8 },
		{ "not to another provider", 1, .instant = true, .want = 2 },
		{ "to its provider though another one's is better", 1, .instant = true, .any_provider = true,
			.want = 2 },
		{ "a spam restriction to another portfolio", 5, "131048", .want = 7 },
		{ "a spam restriction not within the portfolio", 6, "131048", .want = 7 },
		{ "a payment problem to another portfolio", 7, "131042", .instant = true, .want = 6 },
		{ "an account that is locked to none", 6, "368", .instant = true, .want = 0 },
		{ "a token that has expired to any", 5, "190", .instant = true, .want = 8 },
		{ "maintenance to any", 5, "131057", .instant = true, .want = 8 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct campaign c = { .key = { 1, 1 },
			.has_template = !cases[i].instant,
			.template_name = STR("hello"),
			.template_language = STR("id"),
			.allow_other_provider = cases[i].any_provider };
		const struct segment s = { .row = { .workspace_id = 1, .account_id = cases[i].from } };
		const struct account *got;

		templates_load(&c);
		if (cases[i].code)
			account_cache_hold(cache,
				&(struct send_hold){
					1, cases[i].from, clock_now_us(), -1, str_of(cases[i].code), true });
		got = successor_of(&f, &s, &c);
		if ((got ? got->id : 0) != cases[i].want)
			fail_msg("%s: %lld", cases[i].name, got ? (long long)got->id : 0);
		emptied(state);
		filled(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_campaign_and_the_hold_decide_which_account_sends_a_segment, filled,
			emptied),
	};

	return cmocka_run_group_tests(tests, sending_start, db_stop);
}
