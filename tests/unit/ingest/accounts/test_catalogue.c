/* services/ingest/accounts/catalogue: which accounts and apps a name finds, and when it no longer does. */
#include "unit.h"

#include <string.h>

#include "ingest/accounts/catalogue.h"

static struct uuid id_of(uint8_t n)
{
	struct uuid u;

	memset(u.b, n, sizeof(u.b));
	return u;
}

static struct name name_of(enum name_kind kind, uint8_t app, const char *text)
{
	struct name n = { .kind = kind, .text = str_of(text) };

	if (app)
		n.app = id_of(app);
	return n;
}

static void put(struct catalogue *c, uint8_t id, uint8_t app, const char *session, const char *number, const char *waba)
{
	struct catalogue_account *a = catalogue_account_new();

	a->info.id = id_of(id);
	if (app)
		a->app = id_of(app);
	a->info.session_id = arena_str(a->arena, str_of(session));
	a->info.phone_number_id = arena_str(a->arena, str_of(number));
	a->info.waba_id = arena_str(a->arena, str_of(waba));
	catalogue_put_account(c, &a);
	assert_null(a);
}

/* A byte of the id of the account or app with this name; 0: there is none. */
static int find(const struct catalogue *c, enum name_kind kind, uint8_t app, const char *text)
{
	struct name name = name_of(kind, app, text);
	const struct catalogue_account *a = catalogue_account(c, &name);

	assert_int_equal(catalogue_has(c, &name), a != NULL);
	return a ? a->info.id.b[0] : 0;
}

static void an_account_is_found_by_its_present_names_only(void **state)
{
	struct catalogue *c = catalogue_new();
	struct uuid id = id_of(1);
	struct name by_id = { .kind = NAME_ACCOUNT, .text = uuid_bytes(&id) };

	(void)state;
	put(c, 1, 9, "s-1", "n-1", "w-1");
	assert_int_equal(find(c, NAME_SESSION, 0, "s-1"), 1);
	assert_int_equal(find(c, NAME_NUMBER, 9, "n-1"), 1);
	assert_int_equal(find(c, NAME_NUMBER, 8, "n-1"), 0);
	assert_int_equal(find(c, NAME_WABA, 9, "w-1"), 1);
	assert_true(catalogue_has(c, &by_id));
	put(c, 1, 8, "s-2", "n-1", NULL);
	assert_int_equal(catalogue_accounts(c), 1);
	assert_int_equal(find(c, NAME_SESSION, 0, "s-1"), 0);
	assert_int_equal(find(c, NAME_SESSION, 0, "s-2"), 1);
	assert_int_equal(find(c, NAME_NUMBER, 9, "n-1"), 0);
	assert_int_equal(find(c, NAME_NUMBER, 8, "n-1"), 1);
	assert_int_equal(find(c, NAME_WABA, 9, "w-1"), 0);
	catalogue_drop_account(c, &id);
	assert_int_equal(find(c, NAME_SESSION, 0, "s-2"), 0);
	assert_false(catalogue_has(c, &by_id));
	assert_int_equal(catalogue_accounts(c), 0);
	catalogue_drop_account(c, &id);
	catalogue_free(c);
}

static size_t waba_count(const struct catalogue *c)
{
	struct name name = name_of(NAME_WABA, 9, "w");
	size_t n = 0;

	for (const struct catalogue_account *a = catalogue_account(c, &name); a; a = a->waba_next)
		n++;
	return n;
}

static void a_waba_keeps_its_accounts_when_others_are_removed(void **state)
{
	static const uint8_t orders[][3] = { { 1, 2, 3 }, { 3, 2, 1 }, { 2, 3, 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		struct catalogue *c = catalogue_new();

		put(c, 1, 9, "s-1", NULL, "w");
		put(c, 2, 9, "s-2", NULL, "w");
		put(c, 3, 9, "s-3", NULL, "w");
		put(c, 4, 8, "s-4", NULL, "w");
		for (size_t k = 0; k < 3; k++) {
			struct uuid id = id_of(orders[i][k]);

			assert_int_equal(waba_count(c), 3 - k);
			catalogue_drop_account(c, &id);
		}
		assert_int_equal(waba_count(c), 0);
		catalogue_free(c);
	}
}

static void a_name_that_moved_stays_with_its_new_account(void **state)
{
	struct catalogue *c = catalogue_new();
	struct uuid first = id_of(1);

	(void)state;
	put(c, 1, 9, "s-1", "n", NULL);
	put(c, 2, 9, "s-2", "n", NULL);
	assert_int_equal(find(c, NAME_NUMBER, 9, "n"), 2);
	catalogue_drop_account(c, &first);
	assert_int_equal(find(c, NAME_NUMBER, 9, "n"), 2);
	catalogue_free(c);
}

static void an_app_is_replaced_and_dropped(void **state)
{
	struct catalogue *c = catalogue_new();
	struct uuid id = id_of(9);

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct catalogue_app *app = catalogue_app_new();

		app->id = id;
		app->secrets.verify_token = i ? STR("new") : STR("old");
		catalogue_put_app(c, &app);
	}
	assert_int_equal(catalogue_apps(c), 1);
	assert_true(str_is(catalogue_app(c, &id)->secrets.verify_token, "new"));
	catalogue_drop_app(c, &id);
	assert_null(catalogue_app(c, &id));
	catalogue_free(c);
}

static void a_name_survives_the_round_trip_through_its_key(void **state)
{
	struct name name = name_of(NAME_NUMBER, 9, "n-1"), back;
	struct name_key key;

	(void)state;
	back = name_of_key(name_key(&name, &key));
	assert_int_equal(back.kind, NAME_NUMBER);
	assert_true(uuid_eq(&back.app, &name.app));
	assert_true(str_eq(back.text, name.text));
}

static void a_name_that_is_too_long_is_not_found(void **state)
{
	char text[NAME_MAX_BYTES + 2];
	struct catalogue *c = catalogue_new();

	(void)state;
	memset(text, 'x', sizeof(text));
	text[NAME_MAX_BYTES + 1] = '\0';
	put(c, 1, 0, text, NULL, NULL);
	assert_int_equal(find(c, NAME_SESSION, 0, text), 0);
	text[NAME_MAX_BYTES] = '\0';
	put(c, 1, 0, text, NULL, NULL);
	assert_int_equal(find(c, NAME_SESSION, 0, text), 1);
	catalogue_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_account_is_found_by_its_present_names_only),
		cmocka_unit_test(a_waba_keeps_its_accounts_when_others_are_removed),
		cmocka_unit_test(a_name_that_moved_stays_with_its_new_account),
		cmocka_unit_test(an_app_is_replaced_and_dropped),
		cmocka_unit_test(a_name_survives_the_round_trip_through_its_key),
		cmocka_unit_test(a_name_that_is_too_long_is_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
