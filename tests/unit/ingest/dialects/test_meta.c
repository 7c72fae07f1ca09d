/* services/ingest/dialects/meta*: the envelope, and what the fixtures do not hold. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "ingest/dialects/dialects.h"
#include "ingest/dialects/meta.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW_MS   INT64_C(1767225600000)

static const struct intake_account accounts[] = {
	{ .id.b = { 1 },
		.workspace.b = { 9 },
		.provider = PROVIDER_META,
		.phone_number = { "15550000001", 11 },
		.phone_number_id = { "N1", 2 },
		.waba_id = { "W", 1 },
		.business_id = { "B", 1 } },
	{ .id.b = { 2 },
		.workspace.b = { 9 },
		.provider = PROVIDER_META,
		.phone_number = { "15550000002", 11 },
		.phone_number_id = { "N2", 2 },
		.waba_id = { "W", 1 } },
};

static const struct intake_account *by_number(void *ctx, struct str id)
{
	(void)ctx;
	for (size_t i = 0; i < COUNT(accounts); i++)
		if (str_eq(id, accounts[i].phone_number_id))
			return &accounts[i];
	return NULL;
}

static size_t by_waba(void *ctx, struct str id, const struct intake_account **out, size_t max)
{
	(void)ctx;
	if (!str_is(id, "W"))
		return 0;
	for (size_t i = 0; i < COUNT(accounts) && i < max; i++)
		out[i] = &accounts[i];
	return COUNT(accounts);
}

struct post {
	struct arena *arena;
	struct json_doc *doc;
	struct intake in;
	struct err err;
	int rc;
};

static struct post post(struct str text)
{
	struct post p = { .arena = arena_new(65536) };

	if (json_parse(&p.doc, text, &p.err) < 0)
		fail_msg("%s: %.*s", p.err.msg, STR_ARG(text));
	intake_init(&p.in, p.arena, NOW_MS, NULL);
	intake_bound(&p.in, text.n);
	p.in.by_phone_number_id = by_number;
	p.in.by_waba = by_waba;
	p.rc = meta_read(&p.in, json_root(p.doc), &p.err);
	intake_finish(&p.in);
	return p;
}

static void post_free(struct post *p)
{
	json_free(p->doc);
	arena_free(p->arena);
}

#define POST(entries)        "{\"object\":\"whatsapp_business_account\",\"entry\":[" entries "]}"
#define ENTRY(changes)       "{\"id\":\"W\",\"time\":1767225500,\"changes\":[" changes "]}"
#define CHANGE(field, value) "{\"field\":\"" field "\",\"value\":{" value "}}"
#define NUMBER(id)           "\"metadata\":{\"display_phone_number\":\"+1 555-000-0001\",\"phone_number_id\":\"" id "\"}"
#define ONE(field, value)    POST(ENTRY(CHANGE(field, NUMBER("N1") "," value)))
#define FROM                 "\"from\":\"16505551234\",\"timestamp\":\"1767225400\","
#define TEXT(id)             "{" FROM "\"id\":\"" id "\",\"type\":\"text\",\"text\":{\"body\":\"b\"}}"

/* The one event of a body. */
static struct post post_one(const char *text, enum inbound_kind kind)
{
	struct post p = post(str_of(text));

	if (p.rc != 0 || p.in.n_events != 1 || p.in.n_rejected != 0 || p.in.events[0]->kind != kind)
		fail_msg("%s: %zu events, %zu rejected: %.*s", text, p.in.n_events, p.in.n_rejected,
			STR_ARG(p.in.n_rejected ? p.in.rejected[0].message : STR("")));
	return p;
}

static void every_entry_change_and_list_is_read(void **state)
{
	struct post p = post(STR(POST(ENTRY(CHANGE("messages",
		NUMBER("N1") ",\"statuses\":[{\"id\":\"s\",\"status\":\"read\",\"recipient_id\":\"1\"}],"
			     "\"messages\":[" TEXT("a") "," TEXT(
				     "b") "],\"errors\":[{\"code\":1}]") "," CHANGE("messages",
		NUMBER("N2") ",\"messages\":[" TEXT("c") "]")) "," ENTRY(CHANGE("messages",
		NUMBER("N1") ",\"messages\":[" TEXT("d") "]")))));
	static const char *const keys[] = { "a", "b", NULL, "c", "d" };

	(void)state;
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.in.n_events, 6);
	for (size_t i = 0; i < COUNT(keys); i++)
		if (keys[i])
			assert_true(str_is(p.in.events[i]->u.message.key, keys[i]));
	assert_int_equal(p.in.events[2]->kind, IN_ACCOUNT_NOTICE);
	assert_int_equal(p.in.events[3]->account.b[0], 2);
	assert_int_equal(p.in.events[5]->kind, IN_STATUS);
	post_free(&p);
}

static void edits_and_reactions_follow_messages_and_statuses_end(void **state)
{
	struct post p = post(STR(ONE("messages",
		"\"statuses\":[{\"id\":\"s\",\"status\":\"sent\",\"recipient_id\":\"1\"}],\"messages\":["
		"{" FROM "\"id\":\"r\",\"type\":\"reaction\",\"reaction\":{\"message_id\":\"a\",\"emoji\":\"x\"}},"
		"{" FROM
		"\"id\":\"e\",\"type\":\"edit\",\"edit\":{\"original_message_id\":\"a\",\"message\":{\"type\":\"image\","
		"\"image\":{\"id\":\"1\",\"caption\":\"new\"}}}},"
		"{" FROM
		"\"id\":\"v\",\"type\":\"revoke\",\"revoke\":{\"original_message_id\":\"a\"}}," TEXT("a") "]")));
	static const enum inbound_kind kinds[] = { IN_MESSAGE, IN_REACTION, IN_EDIT, IN_REVOKE, IN_STATUS };

	(void)state;
	assert_int_equal(p.in.n_events, COUNT(kinds));
	for (size_t i = 0; i < COUNT(kinds); i++)
		assert_int_equal(p.in.events[i]->kind, kinds[i]);
	assert_true(str_is(p.in.events[2]->u.edit.body, "new"));
	assert_true(str_is(p.in.events[2]->u.edit.caption_of, "image"));
	post_free(&p);
}

static void an_invalid_item_is_rejected_alone_and_can_be_posted_again_alone(void **state)
{
	struct post p = post(STR(ONE("messages",
		"\"contacts\":[{\"wa_id\":\"16505551234\",\"profile\":{\"name\":\"A\"}},{\"wa_id\":\"2\",\"profile\":{}}],"
		"\"messages\":[" TEXT("a") ",{" FROM
					   "\"type\":\"text\",\"text\":{\"body\":\"no id\"}}," TEXT("b") ",7]")));
	const char *want = ONE("messages",
		"\"contacts\":[{\"wa_id\":\"16505551234\",\"profile\":{\"name\":\"A\"}}],\"messages\":["
		"{" FROM "\"type\":\"text\",\"text\":{\"body\":\"no id\"}}]");

	(void)state;
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.in.n_events, 2);
	assert_int_equal(p.in.n_rejected, 2);
	assert_true(str_is(p.in.rejected[0].path, "entry[0].changes[0].value.messages[1]"));
	assert_int_equal(p.in.rejected[0].reason, DEAD_RULE);
	assert_ptr_equal(p.in.rejected[0].account, &accounts[0]);
	assert_true(str_is(p.in.rejected[0].body, want));
	assert_true(str_is(p.in.rejected[1].path, "entry[0].changes[0].value.messages[3]"));
	post_free(&p);
}

static void an_invalid_message_of_a_history_can_be_posted_again_alone(void **state)
{
	struct post p = post(STR(ONE("history",
		"\"history\":[{\"metadata\":{\"phase\":1,\"chunk_order\":2,\"progress\":3},\"threads\":[{\"id\":\"16505551234\","
		"\"messages\":[{\"from\":\"16505551234\",\"type\":\"text\"}," TEXT("a") "]}]}]")));
	const char *want = ONE("history",
		"\"history\":[{\"threads\":[{\"id\":\"16505551234\",\"messages\":["
		"{\"from\":\"16505551234\",\"type\":\"text\"}]}]}]");

	(void)state;
	assert_int_equal(p.in.n_events, 2);
	assert_int_equal(p.in.n_rejected, 1);
	assert_true(str_is(p.in.rejected[0].body, want));
	assert_true(str_is(p.in.rejected[0].path, "entry[0].changes[0].value.history[0].threads[0].messages[0]"));
	post_free(&p);
}

static void a_change_of_an_unknown_number_is_rejected_alone(void **state)
{
	struct post p = post(STR(POST(ENTRY(CHANGE("messages",
		NUMBER("N7") ",\"messages\":[" TEXT("a") "," TEXT("b") "]") "," CHANGE("messages",
		NUMBER("N1") ",\"messages\":[" TEXT("c") "]")))));
	const char *want = POST(ENTRY(CHANGE("messages", NUMBER("N7") ",\"messages\":[" TEXT("a") "," TEXT("b") "]")));

	(void)state;
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.in.n_events, 1);
	assert_int_equal(p.in.n_rejected, 1);
	assert_int_equal(p.in.rejected[0].reason, DEAD_UNKNOWN_REFERENCE);
	assert_null(p.in.rejected[0].account);
	assert_true(str_is(p.in.rejected[0].path, "entry[0].changes[0].value"));
	assert_true(str_is(p.in.rejected[0].body, want));
	post_free(&p);
}

static void an_unknown_waba_is_an_unknown_reference(void **state)
{
	struct post p = post(STR(POST("{\"id\":\"X\",\"changes\":[" CHANGE("account_update", "\"event\":\"E\"") "]}")));

	(void)state;
	assert_int_equal(p.in.n_rejected, 1);
	assert_int_equal(p.in.rejected[0].reason, DEAD_UNKNOWN_REFERENCE);
	post_free(&p);
}

static void an_unknown_envelope_is_400(void **state)
{
	static const char *const bodies[] = { "[]", "{}", "{\"object\":\"instagram\",\"entry\":[]}",
		"{\"object\":\"whatsapp_business_account\"}",
		"{\"object\":\"whatsapp_business_account\",\"entry\":{}}" };

	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct post p = post(str_of(bodies[i]));
		struct meta_references refs;

		if (p.rc != -1 || p.err.kind != ERR_INPUT || strcmp(p.err.code, "400") != 0)
			fail_msg("%s", bodies[i]);
		assert_int_equal(meta_references(&refs, json_root(p.doc), p.arena, &p.err), -1);
		post_free(&p);
	}
}

static void odd_entries_and_changes_are_rejected_items_that_can_be_posted_again(void **state)
{
	struct post p = post(STR(POST("7,{\"id\":\"W\"},{\"id\":\"W\",\"changes\":[7,{\"field\":\"messages\"},"
				      "{\"field\":\"messages\",\"value\":[]}]}")));

	(void)state;
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.in.n_events, 0);
	assert_int_equal(p.in.n_rejected, 5);
	for (size_t i = 0; i < p.in.n_rejected; i++) {
		struct post again = post(p.in.rejected[i].body);

		assert_int_equal(again.rc, 0);
		assert_int_equal(again.in.n_rejected, 1);
		assert_int_equal(again.in.rejected[0].reason, p.in.rejected[i].reason);
		post_free(&again);
	}
	post_free(&p);
}

static void the_references_are_the_ids_to_be_looked_up(void **state)
{
	struct arena *a = arena_new(0);
	struct json_doc *doc = NULL;
	struct meta_references refs;

	(void)state;
	assert_int_equal(json_parse(&doc,
				 STR(POST(ENTRY(CHANGE("messages", NUMBER("N1")) "," CHANGE("messages",
					 NUMBER("N2")) "," CHANGE("messages", NUMBER("N1")) "," CHANGE("flows",
					 "")) "," ENTRY(CHANGE("flows", "")) ",{\"id\":8,\"changes\":[{}]}")),
				 NULL),
		0);
	assert_int_equal(meta_references(&refs, json_root(doc), a, NULL), 0);
	assert_int_equal(refs.n_phone_number_ids, 2);
	assert_int_equal(refs.n_waba_ids, 2);
	assert_true(str_is(refs.phone_number_ids[0], "N1"));
	assert_true(str_is(refs.phone_number_ids[1], "N2"));
	assert_true(str_is(refs.waba_ids[0], "W"));
	assert_true(str_is(refs.waba_ids[1], "8"));
	json_free(doc);
	arena_free(a);
}

static void events_of_a_waba_go_to_each_of_its_accounts(void **state)
{
	struct post p = post(STR(POST(ENTRY(CHANGE("message_template_status_update",
		"\"event\":\"PAUSED\",\"message_template_id\":1689556908129835,\"message_template_name\":\"t\","
		"\"message_template_language\":\"id\",\"reason\":\"NONE\"")))));
	const struct in_template_status *t = &p.in.events[1]->u.template_status;

	(void)state;
	assert_int_equal(p.in.n_events, 2);
	assert_int_equal(p.in.events[0]->account.b[0], 1);
	assert_int_equal(p.in.events[1]->account.b[0], 2);
	assert_false(uuid_eq(&p.in.events[0]->id, &p.in.events[1]->id));
	assert_int_equal(p.in.events[1]->source_time_ms, INT64_C(1767225500000));
	assert_true(str_is(t->provider_template_id, "1689556908129835"));
	assert_true(str_is(t->status, "PAUSED"));
	assert_int_equal(t->reason.n, 0);
	post_free(&p);
}

static void an_event_of_one_number_of_a_waba_goes_to_that_account(void **state)
{
	struct post p = post(STR(POST(ENTRY(CHANGE("phone_number_quality_update",
		"\"display_phone_number\":\"+1 (555) 000-0002\",\"event\":\"FLAGGED\"")))));

	(void)state;
	assert_int_equal(p.in.n_events, 1);
	assert_int_equal(p.in.events[0]->account.b[0], 2);
	assert_int_equal(p.in.events[0]->u.account_notice.severity, SEVERITY_WARNING);
	post_free(&p);
}

static void an_unknown_field_list_or_type_is_kept(void **state)
{
	struct post p = post_one(ONE("hologram", "\"event\":\"E\",\"x\":{\"y\":1}"), IN_ACCOUNT_NOTICE);

	(void)state;
	assert_true(str_is(p.in.events[0]->u.account_notice.kind, "hologram"));
	assert_true(str_is(p.in.events[0]->u.account_notice.text, "E"));
	assert_non_null(strstr(p.in.events[0]->u.account_notice.extra.p, "\"x\":{\"y\":1}"));
	post_free(&p);
	p = post(STR(ONE("messages", "\"messages\":[" TEXT("a") "],\"holograms\":[{\"id\":1}]")));
	assert_int_equal(p.in.n_events, 2);
	assert_true(str_is(p.in.events[1]->u.account_notice.kind, "messages"));
	assert_true(str_is(p.in.events[1]->u.account_notice.extra, "{\"holograms\":[{\"id\":1}]}"));
	post_free(&p);
	p = post_one(ONE("messages",
			     "\"messages\":[{" FROM "\"id\":\"a\",\"type\":\"hologram\",\"hologram\":{\"z\":2}}]"),
		IN_MESSAGE);
	assert_int_equal(p.in.events[0]->u.message.type, MSG_UNKNOWN);
	assert_non_null(strstr(p.in.events[0]->raw.p, "\"hologram\":{\"z\":2}"));
	post_free(&p);
	p = post(STR(ONE("messages", "\"messages\":[]")));
	assert_int_equal(p.in.n_events + p.in.n_rejected, 0);
	assert_int_equal(p.in.n_ignored, 1);
	post_free(&p);
}

static void each_type_has_the_text_that_a_list_shows(void **state)
{
	static const struct {
		const char *content;
		enum message_type type;
		const char *body;
	} cases[] = {
		{ "\"type\":\"audio\",\"audio\":{\"id\":\"1\",\"voice\":true}", MSG_VOICE, "" },
		{ "\"type\":\"audio\",\"audio\":{\"id\":\"1\"}", MSG_AUDIO, "" },
		{ "\"type\":\"button\",\"button\":{\"payload\":\"p\",\"text\":\"Yes\"}", MSG_INTERACTIVE, "Yes" },
		{ "\"type\":\"interactive\",\"interactive\":{\"list_reply\":{\"id\":\"1\",\"title\":\"L\"}}",
			MSG_INTERACTIVE, "L" },
		{ "\"type\":\"interactive\",\"interactive\":{\"nfm_reply\":{\"name\":\"flow\",\"body\":\"Sent\"}}",
			MSG_INTERACTIVE, "Sent" },
		{ "\"type\":\"location\",\"location\":{\"latitude\":1.50,\"longitude\":-2,\"name\":\"Here\"}",
			MSG_LOCATION, "Here" },
		{ "\"type\":\"location\",\"location\":{\"latitude\":1.50,\"longitude\":-2}", MSG_LOCATION, "1.50,-2" },
		{ "\"type\":\"location\",\"location\":{\"latitude\":\"north\"}", MSG_LOCATION, "" },
		{ "\"type\":\"system\",\"system\":{\"type\":\"customer_identity_changed\",\"body\":\"S\"}", MSG_SYSTEM,
			"S" },
		{ "\"type\":\"request_welcome\"", MSG_UNKNOWN, "" },
		{ "\"type\":\"text\"", MSG_UNKNOWN, "" },
		{ "\"text\":{\"body\":\"b\"}", MSG_UNKNOWN, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[1024];
		struct post p;

		snprintf(text, sizeof(text), ONE("messages", "\"messages\":[{" FROM "\"id\":\"a\",%s}]"),
			cases[i].content);
		p = post_one(text, IN_MESSAGE);
		if (p.in.events[0]->u.message.type != cases[i].type ||
			p.in.events[0]->u.message.body.n != strlen(cases[i].body) ||
			(cases[i].body[0] && !str_is(p.in.events[0]->u.message.body, cases[i].body)))
			fail_msg("%s: %.*s", cases[i].content, STR_ARG(p.in.events[0]->u.message.body));
		post_free(&p);
	}
}

static void a_person_has_both_aliases_and_the_profile_from_contacts(void **state)
{
	struct post p = post_one(
		ONE("messages",
			"\"contacts\":[{\"wa_id\":\"7\",\"profile\":{\"name\":\"other\"}},"
			"{\"wa_id\":\"16505551234\",\"user_id\":\"US.1\",\"profile\":{\"name\":\"A\",\"username\":\"@al\"}}],"
			"\"messages\":[" TEXT("a") "]"),
		IN_MESSAGE);
	const struct party *who = &p.in.events[0]->u.message.chat.contact;

	(void)state;
	assert_true(str_is(who->phone, "16505551234"));
	assert_true(str_is(who->bsuid, "US.1"));
	assert_true(str_is(who->bsuid_scope, "B"));
	assert_true(str_is(who->name, "A"));
	assert_true(str_is(who->username, "al"));
	post_free(&p);
}

static void a_group_status_names_the_participant(void **state)
{
	struct post p = post_one(
		ONE("messages",
			"\"statuses\":[{\"id\":\"s\",\"status\":\"delivered\",\"timestamp\":\"1767225400\","
			"\"recipient_id\":\"G\",\"recipient_type\":\"group\",\"recipient_participant_id\":\"16505551234\","
			"\"pricing\":{\"billable\":true},\"biz_opaque_callback_data\":\"w1\"}]"),
		IN_STATUS);
	const struct in_status *s = &p.in.events[0]->u.status;

	(void)state;
	assert_true(s->chat.is_group);
	assert_true(str_is(s->chat.group.jid, "G"));
	assert_true(str_is(s->participant.phone, "16505551234"));
	assert_true(str_is(s->callback_data, "w1"));
	assert_true(str_is(s->extra, "{\"pricing\":{\"billable\":true}}"));
	post_free(&p);
}

/* "blazz:" and an id of n bytes. */
static char *own_data(char *out, size_t n)
{
	memcpy(out, "blazz:", 6);
	memset(out + 6, 'x', n);
	return out;
}

static void callback_data_of_ours_is_a_client_message_id(void **state)
{
	static char longest[600], longer[600], other[9000];
	const struct {
		const char *data, *want_id, *want_data;
	} cases[] = {
		{ "blazz:7f3a.9001#2", "7f3a.9001#2", "" },
		{ "blazz:", "", "" },
		{ "blazz", "", "blazz" },
		{ "Blazz:1", "", "Blazz:1" },
		{ " blazz:1", "", " blazz:1" },
		{ "order-8812;tenant=acme", "", "order-8812;tenant=acme" },
		{ own_data(longest, WIRE_MAX_OWN_ID_BYTES), longest + 6, "" },
		{ own_data(longer, WIRE_MAX_OWN_ID_BYTES + 1), "", "" },
		{ memset(other, 'x', WIRE_MAX_LINK_BYTES + 1), "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char body[10000];
		const struct in_status *s;
		struct post p;

		snprintf(body, sizeof(body),
			ONE("messages",
				"\"statuses\":[{\"id\":\"s\",\"status\":\"sent\",\"timestamp\":\"1767225400\","
				"\"recipient_id\":\"16505551234\",\"biz_opaque_callback_data\":\"%s\"}]"),
			cases[i].data);
		p = post_one(body, IN_STATUS);
		s = &p.in.events[0]->u.status;
		if (!str_eq(s->client_message_id, str_of(cases[i].want_id)) &&
			s->client_message_id.n + strlen(cases[i].want_id) > 0)
			fail_msg("%.20s: the id is %.*s", cases[i].data, STR_ARG(s->client_message_id));
		if (!str_eq(s->callback_data, str_of(cases[i].want_data)) &&
			s->callback_data.n + strlen(cases[i].want_data) > 0)
			fail_msg("%.20s: the data is %.*s", cases[i].data, STR_ARG(s->callback_data));
		post_free(&p);
	}
}

static void an_unknown_status_or_preference_is_unsupported(void **state)
{
	static const char *const bodies[] = {
		ONE("messages", "\"statuses\":[{\"id\":\"s\",\"status\":\"teleported\",\"recipient_id\":\"1\"}]"),
		ONE("user_preferences",
			"\"user_preferences\":[{\"wa_id\":\"1\",\"category\":\"c\",\"value\":\"maybe\"}]"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct post p = post(str_of(bodies[i]));

		assert_int_equal(p.in.n_rejected, 1);
		assert_int_equal(p.in.rejected[0].reason, DEAD_UNSUPPORTED);
		post_free(&p);
	}
}

static void in_a_history_messages_of_the_businesss_number_are_outbound(void **state)
{
	struct post p = post(STR(ONE("history",
		"\"history\":[{\"threads\":[{\"id\":\"16505551234\",\"messages\":["
		"{\"from\":\"15550000001\",\"id\":\"a\",\"timestamp\":\"1767000000\",\"type\":\"text\","
		"\"text\":{\"body\":\"x\"}}," TEXT("b") "]}]}]")));
	const struct in_message *m = &p.in.events[0]->u.message;

	(void)state;
	assert_int_equal(p.in.n_events, 2);
	assert_int_equal(p.in.events[0]->origin, ORIGIN_HISTORY);
	assert_int_equal(m->direction, DIR_OUTBOUND);
	assert_true(str_is(m->chat.contact.phone, "16505551234"));
	assert_false(party_identified(&m->sender));
	assert_int_equal(p.in.events[1]->u.message.direction, DIR_INBOUND);
	post_free(&p);
}

static void a_new_number_replaces_the_old_one_and_a_new_user_id_does_not(void **state)
{
	static const struct {
		const char *system;
		enum identity_kind kind;
	} cases[] = {
		{ "\"type\":\"user_changed_number\",\"wa_id\":\"7\",\"previous_user_id\":\"US.1\",\"user_id\":\"US.2\"",
			IDENTITY_NUMBER_CHANGED },
		{ "\"type\":\"customer_changed_number\",\"new_wa_id\":\"7\"", IDENTITY_NUMBER_CHANGED },
		{ "\"type\":\"user_changed_user_id\",\"previous_user_id\":\"US.1\",\"user_id\":\"US.2\"",
			IDENTITY_ALIAS },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[1024];
		struct post p;

		snprintf(text, sizeof(text),
			ONE("messages", "\"messages\":[{" FROM "\"id\":\"a\",\"type\":\"system\",\"system\":{%s}}]"),
			cases[i].system);
		p = post_one(text, IN_IDENTITY_CHANGE);
		assert_int_equal(p.in.events[0]->u.identity_change.kind, cases[i].kind);
		assert_true(str_is(p.in.events[0]->u.identity_change.key, "a"));
		post_free(&p);
	}
}

static void group_types_become_group_changes(void **state)
{
	static const struct {
		const char *json;
		enum group_action action;
		size_t participants;
	} cases[] = {
		{ "\"type\":\"group_participants_add\",\"added_participants\":[{\"wa_id\":\"1\"},{\"user_id\":\"US.1\"}]",
			GROUP_ADD, 2 },
		{ "\"type\":\"group_participants_add\",\"reason\":\"invite_link\",\"added_participants\":[{\"wa_id\":\"1\"}]",
			GROUP_JOIN, 1 },
		{ "\"type\":\"group_participants_remove\",\"removed_participants\":[{\"wa_id\":\"1\"}]", GROUP_REMOVE,
			1 },
		{ "\"type\":\"group_participants_remove\",\"initiated_by\":\"participant\",\"removed_participants\":[{}]",
			GROUP_LEAVE, 0 },
		{ "\"type\":\"group_settings_update\",\"group_subject\":{\"text\":\"S\"}", GROUP_SUBJECT, 0 },
		{ "\"type\":\"group_settings_update\",\"group_description\":{\"text\":\"S\"}", GROUP_DESCRIPTION, 0 },
		{ "\"type\":\"group_suspend\"", GROUP_SETTINGS, 0 },
		{ "\"type\":\"group_delete\"", GROUP_DELETE, 0 },
		{ "\"type\":\"group_create\",\"invite_link\":\"https://chat.whatsapp.com/CODE\"", GROUP_CREATE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[1024];
		struct post p;
		const struct in_group_change *g;

		snprintf(text, sizeof(text),
			ONE("group_lifecycle_update",
				"\"groups\":[{\"group_id\":\"G\",\"timestamp\":\"1767225400\",%s}]"),
			cases[i].json);
		p = post_one(text, IN_GROUP_CHANGE);
		g = &p.in.events[0]->u.group_change;
		if (g->action != cases[i].action || g->n_participants != cases[i].participants)
			fail_msg("%s: %s", cases[i].json, group_action_word(g->action));
		if (g->action == GROUP_CREATE)
			assert_true(str_is(g->invite_code, "CODE"));
		if (g->action == GROUP_SUBJECT)
			assert_true(str_is(g->text, "S"));
		post_free(&p);
	}
}

static void a_failed_group_creation_is_a_notice(void **state)
{
	struct post p = post_one(ONE("group_lifecycle_update",
					 "\"groups\":[{\"type\":\"group_create\",\"errors\":[{\"code\":131215,"
					 "\"title\":\"T\"}]}]"),
		IN_ACCOUNT_NOTICE);

	(void)state;
	assert_true(str_is(p.in.events[0]->u.account_notice.kind, "group_create"));
	assert_true(str_is(p.in.events[0]->u.account_notice.error.code, "131215"));
	post_free(&p);
}

static void calls_are_read_from_calls_and_from_statuses(void **state)
{
	static const struct {
		const char *value, *outcome;
		enum direction direction;
	} cases[] = {
		{ "\"calls\":[{\"id\":\"C\",\"from\":\"16505551234\",\"event\":\"connect\",\"direction\":\"USER_INITIATED\"}]",
			"offered", DIR_INBOUND },
		{ "\"calls\":[{\"id\":\"C\",\"to\":\"16505551234\",\"event\":\"terminate\",\"status\":\"COMPLETED\","
		  "\"direction\":\"BUSINESS_INITIATED\"}]",
			"ended", DIR_OUTBOUND },
		{ "\"statuses\":[{\"id\":\"C\",\"type\":\"call\",\"status\":\"REJECTED\",\"recipient_id\":\"16505551234\"}]",
			"rejected", DIR_OUTBOUND },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[1024];
		struct post p;
		const struct in_call *c;

		snprintf(text, sizeof(text), ONE("calls", "%s"), cases[i].value);
		p = post_one(text, IN_CALL);
		c = &p.in.events[0]->u.call;
		assert_true(str_is(c->outcome, cases[i].outcome));
		assert_int_equal(c->direction, cases[i].direction);
		assert_true(str_is(c->chat.contact.phone, "16505551234"));
		post_free(&p);
	}
}

static void a_name_link_or_caption_beyond_its_limit_does_not_reject_the_message(void **state)
{
	struct buf b = BUF_INIT;
	struct post p;
	const struct in_message *m;

	(void)state;
	buf_add_str(&b,
		STR("{\"object\":\"whatsapp_business_account\",\"entry\":[{\"id\":\"W\",\"changes\":[{\"field\":\"messages\","
		    "\"value\":{" NUMBER("N1") ",\"messages\":[{" FROM
					       "\"id\":\"a\",\"type\":\"document\",\"document\":{"
					       "\"id\":\"1\",\"filename\":\""));
	for (size_t i = 0; i < 20000; i++)
		buf_add_str(&b, STR("\xc3\xa9"));
	buf_add_str(&b, STR("\",\"url\":\"https://"));
	for (size_t i = 0; i < 20000; i++)
		buf_add_char(&b, 'u');
	buf_add_str(&b, STR("\"}}]}}]}]}"));
	p = post(buf_str(&b));
	assert_int_equal(p.in.n_events, 1);
	m = &p.in.events[0]->u.message;
	assert_int_equal(m->media.file_name.n, 1024);
	assert_int_equal(m->media.url.n, 0);
	post_free(&p);
	buf_fini(&b);
}

static struct post post_texts(size_t n)
{
	struct buf b = BUF_INIT;
	struct post p;

	buf_add_str(&b,
		STR("{\"object\":\"whatsapp_business_account\",\"entry\":[{\"id\":\"W\",\"changes\":[{\"field\":\"messages\","
		    "\"value\":{" NUMBER("N1") ",\"messages\":["));
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "%s{" FROM "\"id\":\"m%zu\",\"type\":\"text\",\"text\":{\"body\":\"b\"}}", i ? "," : "",
			i);
	buf_add_str(&b, STR("]}}]}]}"));
	p = post(buf_str(&b));
	buf_fini(&b);
	return p;
}

static void a_thousand_updates_stay_in_order(void **state)
{
	struct post p = post_texts(1000);
	char key[16];

	(void)state;
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.in.n_events, 1000);
	for (size_t i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "m%zu", i);
		assert_true(str_is(p.in.events[i]->u.message.key, key));
	}
	post_free(&p);
}

static void a_body_of_too_many_items_is_rejected(void **state)
{
	struct post p = post_texts(INTAKE_MAX_ITEMS);

	(void)state;
	assert_int_equal(p.rc, 0);
	post_free(&p);
	p = post_texts(INTAKE_MAX_ITEMS + 1);
	assert_int_equal(p.rc, -1);
	assert_string_equal(p.err.code, "too_large");
	post_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_entry_change_and_list_is_read),
		cmocka_unit_test(edits_and_reactions_follow_messages_and_statuses_end),
		cmocka_unit_test(an_invalid_item_is_rejected_alone_and_can_be_posted_again_alone),
		cmocka_unit_test(an_invalid_message_of_a_history_can_be_posted_again_alone),
		cmocka_unit_test(a_change_of_an_unknown_number_is_rejected_alone),
		cmocka_unit_test(an_unknown_waba_is_an_unknown_reference),
		cmocka_unit_test(an_unknown_envelope_is_400),
		cmocka_unit_test(odd_entries_and_changes_are_rejected_items_that_can_be_posted_again),
		cmocka_unit_test(the_references_are_the_ids_to_be_looked_up),
		cmocka_unit_test(events_of_a_waba_go_to_each_of_its_accounts),
		cmocka_unit_test(an_event_of_one_number_of_a_waba_goes_to_that_account),
		cmocka_unit_test(an_unknown_field_list_or_type_is_kept),
		cmocka_unit_test(each_type_has_the_text_that_a_list_shows),
		cmocka_unit_test(a_person_has_both_aliases_and_the_profile_from_contacts),
		cmocka_unit_test(a_group_status_names_the_participant),
		cmocka_unit_test(callback_data_of_ours_is_a_client_message_id),
		cmocka_unit_test(an_unknown_status_or_preference_is_unsupported),
		cmocka_unit_test(in_a_history_messages_of_the_businesss_number_are_outbound),
		cmocka_unit_test(a_new_number_replaces_the_old_one_and_a_new_user_id_does_not),
		cmocka_unit_test(group_types_become_group_changes),
		cmocka_unit_test(a_failed_group_creation_is_a_notice),
		cmocka_unit_test(calls_are_read_from_calls_and_from_statuses),
		cmocka_unit_test(a_name_link_or_caption_beyond_its_limit_does_not_reject_the_message),
		cmocka_unit_test(a_thousand_updates_stay_in_order),
		cmocka_unit_test(a_body_of_too_many_items_is_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
