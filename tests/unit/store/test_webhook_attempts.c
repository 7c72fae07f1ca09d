/* Attempts are kept by day, and every one finds its day, whatever the clock of its sender. */
#include "unit.h"

#include "store/webhook_attempts.h"
#include "webhooks.h"

static int with_partitions(void **state)
{
	with_endpoints(state);
	done(store_attempts_maintain(db.pg, 2, 30, &db.err));
	return 0;
}

static struct attempt_row attempt(int64_t at_us)
{
	struct attempt_row r = { .workspace_id = 1,
		.endpoint_id = 1,
		.event_type = STR("message.created"),
		.message_id = 7,
		.attempt = 1,
		.outcome = "success",
		.status = 200,
		.at_us = at_us,
		.dns_us = 10,
		.connect_us = 20,
		.tls_us = 30,
		.first_byte_us = 40,
		.total_us = 50,
		.excerpt = STR("thanks") };

	uuid_v4(&r.event_id);
	return r;
}

static int64_t now_us(void)
{
	return db_i64("SELECT (extract(epoch FROM now()) * 1000000)::bigint");
}

#define PARTITIONS "SELECT count(*) FROM pg_inherits WHERE inhparent = 'webhook_attempts'::regclass"

static void an_attempt_is_stored_completely(void **state)
{
	struct attempt_row rows[] = { attempt(now_us()), attempt(now_us()) };

	(void)state;
	rows[1] = (struct attempt_row){ .workspace_id = 2,
		.endpoint_id = 3,
		.event_id = rows[1].event_id,
		.event_type = STR("session.state"),
		.attempt = 2,
		.outcome = "timeout",
		.at_us = rows[1].at_us,
		.dns_us = 0,
		.connect_us = -1,
		.tls_us = -1,
		.first_byte_us = -1,
		.total_us = 15000000,
		.error = STR("no answer") };
	done(store_attempts_insert(db.pg, rows, 2, &db.err));
	done(store_attempts_insert(db.pg, rows, 0, &db.err));
	assert_text(
		"SELECT string_agg(concat_ws(' ', workspace_id, endpoint_id, event_type, chat_id, attempt, outcome, status, dns_us, connect_us,"
		" tls_us, first_byte_us, total_us, excerpt, error), ', ' ORDER BY workspace_id) FROM webhook_attempts",
		"1 1 message.created 7 1 success 200 10 20 30 40 50 thanks, 2 3 session.state 2 timeout 0 15000000 no answer");
}

static void a_clock_that_is_wrong_by_years_loses_no_attempt(void **state)
{
	struct attempt_row rows[] = { attempt(AT(-40000000)), attempt(AT(4000000000)), attempt(now_us() - 3600000000) };

	(void)state;
	done(store_attempts_insert(db.pg, rows, 3, &db.err));
	assert_text(
		"SELECT string_agg(round(extract(epoch FROM now() - at) / 3600)::text, ' ' ORDER BY at) FROM webhook_attempts",
		"24 1 0");
}

static void text_that_cannot_be_stored_is_rejected(void **state)
{
	struct attempt_row row = attempt(now_us());

	(void)state;
	row.excerpt = (struct str){ "a\0b", 3 };
	assert_failed(store_attempts_insert(db.pg, &row, 1, &db.err), db.err, ERR_INPUT, "22021");
	row.excerpt = STR("\xff");
	assert_failed(store_attempts_insert(db.pg, &row, 1, &db.err), db.err, ERR_INPUT, "22021");
}

static void days_are_made_ahead_and_dropped_by_age(void **state)
{
	(void)state;
	assert_int_equal(db_i64(PARTITIONS), 4); /* yesterday, today and two more */
	db_script(
		"CREATE TABLE webhook_attempts_20200101 PARTITION OF webhook_attempts FOR VALUES FROM ('2020-01-01Z') TO ('2020-01-02Z')");
	done(store_attempts_maintain(db.pg, 3, 3000, &db.err));
	assert_int_equal(db_i64(PARTITIONS), 6);
	done(store_attempts_maintain(db.pg, 3, 30, &db.err));
	done(store_attempts_maintain(db.pg, 0, 1, &db.err)); /* yesterday stays: attempts may be a day old */
	assert_int_equal(db_i64(PARTITIONS), 5);
	assert_failed(store_attempts_maintain(db.pg, 32, 30, &db.err), db.err, ERR_INPUT, "22023");
	assert_failed(store_attempts_maintain(db.pg, 3, 0, &db.err), db.err, ERR_INPUT, "22023");
}

static void a_day_that_is_being_read_is_dropped_later(void **state)
{
	struct pg *reader = db_session(ADMIN);

	(void)state;
	db_script(
		"CREATE TABLE webhook_attempts_20200101 PARTITION OF webhook_attempts FOR VALUES FROM ('2020-01-01Z') TO ('2020-01-02Z')");
	done(pg_begin(reader, &db.err));
	execute(reader, "SELECT count(*) FROM webhook_attempts_20200101");
	done(store_attempts_maintain(db.pg, 2, 30, &db.err));
	pg_rollback(reader);
	assert_int_equal(db_i64("SELECT count(*) FROM pg_class WHERE relname = 'webhook_attempts_20200101'"), 1);
	done(store_attempts_maintain(db.pg, 2, 30, &db.err));
	assert_int_equal(db_i64("SELECT count(*) FROM pg_class WHERE relname = 'webhook_attempts_20200101'"), 0);
	pg_close(&reader);
}

static int maintain(struct pg *pg, void *ctx, struct err *err)
{
	(void)ctx;
	return store_attempts_maintain(pg, 5, 30, err);
}

static void two_replicas_make_a_day_once(void **state)
{
	struct other other = { .role = DISPATCHER, .act = maintain };

	(void)state;
	done(pg_begin(db.pg, &db.err));
	done(store_attempts_maintain(db.pg, 5, 30, &db.err));
	other_start(&other);
	done(pg_commit(db.pg, &db.err));
	other_end(&other);
	assert_int_equal(
		db_i64("SELECT count(*) FROM pg_class WHERE relname = 'webhook_attempts_' || to_char(now() + interval '5 days',"
		       " 'YYYYMMDD')"),
		1);
}

static void a_message_shows_its_deliveries_to_endpoints(void **state)
{
	struct attempt_row rows[] = { attempt(now_us() - 3000000), attempt(now_us() - 2000000),
		attempt(now_us() - 1000000), attempt(now_us()) };

	(void)state;
	rows[0].outcome = rows[1].outcome = "server_error";
	rows[0].error = STR("first");
	rows[1].error = STR("second");
	rows[1].attempt = 2;
	rows[2].attempt = 3;
	rows[3].endpoint_id = 2;
	rows[3].outcome = "timeout";
	done(store_attempts_insert(db.pg, rows, 4, &db.err));
	rows[3].message_id = 0;
	done(store_attempts_insert(db.pg, &rows[3], 1, &db.err));
	assert_text(
		"SELECT string_agg(concat_ws(' ', chat_id, endpoint_id, webhook_sent_at IS NOT NULL, webhook_retry_count, webhook_last_error), ', '"
		" ORDER BY endpoint_id) FROM chat_webhooks WHERE workspace_id = 1",
		"7 1 t 2 second, 7 2 f 0 timeout");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(days_are_made_ahead_and_dropped_by_age, with_partitions),
		cmocka_unit_test_setup(an_attempt_is_stored_completely, with_partitions),
		cmocka_unit_test_setup(a_clock_that_is_wrong_by_years_loses_no_attempt, with_partitions),
		cmocka_unit_test_setup(text_that_cannot_be_stored_is_rejected, with_partitions),
		cmocka_unit_test_setup(a_day_that_is_being_read_is_dropped_later, with_partitions),
		cmocka_unit_test_setup(two_replicas_make_a_day_once, with_partitions),
		cmocka_unit_test_setup(a_message_shows_its_deliveries_to_endpoints, with_partitions),
	};

	return cmocka_run_group_tests(tests, webhooks_start, db_stop);
}
