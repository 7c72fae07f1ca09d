/* Campaigns: state, windows, counters, segments. */
#include "unit.h"

#include "sending.h"
#include "store/campaign_segments.h"
#include "store/campaigns.h"

static const struct campaign_key key = { 1, 1 };

static struct campaign_row lock_campaign(struct pg *pg)
{
	const struct uuid workspace = uuid_of("00000000-0000-4000-8000-000000000001"), campaign = uuid_of(CAMPAIGN);
	struct campaign_row row;
	int rc = store_campaign_lock(pg, &workspace, &campaign, db.arena, &row, &db.err);

	assert_int_equal(rc, 1);
	return row;
}

static void a_campaign_is_read_as_it_is_defined(void **state)
{
	struct campaign_row row;

	(void)state;
	db_script(
		"INSERT INTO contact_groups (workspace_id, id, name) VALUES (1, 4, 'g');"
		"INSERT INTO templates (workspace_id, id, account_id, provider_template_id, name, language) VALUES (1, 3, 1, 't', 't', 'id');"
		"INSERT INTO campaigns (workspace_id, id, uuid, name, campaign_type, account_id, spread, preferred_provider, allow_other_provider,"
		" template_id, template_parameters, contact_group_id, audience, message_content, header_type, header_text, header_media, body_text,"
		" footer_text, buttons_data, on_unknown, scheduled_at, time_zone, send_window) VALUES (1, 1, '" CAMPAIGN
		"', 'c', 'template', 1,"
		" true, 'webjs', true, 3, '{\"a\": 1}', 4, '{\"all\": true}', 'm', 'text', 'h', '{}', 'b', 'f', '[]', 'fail', now() + interval '1 minute',"
		" 'Asia/Jakarta', '{\"to\": \"20:00\", \"from\": \"08:00\"}')");
	done(pg_begin(db.pg, &db.err));
	row = lock_campaign(db.pg);
	done(pg_commit(db.pg, &db.err));
	assert_true(row.workspace_id == 1 && row.id == 1 && row.account_id == 1 && row.template_id == 3 &&
		row.group_id == 4);
	assert_true(row.spread && row.allow_other_provider && row.preferred_provider == PROVIDER_WEBJS);
	assert_int_equal(row.status, CAMPAIGN_DRAFT);
	assert_int_equal(row.partition, -1);
	assert_true(row.scheduled_in_ms > 50000 && row.scheduled_in_ms <= 60000);
	assert_str(row.name, "c");
	assert_str(row.type, "template");
	assert_str(row.template_parameters, "{\"a\": 1}");
	assert_str(row.audience, "{\"all\": true}");
	assert_str(row.message_content, "m");
	assert_str(row.header_text, "h");
	assert_str(row.body_text, "b");
	assert_str(row.footer_text, "f");
	assert_str(row.on_unknown, "fail");
	assert_str(row.time_zone, "Asia/Jakarta");
	assert_str(row.audience_cursor, "");
	assert_true(row.first_send_id == 0 && row.prepared_us == PG_NO_TIME && row.commanded_us == PG_NO_TIME);
}

static void a_campaign_of_another_workspace_is_not_found(void **state)
{
	const struct uuid workspace = uuid_of("00000000-0000-4000-8000-000000000002"), campaign = uuid_of(CAMPAIGN);
	struct campaign_row row;

	(void)state;
	assert_int_equal(store_campaign_lock(db.pg, &workspace, &campaign, db.arena, &row, &db.err), 0);
}

static void times_of_a_campaign_follow_its_status(void **state)
{
	static const struct {
		enum campaign_status status;
		const char *times; /* started, completed */
	} steps[] = { { CAMPAIGN_SCHEDULED, "f f" }, { CAMPAIGN_RUNNING, "t f" }, { CAMPAIGN_PAUSED, "t f" },
		{ CAMPAIGN_COMPLETED, "t t" }, { CAMPAIGN_RUNNING, "t f" }, { CAMPAIGN_CANCELLED, "t t" } };
	struct campaign_row row = { .workspace_id = 1,
		.id = 1,
		.partition = 3,
		.commanded_us = AT(7),
		.pause_code = STR("131048"),
		.pause_reason = STR("spam"),
		.error_message = STR("e") };

	(void)state;
	db_script("UPDATE campaigns SET started_at = NULL, prepared_at = NULL");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		row.status = steps[i].status;
		done(store_campaign_write(db.pg, &row, &db.err));
		assert_text("SELECT concat_ws(' ', started_at IS NOT NULL, completed_at IS NOT NULL) FROM campaigns",
			steps[i].times);
	}
	done(store_campaign_prepared(db.pg, &key, &db.err));
	assert_text(
		"SELECT concat_ws(' ', partition, status, pause_code, pause_reason, error_message, commanded_at = '2026-01-01 00:00:07Z',"
		" prepared_at IS NOT NULL) FROM campaigns",
		"3 cancelled 131048 spam e t t");
}

static struct campaign_row rows[4];
static size_t n_rows;

static void row_keep(void *ctx, const struct campaign_row *row)
{
	(void)ctx;
	assert_true(n_rows < 4);
	rows[n_rows++] = *row;
}

static void a_campaign_is_read_by_key(void **state)
{
	(void)state;
	n_rows = 0;
	done(store_campaigns_read(db.pg, &key, 1, db.arena, row_keep, NULL, &db.err));
	assert_int_equal(n_rows, 1);
	db_script("UPDATE campaigns SET status = 'draft'; UPDATE campaigns SET deleted_at = now()");
	done(store_campaigns_read(db.pg, &key, 1, db.arena, row_keep, NULL, &db.err));
	assert_int_equal(n_rows, 1);
}

static void the_definition_of_a_started_campaign_is_fixed(void **state)
{
	static const char *const statuses[] = { "draft", "failed", "scheduled", "running", "paused", "completed",
		"cancelled" };
	static const char *const changes[] = { "name = 'other'", "audience = '{\"all\": true}'", "body_text = 'other'",
		"account_id = 2", "send_window = NULL", "scheduled_at = now()" };

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		for (size_t k = 0; k < sizeof(changes) / sizeof(changes[0]); k++) {
			char sql[200];
			int rc;

			sending_running(state);
			snprintf(sql, sizeof(sql), "UPDATE campaigns SET status = '%s'", statuses[i]);
			db_script(sql);
			snprintf(sql, sizeof(sql), "UPDATE campaigns SET %s", changes[k]);
			rc = run(db.admin, sql, NULL, NULL, &db.err);
			if ((rc == 0) != (i < 2))
				fail_msg("%s of a campaign that is %s", changes[k], statuses[i]);
			if (rc < 0)
				assert_string_equal(db.err.code, "23514");
		}
	execute(db.admin, "UPDATE campaigns SET name = name, metadata = '{\"a\": 1}'");
	execute(db.admin, "UPDATE campaigns SET deleted_at = now()");
	db_script("UPDATE campaigns SET deleted_at = NULL, status = 'paused'");
	assert_failed(run(db.admin, "UPDATE campaigns SET deleted_at = now()", NULL, NULL, &db.err), db.err, ERR_INPUT,
		"23514");
}

static int change_definition(struct pg *pg, void *ctx, struct err *err)
{
	int *code = ctx;

	*code = run(pg, "UPDATE campaigns SET name = 'changed' WHERE workspace_id = 1 AND id = 1", NULL, NULL, err);
	if (*code < 0)
		pg_rollback(pg);
	return *code < 0 ? pg_begin(pg, err) : 0;
}

/* What was validated is what is sent. */
static void a_change_that_waits_for_start_is_refused(void **state)
{
	struct campaign_row row;
	int code = 0;
	struct other other = { .role = "blazz_admin", .act = change_definition, .ctx = &code };

	(void)state;
	db_script("UPDATE campaigns SET status = 'draft'");
	done(pg_begin(db.pg, &db.err));
	row = lock_campaign(db.pg);
	other_start(&other);
	row.status = CAMPAIGN_RUNNING;
	done(store_campaign_write(db.pg, &row, &db.err));
	done(pg_commit(db.pg, &db.err));
	other_end(&other);
	assert_int_equal(code, -1);
	assert_text("SELECT name || ' ' || status FROM campaigns", "c running");
}

static void a_window_opens_and_closes_in_local_time(void **state)
{
	static const struct {
		const char *window, *zone, *at, *open, *until;
	} cases[] = {
		{ "{\"from\":\"08:00\",\"to\":\"20:00\"}", "Asia/Jakarta", "2026-01-05 00:59Z", "false",
			"2026-01-05 01:00:00+00" },
		{ "{\"from\":\"08:00\",\"to\":\"20:00\"}", "Asia/Jakarta", "2026-01-05 01:00Z", "true",
			"2026-01-05 13:00:00+00" },
		{ "{\"from\":\"08:00\",\"to\":\"20:00\"}", "Asia/Jakarta", "2026-01-05 13:00Z", "false",
			"2026-01-06 01:00:00+00" },
		{ "{\"from\":\"08:00\",\"to\":\"20:00\",\"days\":[1,3]}", "UTC", "2026-01-06 09:00Z", "false",
			"2026-01-07 08:00:00+00" },
		{ "{\"from\":\"22:00\",\"to\":\"06:00\",\"days\":[1]}", "UTC", "2026-01-06 05:59Z", "true",
			"2026-01-06 06:00:00+00" },
		{ "{\"from\":\"22:00\",\"to\":\"06:00\",\"days\":[1]}", "UTC", "2026-01-06 06:00Z", "false",
			"2026-01-12 22:00:00+00" },
		{ "{\"from\":\"00:00\",\"to\":\"24:00\"}", "UTC", "2026-01-06 06:00Z", "true",
			"2026-01-07 00:00:00+00" },
		/* The day on which the clocks go forward has 23 hours. */
		{ "{\"from\":\"00:00\",\"to\":\"24:00\"}", "Europe/Berlin", "2026-03-29 06:00Z", "true",
			"2026-03-29 22:00:00+00" },
		/* From 02:00 to 03:00 the clock shows nothing: at 01:00Z it is put forward. */
		{ "{\"from\":\"02:30\",\"to\":\"20:00\"}", "Europe/Berlin", "2026-03-29 00:59Z", "false",
			"2026-03-29 01:00:00+00" },
		{ "{\"from\":\"02:30\",\"to\":\"20:00\"}", "Europe/Berlin", "2026-03-29 01:00Z", "true",
			"2026-03-29 18:00:00+00" },
		{ "{\"from\":\"20:00\",\"to\":\"02:30\"}", "Europe/Berlin", "2026-03-29 00:59Z", "true",
			"2026-03-29 01:00:00+00" },
		{ "{\"from\":\"20:00\",\"to\":\"02:30\"}", "Europe/Berlin", "2026-03-29 01:00Z", "false",
			"2026-03-29 18:00:00+00" },
		{ "{\"from\":\"02:15\",\"to\":\"02:45\"}", "Europe/Berlin", "2026-03-29 01:00Z", "false",
			"2026-03-30 00:15:00+00" },
		{ "{\"from\":\"22:00\",\"to\":\"06:00\"}", "Europe/Berlin", "2026-03-28 22:00Z", "true",
			"2026-03-29 01:00:00+00" },
		{ "{\"from\":\"22:00\",\"to\":\"06:00\"}", "Europe/Berlin", "2026-03-29 01:00Z", "true",
			"2026-03-29 04:00:00+00" },
		{ "{\"from\":\"08:00\",\"to\":\"20:00\"}", "Europe/Berlin", "2026-03-28 19:00Z", "false",
			"2026-03-29 01:00:00+00" },
		{ "{\"from\":\"08:00\",\"to\":\"20:00\"}", "Europe/Berlin", "2026-03-29 01:00Z", "false",
			"2026-03-29 06:00:00+00" },
		/* And here twice: at 01:00Z it is put back. */
		{ "{\"from\":\"02:30\",\"to\":\"20:00\"}", "Europe/Berlin", "2026-10-25 00:29Z", "false",
			"2026-10-25 00:30:00+00" },
		{ "{\"from\":\"02:30\",\"to\":\"20:00\"}", "Europe/Berlin", "2026-10-25 00:30Z", "true",
			"2026-10-25 01:00:00+00" },
		{ "{\"from\":\"02:30\",\"to\":\"20:00\"}", "Europe/Berlin", "2026-10-25 01:00Z", "false",
			"2026-10-25 01:30:00+00" },
		{ "{\"from\":\"02:30\",\"to\":\"20:00\"}", "Europe/Berlin", "2026-10-25 01:30Z", "true",
			"2026-10-25 19:00:00+00" },
		{ "{\"from\":\"20:00\",\"to\":\"02:30\"}", "Europe/Berlin", "2026-10-25 00:29Z", "true",
			"2026-10-25 00:30:00+00" },
		{ "{\"from\":\"20:00\",\"to\":\"02:30\"}", "Europe/Berlin", "2026-10-25 00:30Z", "false",
			"2026-10-25 01:00:00+00" },
		{ "{\"from\":\"20:00\",\"to\":\"02:30\"}", "Europe/Berlin", "2026-10-25 01:00Z", "true",
			"2026-10-25 01:30:00+00" },
		{ "{\"from\":\"02:15\",\"to\":\"02:45\"}", "Europe/Berlin", "2026-10-25 00:45Z", "false",
			"2026-10-25 01:00:00+00" },
		{ "{\"from\":\"02:15\",\"to\":\"02:45\"}", "Europe/Berlin", "2026-10-25 01:15Z", "true",
			"2026-10-25 01:45:00+00" },
		{ "{\"from\":\"00:00\",\"to\":\"24:00\"}", "Europe/Berlin", "2026-10-25 01:00Z", "true",
			"2026-10-25 23:00:00+00" },
		/* By half an hour, at 15:00Z and 15:30Z; and where it is not put forward any more. */
		{ "{\"from\":\"01:45\",\"to\":\"20:00\"}", "Australia/Lord_Howe", "2026-04-04 14:45Z", "true",
			"2026-04-04 15:00:00+00" },
		{ "{\"from\":\"01:45\",\"to\":\"20:00\"}", "Australia/Lord_Howe", "2026-04-04 15:00Z", "false",
			"2026-04-04 15:15:00+00" },
		{ "{\"from\":\"01:45\",\"to\":\"20:00\"}", "Australia/Lord_Howe", "2026-04-04 15:15Z", "true",
			"2026-04-05 09:30:00+00" },
		{ "{\"from\":\"02:15\",\"to\":\"20:00\"}", "Australia/Lord_Howe", "2026-10-03 15:29Z", "false",
			"2026-10-03 15:30:00+00" },
		{ "{\"from\":\"02:15\",\"to\":\"20:00\"}", "Australia/Lord_Howe", "2026-10-03 15:30Z", "true",
			"2026-10-04 09:00:00+00" },
		{ "{\"from\":\"00:30\",\"to\":\"20:00\"}", "America/Sao_Paulo", "2026-10-18 03:29Z", "false",
			"2026-10-18 03:30:00+00" },
		{ "{\"from\":\"00:30\",\"to\":\"20:00\"}", "America/Sao_Paulo", "2026-10-18 03:30Z", "true",
			"2026-10-18 23:00:00+00" },
		{ "{\"from\":\"08:00\",\"to\":\"20:00\"}", "Nowhere/At_All", "2026-01-05 09:00Z", "true",
			"2026-01-05 20:00:00+00" },
		{ "{\"from\":\"8\",\"to\":\"20:00\"}", "UTC", "2026-01-05 23:00Z", "true", NULL },
		{ "[]", "UTC", "2026-01-05 23:00Z", "true", NULL },
		{ NULL, NULL, "2026-01-05 23:00Z", "true", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char sql[400], found[100];
		char window[200] = "NULL", zone[60] = "NULL";

		if (cases[i].window)
			snprintf(window, sizeof(window), "'%s'", cases[i].window);
		if (cases[i].zone)
			snprintf(zone, sizeof(zone), "'%s'", cases[i].zone);
		snprintf(sql, sizeof(sql), "SELECT concat_ws(' ', open::text, until) FROM send_window_at(%s, %s, '%s')",
			window, zone, cases[i].at);
		snprintf(found, sizeof(found), "%s%s%s", cases[i].open, cases[i].until ? " " : "",
			cases[i].until ? cases[i].until : "");
		assert_text(sql, found);
	}
}

static void a_window_is_checked_when_it_is_written(void **state)
{
	static const char *const refused[] = { "{}", "[]", "{\"from\": 8, \"to\": \"20:00\"}",
		"{\"from\": \"08:00\", \"to\": \"25:00\"}", "{\"from\": \"24:00\", \"to\": \"20:00\"}",
		"{\"from\": \"08:00\", \"to\": \"20:00\", \"days\": [0]}",
		"{\"from\": \"08:00\", \"to\": \"20:00\", \"days\": \"1\"}",
		"{\"from\": \"08:00\", \"to\": \"20:00\", \"days\": [1,1,1,1,1,1,1,1]}" };

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char sql[300];

		snprintf(sql, sizeof(sql),
			"INSERT INTO campaigns (workspace_id, name, campaign_type, send_window) VALUES (1, 'c', 'instant', '%s')",
			refused[i]);
		if (run(db.admin, sql, NULL, NULL, &db.err) == 0)
			fail_msg("%s", refused[i]);
		assert_string_equal(db.err.code, "23514");
	}
	assert_int_equal(
		run(db.admin,
			"INSERT INTO campaigns (workspace_id, name, campaign_type, time_zone) VALUES (1, 'c', 'instant', 'Nowhere')",
			NULL, NULL, &db.err),
		-1);
}

static void a_campaign_without_a_window_has_the_workspaces_or_that_of_bridges(void **state)
{
	static const struct {
		const char *settings;
		bool bridge, always;
	} cases[] = { { "{}", false, true }, { "{}", true, false },
		{ "{\"sending\": {\"window\": {\"from\": \"00:00\", \"to\": \"24:00\"}}}", true, false },
		{ "{\"sending\": {\"window\": \"none\"}}", false, true },
		{ "{\"sending\": {\"window\": \"none\"}}", true, false },
		{ "{\"sending\": {\"window\": null}}", true, false } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct campaign_window w = { .key = key, .bridge = cases[i].bridge };
		char sql[300];

		sending_running(state);
		snprintf(sql, sizeof(sql), "UPDATE workspaces SET settings = '%s' WHERE id = 1", cases[i].settings);
		execute(db.admin, sql);
		execute(db.admin, "UPDATE campaigns SET status = 'draft'");
		execute(db.admin, "UPDATE campaigns SET send_window = NULL");
		done(store_campaign_windows(db.pg, &w, 1, &db.err));
		assert_int_equal(w.change_in_ms == -1, cases[i].always);
		if (cases[i].always || i == 2)
			assert_true(w.open);
	}
	execute(db.admin,
		"UPDATE workspaces SET settings = '{\"default_region\":\"ID\",\"sync\":{\"max_chats\":20}}' WHERE id = 1");
}

static struct campaign_counters counted[4];
static size_t n_counted;

static void counters_keep(void *ctx, const struct campaign_counters *c)
{
	(void)ctx;
	assert_true(n_counted < 4);
	counted[n_counted++] = *c;
}

static void count(void)
{
	n_counted = 0;
	done(store_campaigns_count(db.pg, &key, 1, counters_keep, NULL, &db.err));
}

static void counters_of_all_writers_are_added_up(void **state)
{
	(void)state;
	db_script(
		"INSERT INTO campaign_counts (workspace_id, campaign_id, source, slot, sent, delivered, read, failed, skipped, unknown) VALUES"
		" (1, 1, 'lane', 5, 4, 0, 0, 1, 1, 2), (1, 1, 'lane', 6, 1, 0, 0, 0, 0, 0), (1, 1, 'status', 9, 1, 3, 2, 0, 0, -1)");
	count();
	assert_int_equal(n_counted, 1);
	assert_true(counted[0].recipients == 10 && counted[0].sent == 6 && counted[0].delivered == 3 &&
		counted[0].read == 2 && counted[0].failed == 1 && counted[0].skipped == 1 && counted[0].unknown == 1);
	assert_text(
		"SELECT concat_ws(' ', recipients, messages_sent, messages_delivered, messages_read, messages_failed, messages_skipped,"
		" messages_unknown) FROM campaigns",
		"10 6 3 2 1 1 1");
	count();
	assert_int_equal(n_counted, 0);
}

static void a_campaign_is_complete_when_every_recipient_has_ended(void **state)
{
	static const struct {
		const char *name, *change;
		bool complete;
	} cases[] = {
		{ "all have ended", "SELECT 1", true },
		{ "one is pending", "UPDATE campaign_counts SET sent = 8 WHERE source = 'lane'", false },
		{ "it is paused", "UPDATE campaigns SET status = 'paused'", false },
		{ "it is still being prepared", "UPDATE campaigns SET prepared_at = NULL", false },
		{ "failed ones are being made due again", "UPDATE campaigns SET audience_cursor = 'retry:7'", false },
		{ "an unknown one is to be resolved",
			"UPDATE campaign_counts SET sent = 8, unknown = 1 WHERE source = 'lane';"
			"UPDATE sends SET status = 'unknown', account_id = 2, next_attempt_at = now() + interval '1 hour' WHERE id = 1003",
			false },
		{ "an unknown one stays so by policy",
			"UPDATE campaign_counts SET sent = 8, unknown = 1 WHERE source = 'lane';UPDATE sends SET status = 'unknown' WHERE id = 1003",
			true },
		{ "an unknown one of another campaign",
			"UPDATE campaign_counts SET sent = 8, unknown = 1 WHERE source = 'lane';"
			"INSERT INTO sends (workspace_id, id, address, status, account_id, next_attempt_at) VALUES (1, 1, 'x', 'unknown', 1, now())",
			true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sending_running(state);
		db_script(
			"INSERT INTO campaign_counts (workspace_id, campaign_id, source, slot, sent, failed) VALUES (1, 1, 'lane', 5, 9, 1)");
		db_script(cases[i].change);
		n_counted = 0;
		done(store_campaigns_complete(db.pg, &key, 1, counters_keep, NULL, &db.err));
		if ((n_counted == 1) != cases[i].complete)
			fail_msg("%s", cases[i].name);
		if (cases[i].complete)
			assert_text(
				"SELECT concat_ws(' ', status, completed_at IS NOT NULL, messages_failed) FROM campaigns",
				"completed t 1");
	}
}

static struct campaign_segment segments[4];
static size_t n_segments;

static void segment_keep(void *ctx, const struct campaign_segment *s)
{
	(void)ctx;
	assert_true(n_segments < 4);
	segments[n_segments++] = *s;
}

static void segments_read(int32_t partition)
{
	n_segments = 0;
	done(store_campaign_segments_read(db.pg, &partition, 1, segment_keep, NULL, &db.err));
}

static void a_cursor_never_moves_back(void **state)
{
	struct campaign_segment s = { .workspace_id = 1,
		.campaign_id = 1,
		.segment = 0,
		.account_id = 2,
		.partition = 6,
		.cursor_id = 1004,
		.moving_to = 2 };

	(void)state;
	done(store_campaign_segments_insert(db.pg, &s, 1, &db.err)); /* is there already */
	done(store_campaign_segments_write(db.pg, &s, 1, &db.err));
	segments_read(5);
	assert_int_equal(n_segments, 1);
	assert_true(segments[0].account_id == 1 && segments[0].cursor_id == 1004 && segments[0].moving_to == 2 &&
		!segments[0].done);
	s.cursor_id = 1000;
	s.moving_to = 0;
	s.done = true;
	done(store_campaign_segments_write(db.pg, &s, 1, &db.err));
	assert_text("SELECT concat_ws(' ', cursor_id, moving_to, done) FROM campaign_segments WHERE segment = 0",
		"1004 f"); /* recipients above the cursor are pending */
	db_script("UPDATE sends SET status = 'failed' WHERE campaign_id = 1 AND segment = 0 AND id > 1004");
	done(store_campaign_segments_write(db.pg, &s, 1, &db.err));
	assert_text("SELECT concat_ws(' ', cursor_id, moving_to, done) FROM campaign_segments WHERE segment = 0",
		"1004 t");
	segments_read(5);
	assert_int_equal(n_segments, 0);
}

static void a_segment_of_a_cancelled_campaign_may_be_done(void **state)
{
	const struct campaign_segment s = {
		.workspace_id = 1, .campaign_id = 1, .segment = 0, .cursor_id = 1004, .done = true
	};

	(void)state;
	db_script("UPDATE campaigns SET status = 'cancelled';"
		  "UPDATE sends SET next_attempt_at = now() WHERE id = 1002");
	done(store_campaign_segments_write(db.pg, &s, 1, &db.err));
	assert_text("SELECT done::text FROM campaign_segments WHERE segment = 0", "true");
}

static void a_segment_moves_once_nothing_of_it_is_in_flight(void **state)
{
	const struct campaign_segment to = {
		.workspace_id = 1, .campaign_id = 1, .segment = 0, .account_id = 2, .partition = 6
	};
	int rc;

	(void)state;
	db_script("UPDATE campaign_segments SET cursor_id = 1002, moving_to = 2 WHERE segment = 0;"
		  "UPDATE send_lanes SET in_flight = '{1,1004}' WHERE account_id = 1");
	rc = store_campaign_segment_move(db.pg, &to, 1, &db.err);
	assert_int_equal(rc, 0);
	db_script("UPDATE send_lanes SET in_flight = '{1,1001}' WHERE account_id = 1");
	rc = store_campaign_segment_move(db.pg, &to, 1, &db.err);
	assert_int_equal(rc, 1);
	segments_read(6);
	assert_int_equal(n_segments, 2);
	assert_true(segments[0].account_id == 2 && segments[0].cursor_id == 1002 && segments[0].moving_to == 0);
	rc = store_campaign_segment_move(db.pg, &to, 1, &db.err);
	assert_int_equal(rc, 0); /* account 1 has it no longer */
}

static void a_segment_of_which_rows_wait_for_a_retry_is_not_done(void **state)
{
	const struct campaign_segment s = {
		.workspace_id = 1, .campaign_id = 1, .segment = 0, .cursor_id = 1008, .done = true
	};

	(void)state;
	db_script("UPDATE sends SET next_attempt_at = now() + interval '1 minute' WHERE id = 1000");
	done(store_campaign_segments_write(db.pg, &s, 1, &db.err));
	segments_read(5);
	assert_int_equal(n_segments, 1);
	db_script("UPDATE sends SET next_attempt_at = NULL WHERE id = 1000");
	done(store_campaign_segments_write(db.pg, &s, 1, &db.err));
	segments_read(5);
	assert_int_equal(n_segments, 0);
}

static const struct campaign_segment done_segment = { .workspace_id = 1,
	.campaign_id = 1,
	.segment = 0,
	.cursor_id = 1008,
	.done = true };

static int segment_done(struct pg *pg, void *ctx, struct err *err)
{
	(void)ctx;
	return store_campaign_segments_write(pg, &done_segment, 1, err);
}

static int rows_retry(struct pg *pg, void *ctx, struct err *err)
{
	return store_campaign_retry_failed(pg, &key, 0, 100, 5, ctx, err);
}

/* Whichever of the two sessions comes first: the segment has moved, so that the lock of its lane does not keep them apart. */
static void rows_that_become_due_meanwhile_keep_their_segment_open(void **state)
{
	int64_t last = 0;
	struct other done_later = { .role = SENDER, .act = segment_done },
		     retried_later = { .role = SENDER, .act = rows_retry, .ctx = &last };

	(void)state;
	db_script("UPDATE sends SET status = 'failed' WHERE campaign_id = 1 AND segment = 0");
	done(pg_begin(db.pg, &db.err));
	done(rows_retry(db.pg, &last, &db.err));
	other_start(&done_later);
	done(pg_commit(db.pg, &db.err));
	other_end(&done_later);
	assert_text("SELECT done::text FROM campaign_segments WHERE segment = 0", "false");
	db_script("UPDATE sends SET status = 'failed', next_attempt_at = NULL WHERE campaign_id = 1 AND segment = 0");
	done(pg_begin(db.pg, &db.err));
	done(segment_done(db.pg, NULL, &db.err));
	other_start(&retried_later);
	done(pg_commit(db.pg, &db.err));
	other_end(&retried_later);
	assert_text("SELECT done::text FROM campaign_segments WHERE segment = 0", "false");
}

static void failed_rows_are_retried_in_chunks_as_the_next_generation(void **state)
{
	int64_t last = 0;

	(void)state;
	db_script(
		"UPDATE sends SET status = 'failed', error_code = '131000', attempt = 4, sent_at = now() WHERE id IN (1001, 1002, 1003);"
		"UPDATE sends SET status = 'failed', error_code = '131026', request = NULL WHERE id = 1004;"
		"UPDATE sends SET status = 'failed', error_code = '131049' WHERE id = 1006;"
		"UPDATE campaign_segments SET done = true;"
		"INSERT INTO campaign_counts (workspace_id, campaign_id, source, slot, failed) VALUES (1, 1, 'lane', 5, 5)");
	done(store_campaign_retry_failed(db.pg, &key, 0, 2, 3, &last, &db.err));
	assert_int_equal(last, 1002);
	assert_int_equal(db_i64(MISCOUNTED), 0);
	done(store_campaign_retry_failed(db.pg, &key, last, 2, 3, &last, &db.err));
	assert_int_equal(last, 1006);
	done(store_campaign_retry_failed(db.pg, &key, last, 2, 3, &last, &db.err));
	assert_int_equal(last, 0);
	assert_int_equal(db_i64(MISCOUNTED), 0);
	assert_text(
		"SELECT string_agg(concat_ws(' ', id, account_id, generation, attempt, next_attempt_at <= now()), ', ' ORDER BY id) FROM sends"
		" WHERE status = 'pending' AND generation > 0",
		"1001 1 0 t, 1002 1 0 t, 1003 1 0 t, 1006 1 0 f");
	assert_send(1004, "status", "failed");
	assert_int_equal(db_i64("SELECT count(*) FROM campaign_segments WHERE NOT done"), 2);
}

static void the_log_of_a_campaign_shows_what_is_in_flight_and_cancelled(void **state)
{
	static const char log[] =
		"SELECT string_agg(concat_ws(' ', id, status, error_code, whatsapp_account_id, chat_id), ', ' ORDER BY id)"
		" FROM campaign_logs WHERE id < 1004";

	(void)state;
	db_script(
		"INSERT INTO conversations (workspace_id, id, account_id, contact_id) VALUES (1, 1, 1, 10);"
		"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, client_message_id, type, message_type,"
		" message_status, origin, metadata, sent_at) VALUES (1, 77, 1, 1, 'k', '" CAMPAIGN
		".1000', 'outbound', 'text', 'sent', 'live', '{}',"
		" now());UPDATE sends SET status = 'sent', sent_by = 1 WHERE id = 1000;"
		"UPDATE send_lanes SET in_flight = '{1001,1002}' WHERE account_id = 2;"
		"UPDATE sends SET status = 'skipped', error_code = 'opted_out' WHERE id = 1003");
	assert_text(log, "1000 sent 1 77, 1001 ongoing 2, 1002 pending 1, 1003 skipped opted_out 2");
	db_script("UPDATE campaigns SET status = 'cancelled'");
	assert_text(log,
		"1000 sent 1 77, 1001 ongoing cancelled 2, 1002 skipped cancelled 1, 1003 skipped opted_out 2");
}

static void caches_are_notified_of_what_they_keep_and_of_nothing_else(void **state)
{
	static const struct {
		const char *change, *heard; /* NULL: nothing */
	} cases[] = {
		{ "UPDATE campaigns SET status = 'paused'", "campaign:" CAMPAIGN },
		{ "UPDATE campaigns SET messages_sent = 7", NULL },
		{ "UPDATE whatsapp_accounts SET metadata = '{\"a\": 1}' WHERE id = 1",
			"account:00000000-0000-4000-8000-000000000011" },
		{ "UPDATE whatsapp_accounts SET last_activity_at = now() WHERE id = 1", NULL },
		{ "UPDATE whatsapp_accounts SET metadata = '{}' WHERE id = 1",
			"account:00000000-0000-4000-8000-000000000011" },
		{ "INSERT INTO templates (workspace_id, id, account_id, provider_template_id, name, language) VALUES (1, 8, 1, 't', 't', 'id')",
			"template:8" },
		{ "UPDATE templates SET reason = 'x'", NULL },
		{ "UPDATE templates SET status = 'APPROVED'", "template:8" },
		{ "UPDATE whatsapp_accounts SET desired_at = '2026-01-01Z' WHERE id = 1",
			"account:00000000-0000-4000-8000-000000000011" },
		{ "UPDATE whatsapp_accounts SET status_at = '2026-01-02Z' WHERE id = 1",
			"account:00000000-0000-4000-8000-000000000011" },
		{ "UPDATE whatsapp_accounts SET status_at = '2026-01-03Z' WHERE id = 1", NULL },
		{ "UPDATE whatsapp_accounts SET notices = '{\"other\": 1}' WHERE id = 1", NULL },
		{ "UPDATE whatsapp_accounts SET notices = '{\"business_capability_update\": {}}' WHERE id = 1",
			"account:00000000-0000-4000-8000-000000000011" },
		{ "UPDATE whatsapp_accounts SET status_at = NULL, notices = '{}' WHERE id = 1",
			"account:00000000-0000-4000-8000-000000000011" },
	};
	struct pg *listener = db_session(SENDER);
	struct str channel, payload;

	(void)state;
	done(pg_listen(listener, "blazz_sending", &db.err));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc;

		execute(db.admin, cases[i].change);
		execute(listener, "SELECT 1");
		rc = pg_notification(listener, &channel, &payload, &db.err);
		if (rc != (cases[i].heard != NULL) || (rc && !str_is(payload, cases[i].heard)))
			fail_msg("%s", cases[i].change);
	}
	pg_close(&listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_campaign_is_read_as_it_is_defined, db_empty),
		cmocka_unit_test_setup(a_campaign_of_another_workspace_is_not_found, sending_running),
		cmocka_unit_test_setup(times_of_a_campaign_follow_its_status, sending_running),
		cmocka_unit_test(a_campaign_is_read_by_key),
		cmocka_unit_test(the_definition_of_a_started_campaign_is_fixed),
		cmocka_unit_test_setup(a_change_that_waits_for_start_is_refused, sending_running),
		cmocka_unit_test(a_window_opens_and_closes_in_local_time),
		cmocka_unit_test(a_window_is_checked_when_it_is_written),
		cmocka_unit_test(a_campaign_without_a_window_has_the_workspaces_or_that_of_bridges),
		cmocka_unit_test_setup(counters_of_all_writers_are_added_up, sending_running),
		cmocka_unit_test(a_campaign_is_complete_when_every_recipient_has_ended),
		cmocka_unit_test_setup(a_cursor_never_moves_back, sending_running),
		cmocka_unit_test_setup(a_segment_of_a_cancelled_campaign_may_be_done, sending_running),
		cmocka_unit_test_setup(a_segment_moves_once_nothing_of_it_is_in_flight, sending_running),
		cmocka_unit_test_setup(a_segment_of_which_rows_wait_for_a_retry_is_not_done, sending_running),
		cmocka_unit_test_setup(rows_that_become_due_meanwhile_keep_their_segment_open, sending_running),
		cmocka_unit_test_setup(failed_rows_are_retried_in_chunks_as_the_next_generation, sending_running),
		cmocka_unit_test_setup(the_log_of_a_campaign_shows_what_is_in_flight_and_cancelled, sending_running),
		cmocka_unit_test_setup(caches_are_notified_of_what_they_keep_and_of_nothing_else, sending_running),
	};

	return cmocka_run_group_tests(tests, sending_start, db_stop);
}
