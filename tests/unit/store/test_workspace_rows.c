/* The deletion of a workspace's rows: the list of tables, and each of them. */
#include "unit.h"

#include <string.h>

#include "db.h"
#include "store/workspace_rows.h"

static size_t place_of(const char *table)
{
	size_t i = 0;

	while (i < workspace_tables_count && strcmp(workspace_tables[i].name, table) != 0)
		i++;
	return i;
}

/* Partitioned ones are in it once: their partitions are not named anywhere. */
static void every_table_with_a_workspace_is_in_the_list(void **state)
{
	struct pg_rows *rows;

	(void)state;
	rows = query(db.admin,
		"SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
		" AND NOT c.relispartition AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'workspace_id'"
		" AND NOT a.attisdropped) ORDER BY 1",
		NULL);
	for (int i = 0; i < pg_rows_count(rows); i++) {
		char name[64];

		snprintf(name, sizeof(name), "%.*s", STR_ARG(pg_text(rows, i, 0)));
		if (place_of(name) == workspace_tables_count)
			fail_msg("%s has a workspace_id, and its rows would stay: libs/store/workspace_rows.c", name);
	}
	assert_int_equal((size_t)pg_rows_count(rows) + 1, workspace_tables_count);
	assert_string_equal(workspace_tables[workspace_tables_count - 1].name, "workspaces");
	pg_rows_free(rows);
}

static void a_table_comes_after_all_that_refer_to_it(void **state)
{
	struct pg_rows *rows;

	(void)state;
	rows = query(db.admin,
		"SELECT f.conrelid::regclass::text, f.confrelid::regclass::text FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid"
		" WHERE f.contype = 'f' AND f.connamespace = 'public'::regnamespace AND NOT c.relispartition AND f.confdeltype = 'a'"
		" AND f.confrelid <> 'instances'::regclass",
		NULL);
	assert_true(pg_rows_count(rows) > 20);
	for (int i = 0; i < pg_rows_count(rows); i++) {
		char from[64], to[64];

		snprintf(from, sizeof(from), "%.*s", STR_ARG(pg_text(rows, i, 0)));
		snprintf(to, sizeof(to), "%.*s", STR_ARG(pg_text(rows, i, 1)));
		if (strcmp(from, to) == 0)
			assert_true(workspace_tables[place_of(from)].refers_to_itself);
		else if (place_of(from) >= place_of(to))
			fail_msg("%s refers to %s, and comes after it", from, to);
	}
	pg_rows_free(rows);
}

/* Under the role of cleanup; tests/e2e/test_cleanup_workspaces.py has rows in them. */
static void every_table_can_be_searched_and_emptied(void **state)
{
	(void)state;
	for (size_t i = 0; i < workspace_tables_count; i++) {
		const struct workspace_table *t = &workspace_tables[i];
		struct workspace_page page = { .workspace_id = 9, .limit = 100, .n = -1, .deleted = -1 };

		done(store_workspace_rows_find(db.pg, t, &page, &db.err));
		assert_int_equal(page.n, 0);
		page.n = -1;
		done(store_workspace_rows_delete(db.pg, t, &page, &db.err));
		assert_int_equal(page.n, 0);
		assert_int_equal(page.deleted, 0);
	}
	assert_int_equal(db_i64("SELECT count(*) FROM workspaces"), 2);
}

/* As merges leave them: an older contact that later ones were merged into, and a chain. */
static void contacts_that_were_merged_go_before_those_they_were_merged_into(void **state)
{
	const struct workspace_table *t = &workspace_tables[place_of("contacts")];
	struct workspace_page page = { .workspace_id = 1, .limit = 10 };
	int64_t gone = 0;

	(void)state;
	db_script(
		"INSERT INTO contacts (workspace_id, id, source_type, merged_into) VALUES (1, 11, 'webjs', NULL), (1, 12, 'webjs', 11),"
		" (1, 13, 'webjs', 12), (2, 11, 'webjs', NULL), (2, 12, 'webjs', 11)");
	done(store_workspace_rows_find(db.pg, t, &page, &db.err));
	assert_int_equal(page.n, 3);
	for (int pass = 0; pass < 4; pass++) {
		page.from = 0;
		done(store_workspace_rows_delete(db.pg, t, &page, &db.err));
		gone += page.deleted;
	}
	assert_int_equal(gone, 3);
	assert_int_equal(db_i64("SELECT count(*) FROM contacts WHERE workspace_id = 1"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM contacts WHERE workspace_id = 2"), 2);
}

static void pages_are_walked_in_the_order_of_the_key(void **state)
{
	const struct workspace_table *t = &workspace_tables[place_of("contacts")];
	struct workspace_page page = { .workspace_id = 1, .limit = 2 };

	(void)state;
	db_script(
		"INSERT INTO contacts (workspace_id, id, source_type) SELECT 1, n, 'webjs' FROM generate_series(21, 25) AS n");
	done(store_workspace_rows_delete(db.pg, t, &page, &db.err));
	assert_int_equal(page.deleted, 2);
	assert_int_equal(page.to, 22);
	page.from = page.to;
	done(store_workspace_rows_delete(db.pg, t, &page, &db.err));
	assert_int_equal(page.to, 24);
	page.from = page.to;
	done(store_workspace_rows_delete(db.pg, t, &page, &db.err));
	assert_int_equal(page.n, 1);
}

static void deleted_at(const char *age)
{
	char sql[200];

	snprintf(sql, sizeof(sql), "UPDATE workspaces SET deleted_at = now() - interval '%s' WHERE id = 1", age);
	db_script(sql);
}

static void a_workspace_is_due_when_it_can_no_longer_be_restored(void **state)
{
	const struct workspace_limits limits = { .after_ms = INT64_C(7) * 86400000, .wait_ms = 600000 };
	struct workspace_deletion d;

	(void)state;
	assert_int_equal(store_workspace_deletion(db.pg, 0, &limits, &d, &db.err), 0);
	deleted_at("6 days 23 hours");
	assert_int_equal(store_workspace_deletion(db.pg, 0, &limits, &d, &db.err), 0);
	deleted_at("7 days 1 minute");
	assert_int_equal(store_workspace_deletion(db.pg, 0, &limits, &d, &db.err), 1);
	assert_int_equal(d.id, 1);
	assert_false(d.begun || d.rows || d.sessions_gone);
	assert_int_equal(store_workspace_deletion(db.pg, 2, &limits, &d, &db.err), 0);
	assert_int_equal(store_workspace_stage(db.pg, 1, "sessions", &db.err), 1);
	db_script("UPDATE workspaces SET deletion_stage_at = now() - interval '11 minutes' WHERE id = 1");
	assert_int_equal(store_workspace_deletion(db.pg, 0, &limits, &d, &db.err), 1);
	assert_true(d.begun && !d.rows && !d.sessions_gone); /* its accounts live */
	db_script("UPDATE whatsapp_accounts SET deleted_at = now() WHERE workspace_id = 1");
	assert_int_equal(store_workspace_deletion(db.pg, 0, &limits, &d, &db.err), 1);
	assert_false(d.sessions_gone);
	db_script(
		"INSERT INTO account_control (workspace_id, account_id, gone_at) SELECT workspace_id, id, now() FROM whatsapp_accounts"
		" WHERE workspace_id = 1");
	assert_int_equal(store_workspace_deletion(db.pg, 0, &limits, &d, &db.err), 1);
	assert_true(d.sessions_gone);
	db_script("UPDATE workspaces SET deletion_stage_at = now() WHERE id = 1");
	assert_int_equal(store_workspace_deletion(db.pg, 0, &limits, &d, &db.err), 1);
	assert_false(d.sessions_gone); /* services may not know it yet */
}

static int start(void **state)
{
	if (db_start(state) < 0)
		return -1;
	pg_close(&db.pg);
	db.pg = db_session(CLEANUP);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_table_with_a_workspace_is_in_the_list),
		cmocka_unit_test(a_table_comes_after_all_that_refer_to_it),
		cmocka_unit_test(every_table_can_be_searched_and_emptied),
		cmocka_unit_test(contacts_that_were_merged_go_before_those_they_were_merged_into),
		cmocka_unit_test(pages_are_walked_in_the_order_of_the_key),
		cmocka_unit_test(a_workspace_is_due_when_it_can_no_longer_be_restored),
	};

	return cmocka_run_group_tests(tests, start, db_stop);
}
