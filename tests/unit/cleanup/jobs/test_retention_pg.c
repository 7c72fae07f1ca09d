/* The job retention on PostgreSQL: what it deletes, what it leaves, and what it publishes. */
#include "leader.h"

#include "store/cleanup_requests.h"
#include "store/cleanup_retention.h"
#include "wire/inbound.h"
#include "wire/records.h"

static struct rows *rows;
static struct pg *admin;
static struct cleanup_settings settings;

#define DAYS(n) "now() - interval '" #n " days'"
#define CONDITION \
	"c.type = 'inbound' AND c.origin IN ('live', 'sync') AND c.deleted_at IS NULL AND c.sent_at > coalesce(v.last_read_at, '-infinity')"

/* Counters as chat-sync keeps them. */
static void recount(void)
{
	execute(db.admin,
		"UPDATE conversations v SET unread_messages = (SELECT count(*) FROM chats c WHERE c.workspace_id = v.workspace_id"
		" AND c.conversation_id = v.id AND " CONDITION ")");
}

static void assert_counters(void)
{
	assert_int_equal(
		db_i64("SELECT count(*) FROM conversations v WHERE unread_messages <> (SELECT count(*) FROM chats c"
		       " WHERE c.workspace_id = v.workspace_id AND c.conversation_id = v.id AND " CONDITION ")"),
		0);
}

static int setup(void **state)
{
	lease_close(&lease, 0);
	db_empty(state);
	leader_lease_hold();
	arena_reset(db.arena);
	rows_free(rows);
	settings.retention = (struct job_settings){ .enabled = false, .every_ms = 3600000 };
	settings.jobs_duty = 100;
	rows = rows_new(&(struct rows_options){ .jobs = row_jobs, .settings = &settings });
	db_script(
		"DELETE FROM cleanup_jobs; DELETE FROM outbox;"
		"UPDATE workspaces SET settings = '{\"retention\":{\"messages_days\":30}}' WHERE id = 1;"
		"UPDATE workspaces SET settings = '{}' WHERE id = 2;"
		"INSERT INTO contacts (workspace_id, id, source_type) SELECT w, i, 'webjs' FROM generate_series(1, 2) w, generate_series(1, 9) i;"
		"INSERT INTO conversations (workspace_id, id, account_id, contact_id, last_read_at) VALUES"
		" (1, 11, 1, 1, " DAYS(40) "), (1, 12, 1, 2, NULL), (1, 13, 2, 3, NULL), (2, 21, 3, 1, NULL)");
	return 0;
}

/* The message's id is its key. */
static void message(int64_t workspace, int64_t conversation, int64_t id, const char *type, const char *origin,
	const char *sent_at)
{
	char sql[600];

	snprintf(sql, sizeof(sql),
		"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin,"
		" metadata, sent_at) SELECT v.workspace_id, %ld, v.account_id, v.id, '%ld', '%s', 'text', 'delivered', '%s', '{}', %s"
		" FROM conversations v WHERE v.workspace_id = %ld AND v.id = %ld",
		(long)id, (long)id, type, origin, sent_at, (long)workspace, (long)conversation);
	execute(db.admin, sql);
}

static const char *left(void)
{
	return arena_cstr(db.arena, db_text("SELECT coalesce(string_agg(id::text, ' ' ORDER BY id), '') FROM chats"));
}

/* Runs the job, and returns its answer. */
static const char *job_run(bool dry_run, const char *workspace)
{
	struct job_request r = { .dry_run = dry_run };
	struct str answer = STR_NONE;

	if (workspace)
		r.workspace = uuid_of(workspace);
	done(store_job_request(admin, "retention", STR("ann"), &r, &db.err));
	done(rows_load(rows, lease_pg(lease), &db.err));
	for (int64_t until = clock_mono_ms() + PATIENCE_MS; answer.n == 0;) {
		struct record_target to = leader_target();
		struct arena *a = arena_new(1 << 12);

		to.arena = a;
		assert_true(clock_mono_ms() < until);
		done(rows_turn(rows, &to, &db.err));
		arena_free(a);
		done(store_job_answer(admin, "retention", r.at_us, db.arena, &answer, &db.err));
	}
	return arena_cstr(db.arena, answer);
}

static void messages_of_each_kind(void)
{
	message(1, 11, 1, "inbound", "live", DAYS(50)); /* read */
	message(1, 11, 2, "inbound", "live", DAYS(35)); /* unread */
	message(1, 11, 3, "outbound", "live", DAYS(35));
	message(1, 11, 4, "inbound", "history", DAYS(35));
	message(1, 11, 5, "inbound", "live", DAYS(35));
	execute(db.admin, "UPDATE chats SET deleted_at = now() WHERE id = 5");
	message(1, 11, 6, "inbound", "live", DAYS(10));
	message(1, 11, 7, "outbound", "live", "now() - interval '29 days 23 hours 59 minutes'");
	message(1, 12, 8, "inbound", "sync", DAYS(60)); /* unread */
	message(1, 12, 9, "outbound", "live", "now() - interval '30 days 1 minute'");
	message(2, 21, 10, "outbound", "live", DAYS(400)); /* another workspace */
	recount();
}

static void old_messages_that_no_counter_counts_go(void **state)
{
	(void)state;
	messages_of_each_kind();
	assert_string_equal(job_run(false, NULL), "{\"acted\": 5, \"found\": 5}");
	assert_string_equal(left(), "2 6 7 8 10");
	assert_counters();
	assert_string_equal(job_run(false, NULL), "{\"acted\": 0, \"found\": 0}");
	assert_string_equal(left(), "2 6 7 8 10");
}

static void a_dry_run_says_what_the_run_does_and_does_nothing(void **state)
{
	const char *dry;

	(void)state;
	messages_of_each_kind();
	dry = job_run(true, NULL);
	assert_string_equal(dry, "{\"acted\": 0, \"found\": 5}");
	assert_string_equal(left(), "1 2 3 4 5 6 7 8 9 10");
	assert_int_equal(db_i64("SELECT count(*) FROM outbox"), 0);
	assert_string_equal(job_run(false, NULL), "{\"acted\": 5, \"found\": 5}");
}

/* As the server counts them, for the session of the leader, too. */
static int64_t messages_read(void)
{
	execute(lease_pg(lease), "SELECT pg_stat_force_next_flush()");
	return db_i64("SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'chats_conversation'");
}

static void a_step_reads_no_more_messages_than_it_takes_on(void **state)
{
	int64_t before;

	(void)state;
	db_script(
		"INSERT INTO contacts (workspace_id, id, source_type) SELECT 1, i, 'webjs' FROM generate_series(101, 200) i;"
		"INSERT INTO conversations (workspace_id, id, account_id, contact_id) SELECT 1, i, 1, i FROM generate_series(101, 200) i;"
		"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin, metadata,"
		" sent_at) SELECT 1, v * 1000 + i, 1, v, v || ' ' || i, 'outbound', 'text', 'sent', 'live', '{}', " DAYS(
			40) " + i * interval '1 s'"
			    " FROM generate_series(101, 200) v, generate_series(1, 50) i");
	before = messages_read();
	assert_string_equal(job_run(true, NULL), "{\"acted\": 0, \"found\": 5000}");
	assert_in_range(messages_read() - before, 5000, 7500);
}

static void what_is_attached_goes_with_its_message(void **state)
{
	(void)state;
	message(1, 11, 1, "outbound", "live", DAYS(35));
	message(1, 11, 2, "outbound", "live", DAYS(5));
	db_script(
		"INSERT INTO chat_receipts (workspace_id, chat_id, participant, status, at) SELECT 1, i, 'p', 'read', now() FROM generate_series(1, 2) i;"
		"INSERT INTO chat_reactions (workspace_id, chat_id, sender, emoji, at) SELECT 1, i, 's', '!', now() FROM generate_series(1, 2) i;"
		"INSERT INTO chat_reactions_withdrawn (workspace_id, chat_id, sender, at) SELECT 1, i, 's', now() FROM generate_series(1, 2) i;"
		"INSERT INTO chat_media (workspace_id, chat_id) SELECT 1, i FROM generate_series(1, 2) i");
	job_run(false, NULL);
	assert_text(
		"SELECT string_agg(chat_id::text, ' ') FROM (SELECT chat_id FROM chat_receipts UNION ALL SELECT chat_id FROM chat_reactions"
		" UNION ALL SELECT chat_id FROM chat_reactions_withdrawn UNION ALL SELECT chat_id FROM chat_media) AS x",
		"2 2 2 2");
	assert_string_equal(left(), "2");
}

/* The read markers in the outbox: conversation and time. */
static const char *markers(void)
{
	struct pg_rows *answer = query(db.admin, "SELECT records FROM outbox ORDER BY seq", NULL);
	struct buf out = BUF_INIT;
	const char *text;

	for (int i = 0; i < pg_rows_count(answer); i++) {
		struct record_view r;
		struct inbound_event e;
		size_t at = 0;

		while (at < pg_text(answer, i, 0).n) {
			done(records_next(pg_text(answer, i, 0), &at, &r, &db.err));
			done(inbound_decode(&e, r.value, db.arena, &db.err));
			assert_int_equal(e.kind, IN_READ_MARKER);
			buf_printf(&out, "%.*s %ld;", STR_ARG(e.u.read_marker.conversation_id),
				(long)(e.u.read_marker.read_at_ms - clock_now_ms() + 30 * INT64_C(86400000)) / 60000);
		}
	}
	pg_rows_free(answer);
	text = arena_cstr(db.arena, buf_str(&out));
	buf_fini(&out);
	return text;
}

static void unread_messages_get_a_read_marker_and_go_with_the_next_run(void **state)
{
	char want[200];

	(void)state;
	messages_of_each_kind();
	job_run(false, NULL);
	snprintf(want, sizeof(want), "%s 0;%s 0;",
		arena_cstr(db.arena, db_text("SELECT uuid::text FROM conversations WHERE id = 11")),
		arena_cstr(db.arena, db_text("SELECT uuid::text FROM conversations WHERE id = 12")));
	assert_string_equal(markers(), want);
	/* As chat-sync applies them. */
	execute(db.admin, "UPDATE conversations SET last_read_at = " DAYS(30) " WHERE id IN (11, 12)");
	recount();
	assert_string_equal(job_run(false, NULL), "{\"acted\": 2, \"found\": 2}");
	assert_string_equal(left(), "6 7 10");
	assert_counters();
}

static void messages_of_a_conversation_that_is_merged_wait_until_they_are_there(void **state)
{
	(void)state;
	execute(db.admin, "UPDATE conversations SET merged_into = 12 WHERE id = 11");
	message(1, 11, 1, "outbound", "live", DAYS(50));
	assert_string_equal(job_run(false, NULL), "{\"acted\": 0, \"found\": 0}");
	execute(db.admin, "UPDATE chats SET conversation_id = 12");
	assert_string_equal(job_run(false, NULL), "{\"acted\": 1, \"found\": 1}");
}

static void a_request_may_name_the_workspace(void **state)
{
	(void)state;
	execute(db.admin, "UPDATE workspaces SET settings = '{\"retention\":{\"messages_days\":1}}' WHERE id = 2");
	message(1, 11, 1, "outbound", "live", DAYS(50));
	message(2, 21, 2, "outbound", "live", DAYS(50));
	assert_string_equal(job_run(false, "00000000-0000-4000-8000-000000000002"), "{\"acted\": 1, \"found\": 1}");
	assert_string_equal(left(), "1");
	assert_string_equal(job_run(false, "00000000-0000-4000-8000-00000000000f"), "{\"acted\": 0, \"found\": 0}");
}

static void a_setting_that_is_none_keeps_everything(void **state)
{
	static const struct {
		const char *settings;
		int64_t invalid;
	} cases[] = {
		{ "{}", 0 },
		{ "{\"retention\":null}", 0 },
		{ "{\"retention\":{}}", 0 },
		{ "{\"retention\":{\"messages_days\":null}}", 0 },
		{ "{\"retention\":{\"messages_days\":\"30\"}}", 1 },
		{ "{\"retention\":{\"messages_days\":true}}", 1 },
		{ "{\"retention\":{\"messages_days\":[30]}}", 1 },
		{ "{\"retention\":{\"messages_days\":30.5}}", 1 },
		{ "{\"retention\":{\"messages_days\":0}}", 1 },
		{ "{\"retention\":{\"messages_days\":-30}}", 1 },
		{ "{\"retention\":{\"messages_days\":3651}}", 1 },
		{ "{\"retention\":{\"messages_days\":1e300}}", 1 },
		{ "{\"retention\":30}", 1 },
		{ "{\"retention\":[{\"messages_days\":30}]}", 1 },
		{ "{\"retention\":\"messages_days\"}", 1 },
	};

	(void)state;
	message(1, 11, 1, "outbound", "live", "now() - interval '20 years'");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char sql[300];
		int64_t invalid;

		snprintf(sql, sizeof(sql), "UPDATE workspaces SET settings = '%s' WHERE id = 1", cases[i].settings);
		execute(db.admin, sql);
		if (strcmp(job_run(false, NULL), "{\"acted\": 0, \"found\": 0}") != 0)
			fail_msg("%s", cases[i].settings);
		done(store_retention_invalid(lease_pg(lease), &invalid, &db.err));
		if (invalid != cases[i].invalid)
			fail_msg("%s: %ld", cases[i].settings, (long)invalid);
	}
	execute(db.admin, "UPDATE workspaces SET settings = '{\"retention\":{\"messages_days\":3650.0}}' WHERE id = 1");
	assert_string_equal(job_run(false, NULL), "{\"acted\": 1, \"found\": 1}");
}

static void a_message_that_is_locked_is_left_for_the_next_run(void **state)
{
	struct pg *other = db_session(ADMIN);

	(void)state;
	message(1, 11, 1, "outbound", "live", DAYS(50));
	message(1, 11, 2, "outbound", "live", DAYS(49));
	done(pg_begin(other, &db.err));
	execute(other, "SELECT FROM chats WHERE id = 1 FOR KEY SHARE"); /* as a reaction that is being stored */
	assert_string_equal(job_run(false, NULL), "{\"acted\": 1, \"found\": 2}");
	assert_string_equal(left(), "1");
	pg_rollback(other);
	pg_close(&other);
	assert_string_equal(job_run(false, NULL), "{\"acted\": 1, \"found\": 1}");
}

/* Between the search and the lock. */
static void a_message_that_has_changed_since_it_was_found_is_left(void **state)
{
	static const char *const changes[] = {
		"UPDATE chats SET conversation_id = 12",
		"UPDATE chats SET sent_at = now()",
		"UPDATE chats SET type = 'inbound'",
		"DELETE FROM chats",
	};
	const struct retention_place from = { 0 };
	struct retention_workspace w;
	struct retention_row *found;
	int64_t *ids;
	size_t n, n_ids;
	bool any;

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		execute(db.admin, "DELETE FROM chats");
		message(1, 11, 1, "outbound", "live", DAYS(35));
		done(store_retention_workspace(lease_pg(lease), 0, &(struct uuid){ { 0 } }, &w, &any, &db.err));
		done(store_retention_find(lease_pg(lease), &w, &from, 10, db.arena, &found, &n, &db.err));
		assert_int_equal(n, 3); /* the message, and two conversations without */
		done(lease_begin(lease, &db.err));
		done(store_retention_lock(lease_pg(lease), &w, found, n, db.arena, &ids, &n_ids, &db.err));
		assert_int_equal(n_ids, 1);
		lease_rollback(lease);
		execute(db.admin, changes[i]);
		done(lease_begin(lease, &db.err));
		done(store_retention_lock(lease_pg(lease), &w, found, n, db.arena, &ids, &n_ids, &db.err));
		if (n_ids != 0)
			fail_msg("%s", changes[i]);
		lease_rollback(lease);
	}
}

/* Many pages, with messages of one time, unread ones in between, and conversations without old messages. */
static void a_walk_of_many_steps_passes_every_message_once(void **state)
{
	int64_t want;

	(void)state;
	db_script(
		"INSERT INTO contacts (workspace_id, id, source_type) SELECT 1, i, 'webjs' FROM generate_series(100, 400) i;"
		"INSERT INTO conversations (workspace_id, id, account_id, contact_id, last_read_at)"
		" SELECT 1, i, 1 + i % 2, i, CASE WHEN i % 3 = 0 THEN " DAYS(
			45) " END FROM generate_series(100, 400) i;"
			    "INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin, metadata, sent_at)"
			    " SELECT 1, 10000 + m * 1000 + v.id, v.account_id, v.id, m::text, CASE WHEN (m + v.id) % 3 = 0 THEN 'inbound' ELSE 'outbound' END, 'text', 'delivered',"
			    " 'live', '{}', date_trunc('day', now()) - make_interval(days => (m / 4)::integer + 1) FROM conversations v, generate_series(1, 200) m"
			    " WHERE v.id >= 100 AND (v.id % 50 = 0 OR m < 3)");
	recount();
	want = db_i64(
		"SELECT count(*) FROM chats c JOIN conversations v ON (v.workspace_id, v.id) = (c.workspace_id, c.conversation_id)"
		" WHERE c.sent_at < " DAYS(30) " AND NOT (" CONDITION ")");
	assert_true(want > 300);
	assert_string_equal(job_run(true, NULL),
		arena_cstr(db.arena, arena_printf(db.arena, "{\"acted\": 0, \"found\": %ld}", (long)want)));
	assert_string_equal(job_run(false, NULL),
		arena_cstr(db.arena,
			arena_printf(db.arena, "{\"acted\": %ld, \"found\": %ld}", (long)want, (long)want)));
	assert_int_equal(
		db_i64("SELECT count(*) FROM chats c JOIN conversations v ON (v.workspace_id, v.id) = (c.workspace_id, c.conversation_id)"
		       " WHERE c.sent_at < " DAYS(30) " AND NOT (" CONDITION ")"),
		0);
	assert_counters();
	/* One marker for each conversation with unread ones, although it has many pages. */
	assert_int_equal(
		db_i64("SELECT count(DISTINCT v.id) FROM chats c JOIN conversations v ON (v.workspace_id, v.id) ="
		       " (c.workspace_id, c.conversation_id) WHERE c.sent_at < " DAYS(30)),
		strlen(markers()) / 39);
	assert_string_equal(job_run(false, NULL), "{\"acted\": 0, \"found\": 0}");
}

static void single_messages_to_send_go_some_time_after_they_have_ended(void **state)
{
	(void)state;
	db_script(
		"INSERT INTO campaigns (workspace_id, id, name, campaign_type) VALUES (1, 1, 'c', 'instant');"
		"INSERT INTO sends (workspace_id, id, campaign_id, segment, address, account_id, status, next_attempt_at, created_at, updated_at) VALUES"
		" (1, 1, NULL, NULL, 'a', 1, 'sent', NULL, " DAYS(60) ", " DAYS(
			36) "),"
			    " (1, 2, NULL, NULL, 'a', 1, 'sent', NULL, " DAYS(60) ", " DAYS(
				    34) "),"
					" (1, 3, NULL, NULL, 'a', 1, 'pending', 'infinity', " DAYS(60) ", " DAYS(
						60) "),"
						    " (1, 4, NULL, NULL, 'a', 1, 'unknown', now(), " DAYS(60) ", " DAYS(
							    60) "),"
								" (1, 5, NULL, NULL, 'a', 1, 'unknown', NULL, " DAYS(60) ", " DAYS(
									60) "),"
									    " (1, 6, 1, 0, 'b', NULL, 'sent', NULL, " DAYS(60) ", " DAYS(
										    60) "),"
											" (1, 7, NULL, NULL, 'a', 1, 'failed', NULL, " DAYS(50) ", " DAYS(
												50) "),"
												    " (2, 8, NULL, NULL, 'a', 3, 'read', NULL, " DAYS(
													    60) ", " DAYS(36) ")");
	settings.retention_sends_ms = 35 * INT64_C(86400000);
	assert_string_equal(job_run(true, NULL), "{\"acted\": 0, \"found\": 4}");
	assert_string_equal(job_run(false, "00000000-0000-4000-8000-000000000002"), "{\"acted\": 1, \"found\": 1}");
	assert_string_equal(job_run(false, NULL), "{\"acted\": 3, \"found\": 3}");
	assert_text("SELECT string_agg(id::text, ' ' ORDER BY id) FROM sends", "2 3 4 6");
	assert_string_equal(job_run(false, NULL), "{\"acted\": 0, \"found\": 0}");
}

/* Rows behind the first page of a workspace are not looked at, which the dates of these show. */
static void a_workspace_is_left_at_the_first_row_that_is_young(void **state)
{
	(void)state;
	db_script(
		"INSERT INTO sends (workspace_id, id, request_id, address, account_id, status, created_at, updated_at)"
		" SELECT 1, i, gen_random_uuid(), 'a', 1, 'sent', now() - make_interval(mins => (60 * 24 * 40 - i * 9)::integer), now() - make_interval(days => 36)"
		" FROM generate_series(1, 6000) i;"
		"INSERT INTO sends (workspace_id, id, address, account_id, status, created_at, updated_at) SELECT 2, 1000, 'a', 3, 'sent', " DAYS(
			60) ", " DAYS(60));
	settings.retention_sends_ms = 35 * INT64_C(86400000);
	job_run(false, NULL);
	assert_true(db_i64("SELECT count(*) FROM sends WHERE workspace_id = 1") > 0);
	assert_int_equal(db_i64("SELECT count(*) FROM sends WHERE workspace_id = 2"), 0);
}

/* Campaigns of workspace 1 in every status, and one of workspace 2; 10 + i is one of the recipients of campaign i, 20 + i another one. */
#define LONG_AGO DAYS(91)
#define CAMPAIGNS \
	"INSERT INTO campaigns (workspace_id, id, name, campaign_type, status, completed_at, updated_at, first_send_id, last_send_id) VALUES" \
	" (1, 1, 'c', 'instant', 'completed', " LONG_AGO ", now(), 11, 21)," \
	" (1, 2, 'c', 'instant', 'cancelled', " LONG_AGO ", now(), 12, 22)," \
	" (1, 3, 'c', 'instant', 'failed', NULL, " LONG_AGO ", NULL, NULL)," \
	" (1, 4, 'c', 'instant', 'completed', " DAYS( \
		89) ", " LONG_AGO ", 14, 24)," \
		    " (1, 5, 'c', 'instant', 'failed', NULL, " DAYS( \
			    89) ", NULL, NULL)," \
				" (1, 6, 'c', 'instant', 'draft', NULL, " LONG_AGO ", NULL, NULL)," \
				" (1, 7, 'c', 'instant', 'paused', NULL, " LONG_AGO ", 17, 27)," \
				" (1, 8, 'c', 'instant', 'cancelled', " LONG_AGO ", " LONG_AGO ", 18, 28)," \
				" (2, 9, 'c', 'instant', 'completed', " LONG_AGO ", " LONG_AGO ", 19, 29);" \
				"INSERT INTO sends (workspace_id, id, campaign_id, segment, address, status, updated_at) SELECT c.workspace_id, 10 * n + c.id, c.id, 0, n," \
				" CASE n WHEN 1 THEN 'sent' ELSE 'pending' END, " LONG_AGO \
				" FROM campaigns c, generate_series(1, 2) n WHERE c.first_send_id IS NOT NULL;" \
				"UPDATE sends SET status = 'unknown', account_id = 1, next_attempt_at = now() WHERE id = 18;" \
				"INSERT INTO sends (workspace_id, id, address, status, updated_at) VALUES (1, 16, 'a', 'sent', " DAYS( \
					1) ");" \
					   "INSERT INTO campaign_segments (workspace_id, campaign_id, segment, account_id, partition) SELECT workspace_id, id, 0, 1, 0 FROM campaigns;" \
					   "INSERT INTO campaign_counts (workspace_id, campaign_id, source, slot) SELECT workspace_id, id, 'lane', n FROM campaigns, generate_series(0, 1) n"

static void campaigns_setup(void)
{
	settings.retention_sends_ms = 35 * INT64_C(86400000);
	settings.retention_campaigns_ms = 90 * INT64_C(86400000);
	db_script(CAMPAIGNS);
}

/* Campaigns, rows of sends, campaigns with segments, campaigns with counts. */
static const char *campaigns_left(void)
{
	return arena_cstr(db.arena,
		db_text("SELECT (SELECT string_agg(id::text, ' ' ORDER BY id) FROM campaigns) || '; ' || (SELECT string_agg(id::text, ' ' ORDER BY id)"
			" FROM sends) || '; ' || (SELECT string_agg(campaign_id::text, ' ' ORDER BY campaign_id) FROM campaign_segments) || '; ' ||"
			" (SELECT string_agg(DISTINCT campaign_id::text, ' ') FROM campaign_counts)"));
}

static void campaigns_go_some_time_after_they_have_ended(void **state)
{
	const char *before;

	(void)state;
	campaigns_setup();
	before = campaigns_left();
	assert_string_equal(job_run(true, NULL), "{\"acted\": 0, \"found\": 10}");
	assert_string_equal(campaigns_left(), before);
	assert_int_equal(db_i64("SELECT count(*) FROM campaigns WHERE deleted_at IS NOT NULL"), 0);
	assert_string_equal(job_run(false, "00000000-0000-4000-8000-000000000002"), "{\"acted\": 3, \"found\": 3}");
	assert_string_equal(campaigns_left(),
		"1 2 3 4 5 6 7 8; 11 12 14 16 17 18 21 22 24 27 28; 1 2 3 4 5 6 7 8; 1 2 3 4 5 6 7 8");
	assert_string_equal(job_run(false, NULL), "{\"acted\": 7, \"found\": 7}");
	assert_string_equal(campaigns_left(), "4 5 6 7 8; 14 16 17 18 24 27 28; 4 5 6 7 8; 4 5 6 7 8");
	assert_string_equal(job_run(false, NULL), "{\"acted\": 0, \"found\": 0}");
	/* Its outcome is decided. */
	execute(db.admin, "UPDATE sends SET next_attempt_at = NULL WHERE id = 18");
	assert_string_equal(job_run(false, NULL), "{\"acted\": 3, \"found\": 3}");
	assert_string_equal(campaigns_left(), "4 5 6 7; 14 16 17 24 27; 4 5 6 7; 4 5 6 7");
}

static void a_campaign_whose_recipient_is_locked_goes_with_the_next_run(void **state)
{
	struct pg *other = db_session(ADMIN);

	(void)state;
	campaigns_setup();
	execute(db.admin, "UPDATE campaigns SET status = 'paused', completed_at = NULL WHERE id NOT IN (1, 2)");
	done(pg_begin(other, &db.err));
	/* As a status that is being applied, and a campaign that a command is about to begin again. */
	execute(other, "SELECT FROM sends WHERE id = 11 FOR NO KEY UPDATE");
	execute(other, "SELECT FROM campaigns WHERE id = 2 FOR NO KEY UPDATE");
	assert_string_equal(job_run(false, NULL), "{\"acted\": 1, \"found\": 3}");
	assert_text(
		"SELECT string_agg(id || CASE WHEN deleted_at IS NULL THEN '' ELSE ' deleted' END, ', ' ORDER BY id) FROM campaigns WHERE id < 3",
		"1 deleted, 2");
	execute(other,
		"INSERT INTO campaign_counts (workspace_id, campaign_id, source, slot) VALUES (1, 1, 'status', 0)");
	done(pg_commit(other, &db.err));
	pg_close(&other);
	assert_string_equal(job_run(false, NULL), "{\"acted\": 5, \"found\": 5}");
	assert_int_equal(db_i64("SELECT count(*) FROM campaigns WHERE id < 3"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM campaign_counts WHERE campaign_id < 3"), 0);
}

/* Many pages, rows of two campaigns in turns, single messages between them. */
static void campaigns_whose_recipients_are_mixed_keep_each_its_own(void **state)
{
	(void)state;
	settings.retention_campaigns_ms = 90 * INT64_C(86400000);
	settings.retention_sends_ms = 35 * INT64_C(86400000);
	db_script(
		"INSERT INTO campaigns (workspace_id, id, name, campaign_type, status, completed_at, first_send_id, last_send_id) VALUES"
		" (1, 1, 'c', 'instant', 'completed', " LONG_AGO ", 1, 12000),"
		" (1, 2, 'c', 'instant', 'completed', " DAYS(
			89) ", 1, 12000);"
			    "INSERT INTO sends (workspace_id, id, campaign_id, segment, address, status) SELECT 1, i, CASE i % 3 WHEN 0 THEN NULL ELSE i % 3 END,"
			    " CASE i % 3 WHEN 0 THEN NULL ELSE 0 END, i, 'sent' FROM generate_series(1, 12000) i");
	assert_string_equal(job_run(true, NULL), "{\"acted\": 0, \"found\": 4001}");
	assert_string_equal(job_run(false, NULL), "{\"acted\": 4001, \"found\": 4001}");
	assert_text("SELECT string_agg(coalesce(campaign_id, 0) || ' ' || n, ', ' ORDER BY campaign_id NULLS FIRST)"
		    " FROM (SELECT campaign_id, count(*) AS n FROM sends GROUP BY campaign_id) AS s",
		"0 4000, 2 4000");
	assert_int_equal(db_i64("SELECT id FROM campaigns"), 2);
}

static int start(void **state)
{
	if (leader_start(state) < 0)
		return -1;
	admin = db_session("blazz_admin");
	return 0;
}

static int stop(void **state)
{
	rows_free(rows);
	pg_close(&admin);
	return leader_stop(state);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(old_messages_that_no_counter_counts_go),
		T(a_dry_run_says_what_the_run_does_and_does_nothing),
		T(a_step_reads_no_more_messages_than_it_takes_on),
		T(what_is_attached_goes_with_its_message),
		T(unread_messages_get_a_read_marker_and_go_with_the_next_run),
		T(messages_of_a_conversation_that_is_merged_wait_until_they_are_there),
		T(a_request_may_name_the_workspace),
		T(a_setting_that_is_none_keeps_everything),
		T(a_message_that_is_locked_is_left_for_the_next_run),
		T(a_message_that_has_changed_since_it_was_found_is_left),
		T(a_walk_of_many_steps_passes_every_message_once),
		T(single_messages_to_send_go_some_time_after_they_have_ended),
		T(a_workspace_is_left_at_the_first_row_that_is_young),
		T(campaigns_go_some_time_after_they_have_ended),
		T(a_campaign_whose_recipient_is_locked_goes_with_the_next_run),
		T(campaigns_whose_recipients_are_mixed_keep_each_its_own),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
