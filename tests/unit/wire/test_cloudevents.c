/* libs/wire/cloudevents: the headers every record carries, and which traceparent is passed on. */
#include "unit.h"

#include "wire/cloudevents.h"

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static void a_record_carries_the_headers_of_binary_mode(void **state)
{
	static const struct {
		const char *name, *value;
	} want[CLOUDEVENTS_MAX] = {
		{ "ce_specversion", "1.0" },
		{ "ce_id", "0b8e7f6a-3333-8333-8333-000000000003" },
		{ "ce_type", "blazz.chat_event.conversation.updated" },
		{ "ce_source", "chat-sync" },
		{ "ce_time", "2026-01-01T00:00:00.123Z" },
		{ "content-type", "application/protobuf" },
		{ "traceparent", TRACE },
	};
	struct header headers[CLOUDEVENTS_MAX];
	struct cloudevents_storage storage;
	struct uuid id;

	(void)state;
	assert_true(uuid_parse(STR("0b8e7f6a-3333-8333-8333-000000000003"), &id));
	assert_int_equal(cloudevents_headers(headers, &storage, &id, "chat_event", "conversation.updated",
				 STR("chat-sync"), 1767225600123, STR(TRACE)),
		7);
	for (size_t i = 0; i < CLOUDEVENTS_MAX; i++) {
		assert_true(str_is(headers[i].name, want[i].name));
		assert_true(str_is(headers[i].value, want[i].value));
	}
	assert_int_equal(cloudevents_headers(headers, &storage, &id, "inbound", "message", STR("ingest"), 1, STR_NONE),
		6);
	assert_true(str_is(headers[2].value, "blazz.inbound.message"));
}

static void only_a_well_formed_traceparent_is_passed_on(void **state)
{
	static const struct {
		const char *name, *header;
		bool taken;
	} cases[] = {
		{ "version 0", TRACE, true },
		{ "not sampled", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true },
		{ "a later version", "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true },
		{ "a later version with more", "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", true },
		{ "a later version run on", "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more", false },
		{ "version 0 with more", TRACE "-more", false },
		{ "version ff", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false },
		{ "upper case", "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01", false },
		{ "no trace", "00-00000000000000000000000000000000-b7ad6b7169203331-01", false },
		{ "no parent", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false },
		{ "short", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false },
		{ "wrong dashes", "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false },
		{ "not hex", "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01", false },
		{ "empty", "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str got = traceparent_check(str_of(cases[i].header));

		if (got.n != (cases[i].taken ? 55 : 0))
			fail_msg("%s", cases[i].name);
	}
	assert_null(traceparent_check(STR_NONE).p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_carries_the_headers_of_binary_mode),
		cmocka_unit_test(only_a_well_formed_traceparent_is_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
