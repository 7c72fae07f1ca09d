/* campaign-sender/content/outgoing: from a row of sends to what its provider is asked, and to what the inbox shows. */
#include "unit.h"

#include "campaign-sender/content/outgoing.h"
#include "campaign-sender/policy/limits.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define REQUEST   "11111111-1111-4111-8111-111111111111"
#define WORKSPACE "22222222-2222-4222-8222-222222222222"
#define PHONE     "6281234567890"
#define LIT(text) { text, sizeof(text) - 1 }

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

static struct uuid uuid_of(const char *text)
{
	struct uuid u;

	assert_true(uuid_parse(str_of(text), &u));
	return u;
}

static struct send_message message_of(enum message_type type)
{
	return (struct send_message){
		.request = uuid_of(REQUEST),
		.workspace = uuid_of(WORKSPACE),
		.chat = { .contact = { .phone = STR("+" PHONE) } },
		.type = type,
		.requested_at_ms = 1,
	};
}

/* Encoded as a row has it, and read. */
static struct outgoing outgoing_of(const struct send_message *m, const char *address, const struct provider_api *api)
{
	struct client_id id = { .request = m->request };
	struct buf content = BUF_INIT;
	struct outgoing out = { 0 };
	struct err err = { .kind = ERR_NONE };

	if (send_message_encode(m, &content, &err) < 0 ||
		outgoing_read(&out, buf_str(&content), str_of(address), &id, api, arena, &err) < 0)
		fail_msg("%s", err.msg);
	buf_fini(&content);
	return out;
}

static void an_address_is_a_chat_and_back(void **state)
{
	static const struct {
		const char *address;
		enum provider provider;
		struct chat_ref chat;
	} cases[] = {
		{ PHONE, PROVIDER_META, { .contact = { .phone = LIT(PHONE) } } },
		{ "bsuid:ID.42", PROVIDER_META, { .contact = { .bsuid = LIT("ID.42") } } },
		{ "lid:777", PROVIDER_WEBJS, { .contact = { .lid = LIT("777") } } },
		{ "x@newsletter", PROVIDER_WEBJS, { .contact = { .jid = LIT("x@newsletter") } } },
		{ "1203@g.us", PROVIDER_WEBJS, { .is_group = true, .group = { .jid = LIT("1203@g.us") } } },
		{ "Y2FwaV9ncm91cDo", PROVIDER_META, { .is_group = true, .group = { .jid = LIT("Y2FwaV9ncm91cDo") } } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct chat_ref chat;

		address_chat(str_of(cases[i].address), &chat);
		assert_int_equal(chat.is_group, cases[i].chat.is_group);
		assert_true(str_eq(chat.contact.phone, cases[i].chat.contact.phone));
		assert_true(str_eq(chat.contact.bsuid, cases[i].chat.contact.bsuid));
		assert_true(str_eq(chat.contact.lid, cases[i].chat.contact.lid));
		assert_true(str_eq(chat.contact.jid, cases[i].chat.contact.jid));
		assert_true(str_eq(chat.group.jid, cases[i].chat.group.jid));
		assert_str(address_of(&chat, cases[i].provider, arena), cases[i].address);
	}
}

static void an_address_is_one_that_the_provider_reaches(void **state)
{
	static const struct {
		struct party party;
		const char *meta, *webjs; /* "": none */
	} cases[] = {
		{ { .phone = LIT("+5511987654321"), .lid = LIT("7"), .bsuid = LIT("B") }, "551187654321",
			"551187654321" },
		{ { .lid = LIT("7"), .bsuid = LIT("B"), .jid = LIT("j@x") }, "bsuid:B", "lid:7" },
		{ { .jid = LIT("j@x") }, "", "j@x" },
		{ { .username = LIT("u") }, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct chat_ref chat = { .contact = cases[i].party };

		assert_str(address_of(&chat, PROVIDER_META, arena), cases[i].meta);
		assert_str(address_of(&chat, PROVIDER_WEBJS, arena), cases[i].webjs);
	}
}

static void an_erased_recipient_is_no_chat(void **state)
{
	static const char *const addresses[] = { "erased:5", "none:7", "" };
	struct chat_ref chat;

	(void)state;
	for (size_t i = 0; i < COUNT(addresses); i++) {
		address_chat(str_of(addresses[i]), &chat);
		assert_false(chat_known(&chat));
	}
}

static void a_text_is_asked_for_under_its_id(void **state)
{
	struct send_message m = message_of(MSG_TEXT);
	struct outgoing out;

	(void)state;
	m.u.text = STR("hello");
	out = outgoing_of(&m, PHONE, &provider_meta);
	assert_int_equal(out.to_provider.act, ACT_SEND);
	assert_str(out.to_provider.client_message_id, REQUEST);
	assert_str(out.to_provider.to.contact.phone, "+" PHONE);
	assert_str(out.to_provider.body, "hello");
	assert_int_equal(out.to_provider.typing_ms, 0);
	assert_int_equal(outgoing_of(&m, PHONE, NULL).to_provider.typing_ms, 0);
	assert_int_equal(outgoing_of(&m, PHONE, &provider_blazz).to_provider.typing_ms, limits_typing_ms(5));
}

static void each_content_comes_through(void **state)
{
	struct send_message m = message_of(MSG_IMAGE);
	struct outgoing out;

	(void)state;
	m.u.media = (struct media){ .present = true, .url = STR("https://example.com/a.png"), .caption = STR("hat") };
	out = outgoing_of(&m, PHONE, &provider_waha);
	assert_str(out.to_provider.media.url, "https://example.com/a.png");
	assert_int_equal(out.to_provider.typing_ms, limits_typing_ms(3));
	m = message_of(MSG_LOCATION);
	m.u.location = (struct location){ .present = true, .latitude = -6.25, .longitude = 106.5 };
	out = outgoing_of(&m, PHONE, &provider_waha);
	assert_true(out.to_provider.location.present && out.to_provider.location.latitude == -6.25);
	m = message_of(MSG_TEMPLATE);
	m.u.template = (struct send_template){ true, STR("promo"), STR("id"), STR("[]") };
	out = outgoing_of(&m, PHONE, &provider_meta);
	assert_str(out.to_provider.template_name, "promo");
	assert_str(out.to_provider.template_language, "id");
	assert_str(out.to_provider.template_components, "[]");
	m = message_of(MSG_CONTACTS);
	m.u.extra = STR("{\"contacts\":[{}]}");
	assert_str(outgoing_of(&m, PHONE, &provider_meta).to_provider.extra, "{\"contacts\":[{}]}");
}

/* The row's address stands for a contact, and for a chat that its provider cannot send to. */
static void the_number_dialled_is_the_messages_own_or_the_rows(void **state)
{
	struct send_message m = message_of(MSG_TEXT);

	(void)state;
	m.u.text = STR("hello");
	m.chat = (struct chat_ref){ .contact = { .lid = STR("777") } };
	assert_str(outgoing_of(&m, PHONE, &provider_waha).to_provider.to.contact.lid, "777");
	assert_str(outgoing_of(&m, PHONE, &provider_meta).to_provider.to.contact.phone, PHONE);
	m.chat = (struct chat_ref){ .is_group = false };
	m.contact = uuid_of(REQUEST);
	assert_str(outgoing_of(&m, PHONE, &provider_meta).to_provider.to.contact.phone, PHONE);
}

static void a_target_is_what_providers_quote(void **state)
{
	static const struct {
		const char *key, *stanza, *want_key, *want_id, *want_participant;
	} cases[] = {
		{ "wamid.A", NULL, "wamid.A", "", "" },
		{ "false:3EB0", NULL, "false:3EB0", "", "" },
		{ NULL, "3EB0", "3EB0", "", "" },
		{ "false:3EB0", "3EB0", "false:3EB0", "", "" },
		{ NULL, "false_1_2@g.us_3EB0_62@c.us", "false:3EB0", "false_1_2@g.us_3EB0_62@c.us", "62@c.us" },
		{ NULL, "true_62@c.us_3EB0", "true:3EB0", "true_62@c.us_3EB0", "" },
		{ "false:X", "false_1@g.us_3EB0_62@c.us", "false:X", "false_1@g.us_3EB0_62@c.us", "62@c.us" },
		{ NULL, "true_broken", "true_broken", "true_broken", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct send_message m = message_of(MSG_NONE);
		struct outgoing out;

		m.kind = SEND_REACTION;
		m.u.emoji = STR("\xf0\x9f\x91\x8d");
		m.reply_to = (struct target){ str_of(cases[i].key), str_of(cases[i].stanza) };
		out = outgoing_of(&m, PHONE, &provider_waha);
		assert_int_equal(out.to_provider.act, ACT_REACT);
		assert_str(out.to_provider.emoji, "\xf0\x9f\x91\x8d");
		assert_str(out.to_provider.target.key, cases[i].want_key);
		assert_str(out.to_provider.target.provider_id, cases[i].want_id);
		assert_str(out.to_provider.target.participant, cases[i].want_participant);
	}
}

static void content_of_a_later_release_is_refused(void **state)
{
	struct client_id id = { .id = 1 };
	struct outgoing out;
	struct err err;

	(void)state;
	assert_int_equal(outgoing_read(&out, STR("\xff"), STR(PHONE), &id, NULL, arena, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
}

static struct shown shown_of(const struct send_message *m, const struct sending_template *t)
{
	struct shown shown;

	outgoing_shown(m, t, arena, &shown);
	assert_int_equal(shown.type, m->type);
	return shown;
}

static struct sending_template template_of(const char *components, struct template *parsed)
{
	struct err err;

	if (template_parse(parsed, str_of(components), arena, &err) < 0)
		fail_msg("%s", err.msg);
	return (struct sending_template){ .parsed = parsed };
}

static void a_template_is_shown_with_its_parameters(void **state)
{
	struct send_message m = message_of(MSG_TEMPLATE);
	struct template parsed;
	struct sending_template t =
		template_of("[{\"type\":\"HEADER\",\"format\":\"TEXT\",\"text\":\"Sale {{1}}\"},"
			    "{\"type\":\"BODY\",\"text\":\"Hi {{1}}, {{2}}\"},{\"type\":\"FOOTER\",\"text\":\"Bye\"}]",
			&parsed);

	(void)state;
	m.u.template = (struct send_template){ true, STR("promo"), STR("id"),
		STR("[{\"type\":\"header\",\"parameters\":[{\"type\":\"text\",\"text\":\"now\"}]},{\"type\":\"body\",\"parameters\":"
		    "[{\"type\":\"text\",\"text\":\"{{2}}\"},{\"type\":\"text\",\"text\":\"ok\"}]}]") };
	assert_str(shown_of(&m, &t).body, "Sale now\n\nHi {{2}}, ok\n\nBye");
	assert_str(shown_of(&m, &t).extra, "{\"template\":{\"name\":\"promo\",\"language\":\"id\"}}");
	assert_str(shown_of(&m, NULL).body, "");
	t.parsed = NULL;
	assert_str(shown_of(&m, &t).body, "");
}

static void other_types_are_shown_as_ingest_shows_them(void **state)
{
	struct send_message m = message_of(MSG_IMAGE);

	(void)state;
	m.u.media = (struct media){ .present = true, .url = STR("https://example.com/a.png"), .caption = STR("hat") };
	assert_str(shown_of(&m, NULL).body, "hat");
	assert_str(shown_of(&m, NULL).media.url, "https://example.com/a.png");
	m = message_of(MSG_LOCATION);
	m.u.location = (struct location){ .present = true, .latitude = -6.25, .longitude = 106.5 };
	assert_str(shown_of(&m, NULL).body, "-6.25,106.5");
	m.u.location.name = STR("Home");
	assert_str(shown_of(&m, NULL).body, "Home");
	m = message_of(MSG_CONTACTS);
	m.u.extra = STR(
		"{\"contacts\":[{\"name\":{\"formatted_name\":\"Ann\"}},{},{\"name\":{\"formatted_name\":\"Bob\"}}]}");
	assert_str(shown_of(&m, NULL).body, "Ann, Bob");
	m = message_of(MSG_INTERACTIVE);
	m.u.extra = STR("{\"interactive\":{\"body\":{\"text\":\"Choose\"}}}");
	assert_str(shown_of(&m, NULL).body, "Choose");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_a_chat_and_back),
		cmocka_unit_test(an_address_is_one_that_the_provider_reaches),
		cmocka_unit_test(an_erased_recipient_is_no_chat),
		cmocka_unit_test(a_text_is_asked_for_under_its_id),
		cmocka_unit_test(each_content_comes_through),
		cmocka_unit_test(the_number_dialled_is_the_messages_own_or_the_rows),
		cmocka_unit_test(a_target_is_what_providers_quote),
		cmocka_unit_test(content_of_a_later_release_is_refused),
		cmocka_unit_test(a_template_is_shown_with_its_parameters),
		cmocka_unit_test(other_types_are_shown_as_ingest_shows_them),
	};

	return cmocka_run_group_tests_name("campaign-sender/content/outgoing", tests, start, stop);
}
