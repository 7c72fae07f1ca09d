/* Conversations of a batch: found, or created on first sight. */
#ifndef CHAT_SYNC_RESOLVE_CONVERSATIONS_H
#define CHAT_SYNC_RESOLVE_CONVERSATIONS_H

#include "chat-sync/work.h"

int conversations_resolve(struct work *w, struct err *err) ERR_MUST_USE;
/* The conversations of messages that were read because an update refers to them. */
int conversations_of_targets(struct work *w, struct err *err) ERR_MUST_USE;

#endif
