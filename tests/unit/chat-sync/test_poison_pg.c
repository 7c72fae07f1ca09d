/* Records that PostgreSQL rejects, through the whole of chat-sync: each becomes a dead letter in a bounded time, however many they
 * are and whichever accounts send them. A constraint rejects them here, since inbound_check() rejects all that is known to be rejected. */
#include "unit.h"

#include "replica.h"
#include "worker/private.h"

static struct worker w = { .owner = &replica1.at.owner,
	.options = { .owner = { .topics = { { .name = "t.inbound" } } } } };
static struct slot_state slots[2]; /* of partitions 1 and 2 */
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
	done(publisher_open(&replica1.at.owner.publisher, kafka, "test", 4 << 20, &db.err));
	done(kafka_consumer_open(&replica1.at.owner.consumer,
		&(struct kafka_consumer_options){
			.config = kafka, .client_id = "test", .group = "test", .topics = { { .name = "t.inbound" } } },
		&db.err));
	replica1.at.owner.ops = &owner_ops;
	w.ops = &chat_sync_ops;
	w.ctx = replica1.sync;
	w.working = replica1.at.batch;
	w.filling = batch_new(&replica_options, &replica1.at.owner);
	w.size = metric_histogram("blazz_worker_batch_records", "Records.", "topic", (const double[]){ 1, -1 });
	return 0;
}

static int stop(void **state)
{
	kafka_consumer_close(&replica1.at.owner.consumer);
	publisher_close(&replica1.at.owner.publisher, 0);
	kafka_config_free(kafka);
	batch_free(w.filling);
	backlog_fini(&w.backlog);
	return replicas_stop(state);
}

static int partitions_take(void)
{
	struct progress rows[] = { { .topic = "t.inbound", .partition = 1 }, { .topic = "t.inbound", .partition = 2 } };

	if (store_progress_claim(replica1.at.pg, "chat-sync", "cluster", false, rows, 2, &db.err) < 0)
		return -1;
	for (size_t i = 0; i < COUNT(rows); i++)
		slots[i] = (struct slot_state){ .partition = { 0, rows[i].partition }, .progress = rows[i] };
	replica1.at.owner.slots = slots;
	replica1.at.owner.n_slots = COUNT(rows);
	return 0;
}

static int setup(void **state)
{
	replica1.at.offset = 0;
	publisher_discard_all(replica1.at.owner.publisher);
	batch_reset(w.working);
	backlog_reset(&w.backlog);
	w.backlog.limit = ISOLATED_MAX;
	w.working->limit = w.filling->limit = w.filling->cap;
	if (replicas_empty(state) < 0)
		return -1;
	return partitions_take();
}

static void take(int account, const struct inbound_event *e)
{
	struct kafka_message m = {
		.partition = 1, .offset = replica1.at.offset++, .key = str_of(account_ids[account])
	};

	done(inbound_encode(e, db.arena, &m.value, &db.err));
	batch_add(w.working, &m, &chat_sync_ops, replica1.sync);
}

static void take_message(int account, const char *word, int i)
{
	struct inbound_event e = inbound_text(account, chat_of(account == 3 ? "+6281100000003" : "+6281100000001"),
		arena_printf(db.arena, "%s:%d", word, i).p, "text", i);

	take(account, &e);
}

static void commit(void)
{
	done(worker_commit(&w, w.working, &db.err));
}

#define DEAD "SELECT sum(dead_lettered)::bigint FROM consumer_progress"

static void sixty_records_of_sixty_become_sixty_dead_letters(void **state)
{
	(void)state;
	for (int i = 0; i < 60; i++)
		take_message(1, "poison", i);
	commit();
	assert_int_equal(db_i64(DEAD), 60);
	assert_int_equal(db_i64("SELECT count(*) FROM chats"), 0);
	take_message(1, "good", 1);
	commit();
	assert_int_equal(db_i64("SELECT count(*) FROM chats"), 1);
	assert_int_equal(db_i64(DEAD), 60);
}

static const char *new_contact(int i)
{
	return arena_printf(db.arena, "+62812%07d", i).p;
}

static void take_from(int32_t partition, int account, const char *phone, const char *word, int i)
{
	struct inbound_event e =
		inbound_text(account, chat_of(phone), arena_printf(db.arena, "%s:%d", word, i).p, "text", i);
	struct kafka_message m = { .partition = partition, .offset = i, .key = str_of(account_ids[account]) };

	done(inbound_encode(&e, db.arena, &m.value, &db.err));
	batch_add(w.working, &m, &chat_sync_ops, replica1.sync);
}

/* A batch as large as batch.max_events makes them, of contacts seen for the first time, which costs most. Another tenant's message behind
 * the rejected ones, in their partition and in another, is stored in the same transaction. */
static void another_tenants_message_is_stored_although_rejected_records_fill_its_batch(void **state)
{
	(void)state;
	for (int i = 0; i < 998; i++)
		take_from(1, 1, new_contact(i), "poison", i);
	take_from(1, 3, "+6281100000003", "good", 998);
	take_from(2, 3, "+6281100000003", "fine", 0);
	commit();
	assert_int_equal(db_i64("SELECT count(*) FROM chats WHERE workspace_id = 2"), 2);
	assert_int_equal(db_i64("SELECT count(*) FROM chats"), 2);
	assert_int_equal(db_i64("SELECT count(*) FROM contacts"), 1); /* the rejected ones left nothing */
	assert_int_equal(db_i64(DEAD), 998);
	assert_int_equal(w.backlog.n, 0);
	assert_int_equal(w.filling->limit,
		w.filling->cap); /* records found without attempts of their own do not shorten later batches */
}

/* Of every kind of row that a record makes: each rejected one is found, each valid one is applied. */
static void valid_records_among_rejected_ones_are_applied(void **state)
{
	enum { N = 40 };

	(void)state;
	for (int i = 0; i < N; i++)
		take_message(1, "good", i);
	commit();
	for (int i = 0; i < N; i++) {
		struct inbound_event edit = edit_of(1, chat_of("+6281100000001"),
			arena_printf(db.arena, "good:%d", i / 2 * 2).p, i % 2 ? "poison" : "better", i);

		take(1, &edit);
		take_message(1, i % 4 == 1 ? "poison" : "more", i);
		take_message(1, i % 4 == 3 ? "poison" : "same", 0); /* copies */
	}
	commit();
	assert_int_equal(w.backlog.n, 0);
	assert_int_equal(db_i64(DEAD), N / 2 + N / 4 + N / 4);
	assert_int_equal(db_i64("SELECT count(*) FROM chats"), N + (N - N / 4) + 1);
	assert_int_equal(db_i64("SELECT count(*) FROM chats WHERE metadata ->> 'body' = 'better'"), N / 2);
	assert_int_equal(
		db_i64("SELECT count(*) FROM conversations v WHERE unread_messages <> (SELECT count(*) FROM chats c"
		       " WHERE c.workspace_id = v.workspace_id AND c.conversation_id = v.id)"),
		0);
}

/* The message is stored although a parked update of it is rejected, and the other parked updates are applied. */
static void a_rejected_parked_update_becomes_a_dead_letter_by_itself(void **state)
{
	struct inbound_event bad = edit_of(1, chat_of("+6281100000001"), "good:1", "poison", 5);
	struct inbound_event good = edit_of(1, chat_of("+6281100000001"), "good:2", "better", 5);

	(void)state;
	take(1, &bad);
	take(1, &good);
	commit();
	assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"), 2);
	take_message(1, "good", 1);
	take_message(1, "good", 2);
	commit();
	assert_int_equal(db_i64("SELECT count(*) FROM chats"), 2);
	assert_int_equal(db_i64(DEAD), 0);
	done(worker_sweep(&w, &db.err));
	assert_int_equal(db_i64("SELECT count(*) FROM outbox WHERE position('data_error'::bytea in records) > 0"), 1);
	assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"), 0);
	assert_text("SELECT string_agg(metadata ->> 'body', ',' ORDER BY message_key) FROM chats", "text,better");
}

static void take_own(const char *id, const char *body, bool status)
{
	struct inbound_event e = event(status ? IN_STATUS : IN_DISPATCH, 1, 5);

	if (status) {
		e.u.status = (struct in_status){ .target = { .key = arena_printf(db.arena, "wamid.%s", id) },
			.client_message_id = str_of(id),
			.status = STATUS_READ };
	} else {
		e.u.dispatch.message = message_in_chat(chat_of("+6281100000001"), DIR_OUTBOUND, NULL, body);
		e.u.dispatch.message.client_message_id = str_of(id);
		e.u.dispatch.outcome = DISPATCH_UNKNOWN;
	}
	take(1, &e);
}

/* The batch that brings the statuses joins nothing once it was rejected; the sweep finds which pair is to blame. */
static void a_rejected_dispatch_that_waited_is_a_dead_letter_by_itself(void **state)
{
	(void)state;
	take_own("bad", "poison", false);
	take_own("good", "text", false);
	commit();
	assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"), 2);
	take_own("bad", NULL, true);
	take_own("good", NULL, true);
	commit();
	assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"),
		6); /* a status of ours waits under two targets */
	assert_int_equal(db_i64(DEAD), 0);
	done(worker_sweep(&w, &db.err));
	assert_int_equal(db_i64("SELECT count(*) FROM outbox WHERE position('data_error'::bytea in records) > 0"), 1);
	assert_text("SELECT client_message_id || ' ' || message_status FROM chats", "good read");
	assert_text("SELECT string_agg(kind || ' ' || target, ',' ORDER BY target) FROM parked_updates",
		"message_status c:bad,message_status wamid.bad");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(sixty_records_of_sixty_become_sixty_dead_letters, setup),
		cmocka_unit_test_setup(another_tenants_message_is_stored_although_rejected_records_fill_its_batch,
			setup),
		cmocka_unit_test_setup(valid_records_among_rejected_ones_are_applied, setup),
		cmocka_unit_test_setup(a_rejected_parked_update_becomes_a_dead_letter_by_itself, setup),
		cmocka_unit_test_setup(a_rejected_dispatch_that_waited_is_a_dead_letter_by_itself, setup),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
