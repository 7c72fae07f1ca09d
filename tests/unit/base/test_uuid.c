/* libs/base/uuid. */
#include "unit.h"

#include <string.h>

#include "base/uuid.h"

#define TEXT "00112233-4455-6677-8899-aabbccddeeff"

static void text_and_bytes_agree_both_ways(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc,
		0xdd, 0xee, 0xff };
	struct uuid u;
	char out[37];

	(void)state;
	assert_true(uuid_parse(STR(TEXT), &u));
	assert_memory_equal(u.b, bytes, 16);
	uuid_format(&u, out);
	assert_string_equal(out, TEXT);
	assert_true(uuid_parse(STR("00112233-4455-6677-8899-AABBCCDDEEFF"), &u));
	assert_memory_equal(u.b, bytes, 16);
}

static void other_forms_are_rejected_and_leave_the_output_unchanged(void **state)
{
	static const char *const cases[] = { "", "00112233445566778899aabbccddeeff", "{" TEXT "}", TEXT " ",
		"00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeefg",
		"0011223-34455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899aabbccddeeff-",
		"00112233+4455-6677-8899-aabbccddeeff", "0x112233-4455-6677-8899-aabbccddeeff" };
	struct uuid u, untouched;

	(void)state;
	memset(&u, 0x5a, sizeof(u));
	untouched = u;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("'%s'\n", cases[i]);
		assert_false(uuid_parse(str_of(cases[i]), &u));
		assert_memory_equal(&u, &untouched, sizeof(u));
	}
	assert_false(uuid_parse(STR_NONE, &u));
}

static void equality_and_nil_look_at_every_byte(void **state)
{
	struct uuid nil = { { 0 } };

	(void)state;
	assert_true(uuid_is_nil(&nil));
	for (size_t i = 0; i < 16; i++) {
		struct uuid u = nil;

		u.b[i] = 1;
		assert_false(uuid_is_nil(&u));
		assert_false(uuid_eq(&u, &nil));
		assert_true(uuid_eq(&u, &u));
	}
}

static void the_bytes_are_borrowed(void **state)
{
	struct uuid u = { { 1 } };

	(void)state;
	assert_ptr_equal(uuid_bytes(&u).p, &u);
	assert_int_equal(uuid_bytes(&u).n, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_and_bytes_agree_both_ways),
		cmocka_unit_test(other_forms_are_rejected_and_leave_the_output_unchanged),
		cmocka_unit_test(equality_and_nil_look_at_every_byte),
		cmocka_unit_test(the_bytes_are_borrowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
