/* Reactions to messages, and votes in polls. */
#ifndef CHAT_SYNC_FOLD_REACTION_H
#define CHAT_SYNC_FOLD_REACTION_H

#include "chat-sync/work.h"

void fold_reaction(struct work *w, struct op *op);
/* Called when the database says that a reaction changed something. */
void effect_add_reaction(struct work *w, struct op *op);
int fold_poll_vote(struct work *w, struct op *op, struct err *err) ERR_MUST_USE;

#endif
