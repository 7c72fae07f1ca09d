/* What statuses and echoes say about messages to send. */
#include "unit.h"

#include "sending.h"
#include "store/sends_evidence.h"
#include "store/sends_results.h"

/* Evidence for recipient 1000 of the campaign. */
static struct send_evidence evidence_of(enum send_status status, int second)
{
	return (struct send_evidence){ .workspace_id = 1,
		.client = { .campaign = uuid_of(CAMPAIGN), .id = 1000 },
		.account_id = 1,
		.address = STR("628110"),
		.status = status,
		.at_us = AT(second),
		.resolved_by = "status" };
}

static struct evidence_found found[20];
static size_t n_found;

static void found_add(void *ctx, const struct evidence_found *f)
{
	(void)ctx;
	assert_true(n_found < 20);
	found[n_found++] = *f;
}

static void apply(const struct send_evidence *rows, size_t n)
{
	n_found = 0;
	done(store_sends_evidence(db.pg, rows, n, 9, found_add, NULL, &db.err));
}

/* What a row is, brought there with its counters. */
static void row_is(enum send_status status, const char *code, bool was_sent)
{
	char sql[400];
	static const char *const column[] = { NULL, "sent", "delivered", "read", "failed", "skipped", "unknown" };

	snprintf(sql, sizeof(sql),
		"UPDATE sends SET status = '%s', error_code = nullif('%s', ''), sent_at = CASE WHEN %d = 1 THEN now() END,"
		" account_id = CASE WHEN '%s' = 'unknown' THEN 1 END, next_attempt_at = CASE WHEN '%s' = 'unknown' THEN now() END WHERE id = 1000",
		store_send_status_word(status), code, was_sent, store_send_status_word(status),
		store_send_status_word(status));
	db_script(sql);
	if (status == SEND_STATUS_PENDING)
		return;
	snprintf(sql, sizeof(sql), "UPDATE campaign_counts SET %s = 1", column[status]);
	db_script(sql);
	if (status == SEND_STATUS_READ)
		db_script("UPDATE campaign_counts SET delivered = 1");
	if (status == SEND_STATUS_READ || status == SEND_STATUS_DELIVERED)
		db_script("UPDATE campaign_counts SET sent = 1");
}

#define P SEND_STATUS_PENDING
#define S SEND_STATUS_SENT
#define D SEND_STATUS_DELIVERED
#define R SEND_STATUS_READ
#define F SEND_STATUS_FAILED
#define K SEND_STATUS_SKIPPED
#define U SEND_STATUS_UNKNOWN

static const struct {
	const char *name;
	enum send_status have, got, want;
	bool was_sent; /* sent_at is known */
} moves[] = {
	{ "a status says that it was sent before the answer does", P, S, S, false },
	{ "a read message was delivered", P, R, R, false },
	{ "an unknown message was sent", U, S, S, false },
	{ "an unknown message failed", U, F, F, false },
	{ "a skipped one was sent all the same", K, S, S, false },
	{ "a sent message fails", S, F, F, true },
	{ "a sent message is delivered", S, D, D, true },
	{ "a failure that was never sent yields to being sent", F, S, S, false },
	{ "a failure that was sent does not", F, S, F, true },
	{ "a failure that was sent yields to being delivered", F, D, D, true },
	{ "a late failure does not take delivered back", D, F, D, true },
	{ "read is never taken back by delivered", R, D, R, true },
	{ "read is never taken back by sent", R, S, R, true },
	{ "the same again is no change", D, D, D, true },
};

static void a_status_moves_forward_only(void **state)
{
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		struct send_evidence e = evidence_of(moves[i].got, 1);
		struct str status;

		sending_running(state);
		row_is(moves[i].have, moves[i].have == F ? "x" : "", moves[i].was_sent);
		apply(&e, 1);
		status = db_text("SELECT status FROM sends WHERE id = 1000");
		if (!str_is(status, store_send_status_word(moves[i].want)))
			fail_msg("%s: %.*s", moves[i].name, STR_ARG(status));
		assert_int_equal(n_found, 1);
		assert_int_equal(found[0].was, moves[i].have);
		assert_int_equal(found[0].effect, moves[i].have == moves[i].want ? EVIDENCE_NONE : EVIDENCE_APPLIED);
		if (db_i64(MISCOUNTED) != 0)
			fail_msg("%s: counted otherwise", moves[i].name);
		if (moves[i].have != moves[i].want)
			assert_send(1000, "next_attempt_at IS NULL AND attempt = 1",
				"true"); /* also before its result */
	}
}

static void skipped_steps_get_the_earliest_times(void **state)
{
	const struct send_evidence rows[] = { evidence_of(R, 30), evidence_of(S, 10), evidence_of(D, 20) };

	(void)state;
	row_is(U, "", false);
	apply(rows, 3);
	assert_send(1000,
		"concat_ws(' ', status, resolved_by, extract(epoch FROM read_at - sent_at)::integer, extract(epoch FROM read_at -"
		" delivered_at)::integer)",
		"read status 20 10");
	assert_int_equal(n_found, 1);
	assert_int_equal(found[0].place, 0);
	assert_int_equal(db_i64(MISCOUNTED), 0);
	assert_text(
		"SELECT concat_ws(' ', sent, delivered, read, unknown) FROM campaign_counts WHERE source = 'status' AND slot = 9",
		"1 1 1 -1");
}

static void every_order_of_evidence_ends_the_same(void **state)
{
	static const enum send_status orders[][3] = { { S, D, R }, { S, R, D }, { D, S, R }, { D, R, S }, { R, S, D },
		{ R, D, S } };

	for (size_t i = 0; i < 6; i++) {
		sending_running(state);
		for (int k = 0; k < 3; k++) {
			struct send_evidence e = evidence_of(orders[i][k], 1);

			apply(&e, 1);
		}
		assert_send(1000, "status", "read");
		assert_int_equal(db_i64(MISCOUNTED), 0);
	}
}

static void a_failure_keeps_its_code_and_what_may_be_sent_again(void **state)
{
	struct send_evidence e = evidence_of(F, 1);

	(void)state;
	e.error_code = STR("131049");
	e.keep_content = true;
	apply(&e, 1);
	assert_send(1000, "concat_ws(' ', status, error_code, request IS NOT NULL, sent_by)", "failed 131049 t 1");
	e.client.id = 1002;
	e.address = STR("628112");
	e.keep_content = false;
	apply(&e, 1);
	assert_send(1002, "concat_ws(' ', status, request IS NOT NULL)", "failed f");
}

/* A restored database may have used the id again. */
static void an_id_of_another_address_is_found_by_its_campaign_and_address(void **state)
{
	struct send_evidence e = evidence_of(S, 1), unknown = evidence_of(S, 1), other = evidence_of(S, 1),
			     erased = evidence_of(D, 1);

	(void)state;
	e.address = STR("628114");
	apply(&e, 1);
	assert_send(1000, "status", "pending");
	assert_send(1004, "status", "sent");
	unknown.address = STR("999");
	apply(&unknown, 1);
	assert_int_equal(n_found, 0);
	other.client.campaign = uuid_of("00000000-0000-4000-8000-0000000000c2");
	apply(&other, 1);
	assert_int_equal(n_found, 0);
	db_script("UPDATE sends SET address = 'erased:1000' WHERE id = 1000");
	apply(&erased, 1);
	assert_send(1000, "status", "delivered");
	erased.client.id = 1006;
	erased.address = STR_NONE; /* not known: the id says it */
	apply(&erased, 1);
	assert_send(1006, "status", "delivered");
}

/* The erasure may be done: it does not look again. */
static void an_erased_row_gets_its_status_and_nothing_that_the_provider_said(void **state)
{
	static const enum send_status statuses[] = { S, F };

	for (size_t i = 0; i < 2; i++) {
		struct send_evidence e[] = { evidence_of(S, 1), evidence_of(S, 1) };

		sending_running(state);
		db_script("UPDATE sends SET address = 'erased:' || id, request = NULL WHERE id = 1000");
		e[1].client.id = 1002;
		e[1].address = STR("628112");
		for (size_t k = 0; k < 2; k++) {
			e[k].status = statuses[i];
			e[k].provider_message_id = STR("true_628110@c.us_A");
			e[k].error_code = statuses[i] == F ? STR("131026") : STR_NONE;
			e[k].error_message = statuses[i] == F ? STR("628110 is unknown") : STR_NONE;
			e[k].keep_content = true;
		}
		apply(e, 2);
		assert_send(1000,
			"status = (SELECT status FROM sends WHERE id = 1002) AND num_nonnulls(provider_message_id, error_message, request) = 0",
			"true");
		assert_send(1000, "coalesce(error_code, '')", statuses[i] == F ? "131026" : "");
		assert_send(1002, "num_nonnulls(provider_message_id, error_message)", statuses[i] == F ? "2" : "1");
		assert_int_equal(db_i64(MISCOUNTED), 0);
	}
}

static void evidence_of_another_workspace_finds_nothing(void **state)
{
	struct send_evidence e = evidence_of(S, 1);

	(void)state;
	e.workspace_id = 2;
	apply(&e, 1);
	assert_int_equal(n_found, 0);
	assert_send(1000, "status", "pending");
}

static void a_single_message_is_found_by_its_request(void **state)
{
	struct send_evidence e = evidence_of(D, 1);

	(void)state;
	db_script("INSERT INTO sends (workspace_id, id, request_id, address, account_id, next_attempt_at) VALUES (1, 1,"
		  " '00000000-0000-4000-8000-000000000f01', '62811', 1, now())");
	e.client = (struct client_id){ .request = uuid_of("00000000-0000-4000-8000-000000000f01") };
	apply(&e, 1);
	assert_send(1, "concat_ws(' ', status, next_attempt_at)", "delivered");
	assert_int_equal(found[0].campaign_id, 0);
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

/* Recipient 1000 failed, and was sent again as generation 1; evidence of generation 0 comes now. */
static const struct {
	const char *name, *now, *want;
	enum evidence_effect effect;
} generations[] = {
	{ "the resend has not begun: it was sent already", "UPDATE sends SET next_attempt_at = now()", "delivered f f",
		EVIDENCE_APPLIED },
	{ "the resend is in flight",
		"UPDATE sends SET next_attempt_at = now();UPDATE send_lanes SET in_flight = '{7,1000}'", "pending t t",
		EVIDENCE_DUPLICATE },
	{ "the resend was sent", "UPDATE sends SET status = 'sent';UPDATE campaign_counts SET sent = 10", "sent t f",
		EVIDENCE_DUPLICATE },
};

static void evidence_of_an_earlier_generation_may_mean_a_duplicate(void **state)
{
	for (size_t i = 0; i < sizeof(generations) / sizeof(generations[0]); i++) {
		struct send_evidence e = evidence_of(D, 1);

		sending_running(state);
		db_script("UPDATE sends SET generation = 1");
		db_script(generations[i].now);
		apply(&e, 1);
		assert_int_equal(n_found, 1);
		if (found[0].effect != generations[i].effect)
			fail_msg("%s: %d", generations[i].name, found[0].effect);
		assert_send(1000, "concat_ws(' ', status, duplicate_suspected, next_attempt_at IS NOT NULL)",
			generations[i].want);
		assert_int_equal(db_i64(MISCOUNTED), 0);
	}
}

static void a_suspected_duplicate_is_reported_once(void **state)
{
	const struct send_evidence both[] = { evidence_of(S, 1), evidence_of(D, 1) };
	size_t duplicates = 0;

	(void)state;
	db_script("UPDATE sends SET status = 'sent', generation = 1;UPDATE campaign_counts SET sent = 10");
	apply(both, 2);
	for (size_t i = 0; i < n_found; i++)
		duplicates += found[i].effect == EVIDENCE_DUPLICATE;
	assert_int_equal(duplicates, 1);
	apply(both, 2);
	assert_int_equal(n_found, 1);
	assert_int_equal(found[0].effect, EVIDENCE_NONE);
	assert_send(1000, "concat_ws(' ', status, duplicate_suspected)", "sent t");
}

static void the_id_is_kept_when_a_later_status_decides(void **state)
{
	struct send_evidence both[] = { evidence_of(S, 1), evidence_of(D, 1) };

	(void)state;
	both[0].provider_message_id = STR("W");
	both[1].provider_message_id = STR_NONE;
	apply(both, 2);
	assert_send(1000, "concat_ws(' ', status, provider_message_id)", "delivered W");
}

static void evidence_of_a_generation_that_never_was_has_no_effect(void **state)
{
	struct send_evidence e = evidence_of(D, 1);

	(void)state;
	e.client.generation = 3;
	apply(&e, 1);
	assert_int_equal(found[0].effect, EVIDENCE_NONE);
	assert_send(1000, "status", "pending");
}

static int result_in_other_session(struct pg *pg, void *ctx, struct err *err)
{
	struct send_result r = { .workspace_id = 1, .id = 1000, .sent_by = 1, .slot = 5, .status = S, .attempt = 1 };

	(void)ctx;
	if (store_sends_results(pg, &r, 1, err) < 0)
		return -1;
	assert_false(r.applied);
	return 0;
}

/* The status of a message often comes before the answer to its request. */
static void a_result_at_the_same_time_is_counted_once(void **state)
{
	const struct send_evidence e = evidence_of(D, 1);
	struct other other = { .role = SENDER, .act = result_in_other_session };

	(void)state;
	done(pg_begin(db.pg, &db.err));
	apply(&e, 1);
	other_start(&other);
	done(pg_commit(db.pg, &db.err));
	other_end(&other);
	assert_send(1000, "status", "delivered");
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

static int evidence_in_other_session(struct pg *pg, void *ctx, struct err *err)
{
	return store_sends_evidence(pg, ctx, 1, 9, found_add, NULL, err);
}

static void evidence_that_waits_for_a_result_counts_from_that_result(void **state)
{
	struct send_evidence e = evidence_of(R, 1);
	struct send_result r = { .workspace_id = 1, .id = 1000, .sent_by = 1, .slot = 5, .status = S, .attempt = 1 };
	struct other other = { .role = SENDER, .act = evidence_in_other_session, .ctx = &e };

	(void)state;
	n_found = 0;
	done(pg_begin(db.pg, &db.err));
	done(store_sends_results(db.pg, &r, 1, &db.err));
	other_start(&other);
	done(pg_commit(db.pg, &db.err));
	other_end(&other);
	assert_int_equal(found[0].was, S);
	assert_send(1000, "status", "read");
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_status_moves_forward_only),
		cmocka_unit_test_setup(skipped_steps_get_the_earliest_times, sending_running),
		cmocka_unit_test(every_order_of_evidence_ends_the_same),
		cmocka_unit_test_setup(a_failure_keeps_its_code_and_what_may_be_sent_again, sending_running),
		cmocka_unit_test_setup(an_id_of_another_address_is_found_by_its_campaign_and_address, sending_running),
		cmocka_unit_test(an_erased_row_gets_its_status_and_nothing_that_the_provider_said),
		cmocka_unit_test_setup(evidence_of_another_workspace_finds_nothing, sending_running),
		cmocka_unit_test_setup(a_single_message_is_found_by_its_request, sending_running),
		cmocka_unit_test(evidence_of_an_earlier_generation_may_mean_a_duplicate),
		cmocka_unit_test_setup(a_suspected_duplicate_is_reported_once, sending_running),
		cmocka_unit_test_setup(the_id_is_kept_when_a_later_status_decides, sending_running),
		cmocka_unit_test_setup(evidence_of_a_generation_that_never_was_has_no_effect, sending_running),
		cmocka_unit_test_setup(a_result_at_the_same_time_is_counted_once, sending_running),
		cmocka_unit_test_setup(evidence_that_waits_for_a_result_counts_from_that_result, sending_running),
	};

	return cmocka_run_group_tests(tests, sending_start, db_stop);
}
