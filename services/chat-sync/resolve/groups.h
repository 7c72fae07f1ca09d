/* Finds or creates the groups of a batch. Invariant: a group that the batch changes is locked and read again first. */
#ifndef CHAT_SYNC_RESOLVE_GROUPS_H
#define CHAT_SYNC_RESOLVE_GROUPS_H

#include "chat-sync/work.h"

int groups_resolve(struct work *w, struct err *err) ERR_MUST_USE;

#endif
