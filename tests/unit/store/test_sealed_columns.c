/* The table of sealed columns is complete, its pages reach every value, and a value is replaced only while it is the one that was read. */
#include "unit.h"

#include "crypto/sealed_row.h"
#include "db.h"
#include "store/sealed_columns.h"

#define PAGE 100

static struct pg *admin;

/* Columns of bytes that are not sealed; session_data is never written. */
static const char *const plain[] = { "outbox.records", "parked_updates.record_headers", "parked_updates.record_key",
	"parked_updates.record_value", "sends.request", "webhook_retry_queue.payload",
	"whatsapp_accounts.session_data" };

static const struct sealed_column *column_of(const char *table)
{
	for (size_t i = 0; i < sealed_columns_count; i++)
		if (strcmp(sealed_columns[i].table, table) == 0)
			return &sealed_columns[i];
	fail_msg("no column of %s", table);
	return NULL;
}

static bool is_plain(struct str name)
{
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (str_is(name, plain[i]))
			return true;
	return false;
}

static bool is_sealed(struct str name)
{
	for (size_t i = 0; i < sealed_columns_count; i++)
		if (str_eq(name, arena_printf(db.arena, "%s.%s", sealed_columns[i].table, sealed_columns[i].column)))
			return true;
	return false;
}

static void every_column_of_bytes_is_sealed_or_known_to_be_plain(void **state)
{
	struct pg_rows *rows = query(db.admin,
		"SELECT c.relname || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
		" WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
		" AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid IN ('bytea'::regtype, 'bytea[]'::regtype)",
		NULL);
	size_t n = (size_t)pg_rows_count(rows);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct str name = pg_text(rows, (int)i, 0);

		if (is_sealed(name) == is_plain(name))
			fail_msg("%.*s: is it sealed? libs/store/sealed_columns.c, or the list in this file",
				STR_ARG(name));
	}
	assert_int_equal(n, sealed_columns_count + sizeof(plain) / sizeof(plain[0]));
	pg_rows_free(rows);
}

static void no_role_writes_the_column_that_stays_empty(void **state)
{
	(void)state;
	assert_int_equal(db_i64("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'blazz%'"
				" AND (has_column_privilege(oid, 'whatsapp_accounts', 'session_data', 'INSERT')"
				" OR has_column_privilege(oid, 'whatsapp_accounts', 'session_data', 'UPDATE'))"),
		0);
}

/* Or a value could be moved from one table into another. */
static void each_column_has_an_associated_word_of_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < sealed_columns_count; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(sealed_columns[i].what, sealed_columns[k].what);
}

#define SECRETS \
	"INSERT INTO provider_apps (id, kind, workspace_id, secrets, deleted_at) VALUES (1, 'meta', NULL, 'app1', NULL)," \
	" (7, 'meta', 1, 'app7', now()), (8, 'meta', 2, '', NULL);" \
	"UPDATE whatsapp_accounts SET secrets = ('account' || id)::bytea, deleted_at = CASE WHEN id = 2 THEN now() END WHERE id < 3;" \
	"INSERT INTO webhook_endpoints (workspace_id, id, url, secrets) VALUES (1, 5, 'u', 'endpoint5'), (2, 4, 'u', 'endpoint4');" \
	"INSERT INTO instances (index, kind, url, secrets, removed_at) VALUES (0, 'waha', 'u0', 'instance0', NULL)," \
	" (3, 'waha', 'u3', 'instance3', now()), (4, 'waha', 'u4', NULL, NULL);" \
	"INSERT INTO erasures (workspace_id, id, contact, requested_by, aliases) VALUES (1, 2, gen_random_uuid(), '', 'erasure2')," \
	" (2, 1, gen_random_uuid(), '', 'erasure1'), (2, 3, gen_random_uuid(), '', NULL);" \
	"INSERT INTO account_qr (workspace_id, account_id, code, expires_at) VALUES (1, 1, 'qr1', now() + interval '1 h')," \
	" (1, 2, 'qr2', now() - interval '1 s')"

static int seeded(void **state)
{
	if (pg_in_transaction(admin))
		pg_rollback(admin);
	db_empty(state);
	db_script(
		"UPDATE whatsapp_accounts SET secrets = NULL, deleted_at = NULL; DELETE FROM instances; DELETE FROM provider_apps");
	db_script(SECRETS);
	return 0;
}

/* All values of a table, read in pages of n: "app1 app7". */
static const char *values(const char *table, size_t n)
{
	struct sealed_value page[PAGE];
	struct sealed_key after = { 0, 0 };
	struct buf out = BUF_INIT;
	const char *text;
	size_t got = n;

	while (got == n) {
		done(store_sealed_page(admin, column_of(table), after, n, db.arena, page, &got, &db.err));
		for (size_t i = 0; i < got; i++) {
			buf_printf(&out, "%s%.*s", out.n ? " " : "", STR_ARG(page[i].sealed));
			after = page[i].key;
		}
	}
	text = arena_cstr(db.arena, buf_str(&out));
	buf_fini(&out);
	return text;
}

static void every_value_is_reached_but_expired_and_empty_ones(void **state)
{
	static const struct {
		const char *table, *want;
	} cases[] = {
		{ "provider_apps", "app1 app7" },
		{ "whatsapp_accounts", "account1 account2" },
		{ "webhook_endpoints", "endpoint5 endpoint4" },
		{ "instances", "instance0 instance3" },
		{ "erasures", "erasure2 erasure1" },
		{ "account_qr", "qr1" },
	};

	(void)state;
	assert_int_equal(sizeof(cases) / sizeof(cases[0]), sealed_columns_count);
	for (size_t i = 0; i < sealed_columns_count; i++)
		for (size_t n = 1; n <= 3; n++)
			assert_string_equal(values(cases[i].table, n), cases[i].want);
}

/* The table's values, each to be replaced by 'new'. */
static size_t changes_make(const char *table, struct sealed_value *from, struct sealed_change *out)
{
	size_t n;

	done(store_sealed_page(admin, column_of(table), (struct sealed_key){ 0, 0 }, PAGE, db.arena, from, &n,
		&db.err));
	for (size_t i = 0; i < n; i++)
		out[i] = (struct sealed_change){ .from = &from[i], .to = STR("new") };
	return n;
}

static void the_row_of_a_value_is_the_one_it_is_sealed_for(void **state)
{
	static const struct {
		const char *table, *uuid;
	} cases[] = {
		{ "provider_apps", "SELECT uuid::text FROM provider_apps WHERE id = 1" },
		{ "whatsapp_accounts", "SELECT uuid::text FROM whatsapp_accounts WHERE id = 1" },
		{ "webhook_endpoints", "SELECT uuid::text FROM webhook_endpoints WHERE id = 5" },
		{ "instances", "SELECT uuid::text FROM instances WHERE index = 0" },
		{ "erasures", "SELECT uuid::text FROM erasures WHERE id = 2" },
		{ "account_qr", "SELECT uuid::text FROM whatsapp_accounts WHERE id = 1" },
	};

	(void)state;
	assert_int_equal(sizeof(cases) / sizeof(cases[0]), sealed_columns_count);
	for (size_t i = 0; i < sealed_columns_count; i++) {
		struct uuid want = uuid_of(arena_cstr(db.arena, db_text(cases[i].uuid)));
		struct sealed_value v[PAGE];
		size_t n;

		done(store_sealed_page(admin, column_of(cases[i].table), (struct sealed_key){ 0, 0 }, PAGE, db.arena, v,
			&n, &db.err));
		assert_true(n > 0 && uuid_eq(&v[0].row, &want));
	}
}

static void a_value_that_has_changed_since_stays(void **state)
{
	static const struct {
		const char *table, *change, *want;
	} cases[] = {
		{ "provider_apps", "UPDATE provider_apps SET secrets = 'theirs' WHERE id = 1", "theirs new" },
		{ "whatsapp_accounts", "UPDATE whatsapp_accounts SET secrets = 'theirs' WHERE id = 1", "theirs new" },
		{ "whatsapp_accounts", "UPDATE whatsapp_accounts SET secrets = NULL WHERE id = 1", "new" },
		{ "webhook_endpoints", "UPDATE webhook_endpoints SET secrets = 'theirs' WHERE id = 5", "theirs new" },
		{ "instances", "UPDATE instances SET secrets = 'theirs' WHERE index = 0", "theirs new" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sealed_value from[PAGE];
		struct sealed_change changes[PAGE];
		size_t n;

		seeded(state);
		n = changes_make(cases[i].table, from, changes);
		assert_int_equal(n, 2);
		execute(db.admin, cases[i].change);
		done(pg_begin(admin, &db.err));
		done(store_sealed_replace(admin, column_of(cases[i].table), changes, n, &db.err));
		done(pg_commit(admin, &db.err));
		assert_true(!changes[0].done && changes[1].done);
		assert_string_equal(values(cases[i].table, PAGE), cases[i].want);
	}
}

static void nothing_but_the_sealed_column_changes(void **state)
{
	static const char *const others =
		"SELECT string_agg((to_jsonb(a) - 'secrets')::text, ' ' ORDER BY id) FROM whatsapp_accounts a";
	struct sealed_value from[PAGE];
	struct sealed_change changes[PAGE];
	struct str before = db_text(others);

	(void)state;
	done(pg_begin(admin, &db.err));
	done(store_sealed_replace(admin, column_of("whatsapp_accounts"), changes,
		changes_make("whatsapp_accounts", from, changes), &db.err));
	done(pg_commit(admin, &db.err));
	assert_true(changes[0].done && changes[1].done);
	assert_true(str_eq(db_text(others), before));
}

/* A service never waits longer for a rotation than for its transaction, and never dies in a deadlock with it. */
static void a_locked_row_makes_the_rotation_give_way(void **state)
{
	struct sealed_value from[PAGE];
	struct sealed_change changes[PAGE];
	size_t n = changes_make("whatsapp_accounts", from, changes);
	int64_t since = clock_mono_ms();

	(void)state;
	done(pg_begin(db.pg, &db.err));
	execute(db.pg, "UPDATE whatsapp_accounts SET status_at = now() WHERE id = 2");
	done(pg_begin(admin, &db.err));
	assert_int_equal(store_sealed_replace(admin, column_of("whatsapp_accounts"), changes, n, &db.err), -1);
	assert_int_equal(db.err.kind, ERR_RETRY);
	assert_true(clock_mono_ms() - since < 900 && pg_usable(admin));
	pg_rollback(admin);
	done(pg_commit(db.pg, &db.err));
	assert_string_equal(values("whatsapp_accounts", PAGE), "account1 account2");
}

static int start(void **state)
{
	if (db_start(state) < 0)
		return -1;
	admin = db_session("blazz_admin");
	return 0;
}

static int stop(void **state)
{
	pg_close(&admin);
	return db_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_column_of_bytes_is_sealed_or_known_to_be_plain),
		cmocka_unit_test(no_role_writes_the_column_that_stays_empty),
		cmocka_unit_test(each_column_has_an_associated_word_of_its_own),
		cmocka_unit_test_setup(every_value_is_reached_but_expired_and_empty_ones, seeded),
		cmocka_unit_test_setup(the_row_of_a_value_is_the_one_it_is_sealed_for, seeded),
		cmocka_unit_test_setup(a_value_that_has_changed_since_stays, seeded),
		cmocka_unit_test_setup(nothing_but_the_sealed_column_changes, seeded),
		cmocka_unit_test_setup(a_locked_row_makes_the_rotation_give_way, seeded),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
