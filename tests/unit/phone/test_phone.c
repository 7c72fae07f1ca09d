/* libs/phone/phone: numbers as people and bridges write them. */
#include "unit.h"

#include "phone/phone.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *name, *raw, *region;
	bool international;
	const char *e164, *match_key;
} cases[] = {
	{ "WhatsApp's digits", "16505551234", "", true, "+16505551234", "16505551234" },
	{ "WhatsApp's digits in a workspace of another country", "16505551234", "BR", true, "+16505551234",
		"16505551234" },
	{ "WhatsApp's digits, Brazil", "5511987654321", "BR", true, "+5511987654321", "551187654321" },
	{ "Brazil's 12 digits, which the library calls invalid", "551187654321", "BR", true, "+551187654321",
		"551187654321" },
	{ "Mexico", "525512345678", "", true, "+525512345678", "525512345678" },
	{ "Mexico with the 1, which only some versions of the library know", "5215512345678", "", true, NULL,
		"525512345678" },
	{ "Argentina with the 9", "5491112345678", "", true, "+5491112345678", "541112345678" },
	{ "Argentina without it", "541112345678", "", true, "+541112345678", "541112345678" },
	{ "Meta's display form", "+1 (650) 555-9998", "", false, "+16505559998", "16505559998" },
	{ "a plus is international whatever the region", "+49 151 12345678", "US", false, "+4915112345678",
		"4915112345678" },
	{ "a trunk zero in brackets", "+49 (0)89 123456", "", false, "+4989123456", "4989123456" },
	{ "a plus in brackets", "(+1) 650.555.1234", "", false, "+16505551234", "16505551234" },
	{ "no region: taken as international", "1 650 555 1234", "", false, "+16505551234", "16505551234" },
	{ "00 for the plus", "0049 151 12345678", "", false, "+4915112345678", "4915112345678" },
	{ "national", "(11) 98765-4321", "BR", false, "+5511987654321", "551187654321" },
	{ "national with a trunk zero", "0151 12345678", "DE", false, "+4915112345678", "4915112345678" },
	{ "national, dialled abroad", "0049 151 12345678", "FR", false, "+4915112345678", "4915112345678" },
	{ "national book, the country's own code without plus", "5511987654321", "BR", false, "+5511987654321",
		"551187654321" },
	{ "national book, a foreign number without plus", "447911123456", "BR", false, "+447911123456",
		"447911123456" },
	{ "as few digits as may be", "12345", "BR", false, "+5512345", "5512345" },
	{ "fictitious numbers are numbers", "650-555-0100", "US", false, "+16505550100", "16505550100" },
	{ "no country has this code", "99912345678", "", true, "+99912345678", "99912345678" },
	{ "longer than any number", "12345678901234567890", "", true, "+12345678901234567890", "12345678901234567890" },
	{ "a region that there is not", "16505551234", "XX", false, "+16505551234", "16505551234" },
	{ "unseen characters",
		"\xe2\x80\xaa+1\xc2\xa0"
		"650\xe2\x80\x91"
		"555\xe2\x80\x91"
		"1234\xe2\x80\xac",
		"", false, "+16505551234", "16505551234" },
};

static void numbers_become_e164_and_a_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct phone p = { "", "" };

		if (!phone_normalise(str_of(cases[i].raw), cases[i].region, cases[i].international, &p) ||
			(cases[i].e164 && !str_is(str_of(p.e164), cases[i].e164)) ||
			!str_is(str_of(p.match_key), cases[i].match_key))
			fail_msg("%s: %s %s", cases[i].name, p.e164, p.match_key);
	}
}

static void invalid_numbers_are_rejected(void **state)
{
	static const char *const refused[] = { NULL, "", "+", " - ", "1234", "+1 23 4", "123456789012345678901",
		"16505551234@c.us", "+1650555CALL", "1650+5551234", "++16505551234", "*100#12345", "16505551234;ext=1",
		"caf\xc3\xa9 12345", "00 1234", "12345\xe2",
		"12345\xe2\x80"
		"678" };

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct phone p = { "before", "before" };

		if (phone_normalise(str_of(refused[i]), "", true, &p))
			fail_msg("%s became %s", refused[i], p.e164);
		assert_string_equal(p.e164, "before");
		assert_string_equal(p.match_key, "before");
	}
	assert_false(phone_normalise((struct str){ "12345\0", 6 }, "", true, &(struct phone){ "", "" }));
	assert_false(phone_normalise(STR("006345"), "IT", false, &(struct phone){ "", "" }));
}

static void a_number_that_may_exist_has_7_to_15_digits(void **state)
{
	static const struct {
		const char *number;
		bool possible;
	} numbers[] = {
		{ "+6901234", true },
		{ "6901234", true },
		{ "+123456789012345", true },
		{ "+690123", false },
		{ "12345", false },
		{ "+1234567890123456", false },
		{ "+0123456789", false },
		{ "0123456789", false },
		{ "+1650555CALL", false },
		{ "+", false },
		{ "", false },
		{ NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++)
		if (phone_is_possible(str_of(numbers[i].number)) != numbers[i].possible)
			fail_msg("%s", numbers[i].number ? numbers[i].number : "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_become_e164_and_a_key),
		cmocka_unit_test(invalid_numbers_are_rejected),
		cmocka_unit_test(a_number_that_may_exist_has_7_to_15_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
