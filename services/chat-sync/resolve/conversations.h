/* Finds or creates the conversations of a batch. Invariant: a conversation is created only for a contact that is locked and not merged. */
#ifndef CHAT_SYNC_RESOLVE_CONVERSATIONS_H
#define CHAT_SYNC_RESOLVE_CONVERSATIONS_H

#include "chat-sync/work.h"

int conversations_resolve(struct work *w, struct err *err) ERR_MUST_USE;
/* Loads the conversations of messages that were read because an update refers to them. */
int conversations_of_targets(struct work *w, struct err *err) ERR_MUST_USE;

#endif
