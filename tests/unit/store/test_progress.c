/* Progress moves only under its owner, and taking it over waits for the owner before. */
#include "unit.h"

#include "db.h"
#include "store/progress.h"

#define TOPIC "blazz.inbound.v1"

static int take(struct pg *pg, struct progress *rows, size_t n)
{
	return store_progress_claim(pg, "chat-sync", "cluster", false, rows, n, &db.err);
}

static int lock(struct pg *pg, const struct progress *rows, size_t n, size_t *lost)
{
	return store_progress_lock(pg, "chat-sync", rows, n, lost, &db.err);
}

static struct progress_step step(int32_t partition, int64_t seq, int64_t first, int64_t next)
{
	return (struct progress_step){ TOPIC, partition, seq, next, first, { [OUTCOME_APPLIED] = next - first } };
}

static int advance(struct pg *pg, const struct progress_step *steps, size_t n)
{
	return store_progress_advance(pg, "chat-sync", steps, n, &db.err) < 0 ? -1 : pg_collect(pg, NULL, &db.err);
}

static void a_partition_that_was_never_read_starts_without_offset(void **state)
{
	struct progress rows[] = { { .topic = TOPIC, .partition = 3 }, { .topic = TOPIC, .partition = 1 } };

	(void)state;
	done(take(db.pg, rows, 2));
	assert_int_equal(rows[0].next_offset, PROGRESS_NO_OFFSET);
	assert_int_equal(rows[0].seq, 0);
	assert_true(rows[0].epoch > INT64_C(1700000000000000)); /* microseconds */
	assert_int_equal(rows[1].partition, 1);
	assert_int_equal(db_i64("SELECT count(*) FROM consumer_progress"), 2);
}

static void acquiring_raises_the_epoch_and_keeps_the_offset(void **state)
{
	struct progress before = { .topic = TOPIC, .partition = 1 }, after = { .topic = TOPIC, .partition = 1 };
	struct progress_step s = step(1, 1, 40, 45);

	(void)state;
	done(take(db.pg, &before, 1));
	done(advance(db.pg, &s, 1));
	done(take(db.pg, &after, 1));
	assert_true(after.epoch > before.epoch);
	assert_int_equal(after.next_offset, 45);
	assert_int_equal(after.seq, 1);
}

static void an_epoch_of_the_future_is_still_raised(void **state)
{
	struct progress p = { .topic = TOPIC, .partition = 1 };

	(void)state;
	done(take(db.pg, &p, 1));
	execute(db.admin, "UPDATE consumer_progress SET epoch = 9000000000000000000");
	done(take(db.pg, &p, 1));
	assert_int_equal(p.epoch, INT64_C(9000000000000000001));
}

static void counting_begins_at_the_first_offset_and_adds_up(void **state)
{
	struct progress p = { .topic = TOPIC, .partition = 1 };
	struct progress_step first = step(1, 1, 40, 45), second = step(1, 2, 45, 50),
			     none = { TOPIC, 1, 3, PROGRESS_NO_OFFSET, 99, { 0 } };

	(void)state;
	second.counts[OUTCOME_APPLIED] = 1;
	second.counts[OUTCOME_NO_EFFECT] = second.counts[OUTCOME_FILTERED] = second.counts[OUTCOME_PARKED] = 1;
	second.counts[OUTCOME_DEAD_LETTERED] = 1;
	done(take(db.pg, &p, 1));
	done(advance(db.pg, &first, 1));
	done(advance(db.pg, &second, 1));
	done(advance(db.pg, &none, 1)); /* a sweep moves seq only */
	assert_text(
		"SELECT concat_ws(' ', seq, start_offset, next_offset, applied, no_effect, filtered, parked, dead_lettered, skipped)"
		" FROM consumer_progress",
		"3 40 50 6 1 1 1 1 0");
}

static void the_owner_locks_what_it_last_wrote(void **state)
{
	struct progress rows[] = { { .topic = TOPIC, .partition = 2 }, { .topic = TOPIC, .partition = 1 } };

	(void)state;
	done(take(db.pg, rows, 2));
	done(pg_begin(db.pg, &db.err));
	done(lock(db.pg, rows, 2, NULL));
	done(pg_commit(db.pg, &db.err));
}

static void a_previous_owner_is_fenced(void **state)
{
	static const struct {
		const char *change;
	} cases[] = {
		{ "UPDATE consumer_progress SET epoch = epoch + 1 WHERE partition = 2" },
		{ "UPDATE consumer_progress SET next_offset = 7 WHERE partition = 2" },
		{ "DELETE FROM consumer_progress WHERE partition = 2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct progress rows[] = { { .topic = TOPIC, .partition = 1 }, { .topic = TOPIC, .partition = 2 } };
		size_t lost = 0;

		done(take(db.pg, rows, 2));
		execute(db.admin, cases[i].change);
		assert_failed(lock(db.pg, rows, 2, &lost), db.err, ERR_FENCED, "fenced");
		assert_int_equal(lost, 1);
	}
}

static int take_other(struct pg *pg, void *ctx, struct err *err)
{
	(void)err;
	pg_rollback(pg); /* it brings its own transaction */
	if (take(pg, ctx, 1) < 0)
		return -1;
	return pg_begin(pg, err);
}

static void acquiring_waits_for_the_open_transaction_of_the_previous_owner(void **state)
{
	struct progress mine = { .topic = TOPIC, .partition = 1 }, theirs = { .topic = TOPIC, .partition = 1 };
	struct progress_step s = step(1, 1, 0, 10);
	struct other other = { .act = take_other, .ctx = &theirs };

	(void)state;
	done(take(db.pg, &mine, 1));
	done(pg_begin(db.pg, &db.err));
	done(lock(db.pg, &mine, 1, NULL));
	other_start(&other);
	done(advance(db.pg, &s, 1));
	done(pg_commit(db.pg, &db.err));
	other_end(&other);
	assert_int_equal(theirs.next_offset, 10); /* what the owner before committed last */
	assert_true(theirs.epoch > mine.epoch);
	mine.next_offset = 10;
	assert_failed(lock(db.pg, &mine, 1, NULL), db.err, ERR_FENCED, "fenced");
}

static void another_cluster_is_refused_and_no_partition_acquired(void **state)
{
	struct progress p = { .topic = TOPIC, .partition = 1 }, kept = { .topic = TOPIC, .partition = 1, .epoch = 5 };

	(void)state;
	done(take(db.pg, &p, 1));
	assert_failed(store_progress_claim(db.pg, "chat-sync", "other", false, &kept, 1, &db.err), db.err, ERR_FATAL,
		"cluster_id");
	assert_int_equal(kept.epoch, 5);
	assert_false(pg_in_transaction(db.pg));
	assert_int_equal(db_i64("SELECT epoch FROM consumer_progress"), p.epoch);
}

static void another_cluster_starts_anew_on_request(void **state)
{
	struct progress p = { .topic = TOPIC, .partition = 1 }, same = { .topic = TOPIC, .partition = 2 };
	struct progress_step steps[] = { step(1, 1, 5, 9), step(2, 1, 5, 9) };

	(void)state;
	done(take(db.pg, &p, 1));
	done(store_progress_claim(db.pg, "chat-sync", "other", true, &same, 1, &db.err));
	done(advance(db.pg, steps, 2));
	done(store_progress_claim(db.pg, "chat-sync", "other", true, &p, 1, &db.err));
	assert_int_equal(p.next_offset, PROGRESS_NO_OFFSET);
	assert_text(
		"SELECT string_agg(concat_ws(' ', partition, cluster_id, start_offset, applied), ', ' ORDER BY partition)"
		" FROM consumer_progress",
		"1 other 0, 2 other 5 4");
}

static void the_list_shows_every_row_in_order(void **state)
{
	struct progress rows[] = { { .topic = TOPIC, .partition = 2 }, { .topic = TOPIC, .partition = 1 } };
	struct progress_step s = step(1, 1, 3, 8);
	struct progress_info *list = NULL;
	struct pg *ops = db_session("blazz_ops");
	size_t n = 0;

	(void)state;
	done(take(db.pg, rows, 2));
	done(advance(db.pg, &s, 1));
	done(store_progress_list(ops, NULL, &list, &n, &db.err));
	assert_int_equal(n, 2);
	assert_string_equal(list[0].consumer, "chat-sync");
	assert_string_equal(list[0].topic, TOPIC);
	assert_string_equal(list[0].cluster_id, "cluster");
	assert_int_equal(list[0].partition, 1);
	assert_int_equal(list[0].start_offset, 3);
	assert_int_equal(list[0].next_offset, 8);
	assert_int_equal(list[0].counts[OUTCOME_APPLIED], 5);
	assert_int_equal(list[1].next_offset, PROGRESS_NO_OFFSET);
	free(list);
	done(store_progress_list(ops, "nobody", &list, &n, &db.err));
	assert_int_equal(n, 0);
	free(list);
	pg_close(&ops);
}

static void a_reset_moves_the_offset_and_fences_the_owner(void **state)
{
	struct progress p = { .topic = TOPIC, .partition = 1 };
	struct progress_step s = step(1, 1, 3, 8);
	struct pg *ops = db_session("blazz_ops");

	(void)state;
	done(take(db.pg, &p, 1));
	done(advance(db.pg, &s, 1));
	p.next_offset = 8;
	done(store_progress_reset(ops, "chat-sync", TOPIC, 1, 8, &db.err)); /* even to where it is */
	assert_failed(lock(db.pg, &p, 1, NULL), db.err, ERR_FENCED, "fenced");
	done(store_progress_reset(ops, "chat-sync", TOPIC, 1, PROGRESS_NO_OFFSET, &db.err));
	assert_text("SELECT concat_ws(' ', applied, coalesce(start_offset, next_offset, -1)) FROM consumer_progress",
		"0 -1");
	assert_failed(store_progress_reset(ops, "chat-sync", TOPIC, 9, 0, &db.err), db.err, ERR_INPUT, "unknown");
	pg_close(&ops);
}

static void an_empty_list_of_partitions_is_accepted(void **state)
{
	(void)state;
	done(take(db.pg, NULL, 0));
	done(lock(db.pg, NULL, 0, NULL));
	done(advance(db.pg, NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_partition_that_was_never_read_starts_without_offset, db_empty),
		cmocka_unit_test_setup(acquiring_raises_the_epoch_and_keeps_the_offset, db_empty),
		cmocka_unit_test_setup(an_epoch_of_the_future_is_still_raised, db_empty),
		cmocka_unit_test_setup(counting_begins_at_the_first_offset_and_adds_up, db_empty),
		cmocka_unit_test_setup(the_owner_locks_what_it_last_wrote, db_empty),
		cmocka_unit_test_setup(a_previous_owner_is_fenced, db_empty),
		cmocka_unit_test_setup(acquiring_waits_for_the_open_transaction_of_the_previous_owner, db_empty),
		cmocka_unit_test_setup(another_cluster_is_refused_and_no_partition_acquired, db_empty),
		cmocka_unit_test_setup(another_cluster_starts_anew_on_request, db_empty),
		cmocka_unit_test_setup(the_list_shows_every_row_in_order, db_empty),
		cmocka_unit_test_setup(a_reset_moves_the_offset_and_fences_the_owner, db_empty),
		cmocka_unit_test_setup(an_empty_list_of_partitions_is_accepted, db_empty),
	};

	return cmocka_run_group_tests(tests, db_start, db_stop);
}
