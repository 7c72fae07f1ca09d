/* A replay is completed once, with its last partition, by whichever owner that is; what is missing is what nobody acknowledged. */
#include "unit.h"

#include "store/webhook_endpoints.h"
#include "store/webhook_replays.h"
#include "webhooks.h"

#define TOPIC    STR("blazz.chat-event.v1")
#define CONSUMER "webhook-dispatcher"
#define R(n)     "00000000-0000-4000-8000-0000000000f" #n

static struct pg *ctl;

/* Replays 1 and 2 run; 3 was completed, 4 cancelled. Partitions 3 and 4 are consumed. */
static int with_replays(void **state)
{
	with_endpoints(state);
	db_script(
		"INSERT INTO webhook_replays (workspace_id, id, uuid, endpoint_id, since, completed_at, cancelled_at)"
		" SELECT 1, g, ('00000000-0000-4000-8000-0000000000f' || g)::uuid, 1, now() - interval '1 hour',"
		" CASE g WHEN 3 THEN now() END, CASE g WHEN 4 THEN now() END FROM generate_series(1, 4) g;"
		"INSERT INTO consumer_progress (consumer, topic, partition, cluster_id, epoch, next_offset) VALUES"
		" ('webhook-dispatcher', 'blazz.chat-event.v1', 3, 'c', 1, 95), ('webhook-dispatcher', 'blazz.chat-event.v1', 4, 'c', 1, 95),"
		" ('webhook-dispatcher', 'other', 5, 'c', 1, 95), ('chat-sync', 'blazz.chat-event.v1', 6, 'c', 1, 99);"
		"SELECT setval('webhook_replays_id_seq', 100)");
	return 0;
}

/* Wishes */

static struct replay_row wish(void)
{
	struct replay_row r = { .workspace_id = 1, .endpoint_id = 1, .since_us = AT(5) };

	uuid_v4(&r.uuid);
	return r;
}

struct found {
	struct replay_row rows[8];
	size_t n;
};

static void keep(void *ctx, const struct replay_row *row)
{
	struct found *f = ctx;

	f->rows[f->n++] = *row;
}

static struct found running(void)
{
	struct found f = { .n = 0 };

	done(store_replays_read(db.pg, db.arena, keep, &f, &db.err));
	return f;
}

static void a_replay_is_read_as_it_was_requested(void **state)
{
	struct str types[] = { STR("message.created"), STR("session.*") };
	struct replay_row whole = wish(), plain = wish();
	struct uuid endpoint = uuid_of(E1);
	struct found f;

	(void)state;
	whole.event_types = types;
	whole.n_event_types = 2;
	whole.conversation = uuid_of(R(8));
	whole.event_id = uuid_of(R(9));
	whole.only_missing = whole.dry_run = true;
	whole.rate = 50;
	done(store_replay_add(ctl, &whole, &db.err));
	done(store_replay_add(ctl, &plain, &db.err));
	f = running();
	assert_int_equal(f.n, 2);
	assert_int_equal(f.rows[0].workspace_id, 1);
	assert_int_equal(f.rows[0].id, whole.id);
	assert_int_equal(f.rows[0].endpoint_id, 1);
	assert_true(uuid_eq(&f.rows[0].uuid, &whole.uuid));
	assert_true(uuid_eq(&f.rows[0].endpoint, &endpoint));
	assert_int_equal(f.rows[0].since_us, AT(5));
	assert_int_equal(f.rows[0].n_event_types, 2);
	assert_str(f.rows[0].event_types[0], "message.created");
	assert_str(f.rows[0].event_types[1], "session.*");
	assert_true(uuid_eq(&f.rows[0].conversation, &whole.conversation));
	assert_true(uuid_eq(&f.rows[0].event_id, &whole.event_id));
	assert_true(f.rows[0].only_missing && f.rows[0].dry_run);
	assert_int_equal(f.rows[0].rate, 50);
	assert_int_equal(f.rows[0].status, REPLAY_RUNNING);
	assert_int_equal(f.rows[0].finished_us, PG_NO_TIME);
	assert_int_equal(f.rows[1].id, plain.id);
	assert_int_equal(f.rows[1].n_event_types, 0);
	assert_true(uuid_is_nil(&f.rows[1].conversation) && uuid_is_nil(&f.rows[1].event_id));
	assert_false(f.rows[1].only_missing || f.rows[1].dry_run);
}

static void a_replay_that_ended_or_lost_its_endpoint_does_not_run(void **state)
{
	struct found f = running();

	(void)state;
	assert_int_equal(f.n, 2);
	assert_int_equal(f.rows[0].id, 1);
	assert_int_equal(f.rows[1].id, 2);
	execute(db.admin, "UPDATE webhook_endpoints SET deleted_at = now() WHERE id = 1");
	assert_int_equal(running().n, 0);
}

static void the_table_rejects_invalid_replays(void **state)
{
	struct str type = STR("everything");
	struct replay_row strange_type = wish(), foreign = wish();

	(void)state;
	strange_type.event_types = &type;
	strange_type.n_event_types = 1;
	assert_failed(store_replay_add(ctl, &strange_type, &db.err), db.err, ERR_INPUT, "23514");
	foreign.endpoint_id = 3;
	assert_failed(store_replay_add(ctl, &foreign, &db.err), db.err, ERR_INPUT, "23503");
}

static void a_replay_that_runs_can_be_cancelled_once(void **state)
{
	static const char *const ended[] = { R(1), R(3), R(4), R(9) };
	struct uuid first = uuid_of(R(1));

	(void)state;
	done(store_replay_cancel(ctl, &first, &db.err));
	assert_int_equal(running().n, 1);
	for (size_t i = 0; i < sizeof(ended) / sizeof(ended[0]); i++) {
		struct uuid id = uuid_of(ended[i]);

		assert_failed(store_replay_cancel(ctl, &id, &db.err), db.err, ERR_CONFLICT, "ended");
	}
	assert_text("SELECT string_agg(id::text, ' ' ORDER BY id) FROM webhook_replays WHERE cancelled_at IS NOT NULL",
		"1 4");
}

static void requests_for_replays_are_notified_and_their_progress_is_not(void **state)
{
	static const struct {
		const char *sql;
		int heard;
	} cases[] = {
		{ "INSERT INTO webhook_replays (workspace_id, endpoint_id, since) VALUES (1, 1, now())", 1 },
		{ "UPDATE webhook_replays SET cancelled_at = now() WHERE id = 2", 1 },
		{ "UPDATE webhook_replays SET completed_at = now() WHERE id = 1", 0 },
	};
	struct str channel, payload;

	(void)state;
	done(pg_listen(db.pg, WEBHOOKS_CHANNEL, &db.err));
	while (pg_notification(db.pg, &channel, &payload, &db.err) == 1)
		;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int heard = 0;

		execute(db.admin, cases[i].sql);
		execute(db.pg, "SELECT 1");
		for (; pg_notification(db.pg, &channel, &payload, &db.err) == 1; heard++)
			assert_str(payload, E1);
		if (heard != cases[i].heard)
			fail_msg("%s: %d", cases[i].sql, heard);
	}
}

/* What is missing */

static void event_add(void *ctx, const struct uuid *event)
{
	struct buf *out = ctx;

	buf_printf(out, "%c", event->b[15] + 'a' - 0xa0);
}

static void missing_events_are_neither_acknowledged_nor_pending(void **state)
{
	struct found f = running();
	struct buf got = BUF_INIT;

	(void)state;
	execute(db.pg, "SELECT day_partitions_maintain('webhook_attempts', 1, 30)");
	db_script(
		"CREATE TEMP TABLE event AS SELECT chr(97 + g) AS name, ('00000000-0000-4000-8000-0000000000a' || g)::uuid AS id"
		" FROM generate_series(0, 9) g;"
		"INSERT INTO webhook_attempts (workspace_id, endpoint_id, event_id, event_type, attempt, outcome, at)"
		" SELECT w, e, event.id, 't', 1, outcome, now() - ago FROM event JOIN (VALUES"
		" ('a', 1, 1, 'success', interval '1 minute'), ('a', 1, 1, 'success', interval '2 minutes'),"
		" ('b', 1, 1, 'server_error', interval '1 minute'), ('c', 1, 1, 'success', interval '61 minutes'),"
		" ('d', 1, 2, 'success', interval '1 minute'), ('e', 2, 3, 'success', interval '1 minute'))"
		" AS v (name, w, e, outcome, ago) USING (name);"
		"INSERT INTO webhook_retry_queue (workspace_id, endpoint_id, event_id, event_type, url, source_partition, source_offset,"
		" source_timestamp_ms, max_retries, next_retry_at, status) SELECT 1, e, event.id, 't', 'u', 3, 1, 1, 1, now(), status"
		" FROM event JOIN (VALUES ('f', 1, 'pending'), ('g', 1, 'retrying'), ('h', 1, 'failed'), ('i', 2, 'pending'))"
		" AS v (name, e, status) USING (name);"
		"DROP TABLE event");
	done(store_replay_delivered(db.pg, &f.rows[0], event_add, &got, &db.err));
	for (const char *c = "abcdefghij"; *c; c++)
		assert_int_equal(memchr(got.p, *c, got.n) != NULL, strchr("afg", *c) != NULL);
	buf_fini(&got);
}

static void event_count(void *ctx, const struct uuid *event)
{
	(void)event;
	++*(int64_t *)ctx;
}

static void all_delivered_events_are_read_in_any_number(void **state)
{
	struct found f = running();
	int64_t n = 0;

	(void)state;
	execute(db.pg, "SELECT day_partitions_maintain('webhook_attempts', 1, 30)");
	/* 15,000 at the same time, where a page may end. */
	db_script(
		"INSERT INTO webhook_attempts (workspace_id, endpoint_id, event_id, event_type, attempt, outcome, at) SELECT 1, 1,"
		" gen_random_uuid(), 't', 1, CASE WHEN g % 5 = 0 THEN 'timeout' ELSE 'success' END, now() - (g / 15000) * interval '1 minute'"
		" FROM generate_series(0, 49999) g");
	done(store_replay_delivered(db.pg, &f.rows[0], event_count, &n, &db.err));
	assert_int_equal(n, 40000);
}

/* Progress */

static struct replay_position position(int64_t replay, int32_t partition, int64_t next)
{
	return (struct replay_position){ .workspace_id = 1,
		.endpoint_id = 1,
		.replay_id = replay,
		.partition = partition,
		.start_offset = 10,
		.next_offset = next,
		.until_offset = 30,
		.matched = 5,
		.lost = 2 };
}

struct places {
	struct replay_position rows[8];
	size_t n;
};

static void place_keep(void *ctx, const struct replay_position *row)
{
	struct places *p = ctx;

	p->rows[p->n++] = *row;
}

static struct places places(void)
{
	static const int32_t partitions[] = { 3, 4 };
	struct places p = { .n = 0 };

	done(store_replay_positions_read(db.pg, TOPIC, partitions, 2, place_keep, &p, &db.err));
	return p;
}

static void a_position_is_kept_while_its_replay_runs(void **state)
{
	struct replay_position rows[] = { position(1, 3, 20), position(1, 5, 20), position(3, 3, 20),
		position(4, 4, 20) };
	struct replay_position moved = position(1, 3, 25);
	struct places p;

	(void)state;
	done(store_replay_positions_write(db.pg, TOPIC, rows, 4, &db.err));
	done(store_replay_positions_write(db.pg, STR("other"), rows, 1, &db.err));
	moved.matched = 7;
	moved.lost = 3;
	moved.until_offset = moved.start_offset = 26; /* where it began and ends stays */
	done(store_replay_positions_write(db.pg, TOPIC, &moved, 1, &db.err));
	p = places();
	assert_int_equal(p.n, 1);
	assert_int_equal(p.rows[0].workspace_id, 1);
	assert_int_equal(p.rows[0].endpoint_id, 1);
	assert_int_equal(p.rows[0].replay_id, 1);
	assert_int_equal(p.rows[0].partition, 3);
	assert_int_equal(p.rows[0].start_offset, 10);
	assert_int_equal(p.rows[0].next_offset, 25);
	assert_int_equal(p.rows[0].until_offset, 30);
	assert_int_equal(p.rows[0].matched, 7);
	assert_int_equal(p.rows[0].lost, 3);
}

static int write_and_finish(struct pg *pg, void *position, struct err *err)
{
	struct replay_position *at = position;

	return store_replay_positions_write(pg, TOPIC, at, 1, err) < 0
		? -1
		: store_replays_finish(pg, CONSUMER, TOPIC, &at->replay_id, 1, err);
}

#define COMPLETED \
	"SELECT coalesce(string_agg(id::text, ' ' ORDER BY id), '') FROM webhook_replays WHERE completed_at IS NOT NULL"

static void a_replay_is_completed_with_its_last_partition(void **state)
{
	struct replay_position third = position(1, 3, 30), fourth = position(1, 4, 29);

	(void)state;
	done(write_and_finish(db.pg, &third, &db.err));
	assert_text(COMPLETED, "3");
	done(write_and_finish(db.pg, &fourth, &db.err));
	assert_text(COMPLETED, "3");
	fourth.next_offset = 30;
	done(write_and_finish(db.pg, &fourth, &db.err));
	assert_text(COMPLETED, "1 3");
	assert_int_equal(places().n, 0);
	assert_int_equal(db_i64("SELECT count(*) FROM webhook_positions"), 2);
}

static void a_cancelled_replay_is_not_completed(void **state)
{
	struct replay_position rows[] = { position(4, 3, 30), position(4, 4, 30) };

	(void)state;
	for (size_t i = 0; i < 2; i++)
		done(write_and_finish(db.pg, &rows[i], &db.err));
	assert_text(COMPLETED, "3");
}

static void of_two_owners_that_finish_at_once_the_later_one_completes_the_replay(void **state)
{
	struct replay_position third = position(1, 3, 30), fourth = position(1, 4, 30);
	struct other other = { .role = DISPATCHER, .act = write_and_finish, .ctx = &fourth };

	(void)state;
	done(pg_begin(db.pg, &db.err));
	done(write_and_finish(db.pg, &third, &db.err));
	other_start(&other);
	done(pg_commit(db.pg, &db.err));
	other_end(&other);
	assert_text(COMPLETED, "1 3");
}

static void owners_that_insert_positions_do_not_wait_for_each_other(void **state)
{
	struct replay_position third = position(1, 3, 30), fourth = position(1, 4, 30);
	struct pg *second = db_session(DISPATCHER);

	(void)state;
	done(pg_begin(db.pg, &db.err));
	execute(db.pg, "SET LOCAL lock_timeout = '1s'");
	done(pg_begin(second, &db.err));
	done(store_replay_positions_write(second, TOPIC, &fourth, 1, &db.err));
	done(write_and_finish(db.pg, &third, &db.err));
	done(pg_commit(db.pg, &db.err));
	done(store_replays_finish(second, CONSUMER, TOPIC, &fourth.replay_id, 1, &db.err));
	done(pg_commit(second, &db.err));
	assert_text(COMPLETED, "1 3");
	pg_close(&second);
}

/* Looking */

struct listed {
	struct replay_progress rows[8];
	size_t n;
};

static void progress_keep(void *ctx, const struct replay_progress *p)
{
	struct listed *l = ctx;

	l->rows[l->n++] = *p;
}

static struct listed listed(const char *endpoint)
{
	struct uuid id = endpoint ? uuid_of(endpoint) : (struct uuid){ 0 };
	struct listed l = { .n = 0 };

	done(store_replays_list(ctl, endpoint ? &id : NULL, db.arena, progress_keep, &l, &db.err));
	return l;
}

static void progress_is_the_sum_of_the_partitions(void **state)
{
	struct replay_position rows[] = { position(1, 3, 30), position(1, 4, 15), position(2, 3, 11) };
	struct listed l;

	(void)state;
	done(store_replay_positions_write(db.pg, TOPIC, rows, 3, &db.err));
	l = listed(NULL);
	assert_int_equal(l.n, 4);
	assert_int_equal(l.rows[0].replay.id, 1);
	assert_int_equal(l.rows[0].partitions, 2);
	assert_int_equal(l.rows[0].partitions_done, 1);
	assert_int_equal(l.rows[0].total, 40);
	assert_int_equal(l.rows[0].passed, 25);
	assert_int_equal(l.rows[0].matched, 10);
	assert_int_equal(l.rows[0].lost, 4);
	assert_int_equal(l.rows[3].partitions, 0);
	assert_int_equal(l.rows[3].total, 0);
}

static void replays_are_listed_by_endpoint_and_found_by_id(void **state)
{
	static const struct {
		const char *id;
		enum replay_status status;
	} cases[] = { { R(2), REPLAY_RUNNING }, { R(3), REPLAY_COMPLETED }, { R(4), REPLAY_CANCELLED } };
	struct uuid none = uuid_of(R(9));
	struct replay_progress p;

	(void)state;
	assert_int_equal(listed(E1).n, 4);
	assert_int_equal(listed(E2).n, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct uuid id = uuid_of(cases[i].id);

		done(store_replay_find(ctl, &id, db.arena, &p, &db.err));
		assert_int_equal(p.replay.status, cases[i].status);
		assert_int_equal(p.replay.finished_us != PG_NO_TIME, cases[i].status != REPLAY_RUNNING);
	}
	assert_failed(store_replay_find(ctl, &none, db.arena, &p, &db.err), db.err, ERR_INPUT, "unknown");
}

static int start(void **state)
{
	if (webhooks_start(state) < 0)
		return -1;
	ctl = db_session("blazz_admin");
	return 0;
}

static int stop(void **state)
{
	pg_close(&ctl);
	return db_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_replay_is_read_as_it_was_requested, with_endpoints),
		cmocka_unit_test_setup(a_replay_that_ended_or_lost_its_endpoint_does_not_run, with_replays),
		cmocka_unit_test_setup(the_table_rejects_invalid_replays, with_endpoints),
		cmocka_unit_test_setup(a_replay_that_runs_can_be_cancelled_once, with_replays),
		cmocka_unit_test_setup(requests_for_replays_are_notified_and_their_progress_is_not, with_replays),
		cmocka_unit_test_setup(missing_events_are_neither_acknowledged_nor_pending, with_replays),
		cmocka_unit_test_setup(all_delivered_events_are_read_in_any_number, with_replays),
		cmocka_unit_test_setup(a_position_is_kept_while_its_replay_runs, with_replays),
		cmocka_unit_test_setup(a_replay_is_completed_with_its_last_partition, with_replays),
		cmocka_unit_test_setup(a_cancelled_replay_is_not_completed, with_replays),
		cmocka_unit_test_setup(of_two_owners_that_finish_at_once_the_later_one_completes_the_replay,
			with_replays),
		cmocka_unit_test_setup(owners_that_insert_positions_do_not_wait_for_each_other, with_replays),
		cmocka_unit_test_setup(progress_is_the_sum_of_the_partitions, with_replays),
		cmocka_unit_test_setup(replays_are_listed_by_endpoint_and_found_by_id, with_replays),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
