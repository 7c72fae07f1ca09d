/* Which dialect a folder or a route is of, and where its bodies go. */
#include "unit.h"

#include "post.h"

static void folders_name_their_dialect(void **state)
{
	(void)state;
	assert_int_equal(dialect_parse(STR("meta")), DIALECT_META);
	assert_int_equal(dialect_parse(STR("webjs-raw")), DIALECT_WWEBJS);
	assert_int_equal(dialect_parse(STR("bridge")), DIALECT_BRIDGE);
	assert_int_equal(dialect_parse(STR("fixtures")), DIALECT_NONE);
	assert_int_equal(dialect_parse(STR_NONE), DIALECT_NONE);
}

static void bodies_go_to_their_dialects_route(void **state)
{
	static const struct {
		enum dialect d;
		const char *body, *route;
	} cases[] = {
		{ DIALECT_META, "{}", "/webhooks/meta/ID" },
		{ DIALECT_WWEBJS, "{\"chats\":[]}", "/webhooks/wwebjs/ID" },
		{ DIALECT_WAHA, "not json", "/webhooks/waha/ID" },
		{ DIALECT_EVOLUTION, "{}", "/webhooks/evolution/ID" },
		{ DIALECT_BRIDGE, "{\"message_body\":\"chats\"}", "/api/whatsapp/webhook" },
		{ DIALECT_BRIDGE, "{\"chats\":[{}]}", "/api/whatsapp/chats/sync" },
		{ DIALECT_BRIDGE, "not json", "/api/whatsapp/webhook" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf route = BUF_INIT;

		post_route(cases[i].d, "ID", str_of(cases[i].body), &route);
		assert_true(str_is(buf_str(&route), cases[i].route));
		assert_int_equal(dialect_of_route(buf_str(&route)), cases[i].d);
		buf_fini(&route);
	}
	assert_int_equal(dialect_of_route(STR("/elsewhere")), DIALECT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folders_name_their_dialect),
		cmocka_unit_test(bodies_go_to_their_dialects_route),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
