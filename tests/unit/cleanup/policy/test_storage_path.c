/* services/cleanup/policy/storage_path: where a session's files are. */
#include "cleanup/policy/storage_path.h"

#include "unit.h"

static void names_take_the_places_of_their_words(void **state)
{
	static const struct {
		const char *path, *workspace, *session, *want; /* want NULL: refused */
	} cases[] = {
		{ "workspace_{workspace}/session_{session}", "w", "s", "workspace_w/session_s" },
		{ "session-{session}", "w", "s", "session-s" },
		{ "{session}{session}", "w", "a", "aa" },
		{ "{session", "w", "s", "{session" },
		{ "{other}/x", "w", "s", "{other}/x" },
		{ "{session}", "w", "{workspace}", "{workspace}" },
		{ "", "w", "s", NULL },
		{ "{session}", "w", "", NULL },
		{ "{session}", "w", ".", NULL },
		{ "{session}", "w", "..", NULL },
		{ "{session}", "w", "../../etc", NULL },
		{ "{session}", "w", "a/b", NULL },
		{ "fixed", "..", "s", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = BUF_INIT;
		bool found = storage_path_expand(str_of(cases[i].path), str_of(cases[i].workspace),
			str_of(cases[i].session), &out);

		if (found != (cases[i].want != NULL) || (found && !str_is(buf_str(&out), cases[i].want)))
			fail_msg("case %zu: %s", i, cases[i].path);
		buf_fini(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_take_the_places_of_their_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
