/* Applying a batch: its steps in order, in the transaction of its owner.
 *
 * Invariant: an identity change is applied by itself, so that where a batch ends decides nothing.
 */
#ifndef CHAT_SYNC_APPLY_H
#define CHAT_SYNC_APPLY_H

#include "chat-sync/state.h"

/* work_open() starts the work of a transaction; work_close() resets the marks that it left in cached rows. */
void work_open(struct chat_sync *s, struct work *w, struct owner_tx *tx);
void work_close(struct work *w);
/* Runs all steps after ops_expand(). */
int work_run(struct work *w, struct err *err) ERR_MUST_USE;
/* worker_ops.apply; ctx: struct chat_sync. */
int sync_apply(void *ctx, struct owner_tx *tx, struct batch_item *const *items, size_t n, struct err *err) ERR_MUST_USE;

#endif
