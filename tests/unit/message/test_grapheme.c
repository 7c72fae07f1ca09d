/* libs/message/grapheme: where a text may be cut. */
#include "unit.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "message/grapheme.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *name, *in;
	size_t max_chars;
	const char *want;
} cases[] = {
	{ "an empty text", "", 3, "" },
	{ "a shorter text stays", "abc", 4, "abc" },
	{ "a text of just that length stays", "abc", 3, "abc" },
	{ "a longer one is cut", "abcd", 3, "abc" },
	{ "to nothing, if that is asked for", "abc", 0, "" },
	{ "characters are counted, not bytes", "äöüß", 3, "äöü" },
	{ "four bytes are one character", "\U0001f600\U0001f601", 1, "\U0001f600" },
	{ "a letter keeps its accent", "abe\u0301", 3, "ab" },
	{ "and all its accents", "abe\u0301\u0302\u0303", 5, "ab" },
	{ "a vowel sign stays with its consonant", "कि", 1, "क" },
	{ "a consonant goes with its vowel sign", "ककि", 2, "क" },
	{ "a hand keeps its skin tone", "a\U0001f44d\U0001f3fd", 2, "a" },
	{ "an emoji keeps its selector", "a\u2764\ufe0f", 2, "a" },
	{ "a family is not parted before a joiner", "a\U0001f468\u200d\U0001f469", 2, "a" },
	{ "nor behind one", "a\U0001f468\u200d\U0001f469", 3, "a" },
	{ "a flag is not parted", "a\U0001f1ee\U0001f1e9", 2, "a" },
	{ "two flags are parted between them", "\U0001f1ee\U0001f1e9\U0001f1e7\U0001f1f7", 2, "\U0001f1ee\U0001f1e9" },
	{ "the second of two flags is not parted", "\U0001f1ee\U0001f1e9\U0001f1e7\U0001f1f7", 3,
		"\U0001f1ee\U0001f1e9" },
	{ "a Hangul syllable of three letters is not parted", "a\u1100\u1161\u11a8", 3, "a" },
	{ "two syllables are parted between them", "\u1100\u1161\u1100\u1161", 2, "\u1100\u1161" },
	{ "a first character that is too long is cut", "e\u0301\u0302\u0303", 2, "e\u0301" },
	{ "a family that is too long is cut", "\U0001f468\u200d\U0001f469", 2, "\U0001f468\u200d" },
};

static void a_text_is_cut_between_what_people_see_as_characters(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct str got = grapheme_truncate(str_of(cases[i].in), cases[i].max_chars);

		if (!str_is(got, cases[i].want))
			fail_msg("%s: \"%.*s\"", cases[i].name, STR_ARG(got));
	}
}

static void a_letter_with_a_hundred_accents_is_cut_all_the_same(void **state)
{
	struct buf text = BUF_INIT;
	struct str got;

	(void)state;
	buf_add_str(&text, STR("ab"));
	for (size_t i = 0; i < 200; i++)
		buf_add_str(&text, STR("\u0301"));
	got = grapheme_truncate(buf_str(&text), 60);
	assert_true(str_is(got, "a"));
	got = grapheme_truncate(str_slice(buf_str(&text), 1, buf_str(&text).n), 100);
	assert_int_equal(utf8_length(got), 100);
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_is_cut_between_what_people_see_as_characters),
		cmocka_unit_test(a_letter_with_a_hundred_accents_is_cut_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
