/* Edits, revocations and deletions of messages. */
#ifndef CHAT_SYNC_FOLD_EDIT_H
#define CHAT_SYNC_FOLD_EDIT_H

#include "chat-sync/work.h"

void fold_edit(struct work *w, struct op *op);
void fold_revoke(struct work *w, struct op *op);
void fold_message_delete(struct work *w, struct op *op);

#endif
