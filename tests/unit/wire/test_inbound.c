/* libs/wire/inbound: what is refused and under which word, what is filled in, and that another language's bytes are read. */
#include "unit.h"

#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "wire/inbound.h"

/* Printed by vectors.py. */
static const char python_event[] =
	"0a2430623865376636612d333333332d383333332d383333332d30303030303030303030303312243062386537663661"
	"2d313131312d343131312d383131312d3030303030303030303030311a2430623865376636612d323232322d34323232"
	"2d383232322d303030303030303030303032200228033080d0eab6b73338fbd0eab6b73340024801522d0a077b226375"
	"74223a10011a20000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fa20193020a2a12280a"
	"1731323033363330313233343536373839303140672e7573120d4f7073207465616d20f09f9a80120e66616c73653a33"
	"454230463030441a2666616c73655f31323033363330313233343536373839303140672e75735f334542304630304428"
	"0132250a0c2b3136353035353531323334120f3139383736353433323130313233343a045a6fc3ab38024a0961206361"
	"7074696f6e5212120a696d6167652f6a70656730c0c40740015a120900000000000019c0110000000000a05a40622f0a"
	"0a1208334542304245454612191a1755532e31333439313230383635353330323734313931381a066265666f72656a08"
	"0a0631333130343770047a127b22666f72776172646564223a747275657d";

static struct uuid uuid_of(const char *text)
{
	struct uuid u;

	assert_true(uuid_parse(str_of(text), &u));
	return u;
}

static struct str from_hex(struct arena *a, const char *hex)
{
	size_t n = strlen(hex) / 2;
	char *p = arena_alloc(a, n);

	assert_true(hex_decode(str_of(hex), p, n));
	return (struct str){ p, n };
}

/* The least that passes, of any kind: what several kinds need is set in all of them that have it. */
static struct inbound_event event_of(enum inbound_kind kind)
{
	struct inbound_event e;

	memset(&e, 0, sizeof(e));
	e.id = uuid_of("0b8e7f6a-3333-8333-8333-000000000003");
	e.workspace = uuid_of("0b8e7f6a-1111-4111-8111-000000000001");
	e.account = uuid_of("0b8e7f6a-2222-4222-8222-000000000002");
	e.provider = PROVIDER_META;
	e.ingest_time_ms = 1767225600123;
	e.kind = kind;
	return e;
}

static void message_set(struct in_message *m)
{
	m->chat.contact.phone = STR("16505551234");
	m->key = STR("wamid.1");
	m->direction = DIR_INBOUND;
}

static struct inbound_event message_event(void)
{
	struct inbound_event e = event_of(IN_MESSAGE);

	message_set(&e.u.message);
	return e;
}

static struct inbound_event sync_event(struct arena *a, size_t n_messages)
{
	struct inbound_event e = event_of(IN_SYNC_CHAT);
	struct in_sync_chat *s = &e.u.sync_chat;

	s->state.chat.is_group = true;
	s->state.chat.group.jid = STR("1@g.us");
	s->messages = ARENA_ARRAY(a, struct in_history_message, n_messages);
	s->n_messages = n_messages;
	for (size_t i = 0; i < n_messages; i++) {
		s->messages[i].message.key = STR("true:3EB0");
		s->messages[i].message.direction = DIR_OUTBOUND;
	}
	return e;
}

/* Refused as a struct and as bytes, by the same word. */
static void assert_refused(const char *name, const struct inbound_event *e, struct arena *a, const char *code)
{
	struct inbound_event out;
	struct str bytes;
	struct err err = { 0 };

	if (inbound_check(e, &err) == 0)
		fail_msg("accepted: %s", name);
	if (strcmp(err.code, code) != 0 || err.kind != ERR_INPUT)
		fail_msg("%s: %s (%s) rather than %s", name, err.code, err.msg, code);
	assert_int_equal(inbound_encode(e, a, &bytes, &err), 0);
	memset(&err, 0, sizeof(err));
	assert_int_equal(inbound_decode(&out, bytes, a, &err), -1);
	if (strcmp(err.code, code) != 0)
		fail_msg("%s, as bytes: %s (%s) rather than %s", name, err.code, err.msg, code);
}

static void an_event_encoded_by_another_language_is_read(void **state)
{
	struct arena *a = arena_new(4096);
	struct inbound_event e;
	const struct in_message *m = &e.u.message;
	uint8_t hash[32];
	struct err err;

	(void)state;
	for (uint8_t i = 0; i < 32; i++)
		hash[i] = i;
	assert_int_equal(inbound_decode(&e, from_hex(a, python_event), a, &err), 0);
	assert_int_equal(e.kind, IN_MESSAGE);
	assert_int_equal(e.provider, PROVIDER_WEBJS);
	assert_int_equal(e.bridge, BRIDGE_WAHA);
	assert_int_equal(e.origin, ORIGIN_HISTORY);
	assert_int_equal(e.source_time_ms, 1767225600000);
	assert_int_equal(e.ingest_time_ms, 1767225600123);
	assert_true(e.time_suspect && e.raw_truncated);
	assert_true(str_is(e.raw, "{\"cut\":"));
	assert_int_equal(e.raw_sha256.n, 32);
	assert_memory_equal(e.raw_sha256.p, hash, 32);
	assert_true(m->chat.is_group);
	assert_true(str_is(m->chat.group.jid, "120363012345678901@g.us"));
	assert_true(str_is(m->chat.group.name, "Ops team \xf0\x9f\x9a\x80"));
	assert_true(str_is(m->key, "false:3EB0F00D"));
	assert_true(str_is(m->provider_id, "false_120363012345678901@g.us_3EB0F00D"));
	assert_null(m->client_message_id.p);
	assert_int_equal(m->direction, DIR_INBOUND);
	assert_true(str_is(m->sender.lid, "198765432101234"));
	assert_true(str_is(m->sender.phone, "+16505551234"));
	assert_true(str_is(m->sender.name, "Zo\xc3\xab"));
	assert_int_equal(m->type, MSG_IMAGE);
	assert_true(str_is(m->body, "a caption"));
	assert_true(m->media.present && m->media.missing);
	assert_true(str_is(m->media.mime, "image/jpeg"));
	assert_int_equal(m->media.size_bytes, 123456);
	assert_true(m->location.present);
	assert_true(m->location.latitude == -6.25 && m->location.longitude == 106.5);
	assert_true(m->quoted.present);
	assert_true(str_is(m->quoted.target.stanza, "3EB0BEEF"));
	assert_true(str_is(m->quoted.sender.bsuid, "US.13491208655302741918"));
	assert_true(str_is(m->quoted.body, "before"));
	assert_true(str_is(m->error.code, "131047"));
	assert_int_equal(m->status, STATUS_READ);
	assert_true(str_is(m->extra, "{\"forwarded\":true}"));
	assert_false(m->placeholder || m->synthetic_key);
	arena_free(a);
}

static void encoding_gives_the_same_bytes_as_another_language(void **state)
{
	struct arena *a = arena_new(4096);
	struct str bytes = from_hex(a, python_event), again;
	struct inbound_event e;
	struct err err;

	(void)state;
	assert_int_equal(inbound_decode(&e, bytes, a, &err), 0);
	assert_int_equal(inbound_encode(&e, a, &again, &err), 0);
	assert_true(str_eq(bytes, again));
	arena_free(a);
}

static void text_that_cannot_be_stored_is_a_decode_error(void **state)
{
	static const struct {
		const char *name;
		struct str text;
	} cases[] = {
		{ "a NUL", { "a\0b", 3 } },
		{ "a NUL at the end", { "ab\0", 3 } },
		{ "a stray continuation byte", { "a\x80", 2 } },
		{ "an overlong form", { "\xc0\x80", 2 } },
		{ "a surrogate", { "\xed\xa0\x80", 3 } },
		{ "a character cut short", { "\xf0\x9f\x9a", 3 } },
	};
	struct arena *a = arena_new(4096);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct inbound_event body = message_event(), deep = message_event(), raw = message_event();

		body.u.message.body = cases[i].text;
		deep.u.message.quoted.present = true;
		deep.u.message.quoted.sender.name = cases[i].text;
		raw.raw = cases[i].text;
		assert_refused(cases[i].name, &body, a, "decode");
		assert_refused(cases[i].name, &deep, a, "decode");
		assert_refused(cases[i].name, &raw, a, "decode");
	}
	arena_free(a);
}

static void an_unknown_enum_value_is_unsupported(void **state)
{
	struct arena *a = arena_new(4096);
	struct inbound_event type = message_event(), provider = message_event(), status = event_of(IN_STATUS);

	(void)state;
	type.u.message.type = MSG_TEMPLATE + 1;
	provider.provider = (enum provider)200;
	status.u.status.target.stanza = STR("3EB0");
	status.u.status.status = (enum message_status) - 1;
	assert_refused("message type", &type, a, "unsupported");
	assert_refused("provider", &provider, a, "unsupported");
	assert_refused("negative status", &status, a, "unsupported");
	arena_free(a);
}

/* Every case takes one thing away from a message that passes. */
static void without_id(struct inbound_event *e)
{
	memset(&e->id, 0, sizeof(e->id));
}

static void without_workspace(struct inbound_event *e)
{
	memset(&e->workspace, 0, sizeof(e->workspace));
}

static void without_account(struct inbound_event *e)
{
	memset(&e->account, 0, sizeof(e->account));
}

static void without_provider(struct inbound_event *e)
{
	e->provider = PROVIDER_NONE;
}

static void without_ingest_time(struct inbound_event *e)
{
	e->ingest_time_ms = 0;
}

static void with_negative_time(struct inbound_event *e)
{
	e->source_time_ms = -1;
}

static void with_a_time_beyond_9999(struct inbound_event *e)
{
	e->source_time_ms = INT64_MAX;
}

static void with_a_cut_raw_without_hash(struct inbound_event *e)
{
	e->raw_truncated = true;
}

static void without_chat(struct inbound_event *e)
{
	e->u.message.chat.contact.phone = STR_NONE;
}

static void with_a_name_for_a_chat(struct inbound_event *e)
{
	without_chat(e);
	e->u.message.chat.contact.name = STR("Alice");
}

static void with_a_group_without_jid(struct inbound_event *e)
{
	e->u.message.chat.is_group = true;
	e->u.message.chat.group.name = STR("Ops");
}

static void without_key(struct inbound_event *e)
{
	e->u.message.key = STR_NONE;
}

static void without_direction(struct inbound_event *e)
{
	e->u.message.direction = DIR_NONE;
}

static void with_an_at_in_the_phone(struct inbound_event *e)
{
	e->u.message.chat.contact.phone = STR("16505551234@c.us");
}

static void with_a_bare_plus(struct inbound_event *e)
{
	e->u.message.chat.contact.phone = STR("+");
}

static void with_a_whole_lid(struct inbound_event *e)
{
	e->u.message.chat.contact.lid = STR("198765432101234@lid");
}

static void with_extra_that_is_a_list(struct inbound_event *e)
{
	e->u.message.extra = STR("[1]");
}

static void with_extra_that_is_no_json(struct inbound_event *e)
{
	e->u.message.extra = STR("{\"a\":");
}

static void with_a_user_that_is_no_uuid(struct inbound_event *e)
{
	e->u.message.user_id = STR("42");
}

static void with_a_latitude_of_91(struct inbound_event *e)
{
	e->u.message.location.present = true;
	e->u.message.location.latitude = 91;
}

static void with_a_longitude_that_is_no_number(struct inbound_event *e)
{
	e->u.message.location.present = true;
	e->u.message.location.longitude = __builtin_nan("");
}

static void with_a_negative_size(struct inbound_event *e)
{
	e->u.message.media.present = true;
	e->u.message.media.size_bytes = -1;
}

static void a_message_that_breaks_a_rule_is_rejected(void **state)
{
	static const struct {
		const char *name;
		void (*breaks)(struct inbound_event *e);
	} cases[] = {
		{ "no event id", without_id },
		{ "no workspace", without_workspace },
		{ "no account", without_account },
		{ "no provider", without_provider },
		{ "no ingest time", without_ingest_time },
		{ "a negative time", with_negative_time },
		{ "a time beyond 9999", with_a_time_beyond_9999 },
		{ "a cut raw without its hash", with_a_cut_raw_without_hash },
		{ "no chat", without_chat },
		{ "a name is no identity", with_a_name_for_a_chat },
		{ "a group without jid", with_a_group_without_jid },
		{ "no key", without_key },
		{ "no direction", without_direction },
		{ "a phone with an address", with_an_at_in_the_phone },
		{ "a phone of a plus alone", with_a_bare_plus },
		{ "a lid with an address", with_a_whole_lid },
		{ "extra is a list", with_extra_that_is_a_list },
		{ "extra is no JSON", with_extra_that_is_no_json },
		{ "a user that is no UUID", with_a_user_that_is_no_uuid },
		{ "a latitude of 91", with_a_latitude_of_91 },
		{ "a longitude that is no number", with_a_longitude_that_is_no_number },
		{ "a negative size", with_a_negative_size },
	};
	struct arena *a = arena_new(4096);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct inbound_event e = message_event();

		cases[i].breaks(&e);
		assert_refused(cases[i].name, &e, a, "rule");
	}
	arena_free(a);
}

static void each_kind_requires_its_own_fields(void **state)
{
	static const enum inbound_kind needy[] = { IN_MESSAGE, IN_STATUS, IN_EDIT, IN_REVOKE, IN_REACTION, IN_POLL_VOTE,
		IN_GROUP_CHANGE, IN_CHAT_STATE, IN_SYNC_CHAT, IN_CONTACT, IN_IDENTITY_CHANGE, IN_OPT_OUT,
		IN_SESSION_STATE, IN_ACCOUNT_NOTICE, IN_TEMPLATE_STATUS, IN_CALL, IN_READ_MARKER, IN_MESSAGE_DELETE,
		IN_DISPATCH, IN_CONTACT_ERASE };
	static const enum inbound_kind modest[] = { IN_SYNC_BATCH_END, IN_HISTORY_STATE };
	struct arena *a = arena_new(4096);
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(needy) / sizeof(needy[0]); i++) {
		struct inbound_event e = event_of(needy[i]);

		assert_refused(inbound_kind_word(needy[i]), &e, a, "rule");
	}
	for (size_t i = 0; i < sizeof(modest) / sizeof(modest[0]); i++) {
		struct inbound_event e = event_of(modest[i]);

		assert_int_equal(inbound_check(&e, &err), 0);
	}
	arena_free(a);
}

static void half_of_the_required_fields_are_not_enough(void **state)
{
	struct arena *a = arena_new(4096);
	struct inbound_event status = event_of(IN_STATUS), alias = event_of(IN_IDENTITY_CHANGE),
			     merged = event_of(IN_IDENTITY_CHANGE), group = event_of(IN_GROUP_CHANGE),
			     call = event_of(IN_CALL), marker = event_of(IN_READ_MARKER),
			     erase = event_of(IN_CONTACT_ERASE);

	(void)state;
	status.u.status.target.key = STR("wamid.1");
	alias.u.identity_change.kind = IDENTITY_ALIAS;
	alias.u.identity_change.old_party.phone = STR("16505551234");
	merged.u.identity_change.kind = IDENTITY_MERGED;
	merged.u.identity_change.old_contact = 4;
	group.u.group_change.group.jid = STR("1@g.us");
	call.u.call.call_id = STR("C1");
	call.u.call.chat.contact.phone = STR("16505551234");
	marker.u.read_marker.chat.contact.phone = STR("16505551234");
	erase.u.contact_erase.stage = ERASE_IDENTITY;
	assert_refused("a status without one", &status, a, "rule");
	assert_refused("an alias of nobody", &alias, a, "rule");
	assert_refused("merged into nobody", &merged, a, "rule");
	assert_refused("a group that does nothing", &group, a, "rule");
	assert_refused("a call from nowhere", &call, a, "rule");
	assert_refused("read at no time", &marker, a, "rule");
	assert_refused("the erasure of nobody", &erase, a, "rule");
	arena_free(a);
}

static struct inbound_event dispatch_event(enum dispatch_outcome outcome)
{
	struct inbound_event e = event_of(IN_DISPATCH);

	e.u.dispatch = (struct in_dispatch){ .message = { .chat.contact.phone = STR("16505551234"),
						     .key = STR("wamid.1"),
						     .client_message_id = STR("order-1"),
						     .direction = DIR_OUTBOUND },
		.outcome = outcome };
	return e;
}

static void a_dispatch_names_our_own_id_and_its_key_once_it_was_sent(void **state)
{
	static const enum dispatch_outcome not_sent[] = { DISPATCH_NONE, DISPATCH_FAILED, DISPATCH_UNKNOWN };
	struct inbound_event sent = dispatch_event(DISPATCH_SENT), bad;
	struct arena *a = arena_new(4096);
	char *text = arena_alloc(a, WIRE_MAX_OWN_ID_BYTES + 1);
	struct err err;

	(void)state;
	assert_int_equal(inbound_check(&sent, &err), 0);
	bad = sent;
	bad.u.dispatch.message.key = STR_NONE;
	assert_refused("sent, without a key", &bad, a, "rule");
	for (size_t i = 0; i < sizeof(not_sent) / sizeof(not_sent[0]); i++) {
		struct inbound_event e = dispatch_event(not_sent[i]);

		e.u.dispatch.message.key = STR_NONE;
		assert_int_equal(inbound_check(&e, &err), 0);
	}
	bad = sent;
	bad.u.dispatch.message.chat.contact.phone = STR_NONE;
	assert_refused("without a chat", &bad, a, "rule");
	bad = sent;
	bad.u.dispatch.message.direction = DIR_INBOUND;
	assert_refused("an inbound message", &bad, a, "rule");
	bad = sent;
	bad.u.dispatch.message.client_message_id = STR_NONE;
	assert_refused("without our id", &bad, a, "rule");
	memset(text, 'x', WIRE_MAX_OWN_ID_BYTES + 1);
	sent.u.dispatch.message.client_message_id = (struct str){ text, WIRE_MAX_OWN_ID_BYTES };
	assert_int_equal(inbound_check(&sent, &err), 0);
	sent.u.dispatch.message.client_message_id.n++;
	assert_refused("an id of 511 bytes", &sent, a, "rule");
	arena_free(a);
}

static void the_limits_of_fields_are_inclusive(void **state)
{
	static const struct {
		const char *name;
		size_t offset, limit;
	} cases[] = {
		{ "key", offsetof(struct in_message, key), WIRE_MAX_ID_BYTES },
		{ "sender.name", offsetof(struct in_message, sender.name), WIRE_MAX_NAME_BYTES },
		{ "sender.jid", offsetof(struct in_message, sender.jid), WIRE_MAX_ID_BYTES },
		{ "body", offsetof(struct in_message, body), WIRE_MAX_BODY_BYTES },
		{ "error.details", offsetof(struct in_message, error.details), WIRE_MAX_LINK_BYTES },
	};
	struct arena *a = arena_new(4096);
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct inbound_event e = message_event();
		struct str *field = (struct str *)(void *)((char *)&e.u.message + cases[i].offset);
		char *text = arena_alloc(a, cases[i].limit + 1);

		memset(text, 'x', cases[i].limit + 1);
		*field = (struct str){ text, cases[i].limit };
		assert_int_equal(inbound_check(&e, &err), 0);
		field->n++;
		assert_refused(cases[i].name, &e, a, "rule");
	}
	arena_free(a);
}

static void components_of_a_template_are_a_json_array(void **state)
{
	struct arena *a = arena_new(4096);
	struct inbound_event e = event_of(IN_TEMPLATE_STATUS), object;
	char *text = arena_alloc(a, WIRE_MAX_JSON_BYTES + 1);
	struct err err;

	(void)state;
	e.u.template_status.name = STR("welcome");
	object = e;
	memset(text, ' ', WIRE_MAX_JSON_BYTES + 1);
	text[0] = '[';
	text[WIRE_MAX_JSON_BYTES - 1] = ']';
	e.u.template_status.components = (struct str){ text, WIRE_MAX_JSON_BYTES };
	assert_int_equal(inbound_check(&e, &err), 0);
	e.u.template_status.components.n++;
	assert_refused("components of 65,537 bytes", &e, a, "rule");
	object.u.template_status.components = STR("{\"type\":\"BODY\"}");
	assert_refused("components that are an object", &object, a, "rule");
	arena_free(a);
}

static void lists_have_limits(void **state)
{
	struct arena *a = arena_new(4096);
	struct inbound_event fifty = sync_event(a, WIRE_MAX_SYNC_MESSAGES),
			     more = sync_event(a, WIRE_MAX_SYNC_MESSAGES + 1), poll = event_of(IN_POLL_VOTE),
			     group = event_of(IN_GROUP_CHANGE);
	struct err err;

	(void)state;
	assert_int_equal(inbound_check(&fifty, &err), 0);
	assert_refused("51 messages", &more, a, "rule");
	poll.u.poll_vote.target.stanza = STR("3EB0");
	poll.u.poll_vote.options = ARENA_ARRAY(a, struct str, WIRE_MAX_OPTIONS + 1);
	poll.u.poll_vote.n_options = WIRE_MAX_OPTIONS + 1;
	assert_refused("101 options", &poll, a, "rule");
	group.u.group_change.group.jid = STR("1@g.us");
	group.u.group_change.action = GROUP_ADD;
	group.u.group_change.participants = ARENA_ARRAY(a, struct participant, WIRE_MAX_PARTICIPANTS + 1);
	group.u.group_change.n_participants = WIRE_MAX_PARTICIPANTS + 1;
	assert_refused("5001 participants", &group, a, "rule");
	arena_free(a);
}

static void a_sync_message_is_checked_and_has_the_chat_of_its_state(void **state)
{
	struct arena *a = arena_new(4096);
	struct inbound_event e = sync_event(a, 2), out;
	struct str bytes;
	struct err err;

	(void)state;
	assert_int_equal(inbound_encode(&e, a, &bytes, &err), 0);
	assert_int_equal(inbound_decode(&out, bytes, a, &err), 0);
	assert_true(out.u.sync_chat.messages[1].message.chat.is_group);
	assert_true(str_is(out.u.sync_chat.messages[1].message.chat.group.jid, "1@g.us"));
	assert_int_equal(out.u.sync_chat.messages[1].message.type, MSG_UNKNOWN);
	e.u.sync_chat.messages[1].message.key = STR_NONE;
	assert_refused("a sync message without key", &e, a, "rule");
	arena_free(a);
}

static void absent_fields_have_a_default(void **state)
{
	struct arena *a = arena_new(4096);
	struct inbound_event e = message_event(), out;
	struct str bytes;
	struct err err;

	(void)state;
	assert_int_equal(inbound_encode(&e, a, &bytes, &err), 0);
	assert_int_equal(inbound_decode(&out, bytes, a, &err), 0);
	assert_int_equal(out.origin, ORIGIN_LIVE);
	assert_int_equal(out.u.message.type, MSG_UNKNOWN);
	assert_int_equal(inbound_time_ms(&out), out.ingest_time_ms);
	assert_false(out.u.message.media.present || out.u.message.quoted.present || out.u.message.chat.is_group);
	assert_null(out.u.message.body.p);
	arena_free(a);
}

static void a_suspect_time_is_used_for_the_id_only(void **state)
{
	const int64_t told = 1700000000000, taken_in = 1700000005000;
	const struct {
		const char *name;
		int64_t source_ms;
		bool suspect;
		int64_t want_ms;
	} cases[] = {
		{ "believed", told, false, told },
		{ "not said", 0, false, taken_in },
		{ "in the year 2100", 4102444800000, true, taken_in },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct inbound_event e = { .kind = IN_MESSAGE,
			.source_time_ms = cases[i].source_ms,
			.ingest_time_ms = taken_in,
			.time_suspect = cases[i].suspect };
		struct inbound_event again = e;
		const struct in_history_message m = { .source_time_ms = e.source_time_ms,
			.time_suspect = e.time_suspect };

		if (inbound_time_ms(&e) != cases[i].want_ms || inbound_message_time_ms(&e, &m) != cases[i].want_ms)
			fail_msg("%s", cases[i].name);
		again.ingest_time_ms++;
		inbound_derive_id(&e, STR("k"), STR("c"));
		inbound_derive_id(&again, STR("k"), STR("c"));
		assert_true(uuid_eq(&e.id, &again.id) == (cases[i].source_ms != 0));
	}
}

static void an_unread_count_of_zero_differs_from_none(void **state)
{
	struct arena *a = arena_new(4096);
	struct inbound_event e = event_of(IN_CHAT_STATE), none, zero;
	struct str bytes;
	struct err err;

	(void)state;
	e.u.chat_state.chat.contact.phone = STR("16505551234");
	assert_int_equal(inbound_encode(&e, a, &bytes, &err), 0);
	assert_int_equal(inbound_decode(&none, bytes, a, &err), 0);
	e.u.chat_state.has_unread = e.u.chat_state.has_archived = true;
	assert_int_equal(inbound_encode(&e, a, &bytes, &err), 0);
	assert_int_equal(inbound_decode(&zero, bytes, a, &err), 0);
	assert_false(none.u.chat_state.has_unread || none.u.chat_state.has_archived);
	assert_true(zero.u.chat_state.has_unread && zero.u.chat_state.has_archived);
	assert_int_equal(zero.u.chat_state.unread, 0);
	e.u.chat_state.unread = -2;
	assert_refused("an unread count of -2", &e, a, "rule");
	arena_free(a);
}

/* A message's own bytes and then others: in protobuf the last value of a field counts. */
static void assert_appended(const char *name, const char *hex, const char *code)
{
	struct arena *a = arena_new(4096);
	struct inbound_event e = message_event(), out;
	struct str bytes, tail = from_hex(a, hex);
	struct buf b = BUF_INIT;
	struct err err = { 0 };

	assert_int_equal(inbound_encode(&e, a, &bytes, &err), 0);
	buf_add_str(&b, bytes);
	buf_add_str(&b, tail);
	assert_int_equal(inbound_decode(&out, buf_str(&b), a, &err), -1);
	if (strcmp(err.code, code) != 0)
		fail_msg("%s: %s (%s) rather than %s", name, err.code, err.msg, code);
	buf_fini(&b);
	arena_free(a);
}

static void broken_bytes_are_rejected(void **state)
{
	(void)state;
	assert_appended("a field cut short", "0a24", "decode");
	assert_appended("a field of another wire type", "0801", "decode");
	assert_appended("a group", "0b0c", "decode");
	assert_appended("an event id that is no UUID", "0a03616263", "rule");
	assert_appended("a provider of the future", "200a", "unsupported");
}

static void an_unknown_kind_is_unsupported_and_a_missing_one_is_not(void **state)
{
	/* Envelopes of two ids, then field 99 or nothing. */
	static const char ids[] = "1224"
				  "30623865376636612d313131312d343131312d383131312d303030303030303030303031"
				  "1a24"
				  "30623865376636612d323232322d343232322d383232322d303030303030303030303032";
	struct arena *a = arena_new(4096);
	struct inbound_event out;
	struct err err;

	(void)state;
	assert_int_equal(inbound_decode(&out, from_hex(a, arena_printf(a, "%s9a06030801", ids).p), a, &err), -1);
	assert_string_equal(err.code, "decode"); /* cut short */
	assert_int_equal(inbound_decode(&out, from_hex(a, arena_printf(a, "%s9a06020801", ids).p), a, &err), -1);
	assert_string_equal(err.code, "unsupported");
	assert_int_equal(inbound_decode(&out, from_hex(a, ids), a, &err), -1);
	assert_string_equal(err.code, "rule");
	arena_free(a);
}

static void a_record_of_more_than_a_mebibyte_is_not_even_parsed(void **state)
{
	struct arena *a = arena_new(4096);
	const size_t n = 1048577;
	char *bytes = arena_alloc(a, n);
	struct inbound_event out;
	struct err err;

	(void)state;
	assert_int_equal(inbound_decode(&out, (struct str){ bytes, n }, a, &err), -1);
	assert_string_equal(err.code, "rule");
	assert_int_equal(inbound_decode(&out, (struct str){ bytes, n - 1 }, a, &err), -1);
	assert_string_equal(err.code, "decode");
	arena_free(a);
}

static void a_record_that_unpacks_to_too_much_is_rejected(void **state)
{
	struct arena *a = arena_new(4096);
	struct buf b = BUF_INIT;
	struct inbound_event out;
	struct err err;

	(void)state;
	for (int i = 0; i < 300000; i++)
		buf_add(&b, "\xa2\x01\x00", 3); /* an empty message, again and again */
	assert_int_equal(inbound_decode(&out, buf_str(&b), a, &err), -1);
	assert_true(arena_used_bytes(a) < 66 * (size_t)1048576);
	buf_fini(&b);
	arena_free(a);
}

static void raw_is_dropped_before_a_record_is_too_large(void **state)
{
	/* SHA-256 of 65,536 spaces. */
	static const char hash[] = "0beca823b527427c6f6abccba22309ee6137100421b0037578e4521d5f2b7302";
	struct arena *a = arena_new(4096);
	struct inbound_event e = sync_event(a, 4), out;
	char *raw = arena_alloc(a, WIRE_MAX_RAW_BYTES), *body = arena_alloc(a, WIRE_MAX_BODY_BYTES);
	struct str bytes = STR_NONE;
	struct err err;

	(void)state;
	memset(raw, ' ', WIRE_MAX_RAW_BYTES);
	memset(body, 'x', WIRE_MAX_BODY_BYTES);
	e.raw = (struct str){ raw, WIRE_MAX_RAW_BYTES };
	for (int i = 0; i < 3; i++)
		e.u.sync_chat.messages[i].message.body = (struct str){ body, WIRE_MAX_BODY_BYTES };
	e.u.sync_chat.messages[3].message.body = (struct str){ body, 100000 };
	assert_int_equal(inbound_encode(&e, a, &bytes, &err), 0);
	assert_true(bytes.n > WIRE_MAX_RECORD_BYTES - WIRE_MAX_RAW_BYTES && bytes.n <= WIRE_MAX_RECORD_BYTES);
	assert_int_equal(inbound_decode(&out, bytes, a, &err), 0);
	assert_true(out.raw_truncated);
	assert_int_equal(out.raw.n, 0);
	assert_true(str_eq(out.raw_sha256, from_hex(a, hash)));
	e.u.sync_chat.messages[3].message.body.n = WIRE_MAX_BODY_BYTES;
	bytes = STR_NONE;
	assert_int_equal(inbound_encode(&e, a, &bytes, &err), -1);
	assert_string_equal(err.code, "too_large");
	assert_null(bytes.p);
	arena_free(a);
}

static void derived_ids_are_stable_and_differ_by_every_part(void **state)
{
	struct inbound_event e = message_event(), other;
	char text[37];

	(void)state;
	inbound_derive_id(&e, STR("wamid.1"), STR("hello"));
	uuid_format(&e.id, text);
	assert_string_equal(text, "0ff7a719-7018-8b7e-98a1-5f5b32f936dd");
	other = e;
	inbound_derive_id(&other, STR("wamid.1"), STR("hello"));
	assert_true(uuid_eq(&other.id, &e.id));
	inbound_derive_id(&other, STR("wamid.2"), STR("hello"));
	assert_false(uuid_eq(&other.id, &e.id));
	inbound_derive_id(&other, STR("wamid.1"), STR("hello!"));
	assert_false(uuid_eq(&other.id, &e.id));
	inbound_derive_id(&other, STR("wamid.1hello"), STR(""));
	assert_false(uuid_eq(&other.id, &e.id));
	other.source_time_ms = 1767225600000;
	inbound_derive_id(&other, STR("wamid.1"), STR("hello"));
	assert_false(uuid_eq(&other.id, &e.id));
	other = e;
	other.account.b[15] ^= 1;
	inbound_derive_id(&other, STR("wamid.1"), STR("hello"));
	assert_false(uuid_eq(&other.id, &e.id));
	other = e;
	other.kind = IN_DISPATCH;
	inbound_derive_id(&other, STR("wamid.1"), STR("hello"));
	assert_false(uuid_eq(&other.id, &e.id));
}

static void the_key_is_workspace_and_account(void **state)
{
	struct inbound_event e = message_event();
	char key[74];

	(void)state;
	inbound_key(&e, key);
	assert_string_equal(key, "0b8e7f6a-1111-4111-8111-000000000001:0b8e7f6a-2222-4222-8222-000000000002");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_encoded_by_another_language_is_read),
		cmocka_unit_test(encoding_gives_the_same_bytes_as_another_language),
		cmocka_unit_test(text_that_cannot_be_stored_is_a_decode_error),
		cmocka_unit_test(an_unknown_enum_value_is_unsupported),
		cmocka_unit_test(a_message_that_breaks_a_rule_is_rejected),
		cmocka_unit_test(each_kind_requires_its_own_fields),
		cmocka_unit_test(half_of_the_required_fields_are_not_enough),
		cmocka_unit_test(a_dispatch_names_our_own_id_and_its_key_once_it_was_sent),
		cmocka_unit_test(the_limits_of_fields_are_inclusive),
		cmocka_unit_test(components_of_a_template_are_a_json_array),
		cmocka_unit_test(lists_have_limits),
		cmocka_unit_test(a_sync_message_is_checked_and_has_the_chat_of_its_state),
		cmocka_unit_test(absent_fields_have_a_default),
		cmocka_unit_test(a_suspect_time_is_used_for_the_id_only),
		cmocka_unit_test(an_unread_count_of_zero_differs_from_none),
		cmocka_unit_test(broken_bytes_are_rejected),
		cmocka_unit_test(an_unknown_kind_is_unsupported_and_a_missing_one_is_not),
		cmocka_unit_test(a_record_of_more_than_a_mebibyte_is_not_even_parsed),
		cmocka_unit_test(a_record_that_unpacks_to_too_much_is_rejected),
		cmocka_unit_test(raw_is_dropped_before_a_record_is_too_large),
		cmocka_unit_test(derived_ids_are_stable_and_differ_by_every_part),
		cmocka_unit_test(the_key_is_workspace_and_account),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
