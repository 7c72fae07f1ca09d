/* Messages and what happens to them. A fold sets op->changed and notes effects. */
#ifndef CHAT_SYNC_FOLD_MESSAGE_H
#define CHAT_SYNC_FOLD_MESSAGE_H

#include "chat-sync/work.h"

void fold_message(struct work *w, struct op *op);
void fold_status(struct work *w, struct op *op);
void fold_edit(struct work *w, struct op *op);
void fold_revoke(struct work *w, struct op *op);
void fold_reaction(struct work *w, struct op *op);
int fold_poll_vote(struct work *w, struct op *op, struct err *err) ERR_MUST_USE;
void fold_message_delete(struct work *w, struct op *op);

/* What only the database can tell: a receipt or a reaction that changed something. */
void note_receipt(struct work *w, struct op *op);
void note_reaction(struct work *w, struct op *op);

#endif
