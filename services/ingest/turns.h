/* Large bodies take turns: they stand in line, and only the first of them is worked on, a step at a time. Between two steps the
 * loop goes round, and where a step was long, a break follows it, so that small requests are answered meanwhile.
 *
 * So a turn of ingest's thread is one step of one large body, and of large bodies one at a time is parsed. */
#ifndef INGEST_TURNS_H
#define INGEST_TURNS_H

#include "ingest/ingest.h"

#define TURNS_LARGE_BYTES ((size_t)256 * 1024)

/* flow_resume(req) is called when its turn has come: at the end of the line, or at once behind a break when it is the first already. */
void turns_wait(struct request *req);
/* What it still does costs little. Does nothing for one that is not in line. */
void turns_leave(struct request *req);
/* The callback of the timer; ingest is a struct ingest. */
void turns_next(void *ingest);

#endif
