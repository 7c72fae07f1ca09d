/* The pipeline of a request: from the complete body to the answer, in steps of which some wait.
 *
 *   credentials ─► account or app ─► signature ─► rate limit ─► parse ─► read ─► publish ─► answer
 *
 * Each step is short enough for the event loop. A step that needs rows from PostgreSQL is repeated when they have
 * arrived (account_cache.h); a large body waits in a queue between two steps (turns.h).
 */
#ifndef INGEST_PIPELINE_H
#define INGEST_PIPELINE_H

#include "ingest/requests/request.h"

/* After request_begin(). The request may be answered, and thus recycled, when the call returns. */
void pipeline_start(struct request *req);
/* The callback of the timer of turns.h: runs the next step of the first large body. ingest is a struct ingest. */
void pipeline_turn(void *ingest);

#endif
