/* Named places where a test can inject a fault. FAILPOINT=name:kill@3 kills the process (SIGKILL) the third time it
 * reaches `name`; `stop` sends SIGSTOP instead; `error` makes failpoint() return true, upon which the caller fails with
 * ERR_RETRY. Commas separate several. Compiled in with -DBLAZZ_FAILPOINTS only: a release has none. */
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
