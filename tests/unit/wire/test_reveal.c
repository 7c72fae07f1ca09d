/* Records as JSON for people. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "wire/chat_event.h"
#include "wire/reveal.h"

static void seeds_read(const char *name, bool (*reveal)(struct json_writer *w, struct str bytes), struct buf *out)
{
	struct json_writer w = json_writer(out);
	char path[128], bytes[4096];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "tests/fuzz/corpus/%s", name);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	assert_true(reveal(&w, (struct str){ bytes, n }));
	buf_add_char(out, '\0');
}

static void an_inbound_event_shows_its_fields_by_name(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	seeds_read("fuzz_inbound/message", reveal_inbound, &out);
	assert_non_null(strstr(out.p, "\"event_id\":\""));
	assert_non_null(strstr(out.p, "\"message\":{\"chat\":{"));
	assert_non_null(strstr(out.p, "\"provider\":\"PROVIDER_"));
	assert_null(strstr(out.p, "\"reaction\":"));
	buf_fini(&out);
}

static void lists_and_inner_messages_are_shown(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	seeds_read("fuzz_inbound/sync_chat", reveal_inbound, &out);
	assert_non_null(strstr(out.p, "\"messages\":[{"));
	buf_fini(&out);
}

static void a_chat_event_is_shown(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	seeds_read("fuzz_chat_event/session_state", reveal_chat_event, &out);
	assert_non_null(strstr(out.p, "\"session_state\":{"));
	buf_fini(&out);
}

static bool as_of_topic(const char *topic, struct json_writer *w, struct str bytes)
{
	return reveal_record(w, str_of(topic), bytes);
}

static bool as_outbound(struct json_writer *w, struct str bytes)
{
	return as_of_topic("blazz.outbound.v1", w, bytes);
}

static bool as_command(struct json_writer *w, struct str bytes)
{
	return as_of_topic("blazz.campaign-command.v1.campaign-sender.dlq", w, bytes);
}

static bool as_erasure(struct json_writer *w, struct str bytes)
{
	return as_of_topic("blazz.erasure.v1", w, bytes);
}

static bool as_bulk(struct json_writer *w, struct str bytes)
{
	return as_of_topic("blazz.inbound.bulk.v1.chat-sync.dlq", w, bytes);
}

static bool as_chat_event(struct json_writer *w, struct str bytes)
{
	return as_of_topic("other.prefix.chat-event.v1", w, bytes);
}

static void a_record_is_shown_by_its_topic(void **state)
{
	static const struct {
		const char *seed;
		bool (*reveal)(struct json_writer *w, struct str bytes);
		const char *shown;
	} cases[] = {
		{ "fuzz_outbound/reaction", as_outbound, "\"kind\":\"KIND_REACTION\",\"emoji\":\"" },
		{ "fuzz_outbound/template", as_outbound, "\"template\":{\"name\":\"promo_v1\"" },
		{ "fuzz_outbound/command_pause", as_command, "\"action\":\"ACTION_PAUSE\"" },
		{ "fuzz_erasure/completed", as_erasure, "\"completed_at_ms\":" },
		{ "fuzz_inbound/sync_chat", as_bulk, "\"sync_chat\":{" },
		{ "fuzz_chat_event/campaign", as_chat_event, "\"campaign\":{" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = BUF_INIT;

		seeds_read(cases[i].seed, cases[i].reveal, &out);
		if (!strstr(out.p, cases[i].shown))
			fail_msg("%s: %s", cases[i].seed, out.p);
		buf_fini(&out);
	}
}

static void a_record_of_another_topic_is_not_shown(void **state)
{
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);

	(void)state;
	assert_false(reveal_record(&w, STR("blazz.other.v1"), STR("")));
	assert_int_equal(out.n, 0);
}

static void a_record_that_is_no_event_writes_nothing(void **state)
{
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);

	(void)state;
	assert_false(reveal_inbound(&w, STR("\xff\xff\xff")));
	assert_int_equal(out.n, 0);
	assert_true(reveal_inbound(&w, STR("")));
	assert_true(str_is(buf_str(&out), "{}"));
	buf_fini(&out);
}

static void text_that_is_not_utf8_is_shown_in_base64(void **state)
{
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);

	(void)state;
	assert_true(reveal_inbound(&w, STR("\x0a\x02\xff\xfe")));
	assert_true(str_is(buf_str(&out), "{\"event_id\":\"//4=\"}"));
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_inbound_event_shows_its_fields_by_name),
		cmocka_unit_test(lists_and_inner_messages_are_shown),
		cmocka_unit_test(a_chat_event_is_shown),
		cmocka_unit_test(a_record_is_shown_by_its_topic),
		cmocka_unit_test(a_record_of_another_topic_is_not_shown),
		cmocka_unit_test(a_record_that_is_no_event_writes_nothing),
		cmocka_unit_test(text_that_is_not_utf8_is_shown_in_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
