/* services/ingest/records/request_records: which topic, key and headers the records of a request have. */
#include "unit.h"

#include <string.h>

#include "ingest/records/request_records.h"

static struct topic_names topics;
static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	topic_names_make(&topics, "blazz");
	arena = arena_new(4096);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static struct str header_of(const struct kafka_record *r, const char *name)
{
	for (size_t i = 0; i < r->headers_count; i++)
		if (str_is(r->headers[i].name, name))
			return r->headers[i].value;
	return STR_NONE;
}

static void only_live_events_go_to_the_live_topic(void **state)
{
	static const struct {
		enum origin origin;
		const char *topic;
	} cases[] = {
		{ ORIGIN_LIVE, "blazz.inbound.v1" },
		{ ORIGIN_HISTORY, "blazz.inbound.bulk.v1" },
		{ ORIGIN_SYNC, "blazz.inbound.bulk.v1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct inbound_event event = { .kind = IN_MESSAGE, .origin = cases[i].origin };
		struct inbound_event *const events[] = { &event };
		const struct str encoded[] = { STR("bytes") };
		struct record_room room;
		struct kafka_record r;

		request_record(&(struct request_records){ .topics = &topics,
				       .events = events,
				       .encoded = encoded,
				       .n_events = 1,
				       .arena = arena },
			0, &room, &r);
		assert_string_equal(r.topic, cases[i].topic);
		assert_int_equal(r.partition, KAFKA_ANY_PARTITION);
		assert_true(str_is(r.value, "bytes"));
		assert_true(str_is(header_of(&r, "ce_type"), "blazz.inbound.message"));
		assert_int_equal(header_of(&r, "traceparent").n, 0);
	}
}

static void dead_letters_follow_the_events(void **state)
{
	struct inbound_event event = { .kind = IN_MESSAGE };
	struct inbound_event *const events[] = { &event };
	const struct str encoded[] = { STR("bytes") };
	const struct dead_letter dead_letters[] = { { .body = STR("first") }, { .body = STR("second") } };
	const struct request_records records = { .topics = &topics,
		.events = events,
		.encoded = encoded,
		.n_events = 1,
		.dead_letters = dead_letters,
		.n_dead_letters = 2,
		.traceparent = STR("00-a-b-01"),
		.arena = arena };
	struct record_room room;
	struct kafka_record r;

	(void)state;
	request_record(&records, 0, &room, &r);
	assert_true(str_is(header_of(&r, "traceparent"), "00-a-b-01"));
	request_record(&records, 1, &room, &r);
	assert_string_equal(r.topic, "blazz.http.v1.ingest.dlq");
	assert_true(str_is(r.value, "first"));
	request_record(&records, 2, &room, &r);
	assert_true(str_is(r.value, "second"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_live_events_go_to_the_live_topic),
		cmocka_unit_test(dead_letters_follow_the_events),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
