/* Folds the progress of initial syncs and history transfers.
 *
 * Invariant: batches of a sync count by index, and its chats by rank, so that repeats and reordering change nothing. Source: README.md,
 * Initial sync.
 */
#ifndef CHAT_SYNC_FOLD_SYNC_H
#define CHAT_SYNC_FOLD_SYNC_H

#include "chat-sync/work.h"

void fold_sync_chat(struct work *w, struct op *op);
void fold_sync_end(struct work *w, struct op *op);
void fold_history_state(struct work *w, struct op *op);

/* For a sync whose stored state changed. first: nothing of it was stored before. */
void effect_add_sync(struct work *w, struct op *op, const struct sync_state *s, bool first);
/* Fills the event of a sync. */
void sync_event(struct chat_event *e, const struct sync_state *s, const char *status);
/* The subject of an event of a sync: its id and progress are part of it. */
void sync_subject(struct work *w, const struct uuid *account, const struct sync_state *s, struct uuid *out);

#endif
