/* Recounting: a counter that differs from its rows is found, once and by name; one that agrees never is, also while its rows are written. */
#include "unit.h"

#include "db.h"
#include "store/cleanup_recount.h"

static struct buf found;

static int start(void **state)
{
	if (db_start(state) < 0)
		return -1;
	pg_close(&db.pg);
	db.pg = db_session(CLEANUP);
	execute(db.pg, "SET plan_cache_mode = force_custom_plan");
	return 0;
}

static int stop(void **state)
{
	buf_fini(&found);
	return db_stop(state);
}

/* Three conversations with messages of every sort, and one that was merged. */
#define CONVERSATIONS \
	"INSERT INTO contacts (workspace_id, id, source_type) VALUES (1, 1, 'webjs'), (1, 2, 'webjs'), (1, 3, 'webjs'), (2, 4, 'webjs');" \
	"INSERT INTO conversations (workspace_id, id, uuid, account_id, contact_id, unread_messages, last_read_at, merged_into) VALUES" \
	" (1, 11, '00000000-0000-4000-8000-000000000b11', 1, 1, 3, NULL, NULL)," \
	" (1, 12, '00000000-0000-4000-8000-000000000b12', 2, 2, 1, '2026-01-01 00:00:10Z', NULL)," \
	" (1, 13, '00000000-0000-4000-8000-000000000b13', 1, 3, 0, NULL, 11)," \
	" (2, 21, '00000000-0000-4000-8000-000000000b21', 3, 4, 0, NULL, NULL);" \
	"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin, metadata," \
	" sent_at, deleted_at) SELECT w, i, a, v, i, t, 'text', 'delivered', o, '{}', '2026-01-01Z'::timestamptz + s * interval '1 s'," \
	" CASE WHEN d THEN now() END FROM (VALUES" \
	" (1, 1, 1, 11, 'inbound', 'live', 1, false), (1, 2, 1, 11, 'inbound', 'sync', 2, false), (1, 3, 1, 11, 'inbound', 'live', 3, false)," \
	" (1, 4, 1, 11, 'inbound', 'history', 4, false), (1, 5, 1, 11, 'outbound', 'live', 5, false), (1, 6, 1, 11, 'inbound', 'live', 6, true)," \
	" (1, 7, 2, 12, 'inbound', 'live', 10, false), (1, 8, 2, 12, 'inbound', 'live', 11, false)," \
	" (1, 9, 1, 13, 'inbound', 'live', 9, false)) AS r (w, i, a, v, t, o, s, d)"

static void on_unread(void *ctx, const struct unread_difference *d)
{
	char id[37];

	(void)ctx;
	uuid_format(&d->conversation, id);
	buf_printf(&found, "%s%s %lld/%lld%s;", id + 33, d->provider == PROVIDER_WEBJS ? "" : "?", (long long)d->stored,
		(long long)d->counted, d->merged ? " merged" : "");
}

/* All differences, read by pages of `limit` rows. */
static const char *unread_of(int64_t limit, int64_t last_workspace_id)
{
	struct key_page page = { .last_workspace_id = last_workspace_id, .limit = limit };

	buf_clear(&found);
	buf_add_str(&found, STR(""));
	do {
		done(store_recount_unread(db.pg, &page, on_unread, NULL, &db.err));
		page.workspace_id = page.end_workspace_id;
		page.id = page.end_id;
	} while (page.n == limit);
	return arena_cstr(db.arena, buf_str(&found));
}

static void an_unread_counter_that_differs_is_found_and_no_other(void **state)
{
	static const struct {
		const char *name, *sql, *want;
	} cases[] = {
		{ "all agree", "SELECT 1", "" },
		{ "too many", "UPDATE conversations SET unread_messages = 4 WHERE id = 11", "b11 4/3;" },
		{ "too few", "UPDATE conversations SET unread_messages = 0 WHERE id = 11", "b11 0/3;" },
		{ "a marker that moved without it",
			"UPDATE conversations SET last_read_at = '2026-01-01 00:00:02Z' WHERE id = 11", "b11 3/1;" },
		{ "a message that was deleted without it", "UPDATE chats SET deleted_at = now() WHERE id = 8",
			"b12 1/0;" },
		{ "a message read up to the microsecond",
			"UPDATE conversations SET last_read_at = '2026-01-01 00:00:11Z' WHERE id = 12", "b12 1/0;" },
		{ "a row that is gone", "DELETE FROM chats WHERE id = 1", "b11 3/2;" },
		{ "a merged conversation that counts", "UPDATE conversations SET unread_messages = 1 WHERE id = 13",
			"b13 1/0 merged;" },
		{ "a conversation without messages, of another workspace",
			"UPDATE conversations SET unread_messages = 2 WHERE id = 21", "b21 2/0;" },
		{ "two", "UPDATE conversations SET unread_messages = 9 WHERE id IN (11, 21)", "b11 9/3;b21 9/0;" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)db_empty(state);
		db_script(CONVERSATIONS);
		db_script(cases[i].sql);
		for (int64_t limit = 1; limit <= 5; limit += 2)
			if (strcmp(unread_of(limit, INT64_MAX), cases[i].want) != 0)
				fail_msg("%s: %s", cases[i].name, found.p);
	}
	assert_string_equal(unread_of(5, 1), "b11 9/3;"); /* of one workspace only */
}

/* A message and its counter commit together: whatever is written meanwhile, each snapshot agrees. */
static void a_counter_that_is_being_written_does_not_differ(void **state)
{
	struct pg *writer = db_session(ADMIN);

	(void)state;
	db_script(CONVERSATIONS);
	execute(writer, "BEGIN");
	execute(writer, "UPDATE chats SET deleted_at = now() WHERE id = 1");
	assert_string_equal(unread_of(5, INT64_MAX), "");
	execute(writer, "UPDATE conversations SET unread_messages = 2 WHERE id = 11");
	assert_string_equal(unread_of(5, INT64_MAX), "");
	execute(writer, "COMMIT");
	assert_string_equal(unread_of(5, INT64_MAX), "");
	pg_close(&writer);
}

static struct unread_difference kept;
static void on_keep(void *ctx, const struct unread_difference *d)
{
	(void)ctx;
	kept = *d;
}

static void a_difference_names_what_the_repair_needs(void **state)
{
	struct key_page page = { .last_workspace_id = INT64_MAX, .limit = 10 };
	struct uuid workspace = uuid_of("00000000-0000-4000-8000-000000000001"),
		    account = uuid_of("00000000-0000-4000-8000-000000000012");

	(void)state;
	db_script(CONVERSATIONS);
	execute(db.admin, "UPDATE conversations SET unread_messages = 7 WHERE id = 12");
	done(store_recount_unread(db.pg, &page, on_keep, NULL, &db.err));
	assert_true(uuid_eq(&kept.workspace, &workspace) && uuid_eq(&kept.account, &account));
	assert_true(kept.provider == PROVIDER_WEBJS && kept.bridge == BRIDGE_EVOLUTION && !kept.merged);
	assert_true(page.n == 4 && page.end_workspace_id == 2 && page.end_id == 21);
}

static void on_group(void *ctx, const struct group_difference *d)
{
	(void)ctx;
	buf_printf(&found, "%lld/%lld;", (long long)d->stored, (long long)d->counted);
}

static void participants_are_counted(void **state)
{
	struct key_page page = { .last_workspace_id = INT64_MAX, .limit = 10 };

	(void)state;
	db_script(
		"INSERT INTO whatsapp_groups (workspace_id, id, group_jid, name, participants, participants_count) VALUES"
		" (1, 1, 'a@g.us', 'a', '[{}, {}]', 2), (1, 2, 'b@g.us', 'b', '[{}]', 3), (2, 3, 'a@g.us', 'a', '[]', 0)");
	buf_clear(&found);
	done(store_recount_participants(db.pg, &page, on_group, NULL, &db.err));
	assert_string_equal(found.p, "3/1;");
	assert_true(page.n == 3 && page.end_workspace_id == 2 && page.end_id == 3);
}

static void on_progress(void *ctx, const struct progress_difference *d)
{
	(void)ctx;
	buf_printf(&found, "%.*s %.*s-%d %lld/%lld;", STR_ARG(d->consumer), STR_ARG(d->topic), d->partition,
		(long long)d->counted, (long long)d->passed);
}

static void every_record_of_every_consumer_has_an_outcome(void **state)
{
	(void)state;
	db_script(
		"INSERT INTO consumer_progress (consumer, topic, partition, cluster_id, epoch, start_offset, next_offset, applied, no_effect,"
		" filtered, parked, dead_lettered, skipped) VALUES ('chat-sync', 'inbound', 0, 'c', 1, 10, 31, 1, 2, 3, 4, 5, 6),"
		" ('chat-sync', 'inbound', 1, 'c', 1, 10, 31, 1, 2, 3, 4, 5, 5), ('chat-sync', 'inbound', 2, 'c', 1, NULL, NULL, 0, 0, 0, 0, 0, 0),"
		" ('webhook-dispatcher', 'chat-event', 0, 'c', 1, 0, 5, 6, 0, 0, 0, 0, 0)");
	buf_clear(&found);
	done(store_recount_progress(db.pg, on_progress, NULL, &db.err));
	assert_string_equal(found.p, "chat-sync inbound-1 20/21;webhook-dispatcher chat-event-0 6/5;");
}

/* Campaign 7 with ten recipients among rows of campaign 8 and single messages. */
#define CAMPAIGNS \
	"INSERT INTO campaigns (workspace_id, id, name, campaign_type, status, prepared_at, completed_at, first_send_id, last_send_id, recipients," \
	" messages_sent, messages_delivered, messages_read, messages_failed, messages_skipped, messages_unknown) VALUES" \
	" (1, 7, 'c', 'instant', 'completed', now(), now(), 100, 130, 10, 6, 4, 2, 1, 1, 1)," \
	" (1, 8, 'd', 'instant', 'running', now(), NULL, 100, 130, 0, 0, 0, 0, 0, 0, 0)," \
	" (1, 9, 'e', 'instant', 'running', NULL, NULL, 100, 130, 0, 0, 0, 0, 0, 0, 0), (2, 10, 'f', 'instant', 'draft', NULL, NULL, NULL, NULL," \
	" 0, 0, 0, 0, 0, 0, 0);" \
	"INSERT INTO campaign_counts (workspace_id, campaign_id, source, slot, recipients, sent, delivered, read, failed, skipped, unknown," \
	" updated_at) VALUES (1, 7, 'driver', 0, 10, 0, 0, 0, 0, 0, 0, now() - interval '1 h')," \
	" (1, 7, 'lane', 3, 0, 7, 0, 0, 1, 1, 1, now() - interval '1 h'), (1, 7, 'status', 1, 0, -1, 4, 2, 0, 0, 0, now() - interval '1 h');" \
	"INSERT INTO sends (workspace_id, id, campaign_id, segment, address, status) SELECT 1, 100 + 3 * n, 7, 0, n," \
	" (ARRAY['pending', 'sent', 'sent', 'delivered', 'delivered', 'read', 'read', 'failed', 'skipped', 'unknown'])[n]" \
	" FROM generate_series(1, 10) n;" \
	"INSERT INTO sends (workspace_id, id, campaign_id, segment, address) SELECT 1, 101 + 3 * n, 8, 0, n FROM generate_series(0, 9) n;" \
	"INSERT INTO sends (workspace_id, id, address) SELECT 1, 99 + 3 * n, n FROM generate_series(0, 20) n"

static void assert_counts(const int64_t counts[RECIPIENT_COUNTS])
{
	static const int64_t want[RECIPIENT_COUNTS] = { 10, 6, 4, 2, 1, 1, 1 };

	for (int i = 0; i < RECIPIENT_COUNTS; i++)
		if (counts[i] != want[i])
			fail_msg("%s: %lld", store_recipient_count_word((enum recipient_count)i), (long long)counts[i]);
}

static void recipients_of_a_campaign_are_counted_in_pages(void **state)
{
	struct campaign_recount c = { 0 };

	(void)state;
	db_script(CAMPAIGNS);
	assert_int_equal(store_recount_campaign_next(db.pg, 0, 0, INT64_MAX, &c, &db.err), 1);
	assert_true(c.workspace_id == 1 && c.id == 7 && c.first_send_id == 100 && c.last_send_id == 130 && c.is_quiet);
	assert_counts(c.counts);
	assert_counts(c.shown);
	for (int64_t limit = 1; limit < 100; limit += 7) {
		int64_t counts[RECIPIENT_COUNTS] = { 0 }, after = c.first_send_id - 1;

		while (after < c.last_send_id)
			done(store_recount_recipients(db.pg, &c, limit, &after, counts, &db.err));
		assert_int_equal(after, c.last_send_id);
		assert_counts(counts);
	}
}

static void campaigns_follow_each_other_and_one_that_is_being_prepared_is_left_out(void **state)
{
	struct campaign_recount c = { 0 };

	(void)state;
	db_script(CAMPAIGNS);
	assert_int_equal(store_recount_campaign_next(db.pg, 1, 7, INT64_MAX, &c, &db.err), 1);
	assert_int_equal(c.id, 8);
	assert_int_equal(store_recount_campaign_next(db.pg, 1, 8, INT64_MAX, &c, &db.err), 0);
	assert_int_equal(store_recount_campaign(db.pg, 1, 9, &c, &db.err), 0);
	execute(db.admin, "UPDATE campaigns SET prepared_at = now() WHERE id = 9");
	assert_int_equal(store_recount_campaign_next(db.pg, 1, 8, INT64_MAX, &c, &db.err), 1);
	assert_int_equal(store_recount_campaign_next(db.pg, 1, 8, 0, &c, &db.err), 0);
	/* Retention may have begun to delete its recipients. */
	execute(db.admin, "UPDATE campaigns SET deleted_at = now() WHERE id = 7");
	assert_int_equal(store_recount_campaign(db.pg, 1, 7, &c, &db.err), 0);
}

static void each_write_of_a_count_changes_the_version(void **state)
{
	struct campaign_recount before = { 0 }, after = { 0 };

	(void)state;
	db_script(CAMPAIGNS);
	assert_int_equal(store_recount_campaign(db.pg, 1, 7, &before, &db.err), 1);
	execute(db.admin, "UPDATE campaign_counts SET updated_at = now() WHERE source = 'lane'");
	assert_int_equal(store_recount_campaign(db.pg, 1, 7, &after, &db.err), 1);
	assert_true(before.version != after.version);
	assert_false(after.is_quiet); /* the driver may not have copied it yet */
	execute(db.admin, "UPDATE campaign_counts SET updated_at = now() - interval '1 h'");
	execute(db.admin, "UPDATE campaigns SET completed_at = now() - interval '7 days'");
	assert_int_equal(store_recount_campaign(db.pg, 1, 7, &after, &db.err), 1);
	assert_false(after.is_quiet); /* nor does it ever, so late after the end */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unread_counter_that_differs_is_found_and_no_other),
		cmocka_unit_test_setup(a_counter_that_is_being_written_does_not_differ, db_empty),
		cmocka_unit_test_setup(a_difference_names_what_the_repair_needs, db_empty),
		cmocka_unit_test_setup(participants_are_counted, db_empty),
		cmocka_unit_test_setup(every_record_of_every_consumer_has_an_outcome, db_empty),
		cmocka_unit_test_setup(recipients_of_a_campaign_are_counted_in_pages, db_empty),
		cmocka_unit_test_setup(campaigns_follow_each_other_and_one_that_is_being_prepared_is_left_out,
			db_empty),
		cmocka_unit_test_setup(each_write_of_a_count_changes_the_version, db_empty),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
