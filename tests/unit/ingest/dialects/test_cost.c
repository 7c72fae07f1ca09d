/* services/ingest/dialects: the memory that a body may cost. Each shape repeats what costs most for its bytes. */
#include "posted.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define MEBIBYTE  ((size_t)1 << 20)
#define ANY_COUNT SIZE_MAX

#define META(entry)  "{\"object\":\"whatsapp_business_account\",\"entry\":[{" entry "}]}"
#define VALUE(value) META("\"id\":\"W\",\"changes\":[{\"field\":\"messages\",\"value\":{" NUMBER "," value "}}]")
#define NUMBER       "\"metadata\":{\"phone_number_id\":\"N\"}"
#define SYNC(chat)   "{\"dataType\":\"chats_sync\",\"sessionId\":\"s\",\"data\":{\"chats\":[" chat "]}}"
#define CHATS(chat)  "{\"session_id\":\"s\",\"chats\":[" chat "]}"
#define GROUP        "\"type\":\"group\",\"group_jid\":\"1@g.us\""

/* '*' stands for `times` repetitions of `item` with commas between, '~' for a MiB of text, '#' for one of digits. */
static const struct shape {
	const char *name;
	dialect_read *read;
	const char *body, *item;
	size_t times;
	bool too_large; /* refused as a whole */
	size_t events, rejected; /* ANY_COUNT: whatever they are */
} shapes[] = {
	{ "evolution: items that are nothing", evolution_read, "{\"event\":\"messages.upsert\",\"data\":[*]}", "{}",
		300000, true, 0, ANY_COUNT },
	{ "evolution: rejected items beside a long sender", evolution_read,
		"{\"event\":\"contacts.update\",\"sender\":\"~\",\"data\":[*]}", "{}", 600, false, 0, 600 },
	{ "evolution: a thousand rejected items", evolution_read, "{\"event\":\"contacts.update\",\"data\":[*]}", "{}",
		1000, false, 0, 1000 },
	{ "evolution: one more than a thousand", evolution_read, "{\"event\":\"contacts.update\",\"data\":[*]}", "{}",
		1001, true, 0, ANY_COUNT },
	{ "evolution: rejected items of more than 4 MiB", evolution_read,
		"{\"event\":\"contacts.update\",\"data\":[*]}", "{\"a\":\"~\"}", 5, true, 0, ANY_COUNT },
	{ "evolution: short contacts", evolution_read, "{\"event\":\"contacts.set\",\"data\":[*]}",
		"{\"id\":\"1@lid\"}", 20000, true, ANY_COUNT, 0 },
	{ "evolution: contacts as they come", evolution_read, "{\"event\":\"contacts.set\",\"data\":[*]}",
		"{\"remoteJid\":\"6281234567891@s.whatsapp.net\",\"pushName\":\"Ann\",\"instanceId\":\"0b6b1a2e\"}",
		20000, false, 20000, 0 },
	{ "evolution: one more item than a body may have", evolution_read,
		"{\"event\":\"presence.update\",\"data\":[*]}", "{}", INTAKE_MAX_ITEMS + 1, true, 0, 0 },
	{ "evolution: ignored items", evolution_read, "{\"event\":\"presence.update\",\"data\":[*]}", "{}",
		INTAKE_MAX_ITEMS, false, 0, 0 },
	{ "evolution: groups of nobody", evolution_read, "{\"event\":\"groups.upsert\",\"data\":[*]}",
		"{\"id\":\"1@g.us\",\"participants\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}",
		9000, true, ANY_COUNT, 0 },
	{ "evolution: participants that are none", evolution_read,
		"{\"event\":\"groups.upsert\",\"data\":[{\"id\":\"1@g.us\",\"participants\":[*]}]}", "1", 300000, false,
		1, 0 },
	{ "evolution: participants of a change that are none", evolution_read,
		"{\"event\":\"group-participants.update\",\"data\":{\"id\":\"1@g.us\",\"action\":\"add\",\"participants\":[*]}}",
		"1", 300000, false, 1, 0 },
	{ "evolution: more participants than a group has", evolution_read,
		"{\"event\":\"groups.upsert\",\"data\":[{\"id\":\"1@g.us\",\"participants\":[*]}]}",
		"{\"id\":\"1@lid\"}", 100000, false, 0, 1 },
	{ "evolution: QR codes", evolution_read, "{\"event\":\"qrcode.updated\",\"data\":[*]}",
		"{\"qrcode\":{\"code\":\"1\"}}", 2000, false, 2000, 0 },
	{ "wwebjs: messages that are none", wwebjs_read, SYNC("{\"id\":\"1@c.us\",\"messages\":[*]}"), "1", 500000,
		false, 2, 50 },
	{ "wwebjs: messages that say nothing", wwebjs_read, SYNC("{\"id\":\"1@c.us\",\"messages\":[*]}"), "{}", 300000,
		false, 2, 0 },
	{ "wwebjs: messages that are none beside a long name", wwebjs_read,
		SYNC("{\"id\":\"1@c.us\",\"name\":\"~\",\"messages\":[*]}"), "1", 50, false, 2, 50 },
	{ "wwebjs: fifty chats of them", wwebjs_read, SYNC("*"), "{\"id\":\"1@c.us\",\"messages\":[1,1,1,1,1,1,1,1]}",
		50, false, 51, 400 },
	{ "wwebjs: participants that are none", wwebjs_read,
		SYNC("{\"id\":\"1@g.us\",\"groupMetadata\":{\"participants\":[*]}}"), "1", 500000, false, 2, 0 },
	{ "wwebjs: more participants than a group has", wwebjs_read,
		SYNC("{\"id\":\"1@g.us\",\"groupMetadata\":{\"participants\":[*]}}"), "{\"id\":\"1@lid\"}", 100000,
		false, 0, 1 },
	{ "wwebjs: a lidMap of nobody", wwebjs_read,
		"{\"dataType\":\"chats_sync\",\"data\":{\"chats\":[],\"lidMap\":[*]}}", "{}", 300000, false, 1, 0 },
	{ "wwebjs: recipients that are none", wwebjs_read,
		"{\"dataType\":\"group_join\",\"data\":{\"chatId\":\"1@g.us\",\"type\":\"add\",\"recipientIds\":[*]}}",
		"1", 300000, false, 1, 0 },
	{ "wwebjs: mentions", wwebjs_read,
		"{\"dataType\":\"message\",\"data\":{\"id\":\"false_1@c.us_A\",\"type\":\"chat\",\"mentionedIds\":[*]}}",
		"\"1\"", 500000, false, 1, 0 },
	{ "wwebjs: a vote's options", wwebjs_read,
		"{\"dataType\":\"vote_update\",\"data\":{\"voter\":\"1@c.us\",\"parentMsgKey\":\"false_1@c.us_A\",\"selectedOptions\":"
		"[*]}}",
		"\"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"",
		1000, false, 1, 0 },
	{ "bridge: messages that say nothing", bridge_read_sync, CHATS("{" GROUP ",\"messages\":[*]}"), "{}", 400000,
		false, 0, 1 },
	{ "bridge: participants", bridge_read_sync, CHATS("{" GROUP ",\"participants\":[*]}"), "\"1\"", 5000, false, 2,
		0 },
	{ "bridge: a chat of 5 MiB that is none", bridge_read_sync, CHATS("*"), "{\"a\":\"~~~~~\"}", 1, true, 0, 0 },
	{ "waha: participants that are none", waha_read,
		"{\"event\":\"group.v2.participants\",\"payload\":{\"type\":\"join\",\"group\":{\"id\":\"1@g.us\"},\"participants\":[*]}}",
		"1", 300000, false, 1, 0 },
	{ "meta: rejected items beside long metadata", posted_meta,
		META("\"id\":\"W\",\"changes\":[{\"field\":\"messages\",\"value\":{\"metadata\":{\"phone_number_id\":\"N\",\"a\":\"~\"},"
		     "\"statuses\":[*]}}]"),
		"{}", 1000, false, 0, 1000 },
	{ "meta: more than a thousand rejected items", posted_meta, VALUE("\"statuses\":[*]"), "{}", 1001, true, 0,
		ANY_COUNT },
	{ "meta: rejected items beside a long field", posted_meta,
		META("\"id\":\"W\",\"changes\":[{\"field\":\"~\",\"value\":{" NUMBER ",\"statuses\":[*]}}]"), "{}",
		1000, false, 0, 1000 },
	{ "meta: rejected items of a long name", posted_meta,
		VALUE("\"contacts\":[{\"wa_id\":\"1\",\"profile\":{\"name\":\"~\"}}],\"statuses\":[*]"),
		"{\"recipient_id\":\"1\"}", 1000, false, 0, 1000 },
	{ "meta: short statuses", posted_meta, VALUE("\"statuses\":[*]"), "{\"id\":\"a\",\"status\":\"sent\"}", 20000,
		true, ANY_COUNT, 0 },
	{ "meta: statuses as they come", posted_meta, VALUE("\"statuses\":[*]"),
		"{\"id\":\"wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBJBNEJB\",\"status\":\"delivered\",\"timestamp\":\"1767225400\",\"recipient_id\":"
		"\"16505551234\"}",
		15000, false, 15000, 0 },
	{ "meta: changes of nothing", posted_meta, META("\"id\":\"W\",\"changes\":[*]"), "{}", 300000, true, 0,
		ANY_COUNT },
	{ "meta: changes of a WABA", posted_meta, META("\"id\":\"W\",\"changes\":[*]"), "{\"value\":{\"a\":1}}", 20000,
		true, ANY_COUNT, 0 },
	{ "meta: changes of a WABA whose id is a long number", posted_meta,
		"{\"object\":\"whatsapp_business_account\",\"entry\":[{\"id\":#,\"changes\":[*]}]}", "{}", 100000, true,
		0, ANY_COUNT },
	{ "meta: members without a reader", posted_meta, VALUE("\"statuses\":[{\"id\":\"a\",\"status\":\"sent\"}],*"),
		"\"a\":{}", 20000, false, 2, 0 },
	{ "meta: people", posted_meta, VALUE("\"contacts\":[*],\"statuses\":[]"), "{\"wa_id\":\"1\"}", 200000, false, 0,
		0 },
	{ "meta: participants", posted_meta,
		VALUE("\"groups\":[{\"type\":\"group_create\",\"group_id\":\"g\",\"added_participants\":[*]}]"), "1",
		300000, false, 1, 0 },
};

static void fill(struct buf *out, char c)
{
	memset(buf_reserve(out, MEBIBYTE), c, MEBIBYTE);
	out->n += MEBIBYTE;
}

static void text_add(struct buf *out, const char *text)
{
	for (; *text; text++)
		if (*text == '~')
			fill(out, 'x');
		else if (*text == '#')
			fill(out, '1');
		else
			buf_add_char(out, *text);
}

static struct str shape_body(const struct shape *s)
{
	struct str head, tail;
	struct buf out = BUF_INIT;
	char *before;

	str_cut(str_of(s->body), '*', &head, &tail);
	before = mem_cstr(head);
	text_add(&out, before);
	free(before);
	for (size_t i = 0; i < s->times; i++) {
		if (i > 0)
			buf_add_char(&out, ',');
		text_add(&out, s->item);
	}
	text_add(&out, tail.p);
	return buf_str(&out);
}

/* What is allocated before the body is recognised as too large: one item and its dead letter. */
static size_t bytes_allowed(struct str body)
{
	return INTAKE_MEMORY_SPARE_BYTES + (INTAKE_MEMORY_FACTOR + 4) * body.n;
}

static void shape_check(const struct shape *s)
{
	struct str body = shape_body(s);
	struct posted p;
	size_t used;

	post_bytes(&p, s->read, BRIDGE_EVOLUTION, body);
	used = arena_used_bytes(p.arena);
	print_message("%-60s %9zu bytes, memory %6.1f, %zu events, %zu rejected%s\n", s->name, body.n,
		(double)used / (double)body.n, p.in.n_events, p.in.n_rejected, p.in.too_large ? ", too large" : "");
	if (used > bytes_allowed(body) || p.in.too_large != s->too_large)
		fail_msg("%s: %zu bytes for %zu, %s", s->name, used, body.n, p.in.too_large ? "too large" : "read");
	if (s->too_large)
		assert_string_equal(p.err.code, "too_large");
	if (s->events != ANY_COUNT && !s->too_large)
		assert_int_equal(p.in.n_events, s->events);
	if (s->rejected != ANY_COUNT && !s->too_large)
		assert_int_equal(p.in.n_rejected, s->rejected);
	assert_true(p.in.n_rejected <= INTAKE_MAX_REJECTED && p.in.rejected_bytes <= INTAKE_MAX_REJECTED_BYTES);
	posted_fini(&p);
	free((char *)(uintptr_t)body.p);
}

static void memory_of_a_body_is_bounded_by_its_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(shapes); i++)
		shape_check(&shapes[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_of_a_body_is_bounded_by_its_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
