/* The periodic search for overdue rows: parked updates, syncs, sessions. Invariant: the sweep commits only if it changed a row. */
#ifndef CHAT_SYNC_SWEEP_SWEEP_H
#define CHAT_SYNC_SWEEP_SWEEP_H

#include "chat-sync/state.h"

/* worker_ops.sweep; ctx: struct chat_sync. */
int sync_sweep(void *ctx, struct owner_tx *tx, const struct topic_partition *partitions, size_t n,
	struct err *err) ERR_MUST_USE;

#endif
