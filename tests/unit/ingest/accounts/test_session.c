/* services/ingest/accounts/session: which account a body names. */
#include "unit.h"

#include "ingest/accounts/session.h"
#include "ingest/routes.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ID       "0e1b6c1a-9f0e-4c53-8d4f-3c6a1f1f6b11"
#define OTHER    "0e1b6c1a-9f0e-4c53-8d4f-3c6a1f1f6b12"

static struct arena *arena;

static struct uuid uuid_of(const char *text)
{
	struct uuid u;

	assert_true(uuid_parse(str_of(text), &u));
	return u;
}

static struct catalogue_account account_make(void)
{
	return (struct catalogue_account){
		.info = { .id = uuid_of(ID),
			.workspace = uuid_of(OTHER),
			.session_id = STR("acme"),
			.provider_ref = STR("ref") },
		.id = 17,
		.workspace_id = 7,
	};
}

static void a_body_names_its_session_the_same_raw_and_parsed(void **state)
{
	static const struct {
		const char *json, *want;
		enum route_id route;
	} cases[] = {
		{ "{\"session_id\":\"a\",\"whatsapp_account_id\":\"b\"}", "a", ROUTE_WEBHOOK },
		{ "{\"whatsapp_account_id\":\"b\",\"session_id\":\"a\"}", "a", ROUTE_OLD_WEBHOOK },
		{ "{\"whatsapp_account_id\":\"b\"}", "b", ROUTE_OLD_SYNC },
		{ "{\"whatsapp_account_id\":17}", "17", ROUTE_OLD_SYNC },
		{ "{\"session_id\":17}", "17", ROUTE_SYNC },
		{ "{\"session_id\":\"\",\"whatsapp_account_id\":\"b\"}", "b", ROUTE_SYNC },
		{ "{\"session_id\":null,\"whatsapp_account_id\":\"b\"}", "b", ROUTE_SYNC },
		{ "{\"session_id\":{},\"session_id\":\"a\"}", NULL, ROUTE_SYNC },
		{ "{\"session_id\":\"a\",\"session_id\":\"b\"}", "a", ROUTE_SYNC },
		{ "{\"session\\u005fid\":\"a\",\"session_id\":\"b\"}", "a", ROUTE_SYNC },
		{ "{\"whatsapp_account_id\":\"a\",\"whatsapp_account_id\":\"b\"}", "a", ROUTE_SYNC },
		{ "{\"chats\":[{\"session_id\":\"b\"}],\"session_id\":\"a\"}", "a", ROUTE_SYNC },
		{ "{\"sessionId\":\"a\",\"session_id\":\"b\"}", "a", ROUTE_WWEBJS_ANY },
		{ "{\"session_id\":\"b\"}", NULL, ROUTE_WWEBJS_ANY },
		{ "{}", NULL, ROUTE_WEBHOOK },
		{ "[\"session_id\"]", NULL, ROUTE_WEBHOOK },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *const *members = routes[cases[i].route].session;
		struct str raw = session_scan(str_of(cases[i].json), members, arena), parsed;
		struct json_doc *doc = NULL;

		assert_int_equal(json_parse(&doc, str_of(cases[i].json), NULL), 0);
		parsed = session_of(json_root(doc), members, arena);
		if (raw.n != parsed.n || (raw.n > 0 && !str_eq(raw, parsed)) ||
			(cases[i].want ? !str_is(raw, cases[i].want) : raw.n > 0))
			fail_msg("%s: %.*s", cases[i].json, STR_ARG(raw));
		json_free(doc);
	}
}

static void a_session_beyond_the_searched_members_is_absent(void **state)
{
	static const char *const members[2] = { "session_id", NULL };

	(void)state;
	for (size_t before = JSON_MAX_MEMBERS - 1; before <= JSON_MAX_MEMBERS; before++) {
		struct buf text = BUF_INIT;
		struct json_doc *doc = NULL;
		struct str raw;

		buf_add_char(&text, '{');
		for (size_t i = 0; i < before; i++)
			buf_printf(&text, "\"m%zu\":0,", i);
		buf_add_str(&text, STR("\"session_id\":\"s\"}"));
		raw = session_scan(buf_str(&text), members, arena);
		assert_int_equal(json_parse(&doc, buf_str(&text), NULL), 0);
		assert_int_equal(raw.n, before < JSON_MAX_MEMBERS);
		assert_int_equal(session_of(json_root(doc), members, arena).n, raw.n);
		json_free(doc);
		buf_fini(&text);
	}
}

static void a_name_may_be_a_session_a_public_id_or_a_number(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		enum name_kind second;
	} cases[] = {
		{ "acme", 1, 0 },
		{ ID, 2, NAME_ACCOUNT },
		{ "17", 2, NAME_ROW },
		{ "017", 2, NAME_ROW },
		{ "-17", 1, 0 },
		{ "17.0", 1, 0 },
		{ "99999999999999999999", 1, 0 },
		{ "", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct session_names names;

		session_names(&names, str_of(cases[i].text));
		if (names.n != cases[i].n || (names.n > 0 && names.names[0].kind != NAME_SESSION) ||
			(names.n > 1 && names.names[1].kind != cases[i].second))
			fail_msg("%s", cases[i].text);
	}
}

static void a_session_matches_by_each_of_its_names(void **state)
{
	static const struct {
		const char *text;
		bool fits;
	} cases[] = {
		{ "", true },
		{ "acme", true },
		{ "ref", true },
		{ ID, true },
		{ "0E1B6C1A-9F0E-4C53-8D4F-3C6A1F1F6B11", true },
		{ OTHER, false },
		{ "17", true },
		{ "18", false },
		{ "7", false },
		{ "other", false },
	};
	const struct catalogue_account account = account_make();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (session_fits(str_of(cases[i].text), &account) != cases[i].fits)
			fail_msg("%s", cases[i].text);
}

static void a_body_of_another_workspace_does_not_match(void **state)
{
	static const struct {
		const char *json;
		bool fits;
	} cases[] = {
		{ "{}", true },
		{ "{\"workspace_id\":null}", true },
		{ "{\"workspace_id\":\"" OTHER "\"}", true },
		{ "{\"workspace_id\":\"0E1B6C1A-9F0E-4C53-8D4F-3C6A1F1F6B12\"}", true },
		{ "{\"workspace_id\":\"" ID "\"}", false },
		{ "{\"workspace_id\":7}", true },
		{ "{\"workspace_id\":\"7\"}", true },
		{ "{\"workspace_id\":8}", false },
		{ "{\"workspace_id\":17}", false },
		{ "{\"workspace_id\":7.0}", false },
		{ "{\"workspace_id\":-7}", false },
		{ "{\"workspace_id\":99999999999999999999}", false },
		{ "{\"workspace_id\":\"other\"}", false },
		{ "{\"workspace_id\":\"\"}", false },
		{ "{\"workspace_id\":true}", false },
		{ "{\"workspace_id\":[7]}", false },
	};
	const struct catalogue_account account = account_make();
	struct json_doc *doc;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(json_parse(&doc, str_of(cases[i].json), NULL), 0);
		if (session_workspace_fits(json_root(doc), &account, arena) != cases[i].fits)
			fail_msg("%s", cases[i].json);
		json_free(doc);
	}
}

static void an_account_is_found_by_its_number(void **state)
{
	struct catalogue *c = catalogue_new();
	struct catalogue_account *a = catalogue_account_new();
	const int64_t mine = 17, other = 18;
	struct name name = name_of_row(&mine), none = name_of_row(&other);

	(void)state;
	a->info.id = uuid_of(ID);
	a->id = 17;
	catalogue_put_account(c, &a);
	assert_true(catalogue_has(c, &name));
	assert_false(catalogue_has(c, &none));
	catalogue_drop_account(c, &(struct uuid){ 0 });
	assert_true(catalogue_has(c, &name));
	catalogue_drop_account(c, &catalogue_account(c, &name)->info.id);
	assert_false(catalogue_has(c, &name));
	catalogue_free(c);
}

static int start(void **state)
{
	(void)state;
	arena = arena_new(1024);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_names_its_session_the_same_raw_and_parsed),
		cmocka_unit_test(a_session_beyond_the_searched_members_is_absent),
		cmocka_unit_test(a_name_may_be_a_session_a_public_id_or_a_number),
		cmocka_unit_test(a_session_matches_by_each_of_its_names),
		cmocka_unit_test(a_body_of_another_workspace_does_not_match),
		cmocka_unit_test(an_account_is_found_by_its_number),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
