/* libs/worker/batch: taking in, dead letters, counting. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/batch.h"
#include "worker/owner_private.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct slot_state slots[] = { { .partition = { 0, 1 }, .progress = { "t.inbound", 1, 7, 8, 2 } },
	{ .partition = { 0, 2 }, .progress = { "t.inbound", 2, 7, 3, PROGRESS_NO_OFFSET } } };
static struct owner owner = { .options = { .consumer = "chat-sync",
				      .topics = { { .name = "t.inbound", .dlq = "t.dlq" } } },
	.n_topics = 1,
	.state = OWNER_RUNNING,
	.slots = slots,
	.n_slots = COUNT(slots) };
static const struct worker_options options = { .owner = { .consumer = "chat-sync" },
	.batch_max_events = 4,
	.batch_max_bytes = 100 };

static int decoded_count;

/* "bad" does not decode; "odd" is of a later release. */
static int decode(void *ctx, const struct kafka_message *m, struct arena *a, void **decoded, struct err *err)
{
	(void)ctx;
	decoded_count++;
	if (str_is(m->value, "bad"))
		return err_reject(err, DEAD_DECODE, "not a record");
	if (str_is(m->value, "odd"))
		return err_reject(err, DEAD_UNSUPPORTED, "not yet");
	*decoded = arena_cstr(a, m->value);
	return 0;
}

/* "heavy" asks for three changes. */
static size_t weight(int32_t topic, const void *decoded)
{
	(void)topic;
	return strcmp(decoded, "heavy") == 0 ? 3 : 1;
}

static const struct worker_ops ops = { .decode = decode, .weight = weight };

static int setup(void **state)
{
	owner_metrics_init(&owner);
	*state = batch_new(&options, &owner);
	decoded_count = 0;
	return 0;
}

static int teardown(void **state)
{
	batch_free(*state);
	return 0;
}

static void take(struct batch *b, int32_t partition, int64_t offset, const char *value)
{
	struct kafka_message m = {
		.partition = partition, .offset = offset, .key = STR("k"), .value = str_of(value), .timestamp_ms = 5
	};

	batch_add(b, &m, &ops, NULL);
	assert_null(m.value.p);
}

static void take_with_header(struct batch *b, const char *name, const char *value)
{
	struct kafka_message m = {
		.partition = 1, .value = STR("x"), .headers = mem_calloc(1, sizeof(struct header)), .headers_count = 1
	};

	m.headers[0] = (struct header){ str_of(name), str_of(value) };
	batch_add(b, &m, &ops, NULL);
}

static void a_record_is_copied_and_decoded(void **state)
{
	struct batch *b = *state;

	take(b, 2, 10, "hello");
	take(b, 2, 11, "bad");
	assert_int_equal(b->n, 2);
	assert_string_equal(b->items[0].decoded, "hello");
	assert_int_equal(b->items[0].partition.number, 2);
	assert_int_equal(b->items[0].offset, 10);
	assert_ptr_equal(b->items[0].message, &b->messages[0]);
	assert_int_equal(b->failures[0].kind, ERR_NONE);
	assert_null(b->items[1].decoded);
	assert_string_equal(b->failures[1].code, "decode");
}

static void a_replay_for_another_consumer_is_not_even_decoded(void **state)
{
	struct batch *b = *state;

	take_with_header(b, "x-replay-for", "campaign-sender");
	assert_null(b->items[0].decoded);
	assert_int_equal(b->failures[0].kind, ERR_NONE);
	assert_int_equal(decoded_count, 0);
	take_with_header(b, "x-replay-for", "chat-sync");
	assert_non_null(b->items[1].decoded);
}

static void a_valid_trace_is_copied(void **state)
{
	struct batch *b = *state;

	take_with_header(b, "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
	take_with_header(b, "traceparent", "nonsense");
	assert_true(str_starts(b->items[0].traceparent, STR("00-0af7")));
	assert_null(b->items[1].traceparent.p);
}

static void a_batch_is_full_by_changes_or_by_bytes(void **state)
{
	struct batch *b = *state;

	for (int i = 0; i < 3; i++)
		take(b, 0, i, "x");
	assert_false(batch_full(b));
	take(b, 0, 3, "x");
	assert_true(batch_full(b));
	batch_reset(b);
	assert_false(batch_full(b));
	take(b, 0, 4, "heavy");
	assert_false(batch_full(b));
	take(b, 0, 5, "bad");
	assert_true(batch_full(b));
	batch_reset(b);
	take(b, 0, 6,
		"a value of a hundred bytes, more or less, which is all that this batch takes at a time, as its options say");
	assert_true(batch_full(b));
}

/* Batch after batch for weeks: none leaves anything behind. */
static void a_batch_that_is_reset_holds_nothing(void **state)
{
	struct batch *b = *state;
	size_t fresh = arena_used_bytes(owner_tx_arena(b->tx));

	for (int i = 0; i < 3; i++) {
		take(b, 2, i, "hello");
		batch_include(b, &owner);
		batch_dead_letter(b->tx, &b->items[0], DEAD_RULE, "", "because", false);
		assert_true(arena_used_bytes(owner_tx_arena(b->tx)) > fresh);
		batch_reset(b);
		assert_int_equal(arena_used_bytes(owner_tx_arena(b->tx)), fresh);
		assert_int_equal(b->n + b->tx->n_partitions + (size_t)b->bytes, 0);
	}
}

static void a_dead_letter_has_the_record_and_the_reason(void **state)
{
	struct batch *b = *state;
	struct record_view v;
	struct err err;
	size_t at = 0;

	take(b, 2, 77, "bad");
	batch_include(b, &owner);
	batch_dead_letter(b->tx, &b->items[0], DEAD_DECODE, "", "not a record", false);
	assert_int_equal(b->items[0].outcome, OUTCOME_DEAD_LETTERED);
	assert_int_equal(records_next(buf_str(&owner_tx_partition(b->tx, (struct topic_partition){ 0, 2 })
						      ->out.records),
				 &at, &v, &err),
		1);
	assert_true(str_is(v.topic, "t.dlq"));
	assert_true(str_is(v.key, "k"));
	assert_true(str_is(v.value, "bad"));
	assert_true(str_is(header_find(v.headers, v.n_headers, "x-dlq-reason"), "decode"));
	assert_true(str_is(header_find(v.headers, v.n_headers, "__dlq.errors.topic"), "t.inbound"));
	assert_true(str_is(header_find(v.headers, v.n_headers, "__dlq.errors.offset"), "77"));
	assert_true(str_is(header_find(v.headers, v.n_headers, "x-orig-timestamp-ms"), "5"));
}

static void records_of_revoked_partitions_and_committed_records_are_discarded(void **state)
{
	struct batch *b = *state;

	take(b, 3, 5, "x");
	take(b, 1, 1, "committed");
	take(b, 1, 2, "new");
	take(b, 2, 0, "bad");
	batch_include(b, &owner);
	assert_int_equal(b->n, 2);
	assert_string_equal(b->items[0].decoded, "new");
	assert_ptr_equal(b->items[0].message, &b->messages[0]);
	assert_true(str_is(b->messages[1].value, "bad"));
	assert_string_equal(b->failures[1].code, "decode");
	assert_int_equal(b->tx->n_partitions, 2);
}

static void outcomes_are_counted_by_partition(void **state)
{
	struct batch *b = *state;
	const struct tx_partition *one, *two;

	take(b, 1, 4, "x"); /* 2 and 3 are no records */
	take(b, 1, 5, "x");
	take(b, 2, 9, "x"); /* the first that this consumer sees */
	take(b, 1, 7, "x");
	batch_include(b, &owner);
	b->items[0].outcome = OUTCOME_APPLIED;
	b->items[1].outcome = OUTCOME_PARKED;
	batch_advance(b);
	one = owner_tx_partition(b->tx, (struct topic_partition){ 0, 1 });
	assert_int_equal(one->counts[OUTCOME_APPLIED], 1);
	assert_int_equal(one->counts[OUTCOME_PARKED], 1);
	assert_int_equal(one->counts[OUTCOME_NO_EFFECT], 1);
	assert_int_equal(one->counts[OUTCOME_SKIPPED], 3);
	assert_int_equal(one->next_offset, 8);
	two = owner_tx_partition(b->tx, (struct topic_partition){ 0, 2 });
	assert_int_equal(two->counts[OUTCOME_NO_EFFECT], 1);
	assert_int_equal(two->counts[OUTCOME_SKIPPED], 0);
	assert_int_equal(two->first_offset, 9);
	assert_int_equal(two->next_offset, 10);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_record_is_copied_and_decoded),
		T(a_replay_for_another_consumer_is_not_even_decoded),
		T(a_valid_trace_is_copied),
		T(a_batch_is_full_by_changes_or_by_bytes),
		T(a_batch_that_is_reset_holds_nothing),
		T(a_dead_letter_has_the_record_and_the_reason),
		T(records_of_revoked_partitions_and_committed_records_are_discarded),
		T(outcomes_are_counted_by_partition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
