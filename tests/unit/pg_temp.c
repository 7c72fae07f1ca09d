/* See pg_temp.h. Invariant: what pg_temp_start() created, pg_temp_stop() stops and removes, and nothing else; when the program
 * ends without it, its cleaner does. */
#include "pg_temp.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A line says that there is nothing left to do; without one the pipe ends when the program does. */
#define CLEANER "read -r line || { tools/pg-temp.sh stop \"$0\"; rm -rf -- \"$0\"; }"

static char conninfo[256];
static char dir[] = "/tmp/blazz-pg.XXXXXX";
static int own;
static pid_t cleaner;
static int to_cleaner; /* nobody else may hold it open */

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

/* Out of reach of what kills the program with all its group, and holds open nothing that others wait to see closed. */
static _Noreturn void cleaner_run(int from_program)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (setsid() >= 0 && dup2(from_program, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0 &&
		dup2(null, STDERR_FILENO) >= 0 && close_range(STDERR_FILENO + 1, ~0U, 0) == 0)
		execl("/bin/sh", "sh", "-c", CLEANER, dir, (char *)NULL);
	_exit(127);
}

static int cleaner_start(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	cleaner = fork();
	if (cleaner == 0)
		cleaner_run(ends[0]);
	close(ends[0]);
	to_cleaner = ends[1];
	return cleaner > 0 ? 0 : -1;
}

static int cleaner_dismiss(void)
{
	int status = -1;
	ssize_t said = write(to_cleaner, "\n", 1);

	close(to_cleaner);
	waitpid(cleaner, &status, 0);
	return said == 1 && status == 0 ? 0 : -1;
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
	if (cleaner_start() < 0)
		return -1;
	return script("start", conninfo, sizeof(conninfo));
}

int pg_temp_stop(void **state)
{
	char command[128];

	(void)state;
	if (!own)
		return 0;
	snprintf(command, sizeof(command), "rm -rf -- %s", dir);
	return script("stop", NULL, 0) | system(command) | cleaner_dismiss();
}

const char *pg_temp_conninfo(void)
{
	return conninfo;
}
