/* The third reader of a partition: reads the events of claimed rows that have no record, by their offsets. */
#ifndef WEBHOOK_DISPATCHER_REFETCH_H
#define WEBHOOK_DISPATCHER_REFETCH_H

#include "webhook-dispatcher/intake/reader.h"

/* Reads some records for the refetch queue. */
void refetch_turn(struct reader *r);
void refetch_stop(struct reader *r);

#endif
