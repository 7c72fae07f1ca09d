/* Loads the state of partitions when they are acquired, and discards it when they are revoked. */
#ifndef WEBHOOK_DISPATCHER_ACQUIRE_H
#define WEBHOOK_DISPATCHER_ACQUIRE_H

#include "store/progress.h"
#include "webhook-dispatcher/intake/readers.h"

/* Reads positions, rows of the retry queue and replays of these partitions. The endpoint cache must be loaded. */
int partitions_acquire(struct readers *rs, struct pg *pg, const struct progress *rows, size_t n,
	struct err *err) ERR_MUST_USE;
/* Discards all partitions and replays. No request may be in flight. */
void partitions_revoke(struct readers *rs);

#endif
