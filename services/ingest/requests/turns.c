/* The queue of large bodies; see turns.h. Invariant: while the queue is not empty, its timer is armed or its first
 * request is in resume(). */
#include "ingest/requests/turns.h"

#include "base/clock.h"
#include "ingest/requests/request.h"

#define PAUSE_PART 8 /* a step of 40 ms is followed by a pause of 5 ms */

static void turn_set(struct ingest *in)
{
	if (!TAILQ_EMPTY(&in->turns))
		loop_timer_set(in->turn, in->turn_ms / PAUSE_PART);
}

/* Arms the timer for the first request only: a request that joins a queue must not postpone the others in it. */
void turns_wait(struct request *req)
{
	struct ingest *in = req->ingest;
	bool first = TAILQ_EMPTY(&in->turns);

	if (req->queued)
		return;
	TAILQ_INSERT_TAIL(&in->turns, req, turn);
	req->queued = true;
	if (first)
		turn_set(in);
}

void turns_leave(struct request *req)
{
	if (!req->queued)
		return;
	TAILQ_REMOVE(&req->ingest->turns, req, turn);
	req->queued = false;
}

void turns_next(struct ingest *in, void (*resume)(struct request *req))
{
	struct request *req = TAILQ_FIRST(&in->turns);
	int64_t began = clock_mono_ms();

	if (!req)
		return;
	resume(req);
	in->turn_ms = clock_mono_ms() - began;
	turn_set(in);
}
