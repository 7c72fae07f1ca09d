/* Another number of partitions: what is stored by partition gets the partition that its key has in the new topics, and nothing
 * that an old topic is still needed for is left behind. */
#include "unit.h"

#include "store/moves.h"
#include "store/rekey.h"
#include "webhooks.h"

#define TEN     "00000000-0000-4000-8000-00000000000"
#define INBOUND "a.inbound.v1"
#define EVENTS  "a.chat-event.v1"

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

static const struct rekey_partition old[] = {
	{ INBOUND, 0, 5, 9 },
	{ INBOUND, 1, 0, 0 },
	{ EVENTS, 0, 100, 200 },
	{ EVENTS, 1, 7, 7 },
};
#define OLD (sizeof(old) / sizeof(old[0]))

static const char *const from[] = { INBOUND, EVENTS }, *const to[] = { "b.inbound.v1", "b.chat-event.v1" };

/* Of the retry queue: 1 and 2 wait in conversation a, 3 in b; 4 without an order, 5 has ended; 6 is of the past already. */
#define ROWS \
	"INSERT INTO consumer_progress (consumer, topic, partition, cluster_id, epoch, next_offset) VALUES" \
	" ('chat-sync', '" INBOUND "', 0, 'c', 5, 9), ('chat-sync', '" INBOUND "', 1, 'c', 5, NULL)," \
	" ('webhook-dispatcher', '" EVENTS "', 0, 'c', 5, 200), ('webhook-dispatcher', '" EVENTS "', 1, 'c', 5, 7)," \
	" ('campaign-sender', '" EVENTS "', 0, 'c', 5, 200), ('campaign-sender', 'other', 0, 'c', 5, 3);" \
	"INSERT INTO webhook_replays (workspace_id, id, endpoint_id, since, completed_at) VALUES (1, 1, 1, now(), now());" \
	"INSERT INTO webhook_positions (workspace_id, endpoint_id, replay_id, topic, partition, start_offset, next_offset, until_offset)" \
	" VALUES (1, 1, 1, '" EVENTS "', 0, 1, 9, 9);" \
	"INSERT INTO webhook_retry_queue (workspace_id, id, endpoint_id, event_id, event_type, url, payload, ordering_key, source_partition," \
	" source_offset, source_timestamp_ms, max_retries, next_retry_at, status) SELECT 1, g, 1, gen_random_uuid(), 't', 'u'," \
	" CASE WHEN g IN (1, 4) THEN 'x'::bytea END, CASE g WHEN 3 THEN '" TEN "b'::uuid WHEN 4 THEN NULL ELSE '" TEN \
	"a'::uuid END," \
	" (ARRAY[0, 0, 1, 7, 7, 0])[g], (ARRAY[110, 150, 3, 199, 20, -4])[g], 1, 1, now()," \
	" (ARRAY['pending', 'pending', 'retrying', 'pending', 'failed', 'pending'])[g] FROM generate_series(1, 6) g;" \
	"INSERT INTO parked_updates (workspace_id, account_id, kind, target, event_id, record_value, record_headers, topic, partition," \
	" record_offset, record_timestamp_ms, expires_at) SELECT 1, g, 'status', 'true:' || g, gen_random_uuid(), '', '', '" INBOUND \
	"', 0, 100 + g, 0, now() FROM generate_series(1, 2) g;" \
	"INSERT INTO campaigns (workspace_id, id, uuid, name, campaign_type, partition, status) VALUES" \
	" (1, 1, '" TEN "c', 'c', 'instant', 5, 'running'), (1, 2, '" TEN "d', 'd', 'instant', NULL, 'draft');" \
	"INSERT INTO campaign_segments (workspace_id, campaign_id, segment, account_id, partition) VALUES (1, 1, 0, 1, 22), (1, 1, 1, 2, 22);" \
	"INSERT INTO send_lanes (workspace_id, account_id, partition) VALUES (1, 1, 22), (2, 3, 23)"

static int with_rows(void **state)
{
	with_endpoints(state);
	if (pg_in_transaction(ops))
		pg_rollback(ops);
	db_script(ROWS);
	return 0;
}

/* A partition for each key that no other has: 20 and its last digit. */
static size_t keys_assign(struct rekey_key *keys, size_t n, char *names)
{
	char name[37];

	for (size_t i = 0; i < n; i++) {
		uuid_format(&keys[i].name, name);
		keys[i].partition = 20 + (int32_t)strtol(name + 35, NULL, 16) + (name[34] == '1' ? 20 : 0);
		names += sprintf(names, "%s%d/%s", i ? " " : "", (int)keys[i].workspace_id, name + 34);
	}
	return n;
}

static int by_name(const void *a, const void *b)
{
	return memcmp(&((const struct rekey_key *)a)->name, &((const struct rekey_key *)b)->name, 16);
}

static void everything_gets_the_partition_of_its_key(void **state)
{
	struct rekey what = { .from = from, .to = to, .n_topics = 2, .partitions = 5 };
	struct rekey_key *keys = NULL;
	struct rekeyed done;
	char names[200];

	(void)state;
	assert_done(pg_begin(ops, &db.err), db.err);
	assert_done(store_move_begin(ops, &db.err), db.err);
	assert_done(store_rekey_check(ops, old, OLD, &db.err), db.err);
	assert_done(store_rekey_keys(ops, &keys, &what.n_keys, &db.err), db.err);
	qsort(keys, what.n_keys, sizeof(*keys), by_name);
	keys_assign(keys, what.n_keys, names);
	assert_string_equal(names, "1/0a 1/0b 1/0c 1/11 1/12 2/13");
	assert_int_equal(keys[0].workspace.b[15], 1);
	what.keys = keys;
	assert_done(store_rekey_apply(ops, &what, &done, &db.err), db.err);
	assert_done(pg_commit(ops, &db.err), db.err);
	free(keys);
	assert_int_equal(db_i64("SELECT count(*) FROM consumer_progress"),
		6); /* a service with the old prefix finds nothing to consume */
	assert_text(
		"SELECT string_agg(concat_ws(' ', account_id, topic, partition, record_offset), ', ' ORDER BY id) FROM parked_updates",
		"1 b.inbound.v1 41 101, 2 b.inbound.v1 42 102");
	assert_text("SELECT string_agg(concat_ws(' ', id, coalesce(partition, -1)), ', ' ORDER BY id) FROM campaigns",
		"1 32, 2 -1");
	assert_text(
		"SELECT string_agg(concat_ws(' ', account_id, partition), ', ' ORDER BY account_id) FROM campaign_segments",
		"1 41, 2 42");
	assert_text(
		"SELECT string_agg(concat_ws(' ', account_id, partition), ', ' ORDER BY account_id) FROM send_lanes",
		"1 41, 3 43");
	/* before everything new, and in their order: 110 < 150, -4 before both */
	assert_text(
		"SELECT string_agg(concat_ws(' ', id, source_partition, source_offset), ', ' ORDER BY id) FROM webhook_retry_queue",
		"1 30 -90, 2 30 -50, 3 31 -197, 4 2 -1, 5 2 -180, 6 30 -204");
	assert_int_equal(done.parked, 2);
	assert_int_equal(done.campaigns, 1);
	assert_int_equal(done.segments, 2);
	assert_int_equal(done.lanes, 2);
	assert_int_equal(done.retries, 6);
}

static void what_still_needs_the_old_topics_is_refused_with_the_reason(void **state)
{
	static const struct {
		const char *sql, *says;
	} cases[] = {
		{ "UPDATE consumer_progress SET next_offset = 198 WHERE consumer = 'campaign-sender' AND topic = '" EVENTS
		  "'",
			"campaign-sender has 2 records of partition 0 of " EVENTS " to consume" },
		{ "UPDATE consumer_progress SET next_offset = NULL WHERE next_offset = 9",
			"chat-sync has 4 records of partition 0 of " INBOUND " to consume" },
		{ "DELETE FROM consumer_progress WHERE consumer = 'chat-sync'",
			"no consumer has read partition 0 of " INBOUND },
		{ "INSERT INTO outbox (producer, slot, epoch, seq, records) VALUES ('cleanup', 0, 1, 1, 'x')",
			"the outbox of cleanup has rows" },
		{ "INSERT INTO webhook_positions (workspace_id, endpoint_id, topic, partition, next_offset) VALUES (1, 2, '" EVENTS
		  "', 0, 7)",
			"endpoint " E2 " is behind" },
		{ "UPDATE webhook_replays SET completed_at = NULL", "is running" },
		{ "UPDATE parked_updates SET topic = 'x'", "updates of x are parked" },
		{ "UPDATE send_lanes SET in_flight = '{7}' WHERE account_id = 1",
			"account 00000000-0000-4000-8000-000000000011 has messages in flight" },
		{ "INSERT INTO sender_renames (workspace_id, sender, contact_id, topic, partition) VALUES (1, 'x', 1, 't', 0)",
			"senders are being renamed" },
		{ "INSERT INTO conversation_merges (workspace_id, conversation_id, into_id, topic, partition) VALUES (1, 1, 2, 't', 0)",
			"messages of merged conversations are being moved" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		with_rows(state);
		execute(db.admin, "SET session_replication_role = replica"); /* rows without what they refer to */
		execute(db.admin, cases[i].sql);
		execute(db.admin, "SET session_replication_role = origin");
		assert_failed(store_rekey_check(ops, old, OLD, &db.err), db.err, ERR_INPUT, "busy");
		if (!strstr(db.err.msg, cases[i].says))
			fail_msg("%s: %s", cases[i].sql, db.err.msg);
	}
}

static void row_name(void *ctx, const struct rekey_row *row)
{
	char *out = ctx;

	sprintf(out + strlen(out), "%d %d %d, ", (int)row->id, (int)row->partition, (int)row->offset);
}

static void rows_that_wait_get_their_records_once(void **state)
{
	const struct rekey_row rows[] = { { 1, 2, 150, 0, STR("second") }, { 1, 1, 110, 0, STR("other") } };
	char names[200] = "";

	(void)state;
	assert_done(store_rekey_unloaded(ops, row_name, names, &db.err), db.err);
	assert_string_equal(names, "2 0 150, 3 1 3, ");
	assert_done(store_rekey_load(ops, rows, 2, &db.err), db.err);
	assert_text(
		"SELECT string_agg(id || ' ' || coalesce(convert_from(payload, 'UTF8'), '-'), ', ' ORDER BY id) FROM webhook_retry_queue",
		"1 x, 2 second, 3 -, 4 x, 5 -, 6 -");
}

/* An erasure has emptied it: its record must not come back from the topic. */
static void a_dropped_row_does_not_get_its_record_again(void **state)
{
	char names[200] = "";

	(void)state;
	db_script("UPDATE webhook_retry_queue SET dropped = true WHERE id = 2");
	assert_done(store_rekey_unloaded(ops, row_name, names, &db.err), db.err);
	assert_string_equal(names, "3 1 3, ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(everything_gets_the_partition_of_its_key, with_rows),
		cmocka_unit_test_setup(what_still_needs_the_old_topics_is_refused_with_the_reason, with_rows),
		cmocka_unit_test_setup(rows_that_wait_get_their_records_once, with_rows),
		cmocka_unit_test_setup(a_dropped_row_does_not_get_its_record_again, with_rows),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
