/* libs/worker/dead_letter: what a dead letter's headers say of this failure and of the first one. */
#include "unit.h"

#include "wire/records.h"
#include "worker/dead_letter.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct arena *arena;

static int start(void **state)
{
	(void)state;
	arena = arena_new(1 << 16);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static const struct failure failure = {
	.topic = { "blazz.inbound.v1", 16 },
	.partition = 3,
	.offset = 41,
	.timestamp_ms = 1700000000123,
	.failed_at_ms = 1767225600000,
	.group = "chat-sync",
	.service = "chat-sync",
	.reason = DEAD_RULE,
	.code = "22021",
	.message = "no key",
	.retryable = true,
};

static const struct {
	const char *name, *want;
} wanted[] = {
	{ "ce_id", "1" },
	{ "traceparent", "00-x" },
	{ "__dlq.errors.topic", "blazz.inbound.v1" },
	{ "__dlq.errors.partition", "3" },
	{ "__dlq.errors.offset", "41" },
	{ "__dlq.errors.group", "chat-sync" },
	{ "__dlq.errors.delivery.count", "1" },
	{ "__dlq.errors.message", "no key" },
	{ "x-dlq-first-topic", "blazz.inbound.v1" },
	{ "x-dlq-first-partition", "3" },
	{ "x-dlq-first-offset", "41" },
	{ "x-dlq-reason", "rule" },
	{ "x-dlq-code", "22021" },
	{ "x-dlq-retryable", "true" },
	{ "x-dlq-failed-at", "2026-01-01T00:00:00.000Z" },
	{ "x-dlq-service", "chat-sync" },
	{ "x-orig-timestamp-ms", "1700000000123" },
};

static void a_first_failure_has_its_position_and_reason(void **state)
{
	static const struct header original[] = { { { "ce_id", 5 }, { "1", 1 } },
		{ { "traceparent", 11 }, { "00-x", 4 } } };
	const struct header *headers;
	size_t n;

	(void)state;
	headers = dead_letter_headers(&failure, original, COUNT(original), arena, &n);
	assert_int_equal(n, COUNT(wanted));
	for (size_t i = 0; i < n; i++)
		if (!str_is(headers[i].name, wanted[i].name) || !str_is(headers[i].value, wanted[i].want))
			fail_msg("%.*s: %.*s, not %s: %s", STR_ARG(headers[i].name), STR_ARG(headers[i].value),
				wanted[i].name, wanted[i].want);
}

static void unknown_values_have_no_header(void **state)
{
	struct failure f = failure;
	const struct header *headers;
	size_t n;

	(void)state;
	f.code = "";
	f.retryable = false;
	headers = dead_letter_headers(&f, NULL, 0, arena, &n);
	assert_null(header_find(headers, n, "x-dlq-code").p);
	assert_null(header_find(headers, n, "x-replay-count").p);
	assert_true(str_is(header_find(headers, n, "x-dlq-retryable"), "false"));
}

static struct header header(const char *name, const char *value)
{
	return (struct header){ str_of(name), str_of(value) };
}

static void the_first_failure_survives_the_second(void **state)
{
	const struct header original[] = {
		header("x-dlq-first-topic", "blazz.other.v1"),
		header("x-dlq-first-partition", "9"),
		header("x-dlq-first-offset", "7"),
		header("__dlq.errors.topic", "gone"),
		header("__dlq.errors.delivery.count", "4"),
		header("x-dlq-reason", "expired"),
		header("x-replay-id", "r1"),
		header("x-replay-for", "chat-sync"),
		header("x-replay-count", "2"),
		header("x-orig-timestamp-ms", "5"),
		header("mine", "stays"),
	};
	const struct header *h;
	size_t n, reasons = 0;

	(void)state;
	h = dead_letter_headers(&failure, original, COUNT(original), arena, &n);
	assert_true(str_is(header_find(h, n, "x-dlq-first-topic"), "blazz.other.v1"));
	assert_true(str_is(header_find(h, n, "x-dlq-first-partition"), "9"));
	assert_true(str_is(header_find(h, n, "x-dlq-first-offset"), "7"));
	assert_true(str_is(header_find(h, n, "__dlq.errors.topic"), "blazz.inbound.v1"));
	assert_true(str_is(header_find(h, n, "__dlq.errors.delivery.count"), "5"));
	assert_true(str_is(header_find(h, n, "x-replay-count"), "2"));
	assert_true(str_is(header_find(h, n, "mine"), "stays"));
	assert_null(header_find(h, n, "x-replay-id").p); /* it is no replay any more */
	assert_null(header_find(h, n, "x-replay-for").p);
	for (size_t i = 0; i < n; i++)
		reasons += str_is(h[i].name, "x-dlq-reason");
	assert_int_equal(reasons, 1);
}

static const struct {
	const char *before, *want;
} counts[] = { { "1", "2" }, { "-3", "1" }, { "many", "1" }, { "", "1" }, { "9223372036854775807", "1" } };

static void the_count_of_deliveries_continues_from_a_plausible_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(counts); i++) {
		const struct header original = header("__dlq.errors.delivery.count", counts[i].before);
		size_t n;
		const struct header *h = dead_letter_headers(&failure, &original, 1, arena, &n);

		assert_true(str_is(header_find(h, n, "__dlq.errors.delivery.count"), counts[i].want));
	}
}

static void dead_letter_headers_never_exceed_the_limit_of_an_outbox_row(void **state)
{
	struct header original[100];
	const struct header *h;
	struct buf row = BUF_INIT;
	size_t n;

	(void)state;
	for (size_t i = 0; i < COUNT(original); i++)
		original[i] = (struct header){ arena_printf(arena, "h%zu", i), STR("v") };
	original[98] = header("x-dlq-first-topic", "first");
	original[99] = header("x-replay-count", "2");
	h = dead_letter_headers(&failure, original, COUNT(original), arena, &n);
	assert_true(n <= RECORD_HEADERS_MAX);
	assert_true(str_is(h[0].name, "h0"));
	assert_true(str_is(header_find(h, n, "x-dlq-first-topic"), "first"));
	assert_true(str_is(header_find(h, n, "x-dlq-service"), "chat-sync"));
	assert_true(str_is(header_find(h, n, "x-replay-count"), "2"));
	records_add(&row, STR("dlq"), STR(""), STR(""), h, n);
	buf_fini(&row);
}

static const struct {
	const char *name, *whom;
	bool want;
} replays[] = {
	{ "no replay", NULL, false },
	{ "meant for us", "chat-sync", false },
	{ "meant for another", "campaign-sender", true },
	{ "meant for one whose name begins like ours", "chat-sync-2", true },
	{ "meant for nobody", "", true },
};

static void a_replay_is_for_the_consumer_it_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(replays); i++) {
		const struct header h[] = { header("ce_id", "1"), header("x-replay-for", replays[i].whom) };

		if (replay_is_for_other(h, replays[i].whom ? 2 : 1, "chat-sync") != replays[i].want)
			fail_msg("%s", replays[i].name);
	}
	assert_false(replay_is_for_other(NULL, 0, "chat-sync"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_first_failure_has_its_position_and_reason),
		cmocka_unit_test(unknown_values_have_no_header),
		cmocka_unit_test(the_first_failure_survives_the_second),
		cmocka_unit_test(the_count_of_deliveries_continues_from_a_plausible_value),
		cmocka_unit_test(dead_letter_headers_never_exceed_the_limit_of_an_outbox_row),
		cmocka_unit_test(a_replay_is_for_the_consumer_it_names),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
