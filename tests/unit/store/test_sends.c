/* Messages to send, from their intake to the result of their attempts. */
#include "unit.h"

#include "sending.h"
#include "store/send_lanes.h"
#include "store/sends_check.h"
#include "store/sends_intake.h"
#include "store/sends_results.h"

static void ids_are_read_as_they_are_written(void **state)
{
	static const struct {
		const char *text; /* NULL: none of ours */
		const char *written;
	} cases[] = {
		{ "00000000-0000-4000-8000-0000000000c1", "00000000-0000-4000-8000-0000000000c1" },
		{ "00000000-0000-4000-8000-0000000000c1.7", "00000000-0000-4000-8000-0000000000c1.7" },
		{ "00000000-0000-4000-8000-0000000000c1.7#2", "00000000-0000-4000-8000-0000000000c1.7#2" },
		{ "00000000-0000-4000-8000-0000000000c1.7#1", NULL },
		{ "00000000-0000-4000-8000-0000000000c1.7#", NULL },
		{ "00000000-0000-4000-8000-0000000000c1.7#-2", NULL },
		{ "00000000-0000-4000-8000-0000000000c1.7#99999999999", NULL },
		{ "00000000-0000-4000-8000-0000000000c1.0", NULL },
		{ "00000000-0000-4000-8000-0000000000c1.", NULL },
		{ "00000000-0000-4000-8000-0000000000c1.99999999999999999999", NULL },
		{ "00000000-0000-0000-0000-000000000000.7", NULL },
		{ "order-7", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct client_id id;
		char written[CLIENT_ID_CAP] = "";

		if (store_client_id_read(str_of(cases[i].text), &id))
			store_client_id_write(&id, written);
		assert_string_equal(written, cases[i].written ? cases[i].written : "");
	}
}

static void sql_writes_the_same_id(void **state)
{
	struct client_id id = { .campaign = uuid_of(CAMPAIGN), .id = 7, .generation = 2 };
	char written[CLIENT_ID_CAP];

	(void)state;
	store_client_id_write(&id, written);
	assert_text("SELECT client_message_id('" CAMPAIGN "', 7, 2, NULL)", written);
	id.generation = 0;
	store_client_id_write(&id, written);
	assert_text("SELECT client_message_id('" CAMPAIGN "', 7, 0, NULL)", written);
}

static struct uuid request_of(int n)
{
	struct uuid u = uuid_of("00000000-0000-4000-8000-000000000f00");

	u.b[15] = (uint8_t)n;
	return u;
}

/* A message to `address` through account 1. */
static struct send_new message(int request, const char *address)
{
	return (struct send_new){ .workspace_id = 1,
		.request = request_of(request),
		.address = str_of(address),
		.account_id = 1,
		.status = SEND_STATUS_PENDING,
		.deadline_us = PG_NO_TIME,
		.content = STR("hello") };
}

static int insert_locked(struct pg *pg, struct send_new *rows, size_t n, struct err *err)
{
	static const struct send_lane_key lane = { 1, 1, 5 };

	return store_send_lanes_lock(pg, &lane, 1, err) < 0 ? -1 : store_sends_insert(pg, rows, n, err);
}

static void insert(struct send_new *rows, size_t n)
{
	done(pg_begin(db.pg, &db.err));
	done(insert_locked(db.pg, rows, n, &db.err));
	done(pg_commit(db.pg, &db.err));
}

static void a_request_is_stored_once(void **state)
{
	struct send_new first[] = { message(1, "62811"), message(2, "62812"), message(1, "62813") };
	struct send_new again[] = { message(3, "62814"), message(2, "62815"), message(4, "62816") };

	(void)state;
	insert(first, 3);
	assert_true(first[0].inserted && first[1].inserted && !first[2].inserted);
	assert_true(first[0].id > 0 && first[1].id > first[0].id && first[2].id == 0);
	insert(again, 3);
	assert_true(again[0].inserted && !again[1].inserted && again[2].inserted);
	assert_text("SELECT string_agg(address, ' ' ORDER BY id) FROM sends", "62811 62812 62814 62816");
}

static void the_same_request_of_another_workspace_is_another_message(void **state)
{
	struct send_new rows[] = { message(1, "62811"), message(1, "62811") };

	(void)state;
	rows[1].workspace_id = 2;
	rows[1].account_id = 3;
	insert(rows, 2);
	assert_true(rows[0].inserted && rows[1].inserted);
}

static void a_message_that_cannot_be_sent_is_stored_as_failed(void **state)
{
	struct send_new row = message(1, "62811");

	(void)state;
	row.account_id = 0;
	row.status = SEND_STATUS_FAILED;
	row.error_code = STR("no_active_account");
	row.content = STR_NONE;
	insert(&row, 1);
	assert_send(row.id, "concat_ws(' ', status, error_code, next_attempt_at, account_id, request)",
		"failed no_active_account");
}

static struct fetched fetched;

static const char *due_rows(const int64_t *known, size_t n_known, int32_t room)
{
	const struct send_due_source source = { 1, 1, room };

	fetched = (struct fetched){ 0 };
	done(store_sends_due(db.pg, &source, 1, known, n_known, db.arena, fetched_add, &fetched, &db.err));
	return fetched.ids;
}

static struct send_result result_of(int64_t id, enum send_status status)
{
	return (struct send_result){
		.workspace_id = 1, .id = id, .sent_by = 1, .slot = 5, .status = status, .attempt = 1, .account_id = 1
	};
}

static void finish(struct send_result r, const char *address)
{
	const struct send_key key = { 1, 1, str_of(address) };

	done(store_sends_results(db.pg, &r, 1, &db.err));
	assert_true(r.applied);
	done(store_sends_release(db.pg, &key, 1, &db.err));
}

#define IDS(...) ids_text(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t), (int64_t[]){ __VA_ARGS__ })
static const char *ids_text(size_t n, const int64_t *ids)
{
	static char out[200];

	out[0] = '\0';
	for (size_t i = 0; i < n; i++)
		snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s%lld", i ? " " : "", (long long)ids[i]);
	return out;
}

static void messages_to_one_address_are_due_one_at_a_time(void **state)
{
	struct send_new rows[] = { message(1, "62811"), message(2, "62811"), message(3, "62812"), message(4, "62811") };
	struct send_new later = message(5, "62811");
	struct send_result r;

	(void)state;
	insert(rows, 4);
	insert(&later, 1);
	assert_string_equal(due_rows(NULL, 0, 10), IDS(rows[0].id, rows[2].id));

	r = result_of(rows[0].id, SEND_STATUS_PENDING); /* a retry keeps the others waiting */
	r.delay_ms = 60000;
	finish(r, "62811");
	assert_string_equal(due_rows(NULL, 0, 10), IDS(rows[2].id));
	finish(result_of(rows[0].id, SEND_STATUS_FAILED), "62811");
	assert_string_equal(due_rows(NULL, 0, 10), IDS(rows[2].id, rows[1].id));
	r = result_of(rows[1].id, SEND_STATUS_UNKNOWN); /* an unknown message does not */
	r.delay_ms = 60000;
	finish(r, "62811");
	assert_string_equal(due_rows(NULL, 0, 10), IDS(rows[2].id, rows[3].id));
	finish(result_of(rows[3].id, SEND_STATUS_SENT), "62811");
	assert_string_equal(due_rows(NULL, 0, 10), IDS(rows[2].id, later.id));
}

static void a_message_does_not_wait_for_a_request_that_had_been_sent_before(void **state)
{
	struct send_new first = message(1, "62811");
	struct send_new rows[] = { message(1, "62811"), message(2, "62811"), message(3, "62811") };

	(void)state;
	insert(&first, 1);
	finish(result_of(first.id, SEND_STATUS_SENT), "62811");
	insert(rows, 3);
	assert_string_equal(due_rows(NULL, 0, 10), IDS(rows[1].id));
}

static void move(int64_t id, int64_t account_id)
{
	const struct send_key keys[] = { { 1, 1, STR("62811") }, { 1, account_id, STR("62811") } };
	struct send_result r = result_of(id, SEND_STATUS_PENDING);

	r.account_id = account_id;
	r.delay_ms = -1;
	done(store_sends_results(db.pg, &r, 1, &db.err));
	done(store_sends_release(db.pg, keys, 2, &db.err));
}

static const char *due_rows_of(int64_t account_id)
{
	const struct send_due_source source = { 1, account_id, 10 };

	fetched = (struct fetched){ 0 };
	done(store_sends_due(db.pg, &source, 1, NULL, 0, db.arena, fetched_add, &fetched, &db.err));
	return fetched.ids;
}

static void a_message_that_moves_to_another_account_waits_there_for_its_turn(void **state)
{
	struct send_new first = message(1, "62811"), there = message(2, "62811");

	(void)state;
	db_script("INSERT INTO send_lanes (workspace_id, account_id, partition) VALUES (1, 2, 6)");
	there.account_id = 2;
	insert(&there, 1);
	insert(&first, 1);
	move(first.id, 2);
	assert_string_equal(due_rows_of(2), IDS(there.id));
	assert_string_equal(due_rows(NULL, 0, 10), "");
}

/* It is older than the one that is due there, which may be in flight, or wait for a retry. */
static void an_older_message_that_moves_to_another_account_waits_there_too(void **state)
{
	struct send_new moved[] = { message(1, "62811"), message(2, "62811") };
	struct send_new there[] = { message(3, "62811"), message(4, "62811") }, repeated = message(1, "62811");
	const struct send_key key = { 1, 2, STR("62811") };
	const struct send_lane_id lane = { 1, 2 };
	struct send_result r;

	(void)state;
	db_script("INSERT INTO send_lanes (workspace_id, account_id, partition) VALUES (1, 2, 6)");
	insert(moved, 2);
	there[0].account_id = there[1].account_id = repeated.account_id = 2;
	insert(there, 2);
	for (int i = 0; i < 2; i++) {
		move(moved[i].id, 2);
		insert(&repeated, 1);
		done(store_sends_release_lanes(db.pg, &lane, 1, 100, &db.err));
		assert_string_equal(due_rows_of(2), IDS(there[0].id));
	}
	r = result_of(there[0].id, SEND_STATUS_PENDING);
	r.account_id = 2;
	r.delay_ms = 60000;
	done(store_sends_results(db.pg, &r, 1, &db.err));
	done(store_sends_release(db.pg, &key, 1, &db.err));
	assert_string_equal(due_rows_of(2), "");
	done(store_sends_results(db.pg,
		&(struct send_result){ .workspace_id = 1, .id = there[0].id, .status = SEND_STATUS_SENT }, 1, &db.err));
	done(store_sends_release(db.pg, &key, 1, &db.err));
	assert_string_equal(due_rows_of(2), IDS(moved[0].id));
}

static void a_message_behind_one_that_a_status_ended_is_found_by_the_sweep(void **state)
{
	struct send_new rows[] = { message(1, "62811"), message(2, "62811"), message(3, "62811") };
	const struct send_lane_id lane = { 1, 1 };

	(void)state;
	insert(rows, 3);
	done(store_sends_release_lanes(db.pg, &lane, 1, 100, &db.err));
	assert_string_equal(due_rows(NULL, 0, 10), IDS(rows[0].id));
	db_script("UPDATE sends SET status = 'sent', next_attempt_at = NULL WHERE next_attempt_at < 'infinity'");
	done(store_sends_release_lanes(db.pg, &lane, 1, 100, &db.err));
	assert_string_equal(due_rows(NULL, 0, 10), IDS(rows[1].id));
}

static int insert_second(struct pg *pg, void *ctx, struct err *err)
{
	return insert_locked(pg, ctx, 1, err);
}

static int flush_sent(struct pg *pg, void *ctx, struct err *err)
{
	const struct send_lane lane = {
		.workspace_id = 1, .account_id = 1, .run_left = -1, .next_us = PG_NO_TIME, .paused_until_us = PG_NO_TIME
	};
	const struct send_key key = { 1, 1, STR("62811") };
	struct send_result r = result_of(*(int64_t *)ctx, SEND_STATUS_SENT);

	return store_send_lanes_write(pg, &lane, 1, err) < 0 || store_sends_results(pg, &r, 1, err) < 0
		? -1
		: store_sends_release(pg, &key, 1, err);
}

/* The lane ends the first message while another replica takes in a second one: neither would see what the other does. */
static void a_message_is_not_left_waiting_by_a_result_at_the_same_time(void **state)
{
	struct send_new first = message(1, "62811"), second = message(2, "62811");
	struct other other = { .role = SENDER, .act = insert_second, .ctx = &second };

	(void)state;
	insert(&first, 1);
	done(pg_begin(db.pg, &db.err));
	done(flush_sent(db.pg, &first.id, &db.err));
	other_start(&other);
	done(pg_commit(db.pg, &db.err));
	other_end(&other);
	assert_string_equal(due_rows(NULL, 0, 10), IDS(second.id));
}

static void a_result_waits_for_a_message_that_is_taken_in_at_the_same_time(void **state)
{
	struct send_new first = message(1, "62811"), second = message(2, "62811");
	struct other other = { .role = SENDER, .act = flush_sent, .ctx = &first.id };

	(void)state;
	insert(&first, 1);
	done(pg_begin(db.pg, &db.err));
	done(insert_locked(db.pg, &second, 1, &db.err));
	other_start(&other);
	done(pg_commit(db.pg, &db.err));
	other_end(&other);
	assert_string_equal(due_rows(NULL, 0, 10), IDS(second.id));
}

static void due_rows_are_fetched_in_order_without_those_known(void **state)
{
	static const int64_t known[] = { 3, 99 };

	(void)state;
	db_script(
		"INSERT INTO sends (workspace_id, id, address, account_id, request_id, status, next_attempt_at, deadline, contact_id, request)"
		" SELECT 1, g, g, CASE g WHEN 6 THEN 2 ELSE 1 END, gen_random_uuid(), CASE g WHEN 4 THEN 'unknown' ELSE 'pending' END,"
		" CASE g WHEN 5 THEN now() + interval '1 minute' ELSE now() - g * interval '1 s' END, '2026-01-01Z', NULL, '\\x6869'"
		" FROM generate_series(1, 6) g");
	assert_string_equal(due_rows(known, 2, 10), "4 2 1");
	assert_int_equal(fetched.rows[0].status, SEND_STATUS_UNKNOWN);
	assert_int_equal(fetched.rows[1].status, SEND_STATUS_PENDING);
	assert_str(fetched.rows[1].content, "hi");
	assert_str(fetched.rows[1].address, "2");
	assert_int_equal(fetched.rows[1].deadline_us, AT(0));
	assert_string_equal(due_rows(NULL, 0, 2), "4 3");
	assert_string_equal(due_rows(NULL, 0, 0), "");
}

static const char *segment_rows(int16_t segment, int64_t after, int32_t room)
{
	const struct send_segment_source source = { 1, 1, segment, after, room };

	fetched = (struct fetched){ 0 };
	done(store_sends_segment(db.pg, &source, 1, db.arena, fetched_add, &fetched, &db.err));
	return fetched.ids;
}

static void a_segment_is_read_from_its_cursor_on(void **state)
{
	(void)state;
	db_script(
		"UPDATE sends SET status = 'sent' WHERE id = 1004;"
		"UPDATE sends SET next_attempt_at = now() WHERE id = 1006;"
		"INSERT INTO sends (workspace_id, id, campaign_id, segment, address) VALUES (1, 1010, 1, 0, 'beyond'), (2, 1001, NULL, NULL, 'other');"
		"INSERT INTO sends (workspace_id, id, address) VALUES (1, 999, 'single')");
	assert_string_equal(segment_rows(0, 0, 10), "1000 1002 1008");
	assert_string_equal(segment_rows(0, 1000, 1), "1002");
	assert_string_equal(segment_rows(1, 0, 10), "1001 1003 1005 1007 1009");
	assert_int_equal(fetched.rows[0].segment, 1);
	assert_int_equal(fetched.rows[0].campaign_id, 1);
	db_script("UPDATE campaigns SET prepared_at = NULL");
	assert_string_equal(segment_rows(0, 0, 10), "");
	db_script("UPDATE campaigns SET prepared_at = now(), status = 'paused'");
	assert_string_equal(segment_rows(0, 0, 10), "");
}

static const char *retry_rows(int16_t segment, const int64_t *known, size_t n_known)
{
	const struct send_segment_source source = { 1, 1, segment, 0, 10 };

	fetched = (struct fetched){ 0 };
	done(store_sends_retries(db.pg, &source, 1, known, n_known, db.arena, fetched_add, &fetched, &db.err));
	return fetched.ids;
}

static void retries_of_a_paused_campaign_do_not_delay_others(void **state)
{
	static const int64_t known[] = { 1004 };
	struct send_result retry = result_of(1000, SEND_STATUS_PENDING);

	(void)state;
	done(store_sends_results(db.pg, &retry, 1, &db.err));
	db_script("UPDATE sends SET next_attempt_at = now() - interval '1 s' WHERE id IN (1001, 1004);"
		  "UPDATE sends SET next_attempt_at = now() + interval '1 minute' WHERE id = 1006");
	assert_string_equal(retry_rows(0, NULL, 0), "1004 1000");
	assert_string_equal(retry_rows(0, known, 1), "1000");
	assert_string_equal(retry_rows(1, NULL, 0), "1001");
	db_script("UPDATE campaigns SET status = 'paused'");
	assert_string_equal(retry_rows(0, NULL, 0), "");
	assert_string_equal(due_rows(NULL, 0, 10), "");
}

static void an_unknown_recipient_that_was_not_sent_reopens_its_segment(void **state)
{
	struct send_result unknown = result_of(1000, SEND_STATUS_UNKNOWN),
			   pending = result_of(1000, SEND_STATUS_PENDING);

	(void)state;
	done(store_sends_results(db.pg, &unknown, 1, &db.err));
	assert_string_equal(due_rows(NULL, 0, 10), "1000");
	db_script("UPDATE campaign_segments SET done = true");
	pending.resolved_by = "lookup";
	done(store_sends_results(db.pg, &pending, 1, &db.err));
	assert_text("SELECT string_agg(segment::text, ' ') FROM campaign_segments WHERE NOT done", "0");
	assert_string_equal(retry_rows(0, NULL, 0), "1000");
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

/* The erasure may be done: it does not look again. */
static void the_result_of_an_erased_row_has_nothing_that_the_provider_said(void **state)
{
	static const enum send_status statuses[] = { SEND_STATUS_SENT, SEND_STATUS_FAILED };

	for (size_t i = 0; i < 2; i++) {
		struct send_result rows[] = { result_of(1000, statuses[i]), result_of(1002, statuses[i]) };

		sending_running(state);
		db_script("UPDATE sends SET address = 'erased:' || id, request = NULL WHERE id = 1000");
		for (size_t k = 0; k < 2; k++) {
			rows[k].provider_message_id = STR("true_628110@c.us_A");
			rows[k].error_code = STR("131026");
			rows[k].error_message = STR("628110 is unknown");
			rows[k].keep_content = true;
		}
		done(store_sends_results(db.pg, rows, 2, &db.err));
		assert_true(rows[0].applied && rows[0].erased);
		assert_true(rows[1].applied && !rows[1].erased);
		assert_send(1000, "concat_ws(' ', status, error_code, provider_message_id, error_message, request)",
			statuses[i] == SEND_STATUS_SENT ? "sent 131026" : "failed 131026");
		assert_send(1002, "num_nonnulls(provider_message_id, error_message, request)", "3");
		assert_int_equal(db_i64(MISCOUNTED), 0);
	}
}

static void a_row_that_had_a_result_says_that_it_was_erased(void **state)
{
	struct send_result rows[] = { result_of(1000, SEND_STATUS_SENT), result_of(1002, SEND_STATUS_SENT),
		result_of(1004, SEND_STATUS_SENT) };

	(void)state;
	db_script("UPDATE sends SET status = 'delivered' WHERE id IN (1000, 1004);"
		  "UPDATE sends SET address = 'erased:' || id WHERE id = 1004");
	done(store_sends_results(db.pg, rows, 3, &db.err));
	assert_true(!rows[0].applied && !rows[0].erased);
	assert_true(rows[1].applied && !rows[1].erased);
	assert_true(!rows[2].applied && rows[2].erased);
}

static void an_echo_finds_unknown_messages_to_its_address(void **state)
{
	const struct send_echo echoes[] = { { 1, 2, STR("628110"), AT(100000000), STR_NONE },
		{ 1, 1, STR("628110"), AT(100000000), STR_NONE }, { 1, 1, STR("628110"), AT(0), STR_NONE } };

	(void)state;
	db_script(
		"UPDATE sends SET status = 'unknown', account_id = 1, next_attempt_at = now() + interval '1 hour' WHERE id IN (1000, 1002, 1004);"
		"UPDATE sends SET next_attempt_at = NULL WHERE id = 1004;UPDATE sends SET created_at = '2026-01-02Z'");
	fetched = (struct fetched){ 0 };
	done(store_sends_unknown(db.pg, echoes, 3, db.arena, fetched_add, &fetched, &db.err));
	assert_string_equal(fetched.ids, "1000");
	assert_int_equal(fetched.rows[0].place, 1);
	assert_str(fetched.rows[0].content, "x");
}

static void an_echo_finds_messages_in_flight_to_its_address(void **state)
{
	const struct send_echo echoes[] = { { 1, 1, STR("628110"), AT(100000000), STR_NONE },
		{ 1, 2, STR("628110"), AT(100000000), STR_NONE }, { 1, 1, STR("628112"), AT(100000000), STR_NONE } };
	const struct send_echo other = { 1, 1, STR("628110"), AT(100000000), STR("W") };

	(void)state;
	db_script("UPDATE sends SET created_at = '2026-01-02Z';"
		  "UPDATE send_lanes SET in_flight = '{1000,1002}' WHERE account_id = 1;"
		  "UPDATE sends SET status = 'sent' WHERE id = 1002");
	fetched = (struct fetched){ 0 };
	done(store_sends_unknown(db.pg, echoes, 3, db.arena, fetched_add, &fetched, &db.err));
	assert_string_equal(fetched.ids, "1000");
	assert_int_equal(fetched.rows[0].place, 0);
	db_script("UPDATE sends SET provider_message_id = 'W', sent_by = 1 WHERE id = 1002");
	fetched = (struct fetched){ 0 };
	done(store_sends_unknown(db.pg, &other, 1, db.arena, fetched_add, &fetched, &db.err));
	assert_string_equal(fetched.ids, ""); /* it shows message 1002 */
	db_script("UPDATE send_lanes SET in_flight_at = '{2040-01-01Z,2040-01-01Z}' WHERE account_id = 1");
	fetched = (struct fetched){ 0 };
	done(store_sends_unknown(db.pg, echoes, 3, db.arena, fetched_add, &fetched, &db.err));
	assert_string_equal(fetched.ids, ""); /* an echo of an earlier message */
}

/* One thing changed, and what the check of recipient 1000 then says, as contact 10 and from account 1, or of a
 * single message. */
static const struct {
	const char *name, *change;
	enum send_verdict verdict;
	const char *row; /* status and code behind it */
	bool single, bridge;
} checks[] = {
	{ "nothing stands against it", "SELECT 1", SEND_MAY, "pending", false, false },
	{ "it was sent", "UPDATE sends SET status = 'sent'", SEND_CHANGED, "sent", false, false },
	{ "it is of a later generation", "UPDATE sends SET generation = 1", SEND_CHANGED, "pending", false, false },
	{ "it is gone", "DELETE FROM sends", SEND_CHANGED, NULL, false, false },
	{ "its campaign is paused", "UPDATE campaigns SET status = 'paused'", SEND_STOPPED, "pending", false, false },
	{ "its campaign is cancelled", "UPDATE campaigns SET status = 'cancelled'", SEND_STOPPED, "pending", false,
		false },
	{ "its address was erased", "UPDATE sends SET address = 'erased:' || id", SEND_ENDED, "skipped erased", false,
		false },
	{ "a single one's address was erased", "UPDATE sends SET address = 'erased:' || id", SEND_ENDED,
		"failed erased", true, false },
	{ "a single one's address was erased, and its deadline has passed",
		"UPDATE sends SET address = 'erased:' || id, deadline = now() - interval '1 s'", SEND_ENDED,
		"failed erased", true, false },
	{ "a single one is past its deadline", "UPDATE sends SET deadline = now() - interval '1 s'", SEND_ENDED,
		"failed deadline", true, false },
	{ "a single one has a deadline", "UPDATE sends SET deadline = now() + interval '1 minute'", SEND_MAY, "pending",
		true, false },
	{ "a window that is over",
		"ALTER TABLE campaigns DISABLE TRIGGER check_change;UPDATE campaigns SET send_window = '{\"from\": \"00:00\", \"to\": \"24:00\","
		" \"days\": [1]}' WHERE extract(isodow FROM now()) <> 1;UPDATE campaigns SET send_window = '{\"from\": \"00:00\", \"to\": \"24:00\","
		" \"days\": [2]}' WHERE extract(isodow FROM now()) = 1;ALTER TABLE campaigns ENABLE TRIGGER check_change",
		SEND_CLOSED, "pending", false, false },
	{ "a stop of everything",
		"INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) VALUES (1, 10, 'all', now())",
		SEND_ENDED, "skipped opted_out", false, false },
	{ "a stop of marketing",
		"INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) VALUES (1, 10, 'marketing_messages', now())",
		SEND_ENDED, "skipped opted_out", false, false },
	{ "a stop of marketing and a template that is none",
		"INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) VALUES (1, 10, 'marketing_messages', now());"
		"INSERT INTO templates (workspace_id, id, account_id, provider_template_id, name, language, category) VALUES (1, 1, 1, 't', 't', 'id',"
		" 'UTILITY');ALTER TABLE campaigns DISABLE TRIGGER check_change;"
		"UPDATE campaigns SET campaign_type = 'template', template_id = 1;ALTER TABLE campaigns ENABLE TRIGGER check_change",
		SEND_MAY, "pending", false, false },
	{ "a stop that was withdrawn",
		"INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since, stopped) VALUES (1, 10, 'all', now(), false)",
		SEND_MAY, "pending", false, false },
	{ "a stop of this account",
		"INSERT INTO contact_opt_outs (workspace_id, contact_id, account_id, category, since) VALUES (1, 10, 1, 'all', now())",
		SEND_ENDED, "skipped opted_out", false, false },
	{ "a stop of another account",
		"INSERT INTO contact_opt_outs (workspace_id, contact_id, account_id, category, since) VALUES (1, 10, 2, 'all', now())",
		SEND_MAY, "pending", false, false },
	{ "a stop of the contact that it was merged into, and again",
		"UPDATE contacts SET merged_into = 11 WHERE id = 10;UPDATE contacts SET merged_into = 12 WHERE id = 11;"
		"INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) VALUES (1, 12, 'all', now())",
		SEND_ENDED, "skipped opted_out", false, false },
	{ "a stop of an imported address that became a contact",
		"UPDATE sends SET contact_id = NULL;INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) VALUES (1, 10, 'all', now())",
		SEND_ENDED, "skipped opted_out", false, false },
	{ "a stop of an imported BSUID that became a contact",
		"UPDATE sends SET contact_id = NULL, address = 'bsuid:ID.9';UPDATE whatsapp_accounts SET business_id = 'b' WHERE id = 1;"
		"INSERT INTO contact_aliases (workspace_id, contact_id, kind, scope, value) VALUES (1, 10, 'bsuid', 'b', 'ID.9');"
		"INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) VALUES (1, 10, 'all', now())",
		SEND_ENDED, "skipped opted_out", false, false },
	{ "a stop of the same BSUID of another portfolio",
		"UPDATE sends SET contact_id = NULL, address = 'bsuid:ID.9';UPDATE whatsapp_accounts SET business_id = 'b' WHERE id = 1;"
		"INSERT INTO contact_aliases (workspace_id, contact_id, kind, scope, value) VALUES (1, 10, 'bsuid', 'c', 'ID.9');"
		"INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) VALUES (1, 10, 'all', now())",
		SEND_MAY, "pending", false, false },
	{ "a stop of an imported JID that became a contact",
		"UPDATE sends SET contact_id = NULL, address = 'a@x';"
		"INSERT INTO contact_aliases (workspace_id, contact_id, kind, value) VALUES (1, 10, 'jid', 'a@x');"
		"INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) VALUES (1, 10, 'all', now())",
		SEND_ENDED, "skipped opted_out", false, false },
	{ "a stop of somebody else",
		"INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) VALUES (1, 13, 'all', now())",
		SEND_MAY, "pending", false, false },
	{ "a single one heeds no stop",
		"INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) VALUES (1, 10, 'all', now())",
		SEND_MAY, "pending", true, false },
};

static void a_row_is_sent_only_when_nothing_stands_against_it(void **state)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		struct send_check row = {
			.workspace_id = 1, .id = 1000, .account_id = 1, .slot = 5, .bridge = checks[i].bridge
		};

		sending_running(state);
		db_script("DELETE FROM sends WHERE id > 1000;UPDATE campaign_counts SET recipients = 1");
		if (checks[i].single)
			db_script(
				"UPDATE sends SET campaign_id = NULL, segment = NULL, account_id = 1, next_attempt_at = now()");
		db_script(checks[i].change);
		done(store_sends_check(db.pg, &row, 1, db.arena, &db.err));
		if (row.verdict != checks[i].verdict)
			fail_msg("%s: %d", checks[i].name, row.verdict);
		if (!checks[i].row)
			continue;
		assert_text("SELECT concat_ws(' ', status, error_code) FROM sends", checks[i].row);
		if (checks[i].verdict == SEND_ENDED && !checks[i].single)
			assert_int_equal(db_i64(MISCOUNTED), 0);
	}
}

#define CONVERSATION(account, contact) \
	"INSERT INTO conversations (workspace_id, account_id, contact_id) VALUES (1, " account ", " contact ");"

/* Of a bridge, whose warm-up counts conversations of campaigns. */
static void a_recipient_without_a_conversation_begins_one(void **state)
{
	static const struct {
		const char *name, *change;
		bool bridge, single, begins;
	} cases[] = {
		{ "a contact that the account never talked to", "", true, false, true },
		{ "one that it talked to", CONVERSATION("1", "10"), true, false, false },
		{ "one that another account talked to", CONVERSATION("2", "10"), true, false, true },
		{ "one that was merged into another",
			CONVERSATION("1", "12") "UPDATE contacts SET merged_into = 12 WHERE id = 10", true, false,
			false },
		{ "an imported address that has become a contact",
			CONVERSATION("1", "10") "UPDATE sends SET contact_id = NULL", true, false, false },
		{ "an imported address that is none",
			"UPDATE sends SET contact_id = NULL, address = '62999' WHERE id = 1000", true, false, true },
		{ "Meta has no warm-up", "", false, false, false },
		{ "nor have single messages", "", true, true, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct send_check row = {
			.workspace_id = 1, .id = 1000, .account_id = 1, .slot = 5, .bridge = cases[i].bridge
		};

		sending_running(state);
		if (cases[i].single)
			db_script(
				"UPDATE sends SET campaign_id = NULL, segment = NULL, account_id = 1, next_attempt_at = now() WHERE id = 1000");
		db_script(cases[i].change);
		done(store_sends_check(db.pg, &row, 1, db.arena, &db.err));
		assert_int_equal(row.verdict, SEND_MAY);
		if (row.new_conversation != cases[i].begins)
			fail_msg("%s", cases[i].name);
	}
}

static void a_check_of_many_rows_judges_each(void **state)
{
	struct send_check rows[11];

	(void)state;
	db_script(
		"INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) VALUES (1, 11, 'all', now()), (1, 15, 'all', now());"
		"UPDATE sends SET status = 'skipped', error_code = 'no_address' WHERE id = 1003;"
		"INSERT INTO campaign_counts (workspace_id, campaign_id, source, slot, skipped) VALUES (1, 1, 'driver', 4, 1)");
	for (int i = 0; i < 11; i++)
		rows[i] = (struct send_check){
			.workspace_id = 1, .id = 1000 + i, .account_id = 1 + i % 2, .slot = 5 + i % 2
		};
	done(store_sends_check(db.pg, rows, 11, db.arena, &db.err));
	for (int i = 0; i < 11; i++)
		assert_int_equal(rows[i].verdict,
			i == 1 || i == 5            ? SEND_ENDED
				: i == 3 || i == 10 ? SEND_CHANGED
						    : SEND_MAY);
	assert_str(rows[5].reason, "opted_out");
	assert_int_equal(db_i64(MISCOUNTED), 0);
	assert_text(
		"SELECT string_agg(source || slot || ':' || skipped, ' ' ORDER BY source, slot) FROM campaign_counts",
		"driver3:0 driver4:1 lane6:2");
}

static void results_are_counted(void **state)
{
	struct send_result rows[] = { result_of(1000, SEND_STATUS_SENT), result_of(1001, SEND_STATUS_FAILED),
		result_of(1002, SEND_STATUS_PENDING), result_of(1003, SEND_STATUS_UNKNOWN),
		result_of(1004, SEND_STATUS_SENT) };
	struct send_result late[] = { result_of(1001, SEND_STATUS_SENT), result_of(1003, SEND_STATUS_SENT),
		result_of(1004, SEND_STATUS_UNKNOWN) };

	(void)state;
	rows[0].provider_message_id = STR("wamid.1");
	rows[1].error_code = STR("131026");
	rows[1].keep_content = true;
	rows[2].delay_ms = 60000;
	rows[3].delay_ms = 1000;
	rows[4].generation = 1; /* of a generation that does not exist */
	done(store_sends_results(db.pg, rows, 5, &db.err));
	for (int i = 0; i < 5; i++)
		assert_int_equal(rows[i].applied, i < 4);
	assert_send(1000,
		"concat_ws(' ', status, sent_by, provider_message_id, sent_at = updated_at, account_id, next_attempt_at, request)",
		"sent 1 wamid.1 t");
	assert_send(1001, "concat_ws(' ', status, error_code, convert_from(request, 'UTF8'), sent_at)",
		"failed 131026 x");
	assert_send(1002, "concat_ws(' ', status, account_id, next_attempt_at - updated_at, request IS NOT NULL)",
		"pending 00:01:00 t");
	assert_send(1003, "concat_ws(' ', status, account_id, next_attempt_at - updated_at, request IS NOT NULL)",
		"unknown 1 00:00:01 t");
	assert_send(1004, "status", "pending");
	assert_int_equal(db_i64(MISCOUNTED), 0);

	done(store_sends_results(db.pg, late, 3, &db.err)); /* a result stays; an unknown row gets its own */
	assert_true(!late[0].applied && late[1].applied && late[2].applied);
	assert_send(1003, "concat_ws(' ', status, resolved_by, next_attempt_at)", "sent answer");
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

static void an_unknown_row_stays_unknown_by_policy_until_its_result_comes(void **state)
{
	const struct send_id id = { 1, 1000, 0 };
	struct send_result unknown = result_of(1000, SEND_STATUS_UNKNOWN), again = unknown,
			   failed = result_of(1000, SEND_STATUS_FAILED);

	(void)state;
	done(store_sends_results(db.pg, &unknown, 1, &db.err));
	done(store_sends_results(db.pg, &again, 1, &db.err));
	assert_false(again.applied);
	done(store_sends_assume(db.pg, &id, 1, &db.err));
	assert_send(1000, "concat_ws(' ', status, resolved_by, next_attempt_at, request)", "unknown policy");
	assert_int_equal(db_i64(MISCOUNTED), 0);
	failed.resolved_by = "lookup";
	done(store_sends_results(db.pg, &failed, 1, &db.err));
	assert_send(1000, "concat_ws(' ', status, resolved_by)", "failed lookup");
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

static void unknown_messages_are_counted_by_partition(void **state)
{
	static const int32_t all[] = { 5, 6 }, none[] = { 7 };
	struct send_unknown_count count;

	(void)state;
	db_script(
		"INSERT INTO send_lanes (workspace_id, account_id, partition) VALUES (1, 1, 5), (1, 2, 6) ON CONFLICT DO NOTHING;"
		"UPDATE send_lanes SET partition = 4 + account_id WHERE workspace_id = 1;"
		"UPDATE sends SET status = 'unknown', account_id = 1, next_attempt_at = now() - interval '1 hour' WHERE id = 1000;"
		"UPDATE sends SET status = 'unknown', account_id = 2, next_attempt_at = now() WHERE id = 1001");
	done(store_sends_count_unknown(db.pg, all, 2, 60000, &count, &db.err));
	assert_int_equal(count.unknown, 2);
	assert_int_equal(count.overdue, 1);
	done(store_sends_count_unknown(db.pg, none, 1, 60000, &count, &db.err));
	assert_int_equal(count.unknown, 0);
}

static void a_row_is_postponed_without_another_change(void **state)
{
	const struct send_id ids[] = { { 1, 1000, 60000 }, { 1, 1001, 60000 } };

	(void)state;
	db_script("UPDATE sends SET status = 'unknown', account_id = 1, next_attempt_at = now() WHERE id = 1000;"
		  "UPDATE sends SET status = 'sent' WHERE id = 1001");
	done(store_sends_postpone(db.pg, ids, 2, &db.err));
	assert_send(1000, "concat_ws(' ', status, round(extract(epoch FROM next_attempt_at - now())))", "unknown 60");
	assert_send(1001, "concat_ws(' ', status, next_attempt_at)", "sent");
}

struct recovered_list {
	struct send_recovered rows[5];
	size_t n;
};

static void recovered_add(void *ctx, const struct send_recovered *row)
{
	struct recovered_list *list = ctx;

	list->rows[list->n++] = *row;
}

static void what_a_former_owner_had_in_flight_is_unknown(void **state)
{
	static const struct send_lost lost[] = { { 1, 1000, 1, 5, true }, { 1, 1001, 2, 6, false },
		{ 1, 1002, 1, 5, true }, { 1, 1003, 2, 6, true }, { 1, 1004, 1, 5, true } };
	struct recovered_list unknown = { 0 };

	(void)state;
	db_script(
		"UPDATE sends SET campaign_id = NULL, segment = NULL, kind = 'read' WHERE id = 1002;"
		"UPDATE campaign_counts SET recipients = 9, sent = 1;UPDATE sends SET status = 'sent' WHERE id = 1003;"
		"UPDATE sends SET status = 'unknown', account_id = 1, next_attempt_at = '2026-01-01Z' WHERE id = 1004;"
		"INSERT INTO campaign_counts (workspace_id, campaign_id, source, slot, unknown) VALUES (1, 1, 'lane', 5, 1)");
	done(store_sends_recover(db.pg, lost, 5, 1000, db.arena, recovered_add, &unknown, &db.err));
	assert_int_equal(unknown.n, 1); /* the others are due again, or had ended */
	assert_int_equal(unknown.rows[0].place, 0);
	assert_int_equal(unknown.rows[0].id, 1000);
	assert_int_equal(unknown.rows[0].campaign_id, 1);
	assert_true(unknown.rows[0].address.n > 0);
	assert_send(1000, "concat_ws(' ', status, account_id, next_attempt_at - updated_at, attempt, sent_by)",
		"unknown 1 00:00:01 1 1");
	assert_send(1001, "concat_ws(' ', status, account_id, next_attempt_at <= now(), attempt, sent_by)",
		"pending t 0");
	assert_send(1002, "concat_ws(' ', status, next_attempt_at <= now())", "pending t");
	assert_send(1003, "status", "sent");
	assert_send(1004, "concat_ws(' ', status, next_attempt_at = '2026-01-01Z')", "unknown t");
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

#define HOT_UPDATES "SELECT pg_stat_get_xact_tuples_hot_updated('sends'::regclass)"

static void the_first_result_of_a_recipient_touches_no_index(void **state)
{
	struct send_result rows[10];
	int64_t before;

	(void)state;
	for (int i = 0; i < 10; i++) {
		rows[i] = result_of(1000 + i, SEND_STATUS_SENT);
		rows[i].provider_message_id = STR("wamid.HBgNNjI4MTEyMzQ1Njc4ORUCABEYEjNBRkY1");
	}
	done(pg_begin(db.pg, &db.err));
	before = query_i64(db.pg, HOT_UPDATES);
	done(store_sends_results(db.pg, rows, 10, &db.err));
	assert_int_equal(query_i64(db.pg, HOT_UPDATES) - before, 10);
	done(pg_commit(db.pg, &db.err));
}

static void another_replica_hears_that_a_row_is_due(void **state)
{
	const struct uuid account = uuid_of("00000000-0000-4000-8000-000000000011");
	struct pg *listener = db_session(SENDER);
	struct str channel, payload;

	(void)state;
	done(pg_listen(listener, "blazz_sending", &db.err));
	done(store_sends_notify(db.pg, &account, 1, &db.err));
	execute(listener, "SELECT 1");
	assert_int_equal(pg_notification(listener, &channel, &payload, &db.err), 1);
	assert_str(payload, "due:00000000-0000-4000-8000-000000000011");
	pg_close(&listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_read_as_they_are_written),
		cmocka_unit_test(sql_writes_the_same_id),
		cmocka_unit_test_setup(a_request_is_stored_once, db_empty),
		cmocka_unit_test_setup(the_same_request_of_another_workspace_is_another_message, db_empty),
		cmocka_unit_test_setup(a_message_that_cannot_be_sent_is_stored_as_failed, db_empty),
		cmocka_unit_test_setup(messages_to_one_address_are_due_one_at_a_time, db_empty),
		cmocka_unit_test_setup(a_message_does_not_wait_for_a_request_that_had_been_sent_before, db_empty),
		cmocka_unit_test_setup(a_message_that_moves_to_another_account_waits_there_for_its_turn, db_empty),
		cmocka_unit_test_setup(an_older_message_that_moves_to_another_account_waits_there_too, db_empty),
		cmocka_unit_test_setup(a_message_behind_one_that_a_status_ended_is_found_by_the_sweep, db_empty),
		cmocka_unit_test_setup(a_message_is_not_left_waiting_by_a_result_at_the_same_time, db_empty),
		cmocka_unit_test_setup(a_result_waits_for_a_message_that_is_taken_in_at_the_same_time, db_empty),
		cmocka_unit_test_setup(due_rows_are_fetched_in_order_without_those_known, db_empty),
		cmocka_unit_test_setup(a_segment_is_read_from_its_cursor_on, sending_running),
		cmocka_unit_test_setup(retries_of_a_paused_campaign_do_not_delay_others, sending_running),
		cmocka_unit_test_setup(an_unknown_recipient_that_was_not_sent_reopens_its_segment, sending_running),
		cmocka_unit_test(the_result_of_an_erased_row_has_nothing_that_the_provider_said),
		cmocka_unit_test_setup(a_row_that_had_a_result_says_that_it_was_erased, sending_running),
		cmocka_unit_test_setup(an_echo_finds_unknown_messages_to_its_address, sending_running),
		cmocka_unit_test_setup(an_echo_finds_messages_in_flight_to_its_address, sending_running),
		cmocka_unit_test(a_row_is_sent_only_when_nothing_stands_against_it),
		cmocka_unit_test_setup(a_check_of_many_rows_judges_each, sending_running),
		cmocka_unit_test_setup(a_recipient_without_a_conversation_begins_one, sending_running),
		cmocka_unit_test_setup(results_are_counted, sending_running),
		cmocka_unit_test_setup(an_unknown_row_stays_unknown_by_policy_until_its_result_comes, sending_running),
		cmocka_unit_test_setup(unknown_messages_are_counted_by_partition, sending_running),
		cmocka_unit_test_setup(a_row_is_postponed_without_another_change, sending_running),
		cmocka_unit_test_setup(what_a_former_owner_had_in_flight_is_unknown, sending_running),
		cmocka_unit_test_setup(the_first_result_of_a_recipient_touches_no_index, sending_running),
		cmocka_unit_test_setup(another_replica_hears_that_a_row_is_due, db_empty),
	};

	return cmocka_run_group_tests(tests, sending_start, db_stop);
}
