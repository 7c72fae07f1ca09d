/* libs/message/template: what a Meta template needs, as its components say. */
#include "unit.h"

#include "message/template.h"

#include "base/buf.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct template parsed(struct arena *a, const char *components)
{
	struct template t = { .n_buttons = 0 };
	struct err err;

	if (template_parse(&t, str_of(components), a, &err) < 0)
		fail_msg("%s: %s", components, err.msg);
	return t;
}

/* "named: a b", "2" */
static struct str described(struct arena *a, const struct template_text *t)
{
	struct buf b = BUF_INIT;
	struct str s;

	if (t->named)
		buf_add_str(&b, STR("named:"));
	else
		buf_printf(&b, "%zu", t->n);
	for (size_t i = 0; t->named && i < t->n; i++)
		buf_printf(&b, " %.*s", STR_ARG(t->names[i]));
	s = arena_str(a, buf_str(&b));
	buf_fini(&b);
	return s;
}

static void the_parameters_of_a_text_are_its_numbers_or_names(void **state)
{
	static const struct {
		const char *name, *text, *want;
	} cases[] = {
		{ "none", "Hello", "0" },
		{ "an empty text", "", "0" },
		{ "one", "Hi {{1}}!", "1" },
		{ "the highest number counts", "{{2}} {{1}}", "2" },
		{ "a number twice", "{{1}} {{1}}", "1" },
		{ "64 is the highest", "{{64}}", "64" },
		{ "names in their order", "{{first_name}}, {{code}}", "named: first_name code" },
		{ "a name twice", "{{a}} {{b}} {{a}}", "named: a b" },
		{ "spaces within the braces", "{{ a }}", "named: a" },
		{ "a name with a digit", "{{line_2}}", "named: line_2" },
		{ "three braces", "{{{1}}}", "1" },
		{ "braces around something else", "{{}} {{a b}} {{a-b}} {a} {{a} {{", "0" },
		{ "a name of more than 64 characters is text",
			"{{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}}", "0" },
	};
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct str json = arena_printf(a, "[{\"type\":\"BODY\",\"text\":\"%s\"}]", cases[i].text);
		struct template t = parsed(a, json.p);

		if (!str_is(described(a, &t.body), cases[i].want) || !str_is(t.body.text, cases[i].text))
			fail_msg("%s: %.*s", cases[i].name, STR_ARG(described(a, &t.body)));
	}
	arena_free(a);
}

static void a_template_has_a_header_a_body_a_footer_and_buttons(void **state)
{
	struct arena *a = arena_new(0);
	struct template t = parsed(a,
		"[{\"type\":\"HEADER\",\"format\":\"TEXT\",\"text\":\"Our {{1}}\",\"example\":{\"header_text\":[\"x\"]}},"
		"{\"type\":\"BODY\",\"text\":\"Hi {{1}}, {{2}}\",\"example\":{\"body_text\":[[\"a\",\"b\"]]}},"
		"{\"type\":\"FOOTER\",\"text\":\"Bye\"},"
		"{\"type\":\"BUTTONS\",\"buttons\":["
		"{\"type\":\"QUICK_REPLY\",\"text\":\"Stop\"},"
		"{\"type\":\"URL\",\"text\":\"View\",\"url\":\"https://example.com/{{1}}\"},"
		"{\"type\":\"URL\",\"text\":\"Home\",\"url\":\"https://example.com/\"},"
		"{\"type\":\"PHONE_NUMBER\",\"text\":\"Call\",\"phone_number\":\"+1\"},"
		"{\"type\":\"COPY_CODE\",\"example\":[\"250FF\"]},"
		"{\"type\":\"FLOW\",\"text\":\"Open\",\"flow_id\":1},"
		"{\"type\":\"OTP\",\"otp_type\":\"COPY_CODE\",\"text\":\"Copy\"},"
		"{\"type\":\"CATALOG\",\"text\":\"Shop\"}]}]");
	static const struct {
		enum button_type type;
		bool takes_text;
		const char *text;
	} buttons[] = {
		{ BUTTON_QUICK_REPLY, false, "Stop" },
		{ BUTTON_URL, true, "View" },
		{ BUTTON_URL, false, "Home" },
		{ BUTTON_PHONE_NUMBER, false, "Call" },
		{ BUTTON_COPY_CODE, false, NULL },
		{ BUTTON_FLOW, false, "Open" },
		{ BUTTON_OTP, true, "Copy" },
		{ BUTTON_OTHER, false, "Shop" },
	};

	(void)state;
	assert_int_equal(t.header, HEADER_TEXT);
	assert_true(str_is(t.header_text.text, "Our {{1}}"));
	assert_int_equal(t.header_text.n, 1);
	assert_int_equal(t.body.n, 2);
	assert_true(str_is(t.footer, "Bye"));
	assert_null(t.unsupported.p);
	assert_int_equal(t.n_buttons, COUNT(buttons));
	for (size_t i = 0; i < COUNT(buttons); i++) {
		assert_int_equal(t.buttons[i].type, buttons[i].type);
		assert_int_equal(t.buttons[i].takes_text, buttons[i].takes_text);
		assert_true(str_eq(t.buttons[i].text, str_of(buttons[i].text)));
	}
	arena_free(a);
}

static void a_header_may_be_media(void **state)
{
	static const struct {
		const char *format;
		enum header_format want;
		const char *unsupported;
	} cases[] = {
		{ "IMAGE", HEADER_IMAGE, NULL },
		{ "video", HEADER_VIDEO, NULL },
		{ "DOCUMENT", HEADER_DOCUMENT, NULL },
		{ "LOCATION", HEADER_LOCATION, NULL },
		{ "GIF", HEADER_NONE, "GIF" },
		{ "", HEADER_NONE, "" },
	};
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct str json = arena_printf(a, "[{\"type\":\"HEADER\",\"format\":\"%s\"}]", cases[i].format);
		struct template t = parsed(a, json.p);

		assert_int_equal(t.header, cases[i].want);
		assert_true(str_eq(t.unsupported, str_of(cases[i].unsupported)));
	}
	arena_free(a);
}

static void the_first_component_that_is_not_sent_is_named(void **state)
{
	struct arena *a = arena_new(0);
	struct template t = parsed(a,
		"[{\"type\":\"BODY\",\"text\":\"x\"},{\"type\":\"CAROUSEL\",\"cards\":[]},{\"type\":\"OTHER\"}]");

	(void)state;
	assert_true(str_is(t.unsupported, "CAROUSEL"));
	t = parsed(a, "[{\"type\":7}]");
	assert_true(str_is(t.unsupported, ""));
	t = parsed(a, "[7,null]");
	assert_true(str_is(t.unsupported, ""));
	t = parsed(a, "[]");
	assert_null(t.unsupported.p);
	assert_int_equal(t.header, HEADER_NONE);
	arena_free(a);
}

#define BODY(text) "{\"type\":\"BODY\",\"text\":\"" text "\"}"
#define BUTTON     "{\"type\":\"QUICK_REPLY\",\"text\":\"x\"}"
#define TEN_BUTTONS \
	BUTTON "," BUTTON "," BUTTON "," BUTTON "," BUTTON "," BUTTON "," BUTTON "," BUTTON "," BUTTON "," BUTTON

static void components_that_contradict_themselves_are_rejected(void **state)
{
	static const struct {
		const char *components, *reason;
	} cases[] = {
		{ "", "not JSON near byte 0: input length is 0" },
		{ "{}", "they are not a list" },
		{ "null", "they are not a list" },
		{ "[" BODY("{{1}} {{a}}") "]", "a text with numbers and names of parameters" },
		{ "[" BODY("{{a}} {{1}}") "]", "a text with numbers and names of parameters" },
		{ "[" BODY("{{0}}") "]", "the number of a parameter is not between 1 and 64" },
		{ "[" BODY("{{65}}") "]", "the number of a parameter is not between 1 and 64" },
		{ "[" BODY("{{99999999999999999999}}") "]", "the number of a parameter is not between 1 and 64" },
		{ "[" BODY("a") "," BODY("b") "]", "more than one body" },
		{ "[{\"type\":\"FOOTER\",\"text\":\"a\"},{\"type\":\"FOOTER\",\"text\":\"a\"}]",
			"more than one footer" },
		{ "[{\"type\":\"HEADER\",\"format\":\"IMAGE\"},{\"type\":\"HEADER\",\"format\":\"TEXT\"}]",
			"more than one header" },
		{ "[{\"type\":\"BUTTONS\"},{\"type\":\"BUTTONS\"}]", "more than one list of buttons" },
		{ "[{\"type\":\"BUTTONS\",\"buttons\":[" TEN_BUTTONS "," BUTTON "]}]", "more than 10 buttons" },
	};
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct template t = { .n_buttons = 77 };
		struct err err = { .kind = ERR_NONE };

		assert_int_equal(template_parse(&t, str_of(cases[i].components), a, &err), -1);
		assert_int_equal(t.n_buttons, 77);
		assert_int_equal(err.kind, ERR_INPUT);
		assert_string_equal(err.msg, arena_printf(a, "the template's components: %s", cases[i].reason).p);
	}
	assert_int_equal(parsed(a, "[{\"type\":\"BUTTONS\",\"buttons\":[" TEN_BUTTONS "]}]").n_buttons, 10);
	arena_free(a);
}

/* before, {{a0}} and so on, n of them, after. */
static struct str with_names(struct arena *a, const char *before, size_t n, const char *after)
{
	struct buf b = BUF_INIT;
	struct str s;

	buf_add_str(&b, str_of(before));
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "{{a%zu}} ", i);
	buf_add_str(&b, str_of(after));
	s = arena_str(a, buf_str(&b));
	buf_fini(&b);
	return s;
}

static void sizes_are_bounded(void **state)
{
	static const char before[] = "[{\"type\":\"BODY\",\"text\":\"", after[] = "\"}]";
	struct arena *a = arena_new(0);
	struct buf spaces = BUF_INIT;
	struct template t;
	struct err err;

	(void)state;
	assert_int_equal(parsed(a, with_names(a, before, 64, after).p).body.n, 64);
	assert_int_equal(template_parse(&t, with_names(a, before, 65, after), a, &err), -1);
	assert_string_equal(err.msg, "the template's components: a text with more than 64 parameters");
	for (size_t i = 0; i < TEMPLATE_MAX_BYTES - 2; i++)
		buf_add_char(&spaces, ' ');
	buf_add_str(&spaces, STR("[]"));
	assert_int_equal(template_parse(&t, buf_str(&spaces), a, &err), 0);
	buf_add_char(&spaces, ' ');
	assert_int_equal(template_parse(&t, buf_str(&spaces), a, &err), -1);
	assert_string_equal(err.msg, "the template's components: more than 65,536 bytes");
	buf_clear(&spaces);
	for (size_t i = 0; i < 65; i++)
		buf_add_char(&spaces, '[');
	assert_int_equal(template_parse(&t, buf_str(&spaces), a, &err), -1);
	assert_string_equal(err.msg, "the template's components: nested deeper than 64");
	buf_fini(&spaces);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_parameters_of_a_text_are_its_numbers_or_names),
		cmocka_unit_test(a_template_has_a_header_a_body_a_footer_and_buttons),
		cmocka_unit_test(a_header_may_be_media),
		cmocka_unit_test(the_first_component_that_is_not_sent_is_named),
		cmocka_unit_test(components_that_contradict_themselves_are_rejected),
		cmocka_unit_test(sizes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
