/* Maintenance: what is no longer done is found by the relation's name. Backfills: each step continues where the last one ended. */
#include "unit.h"

#include "db.h"
#include "store/cleanup_watch.h"

static struct buf found;
static struct pg *dispatcher, *sender;

static int start(void **state)
{
	if (db_start(state) < 0)
		return -1;
	pg_close(&db.pg);
	db.pg = db_session(CLEANUP);
	dispatcher = db_session(DISPATCHER);
	sender = db_session(SENDER);
	return 0;
}

static int stop(void **state)
{
	buf_fini(&found);
	pg_close(&dispatcher);
	pg_close(&sender);
	return db_stop(state);
}

static void on_finding(void *ctx, enum watch_finding f, struct str relation)
{
	(void)ctx;
	buf_printf(&found, "%s %.*s;", watch_finding_word(f), STR_ARG(relation));
}

static const char *watched(void)
{
	const struct watch_limits limits = { .partitions_keep_days = 30, .retries_keep_ms = 60000 };

	buf_clear(&found);
	buf_add_str(&found, STR(""));
	done(store_watch(db.pg, &limits, on_finding, NULL, &db.err));
	return arena_cstr(db.arena, buf_str(&found));
}

static void tables_without_tomorrow_are_found(void **state)
{
	(void)state;
	assert_string_equal(watched(), "no_partition send_attempts;no_partition webhook_attempts;");
	execute(dispatcher, "SELECT day_partitions_maintain('webhook_attempts', 1, 30)");
	assert_string_equal(watched(), "no_partition send_attempts;");
	execute(sender, "SELECT day_partitions_maintain('send_attempts', 0, 30)"); /* today only */
	assert_string_equal(watched(), "no_partition send_attempts;");
	execute(sender, "SELECT day_partitions_maintain('send_attempts', 1, 30)");
	assert_string_equal(watched(), "");
}

static void a_partition_beyond_its_age_is_found(void **state)
{
	char name[40], sql[200];

	(void)state;
	for (int days = 31; days <= 33; days++) {
		snprintf(sql, sizeof(sql), "SELECT to_char((now() AT TIME ZONE 'UTC')::date - %d, 'YYYYMMDD')", days);
		snprintf(name, sizeof(name), "send_attempts_%s", arena_cstr(db.arena, db_text(sql)));
		snprintf(sql, sizeof(sql),
			"CREATE TABLE %s PARTITION OF send_attempts FOR VALUES FROM ('2020-01-%02dZ') TO ('2020-01-%02dZ')",
			name, days - 30, days - 29);
		execute(db.admin, sql);
	}
	snprintf(sql, sizeof(sql), "old_partition %s;", name);
	assert_string_equal(watched(), sql);
}

static void finished_retries_beyond_their_time_are_found(void **state)
{
	(void)state;
	execute(db.admin, "ALTER TABLE webhook_endpoints DISABLE TRIGGER USER");
	db_script(
		"INSERT INTO webhook_endpoints (workspace_id, id, url, secrets) VALUES (1, 1, 'u', '');"
		"INSERT INTO webhook_retry_queue (workspace_id, endpoint_id, event_id, event_type, url, source_partition, source_offset,"
		" source_timestamp_ms, max_retries, next_retry_at, status, updated_at) SELECT 1, 1, gen_random_uuid(), 't', 'u', 0, 0, 0, 1, now(), s,"
		" now() - a FROM (VALUES ('success', interval '50 s'), ('pending', '1 day')) AS r (s, a)");
	assert_null(strstr(watched(), "retries_kept"));
	execute(db.admin, "UPDATE webhook_retry_queue SET status = 'failed' WHERE status = 'pending'");
	assert_non_null(strstr(watched(), "retries_kept webhook_retry_queue;"));
}

/* Backfills */

static struct backfill_step last;
static char last_name[41];

static void on_step(void *ctx, const struct backfill_step *s)
{
	(void)ctx;
	last = *s;
	snprintf(last_name, sizeof(last_name), "%.*s", STR_ARG(s->name));
}

#define BACKFILL(name) \
	"CREATE OR REPLACE FUNCTION backfill_" name \
	"(after text, n integer) RETURNS TABLE (next text, rows integer) LANGUAGE plpgsql AS $$ BEGIN" \
	" WITH page AS (SELECT id FROM public.contacts WHERE id > coalesce(nullif(after, '')::bigint, 0) ORDER BY id LIMIT n)," \
	" written AS (UPDATE public.contacts c SET email = c.id FROM page WHERE c.id = page.id AND c.email IS NULL RETURNING c.id)" \
	" SELECT (SELECT max(id)::text FROM page), (SELECT count(*)::integer FROM written) INTO next, rows; RETURN NEXT; END $$"

static void a_backfill_continues_where_it_was_and_ends(void **state)
{
	struct pg *admin = db_session("blazz_admin");
	int64_t n = -1;
	int steps = 0;

	(void)state;
	execute(db.admin, BACKFILL("emails"));
	db_script(
		"INSERT INTO contacts (workspace_id, id, source_type, email) SELECT 1, g, 'webjs', CASE WHEN g = 7 THEN 'kept' END"
		" FROM generate_series(1, 25) g");
	assert_int_equal(store_backfill_step(db.pg, 10, on_step, NULL, &db.err), 0);
	execute(db.admin, "INSERT INTO backfills (name) VALUES ('emails')");
	done(store_backfills_open(db.pg, &n, &db.err));
	assert_int_equal(n, 1);
	assert_int_equal(store_backfill_step(db.pg, 10, on_step, NULL, &db.err), 1);
	assert_true(strcmp(last_name, "emails") == 0 && last.rows == 9 && !last.completed);
	assert_text("SELECT cursor || ' ' || rows FROM backfills", "10 9");
	assert_failed(run(db.admin, "SELECT backfill_require('emails')", NULL, NULL, &db.err), db.err, ERR_RETRY,
		"55000");
	while (store_backfill_step(db.pg, 10, on_step, NULL, &db.err) == 1)
		assert_true(++steps < 10);
	assert_true(last.completed && last.rows == 0);
	assert_text("SELECT cursor || ' ' || rows || ' ' || (completed_at >= started_at) FROM backfills", "25 24 true");
	assert_int_equal(db_i64("SELECT count(*) FROM contacts WHERE email IS NULL"), 0);
	assert_text("SELECT email FROM contacts WHERE id = 7", "kept");
	execute(db.admin, "SELECT backfill_require('emails')");
	pg_close(&admin);
}

static void a_step_that_is_rolled_back_is_taken_again(void **state)
{
	(void)state;
	execute(db.admin, BACKFILL("emails"));
	db_script(
		"INSERT INTO contacts (workspace_id, id, source_type) SELECT 1, g, 'webjs' FROM generate_series(1, 5) g");
	execute(db.admin, "INSERT INTO backfills (name) VALUES ('emails')");
	done(pg_begin(db.pg, &db.err));
	assert_int_equal(store_backfill_step(db.pg, 10, on_step, NULL, &db.err), 1);
	pg_rollback(db.pg);
	assert_text("SELECT cursor || rows FROM backfills", "0");
	assert_int_equal(store_backfill_step(db.pg, 10, on_step, NULL, &db.err), 1);
	assert_int_equal(last.rows, 5);
}

static void a_name_that_is_no_identifier_is_no_backfill(void **state)
{
	(void)state;
	assert_failed(run(db.admin, "INSERT INTO backfills (name) VALUES ('x(); DROP TABLE chats')", NULL, NULL,
			      &db.err),
		db.err, ERR_INPUT, "23514");
	assert_failed(run(db.pg, "INSERT INTO backfills (name) VALUES ('emails')", NULL, NULL, &db.err), db.err,
		ERR_RETRY, "42501");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(tables_without_tomorrow_are_found, db_empty),
		cmocka_unit_test_setup(a_partition_beyond_its_age_is_found, db_empty),
		cmocka_unit_test_setup(finished_retries_beyond_their_time_are_found, db_empty),
		cmocka_unit_test_setup(a_backfill_continues_where_it_was_and_ends, db_empty),
		cmocka_unit_test_setup(a_step_that_is_rolled_back_is_taken_again, db_empty),
		cmocka_unit_test_setup(a_name_that_is_no_identifier_is_no_backfill, db_empty),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
