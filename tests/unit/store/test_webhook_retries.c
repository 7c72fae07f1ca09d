/* Deliveries wait once, are claimed by one, in the order of their conversation, under leases that PostgreSQL's clock ends. */
#include "unit.h"

#include "store/webhook_retries.h"
#include "webhooks.h"

#define KEY_A "00000000-0000-4000-8000-00000000000a"
#define KEY_B "00000000-0000-4000-8000-00000000000b"

static struct retry_row row_of(int64_t endpoint, const char *key, int64_t offset, int64_t delay_ms)
{
	struct retry_row r = { .workspace_id = 1,
		.endpoint_id = endpoint,
		.event_type = STR("message.created"),
		.url = STR("https://example.com/1"),
		.record = { "r\0d", 3 },
		.partition = 3,
		.offset = offset,
		.timestamp_ms = 1700000000000,
		.max_retries = 10,
		.delay_ms = delay_ms };

	uuid_v4(&r.event_id);
	if (key)
		r.ordering_key = uuid_of(key);
	return r;
}

static void insert(struct retry_row *rows, size_t n)
{
	done(store_retries_insert(db.pg, "me", rows, n, &db.err));
}

struct claimed {
	struct retry_row rows[64];
	size_t n;
};

static void keep(void *ctx, const struct retry_row *row)
{
	struct claimed *c = ctx;

	c->rows[c->n++] = *row;
}

static struct claimed claim_as(struct pg *pg, const char *owner, int limit, int room)
{
	static const int32_t partitions[] = { 3, 4 };
	struct claimed c = { .n = 0 };

	done(store_retries_claim(pg, owner, partitions, 2, limit, room, HOUR_MS, db.arena, keep, &c, &db.err));
	return c;
}

static struct claimed claim(int limit)
{
	return claim_as(db.pg, "me", limit, 1000);
}

/* With room for so many: their offsets. */
static const char *claim_offsets(int limit, int room)
{
	const struct claimed c = claim_as(db.pg, "me", limit, room);
	static char out[200];
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < c.n; i++)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%d", i > 0 ? " " : "", (int)c.rows[i].offset);
	return out;
}

static void settle(const struct retry_row *row, enum retry_status status, int64_t delay_ms)
{
	struct retry_result r = { .workspace_id = row->workspace_id,
		.id = row->id,
		.status = status,
		.retry_count = row->retry_count + 1,
		.delay_ms = delay_ms,
		.last_error = STR("503") };

	done(store_retries_finish(db.pg, &r, 1, &db.err));
}

static void release(const char *key)
{
	struct retry_key k = { 1, 1, uuid_of(key) };

	done(store_retries_release(db.pg, &k, 1, &db.err));
}

static void a_delivery_is_stored_once_with_its_whole_record(void **state)
{
	struct retry_row rows[] = { row_of(1, KEY_A, 42, 0), row_of(2, NULL, 42, 0), row_of(1, NULL, 43, RETRY_WAITS) };
	struct retry_row again[] = { row_of(1, NULL, 50, HOUR_MS), rows[0], row_of(2, NULL, 51, HOUR_MS) };
	struct claimed c;

	(void)state;
	rows[0].account = uuid_of("00000000-0000-4000-8000-000000000011");
	rows[0].retry_count = 2;
	rows[0].last_error = STR("timeout");
	rows[1].event_id = rows[0].event_id; /* one event, two endpoints */
	rows[1].record = STR_NONE;
	insert(rows, 3);
	insert(NULL, 0);
	assert_true(rows[0].inserted && rows[1].inserted && rows[2].inserted && rows[0].id != rows[1].id);
	insert(again, 3);
	assert_true(again[0].inserted && !again[1].inserted && again[2].inserted);
	assert_int_equal(again[1].id, rows[0].id);
	c = claim(10);
	assert_int_equal(c.n, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct retry_row *want = &rows[c.rows[i].endpoint_id - 1], *got = &c.rows[i];

		assert_int_equal(got->id, want->id);
		assert_int_equal(got->workspace_id, 1);
		assert_true(uuid_eq(&got->account, &want->account) && uuid_eq(&got->event_id, &want->event_id));
		assert_true(uuid_eq(&got->ordering_key, &want->ordering_key));
		assert_true(str_eq(got->event_type, want->event_type) && str_eq(got->url, want->url));
		assert_true(str_eq(got->record, want->record) && str_eq(got->last_error, want->last_error));
		assert_int_equal(got->partition, 3);
		assert_int_equal(got->offset, 42);
		assert_int_equal(got->timestamp_ms, 1700000000000);
		assert_int_equal(got->retry_count, want->retry_count);
		assert_int_equal(got->max_retries, 10);
		assert_int_equal(got->status, RETRY_RETRYING);
		assert_false(got->dropped);
	}
}

static void a_duplicate_in_a_batch_is_stored_once(void **state)
{
	struct retry_row rows[] = { row_of(1, KEY_A, 42, 0), row_of(1, KEY_A, 42, 0), row_of(1, KEY_B, 43, 0) };

	(void)state;
	rows[1].event_id = rows[0].event_id;
	insert(rows, 3);
	assert_true(rows[0].inserted && !rows[1].inserted && rows[2].inserted);
	assert_int_equal(rows[1].id, rows[0].id);
}

/* A restore publishes an event again: the second record waits behind the delivery of the first, whose attempt fails then. */
static void a_row_that_waits_behind_its_own_event_becomes_due(void **state)
{
	struct retry_row waits[] = { row_of(1, KEY_A, 50, RETRY_WAITS), row_of(1, KEY_A, 60, RETRY_WAITS) },
			 failed = row_of(1, KEY_A, 42, 0), other = row_of(1, KEY_A, 61, RETRY_WAITS);
	struct claimed c;

	(void)state;
	insert(waits, 2);
	failed.event_id = waits[0].event_id;
	failed.retry_count = 1;
	failed.last_error = STR("503");
	insert(&failed, 1);
	assert_true(!failed.inserted && failed.id == waits[0].id);
	other.event_id = waits[1].event_id;
	insert(&other, 1); /* it waits, too */
	c = claim(1);
	assert_int_equal(c.rows[0].id, waits[0].id);
	assert_int_equal(c.rows[0].offset, 42);
	assert_int_equal(c.rows[0].retry_count, 1);
	assert_true(str_is(c.rows[0].last_error, "503"));
	assert_text("SELECT count(*)::text FROM webhook_retry_queue WHERE next_retry_at = 'infinity'",
		c.n > 1 ? "0" : "1");
}

static void an_attempt_in_flight_is_a_row_with_a_lease(void **state)
{
	struct retry_row rows[] = { row_of(1, KEY_A, 42, HOUR_MS), row_of(1, KEY_B, 43, -1000) };

	(void)state;
	rows[0].status = rows[1].status = RETRY_RETRYING;
	insert(rows, 2);
	assert_text("SELECT string_agg(concat_ws(' ', status, lease_owner), ', ') FROM webhook_retry_queue",
		"retrying me, retrying me");
	assert_int_equal(claim(10).n, 0);
}

static void text_that_cannot_be_stored_is_rejected(void **state)
{
	struct retry_row row = row_of(1, NULL, 42, 0);
	struct retry_result result = { .workspace_id = 1, .id = 1, .last_error = { "a\0b", 3 } };

	(void)state;
	row.last_error = STR("\xc3");
	assert_failed(store_retries_insert(db.pg, "me", &row, 1, &db.err), db.err, ERR_INPUT, "22021");
	assert_failed(store_retries_finish(db.pg, &result, 1, &db.err), db.err, ERR_INPUT, "22021");
}

static void due_rows_are_claimed_oldest_first_up_to_the_limit_of_each_partition(void **state)
{
	struct retry_row rows[] = { row_of(1, NULL, 1, 0), row_of(1, NULL, 2, 0), row_of(1, NULL, 3, 0),
		row_of(1, NULL, 4, 0), row_of(1, NULL, 5, HOUR_MS), row_of(1, NULL, 6, RETRY_WAITS),
		row_of(1, NULL, 7, 0) };
	struct claimed c;

	(void)state;
	rows[3].partition = 4;
	rows[6].partition = 5; /* somebody else's */
	insert(rows, 7);
	execute(db.admin,
		"UPDATE webhook_retry_queue SET next_retry_at = now() - source_offset * interval '1 min' WHERE source_offset < 5");
	c = claim(2);
	assert_int_equal(c.n, 3);
	assert_int_equal(c.rows[0].offset, 4);
	assert_int_equal(c.rows[1].offset, 3);
	assert_int_equal(c.rows[2].offset, 2);
	assert_int_equal(claim(10).n, 1);
	assert_int_equal(claim(10).n, 0);
}

static void claims_of_two_sessions_are_disjoint(void **state)
{
	struct retry_row rows[] = { row_of(1, NULL, 1, 0), row_of(1, NULL, 2, 0), row_of(1, NULL, 3, 0) };
	struct pg *other = db_session(DISPATCHER);
	struct claimed ours, theirs;

	(void)state;
	insert(rows, 3);
	done(pg_begin(db.pg, &db.err));
	ours = claim(2);
	theirs = claim_as(other, "them", 10, 10);
	done(pg_commit(db.pg, &db.err));
	assert_int_equal(ours.n, 2);
	assert_int_equal(theirs.n, 1);
	assert_true(theirs.rows[0].id != ours.rows[0].id && theirs.rows[0].id != ours.rows[1].id);
	assert_text("SELECT string_agg(lease_owner, ' ' ORDER BY lease_owner) FROM webhook_retry_queue", "me me them");
	pg_close(&other);
}

static void a_row_with_an_expired_lease_is_due_again(void **state)
{
	struct retry_row row = row_of(1, KEY_A, 1, 0);

	(void)state;
	insert(&row, 1);
	assert_int_equal(claim(10).n, 1);
	assert_int_equal(claim(10).n, 0);
	execute(db.admin, "UPDATE webhook_retry_queue SET next_retry_at = now()"); /* its end has come */
	assert_int_equal(claim_as(db.pg, "them", 10, 10).n, 1);
	assert_text("SELECT lease_owner || ' ' || (next_retry_at > now() + interval '59 min') FROM webhook_retry_queue",
		"them true");
}

#define ROW_LOOK \
	"SELECT concat_ws(' ', status, retry_count, payload IS NOT NULL, lease_owner IS NULL, last_error, CASE WHEN next_retry_at = 'infinity'" \
	" THEN 'waits' ELSE 'in ' || round(extract(epoch FROM next_retry_at - now())) END) FROM webhook_retry_queue"

static void the_result_of_an_attempt_is_stored(void **state)
{
	static const struct {
		enum retry_status status;
		int64_t delay_ms;
		const char *row;
	} cases[] = {
		{ RETRY_PENDING, 30000, "pending 1 t t 503 in 30" },
		{ RETRY_PENDING, RETRY_WAITS, "pending 1 t t 503 waits" },
		{ RETRY_FAILED, 0, "failed 1 t t 503 in 3600" },
		{ RETRY_SUCCESS, 0, "success 1 f t 503 in 3600" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct retry_row row = row_of(1, KEY_A, 1, 0);

		with_endpoints(state);
		insert(&row, 1);
		assert_int_equal(claim(1).n, 1);
		settle(&row, cases[i].status, cases[i].delay_ms);
		assert_text(ROW_LOOK, cases[i].row);
		if (cases[i].status < RETRY_SUCCESS)
			continue;
		settle(&row, RETRY_PENDING, 0); /* finished is finished */
		assert_text(ROW_LOOK, cases[i].row);
		insert(&row, 1); /* and the event may wait anew: a replay */
		assert_true(row.inserted);
	}
}

/* Offsets of what may be claimed now. */
#define DUE \
	"SELECT coalesce(string_agg(source_offset::text, ' ' ORDER BY source_offset), '') FROM webhook_retry_queue" \
	" WHERE status = 'pending' AND next_retry_at <= now()"

static void the_oldest_row_of_a_conversation_is_next(void **state)
{
	struct retry_row rows[] = { row_of(1, KEY_A, 1, 0), row_of(1, KEY_A, 3, RETRY_WAITS),
		row_of(1, KEY_A, 2, RETRY_WAITS), row_of(1, KEY_B, 4, RETRY_WAITS), row_of(2, KEY_A, 5, RETRY_WAITS) };

	(void)state;
	insert(rows, 5);
	release(KEY_A); /* one is due: nothing */
	assert_text(DUE, "1");
	settle(&rows[0], RETRY_PENDING, HOUR_MS);
	release(KEY_A); /* one is scheduled: nothing */
	assert_text(DUE, "");
	settle(&rows[0], RETRY_RETRYING, HOUR_MS);
	release(KEY_A); /* one is leased: nothing */
	assert_text(DUE, "");
	settle(&rows[0], RETRY_SUCCESS, 0);
	assert_text(DUE, "");
	release(KEY_A);
	assert_text(DUE, "2");
	settle(&rows[2], RETRY_FAILED, 0);
	release(KEY_A);
	assert_text(DUE, "3");
	settle(&rows[1], RETRY_SUCCESS, 0);
	release(KEY_A); /* none is left */
	assert_text(DUE, "");
	release(KEY_B);
	assert_text(DUE, "4");
}

static void rows_directly_behind_are_claimed_together_in_order(void **state)
{
	struct retry_row rows[40];
	struct claimed c;

	(void)state;
	for (int i = 0; i < 40; i++)
		rows[i] = row_of(1, i == 3 ? KEY_B : KEY_A, 39 - i, i == 39 ? 0 : RETRY_WAITS);
	insert(rows, 40);
	c = claim(1);
	assert_int_equal(c.n, 32);
	for (int i = 0; i < 32; i++)
		assert_int_equal(c.rows[i].offset, i);
	assert_int_equal(claim(10).n, 0);
}

static void claims_are_bounded_and_take_the_oldest_due_of_all_partitions(void **state)
{
	struct retry_row rows[] = { row_of(1, NULL, 1, 0), row_of(1, NULL, 2, 0), row_of(1, NULL, 3, 0),
		row_of(2, KEY_A, 4, 0), row_of(2, KEY_B, 5, 0), row_of(2, NULL, 6, 0) };

	(void)state;
	rows[2].partition = rows[3].partition = 4;
	insert(rows, 6);
	execute(db.admin, "UPDATE webhook_retry_queue SET next_retry_at = now() - source_offset * interval '1 min'");
	assert_string_equal(claim_offsets(10, 0), "");
	assert_string_equal(claim_offsets(1, 3), "6 4");
	assert_string_equal(claim_offsets(10, 3), "5 3 2");
	assert_string_equal(claim_offsets(10, 3), "1");
}

/* Workspace 1 has 40 rows that are due since an hour, in chains of so many, in so many partitions; workspace 2 has two, due just now. */
static void the_due_rows_of_one_workspace_do_not_delay_others(void **state)
{
	static const struct {
		int chain, partitions, limit, room;
	} cases[] = { { 1, 1, 4, 1000 }, { 1, 2, 4, 1000 }, { 1, 2, 20, 4 }, { 10, 1, 4, 4 }, { 10, 2, 40, 4 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct retry_row rows[42];
		struct claimed c;
		int theirs = 0;

		with_endpoints(state);
		for (int k = 0; k < 40; k++) {
			rows[k] = row_of(1, NULL, k, k % cases[i].chain == 0 ? 0 : RETRY_WAITS);
			rows[k].ordering_key.b[0] = (uint8_t)(1 + k / cases[i].chain);
			rows[k].partition = 3 + k / cases[i].chain % cases[i].partitions;
		}
		for (int k = 40; k < 42; k++) {
			rows[k] = row_of(3, NULL, k, 0);
			rows[k].workspace_id = 2;
		}
		insert(rows, 42);
		execute(db.admin,
			"UPDATE webhook_retry_queue SET next_retry_at = now() - interval '1 h' WHERE workspace_id = 1"
			" AND next_retry_at < 'infinity'");
		c = claim_as(db.pg, "me", cases[i].limit, cases[i].room);
		for (size_t k = 0; k < c.n; k++)
			theirs += c.rows[k].workspace_id == 2;
		assert_int_equal(theirs, 2);
		assert_true(c.n >= 4); /* what one leaves is the other's */
	}
}

static void of_ten_workspaces_each_has_its_turn(void **state)
{
	(void)state;
	db_script(
		"INSERT INTO workspaces (id, name) SELECT w, w FROM generate_series(3, 10) w;"
		"INSERT INTO webhook_endpoints (workspace_id, id, url, secrets) SELECT w, 10 + w, 'u', '' FROM generate_series(3, 10) w;"
		"INSERT INTO webhook_retry_queue (workspace_id, endpoint_id, event_id, event_type, url, source_partition, source_offset,"
		" source_timestamp_ms, max_retries, next_retry_at, status) SELECT w, CASE w WHEN 1 THEN 1 WHEN 2 THEN 3 ELSE 10 + w END,"
		" gen_random_uuid(), 't', 'u', 3, 100 * w + g, 1, 1, now() - (20 - w) * interval '1 min', 'pending'"
		" FROM generate_series(1, 10) w, generate_series(1, 100) g");
	assert_string_equal(claim_offsets(10, 1000), "101 201 301 401 501 601 701 801 901 1001");
	assert_int_equal(claim(40).n, 40);
	execute(db.admin, "TRUNCATE webhook_endpoints CASCADE");
	execute(db.admin, "DELETE FROM workspaces WHERE id > 2");
}

static void a_limit_within_a_chain_claims_its_first_rows(void **state)
{
	struct retry_row rows[] = { row_of(1, KEY_A, 1, 0), row_of(1, KEY_A, 2, RETRY_WAITS),
		row_of(1, KEY_A, 3, RETRY_WAITS), row_of(1, KEY_A, 4, RETRY_WAITS), row_of(1, KEY_B, 5, 0),
		row_of(1, KEY_B, 6, RETRY_WAITS), row_of(1, KEY_B, 7, RETRY_WAITS), row_of(2, KEY_A, 8, 0) };

	(void)state;
	insert(rows, 8);
	execute(db.admin,
		"UPDATE webhook_retry_queue SET next_retry_at = now() - (9 - source_offset) * interval '1 min' WHERE next_retry_at < 'infinity'");
	assert_string_equal(claim_offsets(10, 3), "1 2 3");
	assert_string_equal(claim_offsets(10, 2), "5 6");
	assert_string_equal(claim_offsets(10, 2), "8");
	settle(&rows[0], RETRY_SUCCESS, 0);
	settle(&rows[1], RETRY_SUCCESS, 0);
	settle(&rows[2], RETRY_PENDING, 0);
	assert_string_equal(claim_offsets(10, 1), "3");
}

static void no_row_is_claimed_before_the_rows_ahead_of_it_in_its_chain(void **state)
{
	static const struct {
		const char *due, *leased; /* offsets; the others wait. The latest is due for longest */
		int room;
		const char *claimed;
	} cases[] = {
		{ "{1}", "{}", 10, "1 2 3 4 5 6" }, { "{1,4}", "{}", 10, "1 2 3 4 5 6" }, { "{1,4}", "{}", 3, "1 2 3" },
		{ "{1,2,3,4}", "{}", 5, "1 2 3 4 5" }, { "{1}", "{4}", 10, "1 2 3" },
		{ "{2}", "{1}", 2, "2 3" }, /* what was taken up before it is in memory */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct retry_row rows[6];
		char sql[300];

		with_endpoints(state);
		for (int k = 0; k < 6; k++)
			rows[k] = row_of(1, KEY_A, k + 1, RETRY_WAITS);
		insert(rows, 6);
		snprintf(sql, sizeof(sql),
			"UPDATE webhook_retry_queue SET next_retry_at = now() - source_offset * interval '1 min' WHERE source_offset = ANY ('%s')",
			cases[i].due);
		execute(db.admin, sql);
		snprintf(sql, sizeof(sql),
			"UPDATE webhook_retry_queue SET status = 'retrying', next_retry_at = now() + interval '1 h'"
			" WHERE source_offset = ANY ('%s')",
			cases[i].leased);
		execute(db.admin, sql);
		assert_string_equal(claim_offsets(10, cases[i].room), cases[i].claimed);
	}
}

static void an_endpoint_that_is_active_again_gets_its_first_rows(void **state)
{
	struct retry_row rows[] = { row_of(1, KEY_A, 1, RETRY_WAITS), row_of(1, KEY_A, 2, RETRY_WAITS),
		row_of(1, KEY_B, 3, HOUR_MS), row_of(1, KEY_B, 4, RETRY_WAITS), row_of(1, NULL, 5, RETRY_WAITS),
		row_of(1, NULL, 6, HOUR_MS), row_of(2, NULL, 7, RETRY_WAITS), row_of(1, NULL, 8, RETRY_WAITS),
		row_of(1, "00000000-0000-4000-8000-00000000000c", 9, RETRY_WAITS),
		row_of(1, "00000000-0000-4000-8000-00000000000c", 10, HOUR_MS) };
	struct endpoint_key one = { 1, 1 };
	int32_t three = 3;

	(void)state;
	rows[7].partition = 4;
	rows[9].status = RETRY_RETRYING;
	insert(rows, 10);
	done(store_retries_release_endpoints(db.pg, &three, 1, &one, 1, &db.err));
	done(store_retries_release_endpoints(db.pg, &three, 1, &one, 0, &db.err));
	assert_text(DUE, "1 3 5 6");
}

struct counts {
	struct retry_count rows[8];
	size_t n;
};

static void count_keep(void *ctx, const struct retry_count *count)
{
	struct counts *c = ctx;

	c->rows[c->n++] = *count;
}

static int64_t counted(const struct counts *c, int64_t endpoint, const char *key, int32_t partition)
{
	struct uuid ordering_key = key ? uuid_of(key) : (struct uuid){ 0 };

	for (size_t i = 0; i < c->n; i++)
		if (c->rows[i].endpoint_id == endpoint && uuid_eq(&c->rows[i].ordering_key, &ordering_key) &&
			c->rows[i].partition == partition && c->rows[i].workspace_id == 1)
			return c->rows[i].rows;
	return 0;
}

static void acquiring_a_partition_ends_leases_and_counts_rows(void **state)
{
	static const int32_t partitions[] = { 3, 4 };
	struct retry_row rows[] = { row_of(1, KEY_A, 1, 0), row_of(1, KEY_A, 2, RETRY_WAITS),
		row_of(1, NULL, 3, HOUR_MS), row_of(2, KEY_A, 4, 0), row_of(2, KEY_A, 5, 0), row_of(2, KEY_A, 6, 0) };
	struct counts c = { .n = 0 };

	(void)state;
	rows[4].partition = 4;
	rows[5].partition = 5;
	rows[5].status = RETRY_RETRYING;
	rows[5].delay_ms = HOUR_MS;
	insert(rows, 6);
	assert_int_equal(claim_as(db.pg, "former", 10, 10).n, 4); /* offset 2 with 1 */
	settle(&rows[4], RETRY_FAILED, 0);
	done(store_retries_recover(db.pg, partitions, 2, count_keep, &c, &db.err));
	done(store_retries_recover(db.pg, partitions, 0, count_keep, &c, &db.err));
	assert_int_equal(c.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(c.rows[i].last_offset,
			c.rows[i].endpoint_id == 2 ? 4 : 1 + c.rows[i].rows % 2 * 2 + c.rows[i].rows / 2);
	assert_int_equal(counted(&c, 1, KEY_A, 3), 2);
	assert_int_equal(counted(&c, 1, NULL, 3), 1);
	assert_int_equal(counted(&c, 2, KEY_A, 3), 1);
	assert_text(DUE, "1 4"); /* and 2 behind 1, as before */
	assert_int_equal(
		db_i64("SELECT count(*) FROM webhook_retry_queue WHERE source_partition = 5 AND status = 'retrying'"),
		1);
}

static void acquiring_a_partition_makes_rows_due_that_waited_for_their_endpoint(void **state)
{
	static const int32_t three = 3;
	struct retry_row rows[] = { row_of(1, KEY_A, 1, RETRY_WAITS), row_of(1, KEY_A, 2, RETRY_WAITS),
		row_of(1, NULL, 3, RETRY_WAITS), row_of(1, NULL, 4, RETRY_WAITS), row_of(2, KEY_A, 5, HOUR_MS),
		row_of(2, KEY_A, 6, RETRY_WAITS) };
	struct counts c = { .n = 0 };

	(void)state;
	insert(rows, 6);
	done(store_retries_recover(db.pg, &three, 1, count_keep, &c, &db.err));
	assert_text(DUE, "1 3 4");
}

static void a_claimed_row_waits_behind_a_row_that_failed_since(void **state)
{
	static const int32_t three = 3;
	struct retry_row rows[] = { row_of(1, KEY_A, 1, 0), row_of(1, KEY_A, 2, RETRY_WAITS), row_of(2, KEY_A, 3, 0),
		row_of(2, KEY_A, 4, RETRY_WAITS) };
	struct counts c = { .n = 0 };

	(void)state;
	insert(rows, 4);
	assert_int_equal(claim_as(db.pg, "former", 10, 10).n, 4);
	settle(&rows[0], RETRY_PENDING, HOUR_MS);
	settle(&rows[2], RETRY_PENDING, RETRY_WAITS); /* given back, the one behind it not yet */
	done(store_retries_recover(db.pg, &three, 1, count_keep, &c, &db.err));
	assert_text(DUE, "3");
}

static void rows_of_a_deleted_endpoint_end(void **state)
{
	static const int32_t partitions[] = { 3 };
	struct retry_row rows[] = { row_of(1, KEY_A, 1, 0), row_of(1, KEY_A, 2, RETRY_WAITS),
		row_of(2, NULL, 3, HOUR_MS), row_of(1, NULL, 4, 0) };
	struct endpoint_key one = { 1, 1 };

	(void)state;
	rows[3].partition = 4;
	insert(rows, 4);
	done(store_retries_abandon(db.pg, partitions, 1, &one, 1, &db.err));
	assert_text(
		"SELECT string_agg(concat_ws(' ', status, last_error), ', ' ORDER BY source_offset) FROM webhook_retry_queue",
		"failed the endpoint was deleted, failed the endpoint was deleted, pending, pending");
}

static void depth_reports_pending_rows_and_their_age(void **state)
{
	static const int32_t partitions[] = { 3, 4 };
	struct retry_row rows[] = { row_of(1, NULL, 1, 0), row_of(1, NULL, 2, HOUR_MS), row_of(1, NULL, 3, RETRY_WAITS),
		row_of(1, NULL, 4, HOUR_MS), row_of(1, NULL, 5, 0), row_of(1, NULL, 6, 0) };
	struct retry_depth d;

	(void)state;
	rows[3].status = RETRY_RETRYING;
	rows[4].partition = 5;
	insert(rows, 6);
	settle(&rows[5], RETRY_SUCCESS, 0);
	execute(db.admin,
		"UPDATE webhook_retry_queue SET next_retry_at = now() - interval '7 s' WHERE source_offset = 1");
	done(store_retries_depth(db.pg, partitions, 2, &d, &db.err));
	assert_int_equal(d.retrying, 1);
	assert_int_equal(d.pending, 2);
	assert_int_equal(d.waiting, 1);
	assert_in_range(d.oldest_due_ms, 7000, 60000);
	done(store_retries_depth(db.pg, &partitions[1], 1, &d, &db.err));
	assert_true(d.pending == 0 && d.oldest_due_ms == 0);
	done(store_retries_depth(db.pg, NULL, 0, &d, &db.err));
}

static void finished_rows_are_deleted_by_age(void **state)
{
	struct retry_row rows[] = { row_of(1, NULL, 1, 0), row_of(1, NULL, 2, 0), row_of(1, NULL, 3, 0),
		row_of(1, NULL, 4, 0) };
	int64_t deleted = -1;

	(void)state;
	insert(rows, 4);
	for (size_t i = 0; i < 3; i++)
		settle(&rows[i], i == 1 ? RETRY_FAILED : RETRY_SUCCESS, 0);
	execute(db.admin,
		"UPDATE webhook_retry_queue SET updated_at = now() - interval '2 h' WHERE source_offset <> 3");
	done(store_retries_expire(db.pg, HOUR_MS, 1, &deleted, &db.err));
	assert_int_equal(deleted, 1);
	done(store_retries_expire(db.pg, HOUR_MS, 10, &deleted, &db.err));
	assert_int_equal(deleted, 1);
	assert_text("SELECT string_agg(source_offset::text, ' ' ORDER BY source_offset) FROM webhook_retry_queue",
		"3 4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_delivery_is_stored_once_with_its_whole_record, with_endpoints),
		cmocka_unit_test_setup(a_duplicate_in_a_batch_is_stored_once, with_endpoints),
		cmocka_unit_test_setup(a_row_that_waits_behind_its_own_event_becomes_due, with_endpoints),
		cmocka_unit_test_setup(an_attempt_in_flight_is_a_row_with_a_lease, with_endpoints),
		cmocka_unit_test_setup(text_that_cannot_be_stored_is_rejected, with_endpoints),
		cmocka_unit_test_setup(due_rows_are_claimed_oldest_first_up_to_the_limit_of_each_partition,
			with_endpoints),
		cmocka_unit_test_setup(claims_of_two_sessions_are_disjoint, with_endpoints),
		cmocka_unit_test_setup(a_row_with_an_expired_lease_is_due_again, with_endpoints),
		cmocka_unit_test_setup(the_result_of_an_attempt_is_stored, with_endpoints),
		cmocka_unit_test_setup(the_oldest_row_of_a_conversation_is_next, with_endpoints),
		cmocka_unit_test_setup(rows_directly_behind_are_claimed_together_in_order, with_endpoints),
		cmocka_unit_test_setup(claims_are_bounded_and_take_the_oldest_due_of_all_partitions, with_endpoints),
		cmocka_unit_test(the_due_rows_of_one_workspace_do_not_delay_others),
		cmocka_unit_test_setup(of_ten_workspaces_each_has_its_turn, with_endpoints),
		cmocka_unit_test_setup(a_limit_within_a_chain_claims_its_first_rows, with_endpoints),
		cmocka_unit_test(no_row_is_claimed_before_the_rows_ahead_of_it_in_its_chain),
		cmocka_unit_test_setup(an_endpoint_that_is_active_again_gets_its_first_rows, with_endpoints),
		cmocka_unit_test_setup(acquiring_a_partition_ends_leases_and_counts_rows, with_endpoints),
		cmocka_unit_test_setup(acquiring_a_partition_makes_rows_due_that_waited_for_their_endpoint,
			with_endpoints),
		cmocka_unit_test_setup(a_claimed_row_waits_behind_a_row_that_failed_since, with_endpoints),
		cmocka_unit_test_setup(rows_of_a_deleted_endpoint_end, with_endpoints),
		cmocka_unit_test_setup(depth_reports_pending_rows_and_their_age, with_endpoints),
		cmocka_unit_test_setup(finished_rows_are_deleted_by_age, with_endpoints),
	};

	return cmocka_run_group_tests(tests, webhooks_start, db_stop);
}
