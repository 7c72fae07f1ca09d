/* libs/message/text: what an author may write, and what a recipient then reads. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "message/text.h"

#define COUNT(a)       (sizeof(a) / sizeof((a)[0]))
#define NEVER_TOO_LONG 4096

struct fixture {
	struct arena *arena;
	struct json_doc *vars;
	struct values values;
	struct reasons why;
	struct buf out;
	struct str missing;
};

static struct fixture fixture_open(void)
{
	struct fixture f = { .arena = arena_new(0), .missing = STR_NONE };
	int rc = json_parse(&f.vars,
		STR("{\"day\":\"Monday\",\"points\":120,\"big\":12345678901234567890,\"blank\":\" \\u200b\",\"yes\":true,"
		    "\"none\":null,\"list\":[1],\"trick\":\"{{contact.phone}} {x|y} \\\\{\",\"bold\":\"*_~`\","
		    "\"lines\":\"a\\n> \\u202eb\",\"quote\":\"> x\"}"),
		NULL);

	assert_int_equal(rc, 0);
	f.values = (struct values){ .first_name = STR("Budi"),
		.last_name = STR(""),
		.full_name = STR("Budi Santoso"),
		.phone = STR("+6281234"),
		.campaign_name = STR("May"),
		.vars = json_root(f.vars) };
	reasons_init(&f.why, f.arena);
	return f;
}

static void fixture_close(struct fixture *f)
{
	buf_fini(&f->out);
	json_free(f->vars);
	arena_free(f->arena);
}

static enum text_outcome written(struct fixture *f, struct str source, enum text_form form, size_t max, uint64_t random)
{
	struct text text;
	int rc = text_compile(&text, source, form == TEXT_MESSAGE, f->arena, &f->why);

	if (rc < 0)
		fail_msg("%.*s: %s", STR_ARG(source), f->why.at[0].p);
	buf_clear(&f->out);
	return text_write(&text, &f->values, form, max, random, &f->out, &f->missing);
}

static const struct {
	const char *name, *source, *want;
} messages[] = {
	{ "a text without variables", "Hello!\n  *bold*", "Hello!\n  *bold*" },
	{ "a first name", "Hi {{contact.first_name}}!", "Hi Budi!" },
	{ "a full name, a phone and the campaign", "{{contact.full_name}}, {{contact.phone}}, {{campaign.name}}",
		"Budi Santoso, +6281234, May" },
	{ "a variable of the recipient", "on {{var.day}}", "on Monday" },
	{ "a number as it was written", "{{var.points}} {{var.big}}", "120 12345678901234567890" },
	{ "variables without a gap", "{{var.day}}{{var.day}}", "MondayMonday" },
	{ "a variable with spaces around it", "{{ var.day }}", "Monday" },
	{ "a fallback that is not needed", "{{contact.first_name|there}}", "Budi" },
	{ "a fallback for an empty name", "{{contact.last_name|there}}", "there" },
	{ "a fallback of several words, trimmed", "Hi {{contact.last_name| dear friend }}!", "Hi dear friend!" },
	{ "a fallback that is empty", "Hi{{contact.last_name|}}!", "Hi!" },
	{ "a fallback for what nobody has", "{{var.unheard_of|x}}", "x" },
	{ "a fallback for a value that looks empty", "{{var.blank|x}}", "x" },
	{ "a fallback for null, true and a list", "{{var.none|a}}{{var.yes|b}}{{var.list|c}}", "abc" },
	{ "a fallback may be formatted", "{{contact.last_name|*you*}}", "*you*" },
	{ "a brace behind a backslash in a fallback", "{{contact.last_name|a\\}b}}", "a}b" },
	{ "braces and bars behind backslashes in a fallback", "{{contact.last_name|\\{a\\|b\\}}}!", "{a|b}!" },
	{ "an escaped brace before the end of a fallback", "{{contact.last_name|a\\}}}}", "a}}" },
	{ "other backslashes in a fallback stay", "{{contact.last_name|a\\b\\\\c}}", "a\\b\\\\c" },
	{ "an escaped variable in a fallback stays text", "{{contact.last_name|\\{\\{var.day\\}\\}}}", "{{var.day}}" },
	{ "data is not scanned again", "{{var.trick}}", "{{contact.phone}} {x|y} \\{" },
	{ "data is one line in its own direction", "{{var.lines}}\n- \u202ex\u202c", "a > b\n- \u202ex\u202c" },
	{ "data at the start of a line is no quote", "{{var.quote}}", ">\u200b x" },
	{ "data is not formatted", "*{{var.bold}}*", "**\u200b_\u200b~\u200b`\u200b*" },
	{ "braces behind a backslash", "\\{a\\|b\\} \\{{{var.day}}\\}", "{a|b} {Monday}" },
	{ "other backslashes stay", "\xc2\xaf\\_(\xe3\x83\x84)_/\xc2\xaf \\",
		"\xc2\xaf\\_(\xe3\x83\x84)_/\xc2\xaf \\" },
	{ "a closing brace and a bar outside of a choice", "a | b } c }}", "a | b } c }}" },
	{ "a choice of equals", "{a|a}", "a" },
	{ "a choice that begins and ends with a variable", "{{{var.day}}|{{var.day}}}", "Monday" },
	{ "choices within each other", "<{a{|}|{a|{a|a}}}>", "<a>" },
};

static void a_message_is_the_text_with_the_recipients_values(void **state)
{
	struct fixture f = fixture_open();

	(void)state;
	for (size_t i = 0; i < COUNT(messages); i++) {
		enum text_outcome got = written(&f, str_of(messages[i].source), TEXT_MESSAGE, NEVER_TOO_LONG, i);

		if (got != TEXT_WRITTEN || !str_is(buf_str(&f.out), messages[i].want))
			fail_msg("%s: %d \"%.*s\"", messages[i].name, (int)got, STR_ARG(buf_str(&f.out)));
	}
	fixture_close(&f);
}

static const struct {
	const char *name, *source, *want;
} parameters[] = {
	{ "single braces have no meaning", "{a|b} {", "{a|b} {" },
	{ "white space is collapsed across the values", " Hi \n{{contact.first_name}} \t!", "Hi Budi !" },
	{ "marks of formatting stay", "{{var.bold}}", "*_~`" },
	{ "a third brace is ordinary", "{{{var.day}}}", "{Monday}" },
};

static void a_parameter_is_cleaned_and_has_no_choices(void **state)
{
	struct fixture f = fixture_open();

	(void)state;
	for (size_t i = 0; i < COUNT(parameters); i++)
		for (enum text_form form = TEXT_PARAMETER; form <= TEXT_TOKEN; form++) {
			enum text_outcome got = written(&f, str_of(parameters[i].source), form, NEVER_TOO_LONG, 0);

			if (got != TEXT_WRITTEN || !str_is(buf_str(&f.out), parameters[i].want))
				fail_msg("%s: %d \"%.*s\"", parameters[i].name, (int)got, STR_ARG(buf_str(&f.out)));
		}
	fixture_close(&f);
}

static const struct {
	const char *name, *source;
	enum text_form form;
	const char *missing; /* NULL: no variable is at fault */
} missing[] = {
	{ "an empty name", "Hi {{contact.last_name}}", TEXT_MESSAGE, "contact.last_name" },
	{ "what the recipient does not have", "{{var.unheard_of}}", TEXT_MESSAGE, "var.unheard_of" },
	{ "a value that looks empty", "a {{var.blank}}", TEXT_PARAMETER, "var.blank" },
	{ "the first of two", "{{var.a}} {{var.b}}", TEXT_PARAMETER, "var.a" },
	{ "the one without a fallback", "{{var.a|}} {{var.b}} {{var.c}}", TEXT_PARAMETER, "var.b" },
	{ "a parameter that would be empty", " {{var.a|}} ", TEXT_PARAMETER, "var.a" },
	{ "a code that would be empty", "{{var.a|}}", TEXT_TOKEN, "var.a" },
	{ "a message that would be empty", "{{var.a|}}\n", TEXT_MESSAGE, "var.a" },
	{ "a text without anything visible", " \u200b", TEXT_MESSAGE, NULL },
};

static void a_variable_without_value_and_fallback_is_reported_and_nothing_written(void **state)
{
	struct fixture f = fixture_open();

	(void)state;
	for (size_t i = 0; i < COUNT(missing); i++) {
		enum text_outcome got;

		f.missing = STR("untouched");
		got = written(&f, str_of(missing[i].source), missing[i].form, NEVER_TOO_LONG, 0);
		if (got != TEXT_MISSING || f.out.n > 0 || !str_eq(f.missing, str_of(missing[i].missing)))
			fail_msg("%s: %d \"%.*s\"", missing[i].name, (int)got, STR_ARG(f.missing));
	}
	fixture_close(&f);
}

static void a_variable_in_an_option_that_is_not_chosen_is_not_needed(void **state)
{
	struct fixture f = fixture_open();
	size_t outcomes[3] = { 0 };

	(void)state;
	for (uint64_t random = 0; random < 100; random++)
		outcomes[written(&f, STR("{a|{{var.unheard_of}}}"), TEXT_MESSAGE, NEVER_TOO_LONG, random)]++;
	assert_in_range(outcomes[TEXT_WRITTEN], 30, 70);
	assert_int_equal(outcomes[TEXT_WRITTEN] + outcomes[TEXT_MISSING], 100);
	fixture_close(&f);
}

static void the_random_number_alone_decides_and_every_option_is_chosen_as_often(void **state)
{
	struct fixture f = fixture_open();
	size_t seen[2][3] = { { 0 } }, equal = 0;

	(void)state;
	for (uint64_t random = 0; random < 3000; random++) {
		char once[3] = "";

		assert_int_equal(written(&f, STR("{a|b|c}{a|b|c}"), TEXT_MESSAGE, NEVER_TOO_LONG, random),
			TEXT_WRITTEN);
		assert_int_equal(f.out.n, 2);
		memcpy(once, f.out.p, 2);
		seen[0][once[0] - 'a']++;
		seen[1][once[1] - 'a']++;
		equal += once[0] == once[1];
		assert_int_equal(written(&f, STR("{a|b|c}{a|b|c}"), TEXT_MESSAGE, NEVER_TOO_LONG, random),
			TEXT_WRITTEN);
		assert_memory_equal(f.out.p, once, 2);
		arena_reset(f.arena);
	}
	for (size_t i = 0; i < 6; i++)
		assert_in_range(seen[i / 3][i % 3], 900, 1100);
	assert_in_range(equal, 900, 1100); /* the two choices are independent */
	fixture_close(&f);
}

static void a_text_that_is_too_long_is_cut_as_a_parameter_and_refused_otherwise(void **state)
{
	static const struct {
		const char *name, *source;
		enum text_form form;
		size_t max_chars;
		enum text_outcome want;
		const char *text;
	} cases[] = {
		{ "a parameter of just the length", "Budi", TEXT_PARAMETER, 4, TEXT_WRITTEN, "Budi" },
		{ "a longer one", "{{contact.full_name}}", TEXT_PARAMETER, 6, TEXT_WRITTEN, "Budi S" },
		{ "it does not end with a space", "{{contact.full_name}}", TEXT_PARAMETER, 5, TEXT_WRITTEN, "Budi" },
		{ "nor in a letter with its accent", "abe\u0301", TEXT_PARAMETER, 3, TEXT_WRITTEN, "ab" },
		{ "nor with the joiner of one that is cut", "\u0645\u200d\u0645", TEXT_PARAMETER, 2, TEXT_WRITTEN,
			"\u0645" },
		{ "spaces that go are not counted", "  a  b  ", TEXT_PARAMETER, 3, TEXT_WRITTEN, "a b" },
		{ "a code of just the length", "Budi", TEXT_TOKEN, 4, TEXT_WRITTEN, "Budi" },
		{ "a longer code", "Budi", TEXT_TOKEN, 3, TEXT_TOO_LONG, "" },
		{ "a message of just the length", "äöü", TEXT_MESSAGE, 3, TEXT_WRITTEN, "äöü" },
		{ "a longer message", "äöü", TEXT_MESSAGE, 2, TEXT_TOO_LONG, "" },
		{ "the marks behind data count", "{{var.bold}}", TEXT_MESSAGE, 7, TEXT_TOO_LONG, "" },
	};
	struct fixture f = fixture_open();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		enum text_outcome got = written(&f, str_of(cases[i].source), cases[i].form, cases[i].max_chars, 0);

		if (got != cases[i].want || !str_is((struct str){ f.out.p ? f.out.p : "", f.out.n }, cases[i].text))
			fail_msg("%s: %d \"%.*s\"", cases[i].name, (int)got, STR_ARG(buf_str(&f.out)));
	}
	fixture_close(&f);
}

static void a_huge_value_costs_no_more_than_the_bound(void **state)
{
	struct fixture f = fixture_open();
	char *huge = test_malloc(1000001);

	(void)state;
	memset(huge, 'a', 1000000);
	memcpy(huge + 65534, "\u20ac", 3); /* a character across the bound */
	f.values.first_name = (struct str){ huge, 1000000 };
	assert_int_equal(written(&f, STR("{{contact.first_name}}"), TEXT_MESSAGE, SIZE_MAX, 0), TEXT_TOO_LONG);
	assert_int_equal(written(&f, STR("{{contact.first_name}}"), TEXT_TOKEN, SIZE_MAX, 0), TEXT_TOO_LONG);
	assert_int_equal(f.out.n, 0);
	assert_int_equal(written(&f, STR("{{contact.first_name}}"), TEXT_PARAMETER, SIZE_MAX, 0), TEXT_WRITTEN);
	assert_in_range(f.out.n, 65000, TEXT_MAX_WRITTEN);
	assert_true(utf8_valid(buf_str(&f.out)));
	assert_int_equal(written(&f, STR("{{contact.first_name}}"), TEXT_PARAMETER, 1024, 0), TEXT_WRITTEN);
	assert_int_equal(f.out.n, 1024);
	test_free(huge);
	fixture_close(&f);
}

static void what_stood_in_the_buffer_stays(void **state)
{
	struct fixture f = fixture_open();
	struct text text;

	(void)state;
	buf_add_str(&f.out, STR("before "));
	assert_int_equal(text_compile(&text, STR("{{var.day}}"), false, f.arena, &f.why), 0);
	for (enum text_form form = TEXT_MESSAGE; form <= TEXT_TOKEN; form++) {
		assert_int_equal(text_write(&text, &f.values, form, 6, 0, &f.out, &f.missing), TEXT_WRITTEN);
		assert_true(str_is(buf_str(&f.out), "before Monday"));
		f.out.n = 7;
		f.values.vars = NULL;
		assert_int_equal(text_write(&text, &f.values, form, 6, 0, &f.out, &f.missing), TEXT_MISSING);
		assert_true(str_is(buf_str(&f.out), "before "));
		f.values.vars = json_root(f.vars);
	}
	fixture_close(&f);
}

#define KNOWN \
	"; there are contact.first_name, contact.last_name, contact.full_name, contact.phone, campaign.name and var.NAME"

static const struct {
	const char *name, *source, *reasons[3];
} faulty[] = {
	{ "a misspelt variable", "Hi {{contact.nme}}", { "character 4: unknown variable \"contact.nme\"" KNOWN } },
	{ "a position is counted in characters", "Zoë {{nme}}", { "character 5: unknown variable \"nme\"" KNOWN } },
	{ "every fault is listed", "{{a}} {{contact.first_name}} {{b|c}}",
		{ "character 1: unknown variable \"a\"" KNOWN, "character 30: unknown variable \"b\"" KNOWN } },
	{ "Meta's own placeholders", "{{1}}", { "character 1: unknown variable \"1\"" KNOWN } },
	{ "no name", "{{}}", { "character 1: unknown variable \"\"" KNOWN } },
	{ "a variable without its name", "{{var.}}", { "character 1: unknown variable \"var.\"" KNOWN } },
	{ "a name with a space", "{{var.first name}}", { "character 1: unknown variable \"var.first name\"" KNOWN } },
	{ "a name beyond ASCII", "{{var.größe}}", { "character 1: unknown variable \"var.größe\"" KNOWN } },
	{ "a name in capitals", "{{Contact.Phone}}", { "character 1: unknown variable \"Contact.Phone\"" KNOWN } },
	{ "an escape sequence is not quoted", "{{\x1b[31m}}", { "character 1: unknown variable \"[31m\"" KNOWN } },
	{ "a long name is cut", "{{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}}",
		{ "character 1: unknown variable \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…\"" KNOWN } },
	{ "an open variable at the end", "ab {{var.day", { "character 4: {{ is not closed by }}" } },
	{ "two braces at the end", "ab {{", { "character 4: {{ is not closed by }}" } },
	{ "an open variable before another", "{{var.day} {{a}}",
		{ "character 1: {{ is not closed by }}", "character 12: unknown variable \"a\"" KNOWN } },
	{ "a brace within a fallback", "{{var.day|{x}}}",
		{ "character 1: {{ is not closed by }}",
			"character 11: a choice needs two options, as in {Hi|Hello}; to write a brace, put a backslash before it" } },
	{ "a fallback whose end is escaped", "{{var.day|a\\}}", { "character 1: {{ is not closed by }}" } },
	{ "an escape before a second fallback", "{{var.day|a\\|b|c}}",
		{ "character 1: var.day has more than one fallback" } },
	{ "two fallbacks", "{{var.day|a|b}}", { "character 1: var.day has more than one fallback" } },
	{ "a choice of one", "a {b} c",
		{ "character 3: a choice needs two options, as in {Hi|Hello}; to write a brace, put a backslash before it" } },
	{ "an open choice", ":{ a|b",
		{ "character 2: { is not closed by }; to write a brace, put a backslash before it" } },
	{ "an open choice whose last option ends with an escape", "{a|b\\}",
		{ "character 1: { is not closed by }; to write a brace, put a backslash before it" } },
	{ "a fault in an option", "{a|{{b}}}", { "character 4: unknown variable \"b\"" KNOWN } },
	{ "five choices within each other", "{a|{a|{a|{a|{a|b}}}}}",
		{ "character 13: choices within each other, more than 4 deep" } },
	{ "bytes that are not UTF-8", "a\xff", { "a text that is not UTF-8, or contains a NUL" } },
};

static void each_fault_of_a_text_is_named_with_its_position(void **state)
{
	struct fixture f = fixture_open();

	(void)state;
	for (size_t i = 0; i < COUNT(faulty); i++) {
		struct text text = { .n_ops = 77 };

		reasons_init(&f.why, f.arena);
		assert_int_equal(text_compile(&text, str_of(faulty[i].source), true, f.arena, &f.why), -1);
		assert_int_equal(text.n_ops, 77);
		for (size_t r = 0; r < COUNT(faulty[i].reasons); r++) {
			struct str got = r < f.why.n ? f.why.at[r] : STR_NONE;

			if (!str_eq(got, str_of(faulty[i].reasons[r])))
				fail_msg("%s, reason %zu: %.*s", faulty[i].name, r, STR_ARG(got));
		}
	}
	fixture_close(&f);
}

/* prefix, n times `part`, suffix. */
static struct str repeated(struct arena *a, const char *prefix, const char *part, size_t n, const char *suffix)
{
	struct buf b = BUF_INIT;
	struct str s;

	buf_add_str(&b, str_of(prefix));
	for (size_t i = 0; i < n; i++)
		buf_add_str(&b, str_of(part));
	buf_add_str(&b, str_of(suffix));
	s = arena_str(a, buf_str(&b));
	buf_fini(&b);
	return s;
}

static void every_bound_is_exact(void **state)
{
	static const struct {
		const char *prefix, *part, *suffix;
		size_t most;
		const char *reason;
	} cases[] = {
		{ "", "a", "", TEXT_MAX_BYTES, "a text of more than 16384 bytes" },
		{ "", "{{var.a}}", "", TEXT_MAX_REFERENCES, "character 577: more than 64 variables" },
		{ "", "{a|b}", "", TEXT_MAX_CHOICES, "character 321: more than 64 choices" },
		{ "{a", "|b", "}", TEXT_MAX_OPTIONS - 1, "character 1: a choice of more than 32 options" },
		{ "{{var.", "a", "}}", VARIABLE_MAX_BYTES, NULL },
	};
	struct fixture f = fixture_open();
	struct text text;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct str most = repeated(f.arena, cases[i].prefix, cases[i].part, cases[i].most, cases[i].suffix);
		struct str more = repeated(f.arena, cases[i].prefix, cases[i].part, cases[i].most + 1, cases[i].suffix);

		reasons_init(&f.why, f.arena);
		assert_int_equal(text_compile(&text, most, true, f.arena, &f.why), 0);
		assert_int_equal(text_compile(&text, more, true, f.arena, &f.why), -1);
		assert_int_equal(f.why.n, 1);
		if (cases[i].reason)
			assert_string_equal(f.why.at[0].p, cases[i].reason);
	}
	fixture_close(&f);
}

static void no_more_than_fifty_reasons_are_listed_and_the_others_counted(void **state)
{
	struct fixture f = fixture_open();
	struct text text;

	(void)state;
	assert_int_equal(text_compile(&text, repeated(f.arena, "", "{{x}}", 60, ""), true, f.arena, &f.why), -1);
	assert_int_equal(f.why.n, REASONS_MAX);
	assert_int_equal(f.why.more, 10);
	assert_int_equal(reasons_count(&f.why), 60);
	fixture_close(&f);
}

static void a_compiled_text_names_its_variables(void **state)
{
	struct fixture f = fixture_open();
	struct text text;

	(void)state;
	assert_int_equal(text_compile(&text, STR("{{var.day|x}} {{ contact.phone }}"), false, f.arena, &f.why), 0);
	assert_int_equal(text.n_references, 2);
	assert_true(str_is(text.references[0].variable, "var.day"));
	assert_true(str_is(text.references[0].key, "day"));
	assert_true(str_is(text.references[0].fallback, "x"));
	assert_true(str_is(text.references[1].variable, "contact.phone"));
	assert_null(text.references[1].key.p);
	assert_null(text.references[1].fallback.p);
	fixture_close(&f);
}

static void a_literal_has_no_variables(void **state)
{
	struct fixture f = fixture_open();
	struct text text = text_literal(STR("{{contact.phone}} {a|b} \\{"), f.arena);

	(void)state;
	assert_int_equal(text_write(&text, &f.values, TEXT_MESSAGE, 100, 0, &f.out, &f.missing), TEXT_WRITTEN);
	assert_true(str_is(buf_str(&f.out), "{{contact.phone}} {a|b} \\{"));
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_the_text_with_the_recipients_values),
		cmocka_unit_test(a_parameter_is_cleaned_and_has_no_choices),
		cmocka_unit_test(a_variable_without_value_and_fallback_is_reported_and_nothing_written),
		cmocka_unit_test(a_variable_in_an_option_that_is_not_chosen_is_not_needed),
		cmocka_unit_test(the_random_number_alone_decides_and_every_option_is_chosen_as_often),
		cmocka_unit_test(a_text_that_is_too_long_is_cut_as_a_parameter_and_refused_otherwise),
		cmocka_unit_test(a_huge_value_costs_no_more_than_the_bound),
		cmocka_unit_test(what_stood_in_the_buffer_stays),
		cmocka_unit_test(each_fault_of_a_text_is_named_with_its_position),
		cmocka_unit_test(every_bound_is_exact),
		cmocka_unit_test(no_more_than_fifty_reasons_are_listed_and_the_others_counted),
		cmocka_unit_test(a_compiled_text_names_its_variables),
		cmocka_unit_test(a_literal_has_no_variables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
