/* whatsapp-web.js bodies that the fixtures do not show. */
#include "posted.h"

#include <dirent.h>

#define ID_FROM_THEM \
	"\"id\":{\"fromMe\":false,\"remote\":\"16505551234@c.us\",\"id\":\"3EB0AA\"," \
	"\"_serialized\":\"false_16505551234@c.us_3EB0AA\"}"
#define MESSAGE(event, members) \
	"{\"dataType\":\"" event "\",\"sessionId\":\"s\",\"data\":{\"message\":{" ID_FROM_THEM \
	",\"timestamp\":1767225600," members "}}}"

static void post(struct posted *p, const char *body)
{
	post_bytes(p, wwebjs_read, BRIDGE_WWEBJS, str_of(body));
}

static void every_shape_of_an_id_gives_the_same_key(void **state)
{
	static const char *const ids[] = {
		"{\"fromMe\":false,\"remote\":\"16505551234@c.us\",\"id\":\"3EB0AA\",\"_serialized\":\"false_16505551234@c.us_"
		"3EB0AA\"}",
		"{\"fromMe\":false,\"remote\":\"16505551234@c.us\",\"id\":\"3EB0AA\",\"$1\":\"false_16505551234@c.us_3EB0AA\"}",
		"{\"fromMe\":false,\"remote\":{\"server\":\"c.us\",\"user\":\"16505551234\",\"$1\":\"16505551234@c.us\"},\"id\":"
		"\"3EB0AA\"}",
		"{\"fromMe\":false,\"remote\":{\"server\":\"c.us\",\"user\":\"16505551234\"},\"id\":\"3EB0AA\"}",
		"\"false_16505551234@c.us_3EB0AA\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		char body[512];
		const struct inbound_event *e;
		struct posted p;

		snprintf(body, sizeof(body),
			"{\"dataType\":\"message\",\"data\":{\"message\":{\"id\":%s,\"type\":\"chat\",\"body\":\"hi\",\"timestamp\":1}}}",
			ids[i]);
		post(&p, body);
		e = posted_one(&p, IN_MESSAGE);
		assert_str_is(e->u.message.key, "false:3EB0AA");
		assert_str_is(e->u.message.provider_id, "false_16505551234@c.us_3EB0AA");
		assert_str_is(e->u.message.chat.contact.phone, "16505551234");
		posted_fini(&p);
	}
}

static void a_minified_build_is_read_from_its_hidden_data(void **state)
{
	struct posted p;
	const struct inbound_event *e;

	(void)state;
	post(&p,
		"{\"dataType\":\"message\",\"data\":{\"message\":{\"_data\":{\"id\":{\"fromMe\":false,\"remote\":"
		"{\"server\":\"g.us\",\"user\":\"120363012345678901\"},\"id\":\"3EB0AA\"},\"author\":{\"server\":\"lid\",\"user\":"
		"\"198765432101234\",\"$1\":\"198765432101234@lid\"},\"notifyName\":\"Alice\",\"t\":1767225600,\"type\":\"chat\"},"
		"\"body\":\"hi\"}}}");
	e = posted_one(&p, IN_MESSAGE);
	assert_true(e->u.message.chat.is_group);
	assert_str_is(e->u.message.chat.group.jid, "120363012345678901@g.us");
	assert_str_is(e->u.message.sender.lid, "198765432101234");
	assert_str_is(e->u.message.sender.phone, "");
	assert_str_is(e->u.message.sender.name, "Alice");
	assert_int_equal(e->source_time_ms, 1767225600000);
	posted_fini(&p);
}

static void message_and_message_create_are_one_event(void **state)
{
	struct posted first, second;

	(void)state;
	post(&first, MESSAGE("message_create", "\"type\":\"chat\",\"body\":\"hi\",\"ack\":0"));
	post(&second, MESSAGE("message", "\"type\":\"chat\",\"body\":\"hi\",\"ack\":1"));
	assert_true(uuid_eq(&posted_one(&first, IN_MESSAGE)->id, &posted_one(&second, IN_MESSAGE)->id));
	posted_fini(&first);
	posted_fini(&second);
}

static void a_placeholder_has_an_id_of_its_own(void **state)
{
	struct posted first, second;

	(void)state;
	post(&first, MESSAGE("message_ciphertext", "\"type\":\"ciphertext\",\"body\":\"\""));
	post(&second, MESSAGE("message", "\"type\":\"chat\",\"body\":\"\""));
	assert_true(posted_one(&first, IN_MESSAGE)->u.message.placeholder);
	assert_false(posted_one(&second, IN_MESSAGE)->u.message.placeholder);
	assert_false(uuid_eq(&first.in.events[0]->id, &second.in.events[0]->id));
	posted_fini(&first);
	posted_fini(&second);
}

static void thumbnails_are_never_text(void **state)
{
	static const struct {
		const char *body, *text;
	} cases[] = {
		{ MESSAGE("message",
			  "\"type\":\"location\",\"body\":\"/9j/4AAQ\",\"location\":{\"latitude\":-6.1,\"longitude\":106.8,"
			  "\"name\":\"Monas\",\"address\":\"Gambir\"}"),
			"Monas" },
		{ MESSAGE("message",
			  "\"type\":\"location\",\"body\":\"/9j/4AAQ\",\"location\":{\"latitude\":\"-6.1\",\"longitude\":"
			  "\"106.8\",\"description\":\"Monas\\nGambir\"}"),
			"Monas" },
		{ MESSAGE("message",
			  "\"type\":\"location\",\"body\":\"/9j/4AAQ\",\"location\":{\"latitude\":1,\"longitude\":2}"),
			"" },
		{ MESSAGE("message",
			  "\"type\":\"image\",\"hasMedia\":false,\"body\":\"/9j/4AAQ\",\"_data\":{\"caption\":\"look\"}"),
			"look" },
		{ MESSAGE("message", "\"type\":\"image\",\"hasMedia\":false,\"body\":\"AAECAwQFBgcICQ\""), "" },
		{ MESSAGE("message", "\"type\":\"sticker\",\"hasMedia\":true,\"body\":\"UklGRgABAg\""), "" },
		{ MESSAGE("message", "\"type\":\"image\",\"hasMedia\":true,\"body\":\"look\""), "look" },
		{ MESSAGE("message", "\"type\":\"order\",\"body\":\"/9j/4AAQ\""), "" },
		{ MESSAGE("message", "\"type\":\"chat\",\"body\":\"/9j/ is how they begin\""),
			"/9j/ is how they begin" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct posted p;

		post(&p, cases[i].body);
		assert_str_is(posted_one(&p, IN_MESSAGE)->u.message.body, cases[i].text);
		posted_fini(&p);
	}
}

static void types_are_translated(void **state)
{
	static const struct {
		const char *word;
		enum message_type type;
	} cases[] = {
		{ "chat", MSG_TEXT },
		{ "ptt", MSG_VOICE },
		{ "gif", MSG_VIDEO },
		{ "multi_vcard", MSG_CONTACTS },
		{ "live_location", MSG_LOCATION },
		{ "e2e_notification", MSG_SYSTEM },
		{ "call_log", MSG_CALL },
		{ "poll_creation", MSG_POLL },
		{ "groups_v4_invite", MSG_GROUP_INVITE },
		{ "order", MSG_ORDER },
		{ "scheduled_event_creation", MSG_UNKNOWN },
		{ "hologram", MSG_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct inbound_event *e;
		char body[512];
		struct posted p;

		snprintf(body, sizeof(body), MESSAGE("message", "\"body\":\"b\",\"type\":\"%s\""), cases[i].word);
		post(&p, body);
		e = posted_one(&p, IN_MESSAGE);
		assert_int_equal(e->u.message.type, cases[i].type);
		assert_int_equal(e->raw.n > 0, cases[i].type == MSG_UNKNOWN);
		posted_fini(&p);
	}
}

static void acks_become_statuses(void **state)
{
	static const struct {
		int ack;
		enum message_status status;
	} cases[] = {
		{ -1, STATUS_FAILED },
		{ 0, STATUS_PENDING },
		{ 1, STATUS_SENT },
		{ 2, STATUS_DELIVERED },
		{ 3, STATUS_READ },
		{ 4, STATUS_PLAYED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char body[512];
		struct posted p;

		snprintf(body, sizeof(body),
			"{\"dataType\":\"message_ack\",\"data\":{\"ack\":%d,\"message\":{\"id\":\"true_16505551234@c.us_3EB0\"}}}",
			cases[i].ack);
		post(&p, body);
		assert_int_equal(posted_one(&p, IN_STATUS)->u.status.status, cases[i].status);
		assert_str_is(p.in.events[0]->u.status.target.key, "true:3EB0");
		posted_fini(&p);
	}
}

static void an_ack_out_of_range_is_rejected(void **state)
{
	struct posted p;

	(void)state;
	post(&p,
		"{\"dataType\":\"message_ack\",\"data\":{\"ack\":5,\"message\":{\"id\":\"true_16505551234@c.us_3EB0\"}}}");
	assert_refused(&p, "422");
	assert_int_equal(p.in.rejected[0].reason, DEAD_RULE);
	posted_fini(&p);
}

static void seconds_may_be_floats(void **state)
{
	struct posted p;

	(void)state;
	post(&p,
		"{\"dataType\":\"message_reaction\",\"data\":{\"reaction\":{\"id\":\"false_16505551234@c.us_R\",\"msgId\":"
		"\"true_16505551234@c.us_T\",\"reaction\":\"\",\"timestamp\":1767225870.456,\"senderId\":\"16505551234@c.us\"}}}");
	assert_int_equal(posted_one(&p, IN_REACTION)->source_time_ms, 1767225870456);
	assert_str_is(p.in.events[0]->u.reaction.emoji, "");
	assert_str_is(p.in.events[0]->u.reaction.target.key, "true:T");
	assert_str_is(p.in.events[0]->u.reaction.sender.phone, "16505551234");
	posted_fini(&p);
}

static void an_impossible_time_is_flagged_and_kept_as_raw(void **state)
{
	struct posted p;

	(void)state;
	post(&p,
		"{\"dataType\":\"message\",\"data\":{\"message\":{" ID_FROM_THEM
		",\"timestamp\":99999999999999,\"type\":\"chat\",\"body\":\"hi\"}}}");
	assert_true(posted_one(&p, IN_MESSAGE)->time_suspect);
	assert_int_equal(p.in.events[0]->source_time_ms, 0);
	assert_true(text_holds(p.in.events[0]->raw, STR("99999999999999")));
	posted_fini(&p);
}

static void an_own_message_has_no_sender_and_no_name(void **state)
{
	struct posted p;

	(void)state;
	post(&p,
		"{\"dataType\":\"message_create\",\"data\":{\"message\":{\"id\":\"true_16505551234@c.us_3EB0\",\"from\":"
		"\"6281234567890@c.us\",\"to\":\"16505551234@c.us\",\"type\":\"chat\",\"body\":\"hi\",\"_data\":{\"notifyName\":"
		"\"Acme\"}}}}");
	assert_int_equal(posted_one(&p, IN_MESSAGE)->u.message.direction, DIR_OUTBOUND);
	assert_str_is(p.in.events[0]->u.message.chat.contact.phone, "16505551234");
	assert_str_is(p.in.events[0]->u.message.chat.contact.name, "");
	assert_false(party_identified(&p.in.events[0]->u.message.sender));
	posted_fini(&p);
}

static void a_lids_number_is_not_a_phone(void **state)
{
	struct posted p;

	(void)state;
	post(&p,
		"{\"dataType\":\"contact\",\"data\":{\"contact\":{\"id\":{\"server\":\"lid\",\"user\":\"198765432101234\"},"
		"\"number\":\"198765432101234\",\"name\":\"Alice\",\"pushname\":\"al\",\"isMyContact\":true}}}");
	assert_str_is(posted_one(&p, IN_CONTACT)->u.contact.party.lid, "198765432101234");
	assert_str_is(p.in.events[0]->u.contact.party.phone, "");
	assert_str_is(p.in.events[0]->u.contact.full_name, "Alice");
	assert_true(p.in.events[0]->u.contact.from_address_book);
	posted_fini(&p);
}

static void a_number_is_not_a_name(void **state)
{
	struct posted p;

	(void)state;
	post(&p,
		"{\"dataType\":\"chat\",\"data\":{\"chat\":{\"id\":\"16505551234@c.us\",\"name\":\"+1 (650) 555-1234\","
		"\"unreadCount\":-1}}}");
	assert_str_is(posted_one(&p, IN_CHAT_STATE)->u.chat_state.chat.contact.name, "");
	assert_int_equal(p.in.events[0]->u.chat_state.unread, -1);
	assert_false(p.in.events[0]->u.chat_state.has_archived);
	posted_fini(&p);
}

static void objects_without_an_envelope_are_recognised(void **state)
{
	static const struct {
		const char *body;
		enum inbound_kind kind;
	} cases[] = {
		{ "{" ID_FROM_THEM ",\"type\":\"chat\",\"body\":\"hi\"}", IN_MESSAGE },
		{ "{\"id\":\"16505551234@c.us\",\"name\":\"A\",\"unreadCount\":2}", IN_CHAT_STATE },
		{ "{\"id\":\"16505551234@c.us\",\"pushname\":\"A\",\"isMyContact\":false}", IN_CONTACT },
		{ "{\"id\":\"false_1@g.us_N_2@lid\",\"chatId\":\"1@g.us\",\"type\":\"add\",\"recipientIds\":[\"3@lid\"]}",
			IN_GROUP_CHANGE },
		{ "{\"dataType\":\"message\",\"data\":{" ID_FROM_THEM ",\"type\":\"chat\",\"body\":\"hi\"}}",
			IN_MESSAGE },
		{ "{\"dataType\":\"chat\",\"data\":{\"id\":\"16505551234@c.us\",\"unreadCount\":2}}", IN_CHAT_STATE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct posted p;

		post(&p, cases[i].body);
		posted_one(&p, cases[i].kind);
		posted_fini(&p);
	}
}

static void sessions_have_states_and_reasons(void **state)
{
	static const struct {
		const char *event, *data;
		enum session_word word;
		enum session_reason reason;
	} cases[] = {
		{ "authenticated", "null", SESSION_AUTHENTICATED, REASON_NONE },
		{ "ready", "null", SESSION_CONNECTED, REASON_NONE },
		{ "auth_failure", "{\"msg\":\"no\"}", SESSION_FAILED, REASON_ERROR },
		{ "loading_screen", "{\"percent\":\"10\"}", SESSION_STARTING, REASON_NONE },
		{ "change_state", "{\"state\":\"CONNECTED\"}", SESSION_CONNECTED, REASON_NONE },
		{ "change_state", "{\"state\":\"TIMEOUT\"}", SESSION_STARTING, REASON_NONE },
		{ "change_state", "{\"state\":\"CONFLICT\"}", SESSION_DISCONNECTED, REASON_ERROR },
		{ "disconnected", "{\"reason\":\"LOGOUT\"}", SESSION_DISCONNECTED, REASON_USER_INITIATED },
		{ "disconnected", "\"UNPAIRED\"", SESSION_DISCONNECTED, REASON_USER_INITIATED },
		{ "disconnected", "{\"reason\":\"Max qrcode retries reached\"}", SESSION_DISCONNECTED,
			REASON_QR_EXPIRED },
		{ "disconnected", "{\"reason\":\"UNPAIRED_IDLE\"}", SESSION_DISCONNECTED, REASON_TIMEOUT },
		{ "disconnected", "{\"reason\":\"SMB_TOS_BLOCK\"}", SESSION_DISCONNECTED, REASON_ERROR },
		{ "disconnected", "{\"reason\":\"NAVIGATION\"}", SESSION_DISCONNECTED, REASON_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct in_session_state *s;
		char body[256];
		struct posted p;

		snprintf(body, sizeof(body), "{\"dataType\":\"%s\",\"data\":%s}", cases[i].event, cases[i].data);
		post(&p, body);
		s = &posted_one(&p, IN_SESSION_STATE)->u.session_state;
		assert_int_equal(s->state, cases[i].word);
		assert_int_equal(s->reason, cases[i].reason);
		assert_true(str_starts(s->details, str_of(cases[i].event)));
		posted_fini(&p);
	}
}

static void codes_are_stored_and_never_published(void **state)
{
	static const char *const bodies[] = {
		"{\"dataType\":\"qr\",\"data\":{\"qr\":\"2@SecretCode\"}}",
		"{\"dataType\":\"qr\",\"data\":\"2@SecretCode\"}",
		"{\"dataType\":\"code\",\"data\":{\"code\":\"2@SecretCode\"}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		struct posted p;

		post(&p, bodies[i]);
		assert_int_equal(posted_one(&p, IN_SESSION_STATE)->u.session_state.state, SESSION_QR);
		assert_int_equal(p.in.n_qr, 1);
		assert_str_is(p.in.qr[0].code, "2@SecretCode");
		assert_secret(&p, STR("SecretCode"));
		posted_fini(&p);
	}
}

static void items_that_are_no_events_are_counted(void **state)
{
	static const struct {
		const char *body, *kind;
	} cases[] = {
		{ MESSAGE("message_revoke_me", "\"type\":\"chat\""), "message_revoke_me" },
		{ MESSAGE("media_uploaded", "\"type\":\"image\""), "media_uploaded" },
		{ "{\"dataType\":\"remote_session_saved\"}", "remote_session_saved" },
		{ "{\"dataType\":\"group_membership_request\",\"data\":{}}", "group_membership_request" },
		{ "{\"dataType\":\"chat_removed\",\"data\":{}}", "chat_removed" },
		{ "{\"dataType\":\"hologram\",\"data\":{\"x\":1}}", "unknown_event" },
		{ "{\"dataType\":\"contact\",\"data\":{\"contact\":{\"id\":\"1@c.us\",\"isMe\":true}}}",
			"own_contact" },
		{ "{\"dataType\":\"contact\",\"data\":{\"contact\":{\"id\":\"1@g.us\"}}}", "group_contact" },
		{ "{\"dataType\":\"message\",\"data\":{\"message\":{\"id\":\"true_1@broadcast_S\",\"type\":\"chat\"}}}",
			"broadcast_list" },
		{ "{\"dataType\":\"message\",\"data\":{\"message\":{\"id\":\"false_status@broadcast_S_1@c.us\",\"type\":\"chat\"}}}",
			"status_post" },
		{ "{\"dataType\":\"message\",\"data\":{\"message\":{\"id\":\"false_1@newsletter_S\",\"type\":\"chat\"}}}",
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

static void a_message_in_an_unknown_event_is_accepted(void **state)
{
	struct posted p;

	(void)state;
	post(&p, MESSAGE("message_hologram", "\"type\":\"hologram\",\"body\":\"hi\",\"mediaKey\":\"SecretKey\""));
	assert_int_equal(posted_one(&p, IN_MESSAGE)->u.message.type, MSG_UNKNOWN);
	assert_true(text_holds(p.in.events[0]->raw, STR("hologram")));
	assert_secret(&p, STR("SecretKey"));
	posted_fini(&p);
}

static void a_reply_quotes_what_it_answers(void **state)
{
	static const struct {
		const char *quoted, *body;
	} cases[] = {
		{ "\"type\":\"chat\",\"body\":\"before\"", "before" },
		{ "\"type\":\"image\",\"body\":\"/9j/4AAQ\",\"caption\":\"look\"", "look" },
		{ "\"type\":\"location\",\"body\":\"/9j/4AAQ\"", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct quoted *q;
		char body[1024];
		struct posted p;

		snprintf(body, sizeof(body),
			MESSAGE("message",
				"\"type\":\"chat\",\"body\":\"hi\",\"_data\":{\"quotedStanzaID\":\"3EB0BB\","
				"\"quotedParticipant\":{\"user\":\"16505559876\",\"server\":\"c.us\"},\"quotedMsg\":{%s}}"),
			cases[i].quoted);
		post(&p, body);
		q = &posted_one(&p, IN_MESSAGE)->u.message.quoted;
		assert_true(q->present);
		assert_str_is(q->target.stanza, "3EB0BB");
		assert_str_is(q->sender.phone, "16505559876");
		assert_str_is(q->body, cases[i].body);
		posted_fini(&p);
	}
}

static void facts_beyond_the_body_are_kept(void **state)
{
	static const struct {
		const char *members, *body, *extra;
	} cases[] = {
		{ "\"type\":\"chat\",\"body\":\"hi\",\"isForwarded\":true,\"forwardingScore\":4", "hi",
			"{\"forwarded\":true,\"forwarding_score\":4}" },
		{ "\"type\":\"poll_creation\",\"body\":\"\",\"pollName\":\"Lunch?\",\"pollOptions\":[{\"name\":\"Pizza\"}]",
			"Lunch?", "{\"poll_options\":[\"Pizza\"]}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char body[512];
		struct posted p;

		snprintf(body, sizeof(body), MESSAGE("message", "%s"), cases[i].members);
		post(&p, body);
		assert_str_is(posted_one(&p, IN_MESSAGE)->u.message.body, cases[i].body);
		assert_str_is(p.in.events[0]->u.message.extra, cases[i].extra);
		posted_fini(&p);
	}
}

static void group_notifications_become_group_changes(void **state)
{
	static const struct {
		const char *event, *members;
		enum group_action action;
		size_t participants;
		const char *text, *settings;
	} cases[] = {
		{ "group_update", "\"type\":\"announce\",\"body\":\"on\"", GROUP_SETTINGS, 0, "",
			"{\"messagesAdminsOnly\":true}" },
		{ "group_update", "\"type\":\"picture\",\"body\":\"/9j/4AAQ\"", GROUP_SETTINGS, 0, "", "" },
		{ "group_update", "\"type\":\"subject\",\"body\":\"Ops\"", GROUP_SUBJECT, 0, "Ops", "" },
		{ "group_leave", "\"type\":\"leave\",\"recipientIds\":[]", GROUP_LEAVE, 1, "", "" },
		{ "group_join", "\"type\":\"add\",\"recipientIds\":[\"16505559876@c.us\",7,\"1@g.us\"]", GROUP_ADD, 1,
			"", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct in_group_change *g;
		char body[512];
		struct posted p;

		snprintf(body, sizeof(body),
			"{\"dataType\":\"%s\",\"data\":{\"notification\":{\"id\":\"false_1@g.us_N\",\"chatId\":\"1@g.us\","
			"\"author\":\"16505551234@c.us\",%s}}}",
			cases[i].event, cases[i].members);
		post(&p, body);
		g = &posted_one(&p, IN_GROUP_CHANGE)->u.group_change;
		assert_int_equal(g->action, cases[i].action);
		assert_int_equal(g->n_participants, cases[i].participants);
		assert_str_is(g->text, cases[i].text);
		assert_str_is(g->settings, cases[i].settings);
		posted_fini(&p);
	}
}

static void wrong_shapes_are_rejected(void **state)
{
	static const struct {
		const char *body, *code;
	} cases[] = {
		{ "{}", "400" },
		{ "[]", "400" },
		{ "{\"dataType\":\"message\"}", "400" },
		{ "{\"dataType\":\"message\",\"data\":[]}", "400" },
		{ "{\"dataType\":\"chats_sync\",\"data\":{}}", "400" },
		{ "{\"dataType\":\"message\",\"data\":{\"message\":{}}}", "422" },
		{ "{\"dataType\":\"contact_changed\",\"data\":{\"oldId\":\"16505551234@c.us\"}}", "422" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct posted p;

		post(&p, cases[i].body);
		assert_refused(&p, cases[i].code);
		posted_fini(&p);
	}
}

static void a_phone_that_becomes_a_lid_adds_an_alias_and_is_no_number_change(void **state)
{
	static const struct {
		const char *was, *is;
		enum identity_kind kind;
	} cases[] = {
		{ "16505551234@c.us", "16505559876@c.us", IDENTITY_NUMBER_CHANGED },
		{ "16505551234@c.us", "198765432101234@lid", IDENTITY_ALIAS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char body[256];
		struct posted p;

		snprintf(body, sizeof(body),
			"{\"dataType\":\"contact_changed\",\"data\":{\"oldId\":\"%s\",\"newId\":\"%s\"}}", cases[i].was,
			cases[i].is);
		post(&p, body);
		assert_int_equal(posted_one(&p, IN_IDENTITY_CHANGE)->u.identity_change.kind, cases[i].kind);
		posted_fini(&p);
	}
}

static void a_revoke_without_a_protocol_key_refers_to_its_own_id(void **state)
{
	struct posted p;

	(void)state;
	post(&p, MESSAGE("message_revoke_everyone", "\"type\":\"revoked\",\"_data\":{\"revokeTimestamp\":1767225850}"));
	assert_str_is(posted_one(&p, IN_REVOKE)->u.revoke.target.key, "false:3EB0AA");
	assert_int_equal(p.in.events[0]->source_time_ms, 1767225850000);
	posted_fini(&p);
}

#define SYNC(chats) \
	"{\"dataType\":\"chats_sync\",\"sessionId\":\"s\",\"data\":{\"syncId\":\"S1\",\"batch\":{\"index\":2,\"total\":3," \
	"\"isLast\":true},\"lidMap\":[{\"lid\":\"11@lid\",\"pn\":\"16505551234@c.us\"},{\"lid\":\"22@lid\",\"pn\":" \
	"\"16505550000@c.us\"}],\"chats\":[" chats "]}}"

static void the_lid_map_fills_parties_and_the_rest_become_aliases(void **state)
{
	struct posted p;

	(void)state;
	post(&p,
		SYNC("{\"id\":\"11@lid\",\"name\":\"Alice\",\"messages\":[" /**/
		     "{\"id\":\"false_11@lid_A\",\"type\":\"chat\",\"body\":\"hi\",\"timestamp\":1767225600,\"ack\":1}]}"));
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.in.n_events, 3);
	assert_int_equal(p.in.events[0]->kind, IN_SYNC_CHAT);
	assert_int_equal(p.in.events[0]->u.sync_chat.rank, 100);
	assert_int_equal(p.in.events[0]->origin, ORIGIN_SYNC);
	assert_str_is(p.in.events[0]->u.sync_chat.state.chat.contact.lid, "11");
	assert_str_is(p.in.events[0]->u.sync_chat.state.chat.contact.phone, "16505551234");
	assert_int_equal(p.in.events[0]->u.sync_chat.n_messages, 1);
	assert_int_equal(p.in.events[1]->u.identity_change.kind, IDENTITY_ALIAS);
	assert_str_is(p.in.events[1]->u.identity_change.old_party.lid, "22");
	assert_str_is(p.in.events[1]->u.identity_change.new_party.phone, "16505550000");
	assert_int_equal(p.in.events[2]->kind, IN_SYNC_BATCH_END);
	assert_true(p.in.events[2]->u.sync_batch_end.last);
	posted_fini(&p);
}

static void one_invalid_chat_is_rejected_alone(void **state)
{
	struct posted p, again;

	(void)state;
	post(&p, SYNC("{\"id\":\"1@c.us\"},{\"name\":\"nobody\"},{\"id\":\"status@broadcast\"},{\"id\":\"2@c.us\"}"));
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.in.n_rejected, 1);
	assert_str_is(p.in.rejected[0].path, "data.chats[1]");
	assert_int_equal(p.in.rejected[0].item, 1);
	assert_int_equal(p.in.ignored[0].n, 1);
	assert_int_equal(p.in.events[p.in.n_events - 1]->u.sync_batch_end.chats, 2);
	assert_int_equal(p.in.events[p.in.n_events - 1]->u.sync_batch_end.rejected, 1);
	/* The rejected one can be posted again, by itself. */
	post_bytes(&again, wwebjs_read, BRIDGE_WWEBJS, p.in.rejected[0].body);
	assert_refused(&again, "422");
	assert_str_is(again.in.rejected[0].path, "data.chats[0]");
	posted_fini(&again);
	posted_fini(&p);
}

static void fifty_one_chats_are_rejected(void **state)
{
	struct buf chats = BUF_INIT;
	struct posted p;

	(void)state;
	buf_printf(&chats, "{\"dataType\":\"chats_sync\",\"data\":{\"chats\":[");
	for (int i = 0; i < 51; i++)
		buf_printf(&chats, "%s{\"id\":\"%d@c.us\"}", i ? "," : "", i);
	buf_printf(&chats, "]}}");
	post_bytes(&p, wwebjs_read, BRIDGE_WWEBJS, buf_str(&chats));
	assert_refused(&p, "422");
	posted_fini(&p);
	buf_fini(&chats);
}

static void the_newest_fifty_messages_are_kept_in_parts_that_fit(void **state)
{
	struct buf chat = BUF_INIT;
	size_t messages = 0;
	struct posted p;

	(void)state;
	buf_printf(&chat, "{\"dataType\":\"chats_sync\",\"data\":{\"chats\":[{\"id\":\"1@c.us\",\"messages\":[");
	for (int i = 59; i >= 0; i--) { /* newest first: in the events they are oldest first */
		buf_printf(&chat, "%s{\"id\":\"false_1@c.us_M%d\",\"type\":\"chat\",\"timestamp\":%d,\"body\":\"",
			i == 59 ? "" : ",", i, 1767220000 + i);
		for (int k = 0; k < 50000; k++)
			buf_add_char(&chat, 'x');
		buf_printf(&chat, "\"}");
	}
	buf_printf(&chat, "]}]}}");
	post_bytes(&p, wwebjs_read, BRIDGE_WWEBJS, buf_str(&chat));
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.in.n_rejected, 0);
	for (size_t i = 0; i + 1 < p.in.n_events; i++) {
		const struct in_sync_chat *part = &p.in.events[i]->u.sync_chat;

		assert_int_equal(part->continued, i > 0);
		assert_int_equal(part->rank, 0);
		assert_true(p.in.records[i].n <= 520 * 1024);
		if (i == 0)
			assert_str_is(part->messages[0].message.key, "false:M10");
		messages += part->n_messages;
	}
	assert_int_equal(messages, 50);
	assert_int_equal(p.in.events[p.in.n_events - 1]->u.sync_batch_end.chats, 1);
	posted_fini(&p);
	buf_fini(&chat);
}

static void no_secret_of_a_fixture_is_published(void **state)
{
	struct arena *a = arena_new(65536);
	DIR *dir = opendir("tests/fixtures/webjs-raw");
	struct dirent *entry;
	size_t n = 0;

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char path[512];
		struct posted p;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "tests/fixtures/webjs-raw/%s", entry->d_name);
		post_bytes(&p, wwebjs_read, BRIDGE_WWEBJS, file_read(a, path));
		assert_int_equal(p.rc, 0);
		secrets_check(&p, json_root(p.doc), false);
		posted_fini(&p);
		n++;
	}
	assert_true(n > 30);
	closedir(dir);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_shape_of_an_id_gives_the_same_key),
		cmocka_unit_test(a_minified_build_is_read_from_its_hidden_data),
		cmocka_unit_test(message_and_message_create_are_one_event),
		cmocka_unit_test(a_placeholder_has_an_id_of_its_own),
		cmocka_unit_test(thumbnails_are_never_text),
		cmocka_unit_test(types_are_translated),
		cmocka_unit_test(acks_become_statuses),
		cmocka_unit_test(an_ack_out_of_range_is_rejected),
		cmocka_unit_test(seconds_may_be_floats),
		cmocka_unit_test(an_impossible_time_is_flagged_and_kept_as_raw),
		cmocka_unit_test(an_own_message_has_no_sender_and_no_name),
		cmocka_unit_test(a_lids_number_is_not_a_phone),
		cmocka_unit_test(a_number_is_not_a_name),
		cmocka_unit_test(objects_without_an_envelope_are_recognised),
		cmocka_unit_test(sessions_have_states_and_reasons),
		cmocka_unit_test(codes_are_stored_and_never_published),
		cmocka_unit_test(items_that_are_no_events_are_counted),
		cmocka_unit_test(a_message_in_an_unknown_event_is_accepted),
		cmocka_unit_test(a_reply_quotes_what_it_answers),
		cmocka_unit_test(facts_beyond_the_body_are_kept),
		cmocka_unit_test(group_notifications_become_group_changes),
		cmocka_unit_test(wrong_shapes_are_rejected),
		cmocka_unit_test(a_phone_that_becomes_a_lid_adds_an_alias_and_is_no_number_change),
		cmocka_unit_test(a_revoke_without_a_protocol_key_refers_to_its_own_id),
		cmocka_unit_test(the_lid_map_fills_parties_and_the_rest_become_aliases),
		cmocka_unit_test(one_invalid_chat_is_rejected_alone),
		cmocka_unit_test(fifty_one_chats_are_rejected),
		cmocka_unit_test(the_newest_fifty_messages_are_kept_in_parts_that_fit),
		cmocka_unit_test(no_secret_of_a_fixture_is_published),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
