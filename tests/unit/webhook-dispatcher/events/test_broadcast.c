/* services/webhook-dispatcher/events/broadcast: what a front end receives of a message, and until when. */
#include "webhook-dispatcher/events/broadcast.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "base/arena.h"
#include "json/json.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Ids whose last byte tells them apart. */
#define ID(n) \
	{ \
		{ \
			[15] = (n) \
		} \
	}

#define CREDENTIALS "\"app_id\":\"3\",\"key\":\"k\",\"secret\":\"s\""

static struct pusher *pusher_of(const char *secrets)
{
	const struct uuid workspace = ID(0x12);
	char channel[BROADCAST_CHANNEL_SIZE];
	struct pusher *p = NULL;
	struct err err;

	broadcast_channel(&workspace, channel);
	if (pusher_parse(&p, str_of(secrets), str_of(channel), &err) < 0)
		fail_msg("%s", err.msg);
	return p;
}

static struct chat_event message(struct str text)
{
	return (struct chat_event){
		.kind = CE_MESSAGE_CREATED,
		.origin = ORIGIN_LIVE,
		.provider = PROVIDER_META,
		.u.message_created = { .message = { .id = 7,
					       .uuid = ID(0x21),
					       .direction = DIR_INBOUND,
					       .type = MSG_TEXT,
					       .status = STATUS_DELIVERED,
					       .body = text },
			.contact = { ID(0x22), STR("Ann"), STR("+16505551234") } },
	};
}

static void a_body_names_event_and_channel_and_has_its_data_as_a_text(void **state)
{
	static const char want[] =
		"{\"name\":\"new-chat-received\",\"channels\":[\"chats.ch00000000-0000-0000-0000-000000000012\"],"
		"\"data\":\"{\\\"chat\\\":{\\\"id\\\":7,\\\"uuid\\\":\\\"00000000-0000-0000-0000-000000000021\\\","
		"\\\"chat_type\\\":\\\"private\\\",\\\"origin\\\":\\\"live\\\",\\\"type\\\":\\\"inbound\\\","
		"\\\"provider_type\\\":\\\"meta\\\",\\\"message\\\":\\\"a \\\\\\\"word\\\\\\\"\\\","
		"\\\"message_type\\\":\\\"text\\\",\\\"created_at\\\":null,\\\"is_read\\\":false,"
		"\\\"status\\\":\\\"delivered\\\",\\\"provider_message_id\\\":null,\\\"client_message_id\\\":null,"
		"\\\"placeholder\\\":false},\\\"contact\\\":{\\\"id\\\":\\\"00000000-0000-0000-0000-000000000022\\\","
		"\\\"name\\\":\\\"Ann\\\",\\\"phone\\\":\\\"+16505551234\\\"},\\\"group\\\":null}\"}";
	const struct chat_event e = message(STR("a \"word\""));
	struct pusher *p = pusher_of("{" CREDENTIALS "}");
	struct buf body = BUF_INIT;

	(void)state;
	broadcast_body(p, &e, &body);
	buf_add_char(&body, '\0');
	assert_string_equal(body.p, want);
	buf_fini(&body);
	pusher_free(p);
}

static struct json_doc *data_of(const struct buf *body)
{
	struct json_doc *outer, *data;
	struct err err;

	assert_int_equal(json_parse(&outer, buf_str(body), &err), 0);
	assert_int_equal(json_parse(&data, json_str(json_get(json_root(outer), "data")), &err), 0);
	json_free(outer);
	return data;
}

static void a_group_has_no_contact(void **state)
{
	struct pusher *p = pusher_of("{" CREDENTIALS ",\"channel\":\"private-chats.ch7\"}");
	struct chat_event e = message(STR("hi"));
	struct buf body = BUF_INIT;
	struct json_doc *data;

	(void)state;
	e.u.message_created.contact = (struct contact_view){ 0 };
	e.u.message_created.group = (struct group_view){ ID(0x23), STR("1@g.us"), STR("Team"), 12 };
	broadcast_body(p, &e, &body);
	assert_true(str_starts(buf_str(&body),
		STR("{\"name\":\"new-chat-received\",\"channels\":[\"private-chats.ch7\"],")));
	data = data_of(&body);
	assert_int_equal(json_count(json_root(data)), 3);
	assert_int_equal(json_type(json_get(json_root(data), "contact")), JSON_NULL);
	assert_true(str_is(json_str(json_path(json_root(data), "group.name")), "Team"));
	assert_true(str_is(json_str(json_path(json_root(data), "chat.chat_type")), "group"));
	json_free(data);
	buf_fini(&body);
	pusher_free(p);
}

static void a_body_that_is_too_large_loses_details_and_then_its_text(void **state)
{
	static const struct {
		const char *name;
		size_t text_bytes, metadata_bytes;
		bool truncated, has_text;
	} cases[] = {
		{ "all fits", 2000, 2000, false, true },
		{ "too much metadata", 2000, 9000, true, true },
		{ "a long text", 9000, 2000, true, false },
		{ "both", 60000, 60000, true, false },
	};
	struct pusher *p = pusher_of("{" CREDENTIALS "}");
	char *filler = mem_alloc(60000);
	struct buf body = BUF_INIT;

	(void)state;
	memset(filler, '1', 60000); /* a number, too */
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct chat_event e = message((struct str){ filler, cases[i].text_bytes });
		struct json_doc *data;
		const json *chat;

		e.u.message_created.message.metadata = (struct str){ filler, cases[i].metadata_bytes };
		broadcast_body(p, &e, &body);
		data = data_of(&body);
		chat = json_get(json_root(data), "chat");
		if (body.n > 9000 || json_true(json_get(chat, "truncated")) != cases[i].truncated ||
			(json_get(chat, "metadata") == NULL) != cases[i].truncated ||
			json_str(json_get(chat, "message")).n != (cases[i].has_text ? cases[i].text_bytes : 0))
			fail_msg("%s", cases[i].name);
		json_free(data);
	}
	buf_fini(&body);
	free(filler);
	pusher_free(p);
}

static void every_retry_comes_before_it_is_late(void **state)
{
	int64_t ms = 0;

	(void)state;
	for (size_t i = 0; i < broadcast_schedule.n; i++)
		ms += 30000 + broadcast_schedule.delays_ms[i] * 6 / 5;
	assert_false(broadcast_is_late(1000, 1000 + ms));
	assert_true(broadcast_is_late(1000, 1000 + 2 * ms));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_names_event_and_channel_and_has_its_data_as_a_text),
		cmocka_unit_test(a_group_has_no_contact),
		cmocka_unit_test(a_body_that_is_too_large_loses_details_and_then_its_text),
		cmocka_unit_test(every_retry_comes_before_it_is_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
