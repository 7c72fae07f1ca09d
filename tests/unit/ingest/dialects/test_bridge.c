/* services/ingest/dialects/bridge*: the rules of Blazz's bridge contract, one case each. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/dialects/dialects.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW_MS   INT64_C(1767225600000)

static const struct intake_account account = {
	.id.b = { 1 },
	.workspace.b = { 0x0e, 0x1b, 0x6c, 0x1a, 0x9f, 0x0e, 0x4c, 0x53, 0x8d, 0x4f, 0x3c, 0x6a, 0x1f, 0x1f, 0x6b,
		0x11 },
	.provider = PROVIDER_WEBJS,
	.bridge = BRIDGE_BLAZZ,
};

struct post {
	struct arena *arena;
	struct json_doc *doc;
	struct intake in;
	struct err err;
	int rc;
};

static struct post post(int (*read)(struct intake *, const json *, struct err *), struct str text)
{
	struct post p = { .arena = arena_new(65536) };

	if (json_parse(&p.doc, text, &p.err) < 0)
		fail_msg("%s: %.*s", p.err.msg, STR_ARG(text));
	intake_init(&p.in, p.arena, NOW_MS, &account);
	p.rc = read(&p.in, json_root(p.doc), &p.err);
	return p;
}

static void post_free(struct post *p)
{
	json_free(p->doc);
	arena_free(p->arena);
}

#define PRIVATE "\"chat_type\":\"private\",\"contact_phone\":\"16505551234@c.us\","
#define GROUP   "\"chat_type\":\"group\",\"group_jid\":\"1-2@g.us\",\"group_name\":\"Ops\","
#define AT      "\"timestamp\":1767225600,"
#define HI      "\"message_body\":\"hi\""

static void a_webhook_that_breaks_a_rule_is_422_with_the_member_at_fault(void **state)
{
	static const struct {
		const char *json, *path, *message;
	} cases[] = {
		{ "{}", "chat_type", "neither private nor group" },
		{ "{\"chat_type\":\"channel\"," AT HI "}", "chat_type", "neither private nor group" },
		{ "{\"chat_type\":\"private\"," AT HI "}", "contact_phone",
			"a private chat needs a phone, LID or BSUID" },
		{ "{\"chat_type\":\"private\",\"contact_phone\":\"1@g.us\"," AT HI "}", "contact_phone",
			"a private chat needs a phone, LID or BSUID" },
		{ "{\"chat_type\":\"private\",\"contact_phone\":\"Alice\"," AT HI "}", "contact_phone",
			"a private chat needs a phone, LID or BSUID" },
		{ "{\"chat_type\":\"group\"," AT HI "}", "group_jid", "a group needs its JID" },
		{ "{\"chat_type\":\"group\",\"group_jid\":\"16505551234@c.us\"," AT HI "}", "group_jid",
			"a group needs its JID" },
		{ "{" PRIVATE "\"timestamp\":\"soon\"," HI "}", "timestamp", "not integer seconds" },
		{ "{" PRIVATE "\"timestamp\":1767225600.5," HI "}", "timestamp", "not integer seconds" },
		{ "{" PRIVATE "\"timestamp\":1767225600000," HI "}", "timestamp", "not seconds since 1970" },
		{ "{" PRIVATE "\"timestamp\":-1," HI "}", "timestamp", "not seconds since 1970" },
		{ "{" PRIVATE HI "}", "timestamp", "a message without an id needs a time" },
		{ "{" PRIVATE AT "\"message_body\":7}", "message_body", "not text" },
		{ "{" PRIVATE AT "\"message_body\":\"\"}", "message_body", "a text without a body" },
		{ "{" PRIVATE AT "\"message_body\":null,\"message_type\":\"image\"}", "message_body",
			"a text without a body" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct post p = post(bridge_read_webhook, str_of(cases[i].json));

		if (p.rc != -1 || strcmp(p.err.code, "422") != 0 || p.in.n_rejected != 1 || p.in.n_events != 0 ||
			!str_is(p.in.rejected[0].path, cases[i].path) ||
			!str_is(p.in.rejected[0].message, cases[i].message))
			fail_msg("%s: %d, %zu rejected", cases[i].json, p.rc, p.in.n_rejected);
		assert_true(str_is(p.in.rejected[0].body, cases[i].json));
		post_free(&p);
	}
}

static void a_body_that_is_not_an_object_is_400(void **state)
{
	struct post p = post(bridge_read_webhook, STR("[]"));

	(void)state;
	assert_int_equal(p.rc, -1);
	assert_string_equal(p.err.code, "400");
	post_free(&p);
	p = post(bridge_read_sync, STR("{\"chats\":{}}"));
	assert_int_equal(p.rc, -1);
	assert_string_equal(p.err.code, "400");
	post_free(&p);
}

static void a_webhook_becomes_its_message(void **state)
{
	static const struct {
		const char *json, *key, *phone, *lid, *bsuid, *jid, *sender_phone, *body;
		enum direction direction;
		enum message_type type;
		bool media, synthetic;
	} cases[] = {
		{ "{" PRIVATE AT HI ",\"id\":\"3E\"}", "false:3E", "16505551234", NULL, NULL, NULL, "16505551234", "hi",
			DIR_INBOUND, MSG_TEXT, false, false },
		{ "{" PRIVATE AT HI ",\"id\":\"true_16505551234@c.us_3E\"}", "true:3E", "16505551234", NULL, NULL, NULL,
			NULL, "hi", DIR_OUTBOUND, MSG_TEXT, false, false },
		{ "{" PRIVATE AT HI ",\"id\":\"3E\",\"from_me\":true}", "true:3E", "16505551234", NULL, NULL, NULL,
			NULL, "hi", DIR_OUTBOUND, MSG_TEXT, false, false },
		{ "{\"chat_type\":\"private\",\"contact_phone\":\"+1 (650) 555-1234\"," HI ",\"id\":\"3E\"}",
			"false:3E", "16505551234", NULL, NULL, NULL, "16505551234", "hi", DIR_INBOUND, MSG_TEXT, false,
			false },
		{ "{\"chat_type\":\"private\",\"contact_phone\":16505551234," HI ",\"id\":\"3E\"}", "false:3E",
			"16505551234", NULL, NULL, NULL, "16505551234", "hi", DIR_INBOUND, MSG_TEXT, false, false },
		{ "{\"chat_type\":\"private\",\"contact_phone\":\"198@lid\"," HI ",\"id\":\"3E\"}", "false:3E", NULL,
			"198", NULL, NULL, NULL, "hi", DIR_INBOUND, MSG_TEXT, false, false },
		{ "{\"chat_type\":\"private\",\"contact_phone\":\"US.134\"," HI ",\"id\":\"3E\"}", "false:3E", NULL,
			NULL, "US.134", NULL, NULL, "hi", DIR_INBOUND, MSG_TEXT, false, false },
		{ "{" GROUP AT HI ",\"id\":\"3E\",\"sender_phone\":\"6281@c.us\"}", "false:3E", NULL, NULL, NULL,
			"1-2@g.us", "6281", "hi", DIR_INBOUND, MSG_TEXT, false, false },
		{ "{" GROUP AT HI ",\"id\":\"3E\"}", "false:3E", NULL, NULL, NULL, "1-2@g.us", NULL, "hi", DIR_INBOUND,
			MSG_TEXT, false, false },
		{ "{" PRIVATE AT "\"has_media\":true,\"message_type\":\"ptt\",\"id\":\"3E\"}", "false:3E",
			"16505551234", NULL, NULL, NULL, "16505551234", NULL, DIR_INBOUND, MSG_VOICE, true, false },
		{ "{" PRIVATE AT HI ",\"message_type\":\"hologram\",\"id\":\"3E\"}", "false:3E", "16505551234", NULL,
			NULL, NULL, "16505551234", "hi", DIR_INBOUND, MSG_UNKNOWN, false, false },
		{ "{" PRIVATE AT HI ",\"id\":null}", NULL, "16505551234", NULL, NULL, NULL, "16505551234", "hi",
			DIR_INBOUND, MSG_TEXT, false, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct post p = post(bridge_read_webhook, str_of(cases[i].json));
		const struct in_message *m;

		if (p.rc != 0 || p.in.n_events != 1)
			fail_msg("%s: %d", cases[i].json, p.rc);
		m = &p.in.events[0]->u.message;
		if (!str_eq(m->chat.contact.phone, str_of(cases[i].phone)) ||
			!str_eq(m->chat.contact.lid, str_of(cases[i].lid)) ||
			!str_eq(m->chat.contact.bsuid, str_of(cases[i].bsuid)) ||
			!str_eq(m->chat.group.jid, str_of(cases[i].jid)) ||
			!str_eq(m->sender.phone, str_of(cases[i].sender_phone)) ||
			!str_eq(m->body, str_of(cases[i].body)))
			fail_msg("%s: who or what", cases[i].json);
		if (cases[i].key && !str_is(m->key, cases[i].key))
			fail_msg("%s: %.*s", cases[i].json, STR_ARG(m->key));
		if (m->direction != cases[i].direction || m->type != cases[i].type ||
			m->synthetic_key != cases[i].synthetic || m->media.present != cases[i].media ||
			(m->type == MSG_UNKNOWN) != (p.in.events[0]->raw.n > 0))
			fail_msg("%s: type or direction", cases[i].json);
		post_free(&p);
	}
}

static void a_message_to_a_status_or_a_newsletter_is_counted_only(void **state)
{
	static const struct {
		const char *json, *kind;
	} cases[] = {
		{ "{\"chat_type\":\"private\",\"contact_phone\":\"status@broadcast\"," AT HI "}", "status_post" },
		{ "{\"chat_type\":\"private\",\"contact_phone\":\"1@newsletter\"," AT HI "}", "newsletter_post" },
		{ "{\"chat_type\":\"group\",\"group_jid\":\"1@newsletter\"," AT HI "}", "newsletter_post" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct post p = post(bridge_read_webhook, str_of(cases[i].json));

		assert_int_equal(p.rc, 0);
		assert_int_equal(p.in.n_events + p.in.n_rejected, 0);
		assert_int_equal(p.in.n_ignored, 1);
		assert_string_equal(p.in.ignored[0].kind, cases[i].kind);
		post_free(&p);
	}
}

/* A body of n times the character c, by the route's limit of characters. */
static int post_body(const char *c, size_t n)
{
	static const char head[] = "{" PRIVATE AT "\"id\":\"3E\",\"message_body\":\"";
	struct buf b = BUF_INIT;
	struct post p;
	int rc;

	buf_add_str(&b, str_of(head));
	for (size_t i = 0; i < n; i++)
		buf_add_str(&b, str_of(c));
	buf_add_str(&b, STR("\"}"));
	p = post(bridge_read_webhook, buf_str(&b));
	rc = p.rc;
	if (rc < 0)
		assert_true(str_is(p.in.rejected[0].message, "more than 65,536 characters"));
	post_free(&p);
	buf_fini(&b);
	return rc;
}

static void the_limit_of_a_body_is_in_characters(void **state)
{
	(void)state;
	assert_int_equal(post_body("x", 65536), 0);
	assert_int_equal(post_body("x", 65537), -1);
	assert_int_equal(post_body("\xf0\x9f\x98\x80", 65536), 0);
	assert_int_equal(post_body("\xf0\x9f\x98\x80", 65537), -1);
}

static struct str key_of(const char *text)
{
	static char key[128];
	struct post p = post(bridge_read_webhook, str_of(text));

	assert_int_equal(p.rc, 0);
	snprintf(key, sizeof(key), "%.*s", STR_ARG(p.in.events[0]->u.message.key));
	post_free(&p);
	return str_of(key);
}

static void a_key_without_an_id_depends_on_chat_sender_time_and_body(void **state)
{
	static const char first[] = "{" PRIVATE AT HI "}";
	static const char *const others[] = {
		"{" PRIVATE AT "\"message_body\":\"ho\"}",
		"{" PRIVATE "\"timestamp\":1767225601," HI "}",
		"{\"chat_type\":\"private\",\"contact_phone\":\"16505551235@c.us\"," AT HI "}",
		"{" PRIVATE AT HI ",\"from_me\":true}",
		"{" GROUP AT HI ",\"sender_phone\":\"16505551234@c.us\"}",
	};
	char key[128];

	(void)state;
	snprintf(key, sizeof(key), "%.*s", STR_ARG(key_of(first)));
	assert_true(str_is(key_of("{" AT HI "," PRIVATE "\"contact_name\":\"Alice\"}"), key));
	for (size_t i = 0; i < COUNT(others); i++)
		if (str_is(key_of(others[i]), key))
			fail_msg("%s", others[i]);
}

#define CHAT "\"type\":\"private\",\"contact_phone\":\"16505551234@c.us\",\"timestamp\":1767225600"

static void a_chat_that_breaks_a_rule_is_rejected_alone(void **state)
{
	static const struct {
		const char *chat, *path, *message;
	} cases[] = {
		{ "17", "chats[1]", "neither private nor group" },
		{ "{}", "chats[1].type", "neither private nor group" },
		{ "{\"type\":\"private\"}", "chats[1].contact_phone", "a private chat needs a phone, LID or BSUID" },
		{ "{\"type\":\"group\"}", "chats[1].group_jid", "a group needs its JID" },
		{ "{" CHAT ",\"unread_count\":-2}", "chats[1].unread_count", "not a count" },
		{ "{\"type\":\"private\",\"contact_phone\":\"1\",\"last_message\":\"x\"}", "chats[1].timestamp",
			"a message without an id needs a time" },
		{ "{\"type\":\"private\",\"contact_phone\":\"1\",\"timestamp\":\"x\"}", "chats[1].timestamp",
			"not integer seconds" },
		{ "{" CHAT ",\"messages\":[{\"id\":\"1\"},7]}", "chats[1].messages[1]", "not a message" },
		{ "{" CHAT ",\"messages\":[{\"id\":\"1\"},{}]}", "chats[1].messages[1].timestamp",
			"a message without an id needs a time" },
		{ "{" CHAT ",\"messages\":[{\"id\":\"1\",\"body\":{}}]}", "chats[1].messages[0].body", "not text" },
		{ "{" CHAT ",\"messages\":{\"a\":1}}", "chats[1].messages", "not a list" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[1024], alone[1024];
		struct post p;

		snprintf(text, sizeof(text),
			"{\"session_id\":\"s\",\"sync_id\":\"S\",\"index\":2,\"total\":3,\"chats\":[{" CHAT
			"},%s,{" CHAT "}]}",
			cases[i].chat);
		snprintf(alone, sizeof(alone), "{\"session_id\":\"s\",\"chats\":[%s]}", cases[i].chat);
		p = post(bridge_read_sync, str_of(text));
		if (p.rc != 0 || p.in.n_rejected != 1 || p.in.n_events != 3)
			fail_msg("%s: %d, %zu rejected", cases[i].chat, p.rc, p.in.n_rejected);
		if (!str_is(p.in.rejected[0].path, cases[i].path) ||
			!str_is(p.in.rejected[0].message, cases[i].message))
			fail_msg("%s: %.*s", cases[i].path, STR_ARG(p.in.rejected[0].path));
		assert_true(str_is(p.in.rejected[0].body, alone));
		assert_int_equal(p.in.rejected[0].item, 1);
		assert_int_equal(p.in.events[1]->u.sync_chat.rank, 102);
		assert_int_equal(p.in.events[2]->kind, IN_SYNC_BATCH_END);
		assert_int_equal(p.in.events[2]->u.sync_batch_end.chats, 2);
		assert_int_equal(p.in.events[2]->u.sync_batch_end.rejected, 1);
		post_free(&p);
	}
}

static void a_batch_that_breaks_a_rule_is_422(void **state)
{
	static const struct {
		const char *json, *path;
	} cases[] = {
		{ "{\"sync_id\":\"S\",\"index\":-1,\"chats\":[]}", "index" },
		{ "{\"sync_id\":\"S\",\"index\":\"x\",\"chats\":[]}", "index" },
		{ "{\"sync_id\":\"S\",\"index\":42949672,\"chats\":[]}", "index" },
		{ "{\"sync_id\":\"S\",\"total\":-1,\"chats\":[]}", "total" },
		{ "{\"chats\":[{}]}", "chats[0].type" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct post p = post(bridge_read_sync, str_of(cases[i].json));

		if (p.rc != -1 || strcmp(p.err.code, "422") != 0 || p.in.n_rejected != 1 || p.in.n_events != 0 ||
			!str_is(p.in.rejected[0].path, cases[i].path))
			fail_msg("%s: %d", cases[i].json, p.rc);
		post_free(&p);
	}
}

static void an_empty_batch_still_ends(void **state)
{
	struct post p =
		post(bridge_read_sync, STR("{\"sync_id\":\"S\",\"index\":4,\"total\":5,\"last\":true,\"chats\":[]}"));
	const struct in_sync_batch_end *end = &p.in.events[0]->u.sync_batch_end;

	(void)state;
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.in.n_events, 1);
	assert_true(str_is(end->sync_id, "S"));
	assert_int_equal(end->index, 4);
	assert_int_equal(end->total, 5);
	assert_true(end->last);
	assert_int_equal(end->chats, 0);
	post_free(&p);
}

static struct str own_sync_id(const char *text)
{
	static char id[128];
	struct post p = post(bridge_read_sync, str_of(text));

	assert_int_equal(p.rc, 0);
	snprintf(id, sizeof(id), "%.*s", STR_ARG(p.in.events[0]->u.sync_chat.sync_id));
	assert_int_equal(p.in.events[0]->u.sync_chat.rank, 0);
	post_free(&p);
	return str_of(id);
}

static void a_batch_without_sync_id_is_a_sync_of_its_own(void **state)
{
	char first[128];

	(void)state;
	snprintf(first, sizeof(first), "%.*s", STR_ARG(own_sync_id("{\"chats\":[{" CHAT "}]}")));
	assert_true(str_starts(str_of(first), STR("s:")));
	assert_int_equal(strlen(first), 66);
	assert_true(str_is(own_sync_id("{\"sync_id\":\"\",\"index\":7,\"chats\":[{" CHAT "}]}"), first));
	assert_false(str_is(own_sync_id("{\"chats\":[{" CHAT ",\"unread_count\":1}]}"), first));
}

static void add_messages(struct buf *b, size_t n, size_t body_bytes)
{
	for (size_t i = 0; i < n; i++) {
		buf_printf(b, "%s{\"id\":\"%zu\",\"timestamp\":%zu,\"ack\":%zu,\"from_me\":true,\"body\":\"",
			i ? "," : "", i, 1767225000 + (i * 7) % n, i % 5);
		for (size_t k = 0; k < body_bytes; k++)
			buf_add_char(b, 'x');
		buf_add_str(b, STR("\"}"));
	}
}

static struct post post_messages(size_t n, size_t body_bytes)
{
	struct buf b = BUF_INIT;
	struct post p;

	buf_add_str(&b,
		STR("{\"sync_id\":\"S\",\"chats\":[{" CHAT ",\"unread_count\":3,\"last_message\":\"no\","
		    "\"messages\":["));
	add_messages(&b, n, body_bytes);
	buf_add_str(&b, STR("]}]}"));
	p = post(bridge_read_sync, buf_str(&b));
	buf_fini(&b);
	return p;
}

static void the_newest_fifty_messages_are_kept_in_order(void **state)
{
	struct post p = post_messages(120, 1);
	const struct in_sync_chat *c = &p.in.events[0]->u.sync_chat;

	(void)state;
	assert_int_equal(p.in.n_events, 2);
	assert_int_equal(c->n_messages, 50);
	for (size_t i = 0; i < 50; i++)
		assert_int_equal(c->messages[i].source_time_ms, (int64_t)(1767225000 + 70 + i) * 1000);
	assert_true(c->state.has_unread);
	assert_int_equal(c->state.unread, 3);
	post_free(&p);
}

static void a_chat_above_512_KiB_is_split_into_parts_of_one_rank(void **state)
{
	struct post p = post_messages(40, 60000);
	size_t parts = p.in.n_events - 1, messages = 0;

	(void)state;
	assert_int_equal(p.rc, 0);
	assert_true(parts >= 5);
	for (size_t i = 0; i < parts; i++) {
		const struct in_sync_chat *c = &p.in.events[i]->u.sync_chat;

		assert_true(p.in.records[i].n <= 512 * 1024);
		assert_int_equal(c->rank, 0);
		assert_int_equal(c->continued, i > 0);
		assert_true(chat_known(&c->state.chat));
		assert_true(c->state.has_unread);
		messages += c->n_messages;
		for (size_t k = 0; k < i; k++)
			assert_false(uuid_eq(&p.in.events[k]->id, &p.in.events[i]->id));
	}
	assert_int_equal(messages, 40);
	assert_int_equal(p.in.events[parts]->u.sync_batch_end.chats, 1);
	assert_int_equal(p.in.n_items, 2);
	post_free(&p);
}

static void an_ack_sets_the_status_of_an_own_message(void **state)
{
	static const struct {
		const char *ack;
		enum message_status want;
	} cases[] = {
		{ "-1", STATUS_FAILED },
		{ "0", STATUS_PENDING },
		{ "1", STATUS_SENT },
		{ "2", STATUS_DELIVERED },
		{ "3", STATUS_READ },
		{ "4", STATUS_PLAYED },
		{ "9", STATUS_NONE },
		{ "null", STATUS_NONE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[512];
		struct post p;
		const struct in_sync_chat *c;

		snprintf(text, sizeof(text),
			"{\"sync_id\":\"S\",\"chats\":[{" CHAT
			",\"messages\":[{\"id\":\"1\",\"from_me\":true,\"ack\":%s},"
			"{\"id\":\"2\",\"ack\":%s}]}]}",
			cases[i].ack, cases[i].ack);
		p = post(bridge_read_sync, str_of(text));
		assert_int_equal(p.rc, 0);
		c = &p.in.events[0]->u.sync_chat;
		for (size_t k = 0; k < 2; k++)
			assert_int_equal(c->messages[k].message.status,
				c->messages[k].message.direction == DIR_OUTBOUND ? cases[i].want : STATUS_NONE);
		post_free(&p);
	}
}

static void participants_are_read_in_every_form(void **state)
{
	struct post p = post(bridge_read_sync,
		STR("{\"sync_id\":\"S\",\"chats\":[{\"type\":\"group\",\"group_jid\":\"1@g.us\",\"participants\":["
		    "\"1@c.us\",{\"phone\":\"2@lid\",\"isSuperAdmin\":true},{\"phone\":\"3\",\"lid\":\"4@lid\",\"name\":\"D\","
		    "\"isAdmin\":true},{\"name\":\"nobody\"}]}]}"));
	const struct in_chat_state *s = &p.in.events[0]->u.sync_chat.state;

	(void)state;
	assert_true(s->has_participants);
	assert_int_equal(s->n_participants, 3);
	assert_true(str_is(s->participants[0].party.phone, "1"));
	assert_true(str_is(s->participants[1].party.lid, "2"));
	assert_true(s->participants[1].super_admin && s->participants[1].admin);
	assert_true(str_is(s->participants[2].party.phone, "3"));
	assert_true(str_is(s->participants[2].party.lid, "4"));
	assert_true(str_is(s->participants[2].party.name, "D"));
	assert_true(s->participants[2].admin && !s->participants[2].super_admin);
	post_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_webhook_that_breaks_a_rule_is_422_with_the_member_at_fault),
		cmocka_unit_test(a_body_that_is_not_an_object_is_400),
		cmocka_unit_test(a_webhook_becomes_its_message),
		cmocka_unit_test(a_message_to_a_status_or_a_newsletter_is_counted_only),
		cmocka_unit_test(the_limit_of_a_body_is_in_characters),
		cmocka_unit_test(a_key_without_an_id_depends_on_chat_sender_time_and_body),
		cmocka_unit_test(a_chat_that_breaks_a_rule_is_rejected_alone),
		cmocka_unit_test(a_batch_that_breaks_a_rule_is_422),
		cmocka_unit_test(an_empty_batch_still_ends),
		cmocka_unit_test(a_batch_without_sync_id_is_a_sync_of_its_own),
		cmocka_unit_test(the_newest_fifty_messages_are_kept_in_order),
		cmocka_unit_test(a_chat_above_512_KiB_is_split_into_parts_of_one_rank),
		cmocka_unit_test(an_ack_sets_the_status_of_an_own_message),
		cmocka_unit_test(participants_are_read_in_every_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
