/* Updates wait with their whole record until their message is there or their time is over. */
#include "unit.h"

#include "db.h"
#include "store/parked.h"

#define TOPIC STR("blazz.inbound.v1")

static int with_conversation(void **state)
{
	db_empty(state);
	db_script("INSERT INTO contacts (workspace_id, id, source_type) VALUES (1, 10, 'webjs');"
		  "INSERT INTO conversations (workspace_id, id, account_id, contact_id) VALUES (1, 100, 1, 10)");
	return 0;
}

static struct parked_row parked(const char *target, int32_t partition, int64_t ttl_ms)
{
	struct parked_row r = { .workspace_id = 1,
		.account_id = 1,
		.kind = "message_status",
		.target = str_of(target),
		.record_key = STR("k"),
		.record_value = { "v\0w", 3 },
		.record_headers = STR("h"),
		.topic = TOPIC,
		.partition = partition,
		.offset = 42,
		.timestamp_ms = 1700000000000,
		.ttl_ms = ttl_ms };

	uuid_v4(&r.event_id);
	return r;
}

struct found {
	struct parked_row rows[8];
	size_t places[8], n;
};

static void keep(void *ctx, const struct parked_row *row)
{
	struct found *f = ctx;

	f->rows[f->n++] = *row;
}

static void keep_place(void *ctx, size_t place, const struct parked_row *row)
{
	struct found *f = ctx;

	f->places[f->n] = place;
	f->rows[f->n++] = *row;
}

static struct found find(const char *target)
{
	struct message_key key = { 1, 1, str_of(target), 0, false };
	struct found f = { .n = 0 };

	done(store_parked_find(db.pg, &key, 1, db.arena, keep_place, &f, &db.err));
	return f;
}

static void an_event_is_parked_once_with_its_whole_record(void **state)
{
	struct parked_row rows[] = { parked("true:A", 3, 3600000), parked("true:B", 3, 3600000) }, *r = rows;
	struct found f;

	(void)state;
	rows[0].conversation_id = 100;
	done(store_parked_insert(db.pg, rows, 1, &db.err));
	assert_true(rows[0].inserted && rows[0].id > 0);
	done(store_parked_insert(db.pg, rows, 2, &db.err));
	assert_false(rows[0].inserted);
	assert_true(rows[1].inserted);
	f = find("true:A");
	assert_int_equal(f.n, 1);
	assert_int_equal(f.rows[0].id, r->id);
	assert_int_equal(f.rows[0].conversation_id, 100);
	assert_string_equal(f.rows[0].kind, "message_status");
	assert_true(uuid_eq(&f.rows[0].event_id, &r->event_id));
	assert_true(str_eq(f.rows[0].record_key, r->record_key));
	assert_true(str_eq(f.rows[0].record_value, r->record_value));
	assert_true(str_eq(f.rows[0].record_headers, r->record_headers));
	assert_true(str_eq(f.rows[0].topic, TOPIC));
	assert_int_equal(f.rows[0].partition, 3);
	assert_int_equal(f.rows[0].offset, 42);
	assert_int_equal(f.rows[0].timestamp_ms, 1700000000000);
}

static void a_record_without_key_keeps_none(void **state)
{
	struct parked_row row = parked("true:A", 3, 3600000);

	(void)state;
	row.record_key = row.record_headers = STR_NONE;
	done(store_parked_insert(db.pg, &row, 1, &db.err));
	assert_null(find("true:A").rows[0].record_key.p);
	assert_int_equal(find("true:A").rows[0].conversation_id, 0);
}

static void several_updates_of_one_message_are_returned_in_order(void **state)
{
	struct parked_row rows[] = { parked("true:A", 3, 3600000), parked("?:A", 3, 3600000),
		parked("true:A", 3, 3600000) };
	struct message_key keys[] = { { 1, 2, STR("true:A"), 0, false }, { 1, 1, STR("?:A"), 0, false },
		{ 1, 1, STR("true:A"), 0, false } };
	struct found f = { .n = 0 };

	(void)state;
	done(store_parked_insert(db.pg, rows, 3, &db.err));
	done(store_parked_find(db.pg, keys, 3, db.arena, keep_place, &f, &db.err));
	assert_int_equal(f.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(f.rows[i].id, rows[i].id);
	assert_int_equal(f.places[0], 2);
	assert_int_equal(f.places[1], 1);
}

static void an_update_is_ready_when_its_message_is_stored(void **state)
{
	static const struct {
		const char *name, *target, *stored;
		bool ready;
	} cases[] = {
		{ "the same key", "true:A", "true:A", true },
		{ "another key", "true:A", "false:A", false },
		{ "a bare stanza matches ours", "?:A", "true:A", true },
		{ "a bare stanza matches theirs", "?:A", "false:A", true },
		{ "a bare stanza matches no other", "?:A", "true:AB", false },
		{ "nothing is stored", "true:A", NULL, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct parked_row row = parked(cases[i].target, 3, 3600000);
		static const int32_t partitions[] = { 1, 3 };
		struct parked_place from = { 0 };
		struct found f = { .n = 0 };
		char sql[400];

		with_conversation(state);
		done(store_parked_insert(db.pg, &row, 1, &db.err));
		if (cases[i].stored) {
			snprintf(sql, sizeof(sql),
				"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type,"
				" message_status, origin, metadata, sent_at) VALUES (1, 1, 1, 100, '%s', 'inbound', 'text', 'read', 'live',"
				" '{}', now())",
				cases[i].stored);
			execute(db.admin, sql);
		}
		done(store_parked_ready(db.pg, TOPIC, partitions, 2, 10, &from, db.arena, keep, &f, &db.err));
		if ((f.n == 1) != cases[i].ready)
			fail_msg("%s", cases[i].name);
		f.n = 0;
		done(store_parked_ready(db.pg, TOPIC, partitions, 1, 10, &from, db.arena, keep, &f,
			&db.err)); /* somebody else's partition */
		assert_int_equal(f.n, 0);
	}
}

static void a_scan_is_bounded_and_the_next_resumes(void **state)
{
	static const int32_t partitions[] = { 1, 3 };
	struct parked_place from = { 0 };
	struct found f = { .n = 0 };

	(void)state;
	/* Their message never comes; the one that is ready is behind them all. */
	db_script(
		"INSERT INTO parked_updates (workspace_id, account_id, kind, target, event_id, record_value, record_headers, topic,"
		" partition, record_offset, record_timestamp_ms, expires_at) SELECT 1, 1, 'message_status', 'true:' || n,"
		" gen_random_uuid(), '', '', 'blazz.inbound.v1', 1 + n % 2 * 2, 1, 1, now() + interval '1 hour'"
		" FROM generate_series(1, 5000) n;"
		"UPDATE parked_updates SET target = 'true:A', expires_at = now() + interval '2 hours' WHERE target = 'true:5000';"
		"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status,"
		" origin, metadata, sent_at) VALUES (1, 1, 1, 100, 'true:A', 'inbound', 'text', 'read', 'live', '{}', now())");
	for (int i = 0; i < 2; i++) {
		done(store_parked_ready(db.pg, TOPIC, partitions, 2, 10, &from, db.arena, keep, &f, &db.err));
		assert_int_equal(f.n, 0);
		assert_true(from.id > 0);
	}
	done(store_parked_ready(db.pg, TOPIC, partitions, 2, 10, &from, db.arena, keep, &f, &db.err));
	assert_int_equal(f.n, 1);
	assert_str(f.rows[0].target, "true:A");
	assert_int_equal(from.id, 0); /* the next begins anew */
}

static void counting_parked_updates_stops_at_the_limit(void **state)
{
	struct parked_row rows[] = { parked("true:A", 3, 3600000), parked("true:B", 3, 3600000) };
	struct store_parked_count counts[] = { { 1, 1, -1 }, { 1, 2, -1 } };

	(void)state;
	done(store_parked_insert(db.pg, rows, 2, &db.err));
	done(store_parked_count(db.pg, counts, 2, &db.err));
	assert_int_equal(counts[0].n, 2);
	assert_int_equal(counts[1].n, 0);
	execute(db.admin,
		"INSERT INTO parked_updates (workspace_id, account_id, kind, target, event_id, record_value, record_headers, topic,"
		" partition, record_offset, record_timestamp_ms, expires_at) SELECT 1, 1, 'message_status', 'true:' || n,"
		" gen_random_uuid(), '', '', 'blazz.inbound.v1', 1, 1, 1, now() FROM generate_series(1, 10100) n");
	done(store_parked_count(db.pg, counts, 1, &db.err));
	assert_int_equal(counts[0].n, PARKED_MAX);
}

static void expired_updates_are_deleted_and_returned(void **state)
{
	struct parked_row rows[] = { parked("true:A", 3, -1000), parked("true:B", 3, -9000),
		parked("true:C", 3, 3600000), parked("true:D", 4, -1000) };
	static const int32_t partitions[] = { 3, 5 };
	struct found f = { .n = 0 };

	(void)state;
	done(store_parked_insert(db.pg, rows, 4, &db.err));
	execute(db.admin,
		"UPDATE parked_updates SET expires_at = now() - interval '1 year' + (expires_at - '2026-01-01Z') WHERE target < 'true:C'"
		" OR target = 'true:D'");
	done(store_parked_expire(db.pg, TOPIC, partitions, 2, 1, db.arena, keep, &f, &db.err));
	assert_int_equal(f.n, 1);
	assert_str(f.rows[0].target, "true:B"); /* the oldest first */
	done(store_parked_expire(db.pg, TOPIC, partitions, 2, 10, db.arena, keep, &f, &db.err));
	assert_int_equal(f.n, 2);
	assert_text("SELECT string_agg(target, ' ' ORDER BY target) FROM parked_updates", "true:C true:D");
}

static void applied_updates_are_deleted(void **state)
{
	struct parked_row rows[] = { parked("true:A", 3, 3600000), parked("true:B", 3, 3600000) };

	(void)state;
	done(store_parked_insert(db.pg, rows, 2, &db.err));
	done(store_parked_delete(db.pg, (const struct parked_row *const[]){ &rows[0] }, 1, &db.err));
	assert_text("SELECT target FROM parked_updates", "true:B");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_event_is_parked_once_with_its_whole_record, with_conversation),
		cmocka_unit_test_setup(a_record_without_key_keeps_none, with_conversation),
		cmocka_unit_test_setup(several_updates_of_one_message_are_returned_in_order, with_conversation),
		cmocka_unit_test_setup(an_update_is_ready_when_its_message_is_stored, with_conversation),
		cmocka_unit_test_setup(a_scan_is_bounded_and_the_next_resumes, with_conversation),
		cmocka_unit_test_setup(counting_parked_updates_stops_at_the_limit, with_conversation),
		cmocka_unit_test_setup(expired_updates_are_deleted_and_returned, with_conversation),
		cmocka_unit_test_setup(applied_updates_are_deleted, with_conversation),
	};

	return cmocka_run_group_tests(tests, db_start, db_stop);
}
