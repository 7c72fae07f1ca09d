/* Orphans: what is of no use is deleted, what should not be is reported, and nothing else; a dry run counts the same and deletes nothing. */
#include "unit.h"

#include "db.h"
#include "store/cleanup_orphans.h"

static int start(void **state)
{
	if (db_start(state) < 0)
		return -1;
	pg_close(&db.pg);
	db.pg = db_session(CLEANUP);
	return 0;
}

#define ACCOUNTS \
	"INSERT INTO account_qr (workspace_id, account_id, code, expires_at) VALUES (1, 1, '', now() - interval '1 s')," \
	" (1, 2, '', now() + interval '1 h'), (2, 3, '', now() - interval '1 day');" \
	"INSERT INTO account_syncs (workspace_id, account_id, sync_id, index, open, ended_at) SELECT 1, 1, 'old', g, false," \
	" now() - interval '31 days' FROM generate_series(0, 6) g;" \
	"INSERT INTO account_syncs (workspace_id, account_id, sync_id, index, open, ended_at) VALUES" \
	" (1, 1, 'late', 0, false, now() - interval '29 days'), (1, 2, 'open', 0, true, NULL), (2, 3, 'old', 0, false, now() - interval '31 days')," \
	" (2, 3, 'no end', 0, false, NULL);" \
	"INSERT INTO session_cleanup_logs (workspace_id, id, account_id, cleanup_type, reason, executed_at) VALUES" \
	" (1, 1, 1, 'manual', 'duplicate', now() - interval '366 days'), (1, 2, 1, 'manual', 'duplicate', now() - interval '364 days')," \
	" (2, 3, 3, 'manual', 'duplicate', now() - interval '2 years')"

typedef int deletion_fn(struct pg *pg, struct key_page *page, struct page_deletion *d, struct err *err);

static struct page_deletion delete_all(deletion_fn *delete_page, int64_t limit, int64_t last_workspace_id, bool dry)
{
	struct key_page page = { .last_workspace_id = last_workspace_id, .limit = limit };
	struct page_deletion sum = { .dry = dry };

	for (;;) {
		struct page_deletion d = { .dry = dry };

		done(delete_page(db.pg, &page, &d, &db.err));
		sum.found += d.found;
		sum.deleted += d.deleted;
		if (d.again)
			continue;
		if (page.n < limit)
			return sum;
		page.workspace_id = page.end_workspace_id;
		page.id = page.end_id;
	}
}

static const struct {
	const char *name;
	deletion_fn *delete_page;
	int64_t all, of_first; /* rows to delete, those of workspace 1 */
	const char *left, *want;
} deletions[] = {
	{ "codes", store_orphans_qr, 2, 1, "SELECT string_agg(account_id::text, ' ') FROM account_qr", "2" },
	{ "syncs", store_orphans_syncs, 8, 7,
		"SELECT string_agg(sync_id, ' ' ORDER BY account_id, sync_id) FROM account_syncs", "late open no end" },
	{ "logs", store_orphans_logs, 2, 1, "SELECT string_agg(id::text, ' ') FROM session_cleanup_logs", "2" },
};

static void only_what_is_over_is_deleted(void **state)
{
	for (size_t i = 0; i < sizeof(deletions) / sizeof(deletions[0]); i++)
		for (int64_t limit = 1; limit <= 9; limit += 2) {
			struct page_deletion d;

			(void)db_empty(state);
			db_script(ACCOUNTS);
			d = delete_all(deletions[i].delete_page, limit, INT64_MAX, true);
			if (d.found != deletions[i].all || d.deleted != 0)
				fail_msg("%s, dry, by %d: %d found", deletions[i].name, (int)limit, (int)d.found);
			d = delete_all(deletions[i].delete_page, limit, 1, false);
			if (d.found != deletions[i].of_first || d.deleted != d.found)
				fail_msg("%s of one workspace, by %d: %d found", deletions[i].name, (int)limit,
					(int)d.found);
			d = delete_all(deletions[i].delete_page, limit, INT64_MAX, false);
			assert_int_equal(d.deleted, deletions[i].all - deletions[i].of_first);
			assert_text(deletions[i].left, deletions[i].want);
			d = delete_all(deletions[i].delete_page, limit, INT64_MAX, false);
			assert_true(d.found == 0 && d.deleted == 0);
		}
}

/* ingest renews the code after the page was read: the lock is waited for, and the condition is looked at again. */
static int delete_codes(struct pg *pg, void *ctx, struct err *err)
{
	struct key_page page = { .last_workspace_id = INT64_MAX, .limit = 10 };

	return store_orphans_qr(pg, &page, ctx, err);
}

static void a_code_that_is_renewed_meanwhile_stays(void **state)
{
	struct page_deletion d = { 0 };
	struct other other = { .role = CLEANUP, .act = delete_codes, .ctx = &d };

	(void)state;
	db_script(ACCOUNTS);
	execute(db.admin, "BEGIN");
	execute(db.admin, "UPDATE account_qr SET expires_at = now() + interval '1 h' WHERE account_id = 1");
	other_start(&other);
	execute(db.admin, "COMMIT");
	other_end(&other);
	assert_true(d.found == 2 && d.deleted == 1);
	assert_int_equal(db_i64("SELECT count(*) FROM account_qr WHERE account_id = 1"), 1);
}

static void contacts_that_nothing_leads_to_are_reported(void **state)
{
	struct key_page page = { .last_workspace_id = INT64_MAX, .limit = 100 };
	struct page_report r = { 0 };
	struct uuid want = uuid_of("00000000-0000-4000-8000-0000000000c6");

	(void)state;
	db_script(
		"INSERT INTO contacts (workspace_id, id, uuid, source_type, first_name, phone, merged_into, deleted_at) VALUES"
		" (1, 1, gen_random_uuid(), 'webjs', 'has an alias', NULL, NULL, NULL),"
		" (1, 2, gen_random_uuid(), 'webjs', 'has a conversation', NULL, NULL, NULL),"
		" (1, 3, gen_random_uuid(), 'webjs', 'was merged', NULL, 1, NULL),"
		" (1, 4, gen_random_uuid(), 'webjs', NULL, NULL, NULL, NULL),"
		" (1, 5, gen_random_uuid(), 'webjs', 'was deleted', NULL, NULL, now()),"
		" (1, 6, '00000000-0000-4000-8000-0000000000c6', 'webjs', NULL, '+62', NULL, NULL);"
		"INSERT INTO contact_aliases (workspace_id, contact_id, kind, value) VALUES (1, 1, 'phone', '1');"
		"INSERT INTO conversations (workspace_id, account_id, contact_id) VALUES (1, 1, 2)");
	done(store_orphans_contacts(db.pg, &page, &r, &db.err));
	assert_true(r.found == 1 && uuid_eq(&r.example, &want));
	execute(db.admin, "UPDATE contacts SET phone = NULL WHERE id = 6");
	done(store_orphans_contacts(db.pg, &page, &r, &db.err));
	assert_true(r.found == 0 && uuid_is_nil(&r.example) && page.n == 6);
}

static void last_messages_that_do_not_exist_are_reported_where_none_is_deleted(void **state)
{
	struct key_page page = { .last_workspace_id = INT64_MAX, .limit = 100 };
	struct page_report r = { 0 };

	(void)state;
	db_script(
		"INSERT INTO contacts (workspace_id, id, source_type) VALUES (1, 1, 'webjs'), (1, 2, 'webjs'), (2, 3, 'webjs');"
		"INSERT INTO conversations (workspace_id, id, account_id, contact_id, last_message_id) VALUES (1, 11, 1, 1, 5),"
		" (1, 12, 1, 2, NULL), (2, 13, 3, 3, 6);"
		"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin, metadata,"
		" sent_at) VALUES (1, 5, 1, 11, 'k', 'inbound', 'text', 'delivered', 'live', '{}', now())");
	done(store_orphans_last_messages(db.pg, &page, &r, &db.err));
	assert_int_equal(r.found, 1);
	execute(db.admin, "UPDATE workspaces SET settings = '{\"retention\": {\"messages_days\": 30}}' WHERE id = 2");
	done(store_orphans_last_messages(db.pg, &page, &r, &db.err));
	assert_int_equal(r.found, 0);
	execute(db.admin, "UPDATE workspaces SET settings = '{}' WHERE id = 2");
	execute(db.admin, "DELETE FROM chats");
	done(store_orphans_last_messages(db.pg, &page, &r, &db.err));
	assert_int_equal(r.found, 2);
}

static struct buf found;

static void on_report(void *ctx, const struct orphan_report *r)
{
	(void)ctx;
	buf_printf(&found, "%.*s %.*s-%d %d;", STR_ARG(r->program), STR_ARG(r->topic), r->partition, (int)r->records);
}

static void records_that_wait_are_reported_of_every_producer(void **state)
{
	(void)state;
	db_script(
		"INSERT INTO outbox (producer, slot, topic, epoch, seq, records, created_at) VALUES"
		" ('chat-sync', 3, 'inbound', 1, 1, 'x', now() - interval '11 min'), ('chat-sync', 3, 'inbound', 1, 2, 'x', now() - interval '12 min'),"
		" ('chat-sync', 4, 'inbound', 1, 1, 'x', now() - interval '9 min'), ('cleanup', 0, '', 1, 1, 'x', now() - interval '1 day')");
	buf_clear(&found);
	done(store_orphans_outbox(db.pg, on_report, NULL, &db.err));
	assert_string_equal(found.p, "chat-sync inbound-3 2;cleanup -0 1;");
}

static void consumers_that_are_silent_are_reported(void **state)
{
	(void)state;
	db_script(
		"INSERT INTO consumer_progress (consumer, topic, partition, cluster_id, epoch, updated_at) VALUES"
		" ('chat-sync', 'inbound', 0, 'c', 1, now() - interval '29 days'), ('old', 'inbound', 1, 'c', 1, now() - interval '31 days')");
	buf_clear(&found);
	done(store_orphans_progress(db.pg, on_report, NULL, &db.err));
	assert_string_equal(found.p, "old inbound-1 0;");
}

static int stop(void **state)
{
	buf_fini(&found);
	return db_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_over_is_deleted),
		cmocka_unit_test_setup(a_code_that_is_renewed_meanwhile_stays, db_empty),
		cmocka_unit_test_setup(contacts_that_nothing_leads_to_are_reported, db_empty),
		cmocka_unit_test_setup(last_messages_that_do_not_exist_are_reported_where_none_is_deleted, db_empty),
		cmocka_unit_test_setup(records_that_wait_are_reported_of_every_producer, db_empty),
		cmocka_unit_test_setup(consumers_that_are_silent_are_reported, db_empty),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
