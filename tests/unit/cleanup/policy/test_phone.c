/* services/cleanup/policy/phone: which numbers are a subscriber's. */
#include "cleanup/policy/phone.h"

#include "unit.h"

static void numbers_differ_unless_they_are_variants_of_one(void **state)
{
	static const struct {
		const char *name, *a, *b;
		bool want;
	} cases[] = {
		{ "the same", "628123456789", "628123456789", false },
		{ "written otherwise", "+62 812-3456-789", "628123456789", false },
		{ "another", "628123456789", "628123456780", true },
		{ "a longer one", "628123456789", "6281234567890", true },
		{ "Brazil without the ninth digit", "5511987654321", "551187654321", false },
		{ "Mexico with the 1", "5215512345678", "525512345678", false },
		{ "Argentina with the 9", "5491123456789", "541123456789", false },
		{ "none", "", "628123456789", false },
		{ "no other", "628123456789", "", false },
		{ "no digits", "628123456789", "+", false },
		{ "national format", "08123456789", "628123456789", false },
		{ "too long", "628123456789", "628123456789012345678", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (phones_differ(str_of(cases[i].a), str_of(cases[i].b)) != cases[i].want)
			fail_msg("%s", cases[i].name);
	assert_false(phones_differ(STR_NONE, STR("628123456789")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_differ_unless_they_are_variants_of_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
