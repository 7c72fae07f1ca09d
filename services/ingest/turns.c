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

void turns_wait(struct request *req)
{
	struct ingest *in = req->ingest;

	if (!req->in_line)
		TAILQ_INSERT_TAIL(&in->turns, req, turn);
	req->in_line = true;
	turn_set(in);
}

void turns_leave(struct request *req)
{
	struct ingest *in = req->ingest;

	if (!req->in_line)
		return;
	TAILQ_REMOVE(&in->turns, req, turn);
	req->in_line = false;
	turn_set(in);
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
