/* What an operator sees of deliveries and wants of the retry queue: a row that waits stays its owner's, who does what is wanted. */
#include "unit.h"

#include "store/webhook_attempts.h"
#include "store/webhook_ops.h"
#include "store/webhook_retries.h"
#include "webhooks.h"

static struct pg *ops;

static int start(void **state)
{
	if (webhooks_start(state) < 0)
		return -1;
	ops = db_session("blazz_ops");
	return 0;
}

static int stop(void **state)
{
	pg_close(&ops);
	return db_stop(state);
}

/* Rows of endpoint 1 by id: 1 due, 2 scheduled, 3 waiting, 4 leased, 5 success, 6 failed, 7 failed and of the same event as 2; 8 failed,
 * of endpoint 2. */
static int with_rows(void **state)
{
	with_endpoints(state);
	db_script(
		"INSERT INTO webhook_retry_queue (workspace_id, id, endpoint_id, event_id, event_type, url, ordering_key, source_partition,"
		" source_offset, source_timestamp_ms, retry_count, max_retries, next_retry_at, status, last_error, lease_owner)"
		" SELECT 1, g, 1 + (g = 8)::int, ('00000000-0000-4000-8000-00000000000' || CASE g WHEN 7 THEN 2 ELSE g END)::uuid,"
		" 'message.created', 'u', '00000000-0000-4000-8000-00000000000a', 3, g, 0, 2, 10,"
		" CASE g WHEN 1 THEN now() - interval '1 s' WHEN 2 THEN now() + interval '1 h' WHEN 3 THEN 'infinity'"
		" ELSE now() + interval '1 min' END, (ARRAY['pending', 'pending', 'pending', 'retrying', 'success', 'failed', 'failed',"
		" 'failed'])[g], 'e' || g, CASE g WHEN 4 THEN 'me' END FROM generate_series(1, 8) g");
	return 0;
}

struct seen {
	char ids[100];
	struct retry_info last;
};

static void see(void *ctx, const struct retry_info *r)
{
	struct seen *s = ctx;
	size_t n = strlen(s->ids);

	snprintf(s->ids + n, sizeof(s->ids) - n, "%s%d", n ? " " : "", (int)r->id);
	s->last = *r;
}

static void rows_are_listed_by_endpoint_status_and_id(void **state)
{
	static const struct {
		const char *endpoint, *status;
		int64_t id;
		int limit;
		const char *ids;
	} cases[] = {
		{ NULL, NULL, 0, 100, "1 2 3 4 5 6 7 8" },
		{ NULL, NULL, 0, 2, "1 2" },
		{ E1, NULL, 0, 100, "1 2 3 4 5 6 7" },
		{ NULL, "failed", 0, 100, "6 7 8" },
		{ E1, "failed", 0, 100, "6 7" },
		{ NULL, NULL, 4, 100, "4" },
		{ E2, NULL, 4, 100, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct retry_filter f = { .status = cases[i].status, .id = cases[i].id };
		struct seen s = { .ids = "" };

		if (cases[i].endpoint)
			f.endpoint = uuid_of(cases[i].endpoint);
		done(store_retries_list(ops, &f, cases[i].limit, see, &s, &db.err));
		assert_string_equal(s.ids, cases[i].ids);
	}
}

static void is_whole(void *ctx, const struct retry_info *r)
{
	assert_int_equal(r->workspace_id, 1);
	assert_int_equal(r->partition, 3);
	assert_int_equal(r->offset, r->id);
	assert_int_equal(r->retry_count, 2);
	assert_int_equal(r->max_retries, 10);
	assert_true(uuid_eq(&r->endpoint, &(struct uuid){ { [6] = 0x40, [8] = 0x80, [15] = 0xe1 } }));
	assert_int_equal(r->event_id.b[15], r->id);
	assert_int_equal(r->ordering_key.b[15], 10);
	assert_str(r->event_type, "message.created");
	assert_true(r->id == 4 ? str_is(r->lease_owner, "me") : !r->lease_owner.p);
	assert_true((r->next_retry_us == PG_NO_TIME) == (r->id == 3 || r->id == 5 || r->id == 6));
	assert_true(r->created_us > AT(0) && r->updated_us > AT(0) && !r->dropped);
	++*(int *)ctx;
}

static void a_row_is_shown_completely(void **state)
{
	int n = 0;

	(void)state;
	done(store_retries_list(ops, &(struct retry_filter){ 0 }, 6, is_whole, &n, &db.err));
	assert_int_equal(n, 6);
}

#define LOOK \
	"SELECT string_agg(concat_ws(' ', id, status, retry_count, CASE WHEN next_retry_at <= now() THEN 'due' END," \
	" CASE WHEN ordering_key IS NULL THEN 'unordered' END, CASE WHEN dropped THEN 'dropped' END), ', ' ORDER BY id) FROM webhook_retry_queue"

static void a_retried_row_is_due_and_pending_rows_keep_their_order(void **state)
{
	int64_t changed = 0;

	(void)state;
	done(store_retries_again(ops, &(struct retry_filter){ .endpoint = uuid_of(E1) }, &changed, &db.err));
	assert_int_equal(changed, 2);
	assert_text(LOOK,
		"1 pending 2 due, 2 pending 2 due, 3 pending 2, 4 retrying 2, 5 success 2, 6 pending 0 due unordered, 7 failed 2,"
		" 8 failed 2");
}

static void of_several_failures_of_one_event_one_is_retried(void **state)
{
	int64_t changed = 0;

	(void)state;
	execute(db.admin,
		"UPDATE webhook_retry_queue SET event_id = '00000000-0000-4000-8000-0000000000ff' WHERE id IN (6, 7)");
	done(store_retries_again(ops, &(struct retry_filter){ .endpoint = uuid_of(E1), .status = "failed" }, &changed,
		&db.err));
	assert_int_equal(changed, 1);
	assert_text(
		"SELECT string_agg(id::text, ' ') FROM webhook_retry_queue WHERE id IN (6, 7) AND status = 'pending'",
		"7");
}

/* Of the others 6 was dropped with its record. */
static void a_row_that_was_dropped_and_emptied_is_not_retried(void **state)
{
	int64_t changed = -1;

	(void)state;
	execute(db.admin,
		"UPDATE webhook_retry_queue SET dropped = true, payload = CASE id WHEN 6 THEN 'x'::bytea END WHERE id IN (6, 8)");
	done(store_retries_again(ops, &(struct retry_filter){ .id = 8 }, &changed, &db.err));
	assert_int_equal(changed, 0);
	done(store_retries_again(ops, &(struct retry_filter){ .status = "failed" }, &changed, &db.err));
	assert_int_equal(changed, 1);
	assert_text(
		"SELECT string_agg(concat_ws(' ', id, status, CASE WHEN dropped THEN 'dropped' END), ', ' ORDER BY id)"
		" FROM webhook_retry_queue WHERE id > 5",
		"6 pending, 7 failed, 8 failed dropped");
}

static void discarding_is_left_to_the_owner(void **state)
{
	int64_t changed = 0;

	(void)state;
	done(store_retries_drop(ops, &(struct retry_filter){ .endpoint = uuid_of(E1) }, &changed, &db.err));
	assert_int_equal(changed, 7);
	assert_text(LOOK,
		"1 pending 2 due dropped, 2 pending 2 due dropped, 3 pending 2 dropped, 4 retrying 2 dropped, 8 failed 2");
	done(store_retries_drop(ops, &(struct retry_filter){ .endpoint = uuid_of(E1) }, &changed, &db.err));
	assert_int_equal(changed, 0);
}

static void claimed_is_dropped(void *ctx, const struct retry_row *row)
{
	assert_true(row->dropped == (row->id == 2));
	++*(int *)ctx;
}

static void the_owner_is_notified_of_discarded_rows(void **state)
{
	static const int32_t three = 3;
	int64_t changed = 0;
	int claimed = 0;

	(void)state;
	done(store_retries_drop(ops, &(struct retry_filter){ .id = 2 }, &changed, &db.err));
	done(store_retries_claim(db.pg, "me", &three, 1, 10, 10, HOUR_MS, db.arena, claimed_is_dropped, &claimed,
		&db.err));
	assert_int_equal(claimed, 3); /* with what waits behind */
}

static void a_row_in_flight_is_skipped(void **state)
{
	int64_t changed = -1;

	(void)state;
	done(pg_begin(db.pg, &db.err));
	done(store_retries_finish(db.pg, &(struct retry_result){ .workspace_id = 1, .id = 2, .status = RETRY_SUCCESS },
		1, &db.err));
	done(store_retries_drop(ops, &(struct retry_filter){ .id = 2 }, &changed, &db.err));
	done(pg_commit(db.pg, &db.err));
	assert_int_equal(changed, 0);
	assert_text("SELECT status FROM webhook_retry_queue WHERE id = 2", "success");
}

static void position_is(void *ctx, const struct position_info *p)
{
	assert_str(p->topic, "t");
	assert_int_equal(p->next_offset, 10 * (p->partition + 1));
	assert_int_equal(p->live_from, p->partition == 0 ? 90 : -1);
	assert_int_equal(p->behind, p->partition == 0 ? 85 : -1);
	assert_true(p->updated_us > AT(0));
	++*(int *)ctx;
}

static void positions_show_the_lag(void **state)
{
	int n = 0;

	(void)state;
	db_script(
		"INSERT INTO webhook_replays (workspace_id, id, endpoint_id, since) VALUES (1, 7, 1, now());"
		"INSERT INTO webhook_positions (workspace_id, endpoint_id, replay_id, topic, partition, next_offset, live_from, start_offset,"
		" until_offset) VALUES (1, 1, NULL, 't', 0, 10, 90, NULL, NULL), (1, 1, NULL, 't', 1, 20, NULL, NULL, NULL),"
		" (1, 1, 7, 't', 0, 1, NULL, 0, 9), (1, 2, NULL, 't', 0, 1, NULL, NULL, NULL);"
		"INSERT INTO consumer_progress (consumer, topic, partition, cluster_id, epoch, next_offset) VALUES"
		" ('webhook-dispatcher', 't', 0, 'c', 1, 95), ('chat-sync', 't', 1, 'c', 1, 99)");
	done(store_endpoint_positions(ops, &(struct endpoint_key){ 1, 1 }, position_is, &n, &db.err));
	assert_int_equal(n, 2);
}

static void attempt_is(void *ctx, const struct attempt_info *a)
{
	int n = ++*(int *)ctx;

	assert_int_equal(a->attempt, 4 - n); /* newest first */
	assert_str(a->event_type, "message.created");
	assert_str(a->outcome, "timeout");
	assert_str(a->error, "late");
	assert_null(a->excerpt.p);
	assert_int_equal(a->status, 0);
	assert_int_equal(a->dns_us, 5);
	assert_int_equal(a->tls_us, -1);
	assert_true(a->at_us > AT(0) && !uuid_is_nil(&a->event_id));
}

static void the_latest_attempts_are_shown(void **state)
{
	int n = 0;

	(void)state;
	done(store_attempts_maintain(db.pg, 1, 30, &db.err));
	for (int i = 1; i <= 3; i++) {
		struct attempt_row row = { .workspace_id = 1,
			.endpoint_id = 1,
			.event_id = uuid_of(E1),
			.event_type = STR("message.created"),
			.attempt = i,
			.outcome = "timeout",
			.at_us = db_i64("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"),
			.dns_us = 5,
			.connect_us = -1,
			.tls_us = -1,
			.first_byte_us = -1,
			.total_us = -1,
			.error = STR("late") };

		done(store_attempts_insert(db.pg, &row, 1, &db.err));
	}
	done(store_endpoint_attempts(ops, &(struct endpoint_key){ 1, 1 }, 2, attempt_is, &n, &db.err));
	assert_int_equal(n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(rows_are_listed_by_endpoint_status_and_id, with_rows),
		cmocka_unit_test_setup(a_row_is_shown_completely, with_rows),
		cmocka_unit_test_setup(a_retried_row_is_due_and_pending_rows_keep_their_order, with_rows),
		cmocka_unit_test_setup(of_several_failures_of_one_event_one_is_retried, with_rows),
		cmocka_unit_test_setup(a_row_that_was_dropped_and_emptied_is_not_retried, with_rows),
		cmocka_unit_test_setup(discarding_is_left_to_the_owner, with_rows),
		cmocka_unit_test_setup(the_owner_is_notified_of_discarded_rows, with_rows),
		cmocka_unit_test_setup(a_row_in_flight_is_skipped, with_rows),
		cmocka_unit_test_setup(positions_show_the_lag, with_endpoints),
		cmocka_unit_test_setup(the_latest_attempts_are_shown, with_endpoints),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
