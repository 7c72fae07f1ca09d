/* services/ingest/routes and proxies: what a path, a method, a content type and a source address mean. */
#include "unit.h"

#include <string.h>

#include "ingest/proxies.h"
#include "ingest/routes.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ID       "0123ABCD-89ab-4cde-8f01-23456789abcd"

static void a_path_is_a_known_route_or_rejected(void **state)
{
	static const struct {
		const char *path;
		int want; /* -1: none */
		bool target;
	} cases[] = {
		{ "/api/whatsapp/webhook", ROUTE_WEBHOOK, false },
		{ "/api/webhooks/whatsapp", ROUTE_OLD_WEBHOOK, false },
		{ "/webhooks/wwebjs", ROUTE_WWEBJS_ANY, false },
		{ "/webhooks/wwebjs/", -1, false },
		{ "/webhooks/waha", -1, false },
		{ "/api/whatsapp/chats/sync", ROUTE_SYNC, false },
		{ "/api/webhooks/chats/sync", ROUTE_OLD_SYNC, false },
		{ "/webhooks/meta/" ID, ROUTE_META, true },
		{ "/webhooks/waha/" ID, ROUTE_WAHA, true },
		{ "/webhooks/evolution/" ID, ROUTE_EVOLUTION, true },
		{ "/webhooks/wwebjs/" ID, ROUTE_WWEBJS, true },
		{ "/", -1, false },
		{ "", -1, false },
		{ "/api/whatsapp/webhook/", -1, false },
		{ "/api/whatsapp/webhookx", -1, false },
		{ "/API/whatsapp/webhook", -1, false },
		{ "/webhooks/meta/", -1, false },
		{ "/webhooks/meta/1", -1, false },
		{ "/webhooks/meta/" ID "/", -1, false },
		{ "/webhooks/telegram/" ID, -1, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct uuid target;
		const struct route *r = route_find(str_of(cases[i].path), &target);

		if ((r ? (int)r->id : -1) != cases[i].want || uuid_is_nil(&target) == cases[i].target)
			fail_msg("%s", cases[i].path);
	}
}

static void only_meta_has_a_get_route(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROUTES; i++) {
		bool meta = routes[i].id == ROUTE_META;

		assert_int_equal(routes[i].id, i);
		assert_true(route_allows(&routes[i], STR("POST")));
		assert_int_equal(route_allows(&routes[i], STR("GET")), meta);
		assert_int_equal(route_allows(&routes[i], STR("HEAD")), meta);
		assert_false(route_allows(&routes[i], STR("PUT")));
		assert_false(route_allows(&routes[i], STR("post")));
		assert_string_equal(route_allow(&routes[i]), meta ? "GET, HEAD, POST" : "POST");
	}
}

static void only_syncs_may_be_large(void **state)
{
	(void)state;
	assert_int_equal(routes[ROUTE_WEBHOOK].max_body_bytes, 3 * 1024 * 1024);
	assert_int_equal(routes[ROUTE_META].max_body_bytes, 3 * 1024 * 1024);
	assert_int_equal(routes[ROUTE_SYNC].max_body_bytes, 16 * 1024 * 1024);
	assert_int_equal(routes[ROUTE_OLD_SYNC].max_body_bytes, 16 * 1024 * 1024);
	assert_int_equal(routes[ROUTE_WWEBJS].max_body_bytes, 16 * 1024 * 1024);
	assert_int_equal(routes[ROUTE_WWEBJS_ANY].max_body_bytes, 16 * 1024 * 1024);
	assert_int_equal(routes[ROUTE_OLD_WEBHOOK].max_body_bytes, 3 * 1024 * 1024);
}

static void the_content_type_is_json_or_absent(void **state)
{
	static const struct {
		const char *type;
		bool want;
	} cases[] = {
		{ NULL, true },
		{ "application/json", true },
		{ "application/json; charset=utf-8", true },
		{ "Application/JSON ;charset=utf-8", true },
		{ "application/cloudevents+json", true },
		{ "application/vnd.x+JSON", true },
		{ "", false },
		{ "application/", false },
		{ "application/+json", false },
		{ "application/jsonx", false },
		{ "text/json", false },
		{ "text/plain", false },
		{ "application/x-www-form-urlencoded", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (content_type_fits(str_of(cases[i].type)) != cases[i].want)
			fail_msg("%s", cases[i].type);
}

static void the_source_is_the_rightmost_address_that_is_not_a_trusted_proxy(void **state)
{
	static const struct {
		const char *name, *peer, *forwarded, *want;
	} cases[] = {
		{ "no header", "10.1.2.3", NULL, "10.1.2.3" },
		{ "a stranger's header is not believed", "192.0.2.1", "1.2.3.4", "192.0.2.1" },
		{ "our proxy's is", "10.1.2.3", "192.0.2.9", "192.0.2.9" },
		{ "what the client wrote itself stands further left", "10.1.2.3", "1.2.3.4, 192.0.2.9", "192.0.2.9" },
		{ "two proxies of ours", "10.1.2.3", "1.2.3.4,192.0.2.9 , 10.9.9.9", "192.0.2.9" },
		{ "all are ours", "10.1.2.3", "10.0.0.1, 10.0.0.2", "10.0.0.1" },
		{ "what is no address ends it", "10.1.2.3", "192.0.2.9, unknown", "10.1.2.3" },
		{ "an empty element ends it", "10.1.2.3", "192.0.2.9,", "10.1.2.3" },
		{ "a port is dropped", "10.1.2.3", "192.0.2.9:4711", "192.0.2.9" },
		{ "IPv6", "2001:db8:1::1", "2001:db8:2::2", "2001:db8:2::2" },
		{ "IPv6 with a port", "2001:db8:1::1", "[2001:db8:2::2]:443", "2001:db8:2::2" },
		{ "a neighbour of a network's odd end", "172.32.0.1", "1.2.3.4", "172.32.0.1" },
		{ "and inside it", "172.31.255.255", "1.2.3.4", "1.2.3.4" },
		{ "one address", "198.51.100.7", "1.2.3.4", "1.2.3.4" },
	};
	char a[] = "10.0.0.0/8", b[] = "2001:db8:1::/48", c[] = "172.16.0.0/12", d[] = " 198.51.100.7";
	char *networks[] = { a, b, c, d, NULL };
	struct networks *p = NULL;

	(void)state;
	assert_int_equal(networks_parse(&p, networks, NULL), 0);
	for (size_t i = 0; i < COUNT(cases); i++)
		if (!str_is(proxies_source(p, str_of(cases[i].peer), str_of(cases[i].forwarded)), cases[i].want))
			fail_msg("%s", cases[i].name);
	networks_free(p);
}

static void one_subscriber_of_ipv6_is_one_source(void **state)
{
	uint8_t one[16], other[16];
	size_t n = address_key(STR("2001:db8:1:2::1"), one);

	(void)state;
	assert_int_equal(n, 8);
	assert_int_equal(address_key(STR("2001:db8:1:2:ffff::9"), other), 8);
	assert_memory_equal(one, other, 8);
	assert_int_equal(address_key(STR("2001:db8:1:3::1"), other), 8);
	assert_memory_not_equal(one, other, 8);
	assert_int_equal(address_key(STR("192.0.2.1"), one), 4);
	assert_int_equal(address_key(STR("::ffff:192.0.2.1"), other), 4);
	assert_memory_equal(one, other, 4);
	assert_int_equal(address_key(STR_NONE, one), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_is_a_known_route_or_rejected),
		cmocka_unit_test(only_meta_has_a_get_route),
		cmocka_unit_test(only_syncs_may_be_large),
		cmocka_unit_test(the_content_type_is_json_or_absent),
		cmocka_unit_test(the_source_is_the_rightmost_address_that_is_not_a_trusted_proxy),
		cmocka_unit_test(one_subscriber_of_ipv6_is_one_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
