/* Claimed rows of the retry queue that have no record: their events are read again from Kafka by their offsets. See model.h. */
#ifndef WEBHOOK_DISPATCHER_REFETCH_QUEUE_H
#define WEBHOOK_DISPATCHER_REFETCH_QUEUE_H

#include "webhook-dispatcher/lanes/model.h"

void refetch_queue_add(struct partition *p, struct chain *c, const struct retry_row *row);
/* Removes and frees it. */
void refetch_queue_remove(struct partition *p, struct refetch_row *queued);
/* Returns all rows of this chain to the retry queue, where they wait. */
void refetch_queue_unclaim(struct chain *c);
void refetch_queue_clear(struct partition *p); /* discards all; the rows stay leased in PostgreSQL */

#endif
