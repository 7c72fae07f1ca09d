/* The messages that updates refer to, among those that the batch inserted or read. */
#ifndef CHAT_SYNC_RESOLVE_TARGETS_H
#define CHAT_SYNC_RESOLVE_TARGETS_H

#include "chat-sync/work.h"

void targets_resolve(struct work *w);

#endif
