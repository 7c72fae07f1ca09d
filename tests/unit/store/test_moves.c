/* A move to another Kafka cluster: every stored offset is shifted by what its partition was, in one transaction, and never while a
 * service could still use the old ones. */
#include "unit.h"

#include "store/moves.h"
#include "store/progress.h"
#include "webhooks.h"

#define INBOUND "b.inbound.v1"
#define EVENTS  "b.chat-event.v1"

static struct pg *ops;

static int start(void **state)
{
	if (db_start(state) < 0)
		return -1;
	ops = db_session("blazz_ops");
	return 0;
}

static int stop(void **state)
{
	pg_close(&ops);
	return db_stop(state);
}

static const struct move_partition partitions[] = {
	{ INBOUND, 0, 90, 160 },
	{ INBOUND, 1, 0, 0 },
	{ EVENTS, 0, 400, 520 },
	{ EVENTS, 1, 7, 30 },
};
static const struct move move = { "old", "new", EVENTS, partitions, 4 };

#define ROWS \
	"INSERT INTO consumer_progress (consumer, topic, partition, cluster_id, epoch, seq, start_offset, next_offset, applied) VALUES" \
	" ('chat-sync', '" INBOUND "', 0, 'old', 5, 9, 100, 150, 50), ('chat-sync', '" INBOUND \
	"', 1, 'old', 6, 0, NULL, NULL, 0)," \
	" ('webhook-dispatcher', '" EVENTS "', 0, 'old', 5, 0, 300, 500, 200), ('webhook-dispatcher', '" EVENTS \
	"', 1, 'old', 5, 0, 7, 30, 23)," \
	" ('campaign-sender', '" EVENTS "', 0, 'old', 5, 0, 400, 400, 0);" \
	"INSERT INTO webhook_replays (workspace_id, id, endpoint_id, since, completed_at) VALUES (1, 1, 1, now(), NULL), (1, 2, 1, now(), now());" \
	"INSERT INTO webhook_positions (workspace_id, endpoint_id, replay_id, topic, partition, next_offset, live_from, start_offset," \
	" until_offset, matched, lost) VALUES" \
	" (1, 1, NULL, '" EVENTS "', 0, 450, 480, NULL, NULL, 0, 0), (1, 2, NULL, '" EVENTS \
	"', 0, 380, NULL, NULL, NULL, 0, 0)," \
	" (1, 1, 1, '" EVENTS "', 0, 390, NULL, 350, 410, 4, 3), (1, 1, 1, '" EVENTS "', 1, 20, NULL, 10, 25, 4, 0)," \
	" (1, 1, 2, '" EVENTS "', 0, 90, NULL, 10, 90, 80, 1), (1, 1, 2, 'gone', 9, 90, NULL, 10, 90, 80, 1);" \
	"INSERT INTO webhook_retry_queue (workspace_id, id, endpoint_id, event_id, event_type, url, source_partition, source_offset," \
	" source_timestamp_ms, max_retries, next_retry_at, status) SELECT 1, g, 1, gen_random_uuid(), 't', 'u', (ARRAY[0, 0, 1, 0])[g]," \
	" (ARRAY[440, 395, 8, 401])[g], 1, 1, now(), (ARRAY['pending', 'pending', 'retrying', 'failed'])[g] FROM generate_series(1, 4) g;" \
	"INSERT INTO parked_updates (workspace_id, account_id, kind, target, event_id, record_value, record_headers, topic, partition," \
	" record_offset, record_timestamp_ms, expires_at) SELECT 1, 1, 'status', 'true:' || g, gen_random_uuid(), '', '', '" INBOUND \
	"', 0, 100 + g, 0, now() FROM generate_series(1, 2) g"

static int with_rows(void **state)
{
	with_endpoints(state);
	if (pg_in_transaction(ops))
		pg_rollback(ops);
	db_script(ROWS);
	return 0;
}

#define EVERYTHING \
	"SELECT concat_ws(E'\\n'," \
	" (SELECT string_agg(concat_ws(' ', consumer, partition, cluster_id, epoch, seq, coalesce(start_offset, -9), coalesce(next_offset, -9), applied)," \
	"  E'\\n' ORDER BY consumer, topic, partition) FROM consumer_progress)," \
	" (SELECT string_agg(concat_ws(' ', endpoint_id, coalesce(replay_id, 0), topic, partition, next_offset, coalesce(live_from, -9)," \
	"  coalesce(start_offset, -9), coalesce(until_offset, -9), matched, lost), E'\\n' ORDER BY endpoint_id, replay_id, topic, partition) FROM webhook_positions)," \
	" (SELECT string_agg(source_offset::text, ' ' ORDER BY id) FROM webhook_retry_queue)," \
	" (SELECT string_agg(record_offset::text, ' ' ORDER BY id) FROM parked_updates))"

static void every_offset_is_shifted_by_the_first_of_its_partition(void **state)
{
	struct moved moved;

	(void)state;
	assert_done(pg_begin(ops, &db.err), db.err);
	assert_done(store_move_begin(ops, &db.err), db.err);
	assert_done(store_move_check_map(ops, &move, &db.err), db.err);
	assert_done(store_move_apply(ops, &move, &moved, &db.err), db.err);
	assert_done(pg_commit(ops, &db.err), db.err);
	assert_text(EVERYTHING,
		"campaign-sender 0 new 6 0 0 0 0\n"
		"chat-sync 0 new 6 9 10 60 50\n"
		"chat-sync 1 new 7 0 -9 -9 0\n"
		"webhook-dispatcher 0 new 6 0 -100 100 200\n" /* 200 records since then, as before */
		"webhook-dispatcher 1 new 6 0 0 23 23\n"
		"1 1 b.chat-event.v1 0 0 -9 0 10 4 13\n" /* ten records of the replay are not in the new cluster */
		"1 1 b.chat-event.v1 1 13 -9 3 18 4 0\n"
		"1 2 b.chat-event.v1 0 0 -9 0 0 80 1\n"
		"1 2 gone 9 90 -9 10 90 80 1\n"
		"1 0 b.chat-event.v1 0 50 80 -9 -9 0 0\n"
		"2 0 b.chat-event.v1 0 0 -9 -9 -9 0 0\n"
		"40 -5 1 1\n" /* in their order, also below the first offset */
		"11 12");
	assert_int_equal(moved.progress, 5);
	assert_int_equal(moved.positions, 5);
	assert_int_equal(moved.retries, 4);
	assert_int_equal(moved.parked, 2);
	assert_int_equal(moved.lost, 20 + 10);
}

static void what_a_move_would_lose_is_refused_with_the_reason(void **state)
{
	static const struct {
		const char *sql, *code, *says;
	} cases[] = {
		{ "UPDATE consumer_progress SET cluster_id = 'third' WHERE consumer = 'campaign-sender'", "cluster",
			"progress of campaign-sender belongs to Kafka cluster third" },
		{ "UPDATE consumer_progress SET topic = 'x' WHERE partition = 0 AND consumer = 'chat-sync'", "map",
			"progress of chat-sync has partition 0 of x" },
		{ "UPDATE webhook_positions SET partition = 5 WHERE endpoint_id = 2", "map",
			"webhook_positions has partition 5 of " EVENTS },
		{ "UPDATE webhook_positions SET partition = 5 WHERE replay_id = 1 AND partition = 1", "map",
			"webhook_positions has partition 5 of " EVENTS },
		{ "UPDATE webhook_retry_queue SET source_partition = 2 WHERE id = 1", "map",
			"webhook_retry_queue has partition 2 of " EVENTS },
		{ "UPDATE parked_updates SET topic = 'b.inbound.bulk.v1'", "map",
			"parked_updates has partition 0 of b.inbound.bulk.v1" },
		{ "UPDATE consumer_progress SET next_offset = 161 WHERE next_offset = 150", "offset",
			"the next offset of chat-sync in partition 0 of " INBOUND " is 161, copied is 90 to 160" },
		{ "UPDATE consumer_progress SET next_offset = 89 WHERE next_offset = 150", "offset", "is 89" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		with_rows(NULL);
		execute(db.admin, cases[i].sql);
		assert_done(pg_begin(ops, &db.err), db.err);
		assert_failed(store_move_check_map(ops, &move, &db.err), db.err, ERR_INPUT, cases[i].code);
		if (!strstr(db.err.msg, cases[i].says))
			fail_msg("%s: %s", cases[i].sql, db.err.msg);
		pg_rollback(ops);
	}
}

static void a_replay_that_has_ended_and_rows_at_the_ends_of_the_map_are_accepted(void **state)
{
	static const char *const cases[] = {
		"UPDATE webhook_positions SET partition = 5 WHERE replay_id = 2 AND topic = '" EVENTS "'",
		"UPDATE webhook_retry_queue SET source_partition = 2 WHERE status = 'failed'",
		"UPDATE consumer_progress SET next_offset = 160 WHERE next_offset = 150",
		"UPDATE consumer_progress SET next_offset = 90 WHERE next_offset = 150",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		with_rows(NULL);
		execute(db.admin, cases[i]);
		assert_done(store_move_check_map(ops, &move, &db.err), db.err);
	}
}

/* A session ends in the server a moment after it was closed. */
static void sessions_end(struct pg **pg)
{
	int64_t deadline = clock_mono_ms() + 10000;

	pg_close(pg);
	while (db_i64("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename ~ '^blazz_'"
		      " AND usename <> 'blazz_ops'") > 0)
		if (clock_mono_ms() > deadline)
			fail_msg("the session has not ended");
}

static void nothing_moves_while_a_service_is_connected_or_holds_a_lease(void **state)
{
	static const char *const roles[] = { "blazz_ingest", CHAT_SYNC, DISPATCHER, SENDER, CLEANUP, "blazz_gateway" };

	(void)state;
	sessions_end(&db.pg);
	assert_done(store_move_check_idle(ops, &db.err), db.err);
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		struct pg *service = db_session(roles[i]);

		assert_failed(store_move_check_idle(ops, &db.err), db.err, ERR_INPUT, "busy");
		sessions_end(&service);
	}
	db_script("INSERT INTO leases VALUES ('cleanup', 'host-1', 1, 1, now() + interval '10 s')");
	assert_failed(store_move_check_idle(ops, &db.err), db.err, ERR_INPUT, "busy");
	assert_string_equal(db.err.msg, "host-1 holds the lease cleanup: stop the services");
	execute(db.admin, "UPDATE leases SET until = now()");
	assert_done(store_move_check_idle(ops, &db.err), db.err);
	db.pg = db_session(CHAT_SYNC);
}

static void nothing_moves_while_an_erasure_or_a_restore_names_offsets(void **state)
{
	(void)state;
	sessions_end(&db.pg);
	db_script("INSERT INTO erasures (workspace_id, uuid, contact, requested_by)"
		  " VALUES (1, '00000000-0000-4000-8000-0000000000e1', gen_random_uuid(), '')");
	assert_failed(store_move_check_idle(ops, &db.err), db.err, ERR_INPUT, "unsettled");
	assert_string_equal(db.err.msg,
		"erasure 00000000-0000-4000-8000-0000000000e1 has not begun: the services must run until it has");
	db_script("UPDATE erasures SET stage = 'wait'; INSERT INTO restores DEFAULT VALUES");
	assert_failed(store_move_check_idle(ops, &db.err), db.err, ERR_INPUT, "unsettled");
	db_script("UPDATE restores SET accepted_at = now()");
	assert_done(store_move_check_idle(ops, &db.err), db.err);
	db_script("DELETE FROM erasures; DELETE FROM restores");
	db.pg = db_session(CHAT_SYNC);
}

static int owner_locks(struct pg *pg, void *ctx, struct err *err)
{
	return store_progress_lock(pg, "chat-sync", ctx, 1, NULL, err);
}

static void an_owner_that_was_paused_waits_for_the_move_and_is_fenced_off(void **state)
{
	struct progress p = { .topic = INBOUND, .partition = 0, .epoch = 5, .next_offset = 150 };
	struct other owner = { .act = owner_locks, .ctx = &p };
	struct moved moved;

	(void)state;
	assert_done(pg_begin(ops, &db.err), db.err);
	assert_done(store_move_begin(ops, &db.err), db.err);
	other_start(&owner);
	assert_done(store_move_apply(ops, &move, &moved, &db.err), db.err);
	assert_done(pg_commit(ops, &db.err), db.err);
	assert_int_equal(pthread_join(owner.thread, NULL), 0);
	assert_failed(owner.rc, owner.err, ERR_FENCED, "fenced");
	pg_close(&owner.pg);
	assert_failed(store_progress_claim(db.pg, "chat-sync", "old", false, &p, 1, &db.err), db.err, ERR_FATAL,
		"cluster_id");
	assert_done(store_progress_claim(db.pg, "chat-sync", "new", false, &p, 1, &db.err), db.err);
	assert_int_equal(p.next_offset, 60);
}

/* A column that is about a place in Kafka, and what a move does with it. A new one fails this test until it is decided here. */
static void no_stored_offset_is_left_out(void **state)
{
	(void)state;
	assert_text(
		"SELECT string_agg(c.relname || '.' || a.attname, ' ' ORDER BY c.relname, a.attname) FROM pg_class c"
		" JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
		" WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
		" AND a.attname ~ '(offset|cluster|live_from|watermark|until_offset)'",
		/* all of these are shifted, or set, by store_move_apply() */
		"consumer_progress.cluster_id consumer_progress.next_offset consumer_progress.start_offset"
		" parked_updates.record_offset webhook_positions.live_from webhook_positions.next_offset"
		" webhook_positions.start_offset webhook_positions.until_offset webhook_retry_queue.source_offset");
	assert_text(
		"SELECT string_agg(DISTINCT c.relname || '.' || a.attname, ' ' ORDER BY c.relname || '.' || a.attname) FROM pg_class c"
		" JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
		" WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
		" AND a.attname ~ '(topic|partition|slot)'",
		/* a topic keeps its name and its partitions. With another number of partitions (store_rekey_apply()) these are assigned anew,
		 * deleted, must be empty (outbox, merges, renames), or are of no partition any more: slots are only summed */
		"campaign_counts.slot campaign_segments.partition campaigns.partition consumer_progress.partition"
		" consumer_progress.topic conversation_merges.partition conversation_merges.topic outbox.slot outbox.topic"
		" parked_updates.partition parked_updates.topic portfolio_hours.slot send_lanes.partition"
		" sender_renames.partition sender_renames.topic webhook_positions.partition webhook_positions.topic"
		" webhook_retry_queue.source_partition");
}

static void a_consumer_that_is_gone_is_forgotten_and_a_live_one_is_not(void **state)
{
	int64_t rows = 0;

	(void)state;
	assert_failed(store_progress_forget(ops, "chat-sync", NULL, &rows, &db.err), db.err, ERR_INPUT, "busy");
	assert_string_equal(db.err.msg, "blazz_chat_sync is connected to the database");
	assert_failed(store_progress_forget(ops, "gateway", NULL, &rows, &db.err), db.err, ERR_INPUT, "unknown");
	db_script("INSERT INTO outbox (producer, slot, epoch, seq, records) VALUES ('campaign-sender', 0, 1, 1, 'x')");
	assert_failed(store_progress_forget(ops, "campaign-sender", NULL, &rows, &db.err), db.err, ERR_INPUT, "busy");
	assert_string_equal(db.err.msg, "1 rows of its outbox are not published");
	execute(db.admin, "DELETE FROM outbox");
	db_script(
		"INSERT INTO consumer_progress (consumer, topic, partition, cluster_id, epoch) VALUES ('campaign-sender', 'gone', 0, 'c', 1)");
	assert_failed(store_progress_forget(ops, "campaign-sender", INBOUND, &rows, &db.err), db.err, ERR_INPUT,
		"unknown");
	assert_done(store_progress_forget(ops, "campaign-sender", "gone", &rows, &db.err), db.err);
	assert_int_equal(rows, 1);
	assert_done(store_progress_forget(ops, "campaign-sender", NULL, &rows, &db.err), db.err);
	assert_int_equal(rows, 1);
	assert_text("SELECT string_agg(DISTINCT consumer, ' ' ORDER BY consumer) FROM consumer_progress",
		"chat-sync webhook-dispatcher");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_offset_is_shifted_by_the_first_of_its_partition, with_rows),
		cmocka_unit_test_setup(what_a_move_would_lose_is_refused_with_the_reason, with_rows),
		cmocka_unit_test_setup(a_replay_that_has_ended_and_rows_at_the_ends_of_the_map_are_accepted, with_rows),
		cmocka_unit_test_setup(nothing_moves_while_a_service_is_connected_or_holds_a_lease, with_rows),
		cmocka_unit_test_setup(nothing_moves_while_an_erasure_or_a_restore_names_offsets, with_rows),
		cmocka_unit_test_setup(an_owner_that_was_paused_waits_for_the_move_and_is_fenced_off, with_rows),
		cmocka_unit_test(no_stored_offset_is_left_out),
		cmocka_unit_test_setup(a_consumer_that_is_gone_is_forgotten_and_a_live_one_is_not, with_rows),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
