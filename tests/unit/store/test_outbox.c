/* What was decided is read in order, until it is deleted. */
#include "unit.h"

#include "db.h"
#include "store/outbox.h"

/* The rows read, as "slot/epoch/seq=records ". */
static int gather(void *ctx, const struct outbox_row *row, struct err *err)
{
	struct buf *out = ctx;

	(void)err;
	buf_printf(out, "%.*s%d/%lld/%lld=%.*s ", STR_ARG(row->slot.topic), row->slot.number, (long long)row->epoch,
		(long long)row->seq, STR_ARG(row->records));
	return 0;
}

static const char *slots_read(struct buf *out, const struct outbox_slot *slots, size_t n,
	const struct outbox_row *after, int limit)
{
	buf_clear(out);
	done(store_outbox_read(db.pg, "chat-sync", slots, n, after, limit, gather, out, &db.err));
	buf_add_char(out, '\0');
	return out->p;
}

static const struct outbox_row rows[] = {
	{ { { "", 0 }, 1 }, 9, 2, { "d", 1 }, 0 },
	{ { { "", 0 }, 0 }, 5, 10, { "a", 1 }, 0 },
	{ { { "", 0 }, 1 }, 9, 1, { "c", 1 }, 0 },
	{ { { "", 0 }, 1 }, 8, 7, { "b", 1 }, 0 },
	{ { { "", 0 }, 2 }, 1, 1, { "with\0nul", 8 }, 0 },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static int put_all(void **state)
{
	db_empty(state);
	done(store_outbox_put(db.pg, "chat-sync", rows, ROWS, &db.err));
	execute(db.admin,
		"INSERT INTO outbox (producer, slot, epoch, seq, records) VALUES ('somebody else', 1, 9, 2, 'd')");
	return 0;
}

static void rows_come_in_order_of_slot_epoch_and_seq(void **state)
{
	static const struct outbox_slot both[] = { { { "", 0 }, 1 }, { { "", 0 }, 0 } }, one[] = { { { "", 0 }, 1 } };
	struct buf out = BUF_INIT;

	(void)state;
	assert_string_equal(slots_read(&out, both, 2, NULL, 100), "0/5/10=a 1/8/7=b 1/9/1=c 1/9/2=d ");
	assert_string_equal(slots_read(&out, one, 1, NULL, 100), "1/8/7=b 1/9/1=c 1/9/2=d ");
	buf_fini(&out);
}

static int age_keep(void *ctx, const struct outbox_row *row, struct err *err)
{
	int64_t *age_ms = ctx;

	(void)err;
	*age_ms = row->age_ms;
	return 0;
}

static void a_row_is_as_old_as_its_commit(void **state)
{
	static const struct outbox_slot slot[] = { { { "", 0 }, 0 } };
	int64_t age_ms = -1;

	(void)state;
	done(store_outbox_read(db.pg, "chat-sync", slot, 1, NULL, 1, age_keep, &age_ms, &db.err));
	assert_in_range(age_ms, 0, 59999);
	execute(db.admin, "UPDATE outbox SET created_at = created_at - interval '90 s'");
	done(store_outbox_read(db.pg, "chat-sync", slot, 1, NULL, 1, age_keep, &age_ms, &db.err));
	assert_in_range(age_ms, 90000, 149999);
}

static void reading_resumes_where_it_stopped(void **state)
{
	static const struct outbox_slot slots[] = { { { "", 0 }, 0 }, { { "", 0 }, 1 } };
	struct buf out = BUF_INIT;

	(void)state;
	assert_string_equal(slots_read(&out, slots, 2, NULL, 2), "0/5/10=a 1/8/7=b ");
	assert_string_equal(slots_read(&out, slots, 2, &(struct outbox_row){ { { "", 0 }, 1 }, 8, 7, STR_NONE, 0 }, 2),
		"1/9/1=c 1/9/2=d ");
	assert_string_equal(slots_read(&out, slots, 2, &(struct outbox_row){ { { "", 0 }, 1 }, 9, 2, STR_NONE, 0 }, 2),
		"");
	buf_fini(&out);
}

/* Of a slot of the same number in another topic they are another's; what has no topic stands between the rows of its slot. */
static void slots_of_several_topics_are_separate(void **state)
{
	const struct outbox_row more[] = { { { STR("live"), 1 }, 9, 1, STR("x"), 0 },
		{ { STR("other"), 1 }, 8, 6, STR("y"), 0 }, { { STR("live"), 1 }, 8, 8, STR("z"), 0 } };
	const struct outbox_slot first[] = { { STR("live"), 1 }, { STR(""), 1 } }, second[] = { { STR("other"), 1 } };
	struct buf out = BUF_INIT;

	(void)state;
	done(store_outbox_put(db.pg, "chat-sync", more, 3, &db.err));
	assert_string_equal(slots_read(&out, first, 2, NULL, 100), "1/8/7=b live1/8/8=z 1/9/1=c live1/9/1=x 1/9/2=d ");
	assert_string_equal(slots_read(&out, first, 2, &(struct outbox_row){ { STR(""), 1 }, 9, 1, STR_NONE, 0 }, 1),
		"live1/9/1=x ");
	assert_string_equal(slots_read(&out, second, 1, NULL, 100), "other1/8/6=y ");
	done(store_outbox_delete(db.pg, "chat-sync", more, 2, &db.err));
	assert_string_equal(slots_read(&out, first, 2, NULL, 100), "1/8/7=b live1/8/8=z 1/9/1=c 1/9/2=d ");
	assert_string_equal(slots_read(&out, second, 1, NULL, 100), "");
	buf_fini(&out);
}

static void records_may_hold_any_bytes(void **state)
{
	(void)state;
	assert_int_equal(db_i64("SELECT count(*) FROM outbox WHERE records = '\\x77697468006e756c'"), 1);
}

static void only_the_named_rows_are_deleted(void **state)
{
	static const struct outbox_slot slots[] = { { { "", 0 }, 0 }, { { "", 0 }, 1 } };
	const struct outbox_row gone[] = { { { { "", 0 }, 1 }, 9, 1, STR_NONE, 0 },
		{ { { "", 0 }, 0 }, 5, 10, STR_NONE, 0 }, { { { "", 0 }, 7 }, 7, 7, STR_NONE, 0 } };
	struct buf out = BUF_INIT;

	(void)state;
	done(store_outbox_delete(db.pg, "chat-sync", gone, 3, &db.err));
	assert_string_equal(slots_read(&out, slots, 2, NULL, 100), "1/8/7=b 1/9/2=d ");
	assert_int_equal(db_i64("SELECT count(*) FROM outbox WHERE producer = 'somebody else'"), 1);
	buf_fini(&out);
}

static int refuse(void *ctx, const struct outbox_row *row, struct err *err)
{
	++*(int *)ctx;
	(void)row;
	return err_set(err, ERR_BUSY, "full", "enough");
}

static void a_reader_that_fails_ends_the_reading(void **state)
{
	static const struct outbox_slot slots[] = { { { "", 0 }, 1 } };
	int calls = 0;

	(void)state;
	assert_failed(store_outbox_read(db.pg, "chat-sync", slots, 1, NULL, 100, refuse, &calls, &db.err), db.err,
		ERR_BUSY, "full");
	assert_int_equal(calls, 1);
}

static void the_same_row_twice_is_a_conflict(void **state)
{
	(void)state;
	assert_done(store_outbox_put(db.pg, "chat-sync", rows, 1, &db.err), db.err);
	assert_failed(pg_collect(db.pg, NULL, &db.err), db.err, ERR_CONFLICT, "23505");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(rows_come_in_order_of_slot_epoch_and_seq, put_all),
		cmocka_unit_test_setup(a_row_is_as_old_as_its_commit, put_all),
		cmocka_unit_test_setup(reading_resumes_where_it_stopped, put_all),
		cmocka_unit_test_setup(slots_of_several_topics_are_separate, put_all),
		cmocka_unit_test_setup(records_may_hold_any_bytes, put_all),
		cmocka_unit_test_setup(only_the_named_rows_are_deleted, put_all),
		cmocka_unit_test_setup(a_reader_that_fails_ends_the_reading, put_all),
		cmocka_unit_test_setup(the_same_row_twice_is_a_conflict, put_all),
	};

	return cmocka_run_group_tests(tests, db_start, db_stop);
}
