/* campaign-sender/commit/ against PostgreSQL: a message whose contact was erased after it was fetched. What memory has of it is neither published
 * nor stored again. */
#include "unit.h"

#include "../accounts/sealed.h"
#include "../emitted.h"
#include "base/clock.h"
#include "campaign-sender/commit/private.h"
#include "campaign-sender/stats.h"
#include "store/send_attempts.h"

#define LIT(text) { text, sizeof(text) - 1 }
#define REQUEST   "00000000-0000-4000-8000-0000000000e1"

static struct shared shared;
static struct lanes lanes;
static struct flush f;
static struct sending sending;
static struct send *chosen[1];
static struct buf content = BUF_INIT;

static int start(void **state)
{
	const struct send_message message = { .request = uuid_of(REQUEST),
		.workspace = uuid_of("00000000-0000-4000-8000-000000000001"),
		.chat = { .contact = { .phone = STR("+628110") } },
		.type = MSG_TEXT,
		.requested_at_ms = 1,
		.u.text = STR("hello") };

	stats_init();
	if (sending_start(state) < 0)
		return -1;
	owner_start(db.pg);
	account_seal(ACCOUNT_1, "{\"access_token\": \"t\"}");
	execute(db.admin, "UPDATE whatsapp_accounts SET assigned_instance_url = 'https://bridge.example' WHERE id = 1");
	return send_message_encode(&message, &content, &db.err);
}

static int stop(void **state)
{
	buf_fini(&content);
	owner_stop();
	return db_stop(state);
}

/* Message 7, past its deadline, waits in the lane of account 1, which cannot send. */
static int setup(void **state)
{
	const struct send_lane row = { .workspace_id = 1, .account_id = 1, .partition = 3 };
	const struct send_row send = { .workspace_id = 1,
		.id = 7,
		.kind = SEND_MESSAGE,
		.request = uuid_of(REQUEST),
		.address = STR("628110"),
		.next_attempt_us = AT(0),
		.deadline_us = AT(1),
		.content = buf_str(&content) };

	sending_running(state);
	db_script(
		"UPDATE send_lanes SET partition = 3 WHERE account_id = 1;"
		"INSERT INTO sends (workspace_id, id, request_id, address, account_id, next_attempt_at, deadline, request)"
		" VALUES (1, 7, '" REQUEST "', '628110', 1, now(), '2026-01-01 00:00:01Z', 'x')");
	done(store_send_attempts_maintain(db.pg, 1, 30, &db.err));
	cache_new(KEY, NULL);
	cache_load(1);
	shared = (struct shared){ .topics = &topics, .outbound_partitions = 24, .accounts = cache };
	lanes_init(&lanes, 10, 10);
	sending = (struct sending){ .journal = journal_new() };
	f = (struct flush){ .o = { .shared = &shared, .owner = &owner, .lanes = &lanes, .sending = &sending },
		.tx = tx,
		.arena = db.arena,
		.journal = journal_new(),
		.generation = owner_generation(&owner),
		.now_ms = clock_mono_ms(),
		.now_us = clock_now_us(),
		.any = -1,
		.chosen = chosen,
		.n_chosen = 1,
		.included = ARENA_ARRAY(db.arena, bool, 25),
		.epochs = ARENA_ARRAY(db.arena, int64_t, 25) };
	tx_renew();
	concerned_include(&f, 3);
	chosen[0] = lane_put(lanes_open(&lanes, &row, f.now_ms), NULL, &send, f.now_ms);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(f.lanes.rows);
	free(f.released.rows);
	free(f.portfolio);
	journal_free(f.journal);
	journal_free(sending.journal);
	lanes_fini(&lanes);
	account_cache_free(cache);
	return 0;
}

static void erase(void)
{
	db_script("UPDATE sends SET address = 'erased:' || id, request = NULL WHERE id = 7");
}

static size_t n_emitted(void)
{
	struct record_view all[EMITTED_MAX];

	return emitted(all);
}

static void checked(void)
{
	done(pg_begin(db.pg, &db.err));
	done(flush_check(&f, &db.err));
	done(pg_commit(db.pg, &db.err));
}

static void a_message_past_its_deadline_is_published_as_failed_by_the_check(void **state)
{
	(void)state;
	checked();
	assert_send(7, "concat_ws(' ', status, error_code)", "failed deadline");
	(void)emitted_one(TOPIC_INBOUND, "blazz.inbound.dispatch");
}

static void an_erased_one_is_not(void **state)
{
	(void)state;
	erase();
	checked();
	assert_send(7, "concat_ws(' ', status, error_code)", "failed erased");
	assert_int_equal(n_emitted(), 0);
}

static void failed_over(void)
{
	f.n_chosen = 0;
	done(pg_begin(db.pg, &db.err));
	done(failover_run(&f, &db.err));
	done(pg_commit(db.pg, &db.err));
	failover_done(&f);
}

static void a_stranded_message_past_its_deadline_is_published_as_failed(void **state)
{
	(void)state;
	failed_over();
	assert_send(7, "concat_ws(' ', status, error_code)", "failed deadline");
	(void)emitted_one(TOPIC_INBOUND, "blazz.inbound.dispatch");
}

static void an_erased_stranded_one_is_not(void **state)
{
	(void)state;
	erase();
	failed_over();
	assert_send(7, "concat_ws(' ', status, error_code, error_message)", "failed deadline");
	assert_int_equal(n_emitted(), 0);
}

static void answered(const struct attempt_outcome *outcome, enum send_status status)
{
	const struct journal_result r = { .send = chosen[0],
		.settlement = { .status = status, .attempt = 1, .delay_ms = -1, .reason = "" },
		.outcome = *outcome,
		.attempted = true,
		.http_status = 200,
		.began_us = f.now_us,
		.total_us = 5 };

	f.n_chosen = 0;
	journal_add(f.journal, &r);
	results_collect(&f);
	done(pg_begin(db.pg, &db.err));
	done(results_write(&f, &db.err));
	done(pg_commit(db.pg, &db.err));
}

static const struct attempt_outcome accepted = { .class = OUTCOME_ACCEPTED,
	.answer = { .key = LIT("true:W"), .provider_id = LIT("true_628110@c.us_W") } };
/* The provider's words repeat the number. */
static const struct attempt_outcome refused = { .class = OUTCOME_DECIDED,
	.decision = { .undeliverable = true, .reason = "undeliverable" },
	.answer = { .error = { .code = LIT("131026"), .details = LIT("628110 is unknown") } },
	.excerpt = LIT("628110 is unknown") };

#define STORED \
	"concat_ws(' ', status, provider_message_id, error_message, (SELECT string_agg(excerpt, ' ') FROM send_attempts WHERE send_id = 7))"

static void an_answer_is_stored_and_published(void **state)
{
	(void)state;
	answered(&accepted, SEND_STATUS_SENT);
	assert_send(7, STORED, "sent true_628110@c.us_W");
	(void)emitted_one(TOPIC_INBOUND, "blazz.inbound.dispatch");
}

static void an_answer_to_an_erased_one_is_neither(void **state)
{
	(void)state;
	erase();
	answered(&accepted, SEND_STATUS_SENT);
	assert_send(7, STORED, "sent");
	assert_int_equal(n_emitted(), 0);
}

static void an_answer_behind_its_status_is_published_unless_its_message_was_erased(void **state)
{
	static const char status_came[] = "UPDATE sends SET status = 'delivered', next_attempt_at = NULL WHERE id = 7";

	db_script(status_came);
	answered(&accepted, SEND_STATUS_SENT);
	(void)emitted_one(TOPIC_INBOUND, "blazz.inbound.dispatch");
	teardown(state);

	setup(state);
	db_script(status_came);
	erase();
	answered(&accepted, SEND_STATUS_SENT);
	assert_int_equal(n_emitted(), 0);
}

static void a_refusal_is_stored_and_published_and_its_address_avoided(void **state)
{
	(void)state;
	answered(&refused, SEND_STATUS_FAILED);
	assert_send(7, STORED, "failed 628110 is unknown 628110 is unknown");
	assert_false(effects_empty(f.journal->effects));
	(void)emitted_one(TOPIC_INBOUND, "blazz.inbound.dispatch");
}

static void a_refusal_of_an_erased_one_leaves_no_trace_of_its_address(void **state)
{
	(void)state;
	erase();
	answered(&refused, SEND_STATUS_FAILED);
	assert_send(7, STORED, "failed");
	assert_true(effects_empty(f.journal->effects));
	assert_int_equal(n_emitted(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_past_its_deadline_is_published_as_failed_by_the_check),
		TEST(an_erased_one_is_not),
		TEST(a_stranded_message_past_its_deadline_is_published_as_failed),
		TEST(an_erased_stranded_one_is_not),
		TEST(an_answer_is_stored_and_published),
		TEST(an_answer_to_an_erased_one_is_neither),
		TEST(an_answer_behind_its_status_is_published_unless_its_message_was_erased),
		TEST(a_refusal_is_stored_and_published_and_its_address_avoided),
		TEST(a_refusal_of_an_erased_one_leaves_no_trace_of_its_address),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
