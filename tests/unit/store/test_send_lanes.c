/* Lanes, limits, attempts and settings of sending. */
#include "unit.h"

#include "sending.h"
#include "store/send_attempts.h"
#include "store/send_lanes.h"
#include "store/sending_settings.h"

static struct send_lane lanes[4];
static size_t n_lanes;

static void lane_keep(void *ctx, const struct send_lane *lane)
{
	(void)ctx;
	assert_true(n_lanes < 4);
	lanes[n_lanes++] = *lane;
}

static void lanes_read(int32_t partition)
{
	n_lanes = 0;
	done(store_send_lanes_read(db.pg, &partition, 1, db.arena, lane_keep, NULL, &db.err));
}

static const struct send_lane_key keys[] = { { 1, 2, 5 }, { 1, 1, 5 }, { 1, 2, 5 }, { 2, 3, 6 } };

static int lanes_lock(struct pg *pg, void *ctx, struct err *err)
{
	(void)ctx;
	return store_send_lanes_lock(pg, keys, 4, err);
}

static void a_lane_is_added_once_and_read_by_its_partition(void **state)
{
	(void)state;
	done(lanes_lock(db.pg, NULL, &db.err));
	done(lanes_lock(db.pg, NULL, &db.err));
	lanes_read(5);
	assert_int_equal(n_lanes, 2);
	assert_int_equal(lanes[0].account_id, 1);
	assert_int_equal(lanes[0].n_in_flight, 0);
	assert_int_equal(lanes[0].minute_us, 0);
	assert_int_equal(lanes[0].hour.minute, 0);
	assert_int_equal(lanes[0].run_left, -1);
	assert_int_equal(lanes[0].day, 0);
	assert_true(lanes[0].next_us == PG_NO_TIME && lanes[0].held_at_us == PG_NO_TIME && !lanes[0].held_code.p);
	lanes_read(6);
	assert_int_equal(n_lanes, 1);
}

static void a_lane_is_read_as_it_was_written(void **state)
{
	static int64_t ids[SEND_LANE_IN_FLIGHT_MAX];
	struct send_lane lane = { .workspace_id = 1,
		.account_id = 1,
		.in_flight = ids,
		.n_in_flight = SEND_LANE_IN_FLIGHT_MAX,
		.minute_us = AT(1) + 7,
		.hour = { .minute = AT(60) / 60000000, .uses = { 3, 0, 5 } },
		.next_us = AT(3),
		.run_left = 0,
		.day = 20454,
		.day_new = 35,
		.warm_day = 2,
		.paused_until_us = AT(4),
		.attempts = 100,
		.failures = 7 };

	(void)state;
	for (int i = 0; i < SEND_LANE_IN_FLIGHT_MAX; i++)
		ids[i] = INT64_C(1000000000) + i;
	lane.hour.uses[60] = 9;
	done(lanes_lock(db.pg, NULL, &db.err));
	done(store_send_lanes_write(db.pg, &lane, 1, &db.err));
	lanes_read(5);
	assert_int_equal(lanes[0].n_in_flight, SEND_LANE_IN_FLIGHT_MAX);
	assert_memory_equal(lanes[0].in_flight, ids, sizeof(ids));
	assert_memory_equal(&lanes[0].hour, &lane.hour, sizeof(lane.hour));
	assert_int_equal(lanes[0].minute_us, lane.minute_us);
	assert_int_equal(lanes[0].next_us, lane.next_us);
	assert_int_equal(lanes[0].run_left, 0);
	assert_int_equal(lanes[0].day, 20454);
	assert_int_equal(lanes[0].day_new, 35);
	assert_int_equal(lanes[0].warm_day, 2);
	assert_int_equal(lanes[0].paused_until_us, lane.paused_until_us);
	assert_int_equal(lanes[0].attempts, 100);
	assert_int_equal(lanes[0].failures, 7);
	assert_int_equal(lanes[1].n_in_flight, 0);
}

static void the_latest_hold_counts_and_a_flush_leaves_it(void **state)
{
	struct send_hold holds[] = { { 1, 1, AT(10), 60000, STR("131048"), false },
		{ 1, 1, AT(20), -1, STR("190"), false }, { 1, 2, AT(10), 60000, STR("133004"), false },
		{ 2, 3, AT(10), 0, STR("x"), false } };
	struct send_hold older = { 1, 1, AT(15), 1000, STR("368"), false };
	struct send_lane lane;

	(void)state;
	done(store_send_lanes_lock(db.pg, keys, 2, &db.err));
	done(store_send_lanes_hold(db.pg, holds, 4, &db.err));
	assert_true(!holds[0].applied && holds[1].applied && holds[2].applied && !holds[3].applied);
	done(store_send_lanes_hold(db.pg, &older, 1, &db.err));
	assert_false(older.applied);
	lanes_read(5);
	lane = lanes[0];
	done(store_send_lanes_write(db.pg, &lane, 1, &db.err));
	lanes_read(5);
	assert_str(lanes[0].held_code, "190");
	assert_int_equal(lanes[0].held_at_us, AT(20));
	assert_true(lanes[0].held_until_us == INT64_MAX);
	assert_int_equal(lanes[1].held_until_us, AT(70));
}

static void a_shorter_hold_does_not_end_a_longer_one_that_stands(void **state)
{
	const struct {
		const char *name;
		struct send_hold first, second;
		const char *desired_at; /* of the account */
		bool replaced;
	} cases[] = {
		{ "a minute after one until released", { 1, 1, AT(10), -1, STR("190"), false },
			{ 1, 1, AT(20), 60000, STR("133004"), false }, "2025-12-01Z", false },
		{ "a minute after a day", { 1, 1, AT(10), 86400000, STR("131048"), false },
			{ 1, 1, AT(20), 60000, STR("133004"), false }, "2025-12-01Z", false },
		{ "a lost token after a locked account", { 1, 1, AT(10), -1, STR("131031"), false },
			{ 1, 1, AT(20), -1, STR("190"), false }, "2025-12-01Z", false },
		{ "one that ends at the same time", { 1, 1, AT(10), 70000, STR("131048"), false },
			{ 1, 1, AT(20), 60000, STR("133004"), false }, "2025-12-01Z", false },
		{ "once the first is over", { 1, 1, AT(10), 5000, STR("133004"), false },
			{ 1, 1, AT(20), 1000, STR("131057"), false }, "2025-12-01Z", true },
		{ "a longer one", { 1, 1, AT(10), 60000, STR("133004"), false },
			{ 1, 1, AT(20), -1, STR("190"), false }, "2025-12-01Z", true },
		{ "once the account was connected again", { 1, 1, AT(10), -1, STR("190"), false },
			{ 1, 1, AT(20), 60000, STR("133004"), false }, "2026-01-01 00:00:15Z", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct send_hold first = cases[i].first, second = cases[i].second;
		char sql[100];

		db_empty(state);
		snprintf(sql, sizeof(sql), "UPDATE whatsapp_accounts SET desired_at = '%s'", cases[i].desired_at);
		db_script(sql);
		done(store_send_lanes_lock(db.pg, keys, 2, &db.err));
		done(store_send_lanes_hold(db.pg, &first, 1, &db.err));
		done(store_send_lanes_hold(db.pg, &second, 1, &db.err));
		assert_true(first.applied);
		if (second.applied != cases[i].replaced)
			fail_msg("%s", cases[i].name);
	}
}

static void a_hold_is_notified_when_it_is_applied(void **state)
{
	struct send_hold holds[] = { { 1, 1, AT(10), 1000, STR("368"), false },
		{ 1, 1, AT(5), 1000, STR("368"), false } };
	struct pg *listener = db_session(SENDER);
	struct str channel, payload;

	(void)state;
	done(store_send_lanes_lock(db.pg, keys, 2, &db.err));
	done(pg_listen(listener, "blazz_sending", &db.err));
	for (size_t i = 0; i < 2; i++) {
		int heard;

		done(store_send_lanes_hold(db.pg, &holds[i], 1, &db.err));
		execute(listener, "SELECT 1");
		heard = pg_notification(listener, &channel, &payload, &db.err);
		assert_int_equal(heard, i == 0);
		assert_true(i > 0 || str_is(payload, "account:00000000-0000-4000-8000-000000000011"));
	}
	pg_close(&listener);
}

static void locked_lanes_wait_for_each_other(void **state)
{
	struct other other = { .role = SENDER, .act = lanes_lock };

	(void)state;
	done(lanes_lock(db.pg, NULL, &db.err));
	done(pg_begin(db.pg, &db.err));
	done(lanes_lock(db.pg, NULL, &db.err));
	other_start(&other);
	done(pg_commit(db.pg, &db.err));
	other_end(&other);
}

static void a_portfolio_counts_the_last_24_hours(void **state)
{
	const struct portfolio_use uses[] = { { 1, STR("b1"), 5, 10 }, { 1, STR("b1"), 5, 1 }, { 1, STR("b1"), 6, 5 },
		{ 1, STR("b2"), 5, 100 } };
	int64_t sends = -1, again_us = 0;

	(void)state;
	done(store_portfolio_add(db.pg, uses, 4, &db.err));
	done(store_portfolio_add(db.pg, uses, 1, &db.err));
	done(store_portfolio_read(db.pg, 1, STR("b1"), &sends, &again_us, &db.err));
	assert_int_equal(sends, 26);
	assert_true(again_us > clock_now_ms() * 1000 + INT64_C(23) * 3600 * 1000000);
	db_script("UPDATE portfolio_hours SET hour = hour - interval '26 hours' WHERE slot = 5");
	done(store_portfolio_read(db.pg, 1, STR("b1"), &sends, &again_us, &db.err));
	assert_int_equal(sends, 5);
	done(store_portfolio_read(db.pg, 2, STR("b1"), &sends, &again_us, &db.err));
	assert_int_equal(sends, 0);
	assert_true(again_us == PG_NO_TIME);
	db_script("UPDATE portfolio_hours SET hour = hour - interval '26 hours' WHERE slot = 5");
	done(store_send_limits_expire(db.pg, 1000, &db.err));
	assert_int_equal(db_i64("SELECT count(*) FROM portfolio_hours"), 1);
}

static void the_latest_report_of_an_unreachable_address_counts(void **state)
{
	const struct undeliverable_row rows[] = { { 1, STR("62811"), STR("131026"), AT(10) },
		{ 1, STR("62811"), STR("x"), AT(5) } };

	(void)state;
	done(store_undeliverable(db.pg, rows, 2, &db.err));
	done(store_undeliverable(db.pg, &rows[1], 1, &db.err));
	assert_text("SELECT code FROM undeliverable", "131026");
	db_script("UPDATE undeliverable SET since = now() - interval '31 days'");
	done(store_send_limits_expire(db.pg, 1000, &db.err));
	assert_int_equal(db_i64("SELECT count(*) FROM undeliverable"), 0);
}

static void an_attempt_is_kept_whatever_the_clock_says(void **state)
{
	const struct send_attempt_row rows[] = { { 1, 7, 1, 0, 2, "unknown", 0, STR_NONE, 0, -1, STR("x") },
		{ 1, 7, 1, 0, 1, "decided", 400, STR("131000"), INT64_MAX / 2, 1500, STR("{}") } };

	(void)state;
	done(store_send_attempts_maintain(db.pg, 2, 30, &db.err));
	done(store_send_attempts(db.pg, rows, 2, &db.err));
	assert_text(
		"SELECT string_agg(concat_ws(' ', attempt, class, status, code, total_us), ', ' ORDER BY at) FROM send_attempts"
		" WHERE at BETWEEN now() - interval '25 hours' AND now()",
		"2 unknown, 1 decided 400 131000 1500");
}

static void settings_of_another_type_count_as_not_set(void **state)
{
	static const struct {
		const char *settings;
		int64_t per_day;
		const char *out, *in;
	} cases[] = {
		{ "{}", 0, "", "" },
		{ "{\"sending\": []}", 0, "", "" },
		{ "{\"sending\": {\"portfolio_per_day\": \"7\", \"opt_out_words\": \"stop\", \"opt_in_words\": {}}}", 0,
			"", "" },
		{ "{\"sending\": {\"portfolio_per_day\": 2000.5, \"opt_out_words\": [\" Stop \", \"\", \"BERHENTI, ya\"], \"opt_in_words\": [\"start\"]}}",
			2000, "stop|berhenti, ya|", "start|" },
		{ "{\"sending\": {\"portfolio_per_day\": -5}}", 0, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sending_settings s;
		char sql[400], out[100] = "", in[100] = "";
		int rc;

		snprintf(sql, sizeof(sql), "UPDATE workspaces SET settings = '%s' WHERE id = 2", cases[i].settings);
		execute(db.admin, sql);
		rc = store_sending_settings(db.pg, 2, db.arena, &s, &db.err);
		assert_int_equal(rc, 1);
		for (size_t k = 0; k < s.n_opt_out_words; k++)
			snprintf(out + strlen(out), sizeof(out) - strlen(out), "%.*s|", STR_ARG(s.opt_out_words[k]));
		for (size_t k = 0; k < s.n_opt_in_words; k++)
			snprintf(in + strlen(in), sizeof(in) - strlen(in), "%.*s|", STR_ARG(s.opt_in_words[k]));
		assert_int_equal(s.portfolio_per_day, cases[i].per_day);
		assert_true(s.workspace.b[15] == 2);
		assert_string_equal(out, cases[i].out);
		assert_string_equal(in, cases[i].in);
	}
	execute(db.admin, "UPDATE workspaces SET settings = '{}' WHERE id = 2");
}

static void nothing_is_sent_until_a_restore_is_accepted(void **state)
{
	int64_t accepted_us;

	(void)state;
	assert_int_equal(store_restore_pending(db.pg, &accepted_us, &db.err), 0);
	assert_true(accepted_us == PG_NO_TIME);
	db_script("INSERT INTO restores (accepted_at) VALUES ('2026-01-01Z'), (NULL)");
	assert_int_equal(store_restore_pending(db.pg, &accepted_us, &db.err), 1);
	db_script("UPDATE restores SET accepted_at = '2026-01-02Z' WHERE accepted_at IS NULL");
	assert_int_equal(store_restore_pending(db.pg, &accepted_us, &db.err), 0);
	assert_true(accepted_us == AT(86400));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_lane_is_added_once_and_read_by_its_partition, db_empty),
		cmocka_unit_test_setup(a_lane_is_read_as_it_was_written, db_empty),
		cmocka_unit_test_setup(the_latest_hold_counts_and_a_flush_leaves_it, db_empty),
		cmocka_unit_test_setup(a_shorter_hold_does_not_end_a_longer_one_that_stands, db_empty),
		cmocka_unit_test_setup(a_hold_is_notified_when_it_is_applied, db_empty),
		cmocka_unit_test_setup(locked_lanes_wait_for_each_other, db_empty),
		cmocka_unit_test_setup(a_portfolio_counts_the_last_24_hours, db_empty),
		cmocka_unit_test_setup(the_latest_report_of_an_unreachable_address_counts, db_empty),
		cmocka_unit_test_setup(an_attempt_is_kept_whatever_the_clock_says, db_empty),
		cmocka_unit_test_setup(settings_of_another_type_count_as_not_set, db_empty),
		cmocka_unit_test_setup(nothing_is_sent_until_a_restore_is_accepted, db_empty),
	};

	return cmocka_run_group_tests(tests, sending_start, db_stop);
}
