/* libs/worker/owner_tx against PostgreSQL: what a transaction says of its partitions is in one commit, behind the fence, or is not.
 * Kafka is never there: what is published waits. */
#include "unit.h"

#include "../store/db.h"
#include "base/log.h"
#include "worker/owner_private.h"

static struct kafka_config *kafka;
static struct slot_state slots[2];
static struct owner o = { .options = { .consumer = "chat-sync", .topics = { { .name = "t.inbound", .dlq = "t.dlq" } } },
	.n_topics = 1,
	.state = OWNER_RUNNING,
	.slots = slots,
	.n_slots = 2 };
static struct owner_tx *tx;

static int start(void **state)
{
	log_set_level(LOG_ERROR);
	if (db_start(state) < 0)
		return -1;
	execute(db.admin, "CREATE TABLE effects (id bigint)");
	execute(db.admin, "GRANT SELECT, INSERT ON effects TO " CHAT_SYNC);
	execute(db.admin,
		"CREATE FUNCTION end_session() RETURNS trigger LANGUAGE plpgsql AS"
		" 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'");
	kafka = kafka_config_new();
	done(kafka_config_set(kafka, "bootstrap.servers", "127.0.0.1:1", &db.err));
	o.pg = db.pg;
	done(publisher_open(&o.publisher, kafka, "test", 4 << 20, &db.err));
	owner_metrics_init(&o);
	tx = owner_tx_new(&o);
	return 0;
}

static int stop(void **state)
{
	owner_tx_free(tx);
	publisher_close(&o.publisher, 0);
	kafka_config_free(kafka);
	return db_stop(state);
}

/* A partition of the first topic. */
static struct topic_partition at(int32_t number)
{
	return (struct topic_partition){ 0, number };
}

/* Takes partitions 1 and 2 over. */
static void partitions_acquire(void)
{
	struct progress rows[] = { { .topic = "t.inbound", .partition = 1 }, { .topic = "t.inbound", .partition = 2 } };

	done(store_progress_claim(o.pg, "chat-sync", "cluster", false, rows, 2, &db.err));
	o.generation++;
	for (size_t i = 0; i < 2; i++)
		slots[i] = (struct slot_state){ .partition = at(rows[i].partition), .progress = rows[i] };
}

static int setup(void **state)
{
	owner_tx_reset(tx);
	db_empty(state);
	execute(db.admin, "TRUNCATE effects");
	publisher_discard_all(o.publisher);
	partitions_acquire();
	return 0;
}

static void include_both(void)
{
	done(owner_tx_include(tx, at(2), &db.err));
	done(owner_tx_include(tx, at(1), &db.err));
	done(owner_tx_include(tx, at(2), &db.err)); /* it does already */
}

static void begin_both(void)
{
	include_both();
	done(owner_tx_begin(tx, &db.err));
}

static void emit(int32_t partition, const char *value)
{
	owner_tx_emit(tx, at(partition), STR("t.out"), STR("k"), str_of(value), NULL, 0);
}

static void advance(int32_t partition, int64_t first, int64_t next)
{
	const int64_t counts[OUTCOMES] = { [OUTCOME_APPLIED] = 1, [OUTCOME_SKIPPED] = next - first - 1 };

	owner_tx_advance(tx, at(partition), first, next, counts);
}

static void write_effect(void)
{
	done(run(owner_tx_pg(tx), "INSERT INTO effects VALUES (1)", NULL, NULL, &db.err));
}

/* The values of a row of the outbox, with commas. */
static const char *values_of(struct str row)
{
	static char out[200];
	struct record_view v;
	size_t at = 0, n = 0;

	out[0] = '\0';
	while (row.p && records_next(row, &at, &v, &db.err) == 1)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%.*s", n ? "," : "", STR_ARG(v.value));
	return out;
}

static const char *stored(int32_t partition)
{
	char sql[100];

	snprintf(sql, sizeof(sql), "SELECT records FROM outbox WHERE slot = %d", partition);
	return values_of(db_text(sql));
}

static const char *emitted(int32_t partition)
{
	return values_of(buf_str(&owner_tx_partition(tx, at(partition))->out.records));
}

static void assert_nothing_is_stored(void)
{
	assert_int_equal(db_i64("SELECT count(*) FROM effects"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM outbox"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM consumer_progress WHERE next_offset IS NOT NULL OR seq <> 0"), 0);
	assert_int_equal(publisher_total(o.publisher), 0);
}

static void changes_progress_and_records_are_one_commit(void **state)
{
	(void)state;
	begin_both();
	write_effect();
	emit(1, "a");
	emit(1, "b");
	advance(1, 10, 11);
	advance(1, 10, 14);
	assert_int_equal(owner_tx_offset(tx, at(1)), 14);
	assert_nothing_is_stored();
	done(owner_tx_commit(tx, &db.err));
	assert_int_equal(db_i64("SELECT count(*) FROM effects"), 1);
	assert_string_equal(stored(1), "a,b");
	assert_text(
		"SELECT concat_ws(' ', seq, start_offset, next_offset, applied, skipped) FROM consumer_progress WHERE partition = 1",
		"1 10 14 2 3");
	assert_int_equal(publisher_total(o.publisher), 1);
	assert_int_equal(owner_progress(&o, at(1))->next_offset, 14);
	assert_int_equal(owner_progress(&o, at(1))->seq, 1);
	assert_int_equal(owner_progress(&o, at(2))->seq, 1);
	assert_int_equal(owner_progress(&o, at(2))->next_offset, PROGRESS_NO_OFFSET);
}

static void an_offset_advances_without_any_record(void **state)
{
	(void)state;
	begin_both();
	assert_int_equal(owner_tx_offset(tx, at(2)), PROGRESS_NO_OFFSET);
	advance(2, 0, 5);
	done(owner_tx_commit(tx, &db.err));
	owner_tx_reset(tx);
	begin_both();
	assert_int_equal(owner_tx_offset(tx, at(2)), 5);
	advance(2, 5, 6);
	done(owner_tx_commit(tx, &db.err));
	assert_text(
		"SELECT concat_ws(' ', seq, start_offset, next_offset, applied, skipped) FROM consumer_progress WHERE partition = 2",
		"2 0 6 2 4");
	assert_int_equal(db_i64("SELECT count(*) FROM outbox"), 0);
	assert_int_equal(publisher_total(o.publisher), 0);
}

static void after_a_lost_fence_nothing_is_written(void **state)
{
	(void)state;
	include_both();
	execute(db.admin, "UPDATE consumer_progress SET epoch = epoch + 1 WHERE partition = 2");
	assert_failed(owner_tx_begin(tx, &db.err), db.err, ERR_FENCED, "fenced");
	owner_tx_reset(tx);
	assert_false(pg_in_transaction(o.pg));
	assert_nothing_is_stored();
}

static void partitions_that_are_not_owned_take_no_part(void **state)
{
	(void)state;
	assert_failed(owner_tx_include(tx, at(3), &db.err), db.err, ERR_FENCED, "partition");
	done(owner_tx_include(tx, at(1), &db.err));
	o.generation++; /* they were acquired again */
	assert_failed(owner_tx_include(tx, at(2), &db.err), db.err, ERR_FENCED, "partition");
	owner_tx_reset(tx);
	done(owner_tx_include(tx, at(2), &db.err));
	o.state = OWNER_ACQUIRING;
	assert_null(owner_progress(&o, at(1)));
	assert_failed(owner_tx_include(tx, at(1), &db.err), db.err, ERR_FENCED, "partition");
	o.state = OWNER_RUNNING;
}

static void rows_committed_after_a_revocation_are_published_by_the_next_owner(void **state)
{
	(void)state;
	begin_both();
	emit(1, "a");
	advance(1, 0, 1);
	o.generation++; /* revoked while a statement waited */
	done(owner_tx_commit(tx, &db.err));
	assert_string_equal(stored(1), "a");
	assert_int_equal(publisher_total(o.publisher), 0);
	assert_int_equal(owner_progress(&o, at(1))->seq, 0);
}

static void a_rolled_back_transaction_may_begin_again(void **state)
{
	(void)state;
	begin_both();
	write_effect();
	emit(1, "a");
	advance(1, 0, 9);
	owner_tx_rollback(tx);
	assert_false(pg_in_transaction(o.pg));
	assert_nothing_is_stored();
	done(owner_tx_begin(tx, &db.err));
	emit(1, "b");
	advance(1, 0, 1);
	done(owner_tx_commit(tx, &db.err));
	assert_int_equal(db_i64("SELECT count(*) FROM effects"), 0);
	assert_string_equal(stored(1), "b");
	assert_text(
		"SELECT concat_ws(' ', seq, next_offset, applied, skipped) FROM consumer_progress WHERE partition = 1",
		"1 1 1 0");
}

static void records_emitted_since_a_mark_are_undone(void **state)
{
	(void)state;
	include_both();
	emit(1, "a");
	owner_tx_mark(tx);
	emit(1, "b");
	emit(2, "c");
	owner_tx_undo(tx);
	assert_string_equal(emitted(1), "a");
	assert_string_equal(emitted(2), "");
	assert_int_equal(owner_tx_partition(tx, at(2))->out.n, 0);
	emit(1, "d");
	owner_tx_mark(tx);
	emit(1, "e");
	owner_tx_undo(tx);
	assert_string_equal(emitted(1), "a,d");
	owner_tx_reset(tx);
	include_both();
	assert_string_equal(emitted(1), "");
}

static void a_stamp_counts_the_records_of_its_partition(void **state)
{
	struct event_source s;

	(void)state;
	slots[0].progress.epoch = 7;
	slots[0].progress.seq = 8;
	include_both();
	emit(1, "a");
	emit(2, "b");
	owner_tx_mark(tx);
	emit(1, "c");
	s = owner_tx_source(tx, at(1));
	assert_true(str_is(s.producer, "chat-sync"));
	assert_int_equal(s.slot, 1);
	assert_int_equal(s.epoch, 7);
	assert_int_equal(s.seq, 9);
	assert_int_equal(s.index, 2);
	owner_tx_undo(tx);
	assert_int_equal(owner_tx_source(tx, at(1)).index, 1);
	assert_int_equal(owner_tx_source(tx, at(2)).index, 1);
}

static void a_transaction_is_empty_until_it_emits_or_advances(void **state)
{
	(void)state;
	begin_both();
	assert_true(owner_tx_is_empty(tx));
	emit(1, "a");
	assert_false(owner_tx_is_empty(tx));
	owner_tx_reset(tx);
	begin_both();
	advance(1, 0, 1);
	assert_false(owner_tx_is_empty(tx));
	owner_tx_reset(tx);
	execute(db.admin, "INSERT INTO outbox (producer, slot, epoch, seq, records) VALUES ('chat-sync', 1, 0, 1, '')");
	done(owner_adopt(&o, &db.err));
	publisher_poll(o.publisher, 0); /* nothing in it: acknowledged */
	begin_both();
	assert_false(owner_tx_is_empty(tx));
	owner_tx_reset(tx);
	assert_int_equal(db_i64("SELECT count(*) FROM outbox"), 1);
}

/* The server ends the session while it commits: only taking the partitions over again tells what became of it. */
static void a_commit_without_an_answer_is_in_doubt(void **state)
{
	(void)state;
	execute(db.admin,
		"CREATE CONSTRAINT TRIGGER doom AFTER INSERT ON effects DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION end_session()");
	begin_both();
	write_effect();
	emit(1, "a");
	advance(1, 0, 1);
	assert_failed(owner_tx_commit(tx, &db.err), db.err, ERR_RETRY, "unknown");
	owner_tx_reset(tx);
	execute(db.admin, "DROP TRIGGER doom ON effects");
	assert_int_equal(publisher_total(o.publisher), 0);
	assert_int_equal(owner_progress(&o, at(1))->next_offset, PROGRESS_NO_OFFSET);
	done(pg_reconnect(o.pg, &db.err));
	partitions_acquire();
	assert_nothing_is_stored();
	begin_both();
	advance(1, 0, 1);
	done(owner_tx_commit(tx, &db.err));
	assert_int_equal(db_i64("SELECT next_offset FROM consumer_progress WHERE partition = 1"), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(changes_progress_and_records_are_one_commit),
		T(an_offset_advances_without_any_record),
		T(after_a_lost_fence_nothing_is_written),
		T(partitions_that_are_not_owned_take_no_part),
		T(rows_committed_after_a_revocation_are_published_by_the_next_owner),
		T(a_rolled_back_transaction_may_begin_again),
		T(records_emitted_since_a_mark_are_undone),
		T(a_stamp_counts_the_records_of_its_partition),
		T(a_transaction_is_empty_until_it_emits_or_advances),
		T(a_commit_without_an_answer_is_in_doubt),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
