/* What memory holds of partitions, when they are acquired and when they are revoked. */
#ifndef WEBHOOK_DISPATCHER_ACQUIRE_H
#define WEBHOOK_DISPATCHER_ACQUIRE_H

#include "store/progress.h"
#include "webhook-dispatcher/intake/readers.h"

/* These partitions, as PostgreSQL has them. The endpoint cache is loaded. */
int partitions_acquire(struct readers *rs, struct pg *pg, const struct progress *rows, size_t n,
	struct err *err) ERR_MUST_USE;
/* Forgets all partitions and replays. Nothing is in flight any more. */
void partitions_revoke(struct readers *rs);

#endif
