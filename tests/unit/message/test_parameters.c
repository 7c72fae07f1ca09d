/* libs/message/parameters: what an author may give to a template, what is missing, and what is sent and read. */
#include "unit.h"

#include "message/parameters.h"
#include "json/json.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct fixture {
	struct arena *arena;
	struct json_doc *vars;
	struct values values;
	struct reasons why;
	struct buf out;
};

static struct fixture fixture_open(void)
{
	struct fixture f = { .arena = arena_new(0) };
	int rc = json_parse(&f.vars,
		STR("{\"code\":\"A1\",\"image\":\"hat\",\"quotes\":\"\\\"}],\\n{{1}}\",\"long\":\"12345\"}"), NULL);

	assert_int_equal(rc, 0);
	f.values = (struct values){ .first_name = STR("Budi"), .vars = json_root(f.vars) };
	reasons_init(&f.why, f.arena);
	return f;
}

static void fixture_close(struct fixture *f)
{
	buf_fini(&f->out);
	json_free(f->vars);
	arena_free(f->arena);
}

static struct parameters parsed(struct fixture *f, const char *list, bool variables)
{
	struct parameters p = { .n = 0 };

	reasons_init(&f->why, f->arena);
	if (parameters_parse(&p, str_of(list), variables, f->arena, &f->why) < 0)
		fail_msg("%s: %s", list, f->why.at[0].p);
	return p;
}

static struct template template_of(struct fixture *f, const char *components)
{
	struct template t = { .n_buttons = 0 };
	struct err err;

	if (template_parse(&t, str_of(components), f->arena, &err) < 0)
		fail_msg("%s: %s", components, err.msg);
	return t;
}

static void assert_reasons(const struct fixture *f, const char *name, const char *const *want, size_t max)
{
	for (size_t i = 0; i < max || i < f->why.n; i++) {
		struct str got = i < f->why.n ? f->why.at[i] : STR_NONE, wanted = str_of(i < max ? want[i] : NULL);

		if (!str_eq(got, wanted))
			fail_msg("%s, reason %zu: %.*s", name, i, STR_ARG(got));
	}
}

#define HEADER(parameters) "{\"type\":\"header\",\"parameters\":[" parameters "]}"
#define BODY(parameters)   "{\"type\":\"body\",\"parameters\":[" parameters "]}"
#define BUTTON(sub_type, index, parameters) \
	"{\"type\":\"button\",\"sub_type\":\"" sub_type "\",\"index\":\"" index "\",\"parameters\":[" parameters "]}"
#define TEXT(text)        "{\"type\":\"text\",\"text\":\"" text "\"}"
#define NAMED(name, text) "{\"type\":\"text\",\"parameter_name\":\"" name "\",\"text\":\"" text "\"}"
#define IMAGE(members)    "{\"type\":\"image\",\"image\":{" members "}}"
#define LINK              IMAGE("\"link\":\"https://example.com/a.png\"")
#define PAYLOAD           "{\"type\":\"payload\",\"payload\":\"stop\"}"
#define COUPON            "{\"type\":\"coupon_code\",\"coupon_code\":\"250FF\"}"
#define ACTION            "{\"type\":\"action\",\"action\":{\"flow_token\":\"x\"}}"
#define PLACE             "{\"type\":\"location\",\"location\":{\"latitude\":\"1.5\",\"longitude\":-2.50,\"name\":\"Home\"}}"
#define PRICE             "{\"type\":\"currency\",\"currency\":{\"fallback_value\":\"$1\",\"code\":\"USD\",\"amount_1000\":1000}}"

static const struct {
	const char *name, *list, *want;
} requests[] = {
	{ "nothing", "", "[]" },
	{ "no component", "[]", "[]" },
	{ "a body", "[" BODY(TEXT("{{contact.first_name}}") "," TEXT("x")) "]",
		"[" BODY(TEXT("Budi") "," TEXT("x")) "]" },
	{ "names of parameters", "[" BODY(NAMED("who", "{{contact.first_name}}")) "]",
		"[" BODY(NAMED("who", "Budi")) "]" },
	{ "a fallback", "[" BODY(TEXT("{{contact.last_name|there}}")) "]", "[" BODY(TEXT("there")) "]" },
	{ "data cannot leave its string", "[" BODY(TEXT("{{var.quotes}}")) "]", "[" BODY(TEXT("\\\"}], {{1}}")) "]" },
	{ "white space is collapsed", "[" BODY(TEXT(" a\\n\\t b ")) "]", "[" BODY(TEXT("a b")) "]" },
	{ "braces are no choice", "[" BODY(TEXT("{a|b}")) "]", "[" BODY(TEXT("{a|b}")) "]" },
	{ "an image by its link", "[" HEADER(IMAGE("\"link\":\"https://example.com/{{var.image}}.png\"")) "]",
		"[" HEADER(IMAGE("\"link\":\"https://example.com/hat.png\"")) "]" },
	{ "an image by its id", "[" HEADER(IMAGE("\"id\":\"12\"")) "]", "[" HEADER(IMAGE("\"id\":\"12\"")) "]" },
	{ "an id that is a number", "[" HEADER(IMAGE("\"id\":1013859600285441")) "]",
		"[" HEADER(IMAGE("\"id\":1013859600285441")) "]" },
	{ "a place keeps its numbers as written", "[" HEADER(PLACE) "]", "[" HEADER(PLACE) "]" },
	{ "an amount is sent as it is", "[" BODY(PRICE) "]", "[" BODY(PRICE) "]" },
	{ "buttons",
		"[" BUTTON("url", "0", TEXT("{{var.code}}")) "," BUTTON("quick_reply", "1",
			PAYLOAD) "," BUTTON("copy_code", "2", COUPON) "," BUTTON("flow", "9", ACTION) "]",
		"[" BUTTON("url", "0", TEXT("A1")) "," BUTTON("quick_reply", "1", PAYLOAD) "," BUTTON("copy_code", "2",
			COUPON) "," BUTTON("flow", "9", ACTION) "]" },
	{ "an index that is a number", "[{\"type\":\"button\",\"sub_type\":\"url\",\"index\":3,\"parameters\":[]}]",
		"[" BUTTON("url", "3", "") "]" },
	{ "types in capitals", "[{\"type\":\"BODY\",\"parameters\":[{\"type\":\"TEXT\",\"text\":\"x\"}]}]",
		"[" BODY(TEXT("x")) "]" },
	{ "a component without parameters", "[{\"type\":\"header\"}]", "[" HEADER("") "]" },
};

static void the_request_has_the_recipients_values(void **state)
{
	struct fixture f = fixture_open();
	struct str missing;

	(void)state;
	for (size_t i = 0; i < COUNT(requests); i++) {
		struct parameters p = parsed(&f, requests[i].list, true);

		buf_clear(&f.out);
		if (parameters_write(&p, &f.values, &f.out, &missing) != TEXT_WRITTEN ||
			!str_is(buf_str(&f.out), requests[i].want))
			fail_msg("%s: %.*s", requests[i].name, STR_ARG(buf_str(&f.out)));
	}
	fixture_close(&f);
}

static void parameters_of_a_direct_message_have_no_variables(void **state)
{
	struct fixture f = fixture_open();
	struct parameters p = parsed(&f, "[" BODY(TEXT("{{contact.first_name}} {{x")) "]", false);
	struct str missing;

	(void)state;
	assert_int_equal(parameters_write(&p, &f.values, &f.out, &missing), TEXT_WRITTEN);
	assert_true(str_is(buf_str(&f.out), "[" BODY(TEXT("{{contact.first_name}} {{x")) "]"));
	fixture_close(&f);
}

static void all_variables_are_listed_in_their_order(void **state)
{
	static const char *const want[] = { "var.image", "var.name", "contact.first_name", "var.a", "var.b" };
	struct fixture f = fixture_open();
	struct parameters p = parsed(&f,
		"[" HEADER(IMAGE("\"link\":\"{{var.image}}\",\"filename\":\"{{var.name|x}}\"")) "," BODY(
			TEXT("{{contact.first_name}}") "," PRICE "," TEXT("{{var.a}} {{var.b}}")) "]",
		true);
	const struct reference *const *got;
	size_t n;

	(void)state;
	got = parameters_references(&p, f.arena, &n);
	assert_int_equal(n, COUNT(want));
	for (size_t i = 0; i < n; i++)
		assert_true(str_is(got[i]->variable, want[i]));
	p = parsed(&f, "", true);
	parameters_references(&p, f.arena, &n);
	assert_int_equal(n, 0);
	fixture_close(&f);
}

static void a_recipient_without_a_value_gets_no_request(void **state)
{
	static const struct {
		const char *name, *list;
		enum text_outcome want;
		const char *missing;
	} cases[] = {
		{ "a text", "[" BODY(TEXT("Hi {{var.a}}") "," TEXT("{{var.b}}")) "]", TEXT_MISSING, "var.a" },
		{ "a text that would be empty", "[" BODY(TEXT("{{var.a|}}")) "]", TEXT_MISSING, "var.a" },
		{ "a link", "[" HEADER(IMAGE("\"link\":\"https://example.com/{{var.a}}\"")) "]", TEXT_MISSING,
			"var.a" },
		{ "the parameter of a button", "[" BODY(TEXT("x")) "," BUTTON("url", "0", TEXT("{{var.a}}")) "]",
			TEXT_MISSING, "var.a" },
		{ "a code that is too long is not cut",
			"[" BUTTON("copy_code", "0",
				"{\"type\":\"coupon_code\",\"coupon_code\":\"{{contact.full_name}}\"}") "]",
			TEXT_TOO_LONG, NULL },
	};
	struct fixture f = fixture_open();
	char name[1025];

	(void)state;
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = 'a';
	f.values.full_name = (struct str){ name, sizeof(name) };
	buf_add_str(&f.out, STR("before"));
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct parameters p = parsed(&f, cases[i].list, true);
		struct str missing = STR_NONE;

		if (parameters_write(&p, &f.values, &f.out, &missing) != cases[i].want ||
			!str_eq(missing, str_of(cases[i].missing)) || !str_is(buf_str(&f.out), "before"))
			fail_msg("%s: %.*s", cases[i].name, STR_ARG(missing));
	}
	fixture_close(&f);
}

static void a_text_of_more_than_1024_characters_is_cut(void **state)
{
	struct fixture f = fixture_open();
	struct parameters p = parsed(&f, "[" BODY(TEXT("{{contact.full_name}}")) "]", true);
	struct str missing;
	char name[1025];

	(void)state;
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = 'a';
	f.values.full_name = (struct str){ name, sizeof(name) };
	assert_int_equal(parameters_write(&p, &f.values, &f.out, &missing), TEXT_WRITTEN);
	assert_int_equal(f.out.n, sizeof("[" BODY(TEXT("")) "]") - 1 + 1024);
	fixture_close(&f);
}

static const struct {
	const char *name, *list, *reasons[4];
} faulty[] = {
	{ "not JSON", "[", { "the template's parameters: not JSON near byte 1: unexpected end of data" } },
	{ "not a list", "{}", { "the template's parameters are not a list of at most 12 components" } },
	{ "thirteen components", "[{},{},{},{},{},{},{},{},{},{},{},{},{}]",
		{ "the template's parameters are not a list of at most 12 components" } },
	{ "a component that is not sent", "[{\"type\":\"carousel\"},7]",
		{ "a component of type \"carousel\", which Blazz does not send",
			"a component of type \"\", which Blazz does not send" } },
	{ "two bodies", "[" BODY("") "," BODY("") "]", { "body: given more than once" } },
	{ "a button twice", "[" BUTTON("url", "0", "") "," BUTTON("url", "0", "") "]",
		{ "button 0: given more than once" } },
	{ "buttons without an index",
		"[" BUTTON("url", "10", "") "," BUTTON("url", "-1", "") "," BUTTON("url", "x", "") "]",
		{ "a button without an index between 0 and 9", "a button without an index between 0 and 9",
			"a button without an index between 0 and 9" } },
	{ "a button without a sub_type", "[{\"type\":\"button\",\"index\":1}]", { "button 1: it has no sub_type" } },
	{ "parameters that are no list", "[{\"type\":\"body\",\"parameters\":{}}]",
		{ "body: its parameters are not a list of at most 64" } },
	{ "an unknown type", "[" BODY("{\"type\":\"gif\"},{}") "]",
		{ "body, parameter 1: unknown type of parameter \"gif\"",
			"body, parameter 2: unknown type of parameter \"\"" } },
	{ "a text that is a number", "[" BODY("{\"type\":\"text\",\"text\":5}") "]",
		{ "body, parameter 1: text is not a string" } },
	{ "every faulty text", "[" BODY(TEXT("x") "," TEXT("") "," TEXT("{{nme}}") "," TEXT("{{")) "]",
		{ "body, parameter 2: text is empty",
			"body, parameter 3: character 1: unknown variable \"nme\"; there are contact.first_name, "
			"contact.last_name, contact.full_name, contact.phone, campaign.name and var.NAME",
			"body, parameter 4: character 1: {{ is not closed by }}" } },
	{ "a text that looks empty", "[" BODY(TEXT(" \\u200b\\n")) "]", { "body, parameter 1: text is empty" } },
	{ "media by id and link", "[" HEADER(IMAGE("\"id\":\"1\",\"link\":\"x\"")) "]",
		{ "header, parameter 1: image needs either an id or a link" } },
	{ "media by neither", "[" HEADER(IMAGE("\"filename\":\"x\"")) "]",
		{ "header, parameter 1: image needs either an id or a link" } },
	{ "media that are a string", "[" HEADER("{\"type\":\"video\",\"video\":\"x\"}") "]",
		{ "header, parameter 1: video is not an object of at most 8 members" } },
	{ "an empty link", "[" HEADER(IMAGE("\"link\":\"\"")) "]", { "header, parameter 1: link is empty" } },
	{ "a member that is a list", "[" HEADER(IMAGE("\"link\":[]")) "]",
		{ "header, parameter 1: link is not a string" } },
	{ "a place without a longitude", "[" HEADER("{\"type\":\"location\",\"location\":{\"latitude\":1}}") "]",
		{ "header, parameter 1: location needs a latitude and a longitude" } },
	{ "a place without a latitude", "[" HEADER("{\"type\":\"location\",\"location\":{\"longitude\":1}}") "]",
		{ "header, parameter 1: location needs a latitude and a longitude" } },
	{ "an amount without a text", "[" BODY("{\"type\":\"currency\",\"currency\":{\"code\":\"USD\"}}") "]",
		{ "body, parameter 1: fallback_value is empty" } },
	{ "an action that is a string", "[" BUTTON("flow", "0", "{\"type\":\"action\",\"action\":\"x\"}") "]",
		{ "button 0, parameter 1: action is not an object" } },
	{ "the reasons behind a faulty component", "[" BODY(TEXT("")) ",{}]",
		{ "body, parameter 1: text is empty", "a component of type \"\", which Blazz does not send" } },
};

static void each_fault_of_the_parameters_is_named_with_its_place(void **state)
{
	struct fixture f = fixture_open();

	(void)state;
	for (size_t i = 0; i < COUNT(faulty); i++) {
		struct parameters p = { .n = 77 };

		reasons_init(&f.why, f.arena);
		assert_int_equal(parameters_parse(&p, str_of(faulty[i].list), true, f.arena, &f.why), -1);
		assert_int_equal(p.n, 77);
		assert_reasons(&f, faulty[i].name, faulty[i].reasons, COUNT(faulty[i].reasons));
	}
	fixture_close(&f);
}

#define T_HEADER(format, text) "{\"type\":\"HEADER\",\"format\":\"" format "\",\"text\":\"" text "\"}"
#define T_BODY(text)           "{\"type\":\"BODY\",\"text\":\"" text "\"}"
#define T_BUTTONS(list)        "{\"type\":\"BUTTONS\",\"buttons\":[" list "]}"
#define T_BUTTON(type)         "{\"type\":\"" type "\",\"text\":\"x\"}"
#define T_URL                  "{\"type\":\"URL\",\"text\":\"x\",\"url\":\"https://example.com/{{1}}\"}"
#define T_PLAIN_URL            "{\"type\":\"URL\",\"text\":\"x\",\"url\":\"https://example.com/\"}"

static const struct {
	const char *name, *components, *list, *reasons[4];
} checks[] = {
	{ "a template without parameters", "[" T_BODY("Hi") "]", "", { NULL } },
	{ "empty lists of parameters", "[" T_HEADER("TEXT", "Hi") "," T_BODY("Hi") "]", "[" HEADER("") "," BODY("") "]",
		{ NULL } },
	{ "two of two", "[" T_BODY("{{1}} {{2}}") "]", "[" BODY(TEXT("a") "," TEXT("b")) "]", { NULL } },
	{ "amounts are texts, too", "[" T_BODY("{{1}}") "]", "[" BODY(PRICE) "]", { NULL } },
	{ "none of two", "[" T_BODY("{{1}} {{2}}") "]", "[]", { "body: 0 parameters are given, the template has 2" } },
	{ "one of two", "[" T_BODY("{{1}} {{2}}") "]", "[" BODY(TEXT("a")) "]",
		{ "body: 1 parameter is given, the template has 2" } },
	{ "two of one", "[" T_BODY("{{1}}") "]", "[" BODY(TEXT("a") "," TEXT("b")) "]",
		{ "body: 2 parameters are given, the template has 1" } },
	{ "an image in the body", "[" T_BODY("{{1}}") "]", "[" BODY(LINK) "]",
		{ "body: parameter 1 is of type image, but the template has a text" } },
	{ "a name where there are numbers", "[" T_BODY("{{1}}") "]", "[" BODY(NAMED("a", "x")) "]",
		{ "body: parameter 1 has a parameter_name, but the template's have numbers" } },
	{ "names in another order", "[" T_BODY("{{a}} {{b}}") "]", "[" BODY(NAMED("b", "x") "," NAMED("a", "x")) "]",
		{ NULL } },
	{ "a misspelt name", "[" T_BODY("{{a}} {{b}}") "]", "[" BODY(NAMED("a", "x") "," NAMED("c", "x")) "]",
		{ "body: the parameter \"b\" of the template is not given",
			"body: the template has no parameter \"c\"" } },
	{ "a name twice", "[" T_BODY("{{a}}") "]", "[" BODY(NAMED("a", "x") "," NAMED("a", "y")) "]",
		{ "body: the parameter \"a\" is given more than once" } },
	{ "no name where there are names", "[" T_BODY("{{a}}") "]", "[" BODY(TEXT("x")) "]",
		{ "body: the parameter \"a\" of the template is not given",
			"body: parameter 1 has no parameter_name, but the template's have names" } },
	{ "a text header", "[" T_HEADER("TEXT", "{{1}}") "," T_BODY("x") "]", "[" HEADER(TEXT("a")) "]", { NULL } },
	{ "a text header without its parameter", "[" T_HEADER("TEXT", "{{1}}") "]", "",
		{ "header: 0 parameters are given, the template has 1" } },
	{ "a header that the template does not have", "[" T_BODY("x") "]", "[" HEADER(LINK) "]",
		{ "header: the template has no header" } },
	{ "an image", "[" T_HEADER("IMAGE", "") "]", "[" HEADER(LINK) "]", { NULL } },
	{ "a place", "[" T_HEADER("LOCATION", "") "]", "[" HEADER(PLACE) "]", { NULL } },
	{ "an image that is not given", "[" T_HEADER("IMAGE", "") "]", "",
		{ "header: the template needs one parameter of type image" } },
	{ "an image instead of a video", "[" T_HEADER("VIDEO", "") "]", "[" HEADER(LINK) "]",
		{ "header: the template needs one parameter of type video" } },
	{ "two images", "[" T_HEADER("IMAGE", "") "]", "[" HEADER(LINK "," LINK) "]",
		{ "header: the template needs one parameter of type image" } },
	{ "an image instead of a document", "[" T_HEADER("DOCUMENT", "") "]", "[" HEADER(LINK) "]",
		{ "header: the template needs one parameter of type document" } },
	{ "the buttons that need one have it, others may",
		"[" T_BUTTONS(T_URL "," T_PLAIN_URL "," T_BUTTON("QUICK_REPLY") "," T_BUTTON("COPY_CODE") "," T_BUTTON(
			"FLOW") "," T_BUTTON("OTP") "," T_BUTTON("PHONE_NUMBER")) "]",
		"[" BUTTON("url", "0", TEXT("x")) "," BUTTON("copy_code", "3", COUPON) "," BUTTON("url", "5",
			TEXT("x")) "]",
		{ NULL } },
	{ "optional parameters", "[" T_BUTTONS(T_BUTTON("QUICK_REPLY") "," T_BUTTON("FLOW")) "]",
		"[" BUTTON("quick_reply", "0", PAYLOAD) "," BUTTON("flow", "1", ACTION) "]", { NULL } },
	{ "buttons without the parameter that they need",
		"[" T_BUTTONS(T_URL "," T_BUTTON("COPY_CODE") "," T_BUTTON("OTP")) "]", "[" BUTTON("url", "0", "") "]",
		{ "button 0: the template's button needs a parameter of type text",
			"button 1: the template's button needs a parameter of type coupon_code",
			"button 2: the template's button needs a parameter of type text" } },
	{ "parameters of another type", "[" T_BUTTONS(T_URL "," T_BUTTON("QUICK_REPLY")) "]",
		"[" BUTTON("url", "0", PAYLOAD) "," BUTTON("quick_reply", "1", PAYLOAD "," PAYLOAD) "]",
		{ "button 0: the template's button takes one parameter of type text",
			"button 1: the template's button takes one parameter of type payload" } },
	{ "a parameter that a button does not take", "[" T_BUTTONS(T_PLAIN_URL "," T_BUTTON("PHONE_NUMBER")) "]",
		"[" BUTTON("url", "0", TEXT("x")) "," BUTTON("phone_number", "1", TEXT("x")) "]",
		{ "button 0: the template's button takes no parameter",
			"button 1: the template's button takes no parameter" } },
	{ "another button", "[" T_BUTTONS(T_BUTTON("QUICK_REPLY")) "]", "[" BUTTON("url", "0", PAYLOAD) "]",
		{ "button 0: its sub_type is \"url\", but the template's button is a quick_reply" } },
	{ "a button that the template does not have", "[" T_BUTTONS(T_BUTTON("QUICK_REPLY")) "]",
		"[" BUTTON("quick_reply", "1", "") "]", { "button 1: the template has no such button" } },
	{ "a button that only Meta knows", "[" T_BUTTONS(T_BUTTON("CATALOG")) "]",
		"[" BUTTON("catalog", "0", ACTION) "]", { NULL } },
	{ "a carousel", "[{\"type\":\"CAROUSEL\"}]", "",
		{ "the template has a component or header of type \"CAROUSEL\", which Blazz does not send" } },
	{ "every reason", "[" T_HEADER("IMAGE", "") "," T_BODY("{{1}}") "," T_BUTTONS(T_URL) "]", "",
		{ "header: the template needs one parameter of type image",
			"body: 0 parameters are given, the template has 1",
			"button 0: the template's button needs a parameter of type text" } },
};

static void the_parameters_are_compared_with_the_template(void **state)
{
	struct fixture f = fixture_open();

	(void)state;
	for (size_t i = 0; i < COUNT(checks); i++) {
		struct template t = template_of(&f, checks[i].components);
		struct parameters p = parsed(&f, checks[i].list, true);

		parameters_check(&p, &t, &f.why);
		assert_reasons(&f, checks[i].name, checks[i].reasons, COUNT(checks[i].reasons));
		assert_string_equal(f.why.where, "");
	}
	fixture_close(&f);
}

static const struct {
	const char *name, *text, *list, *want;
} shown[] = {
	{ "a text without parameters", "Hello\\n*you*", "", "Hello\n*you*" },
	{ "numbers", "{{2}}, {{1}}, {{2}}", "[" BODY(TEXT("a") "," TEXT("b")) "]", "b, a, b" },
	{ "names", "Hi {{who}}!", "[" BODY(NAMED("who", "{{contact.first_name}}")) "]", "Hi Budi!" },
	{ "a parameter is not scanned again", "{{1}} {{2}}", "[" BODY(TEXT("{{var.quotes}}") "," TEXT("x")) "]",
		"\"}], {{1}} x" },
	{ "a parameter that is not given", "{{1}} {{ 2 }}", "[" BODY(TEXT("a")) "]", "a {{ 2 }}" },
	{ "no parameter at all", "{{1}}", "", "{{1}}" },
	{ "a name that is not given", "{{a}}", "[" BODY(NAMED("b", "x")) "]", "{{a}}" },
	{ "a value that the recipient does not have", "{{1}}", "[" BODY(TEXT("{{var.a}}")) "]", "{{1}}" },
	{ "an amount", "Only {{1}}", "[" BODY(PRICE) "]", "Only $1" },
	{ "what has no text", "{{1}}", "[" BODY(LINK) "]", "{{1}}" },
	{ "the header's parameter is not the body's", "{{1}}", "[" HEADER(TEXT("h")) "," BODY(TEXT("b")) "]", "b" },
};

static void the_recipient_reads_the_text_with_the_parameters_in_place(void **state)
{
	struct fixture f = fixture_open();

	(void)state;
	for (size_t i = 0; i < COUNT(shown); i++) {
		struct str components = arena_printf(f.arena, "[{\"type\":\"BODY\",\"text\":\"%s\"}]", shown[i].text);
		struct template t = template_of(&f, components.p);
		struct parameters p = parsed(&f, shown[i].list, true);

		buf_clear(&f.out);
		parameters_show(&p, &t.body, COMPONENT_BODY, &f.values, &f.out);
		if (!str_is(buf_str(&f.out), shown[i].want))
			fail_msg("%s: %.*s", shown[i].name, STR_ARG(buf_str(&f.out)));
	}
	fixture_close(&f);
}

static void a_header_is_shown_with_its_own_parameter(void **state)
{
	struct fixture f = fixture_open();
	struct template t = template_of(&f, "[" T_HEADER("TEXT", "Our {{1}}") "]");
	struct parameters p = parsed(&f, "[" BODY(TEXT("b")) "," HEADER(TEXT("h")) "]", true);

	(void)state;
	buf_add_str(&f.out, STR("before "));
	parameters_show(&p, &t.header_text, COMPONENT_HEADER, &f.values, &f.out);
	assert_true(str_is(buf_str(&f.out), "before Our h"));
	fixture_close(&f);
}

static void a_number_beyond_the_parameters_stays(void **state)
{
	struct fixture f = fixture_open();
	const struct template_text t = { .text = STR("{{0}} {{1}} {{2}} {{99999999999999999999}}"), .n = 2 };
	struct parameters p = parsed(&f, "[" BODY(TEXT("a")) "]", true);

	(void)state;
	parameters_show(&p, &t, COMPONENT_BODY, &f.values, &f.out);
	assert_true(str_is(buf_str(&f.out), "{{0}} a {{2}} {{99999999999999999999}}"));
	fixture_close(&f);
}

static void what_is_shown_is_bounded(void **state)
{
	struct fixture f = fixture_open();
	struct buf components = BUF_INIT;
	struct parameters p = parsed(&f, "[" BODY(TEXT("{{contact.full_name}}")) "]", true);
	struct template t;
	char name[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = 'a';
	f.values.full_name = (struct str){ name, sizeof(name) };
	buf_add_str(&components, STR("[{\"type\":\"BODY\",\"text\":\""));
	for (size_t i = 0; i < 10000; i++)
		buf_add_str(&components, STR("{{1}}"));
	buf_add_str(&components, STR("\"}]"));
	assert_int_equal(template_parse(&t, buf_str(&components), f.arena, NULL), 0);
	parameters_show(&p, &t.body, COMPONENT_BODY, &f.values, &f.out);
	assert_int_equal(f.out.n, TEMPLATE_SHOWN_CHARS);
	assert_in_range(f.out.cap, TEMPLATE_SHOWN_CHARS, 65536);
	buf_fini(&components);
	fixture_close(&f);
}

/* before, n times `part`, after. */
static struct str repeated(struct arena *a, const char *before, const char *part, size_t n, const char *after)
{
	struct buf b = BUF_INIT;
	struct str s;

	buf_add_str(&b, str_of(before));
	for (size_t i = 0; i < n; i++)
		buf_add_str(&b, str_of(part));
	buf_add_str(&b, str_of(after));
	s = arena_str(a, buf_str(&b));
	buf_fini(&b);
	return s;
}

static void sizes_are_bounded(void **state)
{
	static const struct {
		const char *before, *part, *after;
		size_t most;
		const char *reason;
	} cases[] = {
		{ "", " ", "[]", PARAMETERS_MAX_BYTES - 2, "the template's parameters have more than 65536 bytes" },
		{ "[{\"type\":\"body\",\"parameters\":[" TEXT("x"), "," TEXT("x"), "]}]", TEMPLATE_MAX_PARAMETERS - 1,
			"body: its parameters are not a list of at most 64" },
		{ "[{\"type\":\"body\",\"parameters\":[{\"type\":\"text\",\"text\":\"", "a", "\"}]}]",
			PARAMETER_MAX_CHARS, "body, parameter 1: text is longer than 1024 characters" },
		{ "[{\"type\":\"header\",\"parameters\":[{\"type\":\"image\",\"image\":{\"link\":\"", "a", "\"}}]}]",
			PARAMETER_MAX_LINK_CHARS, "header, parameter 1: link is longer than 2048 characters" },
		{ "[{\"type\":\"header\",\"parameters\":[{\"type\":\"image\",\"image\":{\"link\":\"a\"", ",\"x\":1",
			"}}]}]", PARAMETER_MAX_MEMBERS - 1,
			"header, parameter 1: image is not an object of at most 8 members" },
	};
	struct fixture f = fixture_open();
	struct parameters p;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct str more = repeated(f.arena, cases[i].before, cases[i].part, cases[i].most + 1, cases[i].after);

		parsed(&f, repeated(f.arena, cases[i].before, cases[i].part, cases[i].most, cases[i].after).p, true);
		assert_int_equal(parameters_parse(&p, more, true, f.arena, &f.why), -1);
		assert_int_equal(f.why.n, 1);
		assert_string_equal(f.why.at[0].p, cases[i].reason);
	}
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_request_has_the_recipients_values),
		cmocka_unit_test(parameters_of_a_direct_message_have_no_variables),
		cmocka_unit_test(all_variables_are_listed_in_their_order),
		cmocka_unit_test(a_recipient_without_a_value_gets_no_request),
		cmocka_unit_test(a_text_of_more_than_1024_characters_is_cut),
		cmocka_unit_test(each_fault_of_the_parameters_is_named_with_its_place),
		cmocka_unit_test(the_parameters_are_compared_with_the_template),
		cmocka_unit_test(the_recipient_reads_the_text_with_the_parameters_in_place),
		cmocka_unit_test(a_header_is_shown_with_its_own_parameter),
		cmocka_unit_test(a_number_beyond_the_parameters_stays),
		cmocka_unit_test(what_is_shown_is_bounded),
		cmocka_unit_test(sizes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
