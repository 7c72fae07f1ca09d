/* Groups of a batch: found, or created on first sight. Invariant: a group that the batch changes is read again under its lock. */
#ifndef CHAT_SYNC_RESOLVE_GROUPS_H
#define CHAT_SYNC_RESOLVE_GROUPS_H

#include "chat-sync/work.h"

int groups_resolve(struct work *w, struct err *err) ERR_MUST_USE;

#endif
