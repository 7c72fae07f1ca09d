/* A group exists once per workspace and jid. */
#include "unit.h"

#include "db.h"
#include "store/groups.h"

static struct group_row group(int64_t workspace_id, const char *jid, struct str name)
{
	return (struct group_row){
		.workspace_id = workspace_id, .jid = str_of(jid), .name = name, .name_at_us = PG_NO_TIME
	};
}

static void a_group_is_created_once_and_then_found(void **state)
{
	struct group_row a = group(1, "1@g.us", STR_NONE), b = group(1, "2@g.us", STR("Two")),
			 again = group(1, "2@g.us", STR("Other"));
	struct group_row *rows[] = { &a, &b };
	bool lock[] = { false, true }, created[2] = { false, false };

	(void)state;
	done(store_groups_upsert(db.pg, rows, lock, created, 2, db.arena, &db.err));
	assert_true(created[0] && created[1]);
	assert_str(a.name, "1@g.us");
	assert_str(b.name, "Two");
	assert_true(a.id > 0 && b.id > 0 && a.id != b.id);
	assert_false(uuid_is_nil(&a.uuid));
	assert_str(a.participants, "[]");
	assert_str(a.settings, "{}");
	done(store_groups_upsert(db.pg, (struct group_row *[]){ &again }, lock, created, 1, db.arena, &db.err));
	assert_false(created[0]);
	assert_int_equal(again.id, b.id);
	assert_str(again.name, "Two");
}

static void two_workspaces_may_sit_in_one_group(void **state)
{
	struct group_row a = group(1, "1@g.us", STR_NONE), b = group(2, "1@g.us", STR_NONE);
	bool lock[] = { true, true }, created[2];

	(void)state;
	done(store_groups_upsert(db.pg, (struct group_row *[]){ &a, &b }, lock, created, 2, db.arena, &db.err));
	assert_true(created[0] && created[1]);
	assert_int_not_equal(a.id, b.id);
}

static int upsert_other(struct pg *pg, void *ctx, struct err *err)
{
	struct arena *a = arena_new(4096);
	struct group_row *row = ctx;
	bool lock = true, created = true;
	int rc = store_groups_upsert(pg, &row, &lock, &created, 1, a, err);

	row->jid = row->name = row->participants = STR_NONE;
	arena_free(a);
	return rc < 0 ? -1 : created ? err_set(err, ERR_INPUT, "created", "created twice") : 0;
}

static void a_group_that_another_transaction_creates_is_waited_for_and_found(void **state)
{
	struct group_row mine = group(1, "1@g.us", STR_NONE), theirs = group(1, "1@g.us", STR_NONE);
	struct group_row *row = &mine;
	struct other other = { .act = upsert_other, .ctx = &theirs };
	bool lock = false, created;

	(void)state;
	done(pg_begin(db.pg, &db.err));
	done(store_groups_upsert(db.pg, &row, &lock, &created, 1, db.arena, &db.err));
	other_start(&other);
	done(pg_commit(db.pg, &db.err));
	other_end(&other);
	assert_int_equal(theirs.id, mine.id);
}

static void a_locked_group_is_waited_for_and_then_read(void **state)
{
	struct group_row mine = group(1, "1@g.us", STR_NONE), theirs = group(1, "1@g.us", STR_NONE);
	struct group_row *row = &mine;
	struct other other = { .act = upsert_other, .ctx = &theirs };
	bool lock = true, created;

	(void)state;
	done(store_groups_upsert(db.pg, &row, &lock, &created, 1, db.arena, &db.err));
	done(pg_begin(db.pg, &db.err));
	done(store_groups_upsert(db.pg, &row, &lock, &created, 1, db.arena, &db.err));
	other_start(&other);
	mine.participants_count = 3;
	done(store_groups(db.pg, (const struct group_row *const[]){ row }, 1, &db.err));
	done(pg_commit(db.pg, &db.err));
	other_end(&other);
	assert_int_equal(theirs.participants_count, 3);
}

static void stored_values_are_read_back(void **state)
{
	struct group_row a = group(1, "1@g.us", STR_NONE), back = group(1, "1@g.us", STR_NONE);
	struct group_row *row = &a;
	bool lock = false, created;

	(void)state;
	done(store_groups_upsert(db.pg, &row, &lock, &created, 1, db.arena, &db.err));
	a.name = STR("Team");
	a.name_at_us = AT(1);
	a.description = STR("All of us");
	a.description_at_us = AT(2);
	a.owner_phone = STR("+62");
	a.participants = STR("[{\"phone\": \"+62\"}]");
	a.participant_log = STR("[[\"a\", 1, true, false]]");
	a.participants_count = 1;
	a.invite_code = STR("XYZ");
	a.invite_code_at_us = 1234;
	a.settings_times = STR("{\"approvalRequired\": 5678}");
	a.settings = STR("{\"announce\": true}");
	a.group_created_us = AT(3);
	a.snapshot_us = AT(4);
	a.deleted = true;
	done(store_groups(db.pg, (const struct group_row *const[]){ row }, 1, &db.err));
	row = &back;
	done(store_groups_upsert(db.pg, &row, &lock, &created, 1, db.arena, &db.err));
	assert_str(back.name, "Team");
	assert_int_equal(back.name_at_us, AT(1));
	assert_str(back.description, "All of us");
	assert_int_equal(back.description_at_us, AT(2));
	assert_str(back.owner_phone, "+62");
	assert_str(back.participants, "[{\"phone\": \"+62\"}]");
	assert_str(back.participant_log, "[[\"a\", 1, true, false]]");
	assert_int_equal(back.participants_count, 1);
	assert_str(back.invite_code, "XYZ");
	assert_int_equal(back.invite_code_at_us, 1234);
	assert_true(str_is(back.settings_times, "{\"approvalRequired\": 5678}"));
	assert_str(back.settings, "{\"announce\": true}");
	assert_int_equal(back.group_created_us, AT(3));
	assert_int_equal(back.snapshot_us, AT(4));
	assert_true(back.deleted);
	back.deleted = false;
	done(store_groups(db.pg, (const struct group_row *const[]){ row }, 1, &db.err));
	assert_int_equal(db_i64("SELECT count(*) FROM whatsapp_groups WHERE deleted_at IS NULL"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_group_is_created_once_and_then_found, db_empty),
		cmocka_unit_test_setup(two_workspaces_may_sit_in_one_group, db_empty),
		cmocka_unit_test_setup(a_group_that_another_transaction_creates_is_waited_for_and_found, db_empty),
		cmocka_unit_test_setup(a_locked_group_is_waited_for_and_then_read, db_empty),
		cmocka_unit_test_setup(stored_values_are_read_back, db_empty),
	};

	return cmocka_run_group_tests(tests, db_start, db_stop);
}
