/* libs/http/pusher: requests as the protocol's documentation wants them. */
#include "unit.h"

#include "http/pusher.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The worked example of pusher.com/docs/channels/library_auth_reference/rest-api. */
#define EXAMPLE      "{\"app_id\":\"3\",\"key\":\"278d425bdf160c739803\",\"secret\":\"7ad3773142a6692b25b8\"}"
#define EXAMPLE_BODY "{\"name\":\"foo\",\"channels\":[\"project-3\"],\"data\":\"{\\\"some\\\":\\\"data\\\"}\"}"
#define EXAMPLE_MS   INT64_C(1353088179000)
#define EXAMPLE_QUERY \
	"/apps/3/events?auth_key=278d425bdf160c739803&auth_timestamp=1353088179&auth_version=1.0" \
	"&body_md5=ec365a775a4cd0599faeb73354201b6f" \
	"&auth_signature=da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c"

static struct pusher *example(void)
{
	struct pusher *p = NULL;
	struct err err;

	if (pusher_parse(&p, STR(EXAMPLE), STR("project-3"), &err) < 0)
		fail_msg("%s", err.msg);
	return p;
}

static void the_body_equals_that_of_the_documentation(void **state)
{
	struct pusher *p = example();
	struct buf body = BUF_INIT;

	(void)state;
	pusher_body(p, STR("foo"), STR("{\"some\":\"data\"}"), &body);
	assert_true(str_is(buf_str(&body), EXAMPLE_BODY));
	buf_fini(&body);
	pusher_free(p);
}

static void the_url_equals_that_of_the_documentation(void **state)
{
	static const struct {
		const char *base, *want;
	} cases[] = {
		{ "http://api.pusherapp.com", "http://api.pusherapp.com" EXAMPLE_QUERY },
		{ "https://reverb.example:8443/", "https://reverb.example:8443" EXAMPLE_QUERY },
		/* a proxy's path is not signed */
		{ "https://example.com/app/ws", "https://example.com/app/ws" EXAMPLE_QUERY },
	};
	struct pusher *p = example();
	struct buf url = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		pusher_url(p, str_of(cases[i].base), STR(EXAMPLE_BODY), EXAMPLE_MS + 999, &url);
		assert_string_equal(url.p, cases[i].want);
	}
	buf_fini(&url);
	pusher_free(p);
}

static void secrets_that_make_no_request_are_rejected(void **state)
{
	static const char *const cases[] = {
		"",
		"{}",
		"{\"keys\":[{\"secret\":\"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"}]}",
		"{\"key\":\"k\",\"secret\":\"s\"}",
		"{\"app_id\":\"1\",\"secret\":\"s\"}",
		"{\"app_id\":\"1\",\"key\":\"k\"}",
		"{\"app_id\":\"1\",\"key\":\"k\",\"secret\":\"\"}",
		"{\"app_id\":\"1/../2\",\"key\":\"k\",\"secret\":\"s\"}",
		"{\"app_id\":\"1\",\"key\":\"k&a=b\",\"secret\":\"s\"}",
		"{\"app_id\":\"1\",\"key\":\"k\",\"secret\":\"s\",\"channel\":\"a b\"}",
		"{\"app_id\":\"1\",\"key\":\"k\",\"secret\":\"s\",\"channel\":\"\"}",
		"{\"app_id\":\"12345678901234567890123456789012345678901234567890123456789012345\",\"key\":\"k\",\"secret\":\"s\"}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pusher *p = NULL;
		struct err err;

		if (pusher_parse(&p, str_of(cases[i]), STR("project-3"), &err) == 0 || p)
			fail_msg("taken: %s", cases[i]);
		assert_int_equal(err.kind, ERR_INPUT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_body_equals_that_of_the_documentation),
		cmocka_unit_test(the_url_equals_that_of_the_documentation),
		cmocka_unit_test(secrets_that_make_no_request_are_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
