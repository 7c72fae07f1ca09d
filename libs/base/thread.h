/* Starting a thread of our own. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

#include "base/err.h"

/* It takes no signals: they are the main thread's. ERR_FATAL. */
int thread_start(pthread_t *out, void *(*run)(void *ctx), void *ctx, struct err *err) ERR_MUST_USE;

#endif
