/* What blazzctl makes of a dead letter's headers, whatever they hold: what is shown, and the record that is sent again. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "dead.h"
#include "json/json.h"

#define TOPIC     "blazz.inbound.v1.chat-sync.dlq"
#define WORKSPACE "0b8e7f6a-1111-4111-8111-000000000001"
#define ACCOUNT   "0b8e7f6a-2222-4222-8222-000000000002"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct dead_letter letter(struct kafka_message *m, struct header *headers, size_t n)
{
	*m = (struct kafka_message){ .headers = headers, .headers_count = n };
	return dead_letter_of(m, TOPIC);
}

static void the_key_and_the_topic_identify_the_workspace(void **state)
{
	struct kafka_message m = { .key = STR(WORKSPACE ":" ACCOUNT) };
	struct dead_letter d = dead_letter_of(&m, TOPIC);

	(void)state;
	assert_true(str_is(d.workspace, WORKSPACE));
	assert_true(str_is(d.account, ACCOUNT));
	assert_true(str_is(d.consumer, "chat-sync"));
	m.key = STR("somebody:" ACCOUNT "0");
	d = dead_letter_of(&m, TOPIC);
	assert_null(d.workspace.p);
	assert_null(d.account.p);
}

static void a_replay_is_counted_and_goes_to_the_first_partition_only_without_a_key(void **state)
{
	static const struct {
		const char *name, *count, *partition, *key, *want_count;
		int32_t want_partition;
	} cases[] = {
		{ "the first replay", NULL, "3", NULL, "1", 3 },
		{ "the third", "2", "3", NULL, "3", 3 },
		{ "with a key", "2", "3", "key", "3", KAFKA_ANY_PARTITION },
		{ "no partition", NULL, NULL, NULL, "1", KAFKA_ANY_PARTITION },
		{ "a count beyond all counts", "9223372036854775807", "0", NULL, "1", 0 },
		{ "a count below nothing", "-4", "0", NULL, "1", 0 },
		{ "a partition below nothing", "1", "-5", NULL, "2", KAFKA_ANY_PARTITION },
		{ "a partition beyond all", "1", "4294967296", NULL, "2", KAFKA_ANY_PARTITION },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct header headers[] = { { STR("x-dlq-first-topic"), STR("blazz.inbound.v1") },
			{ STR("x-replay-count"), str_of(cases[i].count) },
			{ STR("x-dlq-first-partition"), str_of(cases[i].partition) } };
		struct kafka_message m;
		struct dead_letter d = letter(&m, headers, COUNT(headers));
		struct replay_record made;
		struct err err;

		m.key = str_of(cases[i].key);
		assert_int_equal(replay_record_make(&made, &d, "id", &err), 0);
		assert_string_equal(made.count, cases[i].want_count);
		if (made.record.partition != cases[i].want_partition)
			fail_msg("%s: partition %d", cases[i].name, (int)made.record.partition);
	}
}

static void a_replay_keeps_the_senders_headers_and_removes_those_of_the_failure(void **state)
{
	struct header headers[] = { { STR("ce_id"), STR("1") }, { STR("x-dlq-reason"), STR("rule") },
		{ STR("x-dlq-first-topic"), STR("blazz.inbound.v1") }, { STR("x-replay-for"), STR("another") },
		{ STR("x-dlq-endpoint"), STR("e") }, { STR("__dlq.errors.message"), STR("m") } };
	struct kafka_message m;
	struct dead_letter d = letter(&m, headers, COUNT(headers));
	struct replay_record made;
	struct err err;

	(void)state;
	assert_int_equal(replay_record_make(&made, &d, "id", &err), 0);
	assert_string_equal(made.record.topic, "blazz.inbound.v1");
	assert_int_equal(made.record.headers_count, 6);
	assert_true(str_is(header_find(made.headers, 6, "ce_id"), "1"));
	assert_true(str_is(header_find(made.headers, 6, "x-dlq-endpoint"), "e"));
	assert_true(str_is(header_find(made.headers, 6, "x-replay-for"), "chat-sync"));
	assert_true(str_is(header_find(made.headers, 6, "x-replay-id"), "id"));
}

static void a_replay_goes_to_the_original_topic(void **state)
{
	static const char *const topics[] = { "blazz.inbound.v1", "blazz.inbound.bulk.v1" };

	(void)state;
	for (size_t i = 0; i < COUNT(topics); i++) {
		struct header headers[] = { { STR("__dlq.errors.topic"), str_of(topics[i]) } };
		char dlq[TOPIC_NAME_MAX];
		struct kafka_message m;
		struct replay_record made;
		struct dead_letter d;
		struct err err;

		snprintf(dlq, sizeof(dlq), "%s.chat-sync.dlq", topics[i]);
		(void)letter(&m, headers, COUNT(headers));
		d = dead_letter_of(&m, dlq);
		assert_true(str_is(d.consumer, "chat-sync"));
		assert_int_equal(replay_record_make(&made, &d, "id", &err), 0);
		assert_string_equal(made.record.topic, topics[i]);
	}
}

static void a_dead_letter_without_its_origin_is_not_replayed(void **state)
{
	const struct str topics[] = { STR_NONE, STR(""), STR("blazz\0inbound") };

	(void)state;
	for (size_t i = 0; i < COUNT(topics); i++) {
		struct header headers[] = { { STR("__dlq.errors.topic"), topics[i] } };
		struct kafka_message m;
		struct dead_letter d = letter(&m, headers, 1);
		struct replay_record made;
		struct err err;

		assert_int_equal(replay_record_make(&made, &d, "id", &err), -1);
		assert_int_equal(err.kind, ERR_INPUT);
	}
}

static void bytes_that_are_not_text_are_shown_in_base64(void **state)
{
	struct header headers[] = { { STR("x\xff"), STR("\xff\xfe") }, { STR("none"), STR_NONE } };
	struct kafka_message m;
	struct dead_letter d = letter(&m, headers, COUNT(headers));
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);
	struct json_doc *doc;
	struct err err;

	(void)state;
	m.value = STR("\x01\x80");
	dead_letter_write(&w, &d);
	assert_int_equal(json_parse(&doc, buf_str(&out), &err), 0);
	assert_true(str_is(json_str(json_path(json_root(doc), "value_base64")), "AYA="));
	assert_non_null(memmem(out.p, out.n, "\"value_base64\":\"//4=\"", 21));
	json_free(doc);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_key_and_the_topic_identify_the_workspace),
		cmocka_unit_test(a_replay_is_counted_and_goes_to_the_first_partition_only_without_a_key),
		cmocka_unit_test(a_replay_keeps_the_senders_headers_and_removes_those_of_the_failure),
		cmocka_unit_test(a_replay_goes_to_the_original_topic),
		cmocka_unit_test(a_dead_letter_without_its_origin_is_not_replayed),
		cmocka_unit_test(bytes_that_are_not_text_are_shown_in_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
