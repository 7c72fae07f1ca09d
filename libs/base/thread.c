/* Starting a thread; see thread.h. */
#include "base/thread.h"

#include <signal.h>
#include <string.h>

int thread_start(pthread_t *out, void *(*run)(void *ctx), void *ctx, struct err *err)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(out, NULL, run, ctx);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc != 0 ? err_set(err, ERR_FATAL, "thread", "%s", strerror(rc)) : 0;
}
