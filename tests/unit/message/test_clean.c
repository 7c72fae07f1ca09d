/* libs/message/clean: what remains of data in a message. */
#include "unit.h"

#include "base/utf8.h"
#include "message/clean.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct row {
	const char *name, *in, *want;
};

static void assert_written(void (*write)(struct buf *out, struct str s), const struct row *row)
{
	struct buf out = BUF_INIT;

	write(&out, str_of(row->in));
	if (!str_eq((struct str){ out.p ? out.p : "", out.n }, str_of(row->want)))
		fail_msg("%s: \"%.*s\"", row->name, STR_ARG(buf_str(&out)));
	buf_fini(&out);
}

static const struct row texts[] = {
	{ "nothing", "", "" },
	{ "plain text stays", "Budi Santoso, 3 (three)!", "Budi Santoso, 3 (three)!" },
	{ "letters beyond ASCII stay", "Zoë Müller, Łódź, 東京, Αθήνα", "Zoë Müller, Łódź, 東京, Αθήνα" },
	{ "line breaks and tabs become one space", "a\r\n\tb\n\nc", "a b c" },
	{ "five spaces become one", "a     b", "a b" },
	{ "spaces at the ends go", "  a b  ", "a b" },
	{ "only spaces leave nothing", " \n\t ", "" },
	{ "no-break, thin and ideographic spaces are spaces", "a\u00a0b\u2009c\u3000d", "a b c d" },
	{ "line and paragraph separators are spaces",
		"a\u2028b\u2029c\xc2\x85"
		"d",
		"a b c d" },
	{ "a blank Braille pattern is a space", "\u2800a\u2800b", "a b" },
	{ "controls go",
		"a\x01\x1f\x7f\xc2\x9f"
		"b",
		"ab" },
	{ "an escape sequence loses its escape", "\x1b[31mred", "[31mred" },
	{ "an override of the direction goes", "abc\u202egpj\u202c", "abcgpj" },
	{ "isolates and marks of direction go", "\u2066a\u2069\u200eb\u200fc\u061cd", "abcd" },
	{ "zero-width spaces go", "a\u200bb\u2060c\ufeffd\u00ade", "abcde" },
	{ "fillers go", "\u3164\u115f\uffa0", "" },
	{ "tags go", "a\U000e0041\U000e007fb", "ab" },
	{ "a hidden character between spaces is none", "a \u200b b", "a b" },
	{ "the joiners of a family stay", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
		"\U0001f468\u200d\U0001f469\u200d\U0001f467" },
	{ "the joiner behind a selector stays", "\u2764\ufe0f\u200d\U0001f525", "\u2764\ufe0f\u200d\U0001f525" },
	{ "Persian keeps its non-joiner", "می\u200cخواهم", "می\u200cخواهم" },
	{ "Sinhala keeps its joiner", "ශ්\u200dරී", "ශ්\u200dරී" },
	{ "Latin letters have no joiner", "a\u200db\u200cc", "abc" },
	{ "nor has a Latin letter before a joined one", "a\u200d\u0645", "a\u0645" },
	{ "nor one behind a joined one", "\u0645\u200da",
		"\u0645"
		"a" },
	{ "of two joiners the first stays", "\u0645\u200c\u200d\u0645", "\u0645\u200c\u0645" },
	{ "a joiner at the ends goes", "\u200d\u0645\u200d", "\u0645" },
	{ "a joiner beside a space goes", "\u0645\u200d \u200d\u0645", "\u0645 \u0645" },
	{ "only joiners leave nothing", "\u200d\u200c", "" },
	{ "a selector without a character goes", "\ufe0fa \ufe0f", "a" },
	{ "a selector of an ideograph stays", "\u845b\U000e0100", "\u845b\U000e0100" },
	{ "a byte that is not UTF-8 is replaced",
		"a\xff"
		"b\xe2\x82",
		"a\ufffdb\ufffd\ufffd" },
};

static void cleaned_text_has_neither_breaks_nor_hidden_characters(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		const struct row again = { texts[i].name, texts[i].want, texts[i].want };

		assert_written(clean_text, &texts[i]);
		assert_written(clean_text, &again);
	}
}

static void a_text_is_empty_exactly_when_nothing_of_it_remains(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		if (clean_is_empty(str_of(texts[i].in)) != (texts[i].want[0] == '\0'))
			fail_msg("%s", texts[i].name);
	assert_true(clean_is_empty(STR_NONE));
}

static void cleaning_appends(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	buf_add_str(&out, STR("a "));
	clean_text(&out, STR("  b"));
	assert_true(str_is(buf_str(&out), "a b"));
	buf_fini(&out);
}

static void data_cannot_be_read_as_formatting(void **state)
{
	static const struct row rows[] = {
		{ "nothing", "", "" },
		{ "plain text stays", "Budi 2+2", "Budi 2+2" },
		{ "line breaks become one space", "Budi\r\n\nSantoso", "Budi Santoso" },
		{ "a separator of lines becomes a space", "Budi\u2028Santoso", "Budi Santoso" },
		{ "an override of the direction goes", "abc\u202egpj\u202c", "abcgpj" },
		{ "controls go", "\x1b[31mred\x07", "[31mred" },
		{ "the joiners of an emoji stay", "\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469" },
		{ "a quote in a line of its own is none", "Budi\n> quoted", "Budi > quoted" },
		{ "a list in lines of its own is none", "Budi\n- item\n1. item\n* item",
			"Budi - item 1. item *\u200b item" },
		{ "a quote at the start is none", "> quoted", ">\u200b quoted" },
		{ "nor one behind white space", "\n > quoted", ">\u200b quoted" },
		{ "an item at the start is none", "- item", "-\u200b item" },
		{ "nor a starred one", "* item", "*\u200b item" },
		{ "nor one with a number", "12. item", "12.\u200b item" },
		{ "a mark whose space is the author's", ">", ">\u200b" },
		{ "a number whose space is the author's", "1.", "1.\u200b" },
		{ "numbers and comparisons stay", "-5", "-5" },
		{ "a number with decimals stays", "3.14", "3.14" },
		{ "a number without a mark stays", "120", "120" },
		{ "a dot alone stays", ". a", ". a" },
		{ "marks of a line within stay", "a > b - c 1. d", "a > b - c 1. d" },
		{ "each mark gets a zero-width space behind it", "*a* _b_ ~c~ `d`",
			"*\u200ba*\u200b _\u200bb_\u200b ~\u200bc~\u200b `\u200bd`\u200b" },
		{ "three backticks, too", "```", "`\u200b`\u200b`\u200b" },
		{ "letters beyond ASCII stay", "Zoë\U0001f600", "Zoë\U0001f600" },
		{ "a byte that is not UTF-8 is replaced", "\xc3*", "\ufffd*\u200b" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_written(clean_formatting, &rows[i]);
}

static void a_NUL_is_a_control_and_no_mark(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	clean_text(&out, STR("a\0b"));
	assert_true(str_is(buf_str(&out), "ab"));
	buf_clear(&out);
	clean_formatting(&out, STR("a\0b"));
	assert_true(str_is(buf_str(&out), "ab"));
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cleaned_text_has_neither_breaks_nor_hidden_characters),
		cmocka_unit_test(a_text_is_empty_exactly_when_nothing_of_it_remains),
		cmocka_unit_test(cleaning_appends),
		cmocka_unit_test(data_cannot_be_read_as_formatting),
		cmocka_unit_test(a_NUL_is_a_control_and_no_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
