/* libs/crypto/seal: the format, what opens, and that nothing else does. */
#include "unit.h"

#include <string.h>

#include "base/hex.h"
#include "crypto/seal.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define KEY_1    "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n" /* the bytes 0 to 31 */
#define KEY_2    "k2:AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n"

static struct keyring *keyring_of(const char *text)
{
	struct keyring *k = NULL;
	struct err err;

	assert_int_equal(keyring_parse(&k, str_of(text), &err), 0);
	return k;
}

static struct buf sealed_with(const char *keys, const char *plain)
{
	struct keyring *k = keyring_of(keys);
	struct buf out = BUF_INIT;
	struct err err;

	assert_int_equal(seal(k, STR("app:7"), str_of(plain), &out, &err), 0);
	keyring_free(k);
	return out;
}

static void assert_refused(const char *keys, struct str associated, struct str sealed, const char *code)
{
	struct keyring *k = keyring_of(keys);
	struct buf out = BUF_INIT;
	struct err err;

	buf_add_str(&out, STR("before"));
	assert_int_equal(unseal(k, associated, sealed, &out, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	assert_string_equal(err.code, code);
	assert_true(str_is(buf_str(&out), "before"));
	buf_fini(&out);
	keyring_free(k);
}

static void a_value_sealed_by_another_implementation_opens(void **state)
{
	/* Python's cryptography: AESGCM(bytes(range(32))).encrypt(bytes(range(12)), b"app secret", header + b"app:7") */
	const struct str hex =
		STR("01026b31000102030405060708090a0b2672a63bb680a169e835e4f493355c3d601c0a56a081ce0714eb");
	struct keyring *k = keyring_of(KEY_2 KEY_1);
	struct buf out = BUF_INIT;
	char bytes[42];
	struct err err;

	(void)state;
	assert_true(hex_decode(hex, bytes, sizeof(bytes)));
	assert_int_equal(unseal(k, STR("app:7"), (struct str){ bytes, sizeof(bytes) }, &out, &err), 0);
	assert_true(str_is(buf_str(&out), "app secret"));
	buf_fini(&out);
	keyring_free(k);
}

static void a_sealed_value_is_appended_and_opens_again(void **state)
{
	static const char *const cases[] = { "", "x", "a secret of some length with \xc3\xa9" };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf sealed = sealed_with(KEY_1, cases[i]), out = BUF_INIT;
		struct keyring *k = keyring_of(KEY_1);
		struct err err;

		assert_int_equal(sealed.n, 4 + 12 + strlen(cases[i]) + 16);
		buf_add_char(&out, '>');
		assert_int_equal(unseal(k, STR("app:7"), buf_str(&sealed), &out, &err), 0);
		assert_true(str_is(str_slice(buf_str(&out), 1, out.n), cases[i]));
		assert_int_equal(out.p[0], '>');
		buf_fini(&sealed);
		buf_fini(&out);
		keyring_free(k);
	}
}

static void the_same_text_never_seals_to_the_same_bytes(void **state)
{
	struct buf a = sealed_with(KEY_1, "same"), b = sealed_with(KEY_1, "same");

	(void)state;
	assert_int_equal(a.n, b.n);
	assert_memory_not_equal(a.p, b.p, a.n);
	buf_fini(&a);
	buf_fini(&b);
}

static void a_change_of_any_byte_is_rejected(void **state)
{
	struct buf sealed = sealed_with(KEY_1, "secret");

	(void)state;
	for (size_t i = 0; i < sealed.n; i++) {
		const char *code = i < 1 ? "not_sealed" : i < 4 ? "unknown_key" : "bad_seal";

		sealed.p[i] = (char)(sealed.p[i] ^ 1);
		assert_refused(KEY_1 KEY_2, STR("app:7"), buf_str(&sealed), code);
		sealed.p[i] = (char)(sealed.p[i] ^ 1);
	}
	buf_fini(&sealed);
}

static void a_value_of_another_row_is_rejected(void **state)
{
	struct buf sealed = sealed_with(KEY_1, "secret");

	(void)state;
	assert_refused(KEY_1, STR("app:8"), buf_str(&sealed), "bad_seal");
	assert_refused(KEY_1, STR_NONE, buf_str(&sealed), "bad_seal");
	buf_fini(&sealed);
}

static void a_key_id_does_not_stand_for_another_key(void **state)
{
	struct buf sealed = sealed_with(KEY_1, "secret");

	(void)state;
	assert_refused("k1:AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=", STR("app:7"), buf_str(&sealed), "bad_seal");
	assert_refused(KEY_2, STR("app:7"), buf_str(&sealed), "unknown_key");
	buf_fini(&sealed);
}

static void a_value_cut_short_anywhere_is_rejected(void **state)
{
	struct buf sealed = sealed_with(KEY_1, "");

	(void)state;
	for (size_t n = 0; n < sealed.n; n++)
		assert_refused(KEY_1, STR("app:7"), (struct str){ sealed.p, n }, "not_sealed");
	assert_refused(KEY_1, STR("app:7"), STR_NONE, "not_sealed");
	buf_fini(&sealed);
}

static void more_than_a_mebibyte_is_not_sealed(void **state)
{
	struct keyring *k = keyring_of(KEY_1);
	struct buf plain = BUF_INIT, out = BUF_INIT;
	struct err err;

	(void)state;
	memset(buf_reserve(&plain, (1 << 20) + 1), 'x', (1 << 20) + 1);
	assert_int_equal(seal(k, STR("r"), (struct str){ plain.p, 1 << 20 }, &out, &err), 0);
	buf_clear(&out);
	assert_int_equal(seal(k, STR("r"), (struct str){ plain.p, (1 << 20) + 1 }, &out, &err), -1);
	assert_string_equal(err.code, "too_large");
	assert_int_equal(out.n, 0);
	buf_fini(&plain);
	buf_fini(&out);
	keyring_free(k);
}

static void the_first_key_is_the_current_one(void **state)
{
	struct buf sealed = sealed_with(KEY_1, "secret");
	struct keyring *before = keyring_of(KEY_1), *after = keyring_of(KEY_2 KEY_1);

	(void)state;
	assert_true(seal_is_current(before, buf_str(&sealed)));
	assert_false(seal_is_current(after, buf_str(&sealed)));
	assert_false(seal_is_current(before, STR("plain text")));
	keyring_free(before);
	keyring_free(after);
	buf_fini(&sealed);
}

static void the_key_of_a_value_is_named_without_any_key(void **state)
{
	struct buf sealed = sealed_with("a longer id:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "secret");

	(void)state;
	assert_true(str_is(seal_key_id(buf_str(&sealed)), "a longer id"));
	assert_null(seal_key_id(str_slice(buf_str(&sealed), 0, sealed.n - 7)).p);
	assert_null(seal_key_id(STR("no sealed value, but of some length that one could have")).p);
	assert_null(seal_key_id(STR_NONE).p);
	buf_fini(&sealed);
}

static void keys_of_a_keyring_are_found_by_id_and_place(void **state)
{
	struct keyring *k = keyring_of(KEY_2 KEY_1);

	(void)state;
	assert_true(str_is(keyring_key_id(k, 0), "k2") && str_is(keyring_key_id(k, 1), "k1"));
	assert_null(keyring_key_id(k, 2).p);
	assert_true(keyring_has(k, STR("k1")) && keyring_has(k, STR("k2")));
	assert_false(keyring_has(k, STR("k")) || keyring_has(k, STR("")));
	keyring_free(k);
}

static void keyrings_may_have_blank_lines_and_carriage_returns(void **state)
{
	(void)state;
	keyring_free(keyring_of("\n" KEY_1 "\n  k2:AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\r\n\n"));
	keyring_free(NULL);
}

static void invalid_keyrings_are_rejected_without_quoting_them(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "", "contains no key" },
		{ "\n \n", "contains no key" },
		{ "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "line 1: expected" },
		{ ":AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "line 1: expected" },
		{ KEY_1 "k2:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", "line 2: expected" },
		{ KEY_1 "k2:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "line 2: expected" },
		{ KEY_1 KEY_2 KEY_1, "line 3: expected" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct keyring *k = NULL;
		struct err err;

		assert_int_equal(keyring_parse(&k, str_of(cases[i].text), &err), -1);
		assert_null(k);
		assert_int_equal(err.kind, ERR_INPUT);
		assert_non_null(strstr(err.msg, cases[i].message));
		assert_null(strstr(err.msg, "AAECA"));
	}
}

static void a_fingerprint_is_the_sha256_of_the_key(void **state)
{
	struct keyring *k = keyring_of("a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n" KEY_2);
	uint8_t sha[32];
	char hex[64];

	(void)state;
	keyring_fingerprint(k, 0, sha);
	hex_encode(sha, sizeof(sha), hex);
	assert_memory_equal(hex, "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd", sizeof(hex));
	keyring_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_sealed_by_another_implementation_opens),
		cmocka_unit_test(a_sealed_value_is_appended_and_opens_again),
		cmocka_unit_test(the_same_text_never_seals_to_the_same_bytes),
		cmocka_unit_test(a_change_of_any_byte_is_rejected),
		cmocka_unit_test(a_value_of_another_row_is_rejected),
		cmocka_unit_test(a_key_id_does_not_stand_for_another_key),
		cmocka_unit_test(a_value_cut_short_anywhere_is_rejected),
		cmocka_unit_test(more_than_a_mebibyte_is_not_sealed),
		cmocka_unit_test(the_first_key_is_the_current_one),
		cmocka_unit_test(the_key_of_a_value_is_named_without_any_key),
		cmocka_unit_test(keys_of_a_keyring_are_found_by_id_and_place),
		cmocka_unit_test(keyrings_may_have_blank_lines_and_carriage_returns),
		cmocka_unit_test(a_fingerprint_is_the_sha256_of_the_key),
		cmocka_unit_test(invalid_keyrings_are_rejected_without_quoting_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
