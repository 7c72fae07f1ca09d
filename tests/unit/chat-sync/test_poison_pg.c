/* Records that PostgreSQL refuses, through the whole of chat-sync: each is its sender's fault and costs a bounded time, however many they
 * are and whoever sends them. A constraint refuses them here, as inbound_check() lets nothing pass that is known to be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replica.h"
#include "worker/private.h"

static struct worker w = { .owner = &ours.owner, .options = { .owner = { .topic = "t.inbound" } } };
static struct kafka_config *kafka;

static void nobody_loses(void *ctx)
{
	(void)ctx;
}

static const struct owner_ops owner_ops = { .lost = nobody_loses };

static int start(void **state)
{
	if (replicas_start(state) < 0)
		return -1;
	log_set_level(LOG_ERROR + 1);
	execute(db.admin, /* 22003 */
		"ALTER TABLE chats ADD CHECK ('poison' NOT IN (left(message_key, 6), metadata ->> 'body') OR ('1e99999' || length(message_key))::numeric > 0)");
	kafka = kafka_config_new();
	done(kafka_config_set(kafka, "bootstrap.servers", "127.0.0.1:1", &db.err));
	done(publisher_open(&ours.owner.publisher, kafka, "test", 4 << 20, &db.err));
	ours.owner.ops = &owner_ops;
	w.ops = &chat_sync_ops;
	w.ctx = ours.sync;
	w.working = ours.batch;
	w.filling = batch_new(&replica_options, &ours.owner);
	w.size = metric_histogram("blazz_worker_batch_records", "Records.", "topic", (const double[]){ 1, -1 });
	return 0;
}

static int stop(void **state)
{
	publisher_close(&ours.owner.publisher, 0);
	kafka_config_free(kafka);
	batch_free(w.filling);
	return replicas_stop(state);
}

static int setup(void **state)
{
	ours.slot.progress = (struct progress){ .partition = 1 };
	ours.offset = 0;
	publisher_forget_all(ours.owner.publisher);
	batch_reset(w.working);
	if (replicas_empty(state) < 0)
		return -1;
	return progress_take(ours.pg, "chat-sync", "t.inbound", "cluster", false, &ours.slot.progress, 1, &db.err);
}

static void take(int account, const struct inbound_event *e)
{
	struct kafka_message m = { .partition = 1, .offset = ours.offset++, .key = str_of(account_ids[account]) };

	done(inbound_encode(e, db.arena, &m.value, &db.err));
	batch_take(w.working, &m, &chat_sync_ops, ours.sync);
}

static void take_message(int account, const char *word, int i)
{
	struct inbound_event e = inbound_text(account, chat_of(account == 3 ? "+6281100000003" : "+6281100000001"),
		arena_printf(db.arena, "%s:%d", word, i).p, "text", i);

	take(account, &e);
}

static int64_t commit_ms(void)
{
	int64_t began = clock_mono_ms();

	done(worker_commit(&w, w.working, &db.err));
	return clock_mono_ms() - began;
}

#define DEAD "SELECT dead_lettered FROM consumer_progress"

static void sixty_records_of_sixty_become_sixty_dead_letters(void **state)
{
	(void)state;
	for (int i = 0; i < 60; i++)
		take_message(1, "poison", i);
	(void)commit_ms();
	assert_int_equal(db_i64(DEAD), 60);
	assert_int_equal(db_i64("SELECT count(*) FROM chats"), 0);
	take_message(1, "good", 1);
	(void)commit_ms();
	assert_int_equal(db_i64("SELECT count(*) FROM chats"), 1);
	assert_int_equal(db_i64(DEAD), 60);
}

/* A thousand refused records of one tenant around the message of another: a batch as large as batch.max_events makes them. */
static void another_tenants_message_in_a_batch_of_refused_ones_is_stored_soon(void **state)
{
	int64_t ms;

	(void)state;
	take_message(1, "known", 1);
	(void)commit_ms();
	for (int i = 0; i < 1000; i++)
		take_message(i == 500 ? 3 : 1, i == 500 ? "good" : "poison", i);
	ms = commit_ms();
	assert_int_equal(db_i64(DEAD), 999);
	assert_int_equal(db_i64("SELECT count(*) FROM chats WHERE workspace_id = 2"), 1);
	assert_in_range(ms, 0, 30000); /* 1 to 2 ms a record; more where sanitizers and other tests take their share */
}

/* The message is not to blame for what waited for it, and what else waits is applied. */
static void a_refused_update_that_waited_is_a_dead_letter_by_itself(void **state)
{
	struct inbound_event bad = edit_of(1, chat_of("+6281100000001"), "good:1", "poison", 5);
	struct inbound_event good = edit_of(1, chat_of("+6281100000001"), "good:2", "better", 5);

	(void)state;
	take(1, &bad);
	take(1, &good);
	(void)commit_ms();
	assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"), 2);
	take_message(1, "good", 1);
	take_message(1, "good", 2);
	(void)commit_ms();
	assert_int_equal(db_i64("SELECT count(*) FROM chats"), 2);
	assert_int_equal(db_i64(DEAD), 0);
	done(worker_sweep(&w, &db.err));
	assert_int_equal(db_i64("SELECT count(*) FROM outbox WHERE position('data_error'::bytea in records) > 0"), 1);
	assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"), 0);
	assert_text("SELECT string_agg(metadata ->> 'body', ',' ORDER BY message_key) FROM chats", "text,better");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(sixty_records_of_sixty_become_sixty_dead_letters, setup),
		cmocka_unit_test_setup(another_tenants_message_in_a_batch_of_refused_ones_is_stored_soon, setup),
		cmocka_unit_test_setup(a_refused_update_that_waited_is_a_dead_letter_by_itself, setup),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
