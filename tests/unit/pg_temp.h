/* A PostgreSQL database for a test program, on the server BLAZZ_TEST_PG (a conninfo that `tools/pg-temp.sh migrated` printed;
 * tools/run-tests.py sets it) or, without one, on a server of its own. Tests run in the project's root. For use as group
 * functions of cmocka: cmocka_run_group_tests(tests, pg_temp_start, pg_temp_stop).
 *
 * A program that changes roles, stops backends or does anything else that reaches beyond its database unsets BLAZZ_TEST_PG first. */
#ifndef PG_TEMP_H
#define PG_TEMP_H

int pg_temp_start(void **state); /* an empty database */
int pg_temp_start_migrated(void **state); /* one with db/ deployed */
int pg_temp_stop(void **state);
const char *pg_temp_conninfo(void); /* of a superuser; valid between start and stop; ends with the database's name */

#endif
