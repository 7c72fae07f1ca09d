/* Large bodies wait in a queue, and only the first one is processed, a step at a time. The event loop runs between
 * two steps, and after a long step for a proportional time, so that small requests are answered meanwhile.
 *
 * So the loop is blocked for at most one step of one large body, and only one large body is parsed at a time. */
#ifndef INGEST_TURNS_H
#define INGEST_TURNS_H

#include "ingest/state.h"

#define TURNS_LARGE_BYTES ((size_t)256 * 1024)

/* The request is resumed later: when it has reached the head of the queue or, if it is there already, after the
 * pause. */
void turns_wait(struct request *req);
/* Removes the request from the queue, as its remaining steps are cheap. No effect if it is not in the queue. */
void turns_leave(struct request *req);
/* When ingest's timer `turn` has expired: resumes the first request. The request stays at the head of the queue unless
 * resume() removes it. */
void turns_next(struct ingest *in, void (*resume)(struct request *req));

#endif
