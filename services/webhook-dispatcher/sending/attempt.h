/* Attempts of deliveries as HTTP requests: begin, end, abort. lanes/ decides what a result means for the delivery. */
#ifndef WEBHOOK_DISPATCHER_ATTEMPT_H
#define WEBHOOK_DISPATCHER_ATTEMPT_H

#include "http/sender_pool.h"
#include "webhook-dispatcher/endpoints/endpoint_cache.h"
#include "webhook-dispatcher/lanes/model.h"

struct sending {
	struct lane_shared *lanes;
	struct endpoint_cache *endpoints;
	struct sender_pool *pool;
	struct sink_request request; /* the one being built */
	void (*ended)(void *ctx); /* called when an attempt has ended: others may begin */
	void *ctx;
};

/* Begins an attempt of a delivery that send_queue_next() returned; or ends the delivery when it is too late for its sink. */
void attempt_begin(struct sending *s, struct delivery *d);
/* The partitions were revoked: aborts requests in flight, whose results are discarded. */
void attempts_abort(struct sending *s);

#endif
