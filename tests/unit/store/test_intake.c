/* ingest knows live accounts and apps, and hears of every change of what it keeps. */
#include "unit.h"

#include "db.h"
#include "store/intake.h"

static struct pg *ingest;

static int fresh(void **state)
{
	(void)state;
	db_script(
		"UPDATE whatsapp_accounts SET deleted_at = NULL, provider_app_id = NULL;UPDATE workspaces SET deleted_at = NULL;"
		"DELETE FROM account_qr;DELETE FROM whatsapp_accounts WHERE id = 9;DELETE FROM provider_apps;"
		"INSERT INTO provider_apps (id, uuid, kind, secrets) VALUES (5, '00000000-0000-4000-8000-000000000055', 'meta', '\\x0102');"
		"INSERT INTO whatsapp_accounts (workspace_id, id, uuid, session_id, provider_type, provider_app_id, phone_number,"
		" phone_number_id, waba_id, business_id, secrets) VALUES (1, 9, '00000000-0000-4000-8000-000000000019', 's9', 'meta', 5,"
		" '+6281', 'pn9', 'wb9', 'bm9', '\\x00ff')");
	return 0;
}

/* Text of rows is borrowed: here in the arena. */
struct found {
	struct intake_account_row rows[8];
	size_t n;
};

static void keep(void *ctx, const struct intake_account_row *row)
{
	struct found *f = ctx;
	struct intake_account_row *r = &f->rows[f->n++];

	*r = *row;
	r->session_id = arena_str(db.arena, row->session_id);
	r->phone_number_id = arena_str(db.arena, row->phone_number_id);
	r->waba_id = arena_str(db.arena, row->waba_id);
	r->business_id = arena_str(db.arena, row->business_id);
	r->secrets = arena_str(db.arena, row->secrets);
	r->provider_ref = arena_str(db.arena, row->provider_ref);
}

static void all_live_accounts_are_loaded(void **state)
{
	struct found f = { .n = 0 };

	(void)state;
	done(store_intake_accounts_load(ingest, NULL, keep, &f, &db.err));
	assert_int_equal(f.n, 4);
	f.n = 0;
	db_script(
		"UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = 1;UPDATE workspaces SET deleted_at = now() WHERE id = 2");
	done(store_intake_accounts_load(ingest, NULL, keep, &f, &db.err));
	assert_int_equal(f.n, 2);
}

static void an_account_is_found_by_each_of_its_names(void **state)
{
	struct uuid id = uuid_of("00000000-0000-4000-8000-000000000019"),
		    app = uuid_of("00000000-0000-4000-8000-000000000055");
	struct uuid workspace = uuid_of("00000000-0000-4000-8000-000000000001");
	struct found f = { .n = 0 };

	(void)state;
	done(store_intake_accounts_load(ingest, &id, keep, &f, &db.err));
	done(store_intake_account_by_session(ingest, STR("s9"), keep, &f, &db.err));
	done(store_intake_account_by_phone_number_id(ingest, STR("pn9"), keep, &f, &db.err));
	done(store_intake_accounts_by_waba(ingest, STR("wb9"), keep, &f, &db.err));
	assert_int_equal(f.n, 4);
	for (size_t i = 0; i < f.n; i++) {
		assert_true(uuid_eq(&f.rows[i].uuid, &id));
		assert_true(uuid_eq(&f.rows[i].workspace, &workspace));
		assert_true(uuid_eq(&f.rows[i].app, &app));
		assert_int_equal(f.rows[i].workspace_id, 1);
		assert_int_equal(f.rows[i].id, 9);
		assert_int_equal(f.rows[i].provider, PROVIDER_META);
		assert_int_equal(f.rows[i].bridge, BRIDGE_NONE);
		assert_str(f.rows[i].session_id, "s9");
		assert_str(f.rows[i].phone_number_id, "pn9");
		assert_str(f.rows[i].waba_id, "wb9");
		assert_str(f.rows[i].business_id, "bm9");
		assert_null(f.rows[i].provider_ref.p);
		assert_true(str_eq(f.rows[i].secrets, (struct str){ "\0\xff", 2 }));
		assert_string_equal(f.rows[i].region, "ID");
	}
	f.n = 0;
	done(store_intake_account_by_session(ingest, STR("nobody"), keep, &f, &db.err));
	assert_int_equal(f.n, 0);
}

struct apps {
	struct intake_app_row rows[4];
	size_t n;
};

static void keep_app(void *ctx, const struct intake_app_row *row)
{
	struct apps *a = ctx;

	assert_true(str_is(row->kind, "meta"));
	assert_true(str_eq(row->secrets, STR("\1\2")));
	a->rows[a->n++] = *row;
}

static void live_apps_are_loaded_with_their_owner(void **state)
{
	struct uuid id = uuid_of("00000000-0000-4000-8000-000000000056");
	struct apps a = { .n = 0 };

	(void)state;
	execute(db.admin,
		"INSERT INTO provider_apps (id, uuid, workspace_id, kind, secrets) VALUES (6, '00000000-0000-4000-8000-000000000056', 2,"
		" 'meta', '\\x0102'), (7, gen_random_uuid(), 2, 'meta', '\\x0102')");
	execute(db.admin, "UPDATE provider_apps SET deleted_at = now() WHERE id = 7");
	done(store_intake_apps_load(ingest, NULL, keep_app, &a, &db.err));
	assert_int_equal(a.n, 2);
	a.n = 0;
	done(store_intake_apps_load(ingest, &id, keep_app, &a, &db.err));
	assert_int_equal(a.n, 1);
	assert_false(uuid_is_nil(&a.rows[0].workspace));
	assert_int_equal(a.rows[0].id, 6);
}

static void the_latest_qr_code_replaces_the_previous_one(void **state)
{
	(void)state;
	done(store_account_qr_put(ingest, 1, 1, true, STR("one"), -5, &db.err));
	done(store_account_qr_put(ingest, 1, 1, false, STR("two"), 60, &db.err));
	assert_text(
		"SELECT string_agg(kind || convert_from(code, 'UTF8') || (expires_at > now() + interval '50 seconds'), ',') FROM account_qr",
		"qrtwotrue");
	done(store_account_qr_put(ingest, 1, 1, true, STR("three"), 60, &db.err));
	assert_text("SELECT kind FROM account_qr", "pairing");
	assert_failed(store_account_qr_put(ingest, 2, 1, false, STR("x"), 60, &db.err), db.err, ERR_INPUT,
		"23503"); /* not that workspace's */
}

/* What ingest is told, "" for nothing. */
static const char *told_after(const char *sql)
{
	struct str channel = STR_NONE, payload = STR_NONE;
	struct buf all = BUF_INIT;
	const char *out;

	execute(db.admin, sql);
	execute(ingest, "SELECT 1"); /* reads what has come */
	while (pg_notification(ingest, &channel, &payload, &db.err) == 1)
		buf_printf(&all, "%.*s ", STR_ARG(payload));
	out = arena_cstr(db.arena, all.n ? buf_str(&all) : STR(""));
	buf_fini(&all);
	return out;
}

static void only_changes_of_cached_rows_are_notified(void **state)
{
	static const struct {
		const char *sql, *told;
	} cases[] = {
		{ "UPDATE whatsapp_accounts SET secrets = '\\x01' WHERE id = 9",
			"whatsapp_accounts:00000000-0000-4000-8000-000000000019 " },
		{ "UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = 9",
			"whatsapp_accounts:00000000-0000-4000-8000-000000000019 " },
		{ "UPDATE whatsapp_accounts SET status = 'connected', sync = '{}', last_activity_at = now() WHERE id = 9",
			"" },
		{ "UPDATE provider_apps SET secrets = '\\x01' WHERE id = 5",
			"provider_apps:00000000-0000-4000-8000-000000000055 " },
		{ "UPDATE workspaces SET settings = '{\"a\":1}' WHERE id = 2",
			"workspaces:00000000-0000-4000-8000-000000000002 " },
		{ "UPDATE workspaces SET name = 'zwei' WHERE id = 2", "" },
	};

	(void)state;
	done(pg_listen(ingest, "blazz_intake", &db.err));
	told_after("SELECT 1");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(told_after(cases[i].sql), cases[i].told);
}

static int start(void **state)
{
	if (db_start(state) < 0)
		return -1;
	ingest = db_session("blazz_ingest");
	return 0;
}

static int stop(void **state)
{
	pg_close(&ingest);
	return db_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_live_accounts_are_loaded, fresh),
		cmocka_unit_test_setup(an_account_is_found_by_each_of_its_names, fresh),
		cmocka_unit_test_setup(live_apps_are_loaded_with_their_owner, fresh),
		cmocka_unit_test_setup(the_latest_qr_code_replaces_the_previous_one, fresh),
		cmocka_unit_test_setup(only_changes_of_cached_rows_are_notified, fresh),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
