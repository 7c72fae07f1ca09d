/* Campaigns and templates as they are cached from PostgreSQL. */
#include "unit.h"

#include "../../store/sending.h"
#include "campaign-sender/campaigns/campaign_cache.h"

static struct campaign_cache *cache;

#define TEMPLATES \
	"UPDATE whatsapp_accounts SET waba_id = 'w' WHERE workspace_id = 1;" \
	"INSERT INTO templates (workspace_id, id, account_id, provider_template_id, name, language, category, status, quality, components) VALUES" \
	" (1, 10, 1, 'p', 'hello', 'id', 'MARKETING', 'APPROVED', 'GREEN', '[{\"type\": \"BODY\", \"text\": \"Hi {{1}}\"}]')," \
	" (1, 11, 1, 'q', 'broken', 'id', 'UTILITY', 'PENDING', NULL, '[{\"type\": \"BODY\"}, {\"type\": \"BODY\", \"text\": \"{{1}} {{a}}\"}]')," \
	" (1, 12, 1, 'r', 'bare', 'id', 'UTILITY', 'PENDING', NULL, NULL);"
#define CAMPAIGNS_2 \
	"INSERT INTO campaigns (workspace_id, id, uuid, name, campaign_type, template_id, partition, status, on_unknown, allow_other_provider)" \
	" VALUES (1, 2, '00000000-0000-4000-8000-0000000000c2', 'by template', 'template', 10, 4, 'paused', NULL, true)," \
	" (1, 3, '00000000-0000-4000-8000-0000000000c3', 'utility', 'template', 12, 4, 'running', NULL, false)," \
	" (1, 4, '00000000-0000-4000-8000-0000000000c4', 'utility', 'template', 12, 4, 'running', 'assume_sent', false)"

static int filled(void **state)
{
	sending_running(state);
	db_script(TEMPLATES CAMPAIGNS_2);
	cache = campaign_cache_new();
	return 0;
}

static int emptied(void **state)
{
	(void)state;
	campaign_cache_free(cache);
	db_script("UPDATE whatsapp_accounts SET waba_id = NULL");
	return 0;
}

static const struct campaign_key keys[] = { { 1, 1 }, { 1, 2 }, { 1, 3 }, { 1, 4 }, { 1, 2 }, { 2, 1 } };

static void load(void)
{
	done(campaign_cache_load(cache, db.pg, keys, 6, &db.err));
}

static void a_campaign_is_found_as_its_row_and_template_are(void **state)
{
	const struct campaign *instant, *marketing, *utility;

	(void)state;
	assert_null(campaign_cache_find(cache, 1, 1));
	load();
	instant = campaign_cache_find(cache, 1, 1);
	marketing = campaign_cache_find(cache, 1, 2);
	utility = campaign_cache_find(cache, 1, 3);
	assert_null(campaign_cache_find(cache, 2, 1));
	assert_true(instant->key.workspace_id == 1 && instant->key.id == 1 && instant->partition == 3);
	assert_true(instant->marketing && instant->prepared && instant->status == CAMPAIGN_RUNNING);
	assert_true(instant->on_unknown == UNKNOWN_IS_ASSUMED_SENT && !instant->allow_other_provider);
	assert_true(instant->workspace.b[15] == 1 && instant->uuid.b[15] == 0xc1);
	assert_true(marketing->marketing && !marketing->prepared && marketing->status == CAMPAIGN_PAUSED);
	assert_true(marketing->on_unknown == UNKNOWN_IS_ASSUMED_SENT && marketing->allow_other_provider);
	assert_str(marketing->name, "by template");
	assert_true(marketing->has_template && !instant->has_template);
	assert_str(marketing->template_name, "hello");
	assert_true(!utility->marketing && utility->on_unknown == UNKNOWN_FAILS);
	assert_true(campaign_cache_find(cache, 1, 4)->on_unknown == UNKNOWN_IS_ASSUMED_SENT);
}

static void a_campaign_is_kept_until_it_or_its_template_changes(void **state)
{
	const struct uuid first = uuid_of(CAMPAIGN);

	(void)state;
	load();
	db_script(
		"UPDATE campaigns SET status = 'paused' WHERE id = 1;UPDATE templates SET category = 'UTILITY' WHERE id = 10");
	load();
	assert_true(campaign_cache_find(cache, 1, 1)->status == CAMPAIGN_RUNNING);
	campaign_cache_changed(cache, &first);
	assert_null(campaign_cache_find(cache, 1, 1));
	assert_non_null(campaign_cache_find(cache, 1, 2));
	campaign_cache_template_changed(cache, 10);
	assert_null(campaign_cache_find(cache, 1, 2));
	assert_non_null(campaign_cache_find(cache, 1, 3));
	load();
	assert_true(campaign_cache_find(cache, 1, 1)->status == CAMPAIGN_PAUSED);
	assert_false(campaign_cache_find(cache, 1, 2)->marketing);
	campaign_cache_clear(cache);
	assert_null(campaign_cache_find(cache, 1, 1));
}

static void a_campaign_that_did_not_exist_is_found_once_one_has_changed(void **state)
{
	const struct campaign_key later = { 1, 9 };
	const struct uuid id = uuid_of("00000000-0000-4000-8000-0000000000c9");

	(void)state;
	done(campaign_cache_load(cache, db.pg, &later, 1, &db.err));
	db_script(
		"INSERT INTO campaigns (workspace_id, id, uuid, name, campaign_type) VALUES (1, 9, '00000000-0000-4000-8000-0000000000c9', 'l',"
		" 'instant')");
	done(campaign_cache_load(cache, db.pg, &later, 1, &db.err));
	assert_null(campaign_cache_find(cache, 1, 9));
	campaign_cache_changed(cache, &id);
	done(campaign_cache_load(cache, db.pg, &later, 1, &db.err));
	assert_str(campaign_cache_find(cache, 1, 9)->name, "l");
}

#define KEY(account, name, language) { 1, account, { name, sizeof(name) - 1 }, { language, sizeof(language) - 1 } }
static const struct template_key hello = KEY(1, "hello", "id"), by_waba = KEY(2, "hello", "id"),
				 broken = KEY(1, "broken", "id"), bare = KEY(1, "bare", "id"),
				 later = KEY(1, "later", "id"), split = KEY(1, "hell", "oid");

static void templates_load(void)
{
	const struct template_key all[] = { hello, by_waba, broken, bare, later, split, hello };

	done(campaign_cache_load_templates(cache, db.pg, all, 7, &db.err));
}

static void a_template_is_found_with_its_components_parsed(void **state)
{
	const struct sending_template *t;

	(void)state;
	assert_null(campaign_cache_template(cache, &hello));
	templates_load();
	t = campaign_cache_template(cache, &hello);
	assert_true(t->id == 10 && t->workspace_id == 1 && t->account_id == 1 && t->parsed && !t->fault.p);
	assert_int_equal(t->parsed->body.n, 1);
	assert_str(t->name, "hello");
	assert_str(t->language, "id");
	assert_str(t->category, "MARKETING");
	assert_str(t->status, "APPROVED");
	assert_str(t->quality, "GREEN");
	assert_int_equal(campaign_cache_template(cache, &by_waba)->id, 10);
	assert_null(campaign_cache_template(cache, &later));
	assert_null(campaign_cache_template(cache, &split));
}

static void a_template_that_cannot_be_parsed_says_why(void **state)
{
	const struct sending_template *t;

	(void)state;
	templates_load();
	t = campaign_cache_template(cache, &broken);
	assert_true(!t->parsed && t->fault.n > 0);
	t = campaign_cache_template(cache, &bare);
	assert_null(t->parsed);
	assert_str(t->fault, "its components are not known yet");
}

static void a_template_is_kept_until_it_changes(void **state)
{
	(void)state;
	templates_load();
	db_script("UPDATE templates SET status = 'PAUSED'");
	templates_load();
	assert_str(campaign_cache_template(cache, &hello)->status, "APPROVED");
	campaign_cache_template_changed(cache, 10);
	assert_null(campaign_cache_template(cache, &hello));
	assert_null(campaign_cache_template(cache, &by_waba));
	assert_str(campaign_cache_template(cache, &bare)->status, "PENDING");
	templates_load();
	assert_str(campaign_cache_template(cache, &by_waba)->status, "PAUSED");
}

static void a_template_that_did_not_exist_is_found_once_one_was_added_or_an_account_has_changed(void **state)
{
	(void)state;
	templates_load();
	db_script(
		"INSERT INTO templates (workspace_id, id, account_id, provider_template_id, name, language) VALUES (1, 13, 1, 's', 'later', 'id')");
	templates_load();
	assert_null(campaign_cache_template(cache, &later));
	campaign_cache_template_changed(cache, 13);
	templates_load();
	assert_int_equal(campaign_cache_template(cache, &later)->id, 13);
	db_script("UPDATE templates SET name = 'hell', language = 'oid' WHERE id = 12");
	campaign_cache_account_changed(cache);
	templates_load();
	assert_int_equal(campaign_cache_template(cache, &split)->id, 12);
}

static void the_cache_is_emptied_before_it_grows_beyond_its_bound(void **state)
{
	static char names[CAMPAIGN_CACHE_MAX][8];
	static struct template_key many[CAMPAIGN_CACHE_MAX];
	static struct campaign_key ids[CAMPAIGN_CACHE_MAX];

	(void)state;
	templates_load();
	load();
	for (size_t i = 0; i < CAMPAIGN_CACHE_MAX; i++) {
		int n = snprintf(names[i], sizeof(names[i]), "%zu", i);

		many[i] = (struct template_key){ 1, 1, { names[i], (size_t)n }, STR("id") };
		ids[i] = (struct campaign_key){ 1, 100 + (int64_t)i };
	}
	many[7] = hello;
	ids[7] = keys[0];
	done(campaign_cache_load_templates(cache, db.pg, many, CAMPAIGN_CACHE_MAX, &db.err));
	done(campaign_cache_load(cache, db.pg, ids, CAMPAIGN_CACHE_MAX, &db.err));
	assert_null(campaign_cache_template(cache, &bare));
	assert_null(campaign_cache_find(cache, 1, 2));
	assert_int_equal(campaign_cache_template(cache, &hello)->id, 10);
	assert_non_null(campaign_cache_find(cache, 1, 1));
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, filled, emptied)
	const struct CMUnitTest tests[] = {
		CASE(a_campaign_is_found_as_its_row_and_template_are),
		CASE(a_campaign_is_kept_until_it_or_its_template_changes),
		CASE(a_campaign_that_did_not_exist_is_found_once_one_has_changed),
		CASE(a_template_is_found_with_its_components_parsed),
		CASE(a_template_that_cannot_be_parsed_says_why),
		CASE(a_template_is_kept_until_it_changes),
		CASE(a_template_that_did_not_exist_is_found_once_one_was_added_or_an_account_has_changed),
		CASE(the_cache_is_emptied_before_it_grows_beyond_its_bound),
	};

	return cmocka_run_group_tests(tests, sending_start, db_stop);
}
