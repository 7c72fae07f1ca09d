/* Accounts are read with their settings, and only what they report is written. */
#include "unit.h"

#include "db.h"
#include "store/accounts.h"

struct loaded {
	struct account_row rows[4];
	size_t n;
};

static void keep(void *ctx, const struct account_row *row)
{
	struct loaded *l = ctx;

	l->rows[l->n++] = *row;
}

static struct loaded load_one(const char *uuid)
{
	struct uuid id = uuid_of(uuid);
	struct loaded l = { .n = 0 };

	done(store_accounts_load(db.pg, &id, 1, db.arena, keep, &l, &db.err));
	return l;
}

#define FIRST  "00000000-0000-4000-8000-000000000011"
#define SECOND "00000000-0000-4000-8000-000000000012"

static int fresh(void **state)
{
	db_empty(state);
	db_script(
		"UPDATE workspaces SET deleted_at = NULL, settings = '{\"default_region\":\"ID\",\"sync\":{\"max_chats\":20}}';"
		"UPDATE whatsapp_accounts SET deleted_at = NULL, notices = '{}', sync = '{}', last_activity_at = NULL,"
		" status = 'disconnected', desired_state = 'connected', disconnect_count = 0, reported_phone = NULL");
	return 0;
}

static void live_accounts_come_with_their_settings(void **state)
{
	struct loaded l = load_one(FIRST);
	struct uuid workspace = uuid_of("00000000-0000-4000-8000-000000000001");

	(void)state;
	assert_int_equal(l.n, 1);
	assert_int_equal(l.rows[0].workspace_id, 1);
	assert_int_equal(l.rows[0].id, 1);
	assert_true(uuid_eq(&l.rows[0].workspace, &workspace));
	assert_int_equal(l.rows[0].provider, PROVIDER_WEBJS);
	assert_int_equal(l.rows[0].bridge, BRIDGE_WAHA);
	assert_string_equal(l.rows[0].region, "ID");
	assert_true(l.rows[0].sync_enabled);
	assert_int_equal(l.rows[0].sync_max_chats, 20);
	assert_int_equal(l.rows[0].sync_window_days, 30);
	assert_str(l.rows[0].status, "disconnected");
	assert_true(l.rows[0].first_connected_us == PG_NO_TIME);
	assert_str(l.rows[0].sync, "{}");
	assert_false(l.rows[0].has_parked);
}

static void settings_of_any_shape_are_read(void **state)
{
	static const struct {
		const char *settings, *region;
		bool enabled;
		int32_t max_chats, window_days;
	} cases[] = {
		{ "{}", "", true, 500, 30 },
		{ "{\"default_region\":\"br\",\"sync\":7}", "", true, 500, 30 },
		{ "{\"default_region\":null,\"sync\":{\"enabled\":false,\"max_chats\":0,\"window_days\":0}}", "", false,
			0, 0 },
		{ "{\"default_region\":\"MXX\",\"sync\":{\"enabled\":\"no\",\"max_chats\":\"9\",\"window_days\":null}}",
			"", true, 500, 30 },
		{ "{\"default_region\":\"MX\",\"sync\":{\"max_chats\":1e300,\"window_days\":-5}}", "MX", true,
			1000000000, 0 },
		{ "{\"sync\":{\"max_chats\":12.4,\"window_days\":\"\"}}", "", true, 12, 30 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char sql[300];
		struct loaded l;

		snprintf(sql, sizeof(sql), "UPDATE workspaces SET settings = '%s'", cases[i].settings);
		execute(db.admin, sql);
		l = load_one(FIRST);
		assert_string_equal(l.rows[0].region, cases[i].region);
		assert_int_equal(l.rows[0].sync_enabled, cases[i].enabled);
		assert_int_equal(l.rows[0].sync_max_chats, cases[i].max_chats);
		assert_int_equal(l.rows[0].sync_window_days, cases[i].window_days);
	}
}

static void accounts_say_whether_they_or_their_workspace_are_deleted(void **state)
{
	(void)state;
	assert_int_equal(load_one("00000000-0000-4000-8000-0000000000ff").n, 0);
	execute(db.admin, "UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = 1");
	assert_true(load_one(FIRST).rows[0].deleted);
	assert_false(load_one(SECOND).rows[0].deleted);
	execute(db.admin, "UPDATE workspaces SET deleted_at = now() WHERE id = 1");
	assert_true(load_one(SECOND).rows[0].deleted);
}

static void parked_updates_are_noticed(void **state)
{
	(void)state;
	execute(db.admin,
		"INSERT INTO parked_updates (workspace_id, account_id, kind, target, event_id, record_value, record_headers, topic,"
		" partition, record_offset, record_timestamp_ms, expires_at) VALUES (1, 1, 'message_status', 'true:A',"
		" gen_random_uuid(), '', '', 't', 0, 0, 0, now())");
	assert_true(load_one(FIRST).rows[0].has_parked);
	assert_false(load_one(SECOND).rows[0].has_parked);
}

static void reported_states_are_stored(void **state)
{
	struct loaded l = load_one(FIRST);
	struct account_row *row = &l.rows[0];

	(void)state;
	row->status = STR("connected");
	row->status_since_us = row->first_connected_us = row->last_connected_us = AT(7);
	row->sync_patch = STR("{\"status\":\"running\"}");
	row->sent = true;
	row->reported_phone = STR("+6281200000001");
	row->disconnects = 2;
	done(store_accounts(db.pg, (const struct account_row *const[]){ row }, 1, &db.err));
	l = load_one(FIRST);
	assert_str(row->status, "connected");
	assert_int_equal(row->status_since_us, AT(7));
	assert_int_equal(row->first_connected_us, AT(7));
	assert_str(row->sync, "{\"status\": \"running\"}");
	assert_str(row->reported_phone, "+6281200000001");
	assert_int_equal(db_i64("SELECT disconnect_count FROM whatsapp_accounts WHERE id = 1"), 2);
	assert_int_equal(
		db_i64("SELECT count(*) FROM whatsapp_accounts WHERE is_active AND last_activity_at IS NOT NULL"), 1);

	row->status = STR("disconnected");
	row->disconnected_us = AT(9);
	row->disconnect_reason = STR("timeout");
	row->disconnect_details = STR("UNLAUNCHED");
	row->sent = false;
	row->disconnects = 1; /* not lost: it was to be disconnected */
	execute(db.admin, "UPDATE whatsapp_accounts SET desired_state = 'disconnected'");
	execute(db.admin, "UPDATE whatsapp_accounts SET last_activity_at = '2026-01-01'");
	done(store_accounts(db.pg, (const struct account_row *const[]){ row }, 1, &db.err));
	l = load_one(FIRST);
	assert_int_equal(row->disconnected_us, AT(9));
	assert_str(row->disconnect_reason, "timeout");
	assert_str(row->disconnect_details, "UNLAUNCHED");
	assert_int_equal(db_i64("SELECT disconnect_count FROM whatsapp_accounts WHERE id = 1"), 2);
	assert_int_equal(
		db_i64("SELECT count(*) FROM whatsapp_accounts WHERE is_active OR last_activity_at <> '2026-01-01'"),
		0);
}

static void a_status_that_does_not_exist_is_an_error_of_the_data(void **state)
{
	struct loaded l = load_one(FIRST);

	(void)state;
	l.rows[0].status = STR("confused");
	assert_done(store_accounts(db.pg, (const struct account_row *const[]){ &l.rows[0] }, 1, &db.err), db.err);
	assert_failed(pg_collect(db.pg, NULL, &db.err), db.err, ERR_INPUT, "23514");
}

static void the_newest_notice_of_each_kind_stays(void **state)
{
	static const struct {
		const char *name, *kind, *json;
		int64_t at_us;
		bool changed;
	} cases[] = {
		{ "the first", "quality", "{\"text\":\"green\"}", 20, true },
		{ "the same again", "quality", "{\"text\":\"green\"}", 20, false },
		{ "an older one", "quality", "{\"text\":\"red\"}", 10, false },
		{ "a newer one", "quality", "{\"text\":\"yellow\"}", 30, true },
		{ "another of the same time", "quality", "{\"text\":\"red\"}", 30, true },
		{ "another kind", "ban", "{\"text\":\"no\"}", 5, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct notice_row row = { 1, 1, str_of(cases[i].kind), str_of(cases[i].json), cases[i].at_us,
			!cases[i].changed };

		done(store_notices(db.pg, &row, 1, &db.err));
		if (row.changed != cases[i].changed)
			fail_msg("%s", cases[i].name);
	}
	assert_text(
		"SELECT concat_ws(' ', notices #>> '{quality,text}', notices #>> '{ban,text}', notices #>> '{ban,at_us}')"
		" FROM whatsapp_accounts WHERE id = 1",
		"red no 5");
}

static void notices_of_one_batch_do_not_hide_each_other(void **state)
{
	struct notice_row rows[] = {
		{ .workspace_id = 1, .account_id = 1, .kind = STR("a"), .json = STR("{}"), .at_us = 1 },
		{ .workspace_id = 1, .account_id = 2, .kind = STR("a"), .json = STR("{}"), .at_us = 2 },
		{ .workspace_id = 1, .account_id = 1, .kind = STR("b"), .json = STR("{}"), .at_us = 3 },
	};

	(void)state;
	done(store_notices(db.pg, rows, 3, &db.err));
	assert_true(rows[0].changed && rows[1].changed && rows[2].changed);
	assert_text("SELECT string_agg(notices::text, ' ' ORDER BY id) FROM whatsapp_accounts WHERE workspace_id = 1",
		"{\"a\": {\"at_us\": 1}, \"b\": {\"at_us\": 3}} {\"a\": {\"at_us\": 2}}");
}

static void store_notice(int number, int64_t at_us)
{
	char kind[16];
	struct notice_row row = { .workspace_id = 1, .account_id = 1, .json = STR("{}"), .at_us = at_us };

	snprintf(kind, sizeof(kind), "k%03d", number);
	row.kind = str_of(kind);
	done(store_notices(db.pg, &row, 1, &db.err));
	assert_true(row.changed);
}

static void beyond_the_limit_the_oldest_kind_of_notice_is_deleted(void **state)
{
	struct notice_row rows[NOTICES_KEPT];
	char kinds[NOTICES_KEPT][16];

	(void)state;
	for (int i = 0; i < NOTICES_KEPT; i++) {
		snprintf(kinds[i], sizeof(kinds[i]), "k%03d", i);
		rows[i] = (struct notice_row){ 1, 1, str_of(kinds[i]), STR("{}"), 100 + i, false };
	}
	done(store_notices(db.pg, rows, NOTICES_KEPT, &db.err));
	store_notice(200, 1000);
	store_notice(201, 1); /* older than all that are kept */
	store_notice(1, 1001); /* a kind that is kept takes no room */
	assert_text("SELECT count(*) || ' ' || min(key) || ' ' || max(key) FROM whatsapp_accounts, jsonb_each(notices)"
		    " WHERE id = 1 AND workspace_id = 1",
		"64 k001 k200");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(live_accounts_come_with_their_settings, fresh),
		cmocka_unit_test_setup(settings_of_any_shape_are_read, fresh),
		cmocka_unit_test_setup(accounts_say_whether_they_or_their_workspace_are_deleted, fresh),
		cmocka_unit_test_setup(parked_updates_are_noticed, fresh),
		cmocka_unit_test_setup(reported_states_are_stored, fresh),
		cmocka_unit_test_setup(a_status_that_does_not_exist_is_an_error_of_the_data, fresh),
		cmocka_unit_test_setup(the_newest_notice_of_each_kind_stays, fresh),
		cmocka_unit_test_setup(notices_of_one_batch_do_not_hide_each_other, fresh),
		cmocka_unit_test_setup(beyond_the_limit_the_oldest_kind_of_notice_is_deleted, fresh),
	};

	return cmocka_run_group_tests(tests, db_start, db_stop);
}
