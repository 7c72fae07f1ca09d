/* Deliveries as requests: begun, ended, aborted. What that means for the delivery is decided in lanes. */
#ifndef WEBHOOK_DISPATCHER_ATTEMPT_H
#define WEBHOOK_DISPATCHER_ATTEMPT_H

#include "http/sender_pool.h"
#include "webhook-dispatcher/endpoints/directory.h"
#include "webhook-dispatcher/lanes/model.h"

struct sending {
	struct lane_shared *lanes;
	struct directory *directory;
	struct sender_pool *pool;
	struct sink_request request; /* that is put together */
	void (*ended)(void *ctx); /* an attempt has: others may be begun */
	void *ctx;
};

/* One that send_queue_next() returned is begun; or it ends, when it is too late for its sink. */
void attempt_begin(struct sending *s, struct delivery *d);
/* The partitions are revoked: requests in flight are aborted and their results discarded. */
void attempts_abort(struct sending *s);

#endif
