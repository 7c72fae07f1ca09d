/* The third reader of a partition: events of claimed rows that were kept without them, read again by their offset. */
#ifndef WEBHOOK_DISPATCHER_REFETCH_H
#define WEBHOOK_DISPATCHER_REFETCH_H

#include "webhook-dispatcher/intake/reader.h"

void refetch_turn(struct reader *r);
void refetch_stop(struct reader *r);

#endif
