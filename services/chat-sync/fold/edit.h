/* Folds edits, revocations and deletions. Invariant: of edits the newest stays, of revocations the earliest, and only the first is published. */
#ifndef CHAT_SYNC_FOLD_EDIT_H
#define CHAT_SYNC_FOLD_EDIT_H

#include "chat-sync/work.h"

void fold_edit(struct work *w, struct op *op);
void fold_revoke(struct work *w, struct op *op);
void fold_message_delete(struct work *w, struct op *op);

#endif
