/* Syncs only ever add bits and ends, and are complete when every chat is accounted for; templates; users. */
#include "unit.h"

#include "db.h"
#include "store/syncs.h"

static int fresh(void **state)
{
	db_empty(state);
	execute(db.admin, "UPDATE whatsapp_accounts SET sync = '{}', updated_at = now()");
	return 0;
}

static struct sync_batch_row bits(int32_t index, uint64_t synced, uint64_t skipped)
{
	return (struct sync_batch_row){ .workspace_id = 1,
		.account_id = 1,
		.sync_id = STR("s"),
		.index = index,
		.synced_mask = synced,
		.skipped_mask = skipped };
}

static struct sync_batch_row end(int32_t index, int32_t chats, int32_t total, bool last)
{
	struct sync_batch_row r = bits(index, 0, 0);

	r.ended = true;
	r.chats = chats;
	r.total = total;
	r.last = last;
	return r;
}

static bool store(struct sync_batch_row row)
{
	done(store_sync_batches(db.pg, &row, 1, &db.err));
	return row.changed;
}

static struct sync_state state_of(const char *sync_id)
{
	struct sync_state s = { .workspace_id = 1, .account_id = 1, .sync_id = str_of(sync_id) };

	done(store_sync_states_read(db.pg, &s, 1, &db.err));
	return s;
}

static void only_a_new_value_is_a_change(void **state)
{
	struct sync_batch_row e = end(0, 2, 1, false);

	(void)state;
	e.rejected = 1;
	assert_true(store(bits(0, 0x1, 0)));
	assert_false(store(bits(0, 0x1, 0)));
	assert_true(store(bits(0, 0, 0x2)));
	assert_false(store(bits(0, 0x1, 0x2)));
	assert_true(store(e));
	assert_false(store(e));
	assert_true(store(bits(0, UINT64_C(1) << 49, 0)));
	assert_false(store(bits(1, 0, 0)));
	assert_text(
		"SELECT concat_ws(' ', synced_mask, skipped_mask, chats, rejected, total, last, ended_at IS NOT NULL) FROM account_syncs"
		" WHERE index = 0",
		"562949953421313 2 2 1 1 f t");
}

static void each_sync_of_a_batch_reports_whether_it_changed(void **state)
{
	struct sync_batch_row rows[] = { bits(2, 1, 0), bits(0, 1, 0), bits(1, 1, 0) };

	(void)state;
	assert_true(store(bits(0, 1, 0)));
	done(store_sync_batches(db.pg, rows, 3, &db.err));
	assert_true(rows[0].changed);
	assert_false(rows[1].changed);
	assert_true(rows[2].changed);
}

static void a_sync_is_complete_when_all_ended_and_every_chat_is_accounted_for(void **state)
{
	static const struct {
		const char *name;
		struct {
			int32_t index;
			uint64_t synced, skipped;
			bool ended;
			int32_t chats, total;
			bool last;
		} batches[3];
		bool complete;
		int32_t total;
	} cases[] = {
		{ "nothing came", { { 0 } }, false, 0 },
		{ "one batch, all there", { { 0, 0x3, 0x4, true, 3, 1, false } }, true, 1 },
		{ "one chat is missing", { { 0, 0x3, 0, true, 3, 1, false } }, false, 1 },
		{ "more than was said", { { 0, 0x7, 0, true, 2, 1, false } }, true, 1 },
		{ "no chats at all", { { 0, 0, 0, true, 0, 1, false } }, true, 1 },
		{ "the end did not come", { { 0, 0x3, 0, false, 0, 0, false } }, false, 0 },
		{ "nobody said how many", { { 0, 0x1, 0, true, 1, 0, false } }, false, 0 },
		{ "the last one tells", { { 0, 0x1, 0, true, 1, 0, false }, { 1, 0x1, 0, true, 1, 0, true } }, true,
			2 },
		{ "the last came before the first", { { 1, 0x1, 0, true, 1, 0, true } }, false, 2 },
		{ "one of two", { { 1, 0x1, 0, true, 1, 2, false } }, false, 2 },
		{ "an index beyond the total does not count",
			{ { 0, 0x1, 0, true, 1, 2, false }, { 5, 0x1, 0, true, 1, 2, false } }, false, 2 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sync_state s;

		fresh(state);
		for (size_t b = 0; b < 3; b++) {
			struct sync_batch_row r = bits(cases[i].batches[b].index, cases[i].batches[b].synced,
				cases[i].batches[b].skipped);

			r.ended = cases[i].batches[b].ended;
			r.chats = cases[i].batches[b].chats;
			r.total = cases[i].batches[b].total;
			r.last = cases[i].batches[b].last;
			if (r.ended || r.synced_mask)
				store(r);
		}
		s = state_of("s");
		if (s.complete != cases[i].complete || s.total != cases[i].total)
			fail_msg("%s: complete %d, total %d", cases[i].name, s.complete, s.total);
	}
}

static void a_state_sums_up_its_batches(void **state)
{
	struct sync_batch_row e = end(0, 4, 2, false);
	struct sync_state s;

	(void)state;
	e.rejected = 3;
	store(bits(0, 0x3, 0x6));
	store(e);
	store(bits(1, 0xff, 0));
	s = state_of("s");
	assert_int_equal(s.synced, 10);
	assert_int_equal(s.skipped, 1); /* what was synced after all is not skipped */
	assert_int_equal(s.rejected, 3);
	assert_int_equal(s.expected, 4);
	assert_int_equal(s.batches_ended, 1);
	assert_int_equal(s.total, 2);
	assert_true(s.started_us != PG_NO_TIME && s.last_us >= s.started_us);
	s = state_of("another");
	assert_int_equal(s.synced, 0);
	assert_true(s.started_us == PG_NO_TIME);
}

static void keep_id(void *ctx, int64_t workspace_id, int64_t account_id)
{
	(void)workspace_id;
	*(int64_t *)ctx = account_id;
}

/* How many syncs failed; the first is "s" unless there are more. */
static size_t fail_stale(int64_t idle_ms)
{
	struct stale_sync *stale;
	size_t n;

	done(store_syncs_fail_stale(db.pg, idle_ms, db.arena, &stale, &n, &db.err));
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(stale[i].state.account_id, 1);
		assert_int_equal(stale[i].provider, PROVIDER_WEBJS);
		assert_false(uuid_is_nil(&stale[i].workspace) || uuid_is_nil(&stale[i].account));
		assert_int_equal(stale[i].state.batches, 1);
	}
	return n;
}

static void a_silent_bridge_is_marked_once(void **state)
{
	int64_t silent = 0;

	(void)state;
	db_script(
		"UPDATE whatsapp_accounts SET status = 'connected', provider_type = 'webjs', bridge_kind = 'waha', sync = '{}',"
		" last_activity_at = now() - interval '7 hours' WHERE id = 1");
	done(store_accounts_mark_silent(db.pg, 8 * 3600000, keep_id, &silent, &db.err));
	assert_int_equal(silent, 0);
	done(store_accounts_mark_silent(db.pg, 6 * 3600000, keep_id, &silent, &db.err));
	assert_int_equal(silent, 1);
	silent = 0;
	done(store_accounts_mark_silent(db.pg, 6 * 3600000, keep_id, &silent, &db.err));
	assert_int_equal(silent, 0);
}

static void an_account_with_a_gap_is_marked_for_a_new_sync(void **state)
{
	const int64_t workspaces[] = { 1 }, accounts[] = { 1 };

	(void)state;
	db_script("UPDATE whatsapp_accounts SET sync = '{}' WHERE id = 1");
	done(store_accounts_mark_gap(db.pg, workspaces, accounts, 1, &db.err));
	assert_int_equal(
		db_i64("SELECT count(*) FROM whatsapp_accounts WHERE id = 1 AND sync ->> 'resync_reason' = 'gap'"), 1);
}

static void each_open_sync_without_progress_fails_once(void **state)
{
	struct sync_batch_row other = bits(0, 1, 0), through = bits(0, 1, 0);
	struct sync_state done_with = { .workspace_id = 1, .account_id = 1, .sync_id = STR("through") };

	(void)state;
	other.sync_id = STR("other");
	through.sync_id = STR("through");
	store(bits(0, 1, 0));
	store(other);
	store(through);
	done(store_syncs_close(db.pg, &done_with, 1, &db.err));
	db_script("UPDATE whatsapp_accounts SET sync = '{\"sync_id\":\"other\",\"status\":\"running\"}' WHERE id = 1");
	assert_int_equal(fail_stale(1800000), 0); /* something came just now */
	execute(db.admin, "UPDATE account_syncs SET updated_at = now() - interval '1 hour'");
	assert_int_equal(fail_stale(7200000), 0);
	assert_int_equal(fail_stale(1800000), 2);
	assert_text("SELECT sync::text FROM whatsapp_accounts WHERE id = 1",
		"{\"resync\": true, \"status\": \"failed\", \"sync_id\": \"other\", \"resync_reason\": \"stalled\"}");
	assert_int_equal(fail_stale(1800000), 0);
	store(bits(0, 2, 0)); /* it goes on after all, and stops again */
	execute(db.admin, "UPDATE account_syncs SET updated_at = now() - interval '1 hour'");
	assert_int_equal(fail_stale(1800000), 1);
}

static void a_failed_sync_that_is_not_shown_leaves_the_status(void **state)
{
	(void)state;
	store(bits(0, 1, 0));
	db_script(
		"UPDATE whatsapp_accounts SET sync = '{\"sync_id\":\"shown\",\"status\":\"completed\"}' WHERE id = 1");
	execute(db.admin, "UPDATE account_syncs SET updated_at = now() - interval '1 hour'");
	assert_int_equal(fail_stale(1800000), 1);
	assert_text(
		"SELECT concat_ws(' ', sync ->> 'status', sync ->> 'resync_reason') FROM whatsapp_accounts WHERE id = 1",
		"completed stalled");
}

static void the_latest_syncs_of_an_account_are_kept(void **state)
{
	(void)state;
	execute(db.admin,
		"INSERT INTO account_syncs (workspace_id, account_id, sync_id, index, updated_at) SELECT 1, 1, 'sync ' || n, 0,"
		" now() - n * interval '1 second' FROM generate_series(1, 10100) n");
	store(bits(0, 1, 0));
	done(store_syncs_trim(db.pg, &(struct sync_state){ .workspace_id = 1, .account_id = 1 }, 1, &db.err));
	assert_int_equal(db_i64("SELECT count(*) FROM account_syncs"), SYNCS_KEPT);
	assert_int_equal(db_i64("SELECT count(*) FROM account_syncs WHERE sync_id IN ('sync 9999', 'sync 1')"), 2);
}

static void a_stalled_history_is_marked_once(void **state)
{
	int64_t stalled = 0;

	(void)state;
	db_script(
		"UPDATE whatsapp_accounts SET sync = jsonb_build_object('history', jsonb_build_object('progress', 55, 'open', true, 'at',"
		" (extract(epoch FROM now()) * 1000)::bigint - 90000000)) WHERE id = 1");
	done(store_accounts_mark_history(db.pg, 100000000, keep_id, &stalled, &db.err));
	assert_int_equal(stalled, 0);
	done(store_accounts_mark_history(db.pg, 86400000, keep_id, &stalled, &db.err));
	assert_int_equal(stalled, 1);
	assert_text(
		"SELECT concat_ws(' ', sync ->> 'resync', sync ->> 'resync_reason') FROM whatsapp_accounts WHERE id = 1",
		"true history");
	stalled = 0;
	done(store_accounts_mark_history(db.pg, 86400000, keep_id, &stalled, &db.err));
	assert_int_equal(stalled, 0);
}

static void templates_keep_the_newest_report(void **state)
{
	static const struct {
		const char *name, *status, *quality, *reason;
		int at;
		bool changed;
	} cases[] = {
		{ "the first", "REJECTED", NULL, "ABUSIVE", 10, true },
		{ "the same, later", "REJECTED", NULL, "ABUSIVE", 20, false },
		{ "an older one", "APPROVED", NULL, NULL, 15, false },
		{ "only its quality", NULL, "GREEN", NULL, 30, true },
		{ "a newer status without a reason", "APPROVED", NULL, NULL, 40, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct template_row row = { .workspace_id = 1,
			.account_id = 1,
			.name = STR("welcome"),
			.language = STR("id"),
			.status = str_of(cases[i].status),
			.quality = str_of(cases[i].quality),
			.reason = str_of(cases[i].reason),
			.at_us = AT(cases[i].at),
			.changed = !cases[i].changed };

		done(store_templates(db.pg, &row, 1, &db.err));
		if (row.changed != cases[i].changed)
			fail_msg("%s", cases[i].name);
	}
	assert_text("SELECT concat_ws(' ', name, language, status, quality, coalesce(reason, '-')) FROM templates",
		"welcome id APPROVED GREEN -");
}

static void components_of_a_template_stay_until_a_newer_report_has_others(void **state)
{
	static const struct {
		const char *name, *components;
		int at;
		const char *stored;
	} cases[] = {
		{ "none yet", NULL, 10, NULL },
		{ "the first", "[{\"type\":\"BODY\"}]", 20, "[{\"type\": \"BODY\"}]" },
		{ "a report without them", NULL, 30, "[{\"type\": \"BODY\"}]" },
		{ "an older report", "[]", 25, "[{\"type\": \"BODY\"}]" },
		{ "a newer one", "[{\"type\":\"FOOTER\"}]", 40, "[{\"type\": \"FOOTER\"}]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct template_row row = { .workspace_id = 1,
			.account_id = 1,
			.name = STR("welcome"),
			.language = STR("id"),
			.status = STR("APPROVED"),
			.components = str_of(cases[i].components),
			.at_us = AT(cases[i].at) };

		done(store_templates(db.pg, &row, 1, &db.err));
		if (row.changed != (i == 0))
			fail_msg("%s: changed", cases[i].name);
		assert_text("SELECT coalesce(components::text, 'none') FROM templates",
			cases[i].stored ? cases[i].stored : "none");
	}
}

static void reports_of_one_template_in_one_batch_apply_in_order(void **state)
{
	struct template_row rows[] = {
		{ .workspace_id = 1, .account_id = 1, .name = STR("a"), .status = STR("PENDING"), .at_us = AT(1) },
		{ .workspace_id = 1, .account_id = 1, .name = STR("b"), .status = STR("PENDING"), .at_us = AT(1) },
		{ .workspace_id = 1, .account_id = 1, .name = STR("a"), .quality = STR("RED"), .at_us = AT(2) },
	};

	(void)state;
	done(store_templates(db.pg, rows, 3, &db.err));
	assert_true(rows[0].changed && rows[1].changed && rows[2].changed);
	assert_text("SELECT string_agg(concat_ws(' ', name, status, quality), ', ' ORDER BY name) FROM templates",
		"a PENDING RED, b PENDING");
}

static void users_are_found_in_their_workspace_only(void **state)
{
	const struct uuid ann = uuid_of("00000000-0000-4000-8000-0000000000a1"), nobody = { { 1 } };
	const struct uuid ids[] = { nobody, ann, ann };
	const int64_t workspaces[] = { 1, 2, 1 };
	int64_t out[] = { 9, 9, 9 };

	(void)state;
	done(store_users_find(db.pg, workspaces, ids, 3, out, &db.err));
	assert_int_equal(out[0], 0);
	assert_int_equal(out[1], 0);
	assert_int_equal(out[2], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(only_a_new_value_is_a_change, fresh),
		cmocka_unit_test_setup(each_sync_of_a_batch_reports_whether_it_changed, fresh),
		cmocka_unit_test_setup(a_sync_is_complete_when_all_ended_and_every_chat_is_accounted_for, fresh),
		cmocka_unit_test_setup(a_state_sums_up_its_batches, fresh),
		cmocka_unit_test_setup(a_silent_bridge_is_marked_once, fresh),
		cmocka_unit_test_setup(an_account_with_a_gap_is_marked_for_a_new_sync, fresh),
		cmocka_unit_test_setup(each_open_sync_without_progress_fails_once, fresh),
		cmocka_unit_test_setup(a_failed_sync_that_is_not_shown_leaves_the_status, fresh),
		cmocka_unit_test_setup(the_latest_syncs_of_an_account_are_kept, fresh),
		cmocka_unit_test_setup(a_stalled_history_is_marked_once, fresh),
		cmocka_unit_test_setup(templates_keep_the_newest_report, fresh),
		cmocka_unit_test_setup(components_of_a_template_stay_until_a_newer_report_has_others, fresh),
		cmocka_unit_test_setup(reports_of_one_template_in_one_batch_apply_in_order, fresh),
		cmocka_unit_test_setup(users_are_found_in_their_workspace_only, fresh),
	};

	return cmocka_run_group_tests(tests, db_start, db_stop);
}
