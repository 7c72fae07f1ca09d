/* The decision of every SQLSTATE that matters, and reading it out of a failed connection's text. */
#include "unit.h"

#include <stdio.h>

#include "pg/private.h"

static void a_lock_that_was_not_obtained_is_told_from_other_failures(void **state)
{
	static const struct {
		const char *sqlstate;
		bool want;
	} cases[] = { { "55P03", true }, { "40P01", true }, { "40001", false }, { "57014", false }, { "23505", false },
		{ "lost", false }, { "", false } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = { .kind = pg_sqlstate_kind(cases[i].sqlstate) };

		snprintf(err.code, sizeof(err.code), "%s", cases[i].sqlstate);
		if (pg_is_lock_error(&err) != cases[i].want)
			fail_msg("%s", cases[i].sqlstate);
	}
}

static void each_sqlstate_has_its_error_kind(void **state)
{
	static const struct {
		const char *sqlstate;
		enum err_kind want;
	} cases[] = {
		{ "08000", ERR_RETRY },
		{ "08006", ERR_RETRY }, /* connection */
		{ "53100", ERR_RETRY },
		{ "53300", ERR_RETRY }, /* disk full, too many connections */
		{ "57014", ERR_RETRY },
		{ "57P01", ERR_RETRY },
		{ "57P03", ERR_RETRY }, /* timeout, shutdown, starting */
		{ "40001", ERR_RETRY },
		{ "40P01", ERR_RETRY }, /* serialization failure, deadlock */
		{ "55P03", ERR_RETRY },
		{ "25P03", ERR_RETRY }, /* lock not available, idle in transaction */
		{ "22021", ERR_INPUT },
		{ "22P02", ERR_INPUT },
		{ "22001", ERR_INPUT },
		{ "23502", ERR_INPUT },
		{ "23503", ERR_INPUT },
		{ "23514", ERR_INPUT },
		{ "23P01", ERR_INPUT },
		{ "23505", ERR_CONFLICT }, /* alone in its class */
		{ "21000", ERR_INPUT },
		{ "54000", ERR_INPUT },
		{ "54001", ERR_INPUT }, /* too large for an index; nested too deeply */
		{ "42P01", ERR_RETRY },
		{ "42703", ERR_RETRY },
		{ "42883", ERR_RETRY },
		{ "42601", ERR_RETRY }, /* the schema is another one */
		{ "42501", ERR_RETRY },
		{ "28000", ERR_RETRY },
		{ "28P01", ERR_RETRY },
		{ "3D000", ERR_RETRY }, /* a right, a role, a database is missing */
		{ "25006", ERR_RETRY }, /* read only */
		{ "26000", ERR_RETRY },
		{ "58030", ERR_RETRY },
		{ "XX000", ERR_RETRY },
		{ "0A000", ERR_RETRY },
		{ "25P02", ERR_RETRY },
		{ "55000", ERR_RETRY },
		{ "3F000", ERR_RETRY },
		{ "02000", ERR_RETRY },
		{ "", ERR_RETRY },
		{ NULL, ERR_RETRY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (pg_sqlstate_kind(cases[i].sqlstate) != cases[i].want)
			fail_msg("%s: %s", cases[i].sqlstate ? cases[i].sqlstate : "NULL",
				err_kind_name(pg_sqlstate_kind(cases[i].sqlstate)));
}

static void the_sqlstate_is_found_in_a_failed_connections_text(void **state)
{
	static const struct {
		const char *message, *want; /* NULL: none */
	} cases[] = {
		{ "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  28P01: password authentication failed for "
		  "user \"x\"\nLOCATION:  auth_failed, auth.c:326\n",
			"28P01" },
		{ "connection to server on socket \"/tmp/.s.PGSQL.1\" failed: FATAL:  3D000: database \"x\" does not exist",
			"3D000" },
		{ "connection to server failed: FATAL:  57P03: le système démarre", "57P03" },
		{ "could not translate host name \"x:  28P01\" to address: Name or service not known", NULL },
		{ "connection to server at \"127.0.0.1\", port 1 failed: Connection refused", NULL },
		{ "failed: FATAL:  28P0", NULL },
		{ "failed: FATAL:  28P01x: no", NULL },
		{ "failed: FATAL:  ", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char got[6] = "";

		assert_int_equal(pg_sqlstate_find(cases[i].message, got), cases[i].want != NULL);
		assert_string_equal(got, cases[i].want ? cases[i].want : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_sqlstate_has_its_error_kind),
		cmocka_unit_test(a_lock_that_was_not_obtained_is_told_from_other_failures),
		cmocka_unit_test(the_sqlstate_is_found_in_a_failed_connections_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
