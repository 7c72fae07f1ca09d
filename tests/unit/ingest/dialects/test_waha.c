/* WAHA bodies that the fixtures do not show. */
#include "posted.h"

#include <dirent.h>

static void post(struct posted *p, const char *body)
{
	post_bytes(p, waha_read, BRIDGE_WAHA, str_of(body));
}

#define EVENT(event, payload) \
	"{\"id\":\"evt_1\",\"timestamp\":1767225600001,\"event\":\"" event "\",\"session\":\"s\"," \
	"\"me\":{\"id\":\"6281234567890@c.us\",\"lid\":\"151617181920212@lid\"},\"payload\":{" payload "}}"
#define TEXT_FROM(id, members) "\"id\":\"" id "\",\"timestamp\":1767225600,\"body\":\"hi\",\"hasMedia\":false" members

static void message_and_message_any_are_one_event(void **state)
{
	struct posted first, second;

	(void)state;
	post(&first, EVENT("message", TEXT_FROM("false_16505551234@c.us_3EB0", ",\"ack\":1")));
	post(&second, EVENT("message.any", TEXT_FROM("false_16505551234@c.us_3EB0", ",\"ack\":2")));
	assert_true(uuid_eq(&posted_one(&first, IN_MESSAGE)->id, &posted_one(&second, IN_MESSAGE)->id));
	assert_str_is(first.in.events[0]->u.message.key, "false:3EB0");
	posted_fini(&first);
	posted_fini(&second);
}

static void each_engines_form_of_an_alias_is_read(void **state)
{
	static const struct {
		const char *body, *chat_phone, *sender_lid, *sender_phone;
	} cases[] = {
		/* NOWEB, private */
		{ EVENT("message",
			  TEXT_FROM("false_19@lid_A",
				  ",\"_data\":{\"key\":{\"remoteJidAlt\":\"16505551234@s.whatsapp.net\"}}")),
			"16505551234", "19", "16505551234" },
		/* NOWEB, group */
		{ EVENT("message",
			  TEXT_FROM("false_1@g.us_A_19@lid",
				  ",\"participant\":\"19@lid\",\"_data\":{\"key\":{"
				  "\"participantAlt\":\"16505551234:7@s.whatsapp.net\"}}")),
			"", "19", "16505551234" },
		/* GOWS, private */
		{ EVENT("message",
			  TEXT_FROM("false_19@lid_A",
				  ",\"_data\":{\"Info\":{\"SenderAlt\":\"16505551234@s.whatsapp.net\"}}")),
			"16505551234", "19", "16505551234" },
		/* GOWS, sent by the account: SenderAlt is its own alias */
		{ EVENT("message.any",
			  TEXT_FROM("true_19@lid_A",
				  ",\"_data\":{\"Info\":{\"SenderAlt\":\"6281234567890@s.whatsapp.net\","
				  "\"RecipientAlt\":\"16505551234@s.whatsapp.net\"}}")),
			"16505551234", "", "" },
		/* an empty participant is none */
		{ EVENT("message", TEXT_FROM("false_16505551234@c.us_A", ",\"participant\":\"\"")), "16505551234", "",
			"16505551234" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct in_message *m;
		struct posted p;

		post(&p, cases[i].body);
		m = &posted_one(&p, IN_MESSAGE)->u.message;
		assert_str_is(m->chat.contact.phone, cases[i].chat_phone);
		assert_str_is(m->sender.lid, cases[i].sender_lid);
		assert_str_is(m->sender.phone, cases[i].sender_phone);
		posted_fini(&p);
	}
}

static void a_type_comes_from_the_media_or_from_the_engine(void **state)
{
	static const struct {
		const char *members;
		enum message_type type;
		bool missing;
	} cases[] = {
		{ "\"hasMedia\":true,\"media\":{\"url\":\"http://h/a\",\"mimetype\":\"image/jpeg\"}", MSG_IMAGE,
			false },
		{ "\"hasMedia\":true,\"media\":{\"url\":\"http://h/a\",\"mimetype\":\"image/webp\"}", MSG_STICKER,
			false },
		{ "\"hasMedia\":true,\"media\":{\"url\":\"http://h/a\",\"mimetype\":\"audio/ogg; codecs=opus\"}",
			MSG_VOICE, false },
		{ "\"hasMedia\":true,\"media\":{\"url\":\"http://h/a\",\"mimetype\":\"audio/mpeg\"}", MSG_AUDIO,
			false },
		{ "\"hasMedia\":true,\"media\":{\"url\":\"data:image/png;base64,AAAA\",\"mimetype\":\"image/png\"}",
			MSG_IMAGE, true },
		{ "\"hasMedia\":true,\"media\":{\"error\":{\"message\":\"x\"},\"mimetype\":\"video/mp4\"}", MSG_VIDEO,
			true },
		{ "\"hasMedia\":true,\"media\":null,\"_data\":{\"type\":\"ptt\"}", MSG_VOICE, true },
		{ "\"hasMedia\":true,\"media\":null,\"_data\":{\"message\":{\"imageMessage\":{}}}", MSG_IMAGE, true },
		{ "\"hasMedia\":true,\"media\":null", MSG_DOCUMENT, true },
		{ "\"body\":\"hi\",\"_data\":{\"Message\":{\"extendedTextMessage\":{\"text\":\"hi\"}}}", MSG_TEXT,
			false },
		{ "\"body\":\"q\",\"_data\":{\"message\":{\"pollCreationMessageV3\":{\"name\":\"q\"}}}", MSG_POLL,
			false },
		{ "\"body\":null,\"_data\":{\"message\":{\"hologramMessage\":{}}}", MSG_UNKNOWN, false },
		{ "\"body\":\"hi\"", MSG_TEXT, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct inbound_event *e;
		char body[512];
		struct posted p;

		snprintf(body, sizeof(body), EVENT("message", "\"id\":\"false_16505551234@c.us_A\",%s"),
			cases[i].members);
		post(&p, body);
		e = posted_one(&p, IN_MESSAGE);
		assert_int_equal(e->u.message.type, cases[i].type);
		assert_int_equal(e->u.message.media.missing, cases[i].missing);
		assert_int_equal(e->raw.n > 0, cases[i].type == MSG_UNKNOWN);
		posted_fini(&p);
	}
}

static void acks_of_a_group_name_the_participant(void **state)
{
	struct posted p;

	(void)state;
	post(&p,
		EVENT("message.ack.group",
			"\"id\":\"true_1@g.us_3EB0_15@lid\",\"from\":\"1@g.us\",\"to\":\"me\","
			"\"participant\":\"19@lid\",\"fromMe\":true,\"ack\":3,\"ackName\":\"READ\""));
	assert_int_equal(posted_one(&p, IN_STATUS)->u.status.status, STATUS_READ);
	assert_str_is(p.in.events[0]->u.status.target.key, "true:3EB0");
	assert_str_is(p.in.events[0]->u.status.participant.lid, "19");
	assert_int_equal(p.in.events[0]->source_time_ms, 1767225600001);
	posted_fini(&p);
}

static void acks_become_statuses(void **state)
{
	static const enum message_status statuses[] = {
		STATUS_FAILED,
		STATUS_PENDING,
		STATUS_SENT,
		STATUS_DELIVERED,
		STATUS_READ,
		STATUS_PLAYED,
	};

	(void)state;
	for (int ack = -1; ack <= 4; ack++) {
		char body[512];
		struct posted p;

		snprintf(body, sizeof(body), EVENT("message.ack", "\"id\":\"true_16505551234@c.us_3EB0\",\"ack\":%d"),
			ack);
		post(&p, body);
		assert_int_equal(posted_one(&p, IN_STATUS)->u.status.status, statuses[ack + 1]);
		assert_false(party_identified(&p.in.events[0]->u.status.participant));
		posted_fini(&p);
	}
}

static void a_revoke_refers_to_the_first_id_that_it_names(void **state)
{
	static const struct {
		const char *payload, *stanza;
	} cases[] = {
		{ "\"after\":{\"id\":\"false_1@c.us_R\"},\"before\":{\"id\":\"false_1@c.us_B\"},\"revokedMessageId\":\"T\"",
			"T" },
		{ "\"after\":{\"id\":\"false_1@c.us_R\"},\"before\":{\"id\":\"false_1@c.us_B\"}", "B" },
		{ "\"after\":{\"id\":\"false_1@c.us_R\"},\"before\":null", "R" },
		{ "\"after\":null,\"before\":{\"id\":\"false_1@c.us_B\"},\"revokedMessageId\":null", "B" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char body[512];
		struct posted p;

		snprintf(body, sizeof(body), EVENT("message.revoked", "%s"), cases[i].payload);
		post(&p, body);
		assert_str_is(posted_one(&p, IN_REVOKE)->u.revoke.target.stanza, cases[i].stanza);
		posted_fini(&p);
	}
}

static void me_is_not_an_address(void **state)
{
	struct posted p;

	(void)state;
	post(&p,
		EVENT("poll.vote",
			"\"vote\":{\"id\":\"x\",\"from\":\"me\",\"to\":\"16505551234@c.us\",\"fromMe\":true,"
			"\"selectedOptions\":[\"a\",\"b\"],\"timestamp\":1767225675000},"
			"\"poll\":{\"id\":\"false_16505551234@c.us_P\",\"from\":\"16505551234@c.us\",\"to\":\"me\"}"));
	assert_int_equal(posted_one(&p, IN_POLL_VOTE)->u.poll_vote.direction, DIR_OUTBOUND);
	assert_str_is(p.in.events[0]->u.poll_vote.chat.contact.phone, "16505551234");
	assert_str_is(p.in.events[0]->u.poll_vote.chat.contact.jid, "");
	assert_false(party_identified(&p.in.events[0]->u.poll_vote.voter));
	assert_int_equal(p.in.events[0]->u.poll_vote.n_options, 2);
	posted_fini(&p);
}

static void sessions_have_states(void **state)
{
	static const struct {
		const char *status;
		enum session_word word;
	} cases[] = {
		{ "STARTING", SESSION_STARTING },
		{ "SCAN_QR_CODE", SESSION_QR },
		{ "PASSKEY_REQUIRED", SESSION_STARTING },
		{ "WORKING", SESSION_CONNECTED },
		{ "FAILED", SESSION_FAILED },
		{ "STOPPED", SESSION_DISCONNECTED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct in_session_state *s;
		char body[512];
		struct posted p;

		snprintf(body, sizeof(body), EVENT("session.status", "\"status\":\"%s\""), cases[i].status);
		post(&p, body);
		s = &posted_one(&p, IN_SESSION_STATE)->u.session_state;
		assert_int_equal(s->state, cases[i].word);
		assert_str_is(s->details, cases[i].status);
		assert_str_is(s->phone, cases[i].word == SESSION_CONNECTED ? "6281234567890" : "");
		posted_fini(&p);
	}
}

static void calls_have_outcomes(void **state)
{
	static const struct {
		const char *body, *outcome;
	} cases[] = {
		{ EVENT("call.received", "\"id\":\"C\",\"from\":\"1@c.us\",\"timestamp\":1767225600,\"isVideo\":true"),
			"offered" },
		{ EVENT("call.accepted", "\"id\":\"C\",\"from\":\"1@c.us\",\"timestamp\":1767225600"), "accepted" },
		{ EVENT("call.rejected", "\"id\":\"C\",\"from\":\"1@c.us\",\"timestamp\":1767225600"), "rejected" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct posted p;

		post(&p, cases[i].body);
		assert_str_is(posted_one(&p, IN_CALL)->u.call.outcome, cases[i].outcome);
		posted_fini(&p);
	}
}

static void group_events_become_group_changes(void **state)
{
	static const struct {
		const char *body;
		enum group_action action;
		const char *first, *text;
	} cases[] = {
		{ EVENT("group.v2.leave", "\"group\":{\"id\":\"1@g.us\"}"), GROUP_LEAVE, "6281234567890", "" },
		{ EVENT("group.v2.participants",
			  "\"type\":\"promote\",\"group\":{\"id\":\"1@g.us\"},\"participants\":[{\"id\":"
			  "\"19@lid\",\"pn\":\"16505551234@c.us\",\"role\":\"admin\"}]"),
			GROUP_PROMOTE, "16505551234", "" },
		{ EVENT("group.v2.update", "\"group\":{\"id\":\"1@g.us\",\"description\":\"new\"}"), GROUP_DESCRIPTION,
			"", "new" },
		{ EVENT("group.v2.update", "\"group\":{\"id\":\"1@g.us\",\"membersCanSendMessages\":false}"),
			GROUP_SETTINGS, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct in_group_change *g;
		struct posted p;

		post(&p, cases[i].body);
		g = &posted_one(&p, IN_GROUP_CHANGE)->u.group_change;
		assert_int_equal(g->action, cases[i].action);
		assert_str_is(g->n_participants ? g->participants[0].party.phone : STR_NONE, cases[i].first);
		assert_str_is(g->text, cases[i].text);
		assert_false(g->snapshot);
		posted_fini(&p);
	}
}

static void items_that_are_no_events_are_counted(void **state)
{
	static const struct {
		const char *body, *kind;
	} cases[] = {
		{ EVENT("presence.update", "\"id\":\"1@c.us\""), "presence.update" },
		{ EVENT("label.upsert", "\"id\":\"1\""), "label.upsert" },
		{ EVENT("engine.event", "\"event\":\"x\""), "engine.event" },
		{ EVENT("group.join", "\"id\":\"1@g.us\""), "group.join" },
		{ EVENT("state.change", "\"state\":\"CONNECTED\""), "state.change" },
		{ EVENT("hologram", "\"x\":1"), "unknown_event" },
		{ EVENT("message", TEXT_FROM("false_status@broadcast_A_1@c.us", "")), "status_post" },
		{ EVENT("message", TEXT_FROM("false_1@newsletter_A", "")), "newsletter_post" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct posted p;

		post(&p, cases[i].body);
		assert_ignored(&p, cases[i].kind);
		posted_fini(&p);
	}
}

static void a_reply_quotes_what_it_answers(void **state)
{
	static const struct {
		const char *body, *want;
	} cases[] = { { "before", "before" }, { "/9j/4AAQ", "" } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct quoted *q;
		char body[512];
		struct posted p;

		snprintf(body, sizeof(body),
			EVENT("message",
				TEXT_FROM("false_16505551234@c.us_B",
					",\"replyTo\":{\"id\":\"A\",\"participant\":\"16505559876@c.us\",\"body\":\"%s\"}")),
			cases[i].body);
		post(&p, body);
		q = &posted_one(&p, IN_MESSAGE)->u.message.quoted;
		assert_true(q->present);
		assert_str_is(q->target.stanza, "A");
		assert_str_is(q->sender.phone, "16505559876");
		assert_str_is(q->body, cases[i].want);
		posted_fini(&p);
	}
}

static void a_poll_has_its_question_as_body(void **state)
{
	struct posted p;

	(void)state;
	post(&p,
		EVENT("message",
			"\"id\":\"false_16505551234@c.us_A\",\"body\":\"\",\"poll\":{\"name\":\"Lunch?\",\"options\":[\"Pizza\"]}"));
	assert_int_equal(posted_one(&p, IN_MESSAGE)->u.message.type, MSG_POLL);
	assert_str_is(p.in.events[0]->u.message.body, "Lunch?");
	posted_fini(&p);
}

static void an_edit_of_a_caption_names_its_media(void **state)
{
	struct posted p;

	(void)state;
	post(&p,
		EVENT("message.edited",
			"\"id\":\"false_16505551234@c.us_B\",\"editedMessageId\":\"A\",\"body\":\"new\",\"hasMedia\":true,"
			"\"media\":{\"mimetype\":\"image/png\"}"));
	assert_str_is(posted_one(&p, IN_EDIT)->u.edit.target.stanza, "A");
	assert_str_is(p.in.events[0]->u.edit.caption_of, "image");
	posted_fini(&p);
}

static void wrong_shapes_are_rejected(void **state)
{
	static const struct {
		const char *body, *code;
	} cases[] = {
		{ "{}", "400" },
		{ "{\"event\":\"message\"}", "400" },
		{ "{\"event\":\"message\",\"payload\":[]}", "400" },
		{ "{\"event\":1,\"payload\":{}}", "400" },
		{ EVENT("message", "\"body\":\"hi\""), "422" },
		{ EVENT("session.status", "\"x\":1"), "422" },
		{ EVENT("group.v2.update", "\"group\":{\"id\":\"1@c.us\"}"), "422" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct posted p;

		post(&p, cases[i].body);
		assert_refused(&p, cases[i].code);
		posted_fini(&p);
	}
}

static void raw_and_rejected_bodies_hold_no_secret(void **state)
{
	static const char *const bodies[] = {
		EVENT("message",
			"\"id\":\"false_1@c.us_A\",\"_data\":{\"message\":{\"hologramMessage\":{\"mediaKey\":\"SecretValue\","
			"\"jpegThumbnail\":\"SecretValue\"}}}"),
		EVENT("message",
			"\"media\":{\"base64\":\"SecretValue\"},\"_data\":{\"messageSecret\":\"SecretValue\"}"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		struct posted p;

		post(&p, bodies[i]);
		assert_int_equal(p.in.n_events + p.in.n_rejected, 1);
		assert_secret(&p, STR("SecretValue"));
		posted_fini(&p);
	}
}

static void every_fixture_is_read(void **state)
{
	struct arena *a = arena_new(65536);
	DIR *dir = opendir("tests/fixtures/waha");
	struct dirent *entry;
	size_t n = 0;

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char path[512];
		struct posted p;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "tests/fixtures/waha/%s", entry->d_name);
		post_bytes(&p, waha_read, BRIDGE_WAHA, file_read(a, path));
		assert_int_equal(p.rc, strstr(entry->d_name, "hmac_test_vector") ? -1 : 0);
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
		cmocka_unit_test(message_and_message_any_are_one_event),
		cmocka_unit_test(each_engines_form_of_an_alias_is_read),
		cmocka_unit_test(a_type_comes_from_the_media_or_from_the_engine),
		cmocka_unit_test(acks_of_a_group_name_the_participant),
		cmocka_unit_test(acks_become_statuses),
		cmocka_unit_test(a_revoke_refers_to_the_first_id_that_it_names),
		cmocka_unit_test(me_is_not_an_address),
		cmocka_unit_test(sessions_have_states),
		cmocka_unit_test(calls_have_outcomes),
		cmocka_unit_test(group_events_become_group_changes),
		cmocka_unit_test(items_that_are_no_events_are_counted),
		cmocka_unit_test(a_reply_quotes_what_it_answers),
		cmocka_unit_test(a_poll_has_its_question_as_body),
		cmocka_unit_test(an_edit_of_a_caption_names_its_media),
		cmocka_unit_test(wrong_shapes_are_rejected),
		cmocka_unit_test(raw_and_rejected_bodies_hold_no_secret),
		cmocka_unit_test(every_fixture_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
