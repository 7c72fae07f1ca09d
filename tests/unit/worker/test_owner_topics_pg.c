/* libs/worker/owner with several topics against PostgreSQL: what has a fence of its own is apart from all others, in one owner or in two of
 * one process; what follows shares fence and outbox slot. Kafka is never there: what is published waits. */
#include "unit.h"

#include "../store/db.h"
#include "base/log.h"
#include "worker/owner_private.h"

#define PLACES 3

static const struct topic_partition live = { 0, 1 }, bulk = { 1, 1 }, other = { 2, 1 };
static struct kafka_config *kafka;
static struct owner o;
static struct owner_tx *tx;

static int start(void **state)
{
	const struct owner_options options = { .consumer = "chat-sync",
		.topics = { { .name = "t.live", .dlq = "t.live.dlq" },
			{ .name = "t.bulk", .dlq = "t.bulk.dlq", .follows = "t.live" },
			{ .name = "t.other", .dlq = "t.other.dlq" } } };

	log_set_level(LOG_ERROR);
	if (db_start(state) < 0)
		return -1;
	kafka = kafka_config_new();
	done(kafka_config_set(kafka, "bootstrap.servers", "127.0.0.1:1", &db.err));
	owner_topics_set(&o, &options);
	o.pg = db.pg;
	o.state = OWNER_RUNNING;
	o.slots = mem_calloc(PLACES, sizeof(*o.slots));
	o.n_slots = PLACES;
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
	free(o.slots);
	return db_stop(state);
}

/* Takes partition 1 of each topic over. Fences of several topics may have the same epoch: here they do. */
static int setup(void **state)
{
	struct progress rows[PLACES] = { { .topic = "t.live", .partition = 1 }, { .topic = "t.bulk", .partition = 1 },
		{ .topic = "t.other", .partition = 1 } };

	owner_tx_reset(tx);
	db_empty(state);
	publisher_discard_all(o.publisher);
	done(store_progress_claim(o.pg, "chat-sync", "cluster", false, rows, PLACES, &db.err));
	execute(db.admin, "UPDATE consumer_progress SET epoch = 7");
	for (int32_t i = 0; i < PLACES; i++) {
		o.slots[i] = (struct slot_state){ .partition = { i, 1 }, .progress = rows[i] };
		o.slots[i].progress.epoch = 7;
	}
	return 0;
}

static void begin(struct topic_partition a, struct topic_partition b)
{
	owner_tx_reset(tx);
	done(owner_tx_include(tx, a, &db.err));
	done(owner_tx_include(tx, b, &db.err));
	done(owner_tx_begin(tx, &db.err));
}

static void emit(struct topic_partition partition, const char *value)
{
	owner_tx_emit(tx, partition, STR("t.out"), STR("k"), str_of(value), NULL, 0);
}

static void advance(struct topic_partition partition, int64_t next)
{
	owner_tx_advance(tx, partition, 0, next, (const int64_t[OUTCOMES]){ [OUTCOME_APPLIED] = next });
}

#define OUTBOX "SELECT string_agg(concat_ws('/', topic, slot, epoch, seq), ' ' ORDER BY topic, seq) FROM outbox"

static void two_topics_with_fences_of_their_own_share_no_row(void **state)
{
	struct outbox_row acknowledged[4];
	struct buf nothing = BUF_INIT;

	(void)state;
	begin(live, other);
	emit(live, "a");
	emit(other, "b");
	advance(other, 5);
	done(owner_tx_commit(tx, &db.err));
	assert_text(OUTBOX, "t.live/1/7/1 t.other/1/7/1");
	assert_int_equal(owner_progress(&o, live)->next_offset, PROGRESS_NO_OFFSET);
	assert_int_equal(owner_progress(&o, other)->next_offset, 5);
	assert_int_equal(publisher_rows(o.publisher, live.topic), 1);
	assert_int_equal(publisher_rows(o.publisher, other.topic), 1);

	publisher_discard_all(o.publisher); /* the next owner of both */
	done(owner_adopt(&o, &db.err));
	assert_int_equal(publisher_rows(o.publisher, live.topic), 1);
	assert_int_equal(publisher_rows(o.publisher, other.topic), 1);

	publisher_discard_all(o.publisher);
	publisher_add(o.publisher, other, STR("t.other"), 7, 1, 0, &nothing); /* acknowledged at once */
	publisher_poll(o.publisher, 0);
	assert_int_equal(publisher_acknowledged(o.publisher, acknowledged, 4), 1);
	begin(other, other);
	advance(other, 6);
	done(owner_tx_commit(tx, &db.err));
	assert_text(OUTBOX, "t.live/1/7/1");
}

/* As two owners of one process, each with the partition of its own topic. */
static void an_owner_does_not_change_rows_of_another(void **state)
{
	struct owner another = o;
	struct slot_state slot = o.slots[2];

	(void)state;
	another.slots = &slot;
	another.n_slots = 1;
	done(publisher_open(&another.publisher, kafka, "test", 4 << 20, &db.err));
	begin(live, other);
	emit(live, "a");
	done(owner_tx_commit(tx, &db.err));
	done(owner_adopt(&another, &db.err));
	assert_int_equal(publisher_total(another.publisher), 0);
	execute(db.admin, "UPDATE outbox SET topic = 't.other'");
	done(owner_adopt(&another, &db.err));
	assert_int_equal(publisher_total(another.publisher), 1);
	publisher_close(&another.publisher, 0);
}

static void a_partition_that_follows_writes_into_the_slot_of_the_other(void **state)
{
	struct event_source s;

	(void)state;
	begin(bulk, bulk);
	emit(bulk, "a");
	emit(live, "b");
	s = owner_tx_source(tx, bulk);
	assert_true(str_is(s.topic, "t.live"));
	assert_int_equal(s.slot, 1);
	assert_int_equal(s.seq, 1);
	assert_int_equal(s.index, 2);
	advance(bulk, 3);
	done(owner_tx_commit(tx, &db.err));
	assert_text(OUTBOX, "t.live/1/7/1");
	assert_text(
		"SELECT string_agg(concat_ws(' ', topic, seq, coalesce(next_offset, -1), applied), ', ' ORDER BY topic) FROM consumer_progress",
		"t.bulk 1 3 3, t.live 1 -1 0, t.other 0 -1 0");
	assert_int_equal(owner_progress(&o, bulk)->next_offset, 3);
	assert_int_equal(owner_progress(&o, live)->seq, 1);
	begin(bulk, live);
	advance(bulk, 1);
	advance(live, 1);
	done(owner_tx_commit(tx, &db.err));
	assert_int_equal(owner_progress(&o, live)->seq, 2);
}

static void a_following_partition_is_fenced_by_the_one_it_follows(void **state)
{
	(void)state;
	execute(db.admin, "UPDATE consumer_progress SET epoch = 8 WHERE topic = 't.live'");
	done(owner_tx_include(tx, bulk, &db.err));
	assert_failed(owner_tx_begin(tx, &db.err), db.err, ERR_FENCED, "fenced");
}

/* blazzctl progress reset: no other owner has it, so there is nothing to wait for. */
static void a_reset_of_a_following_partition_loses_no_fence(void **state)
{
	(void)state;
	done(store_progress_reset(db.admin, "chat-sync", "t.bulk", 1, 4, &db.err));
	begin(live, other);
	advance(live, 1);
	done(owner_tx_commit(tx, &db.err)); /* what does not take the bulk in goes on */
	owner_tx_reset(tx);
	done(owner_tx_include(tx, bulk, &db.err));
	assert_failed(owner_tx_begin(tx, &db.err), db.err, ERR_RETRY, "reset");
	owner_tx_reset(tx);
}

static void only_partitions_with_a_fence_are_swept(void **state)
{
	struct arena *a = arena_new(4096);
	struct topic_partition *partitions;
	size_t n;

	(void)state;
	partitions = owner_partitions(&o, a, &n);
	assert_int_equal(n, 2);
	assert_true(topic_partition_eq(partitions[0], live));
	assert_true(topic_partition_eq(partitions[1], other));
	arena_free(a);
}

static void a_dead_letter_goes_to_the_topic_of_its_source(void **state)
{
	struct kafka_message m = { .topic = 1, .partition = 1, .offset = 9, .value = STR("v") };
	struct record_view v;
	size_t at = 0;

	(void)state;
	begin(bulk, bulk);
	owner_tx_dead_message(tx, &m, DEAD_DECODE, "", "not a record", false);
	assert_int_equal(records_next(buf_str(&owner_tx_partition(tx, live)->out.records), &at, &v, &db.err), 1);
	assert_true(str_is(v.topic, "t.bulk.dlq"));
	assert_true(str_is(header_find(v.headers, v.n_headers, "__dlq.errors.topic"), "t.bulk"));
	assert_true(str_is(header_find(v.headers, v.n_headers, "__dlq.errors.offset"), "9"));
}

/* A replica of the release before, which knew one topic, with the statements of that release. */

#define BEFORE_READ \
	"SELECT string_agg(concat_ws('/', slot, epoch, seq), ' ' ORDER BY slot, epoch, seq) FROM outbox" \
	" WHERE producer = 'chat-sync' AND slot = ANY ('{1}'::integer[])"

static void this_release_and_the_one_before_topics_adopt_each_others_rows(void **state)
{
	(void)state;
	o.slots[0].progress.seq = 1;
	execute(db.admin, "UPDATE consumer_progress SET seq = 1 WHERE topic = 't.live'");
	execute(db.admin,
		"INSERT INTO outbox (producer, slot, epoch, seq, records) SELECT 'chat-sync', r.* FROM unnest("
		"'{1,1,2}'::integer[], '{6,7,7}'::bigint[], '{1,1,1}'::bigint[], '{\"\",\"\",\"\"}'::bytea[]) AS r");
	done(owner_adopt(&o, &db.err));
	assert_int_equal(publisher_rows(o.publisher, live.topic), 2); /* slot 2 is not ours */
	assert_int_equal(publisher_total(o.publisher), 2);
	publisher_poll(o.publisher, 0); /* nothing in them: acknowledged */
	begin(live, live);
	emit(live, "a");
	done(owner_tx_commit(tx, &db.err)); /* deletes them */
	assert_text(OUTBOX, "/2/7/1 t.live/1/7/2");

	assert_text(BEFORE_READ, "1/7/2"); /* back again: it publishes and deletes ours */
	execute(db.admin,
		"DELETE FROM outbox AS o USING unnest('{1}'::integer[], '{7}'::bigint[], '{2}'::bigint[]) AS r (slot, epoch, seq)"
		" WHERE o.producer = 'chat-sync' AND o.slot = r.slot AND o.epoch = r.epoch AND o.seq = r.seq");
	assert_text(OUTBOX, "/2/7/1");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(two_topics_with_fences_of_their_own_share_no_row),
		T(an_owner_does_not_change_rows_of_another),
		T(a_partition_that_follows_writes_into_the_slot_of_the_other),
		T(a_following_partition_is_fenced_by_the_one_it_follows),
		T(a_reset_of_a_following_partition_loses_no_fence),
		T(only_partitions_with_a_fence_are_swept),
		T(a_dead_letter_goes_to_the_topic_of_its_source),
		T(this_release_and_the_one_before_topics_adopt_each_others_rows),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
