/* Claimed rows of the retry queue that were kept without their event: it is read again by its offset. See model.h. */
#ifndef WEBHOOK_DISPATCHER_REFETCH_QUEUE_H
#define WEBHOOK_DISPATCHER_REFETCH_QUEUE_H

#include "webhook-dispatcher/lanes/model.h"

void refetch_queue_add(struct partition *p, struct chain *c, const struct retry_row *row);
/* It is not wanted any more; frees it. */
void refetch_queue_remove(struct partition *p, struct refetch_row *queued);
/* Nothing of this chain any more: its rows wait again. */
void refetch_queue_unclaim(struct chain *c);
void refetch_queue_clear(struct partition *p); /* forgets all */

#endif
