/* libs/http/guard: every way of writing an address that must not be reached, and what names resolve to. */
#include "unit.h"

#include "http/guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "fake_dns.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct fixture {
	struct guard *strict, *open; /* open: http, and two networks of a self-hoster */
};

static struct fake_name names[] = {
	{ .name = "public.test", .addresses = { "8.8.8.8", "2606:4700::1" } },
	{ .name = "private.test", .addresses = { "10.0.0.1" } },
	{ .name = "one-of-two.test", .addresses = { "8.8.8.8", "127.0.0.1" } },
	{ .name = "six.test", .addresses = { "8.8.8.8", "::1" } },
	{ .name = "allowed.test", .addresses = { "10.1.0.1", "fd00:1::1" } },
	{ .name = "nobody.test" },
	{ 0 },
};

static int setup(void **state)
{
	static char v4[] = "10.1.0.0/16", v6[] = "fd00:1::/32", translated[] = "64:ff9b::/96";
	static char *networks[] = { v4, v6, translated, NULL };
	static struct fixture f;

	fake_names = names;
	*state = &f;
	return guard_new(&f.strict, NULL, false, NULL) < 0 || guard_new(&f.open, networks, true, NULL) < 0;
}

static int teardown(void **state)
{
	const struct fixture *f = *state;

	guard_free(f->strict);
	guard_free(f->open);
	return 0;
}

static bool admits(const struct guard *g, const char *text)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return guard_admits(g, (const struct sockaddr *)&v4);
	assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
	return guard_admits(g, (const struct sockaddr *)&v6);
}

/* First and last of each network that is refused, with their neighbours where those are public. */
static void only_public_addresses_are_admitted(void **state)
{
	static const struct {
		const char *address;
		bool want;
	} cases[] = {
		{ "0.0.0.0", false },
		{ "0.255.255.255", false },
		{ "1.0.0.0", true }, /* this network */
		{ "9.255.255.255", true },
		{ "10.0.0.0", false },
		{ "10.255.255.255", false },
		{ "11.0.0.0", true },
		{ "100.63.255.255", true },
		{ "100.64.0.0", false },
		{ "100.100.100.200", false },
		{ "100.127.255.255", false },
		{ "100.128.0.0", true }, /* carrier NAT */
		{ "126.255.255.255", true },
		{ "127.0.0.0", false },
		{ "127.0.0.1", false },
		{ "127.255.255.255", false },
		{ "128.0.0.0", true }, /* loopback */
		{ "168.63.129.15", true },
		{ "168.63.129.16", false },
		{ "168.63.129.17", true }, /* Azure */
		{ "169.253.255.255", true },
		{ "169.254.0.0", false },
		{ "169.254.169.254", false },
		{ "169.254.255.255", false },
		{ "169.255.0.0", true }, /* link-local */
		{ "172.15.255.255", true },
		{ "172.16.0.0", false },
		{ "172.31.255.255", false },
		{ "172.32.0.0", true },
		{ "192.0.0.0", false },
		{ "192.0.0.192", false },
		{ "192.0.0.255", false },
		{ "192.0.1.0", true },
		{ "192.0.2.0", false },
		{ "192.0.2.255", false },
		{ "192.0.3.0", true },
		{ "192.88.98.255", true },
		{ "192.88.99.0", false },
		{ "192.88.99.255", false },
		{ "192.88.100.0", true },
		{ "192.167.255.255", true },
		{ "192.168.0.0", false },
		{ "192.168.255.255", false },
		{ "192.169.0.0", true },
		{ "198.17.255.255", true },
		{ "198.18.0.0", false },
		{ "198.19.255.255", false },
		{ "198.20.0.0", true },
		{ "198.51.99.255", true },
		{ "198.51.100.0", false },
		{ "198.51.100.255", false },
		{ "198.51.101.0", true },
		{ "203.0.112.255", true },
		{ "203.0.113.0", false },
		{ "203.0.113.255", false },
		{ "203.0.114.0", true },
		{ "223.255.255.255", true },
		{ "224.0.0.0", false },
		{ "239.255.255.255", false },
		{ "240.0.0.0", false },
		{ "255.255.255.255", false }, /* multicast, reserved, broadcast */
		{ "::", false },
		{ "::1", false },
		{ "::127.0.0.1", false },
		{ "::8.8.8.8", false }, /* compatible */
		{ "::ffff:127.0.0.1", false },
		{ "::ffff:169.254.169.254", false },
		{ "::ffff:8.8.8.8", true },
		{ "::ffff:0:8.8.8.8", false }, /* translated, RFC 2765 */
		{ "64:ff9b::7f00:1", false },
		{ "64:ff9b::8.8.8.8", false },
		{ "64:ff9b:1::1", false }, /* NAT64 */
		{ "100::1", false },
		{ "100:0:0:1::1", false }, /* discard, dummy */
		{ "1fff:ffff::1", false },
		{ "2000::1", true },
		{ "3fff:1000::1", true },
		{ "4000::1", false },
		{ "2001::1", false },
		{ "2001:0:808:808::1", false },
		{ "2001:10::1", false },
		{ "2001:2f:ffff::1", false },
		{ "2001:1ff:ffff::1", false },
		{ "2001:200::1", true }, /* Teredo, ORCHID */
		{ "2001:db7:ffff::1", true },
		{ "2001:db8::1", false },
		{ "2001:db8:ffff::1", false },
		{ "2001:db9::1", true },
		{ "2001:ffff::1", true },
		{ "2002::1", false },
		{ "2002:7f00:1::1", false },
		{ "2002:ffff::1", false },
		{ "2003::1", true }, /* 6to4 */
		{ "3ffe:ffff::1", true },
		{ "3fff::1", false },
		{ "3fff:fff::1", false }, /* documentation */
		{ "5f00::1", false },
		{ "fc00::1", false },
		{ "fd00:ec2::254", false },
		{ "fd20:ce::254", false },
		{ "fe80::1", false },
		{ "febf::1", false },
		{ "fec0::1", false },
		{ "ff02::1", false },
		{ "2606:4700:4700::1111", true },
		{ "2a00:1450:4001:800::200e", true },
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++)
		if (admits(f->strict, cases[i].address) != cases[i].want)
			fail_msg("%s", cases[i].address);
}

static void only_allowed_networks_are_admitted_beside_public_addresses(void **state)
{
	static const struct {
		const char *address;
		bool want;
	} cases[] = {
		{ "10.1.2.3", true },
		{ "::ffff:10.1.2.3", true },
		{ "10.2.0.0", false },
		{ "fd00:1::5", true },
		{ "fd00:2::5", false },
		{ "64:ff9b::10.0.0.1", true },
		{ "64:ff9b:1::1", false },
		{ "8.8.8.8", true },
		{ "127.0.0.1", false },
		{ "::10.1.2.3", false },
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++)
		if (admits(f->open, cases[i].address) != cases[i].want)
			fail_msg("%s", cases[i].address);
}

static void other_address_families_are_refused(void **state)
{
	const struct fixture *f = *state;
	const struct sockaddr_un local = { .sun_family = AF_UNIX };

	assert_false(guard_admits(f->open, (const struct sockaddr *)&local));
}

static void every_spelling_of_an_address_is_that_address(void **state)
{
	static const char *const bad[] = {
		"127.0.0.1",
		"127.1",
		"127.0.1",
		"2130706433",
		"0x7f000001",
		"0x7f.1",
		"0x7F.0x0.0x0.0x1",
		"0177.0.0.1",
		"017700000001",
		"0x7f.0.1",
		"127.0.0.1.",
		"127.000.000.001",
		"%31%32%37.0.0.1",
		"127%2e0%2e0%2e1",
		"0",
		"0.0.0.0",
		"0x0",
		"00000000000",
		"[::1]",
		"[0:0:0:0:0:0:0:1]",
		"[::]",
		"[::ffff:127.0.0.1]",
		"[::ffff:7f00:1]",
		"[0:0:0:0:0:ffff:7f00:1]",
		"[::127.0.0.1]",
		"[64:ff9b::7f00:1]",
		"[2002:7f00:1::]",
		"[2001:0:4136:e378:8000:63bf:80ff:fffe]",
		"[fe80::1]",
		"[fe80::1%25lo]",
		"[fe80::1%25eth0]",
		"169.254.169.254",
		"2852039166",
		"0xa9fea9fe",
		"0xa9.0xfe.0xa9.0xfe",
		"0251.0376.0251.0376",
		"169.254.43518",
		"169.16689662",
		"[::ffff:169.254.169.254]",
		"[::ffff:a9fe:a9fe]",
		"[fd00:ec2::254]",
		"10.0.0.1",
		"167772161",
		"0xa000001",
		"012.0.0.1",
		"172.16.1",
		"0xac.1048577",
		"192.168.257",
		"3232235777",
		"100.100.100.200",
		"168.63.129.16",
		"192.0.0.192",
		"255.255.255.255",
		"0xffffffff",
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct err err = { 0 };
		char url[200];
		int n = snprintf(url, sizeof(url), "https://%s/hook", bad[i]);

		if (guard_check_url(f->strict, (struct str){ url, (size_t)n }, &err) == 0)
			fail_msg("%s", bad[i]);
		assert_int_equal(err.kind, ERR_INPUT);
		if (strcmp(err.code, "address") != 0)
			fail_msg("%s: %s", bad[i], err.msg);
		assert_int_equal(guard_check_reachable(f->strict, (struct str){ url, (size_t)n }, &err), -1);
		if (err.kind != ERR_INPUT)
			fail_msg("%s reachable: %s", bad[i], err.msg);
	}
}

static void a_tenants_url_is_https_with_a_host_and_nothing_secret(void **state)
{
	static const struct {
		const char *url, *strict, *open; /* the code; "": fine */
	} cases[] = {
		{ "https://example.com/hook?a=b", "", "" }, { "HTTPS://example.com:8443", "", "" },
		{ "https://8.8.8.8/", "", "" }, { "https://[2606:4700::1]/", "", "" },
		{ "https://10.1.2.3/", "address", "" }, { "http://example.com/", "url", "" },
		{ "http://127.0.0.1/", "url", "address" }, { "ftp://example.com/", "url", "url" },
		{ "file:///etc/passwd", "url", "url" }, { "gopher://example.com/", "url", "url" },
		{ "//example.com/", "url", "url" }, { "example.com", "url", "url" }, { "https://", "url", "url" },
		{ "https:///hook", "", "" }, { "https://u@example.com/", "url", "url" },
		{ "https://u:p@example.com/", "url", "url" }, { "https://:p@example.com/", "url", "url" },
		{ "https://example.com@127.0.0.1/", "url", "url" }, { "https://example.com:99999/", "url", "url" },
		{ "https://exa mple.com/", "url", "url" }, { "https://example.com/\r\nHost: x", "url", "url" },
		{ "https://[::1", "url", "url" }, { "https://[::1]x/", "url", "url" }, { "", "url", "url" },
		{ "https://b\xc3\xbc.example/", "url", "url" }, /* names are given in ASCII */
		{ "https://xn--b-xga.example/", "", "" },
		{ "https://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/", "url", "url" },      /* full-width 127 */
		{ "https://127\xe3\x80\x82"
		  "0.0.1/",
			"url", "url" }, /* ideographic full stop */
		{ "https://%e2%91%a0%e2%91%a1%e2%91%a6.0.0.1/", "url", "url" }, /* circled 127 */
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err strict = { 0 }, open = { 0 };

		if (guard_check_url(f->strict, str_of(cases[i].url), &strict) != (*cases[i].strict ? -1 : 0) ||
			strcmp(strict.code, cases[i].strict) != 0)
			fail_msg("strict: %s: %s", cases[i].url, strict.msg);
		if (guard_check_url(f->open, str_of(cases[i].url), &open) != (*cases[i].open ? -1 : 0) ||
			strcmp(open.code, cases[i].open) != 0)
			fail_msg("open: %s: %s", cases[i].url, open.msg);
	}
	assert_int_equal(guard_check_url(f->strict, STR("https://a.example/\0b"), NULL), -1);
	assert_false(guard_allows_http(f->strict));
	assert_true(guard_allows_http(f->open));
}

static void a_url_is_at_most_2000_bytes(void **state)
{
	const struct fixture *f = *state;
	char url[GUARD_URL_BYTES + 1];

	memset(url, 'x', sizeof(url));
	memcpy(url, "https://a.example/", 18);
	assert_int_equal(guard_check_url(f->strict, (struct str){ url, GUARD_URL_BYTES }, NULL), 0);
	assert_int_equal(guard_check_url(f->strict, (struct str){ url, GUARD_URL_BYTES + 1 }, NULL), -1);
}

static void every_address_of_a_name_must_be_admitted(void **state)
{
	static const struct {
		const char *url, *strict, *open;
	} cases[] = {
		{ "https://public.test/", "", "" },
		{ "https://private.test/", "address", "address" },
		{ "https://one-of-two.test/", "address", "address" },
		{ "https://six.test/", "address", "address" },
		{ "https://allowed.test/", "address", "" },
		{ "https://localhost/", "address", "address" },
		{ "https://nobody.test/", "dns", "dns" },
		{ "http://public.test/", "url", "" },
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err strict = { 0 }, open = { 0 };

		assert_int_equal(guard_check_reachable(f->strict, str_of(cases[i].url), &strict),
			*cases[i].strict ? -1 : 0);
		assert_int_equal(guard_check_reachable(f->open, str_of(cases[i].url), &open), *cases[i].open ? -1 : 0);
		assert_string_equal(strict.code, cases[i].strict);
		assert_string_equal(open.code, cases[i].open);
		if (strcmp(open.code, "dns") == 0)
			assert_int_equal(open.kind, ERR_RETRY);
	}
}

static void an_invalid_network_is_named(void **state)
{
	static const char *const bad[] = { "", "10.0.0.0/33", "10.0.0.0/", "10.0.0/8", "::/129", "10.0.0.0/-1", "10.1",
		"fe80::1%lo", "proxy" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		char text[32];
		char *networks[] = { text, NULL };
		struct guard *g = NULL;
		struct err err;

		memcpy(text, bad[i], strlen(bad[i]) + 1);
		assert_int_equal(guard_new(&g, networks, false, &err), -1);
		assert_int_equal(err.kind, ERR_INPUT);
		assert_null(g);
	}
}

/* The operator's own list: what is public is no exception. */
static void a_listed_guard_admits_its_networks_and_nothing_else(void **state)
{
	static const struct {
		const char *address;
		bool want;
	} cases[] = {
		{ "10.1.0.0", true },
		{ "10.1.255.255", true },
		{ "::ffff:10.1.2.3", true },
		{ "10.2.0.0", false },
		{ "8.8.8.8", false },
		{ "127.0.0.1", false },
		{ "169.254.169.254", false },
		{ "2606:4700::1", false },
		{ "fd00:1::1", false },
	};
	char network[] = "10.1.0.0/16";
	char *networks[] = { network, NULL };
	struct guard *g = NULL;
	struct err err;

	(void)state;
	assert_int_equal(guard_new_listed(&g, networks, true, NULL), 0);
	for (size_t i = 0; i < COUNT(cases); i++)
		if (admits(g, cases[i].address) != cases[i].want)
			fail_msg("%s", cases[i].address);
	assert_int_equal(guard_check_url(g, STR("http://8.8.8.8/"), &err), -1);
	assert_string_equal(err.msg, "its address is not allowed");
	guard_free(g);
}

static void a_listed_guard_has_a_list(void **state)
{
	static char none[] = "10.0.0.0/33";
	static char *const lists[][2] = { { NULL, NULL }, { none, NULL } };
	struct guard *g = NULL;
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(lists) + 1; i++) {
		assert_int_equal(guard_new_listed(&g, i < COUNT(lists) ? lists[i] : NULL, false, &err), -1);
		assert_int_equal(err.kind, ERR_INPUT);
		assert_null(g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_public_addresses_are_admitted),
		cmocka_unit_test(only_allowed_networks_are_admitted_beside_public_addresses),
		cmocka_unit_test(other_address_families_are_refused),
		cmocka_unit_test(every_spelling_of_an_address_is_that_address),
		cmocka_unit_test(a_tenants_url_is_https_with_a_host_and_nothing_secret),
		cmocka_unit_test(a_url_is_at_most_2000_bytes),
		cmocka_unit_test(every_address_of_a_name_must_be_admitted),
		cmocka_unit_test(an_invalid_network_is_named),
		cmocka_unit_test(a_listed_guard_admits_its_networks_and_nothing_else),
		cmocka_unit_test(a_listed_guard_has_a_list),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
