/* Folds reactions to messages, and votes in polls. Invariant: each sender has one reaction to a message, and one vote in a poll: the newest. */
#ifndef CHAT_SYNC_FOLD_REACTION_H
#define CHAT_SYNC_FOLD_REACTION_H

#include "chat-sync/work.h"

void fold_reaction(struct work *w, struct op *op);
/* For a reaction that changed a row: adds message.reaction. */
void effect_add_reaction(struct work *w, struct op *op);
int fold_poll_vote(struct work *w, struct op *op, struct err *err) ERR_MUST_USE;

#endif
