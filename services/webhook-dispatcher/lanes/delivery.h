/* One event for one endpoint; see model.h. chain.h has what its end means for its chain. */
#ifndef WEBHOOK_DISPATCHER_DELIVERY_H
#define WEBHOOK_DISPATCHER_DELIVERY_H

#include "webhook-dispatcher/lanes/model.h"

struct delivery *delivery_new(struct feed *f, struct chain *c, struct event *e,
	enum delivery_hold hold); /* f NULL: of a claimed row */
void delivery_free(struct delivery *d);
/* Sets the id of its row in the retry queue. */
void delivery_set_row(struct delivery *d, int64_t row);
/* The offset may advance past it. */
void delivery_release_hold(struct delivery *d);
/* Removes all its pointers into the partition: the partition is revoked, or the end of the delivery is planned. */
void delivery_detach(struct delivery *d);
/* Releases the deliveries of a journal that was written or is discarded: frees those that have ended, but not those in flight. */
void deliveries_release(struct journal *j);

#endif
