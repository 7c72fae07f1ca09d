/* A PostgreSQL server for a test program: BLAZZ_TEST_PG (a conninfo of a superuser) or one of its own, started with
 * tools/pg-temp.sh, so tests run in the project's root. As group functions of cmocka:
 * cmocka_run_group_tests(tests, pg_temp_start, pg_temp_stop). */
#ifndef PG_TEMP_H
#define PG_TEMP_H

int pg_temp_start(void **state);
int pg_temp_stop(void **state);
const char *pg_temp_conninfo(void); /* valid between the two */

#endif
