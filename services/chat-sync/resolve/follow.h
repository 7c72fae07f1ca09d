/* Conversations follow when contacts become one. */
#ifndef CHAT_SYNC_RESOLVE_FOLLOW_H
#define CHAT_SYNC_RESOLVE_FOLLOW_H

#include "chat-sync/work.h"

/* Conversations with whoever turned out to be one of the people follow, where no event told this account of it yet. */
int merges_follow(struct work *w, struct err *err) ERR_MUST_USE;
/* The same, as an event says it. */
int conversations_follow(struct work *w, struct op *op, struct err *err) ERR_MUST_USE;

#endif
