/* libs/wire/outbound: what SendMessage and CampaignCommand may hold, what is rejected and for which reason, and that what is written
 * can be read. */
#include "unit.h"

#include <string.h>

#include "base/hex.h"
#include "wire/send_record.h"
#include "wire/shapes.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const int64_t requested_at_ms = 1767225600000;

static struct uuid uuid_of(const char *text)
{
	struct uuid u;

	assert_true(uuid_parse(str_of(text), &u));
	return u;
}

/* The least that passes, of any kind. */
static struct send_record record_of(enum send_kind kind)
{
	struct send_record r;

	memset(&r, 0, sizeof(r));
	r.message.request = uuid_of("0b8e7f6a-3333-8333-8333-000000000003");
	r.message.workspace = uuid_of("0b8e7f6a-1111-4111-8111-000000000001");
	r.message.chat.contact.phone = STR("+16505551234");
	r.message.requested_at_ms = requested_at_ms;
	r.message.kind = kind;
	if (kind != SEND_MESSAGE)
		r.message.reply_to.key = STR("wamid.1");
	return r;
}

/* The least that passes, of a message of each type that can be sent. */
static struct send_record message_of(enum message_type type)
{
	struct send_record r = record_of(SEND_MESSAGE);

	r.message.type = type;
	switch (send_content_of(&r.message)) {
	case CONTENT_BODY:
		r.body = STR("hello");
		break;
	case CONTENT_MEDIA:
		r.media.present = true;
		r.media.url = STR("https://example.com/1");
		break;
	case CONTENT_LOCATION:
		r.location.present = true;
		break;
	case CONTENT_TEMPLATE:
		r.template.present = true;
		r.template.name = STR("welcome");
		r.template.language = STR("en_US");
		break;
	case CONTENT_EXTRA:
		r.extra = type == MSG_CONTACTS ? STR("{\"contacts\":[{}]}") : STR("{\"interactive\":{}}");
		break;
	case CONTENT_NONE:
	case CONTENT_EMOJI:
		break;
	}
	return r;
}

static struct send_record text_message(void)
{
	return message_of(MSG_TEXT);
}

static struct campaign_command command_of(enum campaign_action action)
{
	struct campaign_command c;

	memset(&c, 0, sizeof(c));
	c.request = uuid_of("0b8e7f6a-3333-8333-8333-000000000003");
	c.workspace = uuid_of("0b8e7f6a-1111-4111-8111-000000000001");
	c.campaign = uuid_of("0b8e7f6a-5555-4555-8555-000000000005");
	c.action = action;
	c.requested_at_ms = requested_at_ms;
	return c;
}

/* As a producer in another language might: without any check. */
static struct str unchecked(const struct shape *s, const void *ours, struct arena *a)
{
	struct scratch m;
	const ProtobufCMessage *theirs;
	uint8_t *bytes;
	size_t n;

	scratch_init(&m);
	theirs = shape_fill(s, ours, &m);
	n = protobuf_c_message_get_packed_size(theirs);
	bytes = arena_alloc(a, n + 1);
	protobuf_c_message_pack(theirs, bytes);
	scratch_fini(&m);
	return (struct str){ (const char *)bytes, n };
}

static struct str record_bytes(const struct send_record *r, struct arena *a)
{
	return unchecked(&send_record_shape, r, a);
}

static struct str appended(struct str bytes, const char *hex, struct arena *a)
{
	const size_t more = strlen(hex) / 2;
	char *p = arena_alloc(a, bytes.n + more);

	memcpy(p, bytes.p, bytes.n);
	assert_true(hex_decode(str_of(hex), p + bytes.n, more));
	return (struct str){ p, bytes.n + more };
}

static void assert_send_rejected(const char *name, struct str bytes, struct arena *a, const char *code)
{
	struct send_message out;
	struct err err = { 0 };

	memset(&out, 0xa5, sizeof(out));
	if (send_message_decode(&out, bytes, a, &err) == 0)
		fail_msg("accepted: %s", name);
	if (strcmp(err.code, code) != 0 || err.kind != ERR_INPUT)
		fail_msg("%s: %s (%s) rather than %s", name, err.code, err.msg, code);
	assert_int_equal(out.request.b[0], 0xa5);
}

static struct send_message decoded(const char *name, struct str bytes, struct arena *a)
{
	struct send_message out;
	struct err err = { 0 };

	if (send_message_decode(&out, bytes, a, &err) < 0)
		fail_msg("%s: %s", name, err.msg);
	return out;
}

static void assert_command_rejected(const char *name, const struct campaign_command *c, const char *code)
{
	struct arena *a = arena_new(0);
	struct campaign_command out;
	struct err err = { 0 };

	memset(&out, 0xa5, sizeof(out));
	if (campaign_command_decode(&out, unchecked(&campaign_command_shape, c, a), a, &err) == 0)
		fail_msg("accepted: %s", name);
	if (strcmp(err.code, code) != 0 || err.kind != ERR_INPUT)
		fail_msg("%s: %s (%s) rather than %s", name, err.code, err.msg, code);
	assert_int_equal(out.request.b[0], 0xa5);
	arena_free(a);
}

/* Encoded again, a decoded message has the same bytes. */
static void assert_round_trip(const char *name, const struct send_record *r, struct arena *a)
{
	struct str bytes = record_bytes(r, a);
	struct send_message m = decoded(name, bytes, a);
	struct buf again = BUF_INIT;
	struct err err;

	assert_int_equal(send_message_check(&m, &err), 0);
	assert_int_equal(send_message_encode(&m, &again, &err), 0);
	if (!str_eq(buf_str(&again), bytes))
		fail_msg("%s: other bytes", name);
	buf_fini(&again);
}

static void every_type_with_content_survives_the_round_trip(void **state)
{
	static const enum message_type types[] = { MSG_TEXT, MSG_IMAGE, MSG_VIDEO, MSG_AUDIO, MSG_VOICE, MSG_DOCUMENT,
		MSG_STICKER, MSG_LOCATION, MSG_CONTACTS, MSG_INTERACTIVE, MSG_TEMPLATE };
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		struct send_record r = message_of(types[i]);

		r.message.reply_to.stanza = STR("3EB0");
		assert_round_trip(message_type_word(types[i]), &r, a);
	}
	arena_free(a);
}

static void the_content_is_the_one_of_the_type(void **state)
{
	struct arena *a = arena_new(0);
	struct send_record text = text_message(), image = message_of(MSG_IMAGE), pin = message_of(MSG_LOCATION),
			   buttons = message_of(MSG_INTERACTIVE), template = message_of(MSG_TEMPLATE),
			   reaction = record_of(SEND_REACTION);
	struct send_message m;

	(void)state;
	m = decoded("text", record_bytes(&text, a), a);
	assert_true(str_is(m.u.text, "hello"));
	image.media.caption = STR("a caption");
	m = decoded("image", record_bytes(&image, a), a);
	assert_true(m.u.media.present && str_is(m.u.media.url, "https://example.com/1"));
	assert_true(str_is(m.u.media.caption, "a caption"));
	pin.location.latitude = -6.25;
	m = decoded("location", record_bytes(&pin, a), a);
	assert_true(m.u.location.present && m.u.location.latitude == -6.25 && m.u.location.longitude == 0);
	m = decoded("interactive", record_bytes(&buttons, a), a);
	assert_true(str_is(m.u.extra, "{\"interactive\":{}}"));
	template.template.components = STR("[{\"type\":\"body\"}]");
	m = decoded("template", record_bytes(&template, a), a);
	assert_true(str_is(m.u.template.name, "welcome") && str_is(m.u.template.language, "en_US"));
	assert_true(str_is(m.u.template.components, "[{\"type\":\"body\"}]"));
	reaction.emoji = STR("\xf0\x9f\x99\x8f");
	m = decoded("reaction", record_bytes(&reaction, a), a);
	assert_true(str_is(m.u.emoji, "\xf0\x9f\x99\x8f") && str_is(m.reply_to.key, "wamid.1"));
	arena_free(a);
}

static void a_reaction_may_be_withdrawn_and_a_read_has_no_content(void **state)
{
	struct arena *a = arena_new(0);
	struct send_record withdrawn = record_of(SEND_REACTION), read = record_of(SEND_READ);
	struct send_message m;

	(void)state;
	assert_round_trip("withdrawn", &withdrawn, a);
	m = decoded("withdrawn", record_bytes(&withdrawn, a), a);
	assert_int_equal(m.kind, SEND_REACTION);
	assert_int_equal(m.u.emoji.n, 0);
	assert_round_trip("read", &read, a);
	arena_free(a);
}

static void a_recipient_is_a_contact_an_address_or_a_group(void **state)
{
	struct arena *a = arena_new(0);
	struct send_record contact = text_message(), address = text_message(), group = text_message();
	struct send_message m;

	(void)state;
	contact.message.contact = uuid_of("0b8e7f6a-6666-4666-8666-000000000006");
	m = decoded("contact", record_bytes(&contact, a), a);
	assert_true(uuid_eq(&m.contact, &contact.message.contact));
	assert_false(chat_known(&m.chat));
	m = decoded("address", record_bytes(&address, a), a);
	assert_true(uuid_is_nil(&m.contact) && !m.chat.is_group && str_is(m.chat.contact.phone, "+16505551234"));
	group.message.chat.is_group = true;
	group.message.chat.group.jid = STR("1@g.us");
	m = decoded("group", record_bytes(&group, a), a);
	assert_true(uuid_is_nil(&m.contact) && m.chat.is_group && str_is(m.chat.group.jid, "1@g.us"));
	arena_free(a);
}

static void without_request(struct send_record *r)
{
	memset(&r->message.request, 0, sizeof(r->message.request));
}

static void without_workspace(struct send_record *r)
{
	memset(&r->message.workspace, 0, sizeof(r->message.workspace));
}

static void without_time(struct send_record *r)
{
	r->message.requested_at_ms = 0;
}

static void without_recipient(struct send_record *r)
{
	r->message.chat.contact.phone = STR_NONE;
}

static void with_a_name_for_an_address(struct send_record *r)
{
	without_recipient(r);
	r->message.chat.contact.name = STR("Alice");
}

static void with_a_group_without_jid(struct send_record *r)
{
	r->message.chat.is_group = true;
	r->message.chat.group.name = STR("Ops");
}

static void with_letters_in_the_phone(struct send_record *r)
{
	r->message.chat.contact.phone = STR("+1650555ABCD");
}

static void with_a_whole_lid(struct send_record *r)
{
	r->message.chat.contact.lid = STR("198765432101234@lid");
}

static void with_a_negative_deadline(struct send_record *r)
{
	r->message.deadline_ms = -1;
}

static void with_a_deadline_beyond_9999(struct send_record *r)
{
	r->message.deadline_ms = WIRE_MAX_TIME_MS + 1;
}

static void requested_beyond_9999(struct send_record *r)
{
	r->message.requested_at_ms = WIRE_MAX_TIME_MS + 1;
}

static void without_type(struct send_record *r)
{
	r->message.type = MSG_NONE;
}

static void without_text(struct send_record *r)
{
	r->body = STR_NONE;
}

static void with_a_location_beside(struct send_record *r)
{
	r->location.present = true;
}

static void with_media_beside(struct send_record *r)
{
	r->media.present = true;
	r->media.url = STR("https://example.com/1");
}

static void with_a_template_beside(struct send_record *r)
{
	r->template.present = true;
}

static void with_extra_beside(struct send_record *r)
{
	r->extra = STR("{}");
}

static void with_an_emoji_beside(struct send_record *r)
{
	r->emoji = STR("x");
}

static void with_media_for_the_text(struct send_record *r)
{
	without_text(r);
	with_media_beside(r);
}

static void with_a_nul_in_the_text(struct send_record *r)
{
	r->body = (struct str){ "a\0b", 3 };
}

static void with_a_stray_byte_in_the_name(struct send_record *r)
{
	r->message.chat.contact.name = STR("a\x80");
}

static void of_an_unknown_type(struct send_record *r)
{
	r->message.type = MSG_TEMPLATE + 1;
}

static void of_an_unknown_kind(struct send_record *r)
{
	r->message.kind = SEND_READ + 1;
}

static void of_a_negative_kind(struct send_record *r)
{
	r->message.kind = (enum send_kind) - 1;
}

static void a_text_that_breaks_a_rule_is_rejected(void **state)
{
	static const struct {
		const char *name;
		void (*breaks)(struct send_record *r);
		const char *code;
	} cases[] = {
		{ "no request id", without_request, "rule" },
		{ "no workspace", without_workspace, "rule" },
		{ "no time of the request", without_time, "rule" },
		{ "no recipient", without_recipient, "rule" },
		{ "a name is no address", with_a_name_for_an_address, "rule" },
		{ "a group without jid", with_a_group_without_jid, "rule" },
		{ "a phone with letters", with_letters_in_the_phone, "rule" },
		{ "a lid with an address", with_a_whole_lid, "rule" },
		{ "a negative deadline", with_a_negative_deadline, "rule" },
		{ "a deadline beyond 9999", with_a_deadline_beyond_9999, "rule" },
		{ "requested beyond 9999", requested_beyond_9999, "rule" },
		{ "no type", without_type, "rule" },
		{ "no text", without_text, "rule" },
		{ "a location beside the text", with_a_location_beside, "rule" },
		{ "media beside the text", with_media_beside, "rule" },
		{ "a template beside the text", with_a_template_beside, "rule" },
		{ "extra beside the text", with_extra_beside, "rule" },
		{ "an emoji beside the text", with_an_emoji_beside, "rule" },
		{ "media instead of the text", with_media_for_the_text, "rule" },
		{ "a NUL in the text", with_a_nul_in_the_text, "decode" },
		{ "a name that is not UTF-8", with_a_stray_byte_in_the_name, "decode" },
		{ "an unknown type", of_an_unknown_type, "unsupported" },
		{ "an unknown kind", of_an_unknown_kind, "unsupported" },
		{ "a negative kind", of_a_negative_kind, "unsupported" },
	};
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct send_record r = text_message();

		cases[i].breaks(&r);
		assert_send_rejected(cases[i].name, record_bytes(&r, a), a, cases[i].code);
	}
	arena_free(a);
}

static void types_that_cannot_be_sent_are_unsupported(void **state)
{
	static const enum message_type types[] = { MSG_POLL, MSG_ORDER, MSG_GROUP_INVITE, MSG_SYSTEM, MSG_CALL,
		MSG_UNKNOWN };
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		struct send_record r = text_message();

		r.message.type = types[i];
		assert_send_rejected(message_type_word(types[i]), record_bytes(&r, a), a, "unsupported");
	}
	arena_free(a);
}

static void each_content_requires_its_own_fields(void **state)
{
	struct arena *a = arena_new(0);
	struct send_record media = message_of(MSG_VOICE), nameless = message_of(MSG_TEMPLATE), mute = nameless,
			   listed = nameless, pin = message_of(MSG_LOCATION);

	(void)state;
	media.media.url = STR_NONE;
	assert_send_rejected("media of no source", record_bytes(&media, a), a, "rule");
	media.media.provider_media_id = STR("1013859600285441");
	assert_round_trip("media that the provider has", &media, a);
	nameless.template.name = STR_NONE;
	assert_send_rejected("a template without name", record_bytes(&nameless, a), a, "rule");
	mute.template.language = STR_NONE;
	assert_send_rejected("a template without language", record_bytes(&mute, a), a, "rule");
	listed.template.components = STR("{\"type\":\"body\"}");
	assert_send_rejected("components that are an object", record_bytes(&listed, a), a, "rule");
	pin.location.longitude = 180.5;
	assert_send_rejected("a longitude of 180.5", record_bytes(&pin, a), a, "rule");
	pin.location.longitude = __builtin_nan("");
	assert_send_rejected("a longitude that is no number", record_bytes(&pin, a), a, "rule");
	arena_free(a);
}

static void extra_has_the_member_of_its_type(void **state)
{
	static const struct {
		enum message_type type;
		const char *extra;
		bool good;
	} cases[] = {
		{ MSG_CONTACTS, "{\"contacts\":[{\"name\":{}}]}", true },
		{ MSG_CONTACTS, "{\"contacts\":[]}", false },
		{ MSG_CONTACTS, "{\"contacts\":{}}", false },
		{ MSG_CONTACTS, "[{\"name\":{}}]", false },
		{ MSG_CONTACTS, "{\"interactive\":{}}", false },
		{ MSG_INTERACTIVE, "{\"interactive\":{\"type\":\"button\"}}", true },
		{ MSG_INTERACTIVE, "{\"interactive\":[]}", false },
		{ MSG_INTERACTIVE, "{\"contacts\":[{}]}", false },
		{ MSG_INTERACTIVE, "{}", false },
		{ MSG_INTERACTIVE, "{\"interactive\":", false },
		{ MSG_INTERACTIVE, "{\"interactive\":{\"n\":1e9999}}", false },
	};
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct send_record r = message_of(cases[i].type);

		r.extra = str_of(cases[i].extra);
		if (cases[i].good)
			assert_round_trip(cases[i].extra, &r, a);
		else
			assert_send_rejected(cases[i].extra, record_bytes(&r, a), a, "rule");
	}
	arena_free(a);
}

static void reactions_and_reads_have_a_target_and_no_other_content(void **state)
{
	static const enum send_kind kinds[] = { SEND_REACTION, SEND_READ };
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct send_record target = record_of(kinds[i]), text = target, media = target, type = target;

		target.message.reply_to.key = STR_NONE;
		assert_send_rejected("no target", record_bytes(&target, a), a, "rule");
		target.message.reply_to.stanza = STR("3EB0");
		assert_round_trip("a stanza as the target", &target, a);
		text.body = STR("hello");
		assert_send_rejected("a text", record_bytes(&text, a), a, "rule");
		with_media_beside(&media);
		assert_send_rejected("media", record_bytes(&media, a), a, "rule");
		type.message.type = MSG_TEXT;
		assert_send_rejected("a type", record_bytes(&type, a), a, "rule");
	}
	struct send_record read = record_of(SEND_READ);

	read.emoji = STR("x");
	assert_send_rejected("an emoji in a read", record_bytes(&read, a), a, "rule");
	arena_free(a);
}

#define AT(member, limit, type) { #member, offsetof(struct send_record, member), limit, type }

static void the_limits_of_texts_are_inclusive(void **state)
{
	static const struct {
		const char *name;
		size_t offset, limit;
		enum message_type type; /* MSG_NONE: of a reaction */
	} cases[] = {
		AT(body, WIRE_MAX_BODY_BYTES, MSG_TEXT),
		AT(message.chat.contact.bsuid, WIRE_MAX_ID_BYTES, MSG_TEXT),
		AT(message.chat.contact.jid, WIRE_MAX_ID_BYTES, MSG_TEXT),
		AT(message.chat.contact.name, WIRE_MAX_NAME_BYTES, MSG_TEXT),
		AT(message.reply_to.key, WIRE_MAX_ID_BYTES, MSG_TEXT),
		AT(message.reply_to.stanza, WIRE_MAX_ID_BYTES, MSG_TEXT),
		AT(media.url, WIRE_MAX_LINK_BYTES, MSG_IMAGE),
		AT(media.caption, WIRE_MAX_BODY_BYTES, MSG_IMAGE),
		AT(media.mime, WIRE_MAX_ID_BYTES, MSG_IMAGE),
		AT(media.file_name, WIRE_MAX_NAME_BYTES, MSG_IMAGE),
		AT(media.provider_media_id, WIRE_MAX_ID_BYTES, MSG_IMAGE),
		AT(location.name, WIRE_MAX_NAME_BYTES, MSG_LOCATION),
		AT(location.address, WIRE_MAX_LINK_BYTES, MSG_LOCATION),
		AT(template.name, WIRE_MAX_NAME_BYTES, MSG_TEMPLATE),
		AT(template.language, WIRE_MAX_ID_BYTES, MSG_TEMPLATE),
		AT(emoji, WIRE_MAX_EMOJI_BYTES, MSG_NONE),
	};
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct send_record r = cases[i].type ? message_of(cases[i].type) : record_of(SEND_REACTION);
		struct str *field = (struct str *)(void *)((char *)&r + cases[i].offset);
		char *text = arena_alloc(a, cases[i].limit + 1);

		memset(text, 'x', cases[i].limit + 1);
		*field = (struct str){ text, cases[i].limit };
		assert_round_trip(cases[i].name, &r, a);
		field->n++;
		assert_send_rejected(cases[i].name, record_bytes(&r, a), a, "rule");
	}
	arena_free(a);
}

static void the_limits_of_json_are_inclusive(void **state)
{
	struct arena *a = arena_new(0);
	struct send_record buttons = message_of(MSG_INTERACTIVE), template = message_of(MSG_TEMPLATE);
	char *extra = arena_alloc(a, WIRE_MAX_JSON_BYTES + 1), *components = arena_alloc(a, WIRE_MAX_JSON_BYTES + 1);

	(void)state;
	memset(extra, ' ', WIRE_MAX_JSON_BYTES + 1);
	memcpy(extra, "{\"interactive\":{}}", 18);
	buttons.extra = (struct str){ extra, WIRE_MAX_JSON_BYTES };
	assert_round_trip("extra", &buttons, a);
	buttons.extra.n++;
	assert_send_rejected("extra", record_bytes(&buttons, a), a, "rule");
	memset(components, ' ', WIRE_MAX_JSON_BYTES + 1);
	memcpy(components, "[]", 2);
	template.template.components = (struct str){ components, WIRE_MAX_JSON_BYTES };
	assert_round_trip("components", &template, a);
	template.template.components.n++;
	assert_send_rejected("components", record_bytes(&template, a), a, "rule");
	arena_free(a);
}

static void times_and_coordinates_are_accepted_at_their_limits(void **state)
{
	struct arena *a = arena_new(0);
	struct send_record r = message_of(MSG_LOCATION);

	(void)state;
	r.message.deadline_ms = r.message.requested_at_ms = WIRE_MAX_TIME_MS;
	r.location.latitude = -90;
	r.location.longitude = 180;
	assert_round_trip("the largest", &r, a);
	r.message.requested_at_ms = 1;
	assert_round_trip("the first millisecond", &r, a);
	arena_free(a);
}

static void without_a_deadline_it_is_fifteen_minutes_after_the_request(void **state)
{
	struct send_message m = { .requested_at_ms = requested_at_ms };

	(void)state;
	assert_int_equal(send_message_deadline_ms(&m), requested_at_ms + 900000);
	m.deadline_ms = requested_at_ms + 1;
	assert_int_equal(send_message_deadline_ms(&m), requested_at_ms + 1);
}

/* In protobuf the last value of a field counts, and a field that is not known is skipped. */
static void bytes_behind_a_message_are_fields_of_it(void **state)
{
	static const struct {
		const char *name, *hex;
		const char *code; /* NULL: accepted */
	} cases[] = {
		{ "a number in field 99", "98060a", NULL },
		{ "a text in field 99", "9a0603616263", NULL },
		{ "a field cut short", "9a0604616263", "decode" },
		{ "a field of another wire type", "0801", "decode" },
		{ "a group", "0b0c", "decode" },
		{ "a request id that is no UUID", "0a03616263", "rule" },
		{ "an account that is no UUID", "1a03616263", "rule" },
		{ "a user that is no UUID", "7203616263", "rule" },
		{ "a contact that is no UUID", "2203616263", "rule" },
		{ "a contact without id", "2200", "rule" },
		{ "a group without jid", "3200", "rule" },
		{ "an empty location", "5200", "rule" },
		{ "a type of the future", "3863", "unsupported" },
		{ "a kind of the future", "90010a", "unsupported" },
	};
	struct arena *a = arena_new(0);
	struct send_record r = text_message();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct str bytes = appended(record_bytes(&r, a), cases[i].hex, a);

		if (cases[i].code)
			assert_send_rejected(cases[i].name, bytes, a, cases[i].code);
		else
			assert_true(str_is(decoded(cases[i].name, bytes, a).chat.contact.phone, "+16505551234"));
	}
	arena_free(a);
}

static void a_recipient_of_an_unknown_kind_is_unsupported(void **state)
{
	struct arena *a = arena_new(0);
	struct send_record r = text_message();

	(void)state;
	without_recipient(&r);
	assert_send_rejected("no recipient", record_bytes(&r, a), a, "rule");
	assert_send_rejected("a recipient in field 99", appended(record_bytes(&r, a), "9a0603616263", a), a,
		"unsupported");
	arena_free(a);
}

static void a_record_beyond_the_limit_is_not_even_parsed(void **state)
{
	struct arena *a = arena_new(0);
	char *bytes = arena_alloc(a, WIRE_MAX_RECORD_BYTES + 1);
	struct campaign_command c;
	struct err err;

	(void)state;
	memset(bytes, 0, WIRE_MAX_RECORD_BYTES + 1);
	assert_send_rejected("at the limit", (struct str){ bytes, WIRE_MAX_RECORD_BYTES }, a, "decode");
	assert_send_rejected("beyond", (struct str){ bytes, WIRE_MAX_RECORD_BYTES + 1 }, a, "rule");
	assert_int_equal(campaign_command_decode(&c, (struct str){ bytes, WIRE_MAX_RECORD_BYTES }, a, &err), -1);
	assert_string_equal(err.code, "decode");
	assert_int_equal(campaign_command_decode(&c, (struct str){ bytes, WIRE_MAX_RECORD_BYTES + 1 }, a, &err), -1);
	assert_string_equal(err.code, "rule");
	arena_free(a);
}

static void a_message_that_could_not_be_read_is_not_written(void **state)
{
	struct arena *a = arena_new(0);
	struct send_record r = text_message();
	struct send_message m = decoded("text", record_bytes(&r, a), a), blank = m, long_text = m;
	char *text = arena_alloc(a, WIRE_MAX_BODY_BYTES + 1);
	struct buf out = BUF_INIT;
	struct err err;

	(void)state;
	memset(text, 'x', WIRE_MAX_BODY_BYTES + 1);
	blank.u.text = STR_NONE;
	long_text.u.text = (struct str){ text, WIRE_MAX_BODY_BYTES + 1 };
	buf_add_str(&out, STR("before"));
	assert_int_equal(send_message_encode(&blank, &out, &err), -1);
	assert_string_equal(err.code, "rule");
	assert_int_equal(send_message_check(&blank, &err), -1);
	assert_int_equal(send_message_encode(&long_text, &out, &err), -1);
	assert_string_equal(err.code, "rule");
	assert_true(str_is(buf_str(&out), "before"));
	assert_int_equal(send_message_encode(&m, &out, &err), 0);
	assert_true(str_eq(str_slice(buf_str(&out), 6, out.n), record_bytes(&r, a)));
	buf_fini(&out);
	arena_free(a);
}

static void every_command_survives_the_round_trip(void **state)
{
	struct arena *a = arena_new(0);

	(void)state;
	for (unsigned action = CAMPAIGN_START; action <= CAMPAIGN_RETRY_FAILED; action++) {
		struct campaign_command c = command_of(action), back;
		struct buf out = BUF_INIT;
		struct err err;

		c.user = uuid_of("0b8e7f6a-7777-4777-8777-000000000007");
		c.reason = STR("the provider rejected five of the first ten");
		c.code = STR("132015");
		assert_int_equal(campaign_command_encode(&c, &out, &err), 0);
		assert_int_equal(campaign_command_decode(&back, buf_str(&out), a, &err), 0);
		assert_true(uuid_eq(&back.request, &c.request) && uuid_eq(&back.workspace, &c.workspace));
		assert_true(uuid_eq(&back.campaign, &c.campaign) && uuid_eq(&back.user, &c.user));
		assert_int_equal(back.action, action);
		assert_int_equal(back.requested_at_ms, requested_at_ms);
		assert_true(str_eq(back.reason, c.reason) && str_eq(back.code, c.code));
		buf_fini(&out);
	}
	arena_free(a);
}

static void command_without_request(struct campaign_command *c)
{
	memset(&c->request, 0, sizeof(c->request));
}

static void command_without_workspace(struct campaign_command *c)
{
	memset(&c->workspace, 0, sizeof(c->workspace));
}

static void command_without_campaign(struct campaign_command *c)
{
	memset(&c->campaign, 0, sizeof(c->campaign));
}

static void command_without_action(struct campaign_command *c)
{
	c->action = CAMPAIGN_NONE;
}

static void command_without_time(struct campaign_command *c)
{
	c->requested_at_ms = 0;
}

static void command_beyond_9999(struct campaign_command *c)
{
	c->requested_at_ms = WIRE_MAX_TIME_MS + 1;
}

static void command_of_the_future(struct campaign_command *c)
{
	c->action = CAMPAIGN_RETRY_FAILED + 1;
}

static void command_with_a_nul(struct campaign_command *c)
{
	c->reason = (struct str){ "a\0b", 3 };
}

static void a_command_that_breaks_a_rule_is_rejected(void **state)
{
	static const struct {
		const char *name;
		void (*breaks)(struct campaign_command *c);
		const char *code;
	} cases[] = {
		{ "no request id", command_without_request, "rule" },
		{ "no workspace", command_without_workspace, "rule" },
		{ "no campaign", command_without_campaign, "rule" },
		{ "no action", command_without_action, "rule" },
		{ "no time of the request", command_without_time, "rule" },
		{ "requested beyond 9999", command_beyond_9999, "rule" },
		{ "an action of the future", command_of_the_future, "unsupported" },
		{ "a NUL in the reason", command_with_a_nul, "decode" },
	};
	struct buf out = BUF_INIT;
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct campaign_command c = command_of(CAMPAIGN_PAUSE);

		cases[i].breaks(&c);
		assert_command_rejected(cases[i].name, &c, cases[i].code);
		assert_int_equal(campaign_command_encode(&c, &out, &err), -1);
		assert_string_equal(err.code, cases[i].code);
		assert_int_equal(out.n, 0);
	}
	buf_fini(&out);
}

static void the_limits_of_a_command_are_inclusive(void **state)
{
	struct arena *a = arena_new(0);
	struct campaign_command c = command_of(CAMPAIGN_PAUSE), reason, code;
	char *text = arena_alloc(a, WIRE_MAX_LINK_BYTES + 1);
	struct err err;

	(void)state;
	memset(text, 'x', WIRE_MAX_LINK_BYTES + 1);
	c.reason = (struct str){ text, WIRE_MAX_LINK_BYTES };
	c.code = (struct str){ text, WIRE_MAX_ID_BYTES };
	c.requested_at_ms = WIRE_MAX_TIME_MS;
	assert_int_equal(campaign_command_check(&c, &err), 0);
	reason = code = c;
	reason.reason.n++;
	code.code.n++;
	assert_command_rejected("a reason of 8,193 bytes", &reason, "rule");
	assert_command_rejected("a code of 513 bytes", &code, "rule");
	arena_free(a);
}

static void fields_that_are_not_known_are_skipped_in_a_command(void **state)
{
	struct arena *a = arena_new(0);
	struct campaign_command c = command_of(CAMPAIGN_START), back;
	struct str bytes = appended(unchecked(&campaign_command_shape, &c, a), "9a0603616263", a);
	struct err err;

	(void)state;
	assert_int_equal(campaign_command_decode(&back, bytes, a, &err), 0);
	assert_int_equal(back.action, CAMPAIGN_START);
	assert_int_equal(campaign_command_decode(&back, appended(bytes, "1a03616263", a), a, &err), -1);
	assert_string_equal(err.code, "rule"); /* a campaign that is no UUID */
	assert_int_equal(campaign_command_decode(&back, appended(bytes, "1a04616263", a), a, &err), -1);
	assert_string_equal(err.code, "decode"); /* cut short */
	arena_free(a);
}

static void keys_name_the_account_the_request_or_the_campaign(void **state)
{
	struct send_message m = text_message().message;
	struct campaign_command c = command_of(CAMPAIGN_START);
	char key[74];

	(void)state;
	send_message_key(&m, key);
	assert_string_equal(key, "0b8e7f6a-1111-4111-8111-000000000001:0b8e7f6a-3333-8333-8333-000000000003");
	m.account = uuid_of("0b8e7f6a-2222-4222-8222-000000000002");
	send_message_key(&m, key);
	assert_string_equal(key, "0b8e7f6a-1111-4111-8111-000000000001:0b8e7f6a-2222-4222-8222-000000000002");
	campaign_command_key(&c, key);
	assert_string_equal(key, "0b8e7f6a-1111-4111-8111-000000000001:0b8e7f6a-5555-4555-8555-000000000005");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_with_content_survives_the_round_trip),
		cmocka_unit_test(the_content_is_the_one_of_the_type),
		cmocka_unit_test(a_reaction_may_be_withdrawn_and_a_read_has_no_content),
		cmocka_unit_test(a_recipient_is_a_contact_an_address_or_a_group),
		cmocka_unit_test(a_text_that_breaks_a_rule_is_rejected),
		cmocka_unit_test(types_that_cannot_be_sent_are_unsupported),
		cmocka_unit_test(each_content_requires_its_own_fields),
		cmocka_unit_test(extra_has_the_member_of_its_type),
		cmocka_unit_test(reactions_and_reads_have_a_target_and_no_other_content),
		cmocka_unit_test(the_limits_of_texts_are_inclusive),
		cmocka_unit_test(the_limits_of_json_are_inclusive),
		cmocka_unit_test(times_and_coordinates_are_accepted_at_their_limits),
		cmocka_unit_test(without_a_deadline_it_is_fifteen_minutes_after_the_request),
		cmocka_unit_test(bytes_behind_a_message_are_fields_of_it),
		cmocka_unit_test(a_recipient_of_an_unknown_kind_is_unsupported),
		cmocka_unit_test(a_record_beyond_the_limit_is_not_even_parsed),
		cmocka_unit_test(a_message_that_could_not_be_read_is_not_written),
		cmocka_unit_test(every_command_survives_the_round_trip),
		cmocka_unit_test(a_command_that_breaks_a_rule_is_rejected),
		cmocka_unit_test(the_limits_of_a_command_are_inclusive),
		cmocka_unit_test(fields_that_are_not_known_are_skipped_in_a_command),
		cmocka_unit_test(keys_name_the_account_the_request_or_the_campaign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
