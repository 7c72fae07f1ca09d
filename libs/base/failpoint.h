/* Named places where a test can stop the program: FAILPOINT=name:kill@3 kills the process (SIGKILL) the third time it
 * passes `name`; `stop` sends SIGSTOP; `error` makes failpoint() return true, and the caller fails there with
 * ERR_RETRY. Several are separated by commas. Compiled in with -DBLAZZ_FAILPOINTS only: a release has none. */
#ifndef BASE_FAILPOINT_H
#define BASE_FAILPOINT_H

#include <stdbool.h>

#ifdef BLAZZ_FAILPOINTS
bool failpoint(const char *name);
#else
static inline bool failpoint(const char *name)
{
	(void)name;
	return false;
}
#endif

#endif
