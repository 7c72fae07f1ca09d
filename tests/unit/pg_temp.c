/* See pg_temp.h. Invariant: what pg_temp_start() created, pg_temp_stop() stops and removes, and nothing else. */
#include "pg_temp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char conninfo[256];
static char dir[] = "/tmp/blazz-pg.XXXXXX";
static int own;

static int script(const char *action, char *out, size_t cap)
{
	char command[128];
	FILE *f;

	snprintf(command, sizeof(command), "tools/pg-temp.sh %s %s", action, dir);
	f = popen(command, "r");
	if (!f)
		return -1;
	if (out && fgets(out, (int)cap, f))
		out[strcspn(out, "\n")] = '\0';
	return pclose(f) == 0 ? 0 : -1;
}

int pg_temp_start(void **state)
{
	const char *given = getenv("BLAZZ_TEST_PG");

	(void)state;
	if (given) {
		snprintf(conninfo, sizeof(conninfo), "%s", given);
		return 0;
	}
	if (!mkdtemp(dir))
		return -1;
	own = 1;
	return script("start", conninfo, sizeof(conninfo));
}

int pg_temp_stop(void **state)
{
	char command[128];

	(void)state;
	if (!own)
		return 0;
	snprintf(command, sizeof(command), "rm -rf -- %s", dir);
	return script("stop", NULL, 0) | system(command);
}

const char *pg_temp_conninfo(void)
{
	return conninfo;
}
