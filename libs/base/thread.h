/* Starting a thread. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

#include "base/err.h"

/* All signals are blocked in the new thread: the main thread handles them. ERR_FATAL. */
int thread_start(pthread_t *out, void *(*run)(void *ctx), void *ctx, struct err *err) ERR_MUST_USE;

#endif
