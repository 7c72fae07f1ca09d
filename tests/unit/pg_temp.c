/* See pg_temp.h. Invariant: a server started here is removed by pg_temp_stop(), or by tools/pg-temp.sh when the program ends without
 * it. A database on a shared server goes with that server: DROP DATABASE would wait for the backends of all other programs. */
#include "pg_temp.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char server[256]; /* conninfo of its database postgres */
static char conninfo[300];
static char dir[] = "/tmp/blazz-pg.XXXXXX"; /* of this program's own server */
static int own;

static int script(const char *arguments)
{
	char command[160];
	FILE *f;

	snprintf(command, sizeof(command), "tools/pg-temp.sh %s", arguments);
	f = popen(command, "r");
	if (!f)
		return -1;
	if (fgets(server, sizeof(server), f))
		server[strcspn(server, "\n")] = '\0';
	return pclose(f) == 0 ? 0 : -1;
}

static int server_start(void)
{
	const char *given = getenv("BLAZZ_TEST_PG");
	char arguments[100];

	if (given) {
		snprintf(server, sizeof(server), "%s", given);
		return 0;
	}
	if (!mkdtemp(dir))
		return -1;
	own = 1;
	snprintf(arguments, sizeof(arguments), "migrated %s %d", dir, (int)getpid());
	return script(arguments);
}

static int server_run(const char *sql)
{
	PGconn *pg = PQconnectdb(server);
	PGresult *result = PQexec(pg, sql);
	int rc = PQresultStatus(result) == PGRES_COMMAND_OK ? 0 : -1;

	if (rc < 0)
		fprintf(stderr, "%s: %s", sql, PQerrorMessage(pg));
	PQclear(result);
	PQfinish(pg);
	return rc;
}

static int start_from(const char *template)
{
	char sql[100];

	if (server_start() < 0)
		return -1;
	snprintf(sql, sizeof(sql), "CREATE DATABASE t%d TEMPLATE %s", (int)getpid(), template);
	snprintf(conninfo, sizeof(conninfo), "%s dbname=t%d", server, (int)getpid());
	return server_run(sql);
}

int pg_temp_start(void **state)
{
	(void)state;
	return start_from("template1");
}

int pg_temp_start_migrated(void **state)
{
	(void)state;
	return start_from("blazz_template");
}

int pg_temp_stop(void **state)
{
	char arguments[100];

	(void)state;
	snprintf(arguments, sizeof(arguments), "remove %s", dir);
	return own ? script(arguments) : 0;
}

const char *pg_temp_conninfo(void)
{
	return conninfo;
}
