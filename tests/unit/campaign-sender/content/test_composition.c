/* campaign-sender/content/composition: what a campaign's definition becomes for each recipient, and why one cannot be sent. */
#include "unit.h"

#include <string.h>

#include "campaign-sender/content/composition.h"
#include "campaign-sender/content/outgoing.h"
#include "pg/pg.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define LIT(text) { text, sizeof(text) - 1 }
#define META      PROVIDER_META
#define WEBJS     PROVIDER_WEBJS
#define LINK      "{\"link\":\"https://example.com/{{var.image}}.png\",\"mime\":\"image/png\",\"filename\":\"hat\"}"
#define REPLIES \
	"[{\"type\":\"quick_reply\",\"text\":\"Yes\",\"id\":\"y\"},{\"type\":\"QUICK_REPLY\",\"text\":\"{{var.no}}\"}]"
#define PAGE "[{\"type\":\"url\",\"text\":\"Shop\",\"url\":\"https://example.com/{{var.code}}\"}]"

static struct arena *arena;

static int start(void **state)
{
	(void)state;
	arena = arena_new(1 << 14);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

#define assert_str(s, want) assert_string_equal(arena_cstr(arena, (s)), (want))

static const struct audience_member budi = {
	.address = LIT("6281234"),
	.dialled = LIT("+62 812-34"),
	.first_name = LIT("Budi"),
	.variables = LIT(
		"{\"code\":\"A1\",\"image\":\"hat\",\"no\":\"Not now\",\"long\":\"12345678901234567890 and more\"}"),
};

/* What the columns say; absent: null. */
struct definition {
	const char *header_type, *header_text, *header_media, *body, *footer, *buttons, *content;
};

static struct campaign_row row_of(const struct definition *d)
{
	struct campaign_row row = {
		.name = STR("Sale"),
		.type = STR("instant"),
		.header_type = str_of(d->header_type),
		.header_text = str_of(d->header_text),
		.header_media = str_of(d->header_media),
		.body_text = str_of(d->body),
		.footer_text = str_of(d->footer),
		.buttons_data = str_of(d->buttons),
		.message_content = str_of(d->content),
		.commanded_us = 5000,
	};

	memset(&row.uuid, 1, sizeof(row.uuid));
	memset(&row.workspace, 2, sizeof(row.workspace));
	return row;
}

static struct composition *compiled(const struct campaign_row *row, enum provider provider,
	const struct sending_template *t)
{
	struct composition *c = NULL;
	struct reasons why;

	reasons_init(&why, arena);
	if (composition_compile(&c, row, provider, t, arena, &why) < 0)
		fail_msg("%s", why.at[0].p);
	assert_int_equal(why.n, 0);
	return c;
}

static struct send_message written(const struct composition *c, enum provider provider,
	const struct audience_member *member, uint64_t random)
{
	struct send_message m;
	struct buf out = BUF_INIT;
	struct str missing = STR_NONE;
	struct err err;

	assert_int_equal(composition_write(c, member, provider, random, arena, &out, &missing), COMPOSED);
	if (send_message_decode(&m, buf_str(&out), arena, &err) < 0)
		fail_msg("%s", err.msg);
	buf_fini(&out);
	return m;
}

/* What provider_check() says of the message, too. */
static struct send_message sent(const struct definition *d, enum provider provider)
{
	const struct provider_api *api = provider == META ? &provider_meta : &provider_waha;
	struct campaign_row row = row_of(d);
	struct composition *c = compiled(&row, provider, NULL);
	struct client_id id = { .campaign = row.uuid, .id = 7 };
	struct send_message m = written(c, provider, &budi, 0);
	struct outgoing out;
	struct buf content = BUF_INIT;
	struct err err;

	if (send_message_encode(&m, &content, &err) < 0 ||
		outgoing_read(&out, buf_str(&content), budi.address, &id, api, arena, &err) < 0 ||
		provider_check(api, &out.to_provider, arena, &err) < 0)
		fail_msg("%s", err.msg);
	buf_fini(&content);
	return m;
}

static void a_message_is_the_campaigns_to_the_number_dialled(void **state)
{
	static const struct definition d = { .content = "Hi {{contact.first_name|there}}" };
	struct send_message m = sent(&d, META);
	struct campaign_row row = row_of(&d);

	(void)state;
	assert_true(uuid_eq(&m.request, &row.uuid) && uuid_eq(&m.workspace, &row.workspace));
	assert_true(uuid_is_nil(&m.account));
	assert_int_equal(m.deadline_ms, 0);
	assert_int_equal(m.requested_at_ms, 5);
	assert_int_equal(m.kind, SEND_MESSAGE);
	assert_int_equal(m.type, MSG_TEXT);
	assert_str(m.chat.contact.phone, "+6281234");
	assert_str(m.u.text, "Hi Budi");
}

static void a_number_that_cannot_be_dialled_is_the_address(void **state)
{
	static const struct {
		const char *address, *dialled, *phone, *lid;
	} cases[] = {
		{ "6281234", NULL, "6281234", "" },
		{ "6281234", "0812 34", "6281234", "" },
		{ "6281234", "ext. 5", "6281234", "" },
		{ "6281234", "(62) 812/34.5", "62812345", "" },
		{ "6281234", "+", "6281234", "" },
		{ "lid:777", NULL, "", "777" },
		{ "lid:777", "+1650", "+1650", "" },
	};
	static const struct definition d = { .content = "Hi" };
	struct campaign_row row = row_of(&d);
	struct composition *c = compiled(&row, WEBJS, NULL);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct audience_member member = { .address = str_of(cases[i].address),
			.dialled = str_of(cases[i].dialled) };
		struct send_message m = written(c, WEBJS, &member, 0);

		assert_str(m.chat.contact.phone, cases[i].phone);
		assert_str(m.chat.contact.lid, cases[i].lid);
	}
}

static void parts_without_buttons_are_one_text(void **state)
{
	static const struct definition whole = { "text", "*Sale*", NULL, "Hi {{contact.first_name}}", "Bye", NULL,
		"unused" },
				       named = { NULL, NULL, NULL, "{{campaign.name}}: {{var.code}}", NULL, "[]",
					       NULL };

	(void)state;
	assert_str(sent(&whole, META).u.text, "*Sale*\n\nHi Budi\n\nBye");
	assert_str(sent(&whole, WEBJS).u.text, "*Sale*\n\nHi Budi\n\nBye");
	assert_str(sent(&named, META).u.text, "Sale: A1");
}

static void a_header_medium_has_the_texts_as_its_caption(void **state)
{
	static const struct definition d = { "image", NULL, LINK, "Hi {{contact.first_name}}", "Bye", NULL, NULL };
	struct send_message m = sent(&d, WEBJS);

	(void)state;
	assert_int_equal(m.type, MSG_IMAGE);
	assert_str(m.u.media.url, "https://example.com/hat.png");
	assert_str(m.u.media.mime, "image/png");
	assert_str(m.u.media.file_name, "hat");
	assert_str(m.u.media.caption, "Hi Budi\n\nBye");
}

static void a_medium_may_be_one_that_meta_has(void **state)
{
	static const struct definition d = { "document", "unused", "{\"id\":\"123\",\"link\":\"x\"}", NULL, NULL, NULL,
		NULL };
	struct send_message m = sent(&d, META);

	(void)state;
	assert_int_equal(m.type, MSG_DOCUMENT);
	assert_str(m.u.media.provider_media_id, "123");
	assert_int_equal(m.u.media.caption.n, 0);
}

static void a_header_may_be_a_location(void **state)
{
	static const struct definition d = { "location", NULL,
		"{\"latitude\":-6.25,\"longitude\":106.5,\"name\":\"Home\"}", NULL, NULL, NULL, NULL };
	struct send_message m = sent(&d, WEBJS);

	(void)state;
	assert_int_equal(m.type, MSG_LOCATION);
	assert_true(m.u.location.latitude == -6.25 && m.u.location.longitude == 106.5);
	assert_str(m.u.location.name, "Home");
}

static void buttons_make_an_interactive_message(void **state)
{
	static const struct definition replies = { "text", "Sale", NULL, "Hi {{contact.first_name}}", "Bye", REPLIES,
		NULL },
				       page = { "image", NULL, LINK, "Hi", NULL, PAGE, NULL };

	(void)state;
	assert_str(sent(&replies, META).u.extra,
		"{\"interactive\":{\"type\":\"button\",\"header\":{\"type\":\"text\",\"text\":\"Sale\"},\"body\":{\"text\":\"Hi Budi\"},"
		"\"footer\":{\"text\":\"Bye\"},\"action\":{\"buttons\":[{\"type\":\"reply\",\"reply\":{\"id\":\"y\",\"title\":\"Yes\"}},"
		"{\"type\":\"reply\",\"reply\":{\"id\":\"Not now\",\"title\":\"Not now\"}}]}}}");
	assert_str(sent(&page, META).u.extra,
		"{\"interactive\":{\"type\":\"cta_url\",\"header\":{\"type\":\"image\",\"image\":{\"link\":\"https://example.com/hat.png\"}},"
		"\"body\":{\"text\":\"Hi\"},\"action\":{\"name\":\"cta_url\",\"parameters\":{\"display_text\":\"Shop\","
		"\"url\":\"https://example.com/A1\"}}}}");
}

/* Meta's own texts have braces. */
static void choices_are_a_bridges_alone(void **state)
{
	static const struct definition d = { .content = "{a|b}" };
	struct campaign_row row = row_of(&d);
	struct composition *bridge = compiled(&row, WEBJS, NULL);
	bool seen[2] = { false, false };

	(void)state;
	assert_str(sent(&d, META).u.text, "{a|b}");
	for (uint64_t random = 0; random < 20; random++) {
		struct str text = written(bridge, WEBJS, &budi, random).u.text;

		assert_true(str_is(text, "a") || str_is(text, "b"));
		assert_true(str_eq(text, written(bridge, WEBJS, &budi, random).u.text));
		seen[str_is(text, "b")] = true;
	}
	assert_true(seen[0] && seen[1]);
}

static void data_neither_formats_nor_is_scanned(void **state)
{
	static const struct definition d = { .content = "Hi {{contact.first_name}}" };
	static const struct audience_member sly = { .address = LIT("1"), .first_name = LIT("{{var.x}} {a|b} *x*") };
	struct campaign_row row = row_of(&d);

	(void)state;
	assert_str(written(compiled(&row, WEBJS, NULL), WEBJS, &sly, 0).u.text,
		"Hi {{var.x}} {a|b} *\xe2\x80\x8bx*\xe2\x80\x8b");
}

static void a_recipient_may_have_to_be_skipped(void **state)
{
	static const struct {
		struct definition d;
		enum composed want;
		const char *missing;
	} cases[] = {
		{ { .content = "{{contact.last_name}}" }, COMPOSED_MISSING_VARIABLE, "contact.last_name" },
		{ { .content = "{{var.none}}" }, COMPOSED_MISSING_VARIABLE, "var.none" },
		{ { .content = "{{var.none|}}" }, COMPOSED_MISSING_VARIABLE, "var.none" },
		{ { .content = "{{var.none|x}}" }, COMPOSED, "" },
		{ { "image", NULL, "{\"link\":\"https://e/{{var.none}}\"}", NULL, NULL, NULL, NULL },
			COMPOSED_MISSING_VARIABLE, "var.none" },
		{ { NULL, NULL, NULL, "Hi", NULL, "[{\"type\":\"quick_reply\",\"text\":\"{{var.long}}\"}]", NULL },
			COMPOSED_TOO_LONG, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct campaign_row row = row_of(&cases[i].d);
		struct composition *c = compiled(&row, META, NULL);
		struct buf out = BUF_INIT;
		struct str missing = STR_NONE;

		buf_add_str(&out, STR("kept"));
		assert_int_equal(composition_write(c, &budi, META, 0, arena, &out, &missing), cases[i].want);
		assert_str(missing, cases[i].missing);
		assert_true(cases[i].want == COMPOSED ? out.n > 4 : out.n == 4);
		buf_fini(&out);
	}
}

static void texts_that_fit_alone_may_be_too_long_together(void **state)
{
	char *text = arena_alloc(arena, 3001);
	struct definition d = { .body = text, .footer = "{{contact.first_name}}" };
	struct campaign_row row;
	struct composition *c;
	struct buf out = BUF_INIT;
	struct str missing;
	char *name = arena_alloc(arena, 1500);
	struct audience_member member = { .address = STR("1"), .first_name = { name, 1500 } };

	(void)state;
	memset(text, 'x', 3000);
	memset(name, 'y', 1500);
	row = row_of(&d);
	c = compiled(&row, META, NULL);
	assert_int_equal(composition_write(c, &member, META, 0, arena, &out, &missing), COMPOSED_TOO_LONG);
	c = compiled(&row, WEBJS, NULL);
	assert_int_equal(composition_write(c, &member, WEBJS, 0, arena, &out, &missing), COMPOSED);
	buf_fini(&out);
}

static void a_fault_is_found_before_the_first_message(void **state)
{
	static const struct {
		struct definition d;
		enum provider provider;
		const char *why;
	} cases[] = {
		{ { .content = " " }, META, "the message has no text" },
		{ { .content = "{{" }, META, "body: character 1: {{ is not closed by }}" },
		{ { .body = "x", .footer = "{{who}}" }, META,
			"footer: character 1: unknown variable \"who\"; there are contact.first_name, contact.last_name, contact.full_name, "
			"contact.phone, campaign.name and var.NAME" },
		{ { .header_type = "image", .body = "x" }, META, "header: header_media is not a JSON object" },
		{ { .header_type = "image", .header_media = "{}" }, META, "header: the medium has no link and no id" },
		{ { .header_type = "image", .header_media = "{\"id\":\"1\"}" }, WEBJS,
			"header: the medium has no link" },
		{ { .header_type = "image", .header_media = "{\"link\":\"file:///etc\"}" }, WEBJS,
			"link of the header: it does not begin with https:// or http://" },
		{ { .header_type = "location", .header_media = "{\"latitude\":91,\"longitude\":0}" }, META,
			"header: latitude and longitude are missing or not on Earth" },
		{ { .header_type = "location", .header_media = "{\"latitude\":1,\"longitude\":0}", .body = "x" }, META,
			"a location cannot have a text" },
		{ { .body = "x", .buttons = REPLIES }, WEBJS, "buttons can be sent through Meta only" },
		{ { .buttons = REPLIES }, META, "a message with buttons needs a body" },
		{ { .body = "x", .buttons = "{}" }, META, "buttons_data is not a JSON array" },
		{ { .body = "x", .buttons = "[{\"type\":\"flow\",\"text\":\"x\"}]" }, META,
			"button 1: type is neither quick_reply nor url" },
		{ { .body = "x", .buttons = "[{\"type\":\"quick_reply\"}]" }, META, "button 1: it is empty" },
		{ { .body = "x", .buttons = "[{\"type\":\"quick_reply\",\"text\":\"123456789012345678901\"}]" }, META,
			"button 1: it is longer than 20 characters" },
		{ { .body = "x", .buttons = "[{\"type\":\"url\",\"text\":\"x\"}]" }, META,
			"button 1: it does not begin with https:// or http://" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct campaign_row row = row_of(&cases[i].d);
		struct composition *c = NULL;
		struct reasons why;

		reasons_init(&why, arena);
		assert_int_equal(composition_compile(&c, &row, cases[i].provider, NULL, arena, &why), -1);
		assert_null(c);
		assert_int_equal(why.n, 1);
		assert_str(why.at[0], cases[i].why);
	}
}

static void fixed_texts_are_measured_before_the_first_message(void **state)
{
	static const struct {
		size_t header, body, footer;
		const char *buttons, *why;
	} cases[] = {
		{ 0, 4097, 0, NULL, "body: it is longer than 4096 characters" },
		{ 1000, 2096, 1000, NULL, "header, body and footer are too long together: at most 4096 characters" },
		{ 1000, 2092, 1000, NULL, NULL },
		{ 61, 1, 0, REPLIES, "header: it is longer than 60 characters" },
		{ 0, 1025, 0, REPLIES, "body: it is longer than 1024 characters" },
		{ 0, 1, 61, REPLIES, "footer: it is longer than 60 characters" },
		{ 60, 1024, 60, REPLIES, NULL },
	};
	char *x = arena_alloc(arena, 5000);

	(void)state;
	memset(x, 'x', 5000);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct definition d = { .buttons = cases[i].buttons };
		struct campaign_row row = row_of(&d);
		struct composition *c;
		struct reasons why;

		row.header_text = (struct str){ x, cases[i].header };
		row.body_text = (struct str){ x, cases[i].body };
		row.footer_text = (struct str){ x, cases[i].footer };
		reasons_init(&why, arena);
		assert_int_equal(composition_compile(&c, &row, META, NULL, arena, &why), cases[i].why ? -1 : 0);
		assert_int_equal(why.n, cases[i].why ? 1 : 0);
		if (cases[i].why)
			assert_str(why.at[0], cases[i].why);
	}
}

static struct sending_template template_of(struct template *parsed)
{
	struct err err;

	if (template_parse(parsed, STR("[{\"type\":\"BODY\",\"text\":\"Hi {{1}}, {{2}}\"}]"), arena, &err) < 0)
		fail_msg("%s", err.msg);
	return (struct sending_template){ .name = STR("promo"), .language = STR("id"), .parsed = parsed };
}

#define PARAMETERS(second) \
	"[{\"type\":\"body\",\"parameters\":[{\"type\":\"text\",\"text\":\"{{contact.first_name}}\"}" second "]}]"
#define SECOND ",{\"type\":\"text\",\"text\":\"{{var.code|none}}\"}"

static struct campaign_row template_row(const char *parameters)
{
	struct campaign_row row = row_of(&(struct definition){ .content = NULL });

	row.type = STR("template");
	row.template_parameters = str_of(parameters);
	return row;
}

static void a_template_gets_the_recipients_parameters(void **state)
{
	struct template parsed;
	struct sending_template t = template_of(&parsed);
	struct campaign_row row = template_row(PARAMETERS(SECOND));
	struct send_message m = written(compiled(&row, META, &t), META, &budi, 0);

	(void)state;
	assert_int_equal(m.type, MSG_TEMPLATE);
	assert_str(m.u.template.name, "promo");
	assert_str(m.u.template.language, "id");
	assert_str(m.u.template.components,
		"[{\"type\":\"body\",\"parameters\":[{\"type\":\"text\",\"text\":\"Budi\"},{\"type\":\"text\",\"text\":\"A1\"}]}]");
}

static void a_template_that_cannot_be_sent_has_a_reason(void **state)
{
	struct template parsed;
	struct sending_template usable = template_of(&parsed), broken = { .fault = STR("it has no components yet") };
	const struct {
		const char *parameters;
		enum provider provider;
		const struct sending_template *t;
		const char *why;
	} cases[] = {
		{ PARAMETERS(SECOND), WEBJS, &usable, "templates can be sent through Meta only" },
		{ PARAMETERS(SECOND), META, NULL, "template: the account does not have it" },
		{ PARAMETERS(SECOND), META, &broken, "template: it has no components yet" },
		{ PARAMETERS(""), META, &usable, "body: 1 parameter is given, the template has 2" },
		{ NULL, META, &usable, "body: 0 parameters are given, the template has 2" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct campaign_row row = template_row(cases[i].parameters);
		struct composition *c;
		struct reasons why;

		reasons_init(&why, arena);
		assert_int_equal(composition_compile(&c, &row, cases[i].provider, cases[i].t, arena, &why), -1);
		assert_int_equal(why.n, 1);
		assert_str(why.at[0], cases[i].why);
	}
}

static const char *references_of(const struct composition *c)
{
	struct buf out = BUF_INIT;
	size_t n;
	const struct reference *const *all = composition_references(c, arena, &n);
	const char *names;

	for (size_t i = 0; i < n; i++)
		buf_printf(&out, "%s%.*s", i ? " " : "", STR_ARG(all[i]->variable));
	names = arena_cstr(arena, buf_str(&out));
	buf_fini(&out);
	return names;
}

static void the_variables_of_every_part_are_known(void **state)
{
	static const struct definition d = { "image", NULL, LINK, "{{contact.first_name}} {{var.a|x}}", "{{var.b}}",
		"[{\"type\":\"url\",\"text\":\"{{var.c}}\",\"url\":\"https://{{var.d}}\"}]", NULL };
	struct template parsed;
	struct sending_template t = template_of(&parsed);
	struct campaign_row instant = row_of(&d), row = template_row(PARAMETERS(SECOND));

	(void)state;
	assert_string_equal(references_of(compiled(&instant, META, NULL)),
		"var.image contact.first_name var.a var.b var.c var.d");
	assert_string_equal(references_of(compiled(&row, META, &t)), "contact.first_name var.code");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_the_campaigns_to_the_number_dialled),
		cmocka_unit_test(a_number_that_cannot_be_dialled_is_the_address),
		cmocka_unit_test(parts_without_buttons_are_one_text),
		cmocka_unit_test(a_header_medium_has_the_texts_as_its_caption),
		cmocka_unit_test(a_medium_may_be_one_that_meta_has),
		cmocka_unit_test(a_header_may_be_a_location),
		cmocka_unit_test(buttons_make_an_interactive_message),
		cmocka_unit_test(choices_are_a_bridges_alone),
		cmocka_unit_test(data_neither_formats_nor_is_scanned),
		cmocka_unit_test(a_recipient_may_have_to_be_skipped),
		cmocka_unit_test(texts_that_fit_alone_may_be_too_long_together),
		cmocka_unit_test(a_fault_is_found_before_the_first_message),
		cmocka_unit_test(fixed_texts_are_measured_before_the_first_message),
		cmocka_unit_test(a_template_gets_the_recipients_parameters),
		cmocka_unit_test(a_template_that_cannot_be_sent_has_a_reason),
		cmocka_unit_test(the_variables_of_every_part_are_known),
	};

	return cmocka_run_group_tests_name("campaign-sender/content/composition", tests, start, stop);
}
