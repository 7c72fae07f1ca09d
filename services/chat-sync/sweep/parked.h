/* Parked updates that have expired, or whose message is stored by now. Invariant: an update leaves the table applied or as a dead letter; of those
 * that expire a Dispatch with an unknown outcome and what may refer to a deleted message are dropped. */
#ifndef CHAT_SYNC_SWEEP_PARKED_H
#define CHAT_SYNC_SWEEP_PARKED_H

#include "chat-sync/sweep/private.h"

/* Finds them in these partitions of one topic: expired ones become dead letters or are dropped, the others are collected in d->ready. */
int parked_sweep(struct sweep *d, int topic, const int32_t *partitions, size_t n, struct err *err) ERR_MUST_USE;
/* Applies d->ready. One that the database rejects becomes a dead letter, and the others are applied. */
int ready_apply(struct sweep *d, struct err *err) ERR_MUST_USE;

#endif
