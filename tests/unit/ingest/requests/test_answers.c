/* services/ingest/requests/answers and records/dead_letters: the JSON for clients, the records for operators. */
#include "unit.h"

#include <string.h>

#include "base/header.h"
#include "ingest/records/dead_letters.h"
#include "ingest/requests/answers.h"
#include "json/json.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void assert_text(struct buf *b, const char *want)
{
	buf_add_char(b, '\0');
	assert_string_equal(b->p, want);
	buf_fini(b);
}

static void queued_events_are_counted(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	answer_queued(&out, 3, 1);
	assert_text(&out, "{\"status\":\"queued\",\"events\":3,\"rejected\":1}");
}

static void a_path_before_a_message_is_split_off(void **state)
{
	static const struct {
		const char *message, *want;
	} cases[] = {
		{ "data.message: not an object",
			"{\"error\":\"e\",\"details\":[{\"path\":\"data.message\",\"message\":\"not an object\"}]}" },
		{ "not an object", "{\"error\":\"e\",\"details\":[{\"path\":\"\",\"message\":\"not an object\"}]}" },
		{ "not JSON near byte 1: unexpected \"x\"",
			"{\"error\":\"e\",\"details\":[{\"path\":\"\",\"message\":\"not JSON near byte 1: unexpected "
			"\\\"x\\\"\"}]}" },
		{ ": odd", "{\"error\":\"e\",\"details\":[{\"path\":\"\",\"message\":\": odd\"}]}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf out = BUF_INIT;

		answer_invalid(&out, "e", cases[i].message);
		assert_text(&out, cases[i].want);
	}
}

static void each_rejected_item_has_its_detail_up_to_a_limit(void **state)
{
	struct intake_reject rejected[ANSWER_MAX_DETAILS + 5];
	struct json_doc *doc = NULL;
	struct buf out = BUF_INIT;
	const json *details;

	(void)state;
	for (size_t i = 0; i < COUNT(rejected); i++)
		rejected[i] = (struct intake_reject){ .path = STR("chats[1]"), .message = STR("no") };
	rejected[0].path = STR_NONE;
	answer_rejected(&out, "nothing acceptable", rejected, COUNT(rejected));
	assert_int_equal(json_parse(&doc, buf_str(&out), NULL), 0);
	details = json_get(json_root(doc), "details");
	assert_int_equal(json_count(details), ANSWER_MAX_DETAILS);
	assert_true(str_is(json_str(json_get(json_root(doc), "error")), "nothing acceptable"));
	json_free(doc);
	buf_fini(&out);
}

static void every_status_has_its_text(void **state)
{
	static const int statuses[] = { 400, 401, 403, 404, 405, 413, 415, 422, 429 };

	(void)state;
	for (size_t i = 0; i < COUNT(statuses); i++)
		assert_string_not_equal(answer_word(statuses[i]), answer_word(503));
}

static struct str header_of(const struct kafka_record *r, const char *name)
{
	return header_find(r->headers, r->headers_count, name);
}

static void a_dead_letter_has_its_route_and_its_reason(void **state)
{
	struct arena *a = arena_new(4096);
	struct dead_letter d = { .route = STR("/webhooks/waha/x"),
		.path = STR("payload"),
		.message = STR("no chat"),
		.reason = DEAD_RULE,
		.body = STR("{}"),
		.traceparent = STR("00-aa"),
		.failed_at_ms = 1767225600000 };
	struct kafka_record r;

	(void)state;
	memset(d.workspace.b, 0x11, 16);
	memset(d.account.b, 0x22, 16);
	dead_letter_record(&d, a, &r);
	assert_true(str_is(r.key, "11111111-1111-1111-1111-111111111111:22222222-2222-2222-2222-222222222222"));
	assert_true(str_is(r.value, "{}"));
	assert_true(str_is(header_of(&r, "x-http-route"), "/webhooks/waha/x"));
	assert_true(str_is(header_of(&r, "x-http-account"), "22222222-2222-2222-2222-222222222222"));
	assert_true(str_is(header_of(&r, "x-http-path"), "payload"));
	assert_true(str_is(header_of(&r, "x-dlq-reason"), "rule"));
	assert_true(str_is(header_of(&r, "x-dlq-retryable"), "false"));
	assert_true(str_is(header_of(&r, "x-dlq-failed-at"), "2026-01-01T00:00:00.000Z"));
	assert_true(str_is(header_of(&r, "__dlq.errors.message"), "no chat"));
	assert_null(header_of(&r, "x-dlq-truncated").p);
	arena_free(a);
}

static void a_dead_letter_without_an_account_has_no_key(void **state)
{
	struct arena *a = arena_new(4096);
	const struct dead_letter d = { .route = STR("/r"), .reason = DEAD_UNKNOWN_REFERENCE };
	struct kafka_record r;

	(void)state;
	dead_letter_record(&d, a, &r);
	assert_null(r.key.p);
	assert_non_null(r.value.p);
	assert_null(header_of(&r, "x-http-account").p);
	assert_true(str_is(header_of(&r, "x-dlq-retryable"), "true"));
	arena_free(a);
}

static void a_dead_letter_that_is_too_large_is_cut_and_hashed(void **state)
{
	struct arena *a = arena_new(4096);
	size_t n = DEAD_LETTER_MAX_BYTES + 1;
	struct dead_letter d = { .route = STR("/r"), .reason = DEAD_RULE, .body = { arena_alloc(a, n), n } };
	struct kafka_record r;

	(void)state;
	dead_letter_record(&d, a, &r);
	assert_int_equal(r.value.n, DEAD_LETTER_MAX_BYTES);
	assert_true(str_is(header_of(&r, "x-dlq-truncated"), "true"));
	assert_int_equal(header_of(&r, "x-dlq-sha256").n, 64);
	d.body.n--;
	dead_letter_record(&d, a, &r);
	assert_null(header_of(&r, "x-dlq-truncated").p);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queued_events_are_counted),
		cmocka_unit_test(a_path_before_a_message_is_split_off),
		cmocka_unit_test(each_rejected_item_has_its_detail_up_to_a_limit),
		cmocka_unit_test(every_status_has_its_text),
		cmocka_unit_test(a_dead_letter_has_its_route_and_its_reason),
		cmocka_unit_test(a_dead_letter_without_an_account_has_no_key),
		cmocka_unit_test(a_dead_letter_that_is_too_large_is_cut_and_hashed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
