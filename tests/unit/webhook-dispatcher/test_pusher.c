/* services/webhook-dispatcher/pusher: requests as Pusher's documentation wants them. */
#include "webhook-dispatcher/pusher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

/* The worked example of pusher.com/docs/channels/library_auth_reference/rest-api. */
#define EXAMPLE      "{\"pusher\":{\"app_id\":\"3\",\"key\":\"278d425bdf160c739803\",\"secret\":\"7ad3773142a6692b25b8\"%s}}"
#define EXAMPLE_BODY "{\"name\":\"foo\",\"channels\":[\"project-3\"],\"data\":\"{\\\"some\\\":\\\"data\\\"}\"}"
#define EXAMPLE_MS   INT64_C(1353088179000)
#define EXAMPLE_QUERY \
	"/apps/3/events?auth_key=278d425bdf160c739803&auth_timestamp=1353088179&auth_version=1.0" \
	"&body_md5=ec365a775a4cd0599faeb73354201b6f" \
	"&auth_signature=da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c"

static const struct uuid workspace = ID(0x12);

static struct pusher *example(const char *more)
{
	struct buf json = BUF_INIT;
	struct pusher *p = NULL;
	struct err err;

	buf_printf(&json, EXAMPLE, more);
	if (pusher_parse(&p, buf_str(&json), &workspace, &err) < 0)
		fail_msg("%s", err.msg);
	buf_fini(&json);
	return p;
}

static void the_url_of_the_documentation_is_made(void **state)
{
	static const struct {
		const char *base, *want;
	} cases[] = {
		{ "http://api.pusherapp.com", "http://api.pusherapp.com" EXAMPLE_QUERY },
		{ "https://reverb.example:8443/", "https://reverb.example:8443" EXAMPLE_QUERY },
		/* a proxy's path is not signed */
		{ "https://example.com/app/ws", "https://example.com/app/ws" EXAMPLE_QUERY },
	};
	struct pusher *p = example("");
	struct buf url = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		pusher_url(p, str_of(cases[i].base), STR(EXAMPLE_BODY), EXAMPLE_MS + 999, &url);
		assert_string_equal(url.p, cases[i].want);
	}
	buf_fini(&url);
	pusher_free(p);
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
	struct pusher *p = example("");
	struct buf body = BUF_INIT;

	(void)state;
	pusher_body(p, &e, &body);
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
	struct pusher *p = example(",\"channel\":\"private-chats.ch7\"");
	struct chat_event e = message(STR("hi"));
	struct buf body = BUF_INIT;
	struct json_doc *data;

	(void)state;
	e.u.message_created.contact = (struct contact_view){ 0 };
	e.u.message_created.group = (struct group_view){ ID(0x23), STR("1@g.us"), STR("Team"), 12 };
	pusher_body(p, &e, &body);
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

static void what_is_too_big_loses_its_details_and_then_its_text(void **state)
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
	struct pusher *p = example("");
	char *filler = mem_alloc(60000);
	struct buf body = BUF_INIT;

	(void)state;
	memset(filler, '1', 60000); /* a number, too */
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct chat_event e = message((struct str){ filler, cases[i].text_bytes });
		struct json_doc *data;
		const json *chat;

		e.u.message_created.message.metadata = (struct str){ filler, cases[i].metadata_bytes };
		pusher_body(p, &e, &body);
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

static void secrets_that_make_no_request_are_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"{}",
		"{\"keys\":[{\"secret\":\"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"}]}",
		"{\"pusher\":{\"key\":\"k\",\"secret\":\"s\"}}",
		"{\"pusher\":{\"app_id\":\"1\",\"secret\":\"s\"}}",
		"{\"pusher\":{\"app_id\":\"1\",\"key\":\"k\"}}",
		"{\"pusher\":{\"app_id\":\"1\",\"key\":\"k\",\"secret\":\"\"}}",
		"{\"pusher\":{\"app_id\":\"1/../2\",\"key\":\"k\",\"secret\":\"s\"}}",
		"{\"pusher\":{\"app_id\":\"1\",\"key\":\"k&a=b\",\"secret\":\"s\"}}",
		"{\"pusher\":{\"app_id\":\"1\",\"key\":\"k\",\"secret\":\"s\",\"channel\":\"a b\"}}",
		"{\"pusher\":{\"app_id\":\"1\",\"key\":\"k\",\"secret\":\"s\",\"channel\":\"\"}}",
		"{\"pusher\":{\"app_id\":\"12345678901234567890123456789012345678901234567890123456789012345\",\"key\":\"k\","
		"\"secret\":\"s\"}}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pusher *p = NULL;
		struct err err;

		if (pusher_parse(&p, str_of(cases[i]), &workspace, &err) == 0 || p)
			fail_msg("taken: %s", cases[i]);
		assert_int_equal(err.kind, ERR_INPUT);
	}
}

static void every_retry_comes_before_it_is_late(void **state)
{
	int64_t ms = 0;

	(void)state;
	for (size_t i = 0; i < pusher_schedule.n; i++)
		ms += 30000 + pusher_schedule.delays_ms[i] * 6 / 5;
	assert_false(pusher_is_late(1000, 1000 + ms));
	assert_true(pusher_is_late(1000, 1000 + 2 * ms));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_url_of_the_documentation_is_made),
		cmocka_unit_test(a_body_names_event_and_channel_and_has_its_data_as_a_text),
		cmocka_unit_test(a_group_has_no_contact),
		cmocka_unit_test(what_is_too_big_loses_its_details_and_then_its_text),
		cmocka_unit_test(secrets_that_make_no_request_are_refused),
		cmocka_unit_test(every_retry_comes_before_it_is_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
