/* libs/http/signing: which keys sign, in which order, and that a receiver's own computation agrees. */
#include "unit.h"

#include "http/signing.h"

#include <string.h>

#include "crypto/webhook_signature.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NEW      "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define OLD      "whsec_b2xkIHNlY3JldA=="
#define NOW_MS   INT64_C(1614265330999)
#define ID       "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define BODY     "{\"test\": 2432232314}"

static struct signing_keys *keys_of(const char *json)
{
	struct signing_keys *k = NULL;

	assert_int_equal(signing_keys_parse(&k, str_of(json), NULL), 0);
	return k;
}

/* Line n of the headers without its name. */
static const char *value_of(const struct buf *headers, size_t n, const char *name)
{
	const char *at = headers->p;

	while (n-- > 0)
		at += strlen(at) + 1;
	assert_memory_equal(at, name, strlen(name));
	return at + strlen(name);
}

static void the_published_vector_is_reproduced(void **state)
{
	struct signing_keys *k = keys_of("{\"keys\":[{\"secret\":\"" NEW "\"}]}");
	struct buf out = BUF_INIT;
	size_t n = 0;

	(void)state;
	signing_headers(k, ID, NOW_MS, STR(BODY), &out);
	for (size_t i = 0; i < out.n; i++)
		n += out.p[i] == '\0';
	assert_int_equal(n, SIGNING_HEADERS);
	assert_string_equal(value_of(&out, 0, "webhook-id: "), ID);
	assert_string_equal(value_of(&out, 1, "webhook-timestamp: "), "1614265330");
	assert_string_equal(value_of(&out, 2, "webhook-signature: "),
		"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	/* printf %s '{"test": 2432232314}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:31f290f6bf06298aab4f08d43c3f082cf648a362da2da4b0 */
	assert_string_equal(value_of(&out, 3, "x-whatsapp-signature: "),
		"e2cb4f5251572539d458bfb8a7adb533b08801e6a794467e06f771debbb0818b");
	buf_fini(&out);
	signing_keys_free(k);
}

static void every_key_that_has_not_expired_signs(void **state)
{
	static const struct {
		const char *name, *json;
		bool with_new, with_old;
	} cases[] = {
		{ "both", "{\"keys\":[{\"secret\":\"" NEW "\"},{\"secret\":\"" OLD "\",\"expires_at\":1614265331000}]}",
			true, true },
		{ "the old one expired",
			"{\"keys\":[{\"secret\":\"" NEW "\",\"expires_at\":null},{\"secret\":\"" OLD
			"\",\"expires_at\":1614265330999}]}",
			true, false },
		{ "the new one expired",
			"{\"keys\":[{\"secret\":\"" NEW "\",\"expires_at\":1},{\"secret\":\"" OLD "\"}]}", false,
			true },
		{ "all have: the newest",
			"{\"keys\":[{\"secret\":\"" NEW "\",\"expires_at\":1},{\"secret\":\"" OLD
			"\",\"expires_at\":2}]}",
			true, false },
		{ "an empty one is none",
			"{\"keys\":[{\"secret\":\"\"},{\"secret\":\"whsec_\"},{},7,{\"secret\":\"" OLD "\"}]}", false,
			true },
	};
	const struct str with_new = STR(NEW), with_old = STR(OLD);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct signing_keys *k = keys_of(cases[i].json);
		struct buf out = BUF_INIT;
		struct str signatures;

		signing_headers(k, ID, NOW_MS, STR(BODY), &out);
		signatures = str_of(value_of(&out, 2, "webhook-signature: "));
		if (webhook_verify(&with_new, 1, STR(ID), STR("1614265330"), signatures, STR(BODY), NOW_MS) !=
				cases[i].with_new ||
			webhook_verify(&with_old, 1, STR(ID), STR("1614265330"), signatures, STR(BODY), NOW_MS) !=
				cases[i].with_old)
			fail_msg("%s: %.*s", cases[i].name, STR_ARG(signatures));
		buf_fini(&out);
		signing_keys_free(k);
	}
}

static void secrets_without_a_key_are_rejected_and_not_shown(void **state)
{
	static const char *const bad[] = { "", "s3cret", "[]", "{}", "{\"keys\":[]}", "{\"keys\":{}}",
		"{\"keys\":[{\"secret\":\"\"}]}", "{\"keys\":[{\"secret\":\"whsec_\"}]}",
		"{\"keys\":[{\"secret\":42}]}", "{\"keys\":[\"s3cret\"]}" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct signing_keys *k = NULL;
		struct err err;

		assert_int_equal(signing_keys_parse(&k, str_of(bad[i]), &err), -1);
		assert_int_equal(err.kind, ERR_INPUT);
		assert_null(strstr(err.msg, "s3cret"));
		assert_null(k);
	}
}

static void an_id_is_stable_for_an_event_and_an_endpoint(void **state)
{
	const struct uuid a = { { 1 } }, b = { { 2 } };
	char one[SIGNING_ID_SIZE], again[SIGNING_ID_SIZE], other[SIGNING_ID_SIZE];

	(void)state;
	signing_id(&a, &b, one);
	signing_id(&a, &b, again);
	signing_id(&b, &a, other);
	assert_string_equal(one, again);
	assert_string_not_equal(one, other);
	assert_int_equal(strlen(one), SIGNING_ID_SIZE - 1);
	assert_memory_equal(one, "msg_", 4);
}

static void the_secrets_of_an_account_all_sign_and_are_copied(void **state)
{
	static const char old[] = OLD;
	char copied[sizeof(old)];
	const struct str secrets[] = { STR(""), STR(NEW), STR("whsec_"), { copied, sizeof(old) - 1 } };
	struct signing_keys *k = NULL;
	struct buf out = BUF_INIT;
	struct str signatures;

	(void)state;
	memcpy(copied, old, sizeof(old));
	assert_int_equal(signing_keys_of(&k, secrets, COUNT(secrets), NULL), 0);
	memset(copied, 'x', sizeof(copied));
	signing_headers(k, ID, NOW_MS, STR(BODY), &out);
	signatures = str_of(value_of(&out, 2, "webhook-signature: "));
	for (size_t i = 0; i < 2; i++) {
		const struct str one = i == 0 ? STR(NEW) : STR(OLD);

		assert_true(webhook_verify(&one, 1, STR(ID), STR("1614265330"), signatures, STR(BODY), NOW_MS));
	}
	buf_fini(&out);
	signing_keys_free(k);
}

static void an_account_without_a_usable_secret_has_no_keys(void **state)
{
	const struct str empty[] = { STR(""), STR("whsec_"), STR_NONE };
	struct signing_keys *k = NULL;
	struct err err;

	(void)state;
	for (size_t n = 0; n <= COUNT(empty); n++) {
		assert_int_equal(signing_keys_of(&k, empty, n, &err), -1);
		assert_int_equal(err.kind, ERR_INPUT);
		assert_null(k);
	}
}

static void no_more_secrets_sign_than_there_is_room_for(void **state)
{
	struct str many[40];
	struct signing_keys *k = NULL;
	struct buf out = BUF_INIT;
	size_t n = 1;

	(void)state;
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = STR(NEW);
	assert_int_equal(signing_keys_of(&k, many, COUNT(many), NULL), 0);
	signing_headers(k, ID, NOW_MS, STR(BODY), &out);
	for (const char *c = value_of(&out, 2, "webhook-signature: "); *c; c++)
		n += *c == ' ';
	assert_int_equal(n, 16);
	buf_fini(&out);
	signing_keys_free(k);
}

static void the_standard_headers_have_no_signature_without_a_time(void **state)
{
	struct signing_keys *k = keys_of("{\"keys\":[{\"secret\":\"" NEW "\"}]}");
	struct buf all = BUF_INIT, standard = BUF_INIT;
	size_t n = 0;

	(void)state;
	signing_headers(k, ID, NOW_MS, STR(BODY), &all);
	signing_standard_headers(k, ID, NOW_MS, STR(BODY), &standard);
	for (size_t i = 0; i < standard.n; i++)
		n += standard.p[i] == '\0';
	assert_int_equal(n, SIGNING_STANDARD_HEADERS);
	assert_true(str_starts(buf_str(&all), buf_str(&standard)));
	assert_memory_equal(all.p + standard.n, "x-whatsapp-signature: ", 22);
	buf_fini(&all);
	buf_fini(&standard);
	signing_keys_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_vector_is_reproduced),
		cmocka_unit_test(every_key_that_has_not_expired_signs),
		cmocka_unit_test(secrets_without_a_key_are_rejected_and_not_shown),
		cmocka_unit_test(the_secrets_of_an_account_all_sign_and_are_copied),
		cmocka_unit_test(an_account_without_a_usable_secret_has_no_keys),
		cmocka_unit_test(no_more_secrets_sign_than_there_is_room_for),
		cmocka_unit_test(the_standard_headers_have_no_signature_without_a_time),
		cmocka_unit_test(an_id_is_stable_for_an_event_and_an_endpoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
