/* A contact is who its aliases say; of two transactions that see somebody first, one creates. */
#include "unit.h"

#include "db.h"
#include "store/contacts.h"

struct found {
	struct contact_row rows[8];
	size_t n;
};

static void keep(void *ctx, const struct contact_row *row)
{
	struct found *f = ctx;

	f->rows[f->n++] = *row;
}

static struct alias_row phone(const char *digits, int64_t contact_id)
{
	return (struct alias_row){ 1, contact_id, ALIAS_PHONE, STR_NONE, str_of(digits) };
}

static struct contact_row contact(int64_t id)
{
	struct contact_row c = {
		.workspace_id = 1, .id = id, .phone = STR("+6281"), .match_key = STR("6281"), .source = PROVIDER_WEBJS
	};

	c.source_account_id = 1;
	uuid_v4(&c.uuid);
	return c;
}

/* A contact with one alias. */
static void make(int64_t id, const char *digits)
{
	struct contact_row c = contact(id);
	struct alias_row a = phone(digits, id);
	bool inserted;

	done(pg_begin(db.pg, &db.err));
	done(store_aliases_insert(db.pg, &a, 1, &inserted, &db.err));
	assert_true(inserted);
	done(store_contacts_insert(db.pg, (struct contact_row *const[]){ &c }, 1, &db.err));
	done(pg_commit(db.pg, &db.err));
}

static int64_t find(const char *digits)
{
	struct alias_row a = phone(digits, 0);
	struct found f = { .n = 0 };

	done(store_aliases_find(db.pg, &a, 1, db.arena, keep, &f, &db.err));
	return a.contact_id;
}

static void aliases_find_their_contact_and_each_is_returned_once(void **state)
{
	struct alias_row lid = { 1, 20, ALIAS_LID, STR_NONE, STR("9") }, wanted[5];
	struct found f = { .n = 0 };
	bool inserted;

	(void)state;
	make(10, "6210");
	make(20, "6220");
	done(store_aliases_insert(db.pg, &lid, 1, &inserted, &db.err));
	wanted[0] = phone("6220", 0);
	wanted[1] = phone("6299", 0);
	wanted[2] = phone("6210", 0);
	wanted[3] = (struct alias_row){ 1, 0, ALIAS_LID, STR_NONE, STR("9") };
	wanted[4] = phone("6210", 0);
	done(store_aliases_find(db.pg, wanted, 5, db.arena, keep, &f, &db.err));
	assert_int_equal(wanted[0].contact_id, 20);
	assert_int_equal(wanted[1].contact_id, 0);
	assert_int_equal(wanted[2].contact_id, 10);
	assert_int_equal(wanted[3].contact_id, 20);
	assert_int_equal(wanted[4].contact_id, 10);
	assert_int_equal(f.n, 2);
	assert_str(f.rows[0].phone, "+6281");
	assert_int_equal(f.rows[0].source, PROVIDER_WEBJS);
	assert_int_equal(f.rows[0].source_account_id, 1);
}

static void kind_scope_and_workspace_distinguish_aliases(void **state)
{
	struct alias_row wanted[] = {
		{ 1, 0, ALIAS_LID, STR_NONE, STR("6210") },
		{ 1, 0, ALIAS_PHONE, STR("b1"), STR("6210") },
		{ 2, 0, ALIAS_PHONE, STR_NONE, STR("6210") },
		{ 1, 0, ALIAS_PHONE, STR(""), STR("6210") },
	};
	struct found f = { .n = 0 };

	(void)state;
	make(10, "6210");
	done(store_aliases_find(db.pg, wanted, 4, db.arena, keep, &f, &db.err));
	assert_int_equal(wanted[0].contact_id, 0);
	assert_int_equal(wanted[1].contact_id, 0);
	assert_int_equal(wanted[2].contact_id, 0);
	assert_int_equal(wanted[3].contact_id, 10);
}

static void only_missing_aliases_are_inserted(void **state)
{
	struct alias_row rows[] = { phone("6230", 10), phone("6210", 10), phone("6220", 10), phone("6230", 10) };
	bool inserted[4];

	(void)state;
	make(10, "6210");
	done(store_aliases_insert(db.pg, rows, 4, inserted, &db.err));
	assert_false(inserted[1]);
	assert_true(inserted[2]);
	assert_true(inserted[0] != inserted[3]); /* the same one twice: once */
	assert_int_equal(find("6230"), 10);
}

static void an_alias_without_its_contact_cannot_be_committed(void **state)
{
	struct alias_row a = phone("6210", 77);
	bool inserted;

	(void)state;
	done(pg_begin(db.pg, &db.err));
	done(store_aliases_insert(db.pg, &a, 1, &inserted, &db.err));
	assert_failed(pg_commit(db.pg, &db.err), db.err, ERR_INPUT, "23503");
}

struct race {
	struct alias_row aliases[2];
	bool inserted[2];
};

static int insert_other(struct pg *pg, void *ctx, struct err *err)
{
	struct race *r = ctx;

	return store_aliases_insert(pg, r->aliases, 2, r->inserted, err);
}

static void of_two_transactions_that_see_the_same_people_first_one_wins(void **state)
{
	/* In opposite orders: unsorted, they would deadlock. */
	struct alias_row mine[] = { phone("6210", 10), phone("6220", 20) };
	struct race theirs = { .aliases = { phone("6220", 30), phone("6210", 40) } };
	struct other other = { .act = insert_other, .ctx = &theirs };
	struct contact_row first = contact(10), second = contact(20);
	bool inserted[2];

	(void)state;
	done(pg_begin(db.pg, &db.err));
	done(store_aliases_insert(db.pg, mine, 1, inserted, &db.err));
	other_start(&other);
	done(store_aliases_insert(db.pg, &mine[1], 1, &inserted[1], &db.err));
	assert_true(inserted[0] && inserted[1]);
	done(store_contacts_insert(db.pg, (struct contact_row *const[]){ &first, &second }, 2, &db.err));
	done(pg_commit(db.pg, &db.err));
	other_end(&other);
	assert_false(theirs.inserted[0]);
	assert_false(theirs.inserted[1]);
	assert_int_equal(find("6220"), 20);
}

static void an_alias_rolled_back_by_one_transaction_goes_to_the_next(void **state)
{
	struct alias_row mine = phone("6210", 10);
	struct race theirs = { .aliases = { phone("6210", 50), phone("6220", 50) } };
	struct other other = { .act = insert_other, .ctx = &theirs };
	bool inserted;

	(void)state;
	make(50, "6250");
	done(pg_begin(db.pg, &db.err));
	done(store_aliases_insert(db.pg, &mine, 1, &inserted, &db.err));
	other_start(&other);
	pg_rollback(db.pg);
	other_end(&other);
	assert_true(theirs.inserted[0] && theirs.inserted[1]);
	assert_int_equal(find("6210"), 50);
}

static void an_alias_is_released(void **state)
{
	struct alias_row a = phone("6210", 10);

	(void)state;
	make(10, "6210");
	make(20, "6220");
	done(store_aliases_delete(db.pg, &a, 1, &db.err));
	assert_int_equal(find("6210"), 0);
	assert_int_equal(find("6220"), 20);
}

static void drawn_ids_are_distinct(void **state)
{
	int64_t ids[100];

	(void)state;
	done(store_contact_ids_draw(db.pg, 100, ids, &db.err));
	for (size_t i = 1; i < 100; i++)
		assert_true(ids[i] > ids[i - 1]);
}

static void read_one(void *ctx, const struct contact_row *row)
{
	*(struct contact_row *)ctx = *row;
}

static void stored_values_are_read_back(void **state)
{
	struct contact_row c = contact(10), back = { 0 };
	int64_t id = 10;

	(void)state;
	done(store_contacts_insert(db.pg, (struct contact_row *const[]){ &c }, 1, &db.err));
	c.first_name = STR("Budi");
	c.last_name = STR("S.");
	c.email = STR("b@example.com");
	c.profile_picture = STR("https://p");
	c.phone = STR("+6299");
	c.match_key = STR("6299");
	c.name_rank = 2;
	c.name_at_us = 1234567;
	c.in_address_book = true;
	done(store_contacts(db.pg, (const struct contact_row *const[]){ &c }, 1, &db.err));
	done(store_contacts_lock(db.pg, 1, &id, 1, db.arena, read_one, &back, &db.err));
	assert_str(back.full_name, "Budi S.");
	assert_str(back.email, "b@example.com");
	assert_str(back.profile_picture, "https://p");
	assert_str(back.phone, "+6299");
	assert_str(back.match_key, "6299");
	assert_int_equal(back.name_rank, 2);
	assert_int_equal(back.name_at_us, 1234567);
	assert_true(back.in_address_book);
	assert_true(uuid_eq(&back.uuid, &c.uuid));
	assert_int_equal(back.merged_into, 0);
}

static void contacts_are_locked_in_order_of_id(void **state)
{
	const int64_t ids[] = { 30, 10, 20 };
	struct found f = { .n = 0 };

	(void)state;
	make(30, "6230");
	make(10, "6210");
	make(20, "6220");
	done(pg_begin(db.pg, &db.err));
	done(store_contacts_lock(db.pg, 1, ids, 3, db.arena, keep, &f, &db.err));
	assert_int_equal(f.rows[0].id, 10);
	assert_int_equal(f.rows[1].id, 20);
	assert_int_equal(f.rows[2].id, 30);
	assert_failed(run(db.admin, "SELECT FROM contacts WHERE id = 30 FOR KEY SHARE NOWAIT", NULL, NULL, &db.err),
		db.err, ERR_RETRY, "55P03");
	pg_rollback(db.pg);
}

static void public_ids_of_two_contacts_are_read(void **state)
{
	struct contact_row c = contact(10);
	struct uuid a, b;

	(void)state;
	done(store_contacts_insert(db.pg, (struct contact_row *const[]){ &c }, 1, &db.err));
	done(store_contacts_uuids(db.pg, 1, 10, 11, &a, &b, &db.err));
	assert_true(uuid_eq(&a, &c.uuid));
	assert_true(uuid_is_nil(&b));
	done(store_contacts_uuids(db.pg, 2, 10, 10, &a, &b, &db.err)); /* another workspace's */
	assert_true(uuid_is_nil(&a));
}

static void merging_moves_aliases_and_names_the_accounts(void **state)
{
	struct uuid *accounts = NULL, want = uuid_of("00000000-0000-4000-8000-000000000012");
	size_t n = 0;

	(void)state;
	make(10, "6210");
	make(20, "6220");
	db_script("INSERT INTO conversations (workspace_id, account_id, contact_id) VALUES (1, 2, 20), (1, 1, 10);"
		  "INSERT INTO contact_opt_outs (workspace_id, contact_id, account_id, category, since, stopped) VALUES"
		  " (1, 10, NULL, 'marketing', '2026-01-01', false), (1, 20, NULL, 'marketing', '2026-02-01', true),"
		  " (1, 10, 1, 'utility', '2026-03-01', true), (1, 20, 1, 'utility', '2026-02-01', false)");
	done(store_contacts_merge(db.pg, 1, 10, 20, db.arena, &accounts, &n, &db.err));
	assert_int_equal(find("6220"), 10);
	assert_int_equal(find("6210"), 10);
	assert_int_equal(db_i64("SELECT merged_into FROM contacts WHERE id = 20"), 10);
	assert_int_equal(db_i64("SELECT merges FROM contacts WHERE id = 10"), 1);
	assert_int_equal(n, 1);
	assert_true(uuid_eq(&accounts[0], &want));
	assert_text(
		"SELECT string_agg(category || ' ' || stopped, ', ' ORDER BY category) FROM contact_opt_outs WHERE contact_id = 10",
		"marketing true, utility true");
}

static void the_newest_opt_out_stays(void **state)
{
	static const struct {
		const char *name;
		bool stopped;
		int since;
		bool changed;
	} cases[] = {
		{ "resuming what was never stopped", false, 5, false },
		{ "a stop", true, 10, true },
		{ "the same stop again", true, 10, false },
		{ "a later stop", true, 20, false },
		{ "an older resume", false, 15, false },
		{ "a resume", false, 30, true },
		{ "an older stop", true, 25, false },
	};

	(void)state;
	make(10, "6210");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct opt_out_row row = { 1, 10, 0, STR("marketing"), cases[i].stopped, AT(cases[i].since),
			!cases[i].changed };

		done(store_opt_outs(db.pg, &row, 1, &db.err));
		if (row.changed != cases[i].changed)
			fail_msg("%s", cases[i].name);
	}
	assert_text("SELECT count(*) || ' ' || bool_or(stopped) FROM contact_opt_outs", "1 false");
}

static void opt_outs_of_one_batch_apply_in_order(void **state)
{
	struct opt_out_row rows[] = {
		{ 1, 10, 0, STR("marketing"), true, AT(1), false },
		{ 1, 10, 1, STR("marketing"), true, AT(1), false },
		{ 1, 10, 0, STR("marketing"), false, AT(2), false },
	};

	(void)state;
	make(10, "6210");
	done(store_opt_outs(db.pg, rows, 3, &db.err));
	assert_true(rows[0].changed && rows[1].changed && rows[2].changed);
	assert_text(
		"SELECT string_agg(concat_ws(' ', account_id, stopped), ', ' ORDER BY account_id) FROM contact_opt_outs",
		"1 t, f");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(aliases_find_their_contact_and_each_is_returned_once, db_empty),
		cmocka_unit_test_setup(kind_scope_and_workspace_distinguish_aliases, db_empty),
		cmocka_unit_test_setup(only_missing_aliases_are_inserted, db_empty),
		cmocka_unit_test_setup(an_alias_without_its_contact_cannot_be_committed, db_empty),
		cmocka_unit_test_setup(of_two_transactions_that_see_the_same_people_first_one_wins, db_empty),
		cmocka_unit_test_setup(an_alias_rolled_back_by_one_transaction_goes_to_the_next, db_empty),
		cmocka_unit_test_setup(an_alias_is_released, db_empty),
		cmocka_unit_test_setup(drawn_ids_are_distinct, db_empty),
		cmocka_unit_test_setup(stored_values_are_read_back, db_empty),
		cmocka_unit_test_setup(contacts_are_locked_in_order_of_id, db_empty),
		cmocka_unit_test_setup(public_ids_of_two_contacts_are_read, db_empty),
		cmocka_unit_test_setup(merging_moves_aliases_and_names_the_accounts, db_empty),
		cmocka_unit_test_setup(the_newest_opt_out_stays, db_empty),
		cmocka_unit_test_setup(opt_outs_of_one_batch_apply_in_order, db_empty),
	};

	return cmocka_run_group_tests(tests, db_start, db_stop);
}
