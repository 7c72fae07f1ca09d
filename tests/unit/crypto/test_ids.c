/* libs/crypto/ids: the form of identifiers, and that computed ones are a function of their parts. */
#include "unit.h"

#include <string.h>

#include "crypto/ids.h"

static void random_uuids_have_version_4_and_differ(void **state)
{
	struct uuid a, b;

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		uuid_v4(&a);
		uuid_v4(&b);
		assert_int_equal(a.b[6] >> 4, 4);
		assert_int_equal(a.b[8] >> 6, 2);
		assert_false(uuid_eq(&a, &b));
	}
}

static void computed_uuids_are_the_hash_with_version_8(void **state)
{
	const struct str parts[] = { STR("a"), STR_NONE, STR("") };
	struct uuid u;
	char text[37];

	(void)state;
	uuid_v8(&u, parts, 3);
	uuid_format(&u, text);
	assert_string_equal(text, "65ade061-9a2a-8d0c-b415-d4bc1677a7ae");
	uuid_v8(&u, parts, 2);
	uuid_format(&u, text);
	assert_string_not_equal(text, "65ade061-9a2a-8d0c-b415-d4bc1677a7ae");
}

static void tokens_are_43_characters_of_base64url_and_differ(void **state)
{
	char a[44], b[44];

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		token_new(a);
		token_new(b);
		assert_int_equal(strlen(a), 43);
		assert_int_equal(strspn(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
		assert_string_not_equal(a, b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_uuids_have_version_4_and_differ),
		cmocka_unit_test(computed_uuids_are_the_hash_with_version_8),
		cmocka_unit_test(tokens_are_43_characters_of_base64url_and_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
