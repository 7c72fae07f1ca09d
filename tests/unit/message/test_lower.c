/* Lower case, letter by letter. */
#include "unit.h"

#include "message/lower.h"

static void letters_become_lower_case_whatever_their_script(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{ "", "" },
		{ "Stop 1!", "stop 1!" },
		{ "ARRÊT", "arrêt" },
		{ "СТОП", "стоп" },
		{ "停止", "停止" },
		{ "\xf0\x90\x90\x80", "\xf0\x90\x90\xa8" }, /* Deseret, beyond 16 bits */
		{ "A\xff", "a\xef\xbf\xbd" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = { 0 };

		lower_text(&out, str_of(cases[i].from));
		assert_true(str_eq(buf_str(&out), str_of(cases[i].to)) || cases[i].to[0] == '\0');
		buf_fini(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(letters_become_lower_case_whatever_their_script) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
