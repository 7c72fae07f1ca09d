/* libs/crypto/sealed_row: what a value is bound to. */
#include "unit.h"

#include "crypto/sealed_row.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ROW      "aabbccdd-0000-4000-8000-000000000001"

static struct keyring *keyring_new(void)
{
	struct keyring *k = NULL;
	struct err err;

	assert_int_equal(keyring_parse(&k, STR("k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"), &err), 0);
	return k;
}

static struct uuid id_of(const char *text)
{
	struct uuid id;

	assert_true(uuid_parse(str_of(text), &id));
	return id;
}

static void a_value_opens_with_its_own_row_only(void **state)
{
	static const struct {
		const char *name, *what, *row, *code; /* code NULL: it opens */
	} cases[] = {
		{ "its own", "app", ROW, NULL },
		{ "the same id in upper case", "app", "AABBCCDD-0000-4000-8000-000000000001", NULL },
		{ "another table's row of the same id", "account", ROW, "bad_seal" },
		{ "another row", "app", "aabbccdd-0000-4000-8000-000000000002", "bad_seal" },
	};
	const struct uuid row = id_of(ROW);
	struct keyring *k = keyring_new();
	struct buf sealed = BUF_INIT;
	struct err err;

	(void)state;
	assert_int_equal(row_seal(k, "app", &row, STR("secret"), &sealed, &err), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct uuid of = id_of(cases[i].row);
		struct buf plain = BUF_INIT;
		int rc = row_unseal(k, cases[i].what, &of, buf_str(&sealed), &plain, &err);

		if (rc != (cases[i].code ? -1 : 0) || !str_is(buf_str(&plain), cases[i].code ? "" : "secret"))
			fail_msg("%s", cases[i].name);
		if (cases[i].code)
			assert_string_equal(err.code, cases[i].code);
		buf_fini(&plain);
	}
	buf_fini(&sealed);
	keyring_free(k);
}

/* Rows that were sealed stay readable: the text is part of what is stored. */
static void the_row_is_named_by_its_kind_and_its_id_in_lower_case(void **state)
{
	const struct uuid row = id_of(ROW);
	struct keyring *k = keyring_new();
	struct buf sealed = BUF_INIT, plain = BUF_INIT;
	struct err err;

	(void)state;
	assert_int_equal(row_seal(k, "endpoint", &row, STR("one"), &sealed, &err), 0);
	assert_int_equal(unseal(k, STR("endpoint:" ROW), buf_str(&sealed), &plain, &err), 0);
	buf_clear(&sealed);
	assert_int_equal(seal(k, STR("qr:" ROW), STR(" two"), &sealed, &err), 0);
	assert_int_equal(row_unseal(k, "qr", &row, buf_str(&sealed), &plain, &err), 0);
	assert_true(str_is(buf_str(&plain), "one two"));
	buf_fini(&sealed);
	buf_fini(&plain);
	keyring_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_opens_with_its_own_row_only),
		cmocka_unit_test(the_row_is_named_by_its_kind_and_its_id_in_lower_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
