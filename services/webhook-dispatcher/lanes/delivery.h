/* One event to one endpoint; see model.h. What its end means for others is chain.h's. */
#ifndef WEBHOOK_DISPATCHER_DELIVERY_H
#define WEBHOOK_DISPATCHER_DELIVERY_H

#include "webhook-dispatcher/lanes/model.h"

struct delivery *delivery_new(struct feed *f, struct chain *c, struct event *e,
	enum delivery_hold hold); /* f NULL: of a row */
void delivery_free(struct delivery *d);
/* It has this row from now on. */
void delivery_set_row(struct delivery *d, int64_t row);
void delivery_release_hold(struct delivery *d);
/* Its partition is revoked, or its end is being written: it refers to nothing of the partition any more. */
void delivery_detach(struct delivery *d);
/* Those of a journal that was written, or is discarded: those that have ended are freed, those in flight are not. */
void deliveries_release(struct journal *j);

#endif
