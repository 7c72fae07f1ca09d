/* Templates as campaign-sender reads them: of the account, else of another one of its WABA. */
#include "unit.h"

#include "sending.h"
#include "store/sending_templates.h"

static char found[200]; /* "key:id status, …" */

static void template_note(void *ctx, size_t at, const struct sending_template_row *row)
{
	size_t n = strlen(found);

	(void)ctx;
	snprintf(found + n, sizeof(found) - n, "%s%zu:%lld %.*s", n ? ", " : "", at, (long long)row->id,
		STR_ARG(row->status));
}

/* Accounts 1 and 2 share a WABA, account 3 has one of the same name in another workspace. */
static int defined(void **state)
{
	db_empty(state);
	db_script(
		"UPDATE whatsapp_accounts SET waba_id = 'w';"
		"INSERT INTO templates (workspace_id, id, account_id, provider_template_id, name, language, category, status, quality, components,"
		" status_at) VALUES (1, 10, 1, 'p', 'hello', 'id', 'MARKETING', 'APPROVED', 'GREEN', '[{\"type\": \"BODY\", \"text\": \"Hi\"}]',"
		" '2026-01-01Z'), (1, 11, 2, 'p', 'hello', 'id', 'MARKETING', 'PAUSED', NULL, NULL, '2026-01-02Z'),"
		" (1, 12, 1, 'q', 'only', 'en_US', NULL, 'PENDING', NULL, NULL, NULL),"
		" (2, 20, 3, 'r', 'hello', 'id', 'UTILITY', 'REJECTED', NULL, '[]', '2026-01-05Z')");
	found[0] = '\0';
	return 0;
}

static int restored(void **state)
{
	(void)state;
	db_script("UPDATE whatsapp_accounts SET waba_id = NULL, deleted_at = NULL");
	return 0;
}

static void find(const struct template_key *keys, size_t n)
{
	found[0] = '\0';
	done(store_sending_templates_find(db.pg, keys, n, db.arena, template_note, NULL, &db.err));
}

static void a_template_of_any_account_of_the_waba_counts(void **state)
{
	const struct template_key keys[] = { { 1, 1, STR("hello"), STR("id") }, { 1, 2, STR("hello"), STR("id") },
		{ 1, 2, STR("only"), STR("en_US") }, { 1, 1, STR("hello"), STR("en") },
		{ 1, 9, STR("hello"), STR("id") }, { 2, 3, STR("hello"), STR("id") },
		{ 2, 1, STR("hello"), STR("id") } };

	(void)state;
	find(keys, 7);
	assert_string_equal(found, "0:10 APPROVED, 1:10 APPROVED, 2:12 PENDING, 5:20 REJECTED");
	db_script("UPDATE templates SET components = '[]' WHERE id = 11");
	find(keys, 2); /* the later report */
	assert_string_equal(found, "0:11 PAUSED, 1:11 PAUSED");
}

static void templates_of_other_wabas_and_deleted_accounts_do_not_count(void **state)
{
	const struct template_key keys[] = { { 1, 2, STR("only"), STR("en_US") }, { 1, 1, STR("only"), STR("en_US") } };

	(void)state;
	db_script("UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = 1");
	find(keys, 2);
	assert_string_equal(found, "1:12 PENDING"); /* its own still does */
	db_script("UPDATE whatsapp_accounts SET deleted_at = NULL, waba_id = 'v' WHERE id = 1");
	find(keys, 2);
	assert_string_equal(found, "1:12 PENDING");
	db_script("UPDATE whatsapp_accounts SET waba_id = NULL");
	find(keys, 2);
	assert_string_equal(found, "1:12 PENDING");
}

static struct sending_template_row last;

static void template_keep(void *ctx, size_t at, const struct sending_template_row *row)
{
	(void)ctx;
	(void)at;
	last = *row;
}

static void a_template_is_read_by_its_id_within_the_workspace(void **state)
{
	const struct sending_template_id ids[] = { { 2, 10 }, { 1, 10 }, { 1, 99 } };

	(void)state;
	done(store_sending_templates_read(db.pg, ids, 3, db.arena, template_note, NULL, &db.err));
	assert_string_equal(found, "1:10 APPROVED");
	done(store_sending_templates_read(db.pg, &ids[1], 1, db.arena, template_keep, NULL, &db.err));
	assert_true(last.workspace_id == 1 && last.account_id == 1);
	assert_str(last.name, "hello");
	assert_str(last.language, "id");
	assert_str(last.category, "MARKETING");
	assert_str(last.quality, "GREEN");
	assert_str(last.components, "[{\"text\": \"Hi\", \"type\": \"BODY\"}]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_template_of_any_account_of_the_waba_counts, defined, restored),
		cmocka_unit_test_setup_teardown(templates_of_other_wabas_and_deleted_accounts_do_not_count, defined,
			restored),
		cmocka_unit_test_setup_teardown(a_template_is_read_by_its_id_within_the_workspace, defined, restored),
	};

	return cmocka_run_group_tests(tests, sending_start, db_stop);
}
