/* Every statement of libs/store is understood by the migrated schema and allowed to the role that runs it; none is forgotten. */
#include "unit.h"

#include <glob.h>

#include "db.h"
#include "store/statements.h"

static void every_role_can_prepare_its_statements(void **state)
{
	(void)state;
	for (size_t i = 0; i < statements_by_role_count; i++) {
		struct pg *pg = db_session(statements_by_role[i].role);

		for (const struct pg_stmt *const *s = statements_by_role[i].statements; *s; s++)
			if (pg_prepare(pg, *s, &db.err) < 0)
				fail_msg("%s as %s: %s", (*s)->name, statements_by_role[i].role, db.err.msg);
		pg_close(&pg);
	}
}

/* Preparing checks names and types; privileges are checked when a plan is made to run. EXPLAIN runs the checks only. */
static void every_role_may_run_its_statements(void **state)
{
	char sql[8000], params[200];

	(void)state;
	for (size_t i = 0; i < statements_by_role_count; i++) {
		struct pg *pg = db_session(statements_by_role[i].role);

		for (const struct pg_stmt *const *s = statements_by_role[i].statements; *s; s++) {
			struct pg_rows *rows;
			int64_t n;

			snprintf(sql, sizeof(sql), "PREPARE p AS %s", (*s)->sql);
			execute(pg, sql);
			rows = query(pg,
				"SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'p'",
				NULL);
			n = pg_i64(rows, 0, 0);
			pg_rows_free(rows);
			params[0] = '\0';
			for (int64_t k = 0; k < n; k++)
				strcat(params, k ? ", NULL" : "(NULL");
			snprintf(sql, sizeof(sql), "EXPLAIN EXECUTE p%s%s", params, n ? ")" : "");
			if (run(pg, sql, NULL, &rows, &db.err) < 0)
				fail_msg("%s as %s: %s", (*s)->name, statements_by_role[i].role, db.err.msg);
			pg_rows_free(rows);
			execute(pg, "DEALLOCATE p");
		}
		pg_close(&pg);
	}
}

static size_t occurrences(const char *file, const char *needle)
{
	static char text[200000];
	FILE *f = fopen(file, "r");
	size_t n = 0;

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	for (const char *at = text; (at = strstr(at, needle)); at++)
		n++;
	return n;
}

static bool listed_before(size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (statements_by_role[j].statements == statements_by_role[i].statements)
			return true;
	return false;
}

static void no_statement_is_missing_from_the_table(void **state)
{
	size_t defined = 0, listed = 0;
	glob_t files;

	(void)state;
	assert_int_equal(glob("libs/store/*.c", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++)
		defined += occurrences(files.gl_pathv[i], "\nstatic const struct pg_stmt ") -
			occurrences(files.gl_pathv[i], "\nstatic const struct pg_stmt *") +
			2 * occurrences(files.gl_pathv[i], "\nPAIR"); /* workspace_rows.c */
	globfree(&files);
	for (size_t i = 0; i < statements_by_role_count; i++)
		for (const struct pg_stmt *const *s = statements_by_role[i].statements; *s; s++)
			listed += !listed_before(i);
	assert_true(defined > 50);
	assert_int_equal(listed, defined);
}

static void names_are_distinct(void **state)
{
	(void)state;
	for (size_t i = 0; i < statements_by_role_count; i++)
		for (const struct pg_stmt *const *s = statements_by_role[i].statements; *s; s++)
			for (size_t j = 0; j < statements_by_role_count; j++)
				for (const struct pg_stmt *const *t = statements_by_role[j].statements; *t; t++)
					if (*s != *t)
						assert_string_not_equal((*s)->name, (*t)->name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_role_can_prepare_its_statements),
		cmocka_unit_test(every_role_may_run_its_statements),
		cmocka_unit_test(no_statement_is_missing_from_the_table),
		cmocka_unit_test(names_are_distinct),
	};

	return cmocka_run_group_tests(tests, db_start, db_stop);
}
