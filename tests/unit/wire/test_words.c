/* libs/wire's words: each enum's numbers are those of the .proto files, its words theirs in lower case. */
#include "unit.h"

#include <ctype.h>
#include <string.h>

#include "wire/inbound.h"
#include "wire/outbound.h"
#include "wire/shapes.h"

static const ProtobufCEnumDescriptor *enum_in(const ProtobufCMessageDescriptor *m, const char *field)
{
	return protobuf_c_message_descriptor_get_field_by_name(m, field)->descriptor;
}

/* The enum type of a field, by the path to it from InboundEvent. */
static const ProtobufCEnumDescriptor *enum_of(const char *message, const char *field)
{
	const ProtobufCMessageDescriptor *m = inbound_envelope.shape->descriptor;

	if (message)
		m = protobuf_c_message_descriptor_get_field_by_name(m, message)->descriptor;
	return enum_in(m, field);
}

/* PREFIX_SOME_WORD as "some_word"; the zero value is always UNSPECIFIED and has no word. */
static void assert_words(const ProtobufCEnumDescriptor *e, const char *prefix, const char *(*word)(unsigned),
	unsigned (*parse)(struct str))
{
	assert_string_equal(word(0), "");
	assert_string_equal(word(e->n_values), "");
	for (unsigned i = 1; i < e->n_values; i++) {
		const char *name = e->values[i].name, *got = word((unsigned)e->values[i].value);

		assert_int_equal(strncmp(name, prefix, strlen(prefix)), 0);
		name += strlen(prefix);
		assert_int_equal(strlen(got), strlen(name));
		for (size_t j = 0; name[j]; j++)
			assert_int_equal(got[j], tolower(name[j]));
		if (parse)
			assert_int_equal(parse(str_of(got)), e->values[i].value);
	}
	if (parse) {
		assert_int_equal(parse(STR("")), 0);
		assert_int_equal(parse(STR_NONE), 0);
		assert_int_equal(parse(STR("no such word")), 0);
	}
}

#define WORDS_OF(name, type) \
	static const char *name##_of(unsigned v) \
	{ \
		return name##_word((type)v); \
	}
#define PARSER_OF(name) \
	static unsigned name##_from(struct str s) \
	{ \
		return name##_parse(s); \
	}

WORDS_OF(provider, enum provider)
WORDS_OF(bridge, enum bridge_kind)
WORDS_OF(origin, enum origin)
WORDS_OF(direction, enum direction)
WORDS_OF(message_type, enum message_type)
WORDS_OF(message_status, enum message_status)
WORDS_OF(group_action, enum group_action)
WORDS_OF(session_reason, enum session_reason)
WORDS_OF(severity, enum severity)
WORDS_OF(campaign_action, enum campaign_action)
PARSER_OF(provider)
PARSER_OF(bridge)
PARSER_OF(origin)
PARSER_OF(direction)
PARSER_OF(message_type)
PARSER_OF(message_status)

static void words_are_the_names_of_the_proto_files(void **state)
{
	(void)state;
	assert_words(enum_of(NULL, "provider"), "PROVIDER_", provider_of, provider_from);
	assert_words(enum_of(NULL, "bridge_kind"), "BRIDGE_KIND_", bridge_of, bridge_from);
	assert_words(enum_of(NULL, "origin"), "ORIGIN_", origin_of, origin_from);
	assert_words(enum_of("message", "direction"), "DIRECTION_", direction_of, direction_from);
	assert_words(enum_of("message", "type"), "MESSAGE_TYPE_", message_type_of, message_type_from);
	assert_words(enum_of("message", "status"), "MESSAGE_STATUS_", message_status_of, message_status_from);
	assert_words(enum_of("group_change", "action"), "ACTION_", group_action_of, NULL);
	assert_words(enum_of("session_state", "reason"), "REASON_", session_reason_of, NULL);
	assert_words(enum_of("account_notice", "severity"), "SEVERITY_", severity_of, NULL);
	assert_words(enum_in(campaign_command_shape.descriptor, "action"), "ACTION_", campaign_action_of, NULL);
}

/* The zero value of a request's kind has a word: without a kind it is a message. */
static void a_request_is_a_message_a_reaction_or_a_read(void **state)
{
	static const struct {
		const char *name;
		enum send_kind kind;
		const char *word;
	} cases[] = {
		{ "KIND_UNSPECIFIED", SEND_MESSAGE, "message" },
		{ "KIND_REACTION", SEND_REACTION, "reaction" },
		{ "KIND_READ", SEND_READ, "read" },
	};
	const ProtobufCEnumDescriptor *e = enum_in(send_record_shape.descriptor, "kind");

	(void)state;
	assert_int_equal(e->n_values, 3);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(protobuf_c_enum_descriptor_get_value_by_name(e, cases[i].name)->value, cases[i].kind);
		assert_string_equal(send_kind_word(cases[i].kind), cases[i].word);
	}
	assert_string_equal(send_kind_word(SEND_READ + 1), "");
}

static void session_words_are_those_of_the_status_column(void **state)
{
	static const struct {
		const char *name;
		enum session_word word;
		const char *column;
	} cases[] = {
		{ "STATE_STARTING", SESSION_STARTING, "" },
		{ "STATE_QR", SESSION_QR, "qr_scanning" },
		{ "STATE_AUTHENTICATED", SESSION_AUTHENTICATED, "authenticated" },
		{ "STATE_CONNECTED", SESSION_CONNECTED, "connected" },
		{ "STATE_DISCONNECTED", SESSION_DISCONNECTED, "disconnected" },
		{ "STATE_FAILED", SESSION_FAILED, "failed" },
	};
	const ProtobufCEnumDescriptor *e = enum_of("session_state", "state");

	(void)state;
	assert_int_equal(e->n_values, 7);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(protobuf_c_enum_descriptor_get_value_by_name(e, cases[i].name)->value, cases[i].word);
		assert_string_equal(session_status_word(cases[i].word), cases[i].column);
	}
	assert_string_equal(session_status_word(SESSION_NONE), "");
}

static void enums_without_words_have_the_numbers_of_the_proto_files(void **state)
{
	static const struct {
		const char *message, *field, *name;
		int value;
	} cases[] = {
		{ "contact", "action", "ACTION_UPSERT", CONTACT_UPSERT },
		{ "contact", "action", "ACTION_REMOVE", CONTACT_REMOVE },
		{ "identity_change", "kind", "KIND_ALIAS", IDENTITY_ALIAS },
		{ "identity_change", "kind", "KIND_NUMBER_CHANGED", IDENTITY_NUMBER_CHANGED },
		{ "identity_change", "kind", "KIND_MERGED", IDENTITY_MERGED },
		{ "dispatch", "outcome", "OUTCOME_UNSPECIFIED", DISPATCH_NONE },
		{ "dispatch", "outcome", "OUTCOME_SENT", DISPATCH_SENT },
		{ "dispatch", "outcome", "OUTCOME_FAILED", DISPATCH_FAILED },
		{ "dispatch", "outcome", "OUTCOME_UNKNOWN", DISPATCH_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(protobuf_c_enum_descriptor_get_value_by_name(enum_of(cases[i].message, cases[i].field),
					 cases[i].name)
					 ->value,
			cases[i].value);
}

static void any_alias_identifies_a_party_and_a_name_does_not(void **state)
{
	struct party aliases[] = { { .phone = STR("1") }, { .lid = STR("1") }, { .bsuid = STR("US.1") },
		{ .username = STR("a") }, { .jid = STR("a@b") } };
	struct party nobody = { .name = STR("Alice"), .bsuid_scope = STR("1"), .phone = STR("") };

	(void)state;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		assert_true(party_identified(&aliases[i]));
	assert_false(party_identified(&nobody));
}

static void a_chat_is_identified_by_the_side_that_it_has(void **state)
{
	struct chat_ref contact = { .contact = { .phone = STR("1") } };
	struct chat_ref group = { .is_group = true, .group = { .jid = STR("1@g.us") } };
	struct chat_ref neither = {
		.is_group = true, .contact = { .phone = STR("1") }, .group = { .name = STR("Ops") }
	};

	(void)state;
	assert_true(chat_known(&contact));
	assert_true(chat_known(&group));
	assert_false(chat_known(&neither));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_the_names_of_the_proto_files),
		cmocka_unit_test(a_request_is_a_message_a_reaction_or_a_read),
		cmocka_unit_test(session_words_are_those_of_the_status_column),
		cmocka_unit_test(enums_without_words_have_the_numbers_of_the_proto_files),
		cmocka_unit_test(any_alias_identifies_a_party_and_a_name_does_not),
		cmocka_unit_test(a_chat_is_identified_by_the_side_that_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
