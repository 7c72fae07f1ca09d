/* libs/store/secrets: what is read of an opened text, and for which row and use. */
#include "unit.h"

#include <string.h>

#include "store/secrets.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ROW      "aabbccdd-0000-4000-8000-000000000001"
#define OTHER    "aabbccdd-0000-4000-8000-000000000002"
#define OLD_KEY  "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
#define NEW_KEY  "k2:AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
#define TEXT     "{\"signing_keys\":[\"one\",\"two\"],\"access_token\":\"t\",\"require_timestamp\":true}"

static struct arena *a;
static struct err err;

static int arena_make(void **state)
{
	(void)state;
	a = arena_new(1024);
	return 0;
}

static int arena_drop(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static void empty_secrets_and_values_of_other_types_are_skipped(void **state)
{
	struct secrets s;

	(void)state;
	assert_int_equal(store_secrets_parse(&s,
				 STR("{\"signing_keys\":[\"one\",\"\",2,null,\"two\"],\"tokens\":\"x\",\"other\":\"y\","
				     "\"access_token\":\"\",\"verify_token\":\"\",\"app_secrets\":[\"s\"]}"),
				 SECRETS_SEND, a, &err),
		0);
	assert_int_equal(s.signing_keys.n, 2);
	assert_true(str_is(s.signing_keys.items[1], "two"));
	assert_int_equal(s.tokens.n, 0);
	assert_int_equal(s.app_secrets.n, 1);
	assert_null(s.verify_token.p);
	assert_null(s.access_token.p);
	assert_false(s.require_timestamp);
}

static void a_text_that_is_no_object_is_rejected_and_never_quoted(void **state)
{
	static const char *const texts[] = { "[\"top secret\"]", "\"top secret\"", "top secret", "" };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct secrets s = { .require_timestamp = true };

		assert_int_equal(store_secrets_parse(&s, str_of(texts[i]), SECRETS_SEND, a, &err), -1);
		assert_int_equal(err.kind, ERR_INPUT);
		assert_null(strstr(err.msg, "top"));
		assert_true(s.require_timestamp);
	}
}

static struct uuid id_of(const char *text)
{
	struct uuid id;

	assert_true(uuid_parse(str_of(text), &id));
	return id;
}

static struct keyring *keyring_of(const char *text)
{
	struct keyring *k = NULL;

	assert_int_equal(keyring_parse(&k, str_of(text), &err), 0);
	return k;
}

/* The account ROW, sealed with the old key. */
static struct buf sealed_new(void)
{
	struct keyring *k = keyring_of(OLD_KEY);
	const struct uuid row = id_of(ROW);
	struct buf out = BUF_INIT;

	assert_int_equal(row_seal(k, "account", &row, STR(TEXT), &out, &err), 0);
	keyring_free(k);
	return out;
}

static void secrets_open_with_their_own_row_and_any_key_of_the_keyring(void **state)
{
	static const struct {
		const char *name, *what, *row, *keys;
		bool opens;
	} cases[] = {
		{ "its own row", "account", ROW, OLD_KEY, true },
		{ "while the keys are rotated", "account", ROW, NEW_KEY OLD_KEY, true },
		{ "once the old key is removed", "account", ROW, NEW_KEY, false },
		{ "another account", "account", OTHER, OLD_KEY, false },
		{ "an app of the same id", "app", ROW, OLD_KEY, false },
	};
	struct buf sealed = sealed_new();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct keyring *k = keyring_of(cases[i].keys);
		const struct uuid row = id_of(cases[i].row);
		struct secrets s = { 0 };
		int rc = store_secrets_open(&s, k, cases[i].what, &row, buf_str(&sealed), SECRETS_SEND, a, &err);

		if (rc != (cases[i].opens ? 0 : -1) || s.signing_keys.n != (cases[i].opens ? 2 : 0) ||
			(rc < 0 && err.kind != ERR_INPUT))
			fail_msg("%s", cases[i].name);
		keyring_free(k);
	}
	buf_fini(&sealed);
}

static void the_access_token_is_kept_for_sending_only(void **state)
{
	struct keyring *k = keyring_of(OLD_KEY);
	struct buf sealed = sealed_new();
	const struct uuid row = id_of(ROW);
	struct secrets s;

	(void)state;
	assert_int_equal(store_secrets_open(&s, k, "account", &row, buf_str(&sealed), SECRETS_SEND, a, &err), 0);
	assert_true(str_is(s.access_token, "t"));
	assert_true(s.require_timestamp);
	assert_int_equal(store_secrets_open(&s, k, "account", &row, buf_str(&sealed), SECRETS_RECEIVE, a, &err), 0);
	assert_null(s.access_token.p);
	assert_int_equal(s.signing_keys.n, 2);
	buf_fini(&sealed);
	keyring_free(k);
}

static void a_row_without_secrets_has_none(void **state)
{
	struct keyring *k = keyring_of(OLD_KEY);
	const struct uuid row = id_of(ROW);
	struct secrets s = { .require_timestamp = true, .signing_keys = { NULL, 3 } };

	(void)state;
	assert_int_equal(store_secrets_open(&s, k, "account", &row, STR_NONE, SECRETS_SEND, a, &err), 0);
	assert_int_equal(s.signing_keys.n, 0);
	assert_false(s.require_timestamp);
	keyring_free(k);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, arena_make, arena_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(empty_secrets_and_values_of_other_types_are_skipped),
		TEST(a_text_that_is_no_object_is_rejected_and_never_quoted),
		TEST(secrets_open_with_their_own_row_and_any_key_of_the_keyring),
		TEST(the_access_token_is_kept_for_sending_only),
		TEST(a_row_without_secrets_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
