/* libs/provider/provider: what a provider cannot carry is said before it is sent. */
#include "sample.h"

#include <math.h>
#include <stdlib.h>

/* n characters of two bytes each. */
static struct str characters(size_t n)
{
	char *p = mem_alloc(2 * n);

	for (size_t i = 0; i < n; i++)
		memcpy(p + 2 * i, "\xc3\xa9", 2);
	return (struct str){ p, 2 * n };
}

static const char *refusal(const struct provider_api *api, const struct provider_message *m, struct err *err)
{
	struct arena *a = arena_new(0);
	int rc = provider_check(api, m, a, err);

	arena_free(a);
	if (rc == 0)
		return NULL;
	assert_int_equal(err->kind, ERR_INPUT);
	return err->msg;
}

#define META      &provider_meta
#define BLAZZ     &provider_blazz
#define WAHA      &provider_waha
#define EVOLUTION &provider_evolution
#define WWEBJS    &provider_wwebjs
#define PICTURE   { .url = LIT("https://example.com/a.jpg") }
#define BY_ID     { .provider_media_id = LIT("1013859600285441") }
#define COMPONENTS(json) \
	{ .to = TO_PHONE, \
		.type = MSG_TEMPLATE, \
		.template_name = LIT("a"), \
		.template_language = LIT("id"), \
		.template_components = LIT(json) }

static void content_that_a_provider_cannot_carry_is_refused_with_a_reason(void **state)
{
	static const struct {
		const struct provider_api *api;
		struct provider_message message;
		const char *reason;
	} cases[] = {
		{ META, { .to = TO_PHONE, .type = MSG_POLL }, "meta cannot send messages of type poll" },
		{ META, { .to = TO_PHONE }, "meta cannot send messages of type " },
		{ BLAZZ, { .to = TO_PHONE, .type = MSG_TEMPLATE }, "blazz cannot send messages of type template" },
		{ WAHA, { .to = TO_PHONE, .type = MSG_TEMPLATE }, "waha cannot send messages of type template" },
		{ WAHA, { .to = TO_PHONE, .type = MSG_STICKER, .media = PICTURE },
			"waha cannot send messages of type sticker" },
		{ EVOLUTION, { .to = TO_PHONE, .type = MSG_INTERACTIVE },
			"evolution cannot send messages of type interactive" },
		{ WWEBJS, { .to = TO_PHONE, .type = MSG_CONTACTS }, "wwebjs cannot send messages of type contacts" },

		{ META, { .to = TO_PHONE, .type = MSG_TEXT }, "the text is empty" },
		{ META, { .to = TO_PHONE, .type = MSG_TEXT, .body = LIT("\xff") }, "the text is not valid text" },
		{ META, { .to = TO_PHONE, .type = MSG_IMAGE }, "meta needs the medium's http or https URL" },
		{ META, { .to = TO_PHONE, .type = MSG_IMAGE, .media = { .url = LIT("file:///etc/passwd") } },
			"meta needs the medium's http or https URL" },
		{ WAHA, { .to = TO_PHONE, .type = MSG_IMAGE, .media = { .url = LIT("file:///etc/passwd") } },
			"waha needs the medium's http or https URL" },
		{ BLAZZ, { .to = TO_PHONE, .type = MSG_IMAGE, .media = BY_ID },
			"blazz needs the medium's http or https URL" },
		{ META,
			{ .to = TO_PHONE,
				.type = MSG_AUDIO,
				.media = { .url = LIT("https://a"), .caption = LIT("x") } },
			"a message of type audio cannot have a caption" },
		{ META, { .to = TO_PHONE, .type = MSG_LOCATION }, "the location is missing or not on Earth" },
		{ WAHA, { .to = TO_PHONE, .type = MSG_LOCATION, .location = { .present = true, .latitude = 91 } },
			"the location is missing or not on Earth" },
		{ WAHA, { .to = TO_PHONE, .type = MSG_LOCATION, .location = { .present = true, .longitude = -181 } },
			"the location is missing or not on Earth" },
		{ META, { .to = TO_PHONE, .type = MSG_LOCATION, .location = { .present = true, .latitude = NAN } },
			"the location is missing or not on Earth" },
		{ META, { .to = TO_PHONE, .type = MSG_TEMPLATE, .template_name = LIT("a") },
			"the template has no name or no language" },
		{ META, COMPONENTS("{}"), "the list of template components is missing or not valid JSON" },
		{ META, COMPONENTS("[],{}"), "the list of template components is missing or not valid JSON" },
		{ META, { .to = TO_PHONE, .type = MSG_INTERACTIVE }, "extra.interactive is missing or not valid JSON" },
		{ META, { .to = TO_PHONE, .type = MSG_INTERACTIVE, .extra = LIT("{\"interactive\":[]}") },
			"extra.interactive is missing or not valid JSON" },
		{ META, { .to = TO_PHONE, .type = MSG_CONTACTS, .extra = LIT("{\"contacts\":{}}") },
			"extra.contacts is missing or not valid JSON" },
		{ META, { .act = ACT_REACT, .to = TO_PHONE }, "the message to react to or to read is not named" },
		{ WAHA, { .act = ACT_READ, .to = TO_PHONE }, "the message to react to or to read is not named" },

		{ META, { .to = TO_LID, .type = MSG_TEXT, .body = LIT("x") },
			"the recipient has no address that Meta can send to" },
		{ META, { .to = TO_GROUP, .type = MSG_TEXT, .body = LIT("x") },
			"the recipient has no address that Meta can send to" },
		{ META, { .to = { .contact = { .phone = LIT("+62 812") } }, .type = MSG_TEXT, .body = LIT("x") },
			"the recipient has no address that Meta can send to" },
		{ WAHA, { .to = { .contact = { .bsuid = LIT("US.1") } }, .type = MSG_TEXT, .body = LIT("x") },
			"the recipient has no address that a bridge can send to" },
		{ WAHA,
			{ .to = { .is_group = true, .group = { .jid = LIT("Y2FwaV9ncm91cDox") } },
				.type = MSG_TEXT,
				.body = LIT("x") },
			"the recipient has no address that a bridge can send to" },
		{ BLAZZ,
			{ .to = { .contact = { .jid = LIT("status@broadcast") } }, .type = MSG_TEXT, .body = LIT("x") },
			"the recipient has no address that a bridge can send to" },
		{ EVOLUTION,
			{ .to = { .contact = { .jid = LIT("1@newsletter") } }, .type = MSG_TEXT, .body = LIT("x") },
			"the recipient has no address that a bridge can send to" },
		{ WWEBJS, { .to = { .contact = { .jid = LIT("1@g.us") } }, .type = MSG_TEXT, .body = LIT("x") },
			"the recipient has no address that a bridge can send to" },
		{ WWEBJS, { .to = { .contact = { .jid = LIT("nobody") } }, .type = MSG_TEXT, .body = LIT("x") },
			"the recipient has no address that a bridge can send to" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { .kind = ERR_NONE };
		const char *reason = refusal(cases[i].api, &cases[i].message, &err);

		if (!reason || strcmp(reason, cases[i].reason) != 0)
			fail_msg("%s: %s", cases[i].reason, reason ? reason : "accepted");
	}
}

static void text_is_counted_in_characters(void **state)
{
	static const struct {
		const struct provider_api *api;
		size_t text, caption; /* the most */
	} cases[] = {
		{ META, 4096, 1024 },
		{ BLAZZ, 65536, 65536 },
		{ WAHA, 65536, 65536 },
		{ EVOLUTION, 65536, 65536 },
		{ WWEBJS, 65536, 65536 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct str fits = characters(cases[i].text), captions = characters(cases[i].caption);
		struct str long_text = characters(cases[i].text + 1), long_caption = characters(cases[i].caption + 1);
		struct provider_message m = { .to = TO_PHONE, .type = MSG_TEXT, .body = fits, .media = PICTURE };
		struct err err;

		assert_null(refusal(cases[i].api, &m, &err));
		m.body = long_text;
		assert_non_null(strstr(refusal(cases[i].api, &m, &err), "the text has more than"));
		m.type = MSG_IMAGE;
		m.media.caption = captions;
		assert_null(refusal(cases[i].api, &m, &err));
		m.media.caption = long_caption;
		assert_non_null(strstr(refusal(cases[i].api, &m, &err), "the caption has more than"));
		free((void *)(uintptr_t)fits.p);
		free((void *)(uintptr_t)captions.p);
		free((void *)(uintptr_t)long_text.p);
		free((void *)(uintptr_t)long_caption.p);
	}
}

/* An account as a hostile tenant or operator may have written it. */
static void an_account_cannot_end_a_url_or_a_header_early(void **state)
{
	static const struct {
		const char *name, *base_url, *version, *session, *key;
		bool fine;
	} cases[] = {
		{ "fine", "https://a", "v25.0", "s", "k", true },
		{ "a query in the instance", "https://a?b=", "v25.0", "s", "k", false },
		{ "a fragment in the instance", "https://a#", "v25.0", "s", "k", false },
		{ "another host behind a user", "https://a@b", "v25.0", "s", "k", false },
		{ "a line break in the instance", "https://a/\r\nhost: b", "v25.0", "s", "k", false },
		{ "a space in the instance", "https://a/ b", "v25.0", "s", "k", false },
		{ "a backslash in the instance", "https://a\\b", "v25.0", "s", "k", false },
		{ "another scheme", "file:///etc", "v25.0", "s", "k", false },
		{ "no host", "https:///a", "v25.0", "s", "k", false },
		{ "only a port", "https://:80", "v25.0", "s", "k", false },
		{ "no instance", "", "v25.0", "s", "k", false },
		{ "no session", "https://a", "v25.0", "", "k", false },
		{ "the parent as session", "https://a", "v25.0", "..", "k", false },
		{ "the same folder as session", "https://a", "v25.0", ".", "k", false },
		{ "no key", "https://a", "v25.0", "s", "", false },
		{ "a line break in the key", "https://a", "v25.0", "s", "k\r\nx-api-key: 2", false },
		{ "a line feed at the end of the key", "https://a", "v25.0", "s", "k\n", false },
		{ "a key that is not ASCII", "https://a", "v25.0", "s", "k\xc3\xa9", false },
	};
	const struct provider_api *const apis[] = { EVOLUTION, WWEBJS };
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t p = 0; p < COUNT(apis); p++) {
			const struct provider_account from = {
				.base_url = str_of(cases[i].base_url),
				.version = str_of(cases[i].version),
				.session = str_of(cases[i].session),
				.key = str_of(cases[i].key),
			};
			const struct provider_message m = { .to = TO_PHONE, .type = MSG_TEXT, .body = STR("x") };
			struct provider_request r = { .method = HTTP_POST };
			struct err err = { .kind = ERR_NONE };

			if ((provider_build(apis[p], &from, &m, NOW_MS, a, &r, &err) == 0) != cases[i].fine)
				fail_msg("%s: %s", cases[i].name, err.msg);
			assert_true(cases[i].fine || err.kind == ERR_INPUT);
			provider_request_fini(&r);
		}
	arena_free(a);
}

static void a_session_is_one_path_segment(void **state)
{
	static const struct sample s = { "text", { .to = TO_PHONE, .type = MSG_TEXT, .body = LIT("x") }, HTTP_POST,
		"http://bridge:3000/wa/message/sendText/..%2F..%2Fadmin%3Fx%3D1%23%0D%0Ahost%3A%20b%25%00%C3%A9",
		"{\"number\":\"6281234567890\",\"text\":\"x\"}" };
	struct provider_account from = sample_account(PROVIDER_WEBJS, BRIDGE_EVOLUTION);

	(void)state;
	from.session = STR("../../admin?x=1#\r\nhost: b%\0\xc3\xa9");
	sample_check(EVOLUTION, &from, &s, NULL);
}

#define EVIL         "\",\"to\":\"666\"}\r\n\\"
#define EVIL_ESCAPED "\\\",\\\"to\\\":\\\"666\\\"}\\r\\n\\\\"

/* Into a body, whatever a message holds. */
static void a_text_cannot_end_a_json_string_early(void **state)
{
	static const struct sample meta = { "template",
		{ .to = { .contact = { .bsuid = LIT(EVIL) } },
			.type = MSG_TEMPLATE,
			.template_name = LIT(EVIL),
			.template_language = LIT(EVIL),
			.template_components = LIT("[ \"\\\",{\" ]"),
			.target = { .key = LIT(EVIL) },
			.client_message_id = LIT(EVIL) },
		HTTP_POST, "https://graph.facebook.com/v25.0/106540352242922/messages",
		"{\"messaging_product\":\"whatsapp\",\"recipient_type\":\"individual\",\"recipient\":\"" EVIL_ESCAPED
		"\",\"context\":{\"message_id\":\"" EVIL_ESCAPED
		"\"},\"type\":\"template\",\"biz_opaque_callback_data\":\"blazz:" EVIL_ESCAPED
		"\",\"template\":{\"name\":\"" EVIL_ESCAPED "\",\"language\":{\"code\":\"" EVIL_ESCAPED
		"\"},\"components\":[\"\\\",{\"]}}" };
	static const struct sample waha = { "document",
		{ .to = TO_PHONE,
			.type = MSG_DOCUMENT,
			.target = { .key = LIT("false:" EVIL) },
			.media = { .url = LIT("https://a/" EVIL),
				.mime = LIT(EVIL),
				.file_name = LIT(EVIL),
				.caption = LIT(EVIL) } },
		HTTP_POST, "http://bridge:3000/wa/api/sendFile",
		"{\"session\":\"" EVIL_ESCAPED
		"\",\"chatId\":\"6281234567890@c.us\",\"file\":{\"mimetype\":\"" EVIL_ESCAPED
		"\",\"filename\":\"" EVIL_ESCAPED "\",\"url\":\"https://a/" EVIL_ESCAPED
		"\"},\"caption\":\"" EVIL_ESCAPED "\",\"reply_to\":\"false_6281234567890@c.us_" EVIL_ESCAPED "\"}" };
	struct provider_account from = sample_account(PROVIDER_META, BRIDGE_NONE);

	(void)state;
	sample_check(META, &from, &meta, NULL);
	from = sample_account(PROVIDER_WEBJS, BRIDGE_WAHA);
	from.session = STR(EVIL);
	sample_check(WAHA, &from, &waha, NULL);
}

/* Every string that is not checked by its form. */
static struct provider_message hostile_message(enum provider_act act, enum message_type type)
{
	return (struct provider_message){
		.act = act,
		.to = { .contact = { .bsuid = STR(EVIL), .jid = STR(EVIL "@" EVIL) } },
		.client_message_id = STR(EVIL),
		.target = { .key = STR(EVIL), .participant = STR(EVIL) },
		.emoji = STR(EVIL),
		.type = type,
		.body = STR(EVIL),
		.media = { .url = STR("https://" EVIL), .mime = STR(EVIL), .file_name = STR(EVIL) },
		.location = { .present = true, .name = STR(EVIL), .address = STR(EVIL) },
		.template_name = STR(EVIL),
		.template_language = STR(EVIL),
		.extra = STR("{\"interactive\":{\"}\":\"]\"},\"contacts\":[\"]}\"]}"),
	};
}

static void request_is_whole(const struct provider_request *r)
{
	struct json_doc *doc = NULL;

	assert_int_equal(strlen(r->url.p) + 1, r->url.n);
	for (const char *c = r->url.p; *c; c++)
		assert_true(*c > ' ' && *c <= '~' && !strchr("\"#<>@\\^`{|}", *c));
	for (size_t i = 0; r->headers[i]; i++)
		assert_null(strpbrk(r->headers[i], "\r\n"));
	assert_int_equal(json_parse(&doc, buf_str(&r->body), NULL), 0);
	json_free(doc);
}

static void a_hostile_message_is_one_request_to_every_provider(void **state)
{
	static const enum bridge_kind bridges[] = { BRIDGE_NONE, BRIDGE_BLAZZ, BRIDGE_WWEBJS, BRIDGE_WAHA,
		BRIDGE_EVOLUTION };
	struct signing_keys *k = NULL;
	struct arena *a = arena_new(0);
	size_t built = 0;

	(void)state;
	assert_int_equal(signing_keys_parse(&k, STR("{\"keys\":[{\"secret\":\"k\"}]}"), NULL), 0);
	for (size_t b = 0; b < COUNT(bridges); b++)
		for (enum provider_act act = ACT_SEND; act <= ACT_READ; act++)
			for (enum message_type type = MSG_TEXT; type <= MSG_TEMPLATE; type++) {
				enum provider provider = b == 0 ? PROVIDER_META : PROVIDER_WEBJS;
				const struct provider_api *api = provider_find(provider, bridges[b]);
				struct provider_account from = sample_account(provider, bridges[b]);
				struct provider_message m = hostile_message(act, type);
				struct provider_request r = { .method = HTTP_POST };

				from.signing = k;
				from.session = STR(EVIL);
				if (provider_check(api, &m, a, NULL) < 0)
					continue;
				assert_int_equal(provider_build(api, &from, &m, NOW_MS, a, &r, NULL), 0);
				request_is_whole(&r);
				provider_request_fini(&r);
				built++;
			}
	/* Reactions and reads with each type; sent are 11 types by Meta, 8 by a bridge, 7 by WAHA. */
	assert_int_equal(built, 5 * 2 * MSG_TEMPLATE + 11 + 8 + 8 + 7 + 8);
	signing_keys_free(k);
	arena_free(a);
}

static void an_error_never_quotes_a_key(void **state)
{
	struct provider_account from = sample_account(PROVIDER_META, BRIDGE_NONE);
	const struct provider_message m = { .to = TO_PHONE, .type = MSG_TEXT, .body = STR("x") };
	struct provider_request r = { .method = HTTP_POST };
	struct arena *a = arena_new(0);
	struct err err;

	(void)state;
	from.key = STR("secret\n");
	assert_int_equal(provider_build(META, &from, &m, NOW_MS, a, &r, &err), -1);
	assert_null(strstr(err.msg, "secret"));
	provider_request_fini(&r);
	arena_free(a);
}

/* The writer has 64 levels, as many as parsed JSON may have. */
static void the_deepest_json_that_is_parsed_can_be_sent(void **state)
{
	struct provider_account from = sample_account(PROVIDER_META, BRIDGE_NONE);
	struct provider_message m = {
		.to = TO_PHONE, .type = MSG_TEMPLATE, .template_name = STR("a"), .template_language = STR("id")
	};
	struct provider_request r = { .method = HTTP_POST };
	struct arena *a = arena_new(0);
	struct buf deep = BUF_INIT;

	(void)state;
	for (int i = 0; i < JSON_MAX_DEPTH; i++)
		buf_add_char(&deep, '[');
	for (int i = 0; i < JSON_MAX_DEPTH; i++)
		buf_add_char(&deep, ']');
	m.template_components = buf_str(&deep);
	assert_int_equal(provider_check(META, &m, a, NULL), 0);
	assert_int_equal(provider_build(META, &from, &m, NOW_MS, a, &r, NULL), 0);
	buf_add_char(&deep, ']');
	deep.p[0] = '[';
	m.template_components = buf_str(&deep);
	assert_int_equal(provider_check(META, &m, a, NULL), -1);
	buf_fini(&deep);
	provider_request_fini(&r);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(content_that_a_provider_cannot_carry_is_refused_with_a_reason),
		cmocka_unit_test(text_is_counted_in_characters),
		cmocka_unit_test(an_account_cannot_end_a_url_or_a_header_early),
		cmocka_unit_test(a_session_is_one_path_segment),
		cmocka_unit_test(a_text_cannot_end_a_json_string_early),
		cmocka_unit_test(a_hostile_message_is_one_request_to_every_provider),
		cmocka_unit_test(an_error_never_quotes_a_key),
		cmocka_unit_test(the_deepest_json_that_is_parsed_can_be_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
