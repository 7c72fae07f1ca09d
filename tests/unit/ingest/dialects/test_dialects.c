/* services/ingest/dialects: what all dialects express by the same values. */
#include "posted.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define META(list) \
	"{\"object\":\"whatsapp_business_account\",\"entry\":[{\"id\":\"W\",\"changes\":[{\"field\":\"f\"," \
	"\"value\":{\"metadata\":{\"phone_number_id\":\"N\"}," list "}}]}]}"
#define WWEBJS(type, name, object) "{\"dataType\":\"" type "\",\"data\":{\"" name "\":{" object "}}}"
#define WAHA(event, payload) \
	"{\"event\":\"" event "\",\"session\":\"s\",\"timestamp\":1767225600000,\"payload\":{" payload "}}"
#define EVOLUTION(event, data) \
	"{\"event\":\"" event "\",\"instance\":\"i\",\"sender\":\"1@s.whatsapp.net\",\"data\":" data "}"
#define SYNC(messages) \
	"{\"dataType\":\"chats_sync\",\"data\":{\"chats\":[{\"id\":\"1@c.us\",\"messages\":[" messages "]}]}}"
#define CHATS(messages) \
	"{\"session_id\":\"s\",\"chats\":[{\"type\":\"private\",\"contact_phone\":\"1\",\"messages\":[" messages "]}]}"

static void read_body(struct posted *p, dialect_read *read, const char *body)
{
	post_bytes(p, read, BRIDGE_WWEBJS, str_of(body));
	if (p->rc < 0 || p->in.n_rejected > 0)
		fail_msg("%s: %s", body, p->rc < 0 ? p->err.msg : p->in.rejected[0].message.p);
}

#define NOTICE(type, body) \
	WWEBJS("group_update", "notification", \
		"\"id\":\"false_1@g.us_N\",\"chatId\":\"1@g.us\",\"type\":\"" type "\",\"body\":\"" body "\"")
#define GROUP(members)  EVOLUTION("groups.upsert", "[{\"id\":\"1@g.us\"," members "}]")
#define UPDATE(members) WAHA("group.v2.update", "\"group\":{\"id\":\"1@g.us\"," members "}")

static void groups_settings_have_one_vocabulary(void **state)
{
	static const struct {
		dialect_read *read;
		const char *body, *settings;
	} cases[] = {
		{ wwebjs_read,
			WWEBJS("chat", "chat",
				"\"id\":\"1@g.us\",\"groupMetadata\":{\"announce\":true,\"restrict\":false,\"membershipApprovalMode\":true,"
				"\"memberAddMode\":\"admin_add\",\"ephemeralDuration\":86400,\"isParentGroup\":false}"),
			"{\"messagesAdminsOnly\":true,\"editInfoAdminsOnly\":false,\"approvalRequired\":true,\"memberAddAdminsOnly\":true,"
			"\"ephemeralSeconds\":86400}" },
		{ wwebjs_read,
			WWEBJS("chat", "chat",
				"\"id\":\"1@g.us\",\"groupMetadata\":{\"isParentGroup\":false,\"announce\":\"x\"}"),
			"" },
		{ wwebjs_read, NOTICE("announce", "on"), "{\"messagesAdminsOnly\":true}" },
		{ wwebjs_read, NOTICE("announce", "off"), "{\"messagesAdminsOnly\":false}" },
		{ wwebjs_read, NOTICE("restrict", "on"), "{\"editInfoAdminsOnly\":true}" },
		{ wwebjs_read, NOTICE("member_add_mode", "all_member_add"), "{\"memberAddAdminsOnly\":false}" },
		{ wwebjs_read, NOTICE("ephemeral", "604800"), "{\"ephemeralSeconds\":604800}" },
		{ wwebjs_read, NOTICE("ephemeral", "off"), "{\"ephemeralSeconds\":0}" },
		{ wwebjs_read, NOTICE("picture", "on"), "" },
		{ wwebjs_read, NOTICE("announce", ""), "" },
		{ waha_read,
			UPDATE("\"membersCanSendMessages\":false,\"membersCanAddNewMember\":true,\"newMembersApprovalRequired\":true"),
			"{\"messagesAdminsOnly\":true,\"approvalRequired\":true,\"memberAddAdminsOnly\":false}" },
		{ evolution_read,
			GROUP("\"announce\":false,\"restrict\":true,\"joinApprovalMode\":false,\"memberAddMode\":false"),
			"{\"messagesAdminsOnly\":false,\"editInfoAdminsOnly\":true,\"approvalRequired\":false,\"memberAddAdminsOnly\":true}" },
		{ evolution_read, GROUP("\"isCommunity\":true,\"ephemeralDuration\":-1"), "" },
		{ evolution_read, EVOLUTION("groups.update", "[{\"id\":\"1@g.us\",\"announce\":true}]"),
			"{\"messagesAdminsOnly\":true}" },
		{ posted_meta,
			META("\"groups\":[{\"type\":\"group_create\",\"group_id\":\"g\",\"join_approval_mode\":\"approval_required\","
			     "\"invite_link\":\"https://chat.whatsapp.com/C\"}]"),
			"{\"approvalRequired\":true}" },
		{ posted_meta, META("\"groups\":[{\"type\":\"group_suspend\",\"group_id\":\"g\"}]"), "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct posted p;
		const struct inbound_event *e;

		read_body(&p, cases[i].read, cases[i].body);
		assert_int_equal(p.in.n_events, 1);
		e = p.in.events[0];
		assert_str_is(e->kind == IN_CHAT_STATE ? e->u.chat_state.settings : e->u.group_change.settings,
			cases[i].settings);
		posted_fini(&p);
	}
}

static void each_fact_of_a_groups_update_is_a_change(void **state)
{
	static const struct {
		dialect_read *read;
		const char *body;
		size_t n;
		enum group_action actions[3];
	} cases[] = {
		{ evolution_read, EVOLUTION("groups.update", "[{\"id\":\"1@g.us\",\"subject\":\"S\"}]"), 1,
			{ GROUP_SUBJECT } },
		{ evolution_read, EVOLUTION("groups.update", "[{\"id\":\"1@g.us\",\"desc\":\"\"}]"), 1,
			{ GROUP_DESCRIPTION } },
		{ evolution_read,
			EVOLUTION("groups.update",
				"[{\"id\":\"1@g.us\",\"subject\":\"S\",\"desc\":\"D\",\"restrict\":true}]"),
			3, { GROUP_SUBJECT, GROUP_DESCRIPTION, GROUP_SETTINGS } },
		{ evolution_read, EVOLUTION("groups.update", "[{\"id\":\"1@g.us\",\"size\":3}]"), 0, { GROUP_NONE } },
		{ waha_read, UPDATE("\"subject\":\"S\",\"description\":\"D\""), 2,
			{ GROUP_SUBJECT, GROUP_DESCRIPTION } },
		{ waha_read, UPDATE("\"subject\":\"S\""), 1, { GROUP_SUBJECT } },
		{ posted_meta,
			META("\"groups\":[{\"type\":\"group_settings_update\",\"group_id\":\"g\",\"group_subject\":{\"text\":\"S\"},"
			     "\"group_description\":{\"text\":\"D\",\"update_successful\":true}}]"),
			2, { GROUP_SUBJECT, GROUP_DESCRIPTION } },
		{ posted_meta,
			META("\"groups\":[{\"type\":\"group_settings_update\",\"group_id\":\"g\",\"group_subject\":{\"text\":\"S\","
			     "\"update_successful\":false}}]"),
			1, { GROUP_SETTINGS } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct posted p;

		read_body(&p, cases[i].read, cases[i].body);
		assert_int_equal(p.in.n_events, cases[i].n);
		for (size_t j = 0; j < cases[i].n; j++) {
			assert_int_equal(p.in.events[j]->u.group_change.action, cases[i].actions[j]);
			for (size_t k = 0; k < j; k++)
				assert_false(uuid_eq(&p.in.events[j]->id, &p.in.events[k]->id));
		}
		posted_fini(&p);
	}
}

#define EVOLUTION_CALL(status) EVOLUTION("call", "{\"id\":\"C\",\"from\":\"19@lid\",\"status\":\"" status "\"}")
#define WAHA_CALL(event)       WAHA(event, "\"id\":\"C\",\"from\":\"1@c.us\"")
#define META_CALL(members)     META("\"calls\":[{\"id\":\"C\",\"from\":\"1\"," members "}]")
#define META_STATUS(status) \
	META("\"statuses\":[{\"id\":\"C\",\"type\":\"call\",\"status\":\"" status "\",\"recipient_id\":\"1\"}]")

static void calls_of_all_dialects_end_with_the_same_outcomes(void **state)
{
	static const struct {
		dialect_read *read;
		const char *body, *outcome;
		int32_t duration_s;
	} cases[] = {
		{ wwebjs_read, WWEBJS("call", "call", "\"id\":\"C\",\"from\":\"1@c.us\""), "offered", 0 },
		{ waha_read, WAHA_CALL("call.received"), "offered", 0 },
		{ waha_read, WAHA_CALL("call.accepted"), "accepted", 0 },
		{ waha_read, WAHA_CALL("call.rejected"), "rejected", 0 },
		{ evolution_read, EVOLUTION_CALL("offer"), "offered", 0 },
		{ evolution_read, EVOLUTION_CALL("ringing"), "offered", 0 },
		{ evolution_read, EVOLUTION_CALL("accept"), "accepted", 0 },
		{ evolution_read, EVOLUTION_CALL("reject"), "rejected", 0 },
		{ evolution_read, EVOLUTION_CALL("timeout"), "missed", 0 },
		{ evolution_read, EVOLUTION_CALL("terminate"), "ended", 0 },
		{ evolution_read, EVOLUTION_CALL("hologram"), "hologram", 0 },
		{ posted_meta, META_CALL("\"event\":\"connect\""), "offered", 0 },
		{ posted_meta, META_CALL("\"event\":\"terminate\",\"status\":\"COMPLETED\",\"duration\":61"), "ended",
			61 },
		{ posted_meta, META_CALL("\"event\":\"terminate\",\"status\":\"COMPLETED\",\"duration\":-1"), "ended",
			0 },
		{ posted_meta, META_CALL("\"event\":\"terminate\",\"status\":\"FAILED\""), "missed", 0 },
		{ posted_meta, META_CALL("\"event\":\"terminate\""), "ended", 0 },
		{ posted_meta, META_STATUS("RINGING"), "offered", 0 },
		{ posted_meta, META_STATUS("ACCEPTED"), "accepted", 0 },
		{ posted_meta, META_STATUS("REJECTED"), "rejected", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct posted p;
		const struct in_call *c;

		read_body(&p, cases[i].read, cases[i].body);
		c = &posted_one(&p, IN_CALL)->u.call;
		assert_str_is(c->outcome, cases[i].outcome);
		assert_int_equal(c->duration_s, cases[i].duration_s);
		posted_fini(&p);
	}
}

static void an_own_message_has_the_status_from_its_source(void **state)
{
	static const struct {
		dialect_read *read;
		const char *body;
		enum message_status status;
	} cases[] = {
		{ wwebjs_read,
			WWEBJS("message_create", "message",
				"\"id\":\"true_1@c.us_A\",\"type\":\"chat\",\"body\":\"b\""),
			STATUS_NONE },
		{ wwebjs_read,
			WWEBJS("message_create", "message",
				"\"id\":\"true_1@c.us_A\",\"type\":\"chat\",\"body\":\"b\",\"ack\":null"),
			STATUS_NONE },
		{ wwebjs_read,
			WWEBJS("message_create", "message",
				"\"id\":\"true_1@c.us_A\",\"type\":\"chat\",\"body\":\"b\",\"ack\":0"),
			STATUS_PENDING },
		{ waha_read, WAHA("message.any", "\"id\":\"true_1@c.us_A\",\"fromMe\":true,\"body\":\"b\""),
			STATUS_NONE },
		{ waha_read, WAHA("message.any", "\"id\":\"true_1@c.us_A\",\"fromMe\":true,\"body\":\"b\",\"ack\":0"),
			STATUS_PENDING },
		{ evolution_read,
			EVOLUTION("messages.upsert",
				"{\"key\":{\"remoteJid\":\"2@s.whatsapp.net\",\"fromMe\":true,\"id\":\"A\"},\"message\":{\"conversation\":\"b\"}}"),
			STATUS_NONE },
		{ evolution_read,
			EVOLUTION("send.message",
				"{\"key\":{\"remoteJid\":\"2@s.whatsapp.net\",\"fromMe\":true,\"id\":\"A\"},\"message\":{\"conversation\":\"b\"},"
				"\"status\":\"PENDING\"}"),
			STATUS_PENDING },
		{ bridge_read_webhook,
			"{\"chat_type\":\"private\",\"contact_phone\":\"1\",\"id\":\"A\",\"from_me\":true,\"message_body\":\"b\",\"timestamp\":1767225600}",
			STATUS_NONE },
		{ posted_meta,
			META("\"message_echoes\":[{\"id\":\"A\",\"from\":\"2\",\"to\":\"1\",\"type\":\"text\",\"text\":{\"body\":\"b\"}}]"),
			STATUS_NONE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct posted p;
		const struct in_message *m;

		read_body(&p, cases[i].read, cases[i].body);
		m = &posted_one(&p, IN_MESSAGE)->u.message;
		assert_int_equal(m->direction, DIR_OUTBOUND);
		if (m->status != cases[i].status)
			fail_msg("%s", cases[i].body);
		posted_fini(&p);
	}
}

static void suspect_times_in_a_sync_are_flagged_and_the_chat_is_kept_raw(void **state)
{
	static const struct {
		dialect_read *read;
		const char *body;
		bool suspect;
	} cases[] = {
		{ wwebjs_read, SYNC("{\"id\":\"false_1@c.us_A\",\"type\":\"chat\",\"timestamp\":1767225600}"), false },
		{ wwebjs_read, SYNC("{\"id\":\"false_1@c.us_A\",\"type\":\"chat\"}"), false },
		{ wwebjs_read, SYNC("{\"id\":\"false_1@c.us_A\",\"type\":\"chat\",\"timestamp\":4102444800}"), true },
		{ wwebjs_read, SYNC("{\"id\":\"false_1@c.us_A\",\"type\":\"chat\",\"timestamp\":1}"), true },
		{ wwebjs_read, SYNC("{\"id\":\"false_1@c.us_A\",\"type\":\"chat\",\"timestamp\":9e18}"), true },
		{ bridge_read_sync, CHATS("{\"id\":\"A\",\"body\":\"b\",\"timestamp\":1767225600}"), false },
		{ bridge_read_sync, CHATS("{\"id\":\"A\",\"body\":\"b\",\"timestamp\":4102444800}"), true },
		{ bridge_read_sync, CHATS("{\"id\":\"A\",\"body\":\"b\",\"timestamp\":1000}"), true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct inbound_event *e;
		struct inbound_event back;
		struct posted p;

		read_body(&p, cases[i].read, cases[i].body);
		e = p.in.events[0];
		assert_int_equal(e->kind, IN_SYNC_CHAT);
		assert_int_equal(inbound_decode(&back, p.in.records[0], p.arena, NULL), 0);
		if (back.u.sync_chat.messages[0].time_suspect != cases[i].suspect ||
			(back.raw.n > 0) != cases[i].suspect)
			fail_msg("%s", cases[i].body);
		posted_fini(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_settings_have_one_vocabulary),
		cmocka_unit_test(each_fact_of_a_groups_update_is_a_change),
		cmocka_unit_test(calls_of_all_dialects_end_with_the_same_outcomes),
		cmocka_unit_test(an_own_message_has_the_status_from_its_source),
		cmocka_unit_test(suspect_times_in_a_sync_are_flagged_and_the_chat_is_kept_raw),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
