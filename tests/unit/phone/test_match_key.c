/* libs/phone/match_key: which forms of a number are one subscriber, and which are not touched. */
#include "unit.h"

#include "phone/phone.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *name, *digits, *want;
} cases[] = {
	{ "Brazil with the ninth digit", "5511987654321", "551187654321" },
	{ "Brazil without it", "551187654321", "551187654321" },
	{ "Brazil, the lowest old mobile", "5531961234567", "553161234567" },
	{ "Brazil, the highest old mobile", "5531999999999", "553199999999" },
	{ "Brazil, a mobile that was never shorter", "5511953123456", "5511953123456" },
	{ "Brazil, a land line", "551132345678", "551132345678" },
	{ "Brazil, no ninth digit where it belongs", "5511887654321", "5511887654321" },
	{ "Brazil, too long", "55119876543210", "55119876543210" },
	{ "Mexico with the 1", "5215512345678", "525512345678" },
	{ "Mexico without it", "525512345678", "525512345678" },
	{ "Mexico, a number that begins with 1", "521551234567", "521551234567" },
	{ "Argentina with the 9", "5491112345678", "541112345678" },
	{ "Argentina without it", "541112345678", "541112345678" },
	{ "another country with as many digits", "4915112345678", "4915112345678" },
	{ "North America", "16505551234", "16505551234" },
	{ "55 is not always Brazil", "15598765432101", "15598765432101" },
	{ "short", "55", "55" },
	{ "nothing", "", "" },
	{ "more than any number has", "123456789012345678901234567890", "12345678901234567890123" },
};

static void regional_forms_have_one_key(void **state)
{
	char out[24];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		phone_match_key(str_of(cases[i].digits), out);
		if (!str_is(str_of(out), cases[i].want))
			fail_msg("%s: %s", cases[i].name, out);
	}
}

static void the_key_of_a_key_is_the_key(void **state)
{
	char once[24], twice[24];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		phone_match_key(str_of(cases[i].digits), once);
		phone_match_key(str_of(once), twice);
		assert_string_equal(twice, once);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regional_forms_have_one_key),
		cmocka_unit_test(the_key_of_a_key_is_the_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
