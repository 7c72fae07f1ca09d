/* The queue of large bodies; see turns.h. Invariant: while the queue is not empty, its timer is armed or its first
 * request is being processed. */
#include "ingest/turns.h"

#include "base/clock.h"
#include "ingest/request.h"

#define BREAK_PART 8 /* a step of 40 ms is followed by a pause of 5 ms */

static void turn_set(struct ingest *in)
{
	if (!TAILQ_EMPTY(&in->turns))
		loop_timer_set(in->turn, in->turn_ms / BREAK_PART);
}

/* The timer is set for the first request only, and by turns_next(): requests that join or leave must not postpone those in the queue. */
void turns_wait(struct request *req)
{
	struct ingest *in = req->ingest;
	bool first = TAILQ_EMPTY(&in->turns);

	if (req->in_line)
		return;
	TAILQ_INSERT_TAIL(&in->turns, req, turn);
	req->in_line = true;
	if (first)
		turn_set(in);
}

void turns_leave(struct request *req)
{
	if (!req->in_line)
		return;
	TAILQ_REMOVE(&req->ingest->turns, req, turn);
	req->in_line = false;
}

void turns_next(void *ingest)
{
	struct ingest *in = ingest;
	struct request *req = TAILQ_FIRST(&in->turns);
	int64_t began = clock_mono_ms();

	if (!req)
		return;
	flow_resume(req);
	in->turn_ms = clock_mono_ms() - began;
	turn_set(in);
}
