/* Evolution API bodies that the fixtures do not show. */
#include "posted.h"

#include <dirent.h>

static void post(struct posted *p, const char *body)
{
	post_bytes(p, evolution_read, BRIDGE_EVOLUTION, str_of(body));
}

#define EVENT(event, data) \
	"{\"event\":\"" event "\",\"instance\":\"i\",\"data\":" data ",\"sender\":\"6281234567890@s.whatsapp.net\"," \
	"\"apikey\":\"SecretValue\"}"
#define KEY           "\"key\":{\"remoteJid\":\"16505551234@s.whatsapp.net\",\"fromMe\":false,\"id\":\"3EB0\"}"
#define MESSAGE(rest) EVENT("messages.upsert", "{" KEY "," rest "}")

static void timestamps_come_in_three_shapes(void **state)
{
	static const struct {
		const char *json;
		int64_t ms;
	} cases[] = {
		{ "1767225600", 1767225600000 },
		{ "\"1767225600\"", 1767225600000 },
		{ "{\"low\":1767225600,\"high\":0,\"unsigned\":true}", 1767225600000 },
		{ "{\"low\":-2147483648,\"high\":0}", 2147483648000 },
		{ "null", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char body[512];
		struct posted p;

		snprintf(body, sizeof(body), MESSAGE("\"message\":{\"conversation\":\"hi\"},\"messageTimestamp\":%s"),
			cases[i].json);
		post(&p, body);
		assert_int_equal(posted_one(&p, IN_MESSAGE)->source_time_ms, cases[i].ms);
		posted_fini(&p);
	}
}

static void contents_are_identified_by_their_member(void **state)
{
	static const struct {
		const char *message;
		enum message_type type;
		const char *body, *in_extra;
	} cases[] = {
		{ "{\"conversation\":\"hi\"}", MSG_TEXT, "hi", "" },
		{ "{\"extendedTextMessage\":{\"text\":\"hi\"}}", MSG_TEXT, "hi", "" },
		{ "{\"messageContextInfo\":{},\"conversation\":\"hi\"}", MSG_TEXT, "hi", "" },
		{ "{\"ephemeralMessage\":{\"message\":{\"imageMessage\":{\"caption\":\"look\"}}}}", MSG_IMAGE, "look",
			"" },
		{ "{\"viewOnceMessageV2\":{\"message\":{\"audioMessage\":{\"ptt\":true,\"seconds\":4}}}}", MSG_VOICE,
			"", "\"duration\":\"4\"" },
		{ "{\"audioMessage\":{}}", MSG_AUDIO, "", "" },
		{ "{\"documentWithCaptionMessage\":{\"message\":{\"documentMessage\":{\"caption\":\"c\",\"fileName\":\"f.pdf\"}}}}",
			MSG_DOCUMENT, "c", "" },
		{ "{\"contactMessage\":{\"displayName\":\"Carol\",\"vcard\":\"BEGIN\"}}", MSG_CONTACTS, "Carol",
			"BEGIN" },
		{ "{\"contactsArrayMessage\":{\"contacts\":[{\"displayName\":\"Carol\"},{\"displayName\":\"Dan\"}]}}",
			MSG_CONTACTS, "Carol, Dan", "" },
		{ "{\"pollCreationMessageV3\":{\"name\":\"Lunch?\",\"options\":[{\"optionName\":\"Pizza\"}]}}",
			MSG_POLL, "Lunch?", "Pizza" },
		{ "{\"listResponseMessage\":{\"title\":\"Large\",\"singleSelectReply\":{\"selectedRowId\":\"size-l\"}}}",
			MSG_INTERACTIVE, "Large", "\"selected\":\"size-l\"" },
		{ "{\"buttonsResponseMessage\":{\"selectedButtonId\":\"b\",\"selectedDisplayText\":\"Yes\"}}",
			MSG_INTERACTIVE, "Yes", "\"selected\":\"b\"" },
		{ "{\"templateButtonReplyMessage\":{\"selectedId\":\"b\",\"selectedDisplayText\":\"Yes\"}}",
			MSG_INTERACTIVE, "Yes", "\"selected\":\"b\"" },
		{ "{\"liveLocationMessage\":{\"degreesLatitude\":1.5,\"degreesLongitude\":2.5}}", MSG_LOCATION, "",
			"" },
		{ "{\"groupInviteMessage\":{\"groupJid\":\"1@g.us\",\"caption\":\"join\"}}", MSG_GROUP_INVITE, "join",
			"1@g.us" },
		{ "{\"orderMessage\":{\"orderId\":\"42\"}}", MSG_ORDER, "", "\"order_id\":\"42\"" },
		{ "{\"videoMessage\":{\"gifPlayback\":true}}", MSG_VIDEO, "", "\"gif\":true" },
		{ "{\"imageMessage\":{\"contextInfo\":{\"isForwarded\":true,\"forwardingScore\":4}}}", MSG_IMAGE, "",
			"\"forwarded\":true,\"forwarding_score\":4" },
		{ "{\"hologramMessage\":{\"text\":\"hi\",\"mediaKey\":\"SecretValue\"}}", MSG_UNKNOWN, "hi",
			"hologramMessage" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct inbound_event *e;
		char body[1024];
		struct posted p;

		snprintf(body, sizeof(body), MESSAGE("\"message\":%s,\"messageTimestamp\":1767225600"),
			cases[i].message);
		post(&p, body);
		e = posted_one(&p, IN_MESSAGE);
		assert_int_equal(e->u.message.type, cases[i].type);
		assert_str_is(e->u.message.body, cases[i].body);
		assert_true(!cases[i].in_extra[0] || text_holds(e->u.message.extra, str_of(cases[i].in_extra)));
		assert_int_equal(e->raw.n > 0, cases[i].type == MSG_UNKNOWN);
		assert_secret(&p, STR("SecretValue"));
		posted_fini(&p);
	}
}

static void a_row_without_content_is_a_placeholder_or_a_notice(void **state)
{
	static const struct {
		const char *body;
		bool placeholder;
		enum message_type type;
	} cases[] = {
		{ MESSAGE("\"message\":null,\"messageStubType\":2"), true, MSG_UNKNOWN },
		{ MESSAGE("\"messageStubType\":\"CIPHERTEXT\""), true, MSG_UNKNOWN },
		{ MESSAGE("\"message\":{\"messageContextInfo\":{}}"), true, MSG_UNKNOWN },
		{ MESSAGE("\"messageStubType\":27"), false, MSG_SYSTEM },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct posted p;

		post(&p, cases[i].body);
		assert_int_equal(posted_one(&p, IN_MESSAGE)->u.message.placeholder, cases[i].placeholder);
		assert_int_equal(p.in.events[0]->u.message.type, cases[i].type);
		posted_fini(&p);
	}
}

static void reactions_edits_revokes_and_votes_come_as_messages_too(void **state)
{
	struct posted p;

	(void)state;
	post(&p,
		MESSAGE("\"message\":{\"reactionMessage\":{\"key\":{\"fromMe\":true,\"id\":\"T\"},\"text\":\"\","
			"\"senderTimestampMs\":{\"low\":2058765435,\"high\":411}}}"));
	assert_str_is(posted_one(&p, IN_REACTION)->u.reaction.target.key, "true:T");
	assert_str_is(p.in.events[0]->u.reaction.emoji, "");
	assert_int_equal(p.in.events[0]->source_time_ms, (INT64_C(411) << 32) + 2058765435);
	posted_fini(&p);
	post(&p,
		MESSAGE("\"message\":{\"protocolMessage\":{\"type\":\"REVOKE\",\"key\":{\"fromMe\":true,\"id\":\"T\"}}}"));
	assert_str_is(posted_one(&p, IN_REVOKE)->u.revoke.target.stanza, "T");
	assert_str_is(p.in.events[0]->u.revoke.target.key, "");
	posted_fini(&p);
	post(&p,
		MESSAGE("\"message\":{\"editedMessage\":{\"message\":{\"protocolMessage\":{\"key\":{\"id\":\"T\"},"
			"\"editedMessage\":{\"extendedTextMessage\":{\"text\":\"new\"}},\"timestampMs\":\"1767225840123\"}}}}"));
	assert_str_is(posted_one(&p, IN_EDIT)->u.edit.body, "new");
	assert_str_is(p.in.events[0]->u.edit.target.stanza, "T");
	assert_int_equal(p.in.events[0]->source_time_ms, 1767225840123);
	posted_fini(&p);
	post(&p,
		MESSAGE("\"message\":{\"pollUpdateMessage\":{\"pollCreationMessageKey\":{\"fromMe\":true,\"id\":\"P\"},"
			"\"vote\":{\"selectedOptions\":[\"Pizza\"]}}}"));
	assert_str_is(posted_one(&p, IN_POLL_VOTE)->u.poll_vote.options[0], "Pizza");
	assert_str_is(p.in.events[0]->u.poll_vote.voter.phone, "16505551234");
	posted_fini(&p);
	post(&p, MESSAGE("\"message\":{\"pollUpdateMessage\":{\"vote\":{\"encPayload\":\"x\"}}}"));
	assert_ignored(&p, "poll_vote_encrypted");
	posted_fini(&p);
}

static void edits_belong_to_the_conversation_they_are_reported_in(void **state)
{
	struct posted p;

	(void)state;
	post(&p,
		EVENT("messages.edited",
			"{" KEY ",\"editedMessage\":{\"conversation\":\"new\"},\"timestampMs\":1767225840123}"));
	assert_str_is(posted_one(&p, IN_EDIT)->u.edit.chat.contact.phone, "16505551234");
	assert_str_is(p.in.events[0]->u.edit.target.stanza, "3EB0");
	assert_str_is(p.in.events[0]->u.edit.body, "new");
	assert_int_equal(p.in.events[0]->source_time_ms, 1767225840123);
	posted_fini(&p);
	/* From the peer's point of view: from itself to the account. */
	post(&p,
		EVENT("messages.edited",
			"{\"key\":{\"remoteJid\":\"6281234567890@s.whatsapp.net\",\"fromMe\":true,\"id\":\"3EB0\"},"
			"\"editedMessage\":{\"conversation\":\"new\"}}"));
	assert_false(chat_known(&posted_one(&p, IN_EDIT)->u.edit.chat));
	assert_str_is(p.in.events[0]->u.edit.target.key, "false:3EB0");
	assert_int_equal(p.in.events[0]->u.edit.direction, DIR_INBOUND);
	posted_fini(&p);
}

static void statuses_are_read_by_name_and_by_number(void **state)
{
	static const struct {
		const char *status;
		enum message_status want;
	} cases[] = {
		{ "\"ERROR\"", STATUS_FAILED },
		{ "\"PENDING\"", STATUS_PENDING },
		{ "\"SERVER_ACK\"", STATUS_SENT },
		{ "\"DELIVERY_ACK\"", STATUS_DELIVERED },
		{ "\"READ\"", STATUS_READ },
		{ "\"PLAYED\"", STATUS_PLAYED },
		{ "0", STATUS_FAILED },
		{ "2", STATUS_SENT },
		{ "5", STATUS_PLAYED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char body[512];
		struct posted p;

		snprintf(body, sizeof(body),
			EVENT("messages.update",
				"{\"keyId\":\"3EB0\",\"remoteJid\":\"16505551234@s.whatsapp.net\",\"fromMe\":true,\"status\":%s}"),
			cases[i].status);
		post(&p, body);
		assert_int_equal(posted_one(&p, IN_STATUS)->u.status.status, cases[i].want);
		assert_str_is(p.in.events[0]->u.status.target.key, "true:3EB0");
		posted_fini(&p);
	}
}

static void an_update_to_deleted_is_a_revoke(void **state)
{
	struct posted p;

	(void)state;
	post(&p,
		EVENT("messages.update",
			"{\"keyId\":\"3EB0\",\"remoteJid\":\"16505551234@s.whatsapp.net\",\"fromMe\":false,\"status\":\"DELETED\"}"));
	assert_str_is(posted_one(&p, IN_REVOKE)->u.revoke.target.key, "false:3EB0");
	posted_fini(&p);
	post(&p,
		EVENT("messages.update",
			"{\"keyId\":\"3EB0\",\"remoteJid\":\"1@s.whatsapp.net\",\"status\":\"HOLOGRAM\"}"));
	assert_ignored(&p, "message_update");
	posted_fini(&p);
}

static void the_digits_of_a_lid_are_not_a_phone(void **state)
{
	static const struct {
		const char *participants, *data, *phone;
	} cases[] = {
		{ "[\"22@lid\"]", "[{\"jid\":\"22@lid\",\"phoneNumber\":\"22\"}]", "" },
		{ "[\"22@lid\"]", "[{\"jid\":\"22@lid\",\"phoneNumber\":\"22@s.whatsapp.net\"}]", "" },
		{ "[\"22@lid\"]", "[{\"jid\":\"22@lid\",\"phoneNumber\":\"6281298765432\"}]", "6281298765432" },
		{ "[{\"id\":\"22@lid\",\"phoneNumber\":\"6281298765432@s.whatsapp.net\"}]", "null", "6281298765432" },
		{ "[{\"id\":\"22@lid\",\"phoneNumber\":\"22@lid\"}]", "null", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct in_group_change *g;
		char body[512];
		struct posted p;

		snprintf(body, sizeof(body),
			EVENT("group-participants.update",
				"{\"id\":\"1@g.us\",\"action\":\"add\",\"participants\":%s,\"participantsData\":%s}"),
			cases[i].participants, cases[i].data);
		post(&p, body);
		g = &posted_one(&p, IN_GROUP_CHANGE)->u.group_change;
		assert_int_equal(g->n_participants, 1);
		assert_str_is(g->participants[0].party.lid, "22");
		assert_str_is(g->participants[0].party.phone, cases[i].phone);
		posted_fini(&p);
	}
}

static void the_accounts_own_name_is_not_a_contacts(void **state)
{
	struct posted p;

	(void)state;
	post(&p,
		EVENT("send.message",
			"{\"key\":{\"remoteJid\":\"16505551234@s.whatsapp.net\",\"fromMe\":true,\"id\":\"3EB0\"},"
			"\"pushName\":\"Você\",\"message\":{\"conversation\":\"hi\"}}"));
	assert_str_is(posted_one(&p, IN_MESSAGE)->u.message.chat.contact.name, "");
	assert_int_equal(p.in.events[0]->u.message.direction, DIR_OUTBOUND);
	posted_fini(&p);
	post(&p, EVENT("contacts.update", "[{\"remoteJid\":\"6281234567890@s.whatsapp.net\",\"pushName\":\"Acme\"}]"));
	assert_ignored(&p, "own_contact");
	posted_fini(&p);
}

static void history_events_have_origin_history(void **state)
{
	struct posted p;

	(void)state;
	post(&p, EVENT("messages.set", "{\"messages\":[{" KEY ",\"message\":{\"conversation\":\"old\"}}]}"));
	assert_int_equal(posted_one(&p, IN_MESSAGE)->origin, ORIGIN_HISTORY);
	posted_fini(&p);
}

static void sessions_have_states_and_reasons(void **state)
{
	static const struct {
		const char *event, *data;
		enum session_word word;
		enum session_reason reason;
	} cases[] = {
		{ "connection.update", "{\"state\":\"connecting\",\"statusReason\":200}", SESSION_STARTING,
			REASON_NONE },
		{ "connection.update", "{\"state\":\"open\",\"statusReason\":200}", SESSION_CONNECTED, REASON_NONE },
		{ "connection.update", "{\"state\":\"close\",\"statusReason\":401}", SESSION_DISCONNECTED,
			REASON_USER_INITIATED },
		{ "connection.update", "{\"state\":\"close\",\"statusReason\":408}", SESSION_DISCONNECTED,
			REASON_TIMEOUT },
		{ "connection.update", "{\"state\":\"close\",\"statusReason\":440}", SESSION_DISCONNECTED,
			REASON_ERROR },
		{ "connection.update", "{\"state\":\"close\",\"statusReason\":515}", SESSION_DISCONNECTED,
			REASON_INSTANCE_RESTART },
		{ "connection.update", "{\"state\":\"close\"}", SESSION_DISCONNECTED, REASON_UNKNOWN },
		{ "connection.update", "{\"state\":\"refused\",\"statusReason\":428}", SESSION_DISCONNECTED,
			REASON_QR_EXPIRED },
		{ "qrcode.updated", "{\"message\":\"QR code limit reached\",\"statusCode\":500}", SESSION_DISCONNECTED,
			REASON_QR_EXPIRED },
		{ "status.instance", "{\"status\":\"removed\"}", SESSION_DISCONNECTED, REASON_USER_INITIATED },
		{ "status.instance", "{\"status\":\"closed\",\"disconnectionReasonCode\":403}", SESSION_DISCONNECTED,
			REASON_ERROR },
		{ "logout.instance", "{}", SESSION_DISCONNECTED, REASON_USER_INITIATED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct in_session_state *s;
		char body[512];
		struct posted p;

		snprintf(body, sizeof(body), EVENT("%s", "%s"), cases[i].event, cases[i].data);
		post(&p, body);
		s = &posted_one(&p, IN_SESSION_STATE)->u.session_state;
		assert_int_equal(s->state, cases[i].word);
		assert_int_equal(s->reason, cases[i].reason);
		assert_true(s->details.n > 0);
		posted_fini(&p);
	}
}

static void codes_are_stored_and_never_published(void **state)
{
	static const char *const bodies[] = {
		EVENT("qrcode.updated", "{\"qrcode\":{\"code\":\"2@SecretCode\",\"base64\":\"SecretPicture\"}}"),
		EVENT("qrcode.updated", "{\"qrcode\":{\"pairingCode\":\"2@SecretCode\"}}"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		struct posted p;

		post(&p, bodies[i]);
		assert_int_equal(posted_one(&p, IN_SESSION_STATE)->u.session_state.state, SESSION_QR);
		assert_int_equal(p.in.n_qr, 1);
		assert_str_is(p.in.qr[0].code, "2@SecretCode");
		assert_secret(&p, STR("Secret"));
		posted_fini(&p);
	}
}

static void calls_have_a_time(void **state)
{
	static const struct {
		const char *date;
		int64_t ms;
	} cases[] = {
		{ "\"2026-01-01T00:00:00.250Z\"", 1767225600250 },
		{ "\"2026-01-01T00:00:00Z\"", 1767225600000 },
		{ "1767225600", 1767225600000 },
		{ "\"yesterday, about noon\"", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char body[512];
		struct posted p;

		snprintf(body, sizeof(body),
			EVENT("call", "{\"id\":\"C\",\"from\":\"19@lid\",\"status\":\"timeout\",\"date\":%s}"),
			cases[i].date);
		post(&p, body);
		assert_int_equal(posted_one(&p, IN_CALL)->source_time_ms, cases[i].ms);
		assert_str_is(p.in.events[0]->u.call.outcome, "missed");
		posted_fini(&p);
	}
}

static void items_that_are_no_events_are_counted(void **state)
{
	static const struct {
		const char *body, *kind;
	} cases[] = {
		{ EVENT("presence.update", "{}"), "presence.update" },
		{ EVENT("labels.association", "{}"), "labels." },
		{ EVENT("typebot.start", "{}"), "typebot." },
		{ EVENT("application.startup", "{}"), "application.startup" },
		{ EVENT("hologram", "{}"), "unknown_event" },
		{ EVENT("chats.update", "[{\"remoteJid\":\"1@s.whatsapp.net\"}]"), "chat_without_facts" },
		{ EVENT("contacts.upsert", "[{\"remoteJid\":\"1@g.us\"}]"), "group_contact" },
		{ EVENT("contacts.upsert", "[{\"remoteJid\":\"6281234567890@s.whatsapp.net\"}]"), "own_contact" },
		{ EVENT("group-participants.update",
			  "{\"id\":\"1@g.us\",\"action\":\"modify\",\"participants\":[\"1@s.whatsapp.net\"]}"),
			"group_participants_other" },
		{ EVENT("messages.upsert",
			  "{\"key\":{\"remoteJid\":\"1@newsletter\",\"id\":\"A\"},\"message\":{\"conversation\":\"x\"}}"),
			"newsletter_post" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct posted p;

		post(&p, cases[i].body);
		assert_ignored(&p, cases[i].kind);
		posted_fini(&p);
	}
}

static void one_invalid_item_is_rejected_alone(void **state)
{
	struct posted p;

	(void)state;
	post(&p,
		EVENT("messages.set",
			"[{" KEY ",\"message\":{\"conversation\":\"good\"}},{\"message\":{\"conversation\":\"bad\","
			"\"base64\":\"SecretValue\"}}]"));
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.in.n_events, 1);
	assert_int_equal(p.in.n_rejected, 1);
	assert_str_is(p.in.rejected[0].path, "data[1]");
	assert_int_equal(p.in.rejected[0].item, 1);
	assert_str_is(p.in.rejected[0].body,
		"{\"event\":\"messages.set\",\"instance\":\"i\",\"sender\":\"6281234567890@s.whatsapp."
		"net\",\"data\":{\"message\":{\"conversation\":\"bad\"}}}");
	posted_fini(&p);
}

static void a_contact_has_a_name_and_a_picture(void **state)
{
	const struct in_contact *c;
	struct posted p;

	(void)state;
	post(&p,
		EVENT("contacts.upsert",
			"[{\"remoteJid\":\"198765432101234@lid\",\"remoteJidAlt\":\"16505551234@s.whatsapp.net\","
			"\"notify\":\"Alice\",\"name\":\"Alice Example\",\"profilePicUrl\":\"https://example.com/a.jpg\"}]"));
	c = &posted_one(&p, IN_CONTACT)->u.contact;
	assert_str_is(c->party.lid, "198765432101234");
	assert_str_is(c->party.phone, "16505551234");
	assert_str_is(c->party.name, "Alice");
	assert_str_is(c->full_name, "Alice Example");
	assert_str_is(c->profile_picture, "https://example.com/a.jpg");
	assert_int_equal(c->action, CONTACT_UPSERT);
	posted_fini(&p);
}

static void wrong_shapes_are_rejected(void **state)
{
	static const struct {
		const char *body, *code;
	} cases[] = {
		{ "{}", "400" },
		{ "{\"event\":\"messages.upsert\"}", "400" },
		{ EVENT("messages.upsert", "{}"), "422" },
		{ EVENT("connection.update", "{}"), "422" },
		{ EVENT("groups.upsert", "[{\"id\":\"16505551234@s.whatsapp.net\"}]"), "422" },
		{ EVENT("contacts.upsert", "[{\"pushName\":\"Alice\"}]"), "422" },
		{ EVENT("call", "{\"id\":\"C\",\"status\":\"offer\"}"), "422" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct posted p;

		post(&p, cases[i].body);
		assert_refused(&p, cases[i].code);
		assert_secret(&p, STR("SecretValue"));
		posted_fini(&p);
	}
}

static void no_secret_of_a_fixture_is_published(void **state)
{
	struct arena *a = arena_new(65536);
	DIR *dir = opendir("tests/fixtures/evolution");
	struct dirent *entry;
	size_t n = 0;

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char path[512];
		struct posted p;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "tests/fixtures/evolution/%s", entry->d_name);
		post_bytes(&p, evolution_read, BRIDGE_EVOLUTION, file_read(a, path));
		assert_int_equal(p.rc, 0);
		secrets_check(&p, json_root(p.doc), false);
		posted_fini(&p);
		n++;
	}
	assert_true(n > 20);
	closedir(dir);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timestamps_come_in_three_shapes),
		cmocka_unit_test(contents_are_identified_by_their_member),
		cmocka_unit_test(a_row_without_content_is_a_placeholder_or_a_notice),
		cmocka_unit_test(reactions_edits_revokes_and_votes_come_as_messages_too),
		cmocka_unit_test(edits_belong_to_the_conversation_they_are_reported_in),
		cmocka_unit_test(statuses_are_read_by_name_and_by_number),
		cmocka_unit_test(an_update_to_deleted_is_a_revoke),
		cmocka_unit_test(the_digits_of_a_lid_are_not_a_phone),
		cmocka_unit_test(the_accounts_own_name_is_not_a_contacts),
		cmocka_unit_test(history_events_have_origin_history),
		cmocka_unit_test(sessions_have_states_and_reasons),
		cmocka_unit_test(codes_are_stored_and_never_published),
		cmocka_unit_test(calls_have_a_time),
		cmocka_unit_test(items_that_are_no_events_are_counted),
		cmocka_unit_test(one_invalid_item_is_rejected_alone),
		cmocka_unit_test(a_contact_has_a_name_and_a_picture),
		cmocka_unit_test(wrong_shapes_are_rejected),
		cmocka_unit_test(no_secret_of_a_fixture_is_published),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
