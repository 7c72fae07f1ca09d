/* Initial syncs and history transfers: how far each has come. */
#ifndef CHAT_SYNC_FOLD_SYNC_H
#define CHAT_SYNC_FOLD_SYNC_H

#include "chat-sync/work.h"

void fold_sync_chat(struct work *w, struct op *op);
void fold_sync_end(struct work *w, struct op *op);
void fold_history_state(struct work *w, struct op *op);

/* first: nothing of this sync was stored before. */
void effect_add_sync(struct work *w, struct op *op, const struct sync_state *s, bool first);
void sync_event(struct chat_event *e, const struct sync_state *s, const char *status);
void sync_subject(struct work *w, const struct uuid *account, const struct sync_state *s, struct uuid *out);

#endif
